"""The picture that a scene is laid down on: who covers whom, cast shadows, and what the camera makes of it all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from spp_sorter.learning.composer_cut import Patch, color_matrix
from spp_sorter.learning.pick_points import point_in_view
from spp_sorter.learning.samples import MIN_GRASP_VISIBLE
from spp_sorter.values import FloatArray, ImageArray, IntArray

SOLID = 127
"""Alpha above this belongs to the item."""

_NOISE_PX = 1024
_SHADOWLESS_PX = 16.0


@dataclass(frozen=True, eq=False)
class Laid:
    """A patch on a canvas.

    Attributes:
        id: its number in the canvas' map.
        patch: what lies there.
        left, top: of the patch on the canvas; may be negative.
        num_pixels: pixels that it would show with nothing in front and no image edge.
        ignore: neither an item to be found nor background.
    """

    id: int
    patch: Patch
    left: int
    top: int
    num_pixels: int
    ignore: bool


class Canvas:
    """A scene in the making.

    Args:
        image_bgr: [H, W, 3] uint8 ground; changed in place.
        rng: dice.
    """

    def __init__(self, image_bgr: ImageArray, rng: np.random.Generator) -> None:
        self.image_bgr = image_bgr
        self.ids = np.zeros(image_bgr.shape[:2], np.int16)
        self._size_hw = (image_bgr.shape[0], image_bgr.shape[1])
        self.laid: list[Laid] = []
        self._rng = rng
        angle = rng.uniform(0, 2 * math.pi)
        self._toward = np.array([math.cos(angle), math.sin(angle)]) * rng.uniform(0.0, 0.09)
        self._shade = float(rng.uniform(0.1, 0.6))
        self._softness = float(rng.uniform(0.02, 0.07))

    def lay(self, patch: Patch, centre_xy: FloatArray, ignore: bool = False, ghost: bool = False) -> Laid | None:
        """Lay a patch down, on top of everything.

        Args:
            patch: what.
            centre_xy: where its middle comes to lie, pixels.
            ignore: see ``Laid``.
            ghost: it gets no number: it covers others and is background itself.

        Returns:
            The patch where it lies; None when it is outside, or a ghost.
        """
        height, width = patch.alpha.shape
        left, top = (round(float(centre_xy[0]) - width / 2), round(float(centre_xy[1]) - height / 2))
        here, there = _overlap((left, top, width, height), self._size_hw)
        if here is None or there is None:
            return None
        self._cast(patch.alpha, left, top)
        alpha = patch.alpha[there]
        weight = alpha.astype(np.float32) * (1 / 255)
        region = self.image_bgr[here]
        self.image_bgr[here] = cv2.blendLinear(patch.image_bgr[there], region, weight, 1 - weight)
        if ghost:
            self.ids[here][alpha > SOLID] = 0
            return None
        number = len(self.laid) + 1
        solid = int(cv2.countNonZero((patch.alpha > SOLID).view(np.uint8)))
        laid = Laid(number, patch, left, top, solid, ignore)
        self.ids[here][alpha > SOLID] = number
        self.laid.append(laid)
        return laid

    def covered(self, patch: Patch, centre_xy: FloatArray) -> float:
        """Share of a patch that would lie on other items if it was laid there."""
        height, width = patch.alpha.shape
        left, top = (round(float(centre_xy[0]) - width / 2), round(float(centre_xy[1]) - height / 2))
        here, there = _overlap((left, top, width, height), self._size_hw)
        if here is None or there is None:
            return 0.0
        solid = patch.alpha[there] > SOLID
        return float(np.count_nonzero(self.ids[here][solid])) / max(int(np.count_nonzero(solid)), 1)

    def _cast(self, alpha: ImageArray, left: int, top: int) -> None:
        """Darken what lies in the shadow of a patch."""
        height, width = alpha.shape
        size = math.sqrt(width * height)
        if size < _SHADOWLESS_PX:
            return
        blur = max(self._softness * size, 1.0)
        step = max(int(blur), 1)  # shadows are smooth: a coarse one does
        margin = math.ceil(blur * 2.5 / step) * step
        shift = np.round(self._toward * size).astype(int)
        box = (left + int(shift[0]) - margin, top + int(shift[1]) - margin, width + 2 * margin, height + 2 * margin)
        here, there = _overlap(box, self._size_hw)
        if here is None or there is None:
            return
        framed = cv2.copyMakeBorder(alpha, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
        coarse_wh = max(box[2] // step, 1), max(box[3] // step, 1)
        coarse = cv2.resize(framed, coarse_wh, interpolation=cv2.INTER_AREA) if step > 1 else framed
        gain = 255 - cv2.convertScaleAbs(cv2.GaussianBlur(coarse, (0, 0), blur / step), alpha=self._shade)
        full = cv2.resize(gain, (box[2], box[3]), interpolation=cv2.INTER_LINEAR)[there]
        self.image_bgr[here] = cv2.multiply(self.image_bgr[here], cv2.merge([full, full, full]), scale=1 / 255)

    def photograph(self) -> ImageArray:
        """What a camera makes of it: light, lens, sensor, compression; [H, W, 3] uint8."""
        rng = self._rng
        image = cv2.transform(self.image_bgr, color_matrix(rng, 0.6))
        if rng.random() < 0.45:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.1)))
        height, width = image.shape[:2]
        y, x = (int(rng.integers(_NOISE_PX - side)) if side < _NOISE_PX else 0 for side in (height, width))
        strength = float(rng.uniform(0.02, 0.3))
        if height < _NOISE_PX and width < _NOISE_PX:
            image = cv2.addWeighted(image, 1.0, _noise()[y : y + height, x : x + width], strength, -128 * strength)
        if rng.random() < 0.7:
            quality = int(rng.integers(45, 96))
            _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(image, np.uint8)


def grasp_of(laid: Laid, visible: float, ids: IntArray, box_xyxy: tuple[int, int, int, int]) -> FloatArray:
    """[5] pick point, yaw, length and width of a laid patch on the canvas, as ``mask_grasp`` says them of its whole.

    NaN where too little of it is visible, or its centroid lies outside the canvas.

    Args:
        laid: the patch.
        visible: share of it that is seen.
        ids: [H, W] the patch that is seen in every pixel.
        box_xyxy: box of what is seen of it.
    """
    unknown = np.full(5, np.nan, np.float32)
    if laid.ignore or visible < MIN_GRASP_VISIBLE:
        return unknown
    mask = (laid.patch.alpha > SOLID).view(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    moments = cv2.moments(mask, binaryImage=True)
    if not contours or moments["m00"] <= 0:
        return unknown
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"] + (laid.left + 0.5, laid.top + 0.5)
    if (centre < 0).any() or centre[0] > ids.shape[1] or centre[1] > ids.shape[0]:
        return unknown
    point = point_in_view(ids, laid.id, np.array(box_xyxy), centre)
    _, (width, height), degrees = cv2.minAreaRect(np.concatenate(contours).astype(np.float32))
    yaw = math.radians(degrees if width >= height else degrees + 90)
    yaw = (yaw + math.pi / 2) % math.pi - math.pi / 2
    return np.array([*point, yaw, max(width, height) + 1, min(width, height) + 1], np.float32)


def _overlap(
    box: tuple[int, int, int, int], size_hw: tuple[int, int]
) -> tuple[tuple[slice, slice] | None, tuple[slice, slice] | None]:
    """Where a box (left, top, width, height) meets the canvas: slices of the canvas, and of the box."""
    left, top, width, height = box
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, size_hw[1]), min(top + height, size_hw[0])
    if x0 >= x1 or y0 >= y1:
        return None, None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


@lru_cache(maxsize=1)
def _noise() -> ImageArray:
    """Sensor noise around 128 that scenes take pieces of: [1024, 1024, 3] uint8."""
    rng = np.random.default_rng(11)
    return np.clip(rng.normal(128, 32, (_NOISE_PX, _NOISE_PX, 3)), 0, 255).astype(np.uint8)
