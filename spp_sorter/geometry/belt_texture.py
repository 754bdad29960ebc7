"""How far the belt has moved by its own look: scratches, seams, dirt, bed.

The picture is laid out on the belt's plane, and the layout is compared with a kept one at shifts along x. What items
cover is left out of the comparison: they stand higher than the belt and seem to move faster. The kept layout is
replaced when the belt has moved on by a part of the view, so errors add up per replacement, not per frame.

Letters: H x W picture, R x C layout.
"""

from __future__ import annotations

from typing import Any

import cv2 as opencv
import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.camera import Camera
from spp_sorter.values import FloatArray, ImageArray, Level, Status

cv2: Any = opencv  # its stubs differ between the releases

STEP_M = 0.002
"""Resolution of the layout."""

_LENGTH_M, _WIDTH_M = 0.6, 0.4
_FASTEST_M = 0.07  # furthest that the belt is searched from one picture to the next
_NEAR_M = 0.012  # the same once its speed is known
_KEEP_M = 0.12  # travel after which the kept layout is replaced
_LEAST_LIKENESS = 0.35
_LEAST_OVERLAP = 0.12  # of the layout's area
_ITEM_MARGIN_PX = 8.0
_NOISE_BLUR_PX = 1.5
_BLUR_M = 0.03  # light changes more slowly than this along the belt


