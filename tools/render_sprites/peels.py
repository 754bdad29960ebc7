"""Fruit in pieces, peels and rinds; and what makes cut halves, bowls and heaps."""

from functools import partial

import numpy as np
from parts import bowl, cut_half, polar, round_fruit, scattered, tinted
from recipe import compost_as_built
from shapes import (
    blob,
    lathe_rings,
    loft,
    pick,
    sheet,
    sheet_grid,
    turned,
)
from stalks import long_rings


def fig(rng):
    u, angle = polar()
    seeds = np.clip((0.86 - u) / 0.1, 0, 1) * (0.7 + 0.3 * np.sin(70 * u + 9 * np.sin(11 * angle)))
    face = tinted(rng, ("#d8cfa8", "#c98a62", "#9a3a3c", "#d0a878"), 16, "along", blend=0.3, rough=0.25, bump=0.7)
    tone = pick(rng, ("#2c1830", "#4f2c44", "#5a5a34"), ("#6a7a34", "#9aa050"))
    size = rng.uniform(20, 27)
    return cut_half(size, face, tinted(rng, tone), seeds, -0.15 * size * np.clip(0.6 - u, 0, 1), 1.2, 0.88)


def pomegranate(rng):
    size = rng.uniform(30, 38)
    rind = tinted(rng, pick(rng, ("#8a2024", "#b84038", "#c97a4a"), ("#6a3024", "#94583a")), 5, rough=0.4)
    u, angle = polar()
    pith = tinted(rng, ("#dcc890", "#e8dcb4", "#c9a868"), 9)
    parts = cut_half(size, pith, rind, u, -0.18 * size * np.clip(1.6 - 1.8 * u, 0, 1) * np.abs(np.sin(3 * angle)))
    seed = tinted(rng, ("#6a0c1c", "#a01c30", "#c04050"), 9, rough=0.15, bump=0)
    for _ in range(rng.integers(60, 150)):
        turn, far = rng.uniform(0, 6.28), 0.84 * np.sqrt(rng.uniform(0.03, 1))
        if abs(np.sin(3 * turn)) > 0.3:
            at = (far * size * np.cos(turn), far * size * 0.95 * np.sin(turn), -3.5 * (1 - far) + rng.uniform(-1, 1))
            parts.append(blob(rng.uniform((3, 2.6, 2.6), (4.4, 3.6, 3.6)), seed, rng, 0.08, level=2, at=at))
    return parts


def dates(rng):
    tone = pick(rng, ("#2c1408", "#5a2c12", "#7a4420"), ("#5a3014", "#8f5a2a", "#a87438"))
    skin = tinted(rng, tone, 6, rough=0.28, bump=0.7, stretch=(0.5, 3, 3))
    parts = []
    for place in scattered(rng, rng.integers(1, 5), 21, 22):
        thick = rng.uniform(8, 11)
        rings = long_rings(rng, rng.uniform(36, 48), np.array([0.9, 1, 1, 0.85]) * thick, 2, 3, 0.85, 2.0, 50, 40)
        parts.append(loft(turned(rings, rng) + place, skin))
    return parts


def pineapple_slice(rng, piece=False):
    size, inner, tall = rng.uniform(42, 52), rng.uniform(9, 13), rng.uniform(9, 20)
    profile = [(inner, 0), (size, 0), (size + 3, tall / 2), (size, tall), (inner, tall), (inner, 0)]
    rings = lathe_rings(profile, 120, 60)
    far = np.hypot(rings[..., 0], rings[..., 1])
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    rings[..., :2] *= (1 + 0.05 * (far > 0.9 * size) * np.abs(np.sin(9 * angle)))[..., None]
    flesh = ("#e8cf74", "#d8b040", "#cf9c34", "#6a4a1c", "#4a3414")
    skin = tinted(rng, flesh, 9, "along", blend=0.18, stretch=(1, 1, 0.4), bump=0.6, rough=0.4)
    along = np.clip(0.1 + 0.35 * far / size + 0.6 * (far > 0.95 * size), 0, 1)
    kept = np.s_[:, : rng.integers(22, 70)] if piece else np.s_[:, :]
    if not piece:
        return [loft(rings, skin, caps=(False, False), along=along)]
    x, y, z = np.moveaxis(rings[kept], -1, 0)
    ends = [
        sheet(*np.moveaxis(np.stack([rings[:35, k], rings[59:24:-1, k]]), -1, 0), skin, along=np.full((2, 35), 0.2))
        for k in (0, x.shape[1] - 1)
    ]
    return [sheet(x, y, z, skin, along=along[kept], thickness=0.5), *ends]


