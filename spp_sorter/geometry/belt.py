"""How far the belt has moved between two stamps, from which source, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from spp_sorter.config import BeltConfig
from spp_sorter.geometry.belt_readings import (
    MAX_EXTRAPOLATION_S,
    TIME_JUMP_S,
    Estimate,
    PositionReadings,
    VelocityReadings,
)
from spp_sorter.values import BeltSample, FloatArray, Level, Status

STOPPED_MPS = 0.01
"""A belt slower than this stands."""

_SCALE_STD = {"encoder": 0.001, "velocity": 0.003, "constant": 0.003}


@dataclass(frozen=True, slots=True)
class Displacement:
    """How far the belt moved along +x of ``belt``.

    Attributes:
        metres: the displacement.
        std_m: its standard deviation.
        source: ``encoder``, ``velocity`` or ``constant``.
    """

    metres: float
    std_m: float
    source: str


@dataclass(frozen=True, slots=True)
class Velocity:
    """Belt velocity along +x of ``belt``, its standard deviation and its source."""

    metres_per_second: float
    std_mps: float
    source: str


@dataclass(frozen=True, slots=True)
class BeltPosition:
    """Position of the belt at a stamp on a scale that never jumps, for whoever follows items over many frames.

    Attributes:
        metres: position; only differences mean anything.
        std_m: noise of this very value.
        drift_m2: variance built up since the start; a difference of positions carries the difference of these.
        scale_std: relative error that all displacements share (wheel diameter, slip, sensor gain).
        source: ``encoder``, ``velocity`` or ``constant``.
    """

    metres: float
    std_m: float
    drift_m2: float
    scale_std: float
    source: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where the belt will go from a stamp on: what is known since then, and an extrapolation after that.

    Attributes:
        stamp_ns: the stamp it starts from.
        known_s: seconds from there to the newest knowledge.
        known_m: displacement by then.
        latest: the belt's state then.
        scale_std: relative error of all displacements.
        source: ``encoder``, ``velocity`` or ``constant``.
    """

    stamp_ns: int
    known_s: float
    known_m: float
    latest: Estimate
    scale_std: float
    source: str

    @property
    def velocity_mps(self) -> float:
        """Velocity at the newest knowledge."""
        return self.latest.velocity_mps

    @property
    def stopped(self) -> bool:
        """Whether the belt stands."""
        return abs(self.velocity_mps) < STOPPED_MPS

    def seconds_to(self, metres: FloatArray) -> FloatArray:
        """When the belt will have moved.

        Args:
            metres: [N] displacements from ``stamp_ns`` on.

        Returns:
            [N] float64 seconds after ``stamp_ns``, negative for the past, inf for never.
        """
        v, driven_s = self.latest.velocity_mps, MAX_EXTRAPOLATION_S
        # A braking belt is not believed to stop or turn round before it has.
        a = max(self.latest.acceleration_mps2 * math.copysign(1.0, v), -0.7 * abs(v) / driven_s) * math.copysign(1.0, v)
        left = np.asarray(metres, np.float64) - self.known_m
        if self.stopped:
            return np.full(left.shape, np.inf)
        seconds = left / v
        if a != 0.0:
            # v t + a t^2 / 2 = left, in the form without cancellation; later, the speed reached at driven_s is kept.
            root = np.sqrt(np.maximum(v * v + 2.0 * a * left, 0.0))
            near = 2.0 * left / (v + math.copysign(1.0, v) * root)
            far = (left + 0.5 * a * driven_s**2) / (v + a * driven_s)
            moved_near = v * driven_s + 0.5 * a * driven_s**2
            seconds = np.where(left * v <= 0.0, seconds, np.where(np.abs(left) <= abs(moved_near), near, far))
        return np.asarray(self.known_s + seconds)

    def std_at(self, seconds: FloatArray) -> FloatArray:
        """Standard deviation [N], metres, of the displacement from ``stamp_ns`` to ``seconds`` [N] later."""
        ahead = np.maximum(np.asarray(seconds, np.float64) - self.known_s, 0.0)
        bow = 0.5 * self.latest.acceleration_std_mps2 * ahead * np.minimum(ahead, 1.0)
        variance = self.latest.std_m**2 + (self.latest.velocity_std_mps * ahead) ** 2 + bow**2
        return np.asarray(np.sqrt(variance))


