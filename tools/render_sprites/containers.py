"""Cans, tins, bottles, pots and jars, whole and crushed."""

import numpy as np
from materials import mottled, plain
from packaging import dented, printed
from recipe import contaminant
from shapes import (
    lathe,
    lathe_rings,
    loft,
    resampled,
)


def can_profile(radius=33, height=115):
    """Profile of a drink can."""
    return [
        (0.02, 3),
        (radius - 10, 2.5),
        (radius - 8, 0),
        (radius - 5, 1),
        (radius, 8),
        (radius, height - 14),
        (radius - 6, height - 3),
        (radius - 5, height),
        (radius - 7, height - 1),
        (radius - 8, height - 5),
        (0.02, height - 5),
    ]


def can_parts(rings, rng):
    """Body with print, both ends bare aluminium."""
    bare = plain("aluminium", "#c9c9c7", 0.25, 1.0)
    height = rings[:, 0, 2] / rings[:, 0, 2].max()
    reach = np.linalg.norm(rings[:, :, :2] - rings[:, :, :2].mean(axis=1, keepdims=True), axis=-1).max(axis=1)
    side = (reach > 0.9 * reach.max()).astype(int)
    return [loft(rings, [bare, printed(rng)], along=height, face_materials=side, caps=(True, True))]


def drink_can(rng):
    return can_parts(lathe_rings(resampled(can_profile(), 60), 64), rng)


def crushed_can(rng):
    rings = lathe_rings(resampled(can_profile(), 70), 96)
    rings = dented(rings, rng, rng.uniform(1.0, 1.7), 42, rng.uniform(0.42, 0.7))
    rings[..., 2] *= rng.uniform(0.7, 0.95)
    rings[..., 1] += 8 * np.sin(rings[..., 2] / 22 + rng.uniform(0, 6))
    return can_parts(rings, rng)


def food_tin(rng):
    z = np.linspace(4, 74, 90)
    ribs = 36.5 + 0.7 * np.sin(z * 1.6) * ((z > 16) & (z < 62))
    profile = [
        (0.02, 72),
        (35, 72),
        (35, 76),
        (37.5, 77),
        (37.5, 75),
        *zip(ribs[::-1], z[::-1], strict=True),
        (37.5, 2),
        (37.5, 0),
        (35, 0),
        (34, 3),
        (0.02, 3),
    ]
    steel = plain("steel", ("#a09e9a", "#94866e")[rng.integers(2)], 0.3, 1.0)
    parts = [lathe(profile[::-1], steel, 64)]
    if rng.random() < 0.7:
        parts.append(
            lathe(
                [(37.6, 14), (37.7, 15), (37.7, 63), (37.6, 64)],
                printed(rng, "paper", 0.6, False),
                64,
                caps=(False, False),
                along=[0, 0.02, 0.98, 1],
            )
        )
    return parts


def tin_lid(rng):
    profile = [(0.02, 1), (14, 1), (16, 2), (24, 2), (26, 1), (33, 1), (36, 4), (37, 6), (38, 5)]
    rings = lathe_rings(resampled(profile, 40), 72)
    rings[..., 2] += 0.004 * rings[..., 0] ** 2 * rng.uniform(0.3, 1.5)
    return [loft(rings, plain("steel", "#a8a7a3", 0.34, 1.0), caps=(True, False), thickness=0.7)]


def pet_bottle(rng):
    profile = [
        (0.02, 6),
        (14, 2),
        (24, 0),
        (30, 5),
        (31, 25),
        (29, 32),
        (31, 40),
        (29.5, 60),
        (31, 75),
        (29, 84),
        (31, 95),
        (31, 125),
        (24, 155),
        (14, 178),
        (13, 182),
        (13, 184),
    ]
    rings = lathe_rings(resampled(profile, 90), 72)
    rings = dented(rings, rng, rng.uniform(0.5, 1.2), 55, rng.uniform(0.55, 0.95))
    tint = ("#cfe0ea", "#dfe8e8", "#6fa878", "#a8c8e0")[rng.integers(4)]
    parts = [loft(rings, plain("pet", tint, 0.07, opacity=0.26, specular=0.7), caps=(True, False))]
    if rng.random() < 0.75:
        cap = ("#1f4fa0", "#e6e6e2", "#b3201c", "#2a7a3a")[rng.integers(4)]
        parts.append(
            lathe([(0.02, 198), (14, 198), (15, 196), (15, 182), (0.02, 182)][::-1], plain("cap", cap, 0.35), 40)
        )
    if rng.random() < 0.6:
        band = rings[(rings[:, 0, 2] > 45) & (rings[:, 0, 2] < 90)]
        middle = band.mean(axis=1, keepdims=True)
        along = (band[:, 0, 2] - 45) / 45
        parts.append(
            loft(middle + (band - middle) * 1.012, printed(rng, "label", 0.35, False), caps=(False, False), along=along)
        )
    return parts


