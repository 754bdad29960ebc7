"""What items are laid on: pictures of the pack cropped and recoloured, or made-up plain and grained surfaces."""

from __future__ import annotations

import math

import cv2
import numpy as np

from spp_sorter.learning.composer_cut import color_matrix
from spp_sorter.learning.pack import Background, Pack
from spp_sorter.values import ImageArray

_MADE_UP = 0.25


class Grounds:
    """The grounds of one split of a pack.

    Args:
        pack: where they lie.
        split: ``train``, ``test`` or ``all``.
    """

    def __init__(self, pack: Pack, split: str) -> None:
        self._pack = pack
        self._by_kind: dict[str, list[Background]] = {}
        for background in pack.backgrounds:
            if split in ("all", background.split):
                self._by_kind.setdefault(background.kind, []).append(background)

    def draw(self, kind: str, rng: np.random.Generator, size_hw: tuple[int, int]) -> ImageArray:
        """A ground [H, W, 3] uint8.

        Args:
            kind: ``belt``, ``bed`` or ``plain``.
            rng: dice.
            size_hw: its size.
        """
        known = self._by_kind.get(kind, [])
        if not known or (kind != "bed" and rng.random() < _MADE_UP):
            return made_up_ground(rng, size_hw)
        picture = self._pack.picture(known[rng.integers(len(known))].picture)
        return np.asarray(cv2.transform(_view(picture, rng, size_hw), color_matrix(rng, 0.7)), np.uint8)


def made_up_ground(rng: np.random.Generator, size_hw: tuple[int, int]) -> ImageArray:
    """A surface that is plain, mottled, or grained like wood or brushed metal: [H, W, 3] uint8."""
    height, width = size_hw
    tone = rng.uniform(20, 250)
    base = np.clip(tone + rng.normal(0, 9 if rng.random() < 0.75 else 32, 3), 5, 255)
    if rng.random() < 0.12:
        base = np.full(3, 255.0)  # product shots
    rows, columns = math.ceil(height / 4), math.ceil(width / 4)
    field = np.zeros((rows, columns), np.float32)
    grained = rng.random() < 0.4
    along = bool(rng.integers(2))
    for cell in (60.0, 16.0, 4.0, 1.5):
        sides = (cell * 8, cell) if grained and along else (cell, cell * 8) if grained else (cell, cell)
        shape = max(int(columns / sides[0]), 1) + 2, max(int(rows / sides[1]), 1) + 2
        small = rng.normal(0, 1, shape[::-1]).astype(np.float32)
        weight = float(rng.uniform(0, 9 if cell > 10 else 6)) * (1.5 if grained else 0.8)
        field += weight * cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
    slope = np.linspace(-0.5, 0.5, columns, dtype=np.float32)[None] * float(rng.normal(0, 28))
    field += slope + np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None] * float(rng.normal(0, 28))
    tints = base.astype(np.float32) + field[..., None] * rng.uniform(0.8, 1.2, 3).astype(np.float32)
    small_bgr = np.clip(tints, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(small_bgr, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _view(picture: ImageArray, rng: np.random.Generator, size_hw: tuple[int, int]) -> ImageArray:
    """A random part of a picture, turned by quarters and mirrored, at the size wanted."""
    if rng.random() < 0.5:
        picture = np.asarray(cv2.transpose(picture), np.uint8)
    height, width = picture.shape[:2]
    share = float(rng.uniform(0.55, 1.0))
    scale = min(height / size_hw[0], width / size_hw[1]) * share
    rows, columns = int(size_hw[0] * scale), int(size_hw[1] * scale)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = picture[top : top + rows, left : left + columns]
    view = cv2.resize(part, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    flip = int(rng.integers(-1, 3))
    return np.asarray(view if flip == 2 else cv2.flip(view, flip), np.uint8)
