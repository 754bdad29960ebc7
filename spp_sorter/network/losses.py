"""What training minimises: a dict of named losses from raw outputs and targets; decoding lives elsewhere.

Letters: B images, N cells of a map, R windows of one image, F windows of all.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from spp_sorter.network.assignment import (
    BatchTarget,
    Target,
    assign_cells,
    batch_targets,
    sample_windows,
    training_proposals,
)
from spp_sorter.network.boxes import decode_boxes, encode_boxes, paired_iou
from spp_sorter.network.decode import encode_grasps
from spp_sorter.network.heads import DenseOutput, RegionOutput, cell_centres
from spp_sorter.network.model import SppNetwork

LOSS_WEIGHTS = {
    "objectness": 1.0,
    "proposal_box": 1.0,
    "class": 2.0,
    "box": 2.0,
    "quality": 0.5,
    "grasp_point": 2.0,
    "grasp_yaw": 0.5,
    "grasp_size": 0.5,
}
"""Share of each loss in the total."""


def detection_losses(network: SppNetwork, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
    """All losses of one batch, end to end through proposals, pooling and head.

    Args:
        network: in training mode.
        images: [B, 3, H, W] RGB 0 to 255.
        targets: B targets, on any device.

    Returns:
        Scalars by the names of ``LOSS_WEIGHTS``.
    """
    truth = batch_targets(targets, images.device)
    features = network.convolve(images).float()
    dense = network.propose(features)
    losses = dense_losses(dense, truth, (features.shape[2], features.shape[3]), network.stride)
    with torch.no_grad():
        proposals, valid = training_proposals(dense, (images.shape[2], images.shape[3]))
        windows = sample_windows(proposals, valid, truth)
        image_index = torch.arange(len(images), device=images.device)[:, None].expand_as(windows.item).flatten()
    output = network.classify(features, windows.boxes_xyxy.flatten(0, 1), image_index)
    losses.update(region_losses(output, windows.item.flatten(), windows.used.flatten(), image_index, truth))
    return losses


def dense_losses(dense: DenseOutput, truth: BatchTarget, map_hw: tuple[int, int], stride: int) -> dict[str, Tensor]:
    """Objectness with the box's quality as its target (quality focal loss, arXiv 2006.04388), and GIoU of the boxes."""
    centres = cell_centres(map_hw, stride, dense.logits.device)
    owner, ignored = assign_cells(centres, truth, stride)
    owned = owner >= 0
    # Cells of no item are compared with themselves: finite, and weighed with 0.
    wanted = truth.boxes_xyxy.gather(1, owner.clamp(min=0)[..., None].expand(-1, -1, 4))
    wanted = torch.where(owned[..., None], wanted, dense.boxes_xyxy.detach())
    with torch.no_grad():
        quality = paired_iou(dense.boxes_xyxy, wanted) * owned
        modulation = (dense.logits.sigmoid() - quality).square() * ~ignored
    entropy = F.binary_cross_entropy_with_logits(dense.logits, quality, reduction="none")
    count = owned.sum().clamp(min=1)
    box = generalized_box_iou_loss(dense.boxes_xyxy.flatten(0, 1), wanted.flatten(0, 1)) * owned.flatten()
    return {"objectness": (modulation * entropy).sum() / count, "proposal_box": box.sum() / count}


def region_losses(
    output: RegionOutput, item: Tensor, used: Tensor, image_index: Tensor, truth: BatchTarget
) -> dict[str, Tensor]:
    """Cross entropy of the class; GIoU, L1 and quality of the box; point, yaw and size of the grasp where it is known.

    Args:
        output: of the head for F windows.
        item: [F] index of each window's item in its picture, -1 for background.
        used: [F] bool windows that count.
        image_index: [F] picture of each window.
        truth: the items of all pictures.
    """
    foreground = (item >= 0) & used
    at = (image_index, item.clamp(min=0))
    classes = torch.where(foreground, truth.labels[at] + 1, 0)
    entropy = F.cross_entropy(output.class_logits, classes, reduction="none")
    window = output.window_xyxy
    boxes = torch.where(foreground[:, None], truth.boxes_xyxy[at], window)
    count = foreground.sum().clamp(min=1)
    refined = decode_boxes(output.deltas, window)
    giou = generalized_box_iou_loss(refined, boxes)
    shift = F.smooth_l1_loss(output.deltas, encode_boxes(boxes, window), beta=0.1, reduction="none").sum(dim=1)
    quality = F.binary_cross_entropy_with_logits(output.quality, paired_iou(refined.detach(), boxes), reduction="none")
    losses = {
        "class": (entropy * used).sum() / used.sum().clamp(min=1),
        "box": ((giou + 0.5 * shift) * foreground).sum() / count,
        "quality": (quality * foreground).sum() / count,
    }
    losses.update(_grasp_losses(output.grasp, truth.grasps[at], foreground, window))
    return losses


def _grasp_losses(raw: Tensor, grasps: Tensor, foreground: Tensor, window: Tensor) -> dict[str, Tensor]:
    known = foreground & grasps.isfinite().all(dim=1)
    grasps = torch.where(known[:, None], grasps, 1)
    wanted = encode_grasps(grasps, window)
    count = known.sum().clamp(min=1)
    # The yaw of a nearly round item is noise: its weight grows with the aspect, in full from 1.5 on.
    weight = ((grasps[:, 3] / grasps[:, 4].clamp(min=1e-3) - 1) / 0.5).clamp(0, 1) * known
    yaw = (raw[:, 2:4] - wanted[:, 2:4]).square().sum(dim=1) * weight
    point = F.smooth_l1_loss(raw[:, :2], wanted[:, :2], beta=0.05, reduction="none").sum(dim=1) * known
    size = F.smooth_l1_loss(raw[:, 4:], wanted[:, 4:], beta=0.1, reduction="none").sum(dim=1) * known
    return {"grasp_point": point.sum() / count, "grasp_yaw": yaw.sum() / count, "grasp_size": size.sum() / count}
