"""Frames on a GPU: one upload, one CUDA graph, one download.

The graph of a picture size holds everything between: the copy from pinned memory, scaling, convolutions, proposals,
pooling, head, suppression and the copy back. The host copies the picture into pinned memory, launches and waits once.

Letters: H x W pixels of the picture, R windows, K labels.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spp_sorter.geometry.letterbox import PADDING_VALUE, Letterbox
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.fused_cuda import fuse_pointwise
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.runtime import Sizes
from spp_sorter.network.suppression import FixedSuppression
from spp_sorter.values import FloatArray, ImageArray

WARM_UPS = 3
"""Runs before a capture: libraries choose their kernels and take their memory."""


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


class _Frame:
    """One picture size: pinned buffers on both sides, and what runs between them."""

    def __init__(self, frame: FrameNetwork, letterbox: Letterbox, device: torch.device) -> None:
        self.host_picture = torch.empty((*letterbox.source_hw, 3), dtype=torch.uint8, pin_memory=True)
        self.host_array = self.host_picture.numpy()
        self.host_limits = torch.tensor([0.5, 0.5]).pin_memory()
        self.limits_array = self.host_limits.numpy()
        self.frame = frame
        self.scale = DeviceLetterbox(letterbox).to(device)
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.failure = ""
        self.host_table = torch.empty(0)

    def prepare(self) -> None:
        """Warm up, then capture; where that fails the frame stays as it is and ``failure`` says why."""
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UPS):
                table = self._steps()
        self.stream.synchronize()
        self.host_table = torch.empty(table.shape, dtype=table.dtype, pin_memory=True)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.host_table.copy_(self._steps(), non_blocking=True)
        except RuntimeError as error:
            self.failure = str(error).splitlines()[0]
            return
        self.graph = graph

    def run(self, image_bgr: ImageArray, limits: tuple[float, float]) -> FloatArray:
        """The frame's table, on the host."""
        if image_bgr.flags.c_contiguous:
            self.host_picture.copy_(torch.from_numpy(image_bgr))  # by several threads where there are some
        else:
            np.copyto(self.host_array, image_bgr)
        self.limits_array[:] = limits
        with torch.cuda.stream(self.stream):
            if self.graph is not None:
                self.graph.replay()
            else:
                self.host_table.copy_(self._steps(), non_blocking=True)
        self.stream.synchronize()
        return self.host_table.numpy().copy()

    def _steps(self) -> Tensor:
        picture = self.host_picture.to(self.device, non_blocking=True)
        limits = self.host_limits.to(self.device, non_blocking=True)
        table: Tensor = self.frame(self.scale(picture), limits)
        return table


class CudaRuntime:
    """Frames on a GPU.

    Args:
        network: in fp32, on the CPU, with its branches.
        device: the GPU.
        dtype: precision to run in.
        proposals: windows, at most.

    Raises:
        ValueError: a network that has no form of fixed shape.
    """

    def __init__(self, network: SppNetwork, device: torch.device, dtype: torch.dtype, proposals: int) -> None:
        self._network = prepare_network(network, device, dtype)
        fuse_pointwise(self._network)
        self._device = device
        self._proposals = proposals
        self._sizes: Sizes[_Frame] = Sizes()
        self.description = "one CUDA graph a frame"

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """See ``runtime.Runtime.run``."""
        with torch.inference_mode(), torch.cuda.device(self._device):
            return self._sizes.get(letterbox, partial(self._make, letterbox)).run(image_bgr, limits)

    def _make(self, letterbox: Letterbox) -> _Frame:
        network = FrameNetwork(self._network, letterbox.scaled_hw, self._proposals, FixedSuppression())
        frame = _Frame(network, letterbox, self._device)
        frame.prepare()
        if frame.failure:
            self.description = f"kernel by kernel, for the capture of a CUDA graph failed: {frame.failure}"
        return frame
