"""YOLO: one text file per picture, each line ``class x y width height`` as fractions of the picture, centre first.

A line with more numbers is the outline of a mask. Names come from ``data.yaml`` (``names``) or ``classes.txt``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.pictures import SUFFIXES, BrokenPicture, read_size_hw
from spp_sorter.evaluation.raw import RawImage, RawItem
from spp_sorter.evaluation.records import Problem
from spp_sorter.untrusted import MAX_YAML_BYTES, parse_yaml, read_text

_MAX_FRACTION = 100.0

NAME_FILES = ("data.yaml", "data.yml", "classes.txt", "obj.names")


def find_names(folder: Path) -> Path | None:
    """The file with the names of the classes, in the folder or in the two above it."""
    places = (folder, *folder.parents[:2])
    return next((place / name for place in places for name in NAME_FILES if (place / name).is_file()), None)


def read_yolo(folder: Path, pictures: Path | None = None) -> tuple[list[RawImage], list[Problem]]:
    """Parse the pictures of a folder and the text files that belong to them.

    Args:
        folder: holds ``images/`` and ``labels/`` (in splits or not), or pictures with text files beside them.
        pictures: the folder of the pictures where it is not ``images/``.

    Returns:
        The pictures with their items (a picture without a text file shows nothing), and what could not be parsed.
    """
    name_file = find_names(folder)
    if name_file is None:
        text = "no names of classes; put a data.yaml or a classes.txt there"
        return [], [Problem(folder, "", "malformed", text)]
    try:
        names = _names(name_file)
    except (ValueError, TypeError) as error:
        return [], [Problem(name_file, "", "malformed", f"no list of names ({error})")]
    root = pictures or (folder / "images" if (folder / "images").is_dir() else folder)
    images: list[RawImage] = []
    problems: list[Problem] = []
    used: set[Path] = set()
    for path in sorted(file for file in root.rglob("*") if file.suffix.lower() in SUFFIXES):
        text_file = _text_file(path)
        used.add(text_file)
        image = RawImage(text_file, "", path, _size(path))
        lines = text_file.read_text("utf-8", "replace").splitlines() if text_file.is_file() else []
        for index, line in enumerate(lines):
            if not line.strip():
                continue
            try:
                image.items.append(_item(text_file, f"line {index + 1}", line, names, image.size_hw))
            except ValueError as error:
                problems.append(Problem(text_file, f"line {index + 1}", "malformed", str(error)))
        images.append(image)
    labels = folder / "labels"
    orphans = sorted(set(labels.rglob("*.txt")) - used) if labels.is_dir() else []
    text = f"no picture of that name under {root}"
    problems.extend(Problem(orphan, "", "missing picture", text) for orphan in orphans)
    return images, problems


def _names(path: Path) -> dict[int, str]:
    if path.suffix not in (".yaml", ".yml"):
        return dict(enumerate(line.strip() for line in read_text(path).splitlines() if line.strip()))
    tree = parse_yaml(read_text(path, MAX_YAML_BYTES))
    names = tree.get("names") if isinstance(tree, dict) else None
    if isinstance(names, list):
        return {index: str(name) for index, name in enumerate(names)}
    if isinstance(names, dict):
        return {int(index): str(name) for index, name in names.items()}
    raise ValueError(f"'names' is {str(names)[:60]}; allowed: a list, or numbers with names")


def _text_file(path: Path) -> Path:
    parts = list(path.parts)
    if "images" in parts:
        at = len(parts) - 1 - parts[::-1].index("images")
        mirrored = Path(*parts[:at], "labels", *parts[at + 1 :]).with_suffix(".txt")
        if mirrored.is_file() or not path.with_suffix(".txt").is_file():
            return mirrored
    return path.with_suffix(".txt")


def _size(path: Path) -> tuple[int, int] | None:
    """Height and width; None for a picture that cannot be read, which is found when it is judged."""
    try:
        return read_size_hw(path)
    except BrokenPicture:
        return None


def _item(file: Path, index: str, line: str, names: dict[int, str], size_hw: tuple[int, int] | None) -> RawItem:
    fields = line.split()
    try:
        number, values = int(fields[0]), np.array([float(field) for field in fields[1:]])
    except ValueError:
        raise ValueError(f"'{line.strip()}' is not a class number and fractions") from None
    if not np.isfinite(values).all() or (np.abs(values) > _MAX_FRACTION).any():
        raise ValueError(f"'{line.strip()[:60]}' has fractions far outside the picture")
    outline = len(values) >= 6 and len(values) % 2 == 0
    if len(values) != 4 and not outline:
        raise ValueError(f"{len(values)} fractions; allowed: 4 for a box, or x, y of at least 3 points")
    height, width = size_hw or (1, 1)
    mask = None
    if outline:
        points = values.reshape(-1, 2) * (width, height)
        (x1, y1), (x2, y2) = points.min(0).tolist(), points.max(0).tolist()
        mask = Mask(size_hw, None, (tuple(points.ravel().tolist()),)) if size_hw else None
    else:
        x, y, w, h = (values * (width, height, width, height)).tolist()
        x1, y1, x2, y2 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    return RawItem(file, index, names.get(number, f"class {number}"), (x1, y1, x2, y2), mask=mask)
