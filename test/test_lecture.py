"""The lecture's networks and their parts, each against a plain calculation of the same thing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from spp_sorter.evaluation.metrics import voc_average_precision
from spp_sorter.evaluation.truth import GroundTruth, Prediction
from spp_sorter.lecture import photographs as ph
from spp_sorter.lecture.any_size import lengths, refusal
from spp_sorter.lecture.classifier import ClassifierConfig, PictureClassifier, load_classifier, save_classifier
from spp_sorter.lecture.classifier_training import VARIANTS, train_classifier
from spp_sorter.lecture.convolution import Convolution, scaled
from spp_sorter.lecture.frozen_pooling import compare_pooling
from spp_sorter.lecture.intervals import JudgedPictures, paired_accuracy
from spp_sorter.lecture.rcnn import CONTEXT, FILL, SIDE, cut_regions
from spp_sorter.lecture.region_head import train_head, training_windows
from spp_sorter.lecture.scenes import Scene, read_scene, write_scene
from spp_sorter.lecture.small_windows import pool_padded
from spp_sorter.lecture.spp_net import FIVE_SCALES, SppNetDescriber, choose_scales
from spp_sorter.lecture.views import PhotographStore, size_of, training_batches
from spp_sorter.lecture.views import test_views as judged_views
from spp_sorter.network.spp import SpatialPyramidPool, clamp_windows, project_boxes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def spp() -> PictureClassifier:
    return PictureClassifier(ClassifierConfig(), 6, imagenet=False).eval()


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def photographs_of(count: int, size_hw: tuple[int, int] = (60, 80)) -> ph.Photographs:
    images = tuple(picture(*size_hw, seed=i) for i in range(count))
    return ph.Photographs(
        "trashnet", tuple(map(str, range(count))), images, np.arange(count) % 2, ("a", "b"), np.arange(count) % 3
    )


def test_every_size_gives_one_length(spp: PictureClassifier) -> None:
    found = lengths(spp, ((32, 32), (33, 190), (180, 240), (224, 224), (400, 96)))
    assert set(found.values()) == {320 * 21}


def test_picture_below_the_stride_is_refused(spp: PictureClassifier) -> None:
    assert "32 x 31" in refusal(spp)
    assert "32 x 32 and more" in refusal(spp)


def test_fixed_network_refuses_other_sizes() -> None:
    fixed = PictureClassifier(VARIANTS["fixed_crop"], 6, imagenet=False).eval()
    assert fixed.features(torch.zeros(1, 3, 224, 224)).shape == (1, 320 * 25)
    with pytest.raises(ValueError, match=r"240 x 180.*fixed number of inputs"):
        fixed.features(torch.zeros(1, 3, 180, 240))


def test_classifier_round_trip(spp: PictureClassifier, tmp_path: Path) -> None:
    save_classifier(spp, ("a", "b", "c", "d", "e", "f"), tmp_path / "c.pt", {"fold": 1})
    again, labels, notes = load_classifier(tmp_path / "c.pt")
    image = torch.rand(1, 3, 64, 96) * 255
    assert labels[5] == "f" and notes == {"fold": 1}
    torch.testing.assert_close(again(image), spp(image), rtol=0.02, atol=0.05)
    torch.save({"format": "other"}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="format"):
        load_classifier(tmp_path / "other.pt")


def test_epochs_alternate_between_sizes() -> None:
    store = PhotographStore(photographs_of(6), CPU)
    config = ClassifierConfig(sides=(180, 224))
    sizes = [{tuple(v.shape[2:]) for v, _ in training_batches(store, config, epoch, 0, 4)} for epoch in range(3)]
    assert sizes == [{(180, 240)}, {(224, 299)}, {(180, 240)}]


@pytest.mark.parametrize(("view", "size_hw"), [("crop", (224, 224)), ("warp", (224, 224)), ("whole", (224, 299))])
def test_views_as_judged(view: str, size_hw: tuple[int, int]) -> None:
    photographs = photographs_of(1, (192, 256))
    store = PhotographStore(photographs, CPU)
    seen = judged_views(store, ClassifierConfig(view=view), np.array([0]), 224)[0].permute(1, 2, 0).numpy()[..., ::-1]
    image = photographs.images_bgr[0]
    if view == "crop":  # 224 / 256 of the short side, from the middle: 168 of 192
        image = image[12:180, 44:212]
    expected = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    assert seen.shape[:2] == size_hw
    inner = np.s_[4:-4, 4:-4]  # at the border a crop still sees its surroundings
    assert np.abs(seen - expected)[inner].max() <= 2


def test_training_views_are_parts_of_the_picture() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[..., 2] = np.arange(128)  # red tells the column
    photographs = ph.Photographs("trashnet", ("0",), (image,), np.zeros(1, int), ("a",), np.zeros(1, int))
    store = PhotographStore(photographs, CPU)
    whole = torch.tensor([[0.25, 0.0, 0.75, 1.0]])
    seen = store.look(torch.tensor([0]), whole, (48, 64), torch.tensor([[-1.0, 1.0]]))[0, 0]
    torch.testing.assert_close(seen[0], torch.arange(95.0, 31.0, -1.0), atol=0.6, rtol=0)


def test_size_of_keeps_the_short_side() -> None:
    assert size_of(224, 4 / 3) == (224, 299)
    assert size_of(180, 0.75) == (240, 180)


def test_training_learns() -> None:
    dark_and_bright = [np.full((48, 64, 3), 30 + 170 * (i % 2), np.uint8) for i in range(12)]
    photographs = ph.Photographs(
        "trashnet",
        tuple(map(str, range(12))),
        tuple(dark_and_bright),
        np.arange(12) % 2,
        ("a", "b"),
        np.arange(12) // 4,
    )
    config = ClassifierConfig(sides=(64,), train_convolutions=False)
    trained = train_classifier(config, photographs, 0, 8, 0, CPU)
    assert trained.predicted.tolist() == [0, 1, 0, 1]
    assert all(parameter.grad is None for parameter in trained.network.backbone.parameters())


def test_products_stay_in_one_fold_and_classes_are_split() -> None:
    files = [Path(f"grocery/fruit/{name}/{i}.jpg") for name in ("Kiwi", "Lime", "Plum") for i in range(4)]
    files += [Path(f"trashnet/glass/glass{i}.jpg") for i in range(9)]
    labels = [0] * 12 + [1] * 9
    folds = ph.fold_of(files, labels)
    assert [len(set(folds[i : i + 4])) for i in (0, 4, 8)] == [1, 1, 1]
    assert sorted(set(folds[:12])) == [0, 1, 2]
    assert np.bincount(folds[12:]).tolist() == [3, 3, 3]
    assert ph.fold_of(files, labels, blocks=True)[12:].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_packed_photographs_are_those_of_the_folders(tmp_path: Path) -> None:
    for name in ph.TRASHNET_LABELS:
        (tmp_path / "trashnet" / name).mkdir(parents=True)
        for i in (10, 9, 2):
            cv2.imwrite(str(tmp_path / "trashnet" / name / f"{name}{i}.jpg"), np.full((60, 80, 3), i, np.uint8))
    ph.pack_photographs("trashnet", tmp_path, tmp_path / "p.npz", long_side=40)
    folders, packed = ph.load_photographs("trashnet", tmp_path), ph.read_packed(tmp_path / "p.npz")
    assert packed.names == folders.names and packed.names[:3] == (
        "cardboard/cardboard2",
        "cardboard/cardboard9",
        "cardboard/cardboard10",
    )
    assert packed.labels.tolist() == folders.labels.tolist() and packed.folds.tolist() == folders.folds.tolist()
    assert packed.images_bgr[0].shape == (30, 40, 3)
    with pytest.raises(FileNotFoundError, match="--data"):
        ph.load_photographs("trashnet", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="allowed: trashnet, compost"):
        ph.load_photographs("wood", tmp_path)


@settings(max_examples=25)
@given(st.integers(0, 14), st.integers(0, 11), st.integers(1, 12), st.integers(1, 12))
def test_padding_centres_small_windows_in_zeros(x: int, y: int, width: int, height: int) -> None:
    features = torch.randn(1, 2, 14, 17, generator=torch.Generator().manual_seed(1))
    windows = clamp_windows(torch.tensor([[x, y, x + width, y + height]]), (14, 17))
    x0, y0, x1, y1 = windows[0].tolist()
    pad_x, pad_y = max(0, 6 - (x1 - x0)), max(0, 6 - (y1 - y0))
    around = (pad_x // 2, pad_x - pad_x // 2, pad_y // 2, pad_y - pad_y // 2)
    cells = F.pad(features[:, :, y0:y1, x0:x1], around)
    plain = torch.cat([F.adaptive_max_pool2d(cells, n).flatten(1) for n in (6, 3, 2, 1)], dim=1)
    assert torch.equal(pool_padded(features, windows, (6, 3, 2, 1)), plain)


def test_padding_wants_levels_that_nest() -> None:
    with pytest.raises(ValueError, match="divide the first"):
        pool_padded(torch.zeros(1, 1, 4, 4), torch.tensor([[0, 0, 2, 2]]), (4, 3))


def test_finer_stride_keeps_every_old_cell() -> None:
    image = picture(256, 320)[None]
    plain, fine = Convolution(CPU, torch.float32), Convolution(CPU, torch.float32, fine=True)
    old, new = plain.run(plain.prepare(image)), fine.run(fine.prepare(image))
    assert fine.stride == 8 and new.shape[2:] == (32, 40)
    torch.testing.assert_close(new[:, :, 1::2, 1::2][:, :, 5:-5, 5:-5], old[:, :, 5:-5, 5:-5], atol=1e-3, rtol=1e-3)


def test_scale_is_the_one_nearest_to_224_squared() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 300, (200, 2))
    windows = np.concatenate([low, low + rng.uniform(5, 300, (200, 2))], axis=1)
    chosen = choose_scales(windows, (480, 640), FIVE_SCALES)
    for window, number in zip(windows, chosen, strict=True):
        pixels = [np.prod((window[2:] - window[:2]) * side / 480) for side in FIVE_SCALES]
        assert number == min(range(5), key=lambda i: abs(pixels[i] - 224**2))
    assert len(set(chosen.tolist())) > 2


def test_five_scales_pool_each_window_from_its_own_map() -> None:
    convolution, pool = Convolution(CPU, torch.float32), SpatialPyramidPool((2, 1))
    image, windows = picture(96, 128), np.array([[0, 0, 128, 96], [10, 10, 30, 30]], np.float32)
    sides = (64, 160)
    described = SppNetDescriber(convolution, pool, sides).describe(image, windows)
    chosen = choose_scales(windows, (96, 128), sides)
    for row, window, number in zip(described.vectors, windows, chosen, strict=True):
        shown, scale = scaled(image, sides[number])
        features = convolution.run(convolution.prepare(shown[None]))
        cells = project_boxes(torch.from_numpy(window[None] * scale), 16, (features.shape[2], features.shape[3]))
        torch.testing.assert_close(row, pool.pool_windows(features, cells)[0])


def test_warped_region_is_the_window_with_context() -> None:
    image = cv2.GaussianBlur(picture(300, 400), (0, 0), 6)
    region = cut_regions(image, np.array([[100.0, 100.0, 292.0, 196.0]]), crop=False)[0]
    inner = cv2.resize(image[100:196, 100:292], (SIDE - 2 * CONTEXT, SIDE - 2 * CONTEXT))
    assert np.abs(region[CONTEXT:-CONTEXT, CONTEXT:-CONTEXT].astype(int)[3:-3, 3:-3] - inner[3:-3, 3:-3]).max() <= 3


def test_cropped_region_keeps_its_shape_and_fills_outside() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 80:100] = 255  # a square must stay one
    region = cut_regions(image, np.array([[20.0, 40.0, 160.0, 60.0]]), crop=True)[0]
    ys, xs = np.nonzero(region[..., 0] == 255)
    assert abs((ys.max() - ys.min()) - (xs.max() - xs.min())) <= 1
    assert tuple(region[0, 100]) == FILL


def made_scene(seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    boxes = np.array([[20, 20, 80, 80], [120, 30, 180, 100], [60, 110, 90, 140]], np.float32)
    near = boxes.repeat(30, axis=0) + rng.uniform(-12, 12, (90, 4)).astype(np.float32)
    low = rng.uniform(0, 120, (60, 2)).astype(np.float32)
    far = np.concatenate([low, low + rng.uniform(10, 60, (60, 2)).astype(np.float32)], axis=1)
    return Scene(
        f"made_{seed}", picture(160, 200, seed), boxes, np.array([0, 1, 0]), np.array([False, False, True]),
        np.array([3600.0, 4200.0, 900.0]), ("a", "b", "c"), np.concatenate([near, far]), 1.0,
    )  # fmt: skip


def test_scene_round_trip(tmp_path: Path) -> None:
    write_scene(made_scene(), tmp_path / "scene_x_0000.npz")
    scene = read_scene(tmp_path / "scene_x_0000.npz")
    assert scene.name == "x_0000" and scene.objects == ("a", "b", "c")
    np.testing.assert_array_equal(scene.windows, made_scene().windows)
    assert scene.truth.labels.tolist() == [0, 1, -1]


def test_training_windows_are_a_quarter_positive_and_skip_the_hidden() -> None:
    windows = training_windows(made_scene(), 0)
    assert windows.iou[:2].tolist() == [1.0, 1.0]
    hidden = made_scene().boxes_xyxy[2]
    for box, iou in zip(windows.boxes_xyxy, windows.iou, strict=True):
        overlap = np.prod(np.clip(np.minimum(box[2:], hidden[2:]) - np.maximum(box[:2], hidden[:2]), 0, None))
        union = np.prod(box[2:] - box[:2]) + np.prod(hidden[2:] - hidden[:2]) - overlap
        assert iou >= 0.5 or overlap / union < 0.3


def test_head_finds_and_refines_what_vectors_show() -> None:
    scenes = [made_scene(seed) for seed in range(6)]
    truth = np.array([[20, 20, 80, 80], [120, 30, 180, 100]])

    def vectors(boxes: np.ndarray) -> np.ndarray:  # a vector that tells where the window lies
        centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        grid = np.stack(np.meshgrid(np.arange(10, 200, 20), np.arange(10, 160, 20)), -1).reshape(-1, 2)
        near = np.exp(-((centre[:, None] - grid[None]) ** 2).sum(-1) / 800)
        return np.concatenate([near, near * size[:, :1] / 60, near * size[:, 1:] / 60], axis=1).astype(np.float16)

    windows = [training_windows(scene, i) for i, scene in enumerate(scenes)]
    head = train_head([vectors(w.boxes_xyxy) for w in windows], windows)
    new = made_scene(9)
    found = head.detect(torch.from_numpy(vectors(new.windows)).float(), new.windows, (160, 200))
    for label, box in enumerate(truth):
        own = found.labels == label
        best = found.boxes_xyxy[own][found.scores[own].argmax()]
        assert np.abs(best - box).max() < 12, (label, best)


def some_pictures(count: int, seed: int = 0) -> tuple[list[GroundTruth], list[Prediction]]:
    rng = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(count):
        low = rng.uniform(0, 400, (6, 2))
        boxes = np.concatenate([low, low + rng.uniform(15, 80, (6, 2))], axis=1)
        labels = rng.integers(0, 2, 6)
        truths.append(GroundTruth(boxes, labels, rng.random(6) < 0.1))
        moved = np.concatenate([boxes + rng.uniform(-12, 12, (6, 1)), rng.permutation(boxes) + 30])
        predictions.append(Prediction(moved, rng.random(12), rng.integers(0, 2, 12)))
    return truths, predictions


def test_weighted_mean_ap_is_voc_and_weights_are_repetitions() -> None:
    truths, predictions = some_pictures(7)
    judged = JudgedPictures(truths, predictions)
    plain = voc_average_precision(truths, predictions, 2, points=11).mean()
    assert judged.mean_ap(np.ones(7)) == pytest.approx(plain)
    weights = np.array([0, 2, 1, 0, 3, 1, 0])
    again_truths = [t for t, w in zip(truths, weights, strict=True) for _ in range(w)]
    again = [p for p, w in zip(predictions, weights, strict=True) for _ in range(w)]
    repeated = voc_average_precision(again_truths, again, 2, points=11).mean()
    assert judged.mean_ap(weights.astype(float)) == pytest.approx(repeated, abs=0.02)


def test_paired_accuracy_of_equal_and_of_better() -> None:
    right = np.array([1.0, 0, 1, 1] * 50)
    assert paired_accuracy(right, right) == (0.0, (0.0, 0.0))
    difference, interval = paired_accuracy(np.ones(200), right)
    assert difference == pytest.approx(0.25)
    assert interval is not None and 0.15 < interval[0] < 0.25 < interval[1] < 0.35


def test_only_an_average_tells_how_much_of_a_picture_is_light() -> None:
    """Pictures of dark and light cells differ in their number alone: the largest cell is the same in all of them."""
    rng = np.random.default_rng(0)
    images, labels = [], np.arange(36) % 2
    for label in labels:
        cells = rng.random((7, 7)) < (0.25, 0.75)[label]
        images.append(np.repeat(np.kron(cells, np.full((32, 32), 255)).astype(np.uint8)[..., None], 3, axis=2))
    names = tuple(str(i) for i in range(len(images)))
    photographs = ph.Photographs("trashnet", names, tuple(images), labels, ("dark", "light"), np.arange(36) // 2 % 3)
    seen: list[int] = []
    figures = compare_pooling(photographs, CPU, seen.append)
    assert sum(seen) == 36
    assert set(figures) == {"4 2 1", "4 3 2 1", "6 3 2 1", "1"}
    assert [row["length"] for row in figures.values()] == [21 * 320, 30 * 320, 50 * 320, 320]
    assert all(row["average"] >= 0.9 for row in figures.values())
    for row in figures.values():
        assert row["max_minus_average"] == pytest.approx(row["max"] - row["average"])
    assert compare_pooling(photographs, CPU, seen.append) == figures
