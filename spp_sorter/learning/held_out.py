"""Test scenes: the simulated belt with objects that no training scene shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np

from spp_sorter.evaluation.grasps import AxisBox
from spp_sorter.evaluation.measure import Sample
from spp_sorter.evaluation.truth import ANY_LABEL, GroundTruth
from spp_sorter.geometry.camera import Camera
from spp_sorter.learning.samples import MIN_VISIBLE, grasp_in_image
from spp_sorter.simulation.belt_world import BeltWorld, RenderedFrame
from spp_sorter.simulation.scene_config import random_world_config
from spp_sorter.values import TrueItem

WHOLE_VISIBLE = 0.9
"""Items of which at least this much is visible show their yaw, length and width."""

FIRST_SEED = 900_000_000
"""Test scenes are seeded from here, far from those of training, so that not even a belt's look has been seen."""

AHEAD = 8
"""Scenes that are rendered before they are asked for."""


def rendered_samples(
    label_names: Sequence[str], density: str, num_scenes: int, seed: int, pool: ProcessPoolExecutor | None = None
) -> Iterator[Sample]:
    """Simulated scenes of held-out objects, one picture each; the same ones for the same seed.

    Args:
        label_names: of the detector.
        density: ``sparse``, ``touching`` or ``bed``.
        num_scenes: how many.
        seed: which ones.
        pool: renders a few scenes ahead; None renders here.
    """
    first = FIRST_SEED + seed * 1_000_000
    for scene_seed, (frame, camera) in _rendered(density, range(first, first + num_scenes), pool):
        yield frame_sample(f"{density} {scene_seed}", frame, camera, label_names)


def render_pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes to render in: one that holds torch's threads must not be forked."""
    return ProcessPoolExecutor(workers, get_context("spawn"), _one_thread)


def _rendered(
    density: str, seeds: range, pool: ProcessPoolExecutor | None
) -> Iterator[tuple[int, tuple[RenderedFrame, Camera]]]:
    if pool is None:
        yield from ((seed, _render(density, seed)) for seed in seeds)
        return
    pending: deque[tuple[int, Future[tuple[RenderedFrame, Camera]]]] = deque()
    for seed in seeds:
        pending.append((seed, pool.submit(_render, density, seed)))
        if len(pending) > AHEAD:
            scene, future = pending.popleft()
            yield scene, future.result()
    for scene, future in pending:
        yield scene, future.result()


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _render(density: str, seed: int) -> tuple[RenderedFrame, Camera]:
    world = BeltWorld(random_world_config(seed, density, split="test"))
    return world.render(0), Camera(world.intrinsics, world.camera_in_belt)


def frame_sample(name: str, frame: RenderedFrame, camera: Camera, label_names: Sequence[str]) -> Sample:
    """A rendered frame as a sample: items that are hardly visible are ignored whatever they are called.

    Args:
        name: what to call it.
        frame: with its truth.
        camera: that took it.
        label_names: of the detector.

    Raises:
        ValueError: the frame has no truth, or an item bears a label that the detector does not know.
    """
    truth = frame.truth
    if truth is None:
        raise ValueError("the frame was rendered without truth; render it with with_truth=True")
    items = [item for item in truth.items if np.isfinite(item.box_xyxy).all()]
    unknown = {item.label for item in items} - set(label_names)
    if unknown:
        raise ValueError(
            f"the detector's labels are {', '.join(label_names)}, those of the simulated items "
            f"{', '.join(sorted(unknown))}; measure this checkpoint with --data"
        )
    hidden = np.array([item.visible_fraction < MIN_VISIBLE for item in items], bool)
    labels = np.array([label_names.index(item.label) for item in items], np.int64)
    ids = np.array([item.id for item in items], np.int64)
    pixels = np.bincount(truth.masks_id.ravel(), minlength=int(ids.max(initial=0)) + 1)
    return Sample(
        name=name,
        image_bgr=frame.image_bgr,
        truth=GroundTruth(
            np.array([item.box_xyxy for item in items]).reshape(-1, 4),
            np.where(hidden, ANY_LABEL, labels),
            hidden,
            pixels[ids].astype(np.float64),
        ),
        objects=tuple(item.object_name for item in items),
        mask=lambda index: truth.masks_id == ids[index],
        axis=lambda index: _axis(items[index], camera),
    )


def _axis(item: TrueItem, camera: Camera) -> AxisBox | None:
    """The axis and size of the item itself, as the camera sees them at the height of its top."""
    if item.visible_fraction < WHOLE_VISIBLE:
        return None
    _, _, yaw_rad, length_px, width_px = grasp_in_image(item, camera).tolist()
    return AxisBox(yaw_rad, length_px, width_px)
