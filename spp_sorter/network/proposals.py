"""Where candidate windows come from: interchangeable proposers behind one call.

Every proposer takes the network's input picture and the shared map, and gives boxes best first. ``rpn`` reads the map;
the others look at the picture and are for belts where they suit, for comparison, and for networks without an RPN.

Letters: R proposals.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from spp_sorter.network.decode import select_proposals
from spp_sorter.network.model import SppNetwork
from spp_sorter.values import FloatArray, ImageArray

Proposer = Callable[[SppNetwork, Tensor, ImageArray, int], Tensor]
"""``(network, features, picture_bgr [h, w, 3], count) -> boxes [<= count, 4]`` in pixels of the network's input."""

BELT_DIFFERENCE = 18.0
"""Distance in Lab from the belt's colour that counts as foreground: above belt texture, below dull organics."""

MIN_SIDE_PX = 6
"""Foreground blobs with a shorter side are dirt."""

GRID_SIDES = (256, 128, 64, 32)
GRID_ASPECTS = (0.5, 1.0, 2.0)


def propose_rpn(network: SppNetwork, features: Tensor, picture_bgr: ImageArray, count: int) -> Tensor:
    """Learned objectness on the shared map (Ren et al., arXiv 1506.01497)."""
    return select_proposals(network.propose(features), _size_hw(picture_bgr), count)[0][0]


def propose_belt(network: SppNetwork, features: Tensor, picture_bgr: ImageArray, count: int) -> Tensor:
    """Foreground of the belt: what differs from the belt's own colour, by connected components, largest first."""
    del network
    return _to_tensor(belt_boxes(picture_bgr)[:count], features)


def propose_grid(network: SppNetwork, features: Tensor, picture_bgr: ImageArray, count: int) -> Tensor:
    """Boxes of fixed sizes spread evenly: no picture is looked at."""
    del network
    return _to_tensor(grid_boxes(_size_hw(picture_bgr), count), features)


def propose_selective_search(network: SppNetwork, features: Tensor, picture_bgr: ImageArray, count: int) -> Tensor:
    """Selective search, fast mode (Uijlings et al. 2013), as in the paper; about two seconds a picture.

    Raises:
        RuntimeError: this OpenCV has no contrib modules.
    """
    del network
    if not hasattr(cv2, "ximgproc"):
        raise RuntimeError(
            "selective search needs OpenCV's contrib modules; run: pip install opencv-contrib-python-headless"
        )
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(picture_bgr)
    search.switchToSelectiveSearchFast()
    boxes_xywh = np.asarray(search.process()[:count], np.float32)
    return _to_tensor(np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1), features)


PROPOSERS: dict[str, Proposer] = {
    "rpn": propose_rpn,
    "belt": propose_belt,
    "grid": propose_grid,
    "selective_search": propose_selective_search,
}


def belt_boxes(picture_bgr: ImageArray) -> FloatArray:
    """Boxes of what lies on a belt, by difference from the belt's colour along the direction of motion.

    A belt's look changes little along its motion: the median of each row (or column, whichever explains the picture
    better) is its background as long as items cover less than half of it.

    Args:
        picture_bgr: [h, w, 3] uint8.

    Returns:
        [R, 4] float32 boxes, largest first.
    """
    lab = cv2.cvtColor(cv2.GaussianBlur(picture_bgr, (5, 5), 0), cv2.COLOR_BGR2LAB).astype(np.float32)
    sparse = lab[::4, ::4]
    rows, columns = np.median(sparse, axis=1, keepdims=True), np.median(sparse, axis=0, keepdims=True)
    by_row = np.abs(sparse - rows).mean() <= np.abs(sparse - columns).mean()
    height, width = picture_bgr.shape[:2]
    profile = rows if by_row else columns
    size = (1, height) if by_row else (width, 1)
    background = cv2.resize(profile, size, interpolation=cv2.INTER_LINEAR).reshape(size[1], size[0], 3)
    foreground = (np.linalg.norm(lab - background, axis=2) > BELT_DIFFERENCE).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    foreground = cv2.morphologyEx(cv2.morphologyEx(foreground, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    _, _, stats, _ = cv2.connectedComponentsWithStats(foreground)
    blobs = stats[1:]  # the first is the background
    blobs = blobs[(blobs[:, cv2.CC_STAT_WIDTH] >= MIN_SIDE_PX) & (blobs[:, cv2.CC_STAT_HEIGHT] >= MIN_SIDE_PX)]
    blobs = blobs[np.argsort(-blobs[:, cv2.CC_STAT_AREA], kind="stable")]
    low = blobs[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    boxes: FloatArray = np.concatenate([low, low + blobs[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]], axis=1).astype(
        np.float32
    )
    return boxes


def grid_boxes(size_hw: tuple[int, int], count: int) -> FloatArray:
    """At most ``count`` boxes of several sizes and aspects, spread evenly over a picture; [R, 4] float32."""
    height, width = size_hw
    shapes = [(side * aspect**0.5, side / aspect**0.5) for side in GRID_SIDES for aspect in GRID_ASPECTS]
    share = np.array([1 / (w * h) for w, h in shapes])
    numbers = np.maximum(1, np.floor(count * share / share.sum())).astype(int)
    boxes = []
    for (w, h), number in zip(shapes, numbers, strict=True):
        columns = max(1, round((number * width / height) ** 0.5))
        rows = max(1, int(number) // columns)
        x, y = np.meshgrid((np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows)
        centre, half = np.stack([x, y], axis=-1).reshape(-1, 2), np.array([w, h]) / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
    limit = np.array([width, height, width, height])
    clipped: FloatArray = np.clip(np.concatenate(boxes)[:count], 0, limit).astype(np.float32)
    return clipped


def _size_hw(picture: ImageArray) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]


def _to_tensor(boxes_xyxy: FloatArray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(boxes_xyxy, np.float32)).to(like.device)
