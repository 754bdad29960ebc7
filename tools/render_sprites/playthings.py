"""Balls and other playthings, and what decorates the tree."""

import numpy as np
from materials import mottled, plain
from recipe import contaminant_to_train
from shapes import ball_points, blob, box, fractal, lathe, mesh_object, offset_of, pick, sheet, sheet_grid, tube
from sundries import BRASS, HUES, coat, placed


def ball(radius, material, push=0.0, along=None):
    """A sphere; ``push`` [N] mm outward."""
    unit, faces = ball_points(6)
    return mesh_object(unit * (radius + np.reshape(push, (-1, 1))), faces, material, along)


def tennis_ball(rng):
    t = np.linspace(0, 2 * np.pi, 240)
    seam = np.stack(
        [0.75 * np.cos(t) + 0.25 * np.cos(3 * t), 0.75 * np.sin(t) - 0.25 * np.sin(3 * t), 0.87 * np.sin(2 * t)]
    )
    near = (ball_points(6)[0] @ (seam / np.linalg.norm(seam, axis=0))).max(axis=1)
    felt, line = pick(
        rng, ("#b4c432", "#dedfd2"), ("#8f9650", "#b9b7a4"), ("#d87a28", "#e0dccc"), ("#8a7f4a", "#a09a80")
    )
    fuzz = mottled("felt", (felt, felt, line), 30, "along", 0.1, rough=0.95, bump=0.6)
    return [ball(33, fuzz, rng.uniform(-0.2, 0.2, len(near)), near > 0.9985)]


def rubber_ball(rng):
    first, second = rng.permutation(HUES)[:2]
    swirl = mottled("rubber", (first, first, second), 2, rough=0.45, bump=0.1, seed=rng.integers(99))
    return [ball(rng.uniform(14, 32), pick(rng, swirl, coat(rng)))]


def golf_ball(rng):
    k = np.arange(330) + 0.5
    lift, turn = np.arccos(1 - 2 * k / 330), np.pi * (1 + 5**0.5) * k
    pits = np.stack([np.cos(turn) * np.sin(lift), np.sin(turn) * np.sin(lift), np.cos(lift)])
    near = (ball_points(6)[0] @ pits).max(axis=1)
    push = -0.9 * np.clip((near - 0.9955) / 0.0045, 0, 1)
    return [ball(21.3, coat(rng, ("#ecebe4", "#ecebe4", "#d8e03a", "#e0802a"), 0.25), push)]


def bauble(rng):
    shine = plain("lacquer", pick(rng, "#a81c1c", "#c8862a", "#2a6a3a", "#c8c8c4", "#7a2a4a", "#8a5a2a"), 0.35, 0.5)
    radius = rng.uniform(18, 33)
    turn = np.linspace(0, 2 * np.pi, 40)
    loop = np.stack([4 * np.cos(turn), 0 * turn, radius + 8 + 4 * np.sin(turn)], -1)
    cap = lathe([(5, radius - 2), (5, radius + 5), (0.02, radius + 5.5)], plain("cap", *BRASS), 30)
    return [ball(radius, pick(rng, shine, coat(rng, rough=0.6))), cap, tube(loop, 0.8, plain("loop", *BRASS), 8)]


def rubber_duck(rng):
    skin, beak = coat(rng, ("#e8c020", "#e8c020", "#e0a020", "#c8302a", "#4a9a4a")), coat(rng, ("#d8641c",))
    parts = [blob((30, 22, 18), skin, rng, 0.04), blob((15, 15, 14.5), skin, rng, 0.02, at=(15, 0, 26))]
    parts += [blob((12, 9, 6), skin, rng, 0.05, at=(-28, 0, 10)), blob((8, 8, 2.8), beak, rng, 0.03, at=(31, 0, 24))]
    parts += [blob((15, 4, 10), skin, rng, 0.04, at=(-6, side * 20, 3)) for side in (-1, 1)]
    eye = plain("eye", "#16161a", 0.2)
    return parts + [blob((2.2, 1.6, 2.4), eye, rng, 0, at=(25, side * 9.5, 31), level=3) for side in (-1, 1)]


def balloon(rng):
    unit, faces = ball_points(6)
    folds = fractal(unit * [1, 1.6, 1.6], 0.5, offset_of(rng), 3)
    points = unit * (1 - 0.35 * np.abs(folds))[:, None] * [rng.uniform(38, 60), rng.uniform(24, 34), rng.uniform(8, 14)]
    points[:, 1:] *= np.clip(1.15 - np.maximum(points[:, :1], 0) / 52, 0.15, 1)
    skin = coat(rng, ("#c8281e", "#d8761e", "#5f9a2a", "#e0b820", "#2a5aa0", "#c86a8a"), 0.4)
    reach = points[:, 0].max()
    rim = [(2, -2), (3.5, 12), (6, 14), (6.5, 13)]
    return [mesh_object(points, faces, skin), placed(lathe(rim, skin, 20), (reach - 1, 0, 0), (0, np.pi / 2, 0))]


def dice(rng):
    size, skin = rng.uniform(15, 26), coat(rng, ("#e8e6de", "#e8e6de", *HUES), 0.25)
    ink, parts = plain("ink", "#18181a", 0.4), [box((size, size, size), skin, at=(0, 0, -size / 2), round_mm=2.2)]
    corners = [(-1, -1), (1, 1), (-1, 1), (1, -1), (-1, 0), (1, 0)]
    spots = {
        1: [(0, 0)],
        2: corners[:2],
        3: [(0, 0), *corners[:2]],
        4: corners[:4],
        5: [(0, 0), *corners[:4]],
        6: corners,
    }
    faces = ((1, 0, 1), (6, 0, -1), (2, 1, 1), (5, 1, -1), (3, 2, 1), (4, 2, -1))
    for number, axis, side in faces:
        for a, b in spots[number]:
            at = np.roll([side * size / 2, a * size * 0.27, b * size * 0.27], axis)
            flat = np.roll([0.25, size * 0.09, size * 0.09], axis)
            parts.append(blob(flat, ink, rng, 0, level=2, at=at))
    return parts


def shuttlecock(rng):
    skirt = plain("skirt", pick(rng, "#e8e6dc", "#e0d040", "#d8d4c4"), 0.6, opacity=0.75)
    u, v = sheet_grid(40, 113)
    radius = 13 + 20 * u + 1.2 * np.cos(16 * np.pi * v)
    cone = sheet(
        radius * np.cos(np.pi * v), radius * np.sin(np.pi * v), 8 + (52 + 5 * np.cos(16 * np.pi * v)) * u, skirt
    )
    cork = lathe(
        [(0.02, -14), (7, -12.5), (12, -6), (13.5, 2), (13.5, 9), (0.02, 9)], coat(rng, ("#e2dfd6", "#c9a878")), 40
    )
    return [cone, cork, lathe([(13.6, 4), (13.8, 8)], coat(rng, ("#b3201c", "#2a6a3a")), 40, caps=(False, False))]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(tennis_ball, "ball"),
    contaminant_to_train(rubber_ball, "ball", seeds=4),
    contaminant_to_train(golf_ball, "ball", seeds=2),
    contaminant_to_train(bauble, seeds=4),
    contaminant_to_train(rubber_duck, poses=2),
    contaminant_to_train(balloon, seeds=4, **FLAT),
    contaminant_to_train(dice),
    contaminant_to_train(shuttlecock, poses=2, seeds=2),
)
