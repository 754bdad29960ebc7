"""The calibrated camera over the belt: metres to pixels, pixels to rays, rays to planes at any height.

Pixel coordinates here are those of the camera matrix as OpenCV and REP-104 have it: the CENTRE of the first pixel is
(0, 0). Boxes are on pixel edges, half a pixel further: ``picking/grasp.py`` converts.

N is the number of points.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.distortion import FisheyeLens, PolynomialLens
from spp_sorter.geometry.pose import check_rotation, pose_from_quaternion, quaternion_from_rotation
from spp_sorter.values import CameraIntrinsics, FloatArray, Pose

__all__ = ["Camera", "CameraError", "pose_from_quaternion", "quaternion_from_rotation"]

_NUM_COEFFICIENTS = {
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 4, 5, 8, 12),
    "equidistant": (0, 4),
}


class CameraError(ValueError):
    """A camera that cannot measure.

    Attributes:
        name: what is wrong, as a status name: ``camera_info_invalid``, ``camera_info_singular``,
            ``camera_model_unknown`` or ``camera_pose_invalid``.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Camera:
    """A camera with known intrinsics and a known pose in ``belt``.

    Args:
        intrinsics: camera matrix and distortion; models ``plumb_bob``, ``rational_polynomial``, ``equidistant``.
        camera_in_belt: pose of the optical frame in ``belt``.

    Raises:
        CameraError: a wrong shape, a number that is not finite, a singular camera matrix, an unknown distortion model,
            a wrong number of coefficients, or a pose that is none.
    """

    def __init__(self, intrinsics: CameraIntrinsics, camera_in_belt: Pose) -> None:
        self.intrinsics = intrinsics
        self.camera_in_belt = camera_in_belt
        self._k, distortion = _checked_intrinsics(intrinsics)
        self._k_inverse = np.linalg.inv(self._k)
        self._rotation, self._origin = _checked_pose(camera_in_belt)
        self._lens: PolynomialLens | FisheyeLens
        if intrinsics.model == "equidistant":
            self._lens = FisheyeLens(distortion if len(distortion) else np.zeros(4))
        else:
            self._lens = PolynomialLens(distortion)

    def project(self, points_belt: npt.ArrayLike) -> FloatArray:
        """Pixels of points.

        Args:
            points_belt: [N, 3] metres in ``belt``.

        Returns:
            [N, 2] float64 pixels x, y, inside the image or not; NaN for a point that the lens cannot see: behind the
            camera, or beyond the angle where the distortion polynomial folds back.
        """
        points = _checked_points(points_belt, 3, "points_belt")
        distorted = self._lens.distort((points - self._origin) @ self._rotation)
        pixels: FloatArray = distorted @ self._k[:2, :2].T + self._k[:2, 2]
        return pixels

    def rays(self, pixels_xy: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Lines of sight.

        Args:
            pixels_xy: [N, 2] pixels x, y.

        Returns:
            The optical centre [3] and the unit directions [N, 3], both float64 in ``belt``; NaN where no ray of the
            lens meets that pixel.
        """
        pixels = _checked_points(pixels_xy, 2, "pixels_xy")
        normalised = pixels @ self._k_inverse[:2, :2].T + self._k_inverse[:2, 2]
        directions = self._lens.undistort(normalised) @ self._rotation.T
        directions /= np.sqrt(np.einsum("ni,ni->n", directions, directions))[:, None]
        return self._origin.copy(), directions

    def to_plane(self, pixels_xy: npt.ArrayLike, height_m: float | FloatArray) -> FloatArray:
        """Where lines of sight meet the plane z = height of ``belt``.

        Args:
            pixels_xy: [N, 2] pixels x, y.
            height_m: metres above the belt, one for all or [N].

        Returns:
            [N, 3] float64 metres in ``belt``; NaN where the ray does not meet the plane in front of the camera.
        """
        origin, directions = self.rays(pixels_xy)
        height = np.asarray(height_m, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (height - origin[2]) / directions[:, 2]
        distance = np.where((distance > 0.0) & np.isfinite(distance), distance, np.nan)
        points: FloatArray = origin + directions * distance[:, None]
        points[:, 2] = np.where(np.isnan(distance), np.nan, height)
        return points


def _checked_points(values: npt.ArrayLike, width: int, name: str) -> FloatArray:
    points = np.asarray(values, np.float64)
    if points.ndim != 2 or points.shape[1] != width:
        raise ValueError(f"{name} has shape {points.shape}; allowed: [N, {width}]")
    return points


def _checked_intrinsics(intrinsics: CameraIntrinsics) -> tuple[FloatArray, FloatArray]:
    k = np.asarray(intrinsics.k, np.float64)
    if k.shape != (3, 3) or not np.isfinite(k).all():
        raise CameraError(
            "camera_info_invalid", f"camera matrix K has shape {k.shape} or numbers that are not finite; allowed: 3 x 3"
        )
    if k[0, 0] <= 0.0 or k[1, 1] <= 0.0 or abs(np.linalg.det(k)) < 1e-12:
        raise CameraError(
            "camera_info_singular",
            f"camera matrix K is singular: fx = {k[0, 0]:g}, fy = {k[1, 1]:g}; allowed: over 0 px. "
            "Calibrate the camera and let its driver publish the result in camera_info",
        )
    if np.abs(k[2] - (0.0, 0.0, 1.0)).max() > 1e-9 or abs(k[1, 0]) > 1e-9:
        raise CameraError(
            "camera_info_invalid", f"camera matrix K is {k.tolist()}; allowed: fx s cx, 0 fy cy, 0 0 1, row by row"
        )
    if intrinsics.model not in _NUM_COEFFICIENTS:
        raise CameraError(
            "camera_model_unknown",
            f"distortion model is {intrinsics.model!r}; allowed: {', '.join(_NUM_COEFFICIENTS)}",
        )
    distortion = np.asarray(intrinsics.distortion, np.float64)
    allowed = _NUM_COEFFICIENTS[intrinsics.model]
    if distortion.ndim != 1 or not np.isfinite(distortion).all() or len(distortion) not in allowed:
        raise CameraError(
            "camera_info_invalid",
            f"distortion D is {distortion.tolist()}; allowed for {intrinsics.model}: "
            f"{' or '.join(map(str, allowed))} finite numbers",
        )
    return k, distortion


def _checked_pose(pose: Pose) -> tuple[FloatArray, FloatArray]:
    rotation = np.asarray(pose.rotation, np.float64)
    translation = np.array(pose.translation, np.float64)
    try:
        check_rotation(rotation)
    except ValueError as error:
        raise CameraError("camera_pose_invalid", f"camera_in_belt: {error}") from error
    if translation.shape != (3,) or not np.isfinite(translation).all():
        raise CameraError(
            "camera_pose_invalid",
            f"camera_in_belt: translation is {translation.tolist()}; allowed: three finite numbers in metres",
        )
    return rotation, translation
