"""All tracks in one table, a row each, and the tracks that the rest of the house sees.

Letters: T tracks, C labels.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.values import FloatArray, IntArray, Track

WHOLE_VIEWS = 2
"""Views in a row, none cut by the image's edge, after which an item counts as seen whole."""

EVIDENCE_CORRELATION = 0.3
"""Correlation between two views of one item, in what they say about label and axis."""

_BIAS_M, _BIAS_SHARE = 0.0025, 0.03  # error that all views of an item share: constant, and of its length
_LONG_M, _LONG_SHARE = 0.07, 0.3  # of the length beyond this more: long items are seen in part, bent, or lopsided
_DEPTH_FLOOR_M = 0.002  # error of a height that all depth readings of an item share
_AXIS_STD_RAD = 0.15  # of one view of a long item, before the views themselves say
_AXIS_FLOOR_RAD = 0.035


def new_table(num_rows: int, num_labels: int) -> npt.NDArray[Any]:
    """A structured array of empty tracks.

    Fields:
        id, views, whole_views (in a row, see ``WHOLE_VIEWS``), seen, seen_ns: as in ``Track``.
        start_m: belt position at which the filter's displacement began.
        drift_m2: the belt's drift that the filter has accounted for.
        information, vector, mean, covariance: the filter (``point_filter``).
        depth: sums over all depth readings: of their certainties (1 / m^2), and of certainty times height.
        box: [4] box about the pick point, pixels; cut_sides: its sides that the image's edge cut.
        viewed_m: belt position at the last view.
        existence: log odds that there is an item.
        evidence, evidence_weight, evidence_views: weighted sum of log probabilities, weights, independent views.
        axis, axis_weight, axis_views: weighted sum of doubled-angle vectors, weights, independent views.
        size, size_weight: mean length and width if the item were flat.
        rival, together: older track in whose place this one began, and frames in which both were seen.
        doubted, own, chances: on probation (``probation.py``), and the frames since then in which it was seen, and in
            which it or its rival was.
        proven: has passed its probation.
        outliers: views in a row far off.
    """
    return np.zeros(num_rows, _row_type(num_labels))


@lru_cache
def _row_type(num_labels: int) -> np.dtype[np.void]:
    """Layout of a row, with fields at multiples of their size: numpy copies others before it computes with them."""
    return np.dtype(
        [
            ("id", "i8"),
            ("views", "i8"),
            ("whole_views", "i8"),
            ("seen", "?"),
            ("seen_ns", "i8"),
            ("start_m", "f8"),
            ("drift_m2", "f8"),
            ("information", "f8", (4, 4)),
            ("vector", "f8", (4,)),
            ("mean", "f8", (4,)),
            ("covariance", "f8", (4, 4)),
            ("depth", "f8", (2,)),
            ("box", "f8", (4,)),
            ("cut_sides", "?", (4,)),
            ("viewed_m", "f8"),
            ("existence", "f8"),
            ("evidence", "f8", (num_labels,)),
            ("evidence_weight", "f8"),
            ("evidence_views", "f8"),
            ("axis", "f8", (2,)),
            ("axis_weight", "f8"),
            ("axis_views", "f8"),
            ("size", "f8", (2,)),
            ("size_weight", "f8"),
            ("rival", "i8"),
            ("together", "i8"),
            ("doubted", "?"),
            ("own", "i8"),
            ("chances", "i8"),
            ("proven", "?"),
            ("outliers", "i8"),
        ],
        align=True,
    )


