"""Pancakes, pastry and sweet things."""

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
    tube,
    turned,
)

BROWNED = (("#dcc488", "#c08a48", "#8a5424"), ("#e4d4a8", "#d0a868", "#a87038"), ("#c49a58", "#94602c", "#4f2c14"))


def slab(rng, half_widths, tall, materials, corners=2.0, uneven=0.06, relief=0.0, along=None, bite=False):
    """A flat thing of uneven outline: ``relief`` and ``along`` of its top are functions of (u, x, y)."""
    u, angle = polar(40, 120)
    c, s = np.cos(angle), np.sin(angle)
    edge = (np.abs(c) ** corners + np.abs(s) ** corners) ** (-1 / corners)
    edge = edge * (
        1 + uneven * fractal(np.stack([c, s, 0 * c], -1).reshape(-1, 3), 0.9, offset_of(rng)).reshape(c.shape)
    )
    x, y = half_widths[0] * u * edge * c, half_widths[1] * u * edge * s
    if bite:
        gap = np.hypot(x - 0.95 * half_widths[0], y - 0.3 * half_widths[1]) / (0.7 * half_widths[1])
        gap = gap + 0.06 * np.sin(11 * angle) * (gap < 1.2)
        x = x - np.clip(1 - gap, 0, 1) * 0.7 * half_widths[1]
    z = tall * (1 - np.clip(u, 0, 1) ** 12 * 0.5) + (relief(u, x, y) if relief else 0.0)
    tone = along(u, x, y) if along else u
    low = np.stack([x[-1], y[-1], z[-1]], -1)
    ring = np.stack([low, low * [1.01, 1.01, 0.5], low * [0.97, 0.97, 0.0]])
    parts = [sheet(x, y, z, materials[0], along=tone, thickness=0.3)]
    parts.append(sheet(*np.moveaxis(ring, -1, 0), materials[-1], along=np.ones((3, 120)), thickness=0.4))
    return [*parts, sheet(0.97 * x, 0.97 * y, 0 * z, materials[-1], along=tone, thickness=0.3)]


def pancake(rng):
    size = rng.uniform(42, 62)
    top = tinted(rng, pick(rng, *BROWNED), 6, rough=0.6, bump=0.15)
    rim = tinted(rng, ("#dcc690", "#e8d8ac"), 8)
    return slab(rng, (size, 0.95 * size), rng.uniform(6, 10), [top, rim], bite=rng.random() < 0.5)


def flatbread(rng):
    """Pita and tortilla."""
    size = rng.uniform(52, 75)
    tone = ("#e4d6b4", "#dcc89c", "#d0b47c", "#7a4a20")
    skin = tinted(rng, tone, pick(rng, 7, 16), rough=0.75, bump=0.3)
    wave, way = rng.uniform(1, 4), rng.uniform(0, 3)

    def puffs(u, x, y):
        folds = wave * np.sin(x / 17 + way) * np.sin(y / 21) + wave * fractal(
            np.stack([x, y, 0 * x], -1).reshape(-1, 3), 18, np.zeros(3)
        ).reshape(x.shape)
        return (folds + wave) * (1 - u**6)

    return slab(rng, (size, 0.85 * size), 5, [skin], relief=puffs, bite=rng.random() < 0.6)


def waffle(rng):
    cell, tone = rng.uniform(13, 17), pick(rng, *BROWNED)
    skin = tinted(rng, tone[::-1], 6, "along", blend=0.35, rough=0.5, bump=0.2)

    u, v = sheet_grid(110, 110)
    x, y = (2 * u - 1) * cell * pick(rng, 2.3, 3.3), v * cell * pick(rng, 1.3, 2.3)
    far = np.minimum(np.abs(x / cell - np.round(x / cell)), np.abs(y / cell - np.round(y / cell)))
    grid = np.clip((0.26 - far) / 0.1, 0, 1)
    z = 5 + 8 * grid
    walls = [np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]]
    parts = [sheet(x, y, z, skin, along=1 - grid, thickness=0.4)]
    for at in walls:
        line = np.stack([x[at], y[at], z[at]], -1)
        points = np.stack([line, line * [1.01, 1.01, 0.5], line * [0.99, 0.99, 0]])
        parts.append(sheet(*np.moveaxis(points, -1, 0), skin, along=np.full((3, 110), 0.5), thickness=0.5))
    return [*parts, sheet(x, y, 0 * x, skin, along=0.5 + 0 * x, thickness=0.4)]


def doughnut(rng):
    ring, thick = rng.uniform(24, 29), rng.uniform(14, 17)
    end = 2 * np.pi if rng.random() < 0.5 else rng.uniform(2.5, 4.8)
    t = np.linspace(0, end, 110)
    path = np.stack([ring * np.cos(t), ring * np.sin(t), 0 * t], -1)
    dough = tinted(rng, pick(rng, *BROWNED), 5, rough=0.6)
    glaze = tinted(rng, pick(rng, ("#e8b0b8", "#dc98a8"), ("#3a1c10", "#54301c"), ("#ece6dc", "#f0ece4")), 4, rough=0.2)
    wavy = 0.8 + 0.12 * np.sin(7 * t)
    parts = [tube(path, thick, dough, 40), tube(path + np.array([0, 0, 2.2]), thick * (0.9 + 0.1 * wavy), glaze, 40)]
    colours = [plain("s", c) for c in ("#d8c030", "#3a78b8", "#e8e4dc", "#c03a3a")]
    for a, b in rng.uniform(0, 1, (30 * (rng.random() < 0.6), 2)):
        lean, at = 1.6 * (b - 0.5), a * end
        far, high = ring + thick * np.sin(lean), thick * np.cos(lean) + 2.2
        parts.append(
            blob(
                (2.6, 0.9, 0.9),
                colours[int(40 * a) % 4],
                rng,
                0,
                level=2,
                at=(far * np.cos(at), far * np.sin(at), high),
            )
        )
    return parts


