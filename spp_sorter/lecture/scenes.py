"""The pictures that all detectors of the lecture learn from and are judged on, with their truth and their windows.

They come from the simulated belt: training scenes show the training objects, test scenes objects that none of the
systems has seen. A picture and its windows are made once and kept on disk. Letters: G items, R windows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from spp_sorter.evaluation.truth import ANY_LABEL, GroundTruth
from spp_sorter.lecture.selective_search import NUM_WINDOWS, selective_search
from spp_sorter.simulation.belt_world import BeltWorld, random_world_config
from spp_sorter.values import LABELS, FloatArray, ImageArray, IntArray

DENSITIES = ("sparse", "touching")
"""Scenes alternate between these; a bed of compost has no regions that a segmentation would find."""

FIRST_SEED = {"train": 700_000_000, "test": 950_000_000}
"""Away from the seeds that the shipped detector learned from and was tested on."""

MIN_VISIBLE = 0.3
"""Items of which less is visible are neither to be found nor wrong to find."""


@dataclass(frozen=True)
class Scene:
    """One picture, its truth and its windows.

    Attributes:
        name: split and number.
        image_bgr: [H, W, 3] uint8.
        boxes_xyxy: [G, 4] float32 pixels.
        labels: [G] int64, index into ``LABELS``.
        ignore: [G] bool, hardly visible.
        areas: [G] float64 visible pixels.
        objects: G names of the objects.
        windows: [R, 4] float32 windows of selective search.
        search_s: seconds that the search took, on the machine that made the scene.
    """

    name: str
    image_bgr: ImageArray
    boxes_xyxy: FloatArray
    labels: IntArray
    ignore: np.ndarray
    areas: FloatArray
    objects: tuple[str, ...]
    windows: FloatArray
    search_s: float

    @property
    def truth(self) -> GroundTruth:
        """The truth as the metrics take it."""
        return GroundTruth(
            np.asarray(self.boxes_xyxy, np.float64),
            np.where(self.ignore, ANY_LABEL, self.labels),
            self.ignore,
            np.asarray(self.areas, np.float64),
        )


def load_scenes(split: str, count: int, cache: Path, workers: int = 0) -> Iterator[Scene]:
    """The first ``count`` scenes of a split, in order; those not in the cache are made and kept.

    Args:
        split: ``train`` or ``test``.
        count: how many.
        cache: folder of the cache, made if need be.
        workers: processes that make scenes ahead; 0 makes them here. Selective search uses one core.
    """
    cache.mkdir(parents=True, exist_ok=True)
    paths = [scene_path(cache, split, number) for number in range(count)]
    missing = [(split, number, path) for number, path in enumerate(paths) if not path.is_file()]
    if workers and len(missing) > 1:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            made = {path: pool.submit(make_scene, *job) for job in missing for path in [job[2]]}
            for path in paths:
                if path in made:
                    made[path].result()
                yield read_scene(path)
        return
    for number, path in enumerate(paths):
        if not path.is_file():
            make_scene(split, number, path)
        yield read_scene(path)


def scene_path(cache: Path, split: str, number: int) -> Path:
    """The file of a scene in the cache."""
    return cache / f"scene_{split}_{number:04d}.npz"


def make_scene(split: str, number: int, path: Path) -> None:
    """Render a scene, search its windows and write both to ``path``."""
    cv2.setNumThreads(1)
    image_bgr, truth, objects = render(split, number)
    # The picture that is searched and judged is the one on disk, after its compression.
    kept = np.asarray(cv2.imdecode(_encode(image_bgr), cv2.IMREAD_COLOR), np.uint8)
    start = time.perf_counter()
    windows = selective_search(kept, NUM_WINDOWS)
    search_s = time.perf_counter() - start
    labels, ignore = np.maximum(truth.labels, 0), ~truth.to_find
    boxes, areas = truth.boxes_xyxy.astype(np.float32), np.asarray(truth.areas, np.float64)
    scene = Scene(path.stem, image_bgr, boxes, labels, ignore, areas, tuple(objects), windows, search_s)
    write_scene(scene, path)


def write_scene(scene: Scene, path: Path) -> None:
    """Keep a scene in a file that is whole or not there."""
    partial = path.with_name(f"{path.stem}.{os.getpid()}.part")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            jpeg=_encode(scene.image_bgr),
            boxes_xyxy=scene.boxes_xyxy,
            labels=scene.labels,
            ignore=scene.ignore,
            areas=scene.areas,
            objects=np.array(scene.objects, dtype=np.str_),
            windows=scene.windows.astype(np.float32),
            search_s=scene.search_s,
        )
    partial.replace(path)


def read_scene(path: Path) -> Scene:
    """Read a scene of the cache."""
    with np.load(path) as content:
        return Scene(
            name=path.stem.removeprefix("scene_"),
            image_bgr=np.asarray(cv2.imdecode(content["jpeg"], cv2.IMREAD_COLOR), np.uint8),
            boxes_xyxy=content["boxes_xyxy"],
            labels=content["labels"],
            ignore=content["ignore"],
            areas=content["areas"],
            objects=tuple(str(name) for name in content["objects"]),
            windows=content["windows"],
            search_s=float(content["search_s"]),
        )


def _encode(image_bgr: ImageArray) -> np.ndarray:
    return cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]


def render(split: str, number: int) -> tuple[ImageArray, GroundTruth, Sequence[str]]:
    """A picture of the simulated belt, its truth and the names of its objects."""
    density = DENSITIES[number % len(DENSITIES)]
    frame = BeltWorld(random_world_config(FIRST_SEED[split] + number, density, split)).render(0)
    assert frame.truth is not None  # truth is rendered by default
    items = [item for item in frame.truth.items if np.isfinite(item.box_xyxy).all()]
    hidden = np.array([item.visible_fraction < MIN_VISIBLE for item in items], bool)
    labels = np.array([LABELS.index(item.label) for item in items], np.int64)
    ids = np.array([item.id for item in items], np.int64)
    pixels = np.bincount(frame.truth.masks_id.ravel(), minlength=int(ids.max(initial=0)) + 1)
    boxes = np.array([item.box_xyxy for item in items], np.float64).reshape(-1, 4)
    truth = GroundTruth(boxes, np.where(hidden, ANY_LABEL, labels), hidden, pixels[ids].astype(np.float64))
    return frame.image_bgr, truth, [item.object_name for item in items]
