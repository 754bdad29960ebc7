"""The node's inputs: what arrives is counted and kept here, and turned into a ``Frame`` when the worker asks.

Callbacks never convert a picture: they run on the executor, which must be free for the next frame. Only images and
depth wake it; camera info and belt readings wait until a frame needs them (``take_queued``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from geometry_msgs.msg import TwistStamped
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from spp_sorter.config import Config
from spp_sorter.ros import messages
from spp_sorter.ros.executors import subscription_events, with_info
from spp_sorter.ros.extrinsics import make_extrinsics
from spp_sorter.ros.health import Health
from spp_sorter.ros.messages import BadFrame
from spp_sorter.ros.queued import AnnouncedGroup, QueuedGroup, take_waiting
from spp_sorter.ros.transport import TopicReport, TopicWatch
from spp_sorter.values import BeltSample, CameraIntrinsics, FloatArray, Frame, Level, Status

DEPTH_SLOP_NS = 5_000_000
"""A depth image belongs to an image when their stamps differ by less than this."""

DEPTH_WAIT_S = 0.03
"""How long a frame waits for its depth image."""

BELT_DEPTH = 500
"""Belt readings that may wait to be taken: encoders speak up to a thousand times a second."""

MessageInfo = Mapping[str, Any]


Picture: TypeAlias = Image | CompressedImage


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image message, and when the middleware received it (nanoseconds of the system's clock, 0 for unknown)."""

    message: Picture
    received_ns: int


class Intake:
    """Subscriptions of an active node.

    Args:
        node: subscribes.
        config: transport, depth and extrinsics.
        health: counts.
        on_frame: called with every image; must not block.
        on_belt: called with every belt reading, by whoever takes what is queued; must not block.
    """

    def __init__(
        self,
        node: Node,
        config: Config,
        health: Health,
        on_frame: Callable[[Arrival], None],
        on_belt: Callable[[BeltSample], object],
    ) -> None:
        self._node, self._health = node, health
        self._executor = config.node.executor
        self._on_frame, self._on_belt = on_frame, on_belt
        self._intrinsics: CameraIntrinsics | None = None
        self._depth = DepthBuffer() if config.node.use_depth else None
        self._extrinsics = make_extrinsics(node, config)
        self._watches: dict[str, TopicWatch] = {}
        self._queued: list[tuple[Subscription, Callable[[Any], None]]] = []
        self._queue_lock = threading.Lock()
        self._images = AnnouncedGroup()
        self._image_lock = threading.Lock()
        self._newest_ns = 0
        try:
            self._subscribe_all(config)
        except Exception:
            self.close()
            raise

    def _subscribe_all(self, config: Config) -> None:
        kind = CompressedImage if config.node.image_transport == "compressed" else Image
        self._subscribe("image", kind, with_info(self._take_image), self._image_topics(kind), group=self._images)
        queue = QueuedGroup()
        self._subscribe("camera_info", CameraInfo, self._take_camera_info, group=queue)
        if self._depth is not None:
            self._subscribe("depth", Image, self._take_depth)
        for name, kind_of_belt, take in (
            ("belt_encoder", JointState, self._take_encoder),
            ("belt_velocity", TwistStamped, self._take_velocity),
        ):
            self._subscribe(name, kind_of_belt, take, required=False, depth=BELT_DEPTH, group=queue)

    def _image_topics(self, kind: type[Any]) -> tuple[str, ...]:
        """Compressed images come on `image` itself, or beside it as image_transport names them."""
        if kind is Image:
            return ("image",)
        return ("image", self._node.resolve_topic_name("image") + "/compressed")

    def _subscribe(
        self,
        name: str,
        kind: type[Any],
        take: Callable[..., None],
        topics: tuple[str, ...] = (),
        required: bool = True,
        depth: int = qos_profile_sensor_data.depth,
        group: CallbackGroup | None = None,
    ) -> None:
        subscriptions: list[Subscription] = []
        for topic in topics or (name,):
            qos = QoSProfile(depth=depth, reliability=qos_profile_sensor_data.reliability)
            options = QoSOverridingOptions.with_default_policies()
            subscription = self._node.create_subscription(
                kind,
                topic,
                take,
                qos,
                callback_group=group,
                event_callbacks=subscription_events(self._executor),
                qos_overriding_options=options,
            )
            subscriptions.append(subscription)
            if isinstance(group, QueuedGroup):
                self._queued.append((subscription, take))
        self._watches[name] = TopicWatch(self._node, name, subscriptions, required)

    def take_queued(self) -> None:
        """Take the camera info and the belt readings that wait; from any thread, several times a second."""
        with self._queue_lock:
            for subscription, take in self._queued:
                for message, _ in take_waiting(subscription, BELT_DEPTH):
                    take(message)

    def _take_image(self, message: Picture, info: MessageInfo) -> None:
        """Hand over an image that the executor took, unless a later one was handed over meanwhile."""
        arrival = self._count_image(message, info)
        with self._image_lock:
            overtaken = arrival.received_ns < self._newest_ns
            self._newest_ns = max(self._newest_ns, arrival.received_ns)
        if overtaken:
            self._health.dropped("replaced")
        else:
            self._on_frame(arrival)

    def newest(self, arrival: Arrival) -> Arrival:
        """The last of the images that wait in the middleware, ``arrival`` when there is none. For the worker.

        The executor may be busy elsewhere when an image comes; a frame must never be processed when a newer one waits.
        One that the executor has in its hand has been handed over when this returns.
        """
        self._images.wait_until_handed_over()
        with self._image_lock:
            for subscription in self._watches["image"].subscriptions:
                for message, info in take_waiting(subscription, qos_profile_sensor_data.depth):
                    self._health.dropped("replaced")
                    arrival = self._count_image(message, info)
                    self._newest_ns = max(self._newest_ns, arrival.received_ns)
        return arrival

    def _count_image(self, message: Picture, info: MessageInfo) -> Arrival:
        watch = self._watches["image"]
        watch.heard()
        publisher = (info.get("publisher_gid") or {}).get("data", b"")
        # Where the middleware does not say who published (Jazzy), numbers of two cameras would look like gaps.
        numbered = publisher or watch.publishers() == 1
        sequence = info.get("publication_sequence_number") if numbered else None
        arrival = Arrival(message, int(info.get("received_timestamp", 0)))
        self._health.received(sequence, bytes(publisher), arrival.received_ns)
        return arrival

    def _take_camera_info(self, message: CameraInfo) -> None:
        self._watches["camera_info"].heard()
        try:
            self._intrinsics = messages.camera_info_to_intrinsics(message)
        except BadFrame as error:
            self._intrinsics = None
            self._bad_input("camera_info", error)

    def _take_depth(self, message: Image) -> None:
        self._watches["depth"].heard()
        try:
            if self._depth is not None:
                self._depth.add(message)
        except BadFrame as error:
            self._bad_input("depth", error)

    def _take_encoder(self, message: JointState) -> None:
        self._take_belt("belt_encoder", messages.belt_sample_from_joint_state, message)

    def _take_velocity(self, message: TwistStamped) -> None:
        self._take_belt("belt_velocity", messages.belt_sample_from_twist, message)

    def _take_belt(self, name: str, convert: Callable[[Any], BeltSample], message: Any) -> None:
        self._watches[name].heard()
        try:
            self._on_belt(convert(message))
        except BadFrame as error:
            self._bad_input(name, error)

    def _bad_input(self, name: str, error: BadFrame) -> None:
        self._health.condition(Status(f"{name}_{error.cause}", Level.ERROR, str(error)))
        self._node.get_logger().error(f"{name}: {error}", throttle_duration_sec=5.0)

    def frame_of(self, message: Picture) -> tuple[Frame, list[Status]]:
        """Convert an image with everything that belongs to its stamp. Runs on the worker.

        Returns:
            The frame, and the conditions met on the way (no depth, no transform).

        Raises:
            BadFrame: the image is no image.
        """
        self.take_queued()
        statuses: list[Status] = []
        stamp_ns = messages.stamp_to_ns(message.header.stamp)
        if isinstance(message, CompressedImage):
            image_bgr = messages.compressed_to_bgr(message)
        else:
            image_bgr = messages.image_to_bgr(message)
        depth_m = None
        if self._depth is not None:
            depth_m = self._found(self._depth.metres_at(stamp_ns), statuses)
        frame_id = message.header.frame_id
        pose = self._found(self._extrinsics.pose(frame_id, stamp_ns), statuses)
        return Frame(stamp_ns, image_bgr, frame_id, self._intrinsics, pose, depth_m), statuses

    @staticmethod
    def _found(value: Any, statuses: list[Status]) -> Any:
        if isinstance(value, Status):
            statuses.append(value)
            return None
        return value

    @property
    def messages(self) -> int:
        """Messages of all kinds heard so far."""
        return sum(watch.messages for watch in self._watches.values())

    def has_publishers(self) -> bool:
        """Whether anybody publishes what is subscribed."""
        return any(watch.publishers() for watch in self._watches.values())

    def reports(self) -> list[TopicReport]:
        """What each input has received."""
        return [watch.report() for watch in self._watches.values()]

    def close(self) -> None:
        """Unsubscribe from everything."""
        for watch in self._watches.values():
            for subscription in watch.subscriptions:
                self._node.destroy_subscription(subscription)
        self._extrinsics.close()


