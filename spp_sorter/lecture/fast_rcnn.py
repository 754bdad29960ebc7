"""Fast R-CNN (Girshick 2015, arXiv 1504.08083): one pyramid level, and one network that learns class and box together.

The pool is the detector's own with the single level 7. Letters: B pictures, G items, R windows, K labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spp_sorter.lecture.scenes import Scene
from spp_sorter.network.backbone import Backbone
from spp_sorter.network.boxes import clip_boxes, decode_boxes, encode_boxes, pairwise_iou
from spp_sorter.network.checkpoint import save_atomically
from spp_sorter.network.spp import SpatialPyramidPool, project_boxes, pyramid_length
from spp_sorter.values import LABELS

STRIDE = 16
SHORT_SIDE = 688
"""Pixels that the short side of a picture is scaled to: the paper's single scale."""

PROJECTION = "cover"
"""Fast R-CNN rounds the ends of a window to cells and takes both in: near enough to every cell that it touches."""

FORMAT = "spp_sorter-lecture-fast-rcnn-1"
DELTA_SCALE = (0.1, 0.1, 0.2, 0.2)
"""Refinements are learned in these units, so that all four weigh the same as a class."""

WINDOWS_PER_PICTURE = 64
POSITIVE_SHARE = 0.25
POSITIVE_IOU = 0.5
NEGATIVE_IOU = 0.1
PICTURES_PER_STEP = 4
HEAD_RATE = 1e-3
CONVOLUTION_RATE = 2e-4


