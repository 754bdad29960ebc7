"""Peels, cores, shells and halves of fruit and nuts."""

import numpy as np
from materials import mottled, plain
from recipe import compost
from shapes import (
    blob,
    fractal,
    lathe,
    lathe_rings,
    loft,
    offset_of,
    pick,
    roughened,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
    turned,
)


def citrus_half(rng):
    rind, flesh = pick(rng, ("#e3c020", "#e8d98a"), ("#e08a1c", "#e8a33c"), ("#7da32e", "#c8d68a"))
    radius = rng.uniform(26, 34)
    u, v = sheet_grid(48, 96)
    angle = np.pi * v
    wedge = np.abs(np.sin(4.5 * angle))
    pulp = (
        np.clip((wedge * u * radius - 1.0) / 1.5, 0, 1)
        * np.clip((0.9 - u) / 0.04, 0, 1)
        * np.clip((u - 0.08) / 0.05, 0, 1)
    )
    cut = sheet(
        radius * u * np.cos(angle),
        radius * u * np.sin(angle),
        -1.5 * pulp,
        mottled("cut", ("#f1ead0", flesh, flesh), 10, "along", 0.12, rough=0.25, bump=0.3),
        along=pulp,
        thickness=0.4,
    )
    shell = lathe(
        np.array([(1, 0), (0.99, -0.2), (0.88, -0.55), (0.6, -0.85), (0.25, -1.0), (0.12, -1.08), (0.001, -1.1)])
        * radius,
        mottled("rind", (rind, rind), 8, bump=0.5, rough=0.4),
        64,
        30,
        caps=(False, True),
    )
    return [cut, shell]


def citrus_peel(rng):
    u, v = sheet_grid(50, 60)
    span = rng.uniform(1.6, 2.6)
    theta = 0.5 + 1.9 * u + 0.16 * np.sin(5 * v + rng.uniform(0, 6))
    phi = span * v * (0.75 + 0.25 * np.sin(6 * u + rng.uniform(0, 6)))
    radius = 37 + 2 * v**2
    x, y, z = (
        radius * np.sin(theta) * np.cos(phi),
        radius * np.sin(theta) * np.sin(phi),
        radius * np.cos(theta) * rng.uniform(0.7, 1),
    )
    colour = pick(rng, ("#c9670f", "#e58a1f"), ("#d4a51a", "#e8c838"), ("#c2450f", "#e0701c"))
    outside = mottled("zest", colour, 10, bump=0.6, rough=0.4)
    inside = mottled("pith", ("#e6d3a0", "#f2e8cc", "#dcc083"), 10, bump=0.4)
    return [sheet(x, y, z, [inside, outside], thickness=3.5)]


def banana_peel(rng):
    ripe = pick(
        rng,
        ("#caa21f", "#e0bf3a", "#6b4a16", "#e3c64a"),
        ("#8a6a1c", "#3d2a12", "#a88a2a"),
        ("#b8b03a", "#d9c23c", "#8a7a2a"),
    )
    skin = mottled("skin", ripe, 4, seed=rng.integers(99), bump=0.2)
    inside = mottled("inside", ("#d9c999", "#e9dfbd", "#b89d62"), 6, bump=0.3)
    parts = []
    count = rng.integers(3, 5)
    for k in range(count):
        u, v = sheet_grid(50, 9)
        length = rng.uniform(75, 115)
        width = 15 * np.sin(np.pi * np.clip(0.18 + 0.8 * u, 0, 0.985)) ** 0.7
        bend = rng.uniform(-0.6, 0.6) * (u * length) ** 2 / length
        lift = 15 * np.cos(2.2 * u * np.pi / 2) + rng.uniform(4, 11) * np.sin(np.pi * u) ** 2
        points = np.stack([4 + u * length, v * width + bend, lift - 3.5 * v**2 * pick(rng, 1, -0.5)], -1).reshape(-1, 3)
        x, y, z = turned(points, yaw=2 * np.pi * k / count + rng.uniform(-0.35, 0.35)).T.reshape(3, 50, 9)
        parts.append(sheet(x, y, z, [inside, skin] if rng.random() < 0.65 else [skin, inside], thickness=2.2))
    stalk = smooth_path([(0, 0, 11), (2, 1, 20), (8, 3, 31)], 12)
    return [*parts, tube(stalk, np.linspace(9, 4.5, 12), skin)]


def apple_core(rng):
    z = np.linspace(-30, 30, 50)
    r = 9 + 17 * (np.abs(z) / 30) ** 2.4
    r[0], r[1], r[-1], r[-2] = 3, 17, 3, 18
    end = np.clip((np.abs(z) - 20) / 5, 0, 1)
    rings = roughened(lathe_rings(np.stack([r, z], 1), 48), rng, 4.5, 9)
    skin = pick(rng, "#a3201c", "#8aa02e", "#c26a22")
    body = mottled("bitten", ("#d9be7a", "#b98a45", "#e5d3a0", skin), 6, "along", 0.35, bump=0.5)
    stem = tube(smooth_path([(0, 0, 27), (1, 1, 35), (4, 2, 44)], 8), 1.4, plain("stem", "#4a331c", 0.7))
    return [loft(rings, body, along=end * 1.3), stem]


