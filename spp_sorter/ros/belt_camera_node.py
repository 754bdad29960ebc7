"""The simulated cell's camera and encoder: frames of a belt world, stamped with the very moment that they show.

Frames are rendered before their time (``render_ahead``), so that the computer is free for the sorter when they are due,
as it is with a real camera. One that is not ready when its moment has passed is skipped and counted: stamps are always
true.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray, Detection3DArray

from spp_sorter.config import ConfigError
from spp_sorter.ros import messages
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.parameters import descriptor_of
from spp_sorter.ros.programs import run_node
from spp_sorter.ros.truth_messages import truth_boxes_to_msg, truth_to_msg
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.sprites import SpriteError
from spp_sorter.values import FloatArray, ImageArray, TrueItem

FRAME_ID = "camera_optical_frame"
BELT_FRAME_ID = "belt"
ENCODER_JOINT = "belt"

START_DELAY_NS = 500_000_000
"""From "all subscribers are there" to the first frame: both ends of a connection must know of it."""

_ENCODER_LEAD_NS = 400_000_000
"""The encoder runs before the first frame, as on a real belt."""

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Shot:
    """Frame ``k``, rendered and waiting for its moment."""

    k: int
    image_bgr: ImageArray
    depth_m: FloatArray | None
    items: tuple[TrueItem, ...]


@dataclass(slots=True)
class CameraCounts:
    """What became of the frames.

    Attributes:
        sent: published.
        skipped: not rendered in time, never published.
        late: published more than half a period after their moment.
    """

    sent: int = 0
    skipped: int = 0
    late: int = 0


class BeltCameraNode(Node):
    """Publishes ``image``, ``camera_info``, ``belt_encoder``, ``depth`` on request, and the truth beside them.

    Args:
        world: rendered instead of the one that the parameters describe (they still give the rates).
        kwargs: passed to the node.

    Raises:
        ConfigError: parameters out of range.
        SpriteError: there are no objects to put on the belt.
    """

    def __init__(self, world: BeltWorld | None = None, **kwargs: Any) -> None:
        # Also a node whose parameters are wrong is destroyed.
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        super().__init__("belt_camera", **kwargs)
        self.settings = self._declare()
        self.counts = CameraCounts()
        self.start_ns: int | None = None
        self._world = world or BeltWorld(self.settings.world_config())
        self._world.prepare()  # a shape made at first sight would cost that frame a fifth of a second
        self._rendered: queue.Queue[Shot | None] = queue.Queue(self.settings.render_ahead)
        reliable = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self._image = self.create_publisher(Image, "image", reliable)
        self._camera_info = self.create_publisher(CameraInfo, "camera_info", reliable)
        self._depth = self.create_publisher(Image, "depth", reliable) if self.settings.depth else None
        self._encoder = self.create_publisher(JointState, "belt_encoder", QoSProfile(depth=50))
        self._truth = self.create_publisher(Detection3DArray, "~/truth", QoSProfile(depth=50))
        self._truth_boxes = self.create_publisher(Detection2DArray, "~/truth_boxes", QoSProfile(depth=50))
        self._world_info = self.create_publisher(String, "~/world", latched)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 5)
        self.create_timer(1.0, self._diagnose)
        self._rendered_all = threading.Event()
        self._started = threading.Event()
        self._finished = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=work.__name__, daemon=True)
            for work in (self._render_frames, self._send_frames, self._send_readings)
        ]
        for thread in self._threads:
            thread.start()

    def _declare(self) -> CellSettings:
        values: dict[str, object] = {}
        for parameter in CellSettings.parameters():
            descriptor = descriptor_of(parameter)
            # `fps: 30` is a whole number in YAML; and ranges are checked below, all at once.
            descriptor.dynamic_typing, descriptor.read_only = True, True
            descriptor.floating_point_range, descriptor.integer_range = [], []
            values[parameter.name] = self.declare_parameter(parameter.name, parameter.default, descriptor).value
        return CellSettings.from_values(values)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run a thread's work; an error ends the node, for a camera that stands still helps nobody."""
        try:
            work()
        except Exception:
            if not self._stop.is_set() and self.context.ok():
                self.get_logger().fatal(traceback.format_exc())
                self._stop.set()
                self.context.try_shutdown()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _sleep_until(self, stamp_ns: int) -> bool:
        """Wait for a moment of the node's clock, which may be a simulated one; False when the node ends first."""
        while not self._stop.is_set():
            left_ns = stamp_ns - self._now_ns()
            if left_ns <= 0:
                return True
            self._stop.wait(min(left_ns * 1e-9, _POLL_S))
        return False

    def _render_frames(self) -> None:
        settings, k = self.settings, 0
        while not self._stop.is_set() and (settings.num_frames is None or k < settings.num_frames):
            frame = self._world.render(settings.frame_time_ns(k), with_depth=settings.depth)
            items = frame.truth.items if frame.truth is not None else ()
            self._hand_over(Shot(k, frame.image_bgr, frame.depth_m, items))
            k += 1
            if self.start_ns is not None:
                behind = int((self._now_ns() - self.start_ns) / settings.period_ns) - k
                if behind > 0:
                    last = k + behind if settings.num_frames is None else min(k + behind, settings.num_frames)
                    self.counts.skipped += last - k
                    k = last
        self._rendered_all.set()
        self._hand_over(None)

    def _hand_over(self, item: Shot | None) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._rendered.put(item, timeout=_POLL_S)
                return

    def _take_over(self) -> Shot | None:
        while not self._stop.is_set():
            with suppress(queue.Empty):
                return self._rendered.get(timeout=_POLL_S)
        return None

    def _wait_until_ready(self) -> None:
        """Until enough are subscribed and enough is rendered."""
        wanted = self.settings.wait_for_subscribers
        while not self._stop.wait(_POLL_S):
            rendered = self._rendered.full() or self._rendered_all.is_set()
            if rendered and self._image.get_subscription_count() >= wanted:
                return

    def _send_frames(self) -> None:
        self._wait_until_ready()
        if self._stop.is_set():
            return
        self.start_ns = start_ns = self._now_ns() + START_DELAY_NS
        self._world_info.publish(String(data=CellStart(self.settings, start_ns).to_json()))
        self._started.set()
        while (shot := self._take_over()) is not None:
            stamp_ns = start_ns + self.settings.frame_time_ns(shot.k)
            if not self._sleep_until(stamp_ns):
                return
            self._send(stamp_ns, shot)
        if not self._stop.is_set():
            self._finished.set()
            self._diagnose()
            self.get_logger().info(f"finished: {self.counts.sent} frames sent, {self.counts.skipped} skipped")

    def _send(self, stamp_ns: int, shot: Shot) -> None:
        header = messages.make_header(stamp_ns, FRAME_ID)
        self._camera_info.publish(messages.intrinsics_to_camera_info(self._world.intrinsics, header))
        if self._depth is not None and shot.depth_m is not None:
            self._depth.publish(messages.metres_to_depth(shot.depth_m, header))
        self._image.publish(messages.bgr_to_image(shot.image_bgr, header))
        self.counts.sent += 1
        self.counts.late += self._now_ns() - stamp_ns > self.settings.period_ns / 2
        self._truth_boxes.publish(truth_boxes_to_msg(shot.items, header))
        self._truth.publish(truth_to_msg(shot.items, messages.make_header(stamp_ns, BELT_FRAME_ID)))

    def _send_readings(self) -> None:
        while not self._started.wait(_POLL_S):
            if self._stop.is_set():
                return
        assert self.start_ns is not None
        period_ns, tick = 1e9 / self.settings.encoder_rate, 0
        while True:
            time_ns = round(tick * period_ns) - _ENCODER_LEAD_NS
            if not self._sleep_until(self.start_ns + time_ns):
                return
            position_m = self._world.belt_position_m(time_ns)
            header = messages.make_header(self.start_ns + time_ns, BELT_FRAME_ID)
            self._encoder.publish(JointState(header=header, name=[ENCODER_JOINT], position=[position_m]))
            behind = int((self._now_ns() - self.start_ns - time_ns) / period_ns)
            tick += max(1, behind)

    def _diagnose(self) -> None:
        state = "finished" if self._finished.is_set() else "running" if self._started.is_set() else "waiting"
        counts = self.counts
        status = DiagnosticStatus(name="belt_camera: frames", hardware_id="simulation", level=DiagnosticStatus.OK)
        status.message = f"{state}: {counts.sent} frames sent"
        if counts.skipped:
            status.level = DiagnosticStatus.WARN
            status.message += f", {counts.skipped} skipped because rendering was late; lower fps or the image size"
        values = {"state": state, "sent": counts.sent, "skipped": counts.skipped, "late": counts.late}
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def destroy_node(self) -> None:
        """End the threads, then the node."""
        self._stop.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=2.0)
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT; returns the exit code: 0, or 1 for parameters that are wrong."""
    cv2.setNumThreads(1)  # the sorter needs the other cores
    return run_node("belt_camera", BeltCameraNode, (ConfigError, SpriteError), args)


if __name__ == "__main__":
    sys.exit(main())
