"""Lumps of earth, shells of eggs, sausages and melons."""

import numpy as np
from materials import plain
from parts import heap, scattered, tinted
from recipe import compost_as_built
from shapes import blob, fractal, grid_faces, loft, mesh_object, offset_of, pick, sheet, sheet_grid, smooth_path, tube
from sundries import placed

EARTHS = (
    ("#1c140e", "#2e2218", "#3c2d20"),
    ("#2a2019", "#4a3a2a", "#5c4832"),
    ("#5c4a36", "#85705a", "#a08a70"),
    ("#6a4424", "#8e6238", "#a87a4a"),
)


def jagged(rng, at, steps, amount):
    """A broken edge over ``at`` 0..1: straight bits about 1, alike at both ends."""
    knots = 1 + amount * rng.uniform(-1, 1, steps + 1)
    knots[-1] = knots[0]
    return np.interp(at, np.linspace(0, 1, steps + 1) ** rng.uniform(0.8, 1.25), knots)


def relief(rng, x, y, cell):
    """Noise over two grids."""
    return fractal(np.stack([x, y, 0 * x], -1).reshape(-1, 3), cell, offset_of(rng)).reshape(x.shape)


def sheets(grids, material, along, thickness):
    """Many small curved sheets [N, rows, columns, 3] in one mesh."""
    many, rows, columns = grids.shape[:3]
    faces = np.array(grid_faces(rows, columns)) + rows * columns * np.arange(many)[:, None, None]
    values = np.broadcast_to(along, grids.shape[:3]).ravel()
    return mesh_object(grids.reshape(-1, 3), faces.reshape(-1, 4), material, values, thickness=thickness)


def fibres(rng, count, centre, reach, tones, thick, length):
    """Crumbs, and roots or straws that stick out from about a lump of earth."""
    parts, material = [], tinted(rng, tones, 20)
    for out in rng.normal(size=(count, 3)) * [1, 1, 0.5]:
        out /= np.linalg.norm(out)
        step = (out + rng.normal(0, 0.9, 3) * [1, 1, 0.4]) * rng.uniform(*length) / 3
        knots = centre + out * reach * 0.85 + np.cumsum([0 * step, *(step + rng.normal(0, 2, (3, 3)))], axis=0)
        parts.append(tube(np.maximum(smooth_path(knots, 14), [-999, -999, 1]), rng.uniform(*thick), material, 6))
    return parts


def lump(rng, size, flat, earth, crumbs):
    """A rough lump of earth on the ground, crumbs around it."""
    axes = (size, size * rng.uniform(0.65, 1), size * flat)
    parts = [blob(axes, earth, rng, 0.4, rng.uniform(0.35, 0.8), 8, 6, (0, 0, axes[2] * 0.8), pick(rng, 0, 3, 6))]
    for r, at in zip(rng.uniform(1, 5, crumbs), rng.normal(0, 0.7 * size, (crumbs, 2)), strict=True):
        parts.append(blob((r, r * 0.9, r * 0.7), earth, rng, 0.4, level=3, at=(*at, r * 0.6)))
    return parts


def earth_lump(rng):
    tones = pick(rng, *EARTHS)
    earth = tinted(rng, (*tones, tones[1]), rng.uniform(8, 25), rough=pick(rng, 0.5, 0.95), bump=1.0)
    size, flat, crumbs = rng.uniform(18, 36), pick(rng, 0.85, 0.65, 0.3), int(rng.integers(4, 30))
    if rng.random() < 0.35:
        parts = []
        for at in scattered(rng, int(rng.integers(6, 12)), 0.7 * size, 0.9 * size):
            parts += [placed(p, at * [1, 1, 0.5]) for p in lump(rng, size * rng.uniform(0.25, 0.6), 0.8, earth, 3)]
    else:
        parts = lump(rng, size, flat, earth, crumbs)
    roots = (("#8a6c48", "#c8b088"), (0.4, 0.9), (12, 35)), (("#b89848", "#d8bc70"), (0.7, 1.4), (12, 45))
    tones, thick, length = pick(rng, *roots)
    reach = size * np.array([1, 0.8, flat])
    return parts + fibres(
        rng, int(rng.integers(0, 30) * 0.4 / thick[0]), reach * [0, 0, 0.8], reach, tones, thick, length
    )


