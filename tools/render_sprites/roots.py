"""Roots, bulbs and long fruit of the vegetable garden."""

from functools import partial

import numpy as np
from materials import mottled
from recipe import compost_to_train
from shapes import blob, lathe_rings, loft, pick, roughened, sheet, sheet_grid, smooth_path, tube
from stalks import cut_loft, long_half, long_rings


def sweet_potato(rng, half=False):
    length, thick = rng.uniform(110, 175), rng.uniform(21, 31)
    tone = pick(
        rng, ("#7a3a34", "#a85f50", "#8f4a44"), ("#5a2a3c", "#8a4a5a", "#6f3a48"), ("#8a5a3a", "#b88a5a", "#6a4a34")
    )
    radius = np.array([0.25, 0.9, 1, 0.7, 0.15]) * thick
    rings = long_rings(rng, length, radius, rng.uniform(-12, 12), 6, 0.9, 3.5)
    if half:
        flesh = pick(rng, ("#b8783a", "#c9904a"), ("#cdb98a", "#e0d2ae"), ("#9a7a8a", "#b89aa0"))
        return [long_half(rings, tone[:2], flesh, 0.6)]
    skin = mottled("skin", tone, 7, bump=0.5, rough=0.65, stretch=(0.7, 2, 2), seed=rng.integers(99))
    return [loft(rings, skin)]


def daikon(rng, share=1.0):
    length, thick = rng.uniform(130, 200), rng.uniform(17, 23)
    rings = long_rings(rng, length, np.array([0.95, 1, 1, 1, 0.9]) * thick, rng.uniform(-12, 12), 14, uneven=1.4)
    fade = np.clip(1 - np.linspace(0, rng.uniform(1.5, 4), 80), 0, 1)
    tones = pick(rng, ("#ddd8c6", "#efece0", "#c9cfa0", "#9aab62"), ("#c4b798", "#dcd2b8", "#b8ab84", "#8a8450"))
    skin = mottled("skin", tones, 6, "along", 0.25, rough=0.4, bump=0.15, stretch=(2, 0.6, 0.6), seed=rng.integers(99))
    return [cut_loft(rings, skin, mottled("flesh", ("#e6e3d6", "#f2f0e8"), 5), share, fade)]


def root_globe(rng, size, skin, stalk, leaves, tail):
    """A round root with a thin tail and stalk stubs: radish and beetroot."""
    profile = [
        (0.02, -1.05),
        (0.1, -1.0),
        (0.35, -0.88),
        (0.85, -0.5),
        (1, 0),
        (0.85, 0.55),
        (0.45, 0.86),
        (0.25, 0.92),
        (0.02, 0.93),
    ]
    rings = roughened(lathe_rings(np.array(profile) * size, 56, 60), rng, 0.05 * size, 0.8 * size)
    bend = rng.uniform(-12, 12)
    parts = [
        loft(rings, skin),
        tube(
            smooth_path([(0, 0, -0.93 * size), (2, 0, -1.2 * size - tail / 3), (bend, 3, -size - tail)], 20),
            np.linspace(0.13 * size, 0.5, 20),
            skin,
            10,
        ),
    ]
    for a, b in rng.uniform(-1, 1, (6, 2)):
        top = size + leaves * rng.uniform(0.4, 1)
        knots = [(2 * a, 2 * b, 0.85 * size), (5 * a, 5 * b, size + 4), (14 * a * top / size, 9 * b, top)]
        parts.append(tube(smooth_path(knots, 10), 1.2 + 0.035 * size, stalk, 8))
    return parts


def radish(rng):
    tone = pick(
        rng, ("#8f1428", "#b8243c", "#c94a5c"), ("#a81c3a", "#c23a50", "#e6d6d0"), ("#6a2038", "#8a3a4a", "#5a3028")
    )
    skin = mottled("skin", tone, 4, rough=0.3, bump=0.1, seed=rng.integers(99))
    return root_globe(
        rng,
        rng.uniform(14, 19),
        skin,
        mottled("stalk", ("#5a7a2c", "#8fa04a"), 9),
        rng.uniform(12, 40),
        rng.uniform(15, 35),
    )


def beetroot(rng):
    tone = pick(rng, ("#2a0c18", "#4f1628", "#3a1620"), ("#3a2420", "#5f2c34", "#6f4a44"))
    skin = mottled("skin", tone, 6, rough=0.6, bump=0.5, seed=rng.integers(99))
    return root_globe(
        rng, rng.uniform(28, 36), skin, mottled("stalk", ("#6a1430", "#8f2a48", "#7a5a3a"), 9), 28, rng.uniform(25, 50)
    )


