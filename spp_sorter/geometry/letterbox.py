"""One object that maps a picture into the network's input and boxes and points back out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from spp_sorter.values import FloatArray, ImageArray

INPUT_MULTIPLE = 32
"""Sides of an input are multiples of the coarsest map's stride."""

PADDING_VALUE = 127
"""Grey of the padding, the mean that the ImageNet weights subtract."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Scales a picture, keeping its aspect, into the upper left of an input whose sides are whole multiples.

    Attributes:
        source_hw: the picture's height and width, pixels.
        scaled_hw: the picture's size in the input.
        target_hw: the input's size; what the picture leaves over at right and bottom is padding.
    """

    source_hw: tuple[int, int]
    scaled_hw: tuple[int, int]
    target_hw: tuple[int, int]

    @staticmethod
    def fit(source_hw: tuple[int, int], long_side: int, multiple: int = INPUT_MULTIPLE) -> Letterbox:
        """The letterbox that brings the longer side to ``long_side``.

        Args:
            source_hw: the picture's size, each side >= 1.
            long_side: pixels of the longer side in the input, a multiple of ``multiple``.
            multiple: the coarsest stride of the network.

        Raises:
            ValueError: an empty picture, or a ``long_side`` that is no multiple.
        """
        if min(source_hw) < 1:
            raise ValueError(f"picture is {source_hw[0]} x {source_hw[1]} pixels; allowed: at least 1 x 1")
        if long_side < multiple or long_side % multiple:
            raise ValueError(f"long side is {long_side}; allowed: a multiple of {multiple}")
        ratio = long_side / max(source_hw)
        height, width = (max(1, round(side * ratio)) for side in source_hw)
        return Letterbox(
            source_hw, (height, width), (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
        )

    @staticmethod
    def into(source_hw: tuple[int, int], target_hw: tuple[int, int]) -> Letterbox:
        """The letterbox that brings a picture into an input of a given size, as large as it can be.

        Raises:
            ValueError: an empty picture.
        """
        if min(source_hw) < 1:
            raise ValueError(f"picture is {source_hw[0]} x {source_hw[1]} pixels; allowed: at least 1 x 1")
        ratio = min(target_hw[0] / source_hw[0], target_hw[1] / source_hw[1])
        height, width = (
            min(limit, max(1, round(side * ratio))) for side, limit in zip(source_hw, target_hw, strict=True)
        )
        return Letterbox(source_hw, (height, width), target_hw)

    @property
    def scale_xy(self) -> FloatArray:
        """[2] input pixels per picture pixel along x and y."""
        return np.array(
            [self.scaled_hw[1] / self.source_hw[1], self.scaled_hw[0] / self.source_hw[0]], dtype=np.float32
        )

    def image(self, image_bgr: ImageArray) -> ImageArray:
        """[H, W, 3] picture to the [h, w, 3] input, same channel order."""
        height, width = self.scaled_hw
        if self.scaled_hw == self.source_hw:
            scaled: Any = image_bgr
        else:
            # Area averaging keeps fine texture from aliasing where the picture shrinks to less than half.
            shrinks = self.source_hw[0] >= 2 * height
            scaled = cv2.resize(
                image_bgr, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            )
        bottom, right = self.target_hw[0] - height, self.target_hw[1] - width
        if bottom or right:
            padding = (PADDING_VALUE,) * 3
            scaled = cv2.copyMakeBorder(scaled, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=padding)
        return np.asarray(scaled)

    def points_in(self, points_xy: FloatArray) -> FloatArray:
        """[..., 2] picture pixels to input pixels (pixel-edge convention)."""
        return np.asarray(points_xy * self.scale_xy)

    def points_out(self, points_xy: FloatArray) -> FloatArray:
        """[..., 2] input pixels to picture pixels."""
        return np.asarray(points_xy / self.scale_xy)

    def boxes_in(self, boxes_xyxy: FloatArray) -> FloatArray:
        """[N, 4] boxes in the picture to boxes in the input."""
        return np.asarray(boxes_xyxy * np.tile(self.scale_xy, 2))

    def boxes_out(self, boxes_xyxy: FloatArray) -> FloatArray:
        """[N, 4] boxes in the input to boxes in the picture, cut to it."""
        limit = np.array([self.source_hw[1], self.source_hw[0]] * 2, dtype=np.float32)
        return np.clip(boxes_xyxy / np.tile(self.scale_xy, 2), 0, limit)
