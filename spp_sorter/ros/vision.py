"""Detections, tracks and pick targets to vision_msgs and back.

Letters: N detections, C labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesisWithPose,
    VisionClass,
)

from spp_sorter.ros.stamps import BadFrame, make_header, require_finite, stamp_to_ns
from spp_sorter.values import Detections, FloatArray, IntArray, PickTarget, Track

# Where the covariance of x, y, z and yaw stands among the 6 x 6 numbers of a ROS pose covariance, row by row.
_POSE_CELLS = (6 * np.array([0, 1, 2, 5])[:, None] + np.array([0, 1, 2, 5])).ravel()


def detections_to_msg(detections: Detections, header: Header, track_ids: IntArray | Sequence[int]) -> Detection2DArray:
    """Detections in pixels of the input image.

    Args:
        detections: N detections.
        header: the image's header; each detection repeats it.
        track_ids: [N] track of each detection, 0 for none (an empty ``id``).

    Returns:
        vision_msgs/Detection2DArray; ``results`` lists every label, best first.
    """
    message = Detection2DArray(header=header)
    boxes = np.asarray(detections.boxes_xyxy, np.float64)
    for box, probs, track_id in zip(boxes, detections.label_probs, track_ids, strict=True):
        item = Detection2D(header=header, id=str(int(track_id)) if track_id else "")
        item.bbox.center.position.x, item.bbox.center.position.y = ((box[:2] + box[2:]) / 2).tolist()
        item.bbox.size_x, item.bbox.size_y = (box[2:] - box[:2]).tolist()
        item.results = _hypotheses(probs, detections.label_names)
        message.detections.append(item)
    return message


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


def tracks_to_detection3d_array(tracks: Iterable[Track], header: Header) -> Detection3DArray:
    """Tracked items as oriented boxes that stand on the belt, with the grasp pose on their top.

    Args:
        tracks: tracks at the image's stamp.
        header: the image's stamp, frame ``belt``.

    Returns:
        vision_msgs/Detection3DArray; every hypothesis carries the pose with its covariance.
    """
    message = Detection3DArray(header=header)
    for track in tracks:
        covariance = np.zeros((4, 4))
        covariance[:2, :2] = track.covariance_belt
        covariance[2, 2], covariance[3, 3] = track.height_std_m**2, track.yaw_std_rad**2
        size_m = (*np.asarray(track.size_m, np.float64).tolist(), float(track.height_m))
        item = _detection_3d(header, str(track.id), track.point_belt, track.yaw_rad, size_m)
        item.results = _hypotheses(track.label_probs, track.label_names)
        pose = _pose(track.point_belt, track.yaw_rad, covariance)
        for result in item.results:
            result.pose = pose
        message.detections.append(item)
    return message


def picks_to_msg(picks: Iterable[PickTarget], header: Header) -> Detection3DArray:
    """Pick targets, most urgent first; each one's own stamp is WHEN it crosses the pick line.

    Args:
        picks: pick targets in order of urgency.
        header: the image's stamp, frame ``belt``.

    Returns:
        vision_msgs/Detection3DArray with one hypothesis per target.
    """
    message = Detection3DArray(header=header)
    for pick in picks:
        own = make_header(pick.stamp_ns, header.frame_id)
        item = _detection_3d(own, str(pick.track_id), pick.point_belt, pick.yaw_rad, np.asarray(pick.size_m).tolist())
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = pick.label, float(pick.probability)
        result.pose = _pose(pick.point_belt, pick.yaw_rad, pick.covariance)
        item.results = [result]
        message.detections.append(item)
    return message


def pick_targets_from_msg(msg: Detection3DArray) -> list[PickTarget]:
    """Read pick targets back, in the message's order.

    Raises:
        BadFrame: ``bad_field``: an id that is no number, no hypothesis, or a number that is not finite.
    """
    return [_pick_target(item) for item in msg.detections]


def label_info_to_msg(label_names: Sequence[str], score_thresh: float, header: Header) -> LabelInfo:
    """vision_msgs/LabelInfo of a label map, numbered from 0, and the threshold on scores."""
    classes = [VisionClass(class_id=index, class_name=name) for index, name in enumerate(label_names)]
    return LabelInfo(header=header, class_map=classes, threshold=float(score_thresh))


def _hypotheses(probs: FloatArray, label_names: Sequence[str]) -> list[ObjectHypothesisWithPose]:
    """One hypothesis per label, best first; equal ones in the order of the label map."""
    results = []
    for index in np.argsort(-np.asarray(probs), kind="stable"):
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = label_names[index], float(probs[index])
        results.append(result)
    return results


def _detection_3d(
    header: Header, track_id: str, point_belt: FloatArray, yaw_rad: float, size_m: Sequence[float]
) -> Detection3D:
    item = Detection3D(header=header, id=track_id)
    center = item.bbox.center
    center.position.x, center.position.y = float(point_belt[0]), float(point_belt[1])
    center.position.z = size_m[2] / 2
    center.orientation.z, center.orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
    item.bbox.size.x, item.bbox.size.y, item.bbox.size.z = size_m
    return item


def _pose(point_belt: FloatArray, yaw_rad: float, covariance: FloatArray) -> PoseWithCovariance:
    message = PoseWithCovariance()
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = np.asarray(point_belt, np.float64).tolist()
    orientation.z, orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
    message.covariance[_POSE_CELLS] = np.asarray(covariance, np.float64).ravel()
    return message


def _pick_target(item: Detection3D) -> PickTarget:
    best = _results(item)[0]
    pose, size = best.pose.pose, item.bbox.size
    point = np.array([pose.position.x, pose.position.y, pose.position.z])
    size_m = np.array([size.x, size.y, size.z])
    covariance = np.array(best.pose.covariance, np.float64)[_POSE_CELLS].reshape(4, 4)
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
