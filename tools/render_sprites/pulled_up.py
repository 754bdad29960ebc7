"""Cones, plants with their roots, and spent tea."""

import numpy as np
from broken_pots import turned_sheet
from leftovers import EARTHS, fibres, jagged, relief, sheets
from materials import plain
from mathutils import Matrix
from parts import heap, tinted
from recipe import compost_as_built
from shapes import MM, blob, box, fractal, offset_of, pick, sheet, sheet_grid, smooth_path, tube
from sundries import placed


def cone(rng, length, reach, count, wide, lean, tones, eaten=False, bracts=False):
    """A cone along x of ``count`` scales, ``reach`` mm long, that stand off by ``lean`` radians."""
    turn, t = np.arange(count) * 2.39996 + rng.normal(0, 0.06, count), (np.arange(count) + 0.5) / count
    girth = np.sin(np.pi * (0.16 + 0.8 * t)) ** 0.6
    out = np.stack([0 * turn, np.cos(turn), np.sin(turn)], -1)[:, None, None]
    side, ahead = np.cross([1, 0, 0], out), np.array([1.0, 0, 0])
    u, v = (g[None, ..., None] for g in sheet_grid(9, 7))
    worn = np.where(eaten & (t < 0.86), rng.uniform(0.12, 0.4, count), rng.uniform(0.9, 1.08, count)) * girth
    angle = lean * (1.15 - 0.5 * t) + rng.normal(0, 0.07, count)
    worn, angle, t, girth = (value[:, None, None, None] for value in (worn, angle, t, girth))
    material, parts = tinted(rng, tones, 14, "along", blend=0.25, rough=0.6, bump=0.35), []
    for far, half, blunt in ((1, wide, 5), (1.35, wide * 0.28, 2))[: 1 + bracts]:
        ray = out * np.sin(angle) * (1 - 0.25 * u) + ahead * np.cos(angle)
        across = half * v * np.minimum(1, 0.35 + 1.4 * u) * np.maximum(1 - u**blunt, 0.04) ** 0.5 * np.sqrt(worn)
        grid = t * length * ahead + 0.18 * reach * girth * out + far * reach * worn * u * ray + across * side
        parts.append(sheets(grid - 0.12 * half * worn * v**2 * out, material, 0.1 + 0.9 * u[..., 0] ** 1.5, 0.7))
    core = reach * (0.24 if eaten else 0.2) * np.sin(np.pi * np.linspace(0.1, 0.93, 30)) ** 0.5
    return [*parts, tube(np.linspace((-4, 0, 0), (length, 0, 0), 30), core, material, 16)]


def closed_cone(rng):
    """A cone of a spruce or fir, closed or open, or what a squirrel left of it; larch cones on their twig."""
    browns = ("#3c2214", "#7a4a28", "#a8703c"), ("#4a2c18", "#9a683c", "#c89a64"), ("#3a2a20", "#6a5240", "#9a8468")
    tones, style = pick(rng, *browns, ("#4a4a20", "#7a7a3c", "#a07a48")), rng.integers(5)
    if style > 2:
        return cone(rng, rng.uniform(85, 150), rng.uniform(23, 28), 150, 9, pick(rng, 0.35, 0.7), tones)
    if style == 2:
        return cone(rng, rng.uniform(55, 85), 24, 60, 11, rng.uniform(0.35, 0.8), tones, bracts=True)
    if style == 1:
        return cone(rng, rng.uniform(70, 120), rng.uniform(19, 24), 130, 7, 0.8, pick(rng, *browns[:2]), eaten=True)
    many = int(rng.integers(1, 5))
    twig = smooth_path([(-35, 4, 0), (0, 0, 0), (many * 10, -3, 1), (many * 18 + 25, 3, 0)], 40)
    parts = [tube(twig, np.linspace(3, 1.8, 40), tinted(rng, ("#3a2e24", "#6a5844"), 20, bump=0.8), 10)]
    for k in range(many):
        item = cone(rng, rng.uniform(20, 32), rng.uniform(9, 13), 42, 5.5, rng.uniform(0.5, 1.1), browns[k % 2])
        parts += [placed(p, (18 * k, 6 * (-1) ** k, 2), (0, 0, rng.uniform(0.7, 1) * (-1) ** k)) for p in item]
    return parts


