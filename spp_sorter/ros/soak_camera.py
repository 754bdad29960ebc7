"""The camera of a soak run: true frames of a simulated belt, spoilt on command, each one written down as it is sent.

It joins a world that is already running, so that a camera that was killed comes back to the same belt.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

from spp_sorter.ros import messages
from spp_sorter.ros.belt_camera_node import BELT_FRAME_ID, ENCODER_JOINT, FRAME_ID
from spp_sorter.ros.cell import CellStart
from spp_sorter.ros.shared_memory import leave_graph
from spp_sorter.ros.soak_faults import FAULT_TOPIC
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.values import ImageArray

SENT = struct.Struct("<qqq")
"""A line of the log of frames: published stamp, true stamp, when it was sent; 0, 0 for "the publishers are there"."""

STAMP_SHIFTS_NS = {
    "clock_ahead": 3_600_000_000_000,
    "clock_behind": -3_600_000_000_000,
    "time_back": -500_000_000,
}

START_DELAY_NS = 250_000_000
"""From "somebody subscribes" to the first frame: both ends of a connection must know of it."""

_RENDER_NS = 60_000_000
"""How long before its moment a frame is rendered."""


class SoakCamera(Node):
    """Publishes ``image``, ``camera_info`` and ``belt_encoder`` of a world, under the fault in force.

    Args:
        start: the world and the moment of its time 0.
        log: frames that were sent are appended here.
        kwargs: passed to the node.
    """

    def __init__(self, start: CellStart, log: Path, **kwargs: Any) -> None:
        super().__init__("soak_camera", **kwargs)
        self._start, self._world = start, BeltWorld(start.settings.world_config())
        self._world.prepare()
        self._fault = ""
        self._encoder_zero_m = 0.0
        self._log = log.open("ab", buffering=0)
        self._image = self.create_publisher(Image, "image", 5)
        self._camera_info = self.create_publisher(CameraInfo, "camera_info", 5)
        self._encoder = self.create_publisher(JointState, "belt_encoder", QoSProfile(depth=50))
        self.create_subscription(String, FAULT_TOPIC, self._take_fault, 10)
        self._stop = threading.Event()
        for work in (self._send_frames, self._send_readings):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def _now_ns(self) -> int:
        return time.time_ns()

    def _take_fault(self, message: String) -> None:
        if message.data == "encoder_restart" != self._fault:
            self._encoder_zero_m = self._world.belt_position_m(self._now_ns() - self._start.start_ns)
        self._fault = message.data

    def _wait_until(self, stamp_ns: int) -> bool:
        return not self._stop.wait(max(0.0, (stamp_ns - self._now_ns()) * 1e-9))

    def _send_frames(self) -> None:
        self._log.write(SENT.pack(0, 0, self._now_ns()))
        while not self._image.get_subscription_count():
            if self._stop.wait(0.02):
                return
        start_ns, period_ns = self._start.start_ns, self._start.settings.period_ns
        k = int((self._now_ns() + START_DELAY_NS - start_ns) / period_ns) + 1
        while self._wait_until(start_ns + round(k * period_ns) - _RENDER_NS):
            time_ns = round(k * period_ns)
            image_bgr = self._world.render(time_ns, with_truth=False).image_bgr
            if not self._wait_until(start_ns + time_ns):
                return
            self._send(start_ns + time_ns, image_bgr)
            k = max(k + 1, int((self._now_ns() + _RENDER_NS - start_ns) / period_ns))

    def _send(self, true_ns: int, image_bgr: ImageArray) -> None:
        fault = self._fault
        stamp_ns = true_ns + STAMP_SHIFTS_NS.get(fault, 0)
        header = messages.make_header(stamp_ns, FRAME_ID)
        self._camera_info.publish(self._info(messages.intrinsics_to_camera_info(self._world.intrinsics, header), fault))
        if fault == "camera_silent":
            return
        # First the log: a frame that is sent and not written down would look like one that nobody sent.
        self._log.write(SENT.pack(stamp_ns, true_ns, self._now_ns()))
        self._image.publish(spoilt(messages.bgr_to_image(picture_of(image_bgr, fault), header), fault))

    @staticmethod
    def _info(message: CameraInfo, fault: str) -> CameraInfo:
        if fault == "camera_info_zero":
            message.k = np.zeros(9)
        elif fault == "camera_info_nan":
            message.k = np.full(9, np.nan)
        elif fault == "camera_info_size":
            message.width *= 2
        return message

    def _send_readings(self) -> None:
        period_s = 1.0 / self._start.settings.encoder_rate
        while not self._stop.wait(period_s):
            fault, now_ns = self._fault, self._now_ns()
            if fault == "encoder_gone":
                continue
            position_m = self._world.belt_position_m(now_ns - self._start.start_ns) - self._encoder_zero_m
            header = messages.make_header(now_ns + STAMP_SHIFTS_NS.get(fault, 0), BELT_FRAME_ID)
            reading = float("nan") if fault == "encoder_nan" else position_m
            self._encoder.publish(JointState(header=header, name=[ENCODER_JOINT], position=[reading]))

    def end(self) -> None:
        """Stop sending."""
        self._stop.set()


def picture_of(image_bgr: ImageArray, fault: str) -> ImageArray:
    """The frame's pixels under a fault that changes them."""
    if fault == "image_half_size":
        return np.ascontiguousarray(image_bgr[::2, ::2])
    if fault == "image_rgb8":
        return np.ascontiguousarray(image_bgr[..., ::-1])
    if fault == "image_mono8":
        return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    return image_bgr


def spoilt(message: Image, fault: str) -> Image:
    """The message under a fault that breaks it."""
    encodings = {"image_rgb8": "rgb8", "image_mono8": "mono8", "image_unknown_encoding": "compost8"}
    message.encoding = encodings.get(fault, message.encoding)
    if fault == "image_truncated":
        message.data = message.data[: len(message.data) // 2]
    elif fault == "image_empty":
        message.data = message.data[:0]
    return message


def main(args: list[str] | None = None) -> int:
    """Run the camera until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--start", required=True, help="a CellStart as json")
    parser.add_argument("--log", type=Path, required=True, help="gets a record for every frame")
    options = parser.parse_args(args)
    cv2.setNumThreads(1)
    rclpy.init(args=[])
    camera = SoakCamera(CellStart.from_json(options.start), options.log)
    try:
        rclpy.spin(camera)
    except (KeyboardInterrupt, ExternalShutdownException):
        camera.end()
        camera.destroy_node()
    del camera
    leave_graph()
    sys.stdout.flush()
    os._exit(0)


@dataclasses.dataclass(frozen=True, slots=True)
class SentFrame:
    """One frame that the camera sent: the stamp it bore, the moment that it shows, and when it was sent."""

    stamp_ns: int
    true_ns: int
    sent_ns: int


def read_sent(log: Path) -> tuple[list[SentFrame], list[int]]:
    """What a camera has written down so far: frames, and when its publishers came up."""
    content = log.read_bytes() if log.is_file() else b""
    records = [SentFrame(*values) for values in SENT.iter_unpack(content[: len(content) // SENT.size * SENT.size])]
    return [each for each in records if each.true_ns], [each.sent_ns for each in records if not each.true_ns]


if __name__ == "__main__":
    sys.exit(main())
