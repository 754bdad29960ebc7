"""What is thrown away by the way: wrapping, tins, cells, throw-away cutlery, sherds, plant pots."""

import numpy as np
from handheld import worn_steel
from liquids import BRIGHT, bottle, printed
from materials import mottled, plain
from recipe import contaminant_to_train
from shapes import (
    ball_points,
    box,
    crumpled,
    fractal,
    lathe,
    mesh_object,
    offset_of,
    pick,
    resampled,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
)
from sundries import STEEL, coat, placed


def snack_packet(rng):
    """A pillow bag of crisps, nuts or sweets: blown up, emptied, or torn open with its silver inside showing."""
    long, wide, full = rng.uniform(55, 95), rng.uniform(38, 65), rng.choice([3, 8, 16])
    u, v = sheet_grid(110, 80)
    ends, sides = np.clip(np.minimum(u, 1 - u) / 0.14, 0, 1), np.clip((1 - np.abs(v)) / 0.35, 0, 1)
    creases = crumpled(u * 3, v * 2, rng, rng.uniform(1.2, 3.5), 0.6)
    z = (full * np.sqrt(ends * sides) + creases * (0.3 + 0.7 * ends)) + 0.25 * np.sin(260 * u) * (ends < 0.5)
    x, y = long * (2 * u - 1) + 2 * creases, wide * v * (1 - 0.12 * ends * full / 16) + creases
    silver = plain("inside", "#b4b4b6", 0.3, 1.0)
    front, back = pick(rng, printed(rng), printed(rng), coat(rng, BRIGHT, 0.25)), coat(rng, BRIGHT, 0.3)
    parts = [sheet(x, y, z, front, thickness=0.3), sheet(x, y, -0.6 * z, back, thickness=0.3)]
    if rng.random() < 0.5:
        tear = int(rng.integers(8, 22))
        z2 = z[:tear] * 0.4 + np.linspace(14, 0, tear)[:, None]
        parts = [
            sheet(x[tear:], y[tear:], z[tear:], front, thickness=0.3),
            sheet(x, y, -0.6 * z, silver, thickness=0.3),
        ]
        parts.append(sheet(x[:tear] * 0.97, y[:tear] * 0.8, z2, silver, thickness=0.3))
    else:
        parts.append(sheet(x[30:70, 24:56], y[30:70, 24:56], z[30:70, 24:56] + 0.5, coat(rng, BRIGHT), thickness=0.2))
    return parts


def shopping_bag(rng):
    """A thin bag with handles, flat and rumpled, or bundled into a knot."""
    hue = pick(rng, "#e8e6e0", "#e8e6e0", "#d8e0e4", *BRIGHT)
    film = plain("film", hue, 0.3, opacity=rng.uniform(0.45, 0.9), specular=0.5)
    if rng.random() < 0.4:
        unit, faces = ball_points(6)
        rough = (
            1
            + 0.3 * np.abs(fractal(unit, 0.8, offset_of(rng), 3))
            - 0.5 * np.abs(fractal(unit, 0.3, offset_of(rng), 3))
        )
        knot = mesh_object(unit * rough[:, None] * rng.uniform((28, 22, 14), (55, 40, 24)), faces, film)
        parts = [knot]
        for turn in rng.uniform(0, 2 * np.pi, 2):
            u, v = sheet_grid(40, 14)
            x, y = 20 + rng.uniform(35, 60) * u, rng.uniform(7, 14) * v * (0.5 + u)
            z = 6 + crumpled(x, y, rng, 3, 14)
            parts.append(placed(sheet(x, y, z, film, thickness=0.3), (0, 0, 0), (0, 0, turn)))
        return parts
    long, wide = rng.uniform(70, 100), rng.uniform(45, 70)
    u, v = sheet_grid(130, 90)
    x = long * (2 * u - 1) + 6 * fractal(np.stack([u, v, 0 * u], -1).reshape(-1, 3), 0.5, offset_of(rng)).reshape(
        u.shape
    )
    y = wide * v * (1 + 0.18 * np.sin(3 * u + rng.uniform(0, 6)))
    z = crumpled(x, y, rng, rng.uniform(4, 9), rng.uniform(18, 40))
    parts = [sheet(x, y, z, film, thickness=0.3)]
    ink = coat(rng, BRIGHT)
    mark = (slice(40, 85), slice(28, 62))
    parts.append(sheet(x[mark], y[mark], z[mark] + 0.5, ink, thickness=0.2))
    for side in (-1, 1):
        loop = ((0.95 * long, 0.75, 4), (long + 28, 0.6, 8), (long + 26, 0.25, 5), (0.95 * long, 0.15, 4))
        knots = [(x, side * wide * share, z) for x, share, z in loop]
        parts.append(tube(smooth_path(knots, 50), rng.uniform(2.5, 5), film, 10))
    return parts


