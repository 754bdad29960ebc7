"""A subscriber of every output of the sorter, pictures too: what stands still when a soak run stalls a subscriber."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from spp_sorter.ros.shared_memory import leave_graph

TOPICS: dict[str, type[Any]] = {
    "detections": Detection2DArray,
    "detections_3d": Detection3DArray,
    "pick_targets": Detection3DArray,
    "markers": MarkerArray,
    "annotated_image": Image,
}


def main() -> int:
    """Listen until killed; every subscription is reliable, which is what can hold a publisher up."""
    rclpy.init(args=[])
    node = Node("soak_listener")
    for topic, kind in TOPICS.items():
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        node.create_subscription(kind, f"/spp_sorter/{topic}", lambda _: None, qos)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    node.destroy_node()
    del node
    leave_graph()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
