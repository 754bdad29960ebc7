"""Composed scenes as pictures on disk, with what is in them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np

from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.records import ImageRecord
from spp_sorter.learning.composer import ComposedScenes

MOST_SCENES = 2**31


def compose_record(folder: Path, densities: tuple[str, ...], split: str, pack: Path, number: int) -> ImageRecord:
    """Compose one scene into ``folder`` and say what is in it.

    Args:
        folder: of pictures.
        densities: taken in turn.
        split: objects to show.
        pack: folder of the asset pack.
        number: which scene.

    Raises:
        OSError: the picture cannot be written.
        PackError: there is no usable pack.
    """
    density = densities[number % len(densities)]
    scene = _scenes(pack, split, density).scene(number)
    path = folder / f"{density}_{number:06d}.jpg"
    if not cv2.imwrite(str(path), scene.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise OSError(f"cannot write '{path}'; is the disk full?")
    masks = [scene.ids == each.id for each in scene.laid]
    height, width = scene.image_bgr.shape[:2]
    return ImageRecord(
        path=path,
        size_hw=(height, width),
        boxes_xyxy=scene.boxes_xyxy.astype(np.float64),
        labels=scene.labels.astype(np.int64),
        ignore=scene.ignore,
        areas=np.array([mask.sum() for mask in masks], np.float64),
        masks=tuple(Mask.of(mask) for mask in masks),
        objects=tuple(each.patch.asset.group for each in scene.laid),
    )


@lru_cache(maxsize=8)
def _scenes(pack: Path, split: str, density: str) -> ComposedScenes:
    known = cast(Literal["train", "test", "all"], split)
    return ComposedScenes(pack, known, 0, MOST_SCENES, densities=(density,))
