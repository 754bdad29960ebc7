"""Hand tools, and a belt to hang them on."""

import itertools

import numpy as np
from materials import mottled, plain
from parts import slab
from recipe import contaminant_to_train
from shapes import blob, box, lathe, pick, sheet, sheet_grid, smooth_path, tube
from sundries import BRASS, STEEL, coat, placed
from yard import GRIPS, metal

LEATHER = (("#5a3820", "#6e4628"), ("#8a5a30", "#a06a3a"), ("#2a221e", "#3a2e28"), ("#a83a2a", "#8a2a20"))


def timber(rng):
    tones = pick(rng, ("#c9a56c", "#a8804a"), ("#8a5a30", "#6a4424"), ("#8f8a80", "#6f6a60"))
    return mottled("wood", tones, 6, rough=0.7, bump=0.3, stretch=(1, 1, 0.2), seed=rng.integers(99))


def handle(rng, length, radius=9.0):
    """A turned handle along x, its front end at 0."""
    shape = [
        (0.02, 0),
        (0.8, 1),
        (0.7, 10),
        (1.05, length * 0.45),
        (0.8, length * 0.75),
        (1.0, length - 4),
        (0.02, length),
    ]
    skin = pick(rng, timber(rng), coat(rng, GRIPS), coat(rng, GRIPS))
    return placed(lathe([(radius * r, z) for r, z in shape], skin, 28, 40), turn=(0, -np.pi / 2, 0))


def hide(rng):
    return mottled("hide", LEATHER[rng.integers(len(LEATHER))], 14, rough=0.55, bump=0.5, seed=rng.integers(99))


def belt(rng):
    """A piece of belt with its buckle."""
    u, v = sheet_grid(140, 15)
    length, wide, bend = rng.uniform(110, 210), rng.uniform(11, 19), rng.uniform(-25, 25)
    z = 5 + rng.uniform(2, 8) * np.sin(rng.uniform(4, 9) * u + rng.uniform(0, 6)) + rng.uniform(-2, 2) * v
    y, skin, metal = bend * (2 * u - 1) ** 2, hide(rng), plain("buckle", *pick(rng, BRASS, STEEL))
    strap = sheet(length * u, y + wide * v, z, pick(rng, skin, skin, coat(rng, rough=0.9, bump=0.4)), thickness=3.6)
    ends = [(-6, bend + s, z[0, 7]) for s in (-wide - 4, wide + 4)]
    frame = [ends[0], ends[1], (26, *ends[1][1:]), (26, *ends[0][1:]), ends[0]]
    ring = [tube(pair, 2.8, metal, 10) for pair in itertools.pairwise(frame)]
    knobs = [blob((2.8, 2.8, 2.8), metal, rng, 0, level=2, at=corner) for corner in frame]
    tongue = tube([(24, bend, z[0, 7] + 3.5), (-8, bend, z[0, 7] + 2)], 1.8, metal, 8)
    dark, spots = plain("hole", "#0c0a08"), [(length * u[k, 0], y[k, 7], z[k, 7]) for k in range(80, 135, 11)]
    holes = [placed(lathe([(2.2, -4), (2.2, 2.2), (0.02, 2.2)], dark, 12), spot) for spot in spots]
    return [strap, *ring, *knobs, tongue, *holes]


def garden_trowel(rng):
    u, v = sheet_grid(50, 24)
    length, wide = rng.uniform(85, 125), rng.uniform(17, 34)
    y = v * wide * np.clip(np.minimum((u + 0.12) * 5, (1.03 - u) * 2.4), 0, 1) ** 0.6
    blade = sheet(
        length * u + 30,
        y,
        6 * v**2 + 4 * np.sin(np.pi * u),
        pick(rng, metal(rng), metal(rng), coat(rng)),
        thickness=1.8,
    )
    neck = tube(smooth_path([(-6, 0, 14), (12, 0, 13), (28, 0, 3), (44, 0, 2)], 30), 4.2, metal(rng), 14)
    return [blade, neck, placed(handle(rng, rng.uniform(75, 105), 12), (2, 0, 14), (0, -np.pi / 2, 0))]


def putty_knife(rng):
    """A scraper, or with a narrow blade a chisel."""
    wide, length = rng.uniform(6, 42), rng.uniform(55, 85)
    edge = [(0, -6), (length * 0.4, -wide), (length, -wide), (length, wide), (length * 0.4, wide), (0, 6)]
    blade = slab(
        np.array(edge) if wide > 14 else np.array(edge) * [1.2, 1], 2 if wide > 14 else 6, metal(rng), (0, 0, -1)
    )
    filler = mottled("filler", ("#d8d2c4", "#b8b0a0"), 8, rough=1.0, bump=0.8)
    smear = blob((6, wide * 0.6, 2), filler, rng, 0.4, level=4, at=(length * 0.85, 0, 1))
    return [blade, smear, handle(rng, rng.uniform(80, 115), 11)]


