import numpy as np
import pytest

from spp_sorter.geometry.camera import Camera, CameraError, pose_from_quaternion, quaternion_from_rotation
from spp_sorter.values import CameraIntrinsics


def intrinsics(distortion=(), model="plumb_bob", k=((640.0, 0, 320), (0, 640.0, 240), (0, 0, 1))):
    return CameraIntrinsics((480, 640), np.array(k, float), np.array(distortion, float), model)


def above_the_belt(distortion=(-0.08, 0.02, 0, 0, 0), model="plumb_bob"):
    return Camera(intrinsics(distortion, model), pose_from_quaternion([0, 0, 1], [1, 0, 0, 0]))


def test_the_default_cell_looks_straight_down_with_image_right_along_the_belt():
    camera = above_the_belt(())
    points = camera.to_plane([[320, 240], [320 + 64, 240], [320, 240 + 64]], 0.0)
    np.testing.assert_allclose(points, [[0, 0, 0], [0.1, 0, 0], [0, -0.1, 0]], atol=1e-12)
