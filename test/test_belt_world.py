import dataclasses
import math
import time

import cv2
import numpy as np
import pytest
from belt_shapes import SIZES_MM, SOLIDS, put, solid_object, surface_points

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.placement import GivenPlacement, Placement
from spp_sorter.simulation.scene_config import (
    DENSITIES,
    ImageLook,
    WorldConfig,
    WorldError,
    camera_pose,
    default_intrinsics,
    random_world_config,
)
from spp_sorter.simulation.shape_library import ShapeLibrary
from spp_sorter.simulation.speed import SpeedProfile
from spp_sorter.simulation.strip import Strip
from spp_sorter.values import CameraIntrinsics

SECOND = 1_000_000_000
CLEAN = ImageLook(defocus_px=0.0, noise=0.0, vignetting=0.0)
LIBRARY = ShapeLibrary(tuple(solid_object(kind) for kind in SOLIDS))
PINHOLE = CameraIntrinsics((480, 640), default_intrinsics().k, np.zeros(5))


def world_of(*items, **changes):
    config = WorldConfig(image=CLEAN, **changes)
    return BeltWorld(config, LIBRARY, GivenPlacement(config, LIBRARY, items))


def silhouette(camera, points):
    """Mask [480, 640] of the convex hull of the projected points, and its box, edge coordinates."""
    pixels = camera.project(points)
    hull = cv2.convexHull(pixels.astype(np.float32))[:, 0]
    fine = np.zeros((480 * 4, 640 * 4), np.uint8)
    cv2.fillConvexPoly(fine, np.round((hull + 0.5) * 4 - 0.5).astype(np.int32), 1)
    mask = cv2.resize(fine * 255, (640, 480), interpolation=cv2.INTER_AREA) >= 128
    return mask, np.concatenate([pixels.min(0), pixels.max(0)]) + 0.5


# ---- placement in the image
PLACES = [(0.0, 0.0), (0.38, 0.24), (-0.4, 0.22), (0.3, -0.25), (-0.36, -0.24), (0.02, 0.25), (0.4, 0.0)]


@pytest.mark.parametrize("kind", SOLIDS)
@pytest.mark.parametrize("camera", ["default", "tilted"])
def test_silhouettes_are_where_the_projection_puts_them(kind, camera):
    pose = camera_pose() if camera == "default" else camera_pose(0.9, 0.12, -0.08, math.radians(93), 0.03, 0.02)
    for number, (x, y) in enumerate(PLACES if camera == "default" else PLACES[:3]):
        yaw = 0.4 + number * 0.7
        world = world_of(put(kind, x, y, yaw), camera_in_belt=pose)
        frame = world.render(0)
        points = surface_points(kind, yaw, x, y)
        mask, box = silhouette(Camera(world.intrinsics, pose), points)
        if box[0] < 2 or box[1] < 2 or box[2] > 638 or box[3] > 478:
            continue
        item = frame.truth.items[0]
        # of a sharp corner the pixels show less than its projection: pixels are compared with pixels
        left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
        of_mask = np.array([left, top, left + width, top + height])
        assert np.abs(item.box_xyxy - of_mask).max() <= 1.0, (x, y, item.box_xyxy, of_mask)
        assert np.abs(item.full_box_xyxy - box).max() <= 1.0, (x, y, item.full_box_xyxy, box)
        seen = frame.truth.masks_id == 1
        overlap = (seen & mask).sum() / (seen | mask).sum()
        assert overlap > 0.93, (x, y, overlap)
        centroid = np.argwhere(seen).mean(0) - np.argwhere(mask).mean(0)
        assert np.abs(centroid).max() < 0.5, (x, y, centroid)
        assert item.visible_fraction > 0.97


def test_the_box_of_the_truth_is_the_box_of_the_mask():
    world = BeltWorld(WorldConfig(seed=4, density="touching"), LIBRARY)
    truth = world.render(SECOND).truth
    assert len(truth.items) > 5
    for item in truth.items:
        rows, columns = np.nonzero(truth.masks_id == item.id)
        if len(rows):
            assert item.box_xyxy.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        else:
            assert np.isnan(item.box_xyxy).all()
            assert item.visible_fraction == 0.0
    listed = {item.id for item in truth.items}
    assert set(np.unique(truth.masks_id)) - {0} <= listed


