"""Judging of a run: the truth judged against itself is perfect, and every kind of mistake is found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spp_sorter.learning.samples import MIN_VISIBLE as TRAINED_MIN_VISIBLE
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.judge import MAX_GRASP_DISTANCE_M, MIN_VISIBLE, PickJudge, judge_detections
from spp_sorter.ros.truth_messages import TrueBox
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.values import Detections, PickTarget, TrueItem

START = CellStart(CellSettings(seed=5, density="sparse", duration=10.0), 1_700_000_000_000_000_000)
LATER_NS = 4_000_000_000


@pytest.fixture(scope="module")
def judge() -> PickJudge:
    return PickJudge(START)


@pytest.fixture(scope="module")
def items() -> tuple[TrueItem, ...]:
    found = BeltWorld(START.settings.world_config()).true_items_at(LATER_NS, 0.8, 1.6)
    assert {item.label for item in found} == {"compost", "non_compost"}
    return found


def pick_of(item: TrueItem, dx: float = 0.0, dy: float = 0.0, label: str = "", turn: float = 0.0) -> PickTarget:
    point = item.point_belt + np.array([dx, dy, 0.0])
    stamp_ns = START.start_ns + LATER_NS
    return PickTarget(9, stamp_ns, label or item.label, 0.9, point, item.yaw_rad + turn, item.size_m, np.eye(4))


def test_ignored_means_the_same_as_in_training() -> None:
    assert MIN_VISIBLE == TRAINED_MIN_VISIBLE


def test_a_perfect_pick_has_no_error(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    for item in items:
        judged = judge.judge(pick_of(item, turn=np.pi))
        assert judged.right
        assert judged.item_id == item.id
        assert judged.error_mm == pytest.approx(0.0, abs=1e-6)
        assert judged.yaw_error_deg == pytest.approx(0.0, abs=1e-6)


def test_errors_are_measured_in_the_belts_plane(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    judged = judge.judge(pick_of(items[0], dx=0.003, dy=-0.004, turn=np.radians(-20)))
    assert judged.error_mm == pytest.approx(5.0)
    assert judged.yaw_error_deg == pytest.approx(20.0)
    assert judged.right


def test_time_is_error_too(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    early = pick_of(items[0])
    late = dataclasses.replace(early, stamp_ns=early.stamp_ns + 10_000_000)
    assert judge.judge(late).error_mm == pytest.approx(5.0)  # 10 ms at 0.5 m/s


def test_compost_in_the_gripper_is_wrong(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    compost = next(item for item in items if item.label == "compost")
    judged = judge.judge(pick_of(compost, label="non_compost"))
    assert not judged.right
    assert judged.label == "compost"


def test_an_empty_gripper_is_a_miss(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    judged = judge.judge(pick_of(items[0], dy=2.0))
    assert judged.item_id is None
    assert not judged.right
    assert judged.error_mm > MAX_GRASP_DISTANCE_M * 1e3


def test_items_that_cross_are_counted_once(judge: PickJudge) -> None:
    world = BeltWorld(START.settings.world_config())
    counted = judge.crossed(["non_compost"], START.start_ns, START.start_ns + LATER_NS, 1.0, (-0.3, 0.3))
    before, after = (
        {item.id for item in world.true_items_at(stamp, 1.0, 4.0) if item.label == "non_compost"}
        for stamp in (0, LATER_NS)
    )
    assert counted == len(after - before) > 0
    halves = [
        judge.crossed(["non_compost"], START.start_ns + a, START.start_ns + b, 1.0, (-0.3, 0.3))
        for a, b in ((0, LATER_NS // 2), (LATER_NS // 2, LATER_NS))
    ]
    assert sum(halves) == counted


def boxes(visible: float = 1.0) -> list[TrueBox]:
    return [
        TrueBox(1, "compost", np.array([10.0, 10, 60, 60]), 1.0),
        TrueBox(2, "non_compost", np.array([100.0, 10, 160, 60]), visible),
    ]


def found(corners: list[list[float]], labels: list[int]) -> Detections:
    n = len(labels)
    scores = np.linspace(0.9, 0.6, n).astype(np.float32)
    return Detections(
        np.array(corners, np.float32).reshape(-1, 4), scores, np.array(labels), np.zeros((n, 2), np.float32)
    )


ALL = [[10.0, 10, 60, 60], [100.0, 10, 160, 60]]


def test_the_truth_itself_scores_one_and_frames_that_were_dropped_do_not_count() -> None:
    truths = {1: boxes(), 2: boxes(), 3: boxes()}
    assert judge_detections(truths, {1: found(ALL, [0, 1]), 3: found(ALL, [0, 1])})[0] == pytest.approx(1.0)


def test_wrong_labels_missing_boxes_and_ghosts_cost() -> None:
    truths = {1: boxes()}
    swapped, _ = judge_detections(truths, {1: found(ALL, [1, 0])})
    missing, each = judge_detections(truths, {1: found(ALL[:1], [0])})
    ghosts, _ = judge_detections(truths, {1: found([[300.0, 300, 340, 340], *ALL], [1, 0, 1])})
    assert swapped == pytest.approx(0.0)
    assert missing == pytest.approx(0.5)
    assert each == pytest.approx({"compost": 1.0, "non_compost": 0.0})
    assert 0.5 < ghosts < 1.0


@pytest.mark.parametrize("labels", [[0, 1], [0, 0]])
def test_what_is_hardly_visible_is_neither_to_be_found_nor_wrong_to_find(labels: list[int]) -> None:
    truths = {1: boxes(visible=0.29)}
    assert judge_detections(truths, {1: found(ALL, labels)})[0] == pytest.approx(1.0)
    assert judge_detections(truths, {1: found(ALL[:1], [0])})[0] == pytest.approx(1.0)
    assert judge_detections({1: boxes(visible=0.31)}, {1: found(ALL[:1], [0])})[0] == pytest.approx(0.5)


def test_nothing_to_find_is_not_a_number() -> None:
    assert np.isnan(judge_detections({1: []}, {1: found([], [])})[0])


def test_a_cell_is_rebuilt_from_what_its_camera_says() -> None:
    assert CellStart.from_json(START.to_json()) == START
