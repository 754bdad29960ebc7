"""The letterbox: pictures in, boxes and points out, at any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spp_sorter.geometry.letterbox import Letterbox

SIZE = st.tuples(st.integers(1, 1500), st.integers(1, 1500))


@given(SIZE)
def test_sides_are_whole_multiples_and_hold_the_picture(size_hw):
    letterbox = Letterbox.fit(size_hw, 512)
    assert max(letterbox.scaled_hw) == 512
    assert all(side % 32 == 0 for side in letterbox.target_hw)
    assert all(0 <= t - s < 32 for t, s in zip(letterbox.target_hw, letterbox.scaled_hw, strict=True))


@given(SIZE, st.integers(0, 2**31))
def test_boxes_come_back(size_hw, seed):
    letterbox = Letterbox.fit(size_hw, 512)
    corners = np.random.default_rng(seed).uniform(0, 1, (20, 2, 2)) * [size_hw[1], size_hw[0]]
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
    np.testing.assert_allclose(letterbox.boxes_out(letterbox.boxes_in(boxes)), boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        letterbox.points_out(letterbox.points_in(boxes[:, :2])), boxes[:, :2], rtol=1e-4, atol=1e-3
    )


def test_a_box_over_the_whole_picture_covers_it():
    letterbox = Letterbox.fit((480, 640), 512)
    assert letterbox.boxes_out(np.array([[0, 0, 512, 384]], np.float32)).tolist() == [[0, 0, 640, 480]]


@pytest.mark.parametrize("size_hw", [(480, 640), (720, 1280), (1280, 720), (37, 1500), (384, 512), (1, 1)])
def test_pixels_land_where_points_say(size_hw):
    letterbox = Letterbox.fit(size_hw, 512)
    picture = np.zeros((*size_hw, 3), np.uint8)
    row, column = size_hw[0] // 2, size_hw[1] // 3
    picture[: row + 1, : column + 1] = 255
    scaled = letterbox.image(picture)
    assert scaled.shape == (*letterbox.target_hw, 3)
    edge_x, edge_y = letterbox.points_in(np.array([column + 1, row + 1], np.float32))
    inside = scaled[: letterbox.scaled_hw[0], : letterbox.scaled_hw[1], 0] > 127
    assert abs(inside.any(axis=0).sum() - edge_x) <= 1.5
    assert abs(inside.any(axis=1).sum() - edge_y) <= 1.5


@pytest.mark.parametrize(("size_hw", "side"), [((0, 5), 512), ((5, 5), 500), ((5, 5), 16)])
def test_what_cannot_be_is_refused(size_hw, side):
    with pytest.raises(ValueError, match="allowed"):
        Letterbox.fit(size_hw, side)
