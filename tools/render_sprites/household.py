"""Bathroom and cleaning things, electronics."""

import numpy as np
from materials import mottled, plain
from parts import ring_path, slab
from recipe import contaminant_to_train
from shapes import ball_points, blob, box, crumpled, lathe, mesh_object, pick, sheet, sheet_grid, smooth_path, tube
from sundries import HUES, STEEL, coat, placed

GREYS = ("#24262a", "#24262a", "#e2dfd6", "#8a8a88", "#b8b4a8")
YARNS = (*HUES, "#2a4a7a", "#c87890", "#8a8a84", "#6a4a7a")


def pillow(half, material, power=0.8, floor=0.3):
    """A rounded body of half axes ``half`` on a flattened underside."""
    unit, faces = ball_points(5)
    shape = np.sign(unit) * np.abs(unit) ** power * np.asarray(half)
    return mesh_object(shape * np.where(shape[:, 2:] < 0, [1, 1, floor], 1), faces, material)


def cloth(rng, tones=None, bump=0.7):
    """A woven or felted surface, perhaps soiled."""
    tone = pick(rng, *(tones or YARNS))
    soil = pick(rng, tone, "#6b5a44", "#8a7a62")
    return mottled("cloth", (tone, tone, soil), rng.uniform(4, 12), rough=0.95, bump=bump, seed=rng.integers(99))


def computer_mouse(rng):
    a, b, h = rng.uniform(44, 56), rng.uniform(25, 31), rng.uniform(22, 32)
    parts, dark = [pillow((a, b, h), coat(rng, (*GREYS, "#b3201c", "#c9a878")))], plain("seam", "#101012", 0.8)
    x = np.linspace(a * 0.15, a * 0.97, 30)
    parts.append(tube(np.stack([x, 0 * x, h * (1 - (x / a) ** 2.5) ** 0.4], -1), 0.9, dark, 8))
    y = np.linspace(-b * 0.97, b * 0.97, 40)
    across = h * np.maximum(1 - 0.15**2.5 - np.abs(y / b) ** 2.5, 0) ** 0.4
    parts.append(tube(np.stack([0 * y + a * 0.15, y, across], -1), 0.8, dark, 8))
    wheel = placed(lathe([(0.02, -4), (9, -4), (9, 4), (0.02, 4)], dark), (a * 0.5, 0, h * 0.68), (np.pi / 2, 0, 0))
    if rng.random() < 0.6:
        tail = [(a - 3, 0, 3), (a + 15, 4, 2), (a + 35, rng.uniform(-30, 30), 2), (a + 60, rng.uniform(-50, 50), 2)]
        parts.append(tube(smooth_path(tail, 50), 2.2, dark, 10))
    return [*parts, wheel]


def keyboard_piece(rng):
    """Some rows of keys on their board, keys missing."""
    skin, keys = coat(rng, GREYS), coat(rng, GREYS)
    nx, ny, ink = int(rng.integers(4, 11)), int(rng.integers(2, 5)), plain("ink", pick(rng, "#e8e8e4", "#1a1a1a"))
    bite = rng.uniform(-10, 10, 2)
    edge = [(-12, -12), (19 * nx - 7 + bite[0], -12), (19 * nx - 7 + bite[1], 19 * ny - 8), (-12, 19 * ny - 8)]
    parts = [slab(edge, 9, skin)]
    for i in range(nx):
        for j in range(ny):
            if rng.random() < 0.12:
                parts.append(box((6, 6, 4), coat(rng, ("#e2dfd6", "#24262a")), at=(19 * i, 19 * j, 9)))
                continue
            at = (19 * i + 2 * (j % 2), 19 * j, 9)
            parts += [box((16.5, 16.5, 6), keys, at=at, round_mm=2.4)]
            parts += [box((3, 4, 0.3), ink, at=(at[0] - 3, at[1] + 3, 15), round_mm=0)]
    return parts


