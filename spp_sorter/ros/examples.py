"""The flywheel: frames that the detector found hard, kept as pictures with a COCO json that labelling tools open.

A frame is hard when a detection is uncertain, when a detection's label is not its track's, or when an item was detected
in the frame before and after it but not in it. The boxes that were found go into the json as suggestions: somebody
corrects them, and ``train`` takes the folder.
Rate and disk space are bounded, and nothing that fails here touches sorting.
"""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spp_sorter.config import ExamplesConfig
from spp_sorter.untrusted import UntrustedError, parse_json, read_text
from spp_sorter.values import Detections, Frame, Level, SortResult, Status

JSON_NAME, PICTURES = "labels.json", "images"

JPEG_QUALITY = 95
"""High, because the pictures are for training."""

WRITE_EVERY_S = 10.0
"""The json is written whole, so not after every picture."""

PAUSE_S = 60.0
"""After an error of the disk nothing is kept for this long."""

KNOWN_VIEWS = 5
"""Views after which an item is known well."""


@dataclass(frozen=True, slots=True)
class Example:
    """A frame to keep: its picture, what was found, and why it is hard."""

    frame: Frame
    detections: Detections
    reason: str


def hardness(result: SortResult, certain: float) -> str:
    """Why a frame is hard by itself: ``uncertain`` or ``flickering``; empty when it is not.

    Args:
        result: what was found.
        certain: score from which a detection counts as certain.
    """
    found = result.detections
    tracks = {track.id: track for track in result.tracks}
    for track_id, label in zip(result.track_ids, found.labels, strict=True):
        track = tracks.get(int(track_id))
        if track is not None and track.num_views >= KNOWN_VIEWS and track.label != found.label_names[int(label)]:
            return "flickering"
    return "uncertain" if len(found) and float(np.min(found.scores)) < certain else ""


def seen_in(result: SortResult) -> frozenset[int]:
    """The tracks that were detected in a frame."""
    return frozenset(track.id for track in result.tracks if track.seen)


