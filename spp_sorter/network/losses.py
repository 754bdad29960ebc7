"""What training minimises: a dict of named losses from raw outputs and targets; decoding lives elsewhere.

Letters: B images, N cells of a map, G true items of one image, P proposals of one image, R sampled windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from spp_sorter.network.boxes import decode_boxes, encode_boxes, pairwise_cover, pairwise_iou
from spp_sorter.network.decode import encode_grasps, select_proposals
from spp_sorter.network.heads import DenseOutput, RegionOutput, cell_centres
from spp_sorter.network.model import SppNetwork

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


def detection_losses(network: SppNetwork, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
    """All losses of one batch, end to end through proposals, pooling and head.

    Args:
        network: in training mode.
        images: [B, 3, H, W] RGB 0 to 255.
        targets: B targets.

    Returns:
        Scalars by name: ``objectness``, ``proposal_box``, ``class``, ``box``, ``grasp_point``, ``grasp_yaw``,
        ``grasp_size``.
    """
    size_hw = (images.shape[2], images.shape[3])
    features = network.convolve(images)
    dense = network.propose(features)
    losses = dense_losses(dense, targets, (features.shape[2], features.shape[3]), network.stride)
    with torch.no_grad():
        detached = DenseOutput(dense.logits.detach(), dense.boxes_xyxy.detach())
        proposals = [boxes for boxes, _ in select_proposals(detached, size_hw, TRAINING_PROPOSALS)]
        samples = [sample_windows(p, t) for p, t in zip(proposals, targets, strict=True)]
    boxes = torch.cat([s[0] for s in samples])
    matched = torch.cat([s[1] for s in samples])  # index into all targets, -1 for background
    offsets = [0]
    for target in targets:
        offsets.append(offsets[-1] + len(target.labels))
    shift = torch.cat([torch.full_like(s[1], offset) for s, offset in zip(samples, offsets[:-1], strict=True)])
    matched = torch.where(matched >= 0, matched + shift, matched)
    image_index = torch.cat([torch.full_like(s[1], i) for i, s in enumerate(samples)])
    output = network.classify(features, boxes, image_index)
    everything = Target(*(torch.cat(part) for part in zip(*[_parts(t) for t in targets], strict=True)))
    losses.update(region_losses(output, matched, everything))
    return losses


def dense_losses(dense: DenseOutput, targets: list[Target], map_hw: tuple[int, int], stride: int) -> dict[str, Tensor]:
    """Objectness with the box's quality as its target (quality focal loss, arXiv 2006.04388), and GIoU of the boxes."""
    centres = cell_centres(map_hw, stride, dense.logits.device)
    quality = torch.zeros_like(dense.logits)
    weight = torch.ones_like(dense.logits)
    box_terms = []
    for i, target in enumerate(targets):
        owner, ignored = assign_cells(centres, target, stride)
        weight[i, ignored] = 0
        cells = (owner >= 0).nonzero()[:, 0]
        pred, truth = dense.boxes_xyxy[i, cells], target.boxes_xyxy[owner[cells]]
        quality[i, cells] = _paired_iou(pred.detach(), truth)
        box_terms.append(generalized_box_iou_loss(pred, truth))
    box_loss = torch.cat(box_terms)
    modulation = (dense.logits.sigmoid() - quality).detach().abs().square()
    entropy = F.binary_cross_entropy_with_logits(dense.logits, quality, reduction="none")
    num_positive = max(1, len(box_loss))
    return {
        "objectness": (weight * modulation * entropy).sum() / num_positive,
        "proposal_box": box_loss.sum() / num_positive,
    }


def assign_cells(centres_xy: Tensor, target: Target, stride: int) -> tuple[Tensor, Tensor]:
    """Which item each cell answers for.

    Args:
        centres_xy: [N, 2] cell centres.
        target: the picture's truth.
        stride: pixels per cell.

    Returns:
        [N] int64 index of the item (the smallest where several claim the cell), -1 for none, and [N] bool cells of
        which nothing is asked: inside an ignored item and owned by no other.
    """
    owner = torch.full((len(centres_xy),), -1, dtype=torch.long, device=centres_xy.device)
    if len(target.labels) == 0:
        return owner, torch.zeros_like(owner, dtype=torch.bool)
    boxes = target.boxes_xyxy
    offset = (centres_xy[:, None] - (boxes[None, :, :2] + boxes[None, :, 2:]) / 2).abs().amax(dim=2)  # [N, G]
    inside = ((centres_xy[:, None] > boxes[None, :, :2]) & (centres_xy[:, None] < boxes[None, :, 2:])).all(dim=2)
    claims = ((offset < CENTRE_RADIUS * stride) & inside) | (offset <= stride / 2)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    cost = torch.where(claims & ~target.ignore, area, torch.inf)
    smallest, index = cost.min(dim=1)
    owner = torch.where(smallest.isfinite(), index, owner)
    ignored = (inside & target.ignore).any(dim=1) & (owner < 0)
    return owner, ignored