def power_plug(rng):
    """A mains plug with cut cable, or a plug-in charger."""
    skin, steel = coat(rng, ("#24262a", "#e2dfd6", "#e2dfd6", "#7a4a26", "#d2691e")), plain("pin", *STEEL)
    if rng.random() < 0.4:
        wide, high = rng.uniform(38, 52), rng.uniform(24, 34)
        parts, top = [box((rng.uniform(48, 75), wide, high), skin, round_mm=5)], high
        parts += [box((24, 18, 0.3), plain("print", "#6a6a68"), at=(2, 0, high))]
        pins = [([(-30, s * 9.5, high / 2), (-54, s * 9.5, high / 2)]) for s in (-1, 1)]
    else:
        parts, top = (
            [placed(lathe([(0.02, 0), (18, 0), (18, 8), (12, 26), (6, 40), (4, 52)], skin, 12), (0, 0, 18))],
            36,
        )
        parts[0].rotation_euler = (0, np.pi / 2, 0)
        pins = [([(2, s * 9.5, 18), (-19, s * 9.5, 18)]) for s in (-1, 1)]
    start = 30 if top < 35 else 48
    ways = np.add(np.cumsum(rng.uniform((-11, -25), (39, 25), (4, 2)), axis=0), [start, 0])
    lead = [(start - 4, 0, top / 2), *np.c_[ways, [top / 3, 4, 4, 4]]]
    return [*parts, *(tube(np.array(p), 2.3, steel, 16) for p in pins), tube(smooth_path(lead, 70), 3.2, skin, 12)]


def circuit_board(rng):
    tones = pick(rng, ("#1e5a34", "#246a3c"), ("#1e5a34", "#246a3c"), ("#8a6030", "#a07840"), ("#1e3a6a", "#24447a"))
    x, y = rng.uniform(35, 85), rng.uniform(25, 55)
    edge = np.array([(-x, -y), (x, -y), (x, y * rng.uniform(-0.4, 1)), (x * rng.uniform(0.1, 0.9), y), (-x, y)]) / 1.4
    parts = [slab(edge, 1.8, mottled("board", tones, 9, rough=0.35, bump=0.1))]
    dark, can, tin = plain("chip", "#16161a"), coat(rng, ("#8a8c90", "#24262a", "#2a4a8a")), plain("tin", *STEEL)
    copper = plain("track", pick(rng, "#c8a868", "#4a8a54", "#c0c0bc"), 0.3)
    x, y = x / 1.5, y / 1.6
    for _ in range(int(rng.integers(14, 30))):
        at, size = (rng.uniform(-x, x * 0.5), rng.uniform(-y, y * 0.4), 1.8), rng.uniform(5, 16, 2)
        kind = rng.random()
        if kind < 0.35:
            parts.append(box((*pick(rng, (size[0] * 2, 0.8), (0.8, size[0] * 1.4)), 0.2), copper, at=at, round_mm=0))
        elif kind < 0.55:
            parts += [box((size[0] + 2.5, size[1], 1), tin, at=at, round_mm=0), box((*size, 3), dark, at=at)]
        elif kind < 0.75:
            r, h = rng.uniform(2.5, 7), rng.uniform(6, 18)
            parts.append(placed(lathe([(r, 0), (r, h - 1), (r * 0.9, h), (0.02, h)], can, 28), at))
        else:
            parts.append(box((6, 2.6, 2.6), coat(rng, ("#c9a878", "#7a4a26", "#2a4a8a")), at=at))
    return parts


def hair_brush(rng):
    wood = mottled("wood", ("#a87444", "#8a5a30"), 6, rough=0.5, bump=0.1, stretch=(0.2, 1, 1))
    skin, pin = pick(rng, wood, coat(rng), coat(rng)), coat(rng, ("#24262a", "#e2dfd6", "#c9a878"))
    a, b = rng.uniform(42, 55), rng.uniform(20, 36)
    parts = [pillow((a, b, 9), skin, 0.9), placed(pillow((a * 0.85, b * 0.8, 4), coat(rng), 0.9), (0, 0, 8))]
    grip = [(-a + 6, 0, 3), (-a - 20, 0, 3), (-a - 60, 0, 3), (-a - rng.uniform(75, 100), 0, 3)]
    parts.append(tube(smooth_path(grip, 40), np.interp(np.linspace(0, 1, 40), (0, 0.3, 0.8, 1), (9, 6, 9, 4)), skin))
    for x in np.arange(-a * 0.7, a * 0.75, 7):
        for y in np.arange(-b * 0.65, b * 0.7, 7):
            if (x / a) ** 2 + (y / b) ** 2 < 0.55:
                lean = rng.normal(0, 1.2, 2)
                parts.append(tube([(x, y, 9), (x + lean[0], y + lean[1], 24)], 0.9, pin, 6))
    return parts


