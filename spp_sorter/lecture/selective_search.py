"""Selective search (Uijlings et al. 2013), the proposals of R-CNN, SPP-net and Fast R-CNN.

Letters: R windows.
"""

from __future__ import annotations

import cv2
import numpy as np

from spp_sorter.network.proposals import grid_boxes
from spp_sorter.values import FloatArray, ImageArray

NUM_WINDOWS = 2000
"""Windows per picture in all four papers."""

MIN_SIDE_PX = 8
"""Regions with a shorter side are grain."""

GRAPH_SCALE = 50
"""Size of the first regions, a third of OpenCV's default: a belt has less texture than the photographs of VOC."""


def selective_search(image_bgr: ImageArray, count: int = NUM_WINDOWS, seed: int = 0) -> FloatArray:
    """Exactly ``count`` windows: regions that selective search merges, topped up from an even grid if they are few.

    Sensor noise makes the search slow and its regions ragged: a median over 3 x 3 pixels comes first. OpenCV ranks
    the regions by its own dice, which cannot be seeded, so that the choice is made here.

    Args:
        image_bgr: [H, W, 3] uint8.
        count: R.
        seed: of the choice among more regions than ``count``.

    Returns:
        [R, 4] float32 boxes, pixels.

    Raises:
        RuntimeError: this OpenCV has no contrib modules.
    """
    if not hasattr(cv2, "ximgproc"):
        raise RuntimeError(
            "selective search needs OpenCV's contrib modules; run: pip install opencv-contrib-python-headless"
        )
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.medianBlur(image_bgr, 3))
    search.switchToSelectiveSearchFast(GRAPH_SCALE, GRAPH_SCALE, 0.8)
    boxes_xywh = np.unique(np.asarray(search.process(), np.float32).reshape(-1, 4), axis=0)
    boxes_xywh = boxes_xywh[boxes_xywh[:, 2:].min(axis=1) >= MIN_SIDE_PX]
    boxes = np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
    rng = np.random.default_rng(seed)
    missing = count - len(boxes)
    if missing > 0:
        # A grid has whole rows only: ask for more than are missing.
        grid = grid_boxes((image_bgr.shape[0], image_bgr.shape[1]), 2 * missing + 64)
        boxes = np.concatenate([boxes, rng.permutation(grid)[:missing]])
    chosen: FloatArray = rng.permutation(boxes)[:count].astype(np.float32)
    return chosen
