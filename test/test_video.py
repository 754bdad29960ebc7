"""The MP4 writer: any sizes, the rate of the stamps, and no half files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from spp_sorter.ros.video import Video, letterboxed


def read(path: Path) -> tuple[list[np.ndarray], float]:
    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        good, image = video.read()
        if not good:
            return frames, video.get(cv2.CAP_PROP_FPS)
        frames.append(image)


@pytest.mark.parametrize(("shape", "expected"), [((61, 83), (60, 82)), ((5, 3), (32, 32)), ((480, 640), (480, 640))])
@pytest.mark.parametrize("number", [1, 7, 8, 20])
def test_sides_are_even_and_every_frame_is_there(
    tmp_path: Path, shape: tuple[int, int], expected: tuple[int, int], number: int
) -> None:
    with Video(tmp_path / "a.mp4") as video:
        for k in range(number):
            video.add(k * 40_000_000, np.full((*shape, 3), 10 * k, np.uint8))
    frames, fps = read(tmp_path / "a.mp4")
    assert [frame.shape[:2] for frame in frames] == [expected] * number
    assert fps == pytest.approx(25.0 if number > 1 else 10.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_later_frames_of_other_sizes_are_boxed(tmp_path: Path) -> None:
    with Video(tmp_path / "a.mp4") as video:
        for shape in ((60, 80), (80, 60), (240, 320), (10, 200)):
            video.add(0, np.full((*shape, 3), 250, np.uint8))
    frames, _ = read(tmp_path / "a.mp4")
    assert {frame.shape for frame in frames} == {(60, 80, 3)}
    assert frames[2].mean() > 230
    assert frames[1][:, :10].mean() < 120
    assert frames[1][:, 30:50].mean() > 200


def test_a_picture_that_fits_is_not_touched() -> None:
    image = np.random.default_rng(0).integers(0, 255, (61, 80, 3), dtype=np.uint8)
    np.testing.assert_array_equal(letterboxed(image, (60, 80)), image[:60])


def test_no_frames_and_errors_leave_no_file(tmp_path: Path) -> None:
    with Video(tmp_path / "a.mp4"):
        pass
    with pytest.raises(RuntimeError, match="midway"), Video(tmp_path / "b.mp4") as video:
        for k in range(20):
            video.add(k, np.zeros((64, 64, 3), np.uint8))
        raise RuntimeError("midway")
    assert list(tmp_path.iterdir()) == []
