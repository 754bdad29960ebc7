"""The project's own test sets, made of objects that training never shows: simulated belts, composed photographs, and
single photographs as they are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from spp_sorter.evaluation.bootstrap import bootstrap, weighted_mean
from spp_sorter.evaluation.measure import MATCH_IOU, OPERATING_SCORE, AnyDetector, Look, Measured, measure
from spp_sorter.evaluation.summary import (
    Summary,
    summarise_calibration,
    summarise_confusion,
    summarise_detection,
    summarise_grasps,
)
from spp_sorter.evaluation.truth import pairwise_iou
from spp_sorter.learning.held_out import render_pool, rendered_samples
from spp_sorter.learning.pack import Pack
from spp_sorter.learning.photo_test import photo_samples, single_photographs

POOLED = ("sparse", "touching")
"""Densities whose scenes make the overall figures; in ``bed`` most of the belt is organic matter without boxes."""


def measure_rendered(
    detector: AnyDetector, num_scenes: int, densities: Sequence[str], seed: int, look: Look | None, workers: int
) -> dict[str, Measured]:
    """Measure on simulated scenes of held-out sprites, by density.

    Args:
        detector: its labels must be those of the sprites.
        num_scenes: scenes of each density.
        densities: which ones.
        seed: of the scenes.
        look: shown every scene.
        workers: processes that render ahead; 0 renders here.
    """
    measured = {}
    with render_pool(workers) if workers else nullcontext() as pool:
        for density in densities:
            scenes = rendered_samples(detector.label_names, density, num_scenes, seed, pool)
            progress = tqdm(scenes, f"rendered {density}", num_scenes, unit="scene", disable=None)
            measured[density] = measure(detector, progress, look)
    return measured


def measure_photos(
    detector: AnyDetector,
    pack: Path,
    num_scenes: int,
    densities: Sequence[str],
    seed: int,
    look: Look | None,
    only_sources: Sequence[str] = (),
) -> dict[str, Measured]:
    """Measure on scenes composed of held-out photographs, by density.

    Args:
        detector: its labels must be those of the pack.
        pack: folder of the asset pack.
        num_scenes: scenes of each density.
        densities: which ones.
        seed: of the scenes.
        look: shown every scene.
        only_sources: where not empty, the only sources whose items are shown.
    """
    measured = {}
    for density in densities:
        scenes = photo_samples(pack, detector.label_names, density, num_scenes, seed, only_sources)
        progress = tqdm(scenes, f"photos {density}", num_scenes, unit="scene", disable=None)
        measured[density] = measure(detector, progress, look)
    return measured


def pooled(measured: dict[str, Measured]) -> tuple[list[str], Measured]:
    """Names and scenes of the densities that make the overall figures; all of them where none of those was measured."""
    names = [density for density in measured if density in POOLED] or list(measured)
    total = measured[names[0]]
    for density in names[1:]:
        total = total + measured[density]
    return names, total


def summarise_test(measured: dict[str, Measured], seed: int, precisions: tuple[float, ...] = ()) -> Summary:
    """The figures of one test set: those of the pooled densities, and of each one under ``density``."""
    names, total = pooled(measured)
    figures = summarise_detection(total, seed, precisions)
    figures["pooled"] = names
    figures["density"] = {density: summarise_detection(part, seed, precisions) for density, part in measured.items()}
    figures.update(summarise_operation(total, seed, figures["interval"]))
    return figures


def summarise_operation(measured: Measured, seed: int, intervals: Summary) -> Summary:
    """What is measured at the operating point; the interval of ``ece`` is put beside the others."""
    ece, intervals["ece"] = summarise_calibration(measured, seed)
    return {"confusion": summarise_confusion(measured), "ece": ece, "grasp": summarise_grasps(measured, seed)}


def measure_singles(
    detector: AnyDetector, pack: Path, seed: int, look: Look | None, sources: Sequence[str] = ()
) -> Summary:
    """Held-out photographs of one item each, as they were taken: is the best-scored detection the item?

    Args:
        detector: its labels must be those of the pack.
        pack: folder of the asset pack.
        seed: of the bootstrap.
        look: shown every photograph.
        sources: which ones; all of the pack without any.

    Returns:
        By source and label: ``pictures``; the shares ``found`` (the best detection from ``OPERATING_SCORE`` on overlaps
        the box of the item's mask by ``MATCH_IOU``), ``named`` (it bears the item's label) and ``both``; and
        ``interval`` of each over objects.
    """
    alone = {asset.source for asset in Pack(pack).assets if asset.alone and asset.split == "test"}
    figures: Summary = {}
    for source in sorted(alone & set(sources) if sources else alone):
        rows: dict[str, list[tuple[bool, bool, str]]] = {}
        samples = single_photographs(pack, detector.label_names, source)
        for sample in tqdm(samples, f"single {source}", unit="picture", disable=None):
            detections = detector.detect(sample.image_bgr)
            if look is not None:
                look(sample, detections)
            label = int(sample.truth.labels[0])
            found = named = False
            if len(detections) and detections.scores[0] >= OPERATING_SCORE:
                iou = pairwise_iou(detections.boxes_xyxy[0].astype(np.float64), sample.truth.boxes_xyxy[0])
                found, named = bool(iou >= MATCH_IOU), int(detections.labels[0]) == label
            rows.setdefault(detector.label_names[label], []).append((found, named, sample.objects[0]))
        figures[source] = {name: _shares(judged, seed) for name, judged in sorted(rows.items())}
    return figures


def flat_figures(figures: Summary) -> Summary:
    """The headline figures by their dotted names, with ``<name>.interval`` beside each."""
    flat: Summary = {}
    for test in ("rendered", "photos"):
        if test not in figures:
            continue
        rows: dict[str, Summary] = {test: figures[test]}
        rows.update({f"{test}.density.{name}": row for name, row in figures[test]["density"].items()})
        for name, row in rows.items():
            for key in ("map50", "ap"):
                flat[f"{name}.{key}"], flat[f"{name}.{key}.interval"] = row[key], row["interval"][key]
    grasp = figures["grasp"]
    flat["grasp.point_inside"] = grasp["point_inside"]
    flat["grasp.point_inside.interval"] = grasp["interval"]["point_inside"]
    for key in ("yaw_error_deg", "size_error"):
        flat[f"grasp.{key}.p50"] = grasp[key]["p50"]
        flat[f"grasp.{key}.p50.interval"] = grasp[key]["interval"]["p50"]
    flat["ece.interval"] = figures["interval"]["ece"]
    return flat


def _shares(judged: list[tuple[bool, bool, str]], seed: int) -> Summary:
    groups = [group for _, _, group in judged]
    columns = {
        "found": [found for found, _, _ in judged],
        "named": [named for _, named, _ in judged],
        "both": [found and named for found, named, _ in judged],
    }
    shares: Summary = {"pictures": len(judged), "objects": len(set(groups))}
    intervals: Summary = {}
    for name, flags in columns.items():
        values = np.array(flags, np.float64)
        shares[name] = float(values.mean())
        intervals[name] = bootstrap(partial(weighted_mean, values), groups, seed=seed)
    shares["interval"] = intervals
    return shares
