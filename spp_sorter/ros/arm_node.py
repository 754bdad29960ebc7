"""The simulated arm as a node: it knows nothing but ``pick_targets``, and tells where and when its gripper closed."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from vision_msgs.msg import Detection3DArray

from spp_sorter.ros import messages
from spp_sorter.ros.messages import BadFrame
from spp_sorter.ros.programs import run_node
from spp_sorter.simulation.arm import Arm, ArmConfig, ExecutedPick

UPDATE_PERIOD_S = 0.02
"""How often it looks at the clock; what it does is worked out in steps of 1 ms all the same."""

PARAMETER_HELP = {
    "park_y": "where the arm waits for work, y in `belt` [m]",
    "bin_y": "where it drops items, y in `belt` [m]",
    "max_speed": "greatest speed [m/s]",
    "max_acceleration": "greatest acceleration [m/s^2]",
    "grip_s": "time to close the gripper after the item's crossing [s]",
    "release_s": "time to let go over the bin [s]",
    "list_max_age_s": "pick lists whose stamp is older than this on arrival are ignored [s]",
    "list_hold_s": "without a new list for this long nothing is begun [s]",
    "commit_s": "this long before its crossing an item is picked even when it is withdrawn [s]",
    "tolerance_m": "the gripper must stand this near to the item's y when it crosses [m]",
}


class ArmNode(Node):
    """Subscribes to ``pick_targets``; publishes ``~/picks``: one message for every closing of the gripper.

    The message's stamp is the moment of the grasp, its frame that of the pick list; ``bbox`` and ``results[0].pose``
    are where the gripper stood.

    Args:
        kwargs: passed to the node.

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("arm", **kwargs)
        values = {
            field.name: self.declare_parameter(
                field.name,
                field.default,
                ParameterDescriptor(description=PARAMETER_HELP[field.name], read_only=True, dynamic_typing=True),
            ).value
            for field in dataclasses.fields(ArmConfig)
        }
        self.arm = Arm(ArmConfig(**{name: float(value) for name, value in values.items()}))
        self.num_picks = 0
        self._num_bad_lists = 0
        self._frame_id = "belt"
        reliable = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        self._picks = self.create_publisher(Detection3DArray, "~/picks", QoSProfile(depth=50))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 5)
        self.create_subscription(Detection3DArray, "pick_targets", self._take_list, reliable)
        self.create_timer(UPDATE_PERIOD_S, self._update)
        self.create_timer(1.0, self._diagnose)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _take_list(self, message: Detection3DArray) -> None:
        self._update()
        try:
            targets = messages.pick_targets_from_msg(message)
        except BadFrame as error:
            self._num_bad_lists += 1
            self.get_logger().error(f"pick list ignored: {error}", throttle_duration_sec=5.0)
            return
        self._frame_id = message.header.frame_id
        self.arm.take_list(self._now_ns(), messages.stamp_to_ns(message.header.stamp), targets)

    def _update(self) -> None:
        for pick in self.arm.update(self._now_ns()):
            self.num_picks += 1
            self._picks.publish(executed_pick_to_msg(pick, self._frame_id))

    def _diagnose(self) -> None:
        arm = self.arm
        status = DiagnosticStatus(name="arm: picks", hardware_id="simulation", level=DiagnosticStatus.OK)
        status.message = f"{arm.state.value}; {self.num_picks} picks"
        values = {
            "picks": self.num_picks,
            "lists": arm.num_lists,
            "stale_lists": arm.num_stale_lists,
            "bad_lists": self._num_bad_lists,
            "withdrawn": arm.num_withdrawn,
            "too_late": arm.num_too_late,
        }
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def executed_pick_to_msg(pick: ExecutedPick, frame_id: str) -> Detection3DArray:
    """vision_msgs/Detection3DArray of one executed pick, stamped with the moment of the grasp."""
    closed = pick.target._replace(stamp_ns=pick.stamp_ns, point_belt=pick.point_belt, yaw_rad=pick.yaw_rad)
    return messages.picks_to_msg([closed], messages.make_header(pick.stamp_ns, frame_id))


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT; returns the exit code: 0, or 1 for parameters that are wrong."""
    return run_node("arm", ArmNode, (ValueError, TypeError), args)


if __name__ == "__main__":
    sys.exit(main())
