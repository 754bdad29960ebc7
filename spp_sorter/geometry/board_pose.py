"""Where the camera stands above the plane that calibration boards lie on.

All pictures share the plane. What is unknown: the camera's height over it and its two tilts, and for each picture
where on the plane the board lies and how it is turned. All of it is fitted at once to the corners' pixels, through
exactly the camera model that the sorter measures with, and the fit says how sure it is.

The plane's own frame: z up, origin on the belt's surface under the camera, x along the first board's u.

Letters: P pictures, n corners of one, N of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2 as opencv
import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from spp_sorter.geometry.board import BoardSight, CalibrationError
from spp_sorter.geometry.camera import Camera
from spp_sorter.values import CameraIntrinsics, FloatArray, Pose

cv2: Any = opencv  # its stubs differ between the releases

MAX_RMS_PX = 0.8
"""Reprojection error above which a board is refused: bent, badly measured, or intrinsics of another camera."""

MAX_STD_M, MAX_STD_DEG = 0.003, 0.4
_MAX_SLANT_DEG = 75.0
_LEAST_SPAN = 0.08  # of the image's diagonal
_MAX_STRETCH = 0.01
_NOISE_FLOOR_PX = 0.03
_STEP = 1e-5  # radians and metres of the central differences


@dataclass(frozen=True, slots=True)
class PlanePose:
    """The camera over the plane, and the boards on it.

    Attributes:
        camera: pose of the camera's optical frame in the plane's frame.
        placements: [P, 3] x, y (metres) and turn (radians) of each board: where its u, v = 0 lies, and u's direction.
        residuals_px: [N, 2] found minus projected.
        rms_px: root mean square of their lengths.
        height_std_m: standard deviation of the camera's height.
        tilt_std_deg: standard deviation of its tilts (the greater).
        stretch: how much longer the print is along v than along u, 1 for a good print.
    """

    camera: Pose
    placements: FloatArray
    residuals_px: FloatArray
    rms_px: float
    height_std_m: float
    tilt_std_deg: float
    stretch: float


def fit_plane(sights: Sequence[BoardSight], intrinsics: CameraIntrinsics, thickness_m: float = 0.0) -> PlanePose:
    """Fit the plane to boards that lie on it.

    Args:
        sights: one or more pictures of the board, lying anywhere on the plane.
        intrinsics: the camera's.
        thickness_m: height of the print above the belt.

    Raises:
        CalibrationError: ``degenerate_view``, ``bad_board``.
        CameraError: intrinsics that cannot measure.
    """
    _check_spans(sights, intrinsics)
    start = _first_guess(sights, intrinsics, thickness_m)
    problem = _Problem(sights, intrinsics, thickness_m, start.rotation)
    first = np.concatenate([[0.0, 0.0, start.translation[2]], problem.placements(start).ravel()])
    plain = least_squares(problem.residuals, first, problem.jacobian, x_scale="jac", max_nfev=60)
    stretched = least_squares(problem.residuals, np.append(plain.x, 0.0), problem.jacobian, x_scale="jac", max_nfev=60)
    stretch = 1.0 + float(stretched.x[-1])
    residuals = plain.fun.reshape(-1, 2)
    rms = math.sqrt(float((residuals**2).sum(1).mean()))
    cured = 2.0 * float((stretched.fun**2).mean()) < min(0.5 * rms**2, MAX_RMS_PX**2)
    if abs(stretch - 1.0) > _MAX_STRETCH and cured:
        raise CalibrationError(
            "bad_board",
            f"the print is {abs(stretch - 1.0) * 100:.1f} % {'longer' if stretch > 1 else 'shorter'} from top to "
            "bottom than from left to right, against --squares. Print it at 100 %, without fitting it to the page",
        )
    if rms > MAX_RMS_PX:
        raise CalibrationError(
            "bad_board",
            f"the board fits the camera by {rms:.2f} px only; allowed: {MAX_RMS_PX} px. It is bent, not flat on the "
            "belt, measured wrongly (--squares, --square), or camera_info is not this camera's",
        )
    stds = _standard_deviations(plain.jac, residuals)
    pose = problem.pose(plain.x)
    height_std_m, tilt_std_deg = float(stds[2]), math.degrees(float(stds[:2].max()))
    if height_std_m > MAX_STD_M or tilt_std_deg > MAX_STD_DEG:
        raise CalibrationError(
            "degenerate_view",
            f"the view leaves the height in doubt by {height_std_m * 1e3:.1f} mm and the tilt by {tilt_std_deg:.2f} "
            f"deg (allowed: {MAX_STD_M * 1e3:g} mm and {MAX_STD_DEG} deg). Use a larger board, show it larger, or add "
            "pictures with the board in other places on the belt",
        )
    return PlanePose(pose, plain.x[3:].reshape(-1, 3), residuals, rms, height_std_m, tilt_std_deg, stretch)


def locate_boards(
    sights: Sequence[BoardSight], plane: PlanePose, intrinsics: CameraIntrinsics, thickness_m: float
) -> FloatArray:
    """Where boards lie on a plane that is known: [P, 3] as ``PlanePose.placements``."""
    camera = Camera(intrinsics, plane.camera)
    return np.array([_placed(sight, camera.to_plane(sight.pixels_xy, thickness_m)[:, :2]) for sight in sights])


def to_plane_xy(board_m: FloatArray, placement: FloatArray) -> FloatArray:
    """Board coordinates [n, 2] to x, y [n, 2] on the plane: u along the placement's turn, v to the right of it."""
    x, y, turn = placement
    cos, sin = math.cos(turn), math.sin(turn)
    u, v = board_m[:, 0], -board_m[:, 1]  # the print lies face up: v runs against the plane's y
    return np.stack([x + cos * u - sin * v, y + sin * u + cos * v], axis=1)


