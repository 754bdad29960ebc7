"""What happened to every frame, counted: received = processed + dropped by cause + in work."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from spp_sorter.values import Level, Status

WINDOW = 600
"""Frames over which percentiles are taken: 20 s at 30 Hz."""

LATE_FRAMES = 64
"""Of frames that never came, how many may still come late and be heard then."""

RECENT_S = 10.0
"""How long something counts as recent, seconds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters at one moment.

    Attributes:
        received: frames that arrived since activation.
        processed: frames answered with detections.
        dropped: frames answered with nothing, by cause: ``replaced``, ``stale``, ``bad.<cause>``, ``failed.<error>``,
            ``deactivated``.
        lost: gaps in the publishers' sequence numbers: frames that never arrived.
        rejoins: how often the node left the graph and joined it anew, because it was cut off.
        overtaken: frames that were processed although the middleware had received a newer one.
        recent: causes of the last ``RECENT_S`` seconds with their numbers, ``lost``, ``received`` and ``rejoins`` among
            them.
        received_hz: rate of arrival over the last ``RECENT_S`` seconds.
        processed_hz: rate of results over the same time.
        silence_s: seconds since a frame arrived (since activation when none has), None before activation.
        waiting_s: seconds since the first frame arrived of those after the last answer; 0 when there is none.
        percentiles_ms: (p50, p95, p99) of each stage and of ``capture_to_publish``, milliseconds.
        statuses: named conditions since the last snapshot that took them, worst first.
        last_error: the last thing that went wrong, empty when nothing has.
    """

    received: int
    processed: int
    dropped: Mapping[str, int]
    lost: int
    rejoins: int
    overtaken: int
    recent: Mapping[str, int]
    received_hz: float
    processed_hz: float
    silence_s: float | None
    waiting_s: float
    percentiles_ms: Mapping[str, tuple[float, float, float]]
    statuses: tuple[Status, ...] = ()
    last_error: str = ""


@dataclass(slots=True)
class _Rate:
    times: deque[float] = field(default_factory=deque)

    def add(self, now_s: float) -> None:
        self.times.append(now_s)
        self.forget(now_s)

    def forget(self, now_s: float) -> None:
        while self.times and self.times[0] < now_s - RECENT_S:
            self.times.popleft()

    def per_second(self, now_s: float) -> float:
        self.forget(now_s)
        return (len(self.times) - 1) / max(now_s - self.times[0], 1e-3) if len(self.times) > 1 else 0.0


class Health:
    """Counts frames and remembers times; safe between threads. All times are of the steady clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_error = ""
        self._goes_on = False
        self.start()

    def go_on(self) -> None:
        """Let the next start keep all counts: the node only joins the graph anew."""
        with self._lock:
            self._goes_on = True
            self._rejoins += 1
            self._recent.append((time.monotonic(), "rejoins", 1))

    def start(self) -> None:
        """Begin at zero, as at activation; the last error stays."""
        now_s = time.monotonic()
        with self._lock:
            if self._goes_on:
                self._goes_on = False
                self._expect(now_s)
                return
            self._received = self._processed = self._lost = self._rejoins = self._overtaken = 0
            self._arrivals_ns: deque[int] = deque(maxlen=64)
            self._dropped: Counter[str] = Counter()
            self._recent: deque[tuple[float, str, int]] = deque(maxlen=10_000)
            self._numbers: dict[bytes, _Numbers] = {}
            self._rates = {"received": _Rate(), "processed": _Rate()}
            self._stages_ms: dict[str, deque[float]] = {}
            self._statuses: dict[str, Status] = {}
            self._expect(now_s)

    def _expect(self, now_s: float) -> None:
        self._heard_s: float | None = now_s
        self._answered_s = now_s
        self._waiting_from_s: float | None = None

    def stop(self) -> None:
        """Nothing is expected any more: silence is no condition."""
        with self._lock:
            self._heard_s = None

    def received(self, sequence: int | None = None, publisher: bytes = b"", received_ns: int = 0) -> int:
        """Count a frame that arrived.

        Args:
            sequence: the publisher's sequence number, None where the middleware gives none.
            publisher: the publisher's id; each numbers its own messages.
            received_ns: when the middleware received it, 0 where it does not say.

        Returns:
            How many frames of this publisher are missing just before it; -1 for one that had been missing and comes
            late, overtaken by a later one.
        """
        now_s = time.monotonic()
        with self._lock:
            self._received += 1
            self._heard_s = now_s
            if self._waiting_from_s is None:
                self._waiting_from_s = now_s
            self._rates["received"].add(now_s)
            self._arrivals_ns.append(received_ns)
            if sequence is None:
                return 0
            gap = self._numbers.setdefault(publisher, _Numbers()).take(sequence)
            if gap:
                self._lost += gap
                self._recent.append((now_s, "lost", gap))
            return gap

    def dropped(self, cause: str) -> None:
        """Count a frame that is answered with nothing."""
        with self._lock:
            self._dropped[cause] += 1
            self._recent.append((time.monotonic(), cause, 1))

    def processed(
        self, stages_ms: Mapping[str, float], statuses: Iterable[Status], received_ns: int = 0, started_ns: int = 0
    ) -> None:
        """Count a frame that was answered.

        Args:
            stages_ms: the time of each stage.
            statuses: the conditions that it met.
            received_ns: when the middleware received it, 0 where it does not say.
            started_ns: when the work on it began, by the same clock.
        """
        now_s = time.monotonic()
        with self._lock:
            self._processed += 1
            self._overtaken += any(received_ns < arrival < started_ns for arrival in self._arrivals_ns if received_ns)
            self._answered_s = now_s
            self._waiting_from_s = None
            self._rates["processed"].add(now_s)
            for stage, value in stages_ms.items():
                self._stages_ms.setdefault(stage, deque(maxlen=WINDOW)).append(value)
        for status in statuses:
            self.condition(status)

    def condition(self, status: Status) -> None:
        """Remember a named condition until a snapshot takes it."""
        with self._lock:
            self._statuses[status.name] = status

    def error(self, text: str) -> None:
        """Remember the last thing that went wrong."""
        with self._lock:
            self._last_error = text

    def unanswered_s(self) -> float:
        """Seconds since a frame was last answered (since activation when none was)."""
        with self._lock:
            return time.monotonic() - self._answered_s

    def snapshot(self, take_statuses: bool = False) -> Snapshot:
        """The counters now; ``take_statuses`` hands over the named conditions and forgets them."""
        now_s = time.monotonic()
        with self._lock:
            while self._recent and self._recent[0][0] < now_s - RECENT_S:
                self._recent.popleft()
            recent: Counter[str] = Counter()
            for _, cause, number in self._recent:
                recent[cause] += number
            self._rates["received"].forget(now_s)
            recent["lost"] = max(0, recent["lost"])  # a late frame can outlive the gap that it was missing from
            recent["received"] = len(self._rates["received"].times)
            statuses = tuple(sorted(self._statuses.values(), key=lambda status: (-status.level, status.name)))
            if take_statuses:
                self._statuses = {}
            return Snapshot(
                received=self._received,
                processed=self._processed,
                dropped=dict(self._dropped),
                lost=self._lost,
                rejoins=self._rejoins,
                overtaken=self._overtaken,
                recent=dict(recent),
                received_hz=self._rates["received"].per_second(now_s),
                processed_hz=self._rates["processed"].per_second(now_s),
                silence_s=None if self._heard_s is None else now_s - self._heard_s,
                waiting_s=0.0 if self._waiting_from_s is None else now_s - self._waiting_from_s,
                percentiles_ms={stage: _percentiles(values) for stage, values in self._stages_ms.items()},
                statuses=statuses,
                last_error=self._last_error,
            )


class _Numbers:
    """The sequence numbers of one publisher."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._missing: deque[int] = deque(maxlen=LATE_FRAMES)

    def take(self, sequence: int) -> int:
        """How many numbers are missing between the last one and this one; -1 where this one was missing until now."""
        if sequence in self._missing:
            self._missing.remove(sequence)
            return -1
        begins = self._last is None or sequence <= self._last  # below its last one a publisher begins anew
        if begins:
            self._missing.clear()
        gap = 0 if begins or self._last is None else sequence - self._last - 1
        self._missing.extend(range(max(sequence - gap, sequence - LATE_FRAMES), sequence))
        self._last = sequence
        return gap


def worst(statuses: Iterable[Status]) -> Level:
    """The worst level; OK when there is none."""
    return max((status.level for status in statuses), default=Level.OK)


def _percentiles(values: Iterable[float]) -> tuple[float, float, float]:
    p50, p95, p99 = np.percentile(list(values), (50, 95, 99))
    return float(p50), float(p95), float(p99)
