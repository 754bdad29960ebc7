"""What the readers of the formats hand over, and the one place that judges it.

Readers only parse. Everything that can be wrong with a picture or an item is found here, so that reading, checking
and training refuse a data set with the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spp_sorter.evaluation.label_map import LabelMap
from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.pictures import BrokenPicture, is_file, read_size_hw
from spp_sorter.evaluation.records import ImageRecord, Problem
from spp_sorter.evaluation.truth import ANY_LABEL, box_areas

OUTSIDE_TOLERANCE_PX = 2.0
"""How far a box may reach over the edge before it is a problem: annotation tools round. It is clipped."""


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as its file has it; ``box_xyxy`` on pixel edges, ``file`` and ``index`` say where it stands."""

    file: Path
    index: str
    category: str
    box_xyxy: tuple[float, float, float, float]
    ignore: bool = False
    area: float | None = None
    mask: Mask | None = None
    object: str = ""


@dataclass(frozen=True, slots=True)
class RawImage:
    """One picture as its file has it; ``size_hw`` is None where the file does not say."""

    file: Path
    index: str
    path: Path
    size_hw: tuple[int, int] | None
    items: list[RawItem] = field(default_factory=list)


def judge(
    images: Sequence[RawImage], label_map: LabelMap, decode_pictures: bool
) -> tuple[list[ImageRecord], list[Problem]]:
    """Records of all that is sound, and every problem of the rest.

    Args:
        images: what a reader found.
        label_map: from source categories to labels.
        decode_pictures: decode every picture, which finds truncated ones; else only its header is read.
    """
    records: list[ImageRecord] = []
    problems: list[Problem] = []
    unknown: Counter[str] = Counter()
    first_unknown: dict[str, RawItem] = {}
    seen: dict[Path, str] = {}
    for image in images:
        for item in image.items:
            if label_map.get(item.category) is None:
                unknown[item.category] += 1
                first_unknown.setdefault(item.category, item)
        if image.path in seen:
            text = f"{image.path.name} is already {seen[image.path]}; keep one"
            problems.append(Problem(image.file, image.index, "duplicate", text))
            continue
        seen[image.path] = image.index or str(image.file)
        found, problem = _picture_size(image, decode_pictures)
        if problem is not None:
            problems.append(problem)
        size_hw = found or image.size_hw
        if size_hw is None:
            problems.extend(_item_problems(image, None))
            continue
        bad = _item_problems(image, size_hw)
        problems.extend(bad)
        if problem is None:
            broken = {(item.file, item.index) for item in bad}
            sound = [
                item
                for item in image.items
                if (item.file, item.index) not in broken and label_map.get(item.category) is not None
            ]
            records.append(_record(image.path, size_hw, sound, label_map))
    for category, item in first_unknown.items():
        known = ", ".join(sorted(label_map.labels))
        count = f" ({unknown[category]} items)" if unknown[category] > 1 else ""
        text = f"'{category}'{count}; the label map knows: {known}; name it there or give another map"
        problems.append(Problem(item.file, item.index, "unknown category", text))
    return records, problems


def _record(path: Path, size_hw: tuple[int, int], items: Sequence[RawItem], label_map: LabelMap) -> ImageRecord:
    height, width = size_hw
    raw_boxes = np.array([item.box_xyxy for item in items], np.float64).reshape(-1, 4)
    boxes = np.clip(raw_boxes, 0, [width, height, width, height])
    labels = np.array([label_map.get(item.category) for item in items], np.int64)
    return ImageRecord(
        path=path,
        size_hw=size_hw,
        boxes_xyxy=boxes,
        labels=labels,
        ignore=np.array([item.ignore for item in items], bool) | (labels == ANY_LABEL),
        areas=np.array(
            [b if i.area is None else i.area for i, b in zip(items, box_areas(boxes), strict=True)], np.float64
        ),
        masks=tuple(item.mask for item in items),
        objects=tuple(item.object for item in items),
    )


def _item_problems(image: RawImage, size_hw: tuple[int, int] | None) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[tuple[object, ...], str] = {}
    for item in image.items:
        box = ", ".join(f"{value:g}" for value in item.box_xyxy)
        x1, y1, x2, y2 = item.box_xyxy
        key = (item.category.casefold(), item.box_xyxy)
        if not np.isfinite(item.box_xyxy).all():
            kind, text = "malformed", f"box {box} is not finite"
        elif x2 <= x1 or y2 <= y1:
            kind, text = "zero area", f"box {box} is {x2 - x1:g} wide and {y2 - y1:g} high; allowed: above 0"
        elif size_hw is not None and _outside(item.box_xyxy, size_hw):
            kind, text = "box outside", f"box {box} leaves the picture of {size_hw[1]} x {size_hw[0]}"
        elif key in seen:
            kind, text = "duplicate", f"same category and box as {seen[key]}; keep one"
        else:
            seen[key] = item.index
            continue
        problems.append(Problem(item.file, item.index, kind, f"{text} ({image.path.name})"))
    return problems


def _outside(box_xyxy: tuple[float, float, float, float], size_hw: tuple[int, int]) -> bool:
    x1, y1, x2, y2 = box_xyxy
    low, height, width = -OUTSIDE_TOLERANCE_PX, size_hw[0], size_hw[1]
    over = x2 > width + OUTSIDE_TOLERANCE_PX or y2 > height + OUTSIDE_TOLERANCE_PX
    return x1 < low or y1 < low or over or x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0


def _picture_size(image: RawImage, decode: bool) -> tuple[tuple[int, int] | None, Problem | None]:
    """The picture's true size with its EXIF orientation applied, or what is wrong with it."""
    if not is_file(image.path):
        text = f"{image.path} is not there; put it there or name the folder of the pictures"
        return None, Problem(image.file, image.index, "missing picture", text)
    try:
        height, width = read_size_hw(image.path, decode)
    except BrokenPicture as error:
        text = f"{image.path} cannot be read ({error}); replace it or leave it out"
        return None, Problem(image.file, image.index, "broken picture", text)
    if image.size_hw is not None and image.size_hw != (height, width):
        said = f"{image.size_hw[1]} x {image.size_hw[0]}"
        text = (
            f"{image.path.name} is {width} x {height} (EXIF applied), the file says {said}; mend the size or the boxes"
        )
        return (height, width), Problem(image.file, image.index, "wrong size", text)
    return (height, width), None
