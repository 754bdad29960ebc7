import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from item_sensor import INTRINSICS, POSE, Items, ItemSensor, at

from spp_sorter.geometry.belt import BeltPosition
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.picking.grasp import view_detections
from spp_sorter.picking.tracker import Tracker
from spp_sorter.values import LABELS, CameraIntrinsics, Detections, Grasps, Pose

CAMERA = Camera(INTRINSICS, POSE)
ITEM = (-0.3, 0.05, 0.03, 0.08, 0.05, 0.4, 1)


class Run:
    """A tracker on known items over a belt at 0.5 m/s and 30 frames per second (16.7 mm a frame)."""

    def __init__(self, *rows, camera=CAMERA, speed=0.5, **sensor):
        self.sensor = ItemSensor(Items.of(*rows), camera=camera, **sensor)
        self.camera, self.speed = camera, speed
        self.tracker = Tracker(LABELS, 0.12)
        self.k = 0
        self.result = None

    @property
    def moved(self):
        return self.speed * self.k / 30

    def frames(self, num=1, hidden=(), depth_m=None, change=None):
        """Go on by some frames; ``change`` turns detections into others."""
        for _ in range(num):
            self.sensor.belt_m = self.moved
            self.sensor.hidden = set(hidden)
            detections = self.sensor.detect(None)
            if change is not None:
                detections = change(detections)
            self.result = self.update(detections, depth_m)
            self.k += 1
        return self

    def update(self, detections, depth_m=None):
        views = view_detections(detections, self.camera, depth_m)
        belt = BeltPosition(self.moved, 0.0, 0.0, 0.001, "encoder")
        return self.tracker.update(at(self.k / 30), views, belt, self.camera, 1.0)

    def skip(self, num):
        """Frames that never arrived."""
        self.k += num
        return self

    @property
    def tracks(self):
        return {track.id: track for track in self.result.tracks}

    def only(self):
        (track,) = self.result.tracks
        return track

    def truth(self, index=0):
        items = self.sensor.items
        return np.array([items.x[index] + self.speed * (self.k - 1) / 30, items.y[index], items.height[index]])


def test_an_item_keeps_its_number_and_its_views_are_counted():
    run = Run(ITEM).frames(20)
    track = run.only()
    assert track.id == 1
    assert track.num_views == 20
    assert track.seen and track.whole
    assert run.result.track_ids.tolist() == [1]


@given(st.floats(0.0, 0.1), st.floats(-0.28, 0.28), st.floats(-1.5, 1.5))
@settings(max_examples=25, deadline=None)
def test_place_and_height_follow_from_exact_views(height, y, yaw):
    run = Run((-0.35, y, height, 0.06, 0.03, yaw, 1)).frames(40)
    track = run.only()
    # The height's prior (30 mm, give or take 25) and the belt's own 0.1 % hold it back by a fraction of a millimetre.
    np.testing.assert_allclose(track.point_belt, run.truth(), atol=1.5e-3)
    assert abs(track.height_m - height) < 3 * track.height_std_m + 1e-4
    error = track.point_belt[:2] - run.truth()[:2]
    assert error @ np.linalg.solve(track.covariance_belt, error) < 9.0
    assert (track.yaw_rad - yaw + np.pi / 2) % np.pi - np.pi / 2 == pytest.approx(0.0, abs=0.01)
    np.testing.assert_allclose(track.size_m, [0.06, 0.03], rtol=0.02)


def test_doubt_about_the_height_shrinks_along_the_track():
    run = Run((-0.4, 0.0, 0.07, 0.06, 0.05, 0.0, 1), noise_px=1.5)
    stds, errors = [], []
    for _ in range(50):
        track = run.frames(1).only()
        stds.append(track.height_std_m)
        errors.append(abs(track.height_m - 0.07))
    assert stds[0] > 0.02
    assert stds[-1] < 0.005
    assert max(errors[-5:]) < 0.01


def test_depth_gives_the_height_at_once():
    depth = np.full((480, 640), 1.0, np.float32)
    depth[180:230, 100:160] = 0.93
    run = Run((-0.3, 0.05, 0.07, 0.06, 0.05, 0.0, 1)).frames(1, depth_m=depth)
    assert run.only().height_m == pytest.approx(0.07, abs=2e-3)
    np.testing.assert_allclose(run.only().point_belt, run.truth(), atol=2e-3)


