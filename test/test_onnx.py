"""Detectors in ONNX files: the same answers as PyTorch's, and plain words where they cannot be had."""

import sys

import numpy as np
import pytest
import torch

from spp_sorter.cli import main
from spp_sorter.config import ConfigError, DetectorConfig
from spp_sorter.detector import Detector
from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.nano import NANO
from spp_sorter.network.onnx_file import OnnxMissingError, write_onnx

LOOSE = DetectorConfig(score_thresh=0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    network = SppNetwork(NetworkConfig(backbone=NANO, channels=16, hidden=32, coarser=0, long_side=96)).eval()
    for layer, std in ((network.head.classes, 0.2), (network.head.refine, 0.1)):
        torch.nn.init.normal_(layer.weight, std=std)
    with torch.no_grad():
        tower = network.rpn.tower(network.convolve(torch.rand(1, 3, 64, 96) * 255))
        network.rpn.output.weight /= network.rpn.output(tower)[:, 0].std() * 2
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    save_checkpoint(Checkpoint(network.config, network.state_dict(), step=7, notes="random"), path)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="not installed: pip install -r requirements-onnx.txt")
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    write_onnx(load_checkpoint(checkpoint), path, (64, 96), 40)
    assert not list(path.parent.glob("*.part"))
    return path


def picture(size_hw, seed=0):
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (size_hw[0] // 8 + 1, size_hw[1] // 8 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.repeat(np.repeat(coarse, 8, 0), 8, 1)[: size_hw[0], : size_hw[1]])


def test_the_file_answers_as_pytorch_does(checkpoint, exported):
    theirs = Detector(exported, config=LOOSE)
    ours = Detector(checkpoint, "cpu", "fp32", proposals=40, config=LOOSE, step_by_step=True)
    counts = []
    for seed in range(5):
        image = picture((64, 96), seed)
        wanted, found = ours.detect(image), theirs.detect(image)
        counts.append(len(wanted))
        np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, atol=0.05)
        np.testing.assert_allclose(found.label_probs, wanted.label_probs, atol=1e-3)
        np.testing.assert_allclose(found.grasps.points_xy, wanted.grasps.points_xy, atol=0.05)
    assert min(counts) >= 2
    assert "onnxruntime" in theirs.description and theirs.checkpoint.step == 7 and theirs.precision == "fp32"
    theirs.configure(DetectorConfig(score_thresh=0.0, max_detections=1))
    assert len(theirs.detect(image)) == 1


@pytest.mark.parametrize("size_hw", [(1, 1), (200, 100), (480, 640), (50, 300)])
def test_pictures_of_any_shape_come_into_its_one_size(exported, size_hw):
    found = Detector(exported, config=LOOSE).detect(picture(size_hw))
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy[:, [0, 2]] <= size_hw[1]).all() and (found.boxes_xyxy[:, [1, 3]] <= size_hw[0]).all()


def test_files_that_are_not_ours_are_refused(exported, tmp_path):
    (tmp_path / "noise.onnx").write_bytes(b"no graph at all")
    for path in (tmp_path / "noise.onnx", tmp_path / "missing.onnx"):
        with pytest.raises(CheckpointError, match="checkpoint"):
            Detector(path)
    with pytest.raises(ConfigError, match=r"model\.proposer"):
        Detector(exported, proposer="grid")
    with pytest.raises(ConfigError, match=r"model\.long_side.*exported"):
        Detector(exported, long_side=512)
    with pytest.raises(CheckpointError, match="SHA-256"):
        Detector(exported, sha256="0" * 64)


def test_missing_packages_are_named_with_the_command(checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(OnnxMissingError, match="requirements-onnx"):
        write_onnx(load_checkpoint(checkpoint), tmp_path / "a.onnx", (64, 96), 10)
    with pytest.raises(OnnxMissingError, match="requirements-onnx"):
        Detector(tmp_path / "a.onnx")
    assert main(["export", "--out", str(tmp_path / "a.onnx"), "--model", str(checkpoint)]) == 2
    assert "requirements-onnx.txt" in capsys.readouterr().err
    assert main(["export", "--out", str(tmp_path / "a.pt"), "--model", str(checkpoint)]) == 2
    assert "ends in .onnx" in capsys.readouterr().err


@pytest.mark.parametrize("source_hw", [(480, 640), (640, 480), (1, 1), (100, 2000), (63, 97)])
def test_letterboxes_fill_a_given_input(source_hw):
    letterbox = Letterbox.into(source_hw, (384, 512))
    assert letterbox.target_hw == (384, 512) == letterbox.image(picture(source_hw)).shape[:2]
    assert letterbox.scaled_hw[0] == 384 or letterbox.scaled_hw[1] == 512
    corner = np.array([[0, 0, source_hw[1], source_hw[0]]], np.float32)
    np.testing.assert_allclose(letterbox.boxes_out(letterbox.boxes_in(corner)), corner, rtol=1e-5)
