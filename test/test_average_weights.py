"""tools/average_weights.py: the mean of checkpoints of one network."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import pytest
import torch

from spp_sorter.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.nano import NANO

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import average_weights

CONFIG = NetworkConfig(backbone=NANO, channels=16, hidden=32, long_side=96)


def checkpoint(seed: int, config: NetworkConfig = CONFIG) -> Checkpoint:
    torch.manual_seed(seed)
    return Checkpoint(config, SppNetwork(config).state_dict(), step=seed)


def test_every_weight_is_the_mean_and_the_rest_is_the_last_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [checkpoint(1), checkpoint(2)]
    for index, each in enumerate(both):
        save_checkpoint(each, tmp_path / f"{index}.pt")
    out = tmp_path / "mean.pt"
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path / "0.pt"), str(tmp_path / "1.pt"), "--out", str(out)])
    assert average_weights.main() == 0
    mean = load_checkpoint(out)
    assert mean.step == 2
    for name, value in mean.weights.items():
        a, b = (each.weights[name] for each in both)
        wanted = (a + b) / 2 if value.is_floating_point() else b
        assert torch.allclose(value.float(), wanted.float(), rtol=1e-3, atol=1e-4), name


def test_the_input_s_long_side_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(checkpoint(1), tmp_path / "1.pt")
    out = tmp_path / "wide.pt"
    words = ["", str(tmp_path / "1.pt"), "--out", str(out), "--long-side"]
    monkeypatch.setattr(sys, "argv", [*words, "128"])
    assert average_weights.main() == 0
    assert load_checkpoint(out).config == dataclasses.replace(CONFIG, long_side=128)
    monkeypatch.setattr(sys, "argv", [*words, "100"])
    with pytest.raises(SystemExit):
        average_weights.main()


def test_other_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="networks differ"):
        average_weights.average([checkpoint(1), checkpoint(2, dataclasses.replace(CONFIG, long_side=128))])


def test_shares_weigh_the_checkpoints() -> None:
    both = [checkpoint(1), checkpoint(2)]
    mean = average_weights.average(both, [1.0, 3.0])
    for name, value in mean.weights.items():
        a, b = (each.weights[name] for each in both)
        wanted = 0.25 * a + 0.75 * b if value.is_floating_point() else b
        assert torch.allclose(value.float(), wanted.float(), rtol=1e-3, atol=1e-4), name
    for shares in ([1.0], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan], [math.inf, 1.0]):
        with pytest.raises(ValueError, match="a positive number for each of 2"):
            average_weights.average(both, shares)
