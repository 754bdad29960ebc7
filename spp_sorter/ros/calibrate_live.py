"""Pictures of a board from a bag, or from a camera that runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState

from spp_sorter.config import Config
from spp_sorter.ros import messages
from spp_sorter.ros.bag_frames import BagFrame, BagFrames
from spp_sorter.ros.bag_topics import TopicNames, choose_topics
from spp_sorter.ros.bags import BagReader
from spp_sorter.ros.messages import BadFrame
from spp_sorter.values import BeltSample, CameraIntrinsics, ImageArray

Recorded = tuple[list[tuple[str, int, ImageArray]], list[BeltSample], CameraIntrinsics | None]
"""Pictures (name, stamp, image), encoder readings, intrinsics."""

MOST_PICTURES = 150
"""Pictures that are looked at; of a longer recording every second, third ... one is."""


def read_bag(path: Path, image_topic: str, camera_info_topic: str, encoder_topic: str) -> Recorded:
    """Everything of a bag that a calibration needs; raises BagError."""
    pictures, readings, intrinsics = [], [], None
    with BagReader(path) as bag:
        names = TopicNames(image_topic, camera_info_topic, "", encoder_topic, "")
        frames = BagFrames(bag, choose_topics(bag.topics, names, False), Config())
        every = -(-frames.num_images // MOST_PICTURES)
        number = 0
        for event in frames:
            if isinstance(event, BeltSample):
                readings.append(event)
            elif isinstance(event, BagFrame) and event.frame is not None:
                intrinsics = intrinsics or event.frame.intrinsics
                if number % every == 0:
                    pictures.append((event.name, event.stamp_ns, event.frame.image_bgr))
                number += 1
    return pictures, readings, intrinsics


class _Watch(Node):
    """Collects what a camera and an encoder publish."""

    def __init__(self, image_topic: str, camera_info_topic: str, encoder_topic: str) -> None:
        super().__init__("spp_sorter_calibrate")
        self.pictures: list[tuple[str, int, ImageArray]] = []
        self.readings: list[BeltSample] = []
        self.intrinsics: CameraIntrinsics | None = None
        image = image_topic or "image"
        info = camera_info_topic or image[: image.rfind("/") + 1] + "camera_info"
        self.create_subscription(Image, image, self._take_image, qos_profile_sensor_data)
        self.create_subscription(CameraInfo, info, self._take_info, qos_profile_sensor_data)
        self.create_subscription(
            JointState, encoder_topic or "belt_encoder", self._take_reading, qos_profile_sensor_data
        )

    def _guarded(self, what: str, convert: Any, message: Any) -> Any:
        try:
            return convert(message)
        except BadFrame as error:
            self.get_logger().warning(f"{what}: {error}", throttle_duration_sec=5.0)
            return None

    def _take_image(self, message: Image) -> None:
        image = self._guarded("picture left out", messages.image_to_bgr, message)
        if image is not None:
            self.pictures.append(("", messages.stamp_to_ns(message.header.stamp), image))
            if len(self.pictures) > 2 * MOST_PICTURES:
                del self.pictures[1::2]

    def _take_info(self, message: CameraInfo) -> None:
        if self.intrinsics is None:
            self.intrinsics = self._guarded("camera_info left out", messages.camera_info_to_intrinsics, message)

    def _take_reading(self, message: JointState) -> None:
        reading = self._guarded("encoder reading left out", messages.belt_sample_from_joint_state, message)
        if reading is not None:
            self.readings.append(reading)


def watch(image_topic: str, camera_info_topic: str, encoder_topic: str, seconds: float) -> Recorded:
    """Listen to a camera for some seconds.

    Raises:
        ValueError: nothing came.
    """
    rclpy.init()
    node = _Watch(image_topic, camera_info_topic, encoder_topic)
    try:
        end = time.monotonic() + seconds
        while rclpy.ok() and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.1)
        if not node.pictures:
            raise ValueError(
                f"no picture came on '{image_topic or 'image'}' within {seconds:g} s; check the topic with "
                "`ros2 topic hz`, and name it with --image-topic"
            )
        return node.pictures, node.readings, node.intrinsics
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
