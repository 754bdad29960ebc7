"""Tools and gear of two or more parts that belong together: a head on a handle, cups on a band."""

import numpy as np
from household import GREYS, YARNS
from materials import mottled, plain
from parts import ring_path, slab
from recipe import contaminant_to_train
from shapes import box, lathe, loft, pick, smooth_path, tube
from sundries import HUES, STEEL, coat, placed

WOODS = (("#c89858", "#a87840", "#b88848"), ("#8a5a30", "#6a4020", "#7a4c28"), ("#d8b888", "#c0a070", "#8a7048"))


def grained(rng):
    """Wood of a handle, its grain along x."""
    return mottled("wood", pick(rng, *WOODS), 6, rough=0.6, bump=0.15, stretch=(0.15, 1, 1), seed=rng.integers(99))


def worn_steel(rng):
    """Bright, oiled or rusty steel."""
    rust = mottled("rust", ("#6a3a20", "#8a5430", "#4a4440"), rng.uniform(4, 9), rough=0.8, seed=rng.integers(99))
    return pick(rng, plain("steel", *STEEL), plain("steel", "#6a6c70", 0.35, 1.0), plain("black", "#26262a", 0.5), rust)


def grip_profile(rng, length, thick):
    """Radii of a grip [60] over its length from the head to its end."""
    t = np.linspace(0, 1, 60)
    waist = rng.uniform(0.05, 0.25)
    swell = thick * (0.75 + waist * np.sin(np.pi * t) + 0.35 * t**3 - 0.1 * np.exp(-(((t - 0.6) / 0.1) ** 2)))
    swell[-3:] *= (0.95, 0.8, 0.4)
    return np.stack([np.linspace(0, length, 60), 0 * t, 0 * t], -1), swell


def claw_hammer(rng):
    length, thick, head = rng.uniform(140, 215), rng.uniform(9, 14), rng.uniform(32, 50)
    steel, path, radii = worn_steel(rng), *grip_profile(rng, length, thick)
    if rng.random() < 0.5:
        parts = [tube(path, radii, grained(rng), 24)]
    else:
        cut = int(rng.integers(18, 34))
        shaft = pick(rng, worn_steel(rng), coat(rng, ("#d8b01c", "#24262a")))
        parts = [tube(path[: cut + 2], thick * 0.6, shaft, 20), tube(path[cut:], radii[cut:], coat(rng), 24)]
    face, r = head, rng.uniform(11, 17)
    poll = [(0.02, -8), (r * 0.8, -8), (r * 0.7, face * 0.5), (r, face * 0.6), (r, face), (r * 0.9, face + 2)]
    parts.append(placed(lathe([*poll, (0.02, face + 2)], steel, 40), (0, 0, 0), (-np.pi / 2, 0, 0)))
    for side in (-1, 1):
        t = np.linspace(0, 1, 24)
        claw = np.stack([side * (2 + 5 * t) + 8 * t**2, -8 - face * 0.95 * t, 0 * t], -1)
        parts.append(tube(claw, np.linspace(r * 0.62, 2.2, 24), steel, 12))
    return parts


def hatchet(rng):
    length, path, radii = rng.uniform(150, 215), *grip_profile(rng, rng.uniform(150, 215), rng.uniform(9, 13))
    path[:, 1] = 8 * np.sin(path[:, 0] / length * 2.4)
    edge = rng.uniform(45, 70)
    blade = [(-16, -14), (14, -14), (14, 14), (20, edge * 0.7), (24, edge), (-22, edge), (-16, edge * 0.6)]
    rim = [(23, edge - 7), (24, edge), (-22, edge), (-21, edge - 7)]
    handle = grained(rng) if rng.random() < 0.6 else coat(rng)
    skin = pick(rng, worn_steel(rng), coat(rng, ("#b3201c", "#24262a", "#2a4a8a", "#d2691e")))
    parts = [tube(path, radii, handle, 24), slab(blade, 14, skin, (0, 0, -7), 2.5)]
    return [*parts, slab(rim, 14.6, plain("edge", "#c8c8c8", 0.2, 1.0), (0, 0, -7.3))]


def soft_mallet(rng):
    """A rubber, wooden or copper mallet, or a meat tenderiser."""
    path, radii = grip_profile(rng, rng.uniform(130, 190), rng.uniform(8, 13))
    skin = pick(
        rng, grained(rng), coat(rng, ("#24262a", "#e2dfd6", "#d8b01c"), 0.8), plain("metal", "#a8a8a8", 0.3, 1.0)
    )
    half, r = rng.uniform(28, 45), rng.uniform(15, 27)
    drum = [
        (0.02, -half),
        (r * 0.93, -half),
        (r, -half + 4),
        (r * 0.95, 0),
        (r, half - 4),
        (r * 0.93, half),
        (0.02, half),
    ]
    head = placed(lathe(drum, skin, int(pick(rng, 4, 8, 48, 48))), (0, 0, 0), (np.pi / 2, 0, 0))
    return [head, tube(path, radii, pick(rng, grained(rng), coat(rng)), 24)]


