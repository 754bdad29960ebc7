"""Callback groups by which a thread beside the executor takes messages itself, or waits for those in its hand.

An executor in Python spends nearly a millisecond on every wake-up, whatever the message: an encoder of 100 Hz would
keep it busy, and the interpreter with it, for the sake of readings that are needed once a frame.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.exceptions import InvalidHandle
from rclpy.subscription import Subscription

LONGEST_IN_HAND_S = 0.05
"""After this long a message that an executor has taken counts as lost on the way: taking it has failed."""


class QueuedGroup(ReentrantCallbackGroup):
    """Callback group that every executor leaves alone, event handlers of its subscriptions included.

    Who waits for an event of a Fast DDS reader is woken, over and over, as long as a message waits there.
    """

    def can_execute(self, entity: Any) -> Any:  # noqa: ARG002 (whatever it is)
        """Whether an executor may wait for the entity: never."""
        return False


class AnnouncedGroup(MutuallyExclusiveCallbackGroup):
    """Callback group that knows when an executor has a message in hand, taken and not handed over yet.

    Neither the middleware nor the callback knows of such a message. An executor that does not ask groups (the
    EventsExecutor) announces nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._since_s: float | None = None

    def beginning_execution(self, entity: Any) -> bool:
        """An executor is about to take a message."""
        allowed = super().beginning_execution(entity)
        if allowed:
            with self._changed:
                self._since_s = time.monotonic()
        return allowed

    def ending_execution(self, entity: Any) -> None:
        """The callback has returned."""
        super().ending_execution(entity)
        with self._changed:
            self._since_s = None
            self._changed.notify_all()

    def wait_until_handed_over(self) -> None:
        """Wait until no executor has a message in hand, ``LONGEST_IN_HAND_S`` at most."""
        with self._changed:
            if self._since_s is not None:
                left_s = self._since_s + LONGEST_IN_HAND_S - time.monotonic()
                self._changed.wait_for(lambda: self._since_s is None, max(left_s, 0.0))


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
