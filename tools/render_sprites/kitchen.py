"""From the plate: fish, meat on the bone, fruit and its stones."""

import numpy as np
from materials import mottled, plain
from recipe import compost_as_built
from shapes import blob, lathe, loft, pick, sheet, sheet_grid, smooth_path, tube
from stalks import long_rings


def fish(rng):
    length, tall = rng.uniform(130, 190), rng.uniform(17, 26)
    tones = pick(
        rng,
        ("#d5d3cc", "#a8adb0", "#4a5a64", "#2c3a44"),
        ("#dcc0b0", "#c9887a", "#a8483c", "#8a3428"),
        ("#cfc4a0", "#a89a6a", "#6a6438", "#4a4626"),
    )
    rings = long_rings(rng, length, np.array([0.3, 0.85, 1, 0.85, 0.5, 0.25]) * tall, rng.uniform(-7, 7), 14, 0.45, 0.6)
    back = np.clip(0.5 + 0.55 * np.sin(np.linspace(0, 2 * np.pi, 48, endpoint=False) + np.pi / 2), 0, 1)
    skin = mottled("skin", tones, 9, "along", 0.3, rough=0.25, bump=0.35, seed=rng.integers(99))
    fin = mottled("fin", tones[1:3], 5, stretch=(0.5, 6, 1), bump=0.3)
    parts = [loft(rings, skin, along=np.broadcast_to(back, (80, 48)))]
    u, v = sheet_grid(20, 25)
    fork = 10 * (1 - np.abs(v))
    parts.append(
        sheet(length / 2 - 6 + u * (34 - fork), v * (4 + 0.95 * tall * u), 1.2 * np.sin(9 * v), fin, thickness=1.0)
    )
    for side, start, reach in ((1, -0.12, 0.36), (-1, 0.1, 0.2), (-1, -0.2, 0.12)):
        y = side * (0.85 * tall * (1 - 0.35 * u) + 0.4 * tall * (1 + v) / 2 * np.sin(np.pi * (0.2 + 0.7 * u)))
        parts.append(sheet(length * (start + reach * u) + 5 * (1 + v), y, 0 * u, fin, thickness=0.9))
    for up in (1, -1):
        at = np.array([-0.43 * length, 0.15 * tall, up * 0.33 * tall])
        parts.append(blob((3.6, 3.6, 1.6), plain("white", "#d8d2b8", 0.3), rng, 0.02, level=3, at=at))
        parts.append(
            blob((2.2, 2.2, 1.2), plain("eye", "#14120f", 0.15), rng, 0.02, level=3, at=at + np.array([0, 0, up]))
        )
    return parts


def fish_bones(rng):
    bone = mottled("bone", ("#cfc0a0", "#e6dcc6", "#a8906a"), 7, rough=0.5)
    length, tall = rng.uniform(110, 165), rng.uniform(18, 28)
    t = np.linspace(0, 1, 60)
    spine = smooth_path([(-length / 2, 0, 4), (0, rng.uniform(-9, 9), 5), (length / 2, 0, 4)], 60)
    parts = [tube(spine, 2.3 + 0.5 * np.sin(90 * t), bone)]
    for k in range(3, 54, 3):
        for side in (-1, 1):
            reach = tall * (1 - t[k]) ** 0.7 * rng.uniform(0.75, 1.05) + 4
            knots = [
                spine[k],
                spine[k] + [0.3 * reach, side * 0.6 * reach, rng.uniform(0, 4)],
                spine[k] + [0.75 * reach, side * reach, rng.uniform(-4, 1)],
            ]
            parts.append(tube(smooth_path(knots, 8), np.linspace(1.3, 0.8, 8), bone, 6))
    head = mottled("head", pick(rng, ("#8a8f90", "#b8b4a8"), ("#8a6a4a", "#b89a74")), 8, rough=0.35, bump=0.5)
    parts.append(blob((21, 0.75 * tall, 8), head, rng, 0.1, at=(-length / 2 - 12, 0, 6)))
    parts.append(blob((3, 3, 1.6), plain("eye", "#1c1814", 0.2), rng, 0.02, level=3, at=(-length / 2 - 18, 4, 13)))
    u, v = sheet_grid(14, 19)
    return [
        *parts,
        sheet(
            length / 2 - 3 + u * (26 - 9 * (1 - np.abs(v))),
            v * (3 + 0.7 * tall * u),
            4 + np.sin(9 * v),
            head,
            thickness=1.0,
        ),
    ]


