"""The simulated camera over real topics: stamps, pictures, encoder and truth belong together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray, Detection3DArray

from spp_sorter.config import ConfigError
from spp_sorter.ros import messages
from spp_sorter.ros.belt_camera_node import BeltCameraNode, main
from spp_sorter.ros.cell import CellSettings, CellStart
from spp_sorter.ros.truth_messages import truth_boxes_from_msg
from spp_sorter.simulation.belt_world import BeltWorld, RenderedFrame

SETTINGS = CellSettings(
    width=160, height=120, fps=20.0, duration=1.0, depth=True, wait_for_subscribers=1, seed=3, encoder_rate=50.0
)


@pytest.fixture(scope="module")
def world() -> BeltWorld:
    return BeltWorld(SETTINGS.world_config())


@dataclass
class Heard:
    """Everything that came over the topics."""

    by_topic: dict[str, list[Any]] = field(default_factory=dict)

    def __getitem__(self, topic: str) -> list[Any]:
        return self.by_topic.setdefault(topic, [])

    def state(self) -> dict[str, str]:
        statuses = [s for m in self["/diagnostics"] for s in m.status if s.name == "belt_camera: frames"]
        return {value.key: value.value for value in statuses[-1].values} if statuses else {}


def listen(settings: CellSettings, world: BeltWorld, until: Callable[[Heard], bool], timeout_s: float = 15.0) -> Heard:
    heard = Heard()
    rclpy.init()
    overrides = [Parameter(p.name, value=getattr(settings, p.name)) for p in CellSettings.parameters()]
    camera = BeltCameraNode(world, parameter_overrides=overrides)
    listener = Node("listener")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    for kind, topic, qos in (
        (CameraInfo, "camera_info", 100),
        (Image, "depth", 100),
        (JointState, "belt_encoder", 1000),
        (Detection3DArray, "belt_camera/truth", 100),
        (Detection2DArray, "belt_camera/truth_boxes", 100),
        (DiagnosticArray, "/diagnostics", 100),
        (String, "belt_camera/world", latched),
        (Image, "image", 100),
    ):
        listener.create_subscription(kind, topic, heard[topic].append, qos)
    executor = SingleThreadedExecutor()
    for node in (camera, listener):
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    end = time.monotonic() + timeout_s
    while not until(heard) and time.monotonic() < end:
        time.sleep(0.02)
    executor.shutdown()
    thread.join(5.0)
    for node in (camera, listener):
        node.destroy_node()
    rclpy.try_shutdown()
    return heard


def stamps(messages_: list[Any]) -> list[int]:
    return [messages.stamp_to_ns(message.header.stamp) for message in messages_]


@pytest.fixture(scope="module")
def heard(world: BeltWorld) -> Heard:
    def complete(heard: Heard) -> bool:
        # The word that the camera is done may overtake its last frames on a busy machine.
        state = heard.state()
        topics = ("image", "depth", "camera_info", "belt_camera/truth", "belt_camera/truth_boxes")
        return state.get("state") == "finished" and all(len(heard[name]) >= int(state["sent"]) for name in topics)

    result = listen(SETTINGS, world, complete)
    assert result.state().get("state") == "finished"
    return result


@pytest.fixture(scope="module")
def start_ns(heard: Heard) -> int:
    start = CellStart.from_json(heard["belt_camera/world"][0].data)
    assert start.settings == SETTINGS
    return start.start_ns


def test_every_frame_is_accounted_for_at_its_exact_time(heard: Heard, start_ns: int) -> None:
    counts = heard.state()
    assert int(counts["sent"]) + int(counts["skipped"]) == 20
    assert len(heard["image"]) == int(counts["sent"]) >= 10
    grid = {start_ns + k * 50_000_000 for k in range(20)}
    assert set(stamps(heard["image"])) <= grid
    assert stamps(heard["image"]) == sorted(stamps(heard["image"]))
    assert stamps(heard["camera_info"]) == stamps(heard["depth"]) == stamps(heard["image"])


def test_pictures_show_the_world_at_their_stamps(heard: Heard, start_ns: int, world: BeltWorld) -> None:
    for image, depth in list(zip(heard["image"], heard["depth"], strict=True))[::6]:
        time_ns = messages.stamp_to_ns(image.header.stamp) - start_ns
        frame = world.render(time_ns, with_depth=True)
        # The world rounds a few pixels differently when it is not asked in the order of time.
        np.testing.assert_allclose(messages.image_to_bgr(image).astype(int), frame.image_bgr.astype(int), atol=1)
        np.testing.assert_array_equal(messages.depth_to_metres(depth), frame.depth_m)
        assert image.header.frame_id == depth.header.frame_id == "camera_optical_frame"


def test_intrinsics_are_the_worlds(heard: Heard, world: BeltWorld) -> None:
    intrinsics = messages.camera_info_to_intrinsics(heard["camera_info"][0])
    np.testing.assert_array_equal(intrinsics.k, world.intrinsics.k)
    np.testing.assert_array_equal(intrinsics.distortion, world.intrinsics.distortion)
    assert intrinsics.size_hw == (120, 160)


def test_the_encoder_is_true_to_its_stamps_and_runs_before_the_first_frame(
    heard: Heard, start_ns: int, world: BeltWorld
) -> None:
    readings = heard["belt_encoder"]
    assert len(readings) >= 40
    assert stamps(readings)[0] < start_ns
    for reading, stamp_ns in zip(readings, stamps(readings), strict=True):
        assert reading.position[0] == pytest.approx(world.belt_position_m(stamp_ns - start_ns), abs=1e-9)


def test_the_truth_is_the_worlds(heard: Heard, start_ns: int, world: BeltWorld) -> None:
    boxes, poses = heard["belt_camera/truth_boxes"][-1], heard["belt_camera/truth"][-1]
    stamp_ns = messages.stamp_to_ns(boxes.header.stamp)
    assert messages.stamp_to_ns(poses.header.stamp) == stamp_ns
    truth = world.render(stamp_ns - start_ns).truth
    assert truth is not None
    visible = [item for item in truth.items if np.isfinite(item.box_xyxy).all()]
    assert visible
    for box, item in zip(truth_boxes_from_msg(boxes), visible, strict=True):
        assert (box.id, box.label) == (item.id, item.label)
        np.testing.assert_allclose(box.box_xyxy, item.box_xyxy, atol=1e-9)
        assert box.visible_fraction == pytest.approx(item.visible_fraction)
    for entry, item in zip(messages.pick_targets_from_msg(poses), truth.items, strict=True):
        np.testing.assert_allclose(entry.point_belt, item.point_belt)
        np.testing.assert_allclose(entry.size_m, item.size_m)
        assert np.cos(2 * (entry.yaw_rad - item.yaw_rad)) == pytest.approx(1.0)
        assert (entry.track_id, entry.label) == (item.id, item.label)
    assert poses.header.frame_id == "belt"


class SlowWorld(BeltWorld):
    """A world on a machine that renders too slowly."""

    def render(self, stamp_ns: int, with_depth: bool = False, with_truth: bool = True) -> RenderedFrame:
        time.sleep(0.12)
        return super().render(stamp_ns, with_depth, with_truth)


def test_frames_that_come_too_late_are_skipped_and_counted() -> None:
    settings = CellSettings.from_values(
        {"width": 64, "height": 64, "fps": 20.0, "duration": 1.5, "render_ahead": 1, "wait_for_subscribers": 1}
    )
    world = SlowWorld(settings.world_config())
    heard = listen(settings, world, lambda heard: heard.state().get("state") == "finished")
    counts = {key: int(value) for key, value in heard.state().items() if key != "state"}
    assert counts["sent"] + counts["skipped"] == 30
    assert counts["skipped"] >= 10
    assert len(heard["image"]) == counts["sent"]
    start_ns = CellStart.from_json(heard["belt_camera/world"][0].data).start_ns
    assert all((stamp - start_ns) % 50_000_000 == 0 for stamp in stamps(heard["image"]))
    warned = [s for m in heard["/diagnostics"] for s in m.status if s.level == b"\x01"]
    assert "lower fps" in warned[-1].message


def test_nothing_is_sent_before_somebody_listens(world: BeltWorld) -> None:
    rclpy.init()
    overrides = [Parameter("wait_for_subscribers", value=2), Parameter("fps", value=20)]
    camera = BeltCameraNode(world, parameter_overrides=overrides)
    time.sleep(1.0)
    assert camera.counts.sent == 0
    assert camera.start_ns is None
    camera.destroy_node()
    rclpy.try_shutdown()


def test_wrong_settings_are_named_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"'fps' is 0.*; parameter 'density' is 'heaps'; allowed: one of sparse"):
        CellSettings.from_values({"fps": 0, "density": "heaps"})
    with pytest.raises(ConfigError, match="unknown"):
        CellSettings.from_values({"spped": 1.0})
    assert main(["--ros-args", "-p", "fps:=-1.0"]) == 1
    assert "fps" in capsys.readouterr().err