def test_depth_of_the_surface_does_not_outweigh_what_the_line_of_sight_says():
    """The outline's point belongs to a height of 30 mm, the surface lies at 42 mm: each is told what it is for."""
    item = (-0.3, 0.3, 0.03, 0.08, 0.05, 0.4, 1)
    run = Run(item).frames(40, depth_m=np.full((480, 640), 1.0 - 0.042, np.float32))
    track, without = run.only(), Run(item).frames(40).only()
    np.testing.assert_allclose(track.point_belt[:2], without.point_belt[:2], atol=1e-3)
    assert track.height_m == track.point_belt[2] == pytest.approx(0.042, abs=1e-3)
    assert 1e-3 < track.height_std_m < 4e-3


@pytest.mark.parametrize("reading", [np.nan, 0.0, np.inf])
def test_depth_without_readings_changes_nothing(reading):
    with_depth = Run(ITEM).frames(5, depth_m=np.full((480, 640), reading, np.float32)).only()
    without = Run(ITEM).frames(5).only()
    np.testing.assert_array_equal(with_depth.point_belt, without.point_belt)


def test_depth_through_a_tilted_camera_is_height_above_the_belt():
    """A camera tilted by 0.3 rad: depth along its axis is neither height nor distance."""
    tilt = pose_from_quaternion([0.0, 0.0, 1.0], [np.cos(0.15), 0.0, np.sin(0.15), 0.0])
    camera = Camera(INTRINSICS, tilt)
    run = Run((camera.to_plane([[320.0, 240.0]], 0.05)[0, 0] + 0.1, 0.1, 0.05, 0.08, 0.06, 0.0, 1), camera=camera)
    v, u = np.mgrid[0:480, 0:640]
    points = camera.to_plane(np.stack([u.ravel(), v.ravel()], 1).astype(float), 0.05)
    depth = ((points - tilt.translation) @ tilt.rotation[:, 2]).reshape(480, 640).astype(np.float32)
    track = run.frames(2, depth_m=depth).only()
    np.testing.assert_allclose(track.point_belt, run.truth(), atol=2e-3)


def test_missed_detections_and_dropped_frames_do_not_end_a_track():
    run = Run(ITEM).frames(6).frames(10, hidden=[0])
    assert run.only().id == 1
    assert not run.only().seen
    np.testing.assert_allclose(run.only().point_belt, run.truth(), atol=3e-3)
    run.frames(4).skip(12).frames(3)
    assert run.only().id == 1
    assert run.only().num_views == 13


def test_an_item_missed_where_it_should_be_seen_is_blocked_until_it_is_seen_again():
    run = Run(ITEM).frames(4).frames(10, hidden=[0])
    assert run.result.blocked == {1: "lost"}
    run.frames(5)
    assert run.result.blocked == {}


def test_a_passing_ghost_is_forgotten():
    run = Run(ITEM).frames(2).frames(15, hidden=[0])
    assert run.result.tracks == ()
    assert run.frames(1).only().id == 2


def test_touching_items_keep_their_numbers():
    rows = [(-0.35 + 0.06 * i, 0.05 * (i % 2), 0.02 + 0.01 * i, 0.058, 0.05, 0.0, i % 2) for i in range(6)]
    run = Run(*rows, noise_px=1.5, miss=0.2)
    owners = {}
    for _ in range(40):
        run.frames()
        for item, track in zip(run.sensor.seen.tolist(), run.result.track_ids.tolist(), strict=True):
            owners.setdefault(item, set()).add(track)
    assert all(len(tracks) == 1 for tracks in owners.values())
    assert len({track for tracks in owners.values() for track in tracks}) == 6


def test_an_item_at_the_edge_is_not_whole_until_all_of_it_is_seen():
    run = Run((-0.56, 0.0, 0.02, 0.1, 0.06, 0.0, 1))
    whole = []
    for _ in range(20):
        track = run.frames(1).result.tracks
        if track:
            whole.append(track[0].whole)
            if track[0].whole:
                np.testing.assert_allclose(track[0].point_belt[:2], run.truth()[:2], atol=0.012)
                assert track[0].size_m[0] == pytest.approx(0.1, rel=0.05)
    assert not any(whole[:4])
    assert all(whole[-5:])
    assert whole == sorted(whole)
    assert run.only().id == 1


