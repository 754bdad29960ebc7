"""A growing table of stamped readings that forgets its oldest rows."""

from __future__ import annotations

import math

import numpy as np

from spp_sorter.values import FloatArray

KEEP_S = 30.0
"""History that is kept at least, seconds."""
_MAX_ROWS = 40000


class Readings:
    """Rows of floats whose first column is the time in seconds since the first reading.

    Args:
        num_columns: columns besides the time.
    """

    def __init__(self, num_columns: int) -> None:
        self._rows = np.zeros((256, num_columns + 1))
        self._first = self._end = 0
        self._origin_ns = 0

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def times(self) -> FloatArray:
        """[n] seconds since the origin, growing."""
        return self._rows[self._first : self._end, 0]

    def column(self, index: int) -> FloatArray:
        """[n] values of a column, from 1."""
        return self._rows[self._first : self._end, index]

    @property
    def last(self) -> FloatArray:
        """The newest row."""
        row: FloatArray = self._rows[self._end - 1]
        return row

    def clear(self) -> None:
        """Forget all."""
        self._first = self._end = 0

    def seconds(self, stamp_ns: int) -> float:
        """Seconds from the origin to a stamp; the first stamp asked for an empty table becomes the origin."""
        if not len(self):
            self._origin_ns = stamp_ns
        return (stamp_ns - self._origin_ns) * 1e-9

    def newest_ns(self) -> int | None:
        """Stamp of the newest reading, None when there is none."""
        return self._origin_ns + round(float(self.last[0]) * 1e9) if len(self) else None

    def outside(self, time: float) -> float:
        """How many seconds ``time`` lies before the oldest or after the newest reading, 0 between them."""
        if not len(self):
            return math.inf
        return max(time - float(self.last[0]), float(self.times[0]) - time, 0.0)

    def append(self, *row: float) -> None:
        """Add a row: time and values."""
        if self._end == len(self._rows):
            self._make_room()
        self._rows[self._end] = row
        self._end += 1

    def _make_room(self) -> None:
        keep = int(np.searchsorted(self.times, self.last[0] - KEEP_S))
        self._first = max(self._first + keep, self._end - _MAX_ROWS)
        kept = self._rows[self._first : self._end].copy()
        if 2 * len(kept) > len(self._rows):
            self._rows = np.zeros((2 * len(self._rows), self._rows.shape[1]))
        self._rows[: len(kept)] = kept
        self._first, self._end = 0, len(kept)
