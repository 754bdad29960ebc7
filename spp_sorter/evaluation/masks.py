"""Instance masks as COCO stores them: polygons, or run lengths down the columns; decoded only when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_MAX_SHIFT = 60
_MAX_COORDINATE = 1e6


@dataclass(frozen=True, slots=True)
class Mask:
    """One item's mask, still in its stored form.

    Attributes:
        size_hw: height and width of the image.
        counts: run lengths of 0, 1, 0, 1... down the columns, or None where there are polygons.
        polygons: each ``x, y, x, y...`` on pixel edges; the mask is their union.
    """

    size_hw: tuple[int, int]
    counts: tuple[int, ...] | None = None
    polygons: tuple[tuple[float, ...], ...] = ()

    @staticmethod
    def of(mask: npt.NDArray) -> Mask:
        """The mask of a [H, W] bool array."""
        flat = np.asarray(mask, bool).T.ravel()
        ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
        counts = np.diff(ends, prepend=0).tolist()
        return Mask((mask.shape[0], mask.shape[1]), tuple([0, *counts] if flat.size and flat[0] else counts))

    @staticmethod
    def from_coco(segmentation: Any, size_hw: tuple[int, int]) -> Mask | None:
        """Take an annotation's ``segmentation``: polygons, or run lengths plain or packed.

        Returns:
            The mask, or None when nothing is drawn.

        Raises:
            ValueError: neither of the three, or run lengths of another image size.
        """
        if not segmentation:
            return None
        if isinstance(segmentation, Mapping):
            stored = tuple(int(side) for side in segmentation.get("size", size_hw))
            packed = segmentation.get("counts", ())
            counts = unpack_counts(packed) if isinstance(packed, (str, bytes)) else tuple(int(c) for c in packed)
            if any(count < 0 for count in counts):
                raise ValueError("run lengths are negative")
            if stored != tuple(size_hw) or sum(counts) != size_hw[0] * size_hw[1]:
                raise ValueError(
                    f"the mask's run lengths cover {sum(counts)} pixels of size {list(stored)}; "
                    f"allowed: the image's {list(size_hw)}"
                )
            return Mask(size_hw, counts)
        if not isinstance(segmentation, list) or any(not isinstance(part, list) for part in segmentation):
            raise ValueError(f"segmentation is {str(segmentation)[:40]}; allowed: polygons or run lengths")
        polygons = tuple(tuple(float(value) for value in part) for part in segmentation)
        if any(len(part) < 6 or len(part) % 2 for part in polygons):
            raise ValueError("a polygon has fewer than 3 points or an odd number of coordinates")
        if not all(abs(value) <= _MAX_COORDINATE for part in polygons for value in part):
            raise ValueError(f"a polygon has a coordinate that is not finite or beyond {_MAX_COORDINATE:g}")
        return Mask(size_hw, None, polygons)

    def to_coco(self) -> Any:
        """The annotation's ``segmentation``: polygons as they are, run lengths packed."""
        if self.counts is None:
            return [list(part) for part in self.polygons]
        return {"size": list(self.size_hw), "counts": pack_counts(self.counts)}

    def decode(self) -> npt.NDArray[np.bool_]:
        """[H, W] bool."""
        height, width = self.size_hw
        if self.counts is not None:
            values = np.arange(len(self.counts)) % 2 == 1
            return np.repeat(values, self.counts).reshape(width, height).T
        mask = np.zeros((height, width), bool)
        for part in self.polygons:
            mask |= _fill(np.array(part).reshape(-1, 2), self.size_hw)
        return mask


def _fill(points_xy: npt.NDArray, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """[H, W] bool: the pixels whose centre lies inside the outline (even-odd rule); OpenCV would add its border."""
    height, width = size_hw
    x1, y1 = points_xy.T
    x2, y2 = np.roll(points_xy, -1, axis=0).T
    centres = np.arange(height) + 0.5
    row, edge = np.nonzero((y1 <= centres[:, None]) != (y2 <= centres[:, None]))  # [H, E] crossings
    x = x1[edge] + (centres[row] - y1[edge]) * (x2[edge] - x1[edge]) / (y2[edge] - y1[edge])
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    toggles = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)).reshape(height, width + 1)
    return np.asarray(np.cumsum(toggles, axis=1)[:, :width] % 2 == 1)


def pack_counts(counts: Sequence[int]) -> str:
    """COCO's text of run lengths: differences to the count before last, 5 bits a character, low bits first."""
    text = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text.append(chr(48 + (bits | 0x20 if more else bits)))
    return "".join(text)


def unpack_counts(text: str | bytes) -> tuple[int, ...]:
    """Run lengths from COCO's text.

    Raises:
        ValueError: a character that the code does not have, a text cut short, or a negative run.
    """
    counts: list[int] = []
    value = shift = 0
    for symbol in text.encode("utf-8") if isinstance(text, str) else text:
        bits = symbol - 48
        if not 0 <= bits < 64:
            raise ValueError(f"run lengths hold character {symbol}; allowed: 48 to 111")
        if shift > _MAX_SHIFT:
            raise ValueError("a run length has more bits than any picture has pixels")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift or any(count < 0 for count in counts):
        raise ValueError("run lengths are cut short or negative")
    return tuple(counts)
