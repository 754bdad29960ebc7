"""Tubs, pots, lids, bottles and broken glass; plain and printed, whole, squeezed and in pieces."""

import numpy as np
from materials import plain
from packaging import dented
from recipe import contaminant_to_train
from shapes import (
    blob,
    box,
    lathe,
    lathe_rings,
    loft,
    pick,
    resampled,
    sheet,
    smooth_path,
    tube,
)
from sundries import coat, placed
from wrappers import EARTHY, print_of

TUB_HUES = ("#e2dfd6", "#e2dfd6", "#e8dcae", "#24262a", *EARTHY)
GLASS = ("#5a3414", "#3f5f24", "#6a7a3a", "#dce6e2", "#cfe0dc", "#2a4a5a")


def clear(rng, opacity=0.36):
    """Clear plastic."""
    return plain("clear", pick(rng, "#dfe6e8", "#e6e4da", "#d8e4e0"), 0.08, opacity=opacity, specular=0.7)


def glass_of(rng):
    """Bottle glass: brown, green or white."""
    tone = pick(rng, *GLASS)
    return plain("glass", tone, 0.05, opacity=0.3 if tone[1] in "cd" else 0.62, specular=0.8)


def squared(rings, wide, deep, power):
    """Round rings made into rounded rectangles ``wide`` and ``deep`` times as large."""
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    grow = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    return rings * np.stack([wide * grow, deep * grow, np.ones_like(grow)], -1)


def tub_rings(rng, radius, height, shape, dent=0.0, draft=0.85):
    """Rings of an open tub with rim; ``shape`` as for ``squared``."""
    foot = draft * radius
    profile = [(0.02, 1), (foot - 3, 1), (foot, 3), (radius - 2, height - 4), (radius + 2, height - 3)]
    profile += [(radius + 2, height), (radius - 2.5, height), (foot - 2, 4.5), (0.02, 4)]
    rings = squared(lathe_rings(resampled(profile, 60), 72), *shape)
    return dented(rings, rng, dent, 55, 1.0) if dent else rings


def tub(rng, radius, height, shape, skin, rest=None, dent=0.0):
    """An open tub, printed outside where ``skin`` is a pair, some with leavings."""
    rings = tub_rings(rng, radius, height, shape, dent)
    outside = (np.arange(len(rings)) < 0.5 * len(rings)).astype(int)
    parts = [loft(rings, skin, along=np.clip(rings[..., 2] / height, 0, 1), face_materials=outside)]
    if rest:
        size = np.array([0.6 * radius * shape[0], 0.6 * radius * shape[1], rng.uniform(3, 7)])
        parts.append(blob(size, plain("rest", rest, 0.3), rng, 0.35, level=4, at=(radius * 0.1, 0, 5 + size[2])))
    return parts


def ice_cream_tub(rng):
    white = plain("inside", "#e8e6de", 0.35)
    skin = pick(rng, [white, print_of(rng)], [coat(rng, TUB_HUES)] * 2)
    rest = pick(rng, None, None, "#e0c89a", "#5a3420", "#d89aa0")
    return tub(rng, rng.uniform(48, 60), rng.uniform(50, 76), (1.35, 0.95, 5), skin, rest, pick(rng, 0, 0.22))


def margarine_tub(rng):
    white = plain("inside", "#e6e2d2", 0.3)
    skin = pick(rng, [white, print_of(rng)], [coat(rng, TUB_HUES)] * 2)
    parts = tub(rng, 42, rng.uniform(36, 52), (1.4, 1.0, 2.8), skin, pick(rng, None, "#e0c860"), pick(rng, 0, 0.25))
    if rng.random() < 0.5:
        rings = squared(lathe_rings([(0.02, 2), (38, 2), (41, 4), (44, 4), (45, 0)], 72), 1.4, 1.0, 2.8)
        lid = loft(rings, skin, along=np.broadcast_to((rings[..., 0] + 65) / 130, rings.shape[:2]), thickness=0.8)
        parts.append(placed(lid, (rng.uniform(25, 45), rng.uniform(-30, 30), 40), (0.3, 0.5, 0)))
    return parts


def compartment_tray(rng):
    u, v = np.meshgrid(np.linspace(-1, 1, 130), np.linspace(-1, 1, 90), indexing="ij")
    split = rng.uniform(-0.2, 0.35)
    walls = [np.abs(u) - 0.9, np.abs(v) - 0.86, -np.abs(u - split)]
    if rng.random() < 0.5:
        walls.append(np.where(u > split, -np.abs(v), -1))
    depth = np.clip(-np.max(np.array(walls) + np.array([0, 0, 0.03, 0.03][: len(walls)])[:, None, None], 0) / 0.1, 0, 1)
    skin = coat(rng, ("#1a1b1d", "#24262a", "#e2dfd6", "#7a4a26", "#a8733a", "#c9a878"))
    z = -rng.uniform(24, 36) * depth + 4 * u * v
    parts = [sheet(rng.uniform(72, 95) * u, 60 * v, z, skin, thickness=0.9)]
    if rng.random() < 0.5:
        sauce = plain("sauce", pick(rng, "#a83a1c", "#c89a4a", "#5a3420"), 0.3)
        parts.append(blob((20, 16, 4), sauce, rng, 0.3, level=4, at=(-40, 0, -26)))
    return parts


