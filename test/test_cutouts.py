"""Cut-outs: masks of photographs on plain grounds, what is refused, groups and splits, packs of a user's folders."""

import json

import cv2
import numpy as np
import pytest

from spp_sorter.learning.cutout_sources import Dropped, read_source
from spp_sorter.learning.cutout_split import alike_groups, look, split_of, splits_of
from spp_sorter.learning.cutouts import BadMask, outline_of_alpha, outline_on_plain
from spp_sorter.learning.pack import NewAsset, Pack, PackError, write_pack
from spp_sorter.learning.pack_build import build_pack, describe


def ground(seed=0, size_hw=(240, 320), tone=205):
    rng = np.random.default_rng(seed)
    light = np.linspace(-14, 14, size_hw[1])[None, :, None]  # light from one side
    return np.clip(tone + light + rng.normal(0, 1.5, (*size_hw, 3)), 0, 255).astype(np.uint8)


def photograph(seed=0, color=(40, 60, 190), centre=(160, 120), axes=(76, 48), shadow=True):
    """A textured ellipse with a soft shadow on a pale ground, and its true mask."""
    rng = np.random.default_rng(seed + 100)
    image = ground(seed).astype(np.float32)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(mask, centre, axes, 20, 0, 360, 255, -1)
    if shadow:
        soft = cv2.GaussianBlur(np.roll(mask, (10, 14), (0, 1)), (0, 0), 16).astype(np.float32) / 255
        image *= (1 - 0.3 * soft)[..., None]
    item = np.array(color, np.float32) + rng.normal(0, 14, image.shape)
    return np.clip(np.where(mask[..., None] > 0, item, image), 0, 255).astype(np.uint8), mask


def overlap(a, b):
    return np.count_nonzero((a > 0) & (b > 0)) / np.count_nonzero((a > 0) | (b > 0))


def test_the_item_is_found_and_its_shadow_is_not():
    image, truth = photograph()
    outline = outline_on_plain(image)
    assert overlap(outline.mask, truth) > 0.9
    assert outline.cut_sides == () and outline.sure
    x, y, width, height = cv2.boundingRect(outline.mask)
    assert np.abs(np.array([x, y, width, height]) - cv2.boundingRect(truth)).max() <= 4


def test_a_side_that_cuts_the_item_is_named():
    image, truth = photograph(centre=(285, 120), shadow=False)
    outline = outline_on_plain(image)
    assert outline.cut_sides == ("right",)
    assert overlap(outline.mask, truth) > 0.85


def test_holes_are_filled_and_hulls_are_convex():
    image, truth = photograph(shadow=False)
    cv2.circle(image, (160, 120), 16, (206, 206, 206), -1)  # the ground shines through
    assert overlap(outline_on_plain(image).mask, truth) > 0.9
    cv2.rectangle(image, (40, 20), (280, 220), (40, 60, 190), 5)
    mask = outline_on_plain(image, convex=True).mask
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert cv2.contourArea(contours[0]) > 0.97 * cv2.contourArea(cv2.convexHull(contours[0]))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ground(), "nothing stands out|threshold"),
        (np.random.default_rng(1).integers(0, 256, (240, 320, 3)).astype(np.uint8), "not plain"),
        (photograph(axes=(9, 7))[0], "covers"),
        (photograph(axes=(220, 180))[0], "not plain|cuts the item|covers|pieces"),
    ],
)
def test_bad_masks_are_refused_with_the_reason(image, reason):
    with pytest.raises(BadMask, match=reason):
        outline_on_plain(image)


def test_alpha_is_used_as_it_is():
    bgra = np.zeros((40, 50, 4), np.uint8)
    bgra[10:30, 5:45] = (10, 200, 30, 255)
    assert np.array_equal(outline_of_alpha(bgra).mask > 0, bgra[..., 3] > 0)
    with pytest.raises(BadMask, match="alpha"):
        outline_of_alpha(np.zeros((40, 50, 4), np.uint8))


def test_splits_are_stable_and_about_one_in_five_is_for_testing():
    names = [f"trashnet/glass/glass{i}" for i in range(2000)]
    share = np.mean([split_of(name) == "test" for name in names])
    assert 0.17 < share < 0.23
    assert split_of("trashnet/glass/glass1") == "train" and split_of("iconic/Lemon") == split_of("iconic/Lemon")


def test_a_small_set_has_something_to_test_on():
    trains = [name for name in (f"own/{i}" for i in range(100)) if split_of(name) == "train"][:8]
    assert list(splits_of(trains).values()).count("test") == 1
    assert set(splits_of(trains[:2]).values()) == {"train"}


def test_pictures_of_one_object_are_in_one_group():
    shots = [photograph(seed, color) for seed, color in enumerate([(40, 60, 190)] * 3 + [(180, 60, 30)] * 2)]
    looks = [look(*shot) for shot in shots]
    groups = alike_groups([f"p{i}" for i in range(5)], range(5), looks)
    assert len(set(groups[:3])) == 1 and len(set(groups[3:])) == 1 and groups[0] != groups[3]


