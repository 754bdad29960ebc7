"""From detections in pixels to views on the belt: pick point, lever of height, axis and size in metres.

A line of sight meets the belt plane at its ground point g. A point on that line at height h lies at
``g - lever * h`` with ``lever = (g - C) / C_z`` (C: optical centre), which is linear in h: the tracker's filter rests
on that.

Letters: N detections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spp_sorter.geometry.camera import Camera
from spp_sorter.picking.repeats import Sights, find_repeats
from spp_sorter.values import Detections, FloatArray, IntArray

EDGE_PX, EDGE_SHARE = 4.0, 0.06
"""A box this near to the image's edge, in pixels plus a share of its side, may be cut by it."""

BEYOND_PX = 20.0
"""How far boxes that the edge may cut are taken to reach beyond it, so that slivers of items can be compared."""

_HALF_PIXEL = 0.5  # boxes are on pixel edges, cameras count from pixel centres
_BOX_NOISE_PX, _BOX_NOISE_SHARE = 1.5, 0.05
_GRASP_NOISE_PX, _GRASP_NOISE_SHARE = 1.0, 0.02
_DEPTH_STD_M = 0.003
_STEPS = np.array([[[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]])  # a pick point and its neighbours, which give the scale


@dataclass(frozen=True, slots=True)
class Views:
    """N detections as seen on the belt plane z = 0.

    Attributes:
        pixels_xy: [N, 2] pick points, camera pixels.
        boxes_xyxy: [N, 4] boxes, camera pixels.
        ground_xy: [N, 2] metres, where the line of sight of the pick point meets the belt; NaN where it does not.
        lever_xy: [N, 2] metres of shift against the ray's direction per metre of height.
        noise_m2: [N, 2, 2] covariance of ``ground_xy`` from one view.
        axes_xy: [N, 2] unit vector of the long axis on the belt.
        elongation: [N] in [0, 1], how well the axis is defined; 0 for round items and boxes without a grasp.
        sizes_m: [N, 2] length and width if the item were flat; times ``1 - h / camera_height_m`` at height h.
        cut_sides: [N, 4] bool, the box's left, top, right, bottom touches the image's edge.
        cut: [N] bool, any side does: centre and size are not the item's.
        reaching_xyxy: [N, 4] ``boxes_xyxy`` with the cut sides ``BEYOND_PX`` beyond the image's edge.
        heights_m: [N] height at the pick point from depth, NaN without a reading.
        height_stds_m: [N] its standard deviation.
        probs: [N, C] label probabilities that sum to 1.
        repeats: [N] int64, the better detection that may show the same item, -1 for none.
        camera_height_m: height of the optical centre.
    """

    pixels_xy: FloatArray
    boxes_xyxy: FloatArray
    ground_xy: FloatArray
    lever_xy: FloatArray
    noise_m2: FloatArray
    axes_xy: FloatArray
    elongation: FloatArray
    sizes_m: FloatArray
    cut_sides: npt.NDArray[np.bool_]
    cut: npt.NDArray[np.bool_]
    reaching_xyxy: FloatArray
    heights_m: FloatArray
    height_stds_m: FloatArray
    probs: FloatArray
    repeats: IntArray
    camera_height_m: float

    def __len__(self) -> int:
        return len(self.pixels_xy)


def view_detections(detections: Detections, camera: Camera, depth_m: FloatArray | None = None) -> Views:
    """Look at N detections on the belt plane.

    Args:
        detections: boxes and, where the model has them, grasps. Without grasps the pick point is the box's centre,
            its axis unknown, and the height that the track finds is that of the point behind the box's centre (about
            half the item's).
        camera: the calibrated camera, above the belt.
        depth_m: [H, W] metres along the optical axis, aligned to the image; NaN, inf and 0 are "no reading".
    """
    num = len(detections)
    boxes = np.asarray(detections.boxes_xyxy, np.float64).reshape(num, 4) - _HALF_PIXEL
    sides = boxes[:, 2:] - boxes[:, :2]
    if detections.grasps is not None:
        pixels: FloatArray = np.asarray(detections.grasps.points_xy, np.float64).reshape(num, 2) - _HALF_PIXEL
        yaws = np.asarray(detections.grasps.yaws_rad, np.float64)
        sizes_px: FloatArray = np.asarray(detections.grasps.sizes_px, np.float64).reshape(num, 2)
        length, width_px = sizes_px[:, 0], sizes_px[:, 1]
        shares = (length - width_px) / np.maximum(length + width_px, 1e-6)
        elongation = np.minimum(np.maximum(shares, 0.0), 1.0)
        noise_px2 = _GRASP_NOISE_PX**2 + _GRASP_NOISE_SHARE**2 * np.abs(length * width_px)
    else:
        pixels = np.asarray(0.5 * (boxes[:, :2] + boxes[:, 2:]))
        yaws = np.where(sides[:, 0] >= sides[:, 1], 0.0, np.pi / 2)
        sizes_px = np.asarray(np.sort(sides, axis=1)[:, ::-1])
        elongation = np.zeros(num)
        noise_px2 = _BOX_NOISE_PX**2 + _BOX_NOISE_SHARE**2 * np.abs(sides[:, 0] * sides[:, 1])

    origin, directions = camera.rays((pixels + _STEPS).reshape(-1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = -origin[2] / directions[:, 2]
        distance[~(distance > 0.0)] = np.nan
        ground = (origin[:2] + directions[:, :2] * distance[:, None]).reshape(3, num, 2)
        by_x, by_y = ground[1] - ground[0], ground[2] - ground[0]  # metres per pixel
        cosines, sines = np.cos(yaws)[:, None], np.sin(yaws)[:, None]
        along_m = by_x * cosines + by_y * sines
        across_m = by_y * cosines - by_x * sines
        scales = np.empty((num, 2))
        np.hypot(along_m[:, 0], along_m[:, 1], out=scales[:, 0])
        np.hypot(across_m[:, 0], across_m[:, 1], out=scales[:, 1])
        axes = along_m / np.maximum(scales[:, :1], 1e-12)
    noise = by_x[:, :, None] * by_x[:, None]
    noise += by_y[:, :, None] * by_y[:, None]
    noise *= noise_px2[:, None, None]
    height, width = camera.intrinsics.size_hw
    margin = EDGE_PX - _HALF_PIXEL + EDGE_SHARE * sides
    cut_sides = np.empty((num, 4), bool)
    np.less_equal(boxes[:, :2], margin, out=cut_sides[:, :2])
    np.less_equal((width - 1.0, height - 1.0) - boxes[:, 2:], margin, out=cut_sides[:, 2:])
    low, high = -_HALF_PIXEL - BEYOND_PX, BEYOND_PX - _HALF_PIXEL
    probs = np.maximum(np.asarray(detections.label_probs, np.float64), 1e-6)
    heights, height_stds = _depth_heights(pixels, sizes_px, origin, directions, camera, depth_m)
    sizes_m = sizes_px * scales
    return Views(
        pixels_xy=pixels,
        boxes_xyxy=boxes,
        ground_xy=ground[0],
        lever_xy=(ground[0] - origin[:2]) / origin[2],
        noise_m2=noise,
        axes_xy=axes,
        elongation=elongation,
        sizes_m=sizes_m,
        cut_sides=cut_sides,
        cut=np.asarray(cut_sides.any(1)),
        reaching_xyxy=np.where(cut_sides, (low, low, width + high, height + high), boxes),
        heights_m=heights,
        height_stds_m=height_stds,
        probs=probs / probs.sum(1, keepdims=True),
        repeats=find_repeats(Sights(boxes, ground[0], axes, sizes_m)),
        camera_height_m=float(origin[2]),
    )


def _depth_heights(
    pixels: FloatArray,
    sizes_px: FloatArray,
    origin: FloatArray,
    directions: FloatArray,
    camera: Camera,
    depth_m: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Height above the belt around each pick point: the median of the patch's readings, and its spread."""
    num = len(pixels)
    heights, stds = np.full(num, np.nan), np.full(num, np.nan)
    if depth_m is None:
        return heights, stds
    # Height of a reading Z at a pixel is C_z + Z * slope(pixel); the slope is smooth, so one gradient does for a patch.
    slopes = (directions[:, 2] / (directions @ camera.camera_in_belt.rotation[:, 2])).reshape(3, num)
    rows, columns = depth_m.shape
    radii = np.clip(0.2 * sizes_px.min(1, initial=np.inf), 1.0, 8.0)
    for i in range(num):
        (x, y), radius = pixels[i], radii[i]
        if not np.isfinite([x, y, slopes[0, i]]).all():
            continue
        x0, x1 = max(int(x - radius), 0), min(int(x + radius) + 1, columns)
        y0, y1 = max(int(y - radius), 0), min(int(y + radius) + 1, rows)
        patch = depth_m[y0:y1, x0:x1]
        valid = np.isfinite(patch) & (patch > 0.0)
        if valid.sum() < max(3, 0.3 * patch.size):
            continue
        v, u = np.nonzero(valid)
        slope = (
            slopes[0, i] + (slopes[1, i] - slopes[0, i]) * (u + x0 - x) + (slopes[2, i] - slopes[0, i]) * (v + y0 - y)
        )
        readings = origin[2] + patch[v, u] * slope
        heights[i] = np.median(readings)
        spread = 1.4826 * np.median(np.abs(readings - heights[i]))
        stds[i] = np.hypot(_DEPTH_STD_M, 0.5 * spread)
    return heights, stds
