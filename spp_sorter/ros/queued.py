"""Subscriptions that wake nobody: their messages wait in the middleware until they are asked for.

An executor in Python spends nearly a millisecond on every wake-up, whatever the message: an encoder of 100 Hz would
keep it busy, and the interpreter with it, for the sake of readings that are needed once a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.exceptions import InvalidHandle
from rclpy.subscription import Subscription


class QueuedGroup(ReentrantCallbackGroup):
    """Callback group that every executor leaves alone, event handlers of its subscriptions included.

    Who waits for an event of a Fast DDS reader is woken, over and over, as long as a message waits there.
    """

    def can_execute(self, entity: Any) -> Any:  # noqa: ARG002 (whatever it is)
        """Whether an executor may wait for the entity: never."""
        return False


def take_waiting(subscription: Subscription, limit: int) -> Iterator[Any]:
    """The messages that wait, oldest first; none when the subscription is gone.

    Args:
        subscription: of a ``QueuedGroup``.
        limit: messages at most, so that a publisher without end cannot hold its reader.
    """
    for _ in range(limit):
        try:
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        except InvalidHandle:
            return
        if taken is None:
            return
        yield taken