def carving_knife(rng):
    """A blade with a riveted or moulded handle; bread knives are serrated."""
    long, deep, thick = rng.uniform(70, 140), rng.uniform(16, 40), 2.0
    t = np.linspace(0, 1, 60)
    belly = -deep * (1 - pick(rng, t**4, t**2.2, (t > 0.9) * (t - 0.9) * 9))
    if rng.random() < 0.35:
        belly = belly + 1.3 * np.sin(60 * t)
    back = np.where(t > 0.8, -deep * rng.uniform(0, 0.35) * ((t - 0.8) / 0.2) ** 2, 0)
    outline = np.r_[np.stack([long * t, belly], -1), np.stack([long * t, np.maximum(back, belly + 0.4)], -1)[::-1]]
    steel = pick(rng, plain("blade", "#c8c8ca", 0.22, 1.0), plain("blade", "#9a9ca0", 0.4, 1.0), coat(rng, HUES, 0.3))
    grip, wide = rng.uniform(80, 110), rng.uniform(15, 24)
    skin = pick(rng, grained(rng), grained(rng), coat(rng, GREYS), coat(rng))
    wave = rng.uniform(0.05, 0.2) * np.sin(np.linspace(0, 2 * np.pi, 30) + rng.uniform(0, 6))
    x, top = np.linspace(4, -grip, 30), 2 + 0.1 * wide * wave
    low = top - wide * (0.8 + wave + 0.25 * np.linspace(0, 1, 30) ** 4)
    parts = [slab(outline, thick, steel, (0, 0, -1))]
    parts.append(slab(np.r_[np.stack([x, top], -1), np.stack([x, low], -1)[::-1]], 15, skin, (0, 0, -7.5), 3.5))
    if rng.random() < 0.6:
        pin = plain("rivet", *STEEL)
        for share in (0.2, 0.5, 0.8):
            at = (-grip * share, np.interp(grip * share, -x[::-1], ((top + low) / 2)[::-1]), -8)
            parts.append(placed(lathe([(0.02, 0), (3.2, 0), (3.2, 16), (0.02, 16)], pin, 16), at))
    return parts


def pocket_knife(rng):
    """A folding knife, its blade partly or quite open, or a cutter."""
    long, wide = rng.uniform(75, 105), rng.uniform(15, 22)
    skin = pick(rng, grained(rng), coat(rng, ("#b3201c", "#24262a", "#2a6a3a", "#d8b01c")), coat(rng))
    t = np.linspace(0, 2 * np.pi, 60)
    body = np.stack([long / 2 * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.4, wide / 2 * np.sin(t)], -1)
    out = rng.uniform(0.8, 0.95) * long
    blade = [(0, -5), (out * 0.8, -6), (out, 4), (out * 0.7, 8), (0, 6)]
    parts = [slab(body, 12, skin, (0, 0, -6), 3), slab(body * 0.97, 5, plain("liner", *STEEL), (0, 0, -2.5))]
    steel = plain("blade", "#c4c4c6", 0.25, 1.0)
    for side in ((1,), (1, -1))[rng.integers(2)]:
        open_by = rng.uniform(-0.7, 0.7)
        parts.append(placed(slab(blade, 2, steel, (0, 0, -1)), (side * (long / 2 - 7), 0, 0), (0, 0, open_by)))
        if side < 0:
            parts[-1].rotation_euler = (0, 0, np.pi + open_by)
    return parts


def headphone_set(rng):
    """Over-ear headphones on their side: cups with cushions on a band, some with a cable or one cup lost."""
    wide, high = rng.uniform(60, 80), rng.uniform(65, 90)
    skin, pad, trim = (
        coat(rng, (*GREYS, *HUES)),
        coat(rng, ("#24262a", "#24262a", "#7a4a26", "#e2dfd6"), 0.8),
        coat(rng, GREYS),
    )
    t = np.linspace(0, np.pi, 80)
    arc = np.stack([wide * np.cos(t), high * np.sin(t) ** 0.85, 0 * t], -1)
    flat, deep = rng.uniform(2, 5), rng.uniform(7, 15)
    rings = []
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for point in arc:
        out = point / (np.linalg.norm(point) + 1e-9)
        rings.append(
            point + flat * np.cos(angle)[:, None] * out + deep * np.sin(angle)[:, None] * np.array([0, 0, 1.0])
        )
    parts = [loft(rings, pick(rng, skin, trim))]
    if rng.random() < 0.6:
        inner = np.array(rings)[22:58] * [0.96, 0.94, 1.15]
        parts.append(loft(inner, pad))
    r, thick = rng.uniform(24, 38), rng.uniform(14, 22)
    for side in (-1, 1)[: 1 if rng.random() < 0.15 else 2]:
        shell = [(0.02, 0), (r * 0.7, 1), (r, 5), (r, thick * 0.6), (0.02, thick * 0.6)]
        cushion = [(r * 0.55, thick * 0.6), (r * 0.95, thick * 0.55), (r * 1.05, thick * 0.85), (r * 0.8, thick * 1.15)]
        cup = [lathe(shell, skin, 48), lathe([*cushion, (r * 0.55, thick * 0.9), (0.02, thick * 0.7)], pad, 48)]
        turn = (0, -side * np.pi / 2 + side * rng.uniform(-0.5, 0.5), 0)
        parts += [placed(part, (side * (wide + 4), -12, 0), turn) for part in cup]
        parts.append(box((5, 34, deep * 1.2), trim, at=(side * wide, 2, -deep * 0.6)))
    if rng.random() < 0.5:
        way = np.cumsum(rng.normal((-9, -7), 16, (6, 2)), axis=0) + np.array([wide, -r])
        line = smooth_path([(wide, -r * 0.7, -6), *np.c_[np.clip(way, -85, 85), np.full(6, -r * 0.8)]], 120)
        parts.append(tube(line, 1.6, plain("cable", pick(rng, "#18181a", "#e2dfd6", "#b3201c")), 8))
    return parts


