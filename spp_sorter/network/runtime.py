"""What runs a frame: one call per frame, made ready once per picture size.

Letters: H x W pixels of the picture, R windows, K labels.
"""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from spp_sorter.geometry.letterbox import Letterbox
from spp_sorter.network.frame import FrameNetwork, prepare_network
from spp_sorter.network.fused import can_fuse, fuse_convolutions, input_sizes
from spp_sorter.network.model import SppNetwork
from spp_sorter.network.suppression import GreedySuppression
from spp_sorter.values import FloatArray, ImageArray

T = TypeVar("T")

SIZES_KEPT = 4
"""Picture sizes that stay ready; the one that was used longest ago goes first."""

Frame = Callable[[Tensor, Tensor], Tensor]
"""Pixels and limits to a table, see ``frame.FrameNetwork``."""


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


class Sizes(Generic[T]):
    """What was made ready for the last few picture sizes."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave for this key, now or earlier."""
        if key not in self._ready:
            if len(self._ready) == SIZES_KEPT:
                self._ready.popitem(last=False)
            self._ready[key] = make()
        self._ready.move_to_end(key)
        return self._ready[key]


_TRACED: Sizes[tuple[Frame, str]] = Sizes()
"""Traces of this process. PyTorch keeps every trace with its weights for as long as the process lives: a node that is
configured again with the same weights takes the same one, and does not wait for it."""


class CpuRuntime:
    """Frames on the CPU: fused convolutions, the whole frame traced into one call that leaves Python alone.

    Args:
        network: in fp32, with its branches.
        dtype: precision to run in.
        proposals: windows, at most.
        sha256: of the checkpoint that the network was built from; what is made ready for it serves the next detector.

    Raises:
        ValueError: a network that has no form of fixed shape.
    """

    def __init__(self, network: SppNetwork, dtype: torch.dtype, proposals: int, sha256: str) -> None:
        self._source = copy.deepcopy(network)
        self._dtype = dtype
        self._proposals = proposals
        self._sha256 = sha256
        self.description = "one call a frame" if can_fuse() else "one call a frame, without oneDNN"
        FrameNetwork(prepare_network(network, torch.device("cpu"), dtype), (1, 1), proposals, GreedySuppression())

    def run(self, image_bgr: ImageArray, letterbox: Letterbox, limits: tuple[float, float]) -> FloatArray:
        """See ``Runtime.run``."""
        key = (self._sha256, self._dtype, self._proposals, letterbox)
        frame, self.description = _TRACED.get(key, partial(self._make, letterbox))
        picture = np.ascontiguousarray(letterbox.image(image_bgr))
        with torch.inference_mode():
            table: Tensor = frame(torch.from_numpy(picture), torch.tensor(limits))
        return table.numpy()

    def _make(self, letterbox: Letterbox) -> tuple[Frame, str]:
        network = prepare_network(self._source, torch.device("cpu"), self._dtype)
        frame = FrameNetwork(network, letterbox.scaled_hw, self._proposals, GreedySuppression())
        example = torch.zeros((*letterbox.target_hw, 3), dtype=torch.uint8)
        limits = torch.tensor([0.5, 0.5])
        with torch.inference_mode():
            if can_fuse():
                sizes = input_sizes(network, lambda: frame(example, limits))
                fuse_convolutions(network, sizes.__getitem__)
            return self._traced(frame, (example, limits))

    def _traced(self, frame: nn.Module, example: tuple[Tensor, Tensor]) -> tuple[Frame, str]:
        """The frame as one compiled call, or as it is where this PyTorch cannot trace it, and which of them it is."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch.jit is announced as deprecated and is there
                traced = torch.jit.trace(frame, example, check_trace=False)
                for _ in range(2):  # the first calls look at the shapes and compile
                    traced(*example)
        except (RuntimeError, AttributeError, TypeError) as error:
            return frame, f"step by step, for torch.jit failed: {str(error).splitlines()[0]}"
        return traced, self.description
