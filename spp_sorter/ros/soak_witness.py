"""Listens to everything that the sorter says during a soak run, and keeps what judging needs."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray, Detection3DArray

from spp_sorter.ros import graph, messages
from spp_sorter.ros.soak_faults import FAULT_TOPIC
from spp_sorter.values import PickTarget

GARBAGE: tuple[tuple[str, Any], ...] = (
    ("picking.pick_line", float("nan")),
    ("picking.pick_line", 1.0e9),
    ("picking.reach_min", 5.0),
    ("detector.score_thresh", "high"),
    ("detector.max_detections", -1),
    ("belt.motion", "guess"),
    ("belt.speed", float("inf")),
    ("camera.position", [0.0, 1.0]),
    ("picking.labels", ["glass"]),
    ("picking.labels", [1.5, 2.5]),
    ("model.checkpoint", "/nowhere/at/all.pt"),
    ("model.device", "toaster"),
    ("node.stale_after", -2.0),
    ("__import__('os').system('false')", "1"),
)
"""Values that the node has to refuse."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame's detections as they arrived: the frame's stamp, when, and whether its items were located."""

    stamp_ns: int
    heard_ns: int
    located: bool


@dataclass(frozen=True, slots=True)
class PickList:
    """A pick list: the frame's stamp, when the middleware took it for publishing, and its targets."""

    stamp_ns: int
    published_ns: int
    targets: tuple[PickTarget, ...]


@dataclass(slots=True)
class Heard:
    """Everything that was heard.

    Attributes:
        answers: detections, in the order of arrival.
        lists: pick lists.
        executed: what the arm closed its gripper on.
        statuses: the newest values of each diagnostic status, its level as ``level`` and when it came as ``heard_ns``.
        levels: how often ``<node>: frames`` had each level.
        refused: parameters that were refused.
        accepted: parameters that were taken though they are garbage.
    """

    answers: list[Answer] = field(default_factory=list)
    lists: list[PickList] = field(default_factory=list)
    executed: list[PickTarget] = field(default_factory=list)
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    levels: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    accepted: list[str] = field(default_factory=list)


class Witness:
    """A node in a thread of this process.

    Args:
        sorter: the sorter's full name, for its parameters.
    """

    def __init__(self, sorter: str = "/spp_sorter") -> None:
        self.heard = Heard()
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = node = Node("soak_witness", context=self._context)
        every = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
        self._fault = node.create_publisher(String, FAULT_TOPIC, 10)
        self._set: Any = node.create_client(SetParameters, f"{sorter}/set_parameters")
        node.create_subscription(Detection2DArray, graph.DETECTIONS, self._take_detections, every)
        node.create_subscription(Detection3DArray, graph.PICK_TARGETS, self._take_list, every)
        node.create_subscription(Detection3DArray, graph.PICKS, self._take_pick, every)
        node.create_subscription(DiagnosticArray, graph.DIAGNOSTICS, self._take_diagnostics, every)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name="witness", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def say_fault(self, name: str) -> None:
        """Tell camera and sorter which fault is in force."""
        self._fault.publish(String(data=name))

    def set_garbage(self) -> None:
        """Ask the sorter for every value of ``GARBAGE``; its answers are counted as they come."""
        for name, value in GARBAGE:
            request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
            future = self._set.call_async(request)
            future.add_done_callback(functools.partial(self._refused, name))

    def _refused(self, name: str, done: Any) -> None:
        response: SetParameters.Response | None = done.result()
        for result in response.results if response is not None else ():
            if result.successful:
                self.heard.accepted.append(name)
            else:
                self.heard.refused += 1

    def _take_detections(self, message: Detection2DArray) -> None:
        located = not message.detections or any(item.id for item in message.detections)
        self.heard.answers.append(Answer(messages.stamp_to_ns(message.header.stamp), time.time_ns(), located))

    def _take_list(self, message: Detection3DArray, info: Mapping[str, Any]) -> None:
        targets = tuple(messages.pick_targets_from_msg(message))
        stamp_ns, published_ns = messages.stamp_to_ns(message.header.stamp), int(info["source_timestamp"])
        self.heard.lists.append(PickList(stamp_ns, published_ns, targets))

    def _take_pick(self, message: Detection3DArray) -> None:
        self.heard.executed.extend(messages.pick_targets_from_msg(message))

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            level = str(status.level[0])
            self.heard.statuses[status.name] = {
                **values,
                "level": level,
                "message": status.message,
                "heard_ns": str(time.time_ns()),
            }
            if status.name == "spp_sorter: frames":
                self.heard.levels[level] += 1

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._thread.join(5.0)
        self._context.try_shutdown()
