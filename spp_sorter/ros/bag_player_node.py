"""Plays a bag's inputs to a running sorter: each message at the time of its stamp, which ``/clock`` tells.

Three things that ``ros2 bag play`` does not do: the first message waits until somebody subscribes to the pictures (a
model loads for seconds), what a sorter published before stays in the bag, and no storage plugin is needed.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from spp_sorter.config import ConfigError
from spp_sorter.ros.bag_types import message_class
from spp_sorter.ros.bags import BagError, BagReader, in_stamp_order
from spp_sorter.ros.launching import PLAYER_DEFAULTS, PLAYER_HELP
from spp_sorter.ros.programs import run_node
from spp_sorter.ros.stamps import ns_to_stamp

PICTURES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
INPUTS = (
    *PICTURES,
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/JointState",
    "geometry_msgs/msg/TwistStamped",
    "tf2_msgs/msg/TFMessage",
)
"""What a sorter takes, in the order in which equal stamps are sent: pictures last of all."""

DRAIN_S = 1.0
"""After the last message: what is in work is answered before this node ends."""

PATIENCE_S = 30.0
"""A model loads in less than this; a listener that is not there yet is waited for with a word on why."""

_POLL_S = 0.02


class BagPlayerNode(Node):
    """Publishes a bag's inputs and ``/clock``; ends the context when the bag is at its end.

    Args:
        kwargs: passed to the node; parameters ``bag``, ``rate`` and ``loop``.

    Raises:
        BagError: there is no such bag, or no pictures in it.
        ConfigError: the rate is out of range.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        super().__init__("bag_player", **kwargs)
        self._bag, self._rate, self._loop = (self._declare(name) for name in PLAYER_DEFAULTS)
        if not 0.0 < float(self._rate) <= 100.0:
            raise ConfigError(f"parameter 'rate' is {self._rate}; allowed: over 0, up to 100 ({PLAYER_HELP['rate']})")
        self.played = 0
        with BagReader(self._bag) as bag:
            self._topics = {name: kind for name, kind in bag.topics.items() if self._is_input(name, kind)}
        self._outlets = {name: self._publisher(name, kind) for name, kind in self._topics.items()}
        self._pictures = [self._outlets[name] for name, kind in self._topics.items() if kind in PICTURES]
        if not self._pictures:
            raise BagError(f"bag '{self._bag}' has no pictures; it has {', '.join(self._topics) or 'no inputs'}")
        self._clock_outlet = self.create_publisher(Clock, "/clock", 10)
        self._thread = threading.Thread(target=self._guarded, name="player", daemon=True)
        self._thread.start()

    def _declare(self, name: str) -> Any:
        descriptor = ParameterDescriptor(description=PLAYER_HELP[name], read_only=True, dynamic_typing=True)
        return self.declare_parameter(name, PLAYER_DEFAULTS[name], descriptor).value

    def _is_input(self, name: str, kind: str) -> bool:
        if kind not in INPUTS or "/spp_sorter/" in name:
            return False
        try:
            message_class(kind)
        except BagError as error:
            self.get_logger().warning(f"'{name}' is left out: {error}")
            return False
        return True

    def _publisher(self, name: str, kind: str) -> Publisher:
        durability = DurabilityPolicy.TRANSIENT_LOCAL if name.endswith("/tf_static") else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=durability)
        return self.create_publisher(message_class(kind), name, qos)

    def _guarded(self) -> None:
        """Play; an error in the bag ends the node with its reason."""
        try:
            self._wait_for_listeners()
            while not self._stop.is_set():
                self._play()
                if not self._loop:
                    break
            self._stop.wait(DRAIN_S)
        except BagError as error:
            self.get_logger().fatal(str(error))
        except Exception:
            if self.context.ok():
                self.get_logger().fatal(traceback.format_exc())
        self.context.try_shutdown()

    def _wait_for_listeners(self) -> None:
        names = ", ".join(f"{outlet.topic_name} ({outlet.msg_type.__name__})" for outlet in self._pictures)
        self.get_logger().info(f"waiting for a subscriber to {names}")
        patience_s = time.monotonic() + PATIENCE_S
        while not self._stop.wait(_POLL_S):
            if any(publisher.get_subscription_count() for publisher in self._pictures):
                return
            if time.monotonic() > patience_s:
                patience_s += PATIENCE_S
                self.get_logger().warning(
                    f"nobody subscribes to {names} yet; is the sorter remapped to it (launch argument image:=, without "
                    "/compressed), and is image_transport raw for Image, compressed for CompressedImage?"
                )

    def _play(self) -> None:
        ranks = {name: (kind in PICTURES) * len(INPUTS) + INPUTS.index(kind) for name, kind in self._topics.items()}
        start_ns, started_s = None, time.monotonic()
        with BagReader(self._bag) as bag:
            for message in in_stamp_order(bag.messages(self._topics), ranks):
                start_ns = message.stamp_ns if start_ns is None else start_ns
                if not self._wait_until(started_s, start_ns, message.stamp_ns):
                    return
                self._outlets[message.topic].publish(message.data)
                self.played += 1
        self.get_logger().info(f"end of the bag: {self.played} messages played")

    def _wait_until(self, started_s: float, start_ns: int, stamp_ns: int) -> bool:
        """Let ``/clock`` go on to a stamp; False when the node ends first."""
        while not self._stop.is_set() and self.context.ok():
            now_ns = start_ns + round((time.monotonic() - started_s) * self._rate * 1e9)
            self._clock_outlet.publish(Clock(clock=ns_to_stamp(min(now_ns, stamp_ns))))
            if now_ns >= stamp_ns:
                return True
            time.sleep(min((stamp_ns - now_ns) * 1e-9 / self._rate, _POLL_S))
        return False

    def destroy_node(self) -> None:
        """End the player, then the node."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Play the bag; returns the exit code: 0, or 1 for a bag or parameters that are wrong."""
    return run_node("bag_player", BagPlayerNode, (BagError, ConfigError), args)


if __name__ == "__main__":
    sys.exit(main())
