"""Leaves, grass, twigs and other plant parts."""

import numpy as np
from materials import mottled, plain
from recipe import compost
from shapes import blob, fractal, offset_of, sheet, sheet_grid, smooth_path, tube, turned

GREEN = (("#2f4f1c", "#4f7a2c", "#a3b86a"), ("#3f6a24", "#6f9a3a", "#bcd08a"), ("#5a6a20", "#8f9a3c", "#ccc987"))
DRY = (("#4a2c16", "#7a4a24", "#b98a55"), ("#6a4420", "#a06a2c", "#d0a25c"), ("#7a2a16", "#a84a22", "#d98a4a"))
YELLOW = (("#a8821c", "#d0a82e", "#e8d27a"), ("#b0781a", "#d89a2c", "#efc873"))


def veins(u, v, pairs):
    """1 on the midrib and the side veins, 0 between."""
    midrib = np.exp(-((v / 0.05) ** 2))
    phase = (u - 0.35 * np.abs(v)) * pairs
    side = np.exp(-(((phase - np.round(phase)) / 0.09) ** 2)) * 0.7
    return np.maximum(midrib, side)


def leaf(rng, tones, length, width, lobes=0.0, lobe_count=0, curl=6.0, bend=8.0, tilt_veins=7):
    """One leaf: half width over its length, cupped across, bent along, and wrinkled."""
    u, v = sheet_grid(90, 41)
    t = np.clip(u, 0.0, 1.0)
    outline = np.sin(np.pi * t**0.8) ** 0.75 * (1 + lobes * np.cos(2 * np.pi * lobe_count * t)) + 0.012
    y = v * width / 2 * outline
    x = length * u - lobes * 12 * np.abs(v) * np.cos(2 * np.pi * lobe_count * t + 1.2)
    wrinkle = fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 28, offset_of(rng)).reshape(x.shape)
    sign = 1 if rng.random() < 0.7 else -1
    z = sign * (curl * (v * outline) ** 2 + rng.uniform(0.5, 1) * bend * (2 * u - 1) ** 2) + 4.5 * wrinkle
    material = mottled(
        "blade", tones[rng.integers(len(tones))], 4, "along", 0.42, rough=0.5, bump=0.3, seed=rng.integers(99)
    )
    z = z + 0.8 * veins(u, v, tilt_veins)
    stalk_end = (x[0, 20], y[0, 20], z[0, 20])
    stalk = smooth_path(
        [stalk_end, (-length * 0.1, 2, stalk_end[2] + 1), (-length * 0.2, rng.uniform(-9, 9), stalk_end[2])], 10
    )
    return [
        sheet(x, y, z, material, along=veins(u, v, tilt_veins), thickness=0.9),
        tube(stalk, 1.0, material, 8, along=np.full(10, 0.8)),
    ]


def leaf_green(rng):
    return leaf(rng, GREEN, rng.uniform(80, 120), rng.uniform(40, 60))


def leaf_dry(rng):
    return leaf(rng, DRY, rng.uniform(70, 110), rng.uniform(40, 60), curl=16, bend=14)


def leaf_oak(rng):
    return leaf(
        rng, DRY + YELLOW, rng.uniform(90, 130), rng.uniform(55, 75), lobes=0.22, lobe_count=4.5, curl=9, tilt_veins=5
    )


def leaf_yellow(rng):
    return leaf(rng, YELLOW, rng.uniform(60, 85), rng.uniform(52, 66), curl=8, bend=9)


def leaf_long(rng):
    return leaf(rng, (*GREEN, DRY[1]), rng.uniform(150, 200), rng.uniform(20, 32), curl=5, bend=12, tilt_veins=16)


def leaf_maple(rng):
    """Five blades from one stalk."""
    tones = (DRY + YELLOW)[rng.integers(5)]
    material = mottled("blade", tones, 4, "along", 0.42, bump=0.3, seed=rng.integers(99))
    parts = []
    offset = offset_of(rng)
    for angle, size in ((0, 1.0), (0.75, 0.9), (-0.75, 0.9), (1.6, 0.62), (-1.6, 0.62)):
        u, v = sheet_grid(46, 25)
        length = 72 * size
        outline = np.sin(np.pi * np.clip(0.16 + 0.84 * u, 0, 1)) ** 0.9 * (1 + 0.16 * np.cos(19 * u)) + 0.01
        flat = np.stack([u * length, v * 25 * size * outline, 0 * u], -1).reshape(-1, 3)
        flat = turned(flat, yaw=angle)
        flat[:, 2] = 0.0022 * (flat[:, 0] ** 2 + flat[:, 1] ** 2) * 1.1 + 5 * fractal(flat, 30, offset) + 0.3 * angle
        parts.append(sheet(*flat.T.reshape(3, 46, 25), material, along=veins(u, v, 5), thickness=0.9))
    stalk = smooth_path([(0, 0, 0), (-25, 3, 2), (-55, rng.uniform(-12, 12), 3)], 12)
    return [*parts, tube(stalk, 1.1, material, 8, along=np.full(12, 0.8))]


