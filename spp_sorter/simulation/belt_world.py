"""A simulated belt cell: frames as its camera would take them, and the exact truth about what is on the belt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spp_sorter.geometry.camera import Camera
from spp_sorter.simulation.image_effects import ImageEffects, surroundings
from spp_sorter.simulation.placement import Placement
from spp_sorter.simulation.relief import Region, ReliefCamera
from spp_sorter.simulation.scene_config import WorldConfig, random_world_config
from spp_sorter.simulation.shape_library import ShapeLibrary, shipped_library
from spp_sorter.simulation.speed import SpeedProfile
from spp_sorter.simulation.sprites import SpriteObject
from spp_sorter.simulation.strip import Strip
from spp_sorter.simulation.truth import Silhouette, silhouettes, true_items, unseen_item
from spp_sorter.simulation.untyped import cv2
from spp_sorter.values import CameraIntrinsics, FloatArray, ImageArray, Pose, TrueItem, TruthFrame

__all__ = ["BeltWorld", "RenderedFrame", "WorldConfig", "random_world_config"]

_HIGHEST_M = 0.25


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """One frame of the simulated camera.

    Attributes:
        image_bgr: [H, W, 3] uint8.
        depth_m: [H, W] float32 metres along the optical axis, NaN without a reading; None when not asked for.
        truth: None when not asked for.
    """

    image_bgr: ImageArray
    depth_m: FloatArray | None
    truth: TruthFrame | None


class BeltWorld:
    """A belt with items that lie on it for ever, seen by one camera; the same seed gives the same bits.

    Frames may be asked for in any order; going forward in time is cheapest, because the strip of belt in view is
    composed once per segment.

    Args:
        config: the world.
        sprites: objects to fill it with, or a library of them to share between worlds; None for the shipped pack's
            objects of ``config.split``.
        placement: what lies where; None to let chance decide.

    Raises:
        WorldError: a value of the config is out of range or there are no objects.
        CameraError: the camera cannot measure.
    """

    def __init__(
        self,
        config: WorldConfig,
        sprites: tuple[SpriteObject, ...] | ShapeLibrary | None = None,
        placement: Placement | None = None,
    ) -> None:
        self.config = config
        self.intrinsics: CameraIntrinsics = config.camera
        self.camera_in_belt: Pose = config.camera_in_belt
        self.speed = SpeedProfile(config.speed_mps)
        self._camera = Camera(self.intrinsics, self.camera_in_belt)
        if sprites is None:
            library = shipped_library(config.split)
        else:
            library = sprites if isinstance(sprites, ShapeLibrary) else ShapeLibrary(sprites)
        self._library = library
        self._strip = Strip(config, placement if placement is not None else Placement(config, library))
        self._relief = ReliefCamera(self._camera, config.belt_width_m)
        self._reach_x = self._relief.reach_x(_HIGHEST_M)
        middle, ahead = self._camera.project([[0.0, 0.0, 0.0], [0.05, 0.0, 0.0]])
        self._effects = ImageEffects(config.image, self.intrinsics.size_hw, ahead - middle, config.seed)
        self._surroundings = surroundings(
            self._relief.ground_y_m, config.belt, config.belt_width_m, config.light, config.seed
        )

    def prepare(self) -> None:
        """Do now, in a few seconds, what would make single frames late: for cameras that run in real time."""
        self._library.prepare()

    def belt_position_m(self, stamp_ns: int) -> float:
        """How far the belt has moved along +x between time 0 and ``stamp_ns``: the exact integral of its speed."""
        return self.speed.position_m(stamp_ns)

    def render(self, stamp_ns: int, with_depth: bool = False, with_truth: bool = True) -> RenderedFrame:
        """The frame that the camera takes at ``stamp_ns``.

        Args:
            stamp_ns: nanoseconds since the world's start; any order, negative too.
            with_depth: make the depth image.
            with_truth: make the truth.
        """
        position = self.belt_position_m(stamp_ns)
        start, stop = self._reach_x[0] - position, self._reach_x[1] - position
        canvas = self._strip.window(start, stop)
        seen = silhouettes(self._strip.items(start, stop), position, self._camera)
        if self.config.density == "bed":
            height, width = self.intrinsics.size_hw
            regions = [Region(0, 0, width, height, int(canvas.heights.max(initial=1)))]
        else:
            regions = [region for each in seen if (region := self._region(each)) is not None]
        view = self._relief.look(canvas, position, regions)
        image = view.image_bgr
        beside = (view.height_mm == 0).view(np.uint8) * self._relief.beside
        cv2.copyTo(self._surroundings, beside, image)
        image = self._effects.apply(image, stamp_ns)
        depth = self._depth(view.height_mm, stamp_ns) if with_depth else None
        truth = TruthFrame(stamp_ns, true_items(seen, view.ids), view.ids, position) if with_truth else None
        return RenderedFrame(image, depth, truth)

    def true_items_at(self, stamp_ns: int, from_x_m: float = -1.0, to_x_m: float = 2.0) -> tuple[TrueItem, ...]:
        """Every item whose pick point lies in [from_x, to_x] of ``belt`` at ``stamp_ns``, in view or not.

        ``box_xyxy`` is NaN and ``visible_fraction`` 0: nothing is rendered.
        """
        position = self.belt_position_m(stamp_ns)
        items = self._strip.items(from_x_m - position, to_x_m - position)
        seen = silhouettes(items, position, self._camera)
        return tuple(unseen_item(each) for each in seen if from_x_m <= each.point_belt[0] <= to_x_m)

    def _region(self, each: Silhouette) -> Region | None:
        """The part of the image that the item can show in."""
        height, width = self.intrinsics.size_hw
        if not each.shows_in((height, width)):
            return None
        left, top = max(math.floor(each.box_xyxy[0]) - 2, 0), max(math.floor(each.box_xyxy[1]) - 2, 0)
        right, bottom = min(math.ceil(each.box_xyxy[2]) + 2, width), min(math.ceil(each.box_xyxy[3]) + 2, height)
        if right <= left or bottom <= top:
            return None
        return Region(left, top, right, bottom, min(round(each.item.top_mm), 255))

    def _depth(self, height_mm: ImageArray, stamp_ns: int) -> FloatArray:
        depth = self._relief.depth_m(height_mm)
        noise, dropout = self.config.depth_noise_m, self.config.depth_dropout
        if noise > 0 or dropout > 0:
            zigzag = 2 * stamp_ns if stamp_ns >= 0 else -2 * stamp_ns - 1
            rng = np.random.default_rng([self.config.seed, 11, zigzag])
            depth = depth + noise * rng.standard_normal(depth.shape, np.float32)
            depth[rng.random(depth.shape, np.float32) < dropout] = np.nan
        return depth