def preserve_tin(rng):
    """A food tin: labelled or bare and ribbed, closed, its lid bent up, or squashed."""
    r, high = rng.uniform(26, 40), rng.uniform(36, 78)
    steel, z = worn_steel(rng), np.linspace(0, high, 60)
    ribs = (z > high * 0.25) & (z < high * 0.75)
    wall = np.stack([r - 0.9 * ribs * np.abs(np.sin(z * 0.9)), z], -1)
    foot, rim = [(0.02, 1.5), (r - 2, 1.5), (r + 0.8, 0)], [(r + 0.8, high), (r - 1.5, high - 0.5)]
    closed = rng.random() < 0.4
    top = [(r - 2, high - 2.5), (r * 0.7, high - 2), (r * 0.68, high - 2.8), (0.02, high - 2.8)] if closed else []
    paper = printed(rng) if rng.random() < 0.6 else steel
    parts = [
        bottle(
            [*foot, *wall, *rim, *top],
            steel,
            paper,
            (3, high - 3),
            pick(rng, 1.0, 1.0, 0.75),
            caps=(True, closed),
            thickness=0.8,
        )
    ]
    if not closed:
        lid = lathe([(0.02, 0), (r * 0.6, 0.4), (r * 0.9, 0), (r * 0.9, 0.6), (0.02, 0.8)], plain("lid", *STEEL), 48)
        parts.append(placed(lid, (r * 0.55, 0, high + r * 0.55), (0, -rng.uniform(0.8, 1.6), 0)))
        rest = [(r * 0.95, high * 0.4), (r * 0.5, high * rng.uniform(0.2, 0.45)), (0.02, high * 0.3)]
        parts.append(lathe(rest, coat(rng, ("#b3201c", "#7a5a30", "#c9a878", "#8a8a88")), 40, caps=(False, True)))
    return parts


def crumpled_foil(rng):
    """Kitchen foil: a loose ball, a flattened wad, or folded round a rest of food."""
    unit, faces = ball_points(6)
    folds = np.abs(fractal(unit, rng.uniform(0.35, 0.7), offset_of(rng), 4))
    fine = np.abs(fractal(unit, 0.15, offset_of(rng), 2))
    shape = pick(rng, (26, 24, 20), (44, 30, 10), (60, 22, 14), (36, 34, 8), (18, 16, 15))
    points = unit * (1.1 - rng.uniform(0.4, 0.8) * folds - 0.2 * fine)[:, None] * shape
    tone = pick(rng, "#b0b0ae", "#a4a4a4", "#c4c2bc", "#b89a4a")
    foil = plain("foil", tone, rng.uniform(0.2, 0.45), 1.0)
    soiled = mottled("foil", (tone, tone, "#7a6a50"), 5, rough=0.4, bump=0.2, seed=rng.integers(99))
    return [mesh_object(points, faces, pick(rng, foil, foil, soiled))]


