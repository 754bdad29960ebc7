import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spp_sorter.config import BeltConfig, PickingConfig
from spp_sorter.geometry.belt import BeltMotion
from spp_sorter.picking.planner import plan_picks
from spp_sorter.values import LABELS, Track

NOW = 5_000_000_000


def track(track_id=1, x=0.0, y=0.0, probability=0.9, label=1, **changes):
    probs = np.array([1 - probability, probability]) if label == 1 else np.array([probability, 1 - probability])
    values = {
        "id": track_id,
        "stamp_ns": NOW,
        "point_belt": np.array([x, y, 0.03]),
        "covariance_belt": np.diag([1e-6, 4e-6]),
        "height_m": 0.03,
        "height_std_m": 0.005,
        "yaw_rad": 0.3,
        "yaw_std_rad": 0.1,
        "size_m": np.array([0.1, 0.05]),
        "label_probs": probs,
        "label_names": LABELS,
        "num_views": 5,
        "seen": True,
        "whole": True,
    }
    return Track(**{**values, **changes})


def forecast(velocity=0.5):
    return BeltMotion(BeltConfig(speed=velocity)).forecast(NOW)


def plan(*tracks, velocity=0.5, blocked=None, **settings):
    return plan_picks(tracks, forecast(velocity), PickingConfig(**settings), blocked)


def test_a_target_is_the_item_as_it_crosses_the_line():
    (pick,), rejections = plan(track(7, x=0.4, y=-0.1))
    assert rejections == ()
    assert pick.track_id == 7
    assert pick.label == "non_compost"
    assert pick.probability == pytest.approx(0.9)
    assert pick.stamp_ns == NOW + 1_200_000_000
    np.testing.assert_allclose(pick.point_belt, [1.0, -0.1, 0.03])
    np.testing.assert_allclose(pick.size_m, [0.1, 0.05, 0.03])
    assert pick.yaw_rad == 0.3
    assert pick.covariance.shape == (4, 4)
    assert pick.covariance[0, 0] > 1e-6
    np.testing.assert_allclose(np.diag(pick.covariance)[1:], [4e-6, 2.5e-5, 1e-2])


def test_the_further_to_go_the_more_doubt():
    near, far = plan(track(1, x=0.8), track(2, x=-0.4))[0]
    assert far.covariance[0, 0] > near.covariance[0, 0]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"x": 1.01}, "passed"),
        ({"x": 0.98}, "too_late"),
        ({"whole": False}, "not_whole"),
        ({"num_views": 2}, "too_few_views"),
        ({"probability": 0.6}, "uncertain"),
        ({"y": 0.31}, "out_of_reach"),
        ({"y": -0.31}, "out_of_reach"),
        ({"size_m": np.array([0.3, 0.16])}, "too_wide"),
    ],
)
def test_what_cannot_be_picked_is_told_with_its_reason(item, reason):
    picks, (rejection,) = plan(track(3, **item))
    assert picks == ()
    assert (rejection.track_id, rejection.reason) == (3, reason)


@pytest.mark.parametrize("reason", ["lost", "duplicate"])
def test_blocked_tracks_are_not_offered(reason):
    picks, (rejection,) = plan(track(3), track(4), blocked={3: reason})
    assert [pick.track_id for pick in picks] == [4]
    assert rejection.reason == reason


def test_items_of_other_labels_are_not_mentioned():
    assert plan(track(1, label=0)) == ((), ())
    assert len(plan(track(1, label=0), labels=("compost", "non_compost"))[0]) == 1


def test_nothing_on_the_belt_gives_an_empty_list():
    assert plan() == ((), ())


def test_an_item_is_withdrawn_its_lead_time_before_it_crosses():
    last = None
    for left_ms in range(400, 0, -5):
        picks, _ = plan(track(x=1.0 - 0.5 * left_ms / 1000), lead_time=0.2)
        if picks:
            last = left_ms
    # While it is in doubt whether 0.2 s are left, it stays.
    assert 180 <= last <= 200


def test_the_first_to_cross_comes_first():
    picks, _ = plan(*(track(i, x=x) for i, x in enumerate([0.1, 0.7, -0.2, 0.3], start=1)))
    assert [pick.track_id for pick in picks] == [2, 4, 1, 3]
    assert [pick.stamp_ns for pick in picks] == sorted(pick.stamp_ns for pick in picks)


def test_a_belt_that_runs_back_brings_items_from_the_other_side():
    picks, rejections = plan(track(1, x=1.5), track(2, x=0.5), velocity=-0.5)
    assert [pick.track_id for pick in picks] == [1]
    assert picks[0].stamp_ns == NOW + 1_000_000_000
    assert rejections[0].reason == "passed"


@given(
    st.lists(
        st.tuples(st.floats(-0.5, 0.85), st.floats(0.7, 0.99), st.sampled_from([0, 1])),
        min_size=1,
        max_size=8,
        unique_by=lambda item: round(item[0], 3),
    ),
    st.floats(0.05, 1.5),
    st.sampled_from([(1.0,), (1.0, 3.0), (0.0, 1000.0)]),
)
@settings(max_examples=60, deadline=None)
def test_one_arm_gets_the_best_it_can_take_in_sequence(items, cycle_s, values):
    tracks = [track(i, x=x, probability=p, label=label) for i, (x, p, label) in enumerate(items, start=1)]
    wanted = {"labels": LABELS, "label_values": values}
    picks, rejections = plan(*tracks, arm_limited=True, cycle_time=cycle_s, **wanted)
    assert {pick.track_id for pick in picks} | {r.track_id for r in rejections} == set(range(1, len(items) + 1))
    assert {r.reason for r in rejections} <= {"arm_busy"}
    stamps = [pick.stamp_ns for pick in picks]
    assert all(b - a >= round(cycle_s * 1e9) for a, b in itertools.pairwise(stamps))
    offered, _ = plan(*tracks, **wanted)

    def worth(chosen):
        return sum(pick.probability * values[LABELS.index(pick.label) % len(values)] for pick in chosen)

    def feasible(chosen):
        return all(b.stamp_ns - a.stamp_ns >= round(cycle_s * 1e9) for a, b in itertools.pairwise(chosen))

    best = max(
        worth(chosen)
        for size in range(len(offered) + 1)
        for chosen in itertools.combinations(offered, size)
        if feasible(chosen)
    )
    assert worth(picks) == pytest.approx(best)


@pytest.mark.parametrize(
    ("least", "offered"),
    [((0.0,), {1, 2}), ((0.95,), set()), ((0.85, 0.0), {2}), ((0.0, 0.85), {1}), ((0.1, 0.2), {1, 2})],
)
def test_each_label_has_a_least_probability_of_its_own(least, offered):
    tracks = [track(1, label=0, probability=0.8), track(2, label=1, probability=0.8)]
    picks, rejections = plan(*tracks, labels=LABELS, label_probabilities=least)
    assert {pick.track_id for pick in picks} == offered
    assert {(r.track_id, r.reason) for r in rejections} == {(i, "uncertain") for i in {1, 2} - offered}


def test_without_that_limit_everything_in_reach_is_offered():
    picks, rejections = plan(track(1, x=0.5), track(2, x=0.501), track(3, x=0.502), cycle_time=10.0)
    assert len(picks) == 3
    assert rejections == ()
