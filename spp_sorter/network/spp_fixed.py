"""Spatial pyramid pooling in steps of fixed shape: the same bins as ``spp``, with nothing that depends on the windows.

The number of tables follows from the map's size alone, so that a frame can be traced once, captured in a CUDA graph or
exported, and the tables are written into one buffer in place.

Letters: C channels, H x W map cells, R windows, I x J tables of row and column powers, n bins along one side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spp_sorter.network.spp import SpatialPyramidPool, bin_edges, clamp_windows


class FixedPyramidPool(nn.Module):
    """Max pooling of windows of one map, bit-equal to ``SpatialPyramidPool``.

    Args:
        pool: the pooling to stand in for.

    Raises:
        ValueError: average pooling, or levels of which one does not divide the finest.
    """

    def __init__(self, pool: SpatialPyramidPool) -> None:
        super().__init__()
        self.levels = pool.levels
        self.finest = max(pool.levels)
        if pool.mode != "max" or any(self.finest % level for level in pool.levels):
            raise ValueError(
                f"pooling is {pool.mode} over levels {pool.levels}; allowed: max over levels that divide the finest"
            )

    def pool_windows(self, features: Tensor, windows: Tensor, image_index: Tensor | None = None) -> Tensor:
        """Pool windows of one map, as ``SpatialPyramidPool.pool_windows``.

        Args:
            features: [1, C, H, W] floating.
            windows: [R, 4] integer cells ``x0, y0, x1, y1``, half-open.
            image_index: not looked at, there is one map.

        Returns:
            [R, C * num_bins].
        """
        del image_index
        height, width = int(features.shape[2]), int(features.shape[3])  # a trace holds them as constants
        bins = self._finest_bins(features, clamp_windows(windows, (height, width)))  # [R, n, n, C]
        by_level = {self.finest: bins}
        for level in sorted(set(self.levels), reverse=True)[1:]:
            finer = min(m for m in by_level if m % level == 0)
            by_level[level] = _shrink(_shrink(by_level[finer], finer // level, 1), finer // level, 2)
        flat = [by_level[level].flatten(1, 2).transpose(1, 2).flatten(1) for level in self.levels]
        return torch.cat(flat, dim=1)

    def _finest_bins(self, features: Tensor, windows: Tensor) -> Tensor:
        channels, height, width = (int(size) for size in features.shape[1:])
        n = self.finest
        y_powers, x_powers = _num_powers(height, n), _num_powers(width, n)
        stack = _stack_copies if torch.compiler.is_exporting() else _stack_tables
        table = stack(features.permute(0, 2, 3, 1)[0], y_powers, x_powers)  # [I, J, H, W, C]
        x_low, x_high = bin_edges(windows[:, 0], windows[:, 2] - windows[:, 0], n)  # [R, n]
        y_low, y_high = bin_edges(windows[:, 1], windows[:, 3] - windows[:, 1], n)
        y_power, y_last = _power_and_last(y_low, y_high, y_powers)
        x_power, x_last = _power_and_last(x_low, x_high, x_powers)
        base = ((y_power[:, :, None] * x_powers + x_power[:, None, :]) * height)[None]  # [1, R, n, n]
        y = torch.stack([y_low, y_last])[:, :, :, None]  # [2, R, n, 1]
        x = torch.stack([x_low, x_last])[:, :, None, :]  # [2, R, 1, n]
        rows = (base + y) * width
        corners = (rows[:, None] + x[None]).flatten(0, 1).flatten(1)  # [4, R * n * n]
        cells = table.reshape(-1, channels)
        first = torch.maximum(cells.index_select(0, corners[0]), cells.index_select(0, corners[1]))
        second = torch.maximum(cells.index_select(0, corners[2]), cells.index_select(0, corners[3]))
        return torch.maximum(first, second).reshape(-1, n, n, channels)


def _num_powers(size: int, num_bins: int) -> int:
    """How many powers of two, from 2^0, are needed for the longest bin of a window of up to ``size`` cells."""
    longest = -(-size // num_bins) + 1  # a window one cell shorter can have a bin one cell longer
    return min(longest, size).bit_length()


def _power_and_last(low: Tensor, high: Tensor, powers: int) -> tuple[Tensor, Tensor]:
    """floor(log2) of each bin's length, and where the last run of that length inside the bin starts; [R, n] each."""
    length = high - low
    power = torch.zeros_like(length)
    for exponent in range(1, powers):
        power = power + (length >= 1 << exponent)
    return power, high - torch.bitwise_left_shift(torch.ones_like(power), power)


def _stack_tables(rows: Tensor, y_powers: int, x_powers: int) -> Tensor:
    """[H, W, C] to [I, J, H, W, C]: entry (i, j, y, x) is the maximum over 2^i x 2^j cells from (y, x).

    Entries whose rectangle leaves the map are never read and hold nothing.
    """
    height, width, channels = (int(size) for size in rows.shape)
    table = rows.new_empty((y_powers, x_powers, height, width, channels))
    table[0, 0].copy_(rows)
    for j in range(1, x_powers):
        step = 1 << (j - 1)
        torch.maximum(table[0, j - 1, :, : width - step], table[0, j - 1, :, step:], out=table[0, j, :, : width - step])
    for i in range(1, y_powers):
        step = 1 << (i - 1)
        finer = table[i - 1]
        torch.maximum(finer[:, : height - step], finer[:, step:], out=table[i, :, : height - step])
    return table


def _stack_copies(rows: Tensor, y_powers: int, x_powers: int) -> Tensor:
    """``_stack_tables`` without writing in place, which exported graphs cannot."""
    columns = [rows]
    for j in range(1, x_powers):
        columns.append(torch.maximum(columns[-1], _shifted(columns[-1], 1 << (j - 1), 1)))
    table = [torch.stack(columns)]  # [J, H, W, C]
    for i in range(1, y_powers):
        table.append(torch.maximum(table[-1], _shifted(table[-1], 1 << (i - 1), 1)))
    return torch.stack(table)


def _shifted(table: Tensor, step: int, axis: int) -> Tensor:
    """A table moved by ``step`` cells towards its start; the last cells stay, and are never read."""
    rest = int(table.shape[axis]) - step
    return torch.cat([table.narrow(axis, step, rest), table.narrow(axis, rest, step)], dim=axis)


def _shrink(bins: Tensor, step: int, axis: int) -> Tensor:
    """Maxima over groups of ``step`` bins along an axis; faster than ``amax`` over so few."""
    side = bins.shape[axis]
    shrunk = bins[:, 0:side:step] if axis == 1 else bins[:, :, 0:side:step]
    for offset in range(1, step):
        shrunk = torch.maximum(shrunk, bins[:, offset:side:step] if axis == 1 else bins[:, :, offset:side:step])
    return shrunk
