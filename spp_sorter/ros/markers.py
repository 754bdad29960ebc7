"""What RViz shows: tracked items as boxes with labels, grasps as arrows, the pick line and the reach of the arm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from spp_sorter.config import DrawingConfig, PickingConfig
from spp_sorter.values import FloatArray, PickTarget, SortResult, Track

_PICKED = ColorRGBA(r=0.95, g=0.25, b=0.2, a=0.7)
_LEFT = ColorRGBA(r=0.3, g=0.75, b=0.3, a=0.6)
_GRASP = ColorRGBA(r=1.0, g=0.85, b=0.1, a=1.0)
_LINE = ColorRGBA(r=0.1, g=0.6, b=1.0, a=1.0)
_REACH = ColorRGBA(r=0.1, g=0.6, b=1.0, a=0.15)
_TEXT = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
_GRASP_ABOVE_M = 0.12
"""Length of a grasp's arrow, which ends on the item's top."""


def markers_of(result: SortResult, header: Header, picking: PickingConfig, drawing: DrawingConfig) -> MarkerArray:
    """Markers of one frame; they replace those of the frame before.

    Args:
        result: what was found at the image's stamp.
        header: the image's stamp, frame ``belt``.
        picking: labels to pick, pick line and reach.
        drawing: whether track numbers and grasps are shown.

    Returns:
        visualization_msgs/MarkerArray with namespaces ``items``, ``labels``, ``grasps``, ``pick_line``, ``reach``.
    """
    seconds_left = {pick.track_id: (pick.stamp_ns - result.stamp_ns) * 1e-9 for pick in result.picks}
    markers = [Marker(header=header, action=Marker.DELETEALL), *_cell(header, picking)]
    for track in result.tracks:
        markers.append(_item(header, track, track.label in picking.labels))
        if drawing.tracks:
            markers.append(_label(header, track, seconds_left.get(track.id)))
    if drawing.grasps:
        places = {track.id: track for track in result.tracks}
        markers.extend(_grasp(header, pick, places.get(pick.track_id)) for pick in result.picks)
    return MarkerArray(markers=markers)


def _cell(header: Header, picking: PickingConfig) -> Iterator[Marker]:
    """The pick line across the reach, and the window over it that the arm reaches through."""
    line = _marker(header, "pick_line", 0, Marker.LINE_STRIP, _LINE)
    line.scale.x = 0.01
    line.points = [
        Point(x=picking.pick_line, y=picking.reach_min, z=0.002),
        Point(x=picking.pick_line, y=picking.reach_max, z=0.002),
    ]
    yield line
    window = _marker(header, "reach", 0, Marker.CUBE, _REACH)
    window.pose.position.x = picking.pick_line
    window.pose.position.y = (picking.reach_min + picking.reach_max) / 2
    window.pose.position.z = picking.max_height / 2
    window.scale.x, window.scale.y = 0.005, picking.reach_max - picking.reach_min
    window.scale.z = picking.max_height
    yield window


def _item(header: Header, track: Track, wanted: bool) -> Marker:
    marker = _marker(header, "items", track.id, Marker.CUBE, _PICKED if wanted else _LEFT)
    _place(marker, track.point_belt, track.height_m / 2, track.yaw_rad)
    # RViz refuses boxes without thickness.
    sizes = (*(float(size) for size in track.size_m), track.height_m)
    marker.scale.x, marker.scale.y, marker.scale.z = (max(float(size), 0.001) for size in sizes)
    return marker


def _label(header: Header, track: Track, left_s: float | None) -> Marker:
    marker = _marker(header, "labels", track.id, Marker.TEXT_VIEW_FACING, _TEXT)
    _place(marker, track.point_belt, track.height_m + 0.03, 0.0)
    marker.scale.z = 0.025
    marker.text = f"{track.id} {track.label} {track.probability:.2f}" + ("" if left_s is None else f" {left_s:.1f} s")
    return marker


def _grasp(header: Header, pick: PickTarget, track: Track | None) -> Marker:
    """An arrow down onto the item where it is now; on the pick line when its track is not there."""
    point: Sequence[float] | FloatArray = pick.point_belt if track is None else track.point_belt
    x, y, top = (float(value) for value in point)
    marker = _marker(header, "grasps", pick.track_id, Marker.ARROW, _GRASP)
    marker.points = [Point(x=x, y=y, z=top + _GRASP_ABOVE_M), Point(x=x, y=y, z=top)]
    marker.scale.x, marker.scale.y, marker.scale.z = 0.01, 0.025, 0.03
    return marker


def _marker(header: Header, namespace: str, number: int, kind: int, color: ColorRGBA) -> Marker:
    # RViz's ids have 32 bits.
    marker = Marker(header=header, ns=namespace, id=number & 0x7FFFFFFF, type=kind, action=Marker.ADD, color=color)
    marker.pose.orientation.w = 1.0
    return marker


def _place(marker: Marker, point: FloatArray, z: float, yaw_rad: float) -> None:
    marker.pose.position.x, marker.pose.position.y, marker.pose.position.z = float(point[0]), float(point[1]), float(z)
    marker.pose.orientation.z, marker.pose.orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
