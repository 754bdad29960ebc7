"""Draw what a frame's ``SortResult`` says onto a copy of the frame, for people to look at.

Letters: N detections, T tracks, P pick targets, H x W image.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from spp_sorter.config import Config
from spp_sorter.geometry.camera import Camera
from spp_sorter.values import FloatArray, ImageArray, Level, PickTarget, SortResult

Colour = tuple[int, int, int]

LABEL_COLOURS_BGR: dict[str, Colour] = {"compost": (80, 190, 70), "non_compost": (60, 60, 235)}
"""Colours of the shipped labels; other labels take theirs from ``OTHER_COLOURS_BGR`` by their place in the map."""
OTHER_COLOURS_BGR: tuple[Colour, ...] = ((220, 150, 50), (40, 170, 230), (190, 90, 190), (180, 180, 60))

_WHITE: Colour = (255, 255, 255)
_DARK: Colour = (32, 32, 32)
_PICK: Colour = (30, 220, 255)
_LEVEL_COLOURS: dict[Level, Colour] = {
    Level.WARN: (0, 130, 215),
    Level.ERROR: (40, 40, 200),
    Level.STALE: (110, 90, 90),
}
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHIFT = 4
"""Coordinates go to OpenCV in sixteenths of a pixel, so that lines do not jump from frame to frame."""


def label_colour(label_names: Sequence[str], index: int) -> Colour:
    """The BGR colour of label ``index``."""
    return LABEL_COLOURS_BGR.get(label_names[index], OTHER_COLOURS_BGR[index % len(OTHER_COLOURS_BGR)])


def draw_result(
    image_bgr: ImageArray, result: SortResult, config: Config, camera: Camera | None = None, note: str = ""
) -> ImageArray:
    """An annotated copy of the frame.

    Boxes coloured by label with track number and score, pick point and long axis of each grasp, the pick targets in
    the order in which the arm takes them with the seconds that are left, pick line and reach where the camera sees
    them, and one line of figures and conditions. Thick boxes are labels to pick, so that nobody depends on colour.

    Args:
        image_bgr: [H, W, 3] uint8; left as it is.
        result: what ``Sorter.process`` said about this frame.
        config: ``drawing`` says what is shown, ``picking`` where the pick line is and what is picked.
        camera: the frame's camera, or None when intrinsics or pose are unknown: nothing is projected then.
        note: text put before the figures, such as the rate.

    Returns:
        [H, W, 3] uint8.
    """
    canvas = np.array(image_bgr, order="C")
    pen = _Pen(canvas)
    if camera is not None:
        _draw_pick_line(pen, config, camera)
    _draw_detections(pen, result, config)
    if camera is not None and config.drawing.tracks:
        _draw_unseen_tracks(pen, result, camera)
    _draw_picks(pen, result, camera)
    _draw_heading(pen, result, note)
    _draw_statuses(pen, result)
    return canvas


class _Pen:
    """Antialiased lines and legible text at a size that suits the image."""

    def __init__(self, canvas: ImageArray) -> None:
        self.canvas = canvas
        self.scale = max(1.0, min(canvas.shape[:2]) / 480.0)
        self.thin = max(1, round(self.scale))
        self.font_scale = 0.4 * self.scale

    def inside(self, points_xy: FloatArray) -> npt.NDArray[np.bool_]:
        """Which points [N, 2] lie in the image; NaN does not."""
        height, width = self.canvas.shape[:2]
        return np.asarray(((points_xy >= 0) & (points_xy <= (width, height))).all(axis=1))

    def line(self, points_xy: FloatArray, colour: Colour, thickness: int, closed: bool = False) -> None:
        """A polyline through pixel-edge coordinates [N, 2]; nothing where a point is NaN or far outside."""
        if not np.isfinite(points_xy).all() or np.abs(points_xy).max() > 1e5:
            return
        # OpenCV puts integers on pixel centres; ours are edges.
        fixed = np.round((np.asarray(points_xy, np.float64) - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(self.canvas, [fixed.reshape(-1, 1, 2)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)

    def dot(self, point_xy: FloatArray, colour: Colour, radius: float, thickness: int = -1) -> None:
        """A circle around a pixel-edge coordinate [2]."""
        if not np.isfinite(point_xy).all() or np.abs(point_xy).max() > 1e5:
            return
        x, y = (round((float(v) - 0.5) * (1 << _SHIFT)) for v in point_xy)
        fixed_radius = round(radius * self.scale * (1 << _SHIFT))
        cv2.circle(self.canvas, (x, y), fixed_radius, colour, thickness, cv2.LINE_AA, _SHIFT)

    def text_size(self, text: str) -> tuple[int, int]:
        """Width and height in pixels of a line of text with its background."""
        (width, height), below = cv2.getTextSize(text, _FONT, self.font_scale, self.thin)
        return width + 2 * self.padding, height + below + self.padding

    @property
    def padding(self) -> int:
        """Pixels between text and the edge of its background."""
        return round(2 * self.scale)

    def text(self, text: str, left: float, top: float, background: Colour, colour: Colour = _WHITE) -> int:
        """Text on a filled background, moved to stay inside the image; returns the x where it ends."""
        width, height = self.text_size(text)
        rows, columns = self.canvas.shape[:2]
        x = int(np.clip(left, 0, max(0, columns - width)))
        y = int(np.clip(top, 0, max(0, rows - height)))
        cv2.rectangle(self.canvas, (x, y), (x + width - 1, y + height - 1), background, -1)
        base = y + height - self.padding - round(2 * self.scale)
        cv2.putText(self.canvas, text, (x + self.padding, base), _FONT, self.font_scale, colour, self.thin, cv2.LINE_AA)
        return x + width


def _draw_pick_line(pen: _Pen, config: Config, camera: Camera) -> None:
    picking = config.picking
    y_belt = np.linspace(picking.reach_min, picking.reach_max, 24)
    points = np.stack([np.full_like(y_belt, picking.pick_line), y_belt, np.zeros_like(y_belt)], axis=1)
    pixels = _project(camera, points)
    visible = pixels[pen.inside(pixels)]
    if not len(visible):
        return
    pen.line(visible, _PICK, 2 * pen.thin)
    pen.text("pick line", visible[0, 0] + 4 * pen.scale, visible[0, 1], _DARK, _PICK)


def _draw_detections(pen: _Pen, result: SortResult, config: Config) -> None:
    detections = result.detections
    for n in np.flatnonzero(np.isfinite(detections.boxes_xyxy).all(axis=1)):
        label = int(detections.labels[n])
        colour = label_colour(detections.label_names, label)
        wanted = detections.label_names[label] in config.picking.labels
        x1, y1, x2, y2 = (float(v) for v in detections.boxes_xyxy[n])
        corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        pen.line(corners, colour, pen.thin * (2 if wanted else 1), closed=True)
        if config.drawing.grasps and detections.grasps is not None:
            grasps = detections.grasps
            _draw_grasp(pen, grasps.points_xy[n], float(grasps.yaws_rad[n]), grasps.sizes_px[n], colour)
        track_id = int(result.track_ids[n]) if config.drawing.tracks else 0
        tag = (f"#{track_id} " if track_id else "") + f"{100 * float(detections.scores[n]):.0f}%"
        pen.text(tag, x1, y1 - pen.text_size(tag)[1], colour)


def _draw_grasp(pen: _Pen, point_xy: FloatArray, yaw_rad: float, size_px: FloatArray, colour: Colour) -> None:
    along = np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    across = np.array([-along[1], along[0]])
    half_length, half_width = 0.5 * float(size_px[0]), 0.5 * float(size_px[1])
    pen.line(np.stack([point_xy - half_length * along, point_xy + half_length * along]), colour, pen.thin)
    jaw = min(6.0 * pen.scale, half_length)
    for side in (-1.0, 1.0):
        middle = point_xy + side * half_width * across
        pen.line(np.stack([middle - jaw * along, middle + jaw * along]), _WHITE, pen.thin)
    pen.dot(point_xy, colour, 3.5)
    pen.dot(point_xy, _WHITE, 1.5)


def _draw_unseen_tracks(pen: _Pen, result: SortResult, camera: Camera) -> None:
    unseen = [track for track in result.tracks if not track.seen]
    if not unseen:
        return
    pixels = _project(camera, np.stack([track.point_belt for track in unseen]))
    for track, pixel, inside in zip(unseen, pixels, pen.inside(pixels), strict=True):
        if inside:
            pen.dot(pixel, (190, 190, 190), 5.0, pen.thin)
            pen.text(f"#{track.id}", pixel[0] + 6 * pen.scale, pixel[1], _DARK, (190, 190, 190))


def _draw_picks(pen: _Pen, result: SortResult, camera: Camera | None) -> None:
    for rank, pick in enumerate(result.picks, start=1):
        tag = f"pick {rank}  {(pick.stamp_ns - result.stamp_ns) * 1e-9:.1f} s"
        now = _pick_pixel_now(result, pick, camera)
        if now is not None and pen.inside(now[None])[0]:
            arm = 9.0 * pen.scale
            pen.dot(now, _PICK, 9.0, pen.thin)
            for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                pen.line(
                    np.stack([now + 0.6 * arm * np.array(step), now + 1.4 * arm * np.array(step)]), _PICK, pen.thin
                )
            pen.text(tag, now[0] + arm, now[1] + 0.6 * arm, _DARK, _PICK)
        if camera is not None:
            then = _project(camera, pick.point_belt[None])[0]
            if pen.inside(then[None])[0]:
                cross = 5.0 * pen.scale
                for slope in (1.0, -1.0):
                    reach = cross * np.array([1.0, slope])
                    pen.line(np.stack([then - reach, then + reach]), _PICK, pen.thin)


def _pick_pixel_now(result: SortResult, pick: PickTarget, camera: Camera | None) -> FloatArray | None:
    """Where the item of a pick target is in this frame, [2] pixels: as detected, else as tracked."""
    detections = result.detections
    for n in np.flatnonzero(np.asarray(result.track_ids) == pick.track_id):
        if detections.grasps is not None:
            return np.asarray(detections.grasps.points_xy[n], np.float64)
        x1, y1, x2, y2 = (float(v) for v in detections.boxes_xyxy[n])
        return np.array([0.5 * (x1 + x2), 0.5 * (y1 + y2)])
    if camera is None:
        return None
    tracked = [track.point_belt for track in result.tracks if track.id == pick.track_id]
    return _project(camera, np.stack(tracked))[0] if tracked else None


def _project(camera: Camera, points_belt: FloatArray) -> FloatArray:
    """Points [N, 3] of ``belt`` as pixels on edges [N, 2]; a camera counts from the centre of the first pixel."""
    return np.asarray(camera.project(points_belt) + 0.5)


def _draw_heading(pen: _Pen, result: SortResult, note: str) -> None:
    names = result.detections.label_names
    right = 0
    if note:
        right = pen.text(note, 0, 0, _DARK)
    for index, name in enumerate(names):
        count = int(np.count_nonzero(result.detections.labels == index))
        right = pen.text(f"{count} {name}", right, 0, label_colour(names, index))
    right = pen.text(f"{len(result.picks)} to pick", right, 0, _DARK, _PICK)
    if result.stages_ms:
        total = result.stages_ms.get("total", sum(result.stages_ms.values()))
        pen.text(f"{total:.0f} ms", right, 0, _DARK)


def _draw_statuses(pen: _Pen, result: SortResult) -> None:
    bottom = pen.canvas.shape[0]
    for status in sorted(result.statuses, key=lambda status: status.level):
        if status.level == Level.OK:
            continue
        text = f"{status.name}: {status.message}"
        # Hershey fonts know ASCII only.
        text = text.encode("ascii", "replace").decode()
        while len(text) > 1 and pen.text_size(text)[0] > pen.canvas.shape[1]:
            text = text[:-1]
        bottom -= pen.text_size(text)[1]
        pen.text(text, 0, bottom, _LEVEL_COLOURS[status.level])
