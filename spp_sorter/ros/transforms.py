"""Where one frame was in another at a given stamp, from recorded TF messages: the little of tf2 that a replay needs."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spp_sorter.geometry.camera import pose_from_quaternion
from spp_sorter.values import FloatArray, Pose


class TransformError(LookupError):
    """There is no transform between two frames at a stamp; the text says why."""


@dataclass(slots=True)
class _Edge:
    """The transforms of one child frame in its parent: one for ever, or samples in the order of their stamps."""

    parent: str
    static: bool
    stamps_ns: list[int] = field(default_factory=list)
    positions: list[FloatArray] = field(default_factory=list)
    quaternions: list[FloatArray] = field(default_factory=list)

    def at(self, stamp_ns: int, child: str) -> Pose:
        """The child's pose in the parent; linear between two samples, never beyond them, as tf2 does it."""
        if self.static:
            return pose_from_quaternion(self.positions[-1], self.quaternions[-1])
        if not self.stamps_ns[0] <= stamp_ns <= self.stamps_ns[-1]:
            side, gap_ns = (
                ("before the first", self.stamps_ns[0] - stamp_ns)
                if stamp_ns < self.stamps_ns[0]
                else ("after the last", stamp_ns - self.stamps_ns[-1])
            )
            raise TransformError(
                f"the stamp is {gap_ns * 1e-9:.3f} s {side} transform from '{self.parent}' to '{child}'"
            )
        after = bisect.bisect_left(self.stamps_ns, stamp_ns)
        if self.stamps_ns[after] == stamp_ns:
            return pose_from_quaternion(self.positions[after], self.quaternions[after])
        start_ns, end_ns = self.stamps_ns[after - 1], self.stamps_ns[after]
        part = (stamp_ns - start_ns) / (end_ns - start_ns)
        position = (1.0 - part) * self.positions[after - 1] + part * self.positions[after]
        return pose_from_quaternion(position, _slerp(self.quaternions[after - 1], self.quaternions[after], part))


class TransformTree:
    """All transforms of a bag."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def __len__(self) -> int:
        """Number of child frames."""
        return len(self._edges)

    @property
    def frames(self) -> tuple[str, ...]:
        """Names of all frames, sorted."""
        return tuple(sorted({*self._edges, *(edge.parent for edge in self._edges.values())}))

    def add_message(self, message: Any, static: bool) -> None:
        """Take every transform of a tf2_msgs/TFMessage."""
        for transform in message.transforms:
            stamp = transform.header.stamp
            translation, rotation = transform.transform.translation, transform.transform.rotation
            self.add(
                parent=transform.header.frame_id,
                child=transform.child_frame_id,
                stamp_ns=stamp.sec * 1_000_000_000 + stamp.nanosec,
                position=np.array([translation.x, translation.y, translation.z]),
                quaternion_xyzw=np.array([rotation.x, rotation.y, rotation.z, rotation.w]),
                static=static,
            )

    def add(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        position: FloatArray,
        quaternion_xyzw: FloatArray,
        static: bool = False,
    ) -> None:
        """Take one transform: the pose of ``child`` in ``parent``.

        Args:
            parent: name of the parent frame.
            child: name of the child frame.
            stamp_ns: when it held.
            position: [3] metres.
            quaternion_xyzw: [4] of length 1.
            static: whether it holds at all times.
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent or edge.static != static:
            edge = self._edges[child] = _Edge(parent, static)
        place = bisect.bisect_right(edge.stamps_ns, stamp_ns)
        edge.stamps_ns.insert(place, stamp_ns)
        edge.positions.insert(place, np.asarray(position, np.float64))
        edge.quaternions.insert(place, np.asarray(quaternion_xyzw, np.float64))

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """The pose of frame ``source`` in frame ``target`` at a stamp.

        Raises:
            TransformError: a frame is unknown, the two are not connected, or the stamp is outside the samples.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        for frame in (source, target):
            if frame not in self.frames:
                known = ", ".join(self.frames) or "none"
                raise TransformError(f"frame '{frame}' is not in the bag's TF (frames: {known})")
        up_from_source = self._path_up(source)
        up_from_target = self._path_up(target)
        common = next((frame for frame in up_from_source if frame in up_from_target), None)
        if common is None:
            raise TransformError(f"frames '{source}' and '{target}' are not connected in the bag's TF")
        source_in_common = self._in_ancestor(up_from_source[: up_from_source.index(common)], stamp_ns)
        target_in_common = self._in_ancestor(up_from_target[: up_from_target.index(common)], stamp_ns)
        rotation = target_in_common.rotation.T
        return Pose(
            rotation=rotation @ source_in_common.rotation,
            translation=rotation @ (source_in_common.translation - target_in_common.translation),
        )

    def _path_up(self, frame: str) -> list[str]:
        path = [frame]
        while path[-1] in self._edges:
            parent = self._edges[path[-1]].parent
            if parent in path:
                raise TransformError(f"the bag's TF has a loop at frame '{parent}'")
            path.append(parent)
        return path

    def _in_ancestor(self, path: list[str], stamp_ns: int) -> Pose:
        pose = Pose(np.eye(3), np.zeros(3))
        for frame in path:
            step = self._edges[frame].at(stamp_ns, frame)
            pose = Pose(step.rotation @ pose.rotation, step.rotation @ pose.translation + step.translation)
        return pose


def _slerp(start: FloatArray, end: FloatArray, part: float) -> FloatArray:
    """Between two unit quaternions along the shorter way (Shoemake 1985)."""
    cosine = float(start @ end)
    if cosine < 0.0:
        end, cosine = -end, -cosine
    angle = np.arccos(min(1.0, cosine))
    if angle < 1e-6:
        mixed = (1.0 - part) * start + part * end
    else:
        mixed = (np.sin((1.0 - part) * angle) * start + np.sin(part * angle) * end) / np.sin(angle)
    return np.asarray(mixed / np.linalg.norm(mixed))
