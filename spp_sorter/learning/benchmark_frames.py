"""What the benchmarks of detectors share: frames, a clock that waits for the device, percentiles, and agreement."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from spp_sorter.network.boxes import pairwise_iou
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import random_world_config
from spp_sorter.values import Detections, ImageArray

FIRST_SEED = 910_000
"""Of the frames: scenes that neither training nor evaluation renders."""

NUM_SCENES = 8


@dataclass(frozen=True)
class Agreement:
    """How far one detector's answers are from another's on the same frames.

    Attributes:
        detections: of the reference.
        matched: how many of them have a counterpart with the same label and IoU >= 0.5.
        extra: detections without a counterpart in the reference.
        box_px: the greatest distance of a side of a matched box.
        score: the greatest distance of a matched score.
    """

    detections: int
    matched: int
    extra: int
    box_px: float
    score: float

    @property
    def share(self) -> float:
        """Matched detections out of all of both, 1 when there are none."""
        everything = self.detections + self.extra
        return self.matched / everything if everything else 1.0


def parse_size(text: str) -> tuple[int, int]:
    """``640x480`` (width x height, as cameras are named) to height and width.

    Raises:
        ValueError: another form.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found or not all(1 <= int(side) <= 8192 for side in found.groups()):
        raise ValueError(f"--size is {text!r}; allowed: WIDTHxHEIGHT of 1 to 8192, such as 640x480")
    return int(found[2]), int(found[1])


@lru_cache(maxsize=4)
def belt_frames(size_hw: tuple[int, int], count: int = NUM_SCENES) -> tuple[ImageArray, ...]:
    """Frames of the simulated belt with objects that the shipped detector was not trained on, pageable arrays."""
    frames = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        image = BeltWorld(random_world_config(seed, "sparse", "test")).render(0).image_bgr
        frames.append(np.asarray(cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.uint8))
    return tuple(frames)


def picture_frames(folder: Path, size_hw: tuple[int, int], limit: int) -> tuple[ImageArray, ...]:
    """The first pictures of a folder by name, scaled to one size.

    Raises:
        ValueError: the folder holds no picture that can be read.
    """
    frames = []
    for path in sorted(folder.iterdir()):
        image = cv2.imread(str(path)) if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") else None
        if image is not None:
            frames.append(np.asarray(cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA), np.uint8))
        if len(frames) == limit:
            break
    if not frames:
        raise ValueError(f"folder '{folder}' holds no .jpg, .png or .webp that can be read; name another")
    return tuple(frames)


def time_calls(
    call: Callable[[ImageArray], object],
    frames: Sequence[ImageArray],
    count: int,
    device: torch.device,
    warm_up: int = 20,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Milliseconds of ``count`` calls, frame after frame, the device idle at both ends of each."""
    for index in range(warm_up):
        call(frames[index % len(frames)])
    times = np.empty(count)
    for index in range(count):
        frame = frames[index % len(frames)]
        synchronise(device)
        start = time.perf_counter()
        call(frame)
        synchronise(device)
        times[index] = (time.perf_counter() - start) * 1e3
    return times


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def percentiles(times_ms: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    """p50, p95, p99, least and mean."""
    figures = {f"p{q}": float(np.percentile(times_ms, q)) for q in (50, 95, 99)}
    return {key: round(value, 4) for key, value in {**figures, "min": times_ms.min(), "mean": times_ms.mean()}.items()}


def compare(reference: Sequence[Detections], answers: Sequence[Detections]) -> Agreement:
    """Match answers with the reference frame by frame, each detection once, best score first."""
    detections = matched = extra = 0
    box_px = score = 0.0
    for wanted, found in zip(reference, answers, strict=True):
        iou = pairwise_iou(torch.from_numpy(wanted.boxes_xyxy), torch.from_numpy(found.boxes_xyxy)).numpy()
        iou[wanted.labels[:, None] != found.labels[None]] = 0
        free = np.ones(len(found), bool)
        detections += len(wanted)
        for index in range(len(wanted)):
            overlaps = np.where(free, iou[index], 0)
            if not len(found) or overlaps.max() < 0.5:
                continue
            best = int(overlaps.argmax())
            free[best] = False
            matched += 1
            box_px = max(box_px, float(np.abs(wanted.boxes_xyxy[index] - found.boxes_xyxy[best]).max()))
            score = max(score, abs(float(wanted.scores[index] - found.scores[best])))
        extra += int(free.sum())
    return Agreement(detections, matched, extra, box_px, score)


def machine() -> dict[str, Any]:
    """What a figure depends on beside the code."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
