"""What stands between the convolutions of a GPU frame, in few kernels: proposals, the table of answers, suppression.

The same answers as ``heads``, ``decode`` and ``suppression`` give step by step, up to rounding.

Letters: N candidates of the RPN, R windows, K labels.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from spp_sorter.network.boxes import MAX_LOG_SCALE
from spp_sorter.network.decode import PROPOSAL_NMS
from spp_sorter.network.frame import PROBS
from spp_sorter.network.suppression import ROUNDS, settle

MOST_KEPT = 128
"""Windows up to which the last choice fits into one program."""

SIDE = 16
"""Rows that one program works on."""


def best_cells(raw: Tensor, count: int, map_width: int, stride: int, size_hw: tuple[int, int]) -> Tensor:
    """Boxes of the cells with the highest objectness, best first; equals fall to the cell that comes first.

    Args:
        raw: [cells, S >= 5] floating: objectness before the sigmoid, logarithms of the distances to the four sides.
        count: N.
        map_width: cells of a row of the map.
        stride: pixels per cell.
        size_hw: boxes are cut to it.

    Returns:
        [N, 4] float32.
    """
    index = raw[:, 0].topk(count, sorted=False).indices
    boxes = torch.empty((count, 4), dtype=torch.float32, device=raw.device)
    _rank[(triton.cdiv(count, SIDE),)](
        raw, index, boxes, raw.stride(0), count, map_width, stride, float(size_hw[0]), float(size_hw[1]),
        float(MAX_LOG_SCALE), BLOCK=SIDE, ALL=triton.next_power_of_2(count),
    )  # fmt: skip
    return boxes


def remaining(boxes_xyxy: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """What is left of [N, 4] boxes, best first, at ``PROPOSAL_NMS``; see ``suppression.FixedSuppression.best``."""
    number = len(boxes_xyxy)
    dtype = torch.float16 if boxes_xyxy.is_cuda else torch.float32
    less = torch.empty((number, number), dtype=dtype, device=boxes_xyxy.device)
    grid = (triton.cdiv(number, 32), triton.cdiv(number, 32))
    _overlaps[grid](boxes_xyxy, less, number, PROPOSAL_NMS, BLOCK=32)
    chosen = settle(less, torch.ones(number, dtype=dtype, device=boxes_xyxy.device))
    size = min(count, number)
    boxes = torch.empty((size, 4), dtype=torch.float32, device=boxes_xyxy.device)
    there = torch.empty(size, dtype=torch.int32, device=boxes_xyxy.device)
    _take[(triton.cdiv(size, SIDE),)](
        chosen, boxes_xyxy, boxes, there, number, size, BLOCK=SIDE, ALL=triton.next_power_of_2(number)
    )
    return boxes, there


def read_table(
    raw: Tensor, windows: Tensor, there: Tensor, limits: Tensor, labels: int, size_hw: tuple[int, int]
) -> Tensor:
    """The table of a frame, see ``frame.FrameNetwork``, with nothing suppressed yet.

    Args:
        raw: [R, S] floating: logits of background and K labels, then box, grasp and quality as the head gives them.
        windows: [R, 4] float32 image boxes of the windows.
        there: [R] int32, whether a window is one.
        limits: [2] float32, see ``FrameNetwork.forward``.
        labels: K.
        size_hw: boxes are cut to it.

    Returns:
        [R, 11 + K] float32.
    """
    count = len(windows)
    table = torch.empty((count, PROBS + labels), dtype=torch.float32, device=raw.device)
    _read[(triton.cdiv(count, SIDE),)](
        raw, windows, there, limits, table, raw.stride(0), count, labels, float(size_hw[0]), float(size_hw[1]),
        float(MAX_LOG_SCALE), BLOCK=SIDE, CLASSES=triton.next_power_of_2(1 + labels),
    )  # fmt: skip
    return table


def keep_rows(table: Tensor, limits: Tensor) -> None:
    """Take the mark of a detection from rows of a table that a better row suppresses, in place.

    Args:
        table: [R <= ``MOST_KEPT``, 11 + K] from ``read_table``.
        limits: [2] float32, see ``FrameNetwork.forward``.
    """
    count, columns = table.shape
    size = max(16, triton.next_power_of_2(count))
    _keep[(1,)](table, limits, columns, count, ROUNDS=ROUNDS, ALL=size, num_warps=16)


@triton.jit
def _rank(
    raw, index, boxes, columns, count, map_width, stride, height, width, largest,
    BLOCK: tl.constexpr, ALL: tl.constexpr,
):  # fmt: skip
    own = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mine = own < count
    cell = tl.load(index + own, mask=mine, other=0)
    score = _number(tl.load(raw + cell * columns, mask=mine, other=0.0).to(tl.float32))
    other = tl.arange(0, ALL)
    theirs = other < count
    other_cell = tl.load(index + other, mask=theirs, other=0)
    other_score = _number(tl.load(raw + other_cell * columns, mask=theirs, other=0.0).to(tl.float32))
    tie = (other_score[None, :] == score[:, None]) & (other_cell[None, :] < cell[:, None])
    before = ((other_score[None, :] > score[:, None]) | tie) & theirs[None, :]
    rank = tl.sum(before.to(tl.int32), axis=1)
    x = ((cell % map_width).to(tl.float32) + 0.5) * stride
    y = ((cell // map_width).to(tl.float32) + 0.5) * stride
    left = _distance(raw + cell * columns + 1, mine, largest) * stride
    top = _distance(raw + cell * columns + 2, mine, largest) * stride
    right = _distance(raw + cell * columns + 3, mine, largest) * stride
    bottom = _distance(raw + cell * columns + 4, mine, largest) * stride
    tl.store(boxes + rank * 4, _clamp(x - left, 0.0, width), mask=mine)
    tl.store(boxes + rank * 4 + 1, _clamp(y - top, 0.0, height), mask=mine)
    tl.store(boxes + rank * 4 + 2, _clamp(x + right, 0.0, width), mask=mine)
    tl.store(boxes + rank * 4 + 3, _clamp(y + bottom, 0.0, height), mask=mine)


@triton.jit
def _overlaps(boxes, less, count, highest, BLOCK: tl.constexpr):
    above = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    below = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = (above < count)[:, None] & (below < count)[None, :]
    suppresses = (above[:, None] < below[None, :]) & (
        _overlap(boxes, 4, above, above < count, below, below < count) > highest
    )
    value = tl.where(suppresses, -1.0, 0.0).to(less.dtype.element_ty)
    tl.store(less + above[:, None] * count + below[None, :], value, mask=there)


@triton.jit
def _take(chosen, boxes, taken, there, count, size, BLOCK: tl.constexpr, ALL: tl.constexpr):
    candidate = tl.arange(0, ALL)
    kept = (tl.load(chosen + candidate, mask=candidate < count, other=0.0) > 0).to(tl.int32)
    place = tl.cumsum(kept, axis=0) - 1
    slot = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mine = slot < size
    hit = (kept[None, :] > 0) & (place[None, :] == slot[:, None])
    source = tl.sum(tl.where(hit, candidate[None, :], 0), axis=1)  # the first one where there is none
    tl.store(there + slot, (slot < tl.sum(kept, axis=0)).to(tl.int32), mask=mine)
    for side in tl.static_range(4):
        tl.store(taken + slot * 4 + side, tl.load(boxes + source * 4 + side, mask=mine, other=0.0), mask=mine)


@triton.jit
def _read(
    raw, windows, there, limits, table, columns, count, labels, height, width, largest,
    BLOCK: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mine = row < count
    label = tl.arange(0, CLASSES)
    known = mine[:, None] & (label <= labels)[None, :]
    logits = tl.load(raw + row[:, None] * columns + label[None, :], mask=known, other=float("-inf")).to(tl.float32)
    logits = tl.where(mine[:, None], logits, 0.0)
    weights = tl.exp(logits - tl.max(logits, axis=1)[:, None])
    probs = weights / tl.sum(weights, axis=1)[:, None]
    item = known & (label > 0)[None, :]
    score = tl.max(tl.where(item, probs, 0.0), axis=1)
    out = table + row * (11 + labels)
    tl.store(out[:, None] + 10 + label[None, :], probs, mask=item)
    values = raw + row * columns + 1 + labels
    x0 = tl.load(windows + row * 4, mask=mine, other=0.0)
    y0 = tl.load(windows + row * 4 + 1, mask=mine, other=0.0)
    x1 = tl.load(windows + row * 4 + 2, mask=mine, other=1.0)
    y1 = tl.load(windows + row * 4 + 3, mask=mine, other=1.0)
    wide, high = tl.maximum(x1 - x0, 1e-3), tl.maximum(y1 - y0, 1e-3)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    centre_x = middle_x + _float(values, mine) * wide
    centre_y = middle_y + _float(values + 1, mine) * high
    half_x = wide * _distance(values + 2, mine, largest) / 2
    half_y = high * _distance(values + 3, mine, largest) / 2
    left, right = _clamp(centre_x - half_x, 0.0, width), _clamp(centre_x + half_x, 0.0, width)
    top, bottom = _clamp(centre_y - half_y, 0.0, height), _clamp(centre_y + half_y, 0.0, height)
    quality = 1 / (1 + tl.exp(-_float(values + 10, mine)))
    sound = (right - left > 1) & (bottom - top > 1)
    valid = (
        sound
        & (tl.sum(weights, axis=1) > 0)
        & (score >= tl.load(limits))
        & (tl.load(there + row, mask=mine, other=0) > 0)
    )
    tl.store(out, valid.to(tl.float32), mask=mine)
    tl.store(out + 1, score * quality, mask=mine)
    tl.store(out + 2, left, mask=mine)
    tl.store(out + 3, top, mask=mine)
    tl.store(out + 4, right, mask=mine)
    tl.store(out + 5, bottom, mask=mine)
    point_x = middle_x + _float(values + 4, mine) * wide
    point_y = middle_y + _float(values + 5, mine) * high
    tl.store(out + 6, tl.maximum(tl.minimum(point_x, right), left), mask=mine)
    tl.store(out + 7, tl.maximum(tl.minimum(point_y, bottom), top), mask=mine)
    yaw = _atan2(_float(values + 7, mine), _float(values + 6, mine)) / 2
    mean = tl.sqrt(wide * high)
    one, two = mean * _distance(values + 8, mine, largest), mean * _distance(values + 9, mine, largest)
    turned = tl.where(yaw > 0, yaw - 1.5707963267948966, yaw + 1.5707963267948966)
    tl.store(out + 8, tl.where(one < two, turned, yaw), mask=mine)
    tl.store(out + 9, tl.maximum(one, two), mask=mine)
    tl.store(out + 10, tl.minimum(one, two), mask=mine)


@triton.jit
def _keep(table, limits, columns, count, ROUNDS: tl.constexpr, ALL: tl.constexpr):
    row = tl.arange(0, ALL)
    mine = row < count
    valid = (tl.load(table + row * columns, mask=mine, other=0.0) > 0).to(tl.int32)
    rank = tl.load(table + row * columns + 1, mask=mine, other=0.0)
    overlap = _overlap(table + 2, columns, row, mine, row, mine)
    tie = (rank[None, :] == rank[:, None]) & (row[None, :] < row[:, None])
    above = ((rank[None, :] > rank[:, None]) | tie) & (valid[None, :] > 0)
    over = (above & (overlap > tl.load(limits + 1))).to(tl.int32)  # [i, j]: j, if chosen, suppresses i
    chosen = valid
    for _ in range(ROUNDS):
        suppressed = tl.max(over * chosen[None, :], axis=1)
        chosen = valid * (1 - suppressed)
    tl.store(table + row * columns, chosen.to(tl.float32), mask=mine)


@triton.jit
def _overlap(boxes, columns, first, first_there, second, second_there):
    """[BLOCK, BLOCK] intersection over union of two blocks of boxes."""
    a, b = boxes + first * columns, boxes + second * columns
    ax0, ay0 = tl.load(a, mask=first_there, other=0.0), tl.load(a + 1, mask=first_there, other=0.0)
    ax1, ay1 = tl.load(a + 2, mask=first_there, other=0.0), tl.load(a + 3, mask=first_there, other=0.0)
    bx0, by0 = tl.load(b, mask=second_there, other=0.0), tl.load(b + 1, mask=second_there, other=0.0)
    bx1, by1 = tl.load(b + 2, mask=second_there, other=0.0), tl.load(b + 3, mask=second_there, other=0.0)
    wide = tl.minimum(ax1[:, None], bx1[None, :]) - tl.maximum(ax0[:, None], bx0[None, :])
    high = tl.minimum(ay1[:, None], by1[None, :]) - tl.maximum(ay0[:, None], by0[None, :])
    shared = tl.maximum(wide, 0.0) * tl.maximum(high, 0.0)
    area_a = tl.maximum(ax1 - ax0, 0.0) * tl.maximum(ay1 - ay0, 0.0)
    area_b = tl.maximum(bx1 - bx0, 0.0) * tl.maximum(by1 - by0, 0.0)
    return shared / tl.maximum(area_a[:, None] + area_b[None, :] - shared, 1e-6)


@triton.jit
def _number(score):
    return tl.where(score == score, score, float("-inf"))


@triton.jit
def _float(place, mask):
    return tl.load(place, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _distance(place, mask, largest):
    return tl.exp(_clamp(_float(place, mask), -largest, largest))


@triton.jit
def _clamp(value, low, high):
    return tl.minimum(tl.maximum(value, low, tl.PropagateNan.ALL), high, tl.PropagateNan.ALL)


@triton.jit
def _atan2(y, x):
    """The angle of a point, within 3e-7: a polynomial on [0, tan(pi / 8)] (Cephes' atanf), the rest by symmetry."""
    wide, high = tl.abs(x), tl.abs(y)
    ratio = tl.minimum(wide, high) / tl.maximum(tl.maximum(wide, high), 1e-30)
    steep = ratio > 0.41421356237
    t = tl.where(steep, (ratio - 1) / (ratio + 1), ratio)
    z = t * t
    angle = (((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1) * z * t + t
    angle = tl.where(steep, angle + 0.7853981633974483, angle)
    angle = tl.where(high > wide, 1.5707963267948966 - angle, angle)
    angle = tl.where(x < 0, 3.141592653589793 - angle, angle)
    return tl.where(y < 0, -angle, angle)
