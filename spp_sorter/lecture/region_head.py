"""What R-CNN and SPP-net put on the vectors of windows: fine-tuned fully connected layers, one linear SVM for every
label, ridge regression of the box, non-maximum suppression.

Letters: N training windows, R windows of one picture, D length of a vector, K labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import nms

from spp_sorter.evaluation.truth import Prediction, pairwise_iou
from spp_sorter.lecture.scenes import Scene
from spp_sorter.network.boxes import clip_boxes, decode_boxes, encode_boxes
from spp_sorter.values import LABELS, FloatArray, IntArray

NMS_IOU = 0.3
MAX_DETECTIONS = 100
"""Of each label and picture."""

POSITIVES, NEAR, FAR = 48, 96, 48
"""Windows of a training picture: on items (IoU from 0.5: a quarter), near them (0.1 to 0.5), and elsewhere."""

SVM_NEGATIVE_IOU = 0.3
REGRESSION_IOU = 0.5
RIDGE = 1000.0
VECTOR_NORM = 20.0
"""Vectors are scaled to this mean length, for which R-CNN's constants were chosen."""

HIDDEN = (512, 256)
EPOCHS = 8


class TrainingWindows(NamedTuple):
    """Windows of one training picture and what they are.

    Attributes:
        boxes_xyxy: [N, 4] float32 pixels.
        iou: [N] with the item that each overlaps most.
        labels: [N] label of that item.
        items_xyxy: [N, 4] its box.
    """

    boxes_xyxy: FloatArray
    iou: FloatArray
    labels: IntArray
    items_xyxy: FloatArray


def training_windows(scene: Scene, seed: int) -> TrainingWindows:
    """Windows to learn from: those of selective search, and the items themselves; none on hardly visible items."""
    items, labels = scene.boxes_xyxy[~scene.ignore], scene.labels[~scene.ignore]
    candidates = np.concatenate([items, scene.windows]).astype(np.float32)
    iou, owner = np.zeros(len(candidates)), np.zeros(len(candidates), np.int64)
    if len(items):
        overlap = pairwise_iou(candidates[:, None].astype(np.float64), items[None].astype(np.float64))
        iou, owner = overlap.max(axis=1), overlap.argmax(axis=1)
    hidden = scene.boxes_xyxy[scene.ignore].astype(np.float64)
    excused = pairwise_iou(candidates[:, None].astype(np.float64), hidden[None]).max(axis=1, initial=0) >= 0.3
    rng = np.random.default_rng(seed)
    chosen: list[IntArray] = [np.arange(len(items))]
    later = np.arange(len(candidates)) >= len(items)
    for mask, count in (
        ((iou >= 0.5) & later, POSITIVES),
        ((iou >= 0.1) & (iou < 0.5) & ~excused, NEAR),
        ((iou < 0.1) & ~excused, FAR),
    ):
        chosen.append(rng.permutation(np.flatnonzero(mask))[:count])
    index = np.concatenate(chosen)
    if not len(items):
        return TrainingWindows(candidates[index], iou[index], owner[index], candidates[index])
    return TrainingWindows(candidates[index], iou[index], labels[owner[index]], items[owner[index]])


@dataclass
class RegionHead:
    """A trained head; tensors live where the vectors do.

    Attributes:
        fc: [R, D] to [R, H].
        svm_weight: [H, K].
        svm_bias: [K].
        ridge_weight: [D, 4 K].
        ridge_bias: [4 K].
    """

    fc: nn.Module
    svm_weight: Tensor
    svm_bias: Tensor
    ridge_weight: Tensor
    ridge_bias: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> RegionHead:
        """The same head elsewhere."""
        parts = (self.svm_weight, self.svm_bias, self.ridge_weight, self.ridge_bias)
        return RegionHead(self.fc.to(device, dtype), *(part.to(device, dtype) for part in parts))

    def detect(self, vectors: Tensor, windows_xyxy: FloatArray, size_hw: tuple[int, int]) -> Prediction:
        """Scores, refined boxes and suppression of the windows [R, 4] of one picture."""
        with torch.inference_mode():
            windows = torch.from_numpy(np.asarray(windows_xyxy, np.float32)).to(vectors.device)
            scores = (self.fc(vectors) @ self.svm_weight + self.svm_bias).float()  # [R, K]
            deltas = (vectors @ self.ridge_weight + self.ridge_bias).float().unflatten(1, (-1, 4))  # [R, K, 4]
            boxes = clip_boxes(decode_boxes(deltas, windows[:, None].expand_as(deltas)), size_hw)
            return suppressed(boxes, scores)


