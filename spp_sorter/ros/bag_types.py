"""What a bag knows about messages: their types, their definitions, and the stamp in their bytes."""

from __future__ import annotations

import importlib
import struct
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spp_sorter.ros.shares import share_folder

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

_MOST_UNUSED_BYTES = 64

# Types that begin with a std_msgs/Header: their stamp stands in bytes 4..12, right after the CDR encapsulation.
_STAMPED_TYPES = frozenset(
    {
        "geometry_msgs/msg/TwistStamped",
        "sensor_msgs/msg/CameraInfo",
        "sensor_msgs/msg/CompressedImage",
        "sensor_msgs/msg/Image",
        "sensor_msgs/msg/JointState",
        "vision_msgs/msg/Detection2DArray",
        "vision_msgs/msg/Detection3DArray",
        "diagnostic_msgs/msg/DiagnosticArray",
    }
)


class BagError(ValueError):
    """A bag cannot be read or written; the text says which and what helps."""


def message_class(msgtype: str) -> Any:
    """The Python class of ``package/msg/Name``.

    Raises:
        BagError: the package is not installed.
    """
    package, _, name = msgtype.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise BagError(f"message type '{msgtype}' is not installed; install the ROS package '{package}'") from error


def message_type(message: Any) -> str:
    """The type name of a message, such as ``sensor_msgs/msg/Image``."""
    kind = type(message)
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def stamp_of(msgtype: str, data: bytes, otherwise_ns: int) -> int:
    """The header's stamp of a serialised message in nanoseconds, or ``otherwise_ns`` where its type has no header."""
    if msgtype not in _STAMPED_TYPES or len(data) < 12:
        return otherwise_ns
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", data, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def offered_qos(latched: bool) -> Any:
    """rosbags' QoS of a reliable topic; ``latched`` ones reach late subscribers too."""
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    forever = QosTime(0x7FFFFFFF, 0xFFFFFFFF)
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 5,
        reliability=QosReliability.RELIABLE,
        durability=durability,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )


@lru_cache(maxsize=1)
def type_store() -> Typestore:
    """The definitions of the standard messages and of the installed vision_msgs."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    folder = share_folder("vision_msgs")
    if folder is None:
        raise BagError("the ROS package 'vision_msgs' is not installed; run `make setup`, or install it with rosdep")
    for path in sorted((folder / "msg").glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), f"vision_msgs/msg/{path.stem}"))
    store.register({name: fields for name, fields in types.items() if name not in store.fielddefs})
    return store


def read_plain(data: bytes, msgtype: str) -> Any:
    """The message as rosbags reads it, of a standard type or of vision_msgs; raises its SerdeError."""
    from rosbags.serde import SerdeError

    store = type_store()
    # Fast CDR leaves room behind the last field, 8 bytes for each empty sequence of numbers; rosbags takes more than
    # 3 for an error.
    for unused in range(0, _MOST_UNUSED_BYTES, 4):
        with suppress(SerdeError):
            return store.deserialize_cdr(data[: len(data) - unused], msgtype)
    return store.deserialize_cdr(data, msgtype)
