"""One run of the sorter over a belt that was looked at, under one condition: ``Sorter.process``, frame by frame.

Letters: N detections.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spp_sorter.config import Config
from spp_sorter.learning.picking_benchmark_belts import (
    START_NS,
    BeltPlan,
    ObservedBelt,
    motion_of,
    stamp_of,
)
from spp_sorter.learning.picking_benchmark_conditions import Condition
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.sorting import Sorter
from spp_sorter.values import BeltSample, Detections, FloatArray, Frame, ImageArray, IntArray, PickTarget, SortResult

_ENCODER_STEP_M = 1e-4
"""Resolution of the belt's encoder."""

_LEAD_IN_S = 0.5  # the encoder speaks before the camera does


@dataclass(frozen=True, slots=True)
class SentList:
    """One list of picks, as the arm gets it.

    Attributes:
        stamp_ns: the image's stamp.
        sent_ns: when it was sent.
        picks: most urgent first.
        boxes_xyxy: [N, 4] what the detector saw.
        track_ids: [N] the tracks of that, 0 for none.
        num_tracks: living tracks.
        looked: whether the network saw the frame.
        work_ms: processor time of ``Sorter.process``, which is tracker and planner: the detector answers at once.
    """

    stamp_ns: int
    sent_ns: int
    picks: tuple[PickTarget, ...]
    boxes_xyxy: FloatArray
    track_ids: IntArray
    num_tracks: int
    looked: bool
    work_ms: float


class _Replayed:
    """Serves as the detector: what the true one found in the frame that is shown."""

    def __init__(self, detections: tuple[Detections, ...]) -> None:
        self._detections = detections
        self.label_names = detections[0].label_names
        self.frame = 0

    def detect(self, image_bgr: ImageArray) -> Detections:  # noqa: ARG002 (the picture was looked at before)
        """The detections of ``frame``."""
        return self._detections[self.frame]


def run_sorter(
    belt: ObservedBelt,
    condition: Condition,
    config: Config,
    take: Callable[[SortResult, int], None] | None = None,
) -> list[SentList]:
    """Run the sorter over a whole belt.

    Args:
        belt: what lies there, and what the detector saw.
        condition: what the sorter meets.
        config: its settings; the encoder's offset and the network's trigger are set from the condition.
        take: gets every result and the time at which it is sent.
    """
    own = {"belt.encoder_offset": -condition.encoder_late_s, "inference.trigger": condition.trigger}
    config = config.replaced(own)
    rng = np.random.default_rng([belt.plan.seed, 31])
    detector = _Replayed(belt.detections)
    sorter = Sorter(detector, config)
    world = belt.plan.world_config()
    empty = np.zeros((*world.size_hw, 3), np.uint8)
    encoder = _Encoder(belt.plan, condition, np.random.default_rng([belt.plan.seed, 37]))
    depth = _depth_world(belt.plan, condition)
    latency_ns = round(condition.latency_s * 1e9)
    lists = []
    for frame in range(belt.plan.num_frames):
        if rng.random() < condition.dropped:
            continue
        stamp_ns = stamp_of(frame)
        sent_ns = stamp_ns + latency_ns
        # What has been read by the time that the list is made is known to the sorter.
        for sample in encoder.until(sent_ns):
            sorter.add_belt_sample(sample)
        detector.frame = frame
        depth_m = None if depth is None else depth.render(stamp_ns - START_NS, True, False).depth_m
        frame_of_belt = Frame(stamp_ns, empty, "camera", world.camera, world.camera_in_belt, depth_m)
        # The time of this core alone: other processes on the machine do not count.
        started = time.thread_time()
        result = sorter.process(frame_of_belt)
        work_ms = (time.thread_time() - started) * 1e3
        if take is not None:
            take(result, sent_ns)
        lists.append(
            SentList(
                stamp_ns,
                sent_ns,
                result.picks,
                result.detections.boxes_xyxy,
                result.track_ids,
                len(result.tracks),
                result.looked,
                work_ms,
            )
        )
    return lists


def _depth_world(plan: BeltPlan, condition: Condition) -> BeltWorld | None:
    if condition.depth_noise_m is None:
        return None
    config = dataclasses.replace(
        plan.world_config(), depth_noise_m=condition.depth_noise_m, depth_dropout=condition.depth_dropout
    )
    return BeltWorld(config)


class _Encoder:
    """Readings of the belt's encoder in the order in which they are taken.

    Args:
        plan: the belt.
        condition: rate, jitter and clock.
        rng: for the jitter.
    """

    def __init__(self, plan: BeltPlan, condition: Condition, rng: np.random.Generator) -> None:
        self._motion = motion_of(plan)
        self._condition = condition
        self._rng = rng
        self._number = 0

    def until(self, now_ns: int) -> list[BeltSample]:
        """The readings that have not been given yet and have been taken by ``now_ns`` of the camera's clock."""
        samples: list[BeltSample] = []
        rate = self._condition.encoder_hz
        while rate:
            time_s = self._number / rate - _LEAD_IN_S
            if START_NS + round(time_s * 1e9) > now_ns:
                break
            self._number += 1
            position = self._motion.position_m(round(time_s * 1e9))
            jitter_s = float(self._rng.normal()) * self._condition.encoder_jitter_s
            stamp_ns = START_NS + round((time_s + jitter_s + self._condition.encoder_late_s) * 1e9)
            samples.append(BeltSample(stamp_ns, round(position / _ENCODER_STEP_M) * _ENCODER_STEP_M))
        return samples