class BeltTexture:
    """Follows the belt from picture to picture; call ``update`` with growing stamps."""

    def __init__(self) -> None:
        self._camera: Camera | None = None
        self._maps: tuple[ImageArray, ImageArray] | None = None
        self.reset()

    def reset(self) -> None:
        """Begin anew: the belt is at 0."""
        self._kept: tuple[FloatArray, FloatArray] | None = None
        self._kept_at_m = self._position_m = self._speed_mps = 0.0
        self._stamp_ns: int | None = None
        self._sure = False

    def update(self, stamp_ns: int, image_bgr: ImageArray, boxes_xyxy: FloatArray, camera: Camera) -> float | Status:
        """Take one picture.

        Args:
            stamp_ns: its stamp.
            image_bgr: [H, W, 3] uint8.
            boxes_xyxy: [N, 4] items, which do not count.
            camera: of the picture.

        Returns:
            The belt's position in metres since the first picture (a stamp that does not grow begins anew), or a status
            ``belt_texture_lost`` where the belt shows too little to go by.
        """
        if self._maps is None or camera is not self._camera:
            self._camera, self._maps = camera, _layout_maps(camera)
            self.reset()
        if self._stamp_ns is not None and stamp_ns <= self._stamp_ns:
            self.reset()
        layout = self._layout(image_bgr, boxes_xyxy)
        last_ns, self._stamp_ns = self._stamp_ns, stamp_ns
        if self._kept is None or last_ns is None:
            self._kept = layout
            return 0.0
        seconds = (stamp_ns - last_ns) * 1e-9
        expected = self._position_m - self._kept_at_m + self._speed_mps * seconds
        reach = _NEAR_M if self._sure else _FASTEST_M
        shift, likeness = _best_shift(self._kept, layout, expected, reach)
        if likeness < _LEAST_LIKENESS:
            # Meanwhile the belt went on, as far as anybody knows.
            self._position_m += self._speed_mps * seconds
            self._kept, self._kept_at_m, self._sure = layout, self._position_m, False
            return Status(
                "belt_texture_lost",
                Level.WARN,
                f"the belt's look agrees with the picture before by {likeness:.2f} only; needed: {_LEAST_LIKENESS}. It "
                "is too plain, covered, or moves too fast; connect an encoder, or set belt.motion and belt.speed",
            )
        position = self._kept_at_m + shift
        self._speed_mps = (position - self._position_m) / max(seconds, 1e-6)
        self._position_m, self._sure = position, True
        if abs(shift) > _KEEP_M:
            self._kept, self._kept_at_m = layout, position
        return position

    def _layout(self, image_bgr: ImageArray, boxes_xyxy: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The belt's look without the light's slow changes [R, C], and where it counts [R, C], 0 or 1."""
        assert self._maps is not None
        # The sensor's noise does not ride along with the belt: it is finer than what does.
        grey = cv2.GaussianBlur(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), (0, 0), _NOISE_BLUR_PX)
        counts = np.ones(grey.shape, np.uint8)
        for left, top, right, bottom in np.asarray(boxes_xyxy, np.float64).reshape(-1, 4):
            x0, y0 = max(int(left - _ITEM_MARGIN_PX), 0), max(int(top - _ITEM_MARGIN_PX), 0)
            counts[y0 : int(bottom + _ITEM_MARGIN_PX) + 1, x0 : int(right + _ITEM_MARGIN_PX) + 1] = 0
        look = cv2.remap(grey, *self._maps, cv2.INTER_LINEAR, borderValue=0).astype(np.float32)
        valid = cv2.remap(counts, *self._maps, cv2.INTER_NEAREST, borderValue=0).astype(np.float32)
        sigma = _BLUR_M / STEP_M
        # A weighted blur, so that items do not bleed into the belt beside them.
        weight = cv2.GaussianBlur(valid, (0, 0), sigma)
        mean = cv2.GaussianBlur(look * valid, (0, 0), sigma) / np.maximum(weight, 1e-3)
        return (look - mean) * valid, valid


def _layout_maps(camera: Camera) -> tuple[ImageArray, ImageArray]:
    """For each cell of the layout the pixel that shows it, ready for remap."""
    height, width = camera.intrinsics.size_hw
    middle = camera.to_plane([[0.5 * (width - 1), 0.5 * (height - 1)]], 0.0)[0]
    x = middle[0] + np.arange(-0.5 * _LENGTH_M, 0.5 * _LENGTH_M, STEP_M)
    y = middle[1] + np.arange(-0.5 * _WIDTH_M, 0.5 * _WIDTH_M, STEP_M)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    pixels = camera.project(np.column_stack([grid, np.zeros(len(grid))]))
    pixels = np.where(np.isfinite(pixels), pixels, -1e4).astype(np.float32).reshape(len(y), len(x), 2)
    maps = cv2.convertMaps(pixels[..., 0], pixels[..., 1], cv2.CV_16SC2)
    return maps[0], maps[1]


def _best_shift(
    kept: tuple[FloatArray, FloatArray], seen: tuple[FloatArray, FloatArray], expected_m: float, reach_m: float
) -> tuple[float, float]:
    """The shift along x at which two layouts agree best, metres, and their correlation there."""
    first, last = round((expected_m - reach_m) / STEP_M), round((expected_m + reach_m) / STEP_M)
    likeness: npt.NDArray[np.float64] = np.array([_likeness(kept, seen, shift) for shift in range(first, last + 1)])
    best = int(likeness.argmax())
    offset = 0.0
    if 0 < best < len(likeness) - 1:
        before, here, after = likeness[best - 1 : best + 2]
        bow = before - 2.0 * here + after
        offset = 0.5 * float(before - after) / float(bow) if bow < 0.0 else 0.0
    return (first + best + offset) * STEP_M, float(likeness[best])


def _likeness(kept: tuple[FloatArray, FloatArray], seen: tuple[FloatArray, FloatArray], shift: int) -> float:
    """Correlation of what both show when the belt has moved by ``shift`` cells; -1 where they share too little."""
    columns = kept[0].shape[1]
    if abs(shift) >= columns:
        return -1.0
    old, new = slice(max(-shift, 0), columns - max(shift, 0)), slice(max(shift, 0), columns - max(-shift, 0))
    a, b = kept[0][:, old], seen[0][:, new]
    both = kept[1][:, old] * seen[1][:, new]
    if float(both.sum()) < _LEAST_OVERLAP * both.shape[0] * columns:
        return -1.0
    a, b = a * both, b * both
    energy = float(np.vdot(a, a)) * float(np.vdot(b, b))
    return float(np.vdot(a, b)) / energy**0.5 if energy > 0.0 else -1.0