def _placed(sight: BoardSight, xy: FloatArray) -> FloatArray:
    """The placement that brings the board's corners to [n, 2] best (Kabsch, in the plane)."""
    flat = sight.board_m * (1.0, -1.0)
    mean_flat, mean_xy = flat.mean(0), xy.mean(0)
    a, b = flat - mean_flat, xy - mean_xy
    turn = math.atan2(float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()), float((a * b).sum()))
    cos, sin = math.cos(turn), math.sin(turn)
    corner = mean_xy - np.array([[cos, -sin], [sin, cos]]) @ mean_flat
    return np.array([*corner, turn])


class _Problem:
    """The residuals of all corners as a function of tilts, height and placements."""

    def __init__(
        self, sights: Sequence[BoardSight], intrinsics: CameraIntrinsics, thickness_m: float, rotation: FloatArray
    ) -> None:
        self._sights, self._intrinsics, self._thickness_m = sights, intrinsics, thickness_m
        self._rotation = rotation
        self._pixels = np.concatenate([sight.pixels_xy for sight in sights])
        # [2 N] the picture that each residual belongs to
        self._picture = np.repeat(np.arange(len(sights)), [2 * len(sight.board_m) for sight in sights])

    def pose(self, values: FloatArray) -> Pose:
        """The camera's pose: tilted by small angles about the plane's x and y, under it the origin."""
        tilt, _ = cv2.Rodrigues(np.array([values[0], values[1], 0.0]))
        return Pose(tilt @ self._rotation, np.array([0.0, 0.0, values[2]]))

    def placements(self, pose: Pose) -> FloatArray:
        """The placements that follow from a pose."""
        camera = Camera(self._intrinsics, pose)
        rows = [_placed(s, camera.to_plane(s.pixels_xy, self._thickness_m)[:, :2]) for s in self._sights]
        return np.array(rows)

    def residuals(self, values: FloatArray) -> FloatArray:
        """Found minus projected pixels [2 N]; a further value is the stretch of v."""
        camera = Camera(self._intrinsics, self.pose(values))
        count = 3 * len(self._sights)
        stretch = 1.0 + (values[3 + count] if len(values) > 3 + count else 0.0)
        points = [
            to_plane_xy(sight.board_m * (1.0, stretch), placement)
            for sight, placement in zip(self._sights, values[3 : 3 + count].reshape(-1, 3), strict=True)
        ]
        flat = np.concatenate(points)
        projected = camera.project(np.column_stack([flat, np.full(len(flat), self._thickness_m)]))
        # A trial step may look away from the board; it has to come out worse, and finite.
        error = np.where(np.isfinite(projected), self._pixels - projected, 1e4)
        return np.asarray(error.ravel())

    def jacobian(self, values: FloatArray) -> FloatArray:
        """Derivatives [2 N, len(values)] by central differences; those of all placements in three goes."""
        jacobian = np.zeros((len(self._picture), len(values)))
        count = 3 * len(self._sights)
        for column in (0, 1, 2, *range(3 + count, len(values))):
            jacobian[:, column] = self._slope(values, np.arange(len(values)) == column)
        for k in range(3):
            together = np.zeros(len(values), bool)
            together[3 + k : 3 + count : 3] = True
            jacobian[np.arange(len(self._picture)), 3 + k + 3 * self._picture] = self._slope(values, together)
        return jacobian

    def _slope(self, values: FloatArray, which: npt.NDArray[np.bool_]) -> FloatArray:
        step = _STEP * which
        return (self.residuals(values + step) - self.residuals(values - step)) / (2.0 * _STEP)


