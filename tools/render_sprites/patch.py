"""Vegetables of other kinds: round ones, pods, and heaps of pulses."""

from functools import partial

import numpy as np
from parts import cut_half, polar, scattered, tinted
from recipe import compost_as_built
from shapes import blob, lathe_rings, loft, pick, roughened, sheet, sheet_grid, smooth_path, tube, turned
from stalks import cut_loft, long_rings
from studio import MM


def artichoke(rng):
    tone = pick(rng, ("#8a9a58", "#5f7a3c", "#4a5f34", "#6a4a58"), ("#a0a868", "#7a8a48", "#5a6a3c"))
    green, parts = tinted(rng, tone, 4, "along", blend=0.3, bump=0.3), []
    size = rng.uniform(26, 34)
    parts.append(blob((0.8 * size, 0.72 * size, 0.72 * size), green, rng, 0.05, level=4))
    for k in range(70):
        far = k / 70
        u, v = sheet_grid(10, 9)
        start, r = size * (1.0 - 1.75 * far), size * (0.55 + 0.5 * np.sin(np.pi * (0.1 + 0.75 * far)))
        around = 2.4 * k + v * 0.5 * np.sin(np.pi * (0.25 + 0.73 * u))
        lift = r * np.sin(np.pi * (0.28 + 0.4 * u)) + 4 * u**2 * (1 - far)
        x = -start + 0.85 * size * u
        parts.append(sheet(x, lift * np.cos(around), 0.9 * lift * np.sin(around), green, along=u, thickness=1.6))
    stem = smooth_path([(-0.8 * size, 0, 0), (-1.3 * size, 2, 0), (-rng.uniform(1.6, 2.8) * size, 6, -2)], 14)
    return [*parts, tube(stem, 8, green, 20)]


def turnip(rng):
    size = rng.uniform(23, 32)
    profile = [(0.02, -1.1), (0.12, -0.9), (0.6, -0.7), (0.97, -0.25), (1, 0.1), (0.8, 0.5), (0.4, 0.68), (0.02, 0.66)]
    rings = roughened(lathe_rings(np.array(profile) * size, 64, 60), rng, 1.5, 24)
    tone = pick(rng, ("#e0d8c4", "#ece4d8", "#a06888", "#7a3c68"), ("#d8c890", "#d0b878", "#8a6a7a", "#6a4a58"))
    skin = tinted(rng, tone, 5, "along", blend=0.2, rough=0.4, bump=0.15)
    tail = smooth_path([(0, 0, -size), (3, 0, -1.3 * size), (rng.uniform(-14, 14), 4, -1.9 * size)], 14)
    green = tinted(rng, ("#6a8a3c", "#a8b070"), 7)
    parts = [
        loft(rings, skin, along=np.clip(0.45 + 0.7 * rings[..., 2] / size, 0, 1)),
        tube(tail, np.linspace(3, 0.5, 14), tinted(rng, tone[:2], 6), 8),
    ]
    for a, b in rng.uniform(-6, 6, (6, 2)):
        knots = [(a, b, 0.6 * size), (1.3 * a, 1.3 * b, 0.8 * size), (2 * a, 2 * b, size * rng.uniform(0.9, 1.4))]
        parts.append(tube(smooth_path(knots, 10), 2.2, green, 8))
    return parts


def kohlrabi(rng):
    size = rng.uniform(26, 33)
    tone = pick(rng, ("#a8b878", "#c4d09c", "#8a9a58"), ("#5a2c50", "#8a5478", "#a07890"))
    skin, parts = tinted(rng, tone, 4, rough=0.4, bump=0.1), []
    parts.append(blob((size, 0.97 * size, 0.85 * size), skin, rng, 0.04, level=5))
    for k in range(9):
        around, up = 2.4 * k, 0.75 - 0.09 * k
        out = np.array([np.cos(around) * np.sqrt(1 - up**2), np.sin(around) * np.sqrt(1 - up**2), 0.88 * up]) * size
        knots = [0.93 * out, 1.15 * out, out * rng.uniform(1.2, 1.6) + np.array([0, 0, 5])]
        parts.append(tube(smooth_path(knots, 10), np.linspace(5, 2.6, 10), skin, 10))
    return parts