def cabbage_leaf(rng):
    u, v = sheet_grid(90, 81)
    angle = np.pi * v
    edge = 0.07 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.035 * np.sin(11 * angle) + 0.02 * np.sin(23 * angle + 1)
    radius = 72 * (1 + edge * u) * u
    x, y = radius * np.cos(angle) * 1.1, radius * np.sin(angle)
    ruffle = 9 * u**3 * np.sin(9 * angle + rng.uniform(0, 6)) + 5 * u**2 * np.sin(17 * angle)
    wrinkle = fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 22, offset_of(rng)).reshape(x.shape)
    z = 30 * u**2 + ruffle + 5 * wrinkle
    rib = np.maximum(
        np.exp(-((y / (1.5 + 5 * np.clip(0.5 - x / 140, 0, 1))) ** 2)) * np.clip(1 - x / 60, 0, 1),
        0.7 * np.exp(-((np.sin(6 * angle) / 0.16) ** 2)) * (u > 0.1),
    )
    tones = (("#4f7a30", "#8fb35a", "#dfe5b8"), ("#7a2a4a", "#9a4a6a", "#e3cfd6"), ("#7f9a3f", "#b8c97a", "#eef0d4"))
    material = mottled("leaf", tones[rng.integers(3)], 4, "along", 0.3, rough=0.4, bump=0.25, seed=rng.integers(99))
    return [sheet(x, y, z, material, along=rib, thickness=1.2)]


def grass_clump(rng):
    tones = (("#3f6a20", "#6f9a38"), ("#5f7a2a", "#98a84a"), ("#8a7a3a", "#c0ad6a"), ("#2f5a1c", "#4f8030"))
    materials = [mottled(f"blade{k}", tone, 6, seed=k) for k, tone in enumerate(tones)]
    parts = []
    for _ in range(130):
        angle, length = rng.normal() * 0.5 + np.pi * (rng.random() < 0.4), rng.uniform(35, 95)
        start = rng.normal(size=3) * [22, 16, 0] + [0, 0, rng.uniform(2, 18)]
        ahead = np.array([np.cos(angle), np.sin(angle), 0.0])
        u, v = sheet_grid(10, 3)
        width = 1.9 * (1 - u**2)
        side = np.array([-ahead[1], ahead[0], rng.uniform(-0.8, 0.8)])
        points = start + (u * length)[..., None] * ahead + (v * width)[..., None] * side
        points = points + (rng.uniform(-18, 18) * u**2)[..., None] * side
        points[..., 2] = np.maximum(points[..., 2] + rng.uniform(-6, 16) * np.sin(np.pi * u), 0.5)
        parts.append(sheet(*np.moveaxis(points, -1, 0), materials[rng.integers(4)], thickness=0.5))
    return parts


def twig(rng):
    bark = mottled(
        "bark", ("#3a2a1c", "#5f4630", "#7a6248"), 9, bump=0.9, rough=0.8, stretch=(1, 1, 3), seed=rng.integers(99)
    )
    length = rng.uniform(130, 210)
    knots = np.stack([np.linspace(0, length, 7), rng.normal(size=7) * 6, 8 + rng.normal(size=7) * 3], -1)
    main = smooth_path(knots, 60)
    parts = [tube(main, np.linspace(rng.uniform(4, 6.5), 1.8, 60), bark, 14)]
    for _ in range(rng.integers(2, 5)):
        at = main[rng.integers(12, 50)]
        side = rng.choice([-1, 1])
        reach = rng.uniform(20, 55)
        branch = smooth_path(
            [
                at,
                at + np.array([0.4 * reach, 0.4 * side * reach, 3]),
                at + np.array([reach, 0.8 * side * reach, rng.uniform(-5, 8)]),
            ],
            20,
        )
        parts.append(tube(branch, np.linspace(2.6, 1.0, 20), bark, 10))
    return parts


def pine_cone(rng):
    scale = mottled("scale", ("#3f2a1a", "#6a472c", "#8f6a45"), 8, "along", 0.4, bump=0.5)
    parts = [blob((13, 13, 34), scale, rng, 0.05, level=3)]
    for k in range(95):
        height = -33 + 66 * k / 95
        spread = 21 * np.sqrt(max(0.05, 1 - (height / 37) ** 2))
        u, v = sheet_grid(7, 5)
        points = np.stack(
            [4 + u * spread, v * 7.5 * np.sin(np.pi * (0.25 + 0.65 * u)), height + 7 * u + 1.2 * v**2], -1
        ).reshape(-1, 3)
        points = turned(points, yaw=k * 2.39996)
        parts.append(sheet(*points.T.reshape(3, 7, 5), scale, along=u, thickness=1.8))
    return parts


