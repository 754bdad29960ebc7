"""Pictures into a network's input on the GPU: any size, in torch.

Letters: H x W pixels of the picture, h x w of the network's input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spp_sorter.geometry.letterbox import PADDING_VALUE, Letterbox


class DeviceLetterbox(nn.Module):
    """``Letterbox.image`` in torch: [H, W, 3] uint8 to [h, w, 3] float32, whole numbers within 1 of the other's."""

    rows: Tensor
    columns: Tensor

    def __init__(self, letterbox: Letterbox) -> None:
        super().__init__()
        (height, width), self.scaled_hw = letterbox.source_hw, letterbox.scaled_hw
        self.scales = letterbox.source_hw != letterbox.scaled_hw
        self.interpolates = height < 2 * self.scaled_hw[0]
        self.blocks_hw = (height // self.scaled_hw[0], width // self.scaled_hw[1])
        self.whole = (height, width) == (
            self.scaled_hw[0] * self.blocks_hw[0],
            self.scaled_hw[1] * self.blocks_hw[1],
        )
        self.register_buffer("rows", _area_weights(height, self.scaled_hw[0]))
        self.register_buffer("columns", _area_weights(width, self.scaled_hw[1]).T.contiguous())
        bottom, right = letterbox.target_hw[0] - self.scaled_hw[0], letterbox.target_hw[1] - self.scaled_hw[1]
        self.padding = (0, right, 0, bottom)

    def forward(self, image: Tensor) -> Tensor:
        """Scale and pad."""
        pixels = image.permute(2, 0, 1)[None].float()
        if self.scales:
            pixels = self._scale(pixels).round()
        if any(self.padding):
            pixels = F.pad(pixels, self.padding, value=float(PADDING_VALUE))
        return pixels[0].permute(1, 2, 0)

    def _scale(self, pixels: Tensor) -> Tensor:
        if self.interpolates:
            return F.interpolate(pixels, self.scaled_hw, mode="bilinear", align_corners=False)
        if self.whole:
            return F.avg_pool2d(pixels, self.blocks_hw)
        return self.rows @ pixels.contiguous() @ self.columns


def _area_weights(size: int, scaled: int) -> Tensor:
    """[scaled, size] weights of averages over the area that a new pixel covers."""
    edge = torch.arange(scaled + 1, dtype=torch.float64) * size / scaled
    pixel = torch.arange(size, dtype=torch.float64)
    low = torch.maximum(edge[:-1, None], pixel[None])
    high = torch.minimum(edge[1:, None], pixel[None] + 1)
    return ((high - low).clamp(min=0) * scaled / size).float()
