"""Judging of a run: the truth judged against itself is perfect, and every kind of mistake is found."""

from __future__ import annotations

import numpy as np
import pytest

from spp_sorter.config import Config
from spp_sorter.learning.samples import MIN_VISIBLE as TRAINED_MIN_VISIBLE
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.judge import MAX_GRASP_DISTANCE_M, MIN_VISIBLE, PickJudge, judge_detections
from spp_sorter.ros.truth_messages import TrueBox
from spp_sorter.simulation.arm import Arm
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.sorting import Sorter
from spp_sorter.values import LABELS, BeltSample, Detections, Frame, Grasps, PickTarget, TrueItem

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
        assert np.isnan(judged.yaw_error_deg) == (item.size_m[0] < 1.5 * item.size_m[1])
        assert np.isnan(judged.yaw_error_deg) or judged.yaw_error_deg == pytest.approx(0.0, abs=1e-6)


def test_errors_are_measured_in_the_belts_plane(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    long = next(item for item in items if item.size_m[0] >= 1.5 * item.size_m[1])
    judged = judge.judge(pick_of(long, dx=0.003, dy=-0.004, turn=np.radians(-20)))
    assert judged.error_mm == pytest.approx(5.0)
    assert judged.yaw_error_deg == pytest.approx(20.0)
    assert judged.right


def test_time_is_error_too(judge: PickJudge, items: tuple[TrueItem, ...]) -> None:
    early = pick_of(items[0])
    late = early._replace(stamp_ns=early.stamp_ns + 10_000_000)
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


class TrueDetector:
    """Sees what is true."""

    label_names = LABELS

    def __init__(self) -> None:
        self.items: list[TrueItem] = []

    def detect(self, image_bgr: np.ndarray) -> Detections:
        assert image_bgr.dtype == np.uint8
        labels = np.array([LABELS.index(item.label) for item in self.items], np.int64)
        boxes_xyxy = np.array([item.box_xyxy for item in self.items], np.float32).reshape(-1, 4)
        n = len(labels)
        probs = np.where(np.arange(2) == labels[:, None], 0.97, 0.03).astype(np.float32).reshape(n, 2)
        points = np.array([item.grasp_xy for item in self.items], np.float32).reshape(-1, 2)
        yaws = np.array([-item.yaw_rad for item in self.items], np.float32)  # image y points down
        sizes = np.array([item.size_m[:2] * 640 for item in self.items], np.float32).reshape(-1, 2)
        return Detections(boxes_xyxy, np.full(n, 0.97, np.float32), labels, probs, LABELS, Grasps(points, yaws, sizes))


def test_from_truth_over_sorter_and_arm_to_judge_nothing_is_lost(judge: PickJudge) -> None:
    """With perfect detections what is left is the arm's millisecond: frames of reference, times and signs all fit."""
    world, detector, arm = BeltWorld(START.settings.world_config()), TrueDetector(), Arm()
    sorter, picks = Sorter(detector, Config()), []
    for tick in range(0, 5000, 10):
        time_ns = tick * 1_000_000
        stamp_ns = START.start_ns + time_ns
        sorter.add_belt_sample(BeltSample(stamp_ns, world.belt_position_m(time_ns)))
        if tick % 50:
            continue
        frame = world.render(time_ns)
        assert frame.truth is not None
        detector.items = [item for item in frame.truth.items if item.visible_fraction > 0.5]
        result = sorter.process(Frame(stamp_ns, frame.image_bgr, "camera", world.intrinsics, world.camera_in_belt))
        picks += arm.update(stamp_ns + 40_000_000)
        arm.take_list(stamp_ns + 40_000_000, stamp_ns, result.picks)
    judged = [
        judge.judge(p.target._replace(stamp_ns=p.stamp_ns, point_belt=p.point_belt, yaw_rad=p.yaw_rad)) for p in picks
    ]
    assert len(judged) >= 2
    assert all(pick.right for pick in judged)
    assert max(pick.error_mm for pick in judged) < 2.0
    assert np.nanmax([pick.yaw_error_deg for pick in judged]) < 3.0


def boxes(visible: float = 1.0) -> list[TrueBox]:
    return [
        TrueBox(1, "compost", np.array([10.0, 10, 60, 60]), 1.0),
        TrueBox(2, "non_compost", np.array([100.0, 10, 160, 60]), visible),
    ]


def found(corners: list[list[float]], labels: list[int]) -> Detections:
    n = len(labels)
    scores = np.linspace(0.9, 0.6, n).astype(np.float32)
    probs = scores[:, None] * np.eye(2, dtype=np.float32)[labels]
    return Detections(np.array(corners, np.float32).reshape(-1, 4), scores, np.array(labels), probs)


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


def test_the_second_label_of_a_box_finds_its_item_behind_surer_ones() -> None:
    truths = {1: boxes(), 2: boxes()}
    wavering = found(ALL, [1, 1])
    wavering.label_probs[0] = 0.4, 0.5
    value, each = judge_detections(truths, {1: wavering, 2: found(ALL, [0, 1])})
    assert each == pytest.approx({"compost": 1.0, "non_compost": 1.0})  # the wrong label ranks behind the right ones
    wavering.label_probs[0] = 0.0, 0.9
    assert judge_detections(truths, {1: wavering, 2: found(ALL, [0, 1])})[0] < value


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
