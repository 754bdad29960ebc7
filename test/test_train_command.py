"""``spp_sorter train`` as it is called: what it learns from, what it refuses, what it leaves behind."""

import argparse
import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch

from spp_sorter.evaluation.datasets import Dataset, ImageRecord, write_coco
from spp_sorter.evaluation.measure import Sample
from spp_sorter.evaluation.mistakes import Gallery
from spp_sorter.evaluation.truth import GroundTruth
from spp_sorter.learning import evaluate, own_tests, temperature, train
from spp_sorter.learning.pack import NewAsset, write_pack
from spp_sorter.learning.schedule import Schedule
from spp_sorter.network.backbone import LITE0
from spp_sorter.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.nano import NANO, NANO_LONG_SIDE
from spp_sorter.network.slim import SLIM
from spp_sorter.values import LABELS, Detections


def arguments(*words):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An untrained network for small pictures."""
    torch.manual_seed(0)
    config = NetworkConfig(channels=16, hidden=16, long_side=96)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    save_checkpoint(Checkpoint(config, SppNetwork(config, imagenet=False).state_dict()), path)
    return path


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Two kinds of items from two sources, each with objects for training and for testing."""
    rng = np.random.default_rng(0)
    assets = []
    for number in range(12):
        image = np.full((60, 60, 3), 200, np.uint8)
        mask = np.zeros((60, 60), np.uint8)
        cv2.ellipse(mask, (30, 30), (24, 12), 15 * number, 0, 360, 255, -1)
        image[mask > 0] = (30, 160, 60) if number % 2 else (200, 60, 40)
        image = cv2.add(image, rng.integers(0, 20, image.shape, np.uint8))
        label = LABELS[(number + 1) % 2]
        split = "test" if number % 3 == 0 else "train"
        name = f"item{number}"
        source = "left" if number < 6 else "right"
        assets.append(NewAsset(image, mask, name, source, label, name, split, f"{name}.jpg", "CC0", alone=True))
    grounds = [
        (f"{kind}{split}", kind, split, rng.integers(60, 90, (120, 160, 3)).astype(np.uint8))
        for kind in ("belt", "bed", "plain")
        for split in ("train", "test")
    ]
    path = tmp_path_factory.mktemp("packs") / "pack"
    write_pack(path, assets, grounds)
    return path


@pytest.fixture
def data(tmp_path):
    """Four pictures with one item each."""
    records = []
    for number in range(4):
        image = np.full((72, 96, 3), 60, np.uint8)
        image[20:50, 30:70] = (30, 200, 230)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
        box = np.array([[30.0, 20, 70, 50]])
        records.append(
            ImageRecord(
                tmp_path / f"{number}.png",
                (72, 96),
                box,
                np.array([number % 2]),
                np.zeros(1, bool),
                np.array([1200.0]),
                (None,),
                ("",),
            )
        )
    write_coco(tmp_path / "labels.json", Dataset(tmp_path, LABELS, tuple(records)))
    return tmp_path


def test_learning_from_own_pictures_beside_the_belt(data, checkpoint, tmp_path, capsys):
    words = ["--data", data, "--init", checkpoint, "--steps", 2, "--batch", 2, "--workers", 0, "--device", "cpu"]
    assert train.run(arguments("--out", tmp_path / "run", *words)) == 0
    said = capsys.readouterr().out
    assert "4 pictures" in said and "25% simulated scenes" in said and "pictures/s" in said
    made = load_checkpoint(tmp_path / "run" / "model.pt")
    assert made.step == 2 and made.config.long_side == 96 and "4 pictures" in made.notes
    assert len(list((tmp_path / "run" / "tensorboard").glob("events*"))) == 1
    with pytest.raises(ValueError, match="same --steps"):
        train.run(arguments("--out", tmp_path / "run", *words[:4], "--steps", 3, "--batch", 2, "--resume"))


