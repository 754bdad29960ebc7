"""Rigid transforms from and to quaternions, in the order x y z w that ROS uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spp_sorter.values import FloatArray, Pose


def rotation_from_quaternion(quaternion_xyzw: npt.ArrayLike) -> FloatArray:
    """The rotation matrix of a quaternion of any length but zero.

    Args:
        quaternion_xyzw: [4] x, y, z, w.

    Returns:
        [3, 3] float64, orthonormal.

    Raises:
        ValueError: not four finite numbers, or a length near zero.
    """
    quaternion = np.asarray(quaternion_xyzw, np.float64)
    if quaternion.shape != (4,) or not np.isfinite(quaternion).all():
        raise ValueError(f"quaternion is {quaternion.tolist()}; allowed: four finite numbers x y z w")
    length = float(np.linalg.norm(quaternion))
    if length < 1e-9:
        raise ValueError(f"quaternion is {quaternion.tolist()} of length 0; give one of length 1, such as 0 0 0 1")
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def pose_from_quaternion(position: npt.ArrayLike, quaternion_xyzw: npt.ArrayLike) -> Pose:
    """A pose of a position and a quaternion.

    Args:
        position: [3] metres.
        quaternion_xyzw: [4] x, y, z, w; normalised here.

    Raises:
        ValueError: a wrong shape, a number that is not finite, or a quaternion of length zero.
    """
    translation = np.array(position, np.float64)
    if translation.shape != (3,) or not np.isfinite(translation).all():
        raise ValueError(f"position is {translation.tolist()}; allowed: three finite numbers x y z in metres")
    return Pose(rotation_from_quaternion(quaternion_xyzw), translation)


def quaternion_from_rotation(rotation: npt.ArrayLike) -> FloatArray:
    """The unit quaternion of a rotation matrix, with w >= 0.

    Args:
        rotation: [3, 3], orthonormal with determinant +1.

    Returns:
        [4] float64 x, y, z, w.

    Raises:
        ValueError: not a rotation.
    """
    r = np.asarray(rotation, np.float64)
    check_rotation(r)
    # The four squared components; starting from the largest keeps the division well conditioned everywhere.
    diagonal = np.diag(r)
    squares = np.array([*(1.0 + 2.0 * diagonal - diagonal.sum()), 1.0 + diagonal.sum()]) / 4.0
    largest = int(np.argmax(squares))
    if largest == 3:
        quaternion = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 4.0 * squares[3]])
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        quaternion = np.empty(4)
        quaternion[i] = 4.0 * squares[i]
        quaternion[j] = r[j, i] + r[i, j]
        quaternion[k] = r[k, i] + r[i, k]
        quaternion[3] = r[k, j] - r[j, k]
    quaternion /= np.linalg.norm(quaternion)
    return -quaternion if quaternion[3] < 0 else quaternion


def check_rotation(rotation: FloatArray) -> None:
    """Raise ValueError unless ``rotation`` is [3, 3], finite and orthonormal with determinant +1 (to 1e-6)."""
    if rotation.shape != (3, 3) or not np.isfinite(rotation).all():
        raise ValueError(f"rotation has shape {rotation.shape}; allowed: [3, 3] of finite numbers")
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    determinant = float(np.linalg.det(rotation))
    if error > 1e-6 or determinant < 0.0:
        raise ValueError(
            f"rotation is not one: R R^T is off the identity by {error:.2g} and det R is {determinant:.6g}; "
            "make it from a quaternion with pose_from_quaternion"
        )
