"""Fast R-CNN of the lecture: its windows, its loss, what trains, and its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_lecture import made_scene

from spp_sorter.lecture import fast_rcnn as fr
from spp_sorter.network.boxes import decode_boxes
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.spp import SpatialPyramidPool

CPU = torch.device("cpu")
TRUTH = torch.tensor([[20.0, 20, 80, 80], [120, 30, 180, 100], [60, 110, 90, 140]])
LABELS = torch.tensor([0, 1, 0])
IGNORE = torch.tensor([False, False, True])


def test_windows_are_a_quarter_positive_and_aim_at_their_items() -> None:
    torch.manual_seed(0)
    candidates = torch.from_numpy(made_scene().windows)
    windows = fr.sample_windows(candidates, TRUTH, LABELS, IGNORE)
    positive = windows.labels > 0
    assert len(windows.labels) == fr.WINDOWS_PER_PICTURE
    assert int(positive.sum()) == fr.WINDOWS_PER_PICTURE // 4
    items = decode_boxes(windows.targets[positive], windows.boxes_xyxy[positive])
    torch.testing.assert_close(items, TRUTH[windows.labels[positive] - 1], atol=1e-3, rtol=1e-3)


def test_picture_without_items_gives_background() -> None:
    windows = fr.sample_windows(
        torch.rand(90, 4).cumsum(1) * 40,
        torch.zeros(0, 4),
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0, dtype=torch.bool),
    )
    assert len(windows.labels) == fr.WINDOWS_PER_PICTURE and not windows.labels.any()


def test_loss_is_small_for_the_right_answer_and_names_the_right_box() -> None:
    labels, targets = torch.tensor([0, 2]), torch.tensor([[9.0, 9, 9, 9], [0.1, -0.1, 0.2, 0.0]])
    logits = torch.tensor([[20.0, 0, 0], [0.0, 0, 20]])
    deltas = torch.full((2, 2, 4), 5.0)
    deltas[1, 1] = targets[1]
    assert float(fr.joint_loss(logits, deltas, labels, targets)) < 1e-6
    deltas[1, 1] += 0.1
    assert float(fr.joint_loss(logits, deltas, labels, targets)) > 0.1


@pytest.mark.parametrize("train_convolutions", [True, False])
def test_convolutions_move_only_end_to_end(train_convolutions: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fr, "SHORT_SIDE", 160)
    losses: list[float] = []
    scenes = [made_scene(0), made_scene(0)]
    before = {k: v.clone() for k, v in fr.FastRcnn().state_dict().items() if k.startswith("backbone.")}
    network = fr.train_fast_rcnn(scenes, 4, CPU, train_convolutions, tick=lambda _, loss: losses.append(loss))
    after = network.state_dict()
    moved = any(not torch.equal(value, after[key]) for key, value in before.items())
    assert moved == train_convolutions
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("train_convolutions", [True, False])
def test_round_trip(train_convolutions: bool, tmp_path: Path) -> None:
    network = fr.FastRcnn().eval()
    fr.save_fast_rcnn(network, tmp_path / "f.pt", train_convolutions, {})
    again = fr.load_fast_rcnn(tmp_path / "f.pt")
    assert ((tmp_path / "f.pt").stat().st_size > 3.5e6) == train_convolutions
    images, boxes = torch.rand(1, 3, 96, 128) * 255, TRUTH[:2] / 2
    with torch.inference_mode():
        ours = network.classify(network.convolve(images), boxes)[0]
        theirs = again.classify(again.convolve(images), boxes)[0]
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.05)


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    torch.save({"format": fr.FORMAT, "weights": {"fc.0.bias": torch.zeros(256)}}, tmp_path / "part.pt")
    with pytest.raises(ValueError, match="does not fit"):
        fr.load_fast_rcnn(tmp_path / "part.pt")
    torch.save([], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="format"):
        fr.load_fast_rcnn(tmp_path / "list.pt")


def test_one_level_is_a_setting_of_the_detector() -> None:
    network = SppNetwork(NetworkConfig(levels=(7,)), imagenet=False)
    assert isinstance(network.pool, SpatialPyramidPool) and network.pool.num_bins == 49
    features = network.convolve(torch.zeros(1, 3, 64, 96))
    assert network.classify(features, torch.tensor([[8.0, 8, 40, 40]])).class_logits.shape == (1, 3)
