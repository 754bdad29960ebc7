"""Puzzle cubes, staplers and hole punches."""

import numpy as np
from materials import plain
from mathutils import Matrix
from parts import slab, tinted
from recipe import contaminant_to_train
from shapes import blob, box, lathe, loft, mesh_object, pick, smooth_path, tube
from sharps import GAUDY, GREYS, QUARTER, bar, moved, rounded, steel
from sundries import coat, placed

TILES = ("#e8e6de", "#d8b81a", "#b81e1e", "#e0701a", "#1e8a3c", "#1e4ab0")


def tile_paints(rng):
    """The six colours, all faded or soiled alike."""
    grey, share, soil = np.array([0.62, 0.58, 0.5]), rng.uniform(0, 0.4) * (rng.random() < 0.6), rng.random() < 0.35
    tones = [
        np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255 * (1 - share) + grey * share for name in TILES
    ]
    return [
        tinted(rng, (tone, tone, "#5a4a36"), 9) if soil else plain("tile", tuple(tone), rng.uniform(0.2, 0.5))
        for tone in tones
    ]


def pyramid_puzzle(rng, body, paints):
    edge, parts = rng.uniform(68, 92), []
    corners = np.array([(1, 0, 0), (-0.5, 0.866, 0), (-0.5, -0.866, 0), (0, 0, 1.414)]) * edge / 1.732
    sides = ((0, 1, 3), (1, 2, 3), (2, 0, 3), (0, 2, 1))
    parts.append(mesh_object(corners, sides, body))
    for side in sides:
        a, b, c = corners[list(side)]
        out = np.cross(b - a, c - a)
        out /= np.linalg.norm(out)
        for i, j in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)):
            for up in (0, 1) if i + j < 2 else (0,):
                at = [
                    ((i + di) / 3, (j + dj) / 3)
                    for di, dj in (((1, 0), (1, 1), (0, 1)) if up else ((0, 0), (1, 0), (0, 1)))
                ]
                tri = np.array([a + (b - a) * p + (c - a) * q for p, q in at])
                tri = tri.mean(axis=0) + 0.82 * (tri - tri.mean(axis=0))
                soft = np.concatenate([tri * 0.86 + np.roll(tri, s, axis=0) * 0.14 for s in (1, -1)])[
                    [0, 3, 1, 4, 2, 5]
                ]
                soft = soft[
                    np.argsort(
                        np.arctan2(
                            (soft - tri.mean(0)) @ (b - a) / edge, (soft - tri.mean(0)) @ np.cross(out, b - a) / edge
                        )
                    )
                ]
                if rng.random() < 0.93:
                    parts.append(loft(np.stack([soft - 0.5 * out, soft + 0.5 * out]), paints[rng.integers(4)]))
    for part in parts:
        part.data.polygons.foreach_set("use_smooth", np.zeros(len(part.data.polygons), dtype=bool))
    return parts