def pineapple_crown(rng):
    tone = pick(rng, ("#3a5a34", "#6a8a5a", "#9aa878"), ("#5a6a34", "#8a8a50", "#a88a54"))
    blade = tinted(rng, tone, 5, "along", blend=0.4, bump=0.3)
    parts = [blob((16, 15, 13), tinted(rng, ("#7a5a2a", "#b89a50"), 12, bump=1.0), rng, 0.15, level=4)]
    for k in range(46):
        u, v = sheet_grid(14, 5)
        length, lean = rng.uniform(45, 95) * (1 - 0.3 * k / 46), 0.12 + 0.5 * (1 - k / 46) * rng.uniform(0.7, 1.1)
        out = 8 + u * length * np.sin(lean) + 9 * u**3
        points = np.stack([u * length * np.cos(lean), v * 6.5 * (1.02 - u), out - 2 * (1 - v**2)], -1)
        c, s = np.cos(2.4 * k), np.sin(2.4 * k)
        points = points @ np.array([[1, 0, 0], [0, c, 0.65 * s], [0, -s, 0.65 * c]])
        parts.append(sheet(*np.moveaxis(points, -1, 0), blade, along=u, thickness=1.0))
    return parts


def mango_peel(rng):
    tone = pick(rng, ("#c98a1c", "#dcae3c", "#b8482c"), ("#5a7a2c", "#a8a03c", "#b85a34"), ("#8a6a2a", "#4a3014"))
    outside = tinted(rng, tone, 3, rough=0.35, bump=0.1)
    u, v = sheet_grid(60, 25)
    wide = rng.uniform(20, 30) * np.sin(np.pi * (0.03 + 0.94 * u)) ** 0.6 * (1 + 0.12 * np.sin(9 * u + 3))
    x, y = rng.uniform(95, 130) * (u - 0.5), v * wide + rng.uniform(-14, 14) * np.sin(np.pi * u)
    z = rng.uniform(8, 15) * v**2 + 9 * np.sin(rng.uniform(3, 7) * u + 1.2 * v)
    inside = tinted(rng, ("#dca030", "#e8c060", "#c98820"), 9, rough=0.3, bump=0.5)
    return [sheet(x, y, z, pick(rng, [inside, outside], [outside, inside]), thickness=2.5)]


def peach(rng):
    tone = pick(rng, ("#e0b060", "#d8884c", "#a83c34"), ("#dcc078", "#cf6a44", "#7a2c2c"), ("#b88a4a", "#7a4a24"))
    skin = tinted(rng, tone, 4, "along", blend=0.45, rough=0.75, bump=0.15)
    return [round_fruit(rng, rng.uniform(28, 36), skin, 0.94, 0.12, 1.0)]


def apricot_half(rng, stone=False):
    size = rng.uniform(19, 25)
    skin = tinted(rng, ("#d08a30", "#e0a850", "#b85a30"), 4, rough=0.6)
    flesh = tinted(rng, ("#c9742a", "#e0a04a", "#e8b868"), 8, "along", blend=0.4, rough=0.3, bump=0.3)
    u, _ = polar()
    parts = cut_half(size, flesh, skin, u, -0.4 * size * np.sqrt(np.clip(1 - (u / 0.5) ** 2, 0, 1)))
    pit = tinted(rng, ("#5a3018", "#8f5a34"), 14, bump=0.8)
    return [*parts, blob((0.48 * size, 0.38 * size, 0.4 * size), pit, rng, 0.08, level=4)] if stone else parts