def cells(rng):
    """Batteries: round cells of all sizes, a block, some taped together, some leaking."""
    skins = [coat(rng, BRIGHT, 0.25) for _ in range(2)] + [
        plain("black", "#1a1a1c", 0.3),
        plain("copper", "#b87a3c", 0.3, 1.0),
    ]

    def cell(r, long):
        band = rng.uniform(0.2, 0.75) * long
        wall = [
            (0.02, 0),
            (r * 0.9, 0),
            (r, 1),
            (r, long - 1),
            (r * 0.9, long),
            (r * 0.35, long),
            (r * 0.33, long + 2),
            (0.02, long + 2),
        ]
        fine = resampled(wall, 40)
        marks = np.clip((fine[1:, 1] > band).astype(int) + 2 * (fine[1:, 0] < r * 0.95), 0, 2)
        return lathe(fine, [pick(rng, *skins), pick(rng, *skins), plain("tin", *STEEL)], 36, face_materials=marks)

    kind = rng.integers(4)
    if kind == 0:
        r = rng.uniform(11, 17)
        return [cell(r, rng.uniform(45, 60))]
    if kind == 1:
        r, many = rng.uniform(5, 8), int(rng.integers(2, 5))
        parts = [placed(cell(r, 48), (0, i * 2.02 * r, 0), (0, np.pi / 2 * 0, 0)) for i in range(many)]
        return [
            *parts,
            box((2.3 * r, many * 2.02 * r + 1, 16), coat(rng), at=(0, (many - 1) * 1.01 * r, 14), round_mm=2),
        ]
    if kind == 2:
        block = [
            box((26, 17, 44), pick(rng, *skins), round_mm=1.5),
            box((26.4, 17.4, rng.uniform(10, 24)), pick(rng, *skins), at=(0, 0, 20)),
        ]
        studs = [
            placed(lathe([(3.5, 0), (r, 3.2), (0.02, 3.2)], plain("stud", *STEEL), 16), (x, 0, 44))
            for x, r in ((-6, 3), (6, 4))
        ]
        return [*block, *studs]
    flat = [
        box((rng.uniform(40, 60), 4.5, rng.uniform(45, 70)), pick(rng, plain("black", "#202024"), *skins), round_mm=1)
    ]
    return [*flat, box((26, 4.9, 22), coat(rng, ("#e8e6e0", "#d8d0b0")), at=(0, 0, 14), round_mm=0)]


def throwaway_fork(rng):
    """A fork, spork or ice-cream spoon of thin plastic, whole or with prongs missing."""
    clear = plain("clear", "#dfe6e8", 0.1, opacity=0.45)
    skin = pick(
        rng, coat(rng, ("#e8e6e0", "#e8e6e0", "#f0eee8")), plain("black", "#1c1c1e", 0.3), clear, coat(rng, BRIGHT)
    )
    grip, head, wide = rng.uniform(70, 110), rng.uniform(26, 36), rng.uniform(10, 15)
    t = np.linspace(0, 1, 40)
    x = -grip * (1 - t)
    half = wide * (0.28 + 0.2 * (1 - t) + 0.1 * np.sin(3 * t))
    trough = 6 * t[:, None] ** 2 * np.array([[1, 0.7, 1]]) + np.array([[0, 1.5, 0]])
    stalk = sheet(np.stack([x, x, x], -1), np.stack([-half, 0 * half, half], -1), trough, skin, thickness=1.8)
    u, v = sheet_grid(24, 16)
    bowl = 6 - 5 * np.sin(np.pi * np.clip(u * 0.75, 0, 1)) * (1 - 0.5 * v**2)
    parts = [
        stalk,
        sheet(u * head * 0.55, wide * v * (0.45 + 0.55 * np.sqrt(np.clip(u * 2, 0, 1))), bowl, skin, thickness=1.6),
    ]
    prongs = int(rng.integers(3, 5))
    for side in np.linspace(-0.82, 0.82, prongs):
        long = head * (0.5 if rng.random() > 0.2 else rng.uniform(0.05, 0.3))
        path = [
            (head * 0.5, side * wide, 2),
            (head * 0.55 + long * 0.5, side * wide, 1),
            (head * 0.55 + long, side * wide * 0.95, 4),
        ]
        parts.append(tube(smooth_path(path, 20), np.linspace(2.0, 1.1, 20), skin, 8))
    return parts


