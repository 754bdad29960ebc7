"""Subscriptions that wake no executor: their messages wait, and are taken oldest first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from node_cell import WAIT_S
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import String

from spp_sorter.ros.queued import QueuedGroup, take_waiting


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("listener", context=context)
    rclpy.shutdown(context=context)


def test_messages_wait_until_they_are_taken(node: Node) -> None:
    called: list[String] = []
    queued = node.create_subscription(String, "words", called.append, 10, callback_group=QueuedGroup())
    heard: list[str] = []
    node.create_subscription(String, "words", lambda message: heard.append(message.data), 10)
    publisher = node.create_publisher(String, "words", 10)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    clock = node.get_clock()
    end_ns = clock.now().nanoseconds + int(WAIT_S * 1e9)
    while publisher.get_subscription_count() < 2 and clock.now().nanoseconds < end_ns:
        executor.spin_once(0.01)
    for word in "abcd":
        publisher.publish(String(data=word))
    while len(heard) < 4 and clock.now().nanoseconds < end_ns:
        executor.spin_once(0.1)
    assert called == []
    assert [message.data for message, _ in take_waiting(queued, 3)] == ["a", "b", "c"]
    assert [message.data for message, _ in take_waiting(queued, 3)] == ["d"]
    assert list(take_waiting(queued, 3)) == []
    node.destroy_subscription(queued)
    assert list(take_waiting(queued, 3)) == []


def test_its_events_are_still_handled(node: Node) -> None:
    queued = node.create_subscription(String, "words", print, 10, callback_group=QueuedGroup())
    group = queued.callback_group
    assert not group.can_execute(queued)
    assert queued.event_handlers
    assert all(group.can_execute(handler) for handler in queued.event_handlers)