class DepthBuffer:
    """The last few depth messages, found by the stamp of an image. Safe between threads."""

    def __init__(self, length: int = 8) -> None:
        self._length = length
        self._changed = threading.Condition()
        self._messages: dict[int, Image] = {}
        self._heard_s = -1e9

    def add(self, message: Image) -> None:
        """Keep a depth message; the oldest goes. Raises BadFrame ``bad_stamp``."""
        stamp_ns = messages.stamp_to_ns(message.header.stamp)
        with self._changed:
            self._messages.pop(stamp_ns, None)
            self._messages[stamp_ns] = message
            while len(self._messages) > self._length:
                del self._messages[next(iter(self._messages))]
            self._heard_s = time.monotonic()
            self._changed.notify_all()

    def metres_at(self, stamp_ns: int) -> FloatArray | Status:
        """Depth of the image with this stamp, waiting a moment for it while depth images arrive at all.

        Returns:
            [H, W] float32 metres, or status ``depth_missing`` or ``depth_<cause>``.
        """
        with self._changed:
            alive = time.monotonic() - self._heard_s < 1.0
            self._changed.wait_for(lambda: self._nearest(stamp_ns) is not None, DEPTH_WAIT_S if alive else 0.0)
            message = self._nearest(stamp_ns)
        if message is None:
            return Status(
                "depth_missing",
                Level.WARN,
                "node.use_depth is set and no depth image has this image's stamp (within 5 ms); heights come from the "
                "tracks instead. Publish depth aligned to the image and with its stamp",
            )
        try:
            return messages.depth_to_metres(message)
        except BadFrame as error:
            return Status(f"depth_{error.cause}", Level.WARN, str(error))

    def _nearest(self, stamp_ns: int) -> Image | None:
        nearest = min(self._messages, key=lambda stamp: abs(stamp - stamp_ns), default=None)
        if nearest is None or abs(nearest - stamp_ns) >= DEPTH_SLOP_NS:
            return None
        return self._messages[nearest]
