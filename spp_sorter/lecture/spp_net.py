"""SPP-net as a detector (He et al., arXiv 1406.4729, section 4): the picture is convolved once, windows are pooled.

Letters: R windows, S scales, D length of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spp_sorter.lecture.convolution import Convolution, scaled
from spp_sorter.lecture.rcnn import Described
from spp_sorter.lecture.small_windows import pool_padded
from spp_sorter.network.spp import SpatialPyramidPool, project_boxes
from spp_sorter.values import FloatArray, ImageArray, IntArray

ONE_SCALE = (688,)
FIVE_SCALES = (480, 576, 688, 864, 1200)
"""Short sides of the picture, pixels."""

WANTED_SIDE = 224
"""A window is taken from the scale at which it is nearest to this many pixels squared."""


class SppNetDescriber:
    """Describes windows as SPP-net does.

    Args:
        convolution: shared with the other systems.
        pool: the pyramid.
        short_sides: of the picture, one for every scale.
        pad: pad windows smaller than the pyramid with zeros, instead of repeating cells.
        rule: projection of windows, ``paper`` or ``cover``.
    """

    def __init__(
        self,
        convolution: Convolution,
        pool: SpatialPyramidPool,
        short_sides: Sequence[int] = ONE_SCALE,
        pad: bool = False,
        rule: str = "paper",
    ) -> None:
        self.convolution = convolution
        self.pool = pool
        self.short_sides = tuple(short_sides)
        self.pad = pad
        self.rule = rule

    def describe(self, image_bgr: ImageArray, windows_xyxy: FloatArray) -> Described:
        """Vectors of the windows [R, 4] of one picture."""
        clock = self.convolution.synchronise
        prepare_s = convolution_s = pool_s = 0.0
        chosen = choose_scales(windows_xyxy, image_bgr.shape[:2], self.short_sides)
        vectors: Tensor | None = None
        for number, short_side in enumerate(self.short_sides):
            start = clock()
            picture, scale = scaled(image_bgr, short_side)
            images = self.convolution.prepare(picture[None])
            prepared = clock()
            features = self.convolution.run(images)
            convolved = clock()
            index = np.flatnonzero(chosen == number)
            with torch.inference_mode():
                pooled = self.pool_boxes(features, windows_xyxy[index] * scale)
                if vectors is None:
                    vectors = pooled.new_zeros(len(windows_xyxy), pooled.shape[1])
                vectors[torch.from_numpy(index).to(vectors.device)] = pooled
            prepare_s, convolution_s = prepare_s + prepared - start, convolution_s + convolved - prepared
            pool_s += clock() - convolved
        assert vectors is not None  # there is one scale at least
        return Described(vectors, prepare_s, convolution_s, pool_s)

    def pool_boxes(self, features: Tensor, boxes_xyxy: FloatArray) -> Tensor:
        """[R, D] vectors of boxes [R, 4] in pixels of the convolved picture."""
        boxes = torch.from_numpy(np.ascontiguousarray(boxes_xyxy, np.float32)).to(features.device)
        windows = project_boxes(boxes, self.convolution.stride, (features.shape[2], features.shape[3]), self.rule)
        if self.pad:
            return pool_padded(features, windows, self.pool.levels)
        return self.pool.pool_windows(features, windows)


def choose_scales(windows_xyxy: FloatArray, size_hw: Sequence[int], short_sides: Sequence[int]) -> IntArray:
    """[R] number of the scale at which each window is nearest to 224 x 224 pixels."""
    sides = windows_xyxy[:, 2:] - windows_xyxy[:, :2]
    area = sides[:, 0] * sides[:, 1]
    factors = np.array(short_sides) / min(size_hw[0], size_hw[1])
    away = np.abs(area[:, None] * factors[None] ** 2 - WANTED_SIDE**2)
    return np.asarray(away.argmin(axis=1), np.int64)
