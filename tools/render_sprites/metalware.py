"""Metal packaging and metal things of kitchen and shed, and mirror glass; bright, painted, rusty or bent."""

import numpy as np
from materials import mottled, plain
from packaging import dented
from recipe import contaminant_to_train
from shapes import (
    blob,
    box,
    crumpled,
    lathe,
    lathe_rings,
    loft,
    mesh_object,
    pick,
    resampled,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
)
from sundries import BRASS, STEEL, coat, placed
from vessels import squared
from wrappers import EARTHY, print_of, ribbon

ALUMINIUM = ("#bdbdba", 0.32, 1.0)


def metal(rng):
    """Steel, brass, copper, rust or paint."""
    rust = mottled("rust", ("#5a3622", "#8a4a26", "#3a2c24"), 20, rough=0.9, bump=0.4)
    copper = plain("copper", "#b5683c", 0.35, 1.0)
    return pick(rng, plain("steel", *STEEL), plain("steel", *STEEL), plain("brass", *BRASS), copper, rust, coat(rng))


def circle(radius, count=60, turns=1.0):
    """Points [count, 3] once or more around."""
    turn = np.linspace(0, turns * 2 * np.pi, count)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), 0 * turn], -1)


def slab(outline, high, skin, at=0.0):
    """A flat-sided plate of ``outline`` [K, 2] from z = ``at``."""
    n = len(outline)
    points = np.array([(*xy, level) for level in (at, at + high) for xy in outline])
    sides = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
    item = mesh_object(points, [list(range(n))[::-1], list(range(n, 2 * n)), *sides], skin)
    item.data.polygons.foreach_set("use_smooth", np.zeros(n + 2, dtype=bool))
    return item


