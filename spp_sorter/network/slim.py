"""EfficientNet-Lite0 with fewer residual blocks and narrower expansions: half its time, and its features to start from.

Which channels of an expansion stay is decided by the size of their weights, after Li et al. 2017 (arXiv 1608.08710).
That whole blocks can go is a property of residual networks, whose blocks each add a little to what is there already
(Huang et al. 2016, arXiv 1603.09382). What is lost either way comes back in training.

Letters: M channels of an expansion, K of them that stay.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor, nn

SLIM = "tf_efficientnet_lite0_slim"

BLOCKS = (1, 1, 1, 2, 2, 1, 1)
"""Blocks that stay of each stage's [1, 2, 2, 3, 3, 4, 1], the first ones: those change the map's size and channels."""

WIDTHS = {1: 48, 2: 96}
"""Channels that stay of the expansion in a stage's first block, of 96 and 144: there the maps are largest."""


def slim_down(body: nn.Module) -> None:
    """Leave out blocks and channels of an EfficientNet-Lite0, in place; the same ones every time.

    Its maps keep their sizes and channels: [B, 40, H / 8, W / 8], [B, 112, H / 16, W / 16] and [B, 320, H / 32, W / 32]
    of a picture [B, 3, H, W], as far as it has the stages that make them.

    Args:
        body: timm's, with its batch norms folded; the last stages may be missing.

    Raises:
        ValueError: a batch norm that is not folded yet, or a block that is narrower already than it shall be.
    """
    stages = body.get_submodule("blocks")
    assert isinstance(stages, nn.Sequential)  # every EfficientNet of timm
    for number, (stage, kept) in enumerate(zip(stages, BLOCKS, strict=False)):
        stages[number] = nn.Sequential(*islice(stage.children(), kept))
        if number in WIDTHS:
            narrow_expansion(stage.get_submodule("0"), WIDTHS[number])


def narrow_expansion(block: nn.Module, width: int) -> None:
    """Keep the channels of a block's expansion that weigh most, in their order; in place.

    A channel weighs the product of three sums of absolute weights: of its row in ``conv_pw``, which makes it, of its
    filter in ``conv_dw``, and of its column in ``conv_pwl``, which reads it.

    Args:
        block: timm's inverted residual: weights [M, C_in, 1, 1], [M, 1, k, k] and [C_out, M, 1, 1].
        width: channels that stay, from 1 to M.

    Raises:
        ValueError: batch norms that are not folded yet, or fewer channels than ``width``.
    """
    expand, filters, project = (block.get_submodule(name) for name in ("conv_pw", "conv_dw", "conv_pwl"))
    assert isinstance(expand, nn.Conv2d) and isinstance(filters, nn.Conv2d) and isinstance(project, nn.Conv2d)
    if expand.bias is None or filters.bias is None:
        raise ValueError("the block's batch norms are not folded yet; call fold_batch_norms before")
    if not 1 <= width <= expand.out_channels:
        raise ValueError(f"width is {width}; allowed: 1 to {expand.out_channels}")
    weight = _sums(expand.weight, 0) * _sums(filters.weight, 0) * _sums(project.weight, 1)  # [M]
    kept = weight.argsort(descending=True, stable=True)[:width].sort().values  # [K]
    for convolution in (expand, filters):
        assert convolution.bias is not None
        convolution.weight = nn.Parameter(convolution.weight.detach()[kept])
        convolution.bias = nn.Parameter(convolution.bias.detach()[kept])
        convolution.out_channels = width
    filters.in_channels = filters.groups = project.in_channels = width
    project.weight = nn.Parameter(project.weight.detach()[:, kept])


def _sums(weight: Tensor, axis: int) -> Tensor:
    """Sum of the absolute weights of every channel along an axis."""
    return torch.sum(weight.detach().abs().movedim(axis, 0).flatten(1), dim=1)