def hair_claw(rng):
    """A hair clip of two toothed jaws."""
    brown = mottled("horn", ("#3a2416", "#8a5a2a", "#5a3418"), 6, rough=0.2, bump=0, seed=rng.integers(99))
    skin, length, teeth = pick(rng, brown, coat(rng, YARNS, 0.25)), rng.uniform(35, 80), int(rng.integers(5, 9))
    gape, parts = rng.uniform(0.7, 1.1), [tube([(-6, 0, 0), (6, 0, 0)], 4, plain("spring", *STEEL))]
    for side in (-1, 1):
        for x in np.linspace(-length / 2, length / 2, teeth):
            claw = [
                (x * 0.8, side * 2, 2),
                (x * 0.9, side * 17 * gape, -7),
                (x, side * 17 * gape, -20),
                (x, side * 4, -33),
            ]
            parts.append(tube(smooth_path(claw, 24), np.linspace(3.6, 1.2, 24), skin, 8))
        parts.append(box((length * 0.9, 11, 3), skin, at=(0, 0, -1.5)))
        placed(parts[-1], (0, side * 12 * gape, -4), (-side * 0.5, 0, 0))
        parts.append(placed(box((15, 20, 3), skin), (0, side * 12, 6), (side * 0.7, 0, 0)))
    return parts


def scrunchie(rng):
    t = np.linspace(0, 2 * np.pi, 240)
    path = ring_path(rng.uniform(20, 30), 240) * [1, rng.uniform(0.7, 1), 1]
    path[:, 2] = 2 * np.sin(2 * t)
    ruffle = 1 + 0.22 * np.sin(t * rng.integers(13, 22)) + 0.12 * np.sin(t * rng.integers(24, 41) + 1)
    return [tube(path, rng.uniform(8, 14) * ruffle, cloth(rng), 28)]


def razor(rng):
    skin, second, bend = coat(rng, (*YARNS, "#e2c81c")), coat(rng, GREYS), rng.uniform(4, 12)
    t = np.linspace(0, 1, 50)
    path = smooth_path([(0, 0, 8), (18, 0, 8 + bend * 0.4), (60, 0, 8 + bend), (105, 0, 5)], 50)
    parts = [tube(path, 4.5 + 1.6 * np.sin(np.pi * t) + 0.3 * np.sin(60 * t), skin, 16)]
    parts += [box((12, 42, 7), second, at=(-2, 0, 4), round_mm=2), box((3, 38, 1), skin, at=(-6, 0, 10.6))]
    blades = [box((1.2, 36, 0.8), plain("blade", *STEEL), at=(x, 0, 10.8), round_mm=0) for x in (-3.5, -1, 1.5)]
    return [*parts, *blades]


def shower_head(rng):
    skin = pick(rng, plain("chrome", "#c8c8c8", 0.12, 1.0), coat(rng, ("#e2dfd6", "#8a8a88", "#c9a878")))
    r, dot = rng.uniform(28, 42), plain("hole", "#1c1c20", 0.8)
    bell = [(0.02, -22), (12, -20), (r * 0.8, -12), (r, -3), (r, 2), (r - 2, 3), (0.02, 3.2)]
    face = [lathe(bell, skin, 56), lathe([(r * 0.86, 3.2), (0.02, 3.8)], coat(rng, ("#8a8a88", "#e2dfd6")), 48)]
    for ring in range(1, 4):
        for turn in np.linspace(0, 2 * np.pi, 6 * ring, endpoint=False):
            at = (r * 0.25 * ring * np.cos(turn), r * 0.25 * ring * np.sin(turn), 3.4)
            face.append(placed(lathe([(1.3, 0), (1.1, 1.2), (0.02, 1.2)], dot, 8), at))
    stem = smooth_path([(-8, 0, -14), (-30, 0, -17), (-80, 0, -12), (-r - rng.uniform(75, 110), 0, -8)], 50)
    return [*face, tube(stem, np.linspace(11, 10, 50), skin, 24), tube(stem[-2:] - np.array([8, 0, 0]), 8, dot, 20)]


