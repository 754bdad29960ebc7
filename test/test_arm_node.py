"""The arm's node over real topics: it picks what the lists say, when they say it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from vision_msgs.msg import Detection3DArray

from spp_sorter.ros import messages
from spp_sorter.ros.arm_node import PARAMETER_HELP, ArmNode
from spp_sorter.simulation.arm import ArmConfig
from spp_sorter.values import PickTarget


def target(number: int, stamp_ns: int, y: float = 0.1) -> PickTarget:
    point, size = np.array([1.0, y, 0.03]), np.array([0.08, 0.05, 0.03])
    return PickTarget(number, stamp_ns, "non_compost", 0.9, point, 0.4, size, np.diag([1e-6, 1e-6, 1e-6, 1e-4]))


class Cell(Node):
    """Publishes pick lists and hears the picks."""

    def __init__(self) -> None:
        super().__init__("cell")
        self.lists = self.create_publisher(Detection3DArray, "pick_targets", 5)
        self.picks: list[Detection3DArray] = []
        self.create_subscription(Detection3DArray, "/arm/picks", self.picks.append, QoSProfile(depth=50))

    def now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def say(self, targets: list[PickTarget], age_ns: int = 0) -> None:
        header = messages.make_header(self.now_ns() - age_ns, "belt")
        self.lists.publish(messages.picks_to_msg(targets, header))


def wait_for(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def graph() -> Iterator[tuple[Cell, ArmNode]]:
    rclpy.init()
    cell, arm = Cell(), ArmNode()
    executor = SingleThreadedExecutor()
    for node in (cell, arm):
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    assert wait_for(lambda: cell.lists.get_subscription_count() == 1 and cell.count_publishers("/arm/picks") == 1)
    yield cell, arm
    executor.shutdown()
    thread.join(5.0)
    for node in (cell, arm):
        node.destroy_node()
    rclpy.try_shutdown()


def test_it_closes_where_and_when_the_list_says(graph: tuple[Cell, ArmNode]) -> None:
    cell, arm = graph
    wanted = target(7, cell.now_ns() + 700_000_000)
    for _ in range(5):
        cell.say([wanted])
        time.sleep(0.05)
    assert wait_for(lambda: len(cell.picks) == 1)
    (pick,) = cell.picks
    grasp = messages.pick_targets_from_msg(pick)[0]
    assert grasp.track_id == 7
    assert messages.stamp_to_ns(pick.header.stamp) == grasp.stamp_ns
    assert 0 <= grasp.stamp_ns - wanted.stamp_ns < 2_000_000
    np.testing.assert_allclose(grasp.point_belt, wanted.point_belt, atol=0.005)
    assert grasp.yaw_rad == pytest.approx(0.4)
    assert pick.header.frame_id == "belt"
    assert arm.num_picks == 1


def test_a_withdrawn_item_is_left_alone(graph: tuple[Cell, ArmNode]) -> None:
    cell, arm = graph
    cell.say([target(7, cell.now_ns() + 800_000_000)])
    assert wait_for(lambda: arm.arm.goal is not None)
    cell.say([])
    assert wait_for(lambda: arm.arm.num_withdrawn == 1)
    time.sleep(0.9)
    assert cell.picks == []


def test_old_and_broken_lists_are_ignored(graph: tuple[Cell, ArmNode]) -> None:
    cell, arm = graph
    cell.say([target(7, cell.now_ns() + 800_000_000)], age_ns=400_000_000)
    assert wait_for(lambda: arm.arm.num_stale_lists == 1)
    broken = messages.picks_to_msg([target(8, cell.now_ns() + 10**9)], messages.make_header(cell.now_ns(), "belt"))
    broken.detections[0].id = "eight"
    cell.lists.publish(broken)
    assert wait_for(lambda: arm._num_bad_lists == 1)
    assert arm.arm.goal is None
    assert arm.arm.num_lists == 0


def test_every_setting_of_the_arm_is_a_parameter_with_a_description() -> None:
    assert set(PARAMETER_HELP) == {field.name for field in dataclasses.fields(ArmConfig)}
    rclpy.init()
    try:
        node = ArmNode(parameter_overrides=[Parameter("max_speed", value=1)])
        assert node.arm.config.max_speed == 1.0
        assert node.describe_parameter("bin_y").description
        node.destroy_node()
        with pytest.raises(ValueError, match="max_speed"):
            ArmNode(parameter_overrides=[Parameter("max_speed", value=-1.0)])
    finally:
        rclpy.try_shutdown()
