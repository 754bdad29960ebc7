"""A detector that outlives its device: a GPU that is full, broken or gone costs frames, never the node."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Protocol

from spp_sorter.config import Config, DetectorConfig
from spp_sorter.network.allocator import give_back_freed_memory
from spp_sorter.values import Detections, ImageArray, Level, Status

MEMORY_FAILURES = 3
"""Frames in a row that may fail for want of GPU memory before the CPU takes over."""

RETURN_AFTER_S = 60.0
"""A GPU whose memory was taken by others is tried again after this long."""

_DEVICE_TEXTS = ("CUDA error", "CUDA driver", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS", "NVML", "device-side")


class LoadedDetector(Protocol):
    """What is asked of a detector; ``spp_sorter.detector.Detector`` is one."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label map."""

    @property
    def description(self) -> str:
        """Device, precision and checkpoint."""

    def configure(self, config: DetectorConfig) -> None:
        """Replace the thresholds."""

    def warm_up(self) -> None:
        """Make the first frame as fast as the rest."""

    def detect(self, image_bgr: ImageArray) -> Detections:
        """Items in a [H, W, 3] uint8 image, in its pixels."""


def fault_of(error: BaseException) -> str:
    """What a failure says about the device: ``memory`` (it is full), ``device`` (it is broken), or empty (neither).

    Judged by name and text, for torch raises plain RuntimeErrors too, and is not needed to look at one.
    """
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in text or "ALLOC_FAILED" in text:
        return "memory"
    if type(error).__name__ == "AcceleratorError" or any(part in text for part in _DEVICE_TEXTS):
        return "device"
    return ""


class SteadyDetector:
    """Runs a detector and replaces it when its device fails.

    No memory: the cache is let go and the frame tried once more; after ``MEMORY_FAILURES`` such frames in a row the CPU
    takes over, and the GPU is tried again every ``RETURN_AFTER_S`` seconds. A broken device: the model is loaded on it
    again, and on the CPU when that fails, for good, because this process will not get the device back. Every other
    exception is the caller's.

    Args:
        make: loads the detector that a configuration asks for.
        config: all settings.
        report: told what was done, in one line, when it was done.

    Raises:
        Exception: whatever ``make`` raises, unless ``model.device`` is ``auto`` and the device is at fault.
    """

    def __init__(self, make: Callable[[Config], LoadedDetector], config: Config, report: Callable[[str], None]) -> None:
        self._make, self._config, self._report = make, config, report
        self._thresholds = config.detector
        self._failures = 0
        self._return_s: float | None = None
        self.statuses: tuple[Status, ...] = ()
        try:
            self._detector = self._loaded(config)
        except Exception as error:
            if config.model.device != "auto" or not fault_of(error):
                raise
            self._fall_back(error, fault_of(error) == "memory")

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label map."""
        return tuple(self._detector.label_names)

    @property
    def description(self) -> str:
        """Device, precision and checkpoint of what runs now."""
        return self._detector.description

    def serve(self, make: Callable[[Config], LoadedDetector], report: Callable[[str], None]) -> None:
        """Belong to the node whose these are."""
        self._make, self._report = make, report

    def leave(self) -> None:
        """Belong to no node, and hold none, until the next ``serve``; nothing can be loaded meanwhile."""
        self.serve(_load_nothing, _report_nothing)

    def configure(self, config: DetectorConfig) -> None:
        """Replace the thresholds, of a later replacement too."""
        self._thresholds = config
        self._detector.configure(config)

    def detect(self, image_bgr: ImageArray) -> Detections:
        """Items in a [H, W, 3] uint8 image.

        Raises:
            Exception: what the detector raises, when it is not the device's fault or nothing helped.
        """
        if self._return_s is not None and time.monotonic() > self._return_s:
            self._try_to_return()
        try:
            found = self._detector.detect(image_bgr)
        except Exception as error:
            found = self._again(image_bgr, error)
        self._failures = 0
        return found

    def _again(self, image_bgr: ImageArray, error: Exception) -> Detections:
        fault = fault_of(error)
        if not fault:
            raise error
        if fault == "memory":
            release_memory()
            self._failures += 1
            if self._failures >= MEMORY_FAILURES:
                self._fall_back(error, may_return=True)
        else:
            self._restart(error)
        return self._detector.detect(image_bgr)

    def _restart(self, error: Exception) -> None:
        """Load the model on the same device again, or on the CPU."""
        try:
            self._replace(self._config)
        except Exception as second:
            self._fall_back(second, may_return=False)
        else:
            self._report(f"the detector's device failed ({_line(error)}); the model was loaded again and goes on")

    def _fall_back(self, error: Exception, may_return: bool) -> None:
        self._replace(self._config.replaced({"model.device": "cpu", "model.precision": "auto"}))
        self._failures = 0
        self._return_s = time.monotonic() + RETURN_AFTER_S if may_return else None
        remedy = (
            f"free its memory (nvidia-smi names the users); it is tried again every {RETURN_AFTER_S:g} s"
            if may_return
            else "restart the node to use it again; if that does not help, look at dmesg and nvidia-smi"
        )
        text = f"the GPU failed ({_line(error)}), so the detector runs on the CPU, more slowly; {remedy}"
        self.statuses = (Status("detector_on_cpu", Level.WARN, text),)
        self._report(text)

    def _try_to_return(self) -> None:
        try:
            self._replace(self._config)
        except Exception as error:  # whatever it is, the CPU goes on
            self._return_s = time.monotonic() + RETURN_AFTER_S
            self._report(f"the GPU cannot be used yet ({_line(error)})")
            return
        self._return_s, self.statuses = None, ()
        self._report(f"the GPU is back: {self.description}")

    def _replace(self, config: Config) -> None:
        """Load another detector; the one that runs stays when that fails."""
        fresh = self._loaded(config)
        fresh.configure(self._thresholds)
        self._detector = fresh
        release_memory()

    def _loaded(self, config: Config) -> LoadedDetector:
        detector = self._make(config)
        detector.warm_up()
        return detector


def _load_nothing(config: Config) -> LoadedDetector:
    """For a detector between two nodes, which cannot be replaced."""
    raise RuntimeError(f"the node that loads '{config.model.checkpoint or 'default'}' has ended")


def _report_nothing(text: str) -> None:
    """For a detector between two nodes."""


def release_memory() -> None:
    """Give back what was freed on the host, and what torch, where it is loaded, holds in reserve of a GPU."""
    give_back_freed_memory()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    with contextlib.suppress(Exception):  # a broken device refuses even this, and the caller finds that out by itself
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def _line(error: Exception) -> str:
    """The first line of an error: torch adds a page of advice."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(": ")
