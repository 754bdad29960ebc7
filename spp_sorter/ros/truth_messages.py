"""The simulated belt's truth as messages, and back.

Letters: H x W image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from std_msgs.msg import Header
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    ObjectHypothesisWithPose,
)

from spp_sorter.values import FloatArray, TrueItem


@dataclass(frozen=True, slots=True)
class TrueBox:
    """One item as an image shows it.

    Attributes:
        id: the item's number in its world.
        label: its label.
        box_xyxy: [4] float64 tight box of the visible pixels.
        visible_fraction: share of the item that is visible, 1 for all.
    """

    id: int
    label: str
    box_xyxy: FloatArray
    visible_fraction: float


def truth_to_msg(items: Iterable[TrueItem], header: Header) -> Detection3DArray:
    """Items in ``belt`` at the header's stamp: oriented boxes on the belt, and the pick pose on the item's top.

    Args:
        items: true items.
        header: the image's stamp, frame ``belt``.
    """
    message = Detection3DArray(header=header)
    for item in items:
        entry = Detection3D(header=header, id=str(item.id))
        half_sine, half_cosine = math.sin(item.yaw_rad / 2), math.cos(item.yaw_rad / 2)
        center, size = entry.bbox.center, entry.bbox.size
        center.position.x, center.position.y = float(item.point_belt[0]), float(item.point_belt[1])
        size.x, size.y, size.z = (float(v) for v in item.size_m)
        center.position.z = size.z / 2
        center.orientation.z, center.orientation.w = half_sine, half_cosine
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = item.label, 1.0
        pose = result.pose.pose
        pose.position.x, pose.position.y, pose.position.z = (float(v) for v in item.point_belt)
        pose.orientation.z, pose.orientation.w = half_sine, half_cosine
        entry.results = [result]
        message.detections.append(entry)
    return message


def truth_boxes_to_msg(items: Iterable[TrueItem], header: Header) -> Detection2DArray:
    """Boxes of the visible pixels; the hypothesis' score is the visible share. Hidden items are left out.

    Args:
        items: true items of one frame.
        header: the image's header.
    """
    message = Detection2DArray(header=header)
    for item in items:
        if not np.isfinite(item.box_xyxy).all():
            continue
        left, top, right, bottom = (float(v) for v in item.box_xyxy)
        entry = Detection2D(header=header, id=str(item.id))
        entry.bbox.center.position.x, entry.bbox.center.position.y = (left + right) / 2, (top + bottom) / 2
        entry.bbox.size_x, entry.bbox.size_y = right - left, bottom - top
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = item.label, float(item.visible_fraction)
        entry.results = [result]
        message.detections.append(entry)
    return message


def truth_boxes_from_msg(msg: Detection2DArray) -> list[TrueBox]:
    """What ``truth_boxes_to_msg`` wrote."""
    boxes = []
    for entry in msg.detections:
        x, y = entry.bbox.center.position.x, entry.bbox.center.position.y
        half_x, half_y = entry.bbox.size_x / 2, entry.bbox.size_y / 2
        hypothesis = entry.results[0].hypothesis
        box = np.array([x - half_x, y - half_y, x + half_x, y + half_y])
        boxes.append(TrueBox(int(entry.id), hypothesis.class_id, box, hypothesis.score))
    return boxes