def _check_spans(sights: Sequence[BoardSight], intrinsics: CameraIntrinsics) -> None:
    diagonal = math.hypot(*intrinsics.size_hw)
    spans = []
    for sight in sights:
        spread = np.linalg.svd(sight.board_m - sight.board_m.mean(0), compute_uv=False)
        if spread[1] < 0.1 * spread[0]:
            raise CalibrationError(
                "degenerate_view",
                f"the corners found {_of(sight)}lie nearly on one line; show more rows of the board",
            )
        spans.append(float(np.linalg.norm(np.ptp(sight.pixels_xy, axis=0))))
    if max(spans) < _LEAST_SPAN * diagonal:
        raise CalibrationError(
            "degenerate_view",
            f"the board spans {max(spans):.0f} px of the image's diagonal of {diagonal:.0f} px; allowed: at least "
            f"{_LEAST_SPAN * 100:g} %. Use a larger board",
        )


def _of(sight: BoardSight) -> str:
    return f"in {sight.name} " if sight.name else ""


def _first_guess(sights: Sequence[BoardSight], intrinsics: CameraIntrinsics, thickness_m: float) -> Pose:
    """The plane by the picture that shows the board largest."""
    best = max(sights, key=lambda sight: float(np.linalg.norm(np.ptp(sight.pixels_xy, axis=0))))
    here = Camera(intrinsics, Pose(np.eye(3), np.zeros(3)))
    _, rays = here.rays(best.pixels_xy)
    good = np.isfinite(rays).all(1) & (rays[:, 2] > 0.05)
    if good.sum() < 6:
        raise CalibrationError("degenerate_view", "the lens model has no ray for the board's pixels; check camera_info")
    flat = np.column_stack([best.board_m * (1.0, -1.0), np.zeros(len(best.board_m))])[good]
    normalised = (rays[good, :2] / rays[good, 2:]).astype(np.float64)
    found, turns, shifts, _ = cv2.solvePnPGeneric(flat, normalised[:, None], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE)
    poses = [(cv2.Rodrigues(turn)[0], shift.ravel()) for turn, shift in zip(turns, shifts, strict=True)]
    # Of the two mirror solutions of a plane OpenCV gives the better one first; the board must show its face.
    facing = [(rotation, shift) for rotation, shift in poses if float(rotation[:, 2] @ shift) < 0.0]
    if not found or not facing:
        raise CalibrationError("degenerate_view", "no pose of the camera explains the board; check camera_info")
    rotation, shift = facing[0]
    slant = math.degrees(math.acos(min(abs(float(rotation[2, 2])), 1.0)))
    if slant > _MAX_SLANT_DEG:
        raise CalibrationError(
            "degenerate_view",
            f"the camera looks at the board from {slant:.0f} deg off its normal; allowed: {_MAX_SLANT_DEG:g} deg",
        )
    camera_rotation = rotation.T
    height = float((-camera_rotation @ shift)[2]) + thickness_m
    return Pose(camera_rotation, np.array([0.0, 0.0, height]))


def _standard_deviations(jacobian: FloatArray, residuals: FloatArray) -> FloatArray:
    """Of tilts and height, from the fit's curvature and the scatter of the residuals."""
    freedom = max(residuals.size - jacobian.shape[1], 1)
    noise = max(math.sqrt(float((residuals**2).sum()) / freedom), _NOISE_FLOOR_PX)
    scale = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.maximum(scale, 1e-12)
    covariance = np.linalg.pinv(scaled.T @ scaled)
    return np.asarray(noise * np.sqrt(np.maximum(np.diag(covariance), 0.0))[:3] / np.maximum(scale[:3], 1e-12))
