"""Things from workshop and garden: pipes, hoses, trays, tiles, handles."""

import numpy as np
from materials import mottled, plain
from recipe import contaminant_to_train
from shapes import blob, box, lathe, pick, sheet, sheet_grid, smooth_path, tube
from sundries import BRASS, STEEL, coat


def plant_label(rng):
    u, v = sheet_grid(60, 9)
    length, width = rng.uniform(95, 150), rng.uniform(7, 12)
    y = v * width * np.clip((1 - u) / 0.22, 0.06, 1) * np.where(u < pick(rng, 0.0, 0.35), 1.8, 1.0)
    z = rng.uniform(7, 12) * np.sin(np.pi * u) + 1.5 * v
    return [sheet(length * u, y, z, coat(rng, ("#e6e4dc", "#e0c840", "#5f8f2a", "#d2691e", "#24262a")), thickness=1.4)]


def seed_tray(rng):
    u, v = np.meshgrid(np.linspace(-1, 1, 130), np.linspace(-1, 1, 100), indexing="ij")
    cells = rng.integers(2, 5), rng.integers(1, 4)
    wall = np.minimum(np.abs(np.sin(cells[0] * np.pi * (u + 1) / 2)), np.abs(np.sin(cells[1] * np.pi * (v + 1) / 2)))
    z = -rng.uniform(28, 42) * np.clip((wall - 0.18) / 0.22, 0, 1) + 2.5 * u * v
    skin = coat(rng, ("#24262a", "#24262a", "#2a4a34", "#8a4a30", "#3a3a3c"))
    return [sheet(27 * cells[0] * u, 27 * cells[1] * v, z, skin, thickness=0.9)]


def garden_hose(rng):
    swing, radius = rng.uniform(-1, 1, 5) * [0, 50, 70, 50, 0], rng.uniform(7.5, 11)
    path = smooth_path(np.stack([np.linspace(-85, 85, 5), swing, np.full(5, radius)], -1), 120)
    base, line = pick(
        rng, ("#3f7a2c", "#d8c03a"), ("#d8b01c", "#2a2a2a"), ("#c8682a", "#e0dccc"), ("#5a4030", "#8a6a4a")
    )
    stripe = np.broadcast_to(np.arange(20) % 7 == 0, (120, 20))
    skin = mottled("hose", (base, base, line), 8, "along", 0.15, rough=0.5, bump=0.1)
    bore = plain("bore", "#0c0c0c", 0.9)
    ends = [
        tube([p + 0.3 * (p - q), p - 0.3 * (p - q)], radius * 0.7, bore, 20) for p, q in (path[[0, 1]], path[[-1, -2]])
    ]
    return [tube(path, radius, skin, 20, along=stripe), *ends]


def drain_pipe(rng):
    """A piece of ribbed pipe."""
    radius, length = rng.uniform(10, 17), rng.uniform(80, 170)
    x = np.linspace(-length / 2, length / 2, 200)
    path = np.stack([x, rng.uniform(0, 0.004) * x**2, 0 * x], -1)
    skin = coat(rng, ("#d2691e", "#d8862a", "#24262a", "#8a8a88", "#7a4a26", "#c9b060"))
    ends = [
        tube([p + 0.5 * (p - q), q], radius * 0.72, plain("bore", "#0c0c0c", 0.9))
        for p, q in (path[[0, 1]], path[[-1, -2]])
    ]
    return [tube(path, radius + 1.3 * np.sign(np.sin(x * 1.1)), skin, 32), *ends]


def pipe_fitting(rng):
    radius = rng.uniform(10, 16)
    look = pick(rng, coat(rng, ("#8a8c8e", "#e2dfd6", "#c86428", "#24262a")), plain("copper", "#b06a40", 0.35, 1.0))
    turn = np.linspace(0, np.pi / 2, 24)
    bend = 32 * np.stack([np.sin(turn), 1 - np.cos(turn), 0 * turn], -1)
    if rng.random() < 0.5:
        mouths = [((-34, 0, 0), (-20, 0, 0)), ((34, 0, 0), (20, 0, 0)), ((0, 34, 0), (0, 20, 0))]
        parts = [tube([(-22, 0, 0), (22, 0, 0)], radius, look, 32), tube([(0, 0, 0), (0, 22, 0)], radius, look, 32)]
    else:
        mouths = [((-14, 0, 0), (0, 0, 0)), ((32, 46, 0), (32, 32, 0))]
        parts = [tube(bend, radius, look, 32)]
    for out, start in np.array(mouths, dtype=float):
        parts += [tube([start, start + 0.9 * (out - start), out], [radius + 3, radius + 3, radius + 2.4], look, 32)]
        parts += [tube([start, out + 0.03 * (out - start)], radius - 0.5, plain("bore", "#141414", 0.9), 32)]
    return parts


def cable_tie(rng):
    u, v = sheet_grid(160, 3)
    turn = 2 * np.pi * 1.02 * np.clip(u / 0.7, 0, 1)
    tail, wide = np.clip(u - 0.7, 0, 1) * rng.uniform(120, 260), rng.uniform(0.6, 1.0)
    x = 24 * np.cos(turn) + 0.012 * tail**2, 24 * wide * np.sin(turn) + tail
    skin = coat(rng, ("#e2dfd6", "#24262a", "#5f8f2a", "#d2691e"))
    return [sheet(*x, 3.6 * v + 4, skin, thickness=1.3), box((6, 7, 8.5), skin, at=(25, 0, 0))]


