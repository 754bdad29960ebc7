"""Compostables of several parts that differ in colour, as gadgets.py has contaminants of that sort."""

import numpy as np
from materials import plain
from parts import tinted
from recipe import compost_as_built, compost_to_train
from shapes import blob, lathe, loft, pick, roughened, sheet, sheet_grid, smooth_path, tube
from stalks import long_rings
from sundries import placed
from sweets import BROWNED, slab

GREENS = ("#2c4a1c", "#4a6e28", "#7a9440")
TOPPINGS = (
    ("#8a2018", "#b8402c"), ("#4a6a24", "#7a9440"), ("#d8c890", "#e8dcb0"), ("#c8702c", "#d89048"),
    ("#5a2838", "#8a4058"), ("#e0d8c8", "#c8b8a0"), ("#2a2430", "#40384a"),
)  # fmt: skip


def topping(rng):
    return tinted(rng, TOPPINGS[rng.integers(len(TOPPINGS))], 9, rough=0.4)


def kebab(rng):
    """Pieces of meat and vegetables on a stick of wood."""
    stick, parts, x = tinted(rng, ("#c0a070", "#a8844c"), 6), [], 0.0
    pieces = [topping(rng) for _ in range(3)] + [tinted(rng, ("#4a2c18", "#7a4c28", "#8f6a40"), 12, bump=0.6)]
    for _ in range(rng.integers(4, 8)):
        long, r = rng.uniform(7, 13), rng.uniform(11, 17)
        size = (long, r, r * rng.uniform(0.6, 1))
        parts.append(blob(size, pieces[rng.integers(4)], rng, 0.1, 0.8, level=4, at=(x, 0, 0), cuts=rng.integers(0, 3)))
        x += long * 1.8
    return [*parts, tube([(-rng.uniform(15, 70), 0, 0), (x + 5, 0, 0)], 1.8, stick, 10)]


def topped_toast(rng):
    """A slice of bread with this and that on it."""
    wide = rng.uniform(32, 48)
    crumb = tinted(rng, pick(rng, *BROWNED), 9, bump=0.5)
    spread = slab(rng, (wide * 0.95, wide * 0.85), 3, [topping(rng)], 3.0, 0.15)
    parts = slab(rng, (wide * rng.uniform(1, 1.3), wide), 11, [crumb], 4.0) + [
        placed(part, (0, 0, 10)) for part in spread
    ]
    kinds = [topping(rng) for _ in range(2)]
    for _ in range(rng.integers(3, 9)):
        at, r = rng.uniform(-0.6, 0.6, 2) * wide, rng.uniform(6, 12)
        disc = blob((r, r * rng.uniform(0.6, 1), 2.5), kinds[rng.integers(2)], rng, 0.06, level=3, at=(*at, 14))
        parts.append(disc)
    return parts


def fruit_tart(rng):
    """A crust with a cream and berries or pieces of fruit."""
    r = rng.uniform(28, 46)
    crust = lathe(
        [(0.02, 0), (r * 0.8, 0), (r, 14), (r * 0.93, 15), (r * 0.88, 10), (0.02, 10)],
        tinted(rng, pick(rng, *BROWNED), 8, bump=0.4), 60,
    )  # fmt: skip
    cream = lathe([(r * 0.9, 10.5), (r * 0.5, 12), (0.02, 12.5)], tinted(rng, ("#e0d090", "#e8e0c0"), 5), 48)
    parts, fruit = [crust, cream], [topping(rng) for _ in range(2)]
    for k in range(rng.integers(5, 16)):
        angle, far, size = 2.4 * k, 0.2 * r * np.sqrt(k), rng.uniform(5, 9)
        at = (min(far, 0.75 * r) * np.cos(angle), min(far, 0.75 * r) * np.sin(angle), 13)
        parts.append(blob((size, size * rng.uniform(0.6, 1), size * 0.7), fruit[k % 2], rng, 0.05, level=3, at=at))
    return parts


def burrito(rng):
    """A filled roll of flat bread, bitten at one end."""
    long, r = rng.uniform(70, 130), rng.uniform(19, 27)
    dough = tinted(rng, ("#d8c49c", "#c8a878", "#8f6438"), 10, bump=0.2)
    roll = loft(long_rings(rng, long, np.array([0.9, 1, 1, 0.95]) * r, rng.uniform(0, 6), 12, 0.85), dough)
    parts = [roll]
    for _ in range(rng.integers(7, 13)):
        at = (long / 2 - rng.uniform(-5, 3), *rng.normal(0, 0.4, 2) * r)
        parts.append(blob(rng.uniform(4, 8, 3), topping(rng), rng, 0.15, level=3, at=at))
    return parts


