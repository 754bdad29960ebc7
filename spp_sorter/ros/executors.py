"""rclpy's executors: what runs the node's callbacks, and what the experimental one needs done differently.

``events`` is rclpy's EventsExecutor, where this rclpy has it: cheaper, and experimental (docs/transport.md).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.executors import Executor, SingleThreadedExecutor

from spp_sorter.config import ConfigError

TIMEOUT_S: dict[str, float | None] = {"single": None, "events": 0.1}
"""How long ``spin_once`` may wait: without a timeout, that of ``events`` does not end with its context."""


def make_executor(kind: str, context: Context) -> Executor:
    """An executor.

    Args:
        kind: ``single`` or ``events``.
        context: whose callbacks it runs.

    Raises:
        ConfigError: this rclpy has no EventsExecutor.
    """
    if kind == "single":
        return SingleThreadedExecutor(context=context)
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError as error:
        raise ConfigError(
            f"parameter 'node.executor' is 'events', and this rclpy has no EventsExecutor ({error}): it came with "
            "rclpy 7.1.4 of Jazzy; set it to 'single', or update rclpy"
        ) from error
    return EventsExecutor(context=context)


def with_info(take: Callable[[Any, Any], None]) -> Callable[..., None]:
    """A subscription's callback that takes a message and its info, whichever executor calls it.

    The EventsExecutor gives both as one tuple, all other executors as two arguments; rclpy finds out by the signature
    that the info is wanted.
    """

    def call(*given: Any) -> None:
        message, info = given if len(given) == 2 else given[0]
        take(message, info)

    call.__signature__ = inspect.signature(take)  # type: ignore[attr-defined]
    return call


def subscription_events(kind: str) -> SubscriptionEventCallbacks:
    """A subscription's handlers of QoS events: rclpy's own, which log what does not match; none with ``events``.

    The EventsExecutor can crash when a handler is destroyed, as every deactivation does
    (https://github.com/ros2/rclpy/issues/1644). The diagnostics name what does not match either way.
    """
    return SubscriptionEventCallbacks(use_default_callbacks=kind == "single")


def publisher_events(kind: str) -> PublisherEventCallbacks:
    """The same for a publisher."""
    return PublisherEventCallbacks(use_default_callbacks=kind == "single")
