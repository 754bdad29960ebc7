"""The belt's motion by an encoder's position."""

from __future__ import annotations

import math

from spp_sorter.geometry.belt_state import MAX_EXTRAPOLATION_S, BeltState, motion_stale, sample_out_of_order
from spp_sorter.geometry.motion_fit import LocalMotion, fit_motion, reading_noise
from spp_sorter.geometry.readings import Readings
from spp_sorter.values import Level, Status

_NOISE_READINGS = 40
_PLAN_AHEAD_S = 0.2  # velocities serve to predict crossings about this far ahead
_FASTEST_MPS = 6.0  # what a first difference of readings may be
_UNEVEN_MPS2 = 0.2  # acceleration that a drive may show unseen between two readings far apart
_POSITION, _DRIFT = 1, 2


class EncoderMotion:
    """Readings of an encoder, made continuous over rollover and restarts.

    Args:
        rollover_m: position at which the encoder starts again at 0; 0 for never.
        name: what gives the readings, for messages.
    """

    def __init__(self, rollover_m: float, name: str = "belt encoder") -> None:
        self._rollover_m = rollover_m
        self._name = name
        self._readings = Readings(2)
        self._last_raw_m = 0.0
        self._noise_m: float | None = None
        self._newest: BeltState | None = None
        self._asked: tuple[int, BeltState] | None = None

    def __len__(self) -> int:
        return len(self._readings)

    def clear(self) -> None:
        """Forget all readings."""
        self._readings.clear()
        self._noise_m = self._newest = self._asked = None

    def newest_ns(self) -> int | None:
        """Stamp of the newest reading, None when there is none."""
        return self._readings.newest_ns()

    def add(self, stamp_ns: int, raw_m: float) -> Status | None:
        """Take one reading; what is wrong with it comes back as a status."""
        if not math.isfinite(raw_m):
            return Status(
                "belt_position_not_finite",
                Level.ERROR,
                f"belt encoder position is {raw_m}; allowed: finite metres. The reading was dropped",
            )
        time = self._readings.seconds(stamp_ns)
        status = None
        if not len(self._readings):
            self._readings.append(time, raw_m, 0.0)
        else:
            last_time, position, drift = (float(v) for v in self._readings.last)
            dt = time - last_time
            if dt <= 0.0:
                return sample_out_of_order(-dt)
            moved = raw_m - self._last_raw_m
            if self._rollover_m > 0.0:
                moved = (moved + self._rollover_m / 2) % self._rollover_m - self._rollover_m / 2
            velocity = self._recent_velocity()
            expected = (velocity or 0.0) * dt
            if abs(moved - expected) > 0.05 + (_FASTEST_MPS if velocity is None else 1.0) * dt:
                # No belt does that: the encoder restarted. Meanwhile the belt went on, as far as anybody knows.
                status = Status(
                    "belt_encoder_restarted",
                    Level.WARN,
                    f"belt encoder jumped from {self._last_raw_m:.4f} m to {raw_m:.4f} m in {dt:.3f} s; taken as a "
                    "restart. If it rolls over, set belt.encoder_rollover",
                )
                moved = expected
                drift += (0.005 + 0.2 * abs(expected)) ** 2
            self._readings.append(time, position + moved, drift)
        self._last_raw_m = raw_m
        self._noise_m = self._newest = self._asked = None
        return status

    def _recent_velocity(self) -> float | None:
        times, positions = self._readings.times, self._readings.column(_POSITION)
        if len(times) < 2:
            return None
        first = min(int(times.searchsorted(times[-1] - 0.2)), len(times) - 2)
        return float((positions[-1] - positions[first]) / (times[-1] - times[first]))

    def state(self, stamp_ns: int) -> BeltState | Status:
        """The belt at a stamp between the readings or up to ``MAX_EXTRAPOLATION_S`` outside them.

        Returns:
            The state, or the status ``belt_motion_unknown`` (fewer than two readings) or ``belt_motion_stale``.
        """
        if self._asked is not None and self._asked[0] == stamp_ns:
            return self._asked[1]
        if len(self._readings) < 2:
            return Status("belt_motion_unknown", Level.WARN, f"waiting for a second reading of the {self._name}")
        state = self._state(self._readings.seconds(stamp_ns))
        if isinstance(state, BeltState):
            self._asked = (stamp_ns, state)
        return state

    def _state(self, time: float) -> BeltState | Status:
        outside = self._readings.outside(time)
        if outside > MAX_EXTRAPOLATION_S:
            return motion_stale(outside, self._name)
        newest = float(self._readings.last[0])
        if time >= newest:
            if self._newest is None:
                self._newest = self._fitted(newest)
            return self._newest.later(time - newest)
        oldest = float(self._readings.times[0])
        if time < oldest:
            return self._fitted(oldest).later(time - oldest)
        return self._fitted(time)

    def _fitted(self, time: float) -> BeltState:
        times, positions = self._readings.times, self._readings.column(_POSITION)
        if self._noise_m is None:
            self._noise_m = reading_noise(times[-_NOISE_READINGS:], positions[-_NOISE_READINGS:])
        right = min(max(int(times.searchsorted(time, side="right")), 1), len(times) - 1)
        t0, t1, p0, p1 = (float(v) for v in (times[right - 1], times[right], positions[right - 1], positions[right]))
        bow = 0.5 * _UNEVEN_MPS2 * abs((time - t0) * (t1 - time))
        fit = None
        if t1 - t0 <= MAX_EXTRAPOLATION_S:
            fit = fit_motion(times, positions, time, _PLAN_AHEAD_S, self._noise_m)
        if fit is None:
            share = (time - t0) / (t1 - t0)
            fit = LocalMotion(
                p0 + share * (p1 - p0),
                (p1 - p0) / (t1 - t0),
                0.0,
                self._noise_m,
                math.hypot(1.5 * self._noise_m / (t1 - t0), 0.5 * _UNEVEN_MPS2 * (t1 - t0)),
                _UNEVEN_MPS2,
            )
        return BeltState(
            fit.position_m,
            math.hypot(fit.position_std_m, bow),
            fit.velocity_mps,
            fit.velocity_std_mps,
            fit.acceleration_mps2,
            fit.acceleration_std_mps2,
            float(self._readings.column(_DRIFT)[right if time >= t1 else right - 1]),
        )
