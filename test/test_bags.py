"""Bags: what goes in comes out, in both storages and in the order of stamps; what cannot be read is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray

from spp_sorter.ros.bag_types import message_class, stamp_of
from spp_sorter.ros.bags import (
    STORAGES,
    BagError,
    BagMessage,
    BagReader,
    BagWriter,
    in_stamp_order,
)
from spp_sorter.ros.messages import bgr_to_image, detections_to_msg, make_header
from spp_sorter.values import Detections

SECOND = 1_000_000_000


def encoder(stamp_ns: int, position_m: float) -> JointState:
    return JointState(header=make_header(stamp_ns, "belt"), name=["belt"], position=[position_m])


def detections(stamp_ns: int) -> Detection2DArray:
    box = np.array([[1, 2, 30, 40]], np.float32)
    one = Detections(box, np.array([0.8], np.float32), np.array([1]), np.array([[0.1, 0.8]], np.float32))
    return detections_to_msg(one, make_header(stamp_ns, "camera"), [5])


def write(path: Path, storage: str) -> None:
    with BagWriter(path, storage) as bag:
        for k in range(5):
            bag.write_message("/image", bgr_to_image(np.full((4, 6, 3), k, np.uint8), make_header(k, "camera")), k)
            bag.write_message("/spp_sorter/detections", detections(k), k)
        bag.write_message("/picture_name", String(data="a.jpg"), 3, latched=True)


@pytest.mark.parametrize(("name", "storage"), [("bag", "mcap"), ("bag", "sqlite3"), ("bag.mcap", "mcap")])
def test_messages_come_back_as_they_were(tmp_path: Path, name: str, storage: str) -> None:
    path = tmp_path / name
    write(path, storage)
    assert path.is_file() == name.endswith(".mcap")
    with BagReader(path) as bag:
        assert bag.topics == {
            "/image": "sensor_msgs/msg/Image",
            "/spp_sorter/detections": "vision_msgs/msg/Detection2DArray",
            "/picture_name": "std_msgs/msg/String",
        }
        assert bag.counts["/image"] == 5
        images = [message.decode() for message in bag.messages(["/image"])]
        boxes = [message.decode() for message in bag.messages(["/spp_sorter/detections"])]
    assert images == [bgr_to_image(np.full((4, 6, 3), k, np.uint8), make_header(k, "camera")) for k in range(5)]
    assert boxes == [detections(k) for k in range(5)]


def test_two_bags_of_the_same_messages_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "bag.mcap", "mcap")
    assert (tmp_path / "a" / "bag.mcap").read_bytes() == (tmp_path / "b" / "bag.mcap").read_bytes()


def test_a_bag_is_only_replaced_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    write(path, "mcap")
    with pytest.raises(BagError, match="exists"):
        BagWriter(path)
    with BagWriter(path, overwrite=True) as bag:
        bag.write_message("/belt_encoder", encoder(7, 0.5), 7)
    with BagReader(path) as bag:
        assert list(bag.topics) == ["/belt_encoder"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("keep")
    with pytest.raises(BagError, match="no bag"):
        BagWriter(tmp_path / "mine", overwrite=True)


def test_nothing_is_left_of_a_bag_that_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="midway"), BagWriter(tmp_path / "bag") as bag:
        bag.write_message("/belt_encoder", encoder(1, 0.0), 1)
        raise RuntimeError("midway")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing", None, "does not exist"),
        ("empty.mcap", b"", "cannot be read"),
        ("text.mcap", b"hello" * 100, "cannot be read"),
        ("text.db3", b"hello" * 100, "cannot be read"),
        ("movie.mp4", b"hello" * 100, "cannot be read"),
    ],
)
def test_what_is_no_bag_is_said(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BagError, match=words), BagReader(tmp_path / name):
        pass


def test_a_folder_without_metadata_and_a_cut_off_bag_are_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(BagError, match=r"metadata\.yaml"), BagReader(tmp_path / "folder"):
        pass
    write(tmp_path / "bag.mcap", "mcap")
    whole = (tmp_path / "bag.mcap").read_bytes()
    (tmp_path / "cut.mcap").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BagError), BagReader(tmp_path / "cut.mcap") as bag:
        list(bag.messages(["/image"]))


def test_wrong_storage_is_said(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="allowed: mcap, sqlite3"):
        BagWriter(tmp_path / "bag", "zip")
    with pytest.raises(BagError, match="names an MCAP file"):
        BagWriter(tmp_path / "bag.mcap", STORAGES[1])


def test_stamps_are_read_from_the_bytes() -> None:
    image = Image(header=make_header(12 * SECOND + 345, "camera"))
    assert stamp_of("sensor_msgs/msg/Image", serialize_message(image), 9) == 12 * SECOND + 345
    assert stamp_of("std_msgs/msg/String", serialize_message(String(data="long enough text")), 9) == 9
    assert stamp_of("sensor_msgs/msg/Image", b"\0\1", 9) == 9


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(BagError, match="install the ROS package 'no_such_msgs'"):
        message_class("no_such_msgs/msg/Thing")


def test_a_broken_message_is_named() -> None:
    with pytest.raises(BagError, match="/image"):
        BagMessage("/image", "sensor_msgs/msg/Image", 0, 0, b"\0\1\0\0\1").decode()


def message(topic: str, stamp_ns: int, recorded_ns: int = 0) -> BagMessage:
    return BagMessage(topic, "sensor_msgs/msg/JointState", recorded_ns, stamp_ns, b"")


@given(st.lists(st.tuples(st.integers(0, 900), st.sampled_from(["/image", "/belt"])), max_size=60))
def test_messages_within_the_window_come_in_stamp_order(given_messages: list[tuple[int, str]]) -> None:
    ranks = {"/belt": 0, "/image": 1}
    messages = [message(topic, stamp, k) for k, (stamp, topic) in enumerate(given_messages)]
    ordered = list(in_stamp_order(messages, ranks, window_ns=1000))
    assert ordered == sorted(messages, key=lambda m: (m.stamp_ns, ranks[m.topic], m.recorded_ns))


def test_two_runs_of_a_loop_are_not_mixed_and_little_is_held() -> None:
    stamps = [*range(0, 10_000, 100), *range(0, 10_000, 100)]
    assert [m.stamp_ns for m in in_stamp_order((message("/image", s) for s in stamps), {"/image": 0}, 1000)] == stamps
    taken = 0

    def counted() -> object:
        nonlocal taken
        for stamp in range(0, 100_000, 100):
            taken += 1
            yield message("/image", stamp)

    next(in_stamp_order(counted(), {"/image": 0}, 1000))  # type: ignore[arg-type]
    assert taken <= 13
