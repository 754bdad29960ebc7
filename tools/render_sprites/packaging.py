"""Wrappers, tubes, caps and trays; and the print on packaging."""

import numpy as np
from materials import mottled, plain
from recipe import contaminant
from shapes import (
    box,
    fractal,
    lathe,
    lathe_rings,
    loft,
    offset_of,
    resampled,
    sheet,
    sheet_grid,
)

PAINTS = ("#b3201c", "#1f4fa0", "#d8b01c", "#2a7a3a", "#e0e0e0", "#20242a", "#d0602a", "#7a3a8a")


BODIES = (
    ("#b3201c", "#b3201c", "#e6e6e2", "#b3201c"),
    ("#1f4fa0", "#d8d8d6", "#1f4fa0", "#c82a22"),
    ("#2a7a3a", "#2a7a3a", "#e0c83a", "#2a7a3a"),
    ("#c8c8c6", "#1c1c20", "#1c1c20", "#c8c8c6"),
    ("#e07a1c", "#e8e0d0", "#e07a1c", "#e07a1c"),
)


def paint(rng):
    """A plausible packaging colour."""
    return PAINTS[rng.integers(len(PAINTS))]


def printed(rng, name="print", rough=0.25, metallic_look=True):
    """A print of broad fields along the body, slightly broken by noise."""
    return mottled(
        name,
        BODIES[rng.integers(len(BODIES))],
        3,
        "along",
        0.28 if metallic_look else 0.15,
        rough=rough,
        bump=0,
        seed=rng.integers(99),
    )


def dented(rings, rng, depth, cell, flatten=1.0):
    """Rings pressed in: sharp dents by ridged noise, and flattened along y."""
    flat = rings.reshape(-1, 3)
    dent = np.maximum(0.0, np.abs(fractal(flat, cell, offset_of(rng), 3)) - 0.08)
    centre = np.repeat(rings.mean(axis=1), rings.shape[1], axis=0)
    pressed = flat + (centre - flat) * np.clip(depth * dent, 0, 0.7)[:, None]
    pressed[:, 1] *= flatten
    return pressed.reshape(rings.shape)


def bottle_cap(rng):
    """A crown cork."""
    rings = lathe_rings(resampled([(0.02, 6.0), (11, 6.0), (13, 5), (14, 2.5), (16, 0)], 30), 84)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    skirt = np.clip((4.5 - rings[..., 2]) / 4.5, 0, 1)
    rings[..., :2] *= (1 + 0.05 * skirt * np.sin(21 * angle))[..., None]
    top = plain("lacquer", ("#b3201c", "#c8a028", "#1f4fa0", "#c8c8c6")[rng.integers(4)], 0.25, 0.4)
    return [loft(rings, [plain("inside", "#c8c6be", 0.4), top], thickness=0.6, caps=(True, False))]


def screw_cap(rng):
    profile = [(0.02, 17), (17, 17), (19, 15.5), (19.5, 0.5), (18, 0), (17.5, 14), (0.02, 14.5)]
    rings = lathe_rings(resampled(profile, 40), 120)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    grip = (np.linalg.norm(rings[..., :2], axis=-1) > 18.6) & (rings[..., 2] < 15)
    rings[..., :2] *= np.where(grip, 1 + 0.02 * np.sign(np.sin(40 * angle)), 1.0)[..., None]
    return [loft(rings, plain("cap", ("#1f4fa0", "#e6e6e2", "#b3201c", "#2a7a3a", "#e0b01c")[rng.integers(5)], 0.35))]


def crisp_bag(rng):
    u, v = sheet_grid(120, 80)
    x, y = 80 * (2 * u - 1), 55 * v * (1 - 0.06 * np.sin(np.pi * u) * np.sin(5 * u))
    puff = 20 * (1 - (2 * u - 1) ** 4) * (1 - v**4) ** 0.8
    folds = 1 - 2 * np.abs(fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 30, offset_of(rng), 3)).reshape(x.shape)
    z = 8 + puff * (0.6 + 0.3 * folds) + 2.5 * folds
    front, back = printed(rng, "front", 0.22), plain("lining", "#c0c0bd", 0.25, 1.0)
    pair = [back, front] if rng.random() < 0.75 else [front, back]
    return [sheet(x, y, z, pair, along=0.5 + 0.6 * (u - 0.5) + 0.25 * v, thickness=0.6)]


def sweet_wrapper(rng):
    u, v = sheet_grid(120, 50)
    neck = 0.3 + 0.7 * np.clip(np.abs(np.abs(2 * u - 1) - 0.55) / 0.25, 0, 1)
    x, y = 46 * (2 * u - 1), 20 * v * neck
    z = 7 + 5 * np.cos(1.4 * v) * neck + 3.2 * np.sin(14 * v + 6 * u) * (np.abs(2 * u - 1) > 0.5)
    z = z + 2.5 * fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 14, offset_of(rng)).reshape(x.shape)
    return [sheet(x, y, z, [plain("lining", "#b4b4b2", 0.3, 1.0), printed(rng, "foil", 0.18)], along=u, thickness=0.4)]