def egg_piece(rng, reach, materials, rough=0.1):
    """A piece of eggshell, hollow up, to ``reach`` radians from its end."""
    u, v = sheet_grid(26, 110)
    theta = u * reach * jagged(rng, (v + 1) / 2, int(rng.integers(11, 20)), rough)
    wide = 21.5 * np.sin(theta) * (1 + 0.12 * np.cos(theta))
    return sheet(wide * np.cos(np.pi * v), wide * np.sin(np.pi * v), -27 * np.cos(theta), materials, thickness=0.6)


def egg_fragments(rng):
    """Halves side by side or one in the other, or a heap of pieces."""
    tones = ("#a8653c", "#c08050"), ("#c99a70", "#dcb890"), ("#e6e2d8", "#f2efe8"), ("#b8c4b0", "#c8d2c0")
    lining = tinted(rng, ("#e8e2d4", "#f2eee4", "#f0e8da", pick(rng, "#d8a838", "#e8e2d4", "#b89a78")), 3, rough=0.3)
    shells = [[tinted(rng, pick(rng, *tones), 10, bump=0.15), lining] for _ in range(2)]
    style, parts = rng.integers(4), []
    for k, s in enumerate((-1, 1) if style == 0 else range(rng.integers(1, 4)) if style == 1 else (0,) * (style == 2)):
        at = (s * 23, 0, 27) if style == 0 else (*rng.normal(0, 3, 2), 27 + 6 * k)
        turn = (*rng.normal(0, (0.6, 0.3, 0.3)[style], 2), rng.uniform(0, 6))
        parts.append(placed(egg_piece(rng, 1.5 + s / 8, shells[k % 2]), at, turn))
    for at in scattered(rng, int(rng.integers(8, 20)), 19, 24) if style > 1 else ():
        turn = (rng.normal(0, 0.35) + pick(rng, 0, np.pi), rng.normal(0, 0.35), rng.uniform(0, 6))
        piece = egg_piece(rng, rng.uniform(0.3, 0.75), pick(rng, *shells), 0.35)
        parts.append(placed(piece, (at[0], at[1], at[2] * 0.6 + 27 * np.cos(turn[0])), turn))
    return parts


def split_bun(rng, length, wide, high):
    """A long roll cut open along its top."""
    x, phi = np.linspace(-0.5, 0.5, 60), np.radians(np.linspace(62, -242, 50))
    slot = np.array([(-0.4, 0.6), (-0.22, -0.1), (0, -0.4), (0.22, -0.1), (0.4, 0.6)])
    section = np.vstack([np.stack([np.cos(phi), np.sin(phi)], -1), slot]) * [wide, high]
    ends = np.maximum(1 - np.abs(2 * x) ** 5, 0.02)[:, None, None] ** 0.45 * section
    rings = np.concatenate([np.repeat(x[:, None] * length, 55, 1)[..., None], ends], -1)
    rings[..., 1:] *= 1 + 0.06 * fractal(rings.reshape(-1, 3), 25, offset_of(rng)).reshape(60, 55, 1)
    tones = ("#7a4216", "#b8742c", "#dcae66"), ("#a86a30", "#cc9850", "#e2bc80"), ("#5c3012", "#8a4c1c", "#c08a48")
    crust = np.r_[0.5 - 0.42 * np.clip(np.sin(phi) + 0.35, 0, 1), np.full(5, 1.0)]
    bread = tinted(rng, (*pick(rng, *tones), "#efe0be"), 6, "along", blend=0.12, rough=0.6)
    return loft(rings, bread, along=np.repeat(crust[None], 60, 0))


