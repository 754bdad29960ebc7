"""Films, pouches, sachets, nets, straps and other soft things thrown away; full, empty, torn or soiled."""

import numpy as np
from materials import mottled, plain
from recipe import contaminant_to_train
from shapes import (
    ball_points,
    blob,
    box,
    crumpled,
    fractal,
    lathe,
    mesh_object,
    offset_of,
    pick,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
)
from sundries import HUES, coat, placed

EARTHY = ("#7a4a26", "#a8733a", "#c9a878", "#5f8f2a", "#3f6a2c", "#d2691e", "#e08a1e", "#8a6a4a")
"""Colours of compost, fruit and leaves."""


def film(rng, opacity=0.35):
    """Clear or faintly tinted film."""
    return plain("film", pick(rng, "#dfe6ea", "#e8e8e4", "#e2dcc8", "#d4e2cc"), 0.15, opacity=opacity, specular=0.6)


def print_of(rng, rough=0.3):
    """Two printed fields and a line along the vertex attribute."""
    first, second = rng.permutation(EARTHY if rng.random() < 0.6 else HUES)[:2]
    third = pick(rng, "#e6e2d6", "#24262a", first)
    return mottled("print", (first, first, third, second), 3, "along", 0.22, rough=rough, bump=0, seed=rng.integers(99))


def brick(size, material, rng, power=6.0, rough=0.05, cell=0.45, at=(0, 0, 0)):
    """A soft-edged block of ``size`` mm with uneven faces, centred on ``at``."""
    unit, faces = ball_points(5)
    unit = unit / ((np.abs(unit) ** power).sum(axis=1) ** (1 / power))[:, None]
    unit = unit * (1 + rough * fractal(unit, cell, offset_of(rng), 3))[:, None]
    return mesh_object(unit * np.asarray(size) / 2 + np.asarray(at), faces, material, along=(unit[:, 0] + 1) / 2)


def ribbon(path, width, twist, materials, thickness=0.7):
    """A band along ``path`` [P, 3]; ``twist`` [P] 0 lies flat, a quarter turn stands on edge."""
    path, twist = np.asarray(path, dtype=float), np.broadcast_to(twist, len(path))[:, None]
    ahead = np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    side = np.cross(ahead, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    reach = np.cos(twist) * side + np.sin(twist) * np.cross(side, ahead)
    points = path[:, None] + width / 2 * np.linspace(-1, 1, 7)[None, :, None] * reach[:, None]
    along = np.repeat(np.linspace(0, 1, len(path))[:, None], 7, axis=1)
    return sheet(*np.moveaxis(points, -1, 0), materials, along=along, thickness=thickness)


def mesh_sleeve(rng, half, width, strands, turns, radius, material):
    """Crossing strands of a collapsed net; ``width`` gives the half width at 0..1 along it."""
    u = np.linspace(0, 1, 70)
    bend, parts = rng.uniform(-14, 14), []
    for way in (-1, 1):
        for start in np.arange(strands) * 2 * np.pi / strands:
            angle = start + way * turns * 2 * np.pi * u
            path = np.stack([half * (2 * u - 1), width(u) * np.cos(angle), 5 + 4 * np.sin(angle)], -1)
            path[:, 1] += bend * (2 * u - 1) ** 2
            path += 3.5 * np.stack([fractal(path, 26, place, 2) for place in rng.uniform(-50, 50, (3, 3))], -1)
            parts.append(tube(path, radius, material, 6))
    return parts


def fruit_net(rng):
    skin = coat(rng, ("#d2691e", "#c8301c", "#d8b01c", "#5f8f2a", "#e2dfd6", "#8a6a4a"), 0.4)
    full = rng.uniform(24, 44)
    parts = mesh_sleeve(rng, rng.uniform(70, 100), lambda u: 3 + full * np.sin(np.pi * u) ** 0.7, 11, 1.3, 0.75, skin)
    if rng.random() < 0.6:
        label = coat(rng, EARTHY)
        u, v = sheet_grid(30, 12)
        parts.append(sheet(60 * u - 30, 16 * v, 12 + crumpled(60 * u, 16 * v, rng, 1.5, 20), label, thickness=0.6))
    return parts


def foam_net(rng):
    """The foam sleeve of a single fruit."""
    skin = coat(rng, ("#eceae4", "#e0c840", "#e0a0a8", "#a8c878", "#e2dfd6"), 0.8)
    wide = rng.uniform(24, 34)
    return mesh_sleeve(rng, rng.uniform(30, 48), lambda u: wide * (0.8 + 0.3 * np.sin(np.pi * u)), 9, 0.5, 1.6, skin)


def bubble_wrap(rng):
    u, v = sheet_grid(170, 130)
    x, y = rng.uniform(50, 80) * (2 * u - 1), rng.uniform(35, 60) * v
    row = np.round(y / 9.5)
    off = np.mod(x + 5.5 * np.mod(row, 2), 11) - 5.5
    dome = np.sqrt(np.clip(1 - (off**2 + (y - 9.5 * row) ** 2) / 4.4**2, 0, 1))
    popped = fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 30, offset_of(rng), 2).reshape(x.shape) > 0.25
    tint = pick(rng, "#dfe6ea", "#dfe6ea", "#c8dcae", "#e6b8bc")
    skin = plain("bubbles", tint, 0.12, opacity=0.34, specular=0.7)
    z = 4 + 5 * dome * np.where(popped, 0.3, 1) + crumpled(x, y, rng, 6, 60) + rng.uniform(-9, 9) * (2 * u - 1) ** 2
    x, y = x + crumpled(x, y, rng, 5, 45), y + crumpled(x, y, rng, 5, 45)
    return [sheet(x, y, z, skin, thickness=0.5)]