class ExampleKeeper:
    """Keeps hard examples in a folder, on a thread of its own.

    Args:
        config: where, how many, and how much.

    Raises:
        OSError: the folder cannot be made.
        UntrustedError: it holds a ``labels.json`` that is none of ours.
    """

    def __init__(self, config: ExamplesConfig) -> None:
        self.config = config
        self.num_kept = 0
        self.statuses: tuple[Status, ...] = ()
        self._folder = Path(config.folder).expanduser()
        self._next_s = self._written_s = 0.0
        self._previous: tuple[Frame, SortResult] | None = None
        self._seen_before: frozenset[int] = frozenset()
        self._queue: queue.Queue[Example | None] = queue.Queue(1)
        (self._folder / PICTURES).mkdir(parents=True, exist_ok=True)
        self._tree = _read(self._folder / JSON_NAME)
        self._bytes = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        self._thread = threading.Thread(target=self._run, name="examples", daemon=True)
        self._thread.start()

    def consider(self, frame: Frame, result: SortResult) -> bool:
        """Keep this frame, or the one before it, when it is hard and its turn has come; never waits.

        Returns:
            Whether one was taken.
        """
        before, previous = self._seen_before, self._previous
        self._previous = (frame, result)
        self._seen_before = seen_in(previous[1]) if previous is not None else frozenset()
        now_s = time.monotonic()
        if self.config.per_minute <= 0.0 or now_s < self._next_s or self._queue.full():
            return False
        reason = hardness(result, self.config.certain)
        if previous is not None and (before & seen_in(result)) - seen_in(previous[1]):
            reason, (frame, result) = "missed", previous
        if not reason:
            return False
        self._next_s = now_s + 60.0 / self.config.per_minute
        # The picture may be a view of a message that is gone when the thread comes to it.
        kept = Frame(frame.stamp_ns, frame.image_bgr.copy(), frame.frame_id)
        self._queue.put_nowait(Example(kept, result.detections, reason))
        return True

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what is left, within ``timeout_s`` seconds."""
        deadline = time.monotonic() + timeout_s
        while self._thread.is_alive() and time.monotonic() < deadline:
            try:
                self._queue.put(None, timeout=0.05)
                break
            except queue.Full:
                continue
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (example := self._queue.get()) is not None:
            self._guarded(self._keep, example)
        self._guarded(self._write_json)

    def _guarded(self, work: Callable[..., None], *args: Example) -> None:
        try:
            work(*args)
        except Exception as error:  # whatever it is, sorting goes on
            self._pause("examples_not_kept", f"hard examples cannot be kept in {self._folder}: {error}")

    def _keep(self, example: Example) -> None:
        limit = self.config.disk_limit * 1_000_000
        if self._bytes >= limit:
            text = f"{self._folder} holds {self._bytes / 1e6:.0f} MB of hard examples, its limit; empty it or raise it"
            self._pause("examples_full", f"{text} (examples.disk_limit)")
            return
        free, reserve = shutil.disk_usage(self._folder).free, self.config.disk_reserve * 1_000_000
        if free < reserve:
            text = f"the disk of {self._folder} has {free / 1e6:.0f} MB left, {reserve / 1e6:.0f} MB stay free"
            self._pause("examples_disk_low", f"{text}; make room or lower examples.disk_reserve")
            return
        done, coded = cv2.imencode(".jpg", example.frame.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            raise OSError("OpenCV cannot encode the picture")
        name = f"{PICTURES}/{example.frame.stamp_ns}_{example.reason}.jpg"
        _write(self._folder / name, coded.tobytes())
        self._bytes += coded.nbytes
        self._add(name, example)
        self.num_kept += 1
        self.statuses = ()
        if time.monotonic() - self._written_s >= WRITE_EVERY_S:
            self._write_json()

    def _add(self, name: str, example: Example) -> None:
        images, annotations = self._tree["images"], self._tree["annotations"]
        height, width = example.frame.image_bgr.shape[:2]
        image_id = max((image["id"] for image in images), default=0) + 1
        images.append({"id": image_id, "file_name": name, "width": width, "height": height, "reason": example.reason})
        found = example.detections
        numbers = {category["name"]: category["id"] for category in self._tree["categories"]}
        for label_name in found.label_names:
            if label_name not in numbers:
                numbers[label_name] = len(numbers) + 1
                self._tree["categories"].append({"id": numbers[label_name], "name": label_name, "supercategory": ""})
        first = max((annotation["id"] for annotation in annotations), default=0) + 1
        for offset, (box, label, score) in enumerate(zip(found.boxes_xyxy, found.labels, found.scores, strict=True)):
            x1, y1, x2, y2 = (round(float(side), 1) for side in box)
            annotations.append(
                {
                    "id": first + offset,
                    "image_id": image_id,
                    "category_id": numbers[found.label_names[int(label)]],
                    "bbox": [x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)],
                    "area": round((x2 - x1) * (y2 - y1), 1),
                    "iscrowd": 0,
                    "segmentation": [],
                    "score": round(float(score), 4),
                }
            )

    def _write_json(self) -> None:
        if self._tree["images"]:
            _write(self._folder / JSON_NAME, json.dumps(self._tree).encode())
        self._written_s = time.monotonic()

    def _pause(self, name: str, text: str) -> None:
        self.statuses = (Status(name, Level.WARN, text),)
        self._next_s = time.monotonic() + PAUSE_S


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a disk that is full leaves no half a picture."""
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The json of an earlier run, to go on with; empty lists where there is none."""
    if not path.exists():
        return {"images": [], "annotations": [], "categories": []}
    tree = parse_json(read_text(path))
    lists = [tree.get(name) for name in ("images", "annotations", "categories")] if isinstance(tree, dict) else [None]
    if not all(isinstance(each, list) and all(isinstance(e, dict) and "id" in e for e in each) for each in lists):
        raise UntrustedError(f"'{path}' is no json of hard examples; set examples.folder to another folder")
    kept: dict[str, list[dict[str, Any]]] = tree
    return kept
