"""A whole frame on a GPU in few kernels: ``frame.FrameNetwork`` with own kernels for all but matrix products.

Letters: H x W pixels of the picture, h x w of the network's input, R windows, K labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spp_sorter.geometry.letterbox import PADDING_VALUE, Letterbox
from spp_sorter.network.decode import PRE_NMS
from spp_sorter.network.frame import BOX, KEPT, RANK, RawBackbone
from spp_sorter.network.fused_cuda import KERNEL_LEVELS, PointwiseConv, suits_kernels
from spp_sorter.network.letterbox_cuda import DeviceLetterbox
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.suppression import FixedSuppression
from spp_sorter.network.triton_boxes import MOST_KEPT, best_cells, keep_rows, read_table, remaining
from spp_sorter.network.triton_scale import shrink
from spp_sorter.network.triton_spp import ALIGNMENT, pool_boxes, row_length


class KernelFrame(nn.Module):
    """One frame of one size, start to end.

    Args:
        network: as ``prepare_network`` makes it and ``fuse_for_gpu`` leaves it, on its GPU.
        letterbox: how the picture comes into the input.
        proposals: windows, at most.

    Raises:
        ValueError: a network that ``suits_kernels`` says no to.
    """

    def __init__(self, network: SppNetwork, letterbox: Letterbox, proposals: int) -> None:
        super().__init__()
        self.cells: _Product
        self.first: _Product
        self.second: _Product
        self.last: _Product
        if not suits_kernels(network.config):
            raise ValueError(f"no kernels for {network.config}; allowed: levels {KERNEL_LEVELS}, max, cover")
        self.network = network
        self.letterbox = letterbox
        self.proposals = proposals
        head, rpn = network.head, network.rpn
        self.dtype = head.first.weight.dtype
        self.scale = DeviceLetterbox(letterbox)
        self.scaled = _grey_and_scale(network.backbone) if self.scale.whole else None
        self.labels = head.classes.out_features - 1
        assert isinstance(rpn.output, PointwiseConv)  # as fuse_for_gpu leaves it
        self.cells = _Product([(rpn.output.weight.T, rpn.output.bias)])
        self.first = _Product([(head.first.weight, head.first.bias)], row_length(network.config.channels))
        self.second = _Product([(head.second.weight, head.second.bias)])
        self.last = _Product([(head.classes.weight, head.classes.bias), (head.refine.weight, head.refine.bias)])

    def forward(self, picture: Tensor, limits: Tensor) -> Tensor:
        """[H, W, 3] uint8 or the input's [h, w, 3], and [2] limits, to a table; see ``FrameNetwork.forward``."""
        features = self.convolve(picture)
        boxes, there = self.propose(features)
        rows, windows = pool_boxes(features, boxes, self.network.stride)
        raw = self.last(self.second(self.first(rows, True), True))
        table = read_table(raw, windows, there, limits, self.labels, self.letterbox.scaled_hw)
        if len(table) <= MOST_KEPT:
            keep_rows(table, limits)
        else:
            valid = table[:, KEPT] > 0
            table[:, KEPT] = FixedSuppression().keep(table[:, BOX], table[:, RANK], valid, limits[1]).float()
        return table

    def convolve(self, picture: Tensor) -> Tensor:
        """The shared map [1, C, h / stride, w / stride]."""
        backbone = self.network.backbone
        assert isinstance(backbone, RawBackbone)  # as prepare_network leaves it
        if self.scaled is None:
            pixels = self.scale(picture).permute(2, 0, 1)[None].to(self.dtype)
            maps = backbone(pixels.contiguous(memory_format=torch.channels_last))
        else:
            letterbox = self.letterbox
            maps = backbone.body(
                shrink(picture, letterbox.scaled_hw, letterbox.target_hw, PADDING_VALUE, *self.scaled, self.dtype)
            )
        features: Tensor = self.network.neck(maps)
        return features

    def propose(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[R, 4] proposals, best first, and [R] whether each is there."""
        tower = self.network.rpn.tower(features)
        height, width = int(tower.shape[2]), int(tower.shape[3])
        raw = self.cells(tower.permute(0, 2, 3, 1).flatten(0, 2))
        stride = self.network.stride
        count = min(max(PRE_NMS, self.proposals), height * width)
        boxes = best_cells(raw, count, width, stride, (height * stride, width * stride))
        return remaining(boxes, self.proposals)


def _grey_and_scale(backbone: nn.Module) -> tuple[float, float] | None:
    """What is taken off every pixel and the factor after it, where they are the same for all colours."""
    assert isinstance(backbone, RawBackbone)
    scale = backbone.scale.flatten()
    if backbone.grey is None or bool((scale != scale[0]).any()):
        return None
    return backbone.grey, float(scale[0]) if backbone.scaled else 1.0


class _Product(nn.Module):
    """Linear layers of one input as one matrix product whose sizes are multiples of ``ALIGNMENT``."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: list[tuple[Tensor, Tensor]], rows: int = 0) -> None:
        super().__init__()
        weight = torch.cat([weight for weight, _ in layers]).T  # [in, out]
        columns = -(-weight.shape[1] // ALIGNMENT) * ALIGNMENT
        padded = weight.new_zeros(max(rows, weight.shape[0]), columns)
        padded[: weight.shape[0], : weight.shape[1]] = weight
        bias = weight.new_zeros(columns)
        bias[: weight.shape[1]] = torch.cat([bias for _, bias in layers])
        self.register_buffer("weight", padded, persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, rows: Tensor, activates: bool = False) -> Tensor:
        """[R, in] to [R, out], with a ReLU if asked for."""
        if activates:
            return torch._addmm_activation(self.bias, rows, self.weight)
        return torch.addmm(self.bias, rows, self.weight)