def ceramic_tile(rng):
    glaze = pick(rng, ("#e4e2da", "#ecebe4"), ("#b06a44", "#9a5636"), ("#c8b088", "#b89c74"), ("#4a6a4a", "#5f7f58"))
    glaze = mottled("glaze", glaze, rng.uniform(3, 14), rough=0.2, bump=0)
    x, y = pick(rng, (98, 98), (98, 48), (60, 60), (48, 48))
    clay = plain("clay", pick(rng, "#b5714c", "#d8ccb8"), 0.9)
    return [box((x, y, 6), clay, round_mm=0.6), box((x - 0.6, y - 0.6, 1.4), glaze, at=(0, 0, 5.8), round_mm=0.6)]


def door_handle(rng):
    metal = pick(
        rng, plain("steel", *STEEL), plain("brass", *BRASS), coat(rng, ("#e2dfd6", "#24262a", "#7a4a26")), coat(rng)
    )
    reach = rng.uniform(95, 120)
    lever = smooth_path([(0, 0, 4), (0, 0, 42), (10, 0, 52), (50, 3, 52), (reach, rng.uniform(-8, 8), 50)], 70)
    rose = lathe([(0.02, 0), (25, 0), (25, 6), (22, 8), (0.02, 8)], metal, 48)
    return [tube(lever, np.linspace(9, pick(rng, 6, 10), 70), metal, 20), rose]


def coat_hook(rng):
    metal = pick(rng, coat(rng), plain("brass", *BRASS), coat(rng), plain("steel", *STEEL))
    parts = [box((rng.uniform(16, 34), rng.uniform(60, 90), 4), metal, round_mm=1.8)]
    for knots in (
        [(0, 10, 3), (0, 10, 22), (0, 30, 44), (0, 52, 50)],
        [(0, -18, 3), (0, -22, 24), (0, -40, 30), (0, -46, 18)],
    ):
        parts += [tube(smooth_path(knots, 40), 4.2, metal, 16), blob((7, 7, 7), metal, rng, 0, level=4, at=knots[-1])]
    return parts


def bottle_opener(rng):
    metal, turn = plain("steel", *STEEL), np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([19 * np.cos(turn), 16 * np.sin(turn), 0 * turn + 5], -1)
    tongue = box((10, 12, 4), metal, at=(-14, 0, 3))
    grip = pick(rng, coat(rng), mottled("wood", ("#6a4428", "#8a5c38"), 6, rough=0.5, stretch=(0.2, 1, 1)))
    length = rng.uniform(60, 95)
    handle = box((length, 15, 10), grip, at=(20 + length / 2, 0, 0), round_mm=4)
    return [tube(ring, 4.2, metal, 16), tongue, handle]


def wire(rng):
    turn = np.linspace(0, rng.uniform(2, 5) * 2 * np.pi, 300)
    wave = rng.uniform(0, 6, 3)
    radius = rng.uniform(20, 42) * (1 + 0.35 * np.sin(0.61 * turn + wave[0]))
    drift = rng.uniform(-3, 3) * turn
    path = np.stack(
        [radius * np.cos(turn) + drift, 0.7 * radius * np.sin(turn), 6 + 5 * np.sin(1.7 * turn + wave[1])], -1
    )
    rust = mottled("rust", ("#5a3622", "#8a4a26", "#3a2c24"), 20, rough=0.9, bump=0.5)
    skin = pick(
        rng, plain("copper", "#b5683c", 0.3, 1.0), plain("steel", *STEEL), rust, coat(rng, ("#24262a", "#e2dfd6"))
    )
    return [tube(path, rng.uniform(0.9, 1.7), skin, 8)]


def paint_brush(rng):
    width, skin = rng.uniform(12, 45), coat(rng)
    handle = [(0.02, 0), (5, 2), (6, 30), (4.5, 70), (8, 95), (8, 100)]
    hair = pick(rng, ("#3a2c20", "#5a4630"), ("#c8b488", "#a89060"), ("#2a2a2c", "#8a3a24"))
    bristle = mottled("bristle", hair, 30, rough=0.9, bump=0.8, stretch=(1, 1, 0.1))
    return [
        lathe(handle, skin, 28, 40),
        box((width, 13, 24), plain("ferrule", *STEEL), at=(0, 0, 98), round_mm=2),
        box((width * 0.96, 10, rng.uniform(25, 45)), bristle, at=(0, 0, 120), round_mm=3),
    ]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(plant_label, seeds=4, **FLAT),
    contaminant_to_train(seed_tray, poses=2, **FLAT),
    contaminant_to_train(garden_hose, **FLAT),
    contaminant_to_train(drain_pipe, seeds=4),
    contaminant_to_train(pipe_fitting, seeds=4),
    contaminant_to_train(cable_tie, **FLAT),
    contaminant_to_train(ceramic_tile, poses=2),
    contaminant_to_train(door_handle, poses=2),
    contaminant_to_train(coat_hook, poses=2),
    contaminant_to_train(bottle_opener, seeds=2),
    contaminant_to_train(wire, seeds=4, **FLAT),
    contaminant_to_train(paint_brush, seeds=3),
)