def aubergine(rng, half=False):
    length, thick = rng.uniform(125, 185), rng.uniform(25, 32)
    tone = pick(rng, ("#160a1c", "#2a1230"), ("#2c1030", "#5a2a5c", "#3f1c42"), ("#3a2228", "#5f4038", "#2a1418"))
    rings = long_rings(
        rng, length, [0.6 * thick, 0.75 * thick, thick, 1.05 * thick], rng.uniform(-10, 10), 4, uneven=1.2
    )
    if half:
        return [long_half(rings, tone[:2], ("#8a6a3a", "#cfc08a", "#e0d8b0"))]
    body = loft(rings, mottled("skin", tone, 3, rough=0.18, bump=0.03, seed=rng.integers(99)))
    green = mottled("calyx", ("#4a5a24", "#7a7a3a", "#5a4a28"), 10)
    parts = [
        body,
        tube(smooth_path([(-length / 2 + 6, 0, 0), (-length / 2 - 12, 1, 0), (-length / 2 - 26, 5, 2)], 8), 5, green),
    ]
    u, v = sheet_grid(12, 7)
    for k in range(5):
        lift = 0.62 * thick * np.clip(3.4 * u, 0.05, 1) ** 0.5 + 1.8
        points = np.stack([-length / 2 - 3 + u * 30, v * 9 * (1 - u) ** 0.6, lift], -1).reshape(-1, 3)
        c, s = np.cos(1.257 * k), np.sin(1.257 * k)
        points = points @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
        parts.append(sheet(*points.T.reshape(3, 12, 7), green, thickness=1.2))
    return parts


def chili(rng):
    length, thick = rng.uniform(75, 135), rng.uniform(9, 14)
    tone = pick(
        rng, ("#a3140f", "#c9281c"), ("#2a4f18", "#4f7a2c"), ("#3f0f0c", "#6a1c14", "#8a3a24"), ("#c9a01c", "#dcc24a")
    )
    rings = long_rings(
        rng, length, [0.8 * thick, thick, 0.8 * thick, 0.5 * thick, 0.12 * thick], rng.uniform(8, 28), 9, 0.8, 1.6
    )
    green = mottled("stem", ("#3f5a20", "#6a8038"), 9)
    stem = tube(
        smooth_path([(-length / 2 + 5, 0, 0), (-length / 2 - 4, 0, 0), (-length / 2 - 26, -9, 2)], 14),
        np.r_[0.85 * thick, 0.8 * thick, 0.6 * thick, np.linspace(3.4, 2.2, 11)],
        green,
    )
    return [loft(rings, mottled("skin", tone, 3, rough=0.2, bump=0.1, seed=rng.integers(99))), stem]


def ginger(rng):
    tone = pick(rng, ("#8a6a3c", "#b8955a", "#c9ab74"), ("#6a4f30", "#94744a", "#7a5c38"))
    skin = mottled("skin", tone, 8, bump=0.6, seed=rng.integers(99))
    parts = [blob((36, 16, 13), skin, rng, 0.18)]
    for k in range(rng.integers(4, 7)):
        x, side = rng.uniform(-34, 34), pick(rng, -1, 1)
        at = (x, side * rng.uniform(6, 17), rng.uniform(-3, 3))
        parts.append(blob(rng.uniform((13, 13, 9), (19, 18, 12)), skin, rng, 0.2, level=4, at=at))
        if k < 3:
            parts.append(blob((9, 10, 8), skin, rng, 0.2, level=4, at=(1.15 * x, at[1] + side * 15, 0)))
    return parts


def garlic(rng):
    size = rng.uniform(22, 29)
    profile = np.array(
        [
            (0.02, -0.72),
            (0.35, -0.75),
            (0.8, -0.6),
            (1, -0.15),
            (0.85, 0.3),
            (0.4, 0.66),
            (0.2, 0.95),
            (0.16, 1.6),
            (0.19, 1.9),
        ]
    )
    rings = lathe_rings(profile * size, 72, 60)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    rings[..., :2] *= (1 - 0.1 * np.abs(np.cos(rng.uniform(3.5, 5) * angle)) ** 6)[..., None]
    papery = mottled(
        "papery",
        pick(rng, ("#d8cfc0", "#efeae0", "#c9bda8"), ("#b89aa0", "#e0d3cc", "#9a7484")),
        5,
        stretch=(5, 5, 0.6),
        rough=0.4,
        bump=0.3,
    )
    return [loft(roughened(rings, rng, 1, 14), papery)]


def clove(rng):
    skin = mottled(
        "skin",
        pick(rng, ("#d5c29a", "#e8dcbc"), ("#c9a8a0", "#e0ccb8"), ("#b08a4a", "#cdb07a")),
        5,
        stretch=(0.6, 4, 4),
        rough=0.35,
        bump=0.2,
    )
    rings = long_rings(rng, rng.uniform(30, 42), [4, 9, 10, 6, 1.5], 4, 5, 0.85, 0.7, 40, 32)
    return [loft(rings, skin)]


RECIPES = (
    compost_to_train("aubergine", "aubergine", aubergine),
    compost_to_train(
        "aubergine_half", "aubergine", partial(aubergine, half=True), seeds=2, poses=2, lies_as_built=True
    ),
    compost_to_train("chili", "chili", chili, seeds=4),
    compost_to_train("sweet_potato", "sweet_potato", sweet_potato),
    compost_to_train(
        "sweet_potato_half", "sweet_potato", partial(sweet_potato, half=True), poses=2, lies_as_built=True
    ),
    compost_to_train("daikon", "radish", daikon),
    compost_to_train("daikon_piece", "radish", partial(daikon, share=0.5), seeds=2),
    compost_to_train("radish", "radish", radish),
    compost_to_train("beetroot", "beetroot", beetroot),
    compost_to_train("ginger", "ginger", ginger),
    compost_to_train("garlic", "garlic", garlic),
    compost_to_train("garlic_clove", "garlic", clove),
)
