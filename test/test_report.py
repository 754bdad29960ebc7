"""The page of a run and the comparison of two replays."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from replay_bags import BagSpec, SquareDetector, make_bag

from spp_sorter import cli
from spp_sorter.ros.bags import BagError
from spp_sorter.ros.compare import Results, compare, compare_frame, comparison_rows, read_results
from spp_sorter.ros.replay import BAG_NAME
from spp_sorter.ros.report_plots import bars, histogram, line_plot, timeline
from spp_sorter.values import LABELS, Detections, PickTarget


def found(*rows: tuple[float, int, float]) -> Detections:
    """Boxes of 10 x 10 px: (left edge, label, score)."""
    boxes = np.array([(x, 0, x + 10, 10) for x, _, _ in rows], np.float32).reshape(-1, 4)
    labels, scores = np.array([r[1] for r in rows], np.int64), np.array([r[2] for r in rows], np.float32)
    return Detections(boxes, scores, labels, np.zeros((len(rows), 2), np.float32), LABELS)


def pick(track_id: int, crossing_s: float, y: float) -> PickTarget:
    point = np.array([1.0, y, 0.0])
    return PickTarget(track_id, round(crossing_s * 1e9), "non_compost", 0.9, point, 0.0, np.ones(3), np.eye(4))


def test_boxes_of_a_frame_are_matched_by_overlap() -> None:
    old, new = found((0, 0, 0.9), (20, 1, 0.8), (40, 1, 0.6)), found((21, 0, 0.7), (1, 0, 0.95), (80, 1, 0.5))
    change = compare_frame(5, old, new)
    assert (change.same, change.relabelled) == (1, [("non_compost", "compost")])
    assert (change.gone, change.new, change.size) == (["non_compost"], ["non_compost"], 3)
    assert change.score_shift == pytest.approx(0.05 - 0.1, abs=1e-6)
    assert compare_frame(5, found(), found()).size == 0
    assert compare_frame(5, old, found()).gone == ["compost", "non_compost", "non_compost"]


def test_picks_are_matched_by_where_and_when_they_cross() -> None:
    old = Results({1: found()}, {3: pick(3, 1.0, 0.1), 4: pick(4, 2.0, 0.0)})
    new = Results({1: found(), 2: found()}, {9: pick(9, 1.05, 0.11), 8: pick(8, 1.06, 0.1), 7: pick(7, 5.0, 0.0)})
    figures = compare(old, new)
    assert [figures[f"picks_{name}"] for name in ("in_both", "only_in_old", "only_in_new")] == [1, 1, 2]
    assert (figures["frames"], figures["frames_only_in_new"], figures["frames_changed"]) == (1, 1, 0)
    with pytest.raises(BagError, match="one bag"):
        compare(old, Results({7: found()}, {}))


def test_plots_hold_what_they_are_given() -> None:
    line = line_plot({"a<b": [(0.0, 1.0), (10.0, 3.0)]}, "x", "y")
    assert "a&lt;b" in line
    assert len(re.findall(r"<polyline", line)) == 1
    assert histogram([1.0] * 99 + [1000.0], "ms").count("<rect") == 40
    assert bars({"x": 3, "y": 1}).index("x") < bars({"x": 3, "y": 1}).index(">y<")
    assert timeline([(0, 1, 0.1, "a"), (1, 2, -0.1, "b")], "t", "y").count("<circle") == 2
    for empty in (line_plot({}, "x", "y"), histogram([], "ms"), bars({}), timeline([], "t", "y")):
        assert empty.startswith("<p>")


class Outside(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "data", "srcset") and not str(value).startswith("data:"):
                self.fetched.append(f"{tag} {value}")
        if tag in ("script", "link", "iframe"):
            self.fetched.append(tag)


class Worse(SquareDetector):
    """Calls every square by the other name, with doubt."""

    def detect(self, image_bgr: np.ndarray) -> Detections:
        seen = super().detect(image_bgr)
        probs = np.ascontiguousarray(seen.label_probs[:, ::-1]) * np.float32(0.6)
        return Detections(seen.boxes_xyxy, seen.scores * 0.6, 1 - seen.labels, probs, LABELS, seen.grasps)


def test_replay_writes_a_page_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, out = make_bag(tmp_path / "bag", BagSpec()), tmp_path / "out"
    monkeypatch.setattr("spp_sorter.detector.Detector.from_config", lambda _: SquareDetector())
    assert cli.main(["replay", str(bag), "--out", str(out), "--no-video"]) == 0
    monkeypatch.setattr("spp_sorter.detector.Detector.from_config", lambda _: Worse())
    old, page, figures = out / BAG_NAME, tmp_path / "run.html", tmp_path / "run.json"
    words = ["replay", str(bag), "--out", str(out), "--no-video"]
    assert cli.main([*words, "--compare", str(old), "--report", str(page), "--json", str(figures)]) == 0
    changes = json.loads(figures.read_text())["changes"]
    assert changes["frames"] == 16
    assert changes["frames_changed"] == 16
    assert sum(changes["boxes_relabelled"].values()) >= 16
    assert changes["score_shift_mean"] < -0.3
    assert "against" in capsys.readouterr().out
    text = page.read_text()
    parser = Outside()
    parser.feed(text)
    assert parser.fetched == []
    assert "uncertain" in text
    assert text.count("data:image/jpeg;base64,") >= 1
    assert text.count("<svg") >= 3
    assert len(comparison_rows(changes)) >= 7


def test_a_bag_that_is_no_replay_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="a replay wrote"):
        read_results(make_bag(tmp_path / "bag", BagSpec()))