def shrimp(rng):
    tone = pick(
        rng, ("#d87a54", "#e8a884", "#efcdb4"), ("#a8988a", "#c4b8a8", "#8a7c70"), ("#c9603c", "#dc8a5c", "#e8b490")
    )
    shell = mottled("shell", tone, 6, "along", 0.35, rough=0.3, bump=0.15, seed=rng.integers(99))
    s, size = np.linspace(0, 1, 120), rng.uniform(22, 32)
    angle = 0.5 + rng.uniform(3.2, 4.4) * s
    path = np.stack([size * np.cos(angle), size * np.sin(angle), 0 * s], -1)
    step = 7 * s - np.floor(7 * s)
    r = 0.4 * size * (0.35 + 0.65 * np.sqrt(np.clip(s * 5, 0, 1))) * (1 - 0.62 * s**1.5) * (0.9 + 0.16 * step) * 0.9
    parts = [tube(path, r, shell, 28, along=step)]
    for k in range(24, 108, 7):
        inner = path[k] * (1 - 0.8 * r[k] / size)
        parts.append(tube(smooth_path([inner, inner * 0.75, inner * 0.6 + rng.normal(size=3) * 2], 6), 0.9, shell, 6))
    ahead = np.array([-np.sin(angle[-1]), np.cos(angle[-1]), 0])
    for yaw in (-0.5, -0.17, 0.17, 0.5):
        u, v = sheet_grid(12, 7)
        c, q = np.cos(yaw), np.sin(yaw)
        way = np.array([ahead[0] * c - ahead[1] * q, ahead[0] * q + ahead[1] * c, 0])
        points = (
            path[-1]
            + (u * 19 - 3)[..., None] * way
            + (v * 4.5 * np.sin(np.pi * (0.15 + 0.75 * u)))[..., None] * [-way[1], way[0], 0]
        )
        points[..., 2] += 2 * yaw + v
        parts.append(sheet(*np.moveaxis(points, -1, 0), shell, along=0.6 * u, thickness=0.9))
    whisker = [path[0], path[0] + [10, -14, 2], path[0] + [16, -38, 0], path[0] + [2, -58, 0]]
    return [*parts, tube(smooth_path(whisker, 24), 0.7, shell, 6)]


def drumstick(rng):
    tone = pick(
        rng, ("#7a4018", "#a8662c", "#c48a48"), ("#4f2a14", "#7f4a22", "#9a6232"), ("#b88a5c", "#d0a878", "#c49468")
    )
    skin = mottled("skin", tone, 6, rough=0.3, bump=0.5, seed=rng.integers(99))
    bone = mottled("bone", ("#c9b08a", "#e4d8c0", "#a8805a"), 6, bump=0.2)
    length, thick = rng.uniform(60, 80), rng.uniform(20, 27)
    rings = long_rings(rng, length, np.array([0.9, 1, 0.8, 0.5, 0.33]) * thick, rng.uniform(-5, 5), 4, 0.85, 2.5)
    flesh = mottled("flesh", ("#a8744c", "#d0ac84", "#b88a60"), 9, stretch=(0.5, 4, 4), bump=0.7)
    parts = []
    if rng.random() < 0.6:
        bite = np.hypot(rings[..., 0] + 0.2 * length, rings[..., 1] - 1.05 * thick) - 0.75 * thick
        rings[..., 1] += np.where(bite < 0, bite, 0)
        parts.append(
            blob(
                (0.33 * length, 0.6 * thick, 0.72 * thick), flesh, rng, 0.15, 0.4, at=(-0.14 * length, 0.15 * thick, 0)
            )
        )
    shaft = tube(smooth_path([(-0.3 * length, 0, 0), (0.5 * length, 0, 0), (length / 2 + 32, 2, 0)], 30), 5, bone)
    knobs = [blob((7, 6.5, 6.5), bone, rng, 0.2, level=4, at=(length / 2 + 33, 2 + s * 5, 0)) for s in (-1, 1)]
    return [loft(rings, skin), *parts, shaft, *knobs]


