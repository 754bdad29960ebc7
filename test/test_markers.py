"""Markers of a result, as RViz gets them."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from visualization_msgs.msg import Marker, MarkerArray

from spp_sorter.config import DrawingConfig, PickingConfig
from spp_sorter.ros import messages
from spp_sorter.ros.markers import markers_of
from spp_sorter.values import LABELS, Detections, PickTarget, SortResult, Track

HEADER = messages.make_header(10**18, "belt")
PICKING = PickingConfig(pick_line=0.8, reach_min=-0.2, reach_max=0.4, max_height=0.1)


def track(number: int, probability: float, x: float) -> Track:
    probs = np.array([1 - probability, probability])
    point = np.array([x, 0.1, 0.04])
    size = np.array([0.2, 0.0])
    return Track(number, 10**18, point, np.eye(2), 0.04, 0.001, 0.6, 0.1, size, probs, LABELS, 3, True, True)


def markers(drawing: DrawingConfig, tracks: tuple[Track, ...]) -> dict[str, list[Marker]]:
    pick_at = np.array([0.8, 0.1, 0.04])
    pick = PickTarget(7, 10**18 + 1_500_000_000, "non_compost", 0.9, pick_at, 0.6, np.ones(3), np.eye(4))
    result = SortResult(10**18, Detections.empty(), np.zeros(0, np.int64), tracks, (pick,))
    message = markers_of(result, HEADER, PICKING, drawing)
    message = deserialize_message(serialize_message(message), MarkerArray)
    assert message.markers[0].action == Marker.DELETEALL
    found: dict[str, list[Marker]] = {}
    for marker in message.markers[1:]:
        assert marker.header == HEADER
        assert marker.color.a > 0, "RViz shows nothing that is transparent"
        found.setdefault(marker.ns, []).append(marker)
    return found


def test_items_stand_on_the_belt_in_the_colour_of_their_fate() -> None:
    found = markers(DrawingConfig(), (track(7, 0.9, 0.2), track(8, 0.1, 0.5)))
    picked, left = found["items"]
    assert (picked.id, left.id) == (7, 8)
    assert picked.color != left.color
    assert (picked.pose.position.x, picked.pose.position.z) == (0.2, 0.02)
    assert (picked.pose.orientation.z, picked.pose.orientation.w) == pytest.approx((np.sin(0.3), np.cos(0.3)))
    assert (picked.scale.x, picked.scale.y, picked.scale.z) == (0.2, 0.001, 0.04)
    assert found["labels"][0].text == "7 non_compost 0.90 1.5 s"
    assert found["labels"][1].text == "8 compost 0.90"


def test_grasp_points_down_onto_the_item_where_it_is_now() -> None:
    (arrow,) = markers(DrawingConfig(), (track(7, 0.9, 0.2),))["grasps"]
    tail, head = arrow.points
    assert (tail.x, tail.y) == (head.x, head.y) == (0.2, 0.1)
    assert tail.z > head.z == 0.04
    (arrow,) = markers(DrawingConfig(), ())["grasps"]
    assert arrow.points[1].x == 0.8


def test_pick_line_and_reach() -> None:
    found = markers(DrawingConfig(), ())
    (line,), (window,) = found["pick_line"], found["reach"]
    assert [(p.x, p.y) for p in line.points] == [(0.8, -0.2), (0.8, 0.4)]
    assert (window.pose.position.x, window.pose.position.y) == pytest.approx((0.8, 0.1))
    assert window.scale.y == pytest.approx(0.6)


def test_drawing_parameters() -> None:
    found = markers(DrawingConfig(tracks=False, grasps=False), (track(7, 0.9, 0.2),))
    assert set(found) == {"items", "pick_line", "reach"}
