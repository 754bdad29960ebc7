"""Whether messages get through: publishers that do not match, and publishers that match and stay silent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription

from spp_sorter.values import Level, Status

SILENT_AFTER_S = 2.0
"""A matched publisher that has said nothing for this long is reported."""

LARGE_FRAME_REMEDY = (
    "large frames do not fit into Fast DDS's default shared memory: set "
    "FASTDDS_DEFAULT_PROFILES_FILE (FASTRTPS_DEFAULT_PROFILES_FILE on Jazzy) to spp_sorter's config/fastdds.xml in the "
    "camera's process AND in this one, and start both again"
)


@dataclass(frozen=True, slots=True)
class TopicReport:
    """One input at one moment.

    Attributes:
        topic: full name.
        publishers: publishers that match.
        messages: messages taken since activation.
        status: what is wrong, or None.
    """

    topic: str
    publishers: int
    messages: int
    status: Status | None


class TopicWatch:
    """Watches what one input receives.

    Args:
        node: whose graph is asked.
        label: the input's name in statuses, such as ``image``.
        subscriptions: the subscriptions that feed the input.
        required: whether it is a fault that nobody publishes.

    Attributes:
        messages: how many were taken.
    """

    def __init__(self, node: Node, label: str, subscriptions: Sequence[Subscription], required: bool) -> None:
        self._node, self._label, self.subscriptions = node, label, subscriptions
        self._required = required
        self.messages = 0
        self._heard_s = time.monotonic()
        self._matched = False

    def heard(self) -> None:
        """Call with every message."""
        self.messages += 1
        self._heard_s = time.monotonic()

    def publishers(self) -> int:
        """Publishers that match."""
        return sum(subscription.get_publisher_count() for subscription in self.subscriptions)

    def report(self) -> TopicReport:
        """What there is to say now; call it regularly: silence counts from the call that first saw a publisher."""
        matched = self.publishers()
        if matched and not self._matched:
            self._heard_s = time.monotonic()
        self._matched = matched > 0
        status = self._silent(matched) if matched else self._unmatched()
        return TopicReport(self.subscriptions[0].topic_name, matched, self.messages, status)

    def _silent(self, matched: int) -> Status | None:
        silence_s = time.monotonic() - self._heard_s
        if silence_s < SILENT_AFTER_S or not self._required:
            return None
        topic = self.subscriptions[0].topic_name
        text = f"{matched} publisher(s) on '{topic}' are matched, but nothing has arrived for {silence_s:.0f} s"
        if self._label in ("image", "depth"):
            text += f". The camera has stopped, or {LARGE_FRAME_REMEDY}"
        return Status(f"{self._label}_silent", Level.WARN, text)

    def _unmatched(self) -> Status | None:
        for subscription in self.subscriptions:
            wanted = subscription.msg_type
            kind = f"{wanted.__module__.split('.')[0]}/msg/{wanted.__name__}"
            for offer in self._node.get_publishers_info_by_topic(subscription.topic_name):
                return Status(f"{self._label}_mismatch", Level.WARN, _mismatch(subscription, kind, offer))
        if not self._required:
            return None
        names = " or ".join(f"'{subscription.topic_name}'" for subscription in self.subscriptions)
        return Status(
            f"{self._label}_no_publisher",
            Level.WARN,
            f"nobody publishes on {names}; start the driver, or remap the topic",
        )


def _mismatch(subscription: Subscription, kind: str, offer: object) -> str:
    """Why ``offer`` (a TopicEndpointInfo) does not match, and what helps."""
    topic = subscription.topic_name
    offered_kind = getattr(offer, "topic_type", "")
    if offered_kind != kind:
        return (
            f"'{topic}' carries {offered_kind}, expected {kind}; remap the topic, or set node.image_transport to "
            "'raw' or 'compressed'"
        )
    offered = getattr(getattr(offer, "qos_profile", None), "reliability", None)
    if offered == ReliabilityPolicy.BEST_EFFORT and subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE:
        return (
            f"the publisher on '{topic}' is best effort and this node asks for reliable; set "
            f"qos_overrides.{topic}.subscription.reliability to best_effort"
        )
    return (
        f"there is a publisher on '{topic}' that does not match yet; its QoS is {getattr(offer, 'qos_profile', None)}"
    )
