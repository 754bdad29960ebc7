"""What to do with windows of fewer cells than the pyramid has bins: the lecture's padding, beside the repetition of
``network/spp.py``.

Letters: R windows, C channels, n bins along one side of the finest level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spp_sorter.network.spp import SpatialPyramidPool, clamp_windows


def pool_padded(features: Tensor, windows: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Max pooling in which a window with fewer than n cells along a side is centred in n cells, the others zero.

    Larger windows are pooled as ever. Zeros are not neutral: where a map is negative they win the maximum, and an item
    of two cells leaves most of its vector to them.

    Args:
        features: [1, C, H, W] floating.
        windows: [R, 4] integer cells, half-open.
        levels: the pyramid; every level must divide the first.

    Returns:
        [R, C * bins], laid out as by ``SpatialPyramidPool``.

    Raises:
        ValueError: a level that does not divide the first.
    """
    n = levels[0]
    if any(n % level for level in levels):
        raise ValueError(f"pyramid levels are {levels}; allowed: levels that divide the first, {n}")
    windows = clamp_windows(windows, (features.shape[2], features.shape[3]))
    sides = windows[:, 2:] - windows[:, :2]
    narrow, low = sides[:, 0] < n, sides[:, 1] < n
    fine = features.new_zeros(len(windows), features.shape[1], n, n)
    pool = SpatialPyramidPool((n,))
    for mask, place in (
        (~narrow & ~low, _pool_large),
        (narrow & ~low, _pool_narrow),
        (~narrow & low, _pool_low),
        (narrow & low, _place_cells),
    ):
        index = mask.nonzero()[:, 0]
        if len(index):
            fine[index] = place(features, windows[index], pool, n)
    parts = [fine.unflatten(3, (level, -1)).unflatten(2, (level, -1)).amax(dim=(3, 5)).flatten(1) for level in levels]
    return torch.cat(parts, dim=1)


def _pool_large(features: Tensor, windows: Tensor, pool: SpatialPyramidPool, n: int) -> Tensor:
    pooled: Tensor = pool.pool_windows(features, windows).unflatten(1, (-1, n, n))
    return pooled


def _pool_narrow(features: Tensor, windows: Tensor, pool: SpatialPyramidPool, n: int) -> Tensor:
    """[R, C, n, n]: rows pooled, every column of cells put in its place."""
    result = features.new_zeros(len(windows), features.shape[1], n, n)
    width = windows[:, 2] - windows[:, 0]
    offset = torch.div(n - width, 2, rounding_mode="floor")
    for column in range(n - 1):
        inside = (column < width).nonzero()[:, 0]
        if not len(inside):
            break
        slim = windows[inside].clone()
        slim[:, 0] += column
        slim[:, 2] = slim[:, 0] + 1
        rows = pool.pool_windows(features, slim).unflatten(1, (-1, n, n))[:, :, :, 0]  # [r, C, n]
        result[inside, :, :, offset[inside] + column] = rows
    return result


def _pool_low(features: Tensor, windows: Tensor, pool: SpatialPyramidPool, n: int) -> Tensor:
    turned = _pool_narrow(features.transpose(2, 3), windows[:, [1, 0, 3, 2]], pool, n)
    return turned.transpose(2, 3)


def _place_cells(features: Tensor, windows: Tensor, pool: SpatialPyramidPool, n: int) -> Tensor:
    """[R, C, n, n]: every cell put in its place; there is nothing to pool."""
    del pool
    sides = windows[:, 2:] - windows[:, :2]
    place = torch.arange(n, device=features.device)
    cell = place - torch.div(n - sides, 2, rounding_mode="floor")[:, :, None]  # [R, 2, n] x and y of the window's cell
    inside = (cell >= 0) & (cell < sides[:, :, None])
    index = windows[:, :2, None] + cell.clamp(min=0).minimum(sides[:, :, None] - 1)
    x, y = index[:, 0], index[:, 1]
    cells = features[0, :, y[:, :, None], x[:, None, :]].permute(1, 0, 2, 3)  # [R, C, n, n]
    kept: Tensor = cells * (inside[:, 1][:, None, :, None] & inside[:, 0][:, None, None, :])
    return kept
