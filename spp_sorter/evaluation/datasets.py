"""Reading data sets of any of the formats, and checking them."""

from __future__ import annotations

from pathlib import Path

from spp_sorter.evaluation.coco import find_json, read_coco, write_coco
from spp_sorter.evaluation.label_map import LabelMap
from spp_sorter.evaluation.raw import RawImage, judge
from spp_sorter.evaluation.records import Dataset, DatasetError, ImageRecord, Problem
from spp_sorter.evaluation.voc import find_annotations, read_voc
from spp_sorter.evaluation.yolo import find_names, read_yolo

__all__ = [
    "Dataset",
    "DatasetError",
    "ImageRecord",
    "LabelMap",
    "Problem",
    "check_dataset",
    "read_dataset",
    "write_coco",
]


def read_dataset(
    data: Path | str,
    label_map: LabelMap | None = None,
    pictures: Path | str | None = None,
    *,
    decode_pictures: bool = False,
    skip_broken: bool = False,
) -> Dataset:
    """Read a data set in the format of COCO, Pascal VOC or YOLO, told apart by its files.

    Args:
        data: COCO's json or a folder with one; a folder with VOC's XML files; a YOLO folder or its ``data.yaml``.
        label_map: from the data set's categories to labels; None for categories named as the labels.
        pictures: folder of the pictures where it is not the usual one.
        decode_pictures: decode every picture now, which finds truncated ones.
        skip_broken: leave out whatever has a problem instead of refusing the data set.

    Returns:
        The data set; ``left_out`` lists what ``skip_broken`` left out.

    Raises:
        DatasetError: naming every problem at once; or nothing is left.
    """
    label_map = label_map or LabelMap.identity()
    records, problems = _read(Path(data), label_map, pictures, decode_pictures)
    if problems and not (skip_broken and records):
        raise DatasetError(problems)
    if not records:
        raise DatasetError([Problem(Path(data), "", "malformed", "it has no pictures")])
    return Dataset(Path(data), label_map.label_names, tuple(records), tuple(problems))


def check_dataset(
    data: Path | str, label_map: LabelMap | None = None, pictures: Path | str | None = None
) -> tuple[Problem, ...]:
    """Every problem of a data set, pictures decoded; empty for a sound one. Arguments as ``read_dataset``."""
    return tuple(_read(Path(data), label_map or LabelMap.identity(), pictures, True)[1])


def _read(
    data: Path, label_map: LabelMap, pictures: Path | str | None, decode: bool
) -> tuple[list[ImageRecord], list[Problem]]:
    images, problems = _parse(data, None if pictures is None else Path(pictures))
    records, more = judge(images, label_map, decode)
    return records, [*problems, *more]


def _parse(data: Path, pictures: Path | None) -> tuple[list[RawImage], list[Problem]]:
    if data.is_file():
        if data.suffix == ".json":
            return read_coco(data, pictures)
        if data.suffix in (".yaml", ".yml"):
            return read_yolo(data.parent, pictures)
    if data.is_dir():
        json_file = find_json(data)
        if json_file is not None:
            return read_coco(json_file, pictures)
        if find_annotations(data):
            return read_voc(data, pictures)
        if find_names(data) is not None:
            return read_yolo(data, pictures)
    text = "is not a data set; allowed: COCO's json, a folder with VOC's XML files, or a YOLO folder with data.yaml"
    return [], [Problem(data, "", "malformed", text if data.exists() else "is not there")]
