"""Counters, and what /diagnostics makes of them; transport on real publishers and subscriptions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image

from spp_sorter.config import NodeConfig
from spp_sorter.ros import health as health_module
from spp_sorter.ros import transport
from spp_sorter.ros.diagnostics import NodeState, diagnostic_array
from spp_sorter.ros.health import Health, Snapshot
from spp_sorter.ros.transport import TopicReport, TopicWatch
from spp_sorter.values import Level, Status

ACTIVE = NodeState("cell_1/spp_sorter", "active", "default.pt on CPU")
CONFIG = NodeConfig()


def parts(
    snapshot: Snapshot, state: NodeState = ACTIVE, topics: list[TopicReport] | None = None
) -> dict[str, DiagnosticStatus]:
    """Statuses by the last word of their name, through CDR."""
    message = diagnostic_array(Time(sec=5), state, snapshot, topics or [], CONFIG)
    message = deserialize_message(serialize_message(message), DiagnosticArray)
    assert message.header.stamp.sec == 5
    for status in message.status:
        assert status.name.startswith("cell_1/spp_sorter: ")
    return {status.name.rpartition(" ")[2]: status for status in message.status}


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def level(status: DiagnosticStatus) -> Level:
    return Level(ord(status.level))


def test_every_frame_is_accounted_for() -> None:
    health = Health()
    for _ in range(10):
        health.received()
    for cause in ("replaced", "replaced", "bad.truncated", "stale", "failed.RuntimeError"):
        health.dropped(cause)
    for _ in range(5):
        health.processed({"detect": 1.0}, ())
    snapshot = health.snapshot()
    assert snapshot.received == snapshot.processed + sum(snapshot.dropped.values()) == 10
    shown = values(parts(snapshot)["frames"])
    assert (shown["received"], shown["processed"], shown["dropped"]) == ("10", "5", "5")
    assert (shown["dropped.replaced"], shown["dropped.bad.truncated"]) == ("2", "1")
    health.start()
    assert health.snapshot().received == 0


def test_counting_is_safe_between_threads() -> None:
    health = Health()

    def count() -> None:
        for _ in range(2000):
            health.received()
            health.dropped("replaced")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (health.snapshot().received, health.snapshot().dropped) == (8000, {"replaced": 8000})


def test_gaps_in_sequence_numbers_by_publisher() -> None:
    health = Health()
    gaps = [health.received(number, b"a") for number in (5, 6, 9, 10)]
    gaps += [health.received(number, b"b") for number in (100, 101, 102)]
    gaps += [health.received(1, b"a"), health.received(2, b"a"), health.received(None)]
    assert gaps == [0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
    assert health.snapshot().lost == 2
    transport_part = parts(health.snapshot())["transport"]
    assert level(transport_part) == Level.WARN
    assert "fastdds.xml" in transport_part.message
    assert values(transport_part)["lost"] == "2"


def test_a_frame_that_comes_late_is_not_lost() -> None:
    health = Health()
    gaps = [health.received(number, b"a") for number in (1, 2, 6, 4, 5, 7, 3, 8)]
    assert gaps == [0, 0, 3, -1, -1, 0, -1, 0]
    assert (health.snapshot().lost, health.snapshot().received) == (0, 8)
    assert health.received(20, b"a") == 11
    assert health.received(20 - 11, b"b") == 0  # another publisher's numbers say nothing of the first one's
    assert [health.received(number, b"a") for number in (1, 2, 9, 10)] == [0, 0, 6, 0]  # begun anew: none is late
    assert health.snapshot().lost == 11 + 6


def test_only_the_last_missing_frames_can_come_late() -> None:
    health = Health()
    gap = 3 * health_module.LATE_FRAMES
    assert [health.received(number) for number in (1, gap + 2)] == [0, gap]
    assert health.received(gap + 2 - health_module.LATE_FRAMES) == -1
    assert health.snapshot().lost == gap - 1


def test_percentiles_of_each_stage() -> None:
    health = Health()
    for number in range(1, 101):
        health.processed({"detect": float(number), "capture_to_publish": 2.0 * number}, ())
    p50, p95, p99 = health.snapshot().percentiles_ms["detect"]
    assert (p50, p95, p99) == pytest.approx((50.5, 95.05, 99.01))
    latency = parts(health.snapshot())["latency"]
    assert values(latency)["capture_to_publish.p95_ms"] == "190.100"
    assert "p95 190.1 ms" in latency.message
    for _ in range(health_module.WINDOW):
        health.processed({"detect": 7.0}, ())
    assert health.snapshot().percentiles_ms["detect"] == (7.0, 7.0, 7.0)


def test_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    health = Health()
    for _ in range(31):
        health.received()
        now[0] += 1 / 30
    assert health.snapshot().received_hz == pytest.approx(30.0, rel=0.04)
    now[0] += health_module.RECENT_S
    assert health.snapshot().received_hz == 0.0


def test_what_was_lately_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    health = Health()
    health.received()
    health.dropped("bad.empty")
    status = parts(health.snapshot())["frames"]
    assert (level(status), "1 bad.empty" in status.message) == (Level.WARN, True)
    now[0] += health_module.RECENT_S + 1
    health.received()
    health.processed({}, ())
    status = parts(health.snapshot())["frames"]
    assert level(status) == Level.OK
    assert values(status)["dropped.bad.empty"] == "1"


def test_silence_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    health = Health()
    now[0] += CONFIG.stale_after - 0.1
    assert level(parts(health.snapshot())["frames"]) == Level.OK
    now[0] += 0.2
    status = parts(health.snapshot())["frames"]
    assert level(status) == Level.STALE
    assert "withdrawn" in status.message
    assert health.unanswered_s() == pytest.approx(CONFIG.stale_after + 0.1)
    health.stop()
    assert level(parts(health.snapshot(), replace(ACTIVE, lifecycle="inactive"))["frames"]) == Level.OK


def test_frames_that_nobody_answers_are_stale_too(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    health = Health()
    now[0] += 1000.0  # a camera that comes back late is no detector that hangs
    health.received()
    assert level(parts(health.snapshot())["frames"]) == Level.OK
    now[0] += CONFIG.stale_after
    health.received()
    status = parts(health.snapshot())["frames"]
    assert level(status) == Level.STALE
    assert "hangs" in status.message
    health.dropped("bad.truncated")
    assert "1 bad.truncated" in parts(health.snapshot())["frames"].message
    health.processed({}, ())
    assert level(parts(health.snapshot())["frames"]) == Level.WARN


@pytest.mark.parametrize(("sim_time", "remedy"), [(False, "use_sim_time"), (True, "--clock")])
def test_old_stamps_name_the_remedy(sim_time: bool, remedy: str) -> None:
    health = Health()
    health.received()
    health.dropped("stale")
    status = parts(health.snapshot(), replace(ACTIVE, sim_time=sim_time))["frames"]
    assert level(status) == Level.STALE
    assert "node.max_age" in status.message
    assert remedy in status.message


def test_every_condition_is_shown_once_taken() -> None:
    health = Health()
    warn = Status("no_camera_info", Level.ERROR, "calibrate the camera")
    health.processed({}, [warn, Status("belt_stopped", Level.OK, "the belt stands")])
    status = parts(health.snapshot(take_statuses=True))["sorting"]
    assert level(status) == Level.ERROR
    assert values(status) == {"no_camera_info": "ERROR: calibrate the camera", "belt_stopped": "OK: the belt stands"}
    assert status.message.startswith("no_camera_info")
    assert parts(health.snapshot())["sorting"].message == "no conditions"


def test_failures_and_the_last_error() -> None:
    health = Health()
    health.error("RuntimeError: CUDA out of memory")
    assert level(parts(health.snapshot())["detector"]) == Level.OK
    assert values(parts(health.snapshot())["detector"])["last_error"] == "RuntimeError: CUDA out of memory"
    waiting = NodeState("cell_1/spp_sorter", "unconfigured")
    assert level(parts(health.snapshot(), waiting)["detector"]) == Level.ERROR
    health.dropped("failed.RuntimeError")
    status = parts(health.snapshot())["detector"]
    assert level(status) == Level.ERROR
    assert "CUDA out of memory" in status.message


class Graph:
    """A node whose subscriptions are watched."""

    def __init__(self, context: rclpy.Context) -> None:
        self.context = context
        self.node = Node("listener", context=context)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)

    def watch(self, kind: type, qos: QoSProfile, topic: str = "image") -> TopicWatch:
        watch: list[TopicWatch] = []
        subscription = self.node.create_subscription(kind, topic, lambda _: watch[0].heard(), qos)
        watch.append(TopicWatch(self.node, topic, [subscription], required=True))
        return watch[0]

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end
            self.executor.spin_once(timeout_sec=0.02)


@pytest.fixture
def graph() -> Iterator[Graph]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Graph(context)
    rclpy.shutdown(context=context)


@pytest.fixture
def other() -> Iterator[Node]:
    """A node in a DDS participant of its own: one participant has one type for a topic."""
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("talker", context=context)
    rclpy.shutdown(context=context)


BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)


def name_of(watch: TopicWatch) -> str | None:
    status = watch.report().status
    return None if status is None else status.name


def test_nobody_then_silent_then_heard(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SILENT_AFTER_S", 0.3)
    watch = graph.watch(Image, BEST_EFFORT)
    assert name_of(watch) == "image_no_publisher"
    publisher = graph.node.create_publisher(Image, "image", BEST_EFFORT)
    graph.until(lambda: watch.report().publishers == 1)
    assert name_of(watch) is None
    graph.until(lambda: name_of(watch) == "image_silent")
    status = watch.report().status
    assert status is not None
    assert "fastdds.xml" in status.message
    assert level(parts(Health().snapshot(), topics=[watch.report()])["transport"]) == Level.WARN
    publisher.publish(Image())
    graph.until(lambda: watch.report().messages == 1)
    assert name_of(watch) is None


def test_a_publisher_of_another_type_or_qos(graph: Graph, other: Node) -> None:
    wrong_type = graph.watch(Image, BEST_EFFORT, "a")
    wrong_qos = graph.watch(Image, RELIABLE, "b")
    other.create_publisher(CompressedImage, "a", BEST_EFFORT)
    other.create_publisher(Image, "b", BEST_EFFORT)
    graph.until(lambda: name_of(wrong_type) == "a_mismatch" and name_of(wrong_qos) == "b_mismatch")
    type_status, qos_status = wrong_type.report().status, wrong_qos.report().status
    assert type_status is not None
    assert qos_status is not None
    assert "sensor_msgs/msg/CompressedImage" in type_status.message
    assert "image_transport" in type_status.message
    assert "qos_overrides./b.subscription.reliability" in qos_status.message
