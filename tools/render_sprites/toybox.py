"""Toys and games; flat plates and heaps, of which other things are made too."""

import numpy as np
from materials import mottled, plain
from parts import ring_path, slab
from recipe import contaminant_to_train
from shapes import blob, box, lathe, pick, smooth_path, tube
from sundries import BRASS, STEEL, coat, placed, prism


def plush_animal(rng):
    """A teddy, a rabbit or a dog of plush, on its back."""
    tones = pick(rng, ("#8a5a30", "#a87444"), ("#c8a878", "#d8bc90"), ("#d8d4c8", "#e6e2d8"), ("#7a7a78", "#96948e"))
    tones = pick(rng, tones, tones, ("#5a3a24", "#6a462c"), ("#c88a9a", "#d8a0ac"), ("#7a8f4a", "#8fa45a"))
    fur = mottled("fur", tones, 45, rough=1.0, bump=1.2)
    light = mottled("light", ("#d8c8a8", "#e6d8bc"), 45, rough=1.0, bump=1.2)
    dark, size = plain("eye", "#141210", 0.15), rng.uniform(0.75, 1.15)
    lumps = [((27, 23, 17), fur, (0, 0, 17)), ((19, 20, 17), fur, (38, 0, 20)), ((15, 13, 6), light, (-1, 0, 31))]
    lumps += [((8, 9, 8), light, (35, 0, 35))]
    ears = pick(rng, ((7, 7, 4), 54, 16), ((22, 6, 4), 66, 9), ((6, 13, 4), 46, 24))
    for side in (-1, 1):
        arm = rng.uniform(-6, 12)
        lumps += [((17, 8, 8), fur, (-33, side * rng.uniform(14, 20), 12)), ((5, 8, 9), light, (-47, side * 17, 13))]
        lumps += [((8, 17, 8), fur, (14 + arm * 0.3, side * 31, 14)), (ears[0], fur, (ears[1], side * ears[2], 17))]
    if rng.random() < 0.4:
        del lumps[pick(rng, 6, 7, 10, 11)]
    parts = [blob(r, m, rng, 0.05, 0.25, 3, 4, at=at) for r, m, at in lumps]
    parts += [blob((2, 2, 1.6), dark, rng, 0, level=2, at=(42, side * 8, 34.5)) for side in (-1, 1)]
    parts.append(blob((2.5, 3.5, 2), dark, rng, 0, level=2, at=(38, 0, 42.5)))
    for part in parts:
        part.scale = (size,) * 3
    return parts


BEASTS = (
    ([(-75, 12, 1), (-40, 26, 6), (-12, 36, 15), (15, 36, 14), (36, 56, 6), (48, 72, 6), (60, 70, 3)], (-18, 18), 6),
    ([(-55, 30, 1), (-42, 40, 3), (-36, 42, 13), (0, 42, 13), (26, 44, 12), (42, 62, 8), (58, 58, 5)], (-30, 24), 4.5),
    ([(-80, 8, 1), (-45, 10, 7), (-10, 13, 14), (20, 13, 13), (40, 13, 8), (74, 11, 4)], (-22, 22), 4.5),
    ([(-44, 34, 2), (-36, 34, 15), (0, 34, 18), (30, 36, 15), (42, 46, 12), (58, 34, 6), (62, 14, 4)], (-24, 22), 7.5),
)


