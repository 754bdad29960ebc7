"""Baked things and cheese; soft fruit."""

import numpy as np
from materials import mottled, plain
from recipe import compost_as_built
from shapes import blob, lathe_rings, loft, pick, roughened, sheet, sheet_grid, smooth_path, tube
from stalks import cut_loft, long_rings

CRUST = (("#8a5424", "#b87a3a", "#d9ab6a"), ("#6a3a18", "#9a6028", "#c08844"), ("#b88a50", "#d4ae74", "#e4cc9c"))
CRUMB = ("#d8c49a", "#eadfc0", "#c9b084")


def baguette(rng):
    length, thick = rng.uniform(130, 230), rng.uniform(24, 31)
    rings = long_rings(rng, length, np.array([0.8, 1, 1, 1, 0.8]) * thick, rng.uniform(-7, 7), 9, 0.72, 1.6, 110)
    at = (rings[..., 0] + 0.9 * rings[..., 1]) / rng.uniform(34, 46)
    slash = np.clip(1 - 5 * np.abs(at - np.round(at)), 0, 1) * np.clip(rings[..., 2] / thick * 4 - 1, 0, 1)
    rings[..., 2] += 2.5 * slash
    crust = mottled("crust", pick(rng, *CRUST), 5, "along", 0.45, rough=0.6, bump=0.35, seed=rng.integers(99))
    share = rng.uniform(0.45, 0.8) if rng.random() < 0.6 else 1.0
    return [cut_loft(rings, crust, mottled("crumb", CRUMB, 14, bump=0.9, rough=0.8), share, 0.25 + 0.6 * slash)]


def bread_roll(rng):
    size, height = rng.uniform(33, 45), rng.uniform(26, 36)
    rings = lathe_rings([(0.02, 1), (0.9, 0), (1, 0.2), (0.93, 0.55), (0.7, 0.85), (0.35, 0.98), (0.02, 1)], 64, 60)
    rings[0, :, 2] = 0
    rings *= [size, size * rng.uniform(0.72, 1), height]
    cross = np.minimum(np.abs(rings[..., 0]), np.abs(rings[..., 1])) if rng.random() < 0.4 else np.abs(rings[..., 1])
    cut = np.clip(1 - cross / 5, 0, 1) * np.clip(rings[..., 2] / height * 3 - 1.7, 0, 1)
    rings[..., 2] -= 4 * cut
    crust = mottled("crust", pick(rng, *CRUST), 5, "along", 0.5, rough=0.55, bump=0.3, seed=rng.integers(99))
    parts = [loft(roughened(rings, rng, 1.8, 25), crust, along=0.3 + 0.7 * cut)]
    if rng.random() < 0.4:
        seed = plain("seed", pick(rng, "#e0cfa0", "#2a2420"))
        for _ in range(70):
            a, r = rng.uniform(0, 6.28), size * 0.6 * np.sqrt(rng.random())
            k = np.argmin(np.hypot(rings[30:, :, 0] - r * np.cos(a), rings[30:, :, 1] - r * np.sin(a)))
            parts.append(blob((1.9, 1.2, 0.9), seed, rng, 0.1, level=2, at=rings[30:].reshape(-1, 3)[k]))
    return parts


def breadsticks(rng):
    crust = mottled("crust", pick(rng, *CRUST), 9, rough=0.65, bump=0.4, seed=rng.integers(99))
    parts = []
    for k in range(rng.integers(1, 4)):
        rings = long_rings(rng, rng.uniform(110, 205), rng.uniform(5, 8) * np.ones(4), rng.uniform(-6, 6), 20)
        parts.append(loft(rings + np.array([rng.uniform(-15, 15), (1.15 - 0.4 * k) * 20 * k, 0]), crust))
    return parts


