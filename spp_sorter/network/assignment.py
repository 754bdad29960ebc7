"""Which cell and which window answers for which item: targets of training, for whole batches at once.

Everything has a fixed shape, with masks where a picture has less to give: a GPU never waits to be told a length.

Letters: B images, N cells of a map, G places for items in one image, P proposals of one image, R sampled windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from spp_sorter.network.boxes import box_area, clip_boxes, pairwise_cover, pairwise_iou
from spp_sorter.network.decode import PRE_NMS, PROPOSAL_NMS
from spp_sorter.network.heads import DenseOutput

CENTRE_RADIUS = 1.5
"""A cell is positive when the item's centre is at most this many cells away (FCOS centre sampling)."""

WINDOWS_PER_IMAGE = 64
POSITIVE_SHARE = 0.5
POSITIVE_IOU = 0.5
IGNORE_COVER = 0.5
TRAINING_PROPOSALS = 150


@dataclass(frozen=True)
class Target:
    """The truth of one picture in pixels of the network's input.

    Attributes:
        boxes_xyxy: [G, 4] float32.
        labels: [G] int64, index into the label names.
        ignore: [G] bool; nothing is learned from these, neither as item nor as background.
        grasps: [G, 5] float32 point x, y, yaw, length, width; NaN where unknown.
    """

    boxes_xyxy: Tensor
    labels: Tensor
    ignore: Tensor
    grasps: Tensor

    def to(self, device: torch.device) -> Target:
        """The same target on another device."""
        return Target(
            self.boxes_xyxy.to(device), self.labels.to(device), self.ignore.to(device), self.grasps.to(device)
        )


class BatchTarget(NamedTuple):
    """The truth of B pictures, filled up to the same number of items.

    Attributes:
        boxes_xyxy: [B, G, 4].
        labels: [B, G].
        learn: [B, G] bool: a real item to learn from.
        ignore: [B, G] bool: a real item of which nothing is asked.
        grasps: [B, G, 5].
    """

    boxes_xyxy: Tensor
    labels: Tensor
    learn: Tensor
    ignore: Tensor
    grasps: Tensor


class Windows(NamedTuple):
    """Windows to learn from.

    Attributes:
        boxes_xyxy: [B, R, 4].
        item: [B, R] int64 item of the picture, -1 for background.
        used: [B, R] bool; the rest only fills the shape.
    """

    boxes_xyxy: Tensor
    item: Tensor
    used: Tensor


def batch_targets(targets: list[Target], device: torch.device) -> BatchTarget:
    """Fill up targets to one shape, at least one place, and move them to ``device`` together."""
    places = max(1, *(len(target.labels) for target in targets))

    def fill(rows: list[Tensor], empty: Tensor) -> Tensor:
        filled = empty.repeat(len(rows), places, *[1] * (empty.ndim - 2))
        for picture, values in enumerate(rows):
            filled[picture, : len(values)] = values
        return filled.to(device, non_blocking=True)

    home = targets[0].boxes_xyxy.device
    return BatchTarget(
        fill([target.boxes_xyxy for target in targets], torch.zeros(1, 1, 4, device=home)),
        fill([target.labels for target in targets], torch.zeros(1, 1, dtype=torch.long, device=home)),
        fill([~target.ignore for target in targets], torch.zeros(1, 1, dtype=torch.bool, device=home)),
        fill([target.ignore for target in targets], torch.zeros(1, 1, dtype=torch.bool, device=home)),
        fill([target.grasps for target in targets], torch.full((1, 1, 5), torch.nan, device=home)),
    )