def muffin(rng):
    size = rng.uniform(24, 30)
    profile = np.array(
        [(0.02, 0), (0.8, 0), (0.95, 0.9), (1.25, 1.05), (1.28, 1.3), (0.9, 1.75), (0.3, 1.95), (0.02, 1.97)]
    )
    rings = lathe_rings(profile * size, 64, 70)
    cap = np.clip((rings[..., 2] / size - 0.9) * 3, 0, 1)
    rings = roughened(rings, rng, 2.2, 11) if rng.random() < 0.5 else roughened(rings, rng, 1, 20)
    tone = pick(
        rng, ("#d0a868", "#b87c3c", "#8a5424"), ("#4a2c18", "#3a2012", "#2a160c"), ("#e0c890", "#c89850", "#a06c30")
    )
    crumb = tinted(rng, tone, 8, "along", blend=0.5, rough=0.75, bump=0.8)
    parts = [loft(rings, crumb, along=cap)]
    for _ in range(rng.integers(0, 14)):
        turn, k = rng.uniform(0, 6.28), rng.integers(40, 66)
        at = rings[k, int(turn * 10) % 64]
        parts.append(blob(rng.uniform((2, 2, 2), (4, 4, 3)), plain("bit", "#20121a", 0.4), rng, 0.15, level=3, at=at))
    return parts


def chocolate(rng):
    dark = tinted(
        rng, pick(rng, ("#2a140a", "#3c2010"), ("#5a3420", "#6f442c"), ("#e4d8b8", "#ece4cc")), 5, rough=0.3, bump=0.05
    )
    parts, cell = [], rng.uniform(15, 20)
    columns, rows = rng.integers(1, 6), rng.integers(1, 4)
    for i in range(columns):
        for j in range(rows):
            if i < columns - 1 or rng.random() < 0.6 or j == 0:
                parts.append(box((1.45 * cell, cell, 5), dark, (1.45 * cell * i, cell * j, 0), 0.6))
                parts.append(box((1.25 * cell, 0.8 * cell, 4), dark, (1.45 * cell * i, cell * j, 4), 1.8))
    return parts


def popcorn(rng):
    white, hull = tinted(rng, ("#e0d0a0", "#f0ead8", "#f2eee2"), 9, rough=0.6, bump=0.4), plain("hull", "#8a5420", 0.4)
    parts = []
    for place in scattered(rng, rng.integers(4, 22), 17, 22):
        parts += [
            blob(rng.uniform(3.5, 7, 3), white, rng, 0.25, 0.8, level=3, at=place + rng.normal(size=3) * 4)
            for _ in range(6)
        ]
        parts.append(blob((2, 2, 1.6), hull, rng, 0.2, level=2, at=place + rng.normal(size=3) * 3))
    return parts


def crumbs(rng):
    tone = tinted(
        rng, pick(rng, ("#c8a468", "#dcc694", "#8a5828"), ("#4a2c16", "#6f4826", "#a88454")), 14, rough=0.8, bump=1.0
    )
    return [
        blob(rng.uniform(2, 4, 3) * rng.choice([1, 1, 1.6, 2.6]), tone, rng, 0.3, level=3, at=place, cuts=4)
        for place in scattered(rng, 70, 8, 20)
    ]


def dough(rng):
    """Raw dough and porridge."""
    tone = tinted(rng, pick(rng, ("#dccca4", "#e8dec4"), ("#c8b48c", "#dccdaa", "#a88c60")), 6, rough=0.5, bump=0.3)
    return [blob(rng.uniform((38, 28, 11), (56, 40, 20)), tone, rng, 0.25, 0.9, 3, 6)]


def flakes(rng):
    tone = tinted(
        rng, pick(rng, ("#b8742c", "#d8a048", "#e0b868"), ("#dccaa0", "#c8b080", "#e4d8b8")), 12, rough=0.6, bump=0.5
    )
    parts = []
    for place in scattered(rng, rng.integers(25, 60), 13, 24):
        u, angle = polar(8, 22)
        reach = rng.uniform(5, 9) * u * (1 + 0.2 * np.sin(3 * angle + place[0]))
        points = np.stack(
            [reach * np.cos(angle), 0.8 * reach * np.sin(angle), rng.uniform(-4, 4) * u**2 * np.cos(2 * angle)], -1
        )
        points = turned(points, rng, tilt=rng.normal() * 0.4) + place + [0, 0, 4]
        parts.append(sheet(*np.moveaxis(points, -1, 0), tone, thickness=1.1))
    return parts


RECIPES = (
    compost_as_built("pancake", "pancake", pancake),
    compost_as_built("flatbread", "flatbread", flatbread),
    compost_as_built("waffle", "waffle", waffle),
    compost_as_built("doughnut", "doughnut", doughnut),
    compost_as_built("muffin", "muffin", muffin),
    compost_as_built("chocolate", "chocolate", chocolate),
    compost_as_built("popcorn", "popcorn", popcorn, seeds=2),
    compost_as_built("crumbs", "crumbs", crumbs, seeds=2),
    compost_as_built("dough", "dough", dough, seeds=2),
    compost_as_built("cereal_flakes", "cereal", flakes, seeds=2),
)