def half_sandwich(rng):
    """Two slices cut across with layers between them, lying on a side or flat."""
    side, parts, level = rng.uniform(60, 90), [], 0.0
    bread, crust = tinted(rng, ("#d8c8a0", "#c8b488", "#e0d4b4"), 30, bump=0.5), tinted(rng, BROWNED[1], 6)
    outline = np.array([(0, 0), (side, 0), (0, side)])
    layers = [bread, *(topping(rng) for _ in range(rng.integers(2, 4))), bread]
    for k, material in enumerate(layers):
        thick = rng.uniform(10, 14) if material is bread else rng.uniform(3, 6)
        grown = outline + rng.normal(0, 2.5, (3, 2)) * (material is not bread)
        t = np.linspace(0, 3, 91)[:-1]
        path = np.stack([np.interp(t, range(4), np.append(grown[:, c], grown[0, c])) for c in (0, 1)], -1)
        rings = np.stack([np.column_stack([path, np.full(len(path), level + z)]) for z in np.linspace(0, thick, 4)])
        parts.append(loft(roughened(rings, rng, 0.9, 9), crust if material is bread and k == 0 else material))
        level += thick
    return parts


def bunch(rng):
    """A white, red or violet root with its leaves."""
    tone = pick(
        rng, ("#e0dcc8", "#c8d0a8"), ("#8a2440", "#b84860", "#e0d0c8"), ("#6a3a68", "#e0d8d0"), ("#c89a40", "#d8b870")
    )
    long, r = rng.uniform(30, 70), rng.uniform(13, 24)
    root = loft(
        long_rings(rng, long, np.array([0.15, 0.7, 1.0, 0.9]) * r, rng.uniform(0, 6), 6, 1, 1.2), tinted(rng, tone, 7)
    )
    leaf, parts = tinted(rng, GREENS, 12), [root]
    for _ in range(rng.integers(4, 9)):
        yaw, reach, width = rng.normal(0, 0.3), rng.uniform(60, 105), rng.uniform(7, 17)
        u, v = sheet_grid(30, 12)
        x = long / 2 - 3 + reach * u * np.cos(yaw)
        blade = np.clip((u - 0.3) * 2.2, 0.12, 1) * np.clip((1.02 - u) * 4, 0, 1) ** 0.6
        y = reach * u * np.sin(yaw) + width * v * blade * (1 + 0.15 * np.sin(23 * u))
        z = 4 + rng.uniform(4, 16) * np.sin(np.pi * u) + 4 * v**2 + 2 * np.sin(14 * u + 3 * v)
        parts.append(sheet(x, y, z, leaf, thickness=0.6))
    return parts


def filled_pepper(rng):
    """A halved pepper with rice, mince or cheese in it."""
    long, wide = rng.uniform(36, 52), rng.uniform(24, 32)
    skin = tinted(rng, pick(rng, ("#a8241c", "#c83a24"), ("#d8a020", "#e0b840"), ("#3a6a24", "#5a8a34")), 4, rough=0.25)
    filling = tinted(
        rng, pick(rng, ("#d8ccb0", "#b89a68"), ("#6a3c20", "#a8744a"), ("#e0c880", "#c89040")), 25, bump=1.2
    )
    u, angle = np.meshgrid(np.linspace(0.02, 1, 24), np.linspace(0, 2 * np.pi, 70), indexing="ij")
    lobes = 1 + 0.07 * np.cos(3 * angle + rng.uniform(0, 6))
    x, y = long * u * lobes * np.cos(angle), wide * u * lobes * np.sin(angle)
    cup = sheet(x, y, 26 * u**2.4, skin, thickness=3)
    stalk = tube(
        smooth_path([(-long, 0, 18), (-long - 9, 2, 22), (-long - 15, 6, 21)], 20), 4, plain("stalk", "#4a6a2a"), 12
    )
    return [cup, blob((long * 0.85, wide * 0.85, 9), filling, rng, 0.12, 0.4, level=5, at=(0, 0, 20)), stalk]


RECIPES = (
    compost_to_train("kebab", "kebab", kebab, seeds=5, poses=2),
    compost_as_built("topped_toast", "topped_toast", topped_toast, seeds=5),
    compost_as_built("fruit_tart", "fruit_tart", fruit_tart, seeds=5),
    compost_to_train("burrito", "burrito", burrito, seeds=5, poses=2),
    compost_to_train("half_sandwich", "half_sandwich", half_sandwich, seeds=5, poses=2),
    compost_as_built("bunch", "bunch", bunch, seeds=5),
    compost_as_built("filled_pepper", "filled_pepper", filled_pepper, seeds=5),
)
