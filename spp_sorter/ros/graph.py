"""The simulated cell as a running graph: camera, sorter and arm in processes of their own, and a recorder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from spp_sorter.ros.cell import CellSettings
from spp_sorter.ros.processes import Processes
from spp_sorter.ros.recorder import RecordedTopic, Recorder
from spp_sorter.ros.shares import SOURCE_ROOT, config_file

READY_WITHIN_S = 180.0
"""Loading the model on a slow machine with a cold disk takes its time."""

DRAIN_S = 1.2
"""After the last frame every node publishes its diagnostics once more; only what is newer than this counts."""

DRAIN_WITHIN_S = 15.0

IMAGE, CAMERA_INFO, ENCODER, DEPTH = "/image", "/camera_info", "/belt_encoder", "/depth"
DETECTIONS, TRACKS, PICK_TARGETS, LABELS_TOPIC = (
    f"/spp_sorter/{name}" for name in ("detections", "detections_3d", "pick_targets", "label_info")
)
TRUTH, TRUTH_BOXES, WORLD = (f"/belt_camera/{name}" for name in ("truth", "truth_boxes", "world"))
PICKS = "/arm/picks"
DIAGNOSTICS = "/diagnostics"


class GraphError(RuntimeError):
    """The graph did not come up or did not go on; the text says what was waited for."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the nodes said about themselves at the end: their last diagnostics, key by key."""

    camera: dict[str, str]
    sorter: dict[str, str]
    detector: dict[str, str]
    arm: dict[str, str]


def graph_environment(domain_id: int) -> dict[str, str]:
    """The environment of every process of the graph, ours included: one DDS domain, this machine only, large frames.

    Args:
        domain_id: 0 to 101.
    """
    profile = str(config_file("fastdds.xml"))
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain_id),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTDDS_DEFAULT_PROFILES_FILE": profile,
        "PYTHONPATH": os.pathsep.join([str(SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "PYTHONUNBUFFERED": "1",
    }
    if os.environ.get("ROS_DISTRO") == "jazzy":
        environment["FASTRTPS_DEFAULT_PROFILES_FILE"] = profile
    return environment


def recorded_topics(depth: bool) -> tuple[RecordedTopic, ...]:
    """Everything that a run is judged by, shown by, and replayed from."""
    lossy = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    every = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    topics = (
        RecordedTopic(IMAGE, "sensor_msgs/msg/Image", lossy, spooled=True),
        RecordedTopic(CAMERA_INFO, "sensor_msgs/msg/CameraInfo", every),
        RecordedTopic(ENCODER, "sensor_msgs/msg/JointState", every),
        RecordedTopic(DETECTIONS, "vision_msgs/msg/Detection2DArray", every),
        RecordedTopic(TRACKS, "vision_msgs/msg/Detection3DArray", every),
        RecordedTopic(PICK_TARGETS, "vision_msgs/msg/Detection3DArray", every),
        RecordedTopic(LABELS_TOPIC, "vision_msgs/msg/LabelInfo", latched),
        RecordedTopic(TRUTH, "vision_msgs/msg/Detection3DArray", every),
        RecordedTopic(TRUTH_BOXES, "vision_msgs/msg/Detection2DArray", every),
        RecordedTopic(WORLD, "std_msgs/msg/String", latched),
        RecordedTopic(PICKS, "vision_msgs/msg/Detection3DArray", every),
        RecordedTopic(DIAGNOSTICS, "diagnostic_msgs/msg/DiagnosticArray", every),
    )
    depths = (RecordedTopic(DEPTH, "sensor_msgs/msg/Image", lossy, spooled=True),) if depth else ()
    return (*topics, *depths)


@contextmanager
def recording(settings: CellSettings, environment: dict[str, str], spool: Path) -> Iterator[Recorder]:
    """A recorder that spins in a thread of its own, in this process."""
    os.environ.update(environment)
    context = rclpy.Context()
    # Ctrl-C shall reach the main thread, which ends the children, and not just the context.
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        with Recorder(recorded_topics(settings.depth), spool, context=context) as recorder:
            executor = SingleThreadedExecutor(context=context)
            executor.add_node(recorder)
            thread = threading.Thread(target=_spin, args=(executor,), name="recorder", daemon=True)
            thread.start()
            try:
                yield recorder
            finally:
                executor.shutdown()
                thread.join(5.0)
    finally:
        context.try_shutdown()


def _spin(executor: SingleThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return


def start_nodes(processes: Processes, settings: CellSettings, sorter_parameters: dict[str, object]) -> None:
    """Start camera, arm and sorter; the camera waits until sorter and recorder listen."""
    camera = {
        parameter.name: getattr(settings, parameter.name)
        for parameter in CellSettings.parameters()
        if getattr(settings, parameter.name) != parameter.default
    }
    camera["wait_for_subscribers"] = 2
    processes.start("camera", "spp_sorter.ros.belt_camera_node", ros_arguments(camera))
    processes.start("arm", "spp_sorter.ros.arm_node", ["--ros-args", "-r", f"pick_targets:={PICK_TARGETS}"])
    processes.start("sorter", "spp_sorter.ros.sorter_node", ros_arguments(sorter_parameters))


def ros_arguments(parameters: dict[str, object]) -> list[str]:
    """Words of a command line that set a node's parameters."""
    words = ["--ros-args"]
    for name, value in parameters.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["-p", f"{name}:={text}"]
    return words


def watch(processes: Processes, recorder: Recorder, settings: CellSettings, progress: bool) -> Counts:
    """Wait for the graph to come up, to send all its frames, and to say what became of them.

    Raises:
        ProcessError: a process ended.
        GraphError: nothing came in time, or the sorter could not load its model.
    """
    _wait("the sorter to load its model and the camera to start", processes, READY_WITHIN_S, lambda: _is_up(recorder))
    seconds = round(settings.duration)
    with tqdm(total=seconds, unit="s", disable=not progress, desc="running") as bar:
        started = time.monotonic()

        def is_finished() -> bool:
            bar.update(min(int(time.monotonic() - started), seconds) - bar.n)
            return (recorder.status(DIAGNOSTICS, "belt_camera: frames") or {}).get("state") == "finished"

        _wait("the camera to send its frames", processes, 3.0 * settings.duration + 30.0, is_finished)
    ended_ns = int(recorder.get_clock().now().nanoseconds) + int(DRAIN_S * 1e9)
    names = ("belt_camera: frames", "spp_sorter: frames", "spp_sorter: detector", "arm: picks")

    def last_words() -> bool:
        statuses = [recorder.status(DIAGNOSTICS, name, ended_ns) for name in names]
        return all(status is not None for status in statuses) and _nothing_in_work(statuses[1] or {})

    _wait("the last diagnostics of every node", processes, DRAIN_WITHIN_S, last_words)
    return Counts(*(recorder.status(DIAGNOSTICS, name) or {} for name in names))


def _nothing_in_work(frames: dict[str, str]) -> bool:
    return int(frames["received"]) == int(frames["processed"]) + int(frames["dropped"])


def _is_up(recorder: Recorder) -> bool:
    detector = recorder.status(DIAGNOSTICS, "spp_sorter: detector") or {}
    if detector.get("level") == "2":
        raise GraphError(f"the sorter cannot start: {detector['message']}")
    return bool(recorder.records[WORLD])


def _wait(what: str, processes: Processes, seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        processes.check()
        if time.monotonic() > deadline:
            logs = ", ".join(str(child.log) for child in processes.children)
            raise GraphError(f"waited {seconds:.0f} s for {what}, in vain; see {logs}")
        time.sleep(0.1)
