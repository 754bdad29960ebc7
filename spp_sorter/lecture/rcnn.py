"""R-CNN (Girshick et al. 2014, arXiv 1311.2524): every window is cut out, brought to one size and convolved alone.

Letters: R windows, D length of a vector.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from spp_sorter.lecture.convolution import Convolution
from spp_sorter.network.spp import SpatialPyramidPool
from spp_sorter.values import FloatArray, ImageArray

SIDE = 224
CONTEXT = 16
"""Pixels of surroundings on every side of a region, after scaling: R-CNN's p."""

FILL = (127, 127, 127)
"""Colour beyond the picture: the mean that the network subtracts."""


class Described(NamedTuple):
    """Vectors of windows, and the seconds behind them.

    Attributes:
        vectors: [R, D] on the device.
        prepare_s: cutting, scaling and copying of pictures.
        convolution_s: the network alone.
        pool_s: from maps to vectors.
    """

    vectors: Tensor
    prepare_s: float
    convolution_s: float
    pool_s: float


class RcnnDescriber:
    """Describes windows as R-CNN does; the map of a region is pooled by the same pyramid as SPP-net's windows.

    Args:
        convolution: shared with the other systems.
        pool: the pyramid.
        crop: scale both sides alike (the tightest square with context) instead of warping.
        batch: regions convolved together; 0 finds the fastest by trial, when first asked.
    """

    def __init__(self, convolution: Convolution, pool: SpatialPyramidPool, crop: bool = False, batch: int = 0) -> None:
        self.convolution = convolution
        self.pool = pool
        self.crop = crop
        self.batch = batch

    def describe(self, image_bgr: ImageArray, windows_xyxy: FloatArray) -> Described:
        """Vectors of the windows [R, 4] of one picture."""
        self.batch = self.batch or self.convolution.best_batch(SIDE)
        clock = self.convolution.synchronise
        prepare_s = convolution_s = pool_s = 0.0
        vectors = []
        for first in range(0, len(windows_xyxy), self.batch):
            start = clock()
            regions = cut_regions(image_bgr, windows_xyxy[first : first + self.batch], self.crop)
            images = self.convolution.prepare(regions)
            prepared = clock()
            features = self.convolution.run(images)
            convolved = clock()
            with torch.inference_mode():
                vectors.append(self.pool(features))
            prepare_s, convolution_s = prepare_s + prepared - start, convolution_s + convolved - prepared
            pool_s += clock() - convolved
        return Described(torch.cat(vectors), prepare_s, convolution_s, pool_s)


def cut_regions(image_bgr: ImageArray, windows_xyxy: FloatArray, crop: bool) -> ImageArray:
    """[R, 224, 224, 3] uint8 regions with context, warped, or cropped with both sides scaled alike."""
    regions = np.empty((len(windows_xyxy), SIDE, SIDE, 3), np.uint8)
    inner = SIDE - 2 * CONTEXT
    for region, (x0, y0, x1, y1) in zip(regions, np.asarray(windows_xyxy, np.float64), strict=True):
        width, height = max(x1 - x0, 1.0), max(y1 - y0, 1.0)
        if crop:
            width = height = max(width, height)
        step = np.array([width / inner, height / inner])  # pixels of the picture per pixel of the region
        centre = np.array([x0 + x1, y0 + y1]) / 2
        origin = centre - step * SIDE / 2 + step / 2 - 0.5  # centre of the region's first pixel
        matrix = np.array([[step[0], 0.0, origin[0]], [0.0, step[1], origin[1]]])
        cv2.warpAffine(
            image_bgr,
            matrix,
            (SIDE, SIDE),
            dst=region,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=FILL,
        )
    return regions