def emptied_grapefruit(rng):
    tone = pick(rng, ("#d8a038", "#e4b858"), ("#cf7a44", "#dc9858"), ("#c9a848", "#8a7a3a"))
    rind = tinted(rng, tone, 9, bump=0.4, rough=0.4)
    pulp = tinted(rng, pick(rng, ("#c96a5c", "#e0c8a8"), ("#d8bc70", "#ece0bc")), 9, stretch=(2, 2, 0.5), bump=0.8)
    size = rng.uniform(42, 52)
    squash = rng.uniform(0.7, 0.98)
    return [bowl(rng, (size, squash * size, 0.85 * size), 1.5, [rind, pulp], 6, 0.03, 0.03)]


def coconut_piece(rng):
    husk = tinted(rng, ("#2c1c10", "#5a3c22", "#7a5834"), 8, stretch=(0.4, 4, 4), bump=1.0, rough=0.9)
    meat = tinted(rng, ("#e8e2d4", "#f2eee6", "#c9b898"), 7, rough=0.45, bump=0.2)
    return [bowl(rng, (52, 48, 50), rng.uniform(0.7, 1.25), [husk, meat], 8, 0.16, 0.02)]


def peeling(rng):
    """A long peel in a curl, from an apple, an orange or a cucumber."""
    skin, flesh = pick(
        rng,
        (("#9a1c1c", "#c04a34"), ("#e0d0a0", "#c9a870")),
        (("#d07818", "#e09a34"), ("#ecdcb8",) * 2),
        (("#7a9a34", "#a8b858"), ("#e4dcb4", "#d0c088")),
        (("#6a4a2a", "#94703f"), ("#dcc88c",) * 2),
    )
    u, v = sheet_grid(160, 9)
    turn, far = rng.uniform(7, 19) * u, rng.uniform(17, 30) * (0.75 + 0.5 * u)
    wide, pitch = rng.uniform(5, 9) * (1 - 0.9 * np.abs(2 * u - 1) ** 6), rng.uniform(4, 8)
    x, y = pitch * turn + wide * v + 5 * np.sin(3 * u), far * np.cos(turn) + 6 * np.sin(5 * u)
    z = 0.45 * far * (1 + np.sin(turn)) + 0.25 * wide * v
    sides = [tinted(rng, skin, 7, bump=0.3, rough=0.4), tinted(rng, flesh, 7)]
    return [sheet(x, y, z, pick(rng, sides, sides[::-1]), thickness=1.6)]


RECIPES = (
    compost_as_built("fig_half", "fig", fig, poses=2),
    compost_as_built("pomegranate_half", "pomegranate", pomegranate),
    compost_as_built("dates", "date", dates),
    compost_as_built("pineapple_slice", "pineapple", pineapple_slice, seeds=2),
    compost_as_built("pineapple_crown", "pineapple", pineapple_crown, seeds=2),
    compost_as_built("mango_peel", "mango", mango_peel),
    compost_as_built("peach", "peach", peach, lies_as_built=False),
    compost_as_built("apricot_half", "apricot", apricot_half),
    compost_as_built("emptied_grapefruit", "grapefruit", emptied_grapefruit, seeds=2, poses=2),
    compost_as_built("coconut_piece", "coconut", coconut_piece, seeds=2, poses=2),
    compost_as_built("peeling", "peeling", peeling),
    compost_as_built("pineapple_piece", "pineapple", partial(pineapple_slice, piece=True)),
    compost_as_built("apricot_with_stone", "apricot", partial(apricot_half, stone=True), seeds=2),
)
