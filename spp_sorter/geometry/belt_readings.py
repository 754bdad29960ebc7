"""What an encoder or a speed sensor says about the belt: buffers of readings and estimates between and after them.

Readings are jittery (a stamp 5 ms off is 2.5 mm at 0.5 m/s) and belts change speed. So position and velocity come from
the smoothest polynomial around the asked stamp that the readings do not contradict: a line over 1.6 s where the belt
runs evenly, a parabola or a shorter window where it speeds up, plain interpolation where nothing smoother fits.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from spp_sorter.values import FloatArray, Level, Status

KEEP_S = 30.0
"""History of readings that is kept, seconds."""
MAX_EXTRAPOLATION_S = 0.5
"""Silence of the sensor after which the motion is unknown, seconds."""
TIME_JUMP_S = 0.5
"""A reading this much older than the last one means that time started again."""

_WINDOWS_S = (1.6, 0.8, 0.4, 0.2, 0.1)
_NOISE_FLOOR_M = 2e-5
_UNEVEN_MPS2 = 0.3  # acceleration that a belt drive shows between two readings, for the error of interpolation
_EVEN_MPS2 = 0.01  # unseen change of speed left when a line over the longest window fits
_MAX_READINGS = 20000


@dataclass(frozen=True, slots=True)
class Estimate:
    """The belt at one stamp.

    Attributes:
        stamp_s: seconds since the buffer's own origin.
        position_m: unwrapped position.
        std_m: its standard deviation, from the noise of the readings.
        velocity_mps: velocity.
        velocity_std_mps: its standard deviation.
        acceleration_mps2: acceleration, 0 where a straight line explains the readings.
        acceleration_std_mps2: how much acceleration may go unseen.
        drift_m2: variance that has built up in the position since the buffer's start; a displacement between two stamps
            carries the difference.
    """

    stamp_s: float
    position_m: float
    std_m: float
    velocity_mps: float
    velocity_std_mps: float
    acceleration_mps2: float
    acceleration_std_mps2: float
    drift_m2: float


class PositionReadings:
    """Readings of an encoder, made continuous over rollover and restarts.

    Args:
        rollover_m: position at which the encoder starts again at 0; 0 for never.
    """

    def __init__(self, rollover_m: float = 0.0) -> None:
        self._rollover_m = rollover_m
        self.clear()

    def clear(self) -> None:
        """Forget all readings."""
        self._origin_ns = 0
        self._times: list[float] = []
        self._positions: list[float] = []
        self._drifts: list[float] = []
        self._last_raw_m = 0.0
        self._noise: float | None = None
        self._tail: tuple[int, Estimate] | None = None

    def __len__(self) -> int:
        return len(self._times)

    def add(self, stamp_ns: int, raw_m: float) -> Status | None:
        """Take one reading; what is wrong with it comes back as a status."""
        if not math.isfinite(raw_m):
            return Status(
                "belt_position_not_finite",
                Level.ERROR,
                f"belt encoder position is {raw_m}; it must be a finite number of metres",
            )
        if not self._times:
            self._origin_ns = stamp_ns
            self._append(0.0, raw_m, raw_m, 0.0)
            return None
        time = self.seconds(stamp_ns)
        dt = time - self._times[-1]
        if dt <= 0.0:
            return _out_of_order(dt)
        delta = raw_m - self._last_raw_m
        if self._rollover_m > 0.0:
            delta = (delta + self._rollover_m / 2) % self._rollover_m - self._rollover_m / 2
        expected = self._recent_velocity() * dt
        drift = 0.0
        status = None
        if abs(delta - expected) > 0.05 + 1.0 * dt:
            # No belt does that: the encoder restarted. The belt kept moving meanwhile, as far as anybody knows.
            status = Status(
                "belt_encoder_restarted",
                Level.WARN,
                f"belt encoder jumped from {self._last_raw_m:.4f} m to {raw_m:.4f} m in {dt:.3f} s; taken as a "
                "restart. If it rolls over, set belt.encoder_rollover",
            )
            delta, drift = expected, (0.005 + 0.2 * abs(expected)) ** 2
        self._append(time, raw_m, self._positions[-1] + delta, self._drifts[-1] + drift)
        return status

    def seconds(self, stamp_ns: int) -> float:
        """Seconds from the buffer's origin to a stamp."""
        return (stamp_ns - self._origin_ns) * 1e-9

    def newest_s(self) -> float:
        """Time of the newest reading in the buffer's seconds, -inf when there is none."""
        return self._times[-1] if self._times else -math.inf

    def newest_ns(self) -> int:
        """Stamp of the newest reading; 0 when there is none."""
        return self._origin_ns + round(self._times[-1] * 1e9) if self._times else 0

    def _append(self, time: float, raw_m: float, position_m: float, drift_m2: float) -> None:
        self._times.append(time)
        self._positions.append(position_m)
        self._drifts.append(drift_m2)
        self._last_raw_m = raw_m
        self._noise = None
        if self._times[0] < time - 2 * KEEP_S or len(self._times) > 2 * _MAX_READINGS:
            first = max(bisect_left(self._times, time - KEEP_S), len(self._times) - _MAX_READINGS)
            del self._times[:first], self._positions[:first], self._drifts[:first]

    def _recent_velocity(self) -> float:
        first = max(bisect_left(self._times, self._times[-1] - 0.2), 0)
        first = min(first, len(self._times) - 2)
        if first < 0:
            return 0.0
        return (self._positions[-1] - self._positions[first]) / (self._times[-1] - self._times[first])

    def estimate(self, stamp_ns: int, unlimited: bool = False) -> Estimate | Status:
        """The belt at a stamp, between the readings or shortly outside them.

        Args:
            stamp_ns: the stamp asked for.
            unlimited: extrapolate as far as asked (for predictions) instead of up to ``MAX_EXTRAPOLATION_S``.

        Returns:
            The estimate, or the status ``belt_motion_stale`` or ``belt_motion_unknown``.
        """
        if len(self._times) < 2:
            return Status("belt_motion_unknown", Level.WARN, "waiting for a second reading of the belt encoder")
        time = self.seconds(stamp_ns)
        outside = max(time - self._times[-1], self._times[0] - time, 0.0)
        if outside > MAX_EXTRAPOLATION_S and not unlimited:
            return _stale(outside, "belt encoder")
        if time >= self._times[-1]:
            return self._from_tail(time)
        return self._fitted(time)

    def _from_tail(self, time: float) -> Estimate:
        """Extrapolation from the newest reading; its fit is made once per reading."""
        if self._tail is None or self._tail[0] != len(self._times) or self._tail[1].stamp_s != self._times[-1]:
            self._tail = (len(self._times), self._fitted(self._times[-1]))
        return extrapolated(self._tail[1], time - self._tail[1].stamp_s)

    def _fitted(self, time: float) -> Estimate:
        sigma = self._noise_m()
        line = self._smoothest(time, 1, sigma)
        if line is not None and line.window_s >= _WINDOWS_S[1]:
            return self._as_estimate(time, line)
        parabola = self._smoothest(time, 2, sigma)
        if line is None or (parabola is not None and parabola.position_var < line.position_var):
            line = parabola
        return self._as_estimate(time, line) if line is not None else self._interpolated(time, sigma)

    def _noise_m(self) -> float:
        """Noise of one reading: how far readings lie from the line between their neighbours (median, so robust)."""
        if self._noise is None:
            times, positions = np.array(self._times[-66:]), np.array(self._positions[-66:])
            if len(times) < 4:
                self._noise = _NOISE_FLOOR_M
            else:
                weight = (times[1:-1] - times[:-2]) / (times[2:] - times[:-2])
                error = positions[1:-1] - (1 - weight) * positions[:-2] - weight * positions[2:]
                error /= np.sqrt(1.0 + weight**2 + (1.0 - weight) ** 2)
                self._noise = max(1.4826 * float(np.median(np.abs(error))), _NOISE_FLOOR_M)
        return self._noise

    def _smoothest(self, time: float, degree: int, sigma: float) -> _Fit | None:
        """The polynomial over the longest window that the readings do not contradict, None if all are contradicted."""
        previous = -1
        for window in _WINDOWS_S:
            end = min(max(time + window / 2, self._times[0] + window), self._times[-1])
            low, high = bisect_left(self._times, end - window - 1e-9), bisect_right(self._times, end + 1e-9)
            num = high - low
            if num < degree + 3:
                return None
            if num == previous or not self._times[low] <= time <= self._times[high - 1]:
                continue
            previous = num
            fit = _fit(
                np.array(self._times[low:high]) - time, np.array(self._positions[low:high]), degree, sigma, window
            )
            if fit is not None:
                return fit
        return None

    def _as_estimate(self, time: float, fit: _Fit) -> Estimate:
        return Estimate(
            time,
            fit.position,
            math.sqrt(fit.position_var),
            fit.velocity,
            math.sqrt(fit.velocity_var),
            fit.acceleration,
            _EVEN_MPS2 * (_WINDOWS_S[0] / fit.window_s) ** 1.5,
            self._drifts[max(bisect_right(self._times, time) - 1, 0)],
        )

    def _interpolated(self, time: float, sigma: float) -> Estimate:
        right = min(max(bisect_right(self._times, time), 1), len(self._times) - 1)
        t0, t1 = self._times[right - 1], self._times[right]
        p0, p1 = self._positions[right - 1], self._positions[right]
        weight = (time - t0) / (t1 - t0)
        bow = 0.5 * _UNEVEN_MPS2 * abs((time - t0) * (t1 - time))
        variance = sigma**2 * ((1 - weight) ** 2 + weight**2) + bow**2
        return Estimate(
            time,
            p0 + weight * (p1 - p0),
            math.sqrt(variance),
            (p1 - p0) / (t1 - t0),
            math.hypot(math.sqrt(2.0) * sigma / (t1 - t0), 0.5 * _UNEVEN_MPS2 * (t1 - t0)),
            0.0,
            _UNEVEN_MPS2,
            self._drifts[max(bisect_right(self._times, time) - 1, 0)],
        )


