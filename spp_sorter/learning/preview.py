"""Training pictures with their truth and with what the network says of them, to look at while it learns."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from spp_sorter.network.assignment import Target
from spp_sorter.network.decode import decode_regions, select_proposals
from spp_sorter.network.model import SppNetwork
from spp_sorter.values import ImageArray

PICTURES = 4
PROPOSALS = 100
TRUTH_RGB = (60, 200, 60)
IGNORED_RGB = (150, 150, 150)
FOUND_RGB = (230, 60, 60)


@torch.no_grad()
def preview(network: SppNetwork, images: Tensor, targets: list[Target]) -> list[ImageArray]:
    """The first pictures of a batch, the truth in green and detections in red with their label and score.

    Args:
        network: as it is.
        images: [B, 3, H, W] RGB 0 to 255.
        targets: B targets.

    Returns:
        Up to ``PICTURES`` pictures [H, W, 3] uint8 RGB.
    """
    size_hw = (images.shape[2], images.shape[3])
    shown = []
    for image, target in zip(images[:PICTURES], targets, strict=False):
        features = network.convolve(image[None])
        boxes, _ = select_proposals(network.propose(features), size_hw, PROPOSALS)[0]
        found = decode_regions(network.classify(features, boxes), size_hw, 0.5, 0.5, PROPOSALS)
        canvas = np.ascontiguousarray(image.permute(1, 2, 0).byte().cpu().numpy())
        for box, ignored in zip(target.boxes_xyxy.tolist(), target.ignore.tolist(), strict=True):
            _rectangle(canvas, box, IGNORED_RGB if ignored else TRUTH_RGB)
        for box, label, score in zip(
            *(part.tolist() for part in (found.boxes_xyxy, found.labels, found.scores)), strict=True
        ):
            _rectangle(canvas, box, FOUND_RGB)
            text = f"{network.config.labels[label]} {score:.2f}"
            at = (round(box[0]) + 2, round(box[1]) + 12)
            cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, FOUND_RGB, 1, cv2.LINE_AA)
        shown.append(np.asarray(canvas, np.uint8))
    return shown


def _rectangle(canvas: np.ndarray, box: list[float], color: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = (round(value) for value in box)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), color, 2)
