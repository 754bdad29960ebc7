"""Scenes composed of photographs on the fly: a pack in, pictures with exact truth out, every scene from its number."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from spp_sorter.learning.composer_canvas import Laid, grasp_of
from spp_sorter.learning.composer_draw import Drawer
from spp_sorter.learning.composer_grounds import Grounds
from spp_sorter.learning.composer_layouts import LAYOUTS
from spp_sorter.learning.pack import Pack
from spp_sorter.learning.samples import MIN_VISIBLE, TrainingSample
from spp_sorter.values import LABELS, FloatArray, ImageArray, IntArray

DENSITIES = ("sparse", "touching", "bed", "single")
"""What scenes are composed as, unless told otherwise."""

MIX: Mapping[str, float] = {"sparse": 0.25, "touching": 0.27, "bed": 0.22, "single": 0.26}
"""How often each comes up in training."""

EMPTY = 0.04
"""Share of training scenes that show nothing: belts, seams, glare, dirt."""

MIN_SIDE_PX = 5
TINY_PX = 16
"""Of items that show less than this on their longer side nobody could say what they are: they are ignored."""


@dataclass(frozen=True, eq=False)
class ComposedScene:
    """A scene with all that is known about it. G items.

    Attributes:
        image_bgr: [H, W, 3] uint8.
        density: how the items lie.
        boxes_xyxy: [G, 4] float32 tight box of the visible pixels.
        labels: [G] int64 index into ``LABELS``.
        ignore: [G] bool.
        visible: [G] float32 share of the item's pixels that is visible.
        grasps: [G, 5] float32 point x, y, yaw, length, width; NaN where unknown.
        ids: [H, W] int16 number of the item that is visible in each pixel, 0 for none.
        laid: G items where they lie; ``laid[k].id`` is their number in ``ids``.
    """

    image_bgr: ImageArray
    density: str
    boxes_xyxy: FloatArray
    labels: IntArray
    ignore: np.ndarray
    visible: FloatArray
    grasps: FloatArray
    ids: IntArray
    laid: tuple[Laid, ...]


class ComposedScenes:
    """Composed scenes as a source of training samples; item i depends on ``seed`` and i alone.

    Args:
        pack: folder of the asset pack.
        split: objects to show; training must never see ``test``.
        seed: of the set.
        count: how many.
        size_hw: size of the pictures; every third has its sides exchanged.
        densities: of ``sparse``, ``touching``, ``bed``, ``single`` and ``empty``; several are drawn as in ``MIX``.
        exclude_sources: sources whose items are never shown.
        only_sources: where not empty, the only sources whose items are shown.
        empty: share of scenes that show nothing.

    Raises:
        PackError: there is no usable pack.
        ValueError: a density is unknown.
    """

    def __init__(
        self,
        pack: Path,
        split: Literal["train", "test", "all"],
        seed: int,
        count: int,
        size_hw: tuple[int, int] = (480, 640),
        densities: tuple[str, ...] = DENSITIES,
        exclude_sources: Collection[str] = (),
        only_sources: Collection[str] = (),
        empty: float = EMPTY,
    ) -> None:
        unknown = [name for name in densities if name not in LAYOUTS]
        if unknown or not densities:
            raise ValueError(f"densities are {densities}; allowed: one or more of {', '.join(LAYOUTS)}")
        self.pack = Path(pack)
        self.split = split
        self.seed = seed
        self.count = count
        self.size_hw = size_hw
        self.densities = tuple(densities)
        self.exclude_sources = tuple(exclude_sources)
        self.only_sources = tuple(only_sources)
        self.empty = empty
        _ = self._drawer  # a pack that cannot be used is found out now, not by a worker

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_drawer", "_grounds")}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> TrainingSample:
        scene = self.scene(index)
        return TrainingSample(scene.image_bgr, scene.boxes_xyxy, scene.labels, scene.ignore, scene.grasps)

    def scene(self, index: int) -> ComposedScene:
        """Compose scene ``index``, 0 or more."""
        rng = np.random.default_rng([self.seed, index, 41])
        weights = np.array([MIX.get(name, 0.05) for name in self.densities])
        density = self.densities[int(rng.choice(len(self.densities), p=weights / weights.sum()))]
        if rng.random() < self.empty:
            density = "empty"
        size_hw = self.size_hw if rng.random() < 2 / 3 else (self.size_hw[1], self.size_hw[0])
        canvas = LAYOUTS[density](self._drawer, self._grounds, rng, size_hw)
        laid, boxes, visible = [], [], []
        pixels = np.bincount(canvas.ids.ravel(), minlength=len(canvas.laid) + 1)
        for each in canvas.laid:
            if pixels[each.id] == 0:
                continue
            box = _visible_box(canvas.ids, each)
            if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE_PX:
                continue
            laid.append(each)
            boxes.append(box)
            visible.append(min(pixels[each.id] / max(each.num_pixels, 1), 1.0))
        grasps = [grasp_of(each, share, canvas.ids, box) for each, share, box in zip(laid, visible, boxes, strict=True)]
        return ComposedScene(
            canvas.photograph(),
            density,
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array([LABELS.index(each.patch.asset.label) for each in laid], np.int64),
            np.array(
                [
                    each.ignore or share < MIN_VISIBLE or max(x1 - x0, y1 - y0) < TINY_PX
                    for each, share, (x0, y0, x1, y1) in zip(laid, visible, boxes, strict=True)
                ],
                bool,
            ),
            np.array(visible, np.float32),
            np.array(grasps, np.float32).reshape(-1, 5),
            canvas.ids,
            tuple(laid),
        )

    @cached_property
    def _drawer(self) -> Drawer:
        return Drawer(Pack(self.pack), self.split, self.exclude_sources, self.only_sources)

    @cached_property
    def _grounds(self) -> Grounds:
        return Grounds(self._drawer.pack, self.split)


def _visible_box(ids: IntArray, laid: Laid) -> tuple[int, int, int, int]:
    """Tight box of a laid item's visible pixels."""
    height, width = laid.patch.alpha.shape
    top, left = max(laid.top, 0), max(laid.left, 0)
    own = ids[top : laid.top + height, left : laid.left + width] == laid.id
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1
