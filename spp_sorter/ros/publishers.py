"""The node's outputs: one result to all its topics, what nobody looks at left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from spp_sorter.config import Config
from spp_sorter.drawing import draw_result
from spp_sorter.geometry.camera import Camera, CameraError
from spp_sorter.ros import messages
from spp_sorter.ros.executors import publisher_events
from spp_sorter.ros.markers import markers_of
from spp_sorter.values import Frame, SortResult

RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Publishers:
    """Publishers of everything that follows from a frame.

    Args:
        node: they are its managed entities: silent until it is active.
        executor: what runs the node, ``single`` or ``events``.
    """

    def __init__(self, node: LifecycleNode, executor: str = "single") -> None:
        self._node, self._executor = node, executor
        self._all: list[LifecyclePublisher] = []
        self._writer = messages.VisionWriter()
        try:
            self._make_all()
        except Exception:
            self.destroy()
            raise

    def _make_all(self) -> None:
        self.detections = self._make(Detection2DArray, "~/detections")
        self.detections_3d = self._make(Detection3DArray, "~/detections_3d")
        self.pick_targets = self._make(Detection3DArray, "~/pick_targets")
        self.markers = self._make(MarkerArray, "~/markers")
        self.annotated = self._make(Image, "~/annotated_image")
        self.annotated_compressed = self._make(CompressedImage, "~/annotated_image/compressed")
        self.label_info = self._make(LabelInfo, "~/label_info", LATCHED)

    def _make(self, kind: type[Any], topic: str, qos: QoSProfile = RELIABLE) -> LifecyclePublisher:
        own = QoSProfile(depth=qos.depth, reliability=qos.reliability, durability=qos.durability)
        options = QoSOverridingOptions.with_default_policies()
        publisher = self._node.create_lifecycle_publisher(
            kind, topic, own, event_callbacks=publisher_events(self._executor), qos_overriding_options=options
        )
        self._all.append(publisher)
        return publisher

    def publish(self, frame: Frame, result: SortResult, config: Config, is_stale: Callable[[], bool]) -> None:
        """Publish one result; what the arm needs goes first. What the network sees only on frames that it saw.

        Args:
            frame: the frame that it belongs to; its stamp goes into every message unchanged.
            result: what was found.
            config: settings at the time.
            is_stale: whether the frame is too old to act on; asked right before the picks are sent, because the process
                may have stood still since the result was made.
        """
        belt = messages.make_header(frame.stamp_ns, config.node.target_frame)
        image = messages.make_header(frame.stamp_ns, frame.frame_id)
        picks = self._writer.picks(result.picks, belt)
        if is_stale():
            picks.detections = []
        self.pick_targets.publish(picks)
        if result.looked:
            self.detections.publish(self._writer.detections(result.detections, image, result.track_ids))
        if self.detections_3d.get_subscription_count():
            self.detections_3d.publish(self._writer.tracks(result.tracks, belt))
        if self.markers.get_subscription_count():
            self.markers.publish(markers_of(result, belt, config.picking, config.drawing))
        if result.looked:
            self._publish_drawn(frame, result, config, image)

    def _publish_drawn(self, frame: Frame, result: SortResult, config: Config, header: Header) -> None:
        raw, compressed = self.annotated.get_subscription_count(), self.annotated_compressed.get_subscription_count()
        if raw or compressed:
            drawn = draw_result(frame.image_bgr, result, config, camera_of(frame))
            if raw:
                self.annotated.publish(messages.bgr_to_image(drawn, header))
            if compressed:
                quality = config.drawing.jpeg_quality
                self.annotated_compressed.publish(messages.bgr_to_compressed(drawn, header, quality))

    def withdraw_picks(self, stamp_ns: int, target_frame: str) -> None:
        """Publish an empty pick list, which takes every earlier target back; ``stamp_ns`` is the last image's."""
        self.pick_targets.publish(messages.picks_to_msg((), messages.make_header(stamp_ns, target_frame)))

    def publish_labels(self, label_names: tuple[str, ...], config: Config) -> None:
        """Publish the latched label map."""
        header = messages.make_header(self._node.get_clock().now().nanoseconds, "")
        self.label_info.publish(messages.label_info_to_msg(label_names, config.detector.score_thresh, header))

    def destroy(self) -> None:
        """Take all publishers off the graph."""
        for publisher in self._all:
            self._node.destroy_lifecycle_publisher(publisher)
        self._all.clear()


def camera_of(frame: Frame) -> Camera | None:
    """The frame's camera for drawing, or None when it is unknown or cannot measure."""
    if frame.intrinsics is None or frame.camera_in_belt is None:
        return None
    try:
        return Camera(frame.intrinsics, frame.camera_in_belt)
    except CameraError:
        return None
