"""A synthetic detector of known items, and a cell that runs a sorter on it: what a camera over a belt would report.

Boxes and grasps are the exact projections of prisms on the belt plus noise, cut by the image's edge; the error of a
detector that is always a little off for the same item is a bias per item.
"""

from dataclasses import dataclass, field

import numpy as np

from spp_sorter.config import Config
from spp_sorter.geometry.camera import Camera, pose_from_quaternion
from spp_sorter.sorting import Sorter
from spp_sorter.values import LABELS, BeltSample, CameraIntrinsics, Detections, Frame, Grasps

START_NS = 1_700_000_000_000_000_000
K = np.array([[640.0, 0, 319.5], [0, 640.0, 239.5], [0, 0, 1]])
INTRINSICS = CameraIntrinsics((480, 640), K, np.array([-0.08, 0.02, 0.0, 0.0, 0.0]))
POSE = pose_from_quaternion([0, 0, 1], [1, 0, 0, 0])
IMAGE = np.zeros((480, 640, 3), np.uint8)


def at(seconds):
    """Stamp of a moment of the run."""
    return START_NS + round(seconds * 1e9)


@dataclass
class Items:
    """N prisms on the belt: x, y at belt position 0, height, length, width, yaw, label index."""

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    length: np.ndarray
    width: np.ndarray
    yaw: np.ndarray
    label: np.ndarray

    def __len__(self):
        return len(self.x)

    @staticmethod
    def of(*rows):
        """Items of rows (x, y, height, length, width, yaw, label)."""
        columns = np.array(rows, float).T
        return Items(*columns[:6], columns[6].astype(int))

    @staticmethod
    def random(rng, num, spacing=0.15):
        """Items 5 to 80 mm tall that enter one after the other, never nearer than their size."""
        length = rng.uniform(0.03, 0.12, num)
        x = -0.65 - np.cumsum(rng.uniform(0.6, 1.4, num) * spacing)
        return Items(
            x,
            rng.uniform(-0.25, 0.25, num),
            rng.uniform(0.005, 0.08, num),
            length,
            length * rng.uniform(0.4, 1.0, num),
            rng.uniform(-np.pi / 2, np.pi / 2, num),
            rng.integers(0, 2, num),
        )


@dataclass
class ItemSensor:
    """Serves as detector; set ``belt_m`` to where the belt is before a frame."""

    items: Items
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    noise_px: float = 0.0
    bias_px: float = 0.0
    miss: float = 0.0
    certainty: tuple = (8.0, 2.0)
    with_grasps: bool = True
    camera: Camera = field(default_factory=lambda: Camera(INTRINSICS, POSE))
    label_names: tuple = LABELS

    def __post_init__(self):
        self.belt_m = 0.0
        self.hidden = set()
        self.seen = np.zeros(0, int)
        self.bias = self.rng.normal(0, self.bias_px, (len(self.items), 2)) if self.bias_px else 0.0

    def detect(self, image_bgr):  # noqa: ARG002
        """Detections of the items in view, best score first; ``seen`` says which items they are."""
        items, rng = self.items, self.rng
        num = len(items)
        top = np.stack([items.x + self.belt_m, items.y, items.height], axis=1)
        along = np.stack([np.cos(items.yaw), np.sin(items.yaw), np.zeros(num)], axis=1)
        across = np.stack([-along[:, 1], along[:, 0], np.zeros(num)], axis=1)
        low, high = np.full((num, 2), np.inf), np.full((num, 2), -np.inf)
        for a, b, on_top in [(a, b, t) for a in (-0.5, 0.5) for b in (-0.5, 0.5) for t in (0, 1)]:
            corner = top + along * (a * items.length)[:, None] + across * (b * items.width)[:, None]
            corner[:, 2] = items.height * on_top
            pixels = self.camera.project(corner) + 0.5
            low, high = np.minimum(low, pixels), np.maximum(high, pixels)
        size_hw = self.camera.intrinsics.size_hw
        edge = np.array([size_hw[1], size_hw[0]])
        boxes = np.concatenate([low, high], axis=1) + rng.normal(0, 1, (num, 4)) * self.noise_px
        boxes = np.concatenate([np.clip(boxes[:, :2], 0, edge), np.clip(boxes[:, 2:], 0, edge)], axis=1)
        grasp = self.camera.project(top) + 0.5 + rng.normal(0, 1, (num, 2)) * self.noise_px + self.bias
        tip = self.camera.project(top + 0.01 * along) - self.camera.project(top)
        yaw = np.arctan2(tip[:, 1], tip[:, 0]) + rng.normal(0, 1, num) * 0.03 * self.noise_px
        yaw = np.pi / 2 - (np.pi / 2 - yaw) % np.pi
        scale = np.linalg.norm(tip, axis=1) / 0.01
        sizes = np.stack([items.length, items.width], axis=1) * scale[:, None]
        sizes *= np.exp(rng.normal(0, 1, (num, 2)) * 0.03 * self.noise_px)
        sure = np.clip(rng.beta(*self.certainty, num), 0.02, 0.98)
        probs = np.where((items.label == 0)[:, None], np.stack([sure, 1 - sure], 1), np.stack([1 - sure, sure], 1))
        found = ((boxes[:, 2:] - boxes[:, :2]) > 4).all(1) & (rng.random(num) >= self.miss)
        found[list(self.hidden)] = False
        order = np.flatnonzero(found)
        order = order[np.argsort(-probs[order].max(1), kind="stable")]
        self.seen = order
        inside = np.clip(grasp, boxes[:, :2], boxes[:, 2:])
        return Detections(
            boxes[order].astype(np.float32),
            probs[order].max(1).astype(np.float32),
            probs[order].argmax(1),
            probs[order].astype(np.float32),
            LABELS,
            Grasps(*(v[order].astype(np.float32) for v in (inside, yaw, sizes))) if self.with_grasps else None,
        )