def crockery_sherds(rng):
    """A piece of a plate, bowl or tile with its rim, broken edges and perhaps a painted band."""
    clay = plain("body", pick(rng, "#e0d8c8", "#b87a58", "#c8b8a0"), 0.85)
    hue = pick(rng, "#e8e8e4", "#e8e8e4", "#d8c8a8", *BRIGHT)
    rings = (hue, pick(rng, hue, *BRIGHT), hue)
    inner, outer, span = rng.uniform(0, 45), rng.uniform(70, 105), rng.uniform(0.5, 1.3)
    u, v = sheet_grid(50, 60)
    jag = 0.10 * fractal(np.stack([u, v * 0, 0 * u], -1).reshape(-1, 3), 0.16, offset_of(rng), 3).reshape(u.shape)
    side = 0.12 * fractal(np.stack([0 * u, v, 0 * u + 3], -1).reshape(-1, 3), 0.3, offset_of(rng), 3).reshape(u.shape)
    radius = inner + (outer - inner) * np.clip(u + (1 - u) * (side + 0.1), 0, 1)
    turn = span * v + jag
    z = pick(rng, 14, 22, 5) * np.clip((radius / outer - 0.55) / 0.45, 0, 1) ** 1.5
    glaze = mottled("glaze", rings, 3, "along", 0.15, 0.15, 0, seed=rng.integers(99))
    return [sheet(radius * np.cos(turn), radius * np.sin(turn), z, [glaze, clay], along=u, thickness=rng.uniform(4, 7))]


def nursery_pot(rng):
    """A plant pot of plastic or clay, standing, lying or squashed, with earth in it or empty."""
    r, high = rng.uniform(30, 48), rng.uniform(42, 76)
    clay = mottled("clay", ("#b8683c", "#a85a34", "#c88a60"), 6, rough=0.9, bump=0.2, seed=rng.integers(99))
    skin = pick(
        rng,
        clay,
        plain("black", "#1e1e20", 0.5),
        coat(rng, ("#24262a", "#8a4a2a", "#5a6a4a", "#c8c4b8")),
        coat(rng, BRIGHT),
    )
    low = r * rng.uniform(0.6, 0.8)
    lip = (
        [(r * 0.97, high * 0.8), (r * 1.06, high * 0.81), (r * 1.08, high)]
        if rng.random() < 0.6
        else [(r, high * 0.97), (r * 1.05, high)]
    )
    wall = resampled([(0.02, 0), (low * 0.95, 0), (low, 2), *lip], 40)
    pot = lathe(wall, skin, int(pick(rng, 56, 56, 8)), caps=(True, False), thickness=pick(rng, 1.2, 4.0))
    pot.scale = (1, pick(rng, 1.0, 1.0, 0.6), 1)
    if rng.random() < 0.5:
        return [pot]
    earth = mottled("earth", ("#2e2218", "#4a3624", "#1c1610"), 16, rough=1.0, bump=1.0, seed=rng.integers(99))
    fill = [(r * 0.95, high * 0.82), (r * 0.6, high * rng.uniform(0.8, 0.9)), (0.02, high * 0.85)]
    stalks = []
    for x, y in rng.uniform(-14, 14, (int(rng.integers(0, 4)), 2)):
        ways = [(x, y, high * 0.8), (x * 1.2, y * 1.3, high * 0.9), (x * 1.9, y * 1.8, high * 0.98)]
        stalks.append(tube(smooth_path(ways, 20), 1.5, plain("stalk", pick(rng, "#6a7a3a", "#8a7248"), 0.8), 8))
    return [pot, lathe(fill, earth, 40, caps=(False, True)), *stalks]


def pot_tray(rng):
    """A saucer or lid of plastic or clay."""
    r, edge = rng.uniform(45, 75), rng.uniform(7, 16)
    skin = coat(rng, ("#24262a", "#b8683c", "#5a6a4a", *BRIGHT), 0.6)
    wall = [
        (0.02, 0),
        (r * 0.86, 0),
        (r, edge),
        (r * 1.02, edge),
        (r * 0.9, 2.5),
        (r * 0.6, 2.5),
        (r * 0.58, 3.4),
        (0.02, 3.4),
    ]
    return [lathe(wall, skin, 64)]


RECIPES = (
    contaminant_to_train(snack_packet, seeds=7, lies_as_built=True),
    contaminant_to_train(shopping_bag, seeds=7, lies_as_built=True),
    contaminant_to_train(preserve_tin, seeds=4, poses=2),
    contaminant_to_train(crumpled_foil, seeds=7),
    contaminant_to_train(cells, seeds=8),
    contaminant_to_train(throwaway_fork, seeds=6, lies_as_built=True),
    contaminant_to_train(crockery_sherds, seeds=4, poses=2),
    contaminant_to_train(nursery_pot, seeds=4, poses=2),
    contaminant_to_train(pot_tray, seeds=3),
)
