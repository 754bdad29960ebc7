"""Sundries of the house, many of them shaped or coloured like food; new, faded or soiled."""

import numpy as np
from materials import mottled, plain
from recipe import contaminant_to_train
from shapes import (
    MM,
    blob,
    box,
    crumpled,
    lathe,
    loft,
    pick,
    sheet,
    sheet_grid,
    tube,
)

HUES = ("#d2691e", "#e08a1e", "#b3201c", "#d8b01c", "#5f8f2a", "#2a6a3a", "#7a4a26", "#c9a878", "#e2dfd6", "#24262a")
"""Colours that food has too, and white and black."""
STEEL, BRASS = ("#b4b4b2", 0.3, 1.0), ("#b8943c", 0.32, 1.0)


def coat(rng, hues=HUES, rough=0.35, bump=0.0):
    """A surface of one of ``hues``: as new, faded towards grey, or soiled."""
    name = pick(rng, *hues)
    tone = np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    fade = rng.uniform(0, 0.45) if rng.random() < 0.5 else 0.0
    tone = tuple(tone * (1 - fade) + np.array([0.72, 0.70, 0.64]) * fade)
    if rng.random() < 0.4:
        soil = pick(rng, "#4a3826", "#6b5a44", "#3a3026")
        return mottled(
            "soiled", (tone, tone, tone, soil), rng.uniform(3, 9), rough=0.7, bump=bump, seed=rng.integers(99)
        )
    return plain("coat", tone, rough, bump=bump)


def placed(item, at=(0, 0, 0), turn=(0, 0, 0)):
    """The part moved to ``at`` mm and turned by Euler angles."""
    item.location, item.rotation_euler = [v * MM for v in at], turn
    return item


def prism(outline, width, material):
    """A flat-sided bar: ``outline`` [K, 2] in x and z, ``width`` along y."""
    x, z = np.asarray(outline, dtype=float).T
    item = loft(np.stack([np.stack([x, 0 * x + y, z], -1) for y in (-width / 2, width / 2)]), material)
    item.data.polygons.foreach_set("use_smooth", np.zeros(len(item.data.polygons), dtype=bool))
    return item


def clothes_peg(rng):
    wood = mottled("wood", ("#c9a56c", "#b78d52", "#8f7a5c"), 5, rough=0.8, bump=0.2, stretch=(0.2, 1, 1))
    skin = wood if rng.random() < 0.5 else coat(rng)
    limb = np.array(
        [(0, 0.3), (9, 0.3), (12, 2.6), (17, 2.6), (20, 0.4), (34, 0.4), (75, 6), (75, 9.5), (36, 9), (0, 5)]
    )
    angle = np.linspace(0, 5 * 2 * np.pi, 120)
    coil = np.stack([27 + 4.5 * np.cos(angle), np.linspace(-6, 6, 120), 4.5 * np.sin(angle)], -1)
    return [prism(limb, 10, skin), prism(limb * [1, -1], 10, skin), tube(coil, 0.8, plain("spring", *STEEL), 8)]


def ballpoint_pen(rng):
    skin = coat(rng) if rng.random() < 0.7 else plain("clear", "#dce4e6", 0.1, opacity=0.4)
    end = coat(rng)
    grip, length = rng.uniform(4.0, 5.5), rng.uniform(95, 120)
    return [
        lathe([(0.02, 0), (grip, 0), (grip * 1.1, 12), (grip, 30), (grip, length), (0.02, length)], skin, 28),
        lathe([(0.4, -13), (1.2, -11), (grip, 0)], pick(rng, end, plain("tip", *STEEL)), 28),
        lathe([(grip * 0.98, length), (2.4, length + 3), (2.4, length + 12), (0.02, length + 13)], end, 24),
        box((2.2, 4, 38), end, at=(grip + 1.2, 0, length - 34), round_mm=0.6),
        lathe([(1.4, 2), (1.4, length - 8)], plain("ink", "#1c2a5a"), 12),
    ]


def candle(rng):
    radius, height = (rng.uniform(10, 13), rng.uniform(90, 190)) if rng.random() < 0.5 else (rng.uniform(20, 30), 62)
    wax = coat(rng, ("#e6dcc0", "#b3201c", "#d8762a", "#b07a2c", "#6a8a3a", "#e8e4dc"), 0.4)
    burnt = [(radius, height), (radius - 2, height + rng.uniform(0, 4)), (radius * 0.5, height - 5), (0.02, height - 6)]
    wick = tube([(0, 0, height - 7), (0.5, 0, height), (2.5, 1, height + 5)], 1.1, plain("wick", "#241c16", 0.9), 8)
    return [lathe([(0.02, 0), (radius - 1, 0), (radius, 1), *burnt], wax, 48), wick]


def tea_light(rng):
    shell = [(0.02, 0), (17.5, 0), (18.5, 1), (19, 16), (19.6, 16), (19.6, 15)]
    wax = coat(rng, ("#e8e4da", "#e8e4da", "#c8402a", "#d8862a"), 0.3)
    parts = [lathe(shell, plain("aluminium", "#bdbdba", 0.35, 1.0), 56, caps=(True, False))]
    if rng.random() < 0.75:
        level = rng.uniform(5, 14)
        parts.append(lathe([(18.4, 1), (18.4, level), (6, level - 1), (0.02, level - 1)], wax, 48))
        parts.append(tube([(0, 0, level - 2), (1, 0, level + 4), (2, 1, level + 6)], 0.9, plain("wick", "#241c16"), 8))
    return parts


