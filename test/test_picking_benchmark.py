"""The picking benchmark: its judge against cases worked out by hand, and its figures against an independent script."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spp_sorter import cli
from spp_sorter.config import Config, PickingConfig
from spp_sorter.learning.picking_benchmark_belts import (
    START_NS,
    BeltItem,
    BeltPlan,
    ObservedBelt,
    SeenItems,
    cache_name,
    load_observations,
    motion_of,
    observe_chunk,
    stamp_of,
)
from spp_sorter.learning.picking_benchmark_conditions import CONDITIONS
from spp_sorter.learning.picking_benchmark_judge import LONG_M, figures, iou, judge_run
from spp_sorter.learning.picking_benchmark_run import SentList, run_sorter
from spp_sorter.learning.picking_benchmark_truth import TruthNoise, truth_detections
from spp_sorter.values import Detections, PickTarget

ROOT = Path(__file__).resolve().parents[1]
PLAN = BeltPlan(0, "touching", "steady", 5.0)
ITEM = BeltItem(7, "tin", "non_compost", -0.9, 0.05, 0.04, 0.3, (0.1, 0.05, 0.05))
BOX = np.array([100.0, 100.0, 160.0, 150.0])


def belt_of(*items, plan=PLAN, frames=range(10, 60)):
    """A belt on which each item is visible in some frames, in boxes beside each other."""
    seen = []
    for frame in range(plan.num_frames):
        here = items if frame in frames else ()
        boxes = np.array([BOX + 70.0 * i * np.array([1, 0, 1, 0]) for i in range(len(here))]).reshape(-1, 4)
        seen.append(
            SeenItems(np.array([item.id for item in here], np.int64), boxes, np.ones(len(here)), boxes[:, :2] + 25.0)
        )
    return ObservedBelt(plan, items, tuple(seen), (Detections.empty(),) * plan.num_frames)


def crossing_ns(item):
    """When an item crosses the pick line at 1 m of a steady belt."""
    return START_NS + round((1.0 - item.s_m) / 0.5 * 1e9)


def pick(item, track=1, dx=0.0, dy=0.0, dyaw=0.0, label="non_compost", std=0.003):
    at_ns = crossing_ns(item)
    point = np.array([1.0 + dx, item.y_m + dy, item.z_m])
    return PickTarget(
        track, at_ns, label, 0.9, point, item.yaw_rad + dyaw, np.array(item.size_m), np.diag([std**2] * 4)
    )


def sent(frame, picks, tracks=(1,), latency_s=0.05):
    """A list of a frame in which the first items were seen as these tracks."""
    boxes = np.array([BOX + 70.0 * i * np.array([1, 0, 1, 0]) for i in range(len(tracks))], np.float32).reshape(-1, 4)
    stamp_ns = stamp_of(frame)
    return SentList(stamp_ns, stamp_ns + round(latency_s * 1e9), tuple(picks), boxes, np.array(tracks), 1, True, 0.1)


def run_of(picks_of, tracks_of=lambda _: (1,), frames=range(10, 140)):
    return [sent(frame, picks_of(frame), tracks_of(frame) if frame < 60 else ()) for frame in frames]


def judged(belt, lists):
    return judge_run(belt, lists, PickingConfig())


def test_a_perfect_run_is_perfect():
    result = figures([judged(belt_of(ITEM), run_of(lambda _: [pick(ITEM)]))])
    assert result["items"] == 1
    assert result["offered_in_time"] == 1.0
    assert result["position_error_mm"] == {"p50": 0.0, "p95": 0.0}
    assert result["yaw_error_deg"]["p95"] == pytest.approx(0.0, abs=1e-9)
    assert (result["offered_twice"], result["wrong_class"], result["id_switches_per_200"]) == (0, 0.0, 0.0)
    assert result["covariance_coverage"] == 1.0


@pytest.mark.parametrize(("length", "is_long"), [(LONG_M, False), (LONG_M + 0.001, True)])
def test_long_items_stand_by_themselves_too(length, is_long):
    item = dataclasses.replace(ITEM, size_m=(length, *ITEM.size_m[1:]))
    result = figures([judged(belt_of(item), run_of(lambda _: [pick(item, dx=0.003)]))])
    one, none = (result["long"], result["short"]) if is_long else (result["short"], result["long"])
    assert (one["items"], none["items"]) == (1, 0)
    assert one["position_error_mm"]["p95"] == pytest.approx(3.0, abs=1e-3)
    assert none["position_error_mm"]["p95"] is none["offered_in_time"] is None


def test_errors_are_those_of_the_last_list_150_ms_before_the_crossing():
    """It crosses 3.8 s after the start: what is sent by 3.65 s counts, the frame of 3.6 s at most."""
    belt = belt_of(ITEM)
    right = run_of(lambda frame: [pick(ITEM, dx=0.003, dy=0.004, dyaw=np.pi + 0.1) if frame <= 108 else pick(ITEM)])
    (item,) = judged(belt, right).items
    assert item.error_mm == pytest.approx(5.0, abs=1e-3)
    assert item.along_mm == pytest.approx(3.0, abs=1e-3)
    assert item.yaw_deg == pytest.approx(np.degrees(0.1), abs=1e-6)
    assert item.inside
    late = run_of(lambda frame: [pick(ITEM, dx=0.02) if frame <= 107 else pick(ITEM)])
    (item,) = judged(belt, late).items
    assert item.error_mm == pytest.approx(0.0, abs=1e-3)
    far = run_of(lambda _: [pick(ITEM, dx=0.02)])
    assert not judged(belt, far).items[0].inside


def test_an_item_that_was_withdrawn_too_early_is_not_offered_in_time():
    lists = run_of(lambda frame: [pick(ITEM)] if frame < 105 else [])
    assert figures([judged(belt_of(ITEM), lists)])["offered_in_time"] == 0.0


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, 1),
        ({"label": "compost"}, 0),
        ({"size_m": (0.019, 0.01, 0.01)}, 0),
        ({"y_m": 0.31}, 0),
        ({"s_m": -0.6}, 0),  # was in view before the run began
        ({"s_m": -2.0}, 0),  # crosses after its end
    ],
)
def test_who_counts(changes, counted):
    item = dataclasses.replace(ITEM, **changes)
    assert figures([judged(belt_of(item), run_of(lambda _: []))])["items"] == counted


def test_who_is_hidden_does_not_count():
    assert judged(belt_of(ITEM, frames=range(10, 14)), run_of(lambda _: [])).items == []
    assert len(judged(belt_of(ITEM, frames=range(10, 15)), run_of(lambda _: [])).items) == 1


def test_the_track_of_what_lies_under_an_item_is_not_taken_for_the_items():
    """The item is missed in every other frame, and the box of the hidden one overlaps its own by 0.6."""
    hidden = dataclasses.replace(ITEM, id=8)
    plain = belt_of(ITEM)
    both = np.array([BOX, BOX + np.array([15.0, 0.0, 15.0, 0.0])])
    seen = tuple(
        SeenItems(np.array([7, 8]), both, np.array([1.0, 0.3]), both[:, :2] + 25.0) if len(each.ids) else each
        for each in plain.seen
    )
    belt = dataclasses.replace(plain, items=(ITEM, hidden), seen=seen)
    assert 0.5 < iou(both[:1], both[1:])[0, 0] < 0.65
    lists = []
    for frame in range(10, 140):
        rows = [] if frame >= 60 else [1] if frame % 2 else [0, 1]
        boxes, tracks = both[rows].astype(np.float32), np.array(rows, np.int64) + 1
        stamp_ns = stamp_of(frame)
        lists.append(SentList(stamp_ns, stamp_ns + 50_000_000, (pick(ITEM),), boxes, tracks, 1, True, 0.1))
    assert figures([judged(belt, lists)])["id_switches_per_200"] == 0.0


def test_picks_of_compost_and_of_nothing_are_wrong():
    compost = dataclasses.replace(ITEM, id=8, label="compost")
    lists = run_of(lambda _: [pick(ITEM), pick(compost, 2)], lambda _: (1, 2))
    result = judged(belt_of(ITEM, compost), lists)
    assert result.num_final == 2
    assert result.wrong == [(2, "compost")]
    ghost = run_of(lambda _: [pick(ITEM), pick(ITEM, 3)])
    assert judged(belt_of(ITEM), ghost).wrong == [(3, "nothing")]


def test_an_item_under_two_numbers_is_offered_twice_and_changed_its_number():
    lists = run_of(lambda frame: [pick(ITEM, 1 if frame < 40 else 2)], lambda frame: (1 if frame < 40 else 2,))
    result = judged(belt_of(ITEM), lists)
    assert result.twice == [7]
    assert result.switches == 1
    assert figures([result])["id_switches_per_200"] == 200.0


def test_lists_of_a_belt_that_stands_are_counted():
    plan = BeltPlan(0, "touching", "stopping", 15.0)
    belt = belt_of(ITEM, plan=plan)
    lists = [sent(frame, [pick(ITEM)] if frame == 400 else [], ()) for frame in range(10, 440)]
    result = judged(belt, lists)
    assert result.offers_standing == 1
    assert result.lists_standing == pytest.approx(87, abs=3)


@pytest.mark.parametrize("profile", ["steady", "changing", "stopping"])
def test_belts_move_as_they_are_said_to(profile):
    motion = motion_of(BeltPlan(0, "touching", profile, 60.0))
    times = np.arange(0, 60.0, 0.01)
    speeds = np.array([motion.speed_mps(round(t * 1e9)) for t in times])
    steps = np.diff([motion.position_m(round(t * 1e9)) for t in times])
    assert np.allclose(steps, 0.01 * 0.5 * (speeds[1:] + speeds[:-1]), atol=2e-5)
    low, high = {"steady": (0.5, 0.5), "changing": (0.2, 0.8), "stopping": (0.0, 0.5)}[profile]
    assert speeds.min() == pytest.approx(low) and speeds.max() == pytest.approx(high)
    if profile == "changing":
        assert np.abs(np.diff(speeds) / 0.01).max() < 0.2 + 1e-6


def test_observations_depend_on_belt_and_detector_only():
    longer = dataclasses.replace(PLAN, seconds=60.0)
    assert cache_name(PLAN, "a") == cache_name(longer, "a")
    names = {cache_name(plan, key) for plan in (PLAN, dataclasses.replace(PLAN, seed=1)) for key in ("a", "b")}
    assert len(names) == 4


def test_what_was_seen_is_read_back_and_not_looked_at_twice(tmp_path):
    plan = BeltPlan(3, "sparse", "steady", 0.4)
    calls = []

    def detect(image):
        calls.append(image.shape)
        return Detections.empty()

    observe_chunk(plan, 0, detect, tmp_path, 15)
    observe_chunk(plan, 0, detect, tmp_path, 15)
    assert calls == [(480, 640, 3)] * 15
    seen, found = load_observations(plan, tmp_path)
    assert len(seen) == len(found) == plan.num_frames == 12
    assert len(seen[0].ids) and (seen[0].visible <= 1.0).all()


def test_the_true_detector_with_no_noise_tells_the_truth():
    belt = belt_of(ITEM)
    found = truth_detections(PLAN, belt.items, belt.seen, TruthNoise(0, 0, 0, 0, 0, 0))
    assert [len(each) for each in found] == [1 if 10 <= frame < 60 else 0 for frame in range(PLAN.num_frames)]
    np.testing.assert_allclose(found[20].boxes_xyxy[0], BOX)
    assert found[20].labels.tolist() == [1]


def test_encoder_readings_are_there_only_when_they_were_taken():
    """With no latency the newest reading is not newer than the frame; late stamps are undone by the offset."""
    belt = belt_of(ITEM)
    late = CONDITIONS["stamps_off_20ms"]
    assert late.encoder_late_s == 0.02
    lists = run_sorter(belt, dataclasses.replace(late, latency_s=0.0), Config())
    assert len(lists) == PLAN.num_frames
    dropped = run_sorter(belt, CONDITIONS["drop_30"], Config())
    assert 0.6 * PLAN.num_frames < len(dropped) < 0.8 * PLAN.num_frames


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A short run with the true boxes as detections, recorded."""
    pytest.importorskip("rclpy")
    folder = tmp_path_factory.mktemp("picking")
    words = [
        "benchmark", "picking", "--detector", "truth", "--minutes", "0.08", "--seeds", "1",
        "--conditions", "drop_30", "belt_travel", "--detector-cache", str(folder / "cache"),
        "--record", str(folder / "out"), "--json", str(folder / "f.json"),
    ]  # fmt: skip
    assert cli.main(words) == 0
    return folder