def fennel(rng):
    """A bulb of folded sheaths with cut stalks and feathery bits."""
    tone = tinted(
        rng, ("#e4e8d4", "#d4deb8", "#98b470"), 4, "along", blend=0.2, stretch=(0.4, 5, 5), rough=0.35, bump=0.2
    )
    size, parts = rng.uniform(28, 37), []
    rings = long_rings(rng, 2.5 * size, np.array([0.75, 1, 0.95, 0.6, 0.42]) * size, 0, 5, 0.62, 1.0)
    ridge = 1 + 0.06 * np.cos(np.linspace(0, 14 * np.pi, 48, endpoint=False))
    rings[..., 1:] *= ridge[:, None]
    parts.append(loft(rings, tone, along=np.linspace(0, 0.75, 80)))
    feather = tinted(rng, ("#4a7a2c", "#7aa048"), 9)
    for k in range(4):
        y, reach = (k - 1.5) * 0.24 * size, rng.uniform(25, 75)
        knots = [(0.7 * size, 0.6 * y, 0), (1.3 * size, 1.4 * y, 2), (1.25 * size + reach, 2.2 * y + 6 * (k - 1.5), 2)]
        path = smooth_path(knots, 20)
        parts.append(tube(path, np.linspace(9, 6, 20), tone, 16, along=np.linspace(0.6, 1, 20)))
        for _ in range(18 if k % 2 else 0):
            way = rng.normal(size=3) * [12, 12, 5] + [14, 0, 3]
            parts.append(
                tube(
                    smooth_path([path[12], path[12] + 0.6 * way, path[12] + 1.3 * way + rng.normal(size=3) * 4], 6),
                    0.6,
                    feather,
                    4,
                )
            )
    return parts


def okra(rng):
    skin = tinted(
        rng, pick(rng, ("#4f7a2c", "#7a9a48"), ("#6a6a34", "#8a7a44", "#4a3c20")), 6, stretch=(0.5, 4, 4), bump=0.15
    )
    flesh, parts = tinted(rng, ("#c8d0a0", "#e0e0c0"), 12), []
    for place in scattered(rng, rng.integers(1, 5), 26, 14):
        length, thick = rng.uniform(60, 110), rng.uniform(8, 11)
        rings = long_rings(rng, length, np.array([0.75, 1, 0.85, 0.5, 0.1]) * thick, rng.uniform(-6, 10), 12, 1, 0.3)
        edges = 1 + 0.09 * np.cos(5 * np.linspace(0, 2 * np.pi, 48, endpoint=False))
        middle = rings.mean(axis=1, keepdims=True)
        rings = turned(middle + (rings - middle) * edges[:, None], yaw=rng.normal() * 0.4) + place
        parts.append(cut_loft(rings, skin, flesh, pick(rng, 1.0, 1.0, 0.6)))
        parts.append(
            tube([rings[3].mean(axis=0), 2 * rings[0].mean(axis=0) - rings[8].mean(axis=0)], [0.8 * thick, 3], skin, 8)
        )
    return parts


def pulses(
    rng, sizes=((3.6, 3.5, 3.2), (4.4, 4.2, 4)), count=110, tones=(("#5a8a2c", "#88ac48"), ("#8a9a4c", "#b0b070"))
):
    """A heap of peas, lentils or beans."""
    skin, parts = tinted(rng, pick(rng, *tones), 14, rough=0.4, bump=0.1), []
    for place in scattered(rng, count, 2.1 * sizes[0][0], rng.uniform(10, 18)):
        grain, turn = blob(rng.uniform(*sizes), skin, rng, 0.06, level=2), rng.normal(size=3) * [0.4, 0.4, 3]
        grain.rotation_euler, grain.location = tuple(turn), tuple(place * MM)
        parts.append(grain)
    return parts