@dataclass(frozen=True, slots=True)
class _Fit:
    """A polynomial's value and derivatives at the asked time."""

    position: float
    velocity: float
    acceleration: float
    position_var: float
    velocity_var: float
    window_s: float


def _fit(times: FloatArray, positions: FloatArray, degree: int, sigma: float, window_s: float) -> _Fit | None:
    """Least squares about time 0; None when the readings contradict the polynomial."""
    scale = max(abs(float(times[0])), abs(float(times[-1])))
    base = positions[0]
    unit = times / scale
    columns = np.stack([np.ones_like(unit), unit, unit * unit][: degree + 1], axis=1)
    normal_inverse = np.linalg.inv(columns.T @ columns)
    coefficients = normal_inverse @ (columns.T @ (positions - base))
    residuals = positions - base - columns @ coefficients
    freedom = len(times) - degree - 1
    spread = math.sqrt(float(residuals @ residuals) / freedom)
    near = max(2, len(times) // 8)
    first = min(max(int(np.searchsorted(times, 0.0)) - near // 2, 0), len(times) - near)
    local = abs(float(residuals[first : first + near].mean()))
    # Contradicted: residuals wider than the noise, or leaning to one side around the asked time.
    if spread > sigma * (1.15 + 1.5 / math.sqrt(freedom)) + 1e-5 or local > 2.5 * sigma / math.sqrt(near) + 1e-5:
        return None
    noise2 = max(sigma, spread) ** 2
    return _Fit(
        position=base + float(coefficients[0]),
        velocity=float(coefficients[1]) / scale,
        acceleration=2.0 * float(coefficients[2]) / scale**2 if degree == 2 else 0.0,
        position_var=noise2 * float(normal_inverse[0, 0]),
        velocity_var=noise2 * float(normal_inverse[1, 1]) / scale**2,
        window_s=window_s,
    )


class VelocityReadings:
    """Readings of a speed sensor, integrated by the trapezoid rule."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all readings."""
        self._origin_ns = 0
        self._times: list[float] = []
        self._velocities: list[float] = []
        self._positions: list[float] = []
        self._drifts: list[float] = []
        self._broken: Status | None = None

    def __len__(self) -> int:
        return len(self._times) + (self._broken is not None)

    def add(self, stamp_ns: int, velocity_mps: float) -> Status | None:
        """Take one reading; what is wrong with it comes back as a status, which holds until a good one arrives."""
        if not math.isfinite(velocity_mps):
            self._broken = Status(
                "belt_velocity_not_finite",
                Level.ERROR,
                f"belt velocity is {velocity_mps}; it must be a finite number of metres per second",
            )
            return self._broken
        self._broken = None
        if not self._times:
            self._origin_ns = stamp_ns
            self._append(0.0, velocity_mps, 0.0, 0.0)
            return None
        time = self.seconds(stamp_ns)
        dt = time - self._times[-1]
        if dt <= 0.0:
            return _out_of_order(dt)
        mean = 0.5 * (velocity_mps + self._velocities[-1])
        bow = _UNEVEN_MPS2 * dt * dt / 12.0 + 0.002 * dt
        self._append(time, velocity_mps, self._positions[-1] + mean * dt, self._drifts[-1] + bow * bow)
        return None

    def seconds(self, stamp_ns: int) -> float:
        """Seconds from the buffer's origin to a stamp."""
        return (stamp_ns - self._origin_ns) * 1e-9

    def newest_s(self) -> float:
        """Time of the newest reading in the buffer's seconds, -inf when there is none."""
        return self._times[-1] if self._times else -math.inf

    def newest_ns(self) -> int:
        """Stamp of the newest reading; 0 when there is none."""
        return self._origin_ns + round(self._times[-1] * 1e9) if self._times else 0

    def _append(self, time: float, velocity_mps: float, position_m: float, drift_m2: float) -> None:
        self._times.append(time)
        self._velocities.append(velocity_mps)
        self._positions.append(position_m)
        self._drifts.append(drift_m2)
        if self._times[0] < time - 2 * KEEP_S or len(self._times) > 2 * _MAX_READINGS:
            first = max(bisect_left(self._times, time - KEEP_S), len(self._times) - _MAX_READINGS)
            del self._times[:first], self._velocities[:first], self._positions[:first], self._drifts[:first]

    def estimate(self, stamp_ns: int, unlimited: bool = False) -> Estimate | Status:
        """The belt at a stamp; as ``PositionReadings.estimate``."""
        if self._broken is not None:
            return self._broken
        if not self._times:
            return Status("belt_motion_unknown", Level.WARN, "waiting for a reading of the belt velocity")
        time = self.seconds(stamp_ns)
        outside = max(time - self._times[-1], self._times[0] - time, 0.0)
        if outside > MAX_EXTRAPOLATION_S and not unlimited:
            return _stale(outside, "belt velocity")
        left = min(max(bisect_right(self._times, time) - 1, 0), len(self._times) - 1)
        dt = time - self._times[left]
        velocity = self._velocities[left]
        slope = 0.0
        if dt > 0.0 and left + 1 < len(self._times):
            slope = (self._velocities[left + 1] - velocity) / (self._times[left + 1] - self._times[left])
        return Estimate(
            time,
            self._positions[left] + velocity * dt + 0.5 * slope * dt * dt,
            0.5 * _UNEVEN_MPS2 * min(outside, 1.0) ** 2,
            velocity + slope * dt,
            0.002 + _UNEVEN_MPS2 * min(outside, 1.0) * 0.5,
            0.0,
            _UNEVEN_MPS2 / 3,
            self._drifts[left],
        )


def extrapolated(start: Estimate, dt: float) -> Estimate:
    """``start`` carried ``dt`` seconds on; an acceleration is believed for ``MAX_EXTRAPOLATION_S`` at most."""
    driven = min(max(dt, 0.0), MAX_EXTRAPOLATION_S)
    gained = start.acceleration_mps2 * driven
    moved = start.velocity_mps * dt + gained * (dt - 0.5 * driven)
    bow = 0.5 * start.acceleration_std_mps2 * abs(dt) * min(abs(dt), 1.0)
    return Estimate(
        start.stamp_s + dt,
        start.position_m + moved,
        math.sqrt(start.std_m**2 + (start.velocity_std_mps * dt) ** 2 + bow**2),
        start.velocity_mps + gained,
        math.hypot(start.velocity_std_mps, start.acceleration_std_mps2 * min(abs(dt), 1.0)),
        start.acceleration_mps2 if dt <= MAX_EXTRAPOLATION_S else 0.0,
        start.acceleration_std_mps2,
        start.drift_m2,
    )


def _out_of_order(dt: float) -> Status:
    return Status(
        "belt_sample_out_of_order",
        Level.WARN,
        f"a belt reading is {-dt * 1e3:.1f} ms older than the one before; dropped. Stamps must grow",
    )


def _stale(silence_s: float, what: str) -> Status:
    return Status(
        "belt_motion_stale",
        Level.WARN,
        f"the {what} has no reading within {MAX_EXTRAPOLATION_S:g} s of the frame (nearest: {silence_s:.2f} s away); "
        "check that it is published and stamped by the camera's clock (belt.encoder_offset)",
    )
