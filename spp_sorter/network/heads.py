"""What is read off the shared map: the neck that makes it, the objectness of every cell, and the head on every window.

Letters: B images, C map channels, H x W map cells, R windows, K labels, D length of a pooled vector.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spp_sorter.network.boxes import MAX_LOG_SCALE

NUM_GRASP = 6
"""Grasp outputs: point shift x, y; cos and sin of twice the yaw; log length and log width."""


class DenseOutput(NamedTuple):
    """What the RPN says of every cell, row by row.

    Attributes:
        logits: [B, H * W] objectness before the sigmoid.
        boxes_xyxy: [B, H * W, 4] pixels of the network's input.
    """

    logits: Tensor
    boxes_xyxy: Tensor


class RegionOutput(NamedTuple):
    """What the head says of every window.

    Attributes:
        class_logits: [R, 1 + K], background first.
        deltas: [R, 4] refinement of ``window_xyxy``, see ``boxes.encode_boxes``.
        grasp: [R, 6], see ``decode.decode_grasps``.
        quality: [R] overlap (IoU) that the refined box will have with its item, before the sigmoid.
        window_xyxy: [R, 4] image box of the cells that were really pooled.
    """

    class_logits: Tensor
    deltas: Tensor
    grasp: Tensor
    quality: Tensor
    window_xyxy: Tensor


class SeparableConv(nn.Sequential):
    """Depthwise then pointwise convolution, then ReLU: [B, C, H, W] to [B, C, H / stride, W / stride], rounded up."""

    def __init__(self, channels: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, kernel, stride, padding=kernel // 2, groups=channels),
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(inplace=True),
        )


class Neck(nn.Module):
    """Sums maps of several strides, coarse to fine, into one map at the finest stride (as FPN, arXiv 1612.03144).

    Coarser maps than the backbone's can be made on top of it: they cost next to nothing and let a cell see how far an
    item goes that fills the picture.

    Args:
        in_channels: channels of the maps, finest first.
        channels: channels of the result.
        coarser: how many further maps, each of half the size of the one before.
    """

    def __init__(self, in_channels: tuple[int, ...], channels: int, coarser: int = 0) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in in_channels)
        self.smooth = nn.ModuleList(SeparableConv(channels) for _ in in_channels)
        self.shrink = nn.ModuleList(SeparableConv(channels, stride=2) for _ in range(coarser))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps [B, c_i, H_i, W_i], finest first, to [B, C, H_0, W_0]."""
        pyramid = [lateral(features) for features, lateral in zip(maps, self.lateral, strict=True)]
        coarse = [pyramid[-1]]
        for shrink in self.shrink:
            coarse.append(shrink(coarse[-1]))
        merged: Tensor | None = None
        for here in reversed(coarse[1:]):
            merged = here if merged is None else here + F.interpolate(merged, size=here.shape[2:], mode="nearest")
        for here, smooth in zip(reversed(pyramid), reversed(self.smooth), strict=True):
            if merged is not None:
                here = here + F.interpolate(merged, size=here.shape[2:], mode="nearest")
            merged = here + smooth(here)
        assert merged is not None  # at least one map
        return F.relu(merged)


class RegionProposalNetwork(nn.Module):
    """Objectness and a box for every cell of the map: learned proposals that cost next to nothing.

    Faster R-CNN's idea (arXiv 1506.01497) in FCOS's form without anchors (arXiv 1904.01355): each cell gives the
    distances from its centre to the four sides.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.tower = nn.Sequential(SeparableConv(channels, 5), SeparableConv(channels, 5))
        self.output = nn.Conv2d(channels, 5, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        self.output.bias = nn.Parameter(torch.tensor([-math.log(99.0)] + [math.log(3.0)] * 4))

    def forward(self, features: Tensor) -> DenseOutput:
        """[B, C, H, W] to objectness and boxes of the H * W cells."""
        raw = self.output(self.tower(features)).float().flatten(2).transpose(1, 2)  # [B, H * W, 5]
        centres = cell_centres((features.shape[2], features.shape[3]), self.stride, raw.device)
        distance = raw[..., 1:].clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE).exp() * self.stride
        boxes = torch.cat([centres - distance[..., :2], centres + distance[..., 2:]], dim=-1)
        return DenseOutput(raw[..., 0], boxes)


class RegionHead(nn.Module):
    """Class, refinement, its quality and grasp from one pooled vector per window.

    Beside the vector it sees where the proposal lay inside its window, in cells, and the window's size: what snapping
    to cells took away, so that a refinement decoded from the window can still be exact.
    """

    GEOMETRY = 6

    def __init__(self, pooled_length: int, hidden: int, num_labels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.first = nn.Linear(pooled_length + self.GEOMETRY, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.classes = nn.Linear(hidden, 1 + num_labels)
        self.refine = nn.Linear(hidden, 4 + NUM_GRASP + 1)
        for layer in (self.classes, self.refine):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor, boxes_xyxy: Tensor, window_xyxy: Tensor) -> RegionOutput:
        """Pooled vectors [R, D], the proposals and the image boxes of their windows, [R, 4] each."""
        residual = (boxes_xyxy - window_xyxy) / self.stride
        size = ((window_xyxy[:, 2:] - window_xyxy[:, :2]) / self.stride).log()
        geometry = torch.cat([residual.clamp(-4, 4), size], dim=1).to(pooled.dtype)
        hidden = F.relu(self.first(torch.cat([pooled, geometry], dim=1)))
        hidden = F.relu(self.second(hidden))
        refine = self.refine(hidden).float()
        return RegionOutput(self.classes(hidden).float(), refine[:, :4], refine[:, 4:-1], refine[:, -1], window_xyxy)


def cell_centres(map_hw: tuple[int, int], stride: int, device: torch.device) -> Tensor:
    """[H * W, 2] image x, y of the centres of a map's cells, row by row."""
    height, width = map_hw
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return (torch.stack([x, y], dim=-1).reshape(-1, 2).float() + 0.5) * stride