def assign_cells(centres_xy: Tensor, truth: BatchTarget, stride: int) -> tuple[Tensor, Tensor]:
    """Which item each cell answers for.

    Args:
        centres_xy: [N, 2] cell centres.
        truth: the items of B pictures.
        stride: pixels per cell.

    Returns:
        [B, N] int64 item (the smallest where several claim the cell), -1 for none, and [B, N] bool cells of which
        nothing is asked: inside an ignored item and owned by no other.
    """
    boxes = truth.boxes_xyxy[:, None]  # [B, 1, G, 4]
    centres = centres_xy[None, :, None]  # [1, N, 1, 2]
    offset = (centres - (boxes[..., :2] + boxes[..., 2:]) / 2).abs().amax(dim=-1)  # [B, N, G]
    inside = ((centres > boxes[..., :2]) & (centres < boxes[..., 2:])).all(dim=-1)
    claims = ((offset < CENTRE_RADIUS * stride) & inside) | (offset <= stride / 2)
    cost = torch.where(claims & truth.learn[:, None], box_area(boxes), torch.inf)
    smallest, index = cost.min(dim=2)
    owner = torch.where(smallest.isfinite(), index, -1)
    ignored = (inside & truth.ignore[:, None]).any(dim=2) & (owner < 0)
    return owner, ignored


def training_proposals(dense: DenseOutput, size_hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The best proposals of every picture, as the head will see them.

    The suppression is one step: whatever overlaps a better box goes, even if that box goes too. It drops a few boxes
    more than the one by one suppression of inference, and needs no loop.

    Returns:
        boxes [B, P, 4] and [B, P] bool whether there is one.
    """
    scores, index = dense.logits.topk(min(PRE_NMS, dense.logits.shape[1]), dim=1)
    boxes = clip_boxes(dense.boxes_xyxy.gather(1, index[..., None].expand(-1, -1, 4)), size_hw)
    beaten = (pairwise_iou(boxes, boxes).triu(diagonal=1) > PROPOSAL_NMS).any(dim=1)
    scores = scores.masked_fill(beaten, -torch.inf)
    scores, index = scores.topk(min(TRAINING_PROPOSALS, scores.shape[1]), dim=1)
    return boxes.gather(1, index[..., None].expand(-1, -1, 4)), scores.isfinite()


def sample_windows(proposals_xyxy: Tensor, valid: Tensor, truth: BatchTarget) -> Windows:
    """Proposals to learn from: at most half of them on items, the rest on background.

    Args:
        proposals_xyxy: [B, P, 4].
        valid: [B, P] bool.
        truth: the items of the B pictures; boxes near the true ones join the proposals, so that the head sees items
            before the proposals are any good.
    """
    candidates = torch.cat([proposals_xyxy, _jitter(truth.boxes_xyxy)], dim=1)
    valid = torch.cat([valid, truth.learn], dim=1)
    iou = pairwise_iou(candidates, truth.boxes_xyxy).masked_fill(~truth.learn[:, None], 0)
    best, index = iou.max(dim=2)
    item = torch.where(best >= POSITIVE_IOU, index, -1)
    cover = pairwise_cover(candidates, truth.boxes_xyxy).masked_fill(~truth.ignore[:, None], 0).amax(dim=2)
    positive = valid & (item >= 0)
    negative = valid & (item < 0) & (cover < IGNORE_COVER)
    dice = torch.rand_like(best)
    # A draw is a sort: chosen positives above negatives above the rest, by dice within each.
    places = positive.shape[1]
    rank = torch.where(positive, dice, -1).argsort(dim=1, descending=True).argsort(dim=1)
    chosen = positive & (rank < int(WINDOWS_PER_IMAGE * POSITIVE_SHARE))
    order = dice + 2 * chosen + 1 * negative
    used = chosen | negative
    order, index = order.masked_fill(~used, -1).topk(min(WINDOWS_PER_IMAGE, places), dim=1)
    return Windows(
        candidates.gather(1, index[..., None].expand(-1, -1, 4)), item.gather(1, index), used.gather(1, index)
    )


def _jitter(boxes_xyxy: Tensor) -> Tensor:
    """Boxes moved and resized a little."""
    side = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).repeat(1, 1, 2)
    return boxes_xyxy + (torch.rand_like(boxes_xyxy) - 0.5) * 0.3 * side
