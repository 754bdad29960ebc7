"""Position and velocity of a belt around a stamp, from jittery readings of its position.

A stamp that is 5 ms off is 2.5 mm at 0.5 m/s, and belts change speed. So lines and parabolas over windows of several
lengths compete, and the one with the least expected error at the asked time wins: the variance that the noise leaves,
plus the error of its shape as the residuals betray it. All least squares come from one set of running sums.

Letters: K windows, n readings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spp_sorter.values import FloatArray

WINDOWS_S = np.array([1.6, 0.8, 0.4, 0.2, 0.1])
_LONGEST_S = float(WINDOWS_S[0])
_NEAR_S = 0.1  # readings this close to the asked time must not lean to one side
NOISE_FLOOR_M = 2e-5
_UNSEEN_FLOOR_MPS2 = 0.005
_HIDDEN_MPS2, _HIDDEN_MPS3 = 0.3, 2.0  # acceleration and jerk of a belt that scatter may hide


@dataclass(frozen=True, slots=True)
class LocalMotion:
    """Value and derivatives at the asked time, with standard deviations."""

    position_m: float
    velocity_mps: float
    acceleration_mps2: float
    position_std_m: float
    velocity_std_mps: float
    acceleration_std_mps2: float


def reading_noise(times_s: FloatArray, positions_m: FloatArray) -> float:
    """Standard deviation of one reading: how far each lies from the line between its neighbours (median, so robust)."""
    if len(times_s) < 4:
        return NOISE_FLOOR_M
    weight = (times_s[1:-1] - times_s[:-2]) / (times_s[2:] - times_s[:-2])
    error = positions_m[1:-1] - (1 - weight) * positions_m[:-2] - weight * positions_m[2:]
    error = np.abs(error) / np.sqrt(1.0 + weight**2 + (1.0 - weight) ** 2)
    return max(1.4826 * float(np.median(error)), NOISE_FLOOR_M)


def fit_motion(
    times_s: FloatArray, positions_m: FloatArray, at_s: float, ahead_s: float, noise_m: float
) -> LocalMotion | None:
    """The best local line or parabola.

    Args:
        times_s: [n] growing.
        positions_m: [n].
        at_s: the asked time, not outside the readings by more than a window.
        ahead_s: velocity and acceleration are those that predict the position this much later best.
        noise_m: standard deviation of one reading.

    Returns:
        The motion at ``at_s``, or None when no window has readings enough (4 for a line).
    """
    # Each window is centred on the asked time where it can be, and shifted to lie among the readings where not.
    ends = np.minimum(np.maximum(at_s + WINDOWS_S / 2, times_s[0] + WINDOWS_S), times_s[-1])
    low = np.searchsorted(times_s, ends - WINDOWS_S - 1e-9)
    high = np.searchsorted(times_s, ends + 1e-9)
    first, last = int(low.min()), int(high.max())
    base = float(positions_m[first])
    unit = (times_s[first:last] - at_s) / _LONGEST_S
    values = positions_m[first:last] - base
    sums = np.zeros((last - first + 1, 9))
    columns = sums[1:]
    columns[:, 0], columns[:, 1], columns[:, 5] = 1.0, unit, values
    columns[:, 2] = unit * unit
    columns[:, 3] = columns[:, 2] * unit
    columns[:, 4] = columns[:, 2] * columns[:, 2]
    columns[:, 6] = unit * values
    columns[:, 7] = columns[:, 2] * values
    columns[:, 8] = values * values
    np.cumsum(columns, axis=0, out=columns)
    moments = sums[high - first] - sums[low - first]  # [K, 9]
    # Where in its window the asked time lies, in window lengths from the centre: the shape's error grows with it.
    place = (at_s - ends) / WINDOWS_S + 0.5
    near_end = min(max(at_s + _NEAR_S / 2, times_s[0] + _NEAR_S), times_s[-1])
    near_low = int(np.searchsorted(times_s, near_end - _NEAR_S - 1e-9))
    near_high = max(int(np.searchsorted(times_s, near_end + 1e-9)), near_low + 1)
    near = sums[near_high - first] - sums[near_low - first]
    fits = [_Fits(degree, moments, place, near, noise_m) for degree in (1, 2) if (moments[:, 0] >= degree + 3).any()]
    if not fits:
        return None
    still = min((fit.best(0.0) for fit in fits), key=lambda chosen: chosen[0])
    moving = min((fit.best(ahead_s) for fit in fits), key=lambda chosen: chosen[0]) if ahead_s else still
    return LocalMotion(
        base + float(still[1][0]),
        float(moving[1][1]) / _LONGEST_S,
        2.0 * float(moving[1][2]) / _LONGEST_S**2 if len(moving[1]) == 3 else 0.0,
        math.sqrt(still[0]),
        math.sqrt(moving[2][1, 1]) / _LONGEST_S,
        moving[3],
    )


class _Fits:
    """Polynomials of one degree over all windows with readings enough."""

    def __init__(self, degree: int, moments: FloatArray, place: FloatArray, near: FloatArray, noise_m: float) -> None:
        size = degree + 1
        usable = moments[:, 0] >= size + 2
        moments = moments[usable]
        self.degree, self.place, self.windows = degree, place[usable], WINDOWS_S[usable]
        powers = np.add.outer(np.arange(size), np.arange(size))
        self.inverse = np.linalg.inv(moments[:, powers])  # [K, size, size]
        sides = moments[:, 5 : 5 + size]
        self.coefficients = np.einsum("kij,kj->ki", self.inverse, sides)
        freedom = moments[:, 0] - size
        residual = np.maximum(moments[:, 8] - (self.coefficients * sides).sum(1), 0.0) / freedom
        self.noise2 = np.maximum(residual, noise_m**2)
        # Mean square over the window of the first term that the polynomial lacks: what the residuals show beyond the
        # noise, and what could hide in their scatter as far as belts do such things.
        if degree == 1:
            possible = (0.5 * _HIDDEN_MPS2) ** 2 * self.windows**4 / 180.0
        else:
            possible = (_HIDDEN_MPS3 / 6.0) ** 2 * self.windows**6 / 2800.0
        hidden = np.minimum(noise_m**2 * np.sqrt(2.0 / freedom), possible)
        self.lacking = np.maximum(residual - noise_m**2, 0.0) + hidden
        # A belt that has just begun to brake leaves the long windows' residuals small, but not those of the last ones.
        leaning = (near[5] - self.coefficients @ near[:size]) / near[0]
        self.leaning = np.maximum(leaning**2 - 9.0 * noise_m**2 / near[0], 0.0)

    def best(self, ahead_s: float) -> tuple[float, FloatArray, FloatArray, float]:
        """Expected squared error ``ahead_s`` later, coefficients, their covariance and unseen acceleration."""
        judged = (ahead_s / _LONGEST_S) ** np.arange(self.degree + 1)
        variance = self.noise2 * (self.inverse @ judged @ judged)
        place = self.place + ahead_s / self.windows
        # Squared error of the lacking term there over its mean square (Legendre polynomials of degree 2 and 3).
        shape = 180.0 * (place**2 - 1 / 12) ** 2 if self.degree == 1 else 2800.0 * (place**3 - 0.15 * place) ** 2
        error = variance + shape * self.lacking + self.leaning * (2.0 * (_NEAR_S + ahead_s) / _NEAR_S) ** 4
        k = int(np.argmin(error))
        covariance = self.inverse[k] * self.noise2[k]
        if self.degree == 1:
            unseen = 2.0 * math.sqrt(180.0 * self.lacking[k]) / self.windows[k] ** 2
        else:
            curvature = 2.0 / _LONGEST_S**2
            unseen = curvature * math.hypot(math.sqrt(covariance[2, 2]), 0.5 * float(self.coefficients[k, 2]))
        return float(error[k]), self.coefficients[k], covariance, math.hypot(min(unseen, 1.0), _UNSEEN_FLOOR_MPS2)