def take_rows(table: npt.NDArray[Any], which: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of the rows that an index [A] or a mask [T] names."""
    return np.asarray(_opaque(table)[which].view(table.dtype))


def put_rows(table: npt.NDArray[Any], which: npt.NDArray[Any], rows: npt.NDArray[Any]) -> None:
    """Overwrite the rows that an index [A] or a mask [T] names."""
    _opaque(table)[which] = _opaque(rows)


def append_rows(table: npt.NDArray[Any], rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A table [T + A] of all rows of both."""
    return np.asarray(np.concatenate([_opaque(table), _opaque(rows)]).view(table.dtype))


def _opaque(table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same rows without fields, which numpy copies at once instead of field by field."""
    return table.view(_opaque_type(table.dtype.itemsize))


@lru_cache
def _opaque_type(size: int) -> np.dtype[np.void]:
    return np.dtype((np.void, size))


def among(values: IntArray, numbers: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which of ``values`` [A] are among ``numbers``; for the few of a frame in half the time of ``np.isin``."""
    return np.asarray((np.asarray(numbers)[:, None] == values).any(0))


def points_at(table: npt.NDArray[Any], belt: BeltPosition) -> FloatArray:
    """Pick points [T, 3] in ``belt`` when the belt is at ``belt``."""
    mean = table["mean"]
    points: FloatArray = mean[:, :3].copy()
    points[:, 0] += (1.0 + mean[:, 3]) * (belt.metres - table["start_m"])
    return points


def tracks_of(
    table: npt.NDArray[Any],
    stamp_ns: int,
    belt: BeltPosition,
    camera_height_m: float,
    label_names: tuple[str, ...],
) -> tuple[Track, ...]:
    """The table's rows as tracks at ``stamp_ns``, without those that are doubted."""
    table = take_rows(table, ~table["doubted"])
    if not len(table):
        return ()
    points = points_at(table, belt)
    covariance = table["covariance"]
    height_stds = np.sqrt(covariance[:, 2, 2])
    deep = table["depth"][:, 0] > 0.0
    if deep.any():
        certainty, moment = table["depth"][deep].T
        points[deep, 2], height_stds[deep] = moment / certainty, np.sqrt(1.0 / certainty + _DEPTH_FLOOR_M**2)
    moved = belt.metres - table["start_m"]
    place = covariance[:, :2, :2].copy()
    place[:, 0, 0] += moved * (2.0 * covariance[:, 0, 3] + moved * covariance[:, 3, 3]) + belt.std_m**2
    place[:, 0, 1] += moved * covariance[:, 1, 3]
    place[:, 1, 0] = place[:, 0, 1]
    sizes = table["size"] * (1.0 - points[:, 2:] / camera_height_m)
    bias = (_BIAS_M + _BIAS_SHARE * sizes[:, 0] + _LONG_SHARE * np.maximum(sizes[:, 0] - _LONG_M, 0.0)) ** 2
    place[:, 0, 0] += bias
    place[:, 1, 1] += bias
    yaws, yaw_stds = _yaws(table)
    probs = _label_probs(table)
    columns = (
        table["id"].tolist(),
        repeat(stamp_ns),
        points,
        place,
        points[:, 2].tolist(),
        height_stds.tolist(),
        yaws.tolist(),
        yaw_stds.tolist(),
        sizes,
        probs,
        repeat(label_names),
        table["views"].tolist(),
        table["seen"].tolist(),
        (table["whole_views"] >= WHOLE_VIEWS).tolist(),
    )
    return tuple(map(Track, *columns))


def _yaws(table: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Mean long axis [T] in (-pi/2, pi/2] and its standard deviation, by doubled angles (Mardia and Jupp 2000)."""
    x, y, views = table["axis"][:, 0], table["axis"][:, 1], table["axis_views"]
    weight = np.maximum(table["axis_weight"], 1e-12)
    yaws = 0.5 * np.arctan2(y, x)
    yaws[yaws <= -np.pi / 2] = np.pi / 2
    resultant = np.minimum(np.sqrt(x * x + y * y) / weight, 1.0)
    elongation = np.sqrt(weight / np.maximum(views, 1.0))
    single = _AXIS_STD_RAD * np.maximum(0.3 / np.maximum(elongation, 0.01), 1.0)
    spread = -0.5 * np.log(np.maximum(resultant, 1e-6))
    variance = (views * spread + 2.0 * single * single) / (views + 2.0)
    stds = np.sqrt(variance / _independent(views) + _AXIS_FLOOR_RAD**2)
    return yaws, np.minimum(stds, np.pi / np.sqrt(12.0))


def _label_probs(table: npt.NDArray[Any]) -> FloatArray:
    """Label probabilities [T, C] of all views: mean log probability, counted as often as views are independent."""
    scale = _independent(table["evidence_views"]) / np.maximum(table["evidence_weight"], 1e-9)
    evidence = table["evidence"] * scale[:, None]
    probs = np.exp(evidence - evidence.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    return np.asarray(probs)


def _independent(views: FloatArray) -> FloatArray:
    """How many independent views [T] ``views`` correlated ones are worth, at least 1."""
    views = np.maximum(views, 1.0)
    return np.asarray(views / (1.0 + (views - 1.0) * EVIDENCE_CORRELATION))
