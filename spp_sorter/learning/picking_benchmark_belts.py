"""The belts of the picking benchmark: what lies on them, how they move, and what the camera's frames hold.

A belt is looked at once: every frame is rendered, its truth is taken down, and the true detector sees the picture. What
it found is kept on disk, because a frame that comes late, or not at all, does not change what the detector sees in the
others: all conditions share it.

Letters: F frames, I items in a frame, N detections.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from spp_sorter.config import DetectorConfig
from spp_sorter.simulation.belt_world import BeltWorld, WorldConfig
from spp_sorter.simulation.looks import ImageLook
from spp_sorter.simulation.speed import SpeedProfile
from spp_sorter.values import Detections, FloatArray, Grasps, ImageArray, IntArray, TruthFrame

FPS = 30.0
START_NS = 1_700_000_000_000_000_000
"""Stamp of a belt's first frame: such as real clocks show, so that nothing rests on small numbers."""

CHUNK = 150
"""Frames that are kept in one file: 5 s of belt."""

FIRST_SEED = 500_000
"""Belts are seeded from here, away from scenes that anything was trained or evaluated on."""

PROFILES = ("steady", "changing", "stopping")
_CRUISE_MPS = 0.5

Detect = Callable[[ImageArray], Detections]


def stamp_of(frame: int) -> int:
    """Stamp of a frame by its number."""
    return START_NS + round(frame * 1e9 / FPS)


@dataclass(frozen=True, slots=True)
class BeltPlan:
    """One simulated belt.

    Attributes:
        seed: which one; everything random follows from it.
        density: how the items lie.
        profile: how it moves: ``steady`` at 0.5 m/s, ``changing`` between 0.2 and 0.8 m/s at 0.2 m/s^2, or
            ``stopping``: 0.5 m/s with a stop of 3 s every 15 s.
        seconds: how long.
    """

    seed: int
    density: str
    profile: str
    seconds: float

    @property
    def num_frames(self) -> int:
        """Frames that its camera takes."""
        return round(self.seconds * FPS)

    def speed_knots(self) -> tuple[tuple[float, float], ...]:
        """Time (s) and speed (m/s) of the corners of its piecewise linear speed."""
        if self.profile == "steady":
            return ((0.0, _CRUISE_MPS),)
        if self.profile == "changing":
            cycle, moves = 8.0, ((0.0, 0.2), (3.0, 0.8), (4.0, 0.8), (7.0, 0.2))
        else:
            cycle, moves = 15.0, ((0.0, 0.5), (11.0, 0.5), (11.5, 0.0), (14.5, 0.0))
        starts = np.arange(0.0, self.seconds + 2 * cycle, cycle)
        return tuple((float(start + at), speed) for start in starts for at, speed in moves)

    def world_config(self) -> WorldConfig:
        """The world of held-out objects that the belt shows."""
        knots = self.speed_knots()
        return WorldConfig(
            seed=FIRST_SEED + self.seed,
            density=self.density,
            split="test",
            speed_mps=knots[0][1] if len(knots) == 1 else knots,
            image=ImageLook(noise=2.0),
        )


@dataclass(frozen=True, slots=True)
class BeltItem:
    """One item of a belt, fixed to it.

    Attributes:
        id: its number in the world.
        object_name: the object that it shows.
        label: its true label.
        s_m: x of its pick point in ``belt`` at time 0.
        y_m: y of its pick point.
        z_m: height of its top there.
        yaw_rad: long axis of its footprint.
        size_m: length, width, greatest height.
    """

    id: int
    object_name: str
    label: str
    s_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    size_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SeenItems:
    """The items that a frame shows, hidden ones too: numbers [I], visible boxes [I, 4], visible fractions [I],
    pixels of the pick points [I, 2].
    """

    ids: IntArray
    boxes_xyxy: FloatArray
    visible: FloatArray
    grasps_xy: FloatArray

    @staticmethod
    def of(truth: TruthFrame) -> SeenItems:
        """What a rendered frame's truth says."""
        items = truth.items
        return SeenItems(
            np.array([item.id for item in items], np.int64),
            np.array([item.box_xyxy for item in items], np.float64).reshape(-1, 4),
            np.array([item.visible_fraction for item in items], np.float64),
            np.array([item.grasp_xy for item in items], np.float64).reshape(-1, 2),
        )


@dataclass(frozen=True, slots=True)
class ObservedBelt:
    """A belt with everything that its camera saw.

    Attributes:
        plan: which belt.
        items: everything that lies on the part that passes.
        seen: the truth of each frame.
        detections: what the detector found in each frame.
    """

    plan: BeltPlan
    items: tuple[BeltItem, ...]
    seen: tuple[SeenItems, ...]
    detections: tuple[Detections, ...]

    def position_m(self, stamp_ns: int) -> float:
        """How far the belt has moved since its first frame: the exact integral of its speed."""
        return motion_of(self.plan).position_m(stamp_ns - START_NS)


def motion_of(plan: BeltPlan) -> SpeedProfile:
    """The belt's exact motion; its time 0 is ``START_NS``."""
    knots = plan.speed_knots()
    return SpeedProfile(knots[0][1] if len(knots) == 1 else knots)