def kiwi_half(rng):
    radius, (flesh, pale) = (
        rng.uniform(22, 27),
        pick(rng, ("#5f8a24", "#9ab84a"), ("#b8942c", "#d4b84c"), ("#5a6a28", "#8a8a48")),
    )
    u, v = sheet_grid(48, 96)
    angle = np.pi * v
    seeds = np.clip(np.abs(np.sin(17 * angle)) * 4 - 2.6, 0, 1) * (np.abs(u - 0.42 - 0.06 * np.sin(7 * angle)) < 0.07)
    tone = np.clip(0.25 + 0.5 * np.abs(u - 0.3), 0, 0.5) * (u > 0.25) + 0.45 * seeds + 0.5 * (u > 0.97)
    face = mottled("flesh", ("#dcd8a4", pale, flesh, "#1c1a10", "#1c1a10"), 8, "along", 0.1, rough=0.25, bump=0.3)
    x, y = radius * u * np.cos(angle), 0.92 * radius * u * np.sin(angle)
    profile = np.array([(1, 0), (0.98, -0.3), (0.8, -0.8), (0.45, -1.12), (0.001, -1.2)]) * radius
    shell = lathe(
        profile, mottled("fuzz", ("#5a4424", "#7f6236", "#6a502c"), 14, bump=0.8, rough=0.8), 64, 30, caps=(False, True)
    )
    shell.scale = (1, 0.92, 1)
    return [sheet(x, y, 0.8 * np.sin(9 * angle) * u * (1 - u), face, along=tone, thickness=0.4), shell]


def grapes(rng):
    tone = pick(rng, ("#8a9a3c", "#b8bf6a"), ("#2a1830", "#4a2c50"), ("#7a2438", "#a04a58"), ("#5a4a2c", "#3f2c1c"))
    skin, stem = (
        mottled("skin", tone, 4, rough=0.25, bump=0.03, seed=rng.integers(99)),
        mottled("stem", ("#5a4a24", "#8a8048"), 10),
    )
    parts = [
        tube(smooth_path([(-75, 3, 9), (-30, 0, 12), (55, rng.uniform(-8, 8), 9)], 20), np.linspace(2.6, 1.6, 20), stem)
    ]
    for _ in range(rng.integers(14, 42)):
        t = rng.random() ** 1.2
        at = np.array([-38 + 95 * t, rng.normal() * 15 * (1.1 - 0.8 * t), rng.uniform(0, 22 * (1.1 - 0.7 * t))])
        size = rng.uniform(7.5, 10.5)
        parts.append(blob((size * 1.08, size, size), skin, rng, 0.04, level=3, at=at))
        parts.append(tube([(at[0] - 8, 0.2 * at[1], 10), (at[0] - 4, 0.6 * at[1], 10), at], 1.1, stem, 6))
    return parts


