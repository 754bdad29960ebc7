"""The belt's motion as the exact integral of its speed."""

from __future__ import annotations

import numpy as np

from spp_sorter.simulation.scene_config import WorldError
from spp_sorter.values import FloatArray


class SpeedProfile:
    """Position of the belt at any time, the exact integral of a constant or piecewise linear speed; 0 at time 0."""

    def __init__(self, speed_mps: float | tuple[tuple[float, float], ...]) -> None:
        knots = ((0.0, float(speed_mps)),) if isinstance(speed_mps, (int, float)) else speed_mps
        self._times_s = np.array([time for time, _ in knots], np.float64)
        self._speeds = np.array([speed for _, speed in knots], np.float64)
        if not len(knots) or np.any(np.diff(self._times_s) <= 0):
            raise WorldError(
                f"speed_mps has knots at {self._times_s.tolist()} s; allowed: one or more, times increasing"
            )
        steps = np.diff(self._times_s) * (self._speeds[1:] + self._speeds[:-1]) / 2
        self._positions: FloatArray = np.concatenate([[0.0], np.cumsum(steps)])
        self._start_m = self._integral(0.0)

    def _integral(self, time_s: float) -> float:
        index = int(np.searchsorted(self._times_s, time_s, side="right")) - 1
        if index < 0:
            return float(self._speeds[0] * (time_s - self._times_s[0]))
        since = time_s - float(self._times_s[index])
        slope = 0.0
        if index + 1 < len(self._times_s):
            slope = float(
                (self._speeds[index + 1] - self._speeds[index]) / (self._times_s[index + 1] - self._times_s[index])
            )
        return float(self._positions[index] + self._speeds[index] * since + slope * since * since / 2)

    def position_m(self, stamp_ns: int) -> float:
        """How far the belt has moved along +x from time 0 to ``stamp_ns``."""
        return self._integral(stamp_ns * 1e-9) - self._start_m

    def speed_mps(self, stamp_ns: int) -> float:
        """Speed at ``stamp_ns``."""
        return float(np.interp(stamp_ns * 1e-9, self._times_s, self._speeds))
