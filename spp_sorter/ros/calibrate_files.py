"""Files of ``spp_sorter calibrate``: intrinsics in, parameters and a picture to judge by out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from spp_sorter.geometry.board import BoardSight
from spp_sorter.geometry.board_calibration import Calibration
from spp_sorter.geometry.board_pose import locate_boards, to_plane_xy
from spp_sorter.geometry.camera import Camera, quaternion_from_rotation
from spp_sorter.values import CameraIntrinsics, FloatArray, ImageArray

_GRID_M = 0.1
_FOUND_BGR, _PROJECTED_BGR, _GRID_BGR, _X_BGR, _Y_BGR = (
    (60, 60, 255), (80, 220, 80), (200, 160, 60), (40, 40, 230), (60, 200, 60),
)  # fmt: skip


def read_camera_info(path: Path) -> CameraIntrinsics:
    """Intrinsics in the file that camera_calibration writes and camera_info_manager reads.

    Raises:
        ValueError: a key is missing or of the wrong length.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        k = np.array(content["camera_matrix"]["data"], np.float64).reshape(3, 3)
        distortion = np.array(content["distortion_coefficients"]["data"], np.float64)
        size_hw = (int(content["image_height"]), int(content["image_width"]))
        model = str(content.get("distortion_model", "plumb_bob"))
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ValueError(
            f"'{path}' is no camera_info file ({error!r}); it needs image_width, image_height, camera_matrix, "
            "distortion_model and distortion_coefficients"
        ) from error
    return CameraIntrinsics(size_hw, k, distortion, {"fisheye": "equidistant"}.get(model, model))


def write_parameters(path: Path, found: Calibration) -> None:
    """Write what was found as a parameter file of the node."""
    pose = found.camera_in_belt
    camera: dict[str, Any] = {
        "extrinsics": "parameter",
        "position": [round(float(value), 6) for value in pose.translation],
        "orientation": [round(float(value), 9) for value in quaternion_from_rotation(pose.rotation)],
    }
    belt: dict[str, Any] = {}
    if found.motion is not None and found.motion.steady:
        belt["speed"] = round(found.motion.speed_mps, 5)
    if found.encoder is not None:
        belt["encoder_offset"] = round(found.encoder.offset_s, 5)
    parameters = {"camera": camera, **({"belt": belt} if belt else {})}
    body = yaml.safe_dump({"/**": {"ros__parameters": parameters}}, sort_keys=False, default_flow_style=None)
    head = (
        "# Written by `spp_sorter calibrate`. Reprojection error "
        f"{found.plane.rms_px:.3f} px, height to {found.plane.height_std_m * 1e3:.2f} mm, tilt to "
        f"{found.plane.tilt_std_deg:.3f} deg.\n"
        "# ros2 run spp_sorter sorter_node --ros-args --params-file THIS_FILE\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + body, encoding="utf-8")


def picture_to_judge_by(
    image_bgr: ImageArray, sight: BoardSight, found: Calibration, intrinsics: CameraIntrinsics, thickness_m: float
) -> ImageArray:
    """The picture with the corners found (red crosses) and projected (green rings), and the belt's frame as a grid.

    Args:
        image_bgr: [H, W, 3] uint8, the picture of ``sight``.
        sight: the corners that were found in it.
        found: the calibration.
        intrinsics: the camera's.
        thickness_m: of the board.
    """
    drawn = image_bgr.copy()
    camera = Camera(intrinsics, found.camera_in_belt)
    _draw_grid(drawn, camera)
    in_plane = Camera(intrinsics, found.plane.camera)
    (placement,) = locate_boards([sight], found.plane, intrinsics, thickness_m)
    flat = to_plane_xy(sight.board_m, placement)
    projected = in_plane.project(np.column_stack([flat, np.full(len(flat), thickness_m)]))
    for (x, y), (u, v) in zip(sight.pixels_xy, projected, strict=True):
        cv2.circle(drawn, _subpixel(np.array([u, v])), 5 * 16, _PROJECTED_BGR, 1, cv2.LINE_AA, 4)
        cv2.drawMarker(drawn, (round(x), round(y)), _FOUND_BGR, cv2.MARKER_TILTED_CROSS, 6, 1)
    text = f"reprojection error {found.plane.rms_px:.3f} px; grid {_GRID_M * 100:g} cm; red x: along the belt"
    cv2.putText(drawn, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(drawn, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return drawn


def _draw_grid(drawn: ImageArray, camera: Camera) -> None:
    """Lines every 10 cm of ``belt`` that the picture shows, and the axes at its origin or at what is in view."""
    height, width = drawn.shape[:2]
    rim = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1], [width / 2, height / 2]], float)
    seen = camera.to_plane(rim, 0.0)[:, :2]
    if not np.isfinite(seen).all():
        return
    low, high = np.floor(seen.min(0) / _GRID_M), np.ceil(seen.max(0) / _GRID_M)
    if (high - low).max() > 200:
        return
    for axis in (0, 1):
        for number in range(int(low[axis]), int(high[axis]) + 1):
            along = np.linspace(low[1 - axis] * _GRID_M, high[1 - axis] * _GRID_M, 60)
            line = np.zeros((len(along), 3))
            line[:, axis], line[:, 1 - axis] = number * _GRID_M, along
            _draw_line(drawn, camera.project(line), _GRID_BGR)
    start = seen[-1] if not ((seen.min(0) < 0.0) & (seen.max(0) > 0.0)).all() else np.zeros(2)
    for step, color in (((0.1, 0.0), _X_BGR), ((0.0, 0.1), _Y_BGR)):
        tips = camera.project(np.array([(*start, 0.0), (*(start + step), 0.0)]))
        if np.isfinite(tips).all():
            points = [_subpixel(tip) for tip in tips]
            cv2.arrowedLine(drawn, points[0], points[1], color, 2, cv2.LINE_AA, 4, 0.15)


def _draw_line(drawn: ImageArray, pixels: FloatArray, color: tuple[int, int, int]) -> None:
    good = pixels[np.isfinite(pixels).all(1)]
    cv2.polylines(drawn, [np.round(good * 16).astype(np.int32)[:, None]], False, color, 1, cv2.LINE_AA, 4)


def _subpixel(point: FloatArray) -> tuple[int, int]:
    return math.floor(point[0] * 16 + 0.5), math.floor(point[1] * 16 + 0.5)
