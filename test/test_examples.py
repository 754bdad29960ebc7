"""The flywheel: which frames are kept, how many, what the folder holds, and a disk that is full."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from node_cell import Cell, random_checkpoint
from replay_bags import BagSpec, make_bag

from spp_sorter.config import ConfigError, ExamplesConfig
from spp_sorter.evaluation.datasets import read_dataset
from spp_sorter.ros.examples import ExampleKeeper, hardness
from spp_sorter.untrusted import UntrustedError
from spp_sorter.values import LABELS, Detections, Frame, SortResult, Track

ROOT = Path(__file__).resolve().parent.parent
IMAGE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8), (0, 0), 3)
BUSY = ExamplesConfig(per_minute=600.0, certain=0.8, disk_reserve=0)


def track(number: int, label: int = 1, views: int = 9, seen: bool = True) -> Track:
    probs = np.eye(2)[label]
    place = np.zeros(3), np.eye(2), 0.01, 0.001, 0.0, 0.1, np.ones(2) * 0.05
    return Track(number, 0, *place, probs, LABELS, views, seen, True)


def result(scores: tuple[float, ...] = (), labels: tuple[int, ...] = (), tracks: tuple[Track, ...] = ()) -> SortResult:
    count = len(scores)
    boxes = np.tile(np.float32([10, 10, 40, 30]), (count, 1)) + np.arange(count, dtype=np.float32)[:, None]
    found = Detections(boxes, np.float32(scores), np.array(labels, np.int64), np.zeros((count, 2), np.float32), LABELS)
    ids = [t.id for t in tracks if t.seen][:count] + [0] * count
    return SortResult(0, found, np.array(ids[:count], np.int64), tracks)


def frame(number: int) -> Frame:
    return Frame(1000 + number, IMAGE)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (result(), ""),
        (result((0.95,), (1,)), ""),
        (result((0.95, 0.6), (1, 0)), "uncertain"),
        (result((0.95,), (0,), (track(1, label=1),)), "flickering"),
        (result((0.95,), (0,), (track(1, label=1, views=2),)), ""),
        (result((0.95,), (1,), (track(1, label=1),)), ""),
    ],
)
def test_what_makes_a_frame_hard(given: SortResult, reason: str) -> None:
    assert hardness(given, 0.8) == reason


def test_hard_frames_become_a_data_set_that_training_reads(tmp_path: Path) -> None:
    config = replace(BUSY, folder=str(tmp_path / "kept"))
    keeper = ExampleKeeper(config)
    assert not keeper.consider(frame(0), result((0.95,), (1,)))
    assert keeper.consider(frame(1), result((0.9, 0.55), (1, 0)))
    until(lambda: keeper.num_kept == 1)
    keeper.close()
    again = ExampleKeeper(config)  # the next run goes on in the same folder
    assert again.consider(frame(2), result((0.6,), (0,)))
    until(lambda: again.num_kept == 1)
    again.close()
    data = read_dataset(tmp_path / "kept", decode_pictures=True)
    assert [len(record.boxes_xyxy) for record in data.records] == [2, 1]
    assert data.records[0].labels.tolist() == [1, 0]
    np.testing.assert_allclose(data.records[0].boxes_xyxy[0], [10, 10, 40, 30])
    kept = cv2.imread(str(data.records[1].path))
    assert np.abs(kept.astype(int) - IMAGE).mean() < 20
    tree = json.loads((tmp_path / "kept" / "labels.json").read_text())
    assert [image["reason"] for image in tree["images"]] == ["uncertain", "uncertain"]


def test_a_missed_item_keeps_the_frame_that_missed_it(tmp_path: Path) -> None:
    keeper = ExampleKeeper(replace(BUSY, folder=str(tmp_path)))
    seen, unseen = result((0.95,), (1,), (track(1),)), result((), (), (track(1, seen=False),))
    assert [keeper.consider(frame(n), r) for n, r in enumerate((seen, unseen, unseen, seen))] == [False] * 4
    assert [keeper.consider(frame(10 + n), r) for n, r in enumerate((seen, unseen, seen))] == [False, False, True]
    until(lambda: keeper.num_kept == 1)
    keeper.close()
    assert [file.name for file in (tmp_path / "images").iterdir()] == ["1011_missed.jpg"]


def test_rate_and_space_are_bounded(tmp_path: Path) -> None:
    keeper = ExampleKeeper(replace(BUSY, folder=str(tmp_path / "a"), per_minute=6.0))
    assert sum(keeper.consider(frame(n), result((0.6,), (1,))) for n in range(50)) == 1
    keeper.close()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old.bin").write_bytes(bytes(1_000_001))
    full = ExampleKeeper(replace(BUSY, folder=str(tmp_path / "b"), disk_limit=1))
    assert full.consider(frame(1), result((0.6,), (1,)))
    until(lambda: full.statuses)
    assert full.statuses[0].name == "examples_full"
    assert not full.consider(frame(2), result((0.6,), (1,)))
    full.close()
    assert list((tmp_path / "b" / "images").iterdir()) == []
    low = ExampleKeeper(replace(BUSY, folder=str(tmp_path / "c"), disk_reserve=10_000_000))
    assert low.consider(frame(1), result((0.6,), (1,)))
    until(lambda: low.statuses)
    low.close()
    assert low.statuses[0].name == "examples_disk_low"
    assert "10000000 MB stay free; make room or lower examples.disk_reserve" in low.statuses[0].message
    assert list((tmp_path / "c" / "images").iterdir()) == []


FULL_DISK = """
import resource, signal, sys, time
from dataclasses import replace
sys.path.insert(0, "test")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import test_examples as t
keeper = t.ExampleKeeper(replace(t.BUSY, folder=sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))  # every larger file fails as on a full disk
assert keeper.consider(t.frame(1), t.result((0.6,), (1,)))
t.until(lambda: keeper.statuses)
assert keeper.statuses[0].name == "examples_not_kept", keeper.statuses
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
keeper._next_s = 0.0
assert keeper.consider(t.frame(2), t.result((0.6,), (1,)))
t.until(lambda: keeper.num_kept == 1)
assert keeper.statuses == ()
keeper.close()
"""


def test_a_full_disk_costs_examples_and_leaves_no_half_a_picture(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (tmp_path / "images").iterdir()] == ["1002_uncertain.jpg"]


@pytest.mark.parametrize("text", ["[]", "{", '{"images": 1}', '{"images": [1], "annotations": [], "categories": []}'])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(UntrustedError):
        ExampleKeeper(replace(BUSY, folder=str(tmp_path)))
    assert not issubclass(UntrustedError, ConfigError)


def test_the_node_keeps_what_its_detector_is_unsure_of(tmp_path: Path) -> None:
    cell = Cell(
        random_checkpoint(tmp_path / "random.pt"), examples__folder=str(tmp_path / "hard"), examples__disk_reserve=0
    ).start()
    try:
        until(lambda: list((tmp_path / "hard" / "images").glob("*.jpg")))
        cell.node.trigger_deactivate()
        cell.node.trigger_cleanup()
    finally:
        cell.close()
    tree = json.loads((tmp_path / "hard" / "labels.json").read_text())
    assert [image["reason"] for image in tree["images"]] == ["uncertain"]
    assert {category["name"] for category in tree["categories"]} == set(LABELS)
    assert tree["annotations"]


FULL_REPLAY = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, "test")
from replay_bags import SquareDetector
from spp_sorter.config import Config
from spp_sorter.ros.bags import BagReader
from spp_sorter.ros.replay import Outputs, replay
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    with BagReader(sys.argv[1]) as bag:
        replay(bag, SquareDetector(), Config(), Outputs(Path(sys.argv[2]), video=False))
except OSError as error:
    sys.exit(7)
"""


def test_a_replay_on_a_full_disk_says_so_and_leaves_no_bag(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec())
    command = [sys.executable, "-c", FULL_REPLAY, str(bag), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stderr
    assert list((tmp_path / "out").glob("*.mcap")) == []