def test_items_at_the_edge_are_visible_in_part_only():
    world = world_of(put("box", 0.5, 0.1), camera_in_belt=camera_pose())
    item = world.render(0).truth.items[0]
    assert item.full_box_xyxy[2] > 640
    assert 0.3 < item.visible_fraction < 0.7
    assert item.box_xyxy[2] == 640


def test_an_item_moves_by_speed_times_focal_length_over_its_distance():
    height_m = 0.05
    world = world_of(put("plate", -0.2, 0.0, 0.3, base_mm=47.0), intrinsics=PINHOLE, speed_mps=0.5)
    steps = [0, SECOND // 30, SECOND // 10, SECOND * 3 // 10, SECOND * 7 // 10]
    centres = []
    for stamp in steps:
        truth = world.render(stamp).truth
        centres.append(np.argwhere(truth.masks_id == 1).mean(0)[::-1])
        assert truth.items[0].grasp_xy[0] == pytest.approx(
            320 + 640 * (-0.2 + 0.5 * stamp * 1e-9) / (1.0 - height_m), abs=1e-6
        )
    moved = np.array(centres) - centres[0]
    expected = 0.5 * np.array(steps) * 1e-9 * 640 / (1.0 - height_m)
    assert np.abs(moved[:, 0] - expected).max() < 0.2
    assert np.abs(moved[:, 1]).max() < 0.1


def test_nearer_items_hide_others_and_the_visible_fraction_says_how_much():
    box, ball = put("box", 0.2, 0.1, 0.5, 1), put("sphere", 0.24, 0.12, 0.0, 2)
    frame = world_of(box, ball).render(0)
    alone = world_of(box).render(0)
    fraction = (frame.truth.masks_id == 1).sum() / (alone.truth.masks_id == 1).sum()
    items = {item.id: item for item in frame.truth.items}
    assert 0.2 < fraction < 0.9
    assert items[1].visible_fraction == pytest.approx(fraction, abs=0.03)
    assert items[2].visible_fraction > 0.97
    assert frame.truth.masks_id[tuple(items[2].grasp_xy[::-1].astype(int))] == 2


def test_the_grasp_lies_on_the_item():
    world = BeltWorld(WorldConfig(seed=11, density="sparse"), LIBRARY)
    checked = 0
    for stamp in range(0, 3 * SECOND, SECOND):
        truth = world.render(stamp).truth
        for item in truth.items:
            column, row = item.grasp_xy.astype(int)
            if item.visible_fraction > 0.95 and 0 <= column < 640 and 0 <= row < 480:
                assert truth.masks_id[row, column] == item.id
                checked += 1
    assert checked > 10


# ---- depth
def test_depth_of_belt_and_tops():
    world = world_of(put("box", 0.1, 0.05), put("sphere", -0.2, -0.1, 0.0, 2), intrinsics=PINHOLE)
    frame = world.render(0, with_depth=True)
    assert frame.depth_m.dtype == np.float32
    items = {item.id: item for item in frame.truth.items}
    for number, top in ((1, 0.040), (2, 0.070)):
        column, row = items[number].grasp_xy.astype(int)
        assert frame.depth_m[row, column] == pytest.approx(1.0 - top, abs=0.0015)
    belt = frame.truth.masks_id == 0
    assert np.abs(frame.depth_m[belt] - 1.0).max() < 1e-4


def test_depth_of_a_tilted_camera_is_along_its_axis():
    pose = camera_pose(0.9, 0.15, 0.1, 0.3)
    world = world_of(camera_in_belt=pose)
    depth = world.render(0, with_depth=True).depth_m
    camera = Camera(world.intrinsics, pose)
    columns, rows = np.meshgrid(np.arange(0, 640, 37), np.arange(0, 480, 41))
    points = camera.to_plane(np.column_stack([columns.ravel(), rows.ravel()]), 0.0)
    expected = (points - pose.translation) @ pose.rotation[:, 2]
    assert np.abs(depth[rows.ravel(), columns.ravel()] - expected).max() < 2e-4


def test_depth_noise_and_missing_readings():
    world = world_of(depth_noise_m=0.003, depth_dropout=0.1)
    depth = world.render(0, with_depth=True).depth_m
    assert np.isnan(depth).mean() == pytest.approx(0.1, abs=0.01)
    assert np.nanstd(depth) == pytest.approx(0.003, rel=0.05)


# ---- time and chance
@pytest.mark.parametrize("density", DENSITIES)
def test_the_same_seed_gives_the_same_bits_in_any_order(density):
    config = WorldConfig(seed=5, density=density, depth_noise_m=0.002)
    stamps = [0, 40_000_000, 1_500_000_000, -400_000_000]
    first, second = BeltWorld(config, LIBRARY), BeltWorld(config, LIBRARY)
    forward = {stamp: first.render(stamp, with_depth=True) for stamp in stamps}
    for stamp in (stamps[2], stamps[3], stamps[1], stamps[0], stamps[2]):
        again = second.render(stamp, with_depth=True)
        assert np.array_equal(again.image_bgr, forward[stamp].image_bgr)
        assert np.array_equal(again.depth_m, forward[stamp].depth_m)
        assert np.array_equal(again.truth.masks_id, forward[stamp].truth.masks_id)
        assert [item.id for item in again.truth.items] == [item.id for item in forward[stamp].truth.items]


def test_other_seeds_give_other_worlds():
    one, two = (BeltWorld(WorldConfig(seed=seed), LIBRARY).render(0).image_bgr for seed in (1, 2))
    assert np.abs(one.astype(int) - two).mean() > 1.0


def test_a_piece_made_ready_ahead_is_the_piece_made_when_needed():
    config = WorldConfig(seed=6, density="touching", image=CLEAN)
    walking, jumping = BeltWorld(config, LIBRARY), BeltWorld(config, LIBRARY)
    for step in range(13):
        frame = walking.render(step * SECOND // 10, with_truth=False)
    assert np.array_equal(frame.image_bgr, jumping.render(12 * SECOND // 10).image_bgr)


def test_the_truth_at_a_time_is_the_truth_of_the_frame_and_needs_none():
    config = WorldConfig(seed=8, density="touching")
    rendered = BeltWorld(config, LIBRARY).render(3 * SECOND).truth
    world = BeltWorld(config, LIBRARY)
    now = {item.id: item for item in world.true_items_at(3 * SECOND)}
    later = {item.id: item for item in world.true_items_at(4 * SECOND, to_x_m=3.0)}
    assert len(rendered.items) > 5
    for item in rendered.items:
        same = now[item.id]
        assert np.allclose(same.point_belt, item.point_belt, atol=1e-12)
        assert same.yaw_rad == item.yaw_rad
        assert np.array_equal(same.size_m, item.size_m)
        assert np.allclose(later[item.id].point_belt - item.point_belt, [0.5, 0.0, 0.0], atol=1e-9)
    assert all(np.isnan(item.box_xyxy).all() for item in now.values())


def test_pose_and_size_of_a_known_item():
    yaw = 0.6
    item = world_of(put("cylinder", 0.1, -0.05, yaw)).true_items_at(0)[0]
    assert item.point_belt == pytest.approx([0.1, -0.05, 0.060], abs=0.001)
    assert item.yaw_rad == pytest.approx(yaw, abs=0.01)
    assert item.size_m == pytest.approx([side / 1000.0 for side in SIZES_MM["cylinder"]], abs=0.0016)


def test_a_speed_profile_is_integrated_exactly():
    knots = ((-1.0, 0.2), (1.0, 0.6), (3.0, 0.6), (4.0, 0.0), (6.0, 0.0), (7.0, 0.5))
    profile = SpeedProfile(knots)
    assert profile.position_m(0) == 0.0
    for time_s in (-3.0, -0.5, 0.7, 2.0, 3.3, 5.0, 6.5, 9.0):
        grid = np.linspace(0.0, time_s, 200_001)
        speeds = np.interp(grid, *zip(*knots, strict=True))
        numeric = ((speeds[1:] + speeds[:-1]) / 2 * np.diff(grid)).sum()
        assert profile.position_m(round(time_s * SECOND)) == pytest.approx(numeric, abs=1e-6)
    assert profile.position_m(round(4.5 * SECOND)) == profile.position_m(round(5.9 * SECOND))
    assert profile.speed_mps(round(3.5 * SECOND)) == pytest.approx(0.3)
    assert SpeedProfile(0.5).position_m(-2 * SECOND) == -1.0


def test_a_stopped_belt_stands_still():
    config = WorldConfig(seed=3, speed_mps=((0.0, 0.5), (1.0, 0.0)), image=CLEAN)
    world = BeltWorld(config, LIBRARY)
    assert np.array_equal(world.render(2 * SECOND).image_bgr, world.render(9 * SECOND).image_bgr)
    assert world.belt_position_m(9 * SECOND) == pytest.approx(0.25)


# ---- densities
def items_on(config, length_m=4.0):
    placement = Placement(config, LIBRARY)
    numbers = placement.segments_in(0.0, length_m)
    return [item for number in numbers for item in placement.segment(number)], placement


def footprints(items, px_m=0.002):
    """Masks of the items on a common grid, as a function of the item."""
    left, right = min(i.s_m for i in items) - 0.2, max(i.s_m for i in items) + 0.2
    size_wh = (round((right - left) / px_m), round(0.7 / px_m))
    return {
        i.id: cv2.warpAffine(i.shape.solid, i.affine_to_pixels(left, 0.35, px_m), size_wh, flags=cv2.INTER_NEAREST) > 0
        for i in items
    }


def test_sparse_items_lie_apart():
    items, _ = items_on(WorldConfig(seed=2, density="sparse"))
    assert 12 < len(items) < 60
    masks = footprints(items)
    total = np.sum([mask.astype(np.uint8) for mask in masks.values()], axis=0).astype(np.uint8)
    assert total.max() == 1
    count, _ = cv2.connectedComponents((cv2.dilate(total, np.ones((5, 5), np.uint8)) > 0).astype(np.uint8))
    assert count - 1 == len(items)


def test_touching_items_touch():
    items, _ = items_on(WorldConfig(seed=2, density="touching"))
    assert len(items) > 40
    masks = footprints(items)
    kernel = np.ones((3, 3), np.uint8)
    total = np.sum([cv2.dilate(mask.astype(np.uint8), kernel) for mask in masks.values()], axis=0)
    touching = [bool((total[mask] > 1).any()) for mask in masks.values()]
    assert np.mean(touching) > 0.85
    assert max(item.top_mm for item in items) < 250.0


@pytest.mark.parametrize("density", ["sparse", "touching"])
def test_all_items_lie_on_the_belt_and_have_their_own_id(density):
    config = WorldConfig(seed=7, density=density)
    items, _ = items_on(config)
    assert len({item.id for item in items}) == len(items)
    for item in items:
        across = item.to_strip(item.shape.footprint.corners_m)[:, 1]
        assert np.abs(across).max() <= config.belt_width_m / 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_bed_covers_the_belt_and_buries_the_contaminants_in_part(seed):
    config = WorldConfig(seed=seed, density="bed", image=CLEAN, items_per_m=6.0)
    items, placement = items_on(config, 2.0)
    canvas = Strip(config, placement).window(0.0, 2.0)
    rows = np.abs(canvas.top_m - (np.arange(canvas.ids.shape[0]) + 0.5) * canvas.metres_per_px) < 0.3
    bed = (canvas.heights[..., 0] > 0) & (canvas.ids == 0)
    contaminants = canvas.ids > 0
    assert 0.58 <= (bed | contaminants)[rows].mean() <= 1.0
    shares = []
    for item in items:
        own = item.shape.solid > 0
        area_px = own.sum() * (item.shape.metres_per_px * item.scale / canvas.metres_per_px) ** 2
        inside = 0.15 < item.s_m < 1.85
        if inside:
            shares.append((canvas.ids == item.id).sum() / area_px)
        assert item.label == "non_compost"
    assert len(shares) >= 3
    assert min(shares) >= 0.3
    assert max(shares) <= 0.9


def test_contaminants_in_the_bed_are_visible_in_part():
    fractions = []
    for seed in range(3):
        world = BeltWorld(WorldConfig(seed=seed, density="bed"), LIBRARY)
        for stamp in (0, 2 * SECOND):
            for item in world.render(stamp).truth.items:
                left, top, right, bottom = item.full_box_xyxy
                if left > 0 and top > 0 and right < 640 and bottom < 480:
                    fractions.append(item.visible_fraction)
    assert len(fractions) > 12
    assert np.mean((np.array(fractions) >= 0.3) & (np.array(fractions) <= 0.9)) > 0.9


# ---- the image
def test_items_throw_shadows_away_from_the_lamp():
    world = world_of(put("box", 0.0, 0.0))
    bare = world_of()
    ratio = world.render(0).image_bgr.mean(2) / bare.render(0).image_bgr.mean(2)
    azimuth = world.config.light.azimuth_rad
    away = np.array([-math.cos(azimuth), math.sin(azimuth)])  # image y points to belt -y
    reach = 28
    shadow, lit = (ratio[round(240 + sign * reach * away[1]), round(320 + sign * reach * away[0])] for sign in (1, -1))
    assert shadow < 0.9 * lit


def test_image_effects_change_the_image_and_not_the_truth():
    config = WorldConfig(seed=3, image=CLEAN)
    rough = dataclasses.replace(
        config, image=ImageLook(defocus_px=0.8, motion_px=3.0, noise=4.0, vignetting=0.3, jpeg_quality=60)
    )
    clean, worse = (BeltWorld(each, LIBRARY).render(0) for each in (config, rough))
    assert np.array_equal(clean.truth.masks_id, worse.truth.masks_id)
    assert np.abs(clean.image_bgr.astype(int) - worse.image_bgr).mean() > 2.0
    assert worse.image_bgr[:40, :40].mean() < 0.85 * clean.image_bgr[:40, :40].mean()


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("size_hw", [(480, 640), (361, 513)])
def test_random_worlds_render(density, size_hw):
    config = random_world_config(13, density, "train", size_hw)
    frame = BeltWorld(config, LIBRARY).render(0, with_depth=True)
    assert frame.image_bgr.shape == (*size_hw, 3)
    assert frame.image_bgr.dtype == np.uint8
    assert frame.truth.masks_id.shape == size_hw
    assert frame.image_bgr.std() > 3.0
    assert len(frame.truth.items) > 0
    again = BeltWorld(random_world_config(13, density, "train", size_hw), LIBRARY).render(0)
    assert np.array_equal(frame.image_bgr, again.image_bgr)


def test_truth_can_be_left_out():
    frame = world_of(put("box", 0.0, 0.0)).render(0, with_truth=False)
    assert frame.truth is None
    assert frame.depth_m is None


def test_frames_are_cheap():
    # 25 ms on one idle core; the bound here only notices a change of kind
    for density in ("sparse", "touching"):
        world = BeltWorld(WorldConfig(seed=1, density=density), LIBRARY)
        world.render(0)
        spent = []
        for step in range(1, 10):
            start = time.process_time()
            world.render(step * SECOND // 30)
            spent.append(time.process_time() - start)
        assert np.median(spent) < 0.15


# ---- errors
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"density": "heap"}, "sparse, touching, bed"),
        ({"split": "val"}, "train, test, all"),
        ({"seed": -1}, "0 and more"),
        ({"belt_width_m": 9.0}, "0.1 to 3 m"),
        ({"metres_per_px": 0.1}, "0.00025 to 0.004 m"),
        ({"camera_in_belt": camera_pose(0.1)}, "0.2 m and more"),
    ],
)
def test_a_wrong_config_names_value_and_range(change, named):
    with pytest.raises(WorldError, match=named):
        WorldConfig(**change)


def test_a_world_needs_objects_and_a_profile_needs_order():
    with pytest.raises(WorldError, match="1 and more"):
        BeltWorld(WorldConfig(), ())
    with pytest.raises(WorldError, match="times increasing"):
        SpeedProfile(((1.0, 0.5), (1.0, 0.6)))
