"""Spatial pyramid pooling against a loop of adaptive pooling, and the projection of boxes to windows."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from spp_sorter.network.spp import (
    SpatialPyramidPool,
    bin_edges,
    clamp_windows,
    lecture_pooling,
    project_boxes,
    pyramid_length,
    window_boxes,
)

LEVELS = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)


def reference(features, windows, image_index, levels, pool=F.adaptive_max_pool2d):
    """The plain loop: one adaptive pooling per window and level."""
    rows = []
    for (x0, y0, x1, y1), image in zip(windows.tolist(), image_index.tolist(), strict=True):
        part = features[image : image + 1, :, y0:y1, x0:x1]
        rows.append(torch.cat([pool(part, n).flatten(1) for n in levels], dim=1))
    return torch.cat(rows)


@st.composite
def windows_of_maps(draw, max_size=24):
    height, width = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    batch, channels = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    features = torch.randn(batch, channels, height, width, generator=generator)
    boxes = []
    for _ in range(draw(st.integers(1, 6))):
        x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        boxes.append([x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))])
    image_index = torch.tensor([draw(st.integers(0, batch - 1)) for _ in boxes])
    return features, torch.tensor(boxes), image_index


@settings(max_examples=300)
@given(windows_of_maps(), LEVELS)
def test_windows_are_bit_equal_to_adaptive_max_pooling(case, levels):
    features, windows, image_index = case
    pooled = SpatialPyramidPool(levels).pool_windows(features, windows, image_index)
    assert torch.equal(pooled, reference(features, windows, image_index, levels))


@given(windows_of_maps(), LEVELS)
def test_windows_average_as_adaptive_average_pooling(case, levels):
    features, windows, image_index = case
    pooled = SpatialPyramidPool(levels, "average").pool_windows(features, windows, image_index)
    expected = reference(features, windows, image_index, levels, F.adaptive_avg_pool2d)
    torch.testing.assert_close(pooled, expected, atol=1e-6, rtol=1e-5)


@given(windows_of_maps(), LEVELS)
def test_gradients_equal_where_the_maximum_is_unique(case, levels):
    features, windows, image_index = case
    ours, theirs = features.double().requires_grad_(), features.double().requires_grad_()
    pooled = SpatialPyramidPool(levels).pool_windows(ours, windows, image_index)
    expected = reference(theirs, windows, image_index, levels)
    weights = torch.randn(expected.shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    (pooled * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("hw", [(1, 1), (1, 9), (7, 1), (2, 3), (13, 13), (10, 10), (48, 64), (61, 37)])
@pytest.mark.parametrize("levels", [(4, 2, 1), (6, 3, 2, 1), (4, 3, 2, 1), (7,)])
def test_whole_maps_of_any_size_give_the_same_length(hw, levels):
    features = torch.randn(2, 8, *hw)
    pooled = SpatialPyramidPool(levels)(features)
    assert pooled.shape == (2, pyramid_length(8, levels))
    expected = torch.cat([F.adaptive_max_pool2d(features, n).flatten(1) for n in levels], dim=1)
    assert torch.equal(pooled, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_every_precision_is_exact(dtype):
    features = torch.randn(1, 16, 30, 40).to(dtype)
    windows = torch.tensor([[0, 0, 40, 30], [3, 4, 5, 29], [39, 29, 40, 30]])
    pooled = SpatialPyramidPool().pool_windows(features, windows)
    expected = reference(features.double(), windows, torch.zeros(3, dtype=torch.long), (4, 2, 1))
    assert pooled.dtype == dtype
    assert torch.equal(pooled.double(), expected)


@pytest.mark.gpu
def test_the_gpu_gives_the_same_bits():
    features = torch.randn(2, 32, 48, 64)
    windows = clamp_windows(torch.randint(0, 64, (200, 4)), (48, 64))
    image_index = torch.randint(0, 2, (200,))
    pool = SpatialPyramidPool()
    on_gpu = pool.pool_windows(features.cuda(), windows.cuda(), image_index.cuda())
    assert torch.equal(on_gpu.cpu(), pool.pool_windows(features, windows, image_index))


def test_one_level_over_windows_is_roi_pooling():
    from torchvision.ops import roi_pool

    features = torch.randn(1, 8, 24, 32)
    windows = torch.tensor([[2, 3, 17, 20], [0, 0, 32, 24], [30, 22, 32, 24]])
    inclusive = torch.cat([torch.zeros(3, 1), windows[:, :2].float(), windows[:, 2:].float() - 1], dim=1)
    assert torch.equal(
        SpatialPyramidPool((4,)).pool_windows(features, windows), roi_pool(features, inclusive, 4).flatten(1)
    )


def test_no_window_gives_an_empty_tensor():
    pooled = SpatialPyramidPool().pool_windows(torch.randn(1, 8, 5, 5), torch.zeros((0, 4), dtype=torch.long))
    assert pooled.shape == (0, 8 * 21)


@given(
    st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=4, max_size=4), max_size=8),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_any_box_projects_to_a_window_with_finite_bins(boxes, height, width):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4).clamp(-1e6, 1e6)
    windows = project_boxes(boxes, 8, (height, width))
    assert (windows[:, :2] >= 0).all() and (windows[:, 2:] > windows[:, :2]).all()
    assert (windows[:, 2] <= width).all() and (windows[:, 3] <= height).all()
    assert SpatialPyramidPool().pool_windows(torch.randn(1, 2, height, width), windows).isfinite().all()


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((0, 0, 160, 160), (0, 0, 9, 9)),  # paper: cells 1..9 of stride 16
        ((17, 33, 100, 90), (1, 2, 6, 5)),  # floor(17/16)+1 = 2 .. ceil(100/16)-1 = 6, counted from 1
        ((40, 40, 44, 44), (2, 2, 3, 3)),  # inverted (3..2): the middle cell
        ((16, 16, 48, 48), (1, 1, 2, 2)),  # 2..2
    ],
)
def test_projection_follows_the_paper(box, window):
    assert tuple(project_boxes(torch.tensor([box], dtype=torch.float32), 16, (20, 20))[0].tolist()) == window


def test_window_boxes_invert_the_stride():
    assert window_boxes(torch.tensor([[1, 2, 6, 5]]), 16).tolist() == [[16, 32, 96, 80]]


@pytest.mark.parametrize(
    ("bins", "wrong"),
    [
        (1, {}),
        (2, {}),
        (3, {5: 4}),
        (4, {6: 5, 7: 6, 11: 5}),
        (6, {8: 7, 9: 8, 10: 9, 11: 10, 15: 7, 16: 7, 17: 8, 22: 7, 23: 7, 29: 7}),
    ],
)
def test_the_lectures_formula_gives_these_wrong_numbers_of_bins(bins, wrong):
    found = {a: lecture_pooling(a, bins)[2] for a in range(bins, 31) if lecture_pooling(a, bins)[2] != bins}
    assert found == wrong


@pytest.mark.parametrize(
    ("bins", "sizes"),
    [
        (3, [8, 11, 14, 17, 20, 23, 26, 29]),
        (4, [10, 14, 15, 18, 19, 22, 23, 26, 27, 30]),
        (6, [14, 20, 21, 26, 27, 28]),
    ],
)
def test_the_lectures_formula_loses_tail_cells(bins, sizes):
    lost = []
    for a in range(bins, 31):
        window, stride, count = lecture_pooling(a, bins)
        if count == bins and (count - 1) * stride + window < a:
            lost.append(a)
    assert lost == sizes


@pytest.mark.parametrize("size", range(1, 31))
@pytest.mark.parametrize("bins", [1, 2, 3, 4, 6])
def test_our_bins_are_right_for_every_size(size, bins):
    low, high = bin_edges(torch.tensor([0]), torch.tensor([size]), bins)
    assert low.shape == (1, bins) and (high > low).all()
    covered = {cell for a, b in zip(low[0].tolist(), high[0].tolist(), strict=True) for cell in range(a, b)}
    assert covered == set(range(size))


@pytest.mark.parametrize(("levels", "mode"), [((), "max"), ((0,), "max"), ((4, 2), "median")])
def test_bad_settings_are_refused(levels, mode):
    with pytest.raises(ValueError, match="allowed"):
        SpatialPyramidPool(levels, mode)


def test_bad_windows_are_refused():
    pool = SpatialPyramidPool()
    with pytest.raises(ValueError, match="image_index"):
        pool.pool_windows(torch.randn(2, 3, 4, 4), torch.zeros((1, 4), dtype=torch.long))
    with pytest.raises(ValueError, match="integer"):
        pool.pool_windows(torch.randn(1, 3, 4, 4), torch.zeros((1, 4)))


def test_the_covering_rule_takes_every_cell_that_the_box_touches():
    boxes = torch.tensor([[8.0, 8.0, 24.0, 16.0], [7.9, 7.9, 24.1, 16.1], [30.0, 30.0, 31.0, 31.0], [-50, -50, -9, -9]])
    windows = project_boxes(boxes, 8, (5, 6), "cover")
    assert windows.tolist() == [[1, 1, 3, 2], [0, 0, 4, 3], [3, 3, 4, 4], [0, 0, 1, 1]]


def test_an_unknown_projection_is_refused():
    with pytest.raises(ValueError, match="paper, cover"):
        project_boxes(torch.zeros(1, 4), 8, (5, 5), "closest")