def test_a_budget_of_minutes_ends_in_its_last_leg(pack, checkpoint, tmp_path, capsys):
    words = ["--pack", pack, "--world-share", 0, "--init", checkpoint, "--batch", 2, "--workers", 0]
    words += ["--budget-minutes", 50, "--device", "cpu", "--out", tmp_path, "--exclude-source", "left"]
    assert train.run(arguments(*words, "--minutes", 1e-6)) == 0
    said = capsys.readouterr().out
    assert "without left" in said and "stopped after 1 steps" in said and "--resume" in said
    assert train.run(arguments(*words, "--resume", "--minutes", 0.05, "--last-leg")) == 0
    assert "trained" in capsys.readouterr().out
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["progress"] == pytest.approx(1.0) and state["step"] >= 2
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["rate"] < 0.05 * 1e-3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "--steps is 0; allowed: 1"),
        (["--freeze", "1"], "--freeze is 1"),
        (["--rate", "2"], "--rate is 2"),
        (["--world-share", "1.5"], "--world-share is 1.5"),
        (["--labels", "map.yaml"], "belong to --data"),
        (["--steps", "5", "--budget-minutes", "1"], "give one of them"),
        (["--last-leg"], "--budget-minutes within --minutes"),
        (["--pack", "nowhere"], "'nowhere' is no folder"),
        (["--arch", "slim", "--init", "default"], "leave one of them out"),
        (["--arch", "nano", "--init", "default"], "leave one of them out"),
        (["--data", "x", "--exclude-source", "stamps"], "leave them or --data out"),
    ],
)
def test_arguments_that_cannot_be_are_named(words, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train.run(arguments("--out", tmp_path, *words))


def test_the_small_network_learns_from_a_teacher(pack, tmp_path):
    teacher = tmp_path / "teacher.pt"
    config = NetworkConfig()
    save_checkpoint(Checkpoint(config, SppNetwork(config, imagenet=False).state_dict()), teacher)
    words = ["--pack", pack, "--world-share", 0, "--arch", "slim", "--distill-from", teacher, "--out", tmp_path / "run"]
    assert train.run(arguments(*words, "--steps", 1, "--batch", 1, "--workers", 0, "--device", "cpu")) == 0
    made = load_checkpoint(tmp_path / "run" / "model.pt")
    assert (made.step, made.config.backbone, made.config.long_side) == (1, SLIM, NANO_LONG_SIDE)
    assert '"imitate_map"' in (tmp_path / "run" / "log.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "backbone", "device", "inherits", "wanted"),
    [
        ([], LITE0, "cpu", False, (1e-3, 0.2, Schedule())),
        (["--init", "default"], LITE0, "cuda", False, (3e-4, 0.2, Schedule.of_trained(2))),
        (["--data", "x"], LITE0, "cpu", False, (3e-4, 0.2, Schedule.of_trained(8))),
        (["--arch", "nano"], NANO, "cuda", False, (1.5e-3, 1.0, Schedule(frozen_below=2))),
        (["--arch", "slim"], SLIM, "cpu", False, (1e-3, 0.5, Schedule(frozen_below=8))),
        (["--arch", "slim"], SLIM, "cpu", True, (1e-3, 0.5, Schedule.of_trained(2))),
        (["--arch", "slim", "--freeze", "4"], SLIM, "cuda", True, (1.5e-3, 0.5, Schedule.of_trained(4))),
        (["--init", "slim.pt"], SLIM, "cpu", False, (3e-4, 0.5, Schedule.of_trained(8))),
        (["--init", "nano.pt"], NANO, "cuda", False, (3e-4, 1.0, Schedule.of_trained(2))),
    ],
)
def test_how_a_network_learns_follows_from_what_it_starts_with(words, backbone, device, inherits, wanted, tmp_path):
    args = arguments("--out", tmp_path, *words)
    options = train._options(args, NetworkConfig(backbone=backbone), torch.device(device), inherits)
    assert (options.learning_rate, options.backbone_rate, options.schedule) == wanted


@pytest.mark.parametrize(("arch", "backbone", "long_side"), [("slim", SLIM, 512), ("nano", NANO, 512)])
def test_each_small_network_by_its_name(arch, backbone, long_side, tmp_path):
    config = train._network(arguments("--out", tmp_path, "--arch", arch, "--data", "x")).config
    assert (config.backbone, config.long_side) == (backbone, long_side)


def test_data_that_cannot_be_used_are_told_problem_by_problem(tmp_path, capsys):
    assert train.run(arguments("--out", tmp_path / "run", "--data", tmp_path / "nowhere")) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "1 problem with the data:" and told[1].endswith("malformed: is not there")


def test_a_temperature_is_stored_and_takes_effect(checkpoint, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(checkpoint.read_bytes())
    assert temperature.store_temperature(path, 2.0) == 2.0
    assert temperature.store_temperature(path, 1.5) == 3.0
    plain, softer = load_checkpoint(checkpoint), load_checkpoint(path)
    assert plain.temperature == 1.0 and softer.temperature == 3.0
    assert torch.equal(plain.weights["head.classes.weight"], softer.weights["head.classes.weight"])
    vectors = torch.rand(5, plain.build().head.classes.in_features)
    torch.testing.assert_close(plain.build().head.classes(vectors) / 3, softer.build().head.classes(vectors))
    save_checkpoint(dataclasses.replace(plain, temperature=0.0), path)
    with pytest.raises(CheckpointError, match=r"temperature is 0.0; allowed: 0.01 to 100"):
        load_checkpoint(path)


class TooSure:
    """Right in 70 of 100 pictures, and 99 % sure of every one."""

    label_names = LABELS

    def detect(self, image_bgr):
        label = int(image_bgr[0, 0, 0])
        probs = np.full((1, 2), 0.005, np.float32)
        probs[0, label] = 0.99
        box = np.array([[5, 5, 25, 25]], np.float32)
        return Detections(box, probs.max(axis=1), np.array([label]), probs, LABELS)


def test_the_fitted_temperature_makes_sure_detectors_say_what_they_reach():
    samples = []
    for number in range(200):
        truth = GroundTruth(np.array([[5.0, 5, 25, 25]]), np.array([int(number % 10 >= 7)]), np.zeros(1, bool))
        image = np.zeros((30, 30, 3), np.uint8)
        samples.append(Sample(str(number), image, truth, ("",), lambda _: None, lambda _: None))
    factor, count = temperature.fit_detector_temperature(TooSure(), samples)
    assert count == 200
    scaled = np.array([0.005, 0.99, 0.005]) ** (1 / factor)
    assert scaled.max() / scaled.sum() == pytest.approx(0.7, abs=0.02)
    with pytest.raises(ValueError, match="10 detections to fit"):
        temperature.fit_detector_temperature(TooSure(), samples[:10])


def test_own_photographs_are_measured_by_density_and_one_by_one(pack, checkpoint, tmp_path):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    words = ["--tests", "photos", "singles", "--pack", str(pack), "--scenes", "2", "--density", "sparse", "single"]
    words += ["--model", str(checkpoint), "--device", "cpu", "--json", str(tmp_path / "f.json")]
    assert evaluate.run(parser.parse_args([*words, "--report", str(tmp_path / "r.html")])) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert {"photos.map50", "photos.map50.interval", "photos.density.single.ap", "ece", "ece.interval"} <= set(figures)
    assert "rendered" not in figures and figures["photos"]["pooled"] == ["sparse"]
    rows = figures["singles"]
    assert set(rows) == {"left", "right"} and sum(row["pictures"] for r in rows.values() for row in r.values()) == 4
    assert "Single photographs" in (tmp_path / "r.html").read_text()


def test_a_single_photograph_is_found_only_by_its_own_box(pack):
    class Whole:
        label_names = LABELS

        def __init__(self, box, label):
            self.box, self.label = box, label

        def detect(self, _):
            probs = np.eye(2, dtype=np.float32)[[self.label]]
            box = np.array([self.box], np.float32)
            return Detections(box, np.ones(1, np.float32), np.array([self.label]), probs, LABELS)

    near = own_tests.measure_singles(Whole((4, 14, 56, 46), 1), pack, 0, Gallery().look, ["left"])["left"]
    assert near["non_compost"]["found"] == near["non_compost"]["named"] == near["non_compost"]["both"] == 1.0
    assert near["compost"]["found"] == 1.0 and near["compost"]["named"] == near["compost"]["both"] == 0.0
    far = own_tests.measure_singles(Whole((0, 0, 9, 9), 0), pack, 0, None, ["left"])["left"]
    assert far["compost"] | {"interval": 0} == {
        "pictures": 1, "objects": 1, "found": 0.0, "named": 1.0, "both": 0.0, "interval": 0
    }  # fmt: skip
