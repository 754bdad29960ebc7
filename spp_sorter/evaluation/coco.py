"""COCO's json of instances, in the layouts of COCO, TACO, ZeroWaste and Roboflow; reading and writing.

https://cocodataset.org/#format-data. An annotation may carry ``object``, the name of the physical object.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spp_sorter.evaluation.label_map import IGNORE
from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.pictures import find_picture
from spp_sorter.evaluation.raw import RawImage, RawItem
from spp_sorter.evaluation.records import Dataset, Problem
from spp_sorter.untrusted import UntrustedError, parse_json, read_text

_Id = (int, str)
_MAX_SIDE = 1 << 31

JSON_NAMES = ("labels.json", "annotations.json", "_annotations.coco.json", "instances.json")


def find_json(folder: Path) -> Path | None:
    """The json of a folder: one of the usual names, or the only one there."""
    for name in JSON_NAMES:
        if (folder / name).is_file():
            return folder / name
    others = sorted(folder.glob("*.json"))
    return others[0] if len(others) == 1 else None


def read_coco(path: Path, pictures: Path | None = None) -> tuple[list[RawImage], list[Problem]]:
    """Parse a json of instances.

    Args:
        path: the json.
        pictures: folder of the pictures; None looks beside the json, in ``data/`` and ``images/`` there, in a folder
            of the split's name, and the same one folder up.

    Returns:
        The pictures with their items, and what could not be parsed.
    """
    try:
        tree = parse_json(read_text(path))
    except UntrustedError as error:
        return [], [Problem(path, "", "malformed", f"not a readable json ({error})")]
    sections = ("images", "annotations", "categories")
    if not isinstance(tree, Mapping) or any(not isinstance(tree.get(name), list) for name in sections):
        return [], [Problem(path, "", "malformed", f"needs the lists {', '.join(sections)}, as COCO has them")]
    problems: list[Problem] = []
    categories: dict[Any, str] = {}
    for index, entry in enumerate(tree["categories"]):
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), _Id) and isinstance(entry.get("name"), _Id):
            categories[entry["id"]] = str(entry["name"])
        else:
            problems.append(Problem(path, f"categories[{index}]", "malformed", "needs 'id' and 'name'"))
    images = _images(path, tree["images"], _folders(path, pictures), problems)
    for index, entry in enumerate(tree["annotations"]):
        where = f"annotations[{index}]"
        try:
            image = images[entry["image_id"]]
            category = categories[entry["category_id"]]
        except (KeyError, TypeError) as error:
            text = f"no image or category for {error}; its 'image_id' and 'category_id' must be in the file"
            problems.append(Problem(path, where, "malformed", text))
            continue
        try:
            image.items.append(_item(path, where, entry, category, image.size_hw))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            problems.append(Problem(path, where, "malformed", f"{error} ({image.path.name})"))
    return list(images.values()), problems


def write_coco(path: Path, dataset: Dataset) -> None:
    """Write a data set as a json of instances, whole or not at all; pictures are named relative to the json.

    Args:
        path: the json to write.
        dataset: what to write; ignored items become crowds, those of no label get the category ``ignore``.
    """
    names = (*dataset.label_names, IGNORE)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, record in enumerate(dataset.records, start=1):
        name = Path(os.path.relpath(record.path, path.parent)).as_posix()
        height, width = record.size_hw
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for i, (x1, y1, x2, y2) in enumerate(record.boxes_xyxy.tolist()):
            mask = record.masks[i]
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": int(record.labels[i]) % len(names) + 1,  # -1 is the last one, `ignore`
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": float(record.areas[i]),
                "iscrowd": int(record.ignore[i]),
                "segmentation": [] if mask is None else mask.to_coco(),
            }
            if record.objects[i]:
                annotation["object"] = record.objects[i]
            annotations.append(annotation)
    tree = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(names, start=1)],
    }
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(tree), "utf-8")
    partial.replace(path)


def _images(path: Path, entries: list[Any], folders: list[Path], problems: list[Problem]) -> dict[Any, RawImage]:
    images: dict[Any, RawImage] = {}
    for index, entry in enumerate(entries):
        where = f"images[{index}]"
        name = entry.get("file_name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name or not isinstance(entry.get("id"), _Id):
            problems.append(Problem(path, where, "malformed", "needs 'id' and 'file_name'"))
        elif entry["id"] in images:
            text = f"id {entry['id']} is already {images[entry['id']].index}; give every picture its own"
            problems.append(Problem(path, where, "duplicate", text))
        else:
            height, width = entry.get("height"), entry.get("width")
            both = isinstance(height, int) and isinstance(width, int)
            size_hw = (min(height, _MAX_SIDE), min(width, _MAX_SIDE)) if both else None
            images[entry["id"]] = RawImage(path, where, find_picture([name], folders), size_hw)
    return images


def _item(path: Path, where: str, entry: Mapping[str, Any], category: str, size_hw: tuple[int, int] | None) -> RawItem:
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError(f"'bbox' is {str(box)[:60]}; allowed: [x, y, width, height]")
    x, y, width, height = (float(value) for value in box)
    mask = None if size_hw is None else Mask.from_coco(entry.get("segmentation"), size_hw)
    area = entry.get("area")
    return RawItem(
        file=path,
        index=where,
        category=category,
        box_xyxy=(x, y, x + width, y + height),
        ignore=bool(entry.get("iscrowd")) or bool(entry.get("ignore")),
        area=None if area is None else float(area),
        mask=mask,
        object=str(entry.get("object", "")),
    )


def _folders(path: Path, pictures: Path | None) -> list[Path]:
    if pictures is not None:
        return [pictures]
    split = path.stem.removeprefix("instances_")
    return [folder / name for folder in (path.parent, path.parent.parent) for name in ("", "data", "images", split)]
