"""A small backbone of plain 3 x 3 convolutions: the student that a larger detector is distilled into.

Dense convolutions keep a processor's or a GPU's multipliers busy where depthwise ones wait for memory, and there is
nothing between them but a ReLU. Each convolution trains as a sum of branches (3 x 3, 1 x 1 and identity, every one with
its batch norm) and is folded into one convolution for use, as RepVGG does it (arXiv 2101.03697).

Letters: B images, C channels, H x W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NANO = "nano"

NANO_LONG_SIDE = 512
"""Pixels of the longer side of its input: a smaller one than the default network's, for speed."""

STAGES = ((2, 24, 1), (4, 48, 1), (8, 64, 3), (16, 128, 4), (32, 192, 3))
"""Stride of each stage's map, its channels, its convolutions; the first of them halves the map. Chosen by measuring:
2 GFLOP at 512 x 384, narrow where the map is large and memory counts, deep where an item fits into a few cells."""


class BranchedConv(nn.Module):
    """3 x 3 convolution and ReLU, [B, C_in, H, W] to [B, C_out, ceil(H / stride), ceil(W / stride)].

    While it trains it is a sum of branches; ``fold`` makes it one convolution that computes the same as the branches do
    in evaluation mode.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.wide: nn.Module = _conv_norm(in_channels, out_channels, 3, stride)
        self.narrow: nn.Module = _conv_norm(in_channels, out_channels, 1, stride)
        same = stride == 1 and in_channels == out_channels
        self.identity: nn.Module | None = nn.BatchNorm2d(in_channels) if same else None
        self.folded: nn.Conv2d | None = None

    def forward(self, features: Tensor) -> Tensor:
        """The branches' sum, or the one convolution that they were folded into, through the ReLU."""
        if self.folded is not None:
            return F.relu(self.folded(features))
        total: Tensor = self.wide(features) + self.narrow(features)
        if self.identity is not None:
            total = total + self.identity(features)
        return F.relu(total)

    def fold(self) -> None:
        """Replace the branches by one convolution, in place; nothing happens the second time."""
        if self.folded is not None:
            return
        weight, bias = _fold_conv_norm(self.wide)
        narrow_weight, narrow_bias = _fold_conv_norm(self.narrow)
        weight[:, :, 1:2, 1:2] += narrow_weight
        bias += narrow_bias
        if isinstance(self.identity, nn.BatchNorm2d):
            scale, shift = _norm_scale_shift(self.identity)
            weight[:, :, 1, 1] += torch.diag(scale)
            bias += shift
        folded = nn.Conv2d(weight.shape[1], weight.shape[0], 3, self.stride, 1).to(weight.device, weight.dtype)
        folded.weight, folded.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.folded = folded.train(self.training)
        self.wide = self.narrow = nn.Identity()
        self.identity = None


class NanoBody(nn.Module):
    """Stages of ``BranchedConv``; forward gives one map per wanted stride, finest first.

    Args:
        strides: strides of the maps wanted, ascending, of 2, 4, 8, 16 and 32.

    Raises:
        ValueError: a stride that no stage has.
    """

    def __init__(self, strides: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__()
        allowed = [stride for stride, _, _ in STAGES]
        missing = [stride for stride in strides if stride not in allowed]
        if missing:
            raise ValueError(f"backbone '{NANO}' has no map of stride {missing}; allowed: {allowed}")
        self.strides = strides
        self.channels = tuple(channels for stride, channels, _ in STAGES if stride in strides)
        stages = []
        previous = 3
        for _, channels, convolutions in STAGES[: allowed.index(strides[-1]) + 1]:
            blocks = [
                BranchedConv(previous if i == 0 else channels, channels, 2 - min(i, 1)) for i in range(convolutions)
            ]
            stages.append(nn.Sequential(*blocks))
            previous = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        """[B, 3, H, W] normalised pixels to the wanted maps."""
        maps = []
        features = images
        for (stride, _, _), stage in zip(STAGES, self.stages, strict=False):
            features = stage(features)
            if stride in self.strides:
                maps.append(features)
        return maps


def fold_branches(module: nn.Module) -> None:
    """Fold every ``BranchedConv`` inside a module, in place: the network as it is used, no longer as it trains."""
    for child in module.modules():
        if isinstance(child, BranchedConv):
            child.fold()


def _conv_norm(in_channels: int, out_channels: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels))


def _fold_conv_norm(branch: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that a convolution and its batch norm amount to."""
    convolution, norm = branch.get_submodule("0"), branch.get_submodule("1")
    assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    scale, shift = _norm_scale_shift(norm)
    return convolution.weight.detach() * scale[:, None, None, None], shift


def _norm_scale_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm multiplies by and adds in evaluation mode, [C] each."""
    assert norm.running_mean is not None and norm.running_var is not None  # both are there unless switched off
    scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias.detach() - norm.running_mean * scale
