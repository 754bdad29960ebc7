import numpy as np
import pytest

from spp_sorter.simulation.arm import Arm, ArmConfig, ArmState
from spp_sorter.values import PickTarget

MS = 1_000_000


def target(track_id, stamp_ms, y, yaw=0.3):
    return PickTarget(
        track_id,
        stamp_ms * MS,
        "non_compost",
        0.9,
        np.array([1.0, y, 0.03]),
        yaw,
        np.array([0.1, 0.05, 0.03]),
        np.eye(4),
    )


def run(arm, until_ms, targets_at, step_ms=10, from_ms=0):
    """Feed the lists that ``targets_at`` gives for a millisecond (None: no list) and return the picks."""
    picks = []
    for ms in range(from_ms, until_ms + 1, step_ms):
        targets = targets_at(ms)
        if targets is not None:
            arm.take_list(ms * MS, ms * MS, targets)
        picks += arm.update(ms * MS)
    return picks


def test_it_picks_at_the_crossing_where_the_list_says():
    arm = Arm()
    picks = run(arm, 1500, lambda ms: [target(7, 1000, 0.2)] if ms < 850 else [])
    assert [pick.track_id for pick in picks] == [7]
    assert picks[0].stamp_ns == 1000 * MS
    np.testing.assert_allclose(picks[0].point_belt, [1.0, 0.2, 0.03], atol=1e-3)
    assert picks[0].yaw_rad == 0.3


def test_speed_and_acceleration_stay_within_their_limits():
    config = ArmConfig(max_speed=0.5, max_acceleration=3.0)
    arm = Arm(config)
    ys = [arm.y]
    for ms in range(2500):
        arm.take_list(ms * MS, ms * MS, [target(1, 2000, 0.3)] if ms < 400 else [target(2, 2000, -0.3)])
        arm.update(ms * MS)
        ys.append(arm.y)
    speeds = np.diff(ys) / 1e-3
    assert np.abs(speeds).max() <= 0.5 + 1e-9
    assert np.abs(np.diff(speeds)).max() <= 3.0 * 1e-3 + 1e-9
    assert max(ys) > 0.1
    assert ys[1990] == pytest.approx(-0.3, abs=1e-4)


def test_an_item_that_cannot_be_reached_in_time_is_left_for_the_next():
    arm = Arm(ArmConfig(park_y=-0.3, max_speed=0.5, max_acceleration=5.0))
    picks = run(
        arm, 3000, lambda ms: [target(1, 400, 0.3), target(2, 2000, 0.0)] if ms < 300 else [target(2, 2000, 0.0)]
    )
    assert [pick.track_id for pick in picks] == [2]


def test_after_a_pick_it_is_busy_until_the_bin_is_reached():
    arm = Arm()
    lists = [target(1, 500, 0.0), target(2, 600, 0.0), target(3, 2500, 0.1)]
    picks = run(arm, 3000, lambda ms: [t for t in lists if t.stamp_ns > (ms + 150) * MS])
    assert [pick.track_id for pick in picks] == [1, 3]


@pytest.mark.parametrize(("age_ms", "taken"), [(0, True), (200, True), (201, False)])
def test_lists_older_than_200_ms_are_ignored(age_ms, taken):
    arm = Arm()
    assert arm.take_list(1000 * MS, (1000 - age_ms) * MS, [target(1, 2000, 0.0)]) is taken
    assert arm.num_stale_lists == (0 if taken else 1)


def test_a_withdrawn_item_is_not_picked():
    arm = Arm()
    picks = run(arm, 2000, lambda ms: [target(1, 1500, 0.2)] if ms < 500 else [])
    assert picks == []
    assert arm.num_withdrawn == 1


def test_an_item_that_leaves_the_list_in_the_last_moments_is_still_picked():
    arm = Arm()
    picks = run(arm, 2000, lambda ms: [target(1, 1500, 0.2)] if ms <= 1330 else [])
    assert [pick.track_id for pick in picks] == [1]


def test_each_list_replaces_the_last_so_a_pick_follows_the_newest_place_and_time():
    arm = Arm()
    picks = run(arm, 2000, lambda ms: [target(1, 1500 + ms // 100, 0.1 + ms * 1e-5)] if ms <= 1300 else None)
    assert picks[0].stamp_ns == 1513 * MS
    assert picks[0].point_belt[1] == pytest.approx(0.113, abs=2e-4)


def test_it_begins_nothing_when_lists_stop_coming():
    arm = Arm()
    items = [target(1, 500, 0.0), target(2, 3000, 0.2)]
    picks = run(arm, 3500, lambda ms: items if ms < 400 else None)
    assert [pick.track_id for pick in picks] == [1]


def test_it_gives_up_an_item_far_ahead_when_lists_stop_coming():
    arm = Arm()
    assert run(arm, 3500, {0: [target(1, 3000, 0.2)]}.get) == []
    assert arm.num_withdrawn == 1
    assert arm.y == 0.0


def test_what_it_does_does_not_depend_on_how_often_it_is_asked():
    lists = {
        0: [target(1, 500, 0.2)],
        400: [target(2, 1700, -0.2)],
        800: [target(2, 1701, -0.21)],
        1300: [target(2, 1702, -0.2)],
    }
    often, seldom = Arm(), Arm()
    a = run(often, 2500, lists.get, step_ms=1)
    b = run(seldom, 2500, lists.get, step_ms=100)
    assert [(p.track_id, p.stamp_ns, p.point_belt.tolist()) for p in a] == [
        (p.track_id, p.stamp_ns, p.point_belt.tolist()) for p in b
    ]
    assert often.y == seldom.y


def test_an_item_is_never_picked_twice():
    arm = Arm()
    picks = run(arm, 4000, lambda ms: [target(1, 500, 0.0)] if ms < 400 else [target(1, 3000, 0.0)])
    assert len(picks) == 1


def test_the_state_tells_what_it_does():
    arm = Arm()
    assert arm.state is ArmState.WAITING
    run(arm, 300, {0: [target(1, 1000, 0.2)]}.get)
    assert arm.state is ArmState.REACHING
    assert arm.goal.track_id == 1


@pytest.mark.parametrize("name", ["max_speed", "max_acceleration"])
def test_an_arm_that_cannot_move_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        ArmConfig(**{name: 0.0})
