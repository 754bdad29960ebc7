"""Solids with known surfaces, as sprites: what the simulated belt is checked with."""

from __future__ import annotations

import math

import numpy as np

from spp_sorter.simulation.item_shapes import ItemShape
from spp_sorter.simulation.placed_item import PlacedItem
from spp_sorter.simulation.sprites import Attribution, SpriteObject, SpriteView
from spp_sorter.values import FloatArray

METRES_PER_PX = 0.00075
SOLIDS = ("box", "cylinder", "sphere", "cone", "plate")
# length, width and height in millimetres
SIZES_MM = {
    "box": (90.0, 54.0, 40.0),
    "cylinder": (120.0, 60.0, 60.0),
    "sphere": (70.0, 70.0, 70.0),
    "cone": (80.0, 80.0, 50.0),
    "plate": (60.0, 60.0, 3.0),
}


def solid_view(kind: str) -> SpriteView:
    """The orthographic sprite of a solid."""
    length, width, height = SIZES_MM[kind]
    step = METRES_PER_PX * 1000.0
    columns, rows = math.ceil(length / step / 2) * 2 + 2, math.ceil(width / step / 2) * 2 + 2
    x = (np.arange(columns) - (columns - 1) / 2)[None] * step / (length / 2)
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * step / (width / 2)
    inside = (np.abs(x) <= 1.0) & (np.abs(y) <= 1.0)
    top = np.full((rows, columns), height)
    if kind == "cylinder":
        top = np.broadcast_to(height / 2 * (1.0 + np.sqrt(np.clip(1.0 - y**2, 0.0, None))), inside.shape)
    elif kind in ("sphere", "cone"):
        radius = np.hypot(x, y)
        inside = radius <= 1.0
        round_top = height / 2 * (1.0 + np.sqrt(np.clip(1.0 - radius**2, 0.0, None)))
        top = round_top if kind == "sphere" else height * (1.0 - radius)
    rgba = np.zeros((rows, columns, 4), np.uint8)
    rgba[inside] = (60, 140, 200, 255)
    height_mm = np.where(inside, np.maximum(np.round(top), 1.0), 0.0).astype(np.uint8)
    return SpriteView(rgba, height_mm, METRES_PER_PX, "lying")


def solid_object(kind: str) -> SpriteObject:
    """The solid as an object of a pack: boxes and cylinders are contaminants."""
    label = "non_compost" if kind in ("box", "cylinder", "plate") else "compost"
    return SpriteObject(kind, label, kind, "train", (solid_view(kind),), Attribution(kind, "us", "CC0-1.0", "test"))


def surface_points(kind: str, yaw_rad: float, s_m: float, y_m: float, base_m: float = 0.0) -> FloatArray:
    """[N, 3] points all over the solid's surface, metres."""
    length, width, height = (size / 1000.0 for size in SIZES_MM[kind])
    angle = np.linspace(0.0, 2 * math.pi, 121)
    share = np.linspace(-1.0, 1.0, 61)
    if kind in ("box", "plate"):
        a, b, c = np.meshgrid(share[::3] * length / 2, share[::3] * width / 2, [0.0, height])
    elif kind == "cylinder":
        a, turn = np.meshgrid(share * length / 2, angle)
        b, c = width / 2 * np.cos(turn), height / 2 * (1.0 + np.sin(turn))
    elif kind == "sphere":
        tilt, turn = np.meshgrid(share * math.pi / 2, angle)
        a, b = length / 2 * np.cos(tilt) * np.cos(turn), length / 2 * np.cos(tilt) * np.sin(turn)
        c = height / 2 * (1.0 + np.sin(tilt))
    else:
        up, turn = np.meshgrid(np.linspace(0.0, 1.0, 21), angle)
        a, b, c = length / 2 * (1 - up) * np.cos(turn), width / 2 * (1 - up) * np.sin(turn), height * up
    a, b, c = a.ravel(), b.ravel(), c.ravel()
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.column_stack([s_m + a * cos - b * sin, y_m + a * sin + b * cos, base_m + c])


def put(kind: str, s_m: float, y_m: float, yaw_rad: float = 0.0, item_id: int = 1, base_mm: float = 0.0) -> PlacedItem:
    """The solid on the belt."""
    return PlacedItem(
        id=item_id,
        name=kind,
        label=solid_object(kind).label,
        shape=ItemShape(solid_view(kind)),
        s_m=s_m,
        y_m=y_m,
        yaw_rad=yaw_rad,
        scale=1.0,
        base_mm=base_mm,
        color=np.eye(3),
    )
