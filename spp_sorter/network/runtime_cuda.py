"""Frames on a GPU: an upload in parts, one CUDA graph, one download.

The host copies the picture into pinned memory part by part; while it copies one part, the GPU fetches the one before.
The graph of a picture size holds all the rest: scaling, convolutions, proposals, pooling, head, suppression and the
copy back. It is launched once and waited for once.

Letters: H x W pixels of the picture, R windows, K labels.
"""

from __future__ import annotations

import copy
import itertools
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.agreement import disagreement, made_up_picture
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.fused_cuda import fuse_for_gpu, suits_kernels
from spp_sorter.network.letterbox_cuda import DeviceLetterbox
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.runtime import Sizes
from spp_sorter.network.suppression import FixedSuppression
from spp_sorter.values import FloatArray, ImageArray

PART_BYTES = 1 << 19
"""A picture goes up in parts of at least this size, and of at most ``MOST_PARTS``."""

MOST_PARTS = 4

WARM_UPS = 3
"""Runs before a capture: libraries choose their kernels and take their memory."""


class TorchFrame(nn.Module):
    """A frame in torch's own kernels: any network that ``FrameNetwork`` takes."""

    def __init__(self, network: SppNetwork, letterbox: Letterbox, proposals: int, device: torch.device) -> None:
        super().__init__()
        self.scale = DeviceLetterbox(letterbox).to(device)
        self.frame = FrameNetwork(network, letterbox.scaled_hw, proposals, FixedSuppression())

    def forward(self, picture: Tensor, limits: Tensor) -> Tensor:
        """[H, W, 3] uint8 and [2] limits to a table, see ``FrameNetwork.forward``."""
        table: Tensor = self.frame(self.scale(picture), limits)
        return table


class _Frame:
    """One picture size: pinned buffers on both sides, and what runs between them."""

    def __init__(self, frame: nn.Module, source_hw: tuple[int, int], device: torch.device) -> None:
        height = source_hw[0]
        self.host_picture = torch.empty((*source_hw, 3), dtype=torch.uint8, pin_memory=True)
        self.picture = torch.zeros((*source_hw, 3), dtype=torch.uint8, device=device)
        parts = max(1, min(MOST_PARTS, self.host_picture.nbytes // PART_BYTES, height))
        edges = [height * part // parts for part in range(parts + 1)]
        self.parts = [slice(low, high) for low, high in itertools.pairwise(edges)]
        self.up = [(self.host_picture[part], self.picture[part]) for part in self.parts]
        self.host_limits = torch.tensor([0.5, 0.5]).pin_memory()
        self.limits_array = self.host_limits.numpy()
        self.frame = frame
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
        source = torch.from_numpy(np.ascontiguousarray(image_bgr))
        self.limits_array[:] = limits
        with torch.cuda.stream(self.stream):
            for part, (pinned, there) in zip(self.parts, self.up, strict=True):
                pinned.copy_(source[part])
                there.copy_(pinned, non_blocking=True)
            if self.graph is not None:
                self.graph.replay()
            else:
                self.host_table.copy_(self._steps(), non_blocking=True)
        self.stream.synchronize()
        return self.host_table.numpy().copy()

    def _steps(self) -> Tensor:
        table: Tensor = self.frame(self.picture, self.host_limits.to(self.device, non_blocking=True))
        return table


class CudaRuntime:
    """Frames on a GPU.

    Own kernels run a frame where they suit the network. Before they do so for a size of pictures, one frame is run with
    them and with torch's, and where a kernel cannot be compiled or the answers differ, torch's stay.

    Args:
        network: in fp32, on the CPU, with its branches.
        device: the GPU.
        dtype: precision to run in.
        proposals: windows, at most.

    Raises:
        ValueError: a network that has no form of fixed shape.
    """

    def __init__(self, network: SppNetwork, device: torch.device, dtype: torch.dtype, proposals: int) -> None:
        self._prepared = prepare_network(network, device, dtype)
        self._network = copy.deepcopy(self._prepared)
        fuse_for_gpu(self._network)
        self._device = device
        self._proposals = proposals
        self._sizes: Sizes[_Frame] = Sizes()
        self.description = "one CUDA graph a frame"

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """See ``runtime.Runtime.run``."""
        with torch.inference_mode(), torch.cuda.device(self._device):
            return self._sizes.get(letterbox, partial(self._make, letterbox)).run(image_bgr, limits)

    def _make(self, letterbox: Letterbox) -> _Frame:
        steps = TorchFrame(self._network, letterbox, self._proposals, self._device)
        reason = ""
        if suits_kernels(self._network.config):
            own, reason = self._of_own_kernels(letterbox, steps)
            if own is not None:
                self.description = "one CUDA graph a frame, own kernels"
                return own
        frame = _Frame(steps, letterbox.source_hw, self._device)
        frame.prepare()
        if frame.failure:
            self.description = f"kernel by kernel, for the capture of a CUDA graph failed: {frame.failure}"
        elif reason:
            self.description = f"one CUDA graph a frame of torch's kernels, for our own ones failed: {reason}"
        else:
            self.description = "one CUDA graph a frame"
        return frame

    def _of_own_kernels(self, letterbox: Letterbox, steps: nn.Module) -> tuple[_Frame | None, str]:
        """A frame of our own kernels, ready, or None and why not."""
        picture = made_up_picture(letterbox.source_hw, self._device)
        limits = torch.tensor([0.0, 0.5], device=self._device)
        wanted = steps(picture, limits)  # not tried: what fails here fails without our kernels
        try:
            own = self._kernel_steps(letterbox)
            reason = disagreement(wanted, own(picture, limits))
            if reason:
                return None, reason
            frame = _Frame(own, letterbox.source_hw, self._device)
            frame.prepare()
        except torch.cuda.OutOfMemoryError:  # the caller makes room, and tries again
            raise
        except Exception as error:  # whatever a compiler may say
            if type(error).__name__ == "AcceleratorError":  # the GPU itself; older PyTorch has no such class
                raise
            return None, (str(error).strip() or type(error).__name__).splitlines()[0]
        return (None, frame.failure) if frame.failure else (frame, "")

    def _kernel_steps(self, letterbox: Letterbox) -> nn.Module:
        from spp_sorter.network.frame_kernels import KernelFrame

        network = copy.deepcopy(self._prepared)
        fuse_for_gpu(network, own_kernels=True)
        return KernelFrame(network, letterbox, self._proposals).to(self._device)
