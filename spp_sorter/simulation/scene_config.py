"""Everything that a simulated belt is made from, as frozen values, and random ones for training scenes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.looks import BeltLook, Bgr, ImageLook, ItemLook, LightLook
from spp_sorter.values import CameraIntrinsics, Pose

__all__ = [
    "DENSITIES",
    "SPLITS",
    "BeltLook",
    "ImageLook",
    "ItemLook",
    "LightLook",
    "WorldConfig",
    "WorldError",
    "camera_pose",
    "default_intrinsics",
    "random_world_config",
    "tile_size",
]

DENSITIES = ("sparse", "touching", "bed")
SPLITS = ("train", "test", "all")
_BESIDE_M = 0.04
_TILE_M = 1.0


class WorldError(ValueError):
    """A world cannot be made from these values; the text names value, allowed range and remedy."""


def default_intrinsics(size_hw: tuple[int, int] = (480, 640)) -> CameraIntrinsics:
    """A camera that sees 1 m at 1 m: focal length = image width, mild plumb_bob distortion.

    As in OpenCV the centre of the first pixel is (0, 0), so the principal point (W - 1) / 2 is the image's middle.
    """
    height, width = size_hw
    k = np.array([[width, 0.0, (width - 1) / 2], [0.0, width, (height - 1) / 2], [0.0, 0.0, 1.0]])
    return CameraIntrinsics(size_hw, k, np.array([-0.08, 0.02, 0.0, 0.0, 0.0]), "plumb_bob")


def camera_pose(
    height_m: float = 1.0,
    tilt_x_rad: float = 0.0,
    tilt_y_rad: float = 0.0,
    turn_rad: float = 0.0,
    x_m: float = 0.0,
    y_m: float = 0.0,
) -> Pose:
    """A camera above the belt that looks down.

    Args:
        height_m: of the optical centre above the belt.
        tilt_x_rad: tilt about the image's x axis.
        tilt_y_rad: tilt about the image's y axis.
        turn_rad: turn about z of ``belt``; 0 puts image right on belt +x and image down on belt -y.
        x_m: position along the belt.
        y_m: position across the belt.
    """
    down = np.diag([1.0, -1.0, -1.0])
    cos_z, sin_z = math.cos(turn_rad), math.sin(turn_rad)
    cos_x, sin_x = math.cos(tilt_x_rad), math.sin(tilt_x_rad)
    cos_y, sin_y = math.cos(tilt_y_rad), math.sin(tilt_y_rad)
    turn = np.array([[cos_z, -sin_z, 0.0], [sin_z, cos_z, 0.0], [0.0, 0.0, 1.0]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_x, -sin_x], [0.0, sin_x, cos_x]])
    about_y = np.array([[cos_y, 0.0, sin_y], [0.0, 1.0, 0.0], [-sin_y, 0.0, cos_y]])
    return Pose(turn @ down @ about_x @ about_y, np.array([x_m, y_m, height_m]))


@dataclass(frozen=True, slots=True, eq=False)
class WorldConfig:
    """A simulated belt: what lies on it, how it moves, and who looks at it.

    Attributes:
        seed: everything random follows from it.
        density: ``sparse`` (items apart), ``touching`` (piles) or ``bed`` (contaminants in an organic layer).
        split: which objects are used: ``train``, ``test`` or ``all``.
        size_hw: image size, used when ``intrinsics`` is None.
        intrinsics: the camera's, or None for ``default_intrinsics(size_hw)``.
        camera_in_belt: pose of the camera's optical frame.
        speed_mps: belt speed along +x, or knots (time s, speed m/s) of a piecewise linear speed, constant outside.
        belt_width_m: the belt covers |y| <= belt_width_m / 2.
        items_per_m: items per metre of belt, or None for the density's own number.
        contaminant_share: share of ``non_compost`` among the items in ``sparse`` and ``touching``.
        bed_coverage: least and greatest share of the belt that the organic layer covers in ``bed``.
        belt, light, image, items: the look.
        metres_per_px: resolution of the strip of belt that frames are taken from.
        segment_m: the belt is composed in pieces of this length.
        endless: False composes the single piece around belt x = 0 at time 0 only, for a scene of one frame.
        depth_noise_m: standard deviation of the depth image's noise, metres.
        depth_dropout: share of depth pixels without a reading (NaN).
    """

    seed: int = 0
    density: str = "sparse"
    split: str = "all"
    size_hw: tuple[int, int] = (480, 640)
    intrinsics: CameraIntrinsics | None = None
    camera_in_belt: Pose = field(default_factory=camera_pose)
    speed_mps: float | tuple[tuple[float, float], ...] = 0.5
    belt_width_m: float = 0.6
    items_per_m: float | None = None
    contaminant_share: float = 0.5
    bed_coverage: tuple[float, float] = (0.62, 1.0)
    belt: BeltLook = field(default_factory=BeltLook)
    light: LightLook = field(default_factory=LightLook)
    image: ImageLook = field(default_factory=ImageLook)
    items: ItemLook = field(default_factory=ItemLook)
    metres_per_px: float = 0.001
    segment_m: float = 0.5
    endless: bool = True
    depth_noise_m: float = 0.0
    depth_dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.density not in DENSITIES:
            raise WorldError(f"density is {self.density!r}; allowed: {', '.join(DENSITIES)}")
        if self.split not in SPLITS:
            raise WorldError(f"split is {self.split!r}; allowed: {', '.join(SPLITS)}")
        if self.seed < 0:
            raise WorldError(f"seed is {self.seed}; allowed: 0 and more")
        if not 0.1 <= self.belt_width_m <= 3.0:
            raise WorldError(f"belt_width_m is {self.belt_width_m}; allowed: 0.1 to 3 m")
        if not 0.00025 <= self.metres_per_px <= 0.004:
            raise WorldError(f"metres_per_px is {self.metres_per_px}; allowed: 0.00025 to 0.004 m")
        if self.camera_in_belt.translation[2] < 0.2:
            raise WorldError(
                f"the camera stands {self.camera_in_belt.translation[2]:.3f} m above the belt; allowed: 0.2 m and more"
            )

    @property
    def camera(self) -> CameraIntrinsics:
        """The intrinsics in force."""
        return self.intrinsics if self.intrinsics is not None else default_intrinsics(self.size_hw)


def tile_size(config: WorldConfig) -> tuple[int, int]:
    """Rows and columns of the seamless tiles that belt and organic layer repeat in; the rows are those of the strip."""
    rows = 2 * math.ceil((config.belt_width_m / 2 + _BESIDE_M) / config.metres_per_px)
    return rows, round(max(_TILE_M, 0.0 if config.endless else config.segment_m + 0.2) / config.metres_per_px)


_BELT_COLORS: tuple[Bgr, ...] = (
    (38.0, 38.0, 40.0), (60.0, 60.0, 60.0), (105.0, 105.0, 104.0), (62.0, 82.0, 60.0), (78.0, 112.0, 66.0),
    (120.0, 88.0, 60.0), (150.0, 120.0, 70.0), (150.0, 152.0, 150.0), (205.0, 208.0, 208.0),
)  # fmt: skip


def _length_in_view(intrinsics: CameraIntrinsics, pose: Pose) -> float:
    """Length of the belt piece around x = 0 that the camera sees, metres."""
    height, width = intrinsics.size_hw
    rows, columns = np.linspace(-1.0, height, 7), np.linspace(-1.0, width, 7)
    edge = [(x, y) for x in columns for y in rows if x in (columns[0], columns[-1]) or y in (rows[0], rows[-1])]
    reach = np.nanmax(np.abs(Camera(intrinsics, pose).to_plane(np.array(edge), 0.0)[:, 0]))
    return float(2.0 * reach + 0.1)


def random_world_config(
    seed: int, density: str, split: str = "train", size_hw: tuple[int, int] = (480, 640)
) -> WorldConfig:
    """A world for one training scene: camera, belt, light and image vary, all decided by ``seed``.

    Args:
        seed: 0 or more.
        density: ``sparse``, ``touching`` or ``bed``.
        split: which objects are used.
        size_hw: image size.

    Returns:
        a config with ``endless=False``: render it at stamp 0.
    """
    rng = np.random.default_rng([seed, DENSITIES.index(density) if density in DENSITIES else 0, 77])
    height, width = size_hw
    height_m = float(rng.uniform(0.7, 1.3))
    # 0.75 to 1.35 m of belt in the image's width, whatever the camera's height
    focal = width * height_m / float(rng.uniform(0.75, 1.35))
    k = np.array([
        [focal, 0.0, width / 2 + rng.uniform(-0.02, 0.02) * width],
        [0.0, focal * rng.uniform(0.995, 1.005), height / 2 + rng.uniform(-0.02, 0.02) * height],
        [0.0, 0.0, 1.0],
    ])  # fmt: skip
    distortion = np.array([rng.uniform(-0.15, 0.03), rng.uniform(-0.01, 0.04), *rng.uniform(-5e-4, 5e-4, 2), 0.0])
    tilt = np.radians(rng.uniform(0.0, 10.0) if rng.random() < 0.6 else 0.0)
    toward = rng.uniform(0.0, 2 * math.pi)
    turn = float(rng.choice([0.0, 0.5, 1.0, 1.5], p=[0.4, 0.2, 0.2, 0.2]) * math.pi + rng.normal(0.0, 0.06))
    pose = camera_pose(height_m, float(tilt * math.cos(toward)), float(tilt * math.sin(toward)), turn, 0.0, 0.0)
    # keep the belt in the middle of the view, wherever the tilt points
    axis = pose.rotation[:, 2]
    offset_y = float(axis[1] / axis[2] * height_m + rng.uniform(-0.06, 0.06))
    offset_x = float(axis[0] / axis[2] * height_m)
    pose = Pose(pose.rotation, np.array([offset_x, offset_y, height_m]))
    intrinsics = CameraIntrinsics(size_hw, k, distortion, "plumb_bob")
    warmth = float(rng.normal(0.0, 0.07))
    color = np.array(_BELT_COLORS[int(rng.integers(len(_BELT_COLORS)))]) * rng.uniform(0.75, 1.25)
    color = np.clip(color + rng.normal(0.0, 6.0, 3), 12.0, 225.0)
    rail, floor = rng.uniform(40.0, 210.0), rng.uniform(25.0, 190.0)
    belt = BeltLook(
        color_bgr=(float(color[0]), float(color[1]), float(color[2])),
        texture=float(rng.uniform(0.1, 0.9)),
        dirt=float(rng.uniform(0.0, 1.0) ** 1.5),
        scratches=float(rng.uniform(0.0, 40.0)),
        seam=bool(rng.random() < 0.15),
        cleat_pitch_m=float(rng.uniform(0.12, 0.3)) if rng.random() < 0.12 else 0.0,
        rail_bgr=(rail, rail * float(rng.uniform(0.9, 1.1)), rail * float(rng.uniform(0.9, 1.1))),
        floor_bgr=(floor, floor * float(rng.uniform(0.85, 1.15)), floor * float(rng.uniform(0.85, 1.15))),
    )
    light = LightLook(
        azimuth_rad=float(rng.uniform(0.0, 2 * math.pi)),
        elevation_rad=float(rng.uniform(0.75, 1.4)),
        ambient=float(rng.uniform(0.35, 0.85)),
        softness_mm=float(rng.uniform(3.0, 20.0)),
        color_bgr=(1.0 - warmth, 1.0 + float(rng.normal(0.0, 0.02)), 1.0 + warmth),
        exposure=float(np.exp(rng.normal(0.0, 0.18))),
    )
    image = ImageLook(
        defocus_px=float(rng.uniform(0.0, 1.1)),
        motion_px=float(rng.uniform(1.0, 4.0)) if rng.random() < 0.35 else 0.0,
        noise=float(rng.uniform(0.5, 6.0)),
        vignetting=float(rng.uniform(0.0, 0.35)),
        jpeg_quality=int(rng.integers(45, 96)) if rng.random() < 0.3 else 0,
    )
    own_number = {"sparse": (4.0, 16.0), "touching": (12.0, 34.0), "bed": (3.0, 12.0)}
    return WorldConfig(
        seed=seed,
        density=density,
        split=split,
        size_hw=size_hw,
        intrinsics=intrinsics,
        camera_in_belt=pose,
        speed_mps=0.0,
        items_per_m=float(rng.uniform(*own_number.get(density, (4.0, 16.0)))),
        contaminant_share=float(rng.uniform(0.3, 0.7)),
        belt=belt,
        light=light,
        image=image,
        items=ItemLook(scale=0.2, hue_rad=0.15, brightness=0.25, saturation=0.3),
        metres_per_px=float(np.clip(0.7 * height_m / focal, 0.0008, 0.0015)),
        segment_m=_length_in_view(intrinsics, pose),
        endless=False,
    )
