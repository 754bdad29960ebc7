"""What runs a frame: one call per frame, made ready once per picture size.

Letters: H x W pixels of the picture, R windows, K labels.
"""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.fused import can_fuse, fuse_convolutions, input_sizes
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.suppression import GreedySuppression
from spp_sorter.values import FloatArray, ImageArray

SIZES_KEPT = 4
"""Picture sizes that stay ready; the one that was used longest ago goes first."""


class Runtime(Protocol):
    """Something that runs frames."""

    @property
    def description(self) -> str:
        """How it runs them, and why not better."""

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """A frame's table, see ``frame.FrameNetwork``.

        Args:
            image_bgr: [H, W, 3] uint8.
            letterbox: made for that size.
            limits: smallest score of a detection, IoU above which the weaker of two boxes goes.

        Returns:
            [R, 11 + K] float32.
        """


class Sizes:
    """What was made ready for the last few picture sizes."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Letterbox, object] = OrderedDict()

    def get(self, letterbox: Letterbox, make: Callable[[Letterbox], object]) -> object:
        """What ``make`` gave for this letterbox, now or earlier."""
        if letterbox not in self._ready:
            if len(self._ready) == SIZES_KEPT:
                self._ready.popitem(last=False)
            self._ready[letterbox] = make(letterbox)
        self._ready.move_to_end(letterbox)
        return self._ready[letterbox]


class CpuRuntime:
    """Frames on the CPU: fused convolutions, the whole frame traced into one call that leaves Python alone.

    Args:
        network: in fp32, with its branches.
        dtype: precision to run in.
        proposals: windows, at most.

    Raises:
        ValueError: a network that has no form of fixed shape.
    """

    def __init__(self, network: SppNetwork, dtype: torch.dtype, proposals: int) -> None:
        self._source = copy.deepcopy(network)
        self._dtype = dtype
        self._proposals = proposals
        self._sizes = Sizes()
        self.description = "one call a frame" if can_fuse() else "one call a frame, without oneDNN"
        FrameNetwork(prepare_network(network, torch.device("cpu"), dtype), (1, 1), proposals, GreedySuppression())

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """See ``Runtime.run``."""
        frame = self._sizes.get(letterbox, self._make)
        picture = np.ascontiguousarray(letterbox.image(image_bgr))
        with torch.inference_mode():
            table: Tensor = frame(torch.from_numpy(picture), torch.tensor(limits))  # type: ignore[operator]
        return table.numpy()

    def _make(self, letterbox: Letterbox) -> Callable[[Tensor, Tensor], Tensor]:
        network = prepare_network(self._source, torch.device("cpu"), self._dtype)
        frame = FrameNetwork(network, letterbox.scaled_hw, self._proposals, GreedySuppression())
        example = torch.zeros((*letterbox.target_hw, 3), dtype=torch.uint8)
        limits = torch.tensor([0.5, 0.5])
        with torch.inference_mode():
            if can_fuse():
                sizes = input_sizes(network, lambda: frame(example, limits))
                fuse_convolutions(network, sizes.__getitem__)
            return self._traced(frame, (example, limits))

    def _traced(self, frame: nn.Module, example: tuple[Tensor, Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """The frame as one compiled call, or as it is where this PyTorch cannot trace it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch.jit is announced as deprecated and is there
                traced = torch.jit.trace(frame, example, check_trace=False)
                for _ in range(2):  # the first calls look at the shapes and compile
                    traced(*example)
        except (RuntimeError, AttributeError, TypeError) as error:
            self.description = f"step by step, for torch.jit failed: {str(error).splitlines()[0]}"
            return frame
        compiled: Callable[[Tensor, Tensor], Tensor] = traced
        return compiled
