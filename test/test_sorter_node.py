"""The node through its topics and services: real rclpy publishers and subscribers, real detector, real DDS."""

from __future__ import annotations

import array
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from node_cell import ON_REQUEST, Cell, Peer, picture, random_checkpoint, start_process, values_of
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from spp_sorter.ros import messages, shared_memory
from spp_sorter.values import LABELS, Detections, Grasps, ImageArray

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(tmp_path_factory.mktemp("weights") / "random.pt")


@pytest.fixture(scope="module")
def shared(checkpoint: Path) -> Iterator[Cell]:
    """One active node for the tests that leave it as it was."""
    cell = Cell(checkpoint).start()
    yield cell
    cell.close()


@pytest.fixture
def peer(shared: Cell) -> Peer:
    shared.peer.send_camera_info()
    return shared.peer


def test_a_frame_is_answered_with_its_own_stamp(peer: Peer) -> None:
    stamp_ns = peer.send(picture())
    detections, tracks, picks = peer.answer(stamp_ns, "detections", "detections_3d", "pick_targets")
    assert detections.header.frame_id == "camera_optical_frame"
    assert tracks.header.frame_id == picks.header.frame_id == "belt"
    assert 0 < len(detections.detections) <= 5
    read, _ = messages.detections_from_msg(detections, LABELS)
    assert (read.boxes_xyxy >= 0).all()
    assert (read.boxes_xyxy[:, [0, 2]] <= 160).all()
    assert (read.boxes_xyxy[:, [1, 3]] <= 120).all()
    for item in detections.detections:
        assert messages.stamp_to_ns(item.header.stamp) == stamp_ns
        assert {h.hypothesis.class_id for h in item.results} == set(LABELS)
        assert item.results[0].hypothesis.score >= item.results[1].hypothesis.score


def test_sizes_and_encodings_may_change_in_mid_stream(peer: Peer) -> None:
    for size_hw in ((48, 64), (97, 131), (120, 160)):
        image = picture(size_hw)
        detections, picks = peer.answer(peer.send(image), "detections", "pick_targets")
        read, _ = messages.detections_from_msg(detections, LABELS)
        assert (read.boxes_xyxy[:, 2:] <= (size_hw[1], size_hw[0])).all()
        assert len(picks.detections) == 0 or size_hw == (120, 160)
    mono = messages.bgr_to_image(picture()[..., :1], messages.make_header(peer.now_ns(), "camera"))
    mono.encoding = "mono8"
    peer.image.publish(mono)
    peer.answer(messages.stamp_to_ns(mono.header.stamp))


def test_label_map_is_latched(peer: Peer) -> None:
    info = peer.until(lambda: peer.got["label_info"])[-1]
    assert [(c.class_id, c.class_name) for c in info.class_map] == [(0, "compost"), (1, "non_compost")]


@pytest.mark.parametrize(
    ("cause", "fields"),
    [
        ("bad.unknown_encoding", {"encoding": "bgr88"}),
        ("bad.truncated", {"height": 240}),
        ("bad.empty", {"data": array.array("B")}),
        ("bad.bad_size", {"height": 60}),
        ("bad.bad_step", {"step": 3}),
    ],
)
def test_bad_frames_are_counted_and_the_node_stays_up(shared: Cell, peer: Peer, cause: str, fields: dict) -> None:
    before = shared.settled()
    message = messages.bgr_to_image(picture(), messages.make_header(peer.now_ns(), "camera"))
    for name, value in fields.items():
        setattr(message, name, value)
    peer.image.publish(message)
    peer.until(lambda: shared.node.health.snapshot().dropped.get(cause, 0) == before.dropped.get(cause, 0) + 1)
    peer.answer(peer.send(picture()))
    after = shared.settled()
    assert (after.received, after.processed) == (before.received + 2, before.processed + 1)


def test_bad_frames_are_diagnosed(peer: Peer) -> None:
    message = messages.bgr_to_image(picture(), messages.make_header(peer.now_ns(), "camera"))
    message.step = 3
    peer.image.publish(message)
    status = peer.diagnosis("frames", lambda s: "dropped.bad.bad_step" in values_of(s))
    assert status.level == b"\x01"
    assert "bad.bad_step" in status.message
    assert "step is 3" in peer.values("detector", lambda v: v["last_error"])["last_error"]