def berry_punnet(rng):
    """A hinged clear punnet, opened, or one half of it."""
    skin, tall = clear(rng, 0.3), rng.uniform(28, 42)
    rings = squared(lathe_rings(resampled([(0.02, 0), (38, 0), (44, tall), (49, tall)], 50), 160), 1.15, 0.95, 7)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    rings[..., :2] *= (1 + 0.025 * np.sin(40 * angle) * (rings[..., 2] > 2) * (rings[..., 2] < tall - 2))[..., None]
    parts = [loft(rings, skin, caps=(True, False), thickness=0.7)]
    if rng.random() < 0.6:
        lid = loft(rings * [1, 1, 0.5], skin, caps=(True, False), thickness=0.7)
        parts.append(placed(lid, (0, 93, tall * 0.4), (rng.uniform(0.1, 0.4), 0, 0)))
    if rng.random() < 0.7:
        parts.append(box((60, 45, 1.5), coat(rng, (*EARTHY, "#e2dfd6")), at=(0, 0, 1)))
    return parts


def cell_box(rng):
    """The six-cell plastic box that eggs are sold in, empty."""
    u, v = np.meshgrid(np.linspace(0, 3, 150), np.linspace(0, 2, 100), indexing="ij")
    cup = np.clip(np.abs(np.sin(np.pi * u)) * np.abs(np.sin(np.pi * v)), 0, 1) ** 0.55
    post = np.maximum(np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v) - 1.1, 0) * 12
    skin = pick(rng, clear(rng, 0.42), coat(rng, ("#e2dfd6", "#a8b88a", "#c9a878", "#d8a0a0", "#d8b01c")))
    parts = [sheet(46 * u - 69, 46 * v - 46, -34 * cup + post, skin, thickness=0.8)]
    if rng.random() < 0.4:
        parts.append(placed(box((136, 88, 2), skin), (0, 92, 6), (0.25, 0, 0)))
    return parts


def deli_pot(rng):
    skin, height = pick(rng, clear(rng), coat(rng, TUB_HUES)), rng.uniform(40, 72)
    rest = pick(rng, None, "#c8b890", "#5f6a2a", "#a83a1c", "#7a4a26")
    parts = tub(rng, rng.uniform(40, 52), height, (1, 1, 2), [skin, skin], rest)
    if rng.random() < 0.5:
        lid = [(0.02, 0), (44, 0), (46, 2), (52, 2), (53, -3)]
        parts.append(placed(lathe(lid, pick(rng, clear(rng), coat(rng)), 64, thickness=0.8), (0, 0, height + 1)))
    return parts


def squeeze_bottle(rng):
    """A sauce bottle with its nozzle."""
    tall = rng.uniform(120, 150)
    profile = [(0.02, 3), (20, 0), (27, 4), (29, 20), (25, tall * 0.5), (29, tall * 0.75), (22, tall), (13, tall + 6)]
    rings = lathe_rings(resampled([*profile, (13, tall + 10)], 80), 72) * [1.05, 0.75, 1]
    rings = dented(rings, rng, pick(rng, 0.1, 0.4), 60)
    skin = coat(rng, ("#b3201c", "#d8b01c", "#7a4a26", "#e2dfd6", "#5f8f2a", "#e08a1e"), 0.3)
    nozzle = [(17, tall + 8), (17, tall + 22), (8, tall + 26), (3.5, tall + 46), (0.02, tall + 46)]
    parts = [loft(rings, skin), lathe(nozzle, coat(rng), 40)]
    if rng.random() < 0.6:
        band = rings[(rings[:, 0, 2] > 0.2 * tall) & (rings[:, 0, 2] < 0.72 * tall)]
        along = (band[..., 0] - band[..., 0].min()) / np.ptp(band[..., 0])
        parts.append(loft(band * [1.02, 1.03, 1], print_of(rng), caps=(False, False), along=along))
    return parts


def jug(rng, wide, deep, tall, handle):
    """A can with cap and handle."""
    profile = [(0.02, 2), (0.86, 0), (1.0, 5), (1.0, tall * 0.72), (0.85, tall * 0.84), (0.35, tall), (0.35, tall + 8)]
    rings = squared(lathe_rings(resampled(profile, 90), 80) * [wide, deep, 1], 1, 1, 4.5)
    rings = dented(rings, rng, pick(rng, 0.08, 0.5), 70)
    skin = coat(rng, ("#e2dfd6", "#24262a", "#2a4a8a", "#b3201c", *EARTHY), 0.4)
    cap = lathe([(0.02, tall + 4), (14, tall + 4), (14, tall + 22), (12, tall + 24), (0.02, tall + 24)], coat(rng), 14)
    grip = tube(smooth_path(handle, 40), 8.5, skin, 16)
    label = box((1.0 * wide, 2 * deep + 1.6, 0.42 * tall), print_of(rng), at=(0, 0, 0.18 * tall), round_mm=0.6)
    return [loft(rings, skin), cap, grip, *([label] if rng.random() < 0.5 else [])]


