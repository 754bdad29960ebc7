"""Hammers and knives."""

import numpy as np
from materials import plain
from mathutils import Euler, Matrix, Vector
from parts import tinted
from recipe import contaminant_to_train
from shapes import MM, box, lathe, loft, pick, resampled, roughened, smooth_path, tube
from sundries import coat, placed

GAUDY = ("#c81e1e", "#e0b81a", "#1e5ab0", "#2a8a3c", "#e06a1a", "#d84a8a", "#7a3a9a", "#2aa0a8", "#24262a", "#e2dfd6")


GREYS = ("#1c1d20", "#1c1d20", "#24262a", "#5a5c60", "#b8b8b4", "#e6e4de")


QUARTER = np.pi / 2


def steel(rough=0.28):
    return plain("steel", "#b4b4b2", rough, 1.0)


def metal(rng):
    """Iron of a tool: bright, forged black, painted or rusted."""
    rust = tinted(rng, ("#4a3a30", "#7a4a2c", "#8f5a34", "#8a8682"), rng.uniform(4, 9), rough=0.8, bump=0.6)
    return pick(rng, steel(), plain("forged", "#3c3c3e", 0.5, 0.7, bump=0.2), coat(rng, GAUDY), rust, steel(0.45))


def wood(rng):
    tones = pick(rng, ("#d0a868", "#b08848"), ("#a06a38", "#7a4a22"), ("#5a3418", "#3a2010"), ("#8f7a5c", "#6f5c44"))
    return tinted(rng, tones, 6, rough=0.6, bump=0.25, stretch=(0.12, 1, 1))


def moved(parts, at=(0, 0, 0), turn=(0, 0, 0)):
    """All the parts moved and turned together."""
    shift = Matrix.LocRotScale(Vector(at) * MM, Euler(turn), None)
    for part in parts:
        part.matrix_basis = shift @ part.matrix_basis
    return parts


