"""Berries, cherries and nuts."""

import numpy as np
from materials import plain
from parts import bowl, polar, round_fruit, scattered, tinted
from recipe import compost_as_built
from shapes import (
    blob,
    loft,
    pick,
    roughened,
    sheet,
    smooth_path,
    tube,
    turned,
)
from stalks import long_rings


def cherries(rng):
    tone = pick(rng, ("#5a0a14", "#8a1420"), ("#2a0a10", "#4a1018"), ("#b8342c", "#d8a850"))
    skin, stem = tinted(rng, tone, 4, rough=0.35, bump=0), plain("stem", "#6a7a34")
    parts, knot = [], np.array([rng.uniform(-15, 15), 48, 12])
    for k, place in enumerate(scattered(rng, rng.integers(2, 8), 23, 20)):
        size = rng.uniform(9.5, 12.5)
        parts.append(round_fruit(rng, size, skin, 0.95, 0.05, 0.3, place))
        if k < 3:
            parts.append(
                tube(
                    smooth_path(
                        [place + np.array([0, 0.7 * size, 0.6 * size]), 0.5 * (place + knot) + [7, 4, 5], knot], 14
                    ),
                    np.linspace(0.8, 1.2, 14),
                    stem,
                    6,
                )
            )
    return parts


def blueberries(rng):
    tone = pick(rng, ("#1c2240", "#3a4468", "#5a6488"), ("#141428", "#2c2844"))
    skin = tinted(rng, tone, 9, rough=0.5, bump=0.05)
    crown = plain("crown", "#14121c", 0.8)
    parts = []
    for place in scattered(rng, rng.integers(7, 30), 12.5, 17):
        size = rng.uniform(5, 7.5)
        parts.append(blob((size, size, 0.85 * size), skin, rng, 0.06, level=3, at=place))
        parts.append(
            blob((0.32 * size, 0.3 * size, 0.3), crown, rng, 0.3, level=2, at=place + np.array([1, 1, 0.82 * size]))
        )
    return parts


def raspberries(rng):
    tone = pick(rng, ("#a81c30", "#c8404c"), ("#b83040", "#dc7a7a"), ("#1c1020", "#3a1c34"), ("#5a1c20", "#7a3a34"))
    skin = tinted(rng, tone, 9, rough=0.25, bump=0)
    parts = []
    for place in scattered(rng, rng.integers(2, 7), 21, 18):
        points = []
        for k in range(56):
            z = 1 - 1.6 * k / 56
            r = np.sqrt(max(0.05, 1 - max(z, 0) ** 2)) * (1 if z > 0 else 1 + 0.2 * z)
            points.append((r * np.cos(2.4 * k) * 8.5, r * np.sin(2.4 * k) * 8.5, 11 * z))
        points = turned(np.array(points), rng, tilt=rng.uniform(0.5, 1.8)) + place
        parts += [blob((2.4, 2.4, 2.4), skin, rng, 0.05, level=2, at=at) for at in points]
    return parts


def pistachio_shells(rng):
    shell = tinted(rng, ("#b89a6a", "#d8c49a", "#e0d0ac"), 12, rough=0.45, bump=0.1)
    parts = []
    for place in scattered(rng, rng.integers(6, 22), 12, 20):
        u, angle = polar(14, 28)
        points = np.stack(
            [
                10.5 * np.sin(1.5 * u) * np.cos(angle),
                6.5 * np.sin(1.5 * u) * np.sin(angle),
                6 * np.cos(1.5 * u) * pick(rng, 1, -1),
            ],
            -1,
        )
        points = turned(points, rng, tilt=rng.normal() * 0.4) + place
        parts.append(sheet(*np.moveaxis(points, -1, 0), shell, thickness=1.0))
    return parts


def peanuts(rng):
    shell = tinted(rng, pick(rng, ("#a87c4a", "#cfa870", "#dcc090"), ("#8a6438", "#b48c58")), 16, bump=1.0, rough=0.8)
    parts = []
    for place in scattered(rng, rng.integers(2, 7), 19, 24):
        thick = rng.uniform(6.5, 8.5)
        radius = np.array([0.8, 1.05, 0.72, 1, 0.7]) * thick
        rings = long_rings(rng, rng.uniform(32, 46), radius, rng.uniform(-3, 3), 6, 0.95, 0.5, 60, 36)
        rings = turned(roughened(rings, rng, 0.8, 4), rng) + place
        share = 60 if rng.random() < 0.6 else rng.integers(28, 48)
        parts.append(loft(rings[:share], shell, caps=(True, share == 60)))
    return parts


def chestnuts(rng):
    nut, base = tinted(rng, ("#3a1810", "#6a3018", "#8a4a24"), 4, stretch=(1, 1, 0.4), rough=0.2), plain("b", "#b89468")
    parts = []
    for place in scattered(rng, rng.integers(1, 4), 34, 24):
        parts.append(blob((16, 15, 11), nut, rng, 0.05, level=4, at=place))
        parts.append(blob((9, 8, 1.5), base, rng, 0.1, level=3, at=place + np.array([5, 2, 9.6])))
    return parts


def chestnut_husk(rng):
    tone = pick(rng, ("#6a7a2c", "#9aa048", "#a89450"), ("#5a3c1c", "#8f6a38"))
    spiny, inside = tinted(rng, tone, 10, bump=0.6), tinted(rng, ("#c9b48a", "#e0d4b4"), 9)
    parts = [bowl(rng, (30, 28, 24), rng.uniform(1.4, 1.9), [spiny, inside], 3, 0.1, 0.03)]
    for way in rng.normal(size=(420, 3)):
        way /= np.linalg.norm(way)
        if way[2] < 0.0:
            root = way * [30, 28, 24]
            parts.append(tube([root, root + 4 * way, root + way * rng.uniform(7, 11)], [0.9, 0.7, 0.2], spiny, 5))
    return parts


RECIPES = (
    compost_as_built("cherries", "cherry", cherries),
    compost_as_built("blueberries", "blueberry", blueberries, seeds=2),
    compost_as_built("raspberries", "raspberry", raspberries),
    compost_as_built("pistachio_shells", "pistachio", pistachio_shells, seeds=2),
    compost_as_built("peanuts", "peanut", peanuts),
    compost_as_built("chestnuts", "chestnut", chestnuts, seeds=2),
    compost_as_built("chestnut_husk", "chestnut", chestnut_husk, seeds=2, poses=2),
)