def pillow(rng, half, puff, materials, fine=1.2, torn=0.0):
    """A flat pouch: two seals at its ends, ``torn`` of its corner missing."""
    u, v = sheet_grid(110, 60)
    x, y = half[0] * (2 * u - 1), half[1] * v
    inner = np.clip((1 - np.abs(2 * u - 1)) / 0.16, 0, 1) * (1 - v**6)
    z = puff * inner * (1 - 0.4 * (2 * u - 1) ** 2) + fine * crumpled(x, y, rng, 1.0, 14)
    z += 0.5 * np.sin(v * 40) * (np.abs(2 * u - 1) > 0.88)
    if torn:
        x = np.minimum(x, half[0] * (1 - torn * (1 + v) + 0.04 * np.sin(17 * v)))
    bottom = sheet(x, y, -0.35 * z - 1, materials[0], along=u, thickness=0.5)
    return [bottom, sheet(x, y, z, materials, along=0.5 + 0.5 * v if rng.random() < 0.5 else u, thickness=0.5)]


def condiment_sachet(rng):
    lining = plain("lining", "#b4b4b2", 0.3, 1.0)
    tone = pick(rng, coat(rng, ("#b3201c", "#d8b01c", "#e2dfd6", "#7a4a26", "#5f8f2a")), print_of(rng))
    parts = pillow(rng, (rng.uniform(38, 48), rng.uniform(15, 25)), rng.uniform(4, 8), [lining, tone], 1.2, 0.12)
    if rng.random() < 0.5:
        sauce = plain("sauce", pick(rng, "#8a1c12", "#c89a1c", "#e6dcc0", "#4a2414"), 0.2)
        parts.append(blob((14, 9, 3), sauce, rng, 0.3, level=4, at=(36, 4, 2)))
    return parts


def bread_clip(rng):
    """Bag closures, three in a heap."""
    outline = [(-11, -11), (11, -11), (11, 9), (8, 11), (2.4, 11), (2.4, 6), (4.5, 2), (4.5, -2), (2, -4.5)]
    outline += [(-2, -4.5), (-4.5, -2), (-4.5, 2), (-2.4, 6), (-2.4, 11), (-8, 11), (-11, 9)]
    parts = []
    for level, at in enumerate(rng.uniform(-9, 9, (3, 2))):
        skin = coat(rng, ("#e2dfd6", "#e0c840", *EARTHY))
        points = np.array([(x, y, z) for z in (0, 1.6) for x, y in outline])
        n = len(outline)
        faces = [list(range(n))[::-1], list(range(n, 2 * n))]
        faces += [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
        clip = mesh_object(points, faces, skin)
        clip.data.polygons.foreach_set("use_smooth", np.zeros(len(faces), dtype=bool))
        turn = (rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), rng.uniform(0, 6))
        parts.append(placed(clip, (*at, 2.2 * level), turn))
    return parts


def vacuum_pack(rng):
    """An emptied pouch, clear above, with a label."""
    back = coat(rng, ("#e2dfd6", "#24262a", "#c9a878", "#5f8f2a", "#8a6a4a"))
    u, v = sheet_grid(130, 90)
    x, y = rng.uniform(70, 95) * (2 * u - 1), rng.uniform(50, 65) * v
    inner = (1 - (2 * u - 1) ** 8) * (1 - v**8)
    x, y = x + crumpled(x, y, rng, 7, 60), y + crumpled(x, y, rng, 7, 60)
    folds = crumpled(x, y, rng, 2.2, 26)
    label = sheet(26 * u - 13, 18 * v, 15 + 2 * np.sin(3 * u), coat(rng, ("#e2dfd6", "#d8b01c", "#b3201c")))
    rest = blob((30, 22, 4), plain("juice", pick(rng, "#6a1c14", "#a86a4a", "#d8c8a0"), 0.2), rng, 0.3, at=(20, 5, 5))
    skins = [sheet(x, y, 4 + folds, back, thickness=0.5), sheet(x, y, 6 + inner * (5 + 4 * folds), film(rng))]
    return [*skins, *([label] if rng.random() < 0.6 else []), *([rest] if rng.random() < 0.5 else [])]


