"""Convolutions that a GPU's libraries run in several kernels, each in one: depthwise ones, and the first of a network.

Bias, activation and the padding that TensorFlow calls ``same`` are inside. Maps are in channels-last memory.

Letters: C channels, H x W cells of the input, P cells of the output, K taps along one side.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from spp_sorter.network.fused import Activation, bias_of

ELEMENTS = 1024
"""Outputs that one program computes."""


class _KernelConv(nn.Module):
    """What both kinds keep of a convolution, whose weights each lays out in its own way."""

    weight: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous(), persistent=False)
        self.register_buffer("bias", bias_of(convolution), persistent=False)
        self.kernel, self.stride = convolution.kernel_size[0], convolution.stride[0]
        self.padding = None if isinstance(convolution, Conv2dSame) else int(convolution.padding[0])


class DepthwiseConv(_KernelConv):
    """A depthwise convolution with what comes before and after it: [1, C, H, W] to [1, C, H', W'].

    Args:
        convolution: one channel a group, as many out as in, square, on its GPU.
        activation: what follows it.
        highest_input: inputs are cut at this value first: the upper half of a ReLU6 before it.
    """

    def __init__(self, convolution: nn.Conv2d, activation: Activation, highest_input: float = math.inf) -> None:
        super().__init__(convolution, convolution.weight.detach().flatten(1).T)  # [K * K, C]
        self.limits = (highest_input, *_limits(activation))

    def forward(self, features: Tensor) -> Tensor:
        """Convolve and activate."""
        _, channels, height, width = features.shape
        top, out_height = _place(height, self.kernel, self.stride, self.padding)
        left, out_width = _place(width, self.kernel, self.stride, self.padding)
        output = _like(features, channels, out_height, out_width)
        block_c = _block(channels)
        cells = out_height * out_width
        grid = (triton.cdiv(cells, ELEMENTS // block_c), triton.cdiv(channels, block_c))
        _depthwise[grid](
            features.contiguous(memory_format=torch.channels_last), self.weight, self.bias, output,
            height, width, channels, out_width, cells, top, left, *self.limits,
            KERNEL=self.kernel, STRIDE=self.stride, BLOCK_P=ELEMENTS // block_c, BLOCK_C=block_c,
        )  # fmt: skip
        return output


class StemConv(_KernelConv):
    """The first convolution of a network, from a few colours: [1, C, H, W] to [1, C', H', W'].

    Args:
        convolution: one group, square, of at most 4 input channels, on its GPU.
        activation: what follows it.
    """

    def __init__(self, convolution: nn.Conv2d, activation: Activation) -> None:
        weight = convolution.weight.detach()  # [C', C, K, K]
        super().__init__(convolution, weight.permute(2, 3, 1, 0).reshape(-1, len(weight)))  # [K * K * C, C']
        self.limits = _limits(activation)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve and activate."""
        _, colours, height, width = features.shape
        top, out_height = _place(height, self.kernel, self.stride, self.padding)
        left, out_width = _place(width, self.kernel, self.stride, self.padding)
        channels = len(self.bias)
        output = _like(features, channels, out_height, out_width)
        block_c = triton.next_power_of_2(channels)
        block_p = max(16, ELEMENTS // block_c)
        cells = out_height * out_width
        _stem[(triton.cdiv(cells, block_p),)](
            features.contiguous(memory_format=torch.channels_last), self.weight, self.bias, output,
            height, width, channels, out_width, cells, top, left, *self.limits,
            COLOURS=colours, KERNEL=self.kernel, STRIDE=self.stride, BLOCK_P=block_p, BLOCK_C=block_c,
        )  # fmt: skip
        return output


def _place(size: int, kernel: int, stride: int, padding: int | None) -> tuple[int, int]:
    """Padding before the first cell along an axis, and the size of the output."""
    if padding is not None:
        return padding, (size + 2 * padding - kernel) // stride + 1
    out = -(-size // stride)
    return max((out - 1) * stride + kernel - size, 0) // 2, out


def _limits(activation: Activation) -> tuple[float, float]:
    name, highest = activation
    return (-math.inf, math.inf) if name == "none" else (0.0, highest)


def _block(channels: int) -> int:
    """Channels of one program: the greatest power of two, 16 to 64, that divides their number, else 32."""
    return next((size for size in (64, 32, 16) if channels % size == 0), 32)


def _like(features: Tensor, channels: int, height: int, width: int) -> Tensor:
    return torch.empty(
        (1, channels, height, width),
        dtype=features.dtype,
        device=features.device,
        memory_format=torch.channels_last,
    )


@triton.jit
def _depthwise(
    features, weight, bias, output,
    height, width, channels, out_width, cells, top, left, highest_input, lowest, highest,
    KERNEL: tl.constexpr, STRIDE: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    there = channel < channels
    y = (cell // out_width) * STRIDE - top
    x = (cell % out_width) * STRIDE - left
    total = tl.zeros([BLOCK_P, BLOCK_C], tl.float32)
    for tap_y in tl.static_range(KERNEL):
        for tap_x in tl.static_range(KERNEL):
            row, column = y + tap_y, x + tap_x
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width) & (cell < cells)
            place = (row * width + column)[:, None] * channels + channel[None, :]
            value = tl.load(features + place, mask=inside[:, None] & there[None, :], other=0.0).to(tl.float32)
            factor = tl.load(weight + (tap_y * KERNEL + tap_x) * channels + channel, mask=there, other=0.0)
            total += tl.minimum(value, highest_input, tl.PropagateNan.ALL) * factor.to(tl.float32)[None, :]
    _finish(total, bias, output, cell, cells, channel, channels, lowest, highest)


@triton.jit
def _stem(
    features, weight, bias, output,
    height, width, channels, out_width, cells, top, left, lowest, highest,
    COLOURS: tl.constexpr, KERNEL: tl.constexpr, STRIDE: tl.constexpr,
    BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.arange(0, BLOCK_C)
    there = channel < channels
    y = (cell // out_width) * STRIDE - top
    x = (cell % out_width) * STRIDE - left
    total = tl.zeros([BLOCK_P, BLOCK_C], tl.float32)
    for tap_y in tl.static_range(KERNEL):
        for tap_x in tl.static_range(KERNEL):
            row, column = y + tap_y, x + tap_x
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width) & (cell < cells)
            for colour in tl.static_range(COLOURS):
                place = (row * width + column) * COLOURS + colour
                value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
                tap = (tap_y * KERNEL + tap_x) * COLOURS + colour
                factor = tl.load(weight + tap * channels + channel, mask=there, other=0.0).to(tl.float32)
                total += value[:, None] * factor[None, :]
    _finish(total, bias, output, cell, cells, channel, channels, lowest, highest)


@triton.jit
def _finish(total, bias, output, cell, cells, channel, channels, lowest, highest):
    """Add the bias to [BLOCK_P, BLOCK_C] sums, cut them to the activation's range, and store them."""
    there = channel < channels
    total += tl.load(bias + channel, mask=there, other=0.0).to(tl.float32)[None, :]
    total = tl.minimum(tl.maximum(total, lowest, tl.PropagateNan.ALL), highest, tl.PropagateNan.ALL)
    place = cell[:, None] * channels + channel[None, :]
    tl.store(output + place, total.to(output.dtype.element_ty), mask=(cell < cells)[:, None] & there[None, :])