def magic_cube(rng):
    """A turning puzzle: scrambled, a layer left half way, stickers or a corner missing."""
    body = coat(rng, ("#1a1a1c", "#1a1a1c", "#1a1a1c", "#e6e4de"), 0.35)
    paints, kind = tile_paints(rng), pick(rng, "sticker", "sticker", "sticker", "solid", "mirror", "pyramid")
    if kind == "pyramid":
        return pyramid_puzzle(rng, body, paints)
    count = 3 if kind == "mirror" else pick(rng, 2, 3, 3, 4)
    size, layers, low = pick(rng, rng.uniform(54, 60), rng.uniform(54, 60), rng.uniform(28, 40)), [], rng.random() < 0.3
    cuts = [np.array([0, 0.24, 0.58, 1]) if kind == "mirror" else np.linspace(0, 1, count + 1) for _ in range(3)]
    mirror = plain("mirror", pick(rng, "#c8a040", "#b8bcc0"), 0.22, 1.0)
    gone = rng.choice(count**2, 2) if rng.random() < 0.3 else ()
    loss, tile, corner = pick(rng, 0.0, 0.06, 0.3), rng.uniform(0.78, 0.9), pick(rng, 0.2, 0.4, 0.6)
    for k in range(count):
        parts = []
        for spot, (i, j) in enumerate(np.ndindex(count, count)):
            if k == count - 1 and spot in gone and not (count == 3 and spot == 4):
                continue
            start = np.array([cuts[0][i], cuts[1][j], cuts[2][k]]) - [0.5, 0.5, 0]
            cell = (np.array([cuts[0][i + 1], cuts[1][j + 1], cuts[2][k + 1]]) - [0.5, 0.5, 0] - start) * size
            at = start * size + cell / 2
            parts.append(
                box(
                    cell - 0.3, mirror if kind == "mirror" else body, at=at - [0, 0, cell[2] / 2], round_mm=size * 0.022
                )
            )
            for axis, sign in ((0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)):
                outside = (i, j, k)[axis] == (count - 1 if sign > 0 else 0)
                if kind == "mirror" or not outside or rng.random() < loss:
                    continue
                face_at = at + sign * np.eye(3)[axis] * cell / 2
                skin, width = paints[rng.integers(6)], cell[0] / 2 * (0.97 if kind == "solid" else tile)
                turn = ((0, sign * QUARTER, 0), (-sign * QUARTER, 0, 0), (0 if sign > 0 else np.pi, 0, 0))[axis]
                parts.append(
                    placed(
                        slab(rounded(width, width, corner * (0.4 if kind == "solid" else 1)), 0.5, skin), face_at, turn
                    )
                )
        layers.append(parts)
    if len(gone):
        layers[0].append(blob(np.ones(3) * size * 0.36, plain("core", "#2a2a2c"), rng, 0.02, at=(0, 0, size * 0.5)))
    twist = pick(rng, 0.0, 0.03, rng.uniform(0.2, 0.8), rng.uniform(-0.8, -0.2))
    moved(layers[-1], turn=(0, 0, twist))
    moved(layers[0], turn=(0, 0, -twist * low))
    return [part for layer in layers for part in layer]


def hole_punch(rng):
    skin, base, x = coat(rng, (*GREYS, *GAUDY)), coat(rng, GREYS), rng.uniform(50, 62)
    parts = [
        slab(rounded(38, x, 0.25), 11, base, at=(8, 0, 0), round_mm=3),
        box((5, 1.5 * x, 26), steel(), at=(-12, 0, 8)),
    ]
    parts += [lathe([(7, 10), (7, 32), (5, 34), (0.02, 34)], steel(), 28) for _ in range(2)]
    for part, side in zip(parts[-2:], (-1, 1), strict=True):
        placed(part, (4, side * 40, 0))
    rise = rng.uniform(4, 18)
    lever = [
        (-22, 0, 30, x * 0.82, 9),
        (10, 0, 36, x * 0.84, 8),
        (40, 0, 36 + rise, x * 0.74, 6),
        (62, 0, 34 + rise, x * 0.55, 5),
    ]
    parts.append(bar(lever, pick(rng, skin, skin, steel()), 0.35))
    parts.append(bar([(-15, -x * 0.9, 27, 4, 4), (-15, x * 0.9, 27, 4, 4)], steel(), 1.0, along_x=False))
    return [*parts, box((26, x * 0.7, 0.8), coat(rng, GREYS, 0.8), at=(34, 0, 42 + rise * 0.7), round_mm=0.4)]


def staple_remover(rng):
    skin, parts, gape = coat(rng, (*GREYS, *GAUDY)), [], rng.uniform(0.2, 0.4)
    for side in (-1, 1):
        jaw = [bar([(-26, 0, 0, 10, 4), (-5, 0, 3, 13, 5), (12, 0, 2, 11, 4), (20, 0, 0, 9, 2)], skin, 0.5)]
        jaw.append(box((40, 15, 2), steel(), at=(6, 0, -5)))
        for y in (-6.5, 6.5):
            fang = smooth_path([(0, y, -5), (22, y, -5), (32, y, -9), (33, y, -15)], 24)
            jaw.append(tube(fang, np.linspace(3.4, 0.8, 24), steel(), 10))
        parts += moved(moved(jaw, (24, 0, 9)), turn=(0 if side > 0 else np.pi, -gape, 0))
    return [*parts, moved([bar([(-4, -9, 0, 4, 4), (-4, 9, 0, 4, 4)], steel(), 1.0, along_x=False)])[0]]


