"""Second sights of one item: a detector that boxes an item and, once more or instead, a part of it.

The overlap of such boxes is just below what the detector's suppression takes away, so overlap alone does not tell them
from touching items. The pick points do: those of two items lie in two footprints.

Letters: A sights or pairs of them; N detections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.picking.association import common_areas, touch
from spp_sorter.values import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

_MIN_IOU, _CORE = 0.25, 0.6
_SURE_IOU, _SURE_CORE = 0.35, 1.0
_SURE_CONTAINED = 0.75  # share of the smaller box inside the other that does as well
_LEAST_AREA = 0.05  # of the other's: a handle is as small as that, and a crumb on an item is not its part


@dataclass(frozen=True, slots=True)
class Sights:
    """Places that items take on the belt.

    Attributes:
        boxes_xyxy: [A, 4] pixels.
        ground_xy: [A, 2] pick points on the belt plane, metres; NaN equals nothing.
        axes_xy: [A, 2] unit vectors of the long axes.
        sizes_m: [A, 2] lengths and widths.
    """

    boxes_xyxy: FloatArray
    ground_xy: FloatArray
    axes_xy: FloatArray
    sizes_m: FloatArray

    def at(self, index: IntArray) -> Sights:
        """Those that ``index`` names."""
        return Sights(self.boxes_xyxy[index], self.ground_xy[index], self.axes_xy[index], self.sizes_m[index])


def are_pairs(a: Sights, b: Sights) -> BoolArray:
    """Which of A pairs of sights [A] are of one item."""
    common, area_a, area_b = common_areas(a.boxes_xyxy.T, b.boxes_xyxy.T)
    smaller, larger = np.minimum(area_a, area_b), np.maximum(area_a, area_b)
    union = area_a + area_b - common
    near = (common > _MIN_IOU * union) | (common > _SURE_CONTAINED * smaller)
    near &= smaller > _LEAST_AREA * larger
    if not near.any():
        return near
    sure = common > np.minimum(_SURE_IOU * union, _SURE_CONTAINED * smaller)
    x, y = (b.ground_xy - a.ground_xy).T
    reach = np.minimum(_ellipse(x, y, a), _ellipse(x, y, b))
    near &= reach < np.where(sure, _SURE_CORE, _CORE)
    return near


def _ellipse(x: FloatArray, y: FloatArray, sights: Sights) -> FloatArray:
    """How far out offsets lie in the ellipses of footprints: 0 in the middle, 1 on the rim."""
    axis, size = sights.axes_xy, np.maximum(sights.sizes_m, 1e-6)
    along = (x * axis[:, 0] + y * axis[:, 1]) / size[:, 0]
    across = (y * axis[:, 0] - x * axis[:, 1]) / size[:, 1]
    return np.asarray(2.0 * np.sqrt(along * along + across * across))


def find_repeats(sights: Sights) -> IntArray:
    """For each of N detections, best first, the better one that may show the same item: [N] int64, -1 for none."""
    boxes = sights.boxes_xyxy.T
    better, worse = np.nonzero(touch(boxes[:, :, None], boxes[:, None]))
    first = better < worse
    repeats = np.full(len(sights.ground_xy), -1)
    if first.any():
        better, worse = better[first], worse[first]
        same = are_pairs(sights.at(better), sights.at(worse))
        for one, other in zip(better[same].tolist(), worse[same].tolist(), strict=True):
            if repeats[one] < 0 and repeats[other] < 0:
                repeats[other] = one
    return repeats
