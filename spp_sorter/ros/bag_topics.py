"""Which topics of a bag feed the sorter: as named by the user, else as their types and names tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spp_sorter.ros.bags import BagError

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
JOINT_STATE = "sensor_msgs/msg/JointState"
TWIST_STAMPED = "geometry_msgs/msg/TwistStamped"
STRING = "std_msgs/msg/String"
TF = "tf2_msgs/msg/TFMessage"

_IMAGE_NAMES = ("image", "image_raw", "image_color", "image_rect", "image_rect_color")
"""What a camera's picture is usually called, to choose among several."""


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Topics that a user named; empty for "find it"."""

    image: str = ""
    camera_info: str = ""
    depth: str = ""
    belt_encoder: str = ""
    belt_velocity: str = ""


@dataclass(frozen=True, slots=True)
class BagTopics:
    """Topics of one bag, by what they are for; None where the bag has none.

    Attributes:
        images: the picture topic; two when a bag holds some pictures raw and others compressed.
        camera_info: intrinsics.
        depth: aligned depth images.
        belt_encoder: JointState with the belt's position.
        belt_velocity: TwistStamped with the belt's speed.
        picture_name: names of packed pictures.
        transforms: TF topics.
    """

    images: tuple[str, ...]
    camera_info: str | None
    depth: str | None
    belt_encoder: str | None
    belt_velocity: str | None
    picture_name: str | None
    transforms: tuple[str, ...]


def choose_topics(topics: Mapping[str, str], names: TopicNames, use_depth: bool) -> BagTopics:
    """Find the topics in a bag.

    Args:
        topics: type of each topic in the bag, by name.
        names: topics that the user named.
        use_depth: whether depth is wanted.

    Raises:
        BagError: no picture topic or several, or a named topic that is not there or of another type; the text lists
            what the bag holds.
    """
    images = _images(topics, names.image)
    base = images[0].removesuffix("/compressed")
    camera_info = _named(topics, names.camera_info, CAMERA_INFO, "--camera-info-topic")
    if camera_info is None:
        infos = [topic for topic, kind in topics.items() if kind == CAMERA_INFO]
        beside = base.rpartition("/")[0] + "/camera_info"
        camera_info = beside if beside in infos else infos[0] if len(infos) == 1 else None
    return BagTopics(
        images=images,
        camera_info=camera_info,
        depth=_depth(topics, names.depth, use_depth),
        belt_encoder=_named(topics, names.belt_encoder, JOINT_STATE, "--encoder-topic")
        or _called(topics, "belt_encoder", JOINT_STATE),
        belt_velocity=_named(topics, names.belt_velocity, TWIST_STAMPED, "--velocity-topic")
        or _called(topics, "belt_velocity", TWIST_STAMPED),
        picture_name=_called(topics, "picture_name", STRING),
        transforms=tuple(topic for topic in ("/tf_static", "/tf") if topics.get(topic) == TF),
    )


def _images(topics: Mapping[str, str], name: str) -> tuple[str, ...]:
    pictures = [topic for topic, kind in topics.items() if kind in (IMAGE, COMPRESSED_IMAGE)]
    if name:
        found = tuple(topic for topic in (name, f"{name}/compressed") if topic in pictures)
        if not found:
            raise BagError(
                f"--image-topic is '{name}', which is no picture topic of this bag; it holds: {_list(topics)}"
            )
        return found
    # Depth images and what a sorter drew are pictures too, and not what a camera saw.
    pictures = [topic for topic in pictures if "depth" not in topic.lower() and "annotated" not in topic]
    bases = sorted({topic.removesuffix("/compressed") for topic in pictures})
    if len(bases) > 1:
        usual = [base for base in bases if base.rpartition("/")[2] in _IMAGE_NAMES]
        bases = usual if len(usual) == 1 else bases
    if not bases:
        raise BagError(
            "the bag holds no pictures (sensor_msgs Image or CompressedImage); record the camera's topic with "
            f"`ros2 bag record`. It holds: {_list(topics)}"
        )
    if len(bases) > 1:
        raise BagError(f"the bag holds several pictures: {', '.join(bases)}; choose one with --image-topic")
    return tuple(topic for topic in (bases[0], f"{bases[0]}/compressed") if topic in pictures)


def _depth(topics: Mapping[str, str], name: str, use_depth: bool) -> str | None:
    named = _named(topics, name, IMAGE, "--depth-topic")
    if named is not None or not use_depth:
        return named
    found = [topic for topic, kind in topics.items() if kind == IMAGE and "depth" in topic.lower()]
    if len(found) != 1:
        what = "several depth topics" if found else "no depth topic"
        raise BagError(
            f"node.use_depth is set and the bag holds {what}; name one with --depth-topic, or set node.use_depth to "
            f"false. It holds: {_list(topics)}"
        )
    return found[0]


def _named(topics: Mapping[str, str], name: str, kind: str, option: str) -> str | None:
    if not name:
        return None
    if topics.get(name) != kind:
        raise BagError(f"{option} is '{name}', which is no {kind} of this bag; it holds: {_list(topics)}")
    return name


def _called(topics: Mapping[str, str], last: str, kind: str) -> str | None:
    found = [topic for topic, its_kind in topics.items() if its_kind == kind and topic.rpartition("/")[2] == last]
    return found[0] if len(found) == 1 else None


def _list(topics: Mapping[str, str]) -> str:
    return ", ".join(f"{topic} ({kind})" for topic, kind in sorted(topics.items())) or "nothing"
