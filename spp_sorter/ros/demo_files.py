"""What a demo leaves: the recorded run as one bag, and a video of what the sorter saw and meant.

Letters: N detections.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from vision_msgs.msg import Detection3DArray

from spp_sorter.config import Config
from spp_sorter.drawing import draw_result
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.ros import graph, messages
from spp_sorter.ros.bags import BagMessage, BagWriter
from spp_sorter.ros.recorder import Recorder
from spp_sorter.ros.video import Video
from spp_sorter.values import LABELS, FloatArray, Grasps, PickTarget, SortResult

JPEG_QUALITY = 75


def write_bag(recorder: Recorder, path: Path) -> None:
    """Write everything that was recorded in the order of arrival; pictures as JPEG, everything else as it was."""
    small = [name for name, topic in recorder.topics.items() if not topic.spooled]
    rows = sorted((row for topic in small for row in recorder.messages(topic)), key=lambda row: row.recorded_ns)
    large = [recorder.messages(name) for name, topic in recorder.topics.items() if topic.spooled]
    latched = {graph.WORLD, graph.LABELS_TOPIC}
    with BagWriter(path, overwrite=True) as bag:
        for row in heapq.merge(rows, *large, key=lambda row: row.recorded_ns):
            if row.topic == graph.IMAGE:
                image = row.decode()
                coded = messages.bgr_to_compressed(messages.image_to_bgr(image), image.header, JPEG_QUALITY)
                bag.write_message(f"{graph.IMAGE}/compressed", coded, row.recorded_ns)
            else:
                bag.write(row.topic, row.msgtype, row.recorded_ns, row.data, row.topic in latched)


def write_video(recorder: Recorder, path: Path, config: Config) -> int:
    """Draw every frame that the sorter processed and the recorder has; returns their number."""
    detections = {message.stamp_ns: message for message in recorder.messages(graph.DETECTIONS)}
    tracks = {message.stamp_ns: message for message in recorder.messages(graph.TRACKS)}
    picks = {message.stamp_ns: message for message in recorder.messages(graph.PICK_TARGETS)}
    infos = {message.stamp_ns: message for message in recorder.messages(graph.CAMERA_INFO)}
    pose = pose_from_quaternion(config.camera.position, config.camera.orientation)
    number, first_ns = 0, 0
    with Video(path) as video:
        for message in recorder.messages(graph.IMAGE):
            stamp_ns = message.stamp_ns
            if not all(stamp_ns in each for each in (detections, tracks, picks, infos)):
                continue
            camera = Camera(messages.camera_info_to_intrinsics(infos[stamp_ns].decode()), pose)
            result = result_of(detections[stamp_ns], tracks[stamp_ns].decode(), picks[stamp_ns].decode(), camera)
            image_bgr = messages.image_to_bgr(message.decode())
            first_ns = first_ns or stamp_ns
            note = f"{(stamp_ns - first_ns) * 1e-9:.1f} s"
            video.add(stamp_ns, draw_result(image_bgr, result, config, camera, note))
            number += 1
    return number


def result_of(detections: BagMessage, tracks: Detection3DArray, picks: Detection3DArray, camera: Camera) -> SortResult:
    """A frame's result read back from the node's messages, as far as a drawing needs it.

    Args:
        detections: Detection2DArray.
        tracks: of the same stamp; gives the grasps.
        picks: of the same stamp.
        camera: projects the grasps.
    """
    found, track_ids = messages.detections_from_msg(detections.decode(), LABELS)
    places = {item.track_id: item for item in messages.pick_targets_from_msg(tracks)}
    rows = [_grasp(places.get(int(track_id)), camera) for track_id in track_ids]
    table = np.array(rows, np.float32).reshape(-1, 5)  # [N, 5]
    grasps = Grasps(table[:, :2], table[:, 2], table[:, 3:])
    with_grasps = type(found)(
        found.boxes_xyxy, found.scores, found.labels, found.label_probs, found.label_names, grasps
    )
    offered = tuple(messages.pick_targets_from_msg(picks))
    return SortResult(detections.stamp_ns, with_grasps, track_ids, picks=offered)


def _grasp(item: PickTarget | None, camera: Camera) -> FloatArray:
    """Pixel x, y, yaw, length and width [5] of a tracked item's grasp; NaN without one."""
    if item is None:
        return np.full(5, np.nan)
    along = np.array([np.cos(item.yaw_rad), np.sin(item.yaw_rad), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    tips = [item.point_belt + 0.5 * item.size_m[0] * along, item.point_belt + 0.5 * item.size_m[1] * across]
    pixels = camera.project(np.stack([item.point_belt, *tips])) + 0.5
    to_tip, to_side = pixels[1] - pixels[0], pixels[2] - pixels[0]
    yaw = np.arctan2(to_tip[1], to_tip[0])
    return np.array([*pixels[0], yaw, 2.0 * np.hypot(*to_tip), 2.0 * np.hypot(*to_side)])


def stamps(recorder: Recorder, topic: str) -> Iterator[tuple[int, Any]]:
    """Stamp and decoded message of everything on a topic."""
    for message in recorder.messages(topic):
        yield message.stamp_ns, message.decode()
