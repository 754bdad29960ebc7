"""Replay: what is in the bag goes through the sorter in stamp order, and twice the same comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import serialize_message
from replay_bags import (
    FRAME_ID,
    INTRINSICS,
    SPEED_MPS,
    START_NS,
    STEP_NS,
    BagSpec,
    SquareDetector,
    belt_image,
    depth_image,
    image_message,
    make_bag,
)
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, Image, JointState

from spp_sorter.config import Config, ConfigError
from spp_sorter.geometry.camera import pose_from_quaternion
from spp_sorter.ros.bag_frames import BagFrame, BagFrames
from spp_sorter.ros.bag_topics import TopicNames, choose_topics
from spp_sorter.ros.bags import STORAGES, BagError, BagReader
from spp_sorter.ros.messages import make_header, pick_targets_from_msg, stamp_to_ns
from spp_sorter.ros.parameter_files import read_parameters, read_setting
from spp_sorter.ros.replay import BAG_NAME, VIDEO_NAME, Outputs, replay
from spp_sorter.ros.replay_report import ReplayReport
from spp_sorter.sorting import Sorter
from spp_sorter.values import BeltSample, Frame

DETECTIONS, PICKS, TRACKS = (f"/spp_sorter/{name}" for name in ("detections", "pick_targets", "detections_3d"))


def run(bag_path: Path, out: Path, config: Config | None = None, video: bool = False, **names: str) -> ReplayReport:
    with BagReader(bag_path) as bag:
        return replay(bag, SquareDetector(), config or Config(), Outputs(out, video), TopicNames(**names))


def serialised(out: Path, topic: str = DETECTIONS) -> list[bytes]:
    with BagReader(out / BAG_NAME) as bag:
        return [message.data for message in bag.messages([topic])]


def decoded(out: Path, topic: str) -> list[Any]:
    with BagReader(out / BAG_NAME) as bag:
        return [message.decode() for message in bag.messages([topic])]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("compressed", [False, True])
def test_two_replays_write_the_same_bytes(tmp_path: Path, storage: str, compressed: bool) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec(storage=storage, compressed=compressed))
    reports = [run(bag, tmp_path / name) for name in ("a", "b")]
    first, second = (serialised(tmp_path / name) for name in ("a", "b"))
    assert len(first) == 16
    assert first == second
    assert (tmp_path / "a" / BAG_NAME).read_bytes() == (tmp_path / "b" / BAG_NAME).read_bytes()
    assert reports[0].detections["non_compost"] == 16
    assert reports[0].picked == reports[1].picked != set()


def test_raw_and_lossless_compressed_bags_give_the_same_detections(tmp_path: Path) -> None:
    for name, compressed in (("raw", False), ("coded", True)):
        run(make_bag(tmp_path / name, BagSpec(compressed=compressed)), tmp_path / f"out_{name}")
    assert serialised(tmp_path / "out_raw") == serialised(tmp_path / "out_coded")


def test_exactly_sorter_process_is_run_on_every_frame(tmp_path: Path) -> None:
    run(make_bag(tmp_path / "bag", BagSpec()), tmp_path / "out")
    sorter = Sorter(SquareDetector(), Config())
    pose = pose_from_quaternion(Config().camera.position, Config().camera.orientation)
    expected_picks = []
    for tick in range(16 * 5):
        stamp_ns = START_NS + tick * STEP_NS // 5
        sorter.add_belt_sample(BeltSample(stamp_ns, 3.0 + tick * STEP_NS / 5 * 1e-9 * SPEED_MPS))
        if tick % 5 == 0:
            frame = Frame(stamp_ns, belt_image(tick // 5), FRAME_ID, INTRINSICS, pose)
            expected_picks.append([(p.track_id, p.stamp_ns, tuple(p.point_belt)) for p in sorter.process(frame).picks])
    messages = decoded(tmp_path / "out", PICKS)
    assert [stamp_to_ns(m.header.stamp) for m in messages] == [START_NS + k * STEP_NS for k in range(16)]
    assert all(m.header.frame_id == "belt" for m in messages)
    picks = [[(p.track_id, p.stamp_ns, tuple(p.point_belt)) for p in pick_targets_from_msg(m)] for m in messages]
    assert picks == expected_picks
    assert any(picks)


def test_late_readings_are_put_in_their_place(tmp_path: Path) -> None:
    for late_ns in (0, 400_000_000):
        run(make_bag(tmp_path / f"bag{late_ns}", BagSpec(encoder_late_ns=late_ns)), tmp_path / f"out{late_ns}")
    assert serialised(tmp_path / "out0", PICKS) == serialised(tmp_path / "out400000000", PICKS)


def test_belt_velocity_is_used(tmp_path: Path) -> None:
    more = []
    for tick in range(16 * 5):
        stamp_ns = START_NS + tick * STEP_NS // 5
        message = TwistStamped(header=make_header(stamp_ns, "belt"))
        message.twist.linear.x = SPEED_MPS
        more.append(("/belt_velocity", message, stamp_ns))
    run(make_bag(tmp_path / "bag", BagSpec(encoder=False, more=more)), tmp_path / "out")
    last = pick_targets_from_msg(decoded(tmp_path / "out", PICKS)[-1])
    run(make_bag(tmp_path / "bag2", BagSpec()), tmp_path / "out2")
    expected = pick_targets_from_msg(decoded(tmp_path / "out2", PICKS)[-1])
    assert abs(last[0].stamp_ns - expected[0].stamp_ns) < 20_000_000


def spoil(k: int, message: Image) -> Image | bytes:
    if k == 2:
        message.data = message.data[: len(message.data) // 2]
    elif k == 4:
        message.encoding = "magic8"
    elif k == 5:
        message.height = message.width = 0
        message.data = message.data[:0]
    elif k == 7:
        return serialize_message(message)[:60]
    return message


def test_bad_frames_are_counted_by_cause_and_the_rest_is_sorted(tmp_path: Path) -> None:
    report = run(make_bag(tmp_path / "bag", BagSpec(change=spoil)), tmp_path / "out")
    assert dict(report.bad) == {"truncated": 1, "unknown_encoding": 1, "empty": 1, "broken_message": 1}
    assert report.num_frames == 16
    assert report.num_processed == 12
    assert len(serialised(tmp_path / "out")) == 12
    assert "magic8" in report.table()
    assert [entry["bad"] for entry in report.per_frame if "bad" in entry] == [
        "truncated",
        "unknown_encoding",
        "empty",
        "broken_message",
    ]


def test_bad_camera_info_and_encoder_are_counted_not_fatal(tmp_path: Path) -> None:
    more = [
        ("/camera/camera_info", CameraInfo(header=make_header(START_NS, FRAME_ID)), START_NS + 100 * STEP_NS),
        ("/belt_encoder", JointState(header=make_header(START_NS, "belt")), START_NS + 1),
    ]
    report = run(make_bag(tmp_path / "bag", BagSpec(more=more)), tmp_path / "out")
    assert dict(report.bad_inputs) == {"/belt_encoder bad_belt": 1, "/camera/camera_info uncalibrated": 1}
    assert report.num_processed == 16
    assert report.picked


def test_without_camera_info_there_are_detections_and_a_named_condition(tmp_path: Path) -> None:
    report = run(make_bag(tmp_path / "bag", BagSpec(camera_info=False)), tmp_path / "out")
    assert report.detections["compost"] == 16
    assert report.picked == set()
    assert report.conditions["no_camera_info"] == 16


def tf_message(parent: str, child: str, stamp_ns: int, x: float) -> tuple[str, Any]:
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    time = types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    transform = types["geometry_msgs/msg/TransformStamped"](
        header=types["std_msgs/msg/Header"](stamp=time, frame_id=parent),
        child_frame_id=child,
        transform=types["geometry_msgs/msg/Transform"](
            translation=types["geometry_msgs/msg/Vector3"](x=x, y=0.0, z=1.0 if parent == "belt" else 0.0),
            rotation=types["geometry_msgs/msg/Quaternion"](
                x=0.0 if parent == "belt" else 1.0, y=0.0, z=0.0, w=1.0 if parent == "belt" else 0.0
            ),
        ),
    )
    message = types["tf2_msgs/msg/TFMessage"](transforms=[transform])
    return "tf2_msgs/msg/TFMessage", bytes(store.serialize_cdr(message, "tf2_msgs/msg/TFMessage"))


def test_the_pose_comes_from_tf_at_the_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera on a slide: static gantry, moving mount. The tracks stand where the slide's position puts them."""
    from spp_sorter.ros.bags import BagWriter

    def write(self: BagWriter, topic: str, message: Any, recorded_ns: int, latched: bool = False) -> None:
        if isinstance(message, tuple):
            self.write(topic, message[0], recorded_ns, message[1], latched)
        else:
            write_message(self, topic, message, recorded_ns, latched)

    write_message = BagWriter.write_message
    monkeypatch.setattr(BagWriter, "write_message", write)
    more = [("/tf_static", tf_message("mount", FRAME_ID, 0, 0.0), START_NS)]
    for second in (-1, 0, 1, 2):
        stamp_ns = START_NS + second * 10**9
        more.append(("/tf", tf_message("belt", "mount", stamp_ns, 0.1 * second), stamp_ns + 2 * 10**9))
    bag_path = make_bag(tmp_path / "bag", BagSpec(more=more))
    config = Config().replaced({"camera.extrinsics": "tf"})
    with BagReader(bag_path) as bag:
        frames = [e for e in BagFrames(bag, choose_topics(bag.topics, TopicNames(), False), config)
                  if isinstance(e, BagFrame)]  # fmt: skip
    for k, item in enumerate(frames):
        assert item.frame is not None
        assert item.frame.camera_in_belt is not None
        np.testing.assert_allclose(item.frame.camera_in_belt.translation, [0.1 * k * STEP_NS * 1e-9, 0, 1], atol=1e-9)
        np.testing.assert_allclose(item.frame.camera_in_belt.rotation, np.diag([1.0, -1.0, -1.0]), atol=1e-12)
    assert len(frames) == 16


