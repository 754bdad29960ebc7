"""The objects that worlds are filled with, their shapes made once and shared by all worlds of a process."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spp_sorter.simulation.item_shapes import ItemShape
from spp_sorter.simulation.scene_config import WorldError
from spp_sorter.simulation.sprites import SpriteObject, SpriteView, load_sprites
from spp_sorter.values import LABELS


class ShapeLibrary:
    """Objects with their shapes, each shape made when it is first drawn.

    Args:
        objects: at least one.

    Raises:
        WorldError: there is no object.
    """

    def __init__(self, objects: tuple[SpriteObject, ...]) -> None:
        if not objects:
            raise WorldError("there are 0 sprite objects; allowed: 1 and more. Check the sprite pack and the split")
        self._by_label = {label: [item for item in objects if item.label == label] for label in LABELS}
        self._shapes: dict[int, ItemShape] = {}
        self.objects = objects

    def draw(self, rng: np.random.Generator, label: str) -> tuple[SpriteObject, ItemShape]:
        """An object with that label (any other label when there is none) in one of its poses."""
        choices = self._by_label[label] or list(self.objects)
        chosen = choices[int(rng.integers(len(choices)))]
        return chosen, self._shape(chosen.views[int(rng.integers(len(chosen.views)))])

    def prepare(self) -> None:
        """Make all shapes now, about 10 ms each, so that no later frame has to wait for one."""
        for item in self.objects:
            for view in item.views:
                self._shape(view).prepare()

    def _shape(self, view: SpriteView) -> ItemShape:
        if id(view) not in self._shapes:
            self._shapes[id(view)] = ItemShape(view)
        return self._shapes[id(view)]


@lru_cache(maxsize=4)
def shipped_library(split: str) -> ShapeLibrary:
    """The sprite pack that comes with the package: objects of ``train``, ``test`` or ``all``."""
    return ShapeLibrary(load_sprites(split=split))
