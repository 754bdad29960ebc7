"""The belt's motion by a speed sensor, integrated, or by a constant speed."""

from __future__ import annotations

import math

from spp_sorter.geometry.belt_state import MAX_EXTRAPOLATION_S, BeltState, motion_stale, sample_out_of_order
from spp_sorter.geometry.readings import Readings
from spp_sorter.values import Level, Status

_VELOCITY, _POSITION, _DRIFT = 1, 2, 3
_NOISE_MPS = 0.003  # of one reading
_UNEVEN_MPS2 = 0.2  # acceleration that a drive may show unseen between two readings


class SpeedMotion:
    """Readings of a speed sensor, integrated by the trapezoid rule."""

    def __init__(self) -> None:
        self._readings = Readings(3)
        self._broken: Status | None = None

    def __len__(self) -> int:
        return len(self._readings) + (self._broken is not None)

    def clear(self) -> None:
        """Forget all readings."""
        self._readings.clear()
        self._broken = None

    def newest_ns(self) -> int | None:
        """Stamp of the newest reading, None when there is none."""
        return self._readings.newest_ns()

    def add(self, stamp_ns: int, velocity_mps: float) -> Status | None:
        """Take one reading; what is wrong with it comes back as a status.

        A velocity that is not finite makes the motion unknown until a good reading arrives.
        """
        if not math.isfinite(velocity_mps):
            self._broken = Status(
                "belt_velocity_not_finite",
                Level.ERROR,
                f"belt velocity is {velocity_mps}; allowed: finite metres per second. Nothing is offered until it is",
            )
            return self._broken
        self._broken = None
        time = self._readings.seconds(stamp_ns)
        if not len(self._readings):
            self._readings.append(time, velocity_mps, 0.0, 0.0)
            return None
        last_time, last_velocity, position, drift = (float(v) for v in self._readings.last)
        dt = time - last_time
        if dt <= 0.0:
            return sample_out_of_order(-dt)
        error = _UNEVEN_MPS2 * dt * dt / 12.0 + _NOISE_MPS * dt
        self._readings.append(
            time, velocity_mps, position + 0.5 * (velocity_mps + last_velocity) * dt, drift + error * error
        )
        return None

    def state(self, stamp_ns: int) -> BeltState | Status:
        """The belt at a stamp between the readings or up to ``MAX_EXTRAPOLATION_S`` outside them.

        Returns:
            The state, or the status ``belt_velocity_not_finite``, ``belt_motion_unknown`` or ``belt_motion_stale``.
        """
        if self._broken is not None:
            return self._broken
        if not len(self._readings):
            return Status("belt_motion_unknown", Level.WARN, "waiting for a reading of the belt velocity")
        time = self._readings.seconds(stamp_ns)
        outside = self._readings.outside(time)
        if outside > MAX_EXTRAPOLATION_S:
            return motion_stale(outside, "belt velocity")
        times, velocities = self._readings.times, self._readings.column(_VELOCITY)
        left = max(int(times.searchsorted(time, side="right")) - 1, 0)
        velocity, dt = float(velocities[left]), time - float(times[left])
        slope = 0.0
        if 0 <= left < len(times) - 1 and dt > 0.0:
            slope = float((velocities[left + 1] - velocity) / (times[left + 1] - times[left]))
        start = BeltState(
            float(self._readings.column(_POSITION)[left]),
            0.0,
            velocity,
            _NOISE_MPS if outside else 0.0,
            slope,
            _UNEVEN_MPS2 if outside else 0.0,
            float(self._readings.column(_DRIFT)[left]),
        )
        return start.later(dt)


class ConstantMotion:
    """A belt at the speed that the settings say."""

    def __init__(self, speed_mps: float) -> None:
        self.speed_mps = speed_mps
        self._zero_ns: int | None = None

    def state(self, stamp_ns: int) -> BeltState:
        """The belt at a stamp; position 0 is at the first stamp asked for."""
        if self._zero_ns is None:
            self._zero_ns = stamp_ns
        position = self.speed_mps * (stamp_ns - self._zero_ns) * 1e-9
        return BeltState(position, 0.0, self.speed_mps, 0.0, 0.0, 0.0, 0.0)
