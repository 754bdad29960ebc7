"""vision_msgs read back.

Letters: N detections, C labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from vision_msgs.msg import Detection2DArray, Detection3D, Detection3DArray, ObjectHypothesisWithPose

from spp_sorter.ros.stamps import BadFrame, require_finite, stamp_to_ns
from spp_sorter.ros.vision_writer import POSE_CELLS
from spp_sorter.values import Detections, IntArray, PickTarget


def detections_from_msg(msg: Detection2DArray, label_names: Sequence[str] | None = None) -> tuple[Detections, IntArray]:
    """Read a Detection2DArray back; grasps are not in it.

    Args:
        msg: vision_msgs/Detection2DArray.
        label_names: the label map; by default the labels of the message in alphabetical order.

    Returns:
        The detections in the message's order, and [N] int64 track ids (0 for none).

    Raises:
        BadFrame: ``bad_field``: a label that is not in ``label_names``, no hypothesis, an id that is no number, or a
            number that is not finite.
    """
    names = tuple(label_names or sorted({h.hypothesis.class_id for item in msg.detections for h in item.results}))
    count = len(msg.detections)
    boxes = np.zeros((count, 4), np.float32)
    probs = np.zeros((count, len(names)), np.float32)
    track_ids = np.zeros(count, np.int64)
    for row, item in enumerate(msg.detections):
        x, y = item.bbox.center.position.x, item.bbox.center.position.y
        half_x, half_y = item.bbox.size_x / 2, item.bbox.size_y / 2
        require_finite("bad_field", "a detection's box", (x, y, half_x, half_y))
        boxes[row] = (x - half_x, y - half_y, x + half_x, y + half_y)
        track_ids[row] = _track_id(item.id) if item.id else 0
        for hypothesis in _results(item):
            probs[row, _label(hypothesis, names)] = hypothesis.hypothesis.score
    labels = probs.argmax(1) if count else np.zeros(0, np.int64)
    scores = probs.max(1) if count else np.zeros(0, np.float32)
    return Detections(boxes, scores, labels.astype(np.int64), probs, names), track_ids


def pick_targets_from_msg(msg: Detection3DArray) -> list[PickTarget]:
    """Read pick targets back, in the message's order.

    Raises:
        BadFrame: ``bad_field``: an id that is no number, no hypothesis, or a number that is not finite.
    """
    return [_pick_target(item) for item in msg.detections]


def _pick_target(item: Detection3D) -> PickTarget:
    best = _results(item)[0]
    pose, size = best.pose.pose, item.bbox.size
    point = np.array([pose.position.x, pose.position.y, pose.position.z])
    size_m = np.array([size.x, size.y, size.z])
    covariance = np.array(best.pose.covariance, np.float64)[POSE_CELLS].reshape(4, 4)
    yaw_rad = 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)
    score = best.hypothesis.score
    require_finite("bad_field", "a pick target", (*point, *size_m, *covariance.ravel(), yaw_rad, score))
    return PickTarget(
        _track_id(item.id),
        stamp_to_ns(item.header.stamp),
        best.hypothesis.class_id,
        float(score),
        point,
        math.remainder(yaw_rad, 2.0 * math.pi),
        size_m,
        covariance,
    )


def _results(item: Any) -> Sequence[ObjectHypothesisWithPose]:
    if not item.results:
        raise BadFrame("bad_field", f"detection {item.id[:20]!r} has no hypothesis; needs at least one")
    results: Sequence[ObjectHypothesisWithPose] = item.results
    return results


def _label(hypothesis: ObjectHypothesisWithPose, names: tuple[str, ...]) -> int:
    name, score = hypothesis.hypothesis.class_id, hypothesis.hypothesis.score
    require_finite("bad_field", f"score of {name[:40]!r}", (score,))
    if name not in names:
        raise BadFrame("bad_field", f"label is {name[:40]!r}; known: {', '.join(names)}")
    return names.index(name)


def _track_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadFrame("bad_field", f"id is {text[:20]!r}; allowed: a track number")
    return int(text)