@pytest.fixture
def folder(tmp_path):
    """A user's photographs: two folders, one PNG with alpha, one picture that cannot be cut out."""
    for label, color in (("compost", (30, 110, 60)), ("non_compost", (190, 70, 40))):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(6):
            hue = np.array(color) + np.array([18, -14, 25]) * (number - 3)
            image, _ = photograph(
                number, tuple(hue.tolist()), (160 + 6 * number, 120), (60 + 4 * number, 36 + 2 * number)
            )
            cv2.imwrite(str(tmp_path / "mine" / label / f"photo{number * 10}.jpg"), image)
    bgra = np.zeros((60, 80, 4), np.uint8)
    cv2.ellipse(bgra, (40, 30), (30, 20), 0, 0, 360, (20, 200, 220, 255), -1)
    cv2.imwrite(str(tmp_path / "mine" / "compost" / "cut.png"), bgra)
    cv2.imwrite(str(tmp_path / "mine" / "compost" / "empty.jpg"), ground())
    return tmp_path / "mine"


def test_a_users_folders_become_assets_and_the_rest_is_named(folder):
    found = list(read_source(folder, {}))
    dropped = [each for each in found if isinstance(each, Dropped)]
    assets = [each for each in found if isinstance(each, NewAsset)]
    assert [each.file.name for each in dropped] == ["empty.jpg"] and dropped[0].reason
    assert len(assets) == 13
    for label in ("compost", "non_compost"):
        splits = {each.split for each in assets if each.label == label}
        assert splits == {"train", "test"}
    by_group = {}
    for each in assets:
        assert by_group.setdefault(each.group, each.split) == each.split


def test_folders_without_a_label_are_refused_until_they_are_mapped(folder):
    (folder / "bones").mkdir()
    with pytest.raises(ValueError, match="'bones', which has no label; allowed: compost, non_compost, ignore"):
        list(read_source(folder, {}))
    assert len([e for e in read_source(folder, {"bones": "ignore"}) if isinstance(e, NewAsset)]) == 13
    labels = {each.label for each in read_source(folder, {"bones": "ignore", "compost": "ignore"})
              if isinstance(each, NewAsset)}  # fmt: skip
    assert labels == {"non_compost"}
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        read_source(folder / "nowhere", {})


def test_a_pack_gives_back_what_went_in(folder, tmp_path):
    assets = [each for each in read_source(folder, {}) if isinstance(each, NewAsset)]
    pack = write_pack(tmp_path / "pack", assets, [("plain", "belt", "train", ground())])
    assert len(pack.assets) == 13 and len(pack.backgrounds) == 1
    for asset, new in zip(pack.assets, assets, strict=True):
        mask = pack.mask(asset.mask)
        assert np.array_equal(mask, new.mask)
        x, y, width, height = cv2.boundingRect(mask)
        assert asset.box == (x, y, x + width, y + height)
        picture = pack.picture(asset.picture)
        assert np.abs(picture[mask > 0].astype(int) - new.image_bgr[mask > 0]).mean() < 8
        assert pack.picture(asset.picture, 2).shape[0] == (picture.shape[0] + 1) // 2
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.old"))


def test_broken_packs_say_how_to_make_one(tmp_path):
    with pytest.raises(PackError, match="does not exist; make one with"):
        Pack(tmp_path)
    for text, reason in (("{", "not valid JSON"), ('{"version": 99}', "version 99"), ('{"version": 1}', "assets")):
        (tmp_path / "pack.json").write_text(text)
        with pytest.raises(PackError, match=reason):
            Pack(tmp_path)


def test_the_pack_command_tells_what_it_did(folder, tmp_path):
    (tmp_path / "belts").mkdir()
    cv2.imwrite(str(tmp_path / "belts" / "belt.jpg"), ground(5, (900, 1200), 60))
    pack, dropped = build_pack([folder], tmp_path / "pack", None, 1, (0, 0, 2), False, tmp_path / "belts")
    assert {b.kind for b in pack.backgrounds} == {"belt", "plain"}
    text = describe(pack, dropped)
    assert "13 assets, 1 pictures left out" in text and "mine" in text
    tested = len({asset.group for asset in pack.assets if asset.label == "compost" and asset.split == "test"})
    assert tested < 5 and f"only {tested} to test on of 'compost'" in text
    listing = json.loads((tmp_path / "pack" / "pack.json").read_text())
    assert max(pack.picture(tuple(listing["backgrounds"][0]["picture"])).shape) == 640
    empty = tmp_path / "other" / "compost"
    empty.mkdir(parents=True)
    cv2.imwrite(str(empty / "a.jpg"), ground())
    with pytest.raises(PackError, match="not one of 1 pictures gave an item"):
        build_pack([tmp_path / "other"], tmp_path / "pack2", None, 1, (0, 0, 0), False)
