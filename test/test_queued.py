"""Subscriptions that wake no executor, whose messages are taken oldest first, and messages in an executor's hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from node_cell import WAIT_S
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import String

from spp_sorter.ros.queued import LONGEST_IN_HAND_S, AnnouncedGroup, QueuedGroup, take_waiting


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("listener", context=context)
    rclpy.shutdown(context=context)


def matched(node: Node, publisher: Publisher, subscriptions: int = 1) -> SingleThreadedExecutor:
    """An executor that has spun the node until so many subscriptions hear the publisher."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end_s = time.monotonic() + WAIT_S
    while publisher.get_subscription_count() < subscriptions and time.monotonic() < end_s:
        executor.spin_once(0.01)
    return executor


def test_messages_wait_until_they_are_taken(node: Node) -> None:
    called: list[String] = []
    queued = node.create_subscription(String, "words", called.append, 10, callback_group=QueuedGroup())
    heard: list[str] = []
    node.create_subscription(String, "words", lambda message: heard.append(message.data), 10)
    publisher = node.create_publisher(String, "words", 10)
    executor = matched(node, publisher, 2)
    end_s = time.monotonic() + WAIT_S
    for word in "abcd":
        publisher.publish(String(data=word))
    while len(heard) < 4 and time.monotonic() < end_s:
        executor.spin_once(0.1)
    assert called == []
    assert [message.data for message, _ in take_waiting(queued, 3)] == ["a", "b", "c"]
    assert [message.data for message, _ in take_waiting(queued, 3)] == ["d"]
    assert list(take_waiting(queued, 3)) == []
    node.destroy_subscription(queued)
    assert list(take_waiting(queued, 3)) == []


def test_an_executor_sleeps_while_messages_wait(node: Node) -> None:
    queued = node.create_subscription(String, "words", print, 10, callback_group=QueuedGroup())
    publisher = node.create_publisher(String, "words", 10)
    executor = matched(node, publisher)
    publisher.publish(String(data="a"))
    busy_s = time.thread_time()
    for _ in range(5):
        executor.spin_once(0.1)
    assert time.thread_time() - busy_s < 0.1
    assert [message.data for message, _ in take_waiting(queued, 3)] == ["a"]


def test_a_message_in_the_executors_hand_is_waited_for(node: Node) -> None:
    group, go_on = AnnouncedGroup(), threading.Event()
    began, heard = threading.Event(), []

    def take(message: String) -> None:
        began.set()
        go_on.wait(WAIT_S)
        heard.append(message.data)

    node.create_subscription(String, "words", take, 10, callback_group=group)
    publisher = node.create_publisher(String, "words", 10)
    executor = matched(node, publisher)
    group.wait_until_handed_over()  # nothing is in hand
    publisher.publish(String(data="a"))
    spinning = threading.Thread(target=executor.spin_once, args=(WAIT_S,))
    spinning.start()
    assert began.wait(WAIT_S)
    threading.Timer(0.2 * LONGEST_IN_HAND_S, go_on.set).start()
    group.wait_until_handed_over()
    assert heard == ["a"]
    spinning.join(WAIT_S)


def test_a_message_that_nobody_hands_over_is_not_waited_for_twice(node: Node) -> None:
    group = AnnouncedGroup()
    subscription = node.create_subscription(String, "words", print, 10, callback_group=group)
    assert group.beginning_execution(subscription)
    started = time.monotonic()
    group.wait_until_handed_over()
    first_s = time.monotonic() - started
    group.wait_until_handed_over()
    assert first_s >= 0.8 * LONGEST_IN_HAND_S
    assert time.monotonic() - started - first_s < LONGEST_IN_HAND_S