def test_an_item_that_leaves_is_followed_to_the_line_and_then_dropped():
    run = Run((0.3, 0.1, 0.05, 0.08, 0.06, 0.0, 1), noise_px=0.5).frames(40)
    assert not run.only().seen
    assert run.only().id == 1
    np.testing.assert_allclose(run.only().point_belt[:2], run.truth()[:2], atol=6e-3)
    run.frames(5)
    assert run.result.tracks == ()


def test_an_item_on_its_way_to_the_line_is_kept_while_the_belt_stops_and_rolls_back():
    run = Run((0.3, 0.1, 0.05, 0.08, 0.06, 0.0, 1)).frames(25)
    nothing, there = view_detections(Detections.empty(), CAMERA), run.moved
    for back_m in (0.002, 0.004, 0.002):
        belt = BeltPosition(there - back_m, 0.0, 0.0, 0.001, "encoder")
        (track,) = run.tracker.update(at(run.k / 30), nothing, belt, CAMERA, 1.0).tracks
        run.k += 1
    assert track.id == 1
    assert 0.65 < track.point_belt[0] < 0.75
    run.frames(20)
    assert run.result.tracks == ()


def relabelled(prob_of):
    def change(detections):
        probs = np.array([[1 - prob_of(), prob_of()]], np.float32)
        return Detections(detections.boxes_xyxy, probs.max(1), probs.argmax(1), probs, LABELS, detections.grasps)

    return change


def test_weak_evidence_adds_up_but_not_as_if_views_were_independent():
    run = Run(ITEM).frames(1, change=relabelled(lambda: 0.65))
    first = run.only().probability
    run.frames(30, change=relabelled(lambda: 0.65))
    assert first == pytest.approx(0.65, abs=1e-3)
    assert 0.75 < run.only().probability < 0.95
    assert run.only().label == "non_compost"


def test_a_label_that_flickers_settles_on_the_usual_one():
    values = iter([0.1] + [0.8, 0.9, 0.85, 0.2] * 10)
    run = Run(ITEM)
    for _ in range(25):
        value = next(values)
        run.frames(1, change=relabelled(lambda value=value: value))
    assert run.only().label == "non_compost"
    np.testing.assert_allclose(run.only().label_probs.sum(), 1.0)


@pytest.mark.parametrize("turn", [0.0, 0.7, np.pi / 2])
def test_the_axis_is_about_z_of_the_belt_however_the_camera_is_turned(turn):
    rotation = pose_from_quaternion([0, 0, 0], [0, 0, np.sin(turn / 2), np.cos(turn / 2)]).rotation @ POSE.rotation
    k = np.array([[640.0, 0, 319.5], [0, 640.0, 319.5], [0, 0, 1]])
    camera = Camera(CameraIntrinsics((640, 640), k, np.zeros(5)), Pose(rotation, POSE.translation))
    track = Run((-0.2, 0.05, 0.03, 0.09, 0.04, 0.5, 1), camera=camera).frames(10).only()
    assert track.yaw_rad == pytest.approx(0.5, abs=0.01)


def test_axes_near_the_wrap_are_averaged_across_it():
    run = Run((-0.3, 0.0, 0.03, 0.1, 0.04, np.pi / 2 - 0.01, 1), noise_px=2.0).frames(25)
    assert abs(abs(run.only().yaw_rad) - np.pi / 2) < 0.05
    assert -np.pi / 2 < run.only().yaw_rad <= np.pi / 2


def test_round_items_have_no_sure_axis_and_long_ones_have():
    round_one = Run((-0.3, 0.0, 0.03, 0.06, 0.06, 0.0, 1)).frames(10).only()
    long_one = Run((-0.3, 0.0, 0.03, 0.12, 0.04, 0.0, 1)).frames(10).only()
    assert round_one.yaw_std_rad > 0.5
    assert long_one.yaw_std_rad < 0.15


