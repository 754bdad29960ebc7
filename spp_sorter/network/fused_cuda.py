"""Convolutions in fewer kernels for a GPU: bias and activation inside, where the libraries have them.

A pointwise convolution of a map in channels-last memory is a matrix product, and cuBLAS adds the bias and cuts at zero
on the way out. What is left of a ReLU6 is one kernel that cuts at six, or the depthwise kernel that follows. Those and
the first convolution can have kernels of ours (``triton_conv``).
"""

from __future__ import annotations

import importlib.util
import math

import torch
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn

from spp_sorter.network.fused import Activation, activation_after, bias_of
from spp_sorter.network.model import NetworkConfig
from spp_sorter.network.nano import BranchedConv

KERNEL_LEVELS = (4, 2, 1)
"""The pyramid that our pooling kernel is written for: 16 + 4 + 1 bins."""

MOST_COLOURS = 4
"""Input channels of a convolution that counts as a network's first."""


class PointwiseConv(nn.Module):
    """A 1 x 1 convolution and the activation after it as one matrix product: [1, C, H, W] to [1, C', H, W].

    Args:
        convolution: 1 x 1, stride 1, one group.
        activation: what follows it.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d, activation: Activation) -> None:
        super().__init__()
        weight = convolution.weight.detach()[:, :, 0, 0].T.contiguous()  # [C, C']
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias_of(convolution), persistent=False)
        self.activates = activation[0] != "none"
        self.highest = activation[1]

    def forward(self, features: Tensor) -> Tensor:
        """Convolve and activate."""
        _, channels, height, width = features.shape
        cells = features.permute(0, 2, 3, 1).reshape(-1, channels)
        if self.activates:
            output = torch._addmm_activation(self.bias, cells, self.weight)
            if self.highest < torch.inf:
                output = output.clamp_(max=self.highest)
        else:
            output = torch.addmm(self.bias, cells, self.weight)
        return output.reshape(1, height, width, -1).permute(0, 3, 1, 2)


def fuse_for_gpu(module: nn.Module, own_kernels: bool = False) -> None:
    """Replace convolutions inside a module, each with the activation right after it, by fewer kernels; in place.

    Pointwise ones become matrix products.

    Args:
        module: branches folded, in its final precision.
        own_kernels: depthwise convolutions and the first one get kernels of ours, which Triton compiles.
    """
    names = list(module._modules)
    bound = _bound_of_expansion(module) if own_kernels else math.inf
    for index, name in enumerate(names):
        child = module._modules[name]
        following = module._modules[names[index + 1]] if index + 1 < len(names) else None
        if isinstance(child, nn.Conv2d):
            activation = activation_after(module, following)
            highest_input = bound if name == "conv_dw" else math.inf
            fused = _fused(child, activation or ("none", math.inf), highest_input, own_kernels)
            if fused is None:
                continue
            if isinstance(fused, PointwiseConv) and name == "conv_pw" and bound < math.inf:
                fused.highest = math.inf
            module._modules[name] = fused
            if activation is not None:
                module._modules[names[index + 1]] = nn.Identity()
        elif child is not None and not isinstance(child, BranchedConv):
            fuse_for_gpu(child, own_kernels)


def _fused(convolution: nn.Conv2d, activation: Activation, highest_input: float, own_kernels: bool) -> nn.Module | None:
    """What runs a convolution faster, None for nothing."""
    if convolution.kernel_size == (1, 1) and convolution.stride == (1, 1) and convolution.groups == 1:
        return PointwiseConv(convolution, activation)
    if not own_kernels or not _is_plain(convolution):
        return None
    from spp_sorter.network.triton_conv import DepthwiseConv, StemConv

    if _is_depthwise(convolution):
        return DepthwiseConv(convolution, activation, highest_input)
    if convolution.groups == 1 and convolution.in_channels <= MOST_COLOURS:
        return StemConv(convolution, activation)
    return None


def _is_plain(convolution: nn.Conv2d) -> bool:
    """Square, without holes, padded by numbers."""
    kernel, stride = convolution.kernel_size, convolution.stride
    square = kernel[0] == kernel[1] and stride[0] == stride[1] and convolution.dilation == (1, 1)
    return square and not isinstance(convolution.padding, str)


def _is_depthwise(convolution: nn.Conv2d) -> bool:
    return convolution.groups == convolution.in_channels == convolution.out_channels


def _bound_of_expansion(module: nn.Module) -> float:
    """Where a block's depthwise kernel follows its pointwise expansion: the upper bound of the activation between them.

    The depthwise kernel cuts its input there for nothing; cuBLAS cuts at zero only.
    """
    if not isinstance(module, InvertedResidual) or not isinstance(module.conv_pw, nn.Conv2d):
        return math.inf
    filters = module.conv_dw
    if not isinstance(filters, nn.Conv2d) or not _is_plain(filters) or not _is_depthwise(filters):
        return math.inf
    activation = activation_after(module, module.bn1)
    return activation[1] if activation is not None and activation[0] != "none" else math.inf


def suits_kernels(config: NetworkConfig) -> bool:
    """Whether our kernels run a network: Triton is there, the paper's pyramid of maxima, windows that cover boxes."""
    return (
        importlib.util.find_spec("triton") is not None
        and config.levels == KERNEL_LEVELS
        and config.pooling == "max"
        and config.projection == "cover"
    )
