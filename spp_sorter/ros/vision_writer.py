"""Detections, tracks, pick targets and the label map as vision_msgs.

Letters: N detections, C labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

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

from spp_sorter.ros.stamps import ns_to_stamp
from spp_sorter.values import Detections, FloatArray, IntArray, PickTarget, Track

POSE_CELLS = (6 * np.array([0, 1, 2, 5])[:, None] + np.array([0, 1, 2, 5])).ravel()
"""Where the covariance of x, y, z and yaw stands among the 6 x 6 numbers of a ROS pose covariance, row by row."""

Part = TypeVar("Part")


class _Parts(Generic[Part]):
    """Parts of messages, each made once: a detection is made of a dozen objects, and filled in a tenth of the time."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        self._made: list[Part] = []

    def first(self, count: int) -> list[Part]:
        """The first ``count`` parts, as the last message left them."""
        self._made += [self._make() for _ in range(count - len(self._made))]
        return self._made[:count]


class VisionWriter:
    """Writes messages whose parts it uses again: each is good until the next of its kind is written.

    For a publisher, which has sent a message when ``publish`` returns. Not safe between threads.
    """

    def __init__(self) -> None:
        self._boxes = _Parts(Detection2D)
        self._box_results = _Parts(ObjectHypothesisWithPose)
        self._items = _Parts(Detection3D)
        self._item_results = _Parts(ObjectHypothesisWithPose)
        self._item_poses = _Parts(PoseWithCovariance)
        self._picks = _Parts(_empty_pick)

    def detections(
        self, detections: Detections, header: Header, track_ids: IntArray | Sequence[int]
    ) -> Detection2DArray:
        """See ``detections_to_msg``."""
        boxes: FloatArray = np.asarray(detections.boxes_xyxy, np.float64).reshape(-1, 4)
        centres, sizes = ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist(), (boxes[:, 2:] - boxes[:, :2]).tolist()
        items = self._boxes.first(len(boxes))
        results = _hypotheses(self._box_results, detections.label_probs, detections.label_names)
        for item, own, centre, size, track_id in zip(items, results, centres, sizes, track_ids, strict=True):
            item.header, item.id, item.results = header, str(int(track_id)) if track_id else "", own
            box = item.bbox
            position = box.center.position
            position.x, position.y = centre
            box.size_x, box.size_y = size
        return Detection2DArray(header=header, detections=items)

    def tracks(self, tracks: Iterable[Track], header: Header) -> Detection3DArray:
        """See ``tracks_to_detection3d_array``."""
        tracks = list(tracks)
        items, poses = self._items.first(len(tracks)), self._item_poses.first(len(tracks))
        probs = np.array([track.label_probs for track in tracks])
        results = _hypotheses(self._item_results, probs, tracks[0].label_names if tracks else ())
        for item, pose, own, track in zip(items, poses, results, tracks, strict=True):
            item.header, item.id, item.results = header, str(track.id), own
            covariance = np.zeros((4, 4))
            covariance[:2, :2] = track.covariance_belt
            covariance[2, 2], covariance[3, 3] = track.height_std_m**2, track.yaw_std_rad**2
            size = (*np.asarray(track.size_m, np.float64).tolist(), float(track.height_m))
            _fill_box(item, track.point_belt, track.yaw_rad, size)
            _fill_pose(pose, track.point_belt, track.yaw_rad, covariance)
            for result in own:
                result.pose = pose
        return Detection3DArray(header=header, detections=items)

    def picks(self, picks: Iterable[PickTarget], header: Header) -> Detection3DArray:
        """See ``picks_to_msg``."""
        picks = list(picks)
        items = self._picks.first(len(picks))
        for item, pick in zip(items, picks, strict=True):
            item.header.stamp, item.header.frame_id = ns_to_stamp(pick.stamp_ns), header.frame_id
            item.id = str(pick.track_id)
            _fill_box(item, pick.point_belt, pick.yaw_rad, np.asarray(pick.size_m, np.float64).tolist())
            result = item.results[0]
            result.hypothesis.class_id, result.hypothesis.score = pick.label, float(pick.probability)
            _fill_pose(result.pose, pick.point_belt, pick.yaw_rad, pick.covariance)
        return Detection3DArray(header=header, detections=items)


def detections_to_msg(detections: Detections, header: Header, track_ids: IntArray | Sequence[int]) -> Detection2DArray:
    """Detections in pixels of the input image.

    Args:
        detections: N detections.
        header: the image's header; each detection repeats it.
        track_ids: [N] track of each detection, 0 for none (an empty ``id``).

    Returns:
        vision_msgs/Detection2DArray; ``results`` lists every label, best first.
    """
    return VisionWriter().detections(detections, header, track_ids)


def tracks_to_detection3d_array(tracks: Iterable[Track], header: Header) -> Detection3DArray:
    """Tracked items as oriented boxes that stand on the belt, with the grasp pose on their top.

    Args:
        tracks: tracks at the image's stamp.
        header: the image's stamp, frame ``belt``.

    Returns:
        vision_msgs/Detection3DArray; every hypothesis carries the pose with its covariance.
    """
    return VisionWriter().tracks(tracks, header)


def picks_to_msg(picks: Iterable[PickTarget], header: Header) -> Detection3DArray:
    """Pick targets, most urgent first; each one's own stamp is WHEN it crosses the pick line.

    Args:
        picks: pick targets in order of urgency.
        header: the image's stamp, frame ``belt``.

    Returns:
        vision_msgs/Detection3DArray with one hypothesis per target.
    """
    return VisionWriter().picks(picks, header)


def label_info_to_msg(label_names: Sequence[str], score_thresh: float, header: Header) -> LabelInfo:
    """vision_msgs/LabelInfo of a label map, numbered from 0, and the threshold on scores."""
    classes = [VisionClass(class_id=index, class_name=name) for index, name in enumerate(label_names)]
    return LabelInfo(header=header, class_map=classes, threshold=float(score_thresh))


def _empty_pick() -> Detection3D:
    return Detection3D(results=[ObjectHypothesisWithPose()])


def _hypotheses(
    parts: _Parts[ObjectHypothesisWithPose], probs: FloatArray, label_names: Sequence[str]
) -> list[list[ObjectHypothesisWithPose]]:
    """One hypothesis per label for each row of probabilities [N, C], best first; equal ones in the order of the map."""
    results = []
    values: FloatArray = np.asarray(probs, np.float64).reshape(-1, max(len(label_names), 1))
    made = iter(parts.first(values.size))
    for row, order in zip(values.tolist(), np.argsort(-values, axis=1, kind="stable").tolist(), strict=True):
        own = []
        for index in order:
            result = next(made)
            hypothesis = result.hypothesis
            hypothesis.class_id, hypothesis.score = label_names[index], row[index]
            own.append(result)
        results.append(own)
    return results


def _fill_box(item: Detection3D, point_belt: FloatArray, yaw_rad: float, size_m: Sequence[float]) -> None:
    """An upright box on the belt: its middle is half its height above it."""
    center, size = item.bbox.center, item.bbox.size
    position, orientation = center.position, center.orientation
    position.x, position.y, position.z = float(point_belt[0]), float(point_belt[1]), size_m[2] / 2
    orientation.z, orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
    size.x, size.y, size.z = size_m


def _fill_pose(message: PoseWithCovariance, point_belt: FloatArray, yaw_rad: float, covariance: FloatArray) -> None:
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = np.asarray(point_belt, np.float64).tolist()
    orientation.z, orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
    message.covariance[POSE_CELLS] = np.asarray(covariance, np.float64).ravel()
