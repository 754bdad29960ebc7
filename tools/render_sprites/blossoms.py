"""Leaves of other shapes, weeds and blossoms."""

import numpy as np
from foliage import DRY, GREEN, veins
from parts import scattered, tinted
from recipe import compost_as_built
from shapes import fractal, offset_of, pick, sheet, sheet_grid, smooth_path, tube, turned

PETALS = (
    ("#8a1424", "#b83040"),
    ("#d88a98", "#ecc0c4"),
    ("#e0c048", "#ecd88a"),
    ("#e4dcc8", "#f0ecdc"),
    ("#7a4a24", "#a8804a"),
)


def blade(length, wide, power=1.0, rows=14, columns=7, cup=0.15, droop=0.0):
    """Points [rows, columns, 3] of a leaf or petal from the origin along x; ``power`` < 1 is widest near its tip."""
    u, v = sheet_grid(rows, columns)
    y = v * wide / 2 * np.sin(np.pi * (0.04 + 0.95 * u) ** (1 / power)) ** 0.8
    return np.stack([u * length, y, cup * wide * v**2 - droop * length * u**2], -1)


def ivy(rng):
    u, v = sheet_grid(40, 101)
    angle = np.pi * v
    lobes = np.maximum.reduce(
        [
            0.55 + 0 * angle,
            *(
                reach * np.exp(-((((angle - at + np.pi) % (2 * np.pi) - np.pi) / 0.3) ** 2))
                for at, reach in ((0, 1.1), (1.15, 0.95), (-1.15, 0.95), (2.2, 0.75), (-2.2, 0.75))
            ),
        ]
    )
    size, offset = rng.uniform(32, 48), offset_of(rng)
    x, y = size * u * lobes * np.cos(angle), size * u * lobes * np.sin(angle)
    z = 7 * fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 34, offset).reshape(x.shape) + 5 * u**2 + 6
    vein = np.exp(-((((2.75 * angle / np.pi) - np.round(2.75 * angle / np.pi)) * (7 + 16 * u)) ** 2)) * (u < 0.9)
    tone = pick(
        rng, ("#16301a", "#2f5230", "#a8b88a"), ("#3a5a20", "#6a8a3a", "#c0c890"), ("#4a3018", "#7a5a2c", "#a88a50")
    )
    stem = [(-0.1 * size, 0, 5), (-0.6 * size, 4, 5), (-1.3 * size, rng.uniform(-16, 16), 3)]
    green = tinted(rng, tone, 4, "along", blend=0.35, rough=0.35, bump=0.15)
    return [sheet(x, y, z, green, along=vein, thickness=0.9), tube(smooth_path(stem, 14), 1.2, green, 8)]


def fern(rng):
    tone = tinted(rng, pick(rng, GREEN[0], GREEN[2], DRY[1]), 6, bump=0.2)
    length, bend, parts = rng.uniform(120, 200), rng.uniform(-18, 18), []
    path = smooth_path([(-0.62 * length, 0, 4), (0, bend, 7), (0.5 * length, 0, 3)], 50)
    for k in range(8, 49):
        reach = 0.3 * length * np.sin(np.pi * (0.12 + 0.87 * (k - 8) / 41)) ** 0.8
        for side in (-1, 1):
            points = turned(blade(reach, 9, 1.6, 16, 5, 0.1, rng.uniform(-0.1, 0.1)), yaw=side * rng.uniform(1.0, 1.25))
            parts.append(sheet(*np.moveaxis(points + path[k], -1, 0), tone, thickness=0.6))
    return [*parts, tube(path, np.linspace(1.9, 0.6, 50), tinted(rng, ("#6a5a2c", "#8a8a40"), 7), 8)]


def clover(rng):
    tone, stem = tinted(rng, GREEN[1], 6, "along", blend=0.4), tinted(rng, ("#5a7a34", "#8a9a50"), 9)
    parts = []
    for place in scattered(rng, rng.integers(3, 9), 26, 20):
        size, yaw = rng.uniform(10, 15), rng.uniform(0, 6.28)
        foot = np.array([rng.uniform(-8, 8), -45 + rng.uniform(-9, 9), 2])
        parts.append(tube(smooth_path([place, 0.5 * (place + foot), foot], 12), 0.8, stem, 6))
        for k in range(3):
            points = turned(blade(size, size, 0.7, 12, 7, 0.2), yaw=yaw + 2.1 * k) + place + np.array([0, 0, 2])
            parts.append(
                sheet(*np.moveaxis(points, -1, 0), tone, along=0.7 * (sheet_grid(12, 7)[0] < 0.4), thickness=0.5)
            )
    return parts