def kitchen_sponge(rng):
    foam = pick(rng, "#d8c040", "#d8a040", "#c87890", "#6a9ac0", "#a8a060")
    pores = mottled("foam", (foam, foam, "#6a5a3a"), 40, rough=0.95, bump=1.0)
    pad = mottled(
        "pad", pick(rng, ("#2a5a34", "#3a7044"), ("#3a2e28", "#5a4a3c"), ("#7a2a24", "#9a3a30")), 50, bump=1.0
    )
    size = np.array([rng.uniform(70, 100), rng.uniform(50, 68), rng.uniform(20, 28)])
    return [box(size, pores, round_mm=4), box(size * [1, 1, 0.3], pad, at=(0, 0, size[2] - 1), round_mm=2)]


def usb_stick(rng):
    skin, metal = coat(rng), plain("metal", *STEEL)
    parts = [
        box((rng.uniform(34, 46), 18, 8), skin, round_mm=pick(rng, 1.0, 3.0)),
        box((26, 12, 4.6), metal, at=(24, 0, 1.7)),
    ]
    return parts + [box((2.2, 2.2, 0.4), plain("hole", "#141414"), at=(32, y, 6.2), round_mm=0) for y in (-3, 3)]


def plastic_card(rng):
    u, v = sheet_grid(50, 30)
    bend, x, y = rng.uniform(5, 10), 85.6 * (u - 0.5), 27 * v
    z = bend * np.sin(np.pi * u) * (1 + 0.3 * v)
    first, second = rng.permutation(HUES)[:2]
    face = mottled("print", (first, first, second, second), 2, "along", 0.25, rough=0.25, bump=0, seed=rng.integers(99))
    parts = [sheet(x, y, z, [coat(rng, ("#e2dfd6", first)), face], along=pick(rng, u, 0.5 + 0.5 * v), thickness=0.8)]
    rows = slice(18, 24) if rng.random() < 0.5 else slice(3, 9)
    band = plain("band", pick(rng, "#17171a", "#d8d8d4"), 0.3)
    return [*parts, sheet(x[:, rows], y[:, rows], z[:, rows], band, thickness=1.1)]


def compact_disc(rng):
    u, v = sheet_grid(30, 120)
    radius, turn = 8 + 52 * u, np.pi * (v + 1)
    x, y = radius * np.cos(turn), radius * np.sin(turn)
    rainbow = ("#b4b8bc", "#c8b4c4", "#aebcc8", "#b4c8b8", "#c8c4ac", "#b4b8bc", "#c8b0a8")
    shine = mottled("shine", rainbow, 1, "along", 0.1, rough=0.12, bump=0)
    z = rng.uniform(5, 9) * (x / 60) ** 2 * np.sign(rng.normal())
    return [sheet(x, y, z, [shine, pick(rng, coat(rng), plain("label", "#e0e0dc"))], along=(2 * v) % 1, thickness=1.2)]


def cotton_swab(rng):
    stick, length = coat(rng, ("#e2dfd6", "#5a8ac0", "#d878a0", "#5f8f2a")), rng.uniform(34, 38)
    wool = mottled("wool", pick(rng, ("#eceae4", "#dedbd2"), ("#e0d8c0", "#b08a4a")), 20, rough=0.95, bump=0.6)
    ends = [blob((7, 3.1, 3.1), wool, rng, 0.08, level=4, at=(side * length, 0, 0)) for side in (-1, 1)]
    return [tube([(-length, 0, 0), (0, rng.uniform(-3, 3), 0), (length, 0, 0)], 1.3, stick), *ends]


def rag(rng):
    u, v = sheet_grid(120, 120)
    x, y = rng.uniform(60, 85) * (2 * u - 1), rng.uniform(45, 65) * v
    x, y = x + crumpled(x, y, rng, 6, 50), y + crumpled(x, y, rng, 6, 50)
    check = 0.5 * (np.sin(40 * u) > 0.3) + 0.5 * (np.sin(20 * v) > 0.3)
    base, line = rng.permutation(("#b8b0a0", "#8a6a4a", "#a83a2a", "#4a6a8a", "#d0a83a", "#5f7a4a", "#d8d4c8"))[:2]
    cloth = mottled("cloth", (base, base, line), 12, "along", pick(rng, 0.2, 0.9), rough=0.95, bump=0.4)
    return [sheet(x, y, 10 + crumpled(x, y, rng, 11, 45), cloth, along=check, thickness=1.6)]


def cigarette_butt(rng):
    paper = mottled(
        "paper", ("#c08a48", "#c8965a", "#e0dcd0", "#d8d0c0", "#6a5a4a"), 4, "along", 0.12, rough=0.9, bump=0.2
    )
    x = np.linspace(0, rng.uniform(26, 42), 60)
    path = np.stack([x, 0.004 * rng.uniform(-1, 1) * x**2, 0 * x], -1)
    ash = blob((4, 3.6, 3.4), mottled("ash", ("#2a2624", "#6a6662"), 40, rough=1.0), rng, 0.3, level=3, at=path[-1])
    return [tube(path, 3.9 + 0.25 * np.sin(x * 1.3), paper, 20, along=np.clip(x / x[-1], 0, 1)), ash]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(clothes_peg),
    contaminant_to_train(ballpoint_pen),
    contaminant_to_train(candle, seeds=4, poses=2),
    contaminant_to_train(tea_light, poses=2),
    contaminant_to_train(kitchen_sponge, "sponge", poses=2),
    contaminant_to_train(usb_stick),
    contaminant_to_train(plastic_card, poses=2, **FLAT),
    contaminant_to_train(compact_disc, poses=2, seeds=2, **FLAT),
    contaminant_to_train(cotton_swab),
    contaminant_to_train(rag, seeds=4, **FLAT),
    contaminant_to_train(cigarette_butt),
)