def mirror_piece(rng):
    turn = np.sort(rng.uniform(0, 1, 6) + np.arange(6) * np.pi / 3)
    ring = rng.uniform(22, 52, 6)[:, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    back = plain("back", pick(rng, "#8a8a86", "#5a4a3c", "#3f6a4a"), 0.7)
    return [slab(ring, 2, back), slab(ring, 3.6, plain("mirror", "#cdd2d2", 0.04, 1.0), 2)]


def foil_dish(rng):
    """A pleated baking dish of aluminium, pressed out of shape."""
    size, tall = pick(rng, (24, 1, 1, 2), (30, 1, 1, 2), (52, 1.3, 0.9, 5), (44, 1.2, 1.0, 4)), rng.uniform(16, 36)
    radius = size[0]
    profile = [(0.02, 0), (0.78 * radius, 0), (radius, tall), (radius + 4, tall), (radius + 5, tall - 2)]
    rings = lathe_rings(resampled(profile, 60), 220)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    wall = np.clip(rings[..., 2] / 4, 0, 1) * np.clip((tall + 0.5 - rings[..., 2]) / 3, 0.3, 1)
    rings[..., :2] *= (1 + 0.022 * wall * np.sin(44 * angle))[..., None]
    rings = dented(squared(rings, *size[1:]), rng, rng.uniform(0, 0.35), 40)
    tone = plain("foil", *ALUMINIUM) if rng.random() < 0.75 else plain("gold", "#c8a050", 0.35, 0.9)
    crumb = mottled("rest", ("#3a2414", "#7a4a26"), 12, rough=0.8, bump=0.8)
    rest = [blob((0.5 * radius, 0.45 * radius, 3), crumb, rng, 0.5, level=4, at=(0, 0, 3))]
    return [loft(rings, tone, caps=(True, False), thickness=0.5), *(rest if rng.random() < 0.5 else [])]


def sardine_tin(rng):
    shape = pick(rng, (1.35, 0.8, 5), (1.3, 0.85, 2.4))
    profile = [(0.02, 1), (36, 1), (38, 0), (40, 2), (40, 20), (42, 22), (40, 23), (39, 20), (38.5, 3), (0.02, 3)]
    rings = squared(lathe_rings(resampled(profile, 50), 96), *shape)
    outside = (np.arange(len(rings)) < 0.52 * len(rings)).astype(int)
    steel, skin = plain("inside", pick(rng, "#b4b4b2", "#c8a860"), 0.3, 1.0), print_of(rng)
    parts = [loft(rings, [steel, skin], along=np.clip(rings[..., 2] / 22, 0, 1), face_materials=outside)]
    t, v = sheet_grid(60, 30)
    turn, length = rng.uniform(1.2, 3.5) * t, 70
    x = -46 + length * np.sin(turn) / 3.2
    z = 23 + length * (1 - np.cos(turn)) / 3.6
    parts.append(sheet(x, 28 * v, z, [steel, skin][:: pick(rng, 1, -1)], along=t, thickness=0.6))
    if rng.random() < 0.5:
        oil = plain("oil", pick(rng, "#8a6a2a", "#7a2a14"), 0.1)
        parts.append(blob((32, 20, 3), oil, rng, 0.2, level=4, at=(8, 0, 5)))
    return parts


def aerosol_lid(rng):
    radius, tall = rng.uniform(16, 28), rng.uniform(24, 48)
    profile = [(radius, 0), (radius, tall - 4), (radius - 4, tall), (0.02, tall - pick(rng, 0, 4))]
    inner = lathe([(radius * 0.6, 3), (radius * 0.55, tall - 2)], skin := coat(rng), 40, caps=(False, False))
    return [lathe(profile, skin, 56, caps=(False, True), thickness=1.4), inner]


def metal_bottle(rng):
    radius, tall = rng.uniform(24, 34), rng.uniform(130, 170)
    profile = [(0.02, 2), (radius - 3, 0), (radius, 4), (radius, tall * 0.75), (13, tall - 6), (13, tall)]
    rings = dented(lathe_rings(resampled(profile, 70), 72), rng, rng.uniform(0.0, 0.35), 60)
    skin = pick(rng, plain("aluminium", *ALUMINIUM), coat(rng), print_of(rng))
    cap = lathe([(0.02, tall - 2), (15, tall - 2), (15, tall + 14), (12, tall + 18), (0.02, tall + 18)], coat(rng), 40)
    return [loft(rings, skin, along=np.clip(rings[:, 0, 2] / tall, 0, 1)), *([cap] if rng.random() < 0.7 else [])]


def sieve(rng):
    radius, steel, parts = rng.uniform(26, 40), plain("steel", *STEEL), []
    for turn in np.linspace(0, np.pi, 15)[:-1]:
        arc = np.linspace(-np.pi / 2, np.pi / 2, 30)
        across = radius * np.sin(arc)
        path = np.stack([across * np.cos(turn), across * np.sin(turn), -0.7 * radius * np.cos(arc)], -1)
        parts.append(tube(path, 0.6, steel, 5))
    hoops = [radius * np.array((np.sin(level), -0.7 * np.cos(level))) for level in np.linspace(0.15, 1.45, 11)]
    parts += [tube(circle(reach) + np.array((0, 0, z)), 0.5, steel, 5) for reach, z in hoops]
    parts.append(tube(circle(radius, 80), 2.2, pick(rng, steel, coat(rng)), 12))
    grip = smooth_path([(radius, 0, 0), (radius + 30, 0, 3), (radius + 85, rng.uniform(-6, 6), 2)], 30)
    return [*parts, tube(grip, np.linspace(2.5, pick(rng, 3, 7), 30), pick(rng, steel, coat(rng)), 14)]


def grater(rng):
    skin, wide, long = plain("steel", *STEEL), rng.uniform(34, 60), rng.uniform(90, 150)
    parts, hole = [box((long, wide, 1.6), skin, round_mm=0.6)], plain("hole", "#1a1a1a", 0.8)
    for row, x in enumerate(np.arange(-long / 2 + 10, long / 2 - 8, pitch := rng.uniform(7, 12))):
        for y in np.arange(-wide / 2 + 7 + pitch / 2 * (row % 2), wide / 2 - 6, pitch):
            parts.append(placed(lathe([(2.0, 1.4), (1.7, 1.9), (0.02, 1.9)], hole, 10), (x, y, 0)))
            parts.append(placed(lathe([(2.4, 1.4), (1.4, 3.4), (0.02, 3.4)], skin, 10), (x + 1.6, y, 0)))
    grip = [(long / 2, wide / 3, 1), (long / 2 + 46, 7, 5), (long / 2 + 46, -7, 5), (long / 2, -wide / 3, 1)]
    return [*parts, tube(smooth_path(grip, 50), pick(rng, 2.4, 5), pick(rng, skin, coat(rng)), 12)]


def whisk(rng):
    steel, long, wide = plain("steel", *STEEL), rng.uniform(80, 105), rng.uniform(20, 30)
    t = np.linspace(0, np.pi, 60)
    parts = []
    for turn in np.arange(5) * np.pi / 5:
        swing = wide * np.sin(2 * t) * np.sin(t) ** 0.4
        parts.append(tube(np.stack([long * np.sin(t), swing * np.cos(turn), swing * np.sin(turn)], -1), 0.9, steel, 6))
    handle = lathe([(0.02, 0), (6, 1), (8, 40), (6, 75), (9, 92), (0.02, 96)], pick(rng, steel, coat(rng)), 28)
    return [*parts, placed(handle, (4, 0, 0), (0, -np.pi / 2, 0))]


def pull_ring(rng):
    """Ring pulls of cans, some in a heap."""
    parts = []
    for level in range(rng.integers(3, 6)):
        skin = pick(rng, plain("aluminium", *ALUMINIUM), plain("tab", "#c8a050", 0.35, 0.9), coat(rng))
        ring = tube(circle(9) * [1.1, 0.9, 1], 1.6, skin, 10)
        tongue = box((9, 13, 1.6), skin, at=(12, 0, -0.8), round_mm=0.6)
        turn, at = (*rng.uniform(-0.25, 0.25, 2), rng.uniform(0, 6)), (*rng.uniform(-14, 14, 2), 2.6 * level)
        parts += [placed(ring, at, turn), placed(tongue, at, turn)]
    return parts


def hanger_part(rng):
    end = rng.uniform(50, 90)
    hook = [(-20, 62, 3), (-22, 84, 3), (0, 96, 3), (18, 80, 3), (4, 58, 3), (0, 40, 3), (0, 20, 4)]
    path = smooth_path([*hook, (14, 8, 6), (end, rng.uniform(-40, -10), rng.uniform(6, 14))], 140)
    other = smooth_path([(0, 30, 4), (2, 18, 5), (-16, 6, 7), (-rng.uniform(30, 90), -30, 5)], 60)
    skin = metal(rng)
    return [tube(path, 1.8, skin, 10), tube(other, 1.8, skin, 10)]


def chain(rng):
    long, path_y, skin = rng.uniform(9, 16), rng.uniform(-35, 35, 5), metal(rng)
    path = smooth_path(np.stack([np.linspace(-80, 80, 5), path_y, np.full(5, 6)], -1), 400)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    where, parts = np.searchsorted(length, np.arange(0, length[-1] - long, 1.25 * long)), []
    for count, i in enumerate(where):
        ahead = path[min(i + 8, 399)] - path[i]
        link = tube(circle(1, 40) * [long * 0.85, long * 0.48, 1], long * 0.15, skin, 10)
        parts.append(placed(link, path[i], (0.35 + 1.2 * (count % 2), 0, np.arctan2(ahead[1], ahead[0]))))
    return parts


def spring(rng):
    turn = np.linspace(0, rng.integers(8, 18) * 2 * np.pi, 500)
    radius, x = rng.uniform(7, 16), np.linspace(0, rng.uniform(50, 130), 500)
    bend = rng.uniform(-0.004, 0.004) * x**2
    return [tube(np.stack([x, radius * np.cos(turn) + bend, radius * np.sin(turn)], -1), radius / 8, metal(rng), 8)]


def padlock(rng):
    wide, body = rng.uniform(28, 48), pick(rng, plain("brass", *BRASS), metal(rng), coat(rng))
    lift = pick(rng, 0, 12)
    bow = [(-0.32, 0.2, 0.2), (-0.32, 0.9, 0.2), (0, 1.25, 0.2), (0.32, 0.9, 0.2), (0.32, 0.4 + 0.01 * lift, 0.2)]
    shackle = tube(wide * smooth_path(bow, 60) + [0, lift, 0], wide * 0.085, plain("steel", *STEEL), 14)
    return [box((wide, wide * 0.95, wide * 0.42), body, round_mm=2.5), shackle]


def foil_strip(rng):
    """A long torn strip of foil."""
    t, width = np.linspace(0, 1, 160), rng.uniform(14, 34)
    path = smooth_path(np.stack([np.linspace(-85, 85, 6), rng.uniform(-22, 22, 6), rng.uniform(5, 14, 6)], -1), 160)
    path += np.stack([0 * t, 0 * t, crumpled(170 * t, 0 * t, rng, 2.5, 12)], -1)
    skin = [plain("foil", *ALUMINIUM), pick(rng, plain("foil", *ALUMINIUM), print_of(rng), coat(rng, EARTHY))]
    return [ribbon(path, width, 0.6 * np.sin(5 * t + rng.uniform(0, 6)), skin, 0.5)]


def corkscrew(rng):
    turn = np.linspace(0, 5 * 2 * np.pi, 200)
    worm = np.stack([4.2 * np.cos(turn), 4.2 * np.sin(turn), -30 - turn * 1.6], -1)
    stem = [(0, 0, 0), (0, 0, -20), (3, 0, -28), worm[0]]
    wood = mottled("wood", ("#6a4428", "#8a5c38"), 6, rough=0.5, stretch=(0.2, 1, 1))
    grip = lathe([(0.02, -40), (8, -38), (10, -20), (7, 0), (10, 20), (8, 38), (0.02, 40)], pick(rng, wood, coat(rng)))
    steel = plain("steel", *STEEL)
    return [tube(np.vstack([smooth_path(stem, 20), worm]), 1.7, steel, 10), placed(grip, turn=(0, np.pi / 2, 0))]


BOTH = {"lies_as_built": True, "poses": 2}
FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(mirror_piece, seeds=2, **BOTH),
    contaminant_to_train(foil_dish, **BOTH),
    contaminant_to_train(sardine_tin, **BOTH),
    contaminant_to_train(aerosol_lid, poses=2),
    contaminant_to_train(metal_bottle),
    contaminant_to_train(sieve, seeds=2),
    contaminant_to_train(grater, seeds=2, poses=2),
    contaminant_to_train(whisk, seeds=2),
    contaminant_to_train(pull_ring, seeds=2, **FLAT),
    contaminant_to_train(hanger_part, seeds=2, **FLAT),
    contaminant_to_train(chain, **FLAT),
    contaminant_to_train(spring),
    contaminant_to_train(padlock, seeds=2),
    contaminant_to_train(foil_strip, **FLAT),
    contaminant_to_train(corkscrew, seeds=2),
)
