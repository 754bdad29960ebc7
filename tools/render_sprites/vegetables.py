"""Vegetables, whole and in pieces."""

import numpy as np
from materials import mottled, plain
from recipe import compost
from shapes import (
    blob,
    lathe,
    lathe_rings,
    loft,
    pick,
    roughened,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
    turned,
)


def potato(rng):
    tone = pick(rng, ("#7a5a35", "#b08a55", "#c9a56c"), ("#6f4a33", "#9a6a48", "#b98b62"))
    size = rng.uniform(0.85, 1.2)
    return [
        blob((46 * size, 33 * size, 29 * size), mottled("skin", tone, 7, seed=rng.integers(99), bump=0.5), rng, 0.22)
    ]


def potato_peel(rng):
    u, v = sheet_grid(120, 9)
    turn = 2 * np.pi * rng.uniform(0.7, 1.1) * u + 0.4 * np.sin(9 * u)
    radius = 45 - 26 * u
    width = 9 * np.sin(np.pi * np.clip(u, 0.03, 0.97)) ** 0.5 + 2
    x, y = (radius + v * width) * np.cos(turn), (radius + v * width) * np.sin(turn)
    z = 7 * np.sin(5.3 * u + rng.uniform(0, 6)) - 3 * v**2 * np.cos(4 * u) + 6 * u
    flesh = mottled("flesh", ("#d8c184", "#eadcae"), 8, bump=0.1)
    skin = mottled("skin", ("#6a4b2c", "#a37b49", "#8a6238"), 9, bump=0.5)
    return [sheet(x, y, z, pick(rng, [skin, flesh], [flesh, skin]), thickness=1.8)]


def carrot(rng):
    length, thick = rng.uniform(120, 175), rng.uniform(15, 20)
    z = np.linspace(0, length, 70)
    r = thick * (1 - (z / length) ** 1.6) ** 0.6 * (0.75 + 0.25 * np.exp(-z / 30)) + 0.6
    r = r * (1 + 0.025 * np.sin(z * 0.9 + 3 * np.sin(z * 0.21)))
    r[0] = thick * 0.4
    rings = roughened(lathe_rings(np.stack([r, z], 1)), rng, 1.5, 25)
    rings[..., 0] += 6 * np.sin(z / length * 2.5)[:, None]
    skin = mottled("skin", ("#b3541a", "#e07a26", "#ef9440"), 5, bump=0.35, stretch=(1, 1, 4), seed=rng.integers(99))
    green = mottled("green", ("#5f6b2c", "#8c9a45"), 20)
    stalks = [
        tube(smooth_path([(0, 0, 2), (3 * a, 3 * b, -7), (7 * a, 7 * b, -rng.uniform(9, 22))], 8), 1.8, green)
        for a, b in rng.uniform(-1, 1, (5, 2))
    ]
    return [loft(rings, skin), *stalks]


def onion(rng):
    tone = pick(
        rng, ("#8a5a22", "#c98b3c", "#dba95f"), ("#4d1f33", "#7c3350", "#a0607a"), ("#a87a3a", "#d9b06a", "#e8cf9c")
    )
    size = rng.uniform(28, 36)
    profile = [
        (1, -0.88),
        (0.25, -0.85),
        (0.75, -0.55),
        (1, 0),
        (0.85, 0.45),
        (0.45, 0.8),
        (0.17, 1.05),
        (0.1, 1.35),
        (0.14, 1.5),
    ]
    profile[0] = (0.02, -0.88)
    rings = roughened(lathe_rings(np.array(profile) * size, 64, 60), rng, 1.2, 20)
    papery = mottled("papery", tone, 5, stretch=(6, 6, 0.6), rough=0.35, bump=0.35, seed=rng.integers(99))
    roots = [
        tube(
            smooth_path([(0, 0, -0.85 * size), (a, b, -0.95 * size), (2.4 * a, 2.4 * b, -size)], 6),
            0.5,
            plain("root", "#b09a70"),
        )
        for a, b in rng.uniform(-4, 4, (9, 2))
    ]
    return [loft(rings, papery), *roots]


