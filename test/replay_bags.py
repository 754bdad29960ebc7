"""Small bags of a belt with coloured squares, and a detector that sees exactly those."""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, JointState

from spp_sorter.ros.bags import BagWriter
from spp_sorter.ros.messages import bgr_to_image, intrinsics_to_camera_info, make_header, metres_to_depth
from spp_sorter.values import LABELS, CameraIntrinsics, Detections, Grasps

HEIGHT, WIDTH = 240, 320
STEP_NS = 50_000_000
START_NS = 1_700_000_000_000_000_000
SPEED_MPS = 0.4
CAMERA_HEIGHT_M = 1.0
ITEM_HEIGHT_M = 0.05
FRAME_ID = "camera_optical_frame"
RED, GREEN = (30, 30, 220), (40, 200, 40)

INTRINSICS = CameraIntrinsics(
    (HEIGHT, WIDTH), np.array([[320.0, 0, 159.5], [0, 320.0, 119.5], [0, 0, 1]]), np.zeros(5), "plumb_bob"
)


class SquareDetector:
    """Finds saturated red (non_compost) and green (compost) regions: a real detector for a simple belt."""

    label_names = LABELS
    description = "coloured squares"

    def detect(self, image_bgr: np.ndarray) -> Detections:
        rows = []
        for label, channel in ((0, 1), (1, 2)):
            other = np.delete(image_bgr, channel, axis=2).max(axis=2)
            mask = (image_bgr[..., channel].astype(int) - other > 60).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
            rows += [(x, y, x + w, y + h, label, area) for x, y, w, h, area in stats[1:] if area >= 40]
        rows.sort(key=lambda row: -row[5])
        boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
        labels = np.array([row[4] for row in rows], np.int64)
        n = len(rows)
        probs = np.where(np.arange(2) == labels[:, None], 0.95, 0.05).astype(np.float32).reshape(n, 2)
        sizes = (boxes[:, 2:] - boxes[:, :2]).astype(np.float32)
        grasps = Grasps((boxes[:, :2] + boxes[:, 2:]) / 2, np.zeros(n, np.float32), sizes)
        return Detections(boxes, np.full(n, 0.95, np.float32), labels, probs, LABELS, grasps)


def belt_image(k: int) -> np.ndarray:
    """Frame ``k``: one red and one green square of 40 px that move with the belt."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for colour, start_px, top in ((RED, -20.0, 60), (GREEN, 30.0, 150)):
        # Tops stand above the belt, so they move faster in the picture.
        shift = k * STEP_NS * 1e-9 * SPEED_MPS * 320.0 / (CAMERA_HEIGHT_M - ITEM_HEIGHT_M)
        left = round(start_px + shift)
        cv2.rectangle(image, (left, top), (left + 39, top + 39), colour, -1)
    return image


def depth_image(k: int) -> np.ndarray:
    depth = np.full((HEIGHT, WIDTH), CAMERA_HEIGHT_M, np.float32)
    depth[(belt_image(k) != 90).any(axis=2)] = CAMERA_HEIGHT_M - ITEM_HEIGHT_M
    return depth


@dataclass
class BagSpec:
    """What goes into a bag."""

    frames: int = 16
    storage: str = "mcap"
    compressed: bool = False
    depth: bool = False
    camera_info: bool = True
    encoder: bool = True
    encoder_late_ns: int = 0
    image_topic: str = "/camera/image"
    change: Callable[[int, Any], Any] | None = None
    more: list[tuple[str, Any, int]] = field(default_factory=list)


def image_message(k: int, compressed: bool) -> Any:
    header = make_header(START_NS + k * STEP_NS, FRAME_ID)
    if not compressed:
        return bgr_to_image(belt_image(k), header)
    _, coded = cv2.imencode(".png", belt_image(k))
    return CompressedImage(header=header, format="png", data=array.array("B", coded.tobytes()))


def make_bag(path: Path, spec: BagSpec) -> Path:
    """Write the bag; messages lie in it in the order of their (made up) times of arrival."""
    rows: list[tuple[int, str, Any]] = []
    folder = spec.image_topic.rpartition("/")[0]
    for k in range(spec.frames):
        stamp_ns = START_NS + k * STEP_NS
        header = make_header(stamp_ns, FRAME_ID)
        message = image_message(k, spec.compressed)
        if spec.change is not None:
            message = spec.change(k, message)
        topic = spec.image_topic + ("/compressed" if spec.compressed else "")
        rows.append((stamp_ns + 20_000_000, topic, message))
        if spec.camera_info:
            info = intrinsics_to_camera_info(INTRINSICS, header)
            rows.append((stamp_ns + 21_000_000, f"{folder}/camera_info", info))
        if spec.depth:
            late = make_header(stamp_ns + 2_000_000, FRAME_ID)
            rows.append((stamp_ns + 30_000_000, f"{folder}/depth", metres_to_depth(depth_image(k), late)))
    if spec.encoder:
        for tick in range(spec.frames * 5):
            stamp_ns = START_NS + tick * STEP_NS // 5
            position = 3.0 + tick * STEP_NS / 5 * 1e-9 * SPEED_MPS
            message = JointState(header=make_header(stamp_ns, "belt"), name=["belt"], position=[position])
            rows.append((stamp_ns + spec.encoder_late_ns, "/belt_encoder", message))
    rows += [(arrival_ns, topic, message) for topic, message, arrival_ns in spec.more]
    rows.sort(key=lambda row: row[0])
    with BagWriter(path, spec.storage) as bag:
        for arrival_ns, topic, message in rows:
            if isinstance(message, bytes):
                bag.write(topic, "sensor_msgs/msg/Image", arrival_ns, message)
            else:
                bag.write_message(topic, message, arrival_ns)
    return path
