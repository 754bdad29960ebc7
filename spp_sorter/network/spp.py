"""Spatial pyramid pooling: a map, or any window of one, of any size to a vector of fixed length.

He, Zhang, Ren, Sun: Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition (arXiv 1406.4729).
Bin i of n over w cells covers cells ``floor(i w / n) .. ceil((i + 1) w / n)``: the paper's rule at deployment, and
what adaptive pooling does. Bins of windows with fewer cells than bins repeat cells; nothing is padded.

Letters: B images, C channels, H x W map cells, R windows, L pyramid levels, n bins along one side of a level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torchvision.ops import roi_pool

MODES = ("max", "average")
PROJECTIONS = ("paper", "cover")


class SpatialPyramidPool(nn.Module):
    """Pools whole maps (``forward``) or windows of maps (``pool_windows``) into pyramids of bins.

    Args:
        levels: bins along one side of every level, such as ``(4, 2, 1)`` for 16 + 4 + 1 = 21 bins. One level alone
            over windows is the RoI pooling of Fast R-CNN (arXiv 1504.08083).
        mode: ``max`` (the paper's) or ``average``.

    Raises:
        ValueError: no level, a level below 1, or an unknown mode.
    """

    def __init__(self, levels: Sequence[int] = (4, 2, 1), mode: str = "max") -> None:
        super().__init__()
        if not levels or any(int(n) != n or n < 1 for n in levels):
            raise ValueError(f"pyramid levels are {tuple(levels)}; allowed: at least one whole number >= 1")
        if mode not in MODES:
            raise ValueError(f"pooling mode is {mode!r}; allowed: {', '.join(MODES)}")
        self.levels = tuple(int(n) for n in levels)
        self.mode = mode

    @property
    def num_bins(self) -> int:
        """Bins of the whole pyramid: the sum of n * n."""
        return sum(n * n for n in self.levels)

    def extra_repr(self) -> str:
        """What ``print(module)`` shows."""
        return f"levels={self.levels}, mode={self.mode!r}"

    def forward(self, features: Tensor) -> Tensor:
        """Pool whole maps.

        Args:
            features: [B, C, H, W] floating, any H, W >= 1.

        Returns:
            [B, C * num_bins]: levels in the given order, within a level the channels, within a channel the bins row
            by row.
        """
        batch, _, height, width = features.shape
        whole = torch.tensor([[0, 0, width, height]], device=features.device).expand(batch, 4)
        return self.pool_windows(features, whole, torch.arange(batch, device=features.device))

    def pool_windows(self, features: Tensor, windows: Tensor, image_index: Tensor | None = None) -> Tensor:
        """Pool every window of its map in one batched call.

        Args:
            features: [B, C, H, W] floating.
            windows: [R, 4] integer cells ``x0, y0, x1, y1``, half-open; parts outside the map are cut off, and a
                window with no cell left becomes the nearest single cell.
            image_index: [R] integer, the map of each window; may be omitted when B is 1.

        Returns:
            [R, C * num_bins], laid out as by ``forward``. R = 0 gives an empty tensor.

        Raises:
            ValueError: shapes that do not fit, or no ``image_index`` with several maps.
        """
        _check_windows(features, windows, image_index)
        if image_index is None:
            image_index = windows.new_zeros(len(windows))
        windows = clamp_windows(windows, (features.shape[2], features.shape[3]))
        pool: _Pool = _MaxTable(features) if self.mode == "max" else _SumTable(features)
        pooled: dict[int, Tensor] = {}  # level -> [R, n, n, C]
        for n in sorted(set(self.levels), reverse=True):
            finer = [m for m in pooled if m % n == 0]
            if finer and self.mode == "max":
                pooled[n] = _reduce_bins(pooled[min(finer)], n)
            elif self.mode == "max" and _trains(features) and _is_power_of_two(n):
                pooled[n] = _argmax_bins(features, windows, image_index, n)
            else:
                pooled[n] = pool.bins(windows, image_index, n)
        flat = [pooled[n].permute(0, 3, 1, 2).flatten(1) for n in self.levels]  # [R, C * n * n] each
        return torch.cat(flat, dim=1)


def bin_edges(start: Tensor, size: Tensor, num_bins: int) -> tuple[Tensor, Tensor]:
    """First and one-past-last cell of every bin along one axis.

    Args:
        start: [R] integer first cell of each window.
        size: [R] integer cells of each window, >= 1.
        num_bins: n.

    Returns:
        Two [R, n] integer tensors; every bin holds at least one cell.
    """
    index = torch.arange(num_bins, device=start.device)
    low = torch.div(index * size[:, None], num_bins, rounding_mode="floor")
    high = -torch.div(-(index + 1) * size[:, None], num_bins, rounding_mode="floor")
    return start[:, None] + low, start[:, None] + high


def lecture_pooling(size: int, num_bins: int) -> tuple[int, int, int]:
    """The sliding-window pooling of the paper's training section: ``win = ceil(a / n)``, ``stride = floor(a / n)``.

    It is kept to be compared with, not used: with ``q, r = divmod(size, num_bins)`` it yields more than ``num_bins``
    bins whenever ``r > q >= 1``, and when ``2 <= r <= q`` the last ``r - 1`` cells fall in no bin (for one and two
    bins the count is always right). A size below ``num_bins`` has stride 0 and is undefined.

    Args:
        size: cells along the axis (a), >= 1.
        num_bins: bins wanted (n), >= 1.

    Returns:
        window, stride and the number of bins that sliding really gives.

    Raises:
        ValueError: ``size < num_bins`` or ``num_bins < 1``.
    """
    if num_bins < 1 or size < num_bins:
        raise ValueError(f"size {size} with {num_bins} bins has stride 0; allowed: size >= bins >= 1")
    window, stride = -(-size // num_bins), size // num_bins
    return window, stride, (size - window) // stride + 1


def project_boxes(boxes_xyxy: Tensor, stride: int, map_hw: tuple[int, int], rule: str = "paper") -> Tensor:
    """Windows of the map for boxes in the image.

    The rule ``paper`` is that of the paper's appendix. In its cells counted from 1: left and top ``floor(x / S) + 1``,
    right and bottom ``ceil(x / S) - 1``; the response of a cell is taken to be centred at ``S`` times its number. A
    window that comes out inverted (a box below about one stride) collapses to its middle cell. Here cells count from 0
    and windows are half-open.

    The rule ``cover`` takes every cell that the box touches. In this network cell k is centred at ``(k + 0.5) S``, so
    that the paper's rule would cut off half a cell to a cell and a half at the right and the bottom: most of what an
    item of 16 pixels shows.

    Args:
        boxes_xyxy: [R, 4] floating, pixels of the network's input.
        stride: pixels per cell, S.
        map_hw: cells of the map, H and W.
        rule: ``paper`` or ``cover``.

    Raises:
        ValueError: an unknown rule.

    Returns:
        [R, 4] int64 windows ``x0, y0, x1, y1`` inside the map, each of at least one cell. Values that are not finite
        are taken as 0.
    """
    if rule not in PROJECTIONS:
        raise ValueError(f"projection rule is {rule!r}; allowed: {', '.join(PROJECTIONS)}")
    cells = torch.nan_to_num(boxes_xyxy.detach().float(), nan=0.0, posinf=0.0, neginf=0.0) / stride
    if rule == "cover":
        touched = torch.cat([torch.floor(cells[:, :2]), torch.ceil(cells[:, 2:])], dim=1)
        return clamp_windows(touched.long(), map_hw)
    low = torch.floor(cells[:, :2]).long()
    high = torch.ceil(cells[:, 2:]).long() - 1
    middle = torch.div(low + high, 2, rounding_mode="floor")
    inverted = high <= low
    low, high = torch.where(inverted, middle, low), torch.where(inverted, middle + 1, high)
    return clamp_windows(torch.cat([low, high], dim=1), map_hw)


def clamp_windows(windows: Tensor, map_hw: tuple[int, int]) -> Tensor:
    """Windows cut to the map; one with no cell left becomes the nearest single cell. [R, 4] int64 in and out."""
    height, width = map_hw
    windows = windows.long()
    low = torch.stack([windows[:, 0].clamp(0, width - 1), windows[:, 1].clamp(0, height - 1)], dim=1)
    high = torch.stack([windows[:, 2].clamp(max=width), windows[:, 3].clamp(max=height)], dim=1)
    return torch.cat([low, torch.maximum(high, low + 1)], dim=1)


def window_boxes(windows: Tensor, stride: int) -> Tensor:
    """The image boxes that windows of cells cover: [R, 4] float, pixels of the network's input."""
    return windows.float() * stride


def _check_windows(features: Tensor, windows: Tensor, image_index: Tensor | None) -> None:
    if features.ndim != 4 or min(features.shape[2:]) < 1 or not features.is_floating_point():
        raise ValueError(f"feature map is {features.dtype} {tuple(features.shape)}; allowed: floating [B, C, H, W]")
    if windows.ndim != 2 or windows.shape[1] != 4 or windows.is_floating_point():
        raise ValueError(f"windows are {windows.dtype} {tuple(windows.shape)}; allowed: integer [R, 4]")
    if image_index is None and features.shape[0] != 1:
        raise ValueError(f"no image_index with {features.shape[0]} maps; give the map of every window")
    if image_index is not None and image_index.shape != (len(windows),):
        raise ValueError(f"image_index is {tuple(image_index.shape)}; allowed: [{len(windows)}]")


def _reduce_bins(fine: Tensor, num_bins: int) -> Tensor:
    """[R, m, m, C] bins to [R, n, n, C]; exact where n divides m, as the bins nest."""
    windows, side, _, channels = fine.shape
    step = side // num_bins
    return fine.reshape(windows, num_bins, step, num_bins, step, channels).amax(dim=(2, 4))


class _Pool(Protocol):
    def bins(self, windows: Tensor, image_index: Tensor, num_bins: int) -> Tensor: ...


def _trains(features: Tensor) -> bool:
    return torch.is_grad_enabled() and features.requires_grad and features.dtype in (torch.float32, torch.float64)


def _is_power_of_two(n: int) -> bool:
    return n & (n - 1) == 0


def _argmax_bins(features: Tensor, windows: Tensor, image_index: Tensor, num_bins: int) -> Tensor:
    """[R, n, n, C] maxima whose gradient goes to the cell that won: 50 times faster backward than a table's.

    torchvision computes bin edges in floating point, which is exact for powers of two only.
    """
    last_cells = torch.cat([windows[:, :2], windows[:, 2:] - 1], dim=1)
    rois = torch.cat([image_index[:, None], last_cells], dim=1).to(features.dtype)
    pooled: Tensor = roi_pool(features, rois, num_bins)
    return pooled.permute(0, 2, 3, 1)


class _MaxTable:
    """Maxima over rectangles in constant time: a sparse table of power-of-two running maxima.

    Table (i, j) holds at (y, x) the maximum over ``2^i x 2^j`` cells whose first cell is (y, x). The maximum over any
    rectangle is that of four table entries that overlap.
    """

    def __init__(self, features: Tensor) -> None:
        self.rows = features.permute(0, 2, 3, 1)  # [B, H, W, C]
        self.tables: dict[tuple[int, int], Tensor] = {(0, 0): self.rows}  # filled as bins ask for them

    def bins(self, windows: Tensor, image_index: Tensor, num_bins: int) -> Tensor:
        """[R, n, n, C] maxima of the bins of every window."""
        x_low, x_high = bin_edges(windows[:, 0], windows[:, 2] - windows[:, 0], num_bins)  # [R, n]
        y_low, y_high = bin_edges(windows[:, 1], windows[:, 3] - windows[:, 1], num_bins)
        x_power, y_power = _floor_log2(x_high - x_low), _floor_log2(y_high - y_low)
        table, level_offset = self._stack(*_largest(y_power, x_power))  # [T * B * H * W, C]
        batch, height, width, _ = self.rows.shape
        level = level_offset[y_power[:, :, None], x_power[:, None, :]]  # [R, n, n]
        base = (level * batch + image_index[:, None, None].long()) * height * width
        y_last, x_last = y_high - (1 << y_power), x_high - (1 << x_power)
        corners = [base + y[:, :, None] * width + x[:, None, :] for y in (y_low, y_last) for x in (x_low, x_last)]
        best = table.index_select(0, corners[0].flatten())
        for corner in corners[1:]:
            best = torch.maximum(best, table.index_select(0, corner.flatten()))
        return best.reshape(*level.shape, table.shape[1])

    def _stack(self, y_max: int, x_max: int) -> tuple[Tensor, Tensor]:
        """All tables up to the given powers as rows of one tensor, and where each begins."""
        order = [(i, j) for i in range(y_max + 1) for j in range(x_max + 1)]
        stacked = torch.stack([self._table(i, j) for i, j in order]).flatten(0, 3)
        offset = torch.arange(len(order), device=stacked.device).reshape(y_max + 1, x_max + 1)
        return stacked, offset

    def _table(self, i: int, j: int) -> Tensor:
        if (i, j) not in self.tables:
            half, dim = (self._table(i - 1, j), 1) if i else (self._table(i, j - 1), 2)
            step = 1 << ((i if i else j) - 1)
            length = half.shape[dim]
            shifted = half.narrow(dim, min(step, length - 1), max(length - step, 1))
            # Entries whose rectangle leaves the map are never read: the tail is kept only to keep the shape.
            head = torch.maximum(half.narrow(dim, 0, shifted.shape[dim]), shifted)
            tail = half.narrow(dim, shifted.shape[dim], length - shifted.shape[dim])
            self.tables[(i, j)] = torch.cat([head, tail], dim=dim)
        return self.tables[(i, j)]


class _SumTable:
    """Averages over rectangles in constant time: a summed-area table in double precision."""

    def __init__(self, features: Tensor) -> None:
        self.dtype = features.dtype
        sums = features.permute(0, 2, 3, 1).double().cumsum(1).cumsum(2)
        self.sums = nn.functional.pad(sums, (0, 0, 1, 0, 1, 0))  # [B, H + 1, W + 1, C]

    def bins(self, windows: Tensor, image_index: Tensor, num_bins: int) -> Tensor:
        """[R, n, n, C] averages of the bins of every window."""
        x_low, x_high = bin_edges(windows[:, 0], windows[:, 2] - windows[:, 0], num_bins)
        y_low, y_high = bin_edges(windows[:, 1], windows[:, 3] - windows[:, 1], num_bins)
        image = image_index[:, None, None].long()

        def at(y: Tensor, x: Tensor) -> Tensor:
            return self.sums[image, y[:, :, None], x[:, None, :]]

        total = at(y_high, x_high) - at(y_low, x_high) - at(y_high, x_low) + at(y_low, x_low)
        area = (y_high - y_low)[:, :, None] * (x_high - x_low)[:, None, :]
        return (total / area[..., None]).to(self.dtype)


def _floor_log2(values: Tensor) -> Tensor:
    """floor(log2(v)) of whole numbers v >= 1, exact: frexp gives v = m * 2^e with 0.5 <= m < 1."""
    return torch.frexp(values.double()).exponent.long() - 1


def _largest(y_power: Tensor, x_power: Tensor) -> tuple[int, int]:
    if y_power.numel() == 0:
        return 0, 0
    return int(y_power.max()), int(x_power.max())


def pyramid_length(channels: int, levels: Sequence[int]) -> int:
    """Length of the vector that a pyramid gives over a map with ``channels`` channels."""
    return channels * sum(math.prod((n, n)) for n in levels)