def yoghurt_pot(rng):
    profile = [(0.02, 1), (22, 1), (24, 0), (25, 3), (33, 62), (37, 63), (37, 64.5), (32, 64.5), (23.5, 4), (0.02, 3)]
    rings = lathe_rings(resampled(profile, 70), 64)
    if rng.random() < 0.5:
        rings = dented(rings, rng, 0.9, 50, rng.uniform(0.65, 0.9))
    t = np.clip(rings[:, 0, 2] / 64, 0, 1)
    outside = (np.arange(len(rings)) < 0.55 * len(rings)).astype(int)
    white = plain("ps", "#eceae4", 0.3)
    return [loft(rings, [white, printed(rng, "sleeve", 0.3, False)], along=t, face_materials=outside)]


def flower_pot(rng):
    profile = [
        (0.02, 1),
        (27, 0),
        (28, 2),
        (36, 58),
        (40, 59),
        (40, 70),
        (38, 70),
        (37, 59),
        (34.5, 58),
        (26, 4),
        (0.02, 4),
    ]
    colour = ("#2a2a2c", "#8a4a34", "#3a4a3a")[rng.integers(3)]
    rings = lathe_rings(resampled(profile, 60), 56)
    if rng.random() < 0.4:
        rings = dented(rings, rng, 0.8, 60, 0.8)
    return [loft(rings, mottled("pp", (colour, colour, "#5f5a52"), 5, rough=0.5, bump=0.1))]


def aerosol_can(rng):
    body = can_profile(26, 140)[:-4]
    height = np.array([z for _, z in body]) / 140
    parts = [lathe(body, printed(rng), 56, along=height)]
    parts.append(
        lathe(
            [(24, 126), (24, 130), (17, 140), (17, 168), (15, 171), (0.02, 171)],
            plain("cap", ("#e6e6e2", "#1c1c1e", "#b3201c")[rng.integers(3)], 0.35),
            48,
        )
    )
    return parts


def jam_jar(rng):
    """A glass jar with its lid, some with a smear left."""
    glass = plain("glass", "#d6e2e0", 0.05, opacity=0.24, specular=0.8)
    parts = [
        lathe(
            [(0.02, 2), (30, 0), (33, 3), (34, 10), (34, 68), (30, 78), (28, 82), (28, 86)],
            glass,
            56,
            60,
            caps=(True, False),
        )
    ]
    if rng.random() < 0.7:
        parts.append(
            lathe(
                [(0.02, 97), (30, 97), (31.5, 95), (31.5, 84), (30, 83)][::-1],
                plain("lid", ("#b3201c", "#c8a028", "#e6e6e2", "#2a5a3a")[rng.integers(4)], 0.3, 0.3),
                56,
            )
        )
    if rng.random() < 0.6:
        parts.append(
            lathe(
                [(0.02, 2), (28, 3), (32, 8), (32.5, rng.uniform(16, 40)), (0.02, 24)],
                mottled("rest", ("#6a1c1c", "#a83a1c"), 3, rough=0.3),
                48,
            )
        )
    return parts


RECIPES = (
    contaminant("drink_can", "drink_can", "train", drink_can),
    contaminant("crushed_can", "drink_can", "train", crushed_can, seeds=4),
    contaminant("food_tin", "food_tin", "test", food_tin, poses=2),
    contaminant("tin_lid", "tin_lid", "train", tin_lid, poses=2, seeds=2, lies_as_built=True),
    contaminant("pet_bottle", "pet_bottle", "train", pet_bottle, seeds=5),
    contaminant("yoghurt_pot", "yoghurt_pot", "train", yoghurt_pot, poses=2),
    contaminant("flower_pot", "flower_pot", "test", flower_pot, poses=2, seeds=2),
    contaminant("aerosol_can", "aerosol_can", "train", aerosol_can),
    contaminant("jam_jar", "jam_jar", "train", jam_jar),
)
