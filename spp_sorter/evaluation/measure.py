"""A detector run over pictures with truth: what it said, kept for the metrics, and its grasps judged on the way.

Letters: G truths and D detections of one picture, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy.typing as npt

from spp_sorter.evaluation.grasps import AxisBox, GraspError, axis_box, grasp_error
from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.records import Dataset, ImageRecord
from spp_sorter.evaluation.truth import GroundTruth, Prediction
from spp_sorter.values import Detections, ImageArray

MATCH_IOU = 0.5
"""IoU from which a detection is about an item: for grasps, confusion and calibration."""

OPERATING_SCORE = 0.5
"""Score from which a detection counts for grasps and confusion: the default of ``detector.score_thresh``."""

LOWEST_SCORE = 0.02
"""Score down to which a detector is asked for average precision; lower ones change it by less than a thousandth."""

EDGE_PX = 1.0


class AnyDetector(Protocol):
    """Whatever detects."""

    label_names: tuple[str, ...]

    def detect(self, image_bgr: ImageArray) -> Detections:
        """Detections in one [H, W, 3] uint8 BGR picture."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture with its truth.

    Attributes:
        name: what to call it, such as its path or its seed.
        image_bgr: [H, W, 3] uint8.
        truth: G truths.
        objects: G names of objects, empty where unknown.
        mask: gives the [H, W] bool mask of truth i, or None where there is none.
        axis: gives the true axis and size of truth i, or None where they are unknown or cannot be seen.
    """

    name: str
    image_bgr: ImageArray
    truth: GroundTruth
    objects: tuple[str, ...]
    mask: Callable[[int], npt.NDArray | None]
    axis: Callable[[int], AxisBox | None]


Look = Callable[[Sample, Detections], None]
"""Something that wants to see every sample with its detections."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a detector said about pictures with truth, one entry per picture.

    Attributes:
        names: of the pictures.
        truths: their truth.
        predictions: the detections, each box once per label it may have.
        objects: names of the objects of the truths.
        grasps: every grasp of a found item with a mask.
        label_names: C names.
    """

    names: tuple[str, ...]
    truths: tuple[GroundTruth, ...]
    predictions: tuple[Prediction, ...]
    objects: tuple[tuple[str, ...], ...]
    grasps: tuple[GraspError, ...]
    label_names: tuple[str, ...]

    def __add__(self, other: Measured) -> Measured:
        """Both together."""
        return Measured(
            self.names + other.names,
            self.truths + other.truths,
            self.predictions + other.predictions,
            self.objects + other.objects,
            self.grasps + other.grasps,
            self.label_names,
        )


def measure(detector: AnyDetector, samples: Iterable[Sample], look: Look | None = None) -> Measured:
    """Run a detector over samples.

    Args:
        detector: asked for scores down to ``LOWEST_SCORE``, or average precision is cut short.
        samples: pictures with truth; each is let go before the next is taken.
        look: shown every sample with its detections, such as ``Gallery.look``.
    """
    names, truths, predictions, objects = [], [], [], []
    grasps: list[GraspError] = []
    for sample in samples:
        detections = detector.detect(sample.image_bgr)
        names.append(sample.name)
        truths.append(sample.truth)
        predictions.append(Prediction.of_every_label(detections, LOWEST_SCORE))
        objects.append(sample.objects)
        grasps.extend(_judge_grasps(sample, detections))
        if look is not None:
            look(sample, detections)
    return Measured(
        tuple(names), tuple(truths), tuple(predictions), tuple(objects), tuple(grasps), tuple(detector.label_names)
    )


def dataset_samples(dataset: Dataset) -> Iterator[Sample]:
    """The pictures of a data set; the axis of an item is that of its mask, unless the border cuts it."""
    for record in dataset.records:
        yield Sample(
            record.path.name,
            record.read_image(),
            record.ground_truth(),
            record.objects,
            partial(_record_mask, record),
            partial(_record_axis, record),
        )


def _record_mask(record: ImageRecord, index: int) -> npt.NDArray | None:
    mask = record.masks[index]
    return None if mask is None else mask.decode()


def _record_axis(record: ImageRecord, index: int) -> AxisBox | None:
    mask, (height, width) = record.masks[index], record.size_hw
    x1, y1, x2, y2 = record.boxes_xyxy[index]
    if mask is None or min(x1, y1, width - x2, height - y2) < EDGE_PX:
        return None
    return axis_box(mask.decode())


def _judge_grasps(sample: Sample, detections: Detections) -> Iterator[GraspError]:
    """The grasp of every item that was found at the operating score, whatever its label."""
    if detections.grasps is None:
        return
    prediction = Prediction.of(detections)
    kept = prediction.scores >= OPERATING_SCORE
    rows = kept.nonzero()[0]
    matches = match_coco([sample.truth], [prediction.above(OPERATING_SCORE)], None, (MATCH_IOU,))
    for index, truth, ignored in zip(matches.indices, matches.truths[:, 0, 0], matches.ignored[:, 0, 0], strict=True):
        mask = sample.mask(int(truth)) if truth >= 0 and not ignored else None
        if mask is None or not mask.any():
            continue
        grasps, row = detections.grasps, rows[index]
        yield grasp_error(
            mask,
            sample.axis(int(truth)),
            grasps.points_xy[row],
            float(grasps.yaws_rad[row]),
            grasps.sizes_px[row],
            sample.objects[truth],
        )
