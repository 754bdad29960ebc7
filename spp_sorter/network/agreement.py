"""Whether two ways to run a frame give the same answers: asked before one of them is trusted.

Letters: H x W pixels of a picture, R windows, K labels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spp_sorter.network.boxes import pairwise_iou
from spp_sorter.network.frame import BOX, GRASP, KEPT, PROBS, RANK

BLOCK_PX = 16
"""Side of the squares of the picture that is made up."""

SAME_ROWS = 0.8
"""Share of the answers that must have one like them: rounding turns the order of two windows now and then."""

SAME_IOU = 0.9
SAME_PROB = 0.1
"""Difference of probabilities, and of ranks."""

SAME_POINT = 0.1
"""Distance of pick points, in sides of the box."""

SAME_YAW = 0.2
"""Radians; said only of items that are longer than they are wide."""

SAME_SIZE = 0.2
"""Logarithm of the ratio of lengths, and of widths."""

LONG = 1.2
"""Length in widths from which a yaw means something."""


def made_up_picture(size_hw: tuple[int, int], device: torch.device) -> Tensor:
    """[H, W, 3] uint8 squares of random colours, the same every time."""
    random = torch.Generator().manual_seed(0)
    squares = torch.randint(0, 256, (-(-size_hw[0] // BLOCK_PX), -(-size_hw[1] // BLOCK_PX), 3), generator=random)
    picture = squares.repeat_interleave(BLOCK_PX, 0).repeat_interleave(BLOCK_PX, 1)[: size_hw[0], : size_hw[1]]
    return picture.to(device, torch.uint8).contiguous()


def disagreement(wanted: Tensor, found: Tensor) -> str:
    """How two tables of one frame differ; empty where they say the same.

    Args:
        wanted: [R, 11 + K], see ``frame.FrameNetwork``.
        found: the same.
    """
    if wanted.shape != found.shape:
        return f"tables of {tuple(found.shape)}, not {tuple(wanted.shape)}"
    kept = [table[table[:, KEPT] > 0].float().cpu() for table in (wanted, found)]
    for theirs, ours in (kept, kept[::-1]):
        same = int(_like_one_of(theirs, ours).sum())
        if same < SAME_ROWS * len(theirs):
            return f"{same} of {len(theirs)} answers are the same"
    return ""


def _like_one_of(rows: Tensor, others: Tensor) -> Tensor:
    """[N] whether each row says what the row does that overlaps it most; a row with NaN is like none."""
    if not len(rows) or not len(others):
        return torch.zeros(len(rows), dtype=torch.bool)
    iou, place = pairwise_iou(rows[:, BOX], others[:, BOX]).max(dim=1)
    others = others[place]
    side = (rows[:, 4:6] - rows[:, 2:4]).clamp(min=1)
    gap = (rows - others).abs()
    grasp, sizes = rows[:, GRASP], (rows[:, GRASP][:, 3:], others[:, GRASP][:, 3:])
    turn = (gap[:, GRASP][:, 2] + math.pi / 2) % math.pi - math.pi / 2  # of a line: half a turn is none
    return (
        (iou > SAME_IOU)
        & (gap[:, PROBS:].amax(dim=1) < SAME_PROB)
        & (gap[:, RANK] < SAME_PROB)
        & ((gap[:, GRASP][:, :2] / side).amax(dim=1) < SAME_POINT)
        & ((turn.abs() < SAME_YAW) | (grasp[:, 3] < LONG * grasp[:, 4]))
        & ((sizes[0] / sizes[1].clamp(min=1e-6)).clamp(min=1e-6).log().abs().amax(dim=1) < SAME_SIZE)
    )
