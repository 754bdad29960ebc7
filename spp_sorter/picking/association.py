"""Which detection belongs to which track, once every track has been moved to the frame's stamp.

Letters: T tracks, D detections, P of their pairs whose boxes touch, M pairs that belong together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from spp_sorter.values import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

_ALONE = 1.2  # cost of a track or detection without partner: two bad pairs are worse than a good one
_MIN_IOU = 0.05
_MIN_IOU_CUT = 0.3
_SLACK = np.array([[-3.0], [-3.0], [3.0], [3.0]])  # pixels around both boxes, or noise decides about slivers


def common_areas(boxes_a: FloatArray, boxes_b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Areas that boxes share, and their own.

    Args:
        boxes_a: [4, ...] x1, y1, x2, y2 along the first axis.
        boxes_b: [4, ...]; the other axes are broadcast against those of ``boxes_a``.

    Returns:
        Common area, area of ``boxes_a``, area of ``boxes_b``.
    """
    a, b = boxes_a, boxes_b
    width = np.minimum(a[2], b[2])
    width -= np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3])
    height -= np.maximum(a[1], b[1])
    common = np.maximum(width, 0.0, out=width)
    common *= np.maximum(height, 0.0, out=height)
    return common, (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])


def touch(boxes_a: FloatArray, boxes_b: FloatArray) -> BoolArray:
    """Which of the boxes have an area in common: few pairs do, and only their areas need to be computed.

    Args:
        boxes_a: [4, ...] x1, y1, x2, y2 along the first axis.
        boxes_b: [4, ...]; the other axes are broadcast against those of ``boxes_a``.
    """
    a, b = boxes_a, boxes_b
    touching = a[0] < b[2]
    touching &= b[0] < a[2]
    touching &= a[1] < b[3]
    touching &= b[1] < a[3]
    return np.asarray(touching)


def associate(
    predicted_xy: FloatArray,
    predicted_boxes: FloatArray,
    gates_m: FloatArray,
    unknown_sides: BoolArray,
    at_edge: BoolArray,
    ground_xy: FloatArray,
    boxes: FloatArray,
    reaching_boxes: FloatArray,
    cut: BoolArray,
) -> tuple[IntArray, IntArray]:
    """Pair tracks with detections at the least total cost.

    Whole items are compared by distance on the belt plane and by overlap. Items cut by the image's edge are compared by
    overlap alone, because their centre moves against the item, and a side that has never been seen is not compared.

    Args:
        predicted_xy: [T, 2] ground points of the tracks, metres.
        predicted_boxes: [T, 4] their boxes, pixels.
        gates_m: [T] greatest distance of a match.
        unknown_sides: [T, 4] sides of the boxes that have never been seen.
        at_edge: [T] bool, the predicted box touches the image's edge.
        ground_xy: [D, 2] ground points of the detections, metres; NaN never matches.
        boxes: [D, 4] pixels.
        reaching_boxes: [D, 4] the same, with sides at the image's edge moved beyond it.
        cut: [D] bool, the detection's box touches the image's edge.

    Returns:
        Indices [M] of tracks and [M] of the detections they go with.
    """
    if not len(predicted_xy) or not len(ground_xy):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    tracks_first = predicted_boxes.T + _SLACK  # [4, T]
    detections_first = boxes.T + _SLACK
    reaching_first = reaching_boxes.T + _SLACK
    partial = np.asarray(unknown_sides.any(1))
    touching = touch(tracks_first[:, :, None], reaching_first[:, None])
    tracks, detections = np.nonzero(touching | partial[:, None])
    mine = tracks_first[:, tracks]  # [4, P]
    theirs = np.empty((4, 2, len(tracks)))
    theirs[:, 0] = np.where(unknown_sides.T[:, tracks], mine, detections_first[:, detections])
    # The edge may have cut it there, or the item just ends there.
    theirs[:, 1] = reaching_first[:, detections]
    apart, reaching = _apart(mine[:, None], theirs)
    apart = np.where(partial[tracks], apart, np.minimum(apart, reaching))
    x = predicted_xy[tracks, 0] - ground_xy[detections, 0]
    y = predicted_xy[tracks, 1] - ground_xy[detections, 1]
    distance = np.sqrt(x * x + y * y) / gates_m[tracks]
    by_box = at_edge[tracks] | cut[detections]
    most_apart = np.where(by_box, 1.0 - _MIN_IOU_CUT, 1.0 - _MIN_IOU)
    # NaN compares as False, so a detection off the belt plane is never allowed.
    allowed = (apart < most_apart) & ((distance < 1.0) | (by_box & (distance < np.inf)))
    pair_costs = np.where(allowed, apart + np.where(by_box, apart, distance), np.inf)
    good = pair_costs < _ALONE
    tracks, detections, pair_costs = tracks[good], detections[good], pair_costs[good]
    if not (_repeat(tracks) or _repeat(detections)):
        return tracks, detections  # nothing to choose from
    costs = np.full((len(predicted_xy), len(ground_xy)), _ALONE)
    costs[tracks, detections] = pair_costs
    tracks, detections = linear_sum_assignment(costs)
    good = costs[tracks, detections] < _ALONE
    return tracks[good], detections[good]


def _repeat(numbers: IntArray) -> bool:
    """Whether a number occurs twice among ``numbers`` [M]."""
    return bool((np.bincount(numbers) > 1).any())


def _apart(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """1 - IoU of boxes [4, ...]."""
    common, areas_a, areas_b = common_areas(boxes_a, boxes_b)
    return np.asarray(1.0 - common / (areas_a + areas_b - common))