def wood_chip(rng):
    wood = mottled(
        "wood", ("#9a7448", "#c4a06a", "#d9bd8a"), 4, stretch=(0.6, 8, 4), bump=0.6, rough=0.75, seed=rng.integers(99)
    )
    return [blob((rng.uniform(35, 55), rng.uniform(10, 17), rng.uniform(4.5, 7)), wood, rng, 0.25, 0.8, 5, 5, cuts=9)]


def wilted_flower(rng):
    tones = (("#b03a5a", "#d98aa0"), ("#d8a01c", "#efcf6a"), ("#e0d8c8", "#f0ebe0"), ("#7a3a8a", "#a878b8"))[
        rng.integers(4)
    ]
    petal = mottled("petal", (*tones, "#9a7a4a"), 5, "along", 0.35, seed=rng.integers(99))
    parts = [blob((9, 9, 6), mottled("heart", ("#6a4a14", "#b88a2a"), 25, bump=1.0), rng, 0.2, level=4, at=(0, 0, 11))]
    for k in range(15):
        u, v = sheet_grid(16, 7)
        length = rng.uniform(20, 32)
        points = np.stack(
            [6 + u * length, v * 6.5 * np.sin(np.pi * (0.15 + 0.8 * u)), 9 + rng.uniform(-6, 8) * u**2 + 2 * v**2], -1
        ).reshape(-1, 3)
        points = turned(points, yaw=k * 2.39996)
        parts.append(sheet(*points.T.reshape(3, 16, 7), petal, along=u * 0.6, thickness=0.6))
    stem = smooth_path([(0, 0, 7), (-45, 6, 4), (-110, rng.uniform(-18, 18), 5)], 30)
    green = mottled("stem", ("#4a6a28", "#7a9440"), 9)
    return [*parts, tube(stem, 2.3, green)]


def tea_leaves(rng):
    dark = mottled("tea", ("#22150c", "#3d2815", "#55401f"), 14, rough=0.6)
    parts = [blob((30, 24, 9), dark, rng, 0.35, 0.5, 6, 5)]
    for _ in range(150):
        u, v = sheet_grid(4, 3)
        points = turned(
            np.stack([u * rng.uniform(5, 12), v * 1.4, 2 * u * v], -1).reshape(-1, 3), rng, tilt=rng.uniform(-0.7, 0.7)
        )
        points = points + rng.normal(size=3) * [18, 14, 0] + [0, 0, rng.uniform(2, 11)]
        parts.append(sheet(*points.T.reshape(3, 4, 3), dark, thickness=0.6))
    return parts


def acorn(rng):
    nut = blob((17, 10.5, 10.5), mottled("nut", ("#6a4a1c", "#9a7434"), 4, stretch=(0.5, 4, 4), rough=0.3), rng, 0.03)
    cup = blob((8, 12, 12), mottled("cup", ("#4a3a24", "#7a6444"), 25, bump=1.0), rng, 0.06, at=(-11, 0, 0))
    return [nut, cup, tube([(-18, 0, 0), (-24, 1, 0), (-29, 3, 1)], 1.4, plain("stem", "#4a3a22", 0.8))]


def _recipe(name, family, split, build, **more):
    return compost(name, family, split, build, **{"lies_as_built": True, **more})


RECIPES = (
    _recipe("leaf_green", "leaf_green", "train", leaf_green),
    _recipe("leaf_dry", "leaf_dry", "train", leaf_dry),
    _recipe("leaf_oak", "leaf_oak", "test", leaf_oak),
    _recipe("leaf_yellow", "leaf_yellow", "train", leaf_yellow),
    _recipe("leaf_long", "leaf_long", "train", leaf_long),
    _recipe("leaf_maple", "leaf_maple", "train", leaf_maple),
    _recipe("cabbage_leaf", "cabbage", "test", cabbage_leaf),
    _recipe("grass_clump", "grass", "train", grass_clump),
    _recipe("twig", "twig", "train", twig),
    _recipe("pine_cone", "pine_cone", "test", pine_cone, seeds=1, poses=2, lies_as_built=False),
    _recipe("wood_chip", "wood_chip", "train", wood_chip, lies_as_built=False),
    _recipe("wilted_flower", "flower", "train", wilted_flower),
    _recipe("tea_leaves", "tea_leaves", "test", tea_leaves, seeds=2),
    _recipe("acorn", "acorn", "train", acorn, seeds=2, lies_as_built=False),
)