def rosette(rng, count, reach, wide, rise, tones, blunt, thick):
    """Leaves around the z axis, the innermost upright, the outermost at ``rise`` radians; and how to make them."""
    turn, t = np.arange(count) * 2.39996, np.sqrt((np.arange(count) + 1) / count)
    lift = 1.45 + (rise - 1.45) * t**1.5 + rng.normal(0, 0.1, count)
    far = reach * (0.35 + 0.65 * t) * rng.uniform(0.8, 1.1, count)
    lift, far, t, turn = (value[:, None, None] for value in (lift, far, t, turn))
    u, v = (g[None] for g in sheet_grid(14, 7))
    out, up = u * far * np.cos(lift - 0.6 * u * u), u * far * np.sin(lift - 0.6 * u * u) + 0.2 * wide * v**2
    across = wide * (0.5 + 0.5 * t) * v * np.minimum(1, 0.3 + 1.2 * u) * np.maximum(1 - u**blunt, 0.01) ** 0.6
    grid = np.stack([out * np.cos(turn) - across * np.sin(turn), out * np.sin(turn) + across * np.cos(turn), up], -1)
    return grid, tinted(rng, tones, 8, "along", blend=0.25, rough=0.4, bump=0.2), u, thick


def potted_plant(rng):
    """A sempervivum, aloe or leafy plant without its pot: its root ball on its side, or seen from above."""
    kind, size, top = rng.integers(3), rng.uniform(30, 46), rng.uniform(24, 36)
    green = ("#b8c498", "#7a9a5a", "#6a8a4a", "#7a3a34"), ("#8a9a60", "#7a5a4a", "#7a2c30"), ("#c0ccb0", "#88a08a")
    leafy = ("#5a7a38", "#3a6a28", "#5a8a38"), ("#7a6a4a", "#8a7a30", "#a8a048"), ("#5a3e20", "#7a5a30", "#9a7440")
    aloe = ("#8aa070", "#5a7a48", "#4a6a40"), ("#a8b48c", "#8a9c78", "#9a6a4a"), ("#8a9a58", "#a8965a", "#8a6038")
    crowns = [
        [(36, size, size * 0.27, 0.35, pick(rng, *green), 4, 2), (12, size * 1.15, 10, 0, leafy[2], 4, 1)],
        [(int(rng.integers(9, 17)), rng.uniform(85, 130), 9, 0.7, pick(rng, *aloe), 1.2, 4)],
        [(int(rng.integers(12, 26)), rng.uniform(50, 95), rng.uniform(10, 22), 0.5, pick(rng, *leafy), 3, 0.7)],
    ][kind]
    u, angle = sheet_grid(40, 90)
    ball = np.array([(0.02, -1.6), (0.65, -1.55), (0.75, -0.8), (0.9, -0.1), (0.8, 0), (0.02, 0.05)]) * top
    x, y, z = turned_sheet(ball, u, np.pi * angle)
    rough = 1 + 0.1 * fractal(np.stack([x, y, z], -1).reshape(-1, 3), 12, offset_of(rng)).reshape(x.shape)
    points, earth = np.stack([x, y, z], -1) * rough[..., None], tinted(rng, pick(rng, *EARTHS), 20, rough=0.9, bump=1)
    roots = [np.cumsum(rng.normal(0, 0.25, 12)) + rng.uniform(0, 6) for _ in range(rng.integers(10, 30))]
    s = np.linspace(1.5, 0.1, 12) * top
    webs = [np.stack([(0.93 * top - 0.13 * s) * np.cos(a), (0.93 * top - 0.13 * s) * np.sin(a), -s], -1) for a in roots]
    side = kind > 0 or rng.random() < 0.35

    def lay(at):
        at = at[..., [2, 1, 0]] * [1, 1, 0.75] + [0, 0, 0.7 * top] if side else at * [1, 1, 0.5] + [0, 0, top * 0.8]
        return np.concatenate(
            [at[..., :2], np.where(at[..., 2:] < 6, 2 + 4 * np.exp((at[..., 2:] - 6) / 25), at[..., 2:])], -1
        )

    pale, (x, y, z) = tinted(rng, ("#c8b48c", "#9a8058"), 10), np.moveaxis(lay(points), -1, 0)
    parts = [sheet(x, y, z, earth), *(tube(smooth_path(lay(web), 50), rng.uniform(0.5, 1), pale, 6) for web in webs)]
    for crown in crowns:
        grid, *look = rosette(rng, *crown)
        parts.append(sheets(lay(grid), *look))
    return parts + fibres(rng, int(rng.integers(4, 20)), [0, 0, 6], top, ("#8a6c48", "#c8b088"), (0.4, 0.8), (4, 16))