def sausage(rng, path, radius, skin, bitten):
    """A sausage along ``path``, boiled or grilled in stripes; ``bitten`` at its far end."""
    t, angle, grill = np.linspace(0, 1, len(path)), np.linspace(0, 2 * np.pi, 32, endpoint=False), pick(rng, 0, 1)
    near = np.minimum(t, 1.0 if bitten else 1 - t) * np.linalg.norm(path[-1] - path[0]) / radius
    width = radius * np.sqrt(np.maximum(1 - np.maximum(1 - near, 0) ** 2, 0.01)) * (1 + 0.02 * np.sin(20 * t))
    stripe = np.exp(-((np.sin(t[:, None] * rng.uniform(14, 26) + 0.7 * np.sin(angle)) / 0.25) ** 2))
    meat = tinted(rng, ("#c07a62", "#d89a80", "#b86a54"), 25, rough=0.6, bump=0.7) if bitten else skin
    size = np.array([4, radius * 0.95, radius * 0.95]) if bitten else np.array([3, 2, 2])
    return [
        tube(path, width, skin, 32, along=0.15 + 0.85 * grill * stripe),
        blob(size, meat, rng, 0.2, 0.5, at=path[-1]),
    ]


def frankfurter(rng):
    tone = pick(rng, ("#8a3018", "#a8452a"), ("#b86a48", "#cc8460"), ("#7a3c1c", "#9a5428"), ("#c49a80", "#d8b498"))
    skin = tinted(rng, (*tone, "#3a1c10"), 4, "along", blend=0.15, rough=0.28, bump=0.08)
    bun, length, radius = rng.random() < 0.55, rng.uniform(110, 180), rng.uniform(9.5, 13)
    x = np.linspace(-0.5, rng.uniform(0.25, 0.5), 80) * length
    path = np.stack([x, rng.uniform(-1, 1) * (0.0006 if bun else 0.0035) * x**2, 0 * x + 9 * bun], -1)
    parts = sausage(rng, path, radius, skin, rng.random() < 0.6)
    if bun:
        parts.append(split_bun(rng, length * rng.uniform(0.75, 1), rng.uniform(25, 30), 21))
    for side in pick(rng, (), (1,), (1, -1)) if not bun else ():
        other = path + np.array([rng.uniform(-25, 25), side * (2 * radius - 1), 0])
        parts += sausage(rng, other[: int(rng.integers(30, 80))], radius, skin, True)
    for sauce, chance in (("#c8980e", 0.6), ("#9a1c10", 0.3)):
        if rng.random() < chance:
            swing = np.sin(x * rng.uniform(0.18, 0.35)) * radius * rng.uniform(0.2, 0.7)
            over = path + np.stack([0 * x, swing, np.sqrt(radius**2 - swing**2) - 0.5], -1)
            over = over[int(rng.integers(4, 20)) : int(rng.integers(50, 78))]
            parts.append(
                tube(over, rng.uniform(1.8, 3) * (1 + 0.3 * np.sin(over[:, 0])), plain("sauce", sauce, 0.25), 12)
            )
    return parts


