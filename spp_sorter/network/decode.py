"""Raw outputs to boxes, probabilities and grasps, and the choice of which to keep.

Letters: R windows, N kept, K labels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import nms

from spp_sorter.network.boxes import MAX_LOG_SCALE, clip_boxes, decode_boxes
from spp_sorter.network.heads import DenseOutput, RegionOutput

PRE_NMS = 400
"""Cells that go into the suppression of proposals; more cost time and change nothing."""

PROPOSAL_NMS = 0.7


class Regions(NamedTuple):
    """Decoded detections of one picture, best first, in pixels of the network's input.

    Attributes:
        boxes_xyxy: [N, 4].
        scores: [N] probability of the best label.
        labels: [N] int64.
        label_probs: [N, K].
        grasps: [N, 5] point x, y, yaw (radians), length, width.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor
    label_probs: Tensor
    grasps: Tensor


def select_proposals(dense: DenseOutput, size_hw: tuple[int, int], count: int) -> list[tuple[Tensor, Tensor]]:
    """The best proposals of every picture: boxes [<= count, 4] and objectness [<= count], best first."""
    chosen = []
    for logits, boxes in zip(dense.logits, dense.boxes_xyxy, strict=True):
        scores, index = logits.sigmoid().topk(min(max(PRE_NMS, count), len(logits)))
        candidates = clip_boxes(boxes[index], size_hw)
        keep = nms(candidates, scores, PROPOSAL_NMS)[:count]
        chosen.append((candidates[keep], scores[keep]))
    return chosen


class WindowReading(NamedTuple):
    """What the head says of every window, decoded, before anything is chosen.

    Attributes:
        boxes_xyxy: [R, 4] cut to the picture.
        scores: [R] probability of the best label.
        rank: [R] what boxes of one item compete by: the one that is expected to fit best stays.
        sound: [R] whether the box has an area.
        label_probs: [R, K].
        grasps: [R, 5], see ``Regions``.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    rank: Tensor
    sound: Tensor
    label_probs: Tensor
    grasps: Tensor


def read_regions(output: RegionOutput, size_hw: tuple[int, int]) -> WindowReading:
    """Decode the head's output for the windows of one picture, in steps whose shapes do not depend on values."""
    label_probs = output.class_logits.softmax(dim=1)[:, 1:]
    scores = label_probs.amax(dim=1)
    boxes = clip_boxes(decode_boxes(output.deltas, output.window_xyxy), size_hw)
    sound = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) > 1
    grasps = decode_grasps(output.grasp, output.window_xyxy, boxes)
    return WindowReading(boxes, scores, scores * output.quality.sigmoid(), sound, label_probs, grasps)


def decode_regions(
    output: RegionOutput, size_hw: tuple[int, int], score_thresh: float, nms_thresh: float, max_detections: int
) -> Regions:
    """Detections of one picture: score, threshold, decode, clip, suppress whatever the label, cap, best score first.

    Args:
        output: the head's output for the windows of one picture.
        size_hw: the picture's size in the network's input, boxes are cut to it.
        score_thresh: smallest probability of the best label.
        nms_thresh: IoU above which the weaker of two boxes goes.
        max_detections: how many stay at most.
    """
    reading = read_regions(output, size_hw)
    index = ((reading.scores >= score_thresh) & reading.sound).nonzero()[:, 0]
    index = index[nms(reading.boxes_xyxy[index], reading.rank[index], nms_thresh)[:max_detections]]
    index = index[reading.scores[index].argsort(descending=True, stable=True)]
    probs = reading.label_probs[index]
    return Regions(reading.boxes_xyxy[index], reading.scores[index], probs.argmax(1), probs, reading.grasps[index])


def decode_grasps(raw: Tensor, window_xyxy: Tensor, boxes_xyxy: Tensor) -> Tensor:
    """Grasps from the window that the head really saw.

    Args:
        raw: [N, 6] point shift in window sides from the window's centre, cos and sin of twice the yaw (any length),
            log of length and of width in units of the window's mean side.
        window_xyxy: [N, 4] image box of the pooled cells.
        boxes_xyxy: [N, 4] refined boxes; the point is kept inside them.

    Returns:
        [N, 5] point x, y, yaw in (-pi/2, pi/2], length, width (length >= width).
    """
    side = (window_xyxy[:, 2:] - window_xyxy[:, :2]).clamp(min=1e-3)
    point = (window_xyxy[:, :2] + window_xyxy[:, 2:]) / 2 + raw[:, :2] * side
    point = torch.maximum(torch.minimum(point, boxes_xyxy[:, 2:]), boxes_xyxy[:, :2])
    yaw = torch.atan2(raw[:, 3], raw[:, 2]) / 2
    size = side.prod(dim=1).sqrt()[:, None] * raw[:, 4:].clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE).exp()
    turned = size[:, 0] < size[:, 1]
    yaw = torch.where(turned, torch.where(yaw > 0, yaw - torch.pi / 2, yaw + torch.pi / 2), yaw)
    size = size.sort(dim=1, descending=True).values
    return torch.cat([point, yaw[:, None], size], dim=1)


def encode_grasps(grasps: Tensor, window_xyxy: Tensor) -> Tensor:
    """The inverse of ``decode_grasps`` without its clipping: [N, 5] grasps to [N, 6] targets; NaN stays NaN."""
    side = (window_xyxy[:, 2:] - window_xyxy[:, :2]).clamp(min=1e-3)
    shift = (grasps[:, :2] - (window_xyxy[:, :2] + window_xyxy[:, 2:]) / 2) / side
    double = 2 * grasps[:, 2:3]
    size = grasps[:, 3:] / side.prod(dim=1).sqrt()[:, None]
    return torch.cat([shift, double.cos(), double.sin(), size.clamp(min=1e-3).log()], dim=1)
