"""Film, foil, shards and stones."""

import numpy as np
from materials import mottled, plain
from packaging import paint
from recipe import contaminant
from shapes import (
    ball_points,
    blob,
    crumpled,
    fractal,
    mesh_object,
    offset_of,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
)


def crumpled_bag(rng, material, size=(70, 55, 22), folds=0.5, thickness=0.0):
    """A loose, folded bag: a flattened ball with ridged folds and a ragged mouth."""
    unit, faces = ball_points(6)
    first, second = fractal(unit, 0.55, offset_of(rng), 3), fractal(unit, 0.22, offset_of(rng), 2)
    radius = (
        1 + 0.25 * fractal(unit, 1.3, offset_of(rng), 2) - folds * (np.abs(first) - 0.3) - 0.25 * folds * np.abs(second)
    )
    points = unit * radius[:, None] * np.asarray(size)
    return mesh_object(points, faces, material, thickness=thickness)


def plastic_bag(rng):
    clear = plain("film", ("#dfe6ea", "#e8e8e4", "#c9d8e0")[rng.integers(3)], 0.18, opacity=0.3, specular=0.6)
    return [crumpled_bag(rng, clear)]


def carrier_bag(rng):
    return [crumpled_bag(rng, plain("film", paint(rng), 0.3, opacity=0.72, specular=0.5), (85, 62, 24), 0.45)]


def bin_bag(rng):
    return [crumpled_bag(rng, plain("film", "#17181a", 0.22, specular=0.6), (85, 60, 26), 0.45)]


def foil_ball(rng):
    return [crumpled_bag(rng, plain("foil", "#aeaeac", 0.32, 1.0), (30, 27, 22), 0.55)]


def foil_sheet(rng):
    u, v = sheet_grid(110, 90)
    x, y = 75 * (2 * u - 1) + 4 * np.sin(7 * v), 55 * v + 4 * np.sin(9 * u)
    z = crumpled(x, y, rng, 7, 30) + 12 * fractal(
        np.stack([x, y, 0 * x], -1).reshape(-1, 3), 60, offset_of(rng), 2
    ).reshape(x.shape)
    return [sheet(x, y, z, plain("foil", "#aeaeac", 0.3, 1.0), thickness=0.3)]


def film_wrap(rng):
    clear = plain("wrap", "#e6ecee", 0.1, opacity=0.24, specular=0.7)
    return [crumpled_bag(rng, clear, (rng.uniform(75, 95), rng.uniform(30, 50), 11), 0.6)]


def polygon_reach(turn, angle, reach):
    """Distance from the centre to the edge of the polygon with corners (``angle`` ascending, ``reach``) at ``turn``."""
    angle, reach = np.r_[angle, angle[0] + 2 * np.pi], np.r_[reach, reach[0]]
    at = np.where(turn < angle[0], turn + 2 * np.pi, turn)
    k = np.clip(np.searchsorted(angle, at, side="right") - 1, 0, len(angle) - 2)
    ahead, behind = angle[k + 1] - at, at - angle[k]
    return reach[k] * reach[k + 1] * np.sin(ahead + behind) / (reach[k] * np.sin(behind) + reach[k + 1] * np.sin(ahead))


def glass_shard(rng):
    corners = rng.integers(3, 6)
    angle = (np.arange(corners) + rng.uniform(0.1, 0.5, corners)) * 2 * np.pi / corners
    reach = rng.uniform(16, 38, corners)
    u, v = sheet_grid(24, 96)
    turn = np.pi * (v + 1)
    rim = polygon_reach(turn, angle, reach)
    x, y = u * rim * np.cos(turn), u * rim * np.sin(turn)
    z = -(y**2) / 80 + 0.2 * crumpled(x, y, rng, 1, 40)
    glass = plain(
        "glass", ("#4a7a4a", "#6a4a22", "#c8d8d4", "#c0d0dc")[rng.integers(4)], 0.05, opacity=0.42, specular=0.8
    )
    return [sheet(x, y, z, glass, thickness=3.2)]


def ceramic_shard(rng):
    corners = rng.integers(4, 6)
    angle = (np.arange(corners) + rng.uniform(0.1, 0.5, corners)) * 2 * np.pi / corners
    reach = rng.uniform(24, 48, corners)
    u, v = sheet_grid(24, 96)
    turn = np.pi * (v + 1)
    rim = polygon_reach(turn, angle, reach)
    x, y = u * rim * np.cos(turn), u * rim * np.sin(turn)
    z = (x**2 + y**2) / 170
    glaze = mottled(
        "glaze",
        (("#e6e4dc", "#f0eee6", "#3a5a9a"), ("#b06a4a", "#c98462"), ("#dcdcd4", "#eeeee8"))[rng.integers(3)],
        2,
        rough=0.2,
        bump=0,
    )
    return [sheet(x, y, z, [glaze, plain("body", "#cfc6b4", 0.8)], thickness=6)]


def styrofoam(rng):
    white = mottled("beads", ("#dcdcd8", "#f0f0ee", "#e6e6e2"), 30, bump=1.0, rough=0.85)
    return [blob((rng.uniform(38, 55), 32, 19), white, rng, 0.16, 0.5, 6, 6, cuts=8)]


def stone(rng):
    tone = (("#5a5a58", "#84827c", "#a3a096"), ("#6f665a", "#948a7a"), ("#4a4e52", "#6a7076"))[rng.integers(3)]
    return [
        blob(
            (rng.uniform(30, 42), 26, 19),
            mottled("stone", tone, 9, rough=0.85, bump=0.5, seed=rng.integers(99)),
            rng,
            0.2,
            0.9,
            5,
            5,
            cuts=5,
        )
    ]


def brick_piece(rng):
    tone = mottled("brick", ("#8a3f28", "#b05a3c", "#9a4a30"), 12, rough=0.9, bump=0.8)
    return [blob((42, 33, 24), tone, rng, 0.12, 0.6, 6, 6, cuts=10)]


def rope(rng):
    knots = np.cumsum(rng.normal(size=(14, 3)) * [24, 20, 0], axis=0)
    knots = (knots - knots.mean(axis=0)) / np.ptp(knots, axis=0).clip(1).max() * 150
    knots[:, 2] = rng.uniform(3, 14, 14)
    path = smooth_path(knots, 300)
    colour = ("#e06a1c", "#2a6ac0", "#3a9a4a")[rng.integers(3)]
    fibre = mottled("fibre", (colour, colour, "#e8e8e0", colour), 12, rough=0.6, bump=0.6)
    return [tube(path, 3.0, fibre, 10)]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant("plastic_bag", "plastic_bag", "train", plastic_bag, **FLAT),
    contaminant("carrier_bag", "carrier_bag", "test", carrier_bag, **FLAT),
    contaminant("bin_bag", "bin_bag", "train", bin_bag, **FLAT),
    contaminant("foil_ball", "foil_ball", "test", foil_ball),
    contaminant("foil_sheet", "foil_sheet", "train", foil_sheet, **FLAT),
    contaminant("film_wrap", "film_wrap", "train", film_wrap, **FLAT),
    contaminant("glass_shard", "glass_shard", "train", glass_shard, seeds=4),
    contaminant("ceramic_shard", "ceramic_shard", "test", ceramic_shard),
    contaminant("styrofoam", "styrofoam", "train", styrofoam),
    contaminant("stone", "stone", "train", stone),
    contaminant("brick_piece", "brick", "train", brick_piece, seeds=2),
    contaminant("rope", "rope", "test", rope, **FLAT),
)
