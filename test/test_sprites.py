"""The shipped sprite pack: enough objects, honest splits, sound images, attribution; and the loader's errors."""

import json
import shutil
import time

import cv2
import numpy as np
import pytest

from spp_sorter.simulation.sprites import SPRITES_PATH, SpriteError, load_sprites
from spp_sorter.values import LABELS

LICENCES = {"CC0-1.0", "CC-BY-3.0", "CC-BY-3.0-US", "Apache-2.0"}
THIN_ITEMS_ALLOWED = 0.06


@pytest.fixture(scope="module")
def sprites():
    return load_sprites()


@pytest.fixture(scope="module")
def views(sprites):
    return [(item, view) for item in sprites for view in item.views]


def test_enough_objects_of_each_class(sprites):
    counts = {label: sum(item.label == label for item in sprites) for label in LABELS}
    assert counts["compost"] >= 24
    assert counts["non_compost"] >= 30
    assert len({item.name for item in sprites}) == len(sprites)


def test_most_objects_have_several_views(sprites):
    assert np.mean([len(item.views) >= 2 for item in sprites]) > 0.9


def test_both_splits_hold_both_classes(sprites):
    for label in LABELS:
        families = {
            split: {i.family for i in sprites if (i.label, i.split) == (label, split)} for split in ("train", "test")
        }
        assert len(families["test"]) >= 12, "fewer would measure luck"
        assert len(families["train"]) >= 2 * len(families["test"])


def test_families_do_not_cross_splits_or_labels(sprites):
    seen = {}
    for item in sprites:
        assert seen.setdefault(item.family, (item.split, item.label)) == (item.split, item.label), item.name


def test_split_argument_selects(sprites):
    for split in ("train", "test"):
        names = [item.name for item in load_sprites(split=split)]
        assert names == [item.name for item in sprites if item.split == split]
    with pytest.raises(ValueError, match="allowed: 'train', 'test', 'all'"):
        load_sprites(split="both")


def test_heights_are_those_of_belt_items(views):
    tallest = np.array([int(view.height_mm.max()) for _, view in views])
    assert tallest.min() >= 1
    assert tallest.max() <= 81
    assert np.mean(tallest < 5) <= THIN_ITEMS_ALLOWED


def test_sizes_are_those_of_belt_items(views):
    for item, view in views:
        extent_mm = 1000 * view.metres_per_px * max(view.rgba.shape[:2])
        assert 10 <= extent_mm <= 265, (item.name, view.pose, extent_mm)
        assert view.metres_per_px == pytest.approx(0.00075)


def test_alpha_and_height_agree_within_a_pixel(views):
    around = np.ones((3, 3), np.uint8)
    for item, view in views:
        solid = (view.height_mm > 0).astype(np.uint8)
        seen = (view.rgba[..., 3] > 0).astype(np.uint8)
        assert not (solid & ~seen & 1).any(), (item.name, view.pose)
        assert not (seen & ~cv2.dilate(solid, around) & 1).any(), (item.name, view.pose)


def test_items_touch_the_belt_somewhere_and_fill_their_picture(views):
    for item, view in views:
        assert view.rgba.dtype == np.uint8
        assert view.rgba.shape == (*view.height_mm.shape, 4)
        rows, columns = np.nonzero(view.height_mm)
        assert np.ptp(rows) >= view.height_mm.shape[0] - 8, (item.name, view.pose)
        assert np.ptp(columns) >= view.height_mm.shape[1] - 8, (item.name, view.pose)


def test_no_item_is_nearly_invisible_or_burnt_out(views):
    for item, view in views:
        solid = view.height_mm > 0
        assert view.rgba[..., 3][solid].mean() > 70, (item.name, view.pose)
        assert 8 < view.rgba[..., :3][solid].mean() < 250, (item.name, view.pose)


def test_attribution_is_complete(sprites):
    text = (SPRITES_PATH / "ATTRIBUTION.md").read_text(encoding="utf-8")
    for item in sprites:
        given = item.attribution
        assert given.licence in LICENCES, item.name
        assert given.title and given.source and given.author not in ("", "unknown"), item.name
        row = f"| {item.name} | {item.label} | {given.title} | {given.author} | {given.licence} |"
        assert row in text


