"""The network looks when the belt has moved far enough, and tracks and picks come out at every frame all the same."""

from __future__ import annotations

import numpy as np
import pytest
from item_sensor import INTRINSICS, POSE, Cell, Items, ItemSensor, at
from test_sorting import CONTAMINANT, run_cell, steady

from spp_sorter.config import Config
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.picking.travel import TravelTrigger, view_length
from spp_sorter.values import CameraIntrinsics

TRAVEL = Config.from_flat({"inference.trigger": "belt_travel"})
LONGEST_M = TRAVEL.inference.longest_item
PERIOD_NS = 33_333_333


def looks_of(trigger: TravelTrigger, step_m: float, positions: list[float], period_ns: int = PERIOD_NS) -> list[int]:
    """Numbers of the frames that are looked at."""
    looked = []
    for number, position in enumerate(positions):
        if trigger.is_due(number * period_ns, position, step_m):
            trigger.looked(number * period_ns, position, slipping=False)
            looked.append(number)
    return looked


@pytest.mark.parametrize("speed_mps", [0.1, 0.5, -0.5, 2.0])
def test_looks_are_as_rare_as_the_step_allows_and_never_further_apart(speed_mps: float) -> None:
    positions = [7.0 + speed_mps * k / 30.0 for k in range(300)]
    looked = looks_of(TravelTrigger(), 0.2, positions)
    apart = np.abs(np.diff([positions[k] for k in looked]))
    frame_m = abs(speed_mps) / 30.0
    assert looked[0] == 0
    assert apart.max() <= 0.2 + 1e-9
    assert apart.min() > min(0.2, abs(speed_mps) * 1.0) - 2.0 * frame_m


def test_a_belt_that_stands_is_looked_at_once_a_second() -> None:
    assert looks_of(TravelTrigger(), 0.2, [3.0] * 100, 100_000_000) == list(range(0, 100, 10))


def test_no_room_for_a_step_means_every_frame() -> None:
    assert len(looks_of(TravelTrigger(), 0.0, [0.01 * k for k in range(20)])) == 20


def test_after_a_slip_every_frame_is_looked_at_for_a_while_and_longer_when_it_goes_on() -> None:
    trigger = TravelTrigger()

    def due_after(start_ns: int) -> int:
        """Frames, 50 ms apart, that are looked at in a row after a slip."""
        trigger.looked(start_ns, 0.0, slipping=True)
        number = 0
        while number < 19 and trigger.is_due(start_ns + (number + 1) * 50_000_000, 0.0, 10.0):
            number += 1
        return number

    assert due_after(0) == 2
    assert due_after(800_000_000) == 4
    assert due_after(1_700_000_000) == 9
    assert due_after(9_000_000_000) == 2


def test_time_that_starts_again_is_looked_at() -> None:
    trigger = TravelTrigger()
    trigger.looked(10**12, 5.0, slipping=False)
    assert trigger.is_due(10, 5.0, 1.0)


def test_the_view_is_as_long_as_the_image_says() -> None:
    plain = CameraIntrinsics((480, 640), INTRINSICS.k, np.zeros(5))
    metres = 639.0 / 640.0
    assert view_length(Camera(plain, POSE), 0.0, (-0.3, 0.3)) == pytest.approx(metres, rel=1e-6)
    assert view_length(Camera(plain, POSE), 0.2, (-0.3, 0.3)) == pytest.approx(0.8 * metres, rel=1e-6)
    # A quarter turn about the optical axis: the short side lies along the belt.
    turned = pose_from_quaternion([0.0, 0.0, 1.0], [0.7071067811865476, 0.7071067811865476, 0.0, 0.0])
    assert view_length(Camera(plain, turned), 0.0, (-0.3, 0.3)) == pytest.approx(479.0 / 640.0, rel=1e-6)
    assert view_length(Camera(plain, POSE), 0.0, (2.0, 3.0)) == 0.0


def test_a_camera_that_sees_the_horizon_has_no_step() -> None:
    level = pose_from_quaternion([0.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5])
    assert TravelTrigger().step_of(Camera(INTRINSICS, level), 0.1, (-0.3, 0.3), 0.2, 3) == 0.0


