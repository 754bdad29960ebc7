"""The convolutions that all detectors of the lecture share: one backbone, run on whole pictures or on regions.

Letters: B pictures or regions, C channels, H x W cells.
"""

from __future__ import annotations

import ctypes
import sys
import time

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from spp_sorter.network.backbone import Backbone
from spp_sorter.values import ImageArray

STRIDE = 16
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Batch sizes that are tried for regions."""


class Convolution:
    """A backbone to stride 16 with ImageNet weights, on one device and in one precision.

    Args:
        device: where to run.
        dtype: what to compute in.
        backbone: another one with a map of stride 16, such as Fast R-CNN's own.
        fine: make the map twice as fine with the same weights, see ``make_finer``.
    """

    def __init__(
        self, device: torch.device, dtype: torch.dtype, backbone: Backbone | None = None, fine: bool = False
    ) -> None:
        body = backbone or Backbone(strides=(STRIDE,))
        self.stride = STRIDE
        if fine:
            make_finer(body)
            self.stride = STRIDE // 2
        self.channels = body.channels[-1]
        self.device, self.dtype = device, dtype
        self.backbone = body.eval().to(device=device, dtype=dtype).to(memory_format=torch.channels_last)

    def prepare(self, pictures_bgr: ImageArray) -> Tensor:
        """[B, H, W, 3] uint8 to the network's input [B, 3, H, W] RGB, channels last, on the device."""
        pixels = torch.from_numpy(np.ascontiguousarray(pictures_bgr)).to(self.device)
        return pixels.to(self.dtype).flip(3).permute(0, 3, 1, 2)

    def run(self, images: Tensor) -> Tensor:
        """The map [B, C, H / stride, W / stride] of prepared pictures."""
        with torch.inference_mode():
            features: Tensor = self.backbone(images)[0]
        return features

    def synchronise(self) -> float:
        """Wait for the device and give the time, seconds of a steady clock."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def best_batch(self, side: int) -> int:
        """The batch size that convolves most regions of ``side`` x ``side`` per second here, by trial."""
        seconds: dict[int, float] = {}
        best = BATCHES[0]
        for batch in BATCHES:
            images = self.prepare(np.full((batch, side, side, 3), 127, np.uint8))
            self.run(images)
            trials = []
            for _ in range(2):
                start = self.synchronise()
                self.run(images)
                trials.append(self.synchronise() - start)
            seconds[batch] = min(trials) / batch
            best = min(seconds, key=lambda size: seconds[size])
            if batch >= 4 * best or seconds[batch] > 1.2 * seconds[best]:  # larger ones only get slower
                break
        return best


def scaled(image_bgr: ImageArray, short_side: int) -> tuple[ImageArray, float]:
    """A picture whose short side has this many pixels, and the factor."""
    height, width = image_bgr.shape[:2]
    scale = short_side / min(height, width)
    size_wh = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image_bgr, size_wh, interpolation=method), np.uint8), scale


def make_finer(backbone: Backbone) -> None:
    """Halve the stride of a backbone's last map and keep its weights: the a trous algorithm (arXiv 1412.7062).

    The last convolution of stride 2 takes stride 1, and every spatial convolution behind it looks at every second cell,
    so that each cell of the old map stands, unchanged but for the border, between new ones.

    Raises:
        ValueError: no convolution of stride 2 is found.
    """
    convolutions = [m for m in backbone.body.modules() if isinstance(m, nn.Conv2d)]
    strided = [index for index, conv in enumerate(convolutions) if conv.stride[0] == 2]
    if not strided:
        raise ValueError(f"backbone '{backbone.name}' has no convolution of stride 2; choose another")
    last = strided[-1]
    convolutions[last].stride = (1, 1)
    for conv in convolutions[last + 1 :]:
        if conv.kernel_size[0] > 1:
            conv.dilation = (2, 2)
            conv.padding = (conv.kernel_size[0] - 1, conv.kernel_size[1] - 1)


def keep_memory() -> None:
    """Ask the C library to keep freed memory: maps of tens of megabytes are else mapped and zeroed for every layer."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl has not
        if mallopt is not None:
            mallopt(-4, 0)  # M_MMAP_MAX: no maps of their own for large blocks
            mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: nothing goes back