def onion_half(_rng):
    u, v = sheet_grid(40, 64)
    angle = np.pi * v
    flat = sheet(
        34 * u * np.cos(angle),
        30 * u * np.sin(angle),
        0.5 * np.cos(40 * u),
        mottled(
            "rings", ("#efe6cf", "#cdbb93", "#f3ecd9", "#b89f78", "#efe6cf", "#a8744a"), 3, "along", 0.12, bump=0.1
        ),
        along=(u * 4.2) % 1.0 * 0.8 + 0.2 * (u > 0.96),
        thickness=0.4,
    )
    dome = lathe(
        [(33.6, -0.3), (33, -8), (28, -17), (18, -24), (6, -27), (0.02, -27.5)],
        mottled("papery", ("#8a5a22", "#c98b3c", "#dba95f"), 5, bump=0.3),
        64,
        30,
        caps=(False, True),
    )
    dome.scale = (1, 0.89, 1)
    return [flat, dome]


def tomato(rng):
    ripe = pick(rng, ("#a81c12", "#c92a18", "#d6452a"), ("#b8401a", "#d4662a", "#c92a18"))
    rings = lathe_rings([(0.02, -25), (14, -25), (28, -16), (34, 0), (30, 15), (16, 23), (6, 20), (0.02, 18)], 64, 50)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    rings[..., :2] *= (1 + 0.05 * np.cos(5 * angle + rng.uniform(0, 6)))[..., None]
    parts = [
        loft(roughened(rings, rng, 1.5, 30), mottled("skin", ripe, 2, rough=0.22, bump=0.03, seed=rng.integers(99)))
    ]
    u, v = sheet_grid(12, 5)
    green = mottled("calyx", ("#3c5a20", "#6a8a38"), 15)
    for k in range(5):
        points = turned(
            np.stack([u * 19, v * 3.2 * (1 - u) ** 0.6, 21 + 5 * np.sin(3 * u)], -1).reshape(-1, 3), yaw=k * 1.257
        )
        x, y, z = points.T.reshape(3, 12, 5)
        parts.append(sheet(x, y, z, green, thickness=0.8))
    return parts


def corn_cob(rng):
    length = rng.uniform(120, 170)
    z = np.linspace(0, length, 150)
    r = 21 * (1 - (z / length) ** 3) ** 0.5 * 0.9 + 2.5
    rings = lathe_rings(np.stack([r, z], 1), 112)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    kernel = np.abs(np.sin(7 * angle)) * np.abs(
        np.sin(rings[..., 2] * np.pi / 7.5 + (np.floor(angle * 7 / np.pi) % 2) * 1.57)
    )
    rings[..., :2] *= (1 + 0.11 * kernel**0.5)[..., None]
    yellow = mottled(
        "kernels",
        pick(rng, ("#8a6a22", "#d8a92a", "#ecc84a"), ("#a88a55", "#cdb27a", "#d9c79a")),
        6,
        "along",
        0.25,
        rough=0.3,
        bump=0.1,
    )
    husk = mottled("husk", ("#8a9a4a", "#c3c487", "#d9d2a3"), 5, stretch=(6, 6, 0.5))
    return [loft(rings, yellow, along=kernel), tube([(0, 0, 3), (0, 0, -12), (0, 1, -22)], 8, husk, 20)]


