"""Lines of sight of all pixels of a camera, quickly."""

from __future__ import annotations

import math

import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import FloatArray

_BLOCK = 8


def normalised_rays(camera: Camera) -> FloatArray:
    """[H, W, 2] float32 x/z and y/z of every pixel's line of sight in the optical frame.

    The lens is inverted exactly on a grid of one point in 8 x 8 pixels; between them only the (small, smooth)
    difference to the pinhole is interpolated.
    """
    height, width = camera.intrinsics.size_hw
    k_inverse = np.linalg.inv(camera.intrinsics.k)
    grid_wh = (math.ceil(width / _BLOCK) + 2, math.ceil(height / _BLOCK) + 2)
    middle = (_BLOCK - 1) / 2 - _BLOCK
    grid_x, grid_y = np.meshgrid(np.arange(grid_wh[0]) * _BLOCK + middle, np.arange(grid_wh[1]) * _BLOCK + middle)
    pixels = np.column_stack([grid_x.ravel(), grid_y.ravel()])
    _, directions = camera.rays(pixels)
    seen = directions @ camera.camera_in_belt.rotation
    pinhole = pixels @ k_inverse[:2, :2].T + k_inverse[:2, 2]
    bend = np.nan_to_num(seen[:, :2] / seen[:, 2:] - pinhole).reshape(grid_wh[1], grid_wh[0], 2).astype(np.float32)
    fine = cv2.resize(bend, (grid_wh[0] * _BLOCK, grid_wh[1] * _BLOCK), interpolation=cv2.INTER_LINEAR)
    columns, rows = np.arange(width)[None], np.arange(height)[:, None]
    straight = [(line[0] * columns + line[1] * rows + line[2]).astype(np.float32) for line in k_inverse[:2]]
    rays: FloatArray = cv2.merge(straight) + fine[_BLOCK : _BLOCK + height, _BLOCK : _BLOCK + width]
    return rays
