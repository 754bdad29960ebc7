"""Frames on a GPU: one upload, one CUDA graph, one download.

The graph of a picture size holds everything between: the copy from pinned memory, scaling, convolutions, proposals,
pooling, head, suppression and the copy back. The host copies the picture into pinned memory, launches and waits once.

Letters: H x W pixels of the picture, R windows, K labels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spp_sorter.geometry.letterbox import PADDING_VALUE, Letterbox
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.runtime import Sizes
from spp_sorter.network.suppression import FixedSuppression
from spp_sorter.values import FloatArray, ImageArray

WARM_UPS = 3
"""Runs before a capture: libraries choose their kernels and take their memory."""


class DeviceLetterbox(nn.Module):
    """``Letterbox.image`` in torch: [H, W, 3] uint8 to [h, w, 3] float32, whole numbers within 1 of the other's.

    Args:
        letterbox: one that ``can_scale`` accepts.
    """

    def __init__(self, letterbox: Letterbox) -> None:
        super().__init__()
        self.letterbox = letterbox

    @staticmethod
    def can_scale(letterbox: Letterbox) -> bool:
        """Whether the scaling has a form here: none, interpolation, or averages of whole blocks."""
        (height, width), (scaled_height, scaled_width) = letterbox.source_hw, letterbox.scaled_hw
        whole = height % scaled_height == 0 and width % scaled_width == 0
        return letterbox.source_hw == letterbox.scaled_hw or height < 2 * scaled_height or whole

    def forward(self, image: Tensor) -> Tensor:
        """Scale and pad."""
        (height, width), (scaled_height, scaled_width) = self.letterbox.source_hw, self.letterbox.scaled_hw
        pixels = image.permute(2, 0, 1)[None].float()
        if height >= 2 * scaled_height:
            pixels = F.avg_pool2d(pixels, (height // scaled_height, width // scaled_width)).round()
        elif (height, width) != (scaled_height, scaled_width):
            pixels = F.interpolate(pixels, (scaled_height, scaled_width), mode="bilinear", align_corners=False).round()
        bottom, right = self.letterbox.target_hw[0] - scaled_height, self.letterbox.target_hw[1] - scaled_width
        if bottom or right:
            pixels = F.pad(pixels, (0, right, 0, bottom), value=float(PADDING_VALUE))
        return pixels[0].permute(1, 2, 0)


class _Frame:
    """One picture size: pinned buffers on both sides, and what runs between them."""

    def __init__(self, frame: FrameNetwork, letterbox: Letterbox, device: torch.device) -> None:
        self.scales_here = DeviceLetterbox.can_scale(letterbox)
        self.letterbox = letterbox
        size_hw = letterbox.source_hw if self.scales_here else letterbox.target_hw
        self.host_picture = torch.empty((*size_hw, 3), dtype=torch.uint8, pin_memory=True)
        self.host_array = self.host_picture.numpy()
        self.host_limits = torch.tensor([0.5, 0.5]).pin_memory()
        self.limits_array = self.host_limits.numpy()
        self.frame = frame
        self.scale = DeviceLetterbox(letterbox) if self.scales_here else None
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
        picture = image_bgr if self.scales_here else self.letterbox.image(image_bgr)
        if picture.flags.c_contiguous:
            self.host_picture.copy_(torch.from_numpy(picture))  # by several threads where there are some
        else:
            np.copyto(self.host_array, picture)
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
        table: Tensor = self.frame(self.scale(picture) if self.scale is not None else picture, limits)
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
        self._device = device
        self._proposals = proposals
        self._sizes = Sizes()
        self.description = "one CUDA graph a frame"

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """See ``runtime.Runtime.run``."""
        with torch.inference_mode(), torch.cuda.device(self._device):
            frame = self._sizes.get(letterbox, self._make)
            assert isinstance(frame, _Frame)
            return frame.run(image_bgr, limits)

    def _make(self, letterbox: Letterbox) -> _Frame:
        network = FrameNetwork(self._network, letterbox.scaled_hw, self._proposals, FixedSuppression())
        frame = _Frame(network, letterbox, self._device)
        frame.prepare()
        if frame.failure:
            self.description = f"kernel by kernel, for the capture of a CUDA graph failed: {frame.failure}"
        return frame