def spanner(rng):
    """Open or ring ends on a flat bar."""
    skin, length, parts = metal(rng), rng.uniform(90, 180), []
    parts.append(box((length - 10, length * 0.085, 4.5), skin, at=(0, 0, 1), round_mm=1.8))
    for side, kind in ((-1, rng.random() < 0.4), (1, rng.random() < 0.6)):
        r = length * rng.uniform(0.085, 0.11)
        gap = 0.75 if kind else 0.0
        t = np.linspace(gap, 2 * np.pi - gap, 50) + (0.26 if kind else 0)
        ring = np.stack([side * (length / 2 + r * 0.6 + 0.78 * r * np.cos(t)), 0.78 * r * np.sin(t), 0 * t + 3.4], -1)
        parts.append(tube(ring, r * 0.36, skin, 16))
        parts[-1].scale = (1, 1, min(1.0, 10 / r))
    return parts


def pliers(rng):
    """Pliers or pincers with coated legs."""
    steel, grip, open_by = metal(rng), coat(rng, GRIPS), rng.uniform(0.02, 0.3)
    parts = [lathe([(0.02, -2), (9, -2), (9, 11), (5, 12), (4, 13), (0.02, 13)], steel, 36)]
    nose = rng.uniform(34, 62)
    for side in (-1, 1):
        jaw = np.array([(-12, 0), (0, -1), (nose, 0.2), (nose, 3.5), (nose * 0.4, 9), (0, 11), (-12, 8)]) * [1, side]
        leg = smooth_path([(-6, 5, 5), (-25, 17, 5), (-70, 20, 5), (-rng.uniform(105, 130), 12, 5)], 50) * [1, -side, 1]
        pair = [slab(jaw, 9, steel, round_mm=1), tube(leg[:18], 4.6, steel, 14), tube(leg[16:], 6.2, grip, 18)]
        parts += [placed(part, (0, 0, side), (0, 0, side * open_by)) for part in pair]
    return parts


def allen_key(rng):
    r, skin = rng.uniform(2, 4.5), pick(rng, metal(rng), plain("black", "#2a2a2e", 0.4))
    long, short = rng.uniform(60, 110), rng.uniform(20, 34)
    t = np.linspace(0, np.pi / 2, 14)
    bend = np.stack([3 * r * (np.sin(t) - 1), 3 * r * (1 - np.cos(t)), 0 * t], -1)
    return [tube([(-long, 0, 0), *bend, (0, short, 0)], r, skin, 6)]


def paint_roller(rng):
    fur = pick(
        rng,
        ("#e0dccf", "#cfc8b4"),
        ("#d8b01c", "#c8a828"),
        ("#b06030", "#c87844"),
        ("#8a5a30", "#7a4a26"),
        ("#8fae84", "#5f8f5f"),
    )
    r, long = rng.uniform(13, 24), rng.uniform(80, 150)
    skin = mottled("fur", (*fur, "#e0dcd0"), 14, rough=1.0, bump=1.6, seed=rng.integers(99))
    roll = [(4, 0), (r - 2, 0), (r, 3), (r * 1.02, long / 2), (r, long - 3), (r - 2, long), (4, long)]
    parts = [lathe(roll, skin, 44, 40), lathe([(5, -1), (5, long + 1)], plain("core", "#3a3a3a"), 20)]
    if rng.random() < 0.5:
        arm = [
            (0, 0, long),
            (0, 0, long + 14),
            (r * 2.2, 0, long + 12),
            (r * 2.4, 0, long * 0.6),
            (r * 2.4, 0, long * 0.4),
        ]
        parts.append(tube(smooth_path(arm, 60), 3, metal(rng), 12))
    return parts


def carabiner(rng):
    size, skin = rng.uniform(0.6, 1.2), pick(rng, metal(rng), coat(rng, GRIPS, 0.25))
    knots = (
        np.array([(-26, 15, 0), (-34, 4, 0), (-28, -12, 0), (0, -15, 0), (28, -13, 0), (35, 0, 0), (26, 9, 0)]) * size
    )
    gate = tube([knots[-1], (knots[-1] + knots[0]) / 2, knots[0]], 2.7 * size, plain("gate", *STEEL), 12)
    return [tube(smooth_path(knots, 70), 4.2 * size, skin, 16), gate]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(belt, **FLAT),
    contaminant_to_train(garden_trowel),
    contaminant_to_train(putty_knife),
    contaminant_to_train(spanner),
    contaminant_to_train(pliers),
    contaminant_to_train(allen_key, seeds=2),
    contaminant_to_train(paint_roller),
    contaminant_to_train(carabiner),
)
