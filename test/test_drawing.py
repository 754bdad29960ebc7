"""Drawing of results: what must be visible, what must stay as it was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spp_sorter.config import Config
from spp_sorter.drawing import draw_result, label_colour
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.values import (
    LABELS,
    CameraIntrinsics,
    Detections,
    Grasps,
    Level,
    PickTarget,
    SortResult,
    Status,
    Track,
)

COMPOST, OTHER = (label_colour(LABELS, index) for index in (0, 1))


def camera(position: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Camera:
    k = np.array([[640.0, 0, 319.5], [0, 640.0, 239.5], [0, 0, 1]])
    return Camera(CameraIntrinsics((480, 640), k, np.zeros(0)), pose_from_quaternion(position, (1.0, 0.0, 0.0, 0.0)))


def detections(boxes: list[list[float]], labels: list[int]) -> Detections:
    boxes_xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    centres = 0.5 * (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:])
    n = len(labels)
    return Detections(
        boxes_xyxy=boxes_xyxy,
        scores=np.full(n, 0.93, np.float32),
        labels=np.array(labels, np.int64),
        label_probs=np.full((n, 2), 0.5, np.float32),
        grasps=Grasps(centres, np.full(n, 0.5, np.float32), np.full((n, 2), (60.0, 30.0), np.float32)),
    )


def track(number: int, x: float, y: float, seen: bool) -> Track:
    return Track(
        id=number,
        stamp_ns=0,
        point_belt=np.array([x, y, 0.02]),
        covariance_belt=np.eye(2) * 1e-6,
        height_m=0.02,
        height_std_m=0.005,
        yaw_rad=0.0,
        yaw_std_rad=0.1,
        size_m=np.array([0.08, 0.04]),
        label_probs=np.array([0.1, 0.9]),
        label_names=LABELS,
        num_views=5,
        seen=seen,
        whole=True,
    )


def pick(number: int, x: float = 1.0, after_s: float = 0.8) -> PickTarget:
    point = np.array([x, 0.0, 0.02])
    size = np.array([0.08, 0.04, 0.02])
    return PickTarget(number, int(after_s * 1e9), "non_compost", 0.9, point, 0.0, size, np.eye(4) * 1e-6)


def result(found: Detections, ids: list[int], **more: object) -> SortResult:
    return SortResult(stamp_ns=0, detections=found, track_ids=np.array(ids, np.int64), **more)  # type: ignore[arg-type]


def grey(height: int = 480, width: int = 640) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def test_the_input_is_left_as_it_is_and_the_size_is_kept() -> None:
    image = grey(241, 323)
    drawn = draw_result(image, result(detections([[20, 60, 90, 120]], [1]), [1]), Config())
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (image == 90).all()
    assert (drawn != 90).any()


def test_boxes_lie_on_their_edges_in_the_colour_of_their_label() -> None:
    found = detections([[100, 150, 200, 250], [300, 150, 400, 250]], [0, 1])
    drawn = draw_result(grey(), result(found, [0, 0]), Config())
    assert tuple(drawn[200, 100]) != (90, 90, 90)
    np.testing.assert_allclose(drawn[249:251, 130].astype(int).mean(0), np.add(COMPOST, 90) / 2, atol=25)
    assert tuple(drawn[200, 300]) == OTHER
    # Labels to pick have thick boxes: three rows of the edge are touched where one of compost's is.
    thick = (drawn[245:255, 330] != 90).any(axis=1).sum()
    thin = (drawn[245:255, 130] != 90).any(axis=1).sum()
    assert thick > thin


def test_grasps_and_track_numbers_can_be_switched_off() -> None:
    found = result(detections([[100, 150, 200, 250]], [0]), [7])
    plain = Config().replaced({"drawing.grasps": False, "drawing.tracks": False})
    full, bare = (draw_result(grey(), found, config) for config in (Config(), plain))
    assert (full[170:230, 120:180] != 90).any()
    assert (bare[170:230, 120:180] == 90).all()
    assert (full[130:150, 100:200] != bare[130:150, 100:200]).any()


def test_a_pick_target_is_marked_on_its_item() -> None:
    found = detections([[280, 200, 360, 280]], [1])
    without = draw_result(grey(), result(found, [3]), Config(), camera())
    marked = draw_result(grey(), result(found, [3], picks=(pick(3),)), Config(), camera())
    ring = [(240, 320 + 9), (240, 320 - 9)]
    assert all(tuple(marked[y, x]) != tuple(without[y, x]) for y, x in ring)


def test_a_coasting_item_and_its_pick_are_drawn_where_the_track_is() -> None:
    none = detections([], [])
    drawn = draw_result(
        grey(), result(none, [], tracks=(track(4, 0.25, 0.1, False),), picks=(pick(4),)), Config(), camera()
    )
    x, y = camera().project(np.array([[0.25, 0.1, 0.02]]))[0]
    near = drawn[int(y) - 15 : int(y) + 15, int(x) - 15 : int(x) + 15]
    assert (near != 90).any()
    blind = draw_result(grey(), result(none, [], tracks=(track(4, 0.25, 0.1, False),), picks=(pick(4),)), Config())
    assert (blind[int(y) - 15 : int(y) + 15, int(x) - 15 : int(x) + 15] == 90).all()


@pytest.mark.parametrize(("pick_line", "shown"), [(0.2, True), (1.0, False)])
def test_the_pick_line_is_drawn_where_the_camera_sees_it(pick_line: float, shown: bool) -> None:
    config = Config().replaced({"picking.pick_line": pick_line})
    drawn = draw_result(grey(), result(detections([], []), []), config, camera())
    assert bool((drawn[100:400] != 90).any()) == shown
    if shown:
        column = round(319.5 + 0.5 + 0.2 * 640)
        assert (drawn[300, column - 2 : column + 2] != 90).any()


def test_conditions_are_written_at_the_bottom_and_good_ones_are_not() -> None:
    empty = detections([], [])
    quiet = draw_result(grey(), result(empty, [], statuses=(Status("fine", Level.OK, "all well"),)), Config())
    assert (quiet[440:] == 90).all()
    long = Status("belt_stopped", Level.WARN, "the belt stands still — " + "no picks " * 60)
    loud = draw_result(grey(), result(empty, [], statuses=(long,)), Config())
    assert (loud[460:] != 90).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (64, 64), (1080, 1920)])
def test_any_size_and_any_box_is_drawn_without_an_error(shape: tuple[int, int]) -> None:
    boxes = [[-5, -5, 10, 10], [0, 0, shape[1], shape[0]], [np.nan, 0, 5, 5], [1e9, 1e9, 2e9, 2e9], [5, 5, 5, 5]]
    status = (Status("late", Level.ERROR, "too late"),)
    picks = (pick(2), pick(9))
    found = result(detections(boxes, [0, 1, 1, 0, 1]), [1, 2, 3, 4, 5], picks=picks, statuses=status)
    drawn = draw_result(grey(*shape), found, Config(), camera(), note="30.0 fps")
    assert drawn.shape == (*shape, 3)


def test_other_labels_have_colours_of_their_own() -> None:
    names = ("glass", "metal", "paper", "compost")
    assert len({label_colour(names, index) for index in range(4)}) == 4


def test_text_is_readable_against_a_white_and_a_black_picture() -> None:
    found = result(detections([[100, 150, 200, 250]], [0]), [7])
    for value in (0, 255):
        drawn = draw_result(np.full((480, 640, 3), value, np.uint8), found, Config(), note="30 fps")
        heading = cv2.cvtColor(drawn[:14, :40], cv2.COLOR_BGR2GRAY)
        assert int(heading.max()) - int(heading.min()) > 120