def croissant(rng):
    angle = np.linspace(-1, 1, 150) * rng.uniform(0.9, 1.5)
    s, curve = np.linspace(-1, 1, 150), rng.uniform(42, 55)
    steps = np.abs(s) * rng.uniform(3.6, 5)
    ridge = 1 - (steps - np.floor(steps))
    r = rng.uniform(21, 27) * (1 - np.abs(s) ** 1.5) ** 0.75 * (0.84 + 0.22 * ridge) + 2
    path = np.stack([curve * 1.15 * np.sin(angle), curve * np.cos(angle), 0 * angle], -1)
    crust = mottled(
        "crust", pick(rng, *CRUST[:2]), 5, "along", 0.4, rough=0.3, bump=0.3, stretch=(3, 1, 1), seed=rng.integers(99)
    )
    body = tube(path, r, crust, 40, along=0.15 + 0.75 * ridge**2)
    body.scale = (1, 1, 0.8)
    return [body]


def pretzel(rng):
    thick = rng.uniform(6, 9.5)
    knots = [
        (-17, -42, 5),
        (0, -13, 7),
        (11, 4, 13),
        (0, 18, 9),
        (-24, 34, 1),
        (-52, 24, 0),
        (-56, -8, 0),
        (-34, -40, 0),
        (0, -50, 0),
    ]
    knots = np.array(knots) + rng.normal(size=(9, 3)) * [3, 3, 0.5]
    other = knots[:-1][::-1] * [-1, 1, 1]
    other[-3:, 2] = (0, -4, -1)
    knots[:2, 2] = (13, 12)
    path = smooth_path(np.vstack([knots, other]), 160)
    t = np.abs(np.linspace(-1, 1, 160))
    crust = mottled(
        "crust",
        pick(rng, ("#4f2410", "#7a3e18", "#a8622c"), ("#8a4f20", "#b87a3c", "#cf9a5c")),
        5,
        rough=0.3,
        bump=0.15,
        seed=rng.integers(99),
    )
    parts = [tube(path, thick * (1.25 - 0.6 * t**2), crust, 24)]
    salt = plain("salt", "#e8e4da", 0.4)
    for k in rng.integers(45, 115, 26):
        at = path[k] + [rng.uniform(-4, 4), rng.uniform(-4, 4), thick * (1.15 - 0.6 * t[k] ** 2)]
        parts.append(blob((1.5, 1.2, 1.2), salt, rng, 0.3, level=1, at=at))
    return parts


def cookie(rng):
    size, bitten = rng.uniform(28, 40), rng.random() < 0.4
    rings = lathe_rings([(0.02, 0), (0.92, 0), (1, 3), (0.96, 7), (0.8, 9.5), (0.4, 11), (0.02, 11)], 72, 60)
    rings[..., :2] *= size
    if bitten:
        gap = np.hypot(rings[..., 0] - size * 1.05, rings[..., 1]) - size * 0.62
        rings[..., 0] += np.where(gap < 0, gap, 0) * 1.1
    tone = pick(
        rng, ("#8a5a2c", "#b8864c", "#cfa56a"), ("#4a2c1a", "#6a4428", "#5a3820"), ("#b88a4c", "#dcb87c", "#e6cb98")
    )
    dough = mottled("dough", tone, 9, rough=0.75, bump=0.8, seed=rng.integers(99))
    parts = [loft(roughened(rings, rng, 1.6, 8), dough)]
    chip = mottled(
        "chip", pick(rng, ("#2a160c", "#3f2414"), ("#d8c7a0", "#efe4c8"), ("#5a2a2c", "#3a1c20")), 12, rough=0.4
    )
    for _ in range(rng.integers(0, 22)):
        a, r = rng.uniform(0.75, 5.5), size * 0.85 * np.sqrt(rng.random())
        parts.append(
            blob(
                rng.uniform(2.2, 4.5, 3),
                chip,
                rng,
                0.25,
                level=3,
                at=(r * np.cos(a), r * np.sin(a), 10.5 - 3.5 * (r / size) ** 3),
            )
        )
    return parts


