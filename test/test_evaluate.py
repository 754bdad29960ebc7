"""The verb ``evaluate`` from end to end: an oracle scores 1, an untrained network runs, broken data are refused."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from spp_sorter.evaluation.datasets import Dataset, ImageRecord, read_dataset, write_coco
from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.measure import Sample, dataset_samples, measure
from spp_sorter.evaluation.mistakes import Gallery
from spp_sorter.evaluation.summary import summarise_grasps
from spp_sorter.evaluation.truth import ANY_LABEL
from spp_sorter.geometry.camera import Camera
from spp_sorter.learning import check, evaluate, held_out
from spp_sorter.network.checkpoint import Checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.simulation.belt_world import RenderedFrame
from spp_sorter.simulation.scene_config import camera_pose, default_intrinsics
from spp_sorter.values import LABELS, Detections, Grasps, ImageArray, TrueItem, TruthFrame

ITEMS = (((20, 30, 80, 60), 0), ((100, 20, 130, 120), 1), ((40, 70, 90, 95), 1))


class Oracle:
    """Detects exactly the truth of the samples it was shown, ignored items included."""

    label_names = LABELS

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._answers = {self._key(sample.image_bgr): self._answer(sample) for sample in samples}

    def detect(self, image_bgr: ImageArray) -> Detections:
        return self._answers[self._key(image_bgr)]

    @staticmethod
    def _key(image_bgr: ImageArray) -> str:
        return hashlib.sha256(image_bgr.tobytes()).hexdigest()

    def _answer(self, sample: Sample) -> Detections:
        truth = sample.truth
        count = len(truth)
        labels = np.maximum(truth.labels, 0)
        points, yaws, sizes = np.zeros((count, 2)), np.zeros(count), np.ones((count, 2))
        for index in range(count):
            mask = sample.mask(index)
            if mask is not None:
                rows, columns = mask.nonzero()
                points[index] = columns[len(rows) // 2] + 0.5, rows[len(rows) // 2] + 0.5
            axis = sample.axis(index)
            if axis is not None:
                yaws[index], sizes[index] = axis.yaw_rad, (axis.length_px, axis.width_px)
        probs = np.zeros((count, 2), np.float32)
        probs[np.arange(count), labels] = 1.0
        return Detections(
            truth.boxes_xyxy.astype(np.float32), np.ones(count, np.float32), labels, probs, LABELS,
            Grasps(points.astype(np.float32), yaws.astype(np.float32), sizes.astype(np.float32)),
        )  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three pictures of rectangles, one of them without any."""
    rng = np.random.default_rng(0)
    records = []
    for index in range(3):
        image = rng.integers(0, 60, (140, 160, 3), np.uint8)
        masks = []
        for (x1, y1, x2, y2), label in ITEMS if index else ():
            cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), (40, 200, 90) if label else (200, 90, 40), -1)
            mask = np.zeros((140, 160), bool)
            mask[y1:y2, x1:x2] = True
            masks.append(Mask.of(mask))
        path = tmp_path / f"{index}.png"
        assert cv2.imwrite(str(path), image)
        items = ITEMS if index else ()
        boxes = np.array([box for box, _ in items], np.float64).reshape(-1, 4)
        labels = np.array([label for _, label in items], np.int64)
        names = tuple(f"object {i}" for i in range(len(items)))
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        records.append(
            ImageRecord(path, (140, 160), boxes, labels, np.zeros(len(items), bool), areas, tuple(masks), names)
        )
    write_coco(tmp_path / "labels.json", Dataset(tmp_path, LABELS, tuple(records)))
    return tmp_path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network."""
    torch.manual_seed(0)
    config = NetworkConfig(channels=16, hidden=16, long_side=160)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    save_checkpoint(Checkpoint(config, SppNetwork(config, imagenet=False).state_dict()), path)
    return path


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return parser.parse_args(words)


def test_the_truth_as_detections_scores_one(data: Path) -> None:
    samples = list(dataset_samples(read_dataset(data)))
    figures, _ = evaluate.evaluate_dataset(Oracle(samples), samples)
    assert figures["map50"] == figures["ap"] == figures["voc2007"] == figures["voc2010"] == 1.0
    assert figures["interval"]["map50"] == (1.0, 1.0)
    assert figures["per_class"]["compost"]["items"] == 2 and figures["per_class"]["non_compost"]["items"] == 4
    assert figures["per_class"]["non_compost"]["recall"] == 1.0
    assert figures["images"] == 3 and figures["items"] == 6 and figures["objects"] == 3
    counts = figures["confusion"]["counts"]
    assert counts["compost"] == {"compost": 2, "non_compost": 0, "missed": 0}
    assert counts["background"] == {"compost": 0, "non_compost": 0}
    assert figures["ece"] == 0.0
    assert figures["grasp"]["point_inside"] == 1.0 and figures["grasp"]["items"] == 6
    assert figures["grasp"]["yaw_error_deg"]["p50"] < 1e-3 and figures["grasp"]["yaw_error_deg"]["items"] == 6
    assert figures["grasp"]["size_error"]["p50"] < 1e-3


def test_what_was_not_to_measure_is_null(data: Path, tmp_path: Path) -> None:
    dataset = read_dataset(data)
    empty = list(dataset_samples(Dataset(data, LABELS, dataset.records[:1])))
    figures, _ = evaluate.evaluate_dataset(Oracle(empty), empty)
    evaluate.write_json(tmp_path / "figures.json", figures)
    read = json.loads((tmp_path / "figures.json").read_text())
    assert read["map50"] is read["ap"] is read["ece"] is read["interval"]["map50"] is None
    assert read["grasp"]["point_inside"] is read["grasp"]["yaw_error_deg"]["p50"] is None
    assert read["grasp"]["items"] == read["items"] == 0


def test_wrong_grasps_are_counted(data: Path) -> None:
    samples = list(dataset_samples(read_dataset(data)))
    oracle = Oracle(samples)

    class Crooked:
        label_names = LABELS

        def detect(self, image_bgr: ImageArray) -> Detections:
            right = oracle.detect(image_bgr)
            grasps = right.grasps
            assert grasps is not None
            crooked = Grasps(grasps.points_xy - 200, grasps.yaws_rad + np.radians(170), grasps.sizes_px * 1.25)
            return Detections(right.boxes_xyxy, right.scores, right.labels, right.label_probs, LABELS, crooked)

    grasp = summarise_grasps(measure(Crooked(), samples))
    assert grasp["point_inside"] == 0.0
    assert grasp["yaw_error_deg"]["p50"] == pytest.approx(10.0, abs=0.01)
    assert grasp["size_error"]["p50"] == pytest.approx(0.25, abs=1e-4)
    assert grasp["size_error"]["interval"]["p50"] == pytest.approx((0.25, 0.25), abs=1e-4)


def test_command_measures_a_checkpoint_on_a_data_set(
    data: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out" / "figures.json", tmp_path / "out" / "report.html"
    words = ["--model", str(checkpoint), "--data", str(data), "--device", "cpu", "--precision", "fp32"]
    assert evaluate.run(arguments(*words, "--json", str(out), "--report", str(report))) == 0
    page = report.read_text()
    assert page.count("<svg") == 2 and "missed" in page and "data:image/jpeg;base64," in page
    assert "http" not in page.replace("http://www.w3.org", "") and "nan" not in page
    figures = json.loads(out.read_text())
    assert 0.0 <= figures["map50"] < 0.9
    assert figures["device"] == "cpu" and figures["precision"] == "fp32" and figures["checkpoint"] == str(checkpoint)
    assert set(figures["per_class"]) == set(LABELS)
    assert {"ap", "ece", "grasp", "confusion", "interval", "command", "detector"} <= set(figures)
    table = capsys.readouterr().out
    assert "mAP@0.5" in table and "non_compost" in table and "missed" in table


def test_label_map_and_broken_data(data: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "labels.json"
    tree = json.loads(path.read_text())
    tree["categories"][0]["name"] = "Peel"
    tree["categories"][1]["name"] = "Bottle"
    path.write_text(json.dumps(tree))
    words = ["--model", str(checkpoint), "--data", str(path), "--device", "cpu"]
    assert evaluate.run(arguments(*words)) == 2
    said = capsys.readouterr().err
    assert "'Peel'" in said and "'Bottle'" in said and "--skip-broken" in said
    label_map = data / "map.yaml"
    label_map.write_text("categories:\n  peel: compost\n  bottle: non_compost\n")
    assert evaluate.run(arguments(*words, "--labels", str(label_map))) == 0
    (data / "1.png").write_bytes(b"")
    assert evaluate.run(arguments(*words, "--labels", str(label_map))) == 2
    assert "broken picture" in capsys.readouterr().err
    assert evaluate.run(arguments(*words, "--labels", str(label_map), "--skip-broken")) == 0


def test_the_worst_mistakes_are_kept(data: Path) -> None:
    samples = list(dataset_samples(read_dataset(data)))
    oracle = Oracle(samples)
    gallery = Gallery(per_kind=2)
    for sample in samples:
        right = oracle.detect(sample.image_bgr)
        if not len(right):
            continue
        boxes = right.boxes_xyxy.copy()
        boxes[2] = (140, 120, 160, 140)  # item 2 is missed, and something is called where nothing is
        labels = np.array([1, 1, 0])  # item 0 is called non_compost
        scores = np.array([0.75, 0.9, 0.5 if sample is samples[1] else 0.8], np.float32)
        gallery.look(sample, Detections(boxes, scores, labels, right.label_probs))
    (wrong, _), ghosts, (missed, _) = (gallery.worst(kind) for kind in ("wrong label", "nothing there", "missed"))
    assert wrong.caption == "compost called non_compost 0.75 (1.png)"
    assert missed.caption == "non_compost (1.png)" and missed.weight == pytest.approx(50 * 25 / (140 * 160))
    assert [ghost.caption for ghost in ghosts] == ["compost 0.80 (2.png)", "compost 0.50 (1.png)"]
    assert gallery.worst("wrong box") == ()
    right = oracle.detect(samples[2].image_bgr)
    gallery.look(samples[2], Detections(right.boxes_xyxy * 1.2, right.scores, right.labels, right.label_probs))
    assert "compost 1.00, IoU 0.44 (2.png)" in [mistake.caption for mistake in gallery.worst("wrong box")]
    crop = cv2.imdecode(np.frombuffer(wrong.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert crop.shape == (200, 200, 3)


@pytest.mark.parametrize(
    "words",
    [
        ["--scenes", "0"],
        ["--seed", "-1"],
        ["--workers", "-1"],
        ["--labels", "map.yaml"],
        ["--skip-broken"],
        ["--pack", "nowhere"],
    ],
)
def test_arguments_that_cannot_be_are_named(words: list[str]) -> None:
    with pytest.raises(ValueError, match="--"):
        evaluate.run(arguments(*words))


def test_check_prints_every_problem(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args([str(data)])) == 0
    assert "no problem" in capsys.readouterr().err
    (data / "1.png").unlink()
    (data / "2.png").write_bytes(b"x")
    assert check.run(parser.parse_args([str(data)])) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "1 broken picture, 1 missing picture" in said.err


def true_item(number: int, label: str, box: tuple[float, ...], visible: float) -> TrueItem:
    corners, middle = np.array(box), np.array([0.1, 0.0, 0.0])
    size = np.array([0.05, 0.02, 0.01])
    return TrueItem(number, f"object {number}", label, corners, corners, visible, corners[:2], middle, 0.5, size)


def test_hardly_visible_items_are_ignored_and_hidden_ones_are_not_there() -> None:
    masks = np.zeros((50, 60), np.int32)
    masks[5:15, 5:25] = 3
    masks[30:40, 30:40] = 7
    nowhere = (np.nan,) * 4
    items = (
        true_item(3, "compost", (5, 5, 25, 15), 1.0),
        true_item(7, "non_compost", (30, 30, 40, 40), 0.29),
        true_item(9, "non_compost", nowhere, 0.0),
    )
    frame = RenderedFrame(np.zeros((50, 60, 3), np.uint8), None, TruthFrame(0, items, masks, 0.0))
    camera = Camera(default_intrinsics((50, 60)), camera_pose(2.0))
    sample = held_out.frame_sample("frame", frame, camera, LABELS)
    assert sample.truth.labels.tolist() == [0, ANY_LABEL]
    assert sample.truth.to_find.tolist() == [True, False]
    assert sample.truth.areas is not None and sample.truth.areas.tolist() == [200.0, 100.0]
    assert sample.objects == ("object 3", "object 7")
    mask, axis = sample.mask(1), sample.axis(0)
    assert mask is not None and mask.sum() == 100
    assert axis is not None and sample.axis(1) is None
    # 60 px show 2 m, and the image's y points against that of the belt.
    assert (axis.length_px, axis.width_px) == pytest.approx((1.5, 0.6), rel=0.02)
    assert axis.yaw_rad == pytest.approx(-0.5, abs=0.02)
    with pytest.raises(ValueError, match="--data"):
        held_out.frame_sample("frame", frame, camera, ("waste",))


def test_simulated_scenes_repeat_and_the_oracle_scores_one(tmp_path: Path) -> None:
    densities = ("sparse", "touching")
    samples = [s for density in densities for s in held_out.rendered_samples(LABELS, density, 1, 0)]
    (other,) = held_out.rendered_samples(LABELS, "sparse", 1, 1)
    assert not np.array_equal(samples[0].image_bgr, other.image_bgr)
    # Rendered again, in a process of its own: the oracle knows every picture to the last bit.
    words = ["--tests", "rendered", "--density", *densities, "--scenes", "1", "--workers", "1"]
    figures, pooled = evaluate.evaluate_own(Oracle(samples), arguments(*words), Gallery())
    assert pooled is not None
    assert figures["rendered"]["map50"] == figures["rendered"]["ap"] == 1.0
    assert figures["rendered"]["pooled"] == list(figures["rendered"]["density"]) == list(densities)
    assert figures["rendered"]["density"]["sparse"]["map50"] == 1.0
    assert len(pooled.names) == 2 and figures["rendered"]["items"] > 4
    assert figures["ece"] == 0.0
    assert figures["grasp"]["point_inside"] == 1.0
    assert set(figures["interval"]) == {"ece"}
    evaluate.write_json(tmp_path / "figures.json", figures)
    read = json.loads((tmp_path / "figures.json").read_text())
    assert read["rendered"]["interval"]["map50"] == read["rendered.map50.interval"] == [1.0, 1.0]
    assert read["rendered.density.touching.ap"] == read["grasp.point_inside"] == 1.0
    assert read["grasp.yaw_error_deg.p50"] < 1e-3 and read["ece.interval"] == [0.0, 0.0]
