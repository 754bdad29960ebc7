"""Grasps judged by masks."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spp_sorter.evaluation.grasps import AxisBox, axis_box, fold, grasp_error


def bar(yaw_deg: float, length: float = 90.0, width: float = 24.0) -> np.ndarray:
    canvas = np.zeros((160, 200), np.uint8)
    corners = cv2.boxPoints(((100.3, 80.6), (length, width), yaw_deg))
    cv2.fillPoly(canvas, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
    return canvas.astype(bool)


@settings(max_examples=40, deadline=None)
@given(st.floats(-90, 90))
def test_axis_of_a_bar_is_found_at_any_angle(yaw_deg: float) -> None:
    box = axis_box(bar(yaw_deg))
    assert box is not None
    assert abs(math.degrees(fold(box.yaw_rad - math.radians(yaw_deg)))) < 1.5
    assert box.length_px == pytest.approx(90, abs=3)
    assert box.width_px == pytest.approx(24, abs=3)
    assert -math.pi / 2 < box.yaw_rad <= math.pi / 2


def test_axis_box_of_an_upright_rectangle_reaches_the_pixels_edges() -> None:
    mask = np.zeros((50, 60), bool)
    mask[10:30, 5:15] = True
    box = axis_box(mask)
    assert box is not None
    assert (box.length_px, box.width_px) == pytest.approx((20, 10), abs=1e-3)
    assert box.yaw_rad == pytest.approx(math.pi / 2)
    single = axis_box(mask & (np.arange(50)[:, None] == 10) & (np.arange(60) == 5))
    assert single is not None and (single.length_px, single.width_px) == (1.0, 1.0)
    assert axis_box(np.zeros((4, 4), bool)) is None


@given(st.floats(-20, 20))
def test_fold_keeps_the_axis(yaw: float) -> None:
    folded = fold(yaw)
    assert -math.pi / 2 < folded <= math.pi / 2
    assert abs(math.sin(folded - yaw)) < 1e-9


def test_errors_of_a_hand_made_grasp() -> None:
    mask = np.zeros((50, 60), bool)
    mask[10:20, 5:45] = True
    axis, size = AxisBox(0.0, 40.0, 10.0), np.array([44.0, 9.0])
    error = grasp_error(mask, axis, np.array([20.5, 15.0]), math.radians(175), size, "spoon")
    assert error.inside and error.object == "spoon"
    assert error.yaw_deg == pytest.approx(5.0, abs=1e-3)
    assert error.size == pytest.approx((0.1, 0.1), abs=1e-4)
    assert not grasp_error(mask, axis, np.array([20.5, 20.0]), 0.0, size).inside
    assert grasp_error(mask, axis, np.array([5.0, 10.0]), 0.0, size).inside
    assert not grasp_error(mask, axis, np.array([-0.5, 15.0]), 0.0, size).inside
    assert not grasp_error(mask, axis, np.array([200.0, 15.0]), 0.0, size).inside


def test_round_items_have_no_yaw_to_judge_and_cut_ones_no_size() -> None:
    mask, point, size = np.ones((50, 60), bool), np.array([10.0, 15.0]), np.array([25.0, 20.0])
    rounded = grasp_error(mask, AxisBox(1.0, 25.0, 20.0), point, 0.0, size)
    assert math.isnan(rounded.yaw_deg) and rounded.size == (0.0, 0.0)
    cut = grasp_error(mask, None, point, 0.0, size)
    assert cut.inside and math.isnan(cut.yaw_deg) and math.isnan(cut.size[0])
