"""Which detection belongs to which track, once every track has been moved to the frame's stamp.

Letters: T tracks, D detections.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from spp_sorter.values import FloatArray, IntArray

_NEVER = 1e6
_MIN_IOU_CUT = 0.3
_MIN_IOU = 0.05
_SLACK = np.array([-3.0, -3.0, 3.0, 3.0])  # pixels around both boxes, or noise decides about the sliver of a cut item


def common_areas(boxes_a: FloatArray, boxes_b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Intersections [T, D] of boxes [T, 4] and [D, 4], and the areas [T, 1] and [D] of the boxes."""
    a, b = boxes_a.T[:, :, None], boxes_b.T
    width = np.minimum(a[2], b[2])
    width -= np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3])
    height -= np.maximum(a[1], b[1])
    common = np.maximum(width, 0.0, out=width)
    common *= np.maximum(height, 0.0, out=height)
    return common, (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])


def associate(
    predicted_xy: FloatArray,
    predicted_boxes: FloatArray,
    gates_m: FloatArray,
    predicted_cut: npt.NDArray[np.bool_],
    ground_xy: FloatArray,
    boxes: FloatArray,
    cut: npt.NDArray[np.bool_],
) -> tuple[IntArray, IntArray]:
    """Pair tracks with detections at the least total cost.

    Whole items are compared by distance on the belt plane and by overlap; items cut by the image's edge by overlap
    alone, because their centre moves against the item.

    Args:
        predicted_xy: [T, 2] ground points of the tracks, metres.
        predicted_boxes: [T, 4] their boxes, pixels, clipped to the image.
        gates_m: [T] greatest distance of a match.
        predicted_cut: [T] bool, the predicted box touches the image's edge.
        ground_xy: [D, 2] ground points of the detections, metres; NaN never matches.
        boxes: [D, 4] pixels.
        cut: [D] bool.

    Returns:
        Indices [M] of tracks and [M] of the detections they go with.
    """
    if not len(predicted_xy) or not len(ground_xy):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    common, areas_a, areas_b = common_areas(predicted_boxes + _SLACK, boxes + _SLACK)
    apart = 1.0 - common / (areas_a + areas_b - common)
    x = predicted_xy[:, :1] - ground_xy[:, 0]
    y = predicted_xy[:, 1:] - ground_xy[:, 1]
    distance = np.sqrt(x * x + y * y) / gates_m[:, None]
    at_edge = predicted_cut[:, None] | cut
    most_apart = np.where(at_edge, 1.0 - _MIN_IOU_CUT, 1.0 - _MIN_IOU)
    # NaN compares as False, so a detection off the belt plane is never allowed.
    allowed = (apart < most_apart) & ((distance < 1.0) | (at_edge & (distance < np.inf)))
    cost = np.where(allowed, apart + np.where(at_edge, apart, distance), _NEVER)
    tracks, detections = linear_sum_assignment(cost)
    good = allowed[tracks, detections]
    return tracks[good], detections[good]