def plum(rng):
    tone = pick(rng, ("#2c1834", "#4f3054", "#6a5a7c"), ("#c9832c", "#dca04a", "#c4583a"), ("#2a1c18", "#4a3428"))
    size, wrinkle = rng.uniform(17, 25), pick(rng, 0.6, 0.6, 2.4)
    rings = long_rings(rng, 2.3 * size, np.ones(4) * size, 0, 2, 0.96, wrinkle)
    rings[..., 1] -= 0.1 * size * np.exp(-(((rings[..., 2] / size) / 0.15) ** 2)) * (rings[..., 1] > 0)
    skin = mottled("skin", tone, 3, rough=0.35, bump=0.05, seed=rng.integers(99))
    stem = tube(
        smooth_path([(1.1 * size, 0, 0), (1.35 * size, 1, 0), (1.7 * size, 6, 2)], 8), 1.2, plain("stem", "#5a4426")
    )
    return [loft(rings, skin), stem]


def lemon(rng):
    size = rng.uniform(21, 28)
    rings = long_rings(rng, 3 * size, np.array([0.1, 0.36, 0.9, 1, 0.9, 0.4, 0.22]) * size, 0, 12)
    tone = pick(rng, ("#d0a81c", "#e4c83a"), ("#5a7a28", "#8aa03c"), ("#c4b04a", "#8a7a3a", "#a8a088"))
    return [loft(rings, mottled("zest", tone, 9, bump=0.5, rough=0.35, seed=rng.integers(99)))]


def cinnamon(rng):
    u, v = sheet_grid(60, 61)
    size, turns = rng.uniform(7, 10), rng.uniform(1.3, 1.8) * np.pi
    far = size * (1 - 0.55 * np.abs(v)) * (1 + 0.06 * np.sin(5 * u + 4 * v))
    y, z = far * np.sin(turns * v) + np.sign(v) * 0.5 * size * (1 - np.abs(v)) * 0.2, far * np.cos(turns * v)
    tone = pick(rng, ("#5a3018", "#84502c", "#9a6840"), ("#7a4a2a", "#a87848", "#8a5a38"))
    bark = mottled("bark", tone, 7, stretch=(0.4, 5, 5), bump=0.5, rough=0.75, seed=rng.integers(99))
    return [
        sheet(
            rng.uniform(75, 140) * (u - 0.5) + 2 * np.sin(7 * v), y + rng.uniform(-4, 4) * u**2, z, bark, thickness=1.6
        )
    ]


def mango_stone(rng):
    husk = mottled(
        "husk",
        pick(rng, ("#b89a5a", "#d8c48a", "#c9a850"), ("#7a5c34", "#a88850", "#c9a860")),
        7,
        stretch=(0.5, 5, 5),
        bump=1.0,
        rough=0.7,
        seed=rng.integers(99),
    )
    return [blob((rng.uniform(38, 50), rng.uniform(18, 25), rng.uniform(9, 13)), husk, rng, 0.1, 0.5, 6)]


def peach_stone(rng):
    husk = mottled(
        "husk",
        pick(rng, ("#5a2c1c", "#8a4c30", "#a86a44"), ("#7a5a38", "#a8845a", "#8a6a48")),
        14,
        bump=1.0,
        rough=0.7,
        seed=rng.integers(99),
    )
    return [blob((rng.uniform(15, 20), rng.uniform(11, 14), rng.uniform(9, 11)), husk, rng, 0.28, 0.28, 5)]


RECIPES = (
    compost_as_built("fish", "fish", fish),
    compost_as_built("fish_bones", "fish", fish_bones),
    compost_as_built("shrimp", "shrimp", shrimp),
    compost_as_built("drumstick", "drumstick", drumstick),
    compost_as_built("kiwi_half", "kiwi", kiwi_half, poses=2),
    compost_as_built("grapes", "grapes", grapes),
    compost_as_built("plum", "plum", plum, lies_as_built=False),
    compost_as_built("lemon", "lemon", lemon, seeds=5),
    compost_as_built("cinnamon", "cinnamon", cinnamon),
    compost_as_built("mango_stone", "fruit_stone", mango_stone),
    compost_as_built("peach_stone", "fruit_stone", peach_stone, seeds=2),
)
