"""What a data set says, whatever the format of its files: one frozen record per picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.truth import F64, I64, Bools, GroundTruth
from spp_sorter.values import ImageArray


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a data set.

    Attributes:
        file: the file that says it.
        index: where in the file, such as ``annotations[17]``; empty for the file itself.
        kind: ``missing picture``, ``broken picture``, ``wrong size``, ``box outside``, ``zero area``,
            ``unknown category``, ``duplicate`` or ``malformed``.
        message: value, what is allowed, and how to mend it.
    """

    file: Path
    index: str
    kind: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.index}" if self.index else str(self.file)
        return f"{where}: {self.kind}: {self.message}"


class DatasetError(ValueError):
    """A data set cannot be used as it is; the text counts the problems and lists the first 20.

    Attributes:
        problems: all of them.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:20]]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{count} with the data:", *shown]))


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture and what is in it. N items.

    Attributes:
        path: the picture.
        size_hw: its height and width, pixels, the way OpenCV reads it (EXIF orientation applied).
        boxes_xyxy: [N, 4] float64 pixels, clipped to the picture.
        labels: [N] int64 index into the data set's ``label_names``; ``ANY_LABEL`` for an ignored category.
        ignore: [N] bool, neither to be found nor wrong to find.
        areas: [N] float64 square pixels of the masks, or of the boxes where there are none.
        masks: N masks, None where there is none.
        objects: N names of the physical object, empty where the data set does not say; pictures of one object
            belong together when data are split or intervals are computed.
    """

    path: Path
    size_hw: tuple[int, int]
    boxes_xyxy: F64
    labels: I64
    ignore: Bools
    areas: F64
    masks: tuple[Mask | None, ...]
    objects: tuple[str, ...]

    def ground_truth(self) -> GroundTruth:
        """The record as the metrics take it."""
        return GroundTruth(self.boxes_xyxy, self.labels, self.ignore, self.areas)

    def read_image(self) -> ImageArray:
        """[H, W, 3] uint8 BGR.

        Raises:
            DatasetError: the picture is not there or cannot be read.
        """
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if image is None:
            kind = "broken picture" if self.path.is_file() else "missing picture"
            raise DatasetError([Problem(self.path, "", kind, "OpenCV cannot read it; replace it or leave it out")])
        return np.asarray(image, np.uint8)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        source: the file or folder it came from.
        label_names: C names.
        records: one per picture, in the order of the source.
        left_out: problems whose pictures or items were left out, empty unless that was asked for.
    """

    source: Path
    label_names: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    left_out: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    @property
    def num_items(self) -> int:
        """Items over all pictures, ignored ones included."""
        return sum(len(record.labels) for record in self.records)