def test_pack_is_small_and_holds_no_stray_files():
    listing = json.loads((SPRITES_PATH / "sprites.json").read_text(encoding="utf-8"))
    named = {view[key] for entry in listing["objects"] for view in entry["views"] for key in ("colour", "height")}
    there = {path.name for path in SPRITES_PATH.iterdir()}
    assert there == named | {"sprites.json", "ATTRIBUTION.md"}
    assert sum(path.stat().st_size for path in SPRITES_PATH.iterdir()) <= 20e6


def test_size_mm_matches_the_pictures(views):
    listing = json.loads((SPRITES_PATH / "sprites.json").read_text(encoding="utf-8"))
    sizes = [view["size_mm"] for entry in listing["objects"] for view in entry["views"]]
    for (item, view), (length, width, height) in zip(views, sizes, strict=True):
        rows, columns = np.nonzero(view.height_mm)
        assert 0.75 * (np.ptp(columns) + 1) == pytest.approx(length, abs=0.1), (item.name, view.pose)
        assert 0.75 * (np.ptp(rows) + 1) == pytest.approx(width, abs=0.1), (item.name, view.pose)
        assert view.height_mm.max() == height, (item.name, view.pose)


def test_loads_fast():
    began = time.perf_counter()
    load_sprites()
    assert time.perf_counter() - began < 2.0


@pytest.fixture
def small_pack(tmp_path):
    listing = json.loads((SPRITES_PATH / "sprites.json").read_text(encoding="utf-8"))
    listing["objects"] = listing["objects"][:1]
    for view in listing["objects"][0]["views"]:
        for key in ("colour", "height"):
            shutil.copy(SPRITES_PATH / view[key], tmp_path)
    (tmp_path / "sprites.json").write_text(json.dumps(listing), encoding="utf-8")
    return tmp_path, listing


def test_a_pack_in_another_folder_loads(small_pack):
    folder, listing = small_pack
    (item,) = load_sprites(folder)
    assert item.name == listing["objects"][0]["name"]


def test_a_missing_pack_names_the_file_and_the_remedy(tmp_path):
    with pytest.raises(SpriteError, match=r"sprites\.json does not exist; reinstall the package"):
        load_sprites(tmp_path)


def test_a_missing_picture_is_named(small_pack):
    folder, listing = small_pack
    name = listing["objects"][0]["views"][0]["height"]
    (folder / name).unlink()
    with pytest.raises(SpriteError, match=name):
        load_sprites(folder)


def test_a_broken_picture_is_named(small_pack):
    folder, listing = small_pack
    name = listing["objects"][0]["views"][0]["colour"]
    (folder / name).write_bytes(b"RIFF not a picture")
    with pytest.raises(SpriteError, match=name):
        load_sprites(folder)


def test_a_picture_of_another_size_is_named(small_pack):
    folder, listing = small_pack
    name = listing["objects"][0]["views"][0]["height"]
    cv2.imwrite(str(folder / name), np.zeros((3, 3), np.uint8))
    with pytest.raises(SpriteError, match=name):
        load_sprites(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 99}, "schema_version 99, this version reads 1"),
        ({"objects": [{"name": "x"}]}, "missing or malformed"),
        ({"objects": None}, "missing or malformed"),
    ],
)
def test_a_listing_that_is_not_understood_is_refused(small_pack, change, words):
    folder, listing = small_pack
    (folder / "sprites.json").write_text(json.dumps(listing | change), encoding="utf-8")
    with pytest.raises(SpriteError, match=words):
        load_sprites(folder)


def test_an_unknown_label_is_refused(small_pack):
    folder, listing = small_pack
    listing["objects"][0]["label"] = "metal"
    (folder / "sprites.json").write_text(json.dumps(listing), encoding="utf-8")
    with pytest.raises(SpriteError, match="allowed: compost, non_compost"):
        load_sprites(folder)


def test_text_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "sprites.json").write_text("{", encoding="utf-8")
    with pytest.raises(SpriteError, match="not valid JSON"):
        load_sprites(tmp_path)