def test_missing_transforms_are_a_condition_of_the_frame_or_an_error_at_the_start(tmp_path: Path) -> None:
    config = Config().replaced({"camera.extrinsics": "tf"})
    with pytest.raises(BagError, match=r"record /tf and /tf_static.*parameter"):
        run(make_bag(tmp_path / "bag", BagSpec()), tmp_path / "out", config)


def test_depth_gives_the_height_of_a_thing(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec(depth=True))
    report = run(bag, tmp_path / "out", Config().replaced({"node.use_depth": True}))
    assert report.conditions["depth_missing"] == 0
    heights = [item.bbox.size.z for message in decoded(tmp_path / "out", TRACKS)[4:] for item in message.detections]
    assert abs(np.median(heights) - 0.05) < 0.004
    assert float(depth_image(8).min()) == pytest.approx(0.95)


def test_depth_that_is_not_there_is_an_error_with_the_topics(tmp_path: Path) -> None:
    config = Config().replaced({"node.use_depth": True})
    with pytest.raises(BagError, match=r"no depth topic.*--depth-topic.*/camera/image \(sensor_msgs/msg/Image\)"):
        run(make_bag(tmp_path / "bag", BagSpec()), tmp_path / "out", config)


def test_a_bag_without_pictures_lists_what_it_holds(tmp_path: Path) -> None:
    reading = JointState(header=make_header(1, "belt"), position=[0.0])
    bag = make_bag(tmp_path / "bag", BagSpec(frames=0, more=[("/belt_encoder", reading, 1)]))
    with pytest.raises(BagError, match=r"holds no pictures.*/belt_encoder \(sensor_msgs/msg/JointState\)"):
        run(bag, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_several_cameras_must_be_chosen_from(tmp_path: Path) -> None:
    more = [("/left/image", image_message(0, False), START_NS), ("/right/image", image_message(1, False), START_NS)]
    bag = make_bag(tmp_path / "bag", BagSpec(frames=3, more=more))
    with pytest.raises(BagError, match="--image-topic"):
        run(bag, tmp_path / "out")
    assert run(bag, tmp_path / "out", image="/left/image").num_frames == 1
    with pytest.raises(BagError, match="--image-topic is '/top'"):
        run(bag, tmp_path / "out", image="/top")


def test_pictures_of_a_sorter_and_depth_are_not_taken_for_the_camera() -> None:
    topics = {
        "/cam/color/image_raw": "sensor_msgs/msg/Image",
        "/cam/color/image_raw/compressed": "sensor_msgs/msg/CompressedImage",
        "/cam/color/camera_info": "sensor_msgs/msg/CameraInfo",
        "/cam/depth/image_rect_raw": "sensor_msgs/msg/Image",
        "/cam/depth/camera_info": "sensor_msgs/msg/CameraInfo",
        "/spp_sorter/annotated_image": "sensor_msgs/msg/Image",
        "/joint_states": "sensor_msgs/msg/JointState",
    }
    chosen = choose_topics(topics, TopicNames(), use_depth=True)
    assert chosen.images == ("/cam/color/image_raw", "/cam/color/image_raw/compressed")
    assert chosen.camera_info == "/cam/color/camera_info"
    assert chosen.depth == "/cam/depth/image_rect_raw"
    assert chosen.belt_encoder is None
    with pytest.raises(BagError, match=r"--encoder-topic is '/tf'"):
        choose_topics(topics, TopicNames(belt_encoder="/tf"), use_depth=False)


def test_a_frame_recorded_raw_and_compressed_is_sorted_once(tmp_path: Path) -> None:
    more = [("/camera/image/compressed", image_message(k, True), START_NS + k * STEP_NS + 1) for k in range(16)]
    assert run(make_bag(tmp_path / "bag", BagSpec(more=more)), tmp_path / "out").num_frames == 16


def test_the_video_has_every_frame_at_its_rate(tmp_path: Path) -> None:
    def grow(k: int, message: Image) -> Image:
        return image_message(k, False) if k % 2 else message

    run(make_bag(tmp_path / "bag", BagSpec(change=grow)), tmp_path / "out", video=True)
    video = cv2.VideoCapture(str(tmp_path / "out" / VIDEO_NAME))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(20.0)
    shapes = []
    while True:
        good, image = video.read()
        if not good:
            break
        shapes.append(image.shape)
    assert shapes == [(240, 320, 3)] * 16


def test_parameters_come_from_ros_files(tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    use_sim_time: true\n    belt: {speed: 1}\n    qos_overrides: {a: {depth: 3}}\n"
        "/cell/spp_sorter:\n  ros__parameters:\n    picking:\n      labels: [glass]\n    belt.motion: constant\n"
        "other_node:\n  ros__parameters: {nonsense: 1}\n"
    )
    values = read_parameters(path)
    assert values == {"belt.speed": 1, "picking.labels": ["glass"], "belt.motion": "constant"}
    assert Config.from_flat(values).belt.speed == 1.0
    assert read_setting("camera.position=[0, 0, 1.5]") == ("camera.position", [0, 0, 1.5])
    for text, words in (("- 1", "ros__parameters"), ("a: [", "no YAML")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_parameters(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_parameters(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        read_setting("belt.speed")


def test_labels_that_the_model_does_not_know_are_refused(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", BagSpec(frames=1))
    with pytest.raises(ConfigError, match=r"\['glass'\]; allowed: labels of the model, compost, non_compost"):
        run(bag, tmp_path / "out", Config().replaced({"picking.labels": ["glass"]}))


def test_figures_are_plain_json(tmp_path: Path) -> None:
    report = run(make_bag(tmp_path / "bag", BagSpec(change=spoil)), tmp_path / "out")
    figures = json.loads(json.dumps(report.as_json(bag="x")))
    assert figures["frames"] == 16
    assert figures["bad"]["truncated"] == 1
    assert set(figures["stages_ms"]["detect"]) == {"p50", "p95", "p99"}
    assert figures["per_frame"][1]["best"]["label"] in ("compost", "non_compost")
