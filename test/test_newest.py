"""No frame is processed when a newer one waits: not in the mailbox, not in the middleware."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from node_cell import WAIT_S
from rclpy.node import Node
from sensor_msgs.msg import Image

from spp_sorter.config import Config
from spp_sorter.ros import messages
from spp_sorter.ros.health import Health
from spp_sorter.ros.intake import Arrival, Intake


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("listener", context=context)
    rclpy.shutdown(context=context)


def image(stamp_ns: int) -> Image:
    return Image(header=messages.make_header(stamp_ns, "camera"))


def stamp_of(arrival: Arrival) -> int:
    return messages.stamp_to_ns(arrival.message.header.stamp)


def test_images_that_wait_in_the_middleware_replace_the_one_in_hand(node: Node) -> None:
    health, handed = Health(), []
    intake = Intake(node, Config(), health, handed.append, lambda _: None)
    publisher = node.create_publisher(Image, "image", 5)
    clock = node.get_clock()
    end_ns = clock.now().nanoseconds + int(WAIT_S * 1e9)
    while not publisher.get_subscription_count() and clock.now().nanoseconds < end_ns:
        rclpy.spin_once(node, timeout_sec=0.01)
    for stamp_ns in (20, 30):
        publisher.publish(image(stamp_ns))
    first = newest = Arrival(image(10), 1)
    while stamp_of(newest) != 30 and clock.now().nanoseconds < end_ns:
        newest = intake.newest(newest)
    assert stamp_of(newest) == 30
    assert newest.received_ns > first.received_ns
    assert intake.newest(newest) is newest
    counted = health.snapshot()
    assert (counted.received, counted.dropped) == (2, {"replaced": 2})
    intake._take_image(image(20), {"received_timestamp": newest.received_ns - 1})  # the executor had it in hand
    assert handed == []
    assert health.snapshot().dropped == {"replaced": 3}
    intake._take_image(image(40), {"received_timestamp": newest.received_ns + 1})
    assert [stamp_of(arrival) for arrival in handed] == [40]
    intake.close()


def test_a_frame_that_was_overtaken_is_counted() -> None:
    health = Health()
    for received_ns in (100, 200, 300):
        health.received(received_ns=received_ns)
    health.processed({}, (), received_ns=100, started_ns=150)
    assert health.snapshot().overtaken == 0
    health.processed({}, (), received_ns=100, started_ns=250)
    health.processed({}, (), received_ns=300, started_ns=400)
    assert health.snapshot().overtaken == 1
    health.processed({}, ())  # where the middleware does not say when
    assert health.snapshot().overtaken == 1
