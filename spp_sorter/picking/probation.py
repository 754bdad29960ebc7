"""Tracks that may be second sights of another track's item, until time tells.

A detector boxes an item and, now and then, a part of it once more. That is what an item that lies on another one looks
like too, in any single frame. Over many frames they differ: two items are seen beside each other in nearly all of them,
the second box of one item in few. So a track that begins in another one's place is doubted: it is followed, but nobody
is told of it, until both have been seen together often enough. Looks from far apart, as with a network that the belt's
travel triggers, err less alike: fewer of them prove as much, and there are not many before the item has left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.values import IntArray

_PROOF = (12, 18)  # frames beside each other that free a track, and frames with either that may condemn it
_PROOF_FAR = (5, 8)  # the same of looks from far apart
_FAR_M = 0.08  # belt between two such looks
_ENOUGH_SHARE = 0.75  # of the frames in which one of the two was seen
_TOO_SMALL_SHARE = 0.45


def doubt(table: npt.NDArray[Any], rows: IntArray, rivals: IntArray) -> None:
    """Put tracks on probation.

    Args:
        table: all tracks.
        rows: [M] of the tracks.
        rivals: [M] numbers of the tracks whose items they may show.
    """
    table["doubted"][rows] = True
    table["rival"][rows] = rivals
    for name in ("together", "own", "chances"):
        table[name][rows] = 0


def decide(table: npt.NDArray[Any], travel_m: float) -> tuple[IntArray, list[tuple[int, int]]]:
    """Count this frame's sights of doubted tracks, and free those that have proven themselves.

    Args:
        table: all tracks, with this frame's views.
        travel_m: belt that has passed since the last look.

    Returns:
        Rows [K] of tracks that show another's item and are to be dropped, and pairs of a row and the row of its rival
        that shows the item worse, and whose place it shall take.
    """
    doubted = np.flatnonzero(table["doubted"])
    if not len(doubted):
        return doubted, []
    is_rival = table["rival"][doubted][:, None] == table["id"]  # [M, T]
    rivals, alone = is_rival.argmax(1), ~is_rival.any(1)
    seen = table["seen"][doubted]
    rival_seen = table["seen"][rivals] & ~alone
    table["own"][doubted] += seen
    table["chances"][doubted] += seen | rival_seen
    own, chances, together = (table[name][doubted] for name in ("own", "chances", "together"))
    least_together, least_chances = _PROOF_FAR if travel_m >= _FAR_M else _PROOF
    free = alone | ((together >= least_together) & (together >= _ENOUGH_SHARE * chances))
    freed = doubted[free]
    table["doubted"][freed] = False
    table["proven"][freed] = True
    table["rival"][freed] = 0
    judged = ~free & (chances >= least_chances) & (together < _TOO_SMALL_SHARE * chances)
    better = judged & (own > chances - own + together)
    worse = doubted[judged & ~better]
    return worse, list(zip(doubted[better].tolist(), rivals[better].tolist(), strict=True))
