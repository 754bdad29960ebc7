"""Leavings of cooked meals."""

import numpy as np
from materials import plain
from parts import polar, scattered, tinted
from recipe import compost_as_built
from shapes import (
    blob,
    box,
    fractal,
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
from studio import MM
from sweets import BROWNED


def pizza_slice(rng):
    length, half = rng.uniform(95, 145), rng.uniform(0.3, 0.42)
    start = pick(rng, 0.0, 0.0, 0.45)
    u, v = sheet_grid(70, 50)
    far = length * (start + (1 - start) * u) + (1 - u) * 7 * np.sin(5 * v)
    x, y = far * np.cos(half * v) - length / 2, far * np.sin(half * v)
    rough = fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 20, offset_of(rng)).reshape(x.shape)
    top = tinted(rng, ("#a8341c", "#c8642c", "#dcb050", "#e4cc84", "#b8743c"), 9, rough=0.35, bump=0.4)
    base = tinted(rng, BROWNED[1], 6, bump=0.3)
    parts = [sheet(x, y, 6 + 1.2 * rough, [top, base], thickness=5)]
    t = np.linspace(-1, 1, 50)
    edge = np.stack([length * np.cos(half * t) - length / 2, length * np.sin(half * t), 6 + 0 * t], -1)
    parts.append(tube(edge, 9 + 1.5 * np.sin(9 * t + rng.uniform(0, 6)), tinted(rng, pick(rng, *BROWNED), 7), 24))
    toppings = [
        tinted(rng, c, 9, rough=0.35)
        for c in (("#8a2018", "#a83a28"), ("#4a5a24", "#6a7a34"), ("#201820",) * 2, ("#d8c8a8", "#b8a080"))
    ]
    for _ in range(rng.integers(3, 10)):
        k, j = rng.integers(10, 58), rng.integers(8, 42)
        size = rng.uniform(5, 11)
        parts.append(
            blob(
                (size, size * rng.uniform(0.5, 1), 2.2),
                toppings[rng.integers(4)],
                rng,
                0.1,
                level=3,
                at=(x[k, j], y[k, j], 8.5),
            )
        )
    return parts


def dumplings(rng):
    dough = tinted(rng, pick(rng, ("#d8ccb0", "#e8e0cc"), ("#d8c090", "#b07838", "#dcc8a0")), 5, rough=0.35, bump=0.1)
    parts = []
    for place in scattered(rng, rng.integers(1, 5), 44, 30):
        u, angle = polar(30, 90)
        size = rng.uniform(24, 29)
        x, y = size * 1.15 * u * np.cos(angle), size * 0.72 * u * np.sin(angle) + 7 * u**2 * np.cos(angle) ** 2
        pleat = np.clip(np.sin(angle), 0, 1) ** 0.3 * np.sin(19 * angle) * np.clip((u - 0.6) / 0.3, 0, 1)
        z = 0.75 * size * np.sqrt(np.clip(1 - u**2.5, 0, 1)) + 2 + 1.6 * pleat
        points = turned(np.stack([x, y, z], -1), rng) + place
        parts.append(sheet(*np.moveaxis(points, -1, 0), dough, thickness=2))
    return parts


def sushi(rng):
    rice, weed = tinted(rng, ("#d8d0bc", "#f0ece0", "#c8bfa8"), 40, rough=0.5, bump=1.0), plain("nori", "#141a14", 0.4)
    parts = []
    for place in scattered(rng, rng.integers(1, 5), 36, 26):
        size, tall = rng.uniform(14, 19), rng.uniform(18, 26)
        roll = lathe_rings([(0.02, 0), (1, 0), (1.02, 0.5), (1, 1), (0.9, 1.02), (0.02, 1.02)], 40, 40) * [
            size,
            size,
            tall,
        ]
        fill = tinted(
            rng, pick(rng, ("#d87850", "#e8a080"), ("#6a8a34", "#98b050"), ("#b83838", "#c85850")), 9, rough=0.3
        )
        middle = (0.45 * size, 0.4 * size, 2)
        side = rng.random() < 0.35
        things = [loft(roughened(roll, rng, 0.5, 5), rice), blob(middle, fill, rng, 0.15, level=3, at=(0, 0, tall))]
        things.append(
            loft(lathe_rings(np.array([(size + 0.9, 0.5), (size + 0.9, tall)]), 40), weed, caps=(False, False))
        )
        for thing in things:
            thing.rotation_euler = (np.pi / 2 * side, 0, 0)
            thing.location = tuple((place + np.array([0, 0, size * side])) * MM)
        parts += things
    return parts


def meatballs(rng):
    """Also falafel."""
    tone = pick(rng, ("#3a2012", "#6a3c20", "#8a5834"), ("#5a3a1c", "#8f6430", "#a88448"), ("#6a4a34", "#8f7258"))
    skin = tinted(rng, tone, 9, rough=0.5, bump=0.9)
    return [
        blob(rng.uniform((14, 14, 12), (19, 18, 16)), skin, rng, 0.12, 0.4, 5, 4, at=place, cuts=rng.integers(0, 2))
        for place in scattered(rng, rng.integers(1, 5), 34, 24)
    ]


def nuggets(rng):
    """Crumbed pieces; large ones are a schnitzel."""
    skin = tinted(
        rng, pick(rng, ("#8a5420", "#b87c38", "#d0a058"), ("#a8702c", "#c89448", "#dcb470")), 22, rough=0.7, bump=1.2
    )
    big = rng.random() < 0.3
    size, count = ((60, 42, 8), 1) if big else ((24, 18, 10), rng.integers(1, 6))
    return [
        blob(np.array(size) * rng.uniform(0.8, 1.1, 3), skin, rng, 0.15, 0.6, 6, 5, at=place)
        for place in scattered(rng, count, 40, 26 if not big else 1)
    ]