def test_the_figures_have_their_keys_and_are_good_where_the_detector_is(recorded):
    report = json.loads((recorded / "f.json").read_text())
    assert report["items"] >= 5
    assert report["frames_looked_at"] == 1.0
    assert report["conditions"]["belt_travel"]["frames_looked_at"] <= 1 / 8
    for row in (report, *report["conditions"].values()):
        assert row["position_error_mm"]["p50"] < 3.0
        assert row["position_error_mm"]["p95"] < 8.0
        assert row["yaw_error_deg"]["p95"] < 12.0
        assert row["offered_in_time"] >= 0.95
        assert row["offered_twice"] == 0
        assert row["wrong_class"] == 0.0
        assert row["id_switches_per_200"] < 10.0
        assert 0.9 <= row["covariance_coverage"] <= 1.0


def recompute(folder):
    words = [sys.executable, str(ROOT / "tools" / "recompute_picks.py"), str(folder), "--check"]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_an_independent_script_finds_the_same_figures(recorded):
    answer = recompute(recorded / "out")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.endswith("the same as reported\n")


def test_the_independent_script_notices_a_figure_that_is_wrong(recorded, tmp_path):
    for path in (recorded / "out").iterdir():
        (tmp_path / path.name).symlink_to(path)
    report = json.loads((recorded / "out" / "picking.json").read_text())
    report["position_error_mm"]["p95"] *= 0.9
    (tmp_path / "picking.json").unlink()
    (tmp_path / "picking.json").write_text(json.dumps(report))
    answer = recompute(tmp_path)
    assert answer.returncode == 1
    assert "base.position_error_mm.p95" in answer.stdout


