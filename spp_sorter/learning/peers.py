"""Detectors that somebody might take instead, called as ours is: torchvision's, and YOLO in its own environment.

Letters: N detections, K labels.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import detection

from spp_sorter.values import Detections, Grasps, ImageArray

SSDLITE = "ssdlite320_mobilenet_v3_large"
PEERS: dict[str, Callable[..., nn.Module]] = {
    SSDLITE: detection.ssdlite320_mobilenet_v3_large,
    "fasterrcnn_mobilenet_v3_large_320_fpn": detection.fasterrcnn_mobilenet_v3_large_320_fpn,
    "fasterrcnn_mobilenet_v3_large_fpn": detection.fasterrcnn_mobilenet_v3_large_fpn,
}
"""torchvision's small detectors; their published weights are for COCO and are not installed with the package."""

BATCH = 24
RATE = 0.002


class TorchvisionDetector:
    """One of ``PEERS`` as our detector is called: [H, W, 3] uint8 BGR in, ``Detections`` out.

    Args:
        name: of ``PEERS``.
        label_names: labels to learn; background is added.
        device: where it runs, in fp32 as torchvision ships it.
    """

    def __init__(self, name: str, label_names: tuple[str, ...], device: torch.device) -> None:
        torch.manual_seed(0)
        extra = {} if name == SSDLITE else {"box_score_thresh": 0.02}
        self.name = name
        self.device = device
        self.label_names = label_names
        model = PEERS[name](weights=None, weights_backbone=None, num_classes=1 + len(label_names), **extra)
        self.model = model.eval().to(device)

    @torch.inference_mode()
    def detect(self, image_bgr: ImageArray) -> Detections:
        """Detections of one picture; grasps are not known to it."""
        pixels = torch.from_numpy(image_bgr).to(self.device).flip(2).permute(2, 0, 1).float() / 255
        found = {key: value.cpu().numpy() for key, value in self.model([pixels])[0].items()}
        labels = found["labels"].astype(np.int64) - 1
        probs = np.zeros((len(labels), len(self.label_names)), np.float32)
        probs[np.arange(len(labels)), labels] = found["scores"]
        boxes = found["boxes"].astype(np.float32)
        none = np.zeros((len(labels), 2), np.float32)
        return Detections(
            boxes_xyxy=boxes,
            scores=found["scores"].astype(np.float32),
            labels=labels,
            label_probs=probs,
            label_names=self.label_names,
            grasps=Grasps((boxes[:, :2] + boxes[:, 2:]) / 2, np.zeros(len(labels), np.float32), none),
        )

    def train(self, batches: Iterator[tuple[Tensor, Sequence[Any]]], seconds: float) -> int:
        """Learn from ``(images [B, 3, H, W] 0 to 255, targets)`` for so long; returns the number of steps.

        The clock starts with the first batch. The rate follows a cosine over the time, with a warm-up of a twentieth.
        """
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=1e-4)
        self.model.train()
        start, steps = 0.0, 0
        for images, targets in batches:
            if steps == 0:
                start = time.monotonic()
            progress = (time.monotonic() - start) / seconds
            if progress >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1, 20 * progress + 0.01) * 0.5 * (1 + np.cos(np.pi * progress))
            truth = [_truth(target, self.device) for target in targets]
            losses = self.model(list(images.to(self.device) / 255), truth)
            optimizer.zero_grad(set_to_none=True)
            sum(losses.values()).backward()
            nn.utils.clip_grad_norm_(parameters, 10.0)
            optimizer.step()
            steps += 1
        self.model.eval()
        return steps


def time_yolo(
    python: Path, weights: str, frames: Sequence[ImageArray], count: int, threads: int, folder: Path
) -> dict[str, Any]:
    """Time a YOLO in another environment, which has ultralytics, on the same frames; random weights from a ``.yaml``.

    Args:
        python: that environment's interpreter.
        weights: what ``YOLO(...)`` is given, such as ``yolo26n.yaml``.
        frames: pictures of one size.
        count: timed calls.
        threads: CPU threads.
        folder: for the frames on their way.

    Raises:
        ValueError: the interpreter cannot do it; the text has its last line.
    """
    path = folder / "frames.npy"
    np.save(path, np.stack(frames))
    command = [
        str(python),
        str(Path(__file__).with_name("yolo_timer.py")),
        str(path),
        weights,
        str(count),
        str(threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ValueError(f"'{python}' could not time {weights}: {lines[-1] if lines else done.returncode}")
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def _truth(target: Any, device: torch.device) -> dict[str, Tensor]:
    """Boxes and labels of a training target; what is ignored is left out, as torchvision knows no such thing."""
    keep = ~target.ignore & ((target.boxes_xyxy[:, 2:] - target.boxes_xyxy[:, :2]).amin(dim=1) > 1)
    return {"boxes": target.boxes_xyxy[keep].to(device), "labels": target.labels[keep].to(device) + 1}