LENTILS = {
    "sizes": ((2.6, 2.5, 1.2), (3.4, 3.2, 1.6)),
    "count": 190,
    "tones": (("#5a4a28", "#8a7444"), ("#c06a30", "#d88848"), ("#2c2a24", "#4a4434")),
}
KIDNEYS = {
    "sizes": ((6.5, 3.8, 3.4), (8.5, 5, 4.4)),
    "count": 45,
    "tones": (("#4a1418", "#742428"), ("#dcd0b4", "#ece4d0"), ("#1a1618", "#2c2628")),
}


def passion_fruit(rng):
    size = rng.uniform(22, 28)
    u, angle = polar()
    skin = tinted(rng, pick(rng, ("#3a1c2c", "#5f3848"), ("#c8902c", "#dcb04c")), 6, bump=0.6)
    pulp = tinted(rng, ("#c88a1c", "#dcb038", "#ece0c8", "#e8dccc"), 12, "along", blend=0.2, rough=0.2, bump=0.2)
    dip = -0.45 * size * np.clip(1 - u, 0, 0.2) * 3 + 1.2 * np.sin(9 * angle) * np.sin(19 * u) * (u < 0.75)
    seed = tinted(rng, ("#181410", "#2c2620"), 9, rough=0.25)
    parts = cut_half(size, pulp, skin, np.clip((u - 0.66) / 0.2, 0, 1), dip)
    for _ in range(rng.integers(15, 45)):
        turn, far = rng.uniform(0, 6.28), 0.66 * size * np.sqrt(rng.random())
        parts.append(
            blob((2.6, 1.8, 1.3), seed, rng, 0.05, level=2, at=(far * np.cos(turn), 0.95 * far * np.sin(turn), -5.5))
        )
    return parts


def persimmon(rng):
    size = rng.uniform(27, 35)
    profile = (
        np.array([(0.02, -0.75), (0.5, -0.72), (0.93, -0.35), (1, 0.05), (0.85, 0.5), (0.4, 0.68), (0.02, 0.6)]) * size
    )
    rings = roughened(lathe_rings(profile, 64, 50), rng, 1.2, 30)
    rings[..., :2] *= (1 + 0.025 * np.cos(4 * np.linspace(0, 2 * np.pi, 64, endpoint=False)))[:, None]
    tone = pick(rng, ("#c8641c", "#dc8430"), ("#a83c18", "#c85c28"), ("#8a4a20", "#5a2c14"))
    parts, dry = (
        [loft(rings, tinted(rng, tone, 4, rough=0.3, bump=0.05))],
        tinted(rng, ("#6a6a3c", "#8a7a4c", "#4a3c24"), 9),
    )
    for k in range(4):
        u, v = sheet_grid(12, 9)
        reach, around = 0.62 * size * u, np.pi / 2 * k + v * 0.75 * np.sin(np.pi * (0.3 + 0.65 * u))
        z = 0.66 * size + rng.uniform(0, 5) * u**2 + 0.8
        parts.append(sheet(reach * np.cos(around), reach * np.sin(around), z, dry, thickness=1.0))
    return [*parts, tube([(0, 0, 0.6 * size), (0, 0, 0.7 * size), (1, 0, 0.85 * size)], 2.6, dry, 8)]


RECIPES = (
    compost_as_built("artichoke", "artichoke", artichoke),
    compost_as_built("turnip", "turnip", turnip, lies_as_built=False),
    compost_as_built("kohlrabi", "kohlrabi", kohlrabi, lies_as_built=False),
    compost_as_built("fennel", "fennel", fennel),
    compost_as_built("okra", "okra", okra),
    compost_as_built("peas", "peas", pulses, seeds=2),
    compost_as_built("lentils", "lentil", partial(pulses, **LENTILS)),
    compost_as_built("kidney_beans", "kidney_bean", partial(pulses, **KIDNEYS)),
    compost_as_built("passion_fruit_half", "passion_fruit", passion_fruit),
    compost_as_built("persimmon", "persimmon", persimmon, seeds=2),
)
