"""Composed scenes: exact truth, the same for the same number, both labels cut alike, splits and sources kept apart."""

import argparse
import pickle

import cv2
import numpy as np
import pytest

from spp_sorter.evaluation.datasets import LabelMap, read_dataset
from spp_sorter.learning import scenes as scenes_verb
from spp_sorter.learning.composer import DENSITIES, ComposedScenes
from spp_sorter.learning.composer_canvas import SOLID, Canvas, grasp_of
from spp_sorter.learning.composer_cut import Patch, cut
from spp_sorter.learning.pack import NewAsset, PackError, write_pack
from spp_sorter.learning.photo_test import PHOTO_DENSITIES, find_pack, photo_samples, single_photographs
from spp_sorter.learning.samples import MIN_VISIBLE, mask_grasp
from spp_sorter.values import LABELS

SIZE_HW = (240, 320)


def asset(name, label, source, split, seed):
    """A bar of one colour on a pale ground, alone in its picture."""
    rng = np.random.default_rng(seed)
    image = np.clip(rng.normal(210, 4, (120, 160, 3)), 0, 255).astype(np.uint8)
    mask = np.zeros((120, 160), np.uint8)
    cv2.ellipse(mask, (80, 60), (60, 25), float(rng.uniform(0, 180)), 0, 360, 255, -1)
    color = np.array((40, 160, 60) if label == "compost" else (190, 80, 60)) + rng.normal(0, 20, 3)
    image[mask > 0] = np.clip(color + rng.normal(0, 10, (np.count_nonzero(mask), 3)), 0, 255).astype(np.uint8)
    return NewAsset(image, mask, name, source, label, f"group {name}", split, f"{name}.jpg", "MIT", alone=True)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Two sources, both labels, both splits, and material to cut pieces of."""
    assets = []
    for number in range(16):
        label, source = LABELS[number % 2], ("one", "two")[number // 2 % 2]
        split = "test" if number >= 12 else "train"
        assets.append(asset(f"{source}/{number}", label, source, split, number))
    rng = np.random.default_rng(9)
    for number, split in enumerate(("train", "test")):
        image = rng.integers(40, 120, (100, 100, 3)).astype(np.uint8)
        whole = np.full((100, 100), 255, np.uint8)
        assets.append(NewAsset(image, whole, f"one/m{number}", "one", "compost", f"m{number}", split, "m.jpg", "MIT",
                               kind="material"))  # fmt: skip
    grounds = [
        (f"{kind} {split}", kind, split, np.clip(rng.normal(90, 6, (240, 320, 3)), 0, 255).astype(np.uint8))
        for kind in ("belt", "bed", "plain")
        for split in ("train", "test")
    ]
    return write_pack(tmp_path_factory.mktemp("packs") / "pack", assets, grounds).path


@pytest.mark.parametrize("density", DENSITIES)
def test_boxes_masks_and_grasps_agree(pack, density):
    source = ComposedScenes(pack, "train", 3, 12, SIZE_HW, (density,), empty=0.0)
    shown = 0
    for number in range(12):
        scene = source.scene(number)
        assert scene.density == density
        assert scene.image_bgr.shape[:2] in (SIZE_HW, SIZE_HW[::-1]) and scene.image_bgr.dtype == np.uint8
        height, width = scene.image_bgr.shape[:2]
        for box, ignore, visible, grasp, laid in zip(
            scene.boxes_xyxy, scene.ignore, scene.visible, scene.grasps, scene.laid, strict=True
        ):
            rows, columns = np.nonzero(scene.ids == laid.id)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert 0 < visible <= 1 and (ignore or visible >= MIN_VISIBLE)
            if not np.isnan(grasp).any():
                assert 0 <= grasp[0] <= width and 0 <= grasp[1] <= height and grasp[3] >= grasp[4] > 0
            shown += not ignore
    assert shown >= 8


def test_a_scene_follows_from_its_number_alone(pack):
    source = ComposedScenes(pack, "train", 5, 30, SIZE_HW)
    copy = pickle.loads(pickle.dumps(source))
    for number in (7, 2, 7):
        first, second = source[number], copy[number]
        assert np.array_equal(first.image_bgr, second.image_bgr)
        assert np.array_equal(first.boxes_xyxy, second.boxes_xyxy)
        assert np.array_equal(first.grasps, second.grasps, equal_nan=True)
    assert not np.array_equal(source[3].image_bgr, source[4].image_bgr)
    assert not np.array_equal(ComposedScenes(pack, "train", 6, 30, SIZE_HW)[3].image_bgr, source[3].image_bgr)
    assert len(pickle.dumps(source)) < 2000


def objects(source, count=25):
    return {each.patch.asset for number in range(count) for each in source.scene(number).laid}


def test_splits_and_sources_are_kept_apart(pack):
    train, test = (objects(ComposedScenes(pack, split, 1, 25, SIZE_HW)) for split in ("train", "test"))
    assert {a.split for a in train} == {"train"} and {a.split for a in test} == {"test"}
    assert not {a.group for a in train} & {a.group for a in test}
    assert {a.source for a in train} == {"one", "two"}
    assert {a.source for a in objects(ComposedScenes(pack, "train", 1, 25, SIZE_HW, exclude_sources=("one",)))} == {
        "two"
    }
    assert {a.source for a in objects(ComposedScenes(pack, "train", 1, 25, SIZE_HW, only_sources=("one",)))} == {"one"}
    with pytest.raises(PackError, match="no source 'three'; allowed: one, two"):
        ComposedScenes(pack, "train", 1, 25, exclude_sources=("three",))
    with pytest.raises(PackError, match="no train objects"):
        ComposedScenes(pack, "train", 1, 25, exclude_sources=("one", "two"))
    with pytest.raises(ValueError, match="densities are"):
        ComposedScenes(pack, "train", 1, 25, densities=("crowded",))


def test_both_labels_come_alike_whole_and_in_pieces(pack):
    source = ComposedScenes(pack, "train", 2, 60, SIZE_HW, ("sparse", "touching"), empty=0.0)
    laid = [each for number in range(60) for each in source.scene(number).laid]
    share = {}
    for label in LABELS:
        mine = [each for each in laid if each.patch.asset.label == label]
        assert 0.38 < len(mine) / len(laid) < 0.62
        share[label] = np.mean([each.patch.piece for each in mine])
    assert abs(share["compost"] - share["non_compost"]) < 0.12


def test_empty_scenes_are_empty(pack):
    source = ComposedScenes(pack, "train", 2, 5, SIZE_HW, ("empty",))
    assert all(len(source[number].labels) == 0 for number in range(5))
    assert source[0].boxes_xyxy.shape == (0, 4) and source[0].grasps.shape == (0, 5)


def test_a_patch_has_the_size_asked_for_and_no_colour_of_its_ground(pack):
    drawer = ComposedScenes(pack, "train", 0, 1)._drawer
    whole = next(a for a in drawer.pack.assets if a.kind == "item" and a.label == "non_compost")
    for size in (16, 60, 200):
        sides = []
        for seed in range(6):
            patch = cut(drawer.pack, whole, np.random.default_rng(seed), size, piece=False)
            _, _, width, height = cv2.boundingRect((patch.alpha > SOLID).astype(np.uint8))
            sides.append(max(width, height))
        assert 0.6 * size < np.mean(sides) < 1.3 * size
    patch = cut(drawer.pack, whole, np.random.default_rng(1), 120, piece=False)
    inside = patch.image_bgr[patch.alpha == 255]
    assert (
        np.mean(inside.astype(int).max(axis=1) - inside.min(axis=1) > 25) > 0.98
    )  # the ground is grey, the item is not


def test_who_lies_on_top_is_seen_and_the_rest_is_counted():
    rng = np.random.default_rng(0)
    canvas = Canvas(np.full((100, 200, 3), 90, np.uint8), rng)
    square = Patch(np.full((40, 40, 3), 200, np.uint8), np.full((40, 40), 255, np.uint8), None, False)
    below = canvas.lay(square, np.array([50.0, 50.0]))
    assert canvas.covered(square, np.array([70.0, 50.0])) == pytest.approx(0.5)
    canvas.lay(square, np.array([70.0, 50.0]))
    edge = canvas.lay(square, np.array([200.0, 50.0]))
    counts = np.bincount(canvas.ids.ravel())
    assert counts[below.id] == 800 and counts[edge.id] == 800 and edge.num_pixels == 1600
    canvas.lay(square, np.array([50.0, 50.0]), ghost=True)
    assert np.bincount(canvas.ids.ravel(), minlength=4)[below.id] == 0 and len(canvas.laid) == 3
    assert canvas.lay(square, np.array([400.0, 50.0])) is None


def test_grasps_are_those_of_the_mask():
    alpha = np.zeros((120, 160), np.uint8)
    cv2.ellipse(alpha, (80, 60), (60, 20), 33, 0, 360, 255, -1)
    canvas = Canvas(np.zeros((200, 300, 3), np.uint8), np.random.default_rng(0))
    laid = canvas.lay(Patch(np.zeros((120, 160, 3), np.uint8), alpha, None, False), np.array([150.0, 100.0]))
    expected, box = mask_grasp(canvas.ids == 1), (70, 40, 230, 160)
    np.testing.assert_allclose(grasp_of(laid, 1.0, canvas.ids, box), expected, atol=1.0)
    assert np.isnan(grasp_of(laid, 0.4, canvas.ids, box)).all()
    over = canvas.lay(
        Patch(np.zeros((60, 60, 3), np.uint8), np.full((60, 60), 255, np.uint8), None, False), np.array([160.0, 105.0])
    )
    x, y, *shape = grasp_of(laid, 0.7, canvas.ids, box)
    assert canvas.ids[int(expected[1]), int(expected[0])] == over.id, "its centroid is covered"
    assert np.ptp(canvas.ids[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]) == 0 and canvas.ids[int(y), int(x)] == 1
    np.testing.assert_allclose(shape, expected[2:], atol=1.0)


def test_samples_for_measuring_bear_groups_and_masks(pack):
    samples = list(photo_samples(pack, LABELS[::-1], "touching", 4, 0))
    again = list(photo_samples(pack, LABELS[::-1], "touching", 4, 0))
    assert [s.image_bgr.sum() for s in samples] == [s.image_bgr.sum() for s in again]
    for sample in samples:
        assert all(name.startswith(("group", "m")) for name in sample.objects)
        for index, area in enumerate(sample.truth.areas):
            assert np.count_nonzero(sample.mask(index)) == area
    photographs = list(single_photographs(pack, LABELS, "two"))
    assert len(photographs) == 2 and all(sample.truth.boxes_xyxy.shape == (1, 4) for sample in photographs)
    with pytest.raises(ValueError, match="measure this checkpoint with --data"):
        next(photo_samples(pack, ("plastic",), "bed", 1, 0))
    assert find_pack(pack) == pack and find_pack(pack.parent) is None and set(PHOTO_DENSITIES) == set(DENSITIES)


def test_composed_scenes_come_back_as_a_data_set(pack, tmp_path):
    parser = argparse.ArgumentParser()
    scenes_verb.add_arguments(parser)
    words = ["--out", str(tmp_path), "--count", "4", "--jobs", "1", "--from", "photos", "--pack", str(pack)]
    assert scenes_verb.run(parser.parse_args(words)) == 0
    dataset = read_dataset(tmp_path / "annotations.json", LabelMap.identity(LABELS), decode_pictures=True)
    assert len(dataset) == 4 and dataset.num_items > 0 and not dataset.left_out
    for record in dataset.records:
        for box, mask in zip(record.boxes_xyxy, record.masks, strict=True):
            rows, columns = np.nonzero(mask.decode())
            np.testing.assert_allclose(box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1)
    assert cv2.imread(str(tmp_path / "sheet.jpg")) is not None
    with pytest.raises(ValueError, match="add --from photos"):
        scenes_verb.run(parser.parse_args(["--out", str(tmp_path), "--density", "single"]))
    with pytest.raises(ValueError, match="nothing to do"):
        scenes_verb.run(parser.parse_args([]))
