"""When the network has to look again: after the belt has moved so far that every item is still seen whole often enough.

Letters: P points of the image's border.
"""

from __future__ import annotations

import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.picking.grasp import EDGE_PX, EDGE_SHARE
from spp_sorter.values import FloatArray

_LOOK_AT_LEAST_S = 1.0
"""On a belt that creeps or stands the network looks this often: somebody may put something down."""

_SLIP_S, _SLIP_AGAIN_S, _SLIP_MOST_S = 0.12, 1.0, 2.0
"""After an item was seen where the belt did not carry it, the network looks at every frame for this long: the first
time, for one may be the detector's mistake, and twice as long whenever it happens again so soon, up to the last."""

_BORDER_POINTS = 9  # on each side of the image; lines of sight of distorted lenses bend
_LINES = 9  # across the belt, along which the view's length is measured


class TravelTrigger:
    """Decides from frame to frame whether the network runs."""

    def __init__(self) -> None:
        self._camera: Camera | None = None
        self._view_key: tuple[float, float, float] | None = None
        self._view_m = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget what was looked at."""
        self._looked_ns: int | None = None
        self._looked_m = 0.0
        self._frame_m = 0.0
        self._slipped_ns: int | None = None
        self._slip_s = _SLIP_S

    def is_due(self, stamp_ns: int, belt_m: float, step_m: float) -> bool:
        """Whether the network must look at this frame, so that no two looks are more than ``step_m`` of belt apart.

        Args:
            stamp_ns: the frame's stamp.
            belt_m: the belt's position at the stamp.
            step_m: belt that may pass from one look to the next, as ``step_of`` gives it.
        """
        per_frame_m, self._frame_m = abs(belt_m - self._frame_m), belt_m
        if self._looked_ns is None or stamp_ns < self._looked_ns:
            return True
        if self._slipped_ns is not None and 0 <= stamp_ns - self._slipped_ns <= self._slip_s * 1e9:
            return True
        # The next frame may be the one that is too late.
        too_far = abs(belt_m - self._looked_m) + per_frame_m > step_m
        return too_far or (stamp_ns - self._looked_ns) * 1e-9 >= _LOOK_AT_LEAST_S

    def looked(self, stamp_ns: int, belt_m: float, slipping: bool) -> None:
        """Remember a look, and whether it met an item that moves against the belt."""
        self._looked_ns, self._looked_m = stamp_ns, belt_m
        if slipping:
            again = self._slipped_ns is not None and (stamp_ns - self._slipped_ns) * 1e-9 <= _SLIP_AGAIN_S
            self._slip_s = min(2.0 * self._slip_s, _SLIP_MOST_S) if again else _SLIP_S
            self._slipped_ns = stamp_ns

    def step_of(
        self, camera: Camera, max_height_m: float, across: tuple[float, float], longest_m: float, views: int
    ) -> float:
        """Belt that may pass from one look to the next: an item that is in view whole meets ``views`` looks.

        Args:
            camera: over the belt.
            max_height_m: of the tallest item; the camera sees less of the belt up there.
            across: smallest and greatest y that items lie at, as far as they are in view.
            longest_m: of the longest item.
            views: looks at every item, 1 and more.

        Returns:
            Metres; 0 when the view is too short, or not bounded.
        """
        key = (max_height_m, *across)
        if camera is not self._camera or key != self._view_key:
            self._camera, self._view_key = camera, key
            self._view_m = view_length(camera, max_height_m, across)
        # A box near the image's edge does not count as whole.
        metres_per_px = self._view_m / max(camera.intrinsics.size_hw)
        whole_m = self._view_m - longest_m * (1.0 + 2.0 * EDGE_SHARE) - 2.0 * EDGE_PX * metres_per_px
        return max(0.0, whole_m / views)


def view_length(camera: Camera, height_m: float, across: tuple[float, float]) -> float:
    """Length of the camera's view along the belt where it is shortest.

    Args:
        camera: over the belt.
        height_m: of the plane over the belt in which it is measured.
        across: smallest and greatest y.

    Returns:
        Metres, 0 when the view is not bounded or shows nothing of ``across``.
    """
    border = camera.to_plane(_border_pixels(camera.intrinsics.size_hw), height_m)[:, :2]  # [P, 2]
    if not np.isfinite(border).all():
        return 0.0
    low, high = max(across[0], float(border[:, 1].min())), min(across[1], float(border[:, 1].max()))
    if low >= high:
        return 0.0
    # The ends of the range may touch no more than a corner of the view.
    inner = np.linspace(low, high, _LINES + 2)[1:-1]
    return min(_length_at(border, y) for y in inner.tolist())


def _border_pixels(size_hw: tuple[int, int]) -> FloatArray:
    """Points [P, 2] around the image, in order."""
    height, width = size_hw
    t = np.arange(_BORDER_POINTS) / _BORDER_POINTS
    right, down = t * (width - 1), t * (height - 1)
    zero = np.zeros(_BORDER_POINTS)
    sides = [
        (right, zero),
        (zero + width - 1, down),
        (width - 1 - right, zero + height - 1),
        (zero, height - 1 - down),
    ]
    return np.concatenate([np.stack(side, axis=1) for side in sides])


def _length_at(polygon: FloatArray, y: float) -> float:
    """Length along x of a polygon's [P, 2] section at ``y``; 0 where there is none."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    crosses = (start[:, 1] <= y) != (end[:, 1] <= y)
    if not crosses.any():
        return 0.0
    start, end = start[crosses], end[crosses]
    x = start[:, 0] + (y - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end[:, 0] - start[:, 0])
    return float(x.max() - x.min())