def bar(rows, material, power=0.7, samples=48, along_x=True, wrinkle=None, **more):
    """A body through sections (x, y, z, half width, half height); ``wrinkle`` is (rng, mm, cell)."""
    rows = smooth_path(rows, samples) if samples else np.asarray(rows, dtype=float)
    wide, high = np.maximum(rows[:, 3:].T, 0.05)
    ahead = np.gradient(rows[:, :2], axis=0) * (0 if along_x else 1) + ([1e-9, 0] if along_x else 0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    c, s = (np.sign(f) * np.abs(f) ** power for f in (np.cos(turn), np.sin(turn)))
    side = wide[:, None] * c
    rings = rows[:, None, :3] + np.stack([-ahead[:, 1:] * side, ahead[:, :1] * side, high[:, None] * s], -1)
    rings = roughened(rings, *wrinkle) if wrinkle else rings
    ends = [0.9 * rings[k] + 0.1 * rows[k, :3] + 0.6 * sign * np.r_[ahead[k], 0] for k, sign in ((0, -1), (-1, 1))]
    return loft(np.concatenate([ends[:1], rings, ends[1:]]), material, **more)


def rounded(x, y, power=0.3, waist=0.0):
    """Outline of a rounded rectangle of half sides ``x`` and ``y``, slimmer in the middle by ``waist``."""
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    c, s = (np.sign(f) * np.abs(f) ** power for f in (np.cos(t), np.sin(t)))
    return np.stack([x * c, y * s * (1 - waist * np.cos(QUARTER * c))], -1)


def ribbed(start, end, wide, high, material, step=5.0, depth=0.8):
    """A grip with grooves across."""
    x = np.linspace(start, end, 120)
    swell = (
        1 + 0.1 * np.sin((x - start) / (end - start) * 2 * np.pi) - depth / wide * (np.sin(x * 2 * np.pi / step) > 0.6)
    )
    return bar(np.stack([x, 0 * x, 0 * x, wide * swell, high * swell], -1), material, 0.85, 0)


def mallet(rng):
    kind, iron, end = pick(rng, "claw", "ball", "rubber", "lump", "hatchet"), metal(rng), rng.uniform(165, 205)
    size = rng.uniform(0.85, 1.15)
    face = np.array([(-36, 12), (-34, 14), (-26, 14), (-22, 10), (-13, 9), (-9, 12.5), (10, 12.5)]) * size
    if kind == "rubber":
        r, half = rng.uniform(20, 29), rng.uniform(28, 42)
        rubber, caps = (coat(rng, ("#1c1c1e", "#24262a", "#e2dfd6", "#d2691e", "#b3201c"), 0.8, 0.1) for _ in "ab")
        cap = [(0.02, half + 3), (r * 0.88, half + 3), (r * 1.02, half), (r * 1.02, half * 0.55), (r, half * 0.5)]
        head = [placed(lathe([(r, -half), (r, half)], rubber, 48), turn=(QUARTER, 0, 0))]
        head += [placed(lathe(cap, pick(rng, rubber, caps), 48), turn=(side * QUARTER, 0, 0)) for side in (-1, 1)]
        iron = caps
    elif kind == "lump":
        knots = np.array([(-44, 16), (-39, 20), (-14, 20), (0, 21), (14, 20), (39, 20), (44, 16)]) * size
        head = [bar(np.c_[knots[:, :1], 0 * knots, knots[:, 1:], knots[:, 1:]], iron, 0.35, 0)]
    elif kind == "hatchet":
        knots = [(-30, 0, 0, 13, 11), (-12, 0, 0, 14, 12), (12, 0, 0, 14, 11), (42, -5, 0, 22, 6), (66, -10, 0, 35, 2)]
        blade = np.array([(66, -10, 0, 35, 2), (78, -12, 0, 41, 0.3)]) * size
        head = [bar(np.array(knots) * size, iron, 0.5), bar(blade, steel(0.2), 0.4, 0)]
    else:
        rows = resampled(face, 40)
        head = [bar(np.c_[rows[:, :1], 0 * rows, rows[:, 1:], rows[:, 1:]], iron, 0.75, 0)]
        for side in (-1, 1) if kind == "claw" else ():
            claw = [
                (6, 0, side * 3, 10, 9),
                (22, 0, side * 6, 9, 6),
                (42, -9, side * 8, 6, 5),
                (58, -27, side * 10, 2, 4),
            ]
            head.append(bar(np.array(claw) * size, iron, 0.7, along_x=False))
        if kind == "ball":
            ball = np.array([(10, 12.5), (15, 9), (20, 9.5), (24, 12), (30, 12.6), (36, 10), (40, 5), (41, 0.5)]) * size
            head.append(bar(np.c_[ball[:, :1], 0 * ball, ball[:, 1:], ball[:, 1:]], iron, 1.0))
    top, bend = -15 * size if kind != "rubber" else -r - 2, -9 if kind == "hatchet" else 0
    if (style := rng.random()) < 0.55:
        ash, broken = wood(rng), rng.random() < 0.25
        end = rng.uniform(60, 110) if broken else end
        knots = [(top, 0, 0, 9, 6), (18, 0, 0, 9, 7), (70, bend, 0, 10, 8), (end - 45, bend / 3, 0, 13, 10)]
        knots = knots[:3] if broken else knots
        shaft = [bar([*knots, (end, bend / 2, 0, 10 if broken else 14, 10)], ash, 0.85)]
        for at in rng.uniform(-7, 7, (14, 2)) if broken else ():
            tip = (end + rng.uniform(4, 26), *(at * 0.9 + [bend / 2, 0]))
            shaft.append(tube([(end - 4, at[0] + bend / 2, at[1]), tip], [3.5, 0.3], ash, 6))
        if not broken and rng.random() < 0.4:
            shaft.append(
                bar([(end - 42, 0, 0, 13.2, 10.6), (end + 1, bend / 2, 0, 14.6, 10.8)], coat(rng, GAUDY), 0.85)
            )
        shaft.append(box((3, 12, 1.5), steel(0.5), at=(top - 1, 0, -0.7)))
    else:
        core = steel() if style < 0.75 else coat(rng, ("#e0b81a", "#e06a1a", "#1e5ab0", "#c81e1e"))
        grip = coat(rng, ("#1c1d20", "#1c1d20", "#1e5ab0", "#c81e1e", "#e06a1a"), 0.7)
        shaft = [bar([(top, 0, 0, 8, 6), (40, 0, 0, 8, 6.5), (end - 80, 0, 0, 9, 8)], core, 0.8)]
        shaft.append(
            ribbed(end - rng.uniform(95, 120), end, 13.5, 11, grip, pick(rng, 5.0, 9.0, 14.0), pick(rng, 0.5, 1.2))
        )
        shaft.append(bar([(14, 0, 0, 10, 8), (34, 0, 0, 9, 7.6)], grip, 0.8))
    return [*moved(head, turn=(0, 0, QUARTER)), *shaft]


def knife_blade(rng, length, deep, kind, kept=1.0):
    """A blade along x, its spine at y = 0; ``kept`` < 1 breaks it off."""
    tip, drop, fall = {
        "chef": (3.0, 0.08, 2),
        "santoku": (7.0, 1.0, 7),
        "bread": (14.0, 0.2, 12),
        "paring": (2.4, 0.1, 2),
        "beak": (5.0, 0.7, 2),
        "cleaver": (60.0, 0.0, 2),
    }[kind]
    t = np.linspace(0, 1, 260) * kept
    spine, width = -drop * deep * t**fall, deep * np.maximum(1 - t**tip, 0.004) ** 0.9
    edge = spine - width - (1.3 * np.abs(np.sin(np.pi * length * t / rng.uniform(6, 9))) if kind == "bread" else 0)
    line = spine - width * rng.uniform(0.72, 0.9)
    x = length * np.stack([t, t, t])
    x += (0 if kept == 1 else rng.uniform(-14, 14)) * (t / kept) ** 20 * np.array([[0], [0.8], [1]])
    spots = tinted(rng, ("#8f8d88", "#8f8d88", "#9a9894", "#7a5234"), 9, rough=0.4, bump=0.2)
    coated = coat(rng, ("#1c1d20", "#2aa0a8", "#c81e1e", "#e2dfd6", "#2a8a3c"))
    flat, ground = pick(rng, steel(0.22), steel(0.34), steel(0.5), spots, coated), steel(rng.uniform(0.15, 0.5))
    thick = pick(rng, 1.1, 1.5)
    upper = [(x[0], spine, -thick), (x[1], line, -0.8), (x[1], line, 0.8), (x[0], spine, thick)]
    lower = [(x[1], line, -0.82), (x[2], edge, -0.1), (x[2], edge, 0.1), (x[1], line, 0.82)]
    parts = [
        loft(np.stack([np.stack([a, b, 0 * t + c], -1) for a, b, c in four], 1), skin)
        for four, skin in ((upper, flat), (lower, ground))
    ]
    for part in parts:
        part.data.polygons.foreach_set("use_smooth", np.zeros(len(part.data.polygons), dtype=bool))
    mark = plain("mark", "#4a4a4a", 0.5)
    for k in range(int(rng.integers(0, 4)) if deep > 17 else 0):
        at = (length * 0.2 + 5 * (k == 2), -deep * (0.25 + 0.13 * k), -thick - 0.1)
        parts.append(box((rng.uniform(6, 20), 1.6, 2 * thick + 0.2), mark, at=at, round_mm=0))
    return parts


def rivet(x, y, high, r, material):
    return placed(lathe([(0.02, -high), (r, -high), (r, high), (0.02, high)], material, 20), (x, y, 0))


def pocket_knife(rng):
    half, wide = rng.uniform(38, 52), rng.uniform(9, 12)
    scale = pick(rng, coat(rng, ("#b3201c", "#b3201c", "#1c1d20", "#1e5ab0", "#c8b890")), wood(rng), coat(rng, GAUDY))
    knots = np.array([(-half, 0, 0, wide * 0.8, 7), (0, -1.5, 0, wide, 8), (half, 0, 0, wide * 0.75, 7)])
    parts = [bar(knots, scale, 0.6), bar(knots * [1.02, 1, 1, 1.07, 0.55], steel(), 0.4)]
    if rng.random() < 0.6:
        parts += [
            bar([(s * half * 1.01, 0, 0, wide * 0.8, 7.4), (s * half * 0.78, 0, 0, wide * 0.98, 7.8)], steel(), 0.6)
            for s in (-1, 1)
        ]
    else:
        light = plain("emblem", "#d8d8d4", 0.3)
        parts += [
            box(size, light, at=(-half * 0.4, -1, -8.1), round_mm=0.2) for size in ((9, 2.4, 16.2), (2.4, 9, 16.2))
        ]
    parts += [rivet(x * half, 0, 8.2, 1.7, steel()) for x in (-0.88, 0.1, 0.88)]
    for end, share in ((1, 1.0), (-1, 0.7))[: int(rng.integers(1, 3))]:
        blade = moved(
            knife_blade(rng, half * 1.7 * share, wide * 1.5 * share, pick(rng, "chef", "paring", "beak")),
            (0, wide * 0.7, 0),
        )
        opened = pick(rng, 0.0, rng.uniform(0.3, 1.6))
        parts += moved(blade, (end * half * 0.88, 0, 0), (0, 0 if end > 0 else np.pi, end * opened))
    return parts


def chef_knife(rng):
    kind = pick(rng, "chef", "santoku", "bread", "paring", "beak", "pocket", "pocket", "cleaver")
    if kind == "pocket":
        return pocket_knife(rng)
    length, deep = {
        "chef": (140, 38),
        "santoku": (125, 42),
        "bread": (142, 27),
        "paring": (85, 20),
        "beak": (65, 17),
        "cleaver": (120, 62),
    }[kind]
    length, deep, kept = length * rng.uniform(0.85, 1.0), deep * rng.uniform(0.8, 1.15), pick(rng, 1, 1, 1, 0.35, 0.6)
    grip = rng.uniform(88, 108) if length > 100 else rng.uniform(78, 98)
    wide, high, low = rng.uniform(9.5, 12), rng.uniform(7, 9), -rng.uniform(8, 11)
    heel = rng.uniform(0.9, 1.3)
    knots = [
        (3, low, 0, wide * 0.85, high * 0.8),
        (-0.2 * grip, low, 0, wide * heel, high),
        (-0.5 * grip, low, 0, wide, high),
        (-0.85 * grip, low - 1, 0, wide * 1.25, high),
        (-grip, low - 3, 0, wide * 1.05, high * 0.8),
    ]
    knots, parts = np.array(knots), moved(knife_blade(rng, length, deep, kind, kept), (0, 0, 0))
    if rng.random() < 0.55:
        scales = pick(rng, wood(rng), wood(rng), coat(rng, ("#1c1d20", "#1c1d20", "#e2dfd6", "#b3201c"), 0.4))
        parts += [bar(knots, scales, 0.6), bar(knots * [1, 1, 1, 1.05, 0.2] - [0, 0, 0, 0, 0], steel(), 0.5)]
        stud = pick(rng, steel(), steel(), plain("brass", "#b8943c", 0.32, 1.0))
        for x in pick(rng, (-0.17, -0.48, -0.8), (-0.25, -0.7)):
            parts.append(rivet(x * grip, low, high + 0.35, pick(rng, 2.3, 3.2), stud))
        if rng.random() < 0.6:
            parts.append(bar([(7, low, 0, wide * 0.7, 3), (-4, low, 0, wide * 0.95, high * 0.95)], steel(), 0.6))
    else:
        skin = coat(rng, GAUDY, 0.4)
        parts.append(bar(knots, skin, pick(rng, 0.6, 1.0)))
        if rng.random() < 0.6:
            inlay = knots[1:4] * [0.9, 1, 1, 0.55, 1] + [0, 0, 0, 0, 0.7]
            parts.append(bar(inlay, coat(rng, GREYS, 0.8), 0.9))
    return parts


RECIPES = (
    contaminant_to_train(mallet, seeds=8),
    contaminant_to_train(chef_knife, seeds=8),
)