class Cell:
    """A sorter over a belt that moves as ``position_m(seconds)`` says, with an encoder, frame by frame.

    ``offers`` holds the time and the list of every frame, ``owners`` the items that each track was seen on.
    """

    def __init__(self, sensor, position_m, config=None, encoder_hz=50.0, jitter_s=0.0, seed=0):
        self.sensor, self.position_m = sensor, position_m
        self.sorter = Sorter(sensor, config or Config())
        self.encoder_period, self.jitter_s = 1.0 / encoder_hz if encoder_hz else None, jitter_s
        self.rng = np.random.default_rng(seed)
        self.next_reading = 0.0
        self.offers, self.owners, self.ids = [], {}, {}

    def frame(self, seconds, depth_m=None):
        """Process the frame of a moment."""
        while self.encoder_period and self.next_reading <= seconds:
            stamp = at(self.next_reading + self.rng.uniform(-1, 1) * self.jitter_s)
            self.sorter.add_belt_sample(BeltSample(stamp, position_m=self.position_m(self.next_reading)))
            self.next_reading += self.encoder_period
        self.sensor.belt_m = self.position_m(seconds)
        result = self.sorter.process(
            Frame(at(seconds), IMAGE, intrinsics=INTRINSICS, camera_in_belt=POSE, depth_m=depth_m)
        )
        seen = self.sensor.seen.tolist() if result.looked else []
        for item, track in zip(seen, result.track_ids.tolist(), strict=True):
            if track:
                self.owners.setdefault(track, []).append(item)
                ids = self.ids.setdefault(item, [])
                if not ids or ids[-1] != track:
                    ids.append(track)
        self.offers.append((seconds, {pick.track_id: pick for pick in result.picks}))
        return result

    def run(self, until, fps=30.0, drop=0.0):
        """Process frames up to a moment, leaving out a share of them."""
        for k in range(round(until * fps)):
            if self.rng.random() >= drop:
                self.frame(k / fps)
        return self

    def judge(self, pick_line=1.0, lead=0.15, until=None):
        """For every item to pick: the error of the last list sent ``lead`` before it crossed, or None."""
        items = self.sensor.items
        last = until or self.offers[-1][0]
        times = np.arange(0, last, 1e-3)
        travel = np.array([self.position_m(t) for t in times])
        errors, inside, heights, yaws, missed, wrong = [], [], [], [], 0, 0
        for item in range(len(items)):
            if items.x[item] + travel[-1] < pick_line + 0.02:
                continue
            crossing = np.interp(pick_line - items.x[item], travel, times)
            lists = [picks for sent, picks in self.offers if sent <= crossing - lead]
            mine = [p for p in (lists[-1] if lists else {}).values() if self.item_of(p.track_id) == item]
            if items.label[item] == 0:
                wrong += len(mine)
                continue
            if not mine:
                missed += 1
                continue
            pick = mine[0]
            moved = self.position_m((pick.stamp_ns - START_NS) * 1e-9)
            error = pick.point_belt[:2] - [items.x[item] + moved, items.y[item]]
            errors.append(np.linalg.norm(error))
            inside.append(error @ np.linalg.solve(pick.covariance[:2, :2], error) < 5.991)
            heights.append(pick.point_belt[2] - items.height[item])
            if items.length[item] > 1.5 * items.width[item]:
                yaws.append(abs((pick.yaw_rad - items.yaw[item] + np.pi / 2) % np.pi - np.pi / 2))
        return Judgement(np.array(errors), np.array(inside), np.array(heights), np.array(yaws), missed, wrong)

    def item_of(self, track):
        """The item that a track was seen on most."""
        owners = self.owners.get(track, [-1])
        return max(set(owners), key=owners.count)

    def num_switches(self):
        """How often an item changed its track."""
        return sum(len(ids) - 1 for ids in self.ids.values())


@dataclass
class Judgement:
    """Errors of the picks (metres, radians), how many lay inside their 95 % ellipse, what was missed, wrong picks."""

    errors: np.ndarray
    inside: np.ndarray
    heights: np.ndarray
    yaws: np.ndarray
    missed: int
    wrong: int
