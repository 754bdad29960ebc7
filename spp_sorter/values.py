"""Frozen value types that walk through the house: frame in, detections, tracks and pick targets out.

Conventions: SI units; pixels with x right and y down; boxes ``xyxy`` on pixel edges (a box over the whole image
is ``0, 0, W, H``); stamps in integer nanoseconds; the frame ``belt`` has its origin on the belt surface, x along
the belt's motion and z up (REP-103); the camera's optical frame looks along +z.

Letters: N detections, C foreground labels, H x W image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]
ImageArray = npt.NDArray[np.uint8]

LABELS = ("compost", "non_compost")
"""The shipped label map: class index 0 and 1. Background is never a label."""


class Level(IntEnum):
    """Severity of a status, with the numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True, slots=True)
class Status:
    """A named condition with what it means for the user and how to mend it."""

    name: str
    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Pose:
    """A rigid transform: ``point_parent = rotation @ point_child + translation``.

    Attributes:
        rotation: [3, 3] float64, orthonormal, determinant +1.
        translation: [3] float64, metres.
    """

    rotation: FloatArray
    translation: FloatArray


@dataclass(frozen=True, slots=True)
class CameraIntrinsics:
    """A camera's intrinsics as REP-104 CameraInfo gives them, binning and ROI already applied.

    Attributes:
        size_hw: height and width of the images, pixels.
        k: [3, 3] float64 camera matrix, pixels.
        distortion: [D] float64 coefficients, empty when there is none.
        model: ``plumb_bob``, ``rational_polynomial`` or ``equidistant`` (fisheye).
    """

    size_hw: tuple[int, int]
    k: FloatArray
    distortion: FloatArray
    model: str = "plumb_bob"


