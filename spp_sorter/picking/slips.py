"""Signs that an item does not lie still on the belt.

Letters: T tracks, of which the first O are older than the frame.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.picking.track_table import WHOLE_VIEWS, points_at

_BESIDE_M = 0.03  # an item that turns up this far beside a missed one may be that one
_SIZE_RATIO = 1.5
_VIEWS_OFF = 4  # in a row: fewer are the detector's mistakes


def slips(table: npt.NDArray[Any], in_sight: npt.NDArray[np.bool_], belt: BeltPosition, travel_m: float) -> bool:
    """Whether an item was seen where the belt would not have carried it.

    Either some views of one item in a row lay far off its track, or a track that ought to have been seen was missed
    while a new one of its size began within what the belt has travelled.

    Args:
        table: tracks after the frame's views were taken, [T].
        in_sight: [O] bool, the older tracks that ought to have been seen.
        belt: the belt's position at the frame.
        travel_m: belt that has passed since the last look.
    """
    if (table["seen"] & (table["outliers"] >= _VIEWS_OFF)).any():
        return True
    num_old = len(in_sight)
    if num_old == len(table):
        return False
    missed = np.flatnonzero(in_sight & ~table["seen"][:num_old] & (table["whole_views"][:num_old] >= WHOLE_VIEWS))
    if not len(missed):
        return False
    points = points_at(table, belt)
    off = np.abs(points[num_old:, None, :2] - points[missed][:, :2])
    sizes = np.maximum(table["size"], 1e-6)
    alike = (np.abs(np.log(sizes[num_old:, None] / sizes[missed])) < math.log(_SIZE_RATIO)).all(2)
    return bool((alike & (off[:, :, 0] < travel_m + _BESIDE_M) & (off[:, :, 1] < _BESIDE_M)).any())
