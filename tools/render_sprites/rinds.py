"""Rinds of melons, cones of forest trees, rosettes."""

import numpy as np
from materials import plain
from parts import tinted
from recipe import compost_to_train
from shapes import blob, loft, mesh_object, pick, sheet, sheet_grid, smooth_path, tube
from sundries import placed

MELONS = (
    (("#1e4a20", "#4a7a34", "#2e5a28"), ("#c8302c", "#d85048", "#e8e0c8")),
    (("#d8c050", "#e8d878"), ("#e0e8b0", "#f0ecc8")),
    (("#b8a878", "#a89868", "#c8bc90"), ("#e08a4a", "#e8a868")),
    (("#5a8a48", "#8ab070"), ("#c8342c", "#e0706a")),
)
"""Colours of the rind and of the flesh."""


def melon_slice(rng):
    """Wedges and rinds of watermelon, honeydew and cantaloupe, eaten down to more or less of their flesh."""
    rind, flesh = pick(rng, *MELONS)
    big, eaten, span = rng.uniform(60, 105), rng.uniform(0.35, 0.85), rng.uniform(0.7, 1.3)
    skin, meat = tinted(rng, rind, 6, rough=0.4, bump=0.1), tinted(rng, flesh, 7, rough=0.5, bump=0.2)
    turn = np.linspace(-span, span, 60)
    rings = []
    for a in turn:
        out, wide = (
            np.array([np.cos(a), np.sin(a), 0]),
            (13 + 8 * (1 - eaten)) * np.sqrt(max(1 - (a / span) ** 2, 0.02)),
        )
        inner = big * (eaten + 0.03 * np.sin(9 * a))
        corners = [(inner, 0), (big * 0.95, -wide), (big, -wide * 0.4), (big, wide * 0.4), (big * 0.95, wide)]
        rings.append([out * reach + (0, 0, z) for reach, z in corners])
    slice_ = loft(rings, meat)
    shell = [
        [
            np.array([np.cos(a), np.sin(a), 0]) * (big + 0.6) + (0, 0, z)
            for z in np.linspace(-1, 1, 9) * (13 + 8 * (1 - eaten)) * 0.8 * np.sqrt(max(1 - (a / span) ** 2, 0.02))
        ]
        for a in turn
    ]
    grid = np.array(shell)
    return [slice_, sheet(grid[..., 0], grid[..., 1], grid[..., 2], skin, thickness=3.0)]


def forest_cone(rng):
    """Cones of spruce, fir, larch and pine: shut, open, long or round, or gnawed to the spindle."""
    long, r, gnawed = rng.uniform(35, 130), rng.uniform(12, 22), rng.random() < 0.2
    wood = tinted(
        rng,
        pick(
            rng, ("#5a3a20", "#7a5430", "#a07848"), ("#4a3424", "#6a4c34", "#8a6a4a"), ("#8a6238", "#b08858", "#6a4a2c")
        ),
        14,
        "along",
        rough=0.8,
        bump=0.3,
    )
    parts, rows = (
        [tube([(0, 0, 0), (long, 0, 0)], r * (0.3 if gnawed else 0.5), wood, 16, along=[0.2, 0.4])],
        int(long / 4.2),
    )
    u, v = sheet_grid(8, 7)
    points, faces, tint = [], [], []
    opened = rng.uniform(0.15, 0.9)
    for row in range(rows):
        share = row / max(rows - 1, 1)
        around = r * np.sin(np.pi * (0.12 + 0.82 * share)) ** 0.6
        for k in range(9):
            if gnawed and share < 0.85:
                continue
            a = 2 * np.pi * k / 9 + 2.4 * row
            reach = around * (0.45 + 0.6 * u)
            x = long * share + 8 * u * (1 - opened) + 2
            side = 0.34 * around * v * np.sin(np.pi * (0.15 + 0.75 * u))
            reach = reach - 0.02 * side**2
            grid = np.stack(
                [x, reach * np.cos(a) - side * np.sin(a), reach * np.sin(a) + side * np.cos(a)], -1
            ).reshape(-1, 3)
            faces += [
                (
                    i * 7 + j + len(points) * 56,
                    i * 7 + j + 1 + len(points) * 56,
                    (i + 1) * 7 + j + 1 + len(points) * 56,
                    (i + 1) * 7 + j + len(points) * 56,
                )
                for i in range(7)
                for j in range(6)
            ]
            points.append(grid)
            tint.append(u.ravel())
    if points:
        parts.append(mesh_object(np.concatenate(points), faces, wood, np.concatenate(tint), thickness=1.0))
    return parts


def rosette(rng):
    """A small plant pulled out: houseleek, aloe, lettuce seedling or daisy, its roots in earth or bare."""
    tones = pick(
        rng, ("#5a8a5a", "#8ab088", "#a86a6a"), ("#3a6a34", "#5a8a48", "#c8d8b0"), ("#6a8a3c", "#8aa850", "#a8b870")
    )
    skin, pointed, thick = (
        tinted(rng, tones, 6, "along", rough=0.4, bump=0.1),
        rng.uniform(0.6, 2.2),
        rng.uniform(0.8, 5),
    )
    parts, many, long = [], int(rng.integers(9, 30)), rng.uniform(26, 62)
    u, v = sheet_grid(20, 9)
    for k in range(many):
        age = (k + 1) / many
        wide = long * rng.uniform(0.16, 0.3) * np.sin(np.pi * np.clip(0.2 + 0.78 * u, 0, 1)) ** pointed
        lift = (1.2 - age) * rng.uniform(0.8, 1.2)
        reach = long * (0.35 + 0.65 * age) * u
        x, y, z = reach * np.cos(lift), wide * v, reach * np.sin(lift) + 0.012 * (wide * v) ** 2 - 8 * age * u**2
        parts.append(
            placed(sheet(x, y, z, skin, along=u, thickness=thick), (0, 0, 0), (0, 0, 2.4 * k + rng.normal(0, 0.1)))
        )
    ball = tinted(rng, ("#3a2a1c", "#5a4430", "#241a12"), 16, rough=1.0, bump=1.0)
    parts.append(blob((long * 0.45, long * 0.45, long * 0.3), ball, rng, 0.35, 0.5, level=5, at=(0, 0, -long * 0.25)))
    for turn in rng.uniform(0, 2 * np.pi, int(rng.integers(4, 14))):
        ways = [
            (0, 0, -long * 0.3),
            (long * 0.5 * np.cos(turn), long * 0.5 * np.sin(turn), -long * 0.45),
            (long * rng.uniform(0.7, 1.1) * np.cos(turn + 0.4), long * 0.9 * np.sin(turn + 0.4), -long * 0.5),
        ]
        parts.append(tube(smooth_path(ways, 20), 0.7, plain("root", "#b09a70", 0.9), 6))
    return parts


FLAT = {"lies_as_built": True}


RECIPES = (
    compost_to_train("melon_slice", "melon_slice", melon_slice, seeds=7),
    compost_to_train("forest_cone", "forest_cone", forest_cone, seeds=6),
    compost_to_train("rosette", "rosette", rosette, seeds=6, **FLAT),
)
