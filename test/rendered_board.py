"""Pictures of a calibration board that lies on the belt, through the project's own camera model."""

import cv2
import numpy as np

from spp_sorter.geometry.board import board_image
from spp_sorter.geometry.camera import Camera

PX_PER_SQUARE = 40
SUBPIXELS = (-0.25, 0.25)


class BoardCamera:
    """A camera over a belt with a board on it; the lines of sight are worked out once."""

    def __init__(self, board, intrinsics, pose, stretch=1.0):
        self.board, self.intrinsics, self.stretch = board, intrinsics, stretch
        self._printed = board_image(board, PX_PER_SQUARE, 0.5)
        self._origin = pose.translation
        camera = Camera(intrinsics, pose)
        rows, columns = intrinsics.size_hw
        v, u = np.mgrid[:rows, :columns]
        self._slopes = []
        for dx in SUBPIXELS:
            for dy in SUBPIXELS:
                pixels = np.stack([u + dx, v + dy], -1).reshape(-1, 2).astype(float)
                rays = camera.rays(pixels)[1]
                self._slopes.append((rays[:, :2] / rays[:, 2:]).astype(np.float32))

    def picture(self, x, y, turn, height_m=0.0, noise=1.5, seed=0):
        """[H, W] uint8: the board's middle at x, y of ``belt``, its u turned by ``turn`` about z, face up."""
        rows, columns = self.intrinsics.size_hw
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        width, depth = self.board.size_m
        scale = PX_PER_SQUARE / self.board.square_m
        drop = np.float32(height_m - self._origin[2])
        total = np.zeros((rows, columns), np.float32)
        for slopes in self._slopes:
            along = slopes[:, 0] * drop + np.float32(self._origin[0] - x)
            up = slopes[:, 1] * drop + np.float32(self._origin[1] - y)
            right, down = cos * along + sin * up, (sin * along - cos * up) / self.stretch
            map_x = (right + width / 2) * scale + 0.5 * PX_PER_SQUARE - 0.5
            map_y = (down + depth / 2) * scale + 0.5 * PX_PER_SQUARE - 0.5
            maps = (m.astype(np.float32).reshape(rows, columns) for m in (map_x, map_y))
            total += cv2.remap(self._printed, *maps, cv2.INTER_AREA, borderValue=70)
        picture = 25 + 0.8 * total / len(self._slopes)
        picture += np.random.default_rng(seed).normal(0, noise, picture.shape)
        return np.clip(picture, 0, 255).round().astype(np.uint8)