def jerrycan(rng):
    tall = rng.uniform(110, 140)
    return jug(rng, 45, 30, tall, [(8, 0, tall), (14, 0, tall + 14), (34, 0, tall + 10), (42, 0, tall * 0.7)])


def detergent_jug(rng):
    tall = rng.uniform(140, 175)
    handle = [(28, 0, tall * 0.86), (64, 0, tall * 0.8), (70, 0, tall * 0.5), (42, 0, tall * 0.3)]
    return jug(rng, 46, rng.uniform(28, 34), tall, handle)


def cup_lid(rng):
    """A drink lid with its hole."""
    radius, dome = rng.uniform(36, 46), rng.uniform(3, 22)
    profile = [(7, dome + 6), (radius - 12, dome * 0.6 + 6), (radius - 6, 7), (radius - 5, 4), (radius, 4), (radius, 0)]
    skin = pick(rng, clear(rng), coat(rng, ("#e2dfd6", "#24262a", "#7a4a26", "#c9a878", "#5f8f2a")))
    rings = lathe_rings(resampled(profile, 40), 72)
    rings[..., 2] += 0.002 * rng.uniform(-1, 1) * rings[..., 0] ** 2
    return [loft(rings, skin, caps=(False, False), thickness=0.9)]


def sauce_cup(rng):
    skin = pick(rng, clear(rng), coat(rng, ("#24262a", "#e2dfd6", "#7a4a26", "#c9a878")))
    rings = tub_rings(rng, 30, rng.uniform(22, 34), (1, 1, 2), 0.0, 0.72)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    rings[..., :2] *= (1 + 0.012 * np.sign(np.sin(30 * angle)))[..., None]
    sauce = plain("sauce", pick(rng, "#8a1c12", "#e0d8b8", "#c89a1c", "#4a2414", "#5f7a2a"), 0.15)
    smear = blob((17, 14, rng.uniform(3, 7)), sauce, rng, 0.25, level=4, at=(2, 1, 9))
    return [loft(rings, skin), *([smear] if rng.random() < 0.7 else [])]


def bottle_neck(rng):
    """The broken neck of a glass bottle."""
    profile = [(11, 0), (14.5, 0), (14.5, -9), (13.5, -10), (13.5, -38), (17, -52), (30, -74), (35, -92)]
    rings = lathe_rings(resampled(profile, 60), 72)
    angle = np.arctan2(rings[..., 1], rings[..., 0])
    edge = -62 - 26 * np.abs(np.sin(1.5 * angle + rng.uniform(0, 6))) - 5 * np.sin(7 * angle)
    rings[..., 2] = np.maximum(rings[..., 2], edge)
    late = rings[..., 2] <= edge + 1e-9
    first = np.argmax(late, axis=0)
    keep = np.minimum(np.arange(len(rings))[:, None], np.where(late.any(axis=0), first, len(rings))[None])
    return [loft(np.take_along_axis(rings, keep[..., None], 0), glass_of(rng), caps=(False, False), thickness=2.6)]


def bowl_shard(rng):
    """A piece of a glass bowl: curved, with its rim."""
    u, v = np.meshgrid(np.linspace(0, 1, 60), np.linspace(-1, 1, 60), indexing="ij")
    peak, slope = rng.uniform(-0.5, 0.5), rng.uniform(0.5, 0.9)
    reach = np.clip(1.0 - slope * np.abs(v - peak) + 0.12 * np.abs(np.mod(2.3 * v, 1) - 0.5), 0.1, 1.2)
    down, turn, radius = reach * u, 0.62 * v, rng.uniform(60, 85)
    x, y = radius * np.cos(1.2 * down) * np.sin(turn), radius * np.cos(1.2 * down) * np.cos(turn)
    return [sheet(x, y, radius * np.sin(1.2 * down), glass_of(rng), thickness=rng.uniform(3, 5))]


FLAT = {"lies_as_built": True}
BOTH = {"lies_as_built": True, "poses": 2}

RECIPES = (
    contaminant_to_train(ice_cream_tub, **BOTH),
    contaminant_to_train(margarine_tub, **FLAT),
    contaminant_to_train(compartment_tray, **BOTH),
    contaminant_to_train(berry_punnet, **FLAT),
    contaminant_to_train(cell_box, poses=2, seeds=2, **FLAT),
    contaminant_to_train(deli_pot, poses=2),
    contaminant_to_train(squeeze_bottle),
    contaminant_to_train(jerrycan, seeds=2),
    contaminant_to_train(detergent_jug, seeds=2),
    contaminant_to_train(cup_lid, **BOTH),
    contaminant_to_train(sauce_cup, **BOTH),
    contaminant_to_train(bottle_neck),
    contaminant_to_train(bowl_shard),
)