def items_of(plan: BeltPlan, world: BeltWorld, pick_line_x: float) -> tuple[BeltItem, ...]:
    """Every item that can be in view or cross the pick line while the belt is looked at."""
    travel = motion_of(plan).position_m(round(plan.seconds * 1e9))
    reach = max(1.0, pick_line_x)
    found = world.true_items_at(0, -travel - reach, reach)
    return tuple(
        BeltItem(
            item.id,
            item.object_name,
            item.label,
            float(item.point_belt[0]),
            float(item.point_belt[1]),
            float(item.point_belt[2]),
            float(item.yaw_rad),
            (float(item.size_m[0]), float(item.size_m[1]), float(item.size_m[2])),
        )
        for item in found
    )


def cache_name(plan: BeltPlan, detector: str) -> str:
    """Name of a belt's folder of observations: the world, the detector and all settings go into it.

    Args:
        plan: the belt; its length does not count, for longer belts begin with the same frames.
        detector: what the detector depends on: checkpoint hash and settings.
    """
    content = repr((plan.world_config(), FPS, detector))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{plan.density}-{plan.profile}-{plan.seed}-{digest}"


def detector_key(checkpoint: Path, config: DetectorConfig, precision: str, proposer: str) -> str:
    """What detections depend on beside the picture."""
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    return repr((digest, dataclasses.astuple(config), precision, proposer))


def observe_chunk(plan: BeltPlan, chunk: int, detect: Detect, folder: Path, size: int = CHUNK) -> Path:
    """Look at one chunk of a belt and keep what was seen in ``folder``; nothing is done when it is there already.

    Args:
        plan: the belt.
        chunk: which.
        detect: the detector.
        folder: of this belt and detector.
        size: frames in a chunk.
    """
    path = chunk_path(folder, chunk)
    if path.exists():
        return path
    world = _world(plan)
    seen, found = [], []
    for frame in range(chunk * size, (chunk + 1) * size):
        rendered = world.render(stamp_of(frame) - START_NS)
        assert rendered.truth is not None
        seen.append(SeenItems.of(rendered.truth))
        found.append(detect(rendered.image_bgr))
    folder.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp.npz")
    np.savez_compressed(scratch, **_packed(seen, found))
    scratch.replace(path)
    return path


@lru_cache(maxsize=1)
def _world(plan: BeltPlan) -> BeltWorld:
    """The world of the belt that this process looks at."""
    return BeltWorld(plan.world_config())


def chunk_path(folder: Path, chunk: int) -> Path:
    """The file of a chunk."""
    return folder / f"{chunk:04}.npz"


def num_chunks(plan: BeltPlan) -> int:
    """Chunks that hold all frames of a belt."""
    return -(-plan.num_frames // CHUNK)


def load_observations(plan: BeltPlan, folder: Path) -> tuple[tuple[SeenItems, ...], tuple[Detections, ...]]:
    """Truth and detections of all frames of a belt that has been looked at.

    Raises:
        FileNotFoundError: a chunk is missing.
    """
    seen: list[SeenItems] = []
    found: list[Detections] = []
    for chunk in range(num_chunks(plan)):
        with np.load(chunk_path(folder, chunk), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        for items, detections in _unpacked(arrays):
            seen.append(items)
            found.append(detections)
    return tuple(seen[: plan.num_frames]), tuple(found[: plan.num_frames])


def _packed(seen: list[SeenItems], found: list[Detections]) -> dict[str, Any]:
    grasps = [_grasps(detections) for detections in found]
    return {
        "num_items": np.array([len(items.ids) for items in seen]),
        "ids": np.concatenate([items.ids for items in seen]),
        "item_boxes": np.concatenate([items.boxes_xyxy for items in seen]),
        "visible": np.concatenate([items.visible for items in seen]),
        "item_grasps": np.concatenate([items.grasps_xy for items in seen]),
        "label_names": np.array(found[0].label_names),
        "num_found": np.array([len(detections) for detections in found]),
        "boxes": np.concatenate([detections.boxes_xyxy for detections in found]),
        "scores": np.concatenate([detections.scores for detections in found]),
        "labels": np.concatenate([detections.labels for detections in found]),
        "label_probs": np.concatenate([detections.label_probs for detections in found]),
        "points": np.concatenate([each.points_xy for each in grasps]),
        "yaws": np.concatenate([each.yaws_rad for each in grasps]),
        "sizes": np.concatenate([each.sizes_px for each in grasps]),
    }


def _grasps(detections: Detections) -> Grasps:
    if detections.grasps is None:
        raise ValueError("the detector gives no grasps; allowed: a checkpoint with a grasp head")
    return detections.grasps


def _unpacked(arrays: dict[str, Any]) -> Iterator[tuple[SeenItems, Detections]]:
    names = tuple(str(name) for name in arrays["label_names"])
    item_ends, found_ends = np.cumsum(arrays["num_items"]), np.cumsum(arrays["num_found"])
    for item_end, num_items, end, num in zip(
        item_ends, arrays["num_items"], found_ends, arrays["num_found"], strict=True
    ):
        rows, found = slice(item_end - num_items, item_end), slice(end - num, end)
        seen = SeenItems(*(arrays[key][rows] for key in ("ids", "item_boxes", "visible", "item_grasps")))
        yield (
            seen,
            Detections(
                arrays["boxes"][found],
                arrays["scores"][found],
                arrays["labels"][found],
                arrays["label_probs"][found],
                names,
                Grasps(arrays["points"][found], arrays["yaws"][found], arrays["sizes"][found]),
            ),
        )
