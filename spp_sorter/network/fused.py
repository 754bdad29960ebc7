"""Convolutions with their activation in one oneDNN primitive, weights laid out once: what a CPU runs fastest.

``fuse_convolutions`` rewrites a network for use on a CPU at one input size. What it computes stays the same up to
rounding; what it saves is a pass over the map for every activation, a copy of it for every asymmetric padding, and
most of the Python between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from spp_sorter.network.nano import BranchedConv
from spp_sorter.network.scripting import scripted

Activation = tuple[str, float]
"""oneDNN's name of an activation, and the highest value that it lets through."""

_LINEAR: Activation = ("none", math.inf)
_RELU: Activation = ("relu", math.inf)
_ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.Identity: _LINEAR,
    nn.ReLU: _RELU,
    nn.ReLU6: ("hardtanh", 6.0),
}


def bias_of(convolution: nn.Conv2d) -> Tensor:
    """[C'] a copy of a convolution's bias, detached; zeros where it has none."""
    bias = convolution.bias
    return convolution.weight.new_zeros(convolution.out_channels) if bias is None else bias.detach().clone()


class FusedConv(nn.Module):
    """A convolution and the activation after it: [1, C, H, W] channels last to [1, C', H', W'] channels last.

    Args:
        convolution: weights in the precision wanted, on the CPU.
        activation: oneDNN's name and highest value.
        size_hw: the input's size.
        shifted: timm's ``same`` padding, which at even sizes and stride 2 pads one pixel more at the end than at the
            start; the kernel gets a first row and column of zeros, and the padding becomes the same on both sides.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d, activation: Activation, size_hw: tuple[int, int], shifted: bool) -> None:
        super().__init__()
        weight = convolution.weight.detach()
        padding = [convolution.kernel_size[0] // 2, convolution.kernel_size[1] // 2]
        if shifted:
            weight = nn.functional.pad(weight, (1, 0, 1, 0))
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
        self.register_buffer("bias", bias_of(convolution), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve and activate."""
        output: Tensor = _convolve(
            features, self.weight, self.bias, self.padding, self.stride, self.groups, *self.activation
        )
        return output


def _fused_convolution(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    padding: list[int],
    stride: list[int],
    groups: int,
    activation: str,
    highest: float,
) -> Tensor:
    limits: list[int | float | complex | None] = [0.0, highest]  # read by "hardtanh" alone
    output: Tensor = torch.ops.mkldnn._convolution_pointwise(
        features, weight, bias, padding, stride, [1, 1], groups, activation, limits, ""
    )
    return output


def _convolve(*arguments: Any) -> Tensor:
    """One fused convolution; a trace cannot record the operator itself, for the type of its limits."""
    return (scripted(_fused_convolution) if torch.jit.is_tracing() else _fused_convolution)(*arguments)  # type: ignore[attr-defined]


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
            module._modules[name] = FusedConv(child.folded, _RELU, size_of(child.folded), shifted=False)
        elif isinstance(child, nn.Conv2d):
            activation = activation_after(module, following)
            module._modules[name] = FusedConv(child, activation or _LINEAR, size_of(child), _is_shifted(child))
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


def activation_after(parent: nn.Module, following: nn.Module | None) -> Activation | None:
    """The activation in the place right after a convolution, None where there is none that belongs to it.

    A batch norm that was folded away leaves a Sequential of its activation behind; in a Sequential parent the next
    module runs next. Any other order of modules says nothing of the order in which they run.
    """
    if isinstance(following, nn.Sequential) and len(following) <= 1:
        inner = following[0] if len(following) else nn.Identity()
        return _ACTIVATIONS.get(type(inner))
    if isinstance(parent, nn.Sequential) and following is not None:
        return _ACTIVATIONS.get(type(following))
    return None


def _is_shifted(convolution: nn.Conv2d) -> bool:
    return isinstance(convolution, Conv2dSame) and convolution.stride[0] == 2