def test_broken_and_old_stamps(peer: Peer) -> None:
    peer.send(picture(), peer.now_ns() - 3_600_000_000_000)
    status = peer.diagnosis("frames", lambda s: "dropped.stale" in values_of(s))
    assert "use_sim_time" in status.message
    message = messages.bgr_to_image(picture(), messages.make_header(peer.now_ns(), "camera"))
    message.header.stamp.nanosec = 4_000_000_000
    peer.image.publish(message)
    peer.diagnosis("frames", lambda s: "dropped.bad.bad_stamp" in values_of(s))
    peer.answer(peer.send(picture()))


def test_parameters_change_live_or_are_refused(shared: Cell, peer: Peer) -> None:
    assert shared.set(detector__score_thresh=1.0) == (True, "")
    (detections,) = peer.answer(peer.send(picture()))
    assert detections.detections == []
    assert shared.set(detector__score_thresh=0.0) == (True, "")
    (detections,) = peer.answer(peer.send(picture()))
    assert len(detections.detections) > 0
    done, reason = shared.set(picking__labels=["glass"])
    assert not done
    assert "compost, non_compost" in reason
    done, reason = shared.set(model__proposer="grid")
    assert not done
    assert "unconfigured" in reason


def test_pictures_are_drawn_only_while_somebody_looks(shared: Cell, peer: Peer) -> None:
    subscriptions = [peer.listen(topic, kind) for topic, kind in ON_REQUEST.items()]
    peer.until(lambda: all(subscription.get_publisher_count() for subscription in subscriptions))
    topics = [f"{peer.name}/{topic}" for topic in ON_REQUEST]
    peer.until(lambda: all(shared.node.count_subscribers(topic) for topic in topics))
    stamp_ns = peer.send(picture())
    raw, compressed = peer.answer(stamp_ns, "annotated_image", "annotated_image/compressed")
    assert messages.image_to_bgr(raw).shape == messages.compressed_to_bgr(compressed).shape == (120, 160, 3)
    assert (messages.image_to_bgr(raw) != picture()).any()
    markers = peer.until(lambda: peer.got["markers"])[-1]
    assert {marker.header.frame_id for marker in markers.markers} == {"belt"}
    assert {"pick_line", "reach"} <= {marker.ns for marker in markers.markers}
    for subscription in subscriptions:
        peer.node.destroy_subscription(subscription)
    peer.until(lambda: not any(shared.node.count_subscribers(topic) for topic in topics))
    drawn = len(peer.got["annotated_image"])
    peer.answer(peer.send(picture()))
    assert len(peer.got["annotated_image"]) == drawn


def test_lifecycle_through_its_services(checkpoint: Path) -> None:
    cell = Cell(checkpoint)
    peer = cell.peer
    try:

        def change(transition: int) -> bool:
            request = ChangeState.Request(transition=Transition(id=transition))
            return bool(peer.call(peer.change, request).success)

        def state() -> str:
            return str(peer.call(peer.state, GetState.Request()).current_state.label)

        assert state() == "unconfigured"
        assert not change(Transition.TRANSITION_ACTIVATE)
        for _ in range(2):
            assert change(Transition.TRANSITION_CONFIGURE)
            assert state() == "inactive"
            assert change(Transition.TRANSITION_ACTIVATE)
            peer.ready()
            peer.answer(peer.send(picture()))
            peer.answer(peer.send(picture()), "pick_targets")
            peer.got["pick_targets"].clear()
            assert change(Transition.TRANSITION_DEACTIVATE)
            assert peer.until(lambda: peer.got["pick_targets"])[-1].detections == []
            assert not change(Transition.TRANSITION_DEACTIVATE)
            assert state() == "inactive"
            assert change(Transition.TRANSITION_CLEANUP)
        assert state() == "unconfigured"
        assert change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
        assert state() == "finalized"
    finally:
        cell.close()


def test_a_model_that_does_not_load_is_named_and_another_one_loads(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"not a checkpoint")
    cell = Cell(broken)
    try:
        assert cell.node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert cell.node.lifecycle == "unconfigured"
        status = cell.peer.diagnosis("detector", lambda s: s.level == b"\x02")
        assert "broken.pt" in status.message
        assert cell.set(model__checkpoint=str(checkpoint), picking__labels=["glass"]) == (True, "")
        assert cell.node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert "glass" in cell.peer.diagnosis("detector", lambda s: "picking" in s.message).message
        assert cell.set(picking__labels=["non_compost"])[0]
        cell.start()
        cell.peer.answer(cell.peer.send(picture()))
    finally:
        cell.close()


