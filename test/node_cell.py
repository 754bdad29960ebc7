"""A real sorter node and a peer that plays camera, encoder and arm, each in a DDS participant of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from spp_sorter.network.checkpoint import Checkpoint, save_checkpoint
from spp_sorter.network.model import NetworkConfig, SppNetwork
from spp_sorter.ros import messages
from spp_sorter.ros.health import Snapshot
from spp_sorter.ros.sorter_node import SorterNode, spin
from spp_sorter.values import CameraIntrinsics

ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 60.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
INTRINSICS = CameraIntrinsics((120, 160), np.array([[160.0, 0, 79.5], [0, 160, 59.5], [0, 0, 1]]), np.zeros(0))
OUTPUTS: dict[str, tuple[type, Any]] = {
    "detections": (Detection2DArray, 10),
    "detections_3d": (Detection3DArray, 10),
    "pick_targets": (Detection3DArray, 10),
    "label_info": (LabelInfo, LATCHED),
}
ON_REQUEST: dict[str, type] = {
    "markers": MarkerArray,
    "annotated_image": Image,
    "annotated_image/compressed": CompressedImage,
}


def random_checkpoint(path: Path) -> Path:
    """A checkpoint with weights of no meaning: with a threshold of 0 it gives boxes somewhere."""
    torch.manual_seed(1)
    network = SppNetwork(NetworkConfig(long_side=160), imagenet=False)
    save_checkpoint(Checkpoint(network.config, network.state_dict()), path, half=True)
    return path


def picture(size_hw: tuple[int, int] = (120, 160), seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (*size_hw, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 4)


def start_process(checkpoint: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    """The program ``sorter_node`` with a model, a moving belt and ``more`` ROS arguments."""
    settings = folder / "cell.yaml"
    settings.write_text(
        "/**:\n  ros__parameters:\n"
        f"    model: {{checkpoint: '{checkpoint}', device: cpu, precision: fp32, threads: 1}}\n"
        "    detector: {score_thresh: 0.0, max_detections: 3}\n    belt: {speed: 1}\n    node: {max_age: 600}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "spp_sorter.ros.sorter_node", "--ros-args", "--params-file", str(settings), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Peer:
    """Camera, belt encoder and arm: publishes inputs, keeps every output by topic.

    A participant has one type for a topic, so what comes on ``image`` is chosen here.
    """

    def __init__(
        self, namespace: str, image: tuple[str, type] = ("image", Image), qos: QoSProfile = qos_profile_sensor_data
    ) -> None:
        self.name = f"{namespace}/spp_sorter"
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node("peer", namespace=namespace, context=self.context)
        self.got: dict[str, list[Any]] = defaultdict(list)
        self._asked_s = 0.0
        self._changed = threading.Condition()
        self.image = self.node.create_publisher(image[1], image[0], qos)
        self.camera_info = self.node.create_publisher(CameraInfo, "camera_info", qos_profile_sensor_data)
        self.encoder = self.node.create_publisher(JointState, "belt_encoder", qos_profile_sensor_data)
        for topic, (kind, qos) in OUTPUTS.items():
            self.listen(topic, kind, qos)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._keeper("diagnostics"), 10)
        self.change = self.node.create_client(ChangeState, f"{self.name}/change_state")
        self.state = self.node.create_client(GetState, f"{self.name}/get_state")
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    def _keeper(self, topic: str) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            with self._changed:
                self.got[topic].append(message)
                self._changed.notify_all()

        return keep

    def listen(self, topic: str, kind: type, qos: Any = 10) -> Any:
        return self.node.create_subscription(kind, f"{self.name}/{topic}", self._keeper(topic), qos)

    def until(self, true: Callable[[], Any], what: str = "", within_s: float = WAIT_S) -> Any:
        """Wait until ``true()`` is, woken by every message; what the graph does without one is asked for often."""
        end = time.monotonic() + within_s
        with self._changed:
            while not (answer := true()):
                assert time.monotonic() < end, (
                    f"waited {within_s} s for {what or true}; got { {k: len(v) for k, v in self.got.items()} }"
                )
                self._changed.wait(0.02)
        return answer

    def ready(self) -> None:
        """Wait until the active node and this peer have found each other."""
        outputs = ("detections", "detections_3d", "pick_targets")
        self.until(lambda: self.image.get_subscription_count(), "the node's image subscription")
        self.until(lambda: self.camera_info.get_subscription_count(), "the node's camera_info subscription")
        self.until(lambda: all(self.node.count_publishers(f"{self.name}/{topic}") for topic in outputs), "outputs")
        self.until(self._first_answer, "a first answer")

    def _first_answer(self) -> bool:
        """Both ends match at slightly different times, and what is sent between is lost: send until one is answered."""
        now_s = time.monotonic()
        if now_s > self._asked_s + 0.5:
            self._asked_s = now_s
            self.send_first()
        return all(self.got[topic] for topic in ("detections", "detections_3d", "pick_targets"))

    def now_ns(self) -> int:
        return int(self.node.get_clock().now().nanoseconds)

    def send_camera_info(self, intrinsics: CameraIntrinsics = INTRINSICS) -> None:
        header = messages.make_header(self.now_ns(), "camera_optical_frame")
        self.camera_info.publish(messages.intrinsics_to_camera_info(intrinsics, header))

    def send(self, image_bgr: np.ndarray, stamp_ns: int | None = None) -> int:
        stamp_ns = self.now_ns() if stamp_ns is None else stamp_ns
        self.image.publish(messages.bgr_to_image(image_bgr, messages.make_header(stamp_ns, "camera_optical_frame")))
        return stamp_ns

    def send_first(self) -> None:
        """One small frame of the kind that ``image`` carries."""
        header = messages.make_header(self.now_ns(), "camera_optical_frame")
        small = picture((48, 64))
        compressed = self.image.msg_type is CompressedImage
        message = messages.bgr_to_compressed(small, header) if compressed else messages.bgr_to_image(small, header)
        self.image.publish(message)

    def by_stamp(self, topic: str, stamp_ns: int) -> Any:
        stamps = [m for m in list(self.got[topic]) if messages.stamp_to_ns(m.header.stamp) == stamp_ns]
        return stamps[-1] if stamps else None

    def answer(self, stamp_ns: int, *topics: str) -> list[Any]:
        """The messages with this stamp, waiting for them."""
        return [
            self.until(lambda topic=topic: self.by_stamp(topic, stamp_ns), f"{topic} of {stamp_ns}")
            for topic in topics or ("detections",)
        ]

    def diagnosis(self, part: str, true: Callable[[DiagnosticStatus], Any]) -> DiagnosticStatus:
        """The first status ``part`` from now on of which ``true`` holds."""
        start = len(self.got["diagnostics"])
        full = f"{self.name.lstrip('/')}: {part}"

        def found() -> DiagnosticStatus | None:
            for message in self.got["diagnostics"][start:]:
                for status in message.status:
                    if status.name == full and true(status):
                        return status
            return None

        return self.until(found, f"diagnostics of {part}")

    def values(self, part: str, true: Callable[[dict[str, str]], Any]) -> dict[str, str]:
        return values_of(self.diagnosis(part, lambda status: true(values_of(status))))

    def call(self, client: Any, request: Any) -> Any:
        assert client.wait_for_service(WAIT_S)
        future = client.call_async(request)
        self.until(future.done, client.srv_name)
        return future.result()

    def close(self) -> None:
        rclpy.shutdown(context=self.context)
        self._thread.join(WAIT_S)


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


class Cell:
    """A sorter node in this process, spinning, with a peer."""

    made = 0

    def __init__(self, checkpoint: Path, image: tuple[str, type] = ("image", Image), **overrides: object) -> None:
        settings: dict[str, object] = {
            "model.checkpoint": str(checkpoint),
            "model.device": "cpu",
            "model.precision": "fp32",
            "model.threads": 1,
            "detector.score_thresh": 0.0,
            "detector.max_detections": 5,
            "node.autostart": False,
            "node.max_age": 600.0,  # a loaded machine may take its time
        }
        settings.update({name.replace("__", "."): value for name, value in overrides.items()})
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        given = [Parameter(name, value=value) for name, value in settings.items()]
        namespace = f"/cell_{Cell.made}"
        Cell.made += 1
        self.node = SorterNode(context=self.context, namespace=namespace, parameter_overrides=given)
        self.peer = Peer(namespace, image)
        self._thread = threading.Thread(target=spin, args=(self.node,), daemon=True)
        self._thread.start()

    def start(self) -> Cell:
        self.node.start()
        assert self.node.lifecycle == "active"
        self.peer.ready()
        return self

    def settled(self) -> Snapshot:
        """The counters when no frame is in work."""

        def done() -> Snapshot | None:
            counters = self.node.health.snapshot()
            return counters if counters.received == counters.processed + sum(counters.dropped.values()) else None

        return self.peer.until(done, "the frame in work")

    def set(self, **values: object) -> tuple[bool, str]:
        changes = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
        result = self.node.set_parameters_atomically(changes)
        return result.successful, result.reason

    def close(self) -> None:
        rclpy.shutdown(context=self.context)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        assert self.node.end()
        self.peer.close()
