"""The temperature of a checkpoint, fitted on unseen scenes of training objects, never on test objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from spp_sorter.evaluation.calibration import fit_temperature
from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.measure import MATCH_IOU, AnyDetector, Sample
from spp_sorter.evaluation.truth import Prediction
from spp_sorter.geometry.camera import Camera
from spp_sorter.learning.composer import ComposedScenes
from spp_sorter.learning.held_out import frame_sample
from spp_sorter.learning.photo_test import scene_sample
from spp_sorter.network.checkpoint import load_checkpoint, save_checkpoint
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import random_world_config

FIRST_SEED = 800_000_000
"""Scenes to fit on are seeded from here, far from those of training and of testing."""

LOWEST_FITTED = 0.1
"""Detections below this score are not fitted to: far more weak ones would outvote those that matter."""

MIN_DETECTIONS = 50


def validation_samples(label_names: Sequence[str], pack: Path | None, num_scenes: int) -> Iterator[Sample]:
    """Scenes of training objects, as many of the simulated belt as of the pack (where there is one).

    Args:
        label_names: of the detector.
        pack: folder of the asset pack, None for none.
        num_scenes: of each kind.
    """
    for seed in range(FIRST_SEED, FIRST_SEED + num_scenes):
        density = ("sparse", "touching")[seed % 2]
        world = BeltWorld(random_world_config(seed, density, "train"))
        camera = Camera(world.intrinsics, world.camera_in_belt)
        yield frame_sample(f"{density} {seed}", world.render(0), camera, label_names)
    if pack is not None:
        scenes = ComposedScenes(pack, "train", FIRST_SEED, num_scenes, densities=("sparse", "touching"))
        indices = {name: index for index, name in enumerate(label_names)}
        for number in range(num_scenes):
            yield scene_sample(f"photos {number}", scenes.scene(number), indices)


def fit_detector_temperature(detector: AnyDetector, samples: Iterable[Sample]) -> tuple[float, int]:
    """The temperature by which the detector's class scores should be divided further.

    Args:
        detector: asked for weak detections too.
        samples: pictures with truth.

    Returns:
        The temperature, and the number of detections behind it.

    Raises:
        ValueError: too few detections to fit to.
    """
    rows, classes = [], []
    for sample in samples:
        detections = detector.detect(sample.image_bgr)
        prediction = Prediction.of(detections)
        matches = match_coco([sample.truth], [prediction], None, (MATCH_IOU,))
        for index, truth, ignored in zip(
            matches.indices, matches.truths[:, 0, 0], matches.ignored[:, 0, 0], strict=True
        ):
            if ignored or prediction.scores[index] < LOWEST_FITTED:
                continue
            probs = detections.label_probs[index].astype(np.float64)
            rows.append([max(0.0, 1.0 - probs.sum()), *probs])
            classes.append(0 if truth < 0 else 1 + int(sample.truth.labels[truth]))
    if len(rows) < MIN_DETECTIONS:
        raise ValueError(
            f"{len(rows)} detections to fit a temperature to; allowed: {MIN_DETECTIONS} and more; train longer, or "
            "name more pictures"
        )
    table = np.array(rows)
    return fit_temperature(table / table.sum(axis=1, keepdims=True), np.array(classes)), len(rows)


def store_temperature(path: Path, factor: float) -> float:
    """Multiply the temperature of a checkpoint file and write it again, whole or not at all; returns the new one."""
    checkpoint = load_checkpoint(path)
    half = next(iter(checkpoint.weights.values())).dtype == torch.float16
    renewed = dataclasses.replace(checkpoint, temperature=checkpoint.temperature * factor)
    save_checkpoint(renewed, path, half=half)
    return renewed.temperature
