"""A whole frame as one module: pixels in, a table of candidate detections out, with nothing that Python decides.

That makes it one call: traced for the CPU (the interpreter's lock is free for its whole length), captured in a CUDA
graph, or exported. What it computes is ``SppNetwork`` followed by ``decode_regions``, up to rounding.

Letters: h x w pixels of the network's input, N candidates of the RPN, R windows, K labels.
"""

from __future__ import annotations

import copy
from typing import Protocol

import torch
from torch import Tensor, nn

from spp_sorter.network.boxes import clip_boxes
from spp_sorter.network.decode import PRE_NMS, read_regions
from spp_sorter.network.heads import RegionOutput
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.nano import fold_branches
from spp_sorter.network.spp_fixed import FixedPyramidPool

KEPT, RANK, BOX, GRASP = 0, 1, slice(2, 6), slice(6, 11)
"""Columns of a table: whether the row is a detection (1) or not (0), the rank it was kept by, box, grasp. The
probabilities of the labels follow."""

PROBS = 11
"""First column of the labels' probabilities."""


class Suppression(Protocol):
    """Greedy suppression of overlapping boxes, in the form that suits a device."""

    def best(self, boxes_xyxy: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The proposals: of [N, 4] boxes with [N] scores, best first, those that remain at ``PROPOSAL_NMS``.

        Returns:
            [R, 4] boxes, R <= count, and [R] whether a row holds one.
        """

    def keep(self, boxes_xyxy: Tensor, rank: Tensor, valid: Tensor, nms_thresh: Tensor) -> Tensor:
        """[R] whether each of [R, 4] boxes is valid and not suppressed by a valid one of higher [R] rank."""


class RawBackbone(nn.Module):
    """A backbone that takes pixels as cameras give them: [B, 3, H, W] BGR, 0 to 255."""

    mean: Tensor
    scale: Tensor

    def __init__(self, body: nn.Module, mean: Tensor, scale: Tensor | None) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", mean)
        # One number for all colours is taken off 20 times faster than one for each.
        self.grey = float(mean.flatten()[0]) if bool((mean == mean.flatten()[0]).all()) else None
        self.scaled = scale is not None
        self.register_buffer("scale", torch.ones(1) if scale is None else scale)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """The maps of the backbone that it was made of."""
        centred = pixels - (self.mean if self.grey is None else self.grey)
        maps: list[Tensor] = self.body(centred * self.scale if self.scaled else centred)
        return maps


class FrameNetwork(nn.Module):
    """One frame of one size, start to end.

    Args:
        network: as ``prepare_network`` makes it.
        scaled_hw: the part of the input that shows the picture; boxes are cut to it.
        proposals: windows, at most.
        suppression: how overlapping boxes go.
    """

    def __init__(
        self, network: SppNetwork, scaled_hw: tuple[int, int], proposals: int, suppression: Suppression
    ) -> None:
        super().__init__()
        self.network = network
        self.scaled_hw = scaled_hw
        self.proposals = proposals
        self.suppression = suppression
        self.dtype = network.head.first.weight.dtype

    def forward(self, pixels_bgr: Tensor, limits: Tensor) -> Tensor:
        """A frame's table.

        Args:
            pixels_bgr: [h, w, 3] uint8 or floating, 0 to 255.
            limits: [2] float32: smallest score of a detection, IoU above which the weaker of two boxes goes.

        Returns:
            [R, 11 + K] float32, see ``KEPT``, ``RANK``, ``BOX``, ``GRASP`` and ``PROBS``.
        """
        features = self.convolve(pixels_bgr)
        boxes, there = self.propose(features)
        return self.choose(self.network.classify(features, boxes), there, limits)

    def convolve(self, pixels_bgr: Tensor) -> Tensor:
        """[h, w, 3] pixels to the shared map [1, C, h / stride, w / stride]."""
        return self.network.convolve(pixels_bgr.permute(2, 0, 1)[None].to(self.dtype))

    def choose(self, output: RegionOutput, there: Tensor, limits: Tensor) -> Tensor:
        """The table of what the head said of the windows that are there; see ``forward``."""
        regions = read_regions(output, self.scaled_hw)
        valid = regions.sound & (regions.scores >= limits[0]) & there
        kept = self.suppression.keep(regions.boxes_xyxy, regions.rank, valid, limits[1])
        columns = [
            kept[:, None].float(),
            regions.rank[:, None],
            regions.boxes_xyxy,
            regions.grasps,
            regions.label_probs,
        ]
        return torch.cat(columns, dim=1)

    def propose(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[1, C, H, W] map to [R, 4] proposals, best first, and [R] whether each is there."""
        dense = self.network.propose(features)
        scores = dense.logits[0].sigmoid()
        best, index = scores.topk(min(max(PRE_NMS, self.proposals), int(scores.shape[0])))
        stride = self.network.stride
        padded_hw = (int(features.shape[2]) * stride, int(features.shape[3]) * stride)
        boxes = clip_boxes(dense.boxes_xyxy[0].index_select(0, index), padded_hw)
        return self.suppression.best(boxes, best, self.proposals)


def prepare_network(network: SppNetwork, device: torch.device, dtype: torch.dtype) -> SppNetwork:
    """A copy of a network for use, not for training: branches folded, pooling of fixed shape, raw BGR pixels in.

    Args:
        network: on the CPU, in fp32.
        device: where it will run.
        dtype: its precision.

    Raises:
        ValueError: pooling that has no form of fixed shape.
    """
    ready = copy.deepcopy(network).eval().requires_grad_(False)
    fold_branches(ready)
    ready.pool = FixedPyramidPool(network.pool)  # type: ignore[assignment]
    backbone = network.backbone
    stem = next(module for module in ready.backbone.body.modules() if isinstance(module, nn.Conv2d))
    stem.weight = nn.Parameter(stem.weight.flip(1), requires_grad=False)  # RGB to BGR
    mean, scale = backbone.mean.flip(1), 1 / backbone.std.flip(1)
    if dtype == torch.float16:  # whose smallest numbers are too large for weights of pixels up to 255
        raw = RawBackbone(ready.backbone.body, mean, scale)
    else:
        stem.weight.mul_(scale)
        raw = RawBackbone(ready.backbone.body, mean, None)
    ready.backbone = raw  # type: ignore[assignment]
    return ready.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
