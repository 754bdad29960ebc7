"""A simulated arm at the pick line: takes pick lists as they arrive, moves with finite speed, and records its picks.

It moves along y above the pick line, waits there for an item to cross, closes its gripper, carries the item to a bin
beside the belt and comes back. Time is cut into steps of one millisecond, so what it does depends on what it was told
and when, not on how often it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from spp_sorter.values import FloatArray, PickTarget

_STEP_NS = 1_000_000
_STEP_S = 1e-3
_STILL_MPS = 0.1  # a gripper faster than this does not close


@dataclass(frozen=True, slots=True)
class ArmConfig:
    """What the arm can do.

    Attributes:
        park_y: where it waits for work, metres in ``belt``.
        bin_y: where it drops items.
        max_speed: metres per second.
        max_acceleration: metres per second squared.
        grip_s: time that the gripper takes to close, after the item's crossing.
        release_s: time that it takes to let go over the bin.
        list_max_age_s: a list whose stamp is older than this on arrival is ignored.
        list_hold_s: without a new list for this long, nothing is begun and nothing uncommitted is pursued.
        commit_s: this long before its crossing an item is picked even when it is withdrawn.
        tolerance_m: the gripper must stand this near to the item's y when the item crosses.
    """

    park_y: float = 0.0
    bin_y: float = 0.45
    max_speed: float = 2.0
    max_acceleration: float = 15.0
    grip_s: float = 0.08
    release_s: float = 0.08
    list_max_age_s: float = 0.2
    list_hold_s: float = 0.5
    commit_s: float = 0.2
    tolerance_m: float = 0.005

    def __post_init__(self) -> None:
        for name in ("max_speed", "max_acceleration"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"arm {name} is {value}; allowed: a finite number over 0")


class ArmState(Enum):
    """What the arm is doing."""

    WAITING = "waiting"
    """Parked or on the way to park, free for work."""
    REACHING = "reaching"
    """On the way to an item, or above the pick line until it crosses."""
    GRIPPING = "gripping"
    CARRYING = "carrying"
    RELEASING = "releasing"


@dataclass(frozen=True, slots=True)
class ExecutedPick:
    """One closing of the gripper.

    Attributes:
        track_id: the item, by the list's number.
        label: its label by the list.
        stamp_ns: when the gripper closed on the pick line.
        point_belt: [3] float64 where: pick line, the arm's own y, the item's height.
        yaw_rad: the gripper's yaw.
        target: the pick target as last listed.
    """

    track_id: int
    label: str
    stamp_ns: int
    point_belt: FloatArray
    yaw_rad: float
    target: PickTarget


class Arm:
    """The arm's state at one moment; call ``take_list`` and ``update`` with times that do not go back.

    Args:
        config: what it can do.
    """

    def __init__(self, config: ArmConfig | None = None) -> None:
        self.config = config or ArmConfig()
        self.y = self.config.park_y
        self.velocity = 0.0
        self.state = ArmState.WAITING
        self.num_lists = 0
        self.num_stale_lists = 0
        self.num_withdrawn = 0
        self.num_too_late = 0
        self._now_ns: int | None = None
        self._until_ns = 0
        self._targets: dict[int, PickTarget] = {}
        self._list_ns: int | None = None
        self._goal: PickTarget | None = None
        self._done: set[int] = set()

    @property
    def goal(self) -> PickTarget | None:
        """The item that it is after, None when it is after none."""
        return self._goal

    def take_list(self, now_ns: int, list_stamp_ns: int, targets: Sequence[PickTarget]) -> bool:
        """Take a pick list that arrives now; it replaces the one before.

        Args:
            now_ns: the time of arrival.
            list_stamp_ns: the list's own stamp (its image's).
            targets: most urgent first.

        Returns:
            False when the list was too old and is ignored.
        """
        if now_ns - list_stamp_ns > self.config.list_max_age_s * 1e9:
            self.num_stale_lists += 1
            return False
        self.num_lists += 1
        self._list_ns = now_ns
        self._targets = {target.track_id: target for target in targets if target.track_id not in self._done}
        if self._goal is not None and self.state is ArmState.REACHING:
            renewed = self._targets.get(self._goal.track_id)
            if renewed is not None:
                self._goal = renewed
            elif not self._committed(self._goal, now_ns):
                self.num_withdrawn += 1
                self._drop_goal()
        return True

    def _committed(self, goal: PickTarget, now_ns: int) -> bool:
        return now_ns >= goal.stamp_ns - self.config.commit_s * 1e9

    def _left_alone(self, now_ns: int) -> bool:
        return self._list_ns is None or now_ns - self._list_ns > self.config.list_hold_s * 1e9

    def update(self, now_ns: int) -> list[ExecutedPick]:
        """Let time pass up to ``now_ns``; returns the picks executed meanwhile."""
        if self._now_ns is None:
            self._now_ns = now_ns
        picks = []
        while self._now_ns + _STEP_NS <= now_ns:
            self._now_ns += _STEP_NS
            pick = self._step(self._now_ns)
            if pick is not None:
                picks.append(pick)
        return picks

    def _step(self, now_ns: int) -> ExecutedPick | None:
        if self.state is ArmState.WAITING:
            self._choose(now_ns)
        if self.state in (ArmState.GRIPPING, ArmState.RELEASING):
            if now_ns >= self._until_ns:
                self.state = ArmState.CARRYING if self.state is ArmState.GRIPPING else ArmState.WAITING
            return None
        if self.state is ArmState.REACHING and self._goal is not None:
            if self._left_alone(now_ns) and not self._committed(self._goal, now_ns):
                self.num_withdrawn += 1
                self._drop_goal()
                return None
            self._move_towards(float(self._goal.point_belt[1]))
            return self._close_on(self._goal, now_ns) if now_ns >= self._goal.stamp_ns else None
        if self.state is ArmState.CARRYING:
            self._move_towards(self.config.bin_y)
            if abs(self.y - self.config.bin_y) < 1e-4 and abs(self.velocity) < 1e-3:
                self.state = ArmState.RELEASING
                self._until_ns = now_ns + round(self.config.release_s * 1e9)
            return None
        self._move_towards(self.config.park_y)
        return None

    def _choose(self, now_ns: int) -> None:
        """Go for the first item to cross that can be reached in time."""
        if self._left_alone(now_ns):
            return
        for target in sorted(self._targets.values(), key=lambda each: (each.stamp_ns, each.track_id)):
            left_s = (target.stamp_ns - now_ns) * 1e-9
            if target.track_id not in self._done and left_s > self.seconds_to(float(target.point_belt[1])):
                self._goal = target
                self.state = ArmState.REACHING
                return

    def _close_on(self, goal: PickTarget, now_ns: int) -> ExecutedPick | None:
        self._done.add(goal.track_id)
        self._targets.pop(goal.track_id, None)
        if abs(self.y - float(goal.point_belt[1])) > self.config.tolerance_m or abs(self.velocity) > _STILL_MPS:
            self.num_too_late += 1
            self._drop_goal()
            return None
        self.velocity = 0.0
        self.state = ArmState.GRIPPING
        self._until_ns = now_ns + round(self.config.grip_s * 1e9)
        self._goal = None
        point = np.array([goal.point_belt[0], self.y, goal.point_belt[2]])
        return ExecutedPick(goal.track_id, goal.label, now_ns, point, goal.yaw_rad, goal)

    def _drop_goal(self) -> None:
        self._goal = None
        self.state = ArmState.WAITING

    def seconds_to(self, y: float) -> float:
        """Time to come to rest at ``y``: from where it would stop if it braked now, so never too short."""
        a, v_max = self.config.max_acceleration, self.config.max_speed
        braking_s = abs(self.velocity) / a
        distance = abs(y - self.y - 0.5 * self.velocity * braking_s)
        if distance <= v_max * v_max / a:
            return braking_s + 2.0 * math.sqrt(distance / a)
        return braking_s + distance / v_max + v_max / a

    def _move_towards(self, y: float) -> None:
        """One step towards rest at ``y`` within the limits of speed and acceleration."""
        left = y - self.y
        a = self.config.max_acceleration
        change = a * _STEP_S
        if abs(left) < 1e-4 and abs(self.velocity) <= change:
            self.y, self.velocity = y, 0.0
            return
        # The speed from which it can still brake before y, seen from the end of this step.
        braking = math.sqrt((0.5 * change) ** 2 + 2.0 * a * abs(left)) - 0.5 * change
        wanted = math.copysign(min(self.config.max_speed, braking), left)
        self.velocity += min(max(wanted - self.velocity, -change), change)
        self.y += self.velocity * _STEP_S