def cucumber_slice(rng):
    radius, height = rng.uniform(20, 26), rng.uniform(7, 13)
    u, v = sheet_grid(36, 72)
    angle = np.pi * v
    seeds = np.clip(np.abs(np.sin(4.5 * angle + 1)) * 3 - 2, 0, 1) * (np.abs(u - 0.42) < 0.13)
    tone = np.clip(u * 0.75 + 0.3 * (u > 0.94), 0, 1) - 0.25 * seeds
    face = mottled("flesh", ("#e5e6bd", "#cfd99a", "#b7cc7a", "#2f5a1f"), 7, "along", 0.1, rough=0.3, bump=0.15)
    x, y = radius * u * np.cos(angle), radius * u * np.sin(angle)
    top, bottom = (sheet(x, y, h + 0 * u, face, along=tone, thickness=0.3) for h in (height, 0.3))
    side = lathe(
        [(radius * 0.99, 0.2), (radius * 1.02, height / 2), (radius * 0.99, height)],
        mottled("skin", ("#1f4518", "#3f6f2a"), 8),
        72,
        caps=(False, False),
    )
    return [top, bottom, side]


def mushroom(rng):
    tone = pick(rng, ("#c9b596", "#e3d6c0", "#a88a66"), ("#7a5636", "#a37a52", "#8a6440"))
    cap = lathe(
        [(0.02, 38), (14, 37), (25, 31), (30, 20), (28, 14), (24, 15), (8, 20)],
        mottled("cap", tone, 4, seed=rng.integers(99)),
        48,
        40,
        caps=(False, False),
    )
    stem = lathe([(7, -8), (9, -6), (7.5, 8), (8, 21)], mottled("stem", ("#cbb999", "#e8decb"), 6), 32, 20)
    return [cap, stem]


def pepper(rng):
    tone = pick(rng, ("#a3150f", "#c42a1a"), ("#2f5a1c", "#4a7a2a"), ("#d89a14", "#e8b92e"))
    rings = lathe_rings(
        [(0.02, -34), (8, -36), (20, -34), (29, -15), (33, 12), (28, 31), (14, 35), (6, 29), (0.02, 28)], 72, 60
    )
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    rings[..., :2] *= (0.88 + 0.13 * np.abs(np.cos(1.5 * angle + rng.uniform(0, 3))))[..., None]
    stem = tube(
        smooth_path([(0, 0, 27), (1, 0, 38), (7, 2, 48)], 10),
        np.linspace(5, 3.5, 10),
        mottled("stem", ("#3f5a20", "#6a8038"), 9),
    )
    return [loft(roughened(rings, rng, 3, 30), mottled("skin", tone, 2, rough=0.2, bump=0.03)), stem]


def broccoli(rng):
    stalk = mottled("stalk", ("#8aa04e", "#b3c27a", "#a8b868"), 4, stretch=(3, 3, 1))
    florets = mottled("florets", ("#23401a", "#3f6428", "#5f8038"), 14, bump=1.0)
    parts = [tube(smooth_path([(0, 0, 0), (0, 3, 22), (0, 4, 42)], 16), np.linspace(10, 12, 16), stalk, 20)]
    for _ in range(17):
        direction = rng.normal(size=3)
        direction[2] = abs(direction[2]) * 0.8
        direction /= np.linalg.norm(direction)
        centre = np.array([0, 4, 44]) + direction * [25, 25, 17]
        parts.append(tube(smooth_path([(0, 3, 32), (np.array([0, 3, 36]) + centre) / 2, centre], 6), 4, stalk, 8))
        parts.append(blob((11, 11, 9), florets, rng, 0.35, 0.28, 3, 4, at=centre))
    return parts


RECIPES = (
    compost("potato", "potato", "train", potato),
    compost("potato_peel", "potato", "train", potato_peel, lies_as_built=True),
    compost("carrot", "carrot", "test", carrot),
    compost("onion", "onion", "train", onion),
    compost("onion_half", "onion", "train", onion_half, seeds=1, poses=2, lies_as_built=True),
    compost("tomato", "tomato", "train", tomato, seeds=2, poses=2),
    compost("corn_cob", "corn", "test", corn_cob),
    compost("cucumber_slice", "cucumber", "train", cucumber_slice),
    compost("mushroom", "mushroom", "train", mushroom, seeds=2, poses=2),
    compost("pepper", "pepper", "train", pepper),
    compost("broccoli", "broccoli", "test", broccoli, seeds=2),
)