def sample_windows(proposals_xyxy: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Proposals to learn from: at most half of them on items, the rest on background.

    Returns:
        boxes [R, 4] with R <= ``WINDOWS_PER_IMAGE``, and [R] int64 index of the item, -1 for background.
    """
    truth = target.boxes_xyxy[~target.ignore]
    candidates = torch.cat([proposals_xyxy, _jitter(truth)])
    matched = torch.full((len(candidates),), -1, dtype=torch.long, device=candidates.device)
    usable = torch.ones_like(matched, dtype=torch.bool)
    if len(target.labels):
        iou = pairwise_iou(candidates, target.boxes_xyxy)
        iou[:, target.ignore] = 0
        best, index = iou.max(dim=1)
        matched = torch.where(best >= POSITIVE_IOU, index, matched)
        if target.ignore.any():
            cover = pairwise_cover(candidates, target.boxes_xyxy[target.ignore]).amax(dim=1)
            usable = (matched >= 0) | (cover < IGNORE_COVER)
    positive = _choose((matched >= 0) & usable, int(WINDOWS_PER_IMAGE * POSITIVE_SHARE))
    negative = _choose((matched < 0) & usable, WINDOWS_PER_IMAGE - len(positive))
    chosen = torch.cat([positive, negative])
    return candidates[chosen], matched[chosen]


def region_losses(output: RegionOutput, matched: Tensor, truth: Target) -> dict[str, Tensor]:
    """Cross entropy of the class; GIoU and L1 of the box; point, yaw and size of the grasp where it is known.

    Args:
        output: of the head for R windows.
        matched: [R] index into ``truth``, -1 for background.
        truth: the items of all pictures.
    """
    foreground = (matched >= 0).nonzero()[:, 0]
    item = matched[foreground]
    classes = torch.zeros_like(matched)
    classes[foreground] = truth.labels[item] + 1
    window, deltas = output.window_xyxy[foreground], output.deltas[foreground]
    boxes = truth.boxes_xyxy[item]
    count = max(1, len(item))
    box = generalized_box_iou_loss(decode_boxes(deltas, window), boxes)
    shift = F.smooth_l1_loss(deltas, encode_boxes(boxes, window), beta=0.1, reduction="none").sum(dim=1)
    losses = {
        "class": F.cross_entropy(output.class_logits, classes) if len(classes) else output.class_logits.sum(),
        "box": (box + 0.5 * shift).sum() / count,
    }
    losses.update(_grasp_losses(output.grasp[foreground], truth.grasps[item], window))
    return losses


def _grasp_losses(raw: Tensor, grasps: Tensor, window: Tensor) -> dict[str, Tensor]:
    known = grasps.isfinite().all(dim=1)
    raw, grasps, window = raw[known], grasps[known], window[known]
    wanted = encode_grasps(grasps, window)
    count = max(1, len(grasps))
    # The yaw of a nearly round item is noise: its weight grows with the aspect, in full from 1.5 on.
    weight = ((grasps[:, 3] / grasps[:, 4].clamp(min=1e-3) - 1) / 0.5).clamp(0, 1)
    yaw = (raw[:, 2:4] - wanted[:, 2:4]).square().sum(dim=1) * weight
    return {
        "grasp_point": F.smooth_l1_loss(raw[:, :2], wanted[:, :2], beta=0.05, reduction="sum") / count,
        "grasp_yaw": yaw.sum() / count,
        "grasp_size": F.smooth_l1_loss(raw[:, 4:], wanted[:, 4:], beta=0.1, reduction="sum") / count,
    }


def _jitter(boxes_xyxy: Tensor) -> Tensor:
    """True boxes, moved and resized a little, so that the head sees positives before the proposals are any good."""
    side = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).repeat(1, 2)
    return boxes_xyxy + (torch.rand_like(boxes_xyxy) - 0.5) * 0.3 * side


def _choose(mask: Tensor, count: int) -> Tensor:
    index = mask.nonzero()[:, 0]
    return index[torch.randperm(len(index), device=index.device)[:count]]


def _paired_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    return pairwise_iou(a_xyxy, b_xyxy).diagonal() if len(a_xyxy) else a_xyxy.new_zeros(0)


def _parts(target: Target) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return target.boxes_xyxy, target.labels, target.ignore, target.grasps