def dandelion(rng):
    """Toothed leaves on a tap root, some with blossoms."""
    tone = pick(rng, GREEN[1], GREEN[0], ("#6a7030", "#98904a", "#c0b070"))
    green, root = tinted(rng, tone, 5, "along", blend=0.4), tinted(rng, ("#5a4028", "#8a6a48"), 9, bump=0.6)
    tap = smooth_path([(2, 0, 7), (-30, rng.uniform(-6, 6), 6), (-75, rng.uniform(-18, 18), 3)], 30)
    parts = [tube(tap, np.linspace(6, 1, 30), root, 12)]
    for _ in range(rng.integers(6, 11)):
        u, v = sheet_grid(70, 9)
        length = rng.uniform(60, 110)
        tooth = 0.45 + 0.55 * (1 - (6.5 * u - np.floor(6.5 * u)))
        y = v * 13 * np.sin(np.pi * (0.03 + 0.95 * u) ** 1.7) ** 0.7 * tooth
        points = np.stack(
            [u * length - 5 * np.abs(v) * tooth, y, 7 + rng.uniform(0, 9) * np.sin(np.pi * u) + 2 * v**2], -1
        )
        points = turned(points, yaw=rng.normal() * 0.6)
        parts.append(sheet(*np.moveaxis(points, -1, 0), green, along=veins(u, v, 0.1), thickness=0.7))
    yellow = tinted(rng, ("#d8a010", "#e8c028"), 9)
    for _ in range(rng.integers(0, 3)):
        head = np.array([rng.uniform(70, 110), rng.uniform(-40, 40), 14])
        parts.append(tube(smooth_path([(0, 0, 8), 0.5 * head + np.array([0, 8, 8]), head], 20), 1.9, green, 8))
        for k in range(60):
            points = (
                turned(blade(rng.uniform(8, 17), 2.6, 1, 6, 3, 0, -0.25), yaw=2.4 * k)
                + head
                + np.array([0, 0, 0.05 * k])
            )
            parts.append(sheet(*np.moveaxis(points, -1, 0), yellow, thickness=0.5))
    return parts


def petals(rng):
    tone = tinted(rng, pick(rng, *PETALS), 4, rough=0.5, bump=0.15)
    parts = []
    for place in scattered(rng, rng.integers(6, 26), 22, 24):
        size = rng.uniform(20, 32)
        points = turned(blade(size, size, 0.75, 14, 11, 0.25 * pick(rng, 1, -1), rng.uniform(-0.25, 0.1)), rng)
        parts.append(sheet(*np.moveaxis(points + 0.6 * place + np.array([0, 0, 4]), -1, 0), tone, thickness=0.6))
    return parts


def rose(rng):
    """A blossom with many petals, also a peony; its stalk cut short."""
    tone = tinted(rng, pick(rng, *PETALS), 5, "along", blend=0.5, rough=0.5, bump=0.15)
    parts = []
    for k in range(34):
        far = k / 34
        u, v = sheet_grid(12, 11)
        around = v * (1.3 - 0.4 * far) + 2.4 * k
        r = (3 + 23 * far) * (0.35 + 0.65 * u) + 6 * far * u**3 + 1.2 * np.sin(5 * v + k)
        z = (24 - 14 * far) * np.sin(1.75 * u) * (1 - 0.25 * v**2)
        parts.append(sheet(r * np.cos(around), r * np.sin(around), z, tone, along=0.8 * u, thickness=0.6))
    stem = smooth_path([(0, 0, 2), (-40, 5, 1), (-rng.uniform(50, 110), rng.uniform(-12, 12), 3)], 20)
    return [*parts, tube(stem, 2.4, tinted(rng, ("#4a6a2c", "#7a8a44"), 7), 10)]


def tulip(rng):
    tone = pick(rng, ("#b8241c", "#d85a30"), ("#e0b828", "#ecd468"), ("#c87898", "#e8c0cc"), ("#4a2048", "#7a4474"))
    petal, green = tinted(rng, tone, 5, stretch=(0.4, 4, 4), rough=0.4), tinted(rng, GREEN[0], 4, stretch=(0.4, 5, 5))
    opening, parts = rng.uniform(0.15, 0.6), []
    for k in range(6):
        u, v = sheet_grid(18, 11)
        r = 15 * np.sin(np.pi * (0.1 + 0.6 * u)) + opening * 34 * u**2 * (1 + 0.3 * np.sin(3 * k))
        around = 1.05 * k + 0.75 * v * np.sin(np.pi * (0.2 + 0.79 * u)) ** 0.7
        parts.append(sheet(48 * u, r * np.cos(around), 0.85 * r * np.sin(around), petal, thickness=0.9))
    length = rng.uniform(70, 140)
    stem = smooth_path([(2, 0, 0), (-length / 2, rng.uniform(-9, 9), -6), (-length, 0, -10)], 30)
    points = turned(blade(rng.uniform(70, 110), 26, 1.5, 24, 9, 0.3), yaw=rng.uniform(-0.5, 0.5)) + stem[-1]
    return [*parts, tube(stem, 3.4, green), sheet(*np.moveaxis(points, -1, 0), green, thickness=1.2)]


RECIPES = (
    compost_as_built("ivy_leaf", "ivy", ivy),
    compost_as_built("fern", "fern", fern),
    compost_as_built("clover", "clover", clover, seeds=2),
    compost_as_built("dandelion", "dandelion", dandelion),
    compost_as_built("petals", "petals", petals),
    compost_as_built("rose", "rose", rose),
    compost_as_built("tulip", "tulip", tulip),
)
