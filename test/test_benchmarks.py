"""The benchmarks of detectors: figures under the names that were promised, outputs checked before the clock runs."""

import json

import numpy as np
import pytest
import torch

from spp_sorter.cli import main
from spp_sorter.learning import benchmark_detector, benchmark_frames, benchmark_peers, benchmark_tracking
from spp_sorter.learning.benchmark_spp import pooling_methods, random_windows
from spp_sorter.network.checkpoint import Checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.network.nano import NANO
from spp_sorter.values import Detections, Grasps


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    network = SppNetwork(NetworkConfig(backbone=NANO, channels=16, hidden=32, long_side=96)).eval()
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    save_checkpoint(Checkpoint(network.config, network.state_dict()), path)
    return path


@pytest.fixture(autouse=True)
def two_frames(monkeypatch):
    monkeypatch.setattr(benchmark_frames, "NUM_SCENES", 2)
    frames = tuple(np.random.default_rng(i).integers(0, 255, (96, 128, 3), dtype=np.uint8) for i in range(2))
    for module in (benchmark_detector, benchmark_peers):
        monkeypatch.setattr(module, "belt_frames", lambda *_, frames=frames: frames)


def answer(boxes, scores, labels):
    count = len(boxes)
    probs = np.zeros((count, 2), np.float32)
    probs[np.arange(count), labels] = scores
    flat = np.zeros((count, 2), np.float32)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(labels, np.int64),
        probs,
        ("compost", "non_compost"),
        Grasps(flat, np.zeros(count, np.float32), flat),
    )


def test_agreement_counts_what_is_missing_extra_and_off():
    wanted = answer([[0, 0, 10, 10], [20, 20, 40, 40], [50, 50, 60, 60]], [0.9, 0.8, 0.7], [0, 1, 0])
    found = answer([[0, 0, 10, 11], [20, 20, 40, 40], [50, 50, 60, 60]], [0.85, 0.8, 0.7], [0, 0, 0])
    seen = benchmark_frames.compare([wanted], [found])
    assert (seen.detections, seen.matched, seen.extra) == (3, 2, 1)
    assert seen.box_px == 1 and seen.score == pytest.approx(0.05) and seen.share == 0.5
    assert benchmark_frames.compare([answer([], [], [])], [answer([], [], [])]).share == 1


@pytest.mark.parametrize("text", ["640", "640x", "0x480", "640X480", "99999x1"])
def test_sizes_in_another_form_are_refused(text):
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        benchmark_frames.parse_size(text)


def test_detector_figures_have_their_names(checkpoint, tmp_path):
    out = tmp_path / "figures.json"
    words = ["benchmark", "detector", "--model", str(checkpoint), "--device", "cpu", "--precision", "fp32"]
    assert main([*words, "--frames", "3", "--size", "128x96", "--windows", "5", "20", "--json", str(out)]) in (0, 1)
    figures = json.loads(out.read_text())
    assert 0 < figures["latency_ms"]["min"] <= figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert figures["device"] == "cpu" and figures["precision"] == "fp32" and figures["input_hw"] == [96, 96]
    assert {"convolutions", "proposals", "pooling_and_head", "choice"} <= set(figures["stages_ms"])
    assert figures["backbone_runs_per_frame"] == 1 and len(figures["checkpoint"]["sha256"]) == 64
    assert set(figures["windows"]) == {"5", "20"}


def test_a_detector_that_answers_otherwise_is_not_passed(checkpoint, monkeypatch, capsys):
    wrong = benchmark_frames.Agreement(10, 5, 0, 0.0, 0.0)
    monkeypatch.setattr(benchmark_detector, "check", lambda *_: wrong)
    words = [
        "benchmark",
        "detector",
        "--model",
        str(checkpoint),
        "--device",
        "cpu",
        "--frames",
        "1",
        "--size",
        "128x96",
    ]
    assert main(words) == 1
    assert "50% of what fp32 gives" in capsys.readouterr().err


def test_pooling_methods_agree_and_are_timed(tmp_path):
    out = tmp_path / "spp.json"
    words = ["benchmark", "spp", "--device", "cpu", "--channels", "8", "--repeats", "2", "--windows", "7", "400"]
    assert main([*words, "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["windows"]
    assert set(rows["7"]) == {"sparse table", "fixed shape", "roi_pool", "loop"} and "loop" not in rows["400"]
    windows = random_windows(500, (20, 30))
    assert (windows[:, 2:] > windows[:, :2]).all() and (windows >= 0).all()
    assert (windows[:, 2] <= 30).all() and (windows[:, 3] <= 20).all()
    assert set(pooling_methods((6, 3, 2, 1), torch.float32)) == {"sparse table", "fixed shape", "loop"}


def test_peers_are_timed_trained_and_measured(checkpoint, tmp_path, monkeypatch):
    ssdlite = benchmark_peers.SSDLITE
    monkeypatch.setattr(benchmark_peers, "PEERS", {ssdlite: benchmark_peers.PEERS[ssdlite]})
    monkeypatch.setattr(benchmark_peers, "BATCH", 2)
    out, page = tmp_path / "peers.json", tmp_path / "peers.html"
    words = ["benchmark", "peers", "--model", str(checkpoint), "--device", "cpu", "--frames", "2", "--size", "128x96"]
    words += ["--train-seconds", "3", "--workers", "0", "--scenes", "2", "--json", str(out), "--page", str(page)]
    assert main(words) == 0
    figures = json.loads(out.read_text())
    peer, ours = figures["peers"][ssdlite], figures["ours"]["small"]
    assert peer["steps"] >= 1 and 0 <= peer["map50"] <= 1 and 0 <= ours["map50"] <= 1
    assert peer["ratio"] == pytest.approx(ours["latency_ms"]["p50"] / peer["latency_ms"]["p50"], abs=1e-3)
    assert "ssdlite320" in page.read_text() and page.read_text().count("<rect") == 2


def test_tracking_is_timed_with_so_many_items_and_checked(tmp_path, capsys):
    file = tmp_path / "tracking.json"
    assert main(["benchmark", "tracking", "--items", "50", "--frames", "30", "--json", str(file)]) == 0
    figures = json.loads(file.read_text("utf-8"))
    assert figures["detections"] == pytest.approx(50, rel=0.1) and figures["tracks"] > figures["detections"]
    assert figures["followed"] > 0.95 and figures["position_error_mm.p95"] < 10
    times = figures["latency_ms"]
    assert 0 < times["planner"]["p50"] < times["tracker"]["p50"] <= times["both"]["p50"] < 100
    assert "one core, " in capsys.readouterr().out


def test_a_tracker_that_follows_nothing_is_not_timed(monkeypatch, capsys):
    monkeypatch.setattr(benchmark_tracking.Tracker, "_begin", lambda *_: np.zeros(0, np.int64))
    assert main(["benchmark", "tracking", "--items", "5", "--frames", "3"]) == 1
    assert "does not work" in capsys.readouterr().out


def test_an_interpreter_without_yolo_is_named(checkpoint, monkeypatch, capsys):
    monkeypatch.setattr(benchmark_peers, "PEERS", {})
    words = ["benchmark", "peers", "--model", str(checkpoint), "--device", "cpu", "--frames", "1", "--size", "128x96"]
    assert main([*words, "--yolo-python", "/bin/false"]) == 2
    assert "'/bin/false' could not time yolo26n.yaml" in capsys.readouterr().err
