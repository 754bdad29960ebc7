"""The detector as users call it: any picture in, boxes in its pixels out; bad input refused in plain words."""

import gc
import weakref

import numpy as np
import pytest
import torch

from spp_sorter.config import Config, ConfigError, DetectorConfig
from spp_sorter.detector import Detector
from spp_sorter.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork

LOOSE = DetectorConfig(score_thresh=0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    network = SppNetwork(NetworkConfig(channels=32, hidden=64), imagenet=False)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    save_checkpoint(Checkpoint(network.config, network.state_dict(), step=3, notes="untrained"), path)
    return path


@pytest.fixture(scope="module")
def detector(checkpoint):
    return Detector(checkpoint, device="cpu", precision="fp32", config=LOOSE)


def picture(size_hw=(120, 160)):
    image = np.full((*size_hw, 3), 60, np.uint8)
    image[size_hw[0] // 4 : size_hw[0] // 2, size_hw[1] // 4 : size_hw[1] // 2] = (30, 200, 230)
    return image


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 300), (120, 160), (480, 640), (640, 480), (720, 1280)])
def test_any_size_goes_in_and_boxes_stay_in_the_picture(detector, size_hw):
    found = detector.detect(picture(size_hw))
    count = len(found)
    assert found.boxes_xyxy.shape == (count, 4) and found.label_probs.shape == (count, 2)
    assert found.scores.shape == found.labels.shape == (count,)
    assert found.grasps.points_xy.shape == found.grasps.sizes_px.shape == (count, 2)
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy[:, [0, 2]] <= size_hw[1]).all() and (found.boxes_xyxy[:, [1, 3]] <= size_hw[0]).all()
    assert (np.diff(found.scores) <= 1e-6).all()
    assert (found.label_probs.sum(axis=1) <= 1 + 1e-5).all()


def test_a_detector_that_nobody_holds_is_gone_without_the_garbage_collector(checkpoint):
    """The node freezes what it has configured, out of the collector's sight."""
    gc.disable()
    try:
        short_lived = Detector(checkpoint, device="cpu")
        short_lived.detect(picture())
        weights = weakref.ref(short_lived.network)
        del short_lived
        assert weights() is None
    finally:
        gc.enable()


def test_the_same_picture_gives_the_same_answer(detector):
    first, second = detector.detect(picture()), detector.detect(picture())
    assert np.array_equal(first.boxes_xyxy, second.boxes_xyxy) and np.array_equal(first.scores, second.scores)


def test_pictures_need_not_be_contiguous(detector):
    wide = np.repeat(picture(), 2, axis=1)
    view = wide[:, ::2]
    assert not view.flags.c_contiguous
    assert np.array_equal(detector.detect(view).boxes_xyxy, detector.detect(picture()).boxes_xyxy)


def test_no_detection_is_an_empty_answer(checkpoint):
    strict = Detector(checkpoint, device="cpu", config=DetectorConfig(score_thresh=1.0))
    found = strict.detect(picture())
    assert len(found) == 0 and found.boxes_xyxy.shape == (0, 4) and len(found.grasps) == 0


def test_thresholds_change_while_running(checkpoint):
    detector = Detector(checkpoint, device="cpu", config=LOOSE)
    everything = len(detector.detect(picture()))
    detector.configure(DetectorConfig(score_thresh=0.0, max_detections=3))
    assert everything > 3 and len(detector.detect(picture())) == 3


@pytest.mark.parametrize("proposer", ["rpn", "belt", "grid", "selective_search"])
def test_every_proposer_serves_the_detector(checkpoint, proposer):
    detector = Detector(checkpoint, device="cpu", proposer=proposer, proposals=30, config=LOOSE)
    assert len(detector.detect(picture())) >= 1
    assert proposer in detector.description


def test_bf16_answers_as_fp32_does(checkpoint):
    half = Detector(checkpoint, device="cpu", precision="bf16", proposer="grid", config=LOOSE)
    full = Detector(checkpoint, device="cpu", precision="fp32", proposer="grid", config=LOOSE)
    image = picture((480, 640))
    a, b = half.network, full.network
    assert next(a.parameters()).dtype == torch.bfloat16
    assert abs(float(half.detect(image).scores.max()) - float(full.detect(image).scores.max())) < 0.05
    assert next(b.parameters()).dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_gpu_answers_as_the_cpu_does(checkpoint, detector, precision):
    on_gpu = Detector(checkpoint, device="cuda", precision=precision, config=LOOSE)
    here, there = detector.detect(picture()), on_gpu.detect(picture())
    assert abs(float(here.scores[0]) - float(there.scores[0])) < 0.05


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)]
)
def test_what_is_no_picture_is_refused(detector, image):
    with pytest.raises(ValueError, match="allowed: uint8"):
        detector.detect(image)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"device": "tpu"}, "model.device"),
        ({"device": "cuda:99"}, "model.device"),
        ({"precision": "int4"}, "model.precision"),
        ({"proposer": "guess"}, "model.proposer"),
        ({"long_side": 500}, "model.long_side' is 500; allowed: multiples of 32"),
        ({"long_side": -32}, "model.long_side"),
    ],
)
def test_impossible_settings_are_refused_by_name(checkpoint, arguments, named):
    with pytest.raises(ConfigError, match=named):
        Detector(checkpoint, **arguments)


def test_the_configuration_builds_the_detector(checkpoint):
    config = Config.from_flat({"model.checkpoint": str(checkpoint), "model.proposer": "grid", "model.device": "cpu"})
    detector = Detector.from_config(config)
    assert "proposals by grid" in detector.description and detector.config == config.detector
    assert detector.letterbox((480, 640)).target_hw == (448, 576)
    smaller = Detector.from_config(Config.from_flat({"model.checkpoint": str(checkpoint), "model.long_side": 320}))
    assert smaller.letterbox((480, 640)).target_hw == (256, 320)


def test_checkpoints_come_back_whole(checkpoint, tmp_path):
    loaded = load_checkpoint(checkpoint)
    assert loaded.step == 3 and loaded.notes == "untrained" and len(loaded.sha256) == 64
    save_checkpoint(loaded, tmp_path / "again.pt", half=True)
    again = load_checkpoint(tmp_path / "again.pt")
    assert again.config == loaded.config
    for key, value in loaded.weights.items():
        torch.testing.assert_close(again.weights[key].float(), value, atol=1e-3, rtol=1e-3)
    assert (tmp_path / "again.pt").stat().st_size < 0.6 * checkpoint.stat().st_size
    assert not list(tmp_path.glob("*.part"))


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise", "foreign", "evil", "misshapen"])
def test_broken_checkpoints_are_refused_and_never_executed(checkpoint, tmp_path, damage, capsys):
    path = tmp_path / "bad.pt"
    content = checkpoint.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif damage == "foreign":
        torch.save({"state_dict": {}}, path)
    elif damage == "evil":
        torch.save({"format": "spp_sorter-1", "config": Evil()}, path)
    elif damage == "misshapen":
        loaded = load_checkpoint(checkpoint)
        wrong = NetworkConfig(channels=48, hidden=64)
        save_checkpoint(Checkpoint(wrong, loaded.weights), path)
    with pytest.raises(CheckpointError, match=r"checkpoint"):
        Detector(path, device="cpu")
    assert "executed" not in capsys.readouterr().out
