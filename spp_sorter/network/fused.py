"""Convolutions with their activation in one oneDNN primitive, weights laid out once: what a CPU runs fastest.

``fuse_convolutions`` rewrites a network for use on a CPU at one input size. What it computes stays the same up to
rounding; what it saves is a pass over the map for every activation, a copy of it for every asymmetric padding, and
most of the Python between.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from spp_sorter.network.nano import BranchedConv, fold_branches

_ACTIVATIONS: dict[type[nn.Module], str] = {nn.Identity: "none", nn.ReLU: "relu", nn.ReLU6: "relu6"}


class FusedConv(nn.Module):
    """A convolution and the activation after it: [1, C, H, W] channels last to [1, C', H', W'] channels last.

    Args:
        convolution: weights in the precision wanted, on the CPU.
        activation: ``none``, ``relu`` or ``relu6``.
        size_hw: the input's size.
        shifted: timm's ``same`` padding, which at even sizes and stride 2 pads one pixel more at the end than at the
            start; the kernel gets a first row and column of zeros, and the padding becomes the same on both sides.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d, activation: str, size_hw: tuple[int, int], shifted: bool) -> None:
        super().__init__()
        weight = convolution.weight.detach()
        padding = [convolution.kernel_size[0] // 2, convolution.kernel_size[1] // 2]
        if shifted:
            weight = nn.functional.pad(weight, (1, 0, 1, 0))
        bias = convolution.bias.detach() if convolution.bias is not None else weight.new_zeros(len(weight))
        self.stride, self.padding = list(convolution.stride), padding
        self.groups = convolution.groups
        self.activation = activation
        packed = torch.ops.mkldnn._reorder_convolution_weight(
            weight.contiguous(memory_format=torch.channels_last),
            padding,
            self.stride,
            [1, 1],
            self.groups,
            [1, convolution.in_channels, *size_hw],
        )
        self.register_buffer("weight", packed, persistent=False)
        self.register_buffer("bias", bias.clone(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve and activate."""
        convolve = _script()[self.activation]
        output: Tensor = convolve(features, self.weight, self.bias, self.padding, self.stride, self.groups)
        return output


def can_fuse() -> bool:
    """Whether this PyTorch and this processor have oneDNN's fused convolutions."""
    return bool(torch.backends.mkldnn.is_available()) and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def fuse_convolutions(module: nn.Module, size_of: Callable[[nn.Conv2d], tuple[int, int]]) -> None:
    """Replace every convolution inside a module, with the activation right after it, by a ``FusedConv``; in place.

    Args:
        module: on the CPU, in its final precision; branches must be folded.
        size_of: the input's size of each convolution.
    """
    names = list(module._modules)
    for index, name in enumerate(names):
        child = module._modules[name]
        following = module._modules[names[index + 1]] if index + 1 < len(names) else None
        if isinstance(child, BranchedConv) and child.folded is not None:
            module._modules[name] = FusedConv(child.folded, "relu", size_of(child.folded), shifted=False)
        elif isinstance(child, nn.Conv2d):
            activation = _activation_after(module, following)
            module._modules[name] = FusedConv(child, activation or "none", size_of(child), _is_shifted(child))
            if activation is not None:
                module._modules[names[index + 1]] = nn.Identity()
        elif child is not None:
            fuse_convolutions(child, size_of)


def input_sizes(module: nn.Module, run: Callable[[], Any]) -> dict[nn.Conv2d, tuple[int, int]]:
    """The input's size of every convolution, seen during one call of ``run``."""
    sizes: dict[nn.Conv2d, tuple[int, int]] = {}

    def note(convolution: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        assert isinstance(convolution, nn.Conv2d)
        sizes[convolution] = (inputs[0].shape[2], inputs[0].shape[3])

    hooks = [m.register_forward_hook(note) for m in module.modules() if isinstance(m, nn.Conv2d)]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return sizes
