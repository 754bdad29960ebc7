"""Spatial pyramid pooling of boxes in one kernel: windows of the map, their bins of every level, and their geometry.

One program pools some channels of one window at the finest level, all bins side by side; the coarser levels are
reduced in its registers, as bins nest. Bit-equal to ``spp``: maxima are not rounded.

Letters: C channels, H x W map cells, R windows.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BINS = 21
"""16 + 4 + 1 bins."""

GEOMETRY = 6
"""Columns after the bins: where the box lies in its window and the window's size, see ``heads.RegionHead``."""

ALIGNMENT = 8
"""Rows are as long as a multiple of this, which matrix products read fastest."""

BLOCK_C = 32


def row_length(channels: int) -> int:
    """Columns of a row: all bins, the geometry, and zeros up to the next multiple of ``ALIGNMENT``."""
    return -(-(BINS * channels + GEOMETRY) // ALIGNMENT) * ALIGNMENT


def pool_boxes(features: Tensor, boxes_xyxy: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Pool the window of every box: every cell that it touches (rule ``cover`` of ``spp.project_boxes``).

    Args:
        features: [1, C, H, W] floating, in channels-last memory, on a GPU.
        boxes_xyxy: [R, 4] float32, pixels of the network's input.
        stride: pixels per cell, a power of two.

    Returns:
        [R, ``row_length(C)``] in the type of the map: bins as by ``SpatialPyramidPool((4, 2, 1))``, then the geometry;
        and [R, 4] float32 image boxes of the windows.
    """
    _, channels, height, width = features.shape
    count = len(boxes_xyxy)
    length = row_length(channels)
    rows = torch.empty((count, length), dtype=features.dtype, device=features.device)
    windows = torch.empty((count, 4), dtype=torch.float32, device=features.device)
    if count:
        _pool[(count, triton.cdiv(channels, BLOCK_C))](
            features.contiguous(memory_format=torch.channels_last), boxes_xyxy.contiguous(), rows, windows,
            channels, height, width, length, stride, 1.0 / stride, COLUMNS=4, BLOCK_C=BLOCK_C,
        )  # fmt: skip
    return rows, windows


@triton.jit
def _pool(
    features, boxes, rows, windows, channels, height, width, length, stride, cells_per_px,
    COLUMNS: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    window = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    there = channel < channels
    x_low, x_high = _cells(boxes + window * 4, cells_per_px, width)
    y_low, y_high = _cells(boxes + window * 4 + 1, cells_per_px, height)
    x_size, y_size = x_high - x_low, y_high - y_low
    # Bins in the order of a Z curve: four that lie together follow each other.
    place = tl.arange(0, 16)
    bin_y = (place // 8) * 2 + (place // 2) % 2
    bin_x = ((place // 4) % 2) * 2 + place % 2
    y_first, y_last = y_low + bin_y * y_size // 4, y_low + ((bin_y + 1) * y_size + 3) // 4 - 1
    x_first, x_last = x_low + bin_x * x_size // 4, x_low + ((bin_x + 1) * x_size + 3) // 4 - 1
    best = tl.full([16, BLOCK_C], float("-inf"), features.dtype.element_ty)
    column = tl.arange(0, COLUMNS)
    tallest, widest = tl.max(y_last - y_first, axis=0) + 1, tl.max(x_last - x_first, axis=0) + 1
    for row in range(tallest):
        y = tl.minimum(y_first + row, y_last)  # bins that end earlier look at their last cells again
        for start in range(0, widest, COLUMNS):
            x = tl.minimum(x_first[:, None] + start + column[None, :], x_last[:, None])  # [16, COLUMNS]
            cells = ((y[:, None] * width + x) * channels)[:, :, None] + channel[None, None, :]
            values = tl.load(features + cells, mask=there[None, None, :], other=float("-inf"))
            best = tl.maximum(best, tl.max(values, axis=1)).to(best.dtype)
    row = rows + window * length
    tl.store(row + channel[None, :] * 16 + (bin_y * 4 + bin_x)[:, None], best, mask=there[None, :])
    quarters = tl.max(tl.reshape(best, [4, 4, BLOCK_C]), axis=1)  # [4, BLOCK_C], row by row
    four = tl.arange(0, 4)
    tl.store(row + channels * 16 + channel[None, :] * 4 + four[:, None], quarters, mask=there[None, :])
    tl.store(row + channels * 20 + channel, tl.max(quarters, axis=0), mask=there)
    if tl.program_id(1) == 0:
        _store_geometry(
            row + channels * 21, windows + window * 4, boxes + window * 4,
            x_low, x_high, y_low, y_high, length - channels * 21, stride, cells_per_px,
        )  # fmt: skip


@triton.jit
def _cells(box, cells_per_px, size):
    """The first and one-past-last cell of a box's window along an axis."""
    low = _finite(tl.load(box)) * cells_per_px
    high = _finite(tl.load(box + 2)) * cells_per_px
    first = tl.minimum(tl.maximum(tl.floor(low).to(tl.int32), 0), size - 1)
    return first, tl.maximum(tl.minimum(tl.ceil(high).to(tl.int32), size), first + 1)


@triton.jit
def _finite(value):
    return tl.where(tl.abs(value) < 1e30, value, 0.0)


@triton.jit
def _store_geometry(row, window, box, x_low, x_high, y_low, y_high, columns, stride, cells_per_px):
    index = tl.arange(0, 16)
    side = index % 4
    low_high = tl.where(side == 0, x_low, tl.where(side == 1, y_low, tl.where(side == 2, x_high, y_high)))
    tl.store(window + index, (low_high * stride).to(tl.float32), mask=index < 4)
    given = tl.load(box + side)
    residual = tl.minimum(tl.maximum((given - low_high * stride) * cells_per_px, -4.0), 4.0)
    cells = tl.where(index == 4, x_high - x_low, y_high - y_low).to(tl.float32)
    value = tl.where(index < 4, residual, tl.where(index < 6, tl.log(cells), 0.0))
    tl.store(row + index, value.to(row.dtype.element_ty), mask=index < columns)
