"""Sherds of crockery and pots of plants."""

import numpy as np
from leftovers import EARTHS, jagged, lump, relief
from materials import plain
from parts import tinted
from recipe import contaminant_to_train
from shapes import blob, pick, resampled, sheet, sheet_grid, smooth_path, tube
from sundries import coat, placed


def turned_sheet(profile, at, angle):
    """Coordinates of a turned thing ``at`` 0..1 of its profile of (radius, z)."""
    line = resampled(profile, 80)
    r, z = (np.interp(at, np.linspace(0, 1, len(line)), line[:, k]) for k in (0, 1))
    return r * np.cos(angle), r * np.sin(angle), z


def sherds(rng):
    """A broken piece of a plate, of a cup with its handle, or of a tile; plain, banded or patterned."""
    plate, cup = [(20, 0), (60, 0), (75, 6), (115, 17)], [(20, 0), (28, 0), (36, 8), (40, 40), (41, 85)]
    kind, (u, v) = rng.integers(3), sheet_grid(130, 130)
    glaze, ink = (
        pick(rng, "#e8e6de", "#e4dcc8", "#2a5a7a", "#6a8a6a", "#8a3a24"),
        pick(rng, "#24407a", "#a83020", "#b08a2c"),
    )
    low, edge = rng.uniform(0, 0.5), jagged(rng, (v + 1) / 2, int(rng.integers(3, 7)), 0.35)
    at = 1 - (1 - u) * (1 - low) * edge * 0.67
    angle = (1.1 if kind else rng.uniform(0.4, 0.8)) * v * jagged(rng, u, int(rng.integers(3, 5)), 0.25)
    x, y, z = turned_sheet((plate, cup, cup)[kind], at, angle)
    if kind == 2:
        x, y, z = 80 * at, 55 * angle / 1.1, 0 * at
    wave = np.sin(22 * angle) * np.sin(40 * at) + 0.5 * np.sin(50 * angle + 60 * at)
    band = (np.abs(at - 0.95) < 0.02) | (np.abs(at - 0.8) < 0.012)
    mark = pick(rng, band, band | (wave > 0.5), (wave > 0.3) | band, (np.sin(60 * angle) > 0) & (at > 0.75), at > 2)
    colours = tinted(rng, (glaze, glaze, ink), 3, "along", blend=0.04, rough=0.12, bump=0)
    biscuit = tinted(rng, pick(rng, ("#d8d0c0", "#c0b49c"), ("#a8643c", "#b87a54")), 20, rough=0.9, bump=0.5)
    parts = [sheet(x, y, z, [colours, biscuit], along=1.0 * mark, thickness=8 if kind == 2 else 4.5)]
    parts[0].modifiers["solid"].material_offset = int(kind == 2)
    if kind == 1:
        ear = smooth_path([(39, 0, 75), (58, 0, 74), (66, 0, 58), (58, 0, 40), (40, 0, 34)][: rng.integers(3, 6)], 40)
        parts.append(tube(ear, rng.uniform(4, 5.5), plain("glaze", glaze, 0.12), 16))
    return parts


def plant_pot(rng):
    """A plastic or clay pot upright with earth, upside down, tipped, crushed or torn; or a saucer."""
    clay, pose = rng.random() < 0.4, rng.integers(5)
    top, high, lip = rng.uniform(28, 50), rng.uniform(45, 70), rng.uniform(2, 5)
    top = min(top, 35) if pose in (2, 3) else top
    base = top * rng.uniform(0.62, 0.8)
    pot = [(0.02, 0), (base, 0), (top - lip, high * 0.8), (top, high * 0.8 + 0.5), (top + 1, high)]
    (u, v), side = sheet_grid(80, 160), pose in (2, 3)
    part = jagged(rng, u, 7, 0.25) * rng.uniform(0.55, 0.8) if pose == 3 or rng.random() < 0.2 else 1 + 0 * u
    x, y, z = turned_sheet(
        [(0.02, 0), (top, 0), (top * 1.15, 12), (top * 1.2, 12)] if pose == 4 else pot, u, np.pi * v * part
    )
    if not clay:
        square = pick(rng, 2, 2, 7)
        corner = (np.abs(np.cos(np.pi * v)) ** square + np.abs(np.sin(np.pi * v)) ** square) ** (-1 / square)
        dent = 1 + pick(rng, 0.02, 0.15) * relief(rng, x, y + z, 30)
        x, y = x * corner * dent * (0.5 if pose == 3 else 1), y * corner * dent
        skin = coat(rng, ("#1c1c1e", "#24262a", "#8a4a2c", "#6a6a5c", "#3a5a3a", "#b0a898"), 0.4)
    else:
        stain = pick(rng, "#d8c8b4", "#7a7a54", "#b0623a")
        skin = tinted(rng, (pick(rng, "#b0623a", "#c47a50", "#9a5030"), "#b87048", stain), 5, rough=0.9, bump=0.3)
    z = {1: high - z}.get(int(pose), z)
    x, y, z = (z - high / 2, y, x + top) if side else (x, y, z)
    parts = [sheet(x, y, z, skin, thickness=rng.uniform(3.5, 5) if clay else 1.2)]
    earth = tinted(rng, pick(rng, *EARTHS), 20, rough=0.9, bump=1.0)
    if pose == 1:
        holes = [(0, 0)] if clay else [(base * 0.7 * np.cos(a), base * 0.7 * np.sin(a)) for a in np.arange(5) * 1.257]
        parts += [blob((5, 5, 1), plain("hole", "#0e0c0a"), rng, 0, at=(*at, high + 2.2 * clay)) for at in holes]
    elif pose == 0 or rng.random() < 0.6:
        size, level = (top * 0.6, 0) if side else (top * (0.86 if pose == 0 else 0.6), high * 0.72 if pose == 0 else 0)
        parts += [
            placed(p, (high / 2 + 4 if side else 0, 0, level)) for p in lump(rng, size, 0.16 + 0.2 * side, earth, 12)
        ]
    if side and not clay and rng.random() < 0.7:
        some = slice(40, 62), slice(66, 95)
        tones = ("#e8e6de", "#e8e6de", pick(rng, "#2a7a3a", "#c83a6a", "#d8a01c"))
        label = tinted(rng, tones, 3, "along", blend=0.05, rough=0.3, bump=0)
        parts.append(sheet(x[some], y[some], z[some] + 0.9, label, along=1.0 * (v[some] > 0.03), thickness=0.4))
    return parts


RECIPES = (
    contaminant_to_train(sherds, seeds=4, poses=2),
    contaminant_to_train(plant_pot, seeds=8, lies_as_built=True),
)
