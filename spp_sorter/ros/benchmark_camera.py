"""The camera of the node's benchmark: frames of a simulated belt, rendered once and sent over and over.

Rendering takes a core, and ten minutes of frames take more memory than there is. The pictures repeat every few seconds;
stamps, encoder and belt go on.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from typing import Any

import cv2
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState

from spp_sorter.ros import messages
from spp_sorter.ros.belt_camera_node import BELT_FRAME_ID, ENCODER_JOINT, FRAME_ID
from spp_sorter.ros.cell import CellSettings
from spp_sorter.simulation.belt_world import BeltWorld

_POLL_S = 0.05
_START_DELAY_NS = 500_000_000


class LoopCamera(Node):
    """Publishes ``image``, ``camera_info`` and ``belt_encoder``; ``run`` does it from the calling thread.

    Args:
        settings: the belt, and how often it is seen.
        pictures: frames that are rendered; they repeat.
        kwargs: passed to the node.
    """

    def __init__(self, settings: CellSettings, pictures: int, **kwargs: Any) -> None:
        super().__init__("loop_camera", **kwargs)
        self._settings = settings
        self._world = BeltWorld(settings.world_config())
        self._images = [
            messages.bgr_to_image(
                self._world.render(settings.frame_time_ns(k), with_truth=False).image_bgr,
                messages.make_header(0, FRAME_ID),
            )
            for k in range(pictures)
        ]
        self._image = self.create_publisher(Image, "image", 5)
        self._camera_info = self.create_publisher(CameraInfo, "camera_info", 5)
        self._encoder = self.create_publisher(JointState, "belt_encoder", QoSProfile(depth=50))

    def run(self, frames: int) -> tuple[int, int]:
        """Wait for a subscriber, send so many frames at their moments.

        Returns:
            Frames sent, and frames left out because their moment had passed by more than a period.
        """
        while not self._image.get_subscription_count():
            time.sleep(_POLL_S)
        start_ns, sent, k = time.time_ns() + _START_DELAY_NS, 0, 0
        readings = threading.Thread(target=self._send_readings, args=(start_ns, frames), daemon=True)
        readings.start()
        while k < frames:
            stamp_ns = start_ns + self._settings.frame_time_ns(k)
            late_ns = time.time_ns() - stamp_ns
            if late_ns < 0:
                time.sleep(-late_ns * 1e-9)
            if late_ns < self._settings.period_ns:
                self._send(stamp_ns, self._images[k % len(self._images)])
                sent += 1
            k += 1
        readings.join()
        return sent, frames - sent

    def _send(self, stamp_ns: int, image: Image) -> None:
        image.header = messages.make_header(stamp_ns, FRAME_ID)
        self._camera_info.publish(messages.intrinsics_to_camera_info(self._world.intrinsics, image.header))
        self._image.publish(image)

    def _send_readings(self, start_ns: int, frames: int) -> None:
        period_ns, end_ns = 1e9 / self._settings.encoder_rate, self._settings.frame_time_ns(frames)
        time_ns = -_START_DELAY_NS / 2
        while time_ns < end_ns:
            time.sleep(max(0.0, (start_ns + time_ns - time.time_ns()) * 1e-9))
            position_m = self._world.belt_position_m(round(time_ns))
            header = messages.make_header(start_ns + round(time_ns), BELT_FRAME_ID)
            self._encoder.publish(JointState(header=header, name=[ENCODER_JOINT], position=[position_m]))
            time_ns += period_ns


def main(args: list[str] | None = None) -> int:
    """Send frames; the last line of the output has the numbers of frames sent and left out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", required=True, help="CellSettings as JSON")
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    given = parser.parse_args(args)
    cv2.setNumThreads(1)  # the sorter needs the other cores
    rclpy.init(args=[])
    node = LoopCamera(CellSettings.from_values(json.loads(given.settings)), given.pictures)
    sent, skipped = node.run(given.frames)
    print(f"{sent} {skipped}", flush=True)
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
