"""Convolutions in fewer kernels for a GPU: bias and activation inside, where the libraries have them.

A pointwise convolution of a map in channels-last memory is a matrix product, and cuBLAS adds the bias and cuts at zero
on the way out. What is left of a ReLU6 is one kernel that cuts at six.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spp_sorter.network.fused import Activation, activation_after
from spp_sorter.network.nano import BranchedConv


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
        bias = convolution.bias
        self.register_buffer("bias", weight.new_zeros(weight.shape[1]) if bias is None else bias.detach().clone())
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


def fuse_pointwise(module: nn.Module) -> None:
    """Replace every pointwise convolution inside a module, with the activation right after it; in place."""
    names = list(module._modules)
    for index, name in enumerate(names):
        child = module._modules[name]
        following = module._modules[names[index + 1]] if index + 1 < len(names) else None
        if isinstance(child, nn.Conv2d):
            if child.kernel_size == (1, 1) and child.stride == (1, 1) and child.groups == 1:
                activation = activation_after(module, following)
                module._modules[name] = PointwiseConv(child, activation or ("none", torch.inf))
                if activation is not None:
                    module._modules[names[index + 1]] = nn.Identity()
        elif child is not None and not isinstance(child, BranchedConv):
            fuse_pointwise(child)