def avocado_half(rng):
    t = np.linspace(0, 1, 60)
    half = 33 * np.sin(np.pi * t) ** 0.62 * (1.08 - 0.48 * t)
    length = 100 * (t - 0.5)
    angle = np.linspace(np.pi, 2 * np.pi, 33)
    ring = np.stack(
        [
            np.broadcast_to(length[:, None], (60, 33)),
            half[:, None] * np.cos(angle),
            0.92 * half[:, None] * np.sin(angle),
        ],
        -1,
    )
    skin = mottled("skin", ("#1f2413", "#343a1c", "#4a4a22"), 12, bump=0.8, rough=0.4)
    shell = sheet(*np.moveaxis(ring, -1, 0), skin, thickness=1.5)
    u, v = sheet_grid(60, 41)
    edge = (1 - np.abs(v)) * np.maximum(half[:, None], 1) / 8
    flesh = mottled("flesh", ("#5f7a26", "#a8b44c", "#cfc873", "#d9cf8a"), 6, "along", 0.15, rough=0.35, bump=0.15)
    x, y = 100 * (u - 0.5), v * half[:, None]
    hollow = np.hypot(x + 12, y)
    parts = [
        shell,
        sheet(
            x,
            y,
            -0.3 - np.sqrt(np.maximum(17.5**2 - hollow**2, 0)),
            flesh,
            along=np.clip(edge / 2, 0, 1),
            thickness=0.5,
        ),
    ]
    if rng.random() < 0.7:
        parts.append(
            blob((17, 16.5, 16), mottled("pit", ("#4a2a16", "#7a4a28"), 5, rough=0.35), rng, 0.05, at=(-12, 0, -2))
        )
    return parts


def avocado_pit(rng):
    return [
        blob(
            (21, 17.5, 17),
            mottled("pit", ("#3a2011", "#6d4224", "#8a5a35"), 5, rough=0.35, bump=0.2, seed=rng.integers(99)),
            rng,
            0.07,
        )
    ]


def walnut_shell(rng):
    u, v = sheet_grid(40, 90)
    angle = np.pi * v
    theta = np.pi - u * np.pi / 2
    wave = 1 + 0.06 * fractal(
        np.stack(
            [20 * np.sin(theta) * np.cos(angle), 16 * np.sin(theta) * np.sin(angle), 18 * np.cos(theta)], -1
        ).reshape(-1, 3),
        7,
        offset_of(rng),
    ).reshape(u.shape)
    x, y, z = (
        21 * wave * np.sin(theta) * np.cos(angle),
        17 * wave * np.sin(theta) * np.sin(angle),
        17 * wave * np.cos(theta),
    )
    inside, outside = (
        mottled("inside", ("#5a3a1e", "#8a6238"), 8),
        mottled("outside", ("#8a6236", "#b48a55", "#6f4a26"), 8, bump=0.8),
    )
    return [sheet(x, y, z, [outside, inside], thickness=2.0)]


def melon_rind(rng):
    u, v = sheet_grid(70, 24)
    theta, phi = (u - 0.5) * 2.5, v * (0.42 * np.cos((u - 0.5) * 2.5) + 0.03)
    radius = 85.0
    x, y, z = radius * np.sin(theta), radius * np.cos(theta) * np.sin(phi), -radius * np.cos(theta) * np.cos(phi) * 0.55
    outer = pick(rng, ("#1f3d16", "#4a7a30", "#2f5a20"), ("#c7a552", "#d9bf78", "#b08c40"))
    inner = pick(rng, ("#e4e0b4", "#d98a7a", "#c9483f"), ("#dfe3b0", "#e6c98a", "#e2a45c"))
    inside = mottled("flesh", inner, 3, "along", 0.35, rough=0.3)
    outside = mottled("rind", outer, 3, stretch=(1, 4, 1), bump=0.2, rough=0.35)
    return [sheet(x, y, z + 2 * np.sin(9 * u), [outside, inside], along=1.1 - np.abs(v), thickness=10.0)]


RECIPES = (
    compost("citrus_half", "orange", "train", citrus_half, poses=2, lies_as_built=True),
    compost("citrus_peel", "orange", "train", citrus_peel, poses=2),
    compost("banana_peel", "banana", "train", banana_peel, lies_as_built=True),
    compost("apple_core", "apple", "train", apple_core),
    compost("avocado_half", "avocado", "train", avocado_half, poses=2, seeds=2, lies_as_built=True),
    compost("avocado_pit", "avocado", "train", avocado_pit, seeds=2),
    compost("walnut_shell", "walnut", "train", walnut_shell, seeds=2, poses=2, lies_as_built=True),
    compost("melon_rind", "melon", "test", melon_rind, poses=2, lies_as_built=True),
)
