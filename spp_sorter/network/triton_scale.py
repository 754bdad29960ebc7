"""A camera's picture to a network's input in one kernel: shrunk by whole factors, padded, centred.

Letters: H x W pixels of the picture, h x w of the input.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


def shrink(
    picture: Tensor, scaled_hw: tuple[int, int], target_hw: tuple[int, int], padding: float, grey: float, scale: float,
    dtype: torch.dtype,
) -> Tensor:  # fmt: skip
    """Average blocks of pixels, round, pad at the right and the bottom, then ``(value - grey) * scale``.

    Args:
        picture: [H, W, 3] uint8 on a GPU; H and W are multiples of ``scaled_hw``.
        scaled_hw: size of the shrunk picture.
        target_hw: h and w, at least ``scaled_hw``.
        padding: value of the pixels around the picture.
        grey: taken off every value.
        scale: factor after that.
        dtype: of the result.

    Returns:
        [1, 3, h, w] in channels-last memory.
    """
    height, width = target_hw
    output = torch.empty((1, 3, height, width), dtype=dtype, device=picture.device, memory_format=torch.channels_last)
    number = height * width * 3
    _shrink[(triton.cdiv(number, BLOCK),)](
        picture, output, picture.shape[1], width, number, scaled_hw[0], scaled_hw[1], padding, grey, scale,
        HIGH=picture.shape[0] // scaled_hw[0], WIDE=picture.shape[1] // scaled_hw[1], BLOCK=BLOCK,
    )  # fmt: skip
    return output


@triton.jit
def _shrink(
    picture, output, picture_width, width, number, scaled_height, scaled_width, padding, grey, scale,
    HIGH: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = place < number
    colour = place % 3
    x = (place // 3) % width
    y = place // 3 // width
    inside = there & (x < scaled_width) & (y < scaled_height)
    total = tl.zeros([BLOCK], tl.int32)
    for row in tl.static_range(HIGH):
        for column in tl.static_range(WIDE):
            pixel = (y * HIGH + row) * picture_width + x * WIDE + column
            total += tl.load(picture + pixel * 3 + colour, mask=inside, other=0).to(tl.int32)
    mean = ((2 * total + HIGH * WIDE) // (2 * HIGH * WIDE)).to(tl.float32)
    value = (tl.where(inside, mean, padding) - grey) * scale
    tl.store(output + place, value.to(output.dtype.element_ty), mask=there)