def sink_plug(rng):
    rubber, metal, r = coat(rng, ("#24262a", "#24262a", "#e2dfd6", "#7a4a26"), 0.7), plain("chain", *STEEL), 21
    parts = [lathe([(0.02, 0), (r * 0.8, 0), (r * 0.86, 11), (r, 12), (r, 15), (r * 0.9, 16), (0.02, 16)], rubber, 48)]
    parts.append(placed(tube(ring_path(6), 1.2, metal, 8), (0, 0, 18), (np.pi / 2, 0, 0)))
    ways = np.cumsum(rng.normal((13, 0), 9, (7, 2)), axis=0) + np.array([20, 0])
    path = smooth_path([(0, 0, 24), (10, 2, 18), *np.c_[ways, np.full(7, 2)]], 70)
    return [*parts, *(blob((1.9, 1.9, 1.9), metal, rng, 0, level=2, at=p) for p in path), tube(path, 0.6, metal, 6)]


def dish_brush(rng):
    wood = mottled("wood", ("#d0a868", "#a8804a"), 6, rough=0.7, bump=0.2, stretch=(0.2, 1, 1))
    skin, r = pick(rng, wood, coat(rng)), rng.uniform(20, 27)
    hair = pick(rng, ("#c8b488", "#8a7248"), ("#e2dfd6", "#c8c4b8"), ("#5a3a20", "#8a6030"), ("#2e2c2a", "#44403c"))
    hairs = mottled("bristle", hair, 30, rough=0.9, bump=0.8, stretch=(1, 1, 0.1))
    parts = [lathe([(0.02, 0), (r, 0), (r, 9), (r * 0.8, 13), (0.02, 14)], skin, 48)]
    for _ in range(60):
        turn, out = rng.uniform(0, 2 * np.pi), r * 0.85 * np.sqrt(rng.uniform(0, 1))
        foot = out * np.array([np.cos(turn), np.sin(turn), 0])
        tip = foot * rng.uniform(1.1, 1.4) + [*rng.normal(0, 1.5, 2), -rng.uniform(18, 24)]
        parts.append(tube([foot, tip], [1.6, 2.6], hairs, 8))
    grip = [(r - 4, 0, 7), (r + 30, 0, 9), (r + 80, 0, 12), (r + rng.uniform(110, 150), 0, 10)]
    return [*parts, tube(smooth_path(grip, 40), np.linspace(6, 8, 40), skin, 16)]


def scouring_pad(rng):
    """A worn scouring fleece, or a ball of steel or copper wool."""
    if rng.random() < 0.5:
        tones = pick(rng, ("#2a5a30", "#3a6a3c", "#6a6a4a"), ("#6a3a20", "#7a4a2a"), ("#2e2e30", "#4a4a48"))
        u, v = sheet_grid(90, 70)
        x, y = rng.uniform(35, 65) * (2 * u - 1), rng.uniform(28, 45) * v
        ragged = 1 + 0.12 * crumpled(x, y, rng, 0.6, 25)
        z = 4 + crumpled(x, y, rng, 3, 45) + crumpled(x, y, rng, 0.5, 3)
        felt = mottled("fleece", tones, 60, rough=1.0, bump=1.5)
        return [sheet(x * ragged, y * ragged, z, felt, thickness=6)]
    t = np.linspace(0, 300, 2600)
    unit = np.stack([np.sin(1.07 * t), np.sin(1.31 * t + 1), np.sin(0.83 * t + 2) * 0.55], -1)
    unit /= np.maximum(np.linalg.norm(unit * [1, 1, 1.8], axis=1, keepdims=True), 0.3)
    size = rng.uniform(22, 34) * (0.8 + 0.2 * np.sin(5.3 * t))[:, None]
    curl = 3 * np.stack([np.sin(31 * t), np.cos(31 * t), np.sin(29 * t)], -1)
    metal = plain("wool", pick(rng, "#a0a09c", "#b07040", "#b8943c"), 0.35, 1.0)
    return [tube(unit * size + curl, 0.7, metal, 5), blob((15, 15, 8), plain("core", "#2a2420", 1.0), rng, 0.2)]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(computer_mouse, poses=2, **FLAT),
    contaminant_to_train(keyboard_piece, poses=1, **FLAT),
    contaminant_to_train(power_plug, seeds=4, **FLAT),
    contaminant_to_train(circuit_board, **FLAT),
    contaminant_to_train(hair_brush, seeds=2, poses=2),
    contaminant_to_train(hair_claw),
    contaminant_to_train(scrunchie, **FLAT),
    contaminant_to_train(razor, poses=2),
    contaminant_to_train(shower_head, seeds=2, poses=2),
    contaminant_to_train(sink_plug, seeds=2, **FLAT),
    contaminant_to_train(dish_brush, poses=2),
    contaminant_to_train(scouring_pad, seeds=4, **FLAT),
)