def toy_animal(rng):
    """A long-necked dinosaur, a horse, a crocodile or an elephant of hard plastic."""
    knots, legs, thick = BEASTS[rng.integers(len(BEASTS))]
    size, x = rng.uniform(0.7, 1.1), np.array(knots, dtype=float)
    path = smooth_path(x, 70) * size
    skin = coat(rng, ("#7a4a26", "#5f8f2a", "#8a8a84", "#c9a878", "#d2691e", "#4a5a34", "#e2dfd6"), 0.45, 0.1)
    body = tube(np.stack([path[:, 0], 0 * path[:, 0], path[:, 1]], -1), np.maximum(path[:, 2], 0.6), skin, 20)
    body.scale = (1, 0.8, 1)
    top = x[len(x) // 2, 1]
    parts = [body]
    for place in legs:
        for side in (-1, 1):
            foot = place + rng.uniform(-7, 7)
            leg = [(place, side * 8, top), (foot, side * (9 if top > 20 else 22), top * 0.4), (foot, side * 10, 0)]
            parts.append(tube(size * np.array(leg), size * np.array([thick * 1.5, thick, thick * 1.1]), skin, 12))
    return parts


def toy_robot(rng):
    """Boxes for trunk, head and feet, with knobs and a grille."""
    main, second = coat(rng, rough=0.3), coat(rng)
    shine = plain("metal", *STEEL)
    parts = [box((46, 34, 26), main, round_mm=3), box((26, 26, 22), second, at=(40, 0, 2), round_mm=3)]
    parts += [box((16, 22, 2), shine, at=(8, 0, 25), round_mm=0.5)]
    for side in (-1, 1):
        parts += [box((44, 10, 12), second, at=(-2, side * 24, 6)), box((22, 13, 18), main, at=(-34, side * 10, 2))]
        parts += [lathe([(0.02, 27), (3.4, 27), (4, 22)], coat(rng), 20)]
        placed(parts[-1], (-12, side * 9, 0.4))
        parts += [placed(lathe([(4, 20), (4, 26), (0.02, 26.5)], shine, 20), (43, side * 6, 0))]
    return [*parts, tube([(52, 0, 13), (66, 0, 13)], 1.5, shine, 10), blob((3, 3, 3), main, rng, 0, at=(67, 0, 13))]


def building_plate(rng):
    """A studded plate, some with a corner broken off."""
    skin, nx, ny = coat(rng, rough=0.3), int(rng.integers(4, 13)), int(rng.integers(3, 9))
    lost = int(rng.integers(0, 3))
    x, y = 4.0 * nx, 4.0 * ny
    edge = [(-x, -y), (x, -y), (x, y - 8 * lost), (x - 8 * lost, y), (-x, y)] if lost else None
    base = slab(edge or [(-x, -y), (x, -y), (x, y), (-x, y)], 5.0, skin)
    parts = [base]
    for i in range(nx):
        for j in range(ny):
            if i + 0.5 + j + 0.5 < nx + ny - lost:
                stud = lathe([(2.5, 4), (2.5, 6.6), (2.3, 6.8), (0.02, 6.8)], skin, 16)
                parts.append(placed(stud, (8 * i - x + 4, 8 * j - y + 4, 0)))
    return parts


def yo_yo(rng):
    r, skin = rng.uniform(24, 30), coat(rng)
    half = [(3, 1.5), (r - 5, 3), (r, 6), (r - 1, 12), (r - 5, 16), (r * 0.45, 16), (r * 0.4, 13.5), (0.02, 13.5)]
    parts = [lathe(half, skin, 56), lathe([(q, -z) for q, z in half], skin, 56)]
    twine = np.cumsum(rng.normal(0, 8, (9, 3)) * [1, 1, 0], axis=0) + np.array([r, 0, -14])
    return [
        *parts,
        lathe([(10, -3), (11, 0), (10, 3)], plain("twine", "#e0dccc"), 30),
        tube(smooth_path(np.vstack([[(10, 0, 0), (r + 1, 0, -3)], twine]), 90), 0.9, plain("twine", "#dcd6c2", 0.9), 8),
    ]


def spinning_top(rng):
    r = rng.uniform(17, 32)
    wood = mottled("wood", ("#c9a56c", "#b78d52"), 5, rough=0.6, bump=0.1, stretch=(1, 1, 0.2))
    first, second = (pick(rng, wood, coat(rng)), coat(rng))
    low = [(0.3, -r * 0.8), (2, -r * 0.7), (r * 0.6, -r * 0.3), (r, -2), (r, 2)]
    high = [(r, 2), (r * 0.85, 5), (r * 0.3, 9), (3.2, 12), (2.6, r * 0.9), (3.6, r), (0.02, r + 1)]
    return [lathe(low, first, 50), lathe(high, second, 50), lathe([(r * 0.88, 4.8), (r * 0.7, 7)], first, 50)]


def marbles(rng):
    """A small heap of glass marbles."""
    parts = []
    for k in range(int(rng.integers(3, 11))):
        tone, r = pick(rng, "#3a6a4a", "#2a5a9a", "#c8761e", "#d8dcd8", "#7a4a26", "#1c1e24"), rng.uniform(7, 9)
        swirl = mottled("marble", (tone, tone, "#e8e4d8"), 9, rough=0.08, bump=0, seed=rng.integers(99))
        turn, reach = k * 2.4, 0 if k == 0 else 11 * np.sqrt(k)
        parts.append(blob((r, r, r), swirl, rng, 0, at=(reach * np.cos(turn), reach * np.sin(turn), r), level=4))
    return parts


def ball_half(rng):
    """Half of a tennis or rubber ball, hollow."""
    felt = mottled("felt", pick(rng, ("#b4c432", "#a4b23a"), ("#8f9650", "#7a7a4a")), 40, rough=1.0, bump=0.8)
    skin, t = pick(rng, felt, coat(rng, rough=0.5)), np.linspace(0.03, np.pi / 2, 30)
    shell = lathe(np.stack([32 * np.sin(t), 32 - 32 * np.cos(t)], -1), skin, 60, caps=(True, False))
    inner = lathe(np.stack([29 * np.sin(t), 33 - 29 * np.cos(t)], -1), plain("rubber", "#4a4640", 0.8), 60, caps=(1, 0))
    rim = lathe([(32, 32), (30.5, 33), (29, 32.5)], plain("rim", "#6a665c", 0.8), 60, caps=(False, False))
    for part in (shell, inner, rim):
        part.scale = (1, rng.uniform(0.8, 0.82), 1)
    return [shell, inner, rim]


def whistle(rng):
    skin = pick(rng, coat(rng, rough=0.25), plain("metal", *BRASS), plain("metal", *STEEL))
    drum = placed(
        lathe([(0.02, -9), (13, -9), (14, -8), (14, 8), (13, 9), (0.02, 9)], skin, 44), turn=(np.pi / 2, 0, 0)
    )
    mouth = prism([(-2, 4), (34, 6), (34, 12), (11, 13.5), (-2, 14)], 15, skin)
    slot = prism([(11, 12), (17, 12), (17, 14), (11, 14.4)], 11, plain("slot", "#0e0e0e"))
    hoop = placed(tube(ring_path(6), 1.2, plain("ring", *STEEL), 8), (-18, 0, 4), (np.pi / 2, 0, 0))
    return [drum, mouth, slot, hoop]


def toy_block(rng):
    """Painted or bare wooden blocks: cube, arch, bar, roof."""
    wood = mottled("wood", ("#d8b884", "#c8a068"), 6, rough=0.7, bump=0.15, stretch=(0.2, 1, 1))
    skin, s = pick(rng, wood, coat(rng), coat(rng)), rng.uniform(24, 34)
    t = np.linspace(0, np.pi, 20)
    arch = [(-s, 0), *np.stack([-s * 0.55 * np.cos(t), s * 0.55 * np.sin(t)], -1), (s, 0), (s, s), (-s, s)]
    roof = [(-s, 0), (s, 0), (0, s)]
    if rng.random() < 0.4:
        return [box((s, s, s), skin, round_mm=2)]
    return [prism(pick(rng, arch, roof), s, skin)]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(plush_animal, seeds=4, **FLAT),
    contaminant_to_train(toy_animal, seeds=4, poses=2),
    contaminant_to_train(toy_robot, seeds=2, **FLAT),
    contaminant_to_train(building_plate, poses=2, **FLAT),
    contaminant_to_train(yo_yo, seeds=2),
    contaminant_to_train(spinning_top),
    contaminant_to_train(marbles, seeds=2, **FLAT),
    contaminant_to_train(ball_half, seeds=2, poses=2, **FLAT),
    contaminant_to_train(whistle, seeds=2),
    contaminant_to_train(toy_block, seeds=4),
)
