"""Boxes as tensors: ``xyxy`` on pixel edges, areas, intersections, and how a refinement is coded.

Letters: N, M boxes.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_LOG_SCALE = 4.0
"""Refinements grow or shrink a side by e^4 at most, so that an untrained head cannot overflow half precision."""


def box_area(boxes_xyxy: Tensor) -> Tensor:
    """[..., 4] boxes to [...] areas; inverted boxes have area 0."""
    sides = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def intersection(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Areas of overlap of boxes pair by pair; the shapes broadcast."""
    low = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    high = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    return box_area(torch.cat([low, high], dim=-1))


def pairwise_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """[..., N, 4] and [..., M, 4] boxes to [..., N, M] intersection over union in [0, 1]; empty boxes give 0."""
    overlap = intersection(a_xyxy[..., :, None, :], b_xyxy[..., None, :, :])
    union = box_area(a_xyxy)[..., :, None] + box_area(b_xyxy)[..., None, :] - overlap
    return overlap / union.clamp(min=1e-6)


def paired_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """[..., 4] and [..., 4] boxes to [...] intersection over union, pair by pair."""
    overlap = intersection(a_xyxy, b_xyxy)
    return overlap / (box_area(a_xyxy) + box_area(b_xyxy) - overlap).clamp(min=1e-6)


def pairwise_cover(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """[..., N, 4] and [..., M, 4] boxes to [..., N, M]: the part of each ``a`` that lies inside each ``b``."""
    overlap = intersection(a_xyxy[..., :, None, :], b_xyxy[..., None, :, :])
    return overlap / box_area(a_xyxy)[..., :, None].clamp(min=1e-6)


def clip_boxes(boxes_xyxy: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Boxes cut to an image of ``size_hw``; [..., 4] in and out."""
    height, width = size_hw
    x, y = boxes_xyxy[..., 0::2].clamp(0, width), boxes_xyxy[..., 1::2].clamp(0, height)
    return torch.stack([x, y], dim=-1).flatten(-2)


def encode_boxes(boxes_xyxy: Tensor, reference_xyxy: Tensor) -> Tensor:
    """Refinements that turn reference boxes into boxes: centre shift by side, log of the ratio of sides.

    Girshick et al., R-CNN (arXiv 1311.2524), appendix C. [N, 4] each in, [N, 4] ``dx, dy, dw, dh`` out.
    """
    centre, side = _centre_side(boxes_xyxy)
    reference_centre, reference_side = _centre_side(reference_xyxy)
    return torch.cat([(centre - reference_centre) / reference_side, (side / reference_side).log()], dim=-1)


def decode_boxes(deltas: Tensor, reference_xyxy: Tensor) -> Tensor:
    """The inverse of ``encode_boxes``; [N, 4] each in, [N, 4] boxes out, sides limited by ``MAX_LOG_SCALE``."""
    reference_centre, reference_side = _centre_side(reference_xyxy)
    centre = reference_centre + deltas[..., :2] * reference_side
    half = reference_side * deltas[..., 2:].clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def _centre_side(boxes_xyxy: Tensor) -> tuple[Tensor, Tensor]:
    side = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=1e-3)
    return (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2, side
