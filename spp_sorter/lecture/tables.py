"""The figures of the lecture as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

NAMES = {
    "rcnn": "R-CNN, warped regions",
    "rcnn_crop": "R-CNN, cropped regions",
    "spp_net_1_scale": "SPP-net, 1 scale",
    "spp_net_5_scale": "SPP-net, 5 scales",
    "spp_net_pad": "  small windows padded",
    "spp_net_finer_stride": "  stride 8, same weights",
    "spp_net_average": "  average, not maximum",
    "spp_net_cover": "  every cell touched",
    "fast_rcnn": "Fast R-CNN, end to end",
    "fast_rcnn_frozen": "  convolutions frozen",
    "ours": "this detector (RPN + SPP)",
}


def print_detectors(figures: dict[str, Any]) -> None:
    """The paper's table."""
    print(
        f"\n{figures['pictures']} pictures, {figures['items']} items ({figures['small_items']} small), "
        f"{figures['windows']} windows each; {figures['training_pictures']} pictures to learn from; "
        f"{figures['device']}, {figures['precision']}; R-CNN convolves {figures['rcnn_batch']} regions at a time"
    )
    print(f"{'':27}{'mAP':>6}{'95 %':>12}{'- R-CNN':>18}{'small':>7}{'conv s':>9}{'head s':>8}{'total s':>9}")
    for name, value in figures["map"].items():
        own, gap = figures["seconds"][name], figures["map_minus_rcnn"].get(name)
        against = "" if gap is None else f"{100 * gap['difference']:+.1f} {_span(gap['interval'])}"
        times = "".join(f"{_seconds(own.get(part)):>{width}}" for part, width in PARTS)
        small = _percent(figures["ap_small"][name])
        label, spread = NAMES.get(name, name), _span(figures["map_interval"][name])
        print(f"{label:27}{_percent(value):>6}{spread:>12}{against:>18}{small:>7}{times}")
    print(f"proposals: selective search {_seconds(figures['seconds']['selective_search']['total'])} s a picture")
    for name, value in figures.get("speedup", {}).items():
        print(f"R-CNN / SPP-net, {name.replace('_', ' ')}: {value:.1f}x")
    lengths = figures["vector_length"]
    print(f"vector length {sorted(set(lengths.values()))} for {', '.join(lengths)}")


PARTS = (("convolution", 9), ("head", 8), ("total", 9))


def print_classifiers(record: dict[str, Any], here: dict[str, Any] | None) -> None:
    """Accuracies of the classifiers on photographs held out."""
    if here is not None:
        print(
            f"\nshipped classifier on {here['photographs']} held-out photographs of TrashNet, measured here: "
            f"{_percent(here['accuracy'])} %"
        )
    if not record:
        print("no record of the classifiers' runs")
        return
    print(f"\nClassifiers, recorded on {record['device']}: {record['epochs']} epochs, 3 folds, each with its own seed")
    print(f"{'':36}{'accuracy':>9}{'by fold':>20}{'SPP multi-size minus this':>30}")
    for task in ("trashnet", "compost", "trashnet_blocks"):
        for name, row in record.get(task, {}).items():
            folds = " ".join(_percent(value) for value in row["by_fold"])
            gap = f"{100 * row['difference']:+.1f} {_span(row['interval'])}" if "difference" in row else ""
            print(f"{task + ' ' + name:36}{_percent(row['accuracy']):>9}{folds:>20}{gap:>30}")


def print_pooling(figures: Mapping[str, Mapping[str, Any]]) -> None:
    """Maximum against average on frozen convolutions, by pyramid; nothing where it was not measured."""
    if figures:
        print(
            "\nTrashNet, ImageNet's convolutions as they are, a linear SVM on the pooled vector; accuracy, three folds"
        )
        print(f"{'pyramid':12}{'length':>8}{'max':>8}{'average':>9}{'max - average':>24}")
    for pyramid, row in figures.items():
        gap = f"{100 * row['max_minus_average']:+.1f} {_span(row['interval'])}"
        print(f"{pyramid:12}{row['length']:>8}{_percent(row['max']):>8}{_percent(row['average']):>9}{gap:>24}")


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def _span(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"({100 * interval[0]:.0f}..{100 * interval[1]:.0f})"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value < 10 else f"{value:.1f}"