@dataclass(frozen=True, slots=True)
class BeltSample:
    """One reading of the belt's motion.

    Attributes:
        stamp_ns: when it was taken.
        position_m: encoder position along x of ``belt``, metres, or None.
        velocity_mps: belt velocity along x of ``belt``, metres per second, or None.
    """

    stamp_ns: int
    position_m: float | None = None
    velocity_mps: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera frame with everything that belongs to its stamp.

    Attributes:
        stamp_ns: the image's stamp, carried unchanged to everything derived from it.
        image_bgr: [H, W, 3] uint8.
        frame_id: the camera's optical frame.
        intrinsics: None until a CameraInfo has arrived.
        camera_in_belt: pose of the camera's optical frame in ``belt``, or None when unknown.
        depth_m: [H, W] float32 metres along the optical axis, aligned to the image; NaN is "no reading".
    """

    stamp_ns: int
    image_bgr: ImageArray
    frame_id: str = "camera_optical_frame"
    intrinsics: CameraIntrinsics | None = None
    camera_in_belt: Pose | None = None
    depth_m: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Grasps:
    """The grasp that the head predicts for each of N detections, in input-image pixels.

    Attributes:
        points_xy: [N, 2] float32 pick point inside the item.
        yaws_rad: [N] float32 angle of the long axis from +x towards +y of the image, in (-pi/2, pi/2].
        sizes_px: [N, 2] float32 length (along the long axis) and width.
    """

    points_xy: FloatArray
    yaws_rad: FloatArray
    sizes_px: FloatArray

    def __len__(self) -> int:
        return len(self.points_xy)


@dataclass(frozen=True, slots=True)
class Detections:
    """What the detector found in one image, best score first.

    Attributes:
        boxes_xyxy: [N, 4] float32, input-image pixels, clipped to the image.
        scores: [N] float32 in [0, 1], the probability of the best label.
        labels: [N] int64 index into ``label_names``.
        label_probs: [N, C] float32 probability of every label; what is missing to 1 is background.
        label_names: C names.
        grasps: N grasps, or None when the model has no grasp head.
    """

    boxes_xyxy: FloatArray
    scores: FloatArray
    labels: IntArray
    label_probs: FloatArray
    label_names: tuple[str, ...] = LABELS
    grasps: Grasps | None = None

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @staticmethod
    def empty(label_names: tuple[str, ...] = LABELS) -> Detections:
        """No detections at all."""
        return Detections(
            boxes_xyxy=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            labels=np.zeros(0, np.int64),
            label_probs=np.zeros((0, len(label_names)), np.float32),
            label_names=label_names,
            grasps=Grasps(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros((0, 2), np.float32)),
        )


class Track(NamedTuple):
    """One physical item followed along the belt, as known at ``stamp_ns``.

    A named tuple, because every frame makes dozens: a frozen dataclass takes seven times as long to make.

    Attributes:
        id: stable positive number, never reused within a run.
        stamp_ns: the stamp of the frame that this state belongs to.
        point_belt: [3] float64 metres: x, y of the footprint's pick point, z = height_m (top of the item).
        covariance_belt: [2, 2] float64 of x and y, square metres.
        height_m: estimated height of the item's top above the belt, metres.
        height_std_m: its standard deviation, metres.
        yaw_rad: long axis about z of ``belt``, in (-pi/2, pi/2].
        yaw_std_rad: its standard deviation, radians.
        size_m: [2] float64 length and width, metres.
        label_probs: [C] fused over all views; sums to 1.
        label_names: C names.
        num_views: frames in which the item was seen.
        seen: whether it was detected in this very frame.
        whole: whether it has been seen whole (not cut by the image's edge) at least once.
    """

    id: int
    stamp_ns: int
    point_belt: FloatArray
    covariance_belt: FloatArray
    height_m: float
    height_std_m: float
    yaw_rad: float
    yaw_std_rad: float
    size_m: FloatArray
    label_probs: FloatArray
    label_names: tuple[str, ...]
    num_views: int
    seen: bool
    whole: bool

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.label_names[int(np.argmax(self.label_probs))]

    @property
    def probability(self) -> float:
        """The probability of ``label``."""
        return float(np.max(self.label_probs))


class PickTarget(NamedTuple):
    """An item that the arm should take, at the moment it crosses the pick line.

    Attributes:
        track_id: the track's id.
        stamp_ns: WHEN the pick point crosses the pick line; lies in the future.
        label: the label to pick.
        probability: its probability in [0, 1].
        point_belt: [3] float64 metres at ``stamp_ns``: x = pick line, y, z = top of the item.
        yaw_rad: long axis about z of ``belt`` at ``stamp_ns``.
        size_m: [3] float64 length, width, height, metres.
        covariance: [4, 4] float64 of (x, y, z, yaw), square metres and radians.
    """

    track_id: int
    stamp_ns: int
    label: str
    probability: float
    point_belt: FloatArray
    yaw_rad: float
    size_m: FloatArray
    covariance: FloatArray


class Rejection(NamedTuple):
    """A tracked item with a label to pick that is not offered, and why (a name such as ``out_of_reach``)."""

    track_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class SortResult:
    """Everything that ``Sorter.process`` says about one frame.

    Attributes:
        stamp_ns: the frame's stamp.
        detections: what the network saw.
        track_ids: [N] int64, the track of each detection, 0 for none.
        tracks: all living tracks at the frame's stamp.
        picks: pick targets, most urgent first.
        rejections: items to pick that are not offered.
        statuses: named conditions of this frame.
        stages_ms: wall time of each stage, milliseconds.
        looked: whether the network ran on this frame; when not, there are no detections.
    """

    stamp_ns: int
    detections: Detections
    track_ids: IntArray
    tracks: tuple[Track, ...] = ()
    picks: tuple[PickTarget, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    statuses: tuple[Status, ...] = ()
    stages_ms: dict[str, float] = field(default_factory=dict)
    looked: bool = True


@dataclass(frozen=True, slots=True)
class TrueItem:
    """The exact truth about one item in one frame of the simulated belt.

    Attributes:
        id: the item's number in its world, positive.
        object_name: the sprite object it was made from.
        label: ``compost`` or ``non_compost``.
        box_xyxy: [4] float64 tight box of the visible pixels, image pixels (pixel-edge convention), clipped to the
            image; NaN when no pixel is visible.
        full_box_xyxy: [4] float64 box of the whole item as if nothing hid it and the image had no edge.
        visible_fraction: visible pixels over the pixels it would have with nothing in front and no image edge.
        grasp_xy: [2] float64 image pixel of the pick point (on the item's top surface).
        point_belt: [3] float64 metres: footprint pick point x, y (centroid, or the interior point nearest to it) and
            z = height of the item's top at that point.
        yaw_rad: long axis of the footprint about z of ``belt``.
        size_m: [3] float64 length, width (footprint's minimum-area rectangle) and greatest height, metres.
    """

    id: int
    object_name: str
    label: str
    box_xyxy: FloatArray
    full_box_xyxy: FloatArray
    visible_fraction: float
    grasp_xy: FloatArray
    point_belt: FloatArray
    yaw_rad: float
    size_m: FloatArray


@dataclass(frozen=True, slots=True)
class TruthFrame:
    """The truth of one rendered frame.

    Attributes:
        stamp_ns: the frame's stamp.
        items: every item with at least one pixel inside the image's borders, hidden or not.
        masks_id: [H, W] int32, the id of the visible item in each pixel, 0 for belt and organic bed.
        belt_position_m: how far the belt has moved since the world's start.
    """

    stamp_ns: int
    items: tuple[TrueItem, ...]
    masks_id: IntArray
    belt_position_m: float
