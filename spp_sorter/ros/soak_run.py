"""Runs the graph of a soak run: starts its processes, injects the faults, and takes samples of the sorter's process."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from spp_sorter.ros import graph
from spp_sorter.ros.cell import CellStart
from spp_sorter.ros.process_size import ProcessSize, process_size
from spp_sorter.ros.processes import Child, Processes, tail
from spp_sorter.ros.soak_camera import SentFrame, read_sent
from spp_sorter.ros.soak_faults import Fault
from spp_sorter.ros.soak_judge import Injected
from spp_sorter.ros.soak_witness import Witness

READY_WITHIN_S = 180.0
"""For loading the model on a slow machine, and for a camera to come back on one."""

SILENCE_S = 0.5
"""A camera is silent for this long before it is killed: what is in flight then arrives, and can be accounted for."""

DRAIN_WITHIN_S = 20.0

_SORTER, _CAMERA, _ARM, _LISTENER = "sorter", "camera", "arm", "listener"
_POLL_S = 0.05


class SoakError(RuntimeError):
    """The graph did not come up; the text says what was waited for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sorter's process at one moment: seconds since the start, and what it takes of the machine."""

    seconds: float
    size: ProcessSize


@dataclass(slots=True)
class SoakRun:
    """A graph under test.

    Attributes:
        processes: the nodes.
        witness: listens.
        start: the world.
        log: where the camera writes down what it sends.
        faults: what was injected.
        samples: of the sorter's process.
        crashes: processes that ended on their own, with the end of their logs.
    """

    processes: Processes
    witness: Witness
    start: CellStart
    log: Path
    faults: list[Injected] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)

    def begin(self, parameters: dict[str, object]) -> None:
        """Start the graph and wait until frames are answered.

        Raises:
            SoakError: they are not in time.
        """
        self.processes.start(_SORTER, "spp_sorter.ros.soak_sorter", ros_arguments(parameters))
        self.processes.start(
            _ARM, "spp_sorter.ros.arm_node", ["--ros-args", "-r", f"pick_targets:={graph.PICK_TARGETS}"]
        )
        self.processes.start(_LISTENER, "spp_sorter.ros.soak_listener", [])
        self._start_camera()
        self._wait_for_answer("the first answer of the sorter")

    def go_on(self, faults: Iterator[Fault], seconds: float, peace_s: float, progress: bool) -> None:
        """Inject faults, with peace between them, until the time is over or the sorter has crashed."""
        started = time.monotonic()
        with tqdm(total=round(seconds), unit="s", disable=not progress, desc="soaking") as bar:
            while time.monotonic() - started < seconds and not self.crashes:
                self._rest(peace_s)
                if not self.crashes:
                    self._inject(next(faults))
                self._sample(time.monotonic() - started)
                bar.update(min(round(time.monotonic() - started), round(seconds)) - bar.n)
        self._rest(peace_s)

    def drain(self) -> None:
        """Let the camera fall silent, and wait until the sorter has counted everything."""
        self.witness.say_fault("camera_silent")
        time.sleep(SILENCE_S)
        ended_ns, deadline = time.time_ns() + 1_200_000_000, time.monotonic() + DRAIN_WITHIN_S
        while time.monotonic() < deadline:
            frames = self.witness.heard.statuses.get("spp_sorter: frames", {})
            dropped, processed = int(frames.get("dropped", 0)), int(frames.get("processed", 0))
            if int(frames.get("heard_ns", 0)) > ended_ns and int(frames["received"]) == processed + dropped:
                return
            time.sleep(_POLL_S)

    def end_sorter(self) -> tuple[int | None, float]:
        """Interrupt the sorter; returns its exit code (None: it did not end in 10 s) and the seconds that it took."""
        process = self._child(_SORTER).process
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(Exception):
            process.wait(10.0)
        return process.poll(), time.monotonic() - started

    def sent(self) -> list[SentFrame]:
        """Every frame that the camera has sent."""
        return read_sent(self.log)[0]

    def _child(self, name: str) -> Child:
        return next(child for child in self.processes.children if child.name.split("-")[0] == name)

    def _start_camera(self) -> None:
        number = len(read_sent(self.log)[1])
        arguments = ["--start", self.start.to_json(), "--log", str(self.log)]
        self.processes.start(f"{_CAMERA}-{number}", "spp_sorter.ros.soak_camera", arguments)

    def _wait_for_answer(self, what: str) -> None:
        before, deadline = len(self.witness.heard.answers), time.monotonic() + READY_WITHIN_S
        while len(self.witness.heard.answers) == before:
            self.processes.check()
            if time.monotonic() > deadline:
                raise SoakError(f"waited {READY_WITHIN_S:.0f} s for {what}, in vain")
            time.sleep(_POLL_S)

    def _rest(self, seconds: float) -> None:
        """Let time pass and look after the processes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.crashes:
            for child in self.processes.children:
                code = child.process.poll()
                if code is not None:
                    self.crashes.append(f"{child.name} ended with code {code}; the end of its log:\n{tail(child.log)}")
            time.sleep(_POLL_S)

    def _inject(self, fault: Fault) -> None:
        from_ns = time.time_ns()
        if fault.where != "soak":
            self.witness.say_fault(fault.name)
            self._rest(fault.seconds)
            self.witness.say_fault("")
            to_ns = time.time_ns()
        elif fault.name == "camera_gone":
            to_ns = self._replace_camera(fault.seconds)
        elif fault.name == "parameters_garbage":
            self.witness.set_garbage()
            self._rest(fault.seconds)
            to_ns = time.time_ns()
        else:
            to_ns = self._pause(_SORTER if fault.name == "sorter_paused" else _LISTENER, fault.seconds)
        self.faults.append(Injected(fault.name, from_ns, to_ns, fault.located))

    def _replace_camera(self, seconds: float) -> int:
        """Kill the camera and start another; returns when its publishers came up, which is when the fault is over."""
        self.witness.say_fault("camera_silent")
        time.sleep(SILENCE_S)
        self.processes.kill(self._child(_CAMERA))
        self._rest(seconds)
        self.witness.say_fault("")
        cameras = len(read_sent(self.log)[1])
        self._start_camera()
        deadline = time.monotonic() + READY_WITHIN_S
        while len(read_sent(self.log)[1]) == cameras:
            if time.monotonic() > deadline:
                raise SoakError("the camera did not come back")
            self._rest(_POLL_S)
        return read_sent(self.log)[1][-1]

    def _pause(self, name: str, seconds: float) -> int:
        process = self._child(name).process
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        return time.time_ns()

    def _sample(self, seconds: float) -> None:
        with contextlib.suppress(OSError, StopIteration):
            self.samples.append(Sample(seconds, process_size(self._child(_SORTER).process.pid)))


def ros_arguments(parameters: dict[str, object]) -> list[str]:
    """Parameters as arguments of a node."""
    words = ["--ros-args"]
    for name, value in parameters.items():
        words += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
    return words