def coffee_pouch(rng):
    """A block bag with its folded top."""
    long, wide, tall = rng.uniform(95, 125), rng.uniform(65, 80), rng.uniform(35, 55)
    skin = pick(rng, print_of(rng, 0.35), coat(rng, (*EARTHY, "#24262a", "#3a2418"), 0.3))
    parts = [brick((long, wide, tall), skin, rng, 7, 0.07, 0.3)]
    fold = brick((11, wide * 0.96, 8), skin, rng, 4, 0.08, at=(long / 2 + 3, 0, rng.uniform(-8, 8)))
    seal = box((6, wide * 0.9, 1.4), plain("tin tie", pick(rng, "#d8b01c", "#e2dfd6", "#24262a"), 0.4))
    return [*parts, fold, placed(seal, (long / 2 + 4, 0, 8))]


def bar_wrapper(rng):
    """The torn, curled wrapper of a bar."""
    t = np.linspace(0, 1, 110)
    path = np.stack([rng.uniform(60, 85) * (2 * t - 1), 10 * np.sin(3 * t + rng.uniform(0, 6)), 0 * t], -1)
    path[:, 2] = 8 + 4 * fractal(path, 28, offset_of(rng), 3)
    u, v = np.meshgrid(t, np.linspace(-1, 1, 40), indexing="ij")
    half, curl = rng.uniform(20, 30), rng.uniform(0.7, 2.2)
    x = path[:, :1] + crumpled(60 * u, 20 * v, rng, 2.0, 18)
    y = path[:, 1:2] + half * np.sin(curl * v) / max(1, curl * 0.8)
    z = path[:, 2:] + half * 0.5 * (1 - np.cos(curl * v)) + crumpled(90 * u, 20 * v, rng, 2.2, 16)
    lining = plain("lining", pick(rng, "#b4b4b2", "#e2dfd6"), 0.3, pick(rng, 1.0, 0.0))
    return [sheet(x, y, z, [print_of(rng, 0.2), lining][:: pick(rng, 1, -1)], along=u, thickness=0.5)]


def spout_pouch(rng):
    skin = pick(rng, print_of(rng), coat(rng, EARTHY))
    half = rng.uniform(55, 70), rng.uniform(36, 46)
    parts = pillow(rng, half, rng.uniform(6, 18), [skin, skin], 1.8)
    cap, at = coat(rng), half[0] - 4
    neck = lathe([(6, 0), (6, 14), (0.02, 14)], plain("neck", "#e2dfd6", 0.4), 24)
    lid = lathe([(0.02, 10), (11, 10), (11, 24), (0.02, 25)], cap, 10 if rng.random() < 0.5 else 32)
    wanted = [neck, lid] if rng.random() < 0.7 else [neck]
    return parts + [placed(part, (at, 0, 3), (0, np.pi / 2, 0)) for part in wanted]


def plastic_strap(rng):
    knots = np.stack([np.linspace(-70, 70, 6), rng.uniform(-45, 45, 6), rng.uniform(7, 16, 6)], -1)
    path = smooth_path(knots, 150)
    twist = np.linspace(0, rng.uniform(-1, 1) * 2 * np.pi, 150) + rng.uniform(0, 3)
    skin = coat(rng, ("#e2dfd6", "#24262a", "#2a7a3a", "#d8b01c", "#d2691e", "#c9a878"))
    return [ribbon(path, rng.uniform(9, 14), twist, skin, 0.9)]


def parcel_tape(rng):
    """Used tape, wound into a lump."""
    skin = pick(rng, plain("tape", "#a8733a", 0.2, opacity=0.85), plain("tape", "#8a5a2c", 0.2), film(rng, 0.45))
    parts = [blob((24, 20, 13), skin, rng, 0.45, 0.7)]
    for _ in range(7):
        t = np.linspace(0, rng.uniform(2, 6), 60)
        tilt, phase = rng.uniform(-0.9, 0.9), rng.uniform(0, 6)
        size = rng.uniform(0.85, 1.15)
        path = size * np.stack([32 * np.cos(t + phase), 26 * np.sin(t + phase), 14 * np.sin(t) * tilt], -1)
        path += 3 * np.stack([fractal(path, 15, place, 2) for place in rng.uniform(-50, 50, (3, 3))], -1)
        parts.append(ribbon(path, rng.uniform(14, 26), rng.uniform(0, 3) + 0.5 * np.sin(3 * t), skin, 0.5))
    return parts


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(fruit_net, **FLAT),
    contaminant_to_train(foam_net, seeds=2, **FLAT),
    contaminant_to_train(bubble_wrap, **FLAT),
    contaminant_to_train(condiment_sachet, poses=2, **FLAT),
    contaminant_to_train(bread_clip, **FLAT),
    contaminant_to_train(vacuum_pack, **FLAT),
    contaminant_to_train(coffee_pouch),
    contaminant_to_train(bar_wrapper, poses=2, **FLAT),
    contaminant_to_train(spout_pouch, poses=2, **FLAT),
    contaminant_to_train(plastic_strap, seeds=2, **FLAT),
    contaminant_to_train(parcel_tape, seeds=2, **FLAT),
)