def test_boxes_without_grasps_are_followed_by_their_centre():
    run = Run((-0.3, 0.05, 0.01, 0.08, 0.05, 0.0, 1), with_grasps=False).frames(30)
    np.testing.assert_allclose(run.only().point_belt[:2], run.truth()[:2], atol=3e-3)
    assert run.only().yaw_std_rad > 0.5


@pytest.mark.parametrize("slide_m", [0.015, 0.035])
def test_an_item_that_slides_on_the_belt_is_found_again_under_its_number(slide_m):
    run = Run(ITEM, noise_px=0.5).frames(15)
    run.sensor.items.y[0] += slide_m
    run.frames(20)
    assert run.only().id == 1
    np.testing.assert_allclose(run.only().point_belt[:2], run.truth()[:2], atol=4e-3)


def test_an_item_that_stands_does_not_become_surer_for_ever():
    run = Run(ITEM, noise_px=1.5, speed=0.0).frames(300)
    std = np.sqrt(np.linalg.eigvalsh(run.only().covariance_belt))
    # Height and place cannot be told apart without motion: 25 mm of doubt in height, 0.3 m off the axis.
    assert std.max() > 5e-3
    assert run.only().height_std_m > 0.02


def test_a_stand_in_for_a_missed_item_is_not_picked_beside_it():
    """For some frames two items are reported as one box around both."""
    rows = [(-0.3, 0.03, 0.02, 0.06, 0.05, 0.0, 1), (-0.3, -0.03, 0.02, 0.06, 0.05, 0.0, 1)]
    run = Run(*rows).frames(6)
    known = set(run.tracks)

    def merged(detections):
        box = np.concatenate([detections.boxes_xyxy[:, :2].min(0), detections.boxes_xyxy[:, 2:].max(0)])[None]
        grasps = Grasps(
            0.5 * (box[:, :2] + box[:, 2:]), np.full(1, np.pi / 2, np.float32), np.array([[78.0, 40.0]], np.float32)
        )
        return Detections(box, detections.scores[:1], detections.labels[:1], detections.label_probs[:1], LABELS, grasps)

    run.frames(4, change=merged)
    stand_ins = set(run.tracks) - known
    assert all(run.result.blocked.get(track) == "duplicate" for track in stand_ins)
    run.frames(10)
    assert known <= set(run.tracks)
    assert set(run.result.track_ids.tolist()) == known


def with_part(shift_px):
    """Reports, beside the item or instead of it, a part of it as another item."""

    def change(detections):
        box = detections.boxes_xyxy[0]
        part = box + np.array([0.3 * (box[2] - box[0]), 0.2 * (box[3] - box[1]), 0, 0], np.float32)
        points = detections.grasps.points_xy + np.array([[shift_px, shift_px / 2]], np.float32)
        return Detections(
            np.stack([box, part]),
            np.repeat(detections.scores, 2),
            np.repeat(detections.labels, 2),
            np.repeat(detections.label_probs, 2, axis=0),
            LABELS,
            Grasps(
                np.concatenate([detections.grasps.points_xy, points]),
                np.repeat(detections.grasps.yaws_rad, 2),
                np.repeat(detections.grasps.sizes_px, 2, axis=0) * np.array([[1, 1], [0.7, 0.7]], np.float32),
            ),
        )

    return change


def test_a_part_of_an_item_starts_no_track_beside_it():
    run = Run(ITEM, noise_px=0.5)
    for k in range(30):
        run.frames(1, change=with_part(8.0) if k % 3 else None)
        assert len(run.result.tracks) == 1
    assert run.result.track_ids.tolist() == [1, 0]


def test_a_part_seen_instead_of_its_item_starts_no_track_either():
    def only_part(detections):
        both = with_part(8.0)(detections)
        grasps = Grasps(both.grasps.points_xy[1:], both.grasps.yaws_rad[1:], both.grasps.sizes_px[1:])
        return Detections(both.boxes_xyxy[1:], both.scores[1:], both.labels[1:], both.label_probs[1:], LABELS, grasps)

    run = Run(ITEM, noise_px=0.5).frames(6)
    for k in range(20):
        run.frames(1, change=only_part if k % 2 else None)
    assert run.only().id == 1


