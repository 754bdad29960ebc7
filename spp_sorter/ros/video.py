"""An MP4 of pictures of any sizes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from spp_sorter.values import ImageArray

_NUM_TO_TIME = 8
"""Frames that are held back until the video's rate is known from their stamps."""

_FPS_RANGE = (1.0, 120.0)
_SMALLEST_SIDE = 32
_GREY = (64, 64, 64)


class Video:
    """Writes frames at the rate of their stamps, all at the first one's size.

    Args:
        path: of the MP4; it appears under this name when it is complete.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scratch = path.with_name(f".{path.stem}.writing.mp4")
        self._held: list[tuple[int, ImageArray]] = []
        self._writer: cv2.VideoWriter | None = None
        self._size_hw = (0, 0)

    def __enter__(self) -> Video:
        """Nothing is opened before the first frames are there."""
        return self

    def add(self, stamp_ns: int, image_bgr: ImageArray) -> None:
        """Append a [H, W, 3] uint8 frame.

        Raises:
            OSError: this OpenCV cannot write MP4.
        """
        if self._writer is not None:
            self._write(image_bgr)
            return
        self._held.append((stamp_ns, image_bgr))
        if len(self._held) == _NUM_TO_TIME:
            self._start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file; after an error none is left."""
        if kind is None and self._held:
            self._start()
        if self._writer is not None:
            self._writer.release()
            if kind is None:
                self._scratch.replace(self._path)
        self._scratch.unlink(missing_ok=True)

    def _start(self) -> None:
        height, width = self._held[0][1].shape[:2]
        # MPEG-4 halves the resolution of colour, so both sides are even.
        self._size_hw = (max(_SMALLEST_SIDE, height // 2 * 2), max(_SMALLEST_SIDE, width // 2 * 2))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(self._scratch), codec, self._fps(), self._size_hw[::-1])
        if not self._writer.isOpened():
            raise OSError(f"OpenCV cannot write '{self._path}': this build has no MPEG-4 encoder; use --no-video")
        for _, image_bgr in self._held:
            self._write(image_bgr)
        self._held.clear()

    def _fps(self) -> float:
        steps = np.diff([stamp_ns for stamp_ns, _ in self._held])
        steps = steps[steps > 0]
        fps = 1e9 / float(np.median(steps)) if len(steps) else 10.0
        return float(np.clip(round(fps, 2), *_FPS_RANGE))

    def _write(self, image_bgr: ImageArray) -> None:
        assert self._writer is not None
        self._writer.write(letterboxed(image_bgr, self._size_hw))


def letterboxed(image_bgr: ImageArray, size_hw: tuple[int, int]) -> ImageArray:
    """The picture scaled to fit ``size_hw``, in the middle of grey; a difference of one pixel is cut off instead."""
    height, width = image_bgr.shape[:2]
    if 0 <= height - size_hw[0] <= 1 and 0 <= width - size_hw[1] <= 1:
        return np.ascontiguousarray(image_bgr[: size_hw[0], : size_hw[1]])
    ratio = min(size_hw[0] / height, size_hw[1] / width)
    fitted_h, fitted_w = max(1, round(height * ratio)), max(1, round(width * ratio))
    method = cv2.INTER_AREA if ratio < 1.0 else cv2.INTER_LINEAR
    fitted = cv2.resize(image_bgr, (fitted_w, fitted_h), interpolation=method)
    top, left = (size_hw[0] - fitted_h) // 2, (size_hw[1] - fitted_w) // 2
    bottom, right = size_hw[0] - fitted_h - top, size_hw[1] - fitted_w - left
    boxed = cv2.copyMakeBorder(fitted, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_GREY)
    return np.asarray(boxed, np.uint8)