def cheese(rng):
    radius, span, height = rng.uniform(70, 125), rng.uniform(0.3, 0.55), rng.uniform(22, 40)
    tone, rind = pick(
        rng,
        (("#d8a83a", "#e8c45c"), "#c08a2c"),
        (("#e6d8a8", "#f0e6c4"), "#e8e2d4"),
        (("#cf7a2a", "#dc923f"), "#8a2a1c"),
        (("#e0d4a8", "#c9bb8a", "#6f8a80"), "#a88a5c"),
    )
    paste, skin = (
        mottled("paste", tone, 7, rough=0.45, bump=0.2, seed=rng.integers(99)),
        mottled("rind", (rind, rind), 6, bump=0.4),
    )
    u, v = sheet_grid(90, 61)
    r, a = 8 + (radius - 8) * u, span * v
    x, y = r * np.cos(a), r * np.sin(a)
    dent = np.zeros_like(x)
    if rng.random() < 0.6:
        for _ in range(rng.integers(4, 10)):
            hole, far, side = rng.uniform(3, 7), radius * rng.uniform(0.3, 0.95), rng.uniform(-1, 1) * span
            gap = np.hypot(x - far * np.cos(side), y - far * np.sin(side))
            dent = np.maximum(dent, np.sqrt(np.maximum(hole**2 - gap**2, 0)))
    parts = [sheet(x, y, height - dent, paste, thickness=0.4), sheet(x, y, 0 * x, paste, thickness=0.4)]
    for s, material in ((np.s_[:, 0], paste), (np.s_[:, -1], paste), (np.s_[0], paste), (np.s_[-1], skin)):
        top = np.stack([x[s], y[s], height - dent[s]], -1)
        points = np.stack([top * [1, 1, k] for k in np.linspace(0, 1, 6)])
        parts.append(sheet(*np.moveaxis(points, -1, 0), material, thickness=1.2))
    return parts


def strawberry(rng):
    size = rng.uniform(15, 21)
    rings = lathe_rings(
        np.array([(0.02, -1.3), (0.35, -1.15), (0.8, -0.5), (1, 0.2), (0.85, 0.65), (0.4, 0.8), (0.02, 0.78)]) * size,
        108,
        110,
    )
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    row = rings[..., 2] * np.pi / 4.2
    seed = np.clip(
        6 * np.maximum(np.cos(9 * angle) * np.cos(row), np.cos(9 * angle + np.pi) * np.cos(row + np.pi) * 0) - 4.6, 0, 1
    )
    rings[..., :2] *= (1 - 0.03 * seed)[..., None]
    tone = pick(
        rng, ("#a3120f", "#c4221a", "#d8b04a"), ("#c23a24", "#d86a48", "#e0c070"), ("#5a1a14", "#7a2a20", "#8a6a3a")
    )
    parts = [
        loft(
            roughened(rings, rng, 1.2, 20),
            mottled("flesh", tone, 3, "along", 0.3, rough=0.25, bump=0.1, seed=rng.integers(99)),
            along=seed,
        )
    ]
    green = mottled("calyx", ("#3f6a24", "#7a9a40"), 14)
    for k in range(9):
        u, v = sheet_grid(10, 5)
        reach, turn = u * size * rng.uniform(0.7, 1.05), k * 0.698
        wide = v * 3.4 * np.sin(np.pi * (0.25 + 0.75 * u))
        c, s = np.cos(turn), np.sin(turn)
        parts.append(
            sheet(
                reach * c - wide * s,
                reach * s + wide * c,
                0.85 * size + rng.uniform(-5, 6) * u**2,
                green,
                thickness=0.7,
            )
        )
    return [*parts, tube([(0, 0, 0.75 * size), (1, 0, size), (4, 2, 1.4 * size)], 1.3, green)]


RECIPES = (
    compost_as_built("baguette", "baguette", baguette),
    compost_as_built("bread_roll", "bread_roll", bread_roll),
    compost_as_built("breadsticks", "breadstick", breadsticks),
    compost_as_built("croissant", "croissant", croissant),
    compost_as_built("pretzel", "pretzel", pretzel),
    compost_as_built("cookie", "cookie", cookie),
    compost_as_built("cheese", "cheese", cheese),
    compost_as_built("strawberry", "strawberry", strawberry, lies_as_built=False),
)
