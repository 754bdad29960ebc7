"""Where the camera stood in the belt's frame at an image's stamp: from parameters, or from TF."""

from __future__ import annotations

from typing import Any, Protocol

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from spp_sorter.config import Config
from spp_sorter.geometry.camera import pose_from_quaternion
from spp_sorter.values import Level, Pose, Status

TF_WAIT_S = 0.05
"""How long a frame may wait for its transform: TF is often published a little after the image."""

PARAMETER_REMEDY = "set camera.extrinsics to 'parameter' and give camera.position and camera.orientation"


class Extrinsics(Protocol):
    """A source of the camera's pose."""

    def pose(self, frame_id: str, stamp_ns: int) -> Pose | Status:
        """Pose of the optical frame ``frame_id`` in ``belt`` at ``stamp_ns``, or why there is none."""

    def close(self) -> None:
        """Free what it holds."""


class ParameterExtrinsics:
    """The pose of ``camera.position`` and ``camera.orientation``."""

    def __init__(self, config: Config) -> None:
        self._pose = pose_from_quaternion(config.camera.position, config.camera.orientation)

    def pose(self, frame_id: str, stamp_ns: int) -> Pose | Status:  # noqa: ARG002 - one pose for all
        """The configured pose, whatever the frame and the stamp."""
        return self._pose

    def close(self) -> None:
        """Nothing is held."""


class TfExtrinsics:
    """The pose that TF has at the image's stamp, never at the latest one.

    Args:
        node: listens to /tf and /tf_static.
        target_frame: the belt's frame.
        tf2_ros: the module.
    """

    def __init__(self, node: Node, target_frame: str, tf2_ros: Any) -> None:
        self._node, self._target_frame, self._tf2_ros = node, target_frame, tf2_ros
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def pose(self, frame_id: str, stamp_ns: int) -> Pose | Status:
        """The pose, or status ``tf_late`` (known, but not at this stamp) or ``tf_missing``."""
        stamp = Time(nanoseconds=stamp_ns)
        try:
            found = self._buffer.lookup_transform(self._target_frame, frame_id, stamp, Duration(seconds=TF_WAIT_S))
        except self._tf2_ros.ExtrapolationException as error:
            return Status(
                "tf_late",
                Level.ERROR,
                f"TF has no transform from '{frame_id}' to '{self._target_frame}' at the image's stamp: "
                f"{_reason(error)}. Publish it at the camera's rate or as static, with synchronised clocks",
            )
        except self._tf2_ros.TransformException as error:
            return Status(
                "tf_missing",
                Level.ERROR,
                f"TF has no transform from '{frame_id}' to '{self._target_frame}': {_reason(error)}. Publish it, or "
                f"{PARAMETER_REMEDY}",
            )
        move, turn = found.transform.translation, found.transform.rotation
        return pose_from_quaternion((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))

    def close(self) -> None:
        """Stop listening. The buffer's own service would stay, one more with every activation."""
        self._listener.unregister()
        service = getattr(self._buffer, "srv", None)
        if service is not None:
            self._node.destroy_service(service)


def _reason(error: Exception) -> str:
    """What tf2 says, without the full stops that it ends on."""
    return str(error).rstrip(" .")


class MissingTf:
    """Stands in where tf2_ros is not installed, and says so with every frame."""

    def pose(self, frame_id: str, stamp_ns: int) -> Pose | Status:  # noqa: ARG002 - never known
        """Status ``tf_unavailable``."""
        return Status(
            "tf_unavailable",
            Level.ERROR,
            "camera.extrinsics is 'tf' and tf2_ros is not installed: install ros-$ROS_DISTRO-tf2-ros, or "
            f"{PARAMETER_REMEDY}",
        )

    def close(self) -> None:
        """Nothing is held."""


def make_extrinsics(node: Node, config: Config) -> Extrinsics:
    """The source that ``camera.extrinsics`` names; tf2_ros is imported only for ``tf``."""
    if config.camera.extrinsics == "parameter":
        return ParameterExtrinsics(config)
    try:
        import tf2_ros
    except ImportError:
        return MissingTf()
    return TfExtrinsics(node, config.node.target_frame, tf2_ros)
