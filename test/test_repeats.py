import numpy as np
import pytest

from spp_sorter.picking.repeats import Sights, are_pairs, find_repeats

PX_PER_M = 640.0


def sights(*rows):
    """Sights of rows (centre x, y, length, width, yaw) in metres under a camera that looks straight down."""
    x, y, length, width, yaw = np.array(rows, float).reshape(-1, 5).T
    half_x = 0.5 * (np.abs(length * np.cos(yaw)) + np.abs(width * np.sin(yaw)))
    half_y = 0.5 * (np.abs(length * np.sin(yaw)) + np.abs(width * np.cos(yaw)))
    boxes = np.stack([x - half_x, -y - half_y, x + half_x, -y + half_y], axis=1) * PX_PER_M
    axes = np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    return Sights(boxes, np.stack([x, y], axis=1), axes, np.stack([length, width], axis=1))


def test_a_part_of_an_item_repeats_it():
    assert find_repeats(sights((0.0, 0.0, 0.08, 0.07, 0.0), (0.012, 0.008, 0.055, 0.05, 0.3))).tolist() == [-1, 0]


def test_the_better_one_stays():
    several = sights((0.0, 0.0, 0.08, 0.07, 0.0), (0.01, 0.0, 0.07, 0.06, 0.0), (-0.01, 0.0, 0.07, 0.06, 0.0))
    assert find_repeats(several).tolist() == [-1, 0, 0]


@pytest.mark.parametrize(
    "other",
    [
        (0.08, 0.0, 0.08, 0.06, 0.0),
        (0.0, 0.062, 0.08, 0.06, 0.0),
        (0.055, 0.05, 0.08, 0.06, 0.6),
    ],
)
def test_touching_items_are_two(other):
    assert (find_repeats(sights((0.0, 0.0, 0.08, 0.06, 0.0), other)) < 0).all()


def test_long_items_side_by_side_are_two_though_their_boxes_overlap():
    pair = sights((0.0, 0.0, 0.2, 0.03, 0.8), (0.022, -0.022, 0.2, 0.03, 0.8))
    assert (find_repeats(pair) < 0).all()


@pytest.mark.parametrize(("length", "width", "repeats"), [(0.05, 0.04, [-1, 0]), (0.03, 0.02, [-1, -1])])
def test_a_small_sight_on_a_large_one_may_be_its_part_but_a_crumb_is_not(length, width, repeats):
    pair = sights((0.0, 0.0, 0.16, 0.15, 0.0), (0.01, 0.0, length, width, 0.0))
    assert find_repeats(pair).tolist() == repeats


def test_pick_points_that_are_nowhere_repeat_nothing():
    seen = sights((0.0, 0.0, 0.08, 0.07, 0.0), (0.01, 0.0, 0.07, 0.06, 0.0))
    seen.ground_xy[1] = np.nan
    assert (find_repeats(seen) < 0).all()


def test_comparison_is_the_same_both_ways():
    rng = np.random.default_rng(0)
    rows = np.column_stack(
        [
            rng.uniform(-0.1, 0.1, (40, 2)),
            rng.uniform(0.05, 0.1, 40),
            rng.uniform(0.03, 0.05, 40),
            rng.uniform(-1, 1, 40),
        ]
    )
    a, b = sights(*rows[:20]), sights(*rows[20:])
    one, other = np.divmod(np.arange(400), 20)
    same = are_pairs(a.at(one), b.at(other))
    assert same.any() and not same.all()
    np.testing.assert_array_equal(same, are_pairs(b.at(other), a.at(one)))


def test_no_sights_are_no_trouble():
    assert find_repeats(sights()).shape == (0,)
    assert are_pairs(sights(), sights()).shape == (0,)
