"""Depth by stamp, and the camera's pose from parameters and from TF."""

from __future__ import annotations

import threading
import types
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_srvs.srv import Trigger

from spp_sorter.config import Config
from spp_sorter.ros import extrinsics, intake, messages
from spp_sorter.ros.extrinsics import TfExtrinsics, make_extrinsics
from spp_sorter.ros.intake import DepthBuffer
from spp_sorter.values import Pose, Status

MS = 1_000_000


def depth(stamp_ns: int, metres: float = 1.0) -> messages.Image:
    return messages.metres_to_depth(np.full((2, 3), metres, np.float32), messages.make_header(stamp_ns, "camera"))


def test_depth_is_found_by_its_stamp() -> None:
    buffer = DepthBuffer(length=3)
    for number in range(5):
        buffer.add(depth(number * 33 * MS, 1.0 + number))
    for number in (2, 3, 4):
        metres = buffer.metres_at(number * 33 * MS + 2 * MS)
        assert isinstance(metres, np.ndarray)
        assert metres[0, 0] == 1.0 + number
    gone = buffer.metres_at(33 * MS)
    assert isinstance(gone, Status)
    assert gone.name == "depth_missing"


def test_depth_that_comes_a_little_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "DEPTH_WAIT_S", 20.0)
    buffer = DepthBuffer()
    buffer.add(depth(0))
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(buffer.metres_at(33 * MS)))
    thread.start()
    buffer.add(depth(33 * MS, 2.0))
    thread.join(20)
    assert isinstance(found[0], np.ndarray)
    assert found[0][0, 0] == 2.0


def test_no_wait_for_a_depth_camera_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "DEPTH_WAIT_S", 1e6)
    assert isinstance(DepthBuffer().metres_at(0), Status)


def test_broken_depth_has_a_cause() -> None:
    buffer = DepthBuffer()
    message = depth(0)
    message.encoding = "rgb8"
    buffer.add(message)
    broken = buffer.metres_at(0)
    assert isinstance(broken, Status)
    assert broken.name == "depth_unknown_encoding"
    message.header.stamp.nanosec = 2**32 - 1
    with pytest.raises(messages.BadFrame):
        buffer.add(message)


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("listener", context=context)
    rclpy.shutdown(context=context)


def test_pose_from_parameters(node: Node) -> None:
    config = Config.from_flat({"camera.position": [0.1, 0.2, 1.5], "camera.orientation": [1.0, 0.0, 0.0, 0.0]})
    pose = make_extrinsics(node, config).pose("camera", 5)
    assert isinstance(pose, Pose)
    np.testing.assert_array_equal(pose.translation, [0.1, 0.2, 1.5])
    np.testing.assert_allclose(pose.rotation, np.diag([1, -1, -1]), atol=1e-12)


class TransformException(Exception):
    pass


class LookupException(TransformException):
    pass


class ExtrapolationException(TransformException):
    pass


class Buffer:
    """What tf2_ros.Buffer does at one stamp; tf2 itself is not to be had from PyPI."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.srv = node.create_service(Trigger, "tf2_frames", lambda _, response: response)

    def lookup_transform(self, target: str, source: str, stamp: Time, timeout: Duration) -> TransformStamped:
        assert timeout.nanoseconds > 0
        if source != "camera":
            raise LookupException(f'"{source}" does not exist')
        if stamp.nanoseconds != 5:
            raise ExtrapolationException("would require extrapolation into the future")
        found = TransformStamped(header=messages.make_header(5, target), child_frame_id=source)
        found.transform.translation.z = 1.2
        found.transform.rotation.x, found.transform.rotation.w = 1.0, 0.0
        return found


class TransformListener:
    def __init__(self, buffer: Buffer, node: Node) -> None:
        assert buffer.node is node
        self.listening = True

    def unregister(self) -> None:
        self.listening = False


TF2_ROS = types.SimpleNamespace(
    Buffer=Buffer,
    TransformListener=TransformListener,
    TransformException=TransformException,
    ExtrapolationException=ExtrapolationException,
)


def test_pose_from_tf_at_the_stamp_or_why_not(node: Node) -> None:
    services = len(list(node.services))
    source = TfExtrinsics(node, "belt", TF2_ROS)
    pose = source.pose("camera", 5)
    assert isinstance(pose, Pose)
    np.testing.assert_allclose(pose.translation, [0, 0, 1.2])
    np.testing.assert_allclose(pose.rotation, np.diag([1, -1, -1]), atol=1e-12)
    late, missing = source.pose("camera", 6), source.pose("other", 5)
    assert isinstance(late, Status)
    assert isinstance(missing, Status)
    assert (late.name, missing.name) == ("tf_late", "tf_missing")
    assert extrinsics.PARAMETER_REMEDY in missing.message
    assert len(list(node.services)) == services + 1
    source.close()
    assert len(list(node.services)) == services, "a service that stays would be one more with every activation"
