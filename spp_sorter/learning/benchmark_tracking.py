"""``spp_sorter benchmark tracking``: time of the tracker and of the planner, with so many items in view at once.

Detections are exact projections of boxes on the belt plus noise; nothing but tracking and planning is timed.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from spp_sorter.config import Config
from spp_sorter.geometry.belt import BeltMotion, BeltPosition, Forecast
from spp_sorter.geometry.camera import Camera
from spp_sorter.learning.benchmark_frames import machine, percentiles
from spp_sorter.learning.evaluate import write_json
from spp_sorter.picking.grasp import view_detections
from spp_sorter.picking.planner import plan_picks
from spp_sorter.picking.tracker import Tracker, Tracking
from spp_sorter.simulation.scene_config import camera_pose, default_intrinsics
from spp_sorter.values import LABELS, BeltSample, Detections, FloatArray, Grasps

SIZE_HW = (480, 640)
VIEW_M = 1.0
"""Length of belt that the camera sees from 1 m above it."""

SPEED_MPS, FPS, ENCODER_HZ = 0.5, 30.0, 50.0
NOISE_PX, MISSED = 1.0, 0.05
WARM_UP = 90
"""Frames until as many items have come into view, and gone on towards the pick line, as ever will."""

START_NS = 1_700_000_000_000_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of this kind."""
    parser.add_argument("--items", type=int, default=50, metavar="N", help="in view at once (%(default)s)")
    parser.add_argument("--frames", type=int, default=600, metavar="N", help="that are timed (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another belt (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Track and plan, check the tracks against the truth, print times, write ``--json``; 1 where tracks are wrong."""
    if not 1 <= args.items <= 300 or args.frames < 1:
        raise ValueError(f"--items is {args.items}, --frames {args.frames}; allowed: 1 to 300, and 1 and more")
    with one_core():
        figures = measure(args.items, args.frames, args.seed)
    if figures["followed"] < 0.95:
        print(f"{figures['followed']:.1%} of the items in view are followed; times of a tracker that does not work")
        return 1
    for name in ("tracker", "planner", "both"):
        times = figures["latency_ms"][name]
        print(f"{name:<8} p50 {times['p50']:.2f}  p95 {times['p95']:.2f}  p99 {times['p99']:.2f} ms")
    print(f"one core, {figures['detections']:.0f} detections and {figures['tracks']:.0f} tracks a frame")
    print(
        f"position error p95 {figures['position_error_mm.p95']:.1f} mm, {figures['followed']:.1%} of the items followed"
    )
    if args.json is not None:
        write_json(args.json, figures)
    return 0


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(num_items: int, num_frames: int, seed: int) -> dict[str, Any]:
    """Times and the check, under the keys of ``--json``."""
    rng = np.random.default_rng(seed)
    camera = Camera(default_intrinsics(SIZE_HW), camera_pose())
    config = Config()
    items = Items(num_items, SPEED_MPS * (num_frames + WARM_UP) / FPS + VIEW_M, rng)
    belt, tracker = BeltMotion(config.belt), Tracker(LABELS, config.picking.max_height)
    times: list[tuple[float, float]] = []
    counts: list[tuple[int, int]] = []
    errors: list[FloatArray] = []
    in_view = followed = readings = 0
    for frame in range(num_frames + WARM_UP):
        seconds = frame / FPS
        while readings / ENCODER_HZ <= seconds + 1e-9:
            at_s = readings / ENCODER_HZ
            belt.add(BeltSample(START_NS + round(at_s * 1e9), position_m=SPEED_MPS * at_s))
            readings += 1
        stamp_ns = START_NS + round(seconds * 1e9)
        position, forecast = belt.position(stamp_ns), belt.forecast(stamp_ns)
        detections, seen = items.detections(camera, SPEED_MPS * seconds, rng)
        if not isinstance(position, BeltPosition) or not isinstance(forecast, Forecast):
            continue
        views = view_detections(detections, camera, None)
        started = time.perf_counter()
        tracking = tracker.update(stamp_ns, views, position, camera, config.picking.pick_line)
        tracked = time.perf_counter()
        plan_picks(tracking.tracks, forecast, config.picking, tracking.blocked)
        planned = time.perf_counter()
        if frame >= WARM_UP:
            times.append((tracked - started, planned - tracked))
            counts.append((len(detections), len(tracking.tracks)))
            in_view += len(seen)
            followed += int((tracking.track_ids > 0).sum())
            errors.append(items.errors(tracking, seen, SPEED_MPS * seconds))
    both, off_mm = np.array(times) * 1e3, np.concatenate(errors) * 1e3
    return {
        "items": num_items,
        "detections": float(np.mean([c[0] for c in counts])),
        "tracks": float(np.mean([c[1] for c in counts])),
        "followed": followed / max(in_view, 1),
        "position_error_mm.p95": float(np.percentile(off_mm, 95)) if len(off_mm) else math.inf,
        "latency_ms": {
            "tracker": percentiles(both[:, 0]),
            "planner": percentiles(both[:, 1]),
            "both": percentiles(both.sum(1)),
        },
        "machine": machine(),
    }


class Items:
    """Boxes on an endless belt, so densely that ``num_in_view`` are in view; half of them contaminants."""

    def __init__(self, num_in_view: int, length_m: float, rng: np.random.Generator) -> None:
        number = round(num_in_view * length_m / VIEW_M)
        self.x = VIEW_M / 2 - length_m * (np.arange(number) + 0.5) / number
        self.y = rng.permuted(np.resize(np.linspace(-0.32, 0.32, 7), number))
        self.height = rng.uniform(0.005, 0.06, number)
        self.half = rng.uniform(0.012, 0.03, (number, 2))
        self.label = rng.integers(0, 2, number)

    def detections(self, camera: Camera, moved_m: float, rng: np.random.Generator) -> tuple[Detections, FloatArray]:
        """What a detector would report of them, and which items [N] it is."""
        x = self.x + moved_m
        near = np.flatnonzero(np.abs(x) < VIEW_M)
        middle = np.stack([x[near], self.y[near], self.height[near]], 1)
        corners = np.repeat(middle[:, None], 8, 1)
        signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (0, 1)], float)
        corners[..., :2] += signs[:, :2] * self.half[near][:, None]
        corners[..., 2] *= signs[:, 2]
        pixels = camera.project(corners.reshape(-1, 3)).reshape(-1, 8, 2) + 0.5
        limits = np.array([SIZE_HW[1], SIZE_HW[0]])
        low, high = np.clip(pixels.min(1), 0, limits), np.clip(pixels.max(1), 0, limits)
        shown = ((high - low) > 4).all(1) & (rng.random(len(near)) >= MISSED)
        near, count = near[shown], int(shown.sum())
        boxes = np.concatenate([low[shown], high[shown]], 1) + rng.normal(0, NOISE_PX, (count, 4))
        points = camera.project(middle[shown]) + 0.5 + rng.normal(0, NOISE_PX, (count, 2))
        probs = np.where(self.label[near, None] == np.arange(2), 0.85, 0.1)
        sizes = 2.0 * self.half[near] * SIZE_HW[1] / VIEW_M
        long_side_y = self.half[near, 1] > self.half[near, 0]
        found = Detections(
            np.clip(boxes, 0, np.tile(limits, 2)).astype(np.float32),
            probs.max(1).astype(np.float32),
            self.label[near],
            probs.astype(np.float32),
            LABELS,
            Grasps(
                np.clip(points, boxes[:, :2], boxes[:, 2:]).astype(np.float32),
                np.where(long_side_y, np.pi / 2, 0.0).astype(np.float32),
                -np.sort(-sizes, 1).astype(np.float32),
            ),
        )
        return found, near

    def errors(self, tracking: Tracking, seen: FloatArray, moved_m: float) -> FloatArray:
        """How far the tracks of the items ``seen`` are from them, metres."""
        places = {track.id: track.point_belt[:2] for track in tracking.tracks if track.whole}
        pairs = [(places[i], item) for i, item in zip(tracking.track_ids.tolist(), seen, strict=True) if i in places]
        truth = np.array([(self.x[item] + moved_m, self.y[item]) for _, item in pairs]).reshape(-1, 2)
        return np.asarray(np.linalg.norm(np.array([p for p, _ in pairs]).reshape(-1, 2) - truth, axis=1))