def suppressed(boxes: Tensor, scores: Tensor) -> Prediction:
    """Detections of one picture: suppression label by label.

    Args:
        boxes: [R, K, 4] boxes of every label.
        scores: [R, K].
    """
    rows = []
    for label in range(scores.shape[1]):
        kept = nms(boxes[:, label], scores[:, label], NMS_IOU)[:MAX_DETECTIONS]
        own = torch.full((len(kept), 1), float(label), device=boxes.device)
        rows.append(torch.cat([boxes[kept, label], scores[kept, label, None], own], dim=1))
    table = torch.cat(rows).double().cpu().numpy()
    valid = (table[:, 2:4] > table[:, :2]).all(axis=1)
    return Prediction(table[valid, :4], table[valid, 4], table[valid, 5].astype(np.int64))


def train_head(
    vectors: Sequence[FloatArray], windows: Sequence[TrainingWindows], seed: int = 0, half: bool = False
) -> RegionHead:
    """Fine-tune the fully connected layers, then fit SVMs on what they say and ridge regression on the vectors.

    Args:
        vectors: for every picture [N, D] float16, as pooled.
        windows: for every picture what they are.
        seed: of weights and chance.
        half: fine-tune in bf16, for processors that compute it.
    """
    from sklearn.linear_model import Ridge
    from sklearn.svm import LinearSVC

    x = torch.from_numpy(np.concatenate(vectors))
    iou = np.concatenate([w.iou for w in windows])
    labels = np.concatenate([w.labels for w in windows])
    norm = VECTOR_NORM / float(x.float().norm(dim=1).mean())
    fc = _fine_tune(x, np.where(iou >= 0.5, labels + 1, 0), norm, seed, half)
    with torch.inference_mode():
        hidden = torch.cat([fc(part.float()) for part in x.split(1024)]).numpy()
    spread = hidden.std() + 1e-6
    weight, bias = np.zeros((hidden.shape[1], len(LABELS)), np.float32), np.zeros(len(LABELS), np.float32)
    ridge_weight = np.zeros((x.shape[1], len(LABELS), 4), np.float32)
    ridge_bias = np.zeros((len(LABELS), 4), np.float32)
    boxes = torch.from_numpy(np.concatenate([w.boxes_xyxy for w in windows]))
    items = torch.from_numpy(np.concatenate([w.items_xyxy for w in windows]).astype(np.float32))
    for label in range(len(LABELS)):
        positive = (labels == label) & (iou >= 1.0)
        negative = (iou < SVM_NEGATIVE_IOU) | ((labels != label) & (iou >= 0.5))
        chosen = positive | negative
        svm = LinearSVC(C=0.01, class_weight={True: 2.0, False: 1.0}, max_iter=3000, random_state=seed)
        svm.fit(hidden[chosen] / spread, positive[chosen])
        weight[:, label], bias[label] = svm.coef_[0] / spread, svm.intercept_[0]
        near = np.flatnonzero((labels == label) & (iou >= REGRESSION_IOU))
        ridge = Ridge(alpha=RIDGE)
        ridge.fit(x[near].float().numpy() * norm, encode_boxes(items[near], boxes[near]).numpy())
        ridge_weight[:, label], ridge_bias[label] = ridge.coef_.T * norm, ridge.intercept_
    return RegionHead(
        fc,
        torch.from_numpy(weight),
        torch.from_numpy(bias),
        torch.from_numpy(ridge_weight).flatten(1),
        torch.from_numpy(ridge_bias).flatten(),
    )


def empty_head(length: int) -> RegionHead:
    """A head of the right shapes, to load weights into."""
    k = len(LABELS)
    return RegionHead(
        _layers(length), torch.zeros(HIDDEN[1], k), torch.zeros(k), torch.zeros(length, 4 * k), torch.zeros(4 * k)
    )


def _layers(length: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(length, HIDDEN[0]), nn.ReLU(), nn.Linear(HIDDEN[0], HIDDEN[1]), nn.ReLU())


def _fine_tune(x: Tensor, classes: IntArray, norm: float, seed: int, half: bool) -> nn.Sequential:
    """Two layers that learned to tell [N] classes, 0 for background, through a softmax that is then thrown away."""
    torch.manual_seed(seed)
    layers, softmax = _layers(x.shape[1]), nn.Linear(HIDDEN[1], 1 + len(LABELS))
    drop = nn.Dropout(0.3)
    optimizer = torch.optim.AdamW([*layers.parameters(), *softmax.parameters()], lr=1e-3, weight_decay=0.05)
    target = torch.from_numpy(classes)
    batch = 256
    steps, step = EPOCHS * math.ceil(len(x) / batch), 0
    for _ in range(EPOCHS):
        for index in torch.randperm(len(x)).split(batch):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                hidden = layers(drop(x[index].float() * norm))
                logits = softmax(drop(hidden))
            loss = F.cross_entropy(logits.float(), target[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
    first = layers[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight.mul_(norm)  # so that it takes vectors as they are pooled
    return layers.eval()
