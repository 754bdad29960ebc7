"""Pictures to lay items on: empty belts and organic layers of the simulation, and plain grounds of photographs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from spp_sorter.learning.cutouts import fit_ground
from spp_sorter.learning.pack import NewAsset
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import random_world_config
from spp_sorter.values import ImageArray

FIRST_SEED = {"train": 500_000_000, "test": 600_000_000}
TEST_EVERY = 5
EMPTY = 1e-6
"""Items per metre of belt, next to none."""


def rendered_backgrounds(belts: int, beds: int) -> list[tuple[str, str, int]]:
    """What to render: kind, split and seed of each."""
    wanted = []
    for kind, count in (("belt", belts), ("bed", beds)):
        for number in range(count):
            split = "test" if number % TEST_EVERY == 0 else "train"
            wanted.append((kind, split, FIRST_SEED[split] + number))
    return wanted


def render_background(wanted: tuple[str, str, int]) -> tuple[str, str, str, ImageArray]:
    """Render a belt with nothing on it, or with an organic layer alone."""
    kind, split, seed = wanted
    config = random_world_config(seed, "bed" if kind == "bed" else "sparse", split)
    config = replace(config, items_per_m=EMPTY, bed_coverage=(1.0, 1.0))
    image = BeltWorld(config).render(0, with_truth=False).image_bgr
    return f"{kind}_{seed}", kind, split, image


def plain_grounds(assets: Iterable[NewAsset], limit: int) -> Iterator[tuple[str, str, str, ImageArray]]:
    """The plain grounds of photographs with their items taken off, so that every source can lie on every ground.

    Where the item was, the smooth light fitted to the border goes on, with the grain of the rest.

    Args:
        assets: photographs of single items.
        limit: at most so many of each split.
    """
    taken = {"train": 0, "test": 0}
    for asset in assets:
        if not asset.alone or taken[asset.split] >= limit * (1 if asset.split == "train" else 0.25):
            continue
        lab = cv2.cvtColor(asset.image_bgr, cv2.COLOR_BGR2LAB).astype(np.float32)
        ground, spread = fit_ground(lab)
        if spread > 8:
            continue
        taken[asset.split] += 1
        hidden = cv2.dilate(asset.mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (41, 41)))
        soft = cv2.GaussianBlur(hidden, (0, 0), 8).astype(np.float32)[..., None] / 255
        rng = np.random.default_rng(len(asset.name) + taken[asset.split])
        grain = (lab - cv2.GaussianBlur(lab, (0, 0), 2))[hidden == 0]
        noise = rng.normal(0, float(grain.std()) if grain.size else 1.0, (*lab.shape[:2], 1))
        mixed = lab * (1 - soft) + (ground + noise) * soft
        clean = cv2.cvtColor(np.clip(mixed, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR)
        yield f"plain_{asset.name}", "plain", asset.split, np.asarray(clean, np.uint8)
