"""How a classifier is shown a photograph: whole at any shape, cropped, or warped; many at once, on any device.

Letters: N photographs, B of a batch, S side in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spp_sorter.lecture.classifier import FIXED_SIDE, ClassifierConfig
from spp_sorter.lecture.photographs import Photographs
from spp_sorter.values import IntArray

CROP_SHARE = 224 / 256
"""A crop of 224 x 224 from a picture whose short side is 256, as in the paper."""

SMALLEST_VIEW = 0.7
"""In training a view shows a part of the picture, at least this much of each side."""

_SHAPES = (0.75, 1.0, 4 / 3)
"""Widths over heights of training batches; a batch has one shape, whole pictures the nearest."""


class PhotographStore:
    """Photographs decoded once, on the device, from which views are sampled in one call.

    Args:
        photographs: N of any sizes.
        device: where to keep them.
    """

    def __init__(self, photographs: Photographs, device: torch.device) -> None:
        sizes = np.array([image.shape[:2] for image in photographs.images_bgr])
        height, width = sizes.max(axis=0).tolist()
        canvas = np.zeros((len(photographs), 3, height, width), np.uint8)
        for row, image in zip(canvas, photographs.images_bgr, strict=True):
            row[:, : image.shape[0], : image.shape[1]] = image[:, :, ::-1].transpose(2, 0, 1)
        self.canvas = torch.from_numpy(canvas).to(device)
        self.sizes_hw = torch.from_numpy(sizes).to(device).float()
        self.labels = torch.from_numpy(photographs.labels).to(device)
        self.shape_index = np.abs(np.log(sizes[:, 1:] / sizes[:, :1]) - np.log(_SHAPES)).argmin(axis=1)
        self.device = device

    def __len__(self) -> int:
        return len(self.labels)

    def look(self, index: Tensor, regions: Tensor, size_hw: tuple[int, int], mirror: Tensor | None = None) -> Tensor:
        """Regions of photographs, scaled to one size.

        Args:
            index: [B] which photographs.
            regions: [B, 4] ``xyxy`` in shares of the photograph's width and height.
            size_hw: of the views.
            mirror: [B, 2] -1 or 1 for x and y.

        Returns:
            [B, 3, H, W] RGB 0 to 255.
        """
        pictures = self.canvas[index].float()
        canvas_wh = regions.new_tensor([pictures.shape[3], pictures.shape[2]])
        pixels_wh = self.sizes_hw[index].flip(1)
        low, high = regions[:, :2] * pixels_wh / canvas_wh, regions[:, 2:] * pixels_wh / canvas_wh
        scale = high - low
        if mirror is not None:
            scale = scale * mirror
        theta = torch.zeros(len(index), 2, 3, device=self.device)
        theta[:, 0, 0], theta[:, 1, 1] = scale[:, 0], scale[:, 1]
        theta[:, :, 2] = low + high - 1
        grid = F.affine_grid(theta, [len(index), 3, *size_hw], align_corners=False)
        return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def training_batches(store: PhotographStore, config: ClassifierConfig, epoch: int, seed: int, size: int) -> Iterator:
    """Batches of one epoch: views [B, 3, H, W] and labels [B]. All of an epoch have the same short side.

    Args:
        store: the photographs to learn from.
        config: how they are shown.
        epoch: decides the short side (section 3.2 of the paper: whole epochs alternate).
        seed: of order and views.
        size: B.
    """
    rng = np.random.default_rng([seed, epoch])
    side = config.sides[epoch % len(config.sides)]
    order = rng.permutation(len(store))
    if config.view == "whole":
        order = order[np.argsort(store.shape_index[order], kind="stable")]
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    if config.view == "whole":
        cuts = [np.flatnonzero(np.diff(store.shape_index[group])) + 1 for group in groups]
        groups = [part for group, cut in zip(groups, cuts, strict=True) for part in np.split(group, cut)]
    for number in rng.permutation(len(groups)):
        group = groups[number]
        index = torch.from_numpy(group).to(store.device)
        shape = float(_SHAPES[int(store.shape_index[group[0]])]) if config.view == "whole" else 1.0
        regions = torch.from_numpy(_training_regions(store, group, config.view, shape, rng)).to(store.device)
        mirror = torch.from_numpy(rng.choice([-1.0, 1.0], (len(group), 2)).astype(np.float32)).to(store.device)
        views = store.look(index, regions, size_of(side, shape), mirror)
        yield _recolour(views, rng), store.labels[index]


def test_views(store: PhotographStore, config: ClassifierConfig, index: IntArray, side: int) -> Tensor:
    """Views of photographs of one shape as they are judged: [B, 3, H, W]; ``side`` counts for whole views only."""
    height, width = store.sizes_hw[int(index[0])].tolist()
    region = [0.0, 0.0, 1.0, 1.0]
    size_hw = (FIXED_SIDE, FIXED_SIDE)
    if config.view == "whole":
        size_hw = size_of(side, width / height)
    elif config.view == "crop":
        cut = CROP_SHARE * min(height, width)
        x, y = (1 - cut / width) / 2, (1 - cut / height) / 2
        region = [x, y, 1 - x, 1 - y]
    regions = torch.tensor([region] * len(index), device=store.device)
    return store.look(torch.from_numpy(index).to(store.device), regions, size_hw)


def size_of(short_side: int, shape: float) -> tuple[int, int]:
    """Height and width of a view with this short side and this width over height."""
    return (short_side, round(short_side * shape)) if shape >= 1 else (round(short_side / shape), short_side)


def _training_regions(
    store: PhotographStore, group: IntArray, view: str, shape: float, rng: np.random.Generator
) -> np.ndarray:
    """[B, 4] float32 regions in shares: a random part, of the view's shape unless it is warped."""
    sizes = store.sizes_hw[torch.from_numpy(group).to(store.device)].cpu().numpy()[:, ::-1]  # width, height
    side = rng.uniform(SMALLEST_VIEW, 1.0, (len(group), 2 if view == "warp" else 1)) * np.ones((1, 2))
    if view != "warp":
        largest = np.minimum(sizes[:, :1], shape * sizes[:, 1:]) * np.array([1.0, 1.0 / shape])
        side = side * largest / sizes
    low = rng.uniform(0, 1, side.shape) * (1 - side)
    return np.concatenate([low, low + side], axis=1).astype(np.float32)


def _recolour(views: Tensor, rng: np.random.Generator) -> Tensor:
    """Random brightness, contrast and saturation of every view."""

    def factors(spread: float) -> Tensor:
        drawn = rng.uniform(1 - spread, 1 + spread, (len(views), 1, 1, 1)).astype(np.float32)
        return torch.from_numpy(drawn).to(views.device)

    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    views = (views - mean) * factors(0.2) + mean * factors(0.2)
    grey = views.mean(dim=1, keepdim=True)
    return (grey + (views - grey) * factors(0.3)).clamp(0, 255)
