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


def overlaps(boxes_a: FloatArray, boxes_b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How boxes [T, 4] and [D, 4] overlap.

    Returns:
        Intersection over union [T, D], and intersection over the smaller box [T, D]; 0 for boxes without area.
    """
    low = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    sides = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:]) - low
    common = np.maximum(sides[..., 0], 0.0) * np.maximum(sides[..., 1], 0.0)
    area_a = np.maximum((boxes_a[:, 2] - boxes_a[:, 0]) * (boxes_a[:, 3] - boxes_a[:, 1]), 1e-12)
    area_b = np.maximum((boxes_b[:, 2] - boxes_b[:, 0]) * (boxes_b[:, 3] - boxes_b[:, 1]), 1e-12)
    union = area_a[:, None] + area_b[None] - common
    return common / union, common / np.minimum(area_a[:, None], area_b[None])


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
    overlap, _ = overlaps(predicted_boxes + _SLACK, boxes + _SLACK)
    offset = predicted_xy[:, None] - ground_xy[None]
    distance = np.sqrt((offset * offset).sum(2)) / gates_m[:, None]
    near = (distance < 1.0) & (overlap > _MIN_IOU)
    at_edge = predicted_cut[:, None] | cut[None]
    cost = np.where(at_edge, 1.0 - overlap, 0.5 * distance + 0.5 * (1.0 - overlap))
    allowed = np.where(at_edge, overlap > _MIN_IOU_CUT, near) & np.isfinite(distance)
    tracks, detections = linear_sum_assignment(np.where(allowed, cost, _NEVER))
    good = allowed[tracks, detections]
    return tracks[good], detections[good]
