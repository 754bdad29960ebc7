"""Pascal VOC: one XML per picture, with boxes that count pixels from 1 and include both ends.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/. On pixel edges such a box is ``xmin - 1, ymin - 1, xmax, ymax``.
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

from spp_sorter.evaluation.pictures import SUFFIXES, find_picture
from spp_sorter.evaluation.raw import RawImage, RawItem
from spp_sorter.evaluation.records import Problem
from spp_sorter.untrusted import MAX_XML_BYTES, UntrustedError, parse_xml, read_bytes


def find_annotations(folder: Path) -> list[Path]:
    """The XML files of a folder in VOC's layout (``Annotations/``) or with the XML files in it."""
    return sorted((folder / "Annotations").glob("*.xml")) or sorted(folder.glob("*.xml"))


def read_voc(folder: Path, pictures: Path | None = None) -> tuple[list[RawImage], list[Problem]]:
    """Parse every XML of a folder; "difficult" objects are ignored ones.

    Args:
        folder: holds ``Annotations/`` and ``JPEGImages/``, or XML files beside their pictures.
        pictures: folder of the pictures where they lie elsewhere.

    Returns:
        The pictures with their items, and what could not be parsed.
    """
    images: list[RawImage] = []
    problems: list[Problem] = []
    folders = [pictures] if pictures is not None else [folder / "JPEGImages", folder / "images", folder]
    for file in find_annotations(folder):
        try:
            root = parse_xml(read_bytes(file, MAX_XML_BYTES))
        except UntrustedError as error:
            problems.append(Problem(file, "", "malformed", f"not a readable XML ({error})"))
            continue
        size = _number(root, "size/height"), _number(root, "size/width")
        # Some tools leave a size of 0: then the picture says it.
        size_hw = (int(size[0]), int(size[1])) if size[0] and size[1] else None
        name = Path(root.findtext("filename") or file.stem).name
        image = RawImage(file, "", find_picture([name, *(file.stem + end for end in SUFFIXES)], folders), size_hw)
        for index, node in enumerate(root.findall("object")):
            sides = [_number(node, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
            numbers = [side for side in sides if side is not None]
            if len(numbers) != 4:
                problems.append(Problem(file, f"object[{index}]", "malformed", "needs xmin, ymin, xmax, ymax"))
                continue
            x1, y1, x2, y2 = numbers
            image.items.append(
                RawItem(
                    file=file,
                    index=f"object[{index}]",
                    category=(node.findtext("name") or "").strip(),
                    box_xyxy=(x1 - 1, y1 - 1, x2, y2),
                    ignore=bool(_number(node, "difficult")),
                )
            )
        images.append(image)
    return images, problems


def _number(node: ElementTree.Element, name: str) -> float | None:
    try:
        value = float(node.findtext(name) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
