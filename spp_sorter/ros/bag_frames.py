"""A bag as the sorter's input: belt readings and frames in the order of their stamps.

Pictures go through the conversions of ``messages``, the same as in the node.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spp_sorter.config import Config
from spp_sorter.geometry.camera import pose_from_quaternion
from spp_sorter.ros import messages
from spp_sorter.ros.bag_topics import COMPRESSED_IMAGE, BagTopics
from spp_sorter.ros.bags import BagError, BagMessage, BagReader, in_stamp_order
from spp_sorter.ros.intake import DEPTH_SLOP_NS
from spp_sorter.ros.messages import BadFrame
from spp_sorter.ros.transforms import TransformError, TransformTree
from spp_sorter.values import BeltSample, CameraIntrinsics, FloatArray, Frame, Level, Pose, Status


@dataclass(frozen=True, slots=True)
class BagFrame:
    """A picture that became a frame, or the cause why it did not.

    Attributes:
        stamp_ns: its stamp.
        frame: what the sorter gets; None for a bad picture.
        statuses: conditions met on the way (no depth, no transform).
        cause: cause of a bad picture, empty for a good one.
        problem: what is wrong with a bad picture.
        name: the picture's name in a packed bag, else empty.
    """

    stamp_ns: int
    frame: Frame | None
    statuses: tuple[Status, ...] = ()
    cause: str = ""
    problem: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class BadInput:
    """A message beside the pictures that cannot be used."""

    topic: str
    cause: str
    problem: str


Event = BeltSample | BagFrame | BadInput


class BagFrames:
    """Walks through one bag.

    Args:
        bag: open.
        topics: which topics are what.
        config: where the camera's pose comes from, and the belt's frame.
    """

    def __init__(self, bag: BagReader, topics: BagTopics, config: Config) -> None:
        self._bag, self._topics, self._config = bag, topics, config
        self._transforms = self._read_transforms() if config.camera.extrinsics == "tf" else None
        self._names = self._read_names()
        self._intrinsics: CameraIntrinsics | None = None
        self._depth: BagMessage | None = None
        self._last_image_ns: int | None = None

    @property
    def num_images(self) -> int:
        """Pictures in the bag."""
        return sum(self._bag.counts[topic] for topic in self._topics.images)

    def __iter__(self) -> Iterator[Event]:
        """Belt readings and frames; a reading that has a frame's stamp comes before it."""
        self._intrinsics = self._first_intrinsics()
        for message in in_stamp_order(self._recorded(), self._ranks()):
            if message.topic in self._topics.images:
                yield from self._image(message)
            elif message.topic == self._topics.depth:
                self._depth = message
            elif message.topic == self._topics.camera_info:
                yield from self._camera_info(message)
            else:
                yield self._belt(message)

    def _ranks(self) -> dict[str, int]:
        chosen = self._topics
        order = (chosen.camera_info, chosen.belt_encoder, chosen.belt_velocity, chosen.depth, *chosen.images)
        return {topic: rank for rank, topic in enumerate(order) if topic is not None}

    def _recorded(self) -> Iterator[BagMessage]:
        """The messages as recorded, with the stamps by which they shall be ordered."""
        newest_ns: int | None = None
        for message in self._bag.messages(self._ranks()):
            if message.topic == self._topics.camera_info:
                # Drivers stamp it with the picture's stamp, with the time of calibration, or not at all: it holds from
                # where it was recorded.
                yield dataclasses.replace(message, stamp_ns=message.stamp_ns if newest_ns is None else newest_ns)
                continue
            newest_ns = message.stamp_ns
            if message.topic == self._topics.depth:
                # It may be stamped a little after its picture, and must be there before it.
                yield dataclasses.replace(message, stamp_ns=message.stamp_ns - DEPTH_SLOP_NS)
            else:
                yield message

    def _image(self, message: BagMessage) -> Iterator[BagFrame]:
        if message.stamp_ns == self._last_image_ns and len(self._topics.images) > 1:
            # The same frame, recorded raw and compressed.
            return
        self._last_image_ns = message.stamp_ns
        name = self._names.get(message.recorded_ns, "")
        try:
            frame, statuses = self._frame(message)
        except BadFrame as error:
            yield BagFrame(message.stamp_ns, None, cause=error.cause, problem=str(error), name=name)
        except BagError as error:
            yield BagFrame(message.stamp_ns, None, cause="broken_message", problem=str(error), name=name)
        else:
            yield BagFrame(message.stamp_ns, frame, tuple(statuses), name=name)

    def _frame(self, message: BagMessage) -> tuple[Frame, list[Status]]:
        decoded = message.decode()
        statuses: list[Status] = []
        if message.msgtype == COMPRESSED_IMAGE:
            image_bgr = messages.compressed_to_bgr(decoded)
        else:
            image_bgr = messages.image_to_bgr(decoded)
        depth_m = self._kept(self._depth_at(message.stamp_ns), statuses) if self._topics.depth else None
        frame_id = decoded.header.frame_id
        pose = self._kept(self._pose(frame_id, message.stamp_ns), statuses)
        return Frame(message.stamp_ns, image_bgr, frame_id, self._intrinsics, pose, depth_m), statuses

    @staticmethod
    def _kept(value: Any, statuses: list[Status]) -> Any:
        if isinstance(value, Status):
            statuses.append(value)
            return None
        return value

    def _pose(self, frame_id: str, stamp_ns: int) -> Pose | Status:
        camera = self._config.camera
        if self._transforms is None:
            return pose_from_quaternion(camera.position, camera.orientation)
        try:
            return self._transforms.lookup(self._config.node.target_frame, frame_id, stamp_ns)
        except TransformError as error:
            remedy = "record /tf and /tf_static too, or set camera.extrinsics to 'parameter'"
            return Status("tf_missing", Level.ERROR, f"{error}; {remedy}")

    def _depth_at(self, stamp_ns: int) -> FloatArray | Status:
        held = self._depth
        if held is None or abs(held.stamp_ns + DEPTH_SLOP_NS - stamp_ns) >= DEPTH_SLOP_NS:
            return Status("depth_missing", Level.WARN, "no depth image has this image's stamp (within 5 ms)")
        try:
            return messages.depth_to_metres(held.decode())
        except BadFrame as error:
            return Status(f"depth_{error.cause}", Level.WARN, str(error))
        except BagError as error:
            return Status("depth_broken_message", Level.WARN, str(error))

    def _camera_info(self, message: BagMessage) -> Iterator[BadInput]:
        try:
            self._intrinsics = messages.camera_info_to_intrinsics(message.decode())
        except (BadFrame, BagError) as error:
            self._intrinsics = None
            yield _bad_input(message, error)

    def _belt(self, message: BagMessage) -> BeltSample | BadInput:
        try:
            if message.topic == self._topics.belt_encoder:
                return messages.belt_sample_from_joint_state(message.decode())
            return messages.belt_sample_from_twist(message.decode())
        except (BadFrame, BagError) as error:
            return _bad_input(message, error)

    def _first_intrinsics(self) -> CameraIntrinsics | None:
        """The first camera_info holds for the frames before it too: a calibration does not begin with a recording."""
        topic = self._topics.camera_info
        first = next(self._bag.messages([topic]), None) if topic else None
        try:
            return messages.camera_info_to_intrinsics(first.decode()) if first else None
        except (BadFrame, BagError):
            return None  # reported when its turn comes

    def _read_transforms(self) -> TransformTree:
        tree = TransformTree()
        for message in self._bag.messages(self._topics.transforms):
            tree.add_message(message.decode_plain(), static=message.topic == "/tf_static")
        if not len(tree):
            raise BagError(
                "camera.extrinsics is 'tf' and the bag holds no transforms; record /tf and /tf_static, or set "
                "camera.extrinsics to 'parameter' and give camera.position and camera.orientation"
            )
        return tree

    def _read_names(self) -> dict[int, str]:
        if self._topics.picture_name is None:
            return {}
        return {
            message.recorded_ns: message.decode().data for message in self._bag.messages([self._topics.picture_name])
        }


def _bad_input(message: BagMessage, error: ValueError) -> BadInput:
    cause = error.cause if isinstance(error, BadFrame) else "broken_message"
    return BadInput(message.topic, cause, str(error))
