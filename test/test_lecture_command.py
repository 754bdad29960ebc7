"""``spp_sorter lecture`` from the shell to its file, on small scenes of two hundred windows."""

from __future__ import annotations

import dataclasses
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from spp_sorter.cli import main
from spp_sorter.evaluation.truth import Prediction
from spp_sorter.lecture import any_size, comparison, convolution, photograph_results, scenes, selective_search
from spp_sorter.lecture.figures import draw_all
from spp_sorter.lecture.systems import Answer
from spp_sorter.network.proposals import grid_boxes

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered scenes with windows from a grid and around the items: the search itself has its own test."""
    folder = tmp_path_factory.mktemp("lecture")
    for split, count in (("test", 2), ("train", 2)):
        for number in range(count):
            image, truth, objects = scenes.render(split, number)
            path = scenes.scene_path(folder, split, number)
            near = truth.boxes_xyxy.repeat(6, axis=0) + np.random.default_rng(0).uniform(-4, 4, (6 * len(truth), 4))
            windows = np.concatenate([near.clip(0, 479), grid_boxes((480, 640), 60)]).astype(np.float32)
            boxes, areas = truth.boxes_xyxy.astype(np.float32), np.asarray(truth.areas)
            labels, ignore = np.maximum(truth.labels, 0), ~truth.to_find
            scene = scenes.Scene(path.stem, image, boxes, labels, ignore, areas, tuple(objects), windows[:50], 1.5)
            scenes.write_scene(scene, path)
    return folder


def test_command(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "BATCHES", (1, 4))
    monkeypatch.setattr(any_size, "SIZES_HW", ((32, 32), (150, 200), (200, 150)))
    words = ["lecture", "--pictures", "2", "--training", "2", "--cache", str(cache), "--precision", "fp32"]
    systems = "rcnn,spp_net_1_scale,fast_rcnn,ours"
    out = tmp_path / "lecture.json"
    assert main([*words, "--systems", systems, "--json", str(out), "--device", "cpu", "--threads", "1"]) == 0
    figures = json.loads(out.read_text())
    assert set(figures["map"]) == set(systems.split(","))
    assert figures["speedup"]["conv_1_scale"] > 1
    assert figures["speedup"]["pixels_1_scale"] == pytest.approx(50 * 224**2 / (688 * 688 * 4 / 3))
    assert figures["map_minus_rcnn"]["ours"]["difference"] == pytest.approx(
        figures["map"]["ours"] - figures["map"]["rcnn"]
    )
    assert figures["windows"] == 50 and figures["pictures"] == 2 and "CPU" in figures["device"]
    assert set(figures["vector_length"].values()) == {6720} and "200x150" in figures["vector_length"]
    shown = capsys.readouterr().out
    assert "photographs: skipped" in shown and "R-CNN / SPP-net, conv 1 scale" in shown
    answers = sorted(cache.glob("answer_*"))
    assert len(answers) == 2 * 4
    page = tmp_path / "lecture.md"
    page.write_text((ROOT / "docs" / "lecture.md").read_text())
    tool = runpy.run_path(str(ROOT / "tools" / "lecture_page.py"))
    row = {"length": 6720, "max": 0.5, "average": 0.25, "max_minus_average": 0.25, "interval": [0.125, 0.5]}
    out.write_text(json.dumps(figures | {"frozen_pooling": {"4 2 1": row}}))
    assert tool["main"]([str(out), str(page)]) == 0
    text = page.read_text()
    assert "| 4 2 1 | 6720 | 50.0 | 25.0 | +25.0 [12.5, 50.0] |" in text and "| 16000 |" not in text
    assert f"| R-CNN, warped regions | {100 * figures['map']['rcnn']:.1f} [" in text
    assert f"| convolutions | {figures['speedup']['conv_1_scale']:.1f}x |" in text
    draw_all(tmp_path / "figures", cache, figures)
    assert len(list((tmp_path / "figures").glob("lecture_*.jpg"))) == 5


def test_unknown_system_is_named(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lecture", "--pictures", "1", "--training", "1", "--cache", str(cache), "--systems", "yolo"]
    assert main(words) == 2
    assert "'yolo'; allowed: rcnn" in capsys.readouterr().err


def test_shipped_record_names_its_device_and_reaches_the_goal() -> None:
    record = photograph_results.recorded()
    assert record["device"] and record["epochs"] > 0
    multi = record["trashnet"]["spp_multi_size"]
    assert multi["photographs"] == 2144 and len(multi["by_fold"]) == 3
    assert multi["accuracy"] >= 0.92
    assert record["trashnet"]["fixed_warp"]["interval"] is not None


def test_no_record_gives_no_figures(tmp_path: Path) -> None:
    assert photograph_results.recorded(tmp_path / "none.json") == {}


def test_record_is_made_from_the_runs(tmp_path: Path) -> None:
    run = {"task": "trashnet", "fold": 0, "epochs": 1, "train_s": 1.0, "names": ["a", "b"], "labels": [0, 1]}
    runs = [
        {**run, "variant": "spp_multi_size", "predicted": [0, 1]},
        {**run, "variant": "fixed_crop", "predicted": [0, 0]},
    ]
    full = tmp_path / "full.json"
    full.write_text(json.dumps({"device": "a device", "torch": "2", "notes": [], "runs": runs}))
    photograph_results.shorten(full, tmp_path / "record.json")
    record = photograph_results.recorded(tmp_path / "record.json")
    assert record["trashnet"]["spp_multi_size"]["accuracy"] == 1.0
    assert record["trashnet"]["fixed_crop"]["difference"] == 0.5


def test_answers_are_kept_until_the_scene_or_the_key_changes(cache: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting:
        def answer(self, scene: scenes.Scene) -> Answer:
            asked.append(scene.name)
            return Answer(Prediction(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)), 0.1, 0.2, 0.3, 0.6)

    scene = next(scenes.load_scenes("test", 1, cache))
    given = comparison.answer_all({"x": Counting()}, [scene], tmp_path, {"x": "key"})
    assert len(asked) == 2 and given["x"][0].total_s == pytest.approx(0.6)  # once to warm up
    comparison.answer_all({"x": Counting()}, [scene], tmp_path, {"x": "key"})
    assert len(asked) == 2
    comparison.answer_all({"x": Counting()}, [scene], tmp_path, {"x": "other key"})
    moved = dataclasses.replace(scene, windows=scene.windows + 1)
    comparison.answer_all({"x": Counting()}, [moved], tmp_path, {"x": "key"})
    assert len(asked) == 6


def test_selective_search_gives_the_number_asked_for_and_finds_a_block() -> None:
    image = np.full((120, 160, 3), 90, np.uint8)
    image[30:80, 40:110] = (20, 160, 220)
    windows = selective_search.selective_search(image, 200)
    assert windows.shape == (200, 4) and windows.dtype == np.float32
    assert np.abs(windows - np.array([40, 30, 110, 80])).max(axis=1).min() <= 3
    np.testing.assert_array_equal(windows, selective_search.selective_search(image, 200))
