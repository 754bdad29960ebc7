"""What a factory does to a node: clocks that jump, bags that loop, nonsense parameters, hanging detectors, signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from node_cell import Cell, picture, random_checkpoint, values_of
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from vision_msgs.msg import Detection3D, Detection3DArray

from spp_sorter.config import Config, DetectorConfig, parameters
from spp_sorter.ros import cycles, messages, shared_memory
from spp_sorter.ros.messages import stamp_to_ns
from spp_sorter.values import LABELS, Detections, ImageArray

ROOT = Path(__file__).resolve().parent.parent
SECOND_NS = 1_000_000_000


class SpeltOut:
    """A detector without a network that does what a test says."""

    label_names = LABELS
    description = "nothing, quickly"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()

    def configure(self, config: DetectorConfig) -> None:
        """No thresholds."""

    def warm_up(self) -> None:
        """Nothing to warm up."""

    def detect(self, image_bgr: ImageArray) -> Detections:
        assert image_bgr.ndim == 3
        self.busy.set()
        self.gate.wait()
        return Detections.empty()


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> SpeltOut:
    detector = SpeltOut()
    monkeypatch.setattr("spp_sorter.detector.Detector.from_config", lambda _: detector)
    return detector


@pytest.fixture
def cell(detector: SpeltOut, tmp_path: Path) -> Iterator[Cell]:
    assert detector.gate.is_set()
    cell = Cell(tmp_path / "none.pt", node__stale_after=0.5).start()
    yield cell
    detector.gate.set()
    cell.close()


def test_a_list_that_became_old_before_it_was_sent_is_sent_empty(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may stand still between the last look at the clock and the write."""
    cell.settled()
    assert cell.set(node__max_age=3.0)[0]
    made = messages.VisionWriter.picks

    def stand_still(writer: messages.VisionWriter, picks: Any, header: Any) -> Detection3DArray:
        message = made(writer, picks, header)
        message.detections = [Detection3D()]
        if stand_still_s:
            time.sleep(stand_still_s.pop())
        return message

    stand_still_s = [3.5]
    monkeypatch.setattr(messages.VisionWriter, "picks", stand_still)
    (late,) = cell.peer.answer(cell.peer.send(picture()), "pick_targets")
    assert list(late.detections) == []
    (prompt,) = cell.peer.answer(cell.peer.send(picture()), "pick_targets")
    assert len(prompt.detections) == 1


def test_a_detector_that_hangs_is_stale_and_its_late_answer_offers_nothing(cell: Cell, detector: SpeltOut) -> None:
    peer = cell.peer
    cell.settled()
    detector.gate.clear()
    detector.busy.clear()
    stamp_ns = peer.send(picture())
    assert detector.busy.wait(10.0)
    peer.got["pick_targets"].clear()
    status = peer.diagnosis("frames", lambda s: peer.send(picture()) and s.level == b"\x03" and "hangs" in s.message)
    assert float(values_of(status)["waiting_s"]) >= 0.5
    assert [list(m.detections) for m in peer.got["pick_targets"]] == [[]]
    detector.gate.set()
    peer.answer(stamp_ns)
    peer.answer(peer.send(picture()))
    assert all(not m.detections for m in peer.got["pick_targets"])


def test_a_detector_that_hangs_does_not_hold_up_deactivation_for_long(cell: Cell, detector: SpeltOut) -> None:
    cell.settled()
    detector.gate.clear()
    detector.busy.clear()
    cell.peer.send(picture())
    assert detector.busy.wait(10.0)
    started = time.monotonic()
    cell.node.trigger_deactivate()
    assert time.monotonic() - started < 2.0
    # Through ErrorProcessing, with the reason: the node let go of the model and waits to be configured again.
    assert cell.node.lifecycle == "unconfigured"
    assert "the detector hangs" in cell.node.health.snapshot().last_error
    detector.gate.set()
    cell.start()
    cell.peer.answer(cell.peer.send(picture()))