def whole_looks(cell: Cell, item: int, looked_s: list[float]) -> int:
    """Looks at which the box of an item lay wholly inside the image."""
    items, number = cell.sensor.items, 0
    for seconds in looked_s:
        x = items.x[item] + cell.position_m(seconds)
        half = 0.5 * items.length[item]
        ends = np.array([[x - half, items.y[item], items.height[item]], [x + half, items.y[item], items.height[item]]])
        pixels = cell.sensor.camera.project(ends)[:, 0]
        number += bool(pixels.min() > 4.0 and pixels.max() < 635.0)
    return number


@pytest.mark.parametrize("phase", [0.0, 0.037, 0.11, 0.16])
def test_every_item_is_seen_whole_often_enough(phase: float) -> None:
    items = Items.of(*((-0.7 - phase - 0.3 * k, 0.1 * (-1) ** k, 0.1, LONGEST_M, 0.05, 0.0, 1) for k in range(8)))
    cell = Cell(ItemSensor(items), steady, config=TRAVEL)
    looked = [k / 30.0 for k in range(360) if cell.frame(k / 30.0).looked]
    assert 360 / len(looked) >= 8.0
    assert min(whole_looks(cell, item, looked) for item in range(8)) >= TRAVEL.inference.views_per_item


def test_the_network_runs_on_an_eighth_of_the_frames_and_the_picks_are_as_good() -> None:
    runs = {}
    for trigger in ("every_frame", "belt_travel"):
        config = Config.from_flat({"inference.trigger": trigger})
        cells = [run_cell(seed=s, config=config, until=14.0, num=30, sensor={"bias_px": 3.0}) for s in range(3)]
        judged = [cell.judge() for cell in cells]
        assert all(judgement.wrong == 0 for judgement in judged)
        runs[trigger] = np.concatenate([judgement.errors for judgement in judged])
    every, travel = runs["every_frame"], runs["belt_travel"]
    assert len(travel) >= 0.9 * len(every)
    assert np.percentile(travel, 50) < 1.1 * np.percentile(every, 50)
    assert np.sqrt(np.mean(travel**2)) < 1.1 * np.sqrt(np.mean(every**2))


def test_picks_come_at_every_frame_with_their_true_times() -> None:
    cell = Cell(ItemSensor(Items.of(CONTAMINANT)), steady, config=TRAVEL)
    results = [cell.frame(k / 30.0) for k in range(70)]
    late = results[40:]
    assert 0 < sum(result.looked for result in late) < 6
    for k, result in enumerate(late, start=40):
        (pick,) = result.picks
        (track,) = result.tracks
        assert result.stamp_ns == track.stamp_ns == at(k / 30.0)
        assert abs(pick.stamp_ns - at((1.0 - CONTAMINANT[0]) / 0.5)) < 15_000_000
        assert abs(track.point_belt[0] - (CONTAMINANT[0] + steady(k / 30.0))) < 0.006
        assert result.looked == ("detect" in result.stages_ms)
        assert result.looked or len(result.detections) == len(result.track_ids) == 0


def test_every_frame_is_looked_at_where_the_motion_is_unknown() -> None:
    config = TRAVEL.replaced({"belt.motion": "encoder"})
    cell = Cell(ItemSensor(Items.of(CONTAMINANT)), steady, config=config, encoder_hz=None)
    assert all(cell.frame(k / 30.0).looked for k in range(20))


def test_an_item_that_moves_against_the_belt_is_looked_at_far_more_often() -> None:
    sensor = ItemSensor(Items.of((-0.45, -0.1, 0.03, 0.08, 0.05, 0.4, 0)))
    cell = Cell(sensor, steady, config=TRAVEL)
    before = [cell.frame(k / 30.0).looked for k in range(25)]
    looked = []
    for k in range(25, 75):
        sensor.items.x[0] -= 0.006  # it rolls back at 0.18 m/s
        looked.append(cell.frame(k / 30.0).looked)
    assert sum(before) <= 4
    rest = looked[looked.index(True) :]
    assert sum(rest) > 0.4 * len(rest)  # a ninth when nothing rolls


def test_detections_only_of_frames_that_the_network_saw_and_a_change_holds_at_once() -> None:
    cell = Cell(ItemSensor(Items.of(CONTAMINANT)), steady, config=TRAVEL)
    assert not all(cell.frame(k / 30.0).looked for k in range(20))
    cell.sorter.configure(Config())
    assert all(cell.frame(k / 30.0).looked for k in range(20, 40))