class FastRcnn(nn.Module):
    """Convolutions once, RoI pooling, two fully connected layers, softmax and a box for every label.

    Args:
        num_labels: K.
        level: bins along one side.
        hidden: width of the fully connected layers.
        imagenet: start the backbone from ImageNet weights.
    """

    def __init__(self, num_labels: int = len(LABELS), level: int = 7, hidden: int = 256, imagenet: bool = True) -> None:
        super().__init__()
        self.backbone = Backbone(strides=(STRIDE,), imagenet=imagenet)
        self.pool = SpatialPyramidPool((level,))
        self.fc = nn.Sequential(
            nn.Linear(pyramid_length(self.backbone.channels[-1], (level,)), hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.classes = nn.Linear(hidden, 1 + num_labels)
        self.boxes = nn.Linear(hidden, 4 * num_labels)
        for layer, spread in ((self.classes, 0.01), (self.boxes, 0.001)):
            nn.init.normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)

    def convolve(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] RGB 0 to 255 to the map [B, C, H / 16, W / 16]."""
        features: Tensor = self.backbone(images)[0]
        return features

    def classify(
        self, features: Tensor, boxes_xyxy: Tensor, image_index: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits [R, 1 + K], background first, and refinements [R, K, 4] of the windows, for windows [R, 4]."""
        windows = project_boxes(boxes_xyxy, STRIDE, (features.shape[2], features.shape[3]), PROJECTION)
        hidden = self.fc(self.pool.pool_windows(features, windows, image_index))
        deltas = self.boxes(hidden).unflatten(1, (-1, 4)).float() * hidden.new_tensor(DELTA_SCALE).float()
        return self.classes(hidden).float(), deltas


@dataclass(frozen=True)
class Windows:
    """Windows of one picture to learn from, in pixels of the network's input.

    Attributes:
        boxes_xyxy: [R, 4].
        labels: [R] int64, 0 for background, 1 + label otherwise.
        targets: [R, 4] refinements to learn; any number for background.
    """

    boxes_xyxy: Tensor
    labels: Tensor
    targets: Tensor


def sample_windows(candidates: Tensor, truth_xyxy: Tensor, truth_labels: Tensor, ignore: Tensor) -> Windows:
    """The paper's choice: a quarter of the windows on items (IoU from 0.5), the rest near them (0.1 to 0.5).

    Args:
        candidates: [R, 4] windows of the picture.
        truth_xyxy: [G, 4].
        truth_labels: [G] int64.
        ignore: [G] bool; windows on these are left out.
    """
    candidates = torch.cat([candidates, truth_xyxy[~ignore]])
    if len(truth_xyxy):
        iou, owner = pairwise_iou(candidates, truth_xyxy).max(dim=1)
    else:
        iou, owner = candidates.new_zeros(len(candidates)), torch.zeros(len(candidates), dtype=torch.long)
    usable = ~ignore[owner] if len(ignore) else torch.ones_like(iou, dtype=torch.bool)
    positive = _draw((iou >= POSITIVE_IOU) & usable, int(WINDOWS_PER_PICTURE * POSITIVE_SHARE))
    wanted = WINDOWS_PER_PICTURE - len(positive)
    negative = _draw((iou < POSITIVE_IOU) & (iou >= NEGATIVE_IOU) & usable, wanted)
    far = _draw(iou < NEGATIVE_IOU, wanted - len(negative))
    chosen = torch.cat([positive, negative, far])
    boxes = candidates[chosen]
    labels = torch.zeros(len(chosen), dtype=torch.long, device=boxes.device)
    targets = torch.zeros_like(boxes)
    labels[: len(positive)] = truth_labels[owner[positive]] + 1
    if len(positive):
        deltas = encode_boxes(truth_xyxy[owner[positive]], boxes[: len(positive)])
        targets[: len(positive)] = deltas
    return Windows(boxes, labels, targets)


def joint_loss(logits: Tensor, deltas: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of the class plus smooth L1 of the right label's box: the paper's equation 1."""
    on_item = (labels > 0).nonzero()[:, 0]
    own = deltas[on_item, labels[on_item] - 1]
    scale = deltas.new_tensor(DELTA_SCALE)
    box = F.smooth_l1_loss(own / scale, targets[on_item] / scale, reduction="sum") / max(1, len(labels))
    return F.cross_entropy(logits, labels) + box


def train_fast_rcnn(
    scenes: Sequence[Scene],
    epochs: int,
    device: torch.device,
    train_convolutions: bool = True,
    seed: int = 0,
    tick: Callable[[int, float], None] | None = None,
) -> FastRcnn:
    """Train on scenes, mirrored and recoloured by chance.

    Args:
        scenes: all of one size.
        epochs: passes over them.
        device: to train on.
        train_convolutions: False leaves the convolutions as ImageNet taught them, as SPP-net does.
        seed: of weights and chance.
        tick: told epoch and loss.

    Raises:
        FloatingPointError: the loss is no longer finite.
    """
    torch.manual_seed(seed)
    network = FastRcnn(len(LABELS)).to(device).to(memory_format=torch.channels_last)
    network.backbone.requires_grad_(train_convolutions)
    head = [p for name, p in network.named_parameters() if not name.startswith("backbone.")]
    groups = [{"params": head, "rate": HEAD_RATE}]
    if train_convolutions:
        groups.append({"params": list(network.backbone.parameters()), "rate": CONVOLUTION_RATE})
    optimizer = torch.optim.AdamW(groups, lr=HEAD_RATE, weight_decay=0.02)
    pictures = torch.from_numpy(np.stack([scene.image_bgr[:, :, ::-1].transpose(2, 0, 1) for scene in scenes]))
    pictures = pictures.to(device)
    height, width = scenes[0].image_bgr.shape[:2]
    scale = SHORT_SIDE / min(height, width)
    size_hw = (round(height * scale), round(width * scale))
    tables = [_tables(scene, scale, device) for scene in scenes]
    steps, step = epochs * math.ceil(len(scenes) / PICTURES_PER_STEP), 0
    for epoch in range(epochs):
        losses = []
        for index in torch.randperm(len(scenes)).split(PICTURES_PER_STEP):
            rate = min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * rate
            mirrors = torch.rand(len(index), 2) < 0.5
            images = F.interpolate(pictures[index.to(device)].float(), size_hw, mode="bilinear", align_corners=False)
            images = torch.stack([_mirror_picture(image, m.tolist()) for image, m in zip(images, mirrors, strict=True)])
            images = (images * (0.8 + 0.4 * torch.rand(len(index), 3, 1, 1, device=device))).clamp(0, 255)
            samples = []
            for i, mirror in zip(index.tolist(), mirrors.tolist(), strict=True):
                windows, boxes, labels, ignore = tables[i]
                samples.append(
                    sample_windows(
                        _mirror_boxes(windows, mirror, size_hw), _mirror_boxes(boxes, mirror, size_hw), labels, ignore
                    )
                )
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                with torch.set_grad_enabled(train_convolutions):
                    features = network.convolve(images.to(memory_format=torch.channels_last)).float()
                picture = torch.cat([torch.full_like(s.labels, i) for i, s in enumerate(samples)])
                logits, deltas = network.classify(features, torch.cat([s.boxes_xyxy for s in samples]), picture)
            labels, targets = torch.cat([s.labels for s in samples]), torch.cat([s.targets for s in samples])
            loss = joint_loss(logits, deltas, labels, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            losses.append(loss.detach())
            step += 1
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise FloatingPointError(f"the loss of epoch {epoch} is {mean}; lower the learning rate")
        if tick is not None:
            tick(epoch, mean)
    network.eval()
    return network


def refined_boxes(deltas: Tensor, boxes_xyxy: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Boxes of every label, [R, K, 4], from refinements of windows [R, K, 4] and [R, 4], cut to the picture."""
    return clip_boxes(decode_boxes(deltas, boxes_xyxy[:, None].expand_as(deltas)), size_hw)


def save_fast_rcnn(network: FastRcnn, path: Path, train_convolutions: bool, notes: dict[str, Any]) -> None:
    """Write weights in half precision; without the backbone's where it was not trained."""
    weights = {
        key: value.detach().cpu().half()
        for key, value in network.state_dict().items()
        if train_convolutions or not key.startswith("backbone.")
    }
    save_atomically({"format": FORMAT, "weights": weights, "notes": notes}, path)


def load_fast_rcnn(path: Path) -> FastRcnn:
    """The network in evaluation mode; convolutions that the file has not got are ImageNet's.

    Raises:
        ValueError: the file is not a Fast R-CNN of the lecture.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"'{path}' is not in the format '{FORMAT}'; train one with tools/lecture_on_gpu.sh")
    weights = {key: value.float() for key, value in content["weights"].items()}
    own_convolutions = any(key.startswith("backbone.") for key in weights)
    network = FastRcnn(len(LABELS), imagenet=not own_convolutions)
    missing = network.load_state_dict(weights, strict=False)
    wrong = [key for key in missing.missing_keys if own_convolutions or not key.startswith("backbone.")]
    if wrong or missing.unexpected_keys:
        raise ValueError(f"'{path}' does not fit: {', '.join([*wrong, *missing.unexpected_keys][:3])}")
    network.eval()
    return network


def _tables(scene: Scene, scale: float, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arrays = (scene.windows * scale, scene.boxes_xyxy * scale)
    windows, boxes = (torch.from_numpy(np.asarray(a, np.float32)).to(device) for a in arrays)
    return windows, boxes, torch.from_numpy(scene.labels).to(device), torch.from_numpy(scene.ignore).to(device)


def _draw(mask: Tensor, count: int) -> Tensor:
    index = mask.nonzero()[:, 0]
    return index[torch.randperm(len(index), device=index.device)[: max(0, count)]]


def _mirror_picture(image: Tensor, mirror: Sequence[bool]) -> Tensor:
    dims = [dim for dim, turned in ((2, mirror[0]), (1, mirror[1])) if turned]
    return image.flip(dims) if dims else image


def _mirror_boxes(boxes: Tensor, mirror: Sequence[bool], size_hw: tuple[int, int]) -> Tensor:
    x0, y0, x1, y1 = boxes.unbind(dim=1)
    if mirror[0]:
        x0, x1 = size_hw[1] - x1, size_hw[1] - x0
    if mirror[1]:
        y0, y1 = size_hw[0] - y1, size_hw[0] - y0
    return torch.stack([x0, y0, x1, y1], dim=1)
