"""All systems on the same pictures with the same windows: run, judge, compare."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spp_sorter.evaluation.truth import Prediction
from spp_sorter.lecture.intervals import JudgedPictures, draws, interval_of
from spp_sorter.lecture.scenes import Scene
from spp_sorter.lecture.spp_net import FIVE_SCALES, ONE_SCALE
from spp_sorter.lecture.systems import Answer, System

BASE = "rcnn"
"""What the others are compared with."""

Figures = dict[str, Any]


def answer_all(
    systems: Mapping[str, System],
    scenes: Sequence[Scene],
    cache: Path,
    keys: Mapping[str, str],
    fresh: bool = False,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, list[Answer]]:
    """Every system's answer to every scene; systems take turns, so that a busy minute meets all of them.

    Args:
        systems: by name.
        scenes: to be judged on.
        cache: folder that keeps answers, with the seconds that they took.
        keys: for every system, whatever its answers depend on beside its name and the scene.
        fresh: answer again what is in the cache.
        tick: called after every answer.
    """
    answers: dict[str, list[Answer]] = {name: [] for name in systems}
    for number, scene in enumerate(scenes):
        for name, system in systems.items():
            content = scene.image_bgr.tobytes() + scene.windows.tobytes() + f"{name} {keys[name]}".encode()
            path = cache / f"answer_{name}_{scene.name}_{hashlib.sha256(content).hexdigest()[:12]}.npz"
            if fresh or not path.is_file():
                if number == 0:
                    system.answer(replace(scene, windows=scene.windows[:16]))  # warm-up
                _write(path, system.answer(scene))
            answers[name].append(_read(path))
            tick()
    return answers


def compare(answers: Mapping[str, Sequence[Answer]], scenes: Sequence[Scene]) -> Figures:
    """The paper's table as plain numbers.

    Returns:
        ``map``, ``map_interval``, ``map_minus_rcnn`` (difference and interval, the pictures drawn alike), ``ap_small``,
        ``ap_small_interval``, ``small_items``, ``seconds`` (medians of a picture), ``speedup`` over R-CNN,
        ``end_to_end_minus_frozen`` of Fast R-CNN, ``windows``, ``pictures``, ``items``.
    """
    truths = [scene.truth for scene in scenes]
    weights, once = draws(len(scenes)), np.ones(len(scenes))
    judged = {name: JudgedPictures(truths, [a.prediction for a in given]) for name, given in answers.items()}
    drawn = {name: np.array([j.mean_ap(w) for w in weights]) for name, j in judged.items()}
    small = {name: np.array([j.small_ap(w) for w in weights]) for name, j in judged.items()}
    value = {name: j.mean_ap(once) for name, j in judged.items()}
    seconds = {name: _seconds(given) for name, given in answers.items()}
    seconds["selective_search"] = {"total": float(np.median([scene.search_s for scene in scenes]))}
    figures: Figures = {
        "map": value,
        "map_interval": {name: interval_of(values.tolist()) for name, values in drawn.items()},
        "map_minus_rcnn": {
            name: {
                "difference": value[name] - value[BASE],
                "interval": interval_of((drawn[name] - drawn[BASE]).tolist()),
            }
            for name in judged
            if name != BASE and BASE in judged
        },
        "ap_small": {name: j.small_ap(once) for name, j in judged.items()},
        "ap_small_interval": {name: interval_of(values.tolist()) for name, values in small.items()},
        "small_items": next(iter(judged.values())).num_small,
        "items": int(sum(truth.to_find.sum() for truth in truths)),
        "pictures": len(scenes),
        "windows": len(scenes[0].windows),
        "seconds": seconds,
    }
    if "fast_rcnn" in drawn and "fast_rcnn_frozen" in drawn:
        gap = drawn["fast_rcnn"] - drawn["fast_rcnn_frozen"]
        figures["end_to_end_minus_frozen"] = {
            "difference": value["fast_rcnn"] - value["fast_rcnn_frozen"],
            "interval": interval_of(gap.tolist()),
        }
    if BASE in seconds:
        figures["speedup"] = speedups(seconds, scenes[0])
    return figures


def speedups(seconds: Mapping[str, Mapping[str, float]], scene: Scene) -> dict[str, float]:
    """R-CNN's seconds over SPP-net's, and what the number of convolved pixels alone would give."""
    height, width = scene.image_bgr.shape[:2]
    shape = max(height, width) / min(height, width)
    result = {}
    for scales, short_sides in (("1_scale", ONE_SCALE), ("5_scale", FIVE_SCALES)):
        own = seconds.get(f"spp_net_{scales}")
        if own is None:
            continue
        result[f"conv_{scales}"] = seconds[BASE]["convolution"] / own["convolution"]
        result[f"total_{scales}"] = seconds[BASE]["total"] / own["total"]
        pixels = sum(side * side * shape for side in short_sides)
        result[f"pixels_{scales}"] = len(scene.windows) * 224 * 224 / pixels
    return result


def _seconds(answers: Sequence[Answer]) -> dict[str, float]:
    parts = {
        "prepare": [a.prepare_s for a in answers],
        "convolution": [a.convolution_s for a in answers],
        "head": [a.head_s for a in answers],
        "total": [a.total_s for a in answers],
    }
    return {name: float(np.median(values)) for name, values in parts.items() if np.isfinite(values).all()}


def _write(path: Path, answer: Answer) -> None:
    partial = path.with_name(f"{path.stem}.{os.getpid()}.part")
    with partial.open("wb") as file:
        np.savez(
            file,
            boxes=answer.prediction.boxes_xyxy,
            scores=answer.prediction.scores,
            labels=answer.prediction.labels,
            seconds=[answer.prepare_s, answer.convolution_s, answer.head_s, answer.total_s],
        )
    partial.replace(path)


def _read(path: Path) -> Answer:
    with np.load(path) as content:
        prediction = Prediction(content["boxes"], content["scores"], content["labels"])
        return Answer(prediction, *(float(value) for value in content["seconds"]))
