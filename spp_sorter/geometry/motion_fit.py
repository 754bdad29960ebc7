"""Position and velocity of a belt around a stamp, from jittery readings of its position.

A stamp that is 5 ms off is 2.5 mm at 0.5 m/s, and belts change speed. So lines and parabolas over windows of several
lengths compete, and the one with the least expected error at the asked time wins: the variance that the noise leaves,
plus the error of its shape as the residuals betray it. Whether a line lacks a bend is seen best from the parabola over
the same readings: all that a bend leaves goes into one number there, not into the mean of all residuals. So a belt that
runs steadily is averaged over seconds, and one that speeds up is not.

All least squares come from one set of running sums; with six windows of two polynomials, plain floats are several times
faster than arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spp_sorter.values import FloatArray

WINDOWS_S = (3.2, 1.6, 0.8, 0.4, 0.2, 0.1)
NOISE_FLOOR_M = 2e-5

_LONGEST_S = WINDOWS_S[0]
_NEAR_S = 0.1  # readings this close to the asked time must not lean to one side
_UNSEEN_FLOOR_MPS2 = 0.005
_HIDDEN_MPS2, _HIDDEN_MPS3 = 0.3, 2.0  # acceleration and jerk of a belt that scatter may hide
_SURE = 2.0  # standard deviations


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
    error = np.sort(np.abs(error) / np.sqrt(1.0 + weight**2 + (1.0 - weight) ** 2))
    return max(1.4826 * float(error[len(error) // 2]), NOISE_FLOOR_M)


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
    oldest, newest = float(times_s[0]), float(times_s[-1])
    # Each window is centred on the asked time where it can be, and shifted to lie among the readings where not.
    ends = [min(max(at_s + w / 2, oldest + w), newest) for w in (*WINDOWS_S, _NEAR_S)]
    low = times_s.searchsorted([end - w - 1e-9 for end, w in zip(ends, (*WINDOWS_S, _NEAR_S), strict=True)])
    high = times_s.searchsorted([end + 1e-9 for end in ends])
    first, last = int(low.min()), int(high.max())
    base = float(positions_m[first])
    sums = np.zeros((9, last - first + 1))
    unit = (times_s[first:last] - at_s) / _LONGEST_S
    values = positions_m[first:last] - base
    columns = sums[:, 1:]
    columns[0], columns[1], columns[5] = 1.0, unit, values
    np.multiply(unit, unit, out=columns[2])
    np.multiply(columns[2], unit, out=columns[3])
    np.multiply(columns[2], columns[2], out=columns[4])
    np.multiply(unit, values, out=columns[6])
    np.multiply(columns[2], values, out=columns[7])
    np.multiply(values, values, out=columns[8])
    np.cumsum(columns, axis=1, out=columns)
    moments = (sums[:, high - first] - sums[:, low - first]).T.tolist()
    near = moments.pop()
    candidates = []
    for window, end, sums_of in zip(WINDOWS_S, ends, moments, strict=False):
        # Where in its window the asked time lies, in window lengths from the centre.
        place = (at_s - end) / window + 0.5
        parabola = _Candidate(2, window, place, sums_of, near, noise_m) if sums_of[0] >= 5 else None
        if sums_of[0] >= 4:
            candidates.append(_Candidate(1, window, place, sums_of, near, noise_m, parabola))
        if parabola is not None:
            candidates.append(parabola)
    if not candidates:
        return None
    still = min(candidates, key=lambda candidate: candidate.expected_error(0.0))
    moving = min(candidates, key=lambda candidate: candidate.expected_error(ahead_s)) if ahead_s else still
    return LocalMotion(
        base + still.coefficients[0],
        moving.coefficients[1] / _LONGEST_S,
        2.0 * moving.coefficients[2] / _LONGEST_S**2,
        math.sqrt(still.expected_error(0.0)),
        math.sqrt(moving.noise2 * moving.inverse[1][1]) / _LONGEST_S,
        moving.unseen_acceleration(),
    )


class _Candidate:
    """One polynomial over one window: coefficients of time in units of the longest window, from sums of powers.

    Args:
        degree: 1 or 2.
        window_s: the window's length.
        place: where the asked time lies, in window lengths from the window's centre.
        sums: count, then sums of t to t^4, of p, t p, t^2 p and p^2 over the window.
        near: the same over the readings near the asked time.
        noise_m: standard deviation of one reading.
        parabola: for a line, the parabola over the same readings, where there are enough.
    """

    __slots__ = ("coefficients", "degree", "inverse", "lacking", "leaning", "noise2", "place", "squares", "window_s")

    def __init__(
        self,
        degree: int,
        window_s: float,
        place: float,
        sums: list[float],
        near: list[float],
        noise_m: float,
        parabola: _Candidate | None = None,
    ) -> None:
        s0, s1, s2, s3, s4, p0, p1, p2, pp = sums
        if degree == 1:
            determinant = s0 * s2 - s1 * s1
            a, b, d = s2 / determinant, -s1 / determinant, s0 / determinant
            c = e = f = 0.0
        else:
            a, b, c = s2 * s4 - s3 * s3, s2 * s3 - s1 * s4, s1 * s3 - s2 * s2
            determinant = s0 * a + s1 * b + s2 * c
            d, e, f = s0 * s4 - s2 * s2, s1 * s2 - s0 * s3, s0 * s2 - s1 * s1
            a, b, c, d, e, f = (v / determinant for v in (a, b, c, d, e, f))
        c0, c1, c2 = a * p0 + b * p1 + c * p2, b * p0 + d * p1 + e * p2, c * p0 + e * p1 + f * p2
        freedom = s0 - degree - 1
        self.squares = max(pp - c0 * p0 - c1 * p1 - c2 * p2, 0.0)
        residual = self.squares / freedom
        noise2 = noise_m * noise_m
        # Mean square over the window of the first term that the polynomial lacks: what the residuals show beyond the
        # noise, and what could hide in their scatter as far as belts do such things.
        if degree == 1:
            possible = (0.5 * _HIDDEN_MPS2) ** 2 * window_s**4 / 180.0
        else:
            possible = (_HIDDEN_MPS3 / 6.0) ** 2 * window_s**6 / 2800.0
        scatter = math.sqrt(2.0 / freedom)
        if parabola is None:
            self.lacking = max(residual - noise2, 0.0) + min(noise2 * scatter, possible)
        else:
            # Of readings on a line a parabola takes the square of one reading's noise away. What it takes beyond that
            # is a bend, of which some may hide. Residuals that are larger than noise betray any other shape.
            bend = max(self.squares - parabola.squares - noise2, 0.0) / s0
            other = max(residual - noise2 * (1.0 + _SURE * scatter), 0.0)
            self.lacking = bend + min(_SURE**2 * noise2 / s0, possible) + other
        # A belt that has just begun to brake leaves the long windows' residuals small, but not those of the last ones.
        lean = (near[5] - c0 * near[0] - c1 * near[1] - c2 * near[2]) / near[0] if near[0] else 0.0
        self.leaning = max(lean * lean - 9.0 * noise2 / max(near[0], 1.0), 0.0)
        self.degree, self.window_s, self.place = degree, window_s, place
        self.coefficients = (c0, c1, c2)
        self.inverse = ((a, b, c), (b, d, e), (c, e, f))
        self.noise2 = max(residual, noise2)

    def expected_error(self, ahead_s: float) -> float:
        """Expected squared error of the position ``ahead_s`` after the asked time."""
        (a, b, c), (_, d, e), (_, _, f) = self.inverse
        t = ahead_s / _LONGEST_S
        variance = self.noise2 * (a + t * (2 * b + t * (d + 2 * c + t * (2 * e + t * f))))
        place2 = (self.place + ahead_s / self.window_s) ** 2
        # Squared error of the lacking term there over its mean square (Legendre polynomials of degree 2 and 3).
        shape = 180.0 * (place2 - 1 / 12) ** 2 if self.degree == 1 else 2800.0 * place2 * (place2 - 0.15) ** 2
        return variance + shape * self.lacking + self.leaning * (2.0 * (_NEAR_S + ahead_s) / _NEAR_S) ** 4

    def unseen_acceleration(self) -> float:
        """Acceleration beside that of ``coefficients`` that the fit would not notice, m/s^2."""
        if self.degree == 1:
            unseen = 2.0 * math.sqrt(180.0 * self.lacking) / self.window_s**2
        else:
            spread = math.sqrt(self.noise2 * self.inverse[2][2])
            unseen = 2.0 / _LONGEST_S**2 * math.hypot(spread, 0.5 * self.coefficients[2])
        return math.hypot(min(unseen, 1.0), _UNSEEN_FLOOR_MPS2)