def earphones(rng):
    """In-ear phones on their thin cable, in loose loops."""
    tone = pick(rng, "#e8e6e0", "#1a1a1c", "#1a1a1c", "#b3201c", "#2a4a8a")
    skin, tip = plain("cable", tone, 0.4), coat(rng, ("#24262a", "#e2dfd6"), 0.7)
    t = np.linspace(0, 2 * np.pi * rng.uniform(2, 3.5), 12)
    loops = np.stack([rng.uniform(25, 42) * np.cos(t), rng.uniform(18, 34) * np.sin(t), 2 + t * 0.4], -1)
    loops += rng.normal(0, 5, loops.shape) * [1, 1, 0]
    parts = [tube(smooth_path(loops, 300), 1.7, skin, 8)]
    for turn in np.add(rng.uniform(-0.8, 0.8, 2), (0, 0.9)):
        ahead = np.array([np.cos(turn), np.sin(turn), 0])
        end = loops[-1] + 48 * ahead
        parts.append(tube(smooth_path([loops[-1], np.add(loops[-1] + 20 * ahead, (0, 4, 0)), end], 40), 1.4, skin, 8))
        bud = [(0.02, -12), (2.5, -11), (3, -3), (7.5, 0), (7.5, 5), (4.5, 8), (5.5, 11), (3, 15), (0.02, 15)]
        parts.append(placed(lathe(bud, pick(rng, skin, tip), 24), np.add(end, (0, 0, 4)), (0, np.pi / 2, turn)))
    plug = [(0.02, -20), (3.4, -20), (3.4, -2), (1.7, -1), (1.7, 13), (0.02, 14)]
    return [*parts, placed(lathe(plug, tip, 16), loops[0], (np.pi / 2, 0, rng.uniform(0, 6)))]


def cordage(rng):
    """Twine, washing line or climbing cord: a hank, a coil or a tangle with loose ends."""
    tone = pick(
        rng, ("#c8b078", "#a88c58"), ("#2a6aa0", "#e2dfd6"), ("#d2691e", "#e2dfd6"), ("#3a7a3a", "#d8d4b0"), YARNS[:2]
    )
    weave = mottled("cord", tone, rng.uniform(20, 40), rough=0.9, bump=0.8, stretch=(1, 1, 1), seed=rng.integers(99))
    r, kind = rng.uniform(1.6, 5.0), rng.integers(3)
    if kind == 0:
        t = np.linspace(0, 2 * np.pi * rng.uniform(3, 6), 90)
        size, squash = rng.uniform(35, 60), rng.uniform(0.45, 1)
        wobble = 1 + 0.1 * np.sin(2.3 * t) + 0.06 * np.sin(5.1 * t)
        knots = np.stack([size * wobble * np.cos(t), squash * size * wobble * np.sin(t), r * (1 + 0.25 * t)], -1)
        if rng.random() < 0.5:
            return [
                tube(smooth_path(knots, 500), r, weave, 12),
                tube(np.add(ring_path(11, 40, "xz"), (0, squash * size, 8)), r, weave),
            ]
    elif kind == 1:
        t = np.linspace(0, 1, int(rng.integers(18, 40)))
        knots = np.cumsum(rng.normal(0, 24, (len(t), 3)) * [1, 1, 0], axis=0)
        knots = 60 * np.tanh(knots / 60) + np.array([0, 0, r])
        knots[:, 2] += rng.uniform(0, 3.5 * r, len(t))
    else:
        t = np.linspace(0, 1, 9)
        knots = np.stack([np.linspace(-105, 105, 9), np.cumsum(rng.normal(0, 16, 9)), np.full(9, r)], -1)
    return [tube(smooth_path(knots, 500), r, weave, 12)]


RECIPES = (
    contaminant_to_train(claw_hammer, seeds=6),
    contaminant_to_train(hatchet, seeds=4),
    contaminant_to_train(soft_mallet, seeds=5),
    contaminant_to_train(carving_knife, seeds=7),
    contaminant_to_train(pocket_knife, seeds=5),
    contaminant_to_train(headphone_set, seeds=7),
    contaminant_to_train(earphones, seeds=4, lies_as_built=True),
    contaminant_to_train(cordage, seeds=7, lies_as_built=True),
)