def test_missing_and_uncalibrated_camera_info_are_named(checkpoint: Path) -> None:
    cell = Cell(checkpoint).start()
    peer = cell.peer
    try:
        detections, picks = peer.answer(peer.send(picture()), "detections", "pick_targets")
        assert len(detections.detections) > 0
        assert picks.detections == []
        peer.values("sorting", lambda v: v.get("no_camera_info", "").startswith("ERROR"))
        peer.camera_info.publish(CameraInfo(height=120, width=160))
        peer.values("sorting", lambda v: "calibrate" in v.get("camera_info_uncalibrated", ""))
        peer.send_camera_info()
        peer.values("transport", lambda v: v[f"{peer.camera_info.topic_name} messages"] == "2")
        peer.answer(peer.send(picture()))
        peer.values("sorting", lambda v: "no_camera_info" not in v)
    finally:
        cell.close()


@pytest.mark.parametrize("topic", ["image", "image/compressed"])
def test_compressed_images_on_either_name(checkpoint: Path, topic: str) -> None:
    cell = Cell(checkpoint, (topic, CompressedImage), node__image_transport="compressed").start()
    peer = cell.peer
    try:
        stamp_ns = peer.now_ns()
        header = messages.make_header(stamp_ns, "camera_optical_frame")
        peer.image.publish(messages.bgr_to_compressed(picture(), header))
        (detections,) = peer.answer(stamp_ns)
        assert len(detections.detections) > 0
    finally:
        cell.close()


def test_qos_is_overridden_by_parameters_and_a_mismatch_is_named(checkpoint: Path) -> None:
    cell = Cell(checkpoint, **{f"qos_overrides./cell_{Cell.made}/image.subscription.reliability": "reliable"})
    try:
        cell.node.start()
        status = cell.peer.diagnosis("transport", lambda s: "best effort" in s.message)
        assert status.level == b"\x01"
        assert "best_effort" in status.message
    finally:
        cell.close()


@pytest.mark.parametrize("entity", ["/image.subscription", "/spp_sorter/detections.publisher"])
def test_qos_that_does_not_exist_fails_cleanly(checkpoint: Path, entity: str) -> None:
    cell = Cell(checkpoint, **{f"qos_overrides./cell_{Cell.made}{entity}.reliability": "guess"})
    try:
        cell.node.start()
        expected = "inactive" if "image" in entity else "unconfigured"
        assert cell.node.lifecycle == expected
        topics = dict(cell.node.get_publisher_names_and_types_by_node("spp_sorter", cell.node.get_namespace()))
        assert (f"{cell.peer.name}/pick_targets" in topics) == (expected == "inactive")
        assert cell.node.count_subscribers(cell.peer.camera_info.topic_name) == 0
        assert cell.node.health.snapshot().last_error.endswith("`guess`")
    finally:
        cell.close()


def test_silence_withdraws_the_picks_once(checkpoint: Path) -> None:
    cell = Cell(checkpoint, node__stale_after=0.4).start()
    peer = cell.peer
    try:
        stamp_ns = peer.send(picture())
        peer.answer(stamp_ns, "pick_targets")
        count = len(peer.got["pick_targets"])
        peer.until(lambda: len(peer.got["pick_targets"]) > count, "the withdrawal")
        status = peer.diagnosis("frames", lambda s: s.level == b"\x03")
        assert "withdrawn" in status.message
        later = peer.got["pick_targets"][count:]
        assert [len(m.detections) for m in later] == [0]
        assert messages.stamp_to_ns(later[0].header.stamp) == stamp_ns
        stamp_ns = peer.send(picture())
        peer.until(lambda: len(peer.got["pick_targets"]) == count + 3, "an answer and a second withdrawal")
        assert messages.stamp_to_ns(peer.got["pick_targets"][-1].header.stamp) == stamp_ns
    finally:
        cell.close()


def test_depth_and_tf_that_are_not_there_are_named(checkpoint: Path) -> None:
    cell = Cell(checkpoint, node__use_depth=True, camera__extrinsics="tf").start()
    peer = cell.peer
    depth = peer.node.create_publisher(Image, "depth", qos_profile_sensor_data)
    try:
        peer.send_camera_info()
        (picks,) = peer.answer(peer.send(picture()), "pick_targets")
        assert picks.detections == []
        shown = peer.values("sorting", lambda v: "depth_missing" in v)
        assert any(name in shown for name in ("tf_unavailable", "tf_missing"))
        assert "no_camera_pose" in shown
        peer.until(depth.get_subscription_count)
        stamp_ns = peer.now_ns()
        header = messages.make_header(stamp_ns, "camera_optical_frame")
        depth.publish(messages.metres_to_depth(np.ones((120, 160), np.float32), header))
        peer.send(picture(), stamp_ns)
        peer.answer(stamp_ns)
        peer.values("sorting", lambda v: "no_camera_pose" in v and "depth_missing" not in v)
    finally:
        cell.close()