def test_an_error_that_nobody_foresaw_goes_through_error_processing(
    detector: SpeltOut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell(tmp_path / "none.pt")
    try:
        for error, lifecycle in ((KeyError("surprise"), "unconfigured"), (OSError("no disk"), "inactive")):
            with monkeypatch.context() as patch:
                patch.setattr("spp_sorter.ros.pipeline.Intake", lambda *_, error=error: (_ for _ in ()).throw(error))
                assert cell.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
                assert cell.node.trigger_activate() != TransitionCallbackReturn.SUCCESS
            assert cell.node.lifecycle == lifecycle
            assert str(error) in cell.node.health.snapshot().last_error
            if lifecycle == "inactive":
                assert cell.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        cell.start()
        assert detector.busy.is_set()
    finally:
        cell.close()


def test_a_clock_that_jumps_and_a_bag_that_loops(detector: SpeltOut, tmp_path: Path) -> None:
    """Simulated time: forward by an hour, back by two, and from the start again; frames of that time are answered."""
    cell = Cell(tmp_path / "none.pt", use_sim_time=True, node__max_age=1.0)
    peer = cell.peer
    clock = peer.node.create_publisher(Clock, "/clock", 10)

    def tick(now_s: float) -> int:
        now_ns = round(now_s * SECOND_NS)
        clock.publish(Clock(clock=Time(sec=now_ns // SECOND_NS, nanosec=now_ns % SECOND_NS)))
        peer.until(lambda: cell.node.get_clock().now().nanoseconds == now_ns, f"time {now_s}")
        return now_ns

    try:
        cell.node.start()
        peer.until(lambda: clock.get_subscription_count(), "the node's clock")
        peer.until(lambda: peer.image.get_subscription_count(), "the node's image subscription")
        peer.until(lambda: peer.node.count_publishers(f"{peer.name}/detections"), "outputs")
        peer.until(lambda: answered(cell, tick(100.0)), "a first answer")
        for start_s in (100.0, 3700.0, 50.0, 50.0):
            for step in range(1, 4):
                stamp_ns = tick(start_s + 0.1 * step)
                peer.send(picture(), stamp_ns)
                peer.answer(stamp_ns, "detections", "pick_targets")
        before = cell.settled().dropped.get("stale", 0)
        peer.send(picture(), tick(60.0) - 5 * SECOND_NS)
        peer.until(lambda: cell.node.health.snapshot().dropped.get("stale", 0) == before + 1, "a stale frame")
        assert detector.busy.is_set()
    finally:
        cell.close()


def answered(cell: Cell, stamp_ns: int) -> bool:
    cell.peer.send(picture(), stamp_ns)
    time.sleep(0.1)
    return cell.peer.by_stamp("detections", stamp_ns) is not None


ANY_VALUE = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.floats(), max_size=5),
    st.lists(st.text(max_size=5), max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.lists(st.binary(min_size=1, max_size=1), max_size=3),
)


def test_no_value_of_any_parameter_breaks_the_settings(cell: Cell) -> None:
    names = st.sampled_from([parameter.name for parameter in parameters()])

    @settings(max_examples=300)
    @given(st.dictionaries(names, ANY_VALUE, max_size=4))
    def attempt(changes: dict[str, object]) -> None:
        before = cell.node.config
        given_values = [Parameter(name, value=value) for name, value in changes.items()]
        result = cell.node.set_parameters_atomically(given_values)
        assert Config.from_flat(cell.node.config.flat()) == cell.node.config
        if not result.successful:
            assert result.reason
            assert cell.node.config == before

    attempt()
    cell.set(node__max_age=600.0)
    cell.peer.answer(cell.peer.send(picture()))


def test_a_signal_while_the_model_loads_ends_the_node(tmp_path: Path) -> None:
    """SIGTERM in the middle of configuring, where Python's own handlers would wait for torch."""
    checkpoint = random_checkpoint(tmp_path / "random.pt")
    command = [sys.executable, "-c", SLOW_START, "--ros-args", "-p", f"model.checkpoint:={checkpoint}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    while "loading" not in process.stdout.readline():
        assert process.poll() is None
    segments = shared_memory.segments_of(process.pid)
    assert segments
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - started < 2.0
    assert process.returncode == 0, output
    assert shared_memory.clear(segments) == [], "left behind in /dev/shm"


SLOW_START = """
import ctypes
from spp_sorter.ros.sorter_node import SorterNode, main
def load_detector(self, config):
    print("loading", flush=True)
    while True:  # never gives up, and holds the interpreter's lock meanwhile, as a library that loads may do
        ctypes.PyDLL(None).usleep(50_000)
SorterNode.load_detector = load_detector
main()
"""


def test_lifecycle_in_any_order_leaves_nothing_behind(detector: SpeltOut) -> None:
    """Without a network; ``spp_sorter benchmark lifecycle`` does it a thousand times with one."""
    figures = cycles.cycle(40, 1, {})
    assert figures["failures"] == []
    assert (figures["configure"], figures["cleanup"]) == (40, 40)
    assert figures["refused"] > 40
    assert figures["open_files_growth"] == figures["threads_growth"] == 0
    assert detector.gate.is_set()


def test_stamps_of_withdrawals_are_true(cell: Cell) -> None:
    """The list that takes picks back bears the last answered image's stamp, never `now`."""
    peer = cell.peer
    stamp_ns = peer.send(picture())
    peer.answer(stamp_ns, "pick_targets")
    count = len(peer.got["pick_targets"])
    peer.until(lambda: len(peer.got["pick_targets"]) > count, "the withdrawal")
    assert stamp_to_ns(peer.got["pick_targets"][-1].header.stamp) == stamp_ns
    assert np.all([not m.detections for m in peer.got["pick_targets"][count:]])
