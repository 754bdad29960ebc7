"""What is in a picture and what was said about it, as the metrics take them, and the overlap of boxes.

Letters: G truths and D detections of one image. Boxes are ``xyxy`` on pixel edges, so a box is ``x2 - x1`` wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.values import Detections

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ANY_LABEL = -1
"""Label of an ignored truth that excuses detections of every label."""


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The truth about one image.

    Attributes:
        boxes_xyxy: [G, 4] float, pixels.
        labels: [G] int in 0..C-1; ``ANY_LABEL`` (-1) for an ignored truth that stands for every label.
        ignore: [G] bool, None for all False. An ignored truth is neither to be found nor wrong to find; it excuses
            any number of detections, each judged by the share of it that lies inside (the ``iscrowd`` of COCO).
        areas: [G] float square pixels, None for the area of the box.

    Raises:
        ValueError: shapes that do not fit, boxes that are not finite or inverted, a label below -1, or
            ``ANY_LABEL`` on a truth that is not ignored.
    """

    boxes_xyxy: F64
    labels: I64
    ignore: Bools | None = None
    areas: F64 | None = None

    def __post_init__(self) -> None:
        boxes = _checked_boxes(self.boxes_xyxy)
        labels = np.asarray(self.labels, np.int64).reshape(-1)
        ignore = np.zeros(len(boxes), bool) if self.ignore is None else np.asarray(self.ignore, bool).reshape(-1)
        areas = box_areas(boxes) if self.areas is None else np.asarray(self.areas, np.float64).reshape(-1)
        if not len(boxes) == len(labels) == len(ignore) == len(areas):
            raise ValueError(
                f"{len(boxes)} boxes, {len(labels)} labels, {len(ignore)} ignore flags and {len(areas)} areas; "
                "allowed: one of each for every truth"
            )
        if np.any(labels < ANY_LABEL) or np.any((labels == ANY_LABEL) & ~ignore):
            raise ValueError(f"labels are {labels.tolist()}; allowed: 0 and above, -1 where ignore is set")
        for name, value in (("boxes_xyxy", boxes), ("labels", labels), ("ignore", ignore), ("areas", areas)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def to_find(self) -> Bools:
        """[G] bool, the truths that are not ignored."""
        return ~np.asarray(self.ignore, bool)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a detector said about one image.

    Attributes:
        boxes_xyxy: [D, 4] float, pixels.
        scores: [D] float, any order.
        labels: [D] int in 0..C-1.

    Raises:
        ValueError: shapes that do not fit, boxes that are not finite or inverted, scores that are not finite.
    """

    boxes_xyxy: F64
    scores: F64
    labels: I64

    def __post_init__(self) -> None:
        boxes = _checked_boxes(self.boxes_xyxy)
        scores = np.asarray(self.scores, np.float64).reshape(-1)
        labels = np.asarray(self.labels, np.int64).reshape(-1)
        if not len(boxes) == len(scores) == len(labels):
            raise ValueError(f"{len(boxes)} boxes, {len(scores)} scores and {len(labels)} labels; allowed: one of each")
        if not np.isfinite(scores).all():
            raise ValueError(f"scores hold {scores[~np.isfinite(scores)][0]}; allowed: finite numbers")
        for name, value in (("boxes_xyxy", boxes), ("scores", scores), ("labels", labels)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.labels)

    def above(self, score_thresh: float) -> Prediction:
        """The detections with at least this score."""
        kept = self.scores >= score_thresh
        return Prediction(self.boxes_xyxy[kept], self.scores[kept], self.labels[kept])

    @staticmethod
    def of_every_label(detections: Detections, lowest: float) -> Prediction:
        """Each box once per label that is at least as probable as ``lowest``, as average precision is measured.

        A detector is asked how sure it is of every label (PASCAL VOC and COCO rank each label's answers by themselves),
        so a box whose second label is the right one still finds its item, behind the boxes that were surer.
        """
        rows, labels = np.nonzero(np.asarray(detections.label_probs) >= lowest)
        probs = np.asarray(detections.label_probs, np.float64)[rows, labels]
        return Prediction(np.asarray(detections.boxes_xyxy, np.float64)[rows], probs, labels)

    @staticmethod
    def of(detections: Detections) -> Prediction:
        """The boxes of a detector's answer, each with its best label."""
        return Prediction(
            np.asarray(detections.boxes_xyxy, np.float64),
            np.asarray(detections.scores, np.float64),
            np.asarray(detections.labels, np.int64),
        )


def pairwise_iou(boxes_a: F64, boxes_b: F64, crowd_b: Bools | None = None) -> F64:
    """IoU of row i of one list with row i of the other; 0 where they do not overlap.

    Args:
        boxes_a: [..., 4] pixels, broadcast against ``boxes_b``.
        boxes_b: [..., 4] pixels.
        crowd_b: [...] where set, the union is the area of ``a`` alone (COCO's rule for crowds).

    Returns:
        [...] float64 in [0, 1].
    """
    width = np.minimum(boxes_a[..., 2], boxes_b[..., 2]) - np.maximum(boxes_a[..., 0], boxes_b[..., 0])
    height = np.minimum(boxes_a[..., 3], boxes_b[..., 3]) - np.maximum(boxes_a[..., 1], boxes_b[..., 1])
    overlap = np.where((width > 0) & (height > 0), width * height, 0.0)
    area_a = box_areas(boxes_a)
    union = area_a + box_areas(boxes_b) - overlap
    if crowd_b is not None:
        union = np.where(crowd_b, area_a, union)
    return np.asarray(np.divide(overlap, union, out=np.zeros_like(overlap), where=overlap > 0), np.float64)


def box_areas(boxes: F64) -> F64:
    """[...] area of [..., 4] boxes."""
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]), np.float64)


def _checked_boxes(boxes: npt.ArrayLike) -> F64:
    array = np.asarray(boxes, np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have shape {array.shape}; allowed: [N, 4] xyxy")
    bad = ~np.isfinite(array).all(1) | (array[:, 2] < array[:, 0]) | (array[:, 3] < array[:, 1])
    if bad.any():
        raise ValueError(f"box {array[bad][0].tolist()}; allowed: finite x1 <= x2 and y1 <= y2")
    return array