class RedDetector:
    """Finds red blocks: a detector whose answers are known, to follow an item through the node to the arm."""

    label_names = LABELS
    description = "red blocks"
    fail = False

    def configure(self, config: object) -> None:
        """No thresholds."""

    def warm_up(self, size_hw: tuple[int, int] = (480, 640)) -> None:
        """Nothing to warm up."""

    def detect(self, image_bgr: ImageArray) -> Detections:
        if self.fail:
            raise RuntimeError("out of memory")
        mask = ((image_bgr[..., 2] > 200) & (image_bgr[..., 0] < 50)).astype(np.uint8)
        _, _, stats, centres = cv2.connectedComponentsWithStats(mask)
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        n = len(boxes)
        sizes = (boxes[:, 2:] - boxes[:, :2]).astype(np.float32)
        grasps = Grasps(centres[1:].astype(np.float32) + 0.5, np.zeros(n, np.float32), sizes)
        probs = np.tile(np.float32([0.02, 0.97]), (n, 1))
        return Detections(boxes, probs[:, 1], np.ones(n, np.int64), probs, LABELS, grasps)


@pytest.fixture
def red_cell(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cell, RedDetector]]:
    detector = RedDetector()
    monkeypatch.setattr("spp_sorter.detector.Detector.from_config", lambda _: detector)
    cell = Cell(checkpoint, picking__pick_line=0.9).start()
    yield cell, detector
    cell.close()


def test_an_item_is_offered_to_the_arm_where_and_when_it_crosses(red_cell: tuple[Cell, RedDetector]) -> None:
    peer = red_cell[0].peer
    peer.until(peer.encoder.get_subscription_count)
    start_ns = peer.now_ns()
    # A flat block of 60 x 30 mm at y = 0.05 m; the camera 1 m up at x = 0 sees image right as belt +x, down as -y.
    speed_mps, start_x, y = 0.4, -0.2, 0.05
    for number in range(14):
        stamp_ns = start_ns + number * 50_000_000
        travelled = speed_mps * number * 0.05
        header = messages.make_header(stamp_ns, "encoder")
        peer.encoder.publish(JointState(header=header, name=["belt"], position=[5.0 + travelled]))
        peer.send_camera_info()
        image = np.full((120, 160, 3), 90, np.uint8)
        u, v = (start_x + travelled) * 160 + 79.5, -y * 160 + 59.5
        cv2.rectangle(image, (round(u - 4.8), round(v - 2.4)), (round(u + 4.8), round(v + 2.4)), (20, 20, 230), -1)
        peer.send(image, stamp_ns)
        (picks,) = peer.answer(stamp_ns, "pick_targets")
    (pick,) = messages.pick_targets_from_msg(picks)
    (track,) = peer.answer(stamp_ns, "detections_3d")[0].detections
    (detection,) = peer.answer(stamp_ns)[0].detections
    assert str(pick.track_id) == track.id == detection.id
    assert pick.label == "non_compost"
    np.testing.assert_allclose(pick.point_belt[:2], [0.9, y], atol=0.02)
    crossing_ns = start_ns + round((0.9 - start_x) / speed_mps * 1e9)
    assert abs(pick.stamp_ns - crossing_ns) < 60_000_000
    assert (np.linalg.eigvalsh(pick.covariance) > -1e-12).all()


def test_a_detector_that_raises_costs_one_frame(red_cell: tuple[Cell, RedDetector]) -> None:
    cell, detector = red_cell
    detector.fail = True
    cell.peer.send(picture())
    status = cell.peer.diagnosis("detector", lambda s: s.level == b"\x02")
    assert "RuntimeError: out of memory" in status.message
    cell.peer.values("frames", lambda v: v.get("dropped.failed.RuntimeError") == "1")
    detector.fail = False
    cell.peer.answer(cell.peer.send(picture()))