def ham(rng):
    """A limp slice with a rim of fat."""
    meat = pick(rng, ("#c87878", "#d89890", "#e0a8a0"), ("#8a2c30", "#a84844", "#c88880"), ("#b88070", "#d0a088"))
    tone = tinted(rng, (*meat, "#e8d4c4"), 7, "along", blend=0.35, rough=0.3, bump=0.15)
    size, fold, wave = rng.uniform(42, 58), rng.uniform(4, 9), rng.uniform(9, 15)
    u, angle = np.meshgrid(np.linspace(0.01, 1, 50), np.linspace(0, 2 * np.pi, 120, endpoint=False), indexing="ij")
    edge = size * (1 + 0.06 * np.sin(2 * angle + 1) + 0.03 * np.sin(5 * angle))
    x, y = 0.85 * u * edge * np.cos(angle), 0.75 * u * edge * np.sin(angle)
    z = fold * (1 + np.sin(x / wave + y / 31 + 0.6 * np.sin(y / 14))) * (0.6 + 0.4 * u)
    fat = np.clip(0.3 + 12 * np.clip(u - 0.9, 0, 1) * (np.sin(angle) > -0.2), 0, 1)
    return [loft(np.stack([x, y, z], -1), tone, caps=(True, False), along=fat, thickness=2)]


def bacon(rng):
    tone = pick(
        rng, ("#e0c8b0", "#a8443c", "#8a2c28", "#dcbca0", "#b05048"), ("#a8703c", "#5a2014", "#7a3420", "#c08850")
    )
    meat = tinted(rng, tone, 3, stretch=(0.3, 12, 1), rough=0.3, bump=0.3)
    parts = []
    for k in range(rng.integers(1, 4)):
        u, v = sheet_grid(120, 13)
        x, y = rng.uniform(130, 190) * (u - 0.5), v * rng.uniform(13, 19) * (1 + 0.1 * np.sin(9 * u + k)) + 28 * k
        z = rng.uniform(2, 6) * (1.2 + np.sin(rng.uniform(15, 32) * u + rng.uniform(-1, 1) * v)) + 2 * v * np.sin(
            11 * u
        )
        parts.append(sheet(x, y + rng.uniform(-15, 15) * u**2, z, meat, thickness=2))
    return parts


def ribs(rng):
    meat = tinted(
        rng, pick(rng, ("#3a160c", "#6a2c18", "#8a4a2a"), ("#7a4a30", "#a87450", "#b88a64")), 7, rough=0.3, bump=0.7
    )
    bone = tinted(rng, ("#c0a078", "#dccdb0", "#a88458"), 7)
    parts = []
    for k in range(rng.integers(1, 5)):
        length = rng.uniform(85, 120)
        knots = [(-length / 2, 21 * k, 4), (0, 21 * k + rng.uniform(-2, 2), 12), (length / 2, 21 * k, 4)]
        parts.append(tube(smooth_path(knots, 40), 6, bone, 20))
        parts += [blob((6, 7, 5), bone, rng, 0.15, level=3, at=knots[end]) for end in (0, 2)]
        if rng.random() < 0.8:
            parts.append(
                blob((0.38 * length, 11.5, 9), meat, rng, 0.18, 0.5, 5, 5, at=(rng.uniform(-6, 6), 21 * k, 10))
            )
    return parts


def mussel_shells(rng):
    outside = tinted(rng, ("#14161c", "#262a38", "#4a4438"), 4, "along", blend=0.5, rough=0.35, bump=0.3)
    inside = tinted(rng, ("#7a8098", "#c0c0cc", "#d8d4d4"), 4, "along", blend=0.5, rough=0.2, bump=0)
    parts = []
    for place in scattered(rng, rng.integers(1, 6), 46, 28):
        u, angle = polar(24, 60)
        long, up = rng.uniform(27, 36), pick(rng, 1, -1)
        x = long * u * np.cos(angle)
        y = 0.5 * long * u * np.sin(angle) * (1 + 0.45 * np.cos(angle)) + 3 * np.cos(angle)
        z = up * 0.36 * long * np.sqrt(np.clip(1.01 - u**2, 0, 1)) + (0.36 * long if up < 0 else 0)
        points = turned(np.stack([x, y, z], -1), rng) + place
        sides = [outside, inside] if up > 0 else [inside, outside]
        parts.append(sheet(*np.moveaxis(points, -1, 0), sides[0], along=0.5 + 0.5 * np.sin(23 * u) * u, thickness=1.2))
    return parts


def tofu(rng):
    tone = tinted(rng, pick(rng, ("#e0d8c0", "#ece6d6"), ("#d0a860", "#b8823c", "#e0cca0")), 7, rough=0.5, bump=0.2)
    parts = []
    for place in scattered(rng, rng.integers(1, 7), 25, 20):
        piece = box(rng.uniform((16, 16, 12), (30, 24, 18)), tone, (0, 0, 0), 1.5)
        piece.rotation_euler, piece.location = (0, 0, rng.uniform(0, 6)), tuple(place * MM)
        parts.append(piece)
    return parts


RECIPES = (
    compost_as_built("pizza_slice", "pizza", pizza_slice),
    compost_as_built("dumplings", "dumpling", dumplings),
    compost_as_built("sushi", "sushi", sushi),
    compost_as_built("meatballs", "meatball", meatballs),
    compost_as_built("nuggets", "nugget", nuggets),
    compost_as_built("ham", "ham", ham),
    compost_as_built("bacon", "bacon", bacon, seeds=2),
    compost_as_built("ribs", "ribs", ribs, seeds=2),
    compost_as_built("mussel_shells", "mussel", mussel_shells),
    compost_as_built("tofu", "tofu", tofu, seeds=2),
)