def test_settings_of_the_sorter_are_measured_and_reported(recorded, tmp_path):
    words = [
        "benchmark", "picking", "--detector", "truth", "--minutes", "0.08", "--seeds", "1", "--conditions",
        "--detector-cache", str(recorded / "cache"), "--json", str(tmp_path / "f.json"),
        "--set", "picking.min_views=1000", "--set", "picking.gripper_width=0.2",
    ]  # fmt: skip
    assert cli.main(words) == 0
    report = json.loads((tmp_path / "f.json").read_text())
    assert report["settings"] == {"picking.min_views": 1000, "picking.gripper_width": 0.2}
    assert report["gripper_width"] == 0.2
    assert report["offered_in_time"] == 0.0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("inference.trigger=belt_travel", "--conditions"),
        ("model.long_side=512", "--model"),
        ("picking.min_probability=2", "0 to 1"),
        ("picking.nonsense=1", "unknown"),
        ("picking.min_views", "NAME=VALUE"),
    ],
)
def test_settings_that_cannot_be_measured_are_told(setting, said, tmp_path, capsys):
    words = [
        "benchmark", "picking", "--detector", "truth", "--minutes", "0.05", "--seeds", "1", "--conditions",
        "--detector-cache", str(tmp_path), "--set", setting,
    ]  # fmt: skip
    assert cli.main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--seeds", "0"], ["--jobs", "0"]])
def test_what_is_out_of_range_is_told(words, capsys):
    assert cli.main(["benchmark", "picking", *words]) == 2
    assert "allowed" in capsys.readouterr().err
