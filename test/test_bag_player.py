"""The bag player over DDS: it waits for a listener, keeps the order of stamps and the clock, and leaves results out."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from replay_bags import START_NS, STEP_NS, BagSpec, make_bag
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState

from spp_sorter.config import ConfigError
from spp_sorter.ros import messages
from spp_sorter.ros.bag_player_node import BagPlayerNode, main
from spp_sorter.ros.bag_types import BagError

FRAMES = 6


def player(context: rclpy.Context, **values: object) -> BagPlayerNode:
    given = [Parameter(name, value=value) for name, value in values.items()]
    return BagPlayerNode(context=context, parameter_overrides=given)


class Listener:
    """Subscribes to everything that is played, and notes it in the order of arrival."""

    def __init__(self, pictures: str = "/camera/image") -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node("listener", context=self.context)
        self.got: list[tuple[str, int]] = []
        self.clock: list[int] = []
        self.node.create_subscription(Clock, "/clock", lambda m: self.clock.append(messages.stamp_to_ns(m.clock)), 100)
        kinds = {"/camera/camera_info": CameraInfo, "/belt_encoder": JointState, "/spp_sorter/annotated_image": Image}
        for topic, kind in {**kinds, pictures: Image}.items():
            self.node.create_subscription(kind, topic, lambda m, topic=topic: self._take(topic, m), 200)

    def _take(self, topic: str, message: Any) -> None:
        self.got.append((topic, messages.stamp_to_ns(message.header.stamp)))

    def spin_beside(self, other: rclpy.Context) -> None:
        """Listen until the player's context has ended."""
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        while other.ok():
            executor.spin_once(timeout_sec=0.05)
        for _ in range(20):
            executor.spin_once(timeout_sec=0.01)

    def of(self, topic: str) -> list[int]:
        return [stamp for name, stamp in self.got if name == topic]

    def close(self) -> None:
        rclpy.shutdown(context=self.context)


def spin(node: BagPlayerNode) -> threading.Thread:
    def run() -> None:
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_inputs_come_in_the_order_of_their_stamps_and_results_stay_in_the_bag(tmp_path: Path) -> None:
    old = messages.bgr_to_image(np.zeros((4, 4, 3), np.uint8), messages.make_header(START_NS, "c"))
    more = [("/spp_sorter/annotated_image", old, START_NS)]
    bag = make_bag(tmp_path / "bag", BagSpec(frames=FRAMES, encoder_late_ns=15_000_000, more=more))
    context = rclpy.Context()
    rclpy.init(context=context)
    node = player(context, bag=str(bag), rate=2.0)
    listener = Listener()
    try:
        spin(node)
        listener.spin_beside(context)
        stamps = [stamp for _, stamp in listener.got]
        assert listener.of("/camera/image") == [START_NS + k * STEP_NS for k in range(FRAMES)]
        assert listener.of("/spp_sorter/annotated_image") == []
        for topic in ("/camera/camera_info", "/belt_encoder"):
            assert listener.of(topic) == sorted(listener.of(topic))
        assert node.played == FRAMES * (1 + 1 + 5)
        # Both ends match at slightly different times, so a reading of the first moment may be missed.
        assert len(stamps) >= node.played - 6
        assert listener.clock == sorted(listener.clock), "time never goes back in one pass"
        assert max(listener.clock) == max(stamps)
    finally:
        listener.close()
        node.destroy_node()


def test_nothing_is_played_before_somebody_listens_and_a_loop_begins_again(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec(frames=3, encoder=False))
    context = rclpy.Context()
    rclpy.init(context=context)
    node = player(context, bag=str(bag), rate=4.0, loop=True)
    spin(node)
    assert not node._stop.wait(0.3)
    assert node.played == 0
    listener = Listener()
    try:
        thread = threading.Thread(target=listener.spin_beside, args=(context,), daemon=True)
        thread.start()
        for _ in range(600):
            if len(listener.of("/camera/image")) >= 7 or node._stop.wait(0.05):
                break
        node.destroy_node()
        context.try_shutdown()
        thread.join(20)
        stamps = listener.of("/camera/image")
        assert len(stamps) >= 7
        # Both ends match at slightly different times, so the first may be missed.
        expected = [START_NS + k % 3 * STEP_NS for k in range(8)]
        assert stamps[1:7] in (expected[1:7], expected[2:8])
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"bag": "/no/bag"}, BagError, "does not exist"),
        ({"bag": ""}, BagError, "cannot be read|does not exist"),
        ({"rate": 0.0}, ConfigError, "'rate' is 0"),
        ({"rate": 1e9}, ConfigError, "up to 100"),
    ],
)
def test_slips_are_named(tmp_path: Path, values: dict, error: type[Exception], words: str) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec(frames=1))
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        with pytest.raises(error, match=words):
            player(context, **{"bag": str(bag), **values})
    finally:
        rclpy.shutdown(context=context)


def test_a_bag_without_pictures_is_refused_by_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec(frames=0, more=[("/belt_encoder", JointState(), START_NS)], encoder=False))
    assert main(["--ros-args", "-p", f"bag:={bag}"]) == 1
    assert "no pictures; it has /belt_encoder" in capsys.readouterr().err