class BeltMotion:
    """The belt's motion from encoder position, from velocity or from a constant speed.

    ``auto`` takes the encoder where it speaks, else the velocity, else the constant speed; a sensor that has spoken and
    fell silent is not replaced by the constant speed, because a silent sensor often means a belt that stands.

    Args:
        config: which source, constant speed, offset of the encoder's clock, rollover.
    """

    def __init__(self, config: BeltConfig) -> None:
        self._config = config
        self._encoder = PositionReadings(config.encoder_rollover)
        self._speed = VelocityReadings()
        self.reset()

    def reset(self) -> None:
        """Forget everything that was read."""
        self._encoder.clear()
        self._speed.clear()
        self._last: tuple[int, float, float, str] | None = None
        self._offset_m = 0.0
        self._extra_drift_m2 = 0.0
        self._zero_ns: int | None = None

    def configure(self, config: BeltConfig) -> None:
        """Take new settings; readings are kept unless the encoder's own settings changed."""
        if (config.encoder_offset, config.encoder_rollover) != (
            self._config.encoder_offset,
            self._config.encoder_rollover,
        ):
            self._encoder = PositionReadings(config.encoder_rollover)
            self._speed.clear()
        self._config = config

    def add(self, sample: BeltSample) -> Status | None:
        """Take one reading.

        A reading more than 0.5 s older than the newest one means that time has started again (a bag loops): all
        earlier readings are forgotten.

        Returns:
            None, or what is wrong with it: ``belt_position_not_finite``, ``belt_velocity_not_finite``,
            ``belt_sample_empty``, ``belt_sample_out_of_order``, ``belt_encoder_restarted``, ``belt_time_jump``.
        """
        stamp_ns = sample.stamp_ns + round(self._config.encoder_offset * 1e9)
        status = None
        if sample.position_m is not None:
            status = self._restart_if_jumped(self._encoder, stamp_ns)
            status = self._encoder.add(stamp_ns, float(sample.position_m)) or status
            if sample.velocity_mps is None or not math.isfinite(sample.velocity_mps):
                return status
        elif sample.velocity_mps is None:
            return Status("belt_sample_empty", Level.WARN, "a belt reading has neither position nor velocity; dropped")
        status = self._restart_if_jumped(self._speed, stamp_ns) or status
        return self._speed.add(stamp_ns, float(sample.velocity_mps)) or status

    def _restart_if_jumped(self, readings: PositionReadings | VelocityReadings, stamp_ns: int) -> Status | None:
        back_s = readings.newest_s() - readings.seconds(stamp_ns)
        if back_s <= TIME_JUMP_S:
            return None
        self.reset()
        return Status(
            "belt_time_jump", Level.WARN, f"belt readings jumped {back_s:.2f} s back in time; earlier ones forgotten"
        )

    def position(self, stamp_ns: int) -> BeltPosition | Status:
        """The belt at ``stamp_ns`` on a scale that goes on across a change of source; call with growing stamps."""
        source, estimate = self._estimate(stamp_ns)
        if isinstance(estimate, Status):
            return estimate
        if self._last is not None and self._last[3] != source:
            seconds = (stamp_ns - self._last[0]) * 1e-9
            moved = self._last[2] * seconds
            self._offset_m = self._last[1] + moved - estimate.position_m
            self._extra_drift_m2 += (0.1 * moved) ** 2
        metres = estimate.position_m + self._offset_m
        self._last = (stamp_ns, metres, estimate.velocity_mps, source)
        return BeltPosition(
            metres, estimate.std_m, estimate.drift_m2 + self._extra_drift_m2, _SCALE_STD[source], source
        )

    def displacement(self, from_ns: int, to_ns: int) -> Displacement | Status:
        """How far the belt moved from one stamp to another (negative when ``to_ns`` is earlier).

        Returns:
            The displacement, or a status ``belt_motion_unknown``, ``belt_motion_stale``, ``belt_velocity_not_finite``
            or ``belt_texture_unavailable``.
        """
        source, start = self._estimate(from_ns)
        if isinstance(start, Status):
            return start
        end = self._estimate_by(source, to_ns)
        if isinstance(end, Status):
            return end
        metres = end.position_m - start.position_m
        variance = start.std_m**2 + end.std_m**2 + abs(end.drift_m2 - start.drift_m2)
        return Displacement(metres, math.sqrt(variance + (_SCALE_STD[source] * metres) ** 2), source)

    def velocity(self, stamp_ns: int) -> Velocity | Status:
        """The belt's velocity at a stamp, or a status as ``displacement``."""
        source, estimate = self._estimate(stamp_ns)
        if isinstance(estimate, Status):
            return estimate
        return Velocity(estimate.velocity_mps, estimate.velocity_std_mps, source)

    def forecast(self, stamp_ns: int) -> Forecast | Status:
        """Where the belt goes from ``stamp_ns`` on, using every reading at hand, or a status as ``displacement``."""
        source, start = self._estimate(stamp_ns)
        if isinstance(start, Status):
            return start
        newest_ns = max(stamp_ns, self._newest_ns(source))
        latest = start if newest_ns == stamp_ns else self._estimate_by(source, newest_ns)
        if isinstance(latest, Status):
            return latest
        return Forecast(
            stamp_ns,
            (newest_ns - stamp_ns) * 1e-9,
            latest.position_m - start.position_m,
            replace(latest, std_m=math.hypot(latest.std_m, 0.0 if latest is start else start.std_m)),
            _SCALE_STD[source],
            source,
        )

    def _newest_ns(self, source: str) -> int:
        if source == "constant":
            return 0
        return (self._encoder if source == "encoder" else self._speed).newest_ns()

    def _estimate(self, stamp_ns: int) -> tuple[str, Estimate | Status]:
        """The first source in order of preference that knows, else what the preferred one says."""
        sources = self._sources()
        answers = []
        for source in sources:
            answer = self._estimate_by(source, stamp_ns)
            if isinstance(answer, Estimate):
                return source, answer
            answers.append(answer)
        return sources[0], answers[0]

    def _sources(self) -> tuple[str, ...]:
        if self._config.motion != "auto":
            return (self._config.motion,)
        spoken = [name for name, readings in (("encoder", self._encoder), ("velocity", self._speed)) if len(readings)]
        return tuple(spoken) or ("constant",)

    def _estimate_by(self, source: str, stamp_ns: int) -> Estimate | Status:
        if source == "encoder":
            return self._encoder.estimate(stamp_ns)
        if source == "velocity":
            return self._speed.estimate(stamp_ns)
        if source == "constant":
            if self._zero_ns is None:
                self._zero_ns = stamp_ns
            seconds = (stamp_ns - self._zero_ns) * 1e-9
            return Estimate(seconds, self._config.speed * seconds, 0.0, self._config.speed, 0.0, 0.0, 0.0, 0.0)
        return Status(
            "belt_texture_unavailable",
            Level.ERROR,
            "belt.motion is 'texture', which this version does not measure; allowed: auto, encoder, velocity, constant",
        )