def paste_tube(rng):
    t = np.linspace(0, 1, 50)
    angle = np.linspace(0, 2 * np.pi, 56, endpoint=False)
    squeeze = np.clip(1.15 * t, 0.03, 1) ** 0.8
    bend = 6 * np.sin(4 * t + rng.uniform(0, 6))
    rings = np.stack(
        [
            np.stack(
                [
                    np.full(56, 130 * s),
                    (24 - 6 * s) * np.cos(angle),
                    17 * q * np.sin(angle) + b + 3 * np.sin(6 * s) * np.sin(angle) ** 2,
                ],
                -1,
            )
            for s, q, b in zip(t, squeeze, bend, strict=True)
        ]
    )
    neck = lathe(
        [(17, 0), (9, 8), (9, 10), (11, 10), (10, 28), (0.02, 28)],
        plain("cap", ("#e6e6e2", "#1f4fa0", "#b3201c")[rng.integers(3)], 0.35),
        36,
    )
    neck.rotation_euler = (0, np.pi / 2, 0)
    neck.location = (1.3, 0, bend[-1] * 0.01)
    return [loft(rings, printed(rng, "tube", 0.3, False), along=t), neck]


def coffee_capsule(rng):
    tone = ("#6a3a8a", "#b08a3a", "#1c1c1e", "#2a6a4a", "#b3301c")[rng.integers(5)]
    body = lathe(
        [(0.02, 27), (7, 27), (9, 25), (13, 20), (15, 3), (18.5, 1.6), (18.5, 0.8)][::-1],
        plain("alu", tone, 0.3, 0.85),
        56,
        40,
    )
    lid = lathe(
        [(0.02, 0.2), (18.3, 0.3), (18.4, 0.9)],
        mottled("lid", ("#b8b8b6", "#9a9a96", "#3a2a1c"), 4, rough=0.35, bump=0.5),
        56,
    )
    return [body, lid]


def blister_pack(rng):
    foil = box((95, 38, 1.2), plain("foil", "#c6c6c4", 0.3, 1.0), at=(0, 0, 5), round_mm=0)
    clear = plain("pvc", ("#e0e4e6", "#e6e2d6")[rng.integers(2)], 0.1, opacity=0.4)
    pill = plain("pill", ("#f0eee8", "#d87a5a", "#e0c83a")[rng.integers(3)], 0.5)
    parts = [foil]
    for i in range(5):
        for j in range(2):
            dome = lathe([(7, 0), (6.6, 4), (4.5, 6.5), (0.02, 7)], clear, 24, caps=(False, True))
            dome.location = ((i - 2) * 0.18, (j - 0.5) * 0.18, 0.062)
            parts.append(dome)
            if rng.random() < 0.6:
                tablet = lathe([(0.02, 0.5), (4.6, 0.6), (4.6, 3), (0.02, 4)], pill, 20)
                tablet.location = dome.location
                parts.append(tablet)
    return parts


def food_tray(rng):
    """A thermoformed tray, upright or upside down."""
    u, v = np.meshgrid(np.linspace(-1, 1, 90), np.linspace(-1, 1, 70), indexing="ij")
    edge = np.maximum(np.abs(u) ** 1.0, np.abs(v))
    wall = np.clip((edge - 0.74) / 0.14, 0, 1)
    z = (
        32 * wall * wall * (3 - 2 * wall)
        - 1.5 * np.clip((edge - 0.95) / 0.05, 0, 1)
        + 1.5 * np.sin(14 * u) * (1 - wall)
    )
    colour = (("#1a1b1d", 1.0), ("#dfe6e8", 0.4), ("#e8e8e4", 1.0))[rng.integers(3)]
    sign = 1 if rng.random() < 0.6 else -1
    return [
        sheet(92 * u, 65 * v, sign * z + 3 * u * v, plain("tray", colour[0], 0.2, opacity=colour[1]), thickness=0.8)
    ]


RECIPES = (
    contaminant("bottle_cap", "bottle_cap", "train", bottle_cap, poses=2, lies_as_built=True),
    contaminant("screw_cap", "screw_cap", "train", screw_cap, poses=2, lies_as_built=True),
    contaminant("crisp_bag", "crisp_bag", "test", crisp_bag, lies_as_built=True),
    contaminant("sweet_wrapper", "sweet_wrapper", "train", sweet_wrapper, lies_as_built=True),
    contaminant("paste_tube", "paste_tube", "test", paste_tube, seeds=2, poses=2),
    contaminant("coffee_capsule", "coffee_capsule", "train", coffee_capsule, poses=2),
    contaminant("blister_pack", "blister_pack", "train", blister_pack, seeds=2, poses=2),
    contaminant("food_tray", "food_tray", "train", food_tray, lies_as_built=True),
)