def melon_piece(rng, size, deep, wide, tall, rind, flesh, stripes, lying):
    """A block of melon: ``deep`` mm inward, ``wide`` radians around, ``tall`` to both sides of its girth.

    ``lying`` on its "side", "rind" or "end"; striped ones have seeds.
    """
    lot, parts, seed = offset_of(rng), [], plain("seed", pick(rng, "#1a1210", "#3a2418"), 0.3)
    s, b = sheet_grid(64, 64)
    a = 2 * s - 1
    for depth, across, above in ((0 * s, a, b), (1, a, b), (s, -1, b), (s, 1, b), (s, b, -1), (s, b, 1)):
        depth, across, above = np.broadcast_arrays(depth, wide * (across + (lying == "side")), tall * above)
        noise = fractal(np.stack([4 * across, 4 * above, 0 * above], -1).reshape(-1, 3), 1, lot).reshape(s.shape)
        depth = depth * np.minimum(deep * (1 + 0.22 * noise), size)
        out, up = (size - depth) * np.cos(above), (size - depth) * np.sin(above)
        x, y = out * np.cos(across), out * np.sin(across)
        x, y, z = {"side": (x, up, y), "rind": (up, y, size - x), "end": (x, y, up)}[lying]
        tone = 0.5 + 0.5 * np.sin(across * stripes + 2.5 * noise) if not parts else np.minimum(depth / 26, 1)
        parts.append(sheet(x, y, z, flesh if parts else rind, along=tone, thickness=0))
        for i, j in rng.integers(3, 61, (14 * (stripes > 1), 2)):
            if 15 < depth[i, j] < 0.9 * deep:
                parts.append(blob((*rng.uniform(2, 4, 2), 1.6), seed, rng, 0, level=3, at=(x[i, j], y[i, j], z[i, j])))
    return parts


def melon(rng, size, rinds, fleshes, stripes):
    """Cubes, a slice, or an eaten or whole crescent of a melon of about ``size`` mm radius."""
    size, style = size * rng.uniform(0.85, 1.1), rng.random()
    rind = tinted(rng, pick(rng, *rinds), 6, "along", blend=0.25, rough=0.4, bump=pick(rng, 0.05, 0.6))
    look = rind, tinted(rng, pick(rng, *fleshes), 9, "along", blend=0.1, rough=0.3, bump=0.25), stripes
    if style < 0.25:
        sides = rng.uniform((18, 11, 9), (32, 16, 18)) / (1, size, size)
        return heap(rng, rng.integers(3, 7), (42, 34), lambda: melon_piece(rng, size, *sides, *look, "rind"), 4, 0.25)
    if style < 0.55:
        return melon_piece(rng, size, size * rng.uniform(0.5, 1), rng.uniform(0.35, 0.8), 12 / size, *look, "end")
    deep = pick(rng, rng.uniform(10, 18), size * 0.6)
    return melon_piece(rng, size, deep, rng.uniform(0.2, 0.36), rng.uniform(1, 1.5), *look, pick(rng, "side", "rind"))


def watermelon(rng):
    rinds = ("#1c3a18", "#3f6a2c", "#a8b878"), ("#16301a", "#24482a", "#2e5a30"), ("#2a5224", "#7a9a58", "#c0cc98")
    red = "#7a9a50", "#e4e6c8", "#e8b0a0", "#d04a3c", "#c23028"
    return melon(rng, 100, rinds, (red, red, ("#a0b060", "#e8e4c0", "#ecd888", "#e0b83c", "#d8a828")), 9)


def honeydew(rng):
    rinds = ("#c8cc98", "#d8d8ac"), ("#d8a828", "#e8c048"), ("#8a8a58", "#c0ac80", "#d8c8a0"), ("#8aa050", "#b4bc80")
    pale, orange = ("#98a860", "#c4d090", "#dce0b4", "#e4e4c4"), ("#7a9048", "#d8c080", "#e09a50", "#e08a3c")
    return melon(rng, 70, rinds, (pale, orange, ("#c8b860", "#e4e0b8", "#efe9d0", "#ece2c0")), 0.5)


RECIPES = (
    compost_as_built("egg_fragments", "eggshell", egg_fragments, seeds=7),
    compost_as_built("frankfurter", "frankfurter", frankfurter, seeds=7),
    compost_as_built("watermelon", "watermelon", watermelon, seeds=7),
    compost_as_built("honeydew", "honeydew", honeydew, seeds=7),
    compost_as_built("earth_lump", "earth_lump", earth_lump, seeds=7),
)