def test_an_item_on_another_one_is_doubted_at_first_and_keeps_its_number_whichever_is_surer():
    """What lies on an item looks like a part of it, but it is there in every frame."""

    def turned(detections):
        grasps = detections.grasps
        return Detections(
            detections.boxes_xyxy[::-1], detections.scores[::-1], detections.labels[::-1],
            detections.label_probs[::-1], LABELS,
            Grasps(grasps.points_xy[::-1], grasps.yaws_rad[::-1], grasps.sizes_px[::-1]),
        )  # fmt: skip

    run, counts = Run(ITEM, noise_px=0.3), []
    for k in range(30):
        both = with_part(8.0)
        run.frames(1, change=(lambda detections, both=both: turned(both(detections))) if k % 2 else both)
        counts.append(len(run.result.tracks))
    assert counts[:7] == [1] * 7
    assert counts[12:] == [2] * 18
    assert set(run.result.track_ids.tolist()) == {1, 2}
    assert not run.result.blocked


def test_a_small_item_on_a_large_one_is_told_of_once_it_has_proven_itself():
    large, small = (-0.3, 0.05, 0.02, 0.16, 0.15, 0.4, 0), (-0.29, 0.05, 0.04, 0.06, 0.05, 0.4, 1)
    run = Run(large, small, noise_px=0.3)
    counts = [len(run.frames(1).result.tracks) for _ in range(30)]
    assert counts[:11] == [1] * 11
    assert counts[16:] == [2] * 14
    assert set(run.result.track_ids.tolist()) == {1, 2}


def test_looks_from_far_apart_prove_an_item_on_another_one_sooner():
    """With the network on few frames there are not many looks in all: one every 10 cm of belt."""
    run, counts = Run(ITEM, noise_px=0.3), []
    for _ in range(7):
        run.frames(1, change=with_part(8.0)).skip(5)
        counts.append(len(run.result.tracks))
    assert counts[:4] == [1] * 4
    assert counts[5:] == [2] * 2


def test_a_part_that_is_seen_now_and_then_from_far_apart_starts_no_track():
    run = Run(ITEM, noise_px=0.3)
    for k in range(9):
        run.frames(1, change=with_part(8.0) if k % 3 == 0 else None).skip(4)
        assert len(run.result.tracks) == 1


def test_numbers_are_not_used_again_after_a_reset():
    run = Run(ITEM).frames(3)
    run.tracker.reset()
    assert run.frames(1).only().id == 2


def test_stamps_must_grow():
    run = Run(ITEM).frames(3)
    run.k -= 1
    with pytest.raises(ValueError, match="greater than the last frame's"):
        run.frames(1)


def test_drift_of_the_belts_position_widens_the_doubt_along_the_belt():
    run = Run(ITEM).frames(10)
    before = run.only().covariance_belt
    belt = BeltPosition(run.moved, 0.0, 1e-4, 0.001, "encoder")
    views = view_detections(Detections.empty(), CAMERA)
    (after,) = run.tracker.update(at(run.k / 30), views, belt, CAMERA, 1.0).tracks
    assert after.covariance_belt[0, 0] == pytest.approx(before[0, 0] + 1e-4, rel=0.05)
    assert after.covariance_belt[1, 1] == pytest.approx(before[1, 1], rel=0.05)


def test_an_empty_frame_is_no_trouble():
    run = Run(ITEM).frames(2)
    result = run.update(Detections.empty())
    assert result.track_ids.shape == (0,)
    assert len(result.tracks) == 1


def test_fifty_items_take_little_time():
    rng = np.random.default_rng(0)
    rows = [
        (x, y, rng.uniform(0.005, 0.08), 0.05, 0.04, 0.0, 1)
        for x in np.linspace(-0.43, 0.0, 10)
        for y in np.linspace(-0.25, 0.25, 5)
    ]
    run = Run(*rows).frames(3)
    best = np.inf
    for _ in range(20):
        run.sensor.belt_m = run.moved
        views = view_detections(run.sensor.detect(None), CAMERA)
        belt = BeltPosition(run.moved, 0.0, 0.0, 0.001, "encoder")
        started = time.thread_time()
        run.result = run.tracker.update(at(run.k / 30), views, belt, CAMERA, 1.0)
        best = min(best, time.thread_time() - started)
        run.k += 1
    assert len(run.tracks) == 50
    # Well under a millisecond on an idle core; the bound only catches work that grows with the square.
    assert best < 5e-3