CAMERA = """
import sys, time, numpy as np, rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from spp_sorter.ros import messages, shared_memory
rclpy.init()
node = Node("camera")
publisher = node.create_publisher(Image, sys.argv[1], qos_profile_sensor_data)
while not publisher.get_subscription_count():
    time.sleep(0.01)
print("ready", flush=True)
sys.stdin.readline()  # the other end may learn of it some seconds later
image = np.zeros((120, 160, 3), np.uint8)
for number in range(40):
    stamp_ns = node.get_clock().now().nanoseconds
    publisher.publish(messages.bgr_to_image(image, messages.make_header(stamp_ns, "camera")))
    print(stamp_ns, flush=True)
    time.sleep(0.04)
print("end", flush=True)
sys.stdin.readline()  # what a publisher sent last is lost with it, where nobody has taken it yet
rclpy.shutdown()
"""


def test_camera_in_another_process(shared: Cell) -> None:
    peer = shared.peer
    before, topic = shared.settled(), peer.image.topic_name
    known = shared.node.count_publishers(topic)
    command = [sys.executable, "-c", CAMERA, topic]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as camera:
        assert camera.stdin is not None and camera.stdout is not None
        assert camera.stdout.readline() == "ready\n"
        peer.until(lambda: shared.node.count_publishers(topic) > known, "the camera on the graph")
        camera.stdin.write("\n")
        camera.stdin.flush()
        sent = []
        while (line := camera.stdout.readline()) != "end\n":
            assert line, "the camera ended early"
            sent.append(int(line))
        peer.answer(sent[-1])
        camera.communicate("\n", timeout=30)
    assert camera.returncode == 0
    answered = {messages.stamp_to_ns(m.header.stamp) for m in peer.got["detections"]}
    assert len(answered & set(sent)) >= 5
    after = shared.settled()
    received = after.received - before.received
    assert received == len(sent)
    assert after.lost == before.lost


def end_by(process: subprocess.Popen[str], number: signal.Signals, peer: Peer) -> None:
    """Signal the process while frames come in; it takes its picks back, says goodbye in time and with code 0."""
    peer.answer(peer.send(picture()), "pick_targets")
    for _ in range(5):
        stamp_ns = peer.send(picture())
    segments = shared_memory.segments_of(process.pid)
    assert segments
    process.send_signal(number)
    started = time.monotonic()
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - started < 2.5
    assert process.returncode == 0, output
    assert "Traceback" not in output
    last = peer.got["pick_targets"][-1]
    assert last.detections == []
    assert messages.stamp_to_ns(last.header.stamp) <= stamp_ns
    assert shared_memory.clear(segments) == [], "left behind in /dev/shm"


def executors() -> tuple[str, str]:
    """Two executors, or one twice where this rclpy has no other."""
    return ("single", "events" if find_spec("rclpy.experimental") else "single")


def test_nodes_in_other_processes_until_a_signal(checkpoint: Path, tmp_path: Path) -> None:
    """Two cells in two namespaces: each answers its own camera only, a best-effort one and a late, reliable one.

    Each runs on another executor.
    """
    signals = {"/far_2": signal.SIGINT, "/far_15": signal.SIGTERM}
    processes = {
        name: start_process(checkpoint, tmp_path, "-r", f"__ns:={name}", "-p", f"node.executor:={executor}")
        for name, executor in zip(signals, executors(), strict=True)
    }
    peers = {}
    try:
        for name, qos in zip(signals, (qos_profile_sensor_data, QoSProfile(depth=5)), strict=True):
            peer = peers[name] = Peer(name, qos=qos)
            peer.until(peer.image.get_subscription_count, f"the node of {name} in its process", 150)
            peer.ready()
            peer.values("sorting", lambda v: "no_camera_info" in v)
            peer.send_camera_info()  # after the images
            peer.values("transport", lambda v, name=name: v[f"{name}/camera_info messages"] == "1")
            peer.answer(peer.send(picture()), "detections", "pick_targets")
            peer.values("sorting", lambda v: "no_camera_info" not in v)
        sent = {name: peer.send(picture()) for name, peer in peers.items()}
        for name, peer in peers.items():
            peer.answer(sent[name])
            assert all(peer.by_stamp("detections", sent[other]) is None for other in signals if other != name)
        for name, number in signals.items():
            end_by(processes[name], number, peers[name])
    finally:
        for process in processes.values():
            process.kill()
        for peer in peers.values():
            peer.close()


def test_wrong_start_values_are_one_line_and_exit_code_1(checkpoint: Path, tmp_path: Path) -> None:
    process = start_process(checkpoint, tmp_path, "-p", "belt.motion:=guess")
    output, _ = process.communicate(timeout=150)
    assert process.returncode == 1
    assert "belt.motion" in output
    assert "encoder" in output
    assert "Traceback" not in output