def desk_stapler(rng):
    """A stapler shut, ajar or opened flat; a hole punch; a staple remover."""
    kind = pick(rng, "stapler", "stapler", "stapler", "punch", "remover")
    lie = (pick(rng, 0.0, QUARTER, -QUARTER, QUARTER), 0, 0)
    if kind != "stapler":
        return moved(hole_punch(rng), turn=(0, 0, 0)) if kind == "punch" else moved(staple_remover(rng), turn=lie)
    size, skin = pick(rng, rng.uniform(0.85, 1.05), rng.uniform(0.85, 1.05), 0.5), coat(rng, (*GREYS[:4], *GAUDY))
    foot, wide = pick(rng, skin, coat(rng, GREYS)), rng.uniform(11, 17)
    chrome, rubber = steel(0.2), coat(rng, GREYS[:3], 0.9)
    base = [
        bar(
            [(-62, 0, 5, wide, 5), (-20, 0, 4, wide * 1.15, 4), (40, 0, 3.5, wide, 3.5), (72, 0, 3, wide * 0.9, 3)],
            foot,
            0.4,
        )
    ]
    base += [box((16, wide * 1.3, 1.4), chrome, at=(60, 0, 6.6)), box((5, 9, 0.4), rubber, at=(60, 0, 8), round_mm=0)]
    base.append(bar([(-62, 0, 1, wide * 1.02, 1.6), (70, 0, 1, wide * 0.95, 1.6)], rubber, 0.4))
    base += [box((26, 2, 24), chrome, at=(-50, side * wide * 0.78, 5)) for side in (-1, 1)]
    rows = [
        (-60, 0, 22, wide * 0.75, 9),
        (-30, 0, 24, wide * 0.95, 11),
        (20, 0, 22, wide * 0.9, 10),
        (58, 0, 20, wide * 0.85, 9),
        (72, 0, 15, wide * 0.7, 8),
    ]
    lid = [bar(rows, skin, pick(rng, 0.45, 0.8))]
    if rng.random() < 0.6:
        pad = np.array(rows[1:4]) * [1, 1, 1, 0.72, 0.6] + [0, 0, 5, 0, 0]
        lid.append(bar(pad, coat(rng, (*GREYS, *GAUDY), 0.8), 0.6))
    lid.append(
        box((rng.uniform(18, 34), wide * 0.6, 0.5), coat(rng, GAUDY), at=(rng.uniform(-10, 10), 0, 33.4), round_mm=0)
    )
    tray = [
        box((124, 13, 10), chrome, at=(8, 0, 6)),
        box(
            (rng.uniform(20, 90), 9, 1.2),
            plain("staples", pick(rng, "#b0b0ae", "#b07a48"), 0.3, 1.0),
            at=(30, 0, 15.4),
            round_mm=0,
        ),
    ]
    hinge = np.array([-52, 0, 22])
    turned = lambda parts, angle: moved(moved(moved(parts, -hinge), turn=(0, -angle, 0)), hinge)  # noqa: E731
    state = pick(rng, "shut", "shut", "ajar", "loading", "flat")
    ajar = {"shut": 0.0, "ajar": rng.uniform(0.1, 0.3), "loading": 0.06, "flat": np.pi - 0.1}[state]
    turned(lid, rng.uniform(0.9, 2.7) if state == "loading" else ajar + 0.1)
    turned(tray, ajar + 0.06)
    parts = [*base, *lid, *tray, tube([(-52, -wide * 0.9, 22), (-52, wide * 0.9, 22)], 3, chrome, 16)]
    for part in parts:
        part.matrix_basis = Matrix.Diagonal((size, size, size, 1)) @ part.matrix_basis
    return moved(parts, turn=(QUARTER, 0, 0) if state in ("loading", "flat") else lie)


FLAT = {"lies_as_built": True}


RECIPES = (
    contaminant_to_train(magic_cube, seeds=8, **FLAT),
    contaminant_to_train(desk_stapler, seeds=8, **FLAT),
)
