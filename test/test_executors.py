"""The executors that the node can run on: message info, activation again and again, and one that is missing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from node_cell import WAIT_S, Cell, picture, random_checkpoint
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import String

from spp_sorter.config import ConfigError
from spp_sorter.ros.executors import make_executor, with_info

pytest.importorskip("rclpy.experimental.events_executor", reason="this rclpy has no EventsExecutor")

KINDS = ("single", "events")


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("listener", context=context)
    rclpy.try_shutdown(context=context)


@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_gets_the_message_and_its_info(node: Node, kind: str) -> None:
    got: list[tuple[String, Any]] = []
    node.create_subscription(String, "words", with_info(lambda message, info: got.append((message, info))), 10)
    publisher = node.create_publisher(String, "words", 10)
    executor = make_executor(kind, node.context)
    executor.add_node(node)
    end_ns = node.get_clock().now().nanoseconds + int(WAIT_S * 1e9)
    while not got and node.get_clock().now().nanoseconds < end_ns:
        publisher.publish(String(data="word"))
        executor.spin_once(timeout_sec=0.1)
    executor.remove_node(node)
    message, info = got[0]
    assert message.data == "word"
    assert info["source_timestamp"] > 0
    assert info["publication_sequence_number"] >= 0


def test_the_executor_is_the_one_asked_for(node: Node) -> None:
    assert isinstance(make_executor("single", node.context), SingleThreadedExecutor)
    assert type(make_executor("events", node.context)).__name__ == "EventsExecutor"


def test_without_an_events_executor_the_error_names_the_remedy(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy.experimental.events_executor", None)
    with pytest.raises(ConfigError, match=r"'node\.executor' is 'events'.*set it to 'single'"):
        make_executor("events", node.context)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_answered_and_counted_through_many_activations(kind: str, tmp_path: Path) -> None:
    cell = Cell(random_checkpoint(tmp_path / "random.pt"), node__executor=kind).start()
    ended = threading.Event()

    def film() -> None:
        while not ended.wait(0.01):
            cell.peer.send(picture((48, 64)))

    camera = threading.Thread(target=film, daemon=True)
    try:
        camera.start()
        for _ in range(15):
            cell.node.trigger_deactivate()
            assert cell.node.lifecycle == "inactive"
            cell.node.trigger_activate()
            assert cell.node.lifecycle == "active"
        before = cell.node.health.snapshot().processed
        cell.peer.until(lambda: cell.node.health.snapshot().processed > before + 3, "frames after the last activation")
        ended.set()
        camera.join(WAIT_S)
        counters = cell.settled()
        assert counters.received == counters.processed + sum(counters.dropped.values())
    finally:
        ended.set()
        camera.join(WAIT_S)
        cell.close()
