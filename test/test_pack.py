"""Packing a folder of pictures: what a replay must find in the bag."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from spp_sorter.cli import main
from spp_sorter.ros.bags import BagError, BagReader
from spp_sorter.ros.messages import compressed_to_bgr, image_to_bgr
from spp_sorter.ros.pack import COMPRESSED_TOPIC, FIRST_STAMP_NS, NAME_TOPIC, RAW_TOPIC, pack


def picture(seed: int, height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    (path / "more").mkdir(parents=True)
    cv2.imwrite(str(path / "b.png"), picture(1, 30, 41))
    cv2.imwrite(str(path / "a.JPG"), picture(2, 48, 64))
    cv2.imwrite(str(path / "c.bmp"), picture(3, 21, 20))
    cv2.imwrite(str(path / "more" / "d.jpg"), picture(4, 20, 20))
    whole = (path / "a.JPG").read_bytes()
    (path / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (path / "empty.png").write_bytes(b"")
    (path / "liar.png").write_bytes(b"this is no picture at all")
    (path / "notes.txt").write_text("no picture")
    return path


def names_by_stamp(out: Path) -> dict[int, str]:
    with BagReader(out) as bag:
        return {message.stamp_ns: message.decode().data for message in bag.messages([NAME_TOPIC])}


def test_pictures_come_in_the_order_of_names_with_their_names(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "bag", fps=4.0)
    assert packed.num_frames == 3
    assert names_by_stamp(tmp_path / "bag") == {
        FIRST_STAMP_NS: "a.JPG",
        FIRST_STAMP_NS + 250_000_000: "b.png",
        FIRST_STAMP_NS + 500_000_000: "c.bmp",
    }
    with BagReader(tmp_path / "bag") as bag:
        compressed = [m.decode() for m in bag.messages([COMPRESSED_TOPIC])]
        raw = [m.decode() for m in bag.messages([RAW_TOPIC])]
    assert [bytes(m.data) for m in compressed] == [(folder / "a.JPG").read_bytes(), (folder / "b.png").read_bytes()]
    np.testing.assert_array_equal(image_to_bgr(raw[0]), picture(3, 21, 20))
    assert raw[0].header.stamp.nanosec == 500_000_000


def test_broken_pictures_are_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    broken = dict(pack(folder, tmp_path / "bag").broken)
    assert set(broken) == {"broken.jpg", "empty.png", "liar.png"}
    assert "no end marker" in broken["broken.jpg"]
    assert "empty" in broken["empty.png"]


def test_raw_recursive_and_loops(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "bag.mcap", fps=10.0, loops=3, recursive=True, raw=True)
    assert packed.num_frames == 12
    assert len(packed.broken) == 3
    stamps = list(names_by_stamp(tmp_path / "bag.mcap"))
    np.testing.assert_array_equal(np.diff(stamps), 100_000_000)
    with BagReader(tmp_path / "bag.mcap") as bag:
        assert COMPRESSED_TOPIC not in bag.topics
        images = [image_to_bgr(m.decode()) for m in bag.messages([RAW_TOPIC])]
    np.testing.assert_array_equal(images[1], picture(1, 30, 41))
    assert images[3].shape == (20, 20, 3)


def test_raw_and_compressed_hold_the_same_pixels(folder: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "kept")
    pack(folder, tmp_path / "raw", raw=True)
    with BagReader(tmp_path / "kept") as kept, BagReader(tmp_path / "raw") as raw:
        coded = [compressed_to_bgr(m.decode()) for m in kept.messages([COMPRESSED_TOPIC])]
        plain = [image_to_bgr(m.decode()) for m in raw.messages([RAW_TOPIC])]
    for one, other in zip(coded, plain, strict=False):
        np.testing.assert_array_equal(one, other)


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="is no folder"):
        pack(tmp_path / "nowhere", tmp_path / "bag")
    (tmp_path / "bare").mkdir()
    with pytest.raises(BagError, match="--recursive"):
        pack(tmp_path / "bare", tmp_path / "bag")
    (tmp_path / "bare" / "bad.png").write_bytes(b"x")
    with pytest.raises(BagError, match=r"bad\.png"):
        pack(tmp_path / "bare", tmp_path / "bag")
    assert not (tmp_path / "bag").exists()


@pytest.mark.parametrize(("option", "value"), [("--fps", "0"), ("--fps", "nan"), ("--loop", "0")])
def test_values_out_of_range_are_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main(["pack", str(folder), "--out", str(tmp_path / "bag"), option, value]) == 2
    error = capsys.readouterr().err
    assert option in error
    assert "allowed" in error
    assert error.count("\n") == 1


def test_the_command_says_what_it_did(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pack", str(folder), "--out", str(tmp_path / "bag")]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "3 frames" in out
    assert "left out broken.jpg" in err
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
