"""A detector whose device fails: what is tried, what runs afterwards, and what is said about it."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch

from spp_sorter.config import Config, DetectorConfig
from spp_sorter.ros import steady
from spp_sorter.ros.steady import MEMORY_FAILURES, SteadyDetector, fault_of
from spp_sorter.values import LABELS, Detections, ImageArray, Level

IMAGE = np.zeros((8, 8, 3), np.uint8)
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nA page of advice")
LOST = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later")
OURS = RuntimeError("shapes do not fit")


class Device:
    """A GPU and a CPU of which the test says what fails."""

    def __init__(self) -> None:
        self.load_errors: list[Exception] = []
        self.detect_errors: list[Exception] = []
        self.made: list[str] = []
        self.thresholds: list[float] = []
        self.reports: list[str] = []

    def make(self, config: Config) -> Loaded:
        self.made.append(config.model.device)
        if config.model.device != "cpu" and self.load_errors:
            raise self.load_errors.pop(0)
        return Loaded(self, config.model.device)

    def steady(self, **settings: object) -> SteadyDetector:
        values = {name.replace("__", "."): value for name, value in settings.items()}
        return SteadyDetector(self.make, Config.from_flat(values), self.reports.append)


class Loaded:
    label_names = LABELS

    def __init__(self, device: Device, name: str) -> None:
        self._device, self.description = device, f"a detector on {name}"

    def configure(self, config: DetectorConfig) -> None:
        self._device.thresholds.append(config.score_thresh)

    def warm_up(self) -> None:
        """Nothing to warm up."""

    def detect(self, image_bgr: ImageArray) -> Detections:
        assert image_bgr is IMAGE
        if self._device.detect_errors and not self.description.endswith("cpu"):
            raise self._device.detect_errors.pop(0)
        return Detections.empty()


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (FULL, "memory"),
        (RuntimeError("CUDA out of memory"), "memory"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "memory"),
        (LOST, "device"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "device"),
        (OURS, ""),
        (ValueError("image is float32"), ""),
        (MemoryError(), ""),
    ],
)
def test_the_device_is_told_from_other_faults(error: Exception, fault: str) -> None:
    assert fault_of(error) == fault


def test_one_frame_without_memory_is_tried_again_and_answered() -> None:
    device = Device()
    detector = device.steady()
    device.detect_errors = [FULL]
    assert len(detector.detect(IMAGE)) == 0
    assert device.made == ["auto"]
    assert detector.statuses == ()


def test_frames_without_memory_cost_frames_then_the_cpu_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(steady.time, "monotonic", lambda: now[0])
    device = Device()
    detector = device.steady(model__device="cuda")
    device.detect_errors = [FULL] * (2 * MEMORY_FAILURES)
    for _ in range(MEMORY_FAILURES - 1):
        with pytest.raises(torch.OutOfMemoryError):
            detector.detect(IMAGE)
    detector.detect(IMAGE)
    assert device.made == ["cuda", "cpu"]
    (status,) = detector.statuses
    assert (status.name, status.level) == ("detector_on_cpu", Level.WARN)
    assert "nvidia-smi" in status.message
    assert "advice" not in status.message
    assert len(device.reports) == 1

    device.load_errors = [FULL]  # others still hold the memory
    now[0] += steady.RETURN_AFTER_S + 1
    detector.detect(IMAGE)
    assert detector.statuses == (status,)
    device.detect_errors = []
    now[0] += steady.RETURN_AFTER_S + 1
    detector.detect(IMAGE)
    assert device.made == ["cuda", "cpu", "cuda", "cuda"]
    assert detector.statuses == ()
    assert "is back: a detector on cuda" in device.reports[-1]


def test_memory_failures_with_good_frames_between_them_never_leave_the_gpu() -> None:
    device = Device()
    detector = device.steady()
    for _ in range(3 * MEMORY_FAILURES):
        device.detect_errors = [FULL]
        detector.detect(IMAGE)
    assert device.made == ["auto"]


def test_a_device_that_hiccups_gets_the_model_again_with_the_thresholds_of_now() -> None:
    device = Device()
    detector = device.steady()
    detector.configure(DetectorConfig(score_thresh=0.25))
    device.detect_errors = [LOST]
    detector.detect(IMAGE)
    assert device.made == ["auto", "auto"]
    assert device.thresholds[-1] == 0.25
    assert detector.statuses == ()
    assert "unspecified launch failure" in device.reports[0]


def test_a_lost_device_is_left_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(steady.time, "monotonic", lambda: now[0])
    device = Device()
    detector = device.steady()
    device.detect_errors, device.load_errors = [LOST], [LOST]
    detector.detect(IMAGE)
    now[0] += 10 * steady.RETURN_AFTER_S
    detector.detect(IMAGE)
    assert device.made == ["auto", "auto", "cpu"]
    assert "restart the node" in detector.statuses[0].message


def test_other_exceptions_pass_and_change_nothing() -> None:
    device = Device()
    detector = device.steady()
    device.detect_errors = [OURS]
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        detector.detect(IMAGE)
    assert device.made == ["auto"]


def test_at_start_auto_falls_back_and_a_named_device_does_not() -> None:
    device = Device()
    device.load_errors = [FULL]
    detector = device.steady()
    assert detector.description == "a detector on cpu"
    assert detector.statuses[0].name == "detector_on_cpu"
    for settings, error in (({"model__device": "cuda:0"}, FULL), ({}, OURS)):
        device.load_errors = [error]
        with pytest.raises(type(error)):
            device.steady(**settings)


@pytest.mark.gpu
def test_a_real_gpu_without_memory_and_with_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tenant takes the memory: frames go on, on the CPU, and return to the GPU when it is free."""
    from spp_sorter.detector import Detector

    reports: list[str] = []
    detector = SteadyDetector(Detector.from_config, Config.from_flat({"model.device": "cuda"}), reports.append)
    frame = np.random.default_rng(0).integers(0, 255, (2000, 3000, 3)).astype(np.uint8)
    torch.cuda.empty_cache()
    hog = torch.empty(torch.cuda.mem_get_info()[0] - (1 << 20), dtype=torch.uint8, device="cuda")
    for _ in range(MEMORY_FAILURES + 1):
        with contextlib.suppress(torch.OutOfMemoryError):
            detector.detect(frame)
    assert "CPU" in detector.description
    del hog
    torch.cuda.empty_cache()
    monkeypatch.setattr(steady, "RETURN_AFTER_S", 0.0)
    detector._return_s = 0.0  # now, instead of a minute later
    detector.detect(frame)
    assert "CPU" not in detector.description
    assert detector.statuses == ()