def wet_leaves(rng, count, spread, height, tones, size):
    """Twisted bits of tea leaves in a wet heap."""
    u, v = (g[None] for g in sheet_grid(7, 4))
    where = rng.normal(size=(count, 2)) * spread * 0.4
    z = height * np.exp(-2.5 * np.sum((where / spread) ** 2, 1)) * rng.uniform(0.75, 1, count) + 0.8
    lots = rng.uniform(0, 6.3, count), rng.normal(0, 1.2, count), rng.uniform(*size, count)
    yaw, curl, long = (value[:, None, None] for value in lots)
    yaw, out, across = yaw + 1.2 * (u - 0.5), long * (u - 0.5), long * 0.2 * v * np.sin(np.pi * np.clip(u, 0.05, 0.95))
    rise = across * np.sin(curl + 2 * u) + long * 0.15 * np.sin(3 * u + curl)
    grid = np.stack([out * np.cos(yaw) - across * np.sin(yaw), out * np.sin(yaw) + across * np.cos(yaw), rise], -1)
    grid += np.column_stack([where, z])[:, None, None]
    wet = tinted(rng, tones, 5, "along", blend=0.25, rough=0.3, bump=0.3)
    mound = blob((*(spread * 0.8), height * 0.6), wet, rng, 0.25, 0.4, 6, at=(0, 0, height * 0.35))
    return [mound, sheets(grid, wet, rng.uniform(0, 1, (count, 1, 1)), 0.5)]


def tea_bag(rng, tones, torn):
    """A used bag with string and tag; ``torn`` open at its far end, leaves spilling."""
    u, v = sheet_grid(60, 50)
    long, wide, puff = rng.uniform(52, 66), rng.uniform(20, 27), rng.uniform(5, 9)
    full = (1 - np.abs(2 * u - 1) ** (4 if torn else 2)) * (1 - np.abs(v) ** 3)
    x = long * (u * (1 - 0.2 * torn * jagged(rng, (v + 1) / 2, 14, 0.6) * u**4) - 0.5)
    y, wrinkle = wide * v * (1 - 0.12 * full), 1.6 * relief(rng, x, wide * v, 11)
    paper = tinted(rng, (tones[1], tones[2], "#a8814e", "#d0b484"), 9, "along", blend=0.3, rough=0.45, bump=0.4)
    stain = 0.95 - 0.7 * np.clip(full * 1.7, 0, 1)
    parts = [sheet(x, y, puff + s * puff * full + wrinkle, paper, along=stain, thickness=0.3) for s in (-1, 1)]
    ways = np.cumsum([(-long / 2 + 3, 0), *rng.normal((-7, 0), 14, (4, 2))], axis=0)
    parts.append(tube(smooth_path(np.c_[ways, [puff + 1, 3, 2, 4, 2]], 80), 0.6, plain("string", "#d8d0bc", 0.9), 6))
    tag = pick(rng, "#c8b41c", "#a82420", "#2a6a3a", "#e2dfd6", "#c8702a"), pick(rng, "#e8e4d8", "#3a2418", "#c8a040")
    parts += [box((s, s, 2 - s / 20), plain("tag", c), (*ways[-1], 1), 0) for s, c in zip((22, 12), tag, strict=True)]
    spill = wet_leaves(rng, 120, np.array([15, 17]), 9, tones, (2.5, 6)) if torn else []
    for part in spill:
        part.data.transform(Matrix.Translation((0.42 * long * MM, 0, 0)))
    return parts + spill


def spent_tea(rng):
    """Wet leaves of black, green or herbal tea in a heap, or used bags."""
    teas = ("#1a100a", "#2e1c10", "#5c3a1c"), ("#2c2e18", "#464a24", "#5c5c30"), ("#5a5a30", "#8a8450", "#b8a868")
    tones = pick(rng, *teas, ("#2a1012", "#5c1a20", "#7a2c24"))
    if rng.random() < 0.5:
        return heap(rng, rng.integers(1, 3), (30, 40), lambda: tea_bag(rng, tones, rng.random() < 0.6), 2, 0.1)
    spread, size = rng.uniform((28, 22), (50, 40)), pick(rng, (3, 7), (7, 15), (12, 24))
    parts = wet_leaves(rng, int(5000 / size[1]), spread, rng.uniform(9, 22), tones, size)
    for at in rng.normal(size=(rng.integers(6, 16) * (tones == teas[2]), 2)) * spread * 0.4:
        flower = (12, 7, 4, 0.1, ("#c8981c", "#e0dcc4", "#e0dcc4"), 4, 0.5)
        grid, *look = rosette(rng, *flower)
        parts.append(sheets(grid + np.array([*at, 22 * np.exp(-2.5 * np.sum((at / spread) ** 2))]), *look))
    return parts


RECIPES = (
    compost_as_built("closed_cone", "closed_cone", closed_cone, seeds=8),
    compost_as_built("potted_plant", "potted_plant", potted_plant, seeds=8),
    compost_as_built("spent_tea", "spent_tea", spent_tea, seeds=8),
)
