"""Garden hardware, rubber and building waste."""

import numpy as np
from materials import mottled, plain
from parts import slab
from recipe import contaminant_to_train
from shapes import blob, box, crumpled, lathe, pick, sheet, sheet_grid, smooth_path, tube
from sundries import BRASS, HUES, STEEL, coat, placed

GRIPS = (*HUES, "#24262a", "#b3201c", "#2a4a8a")


def metal(rng):
    """Bright, brassy, painted or rusted metal."""
    rust = mottled("rust", ("#5a3622", "#8a4a26", "#3a2c24"), 20, rough=0.9, bump=0.5, seed=rng.integers(99))
    worn = mottled("worn", ("#8a8884", "#a09c94", "#6a4a34"), 8, rough=0.45, bump=0.2, seed=rng.integers(99))
    return pick(rng, plain("metal", *STEEL), plain("metal", "#8a8a8a", 0.35, 1.0), worn, rust)


def concrete_lump(rng):
    tones = pick(rng, ("#8a8780", "#a09c92", "#6f6c66"), ("#b0a896", "#8f8674"), ("#9a8a78", "#7a6a58"))
    grey = mottled("concrete", tones, 9, rough=1.0, bump=1.2, seed=rng.integers(99))
    size = rng.uniform(22, 55, 3) * [1, 0.8, 0.5]
    parts = [blob(size, grey, rng, 0.16, 0.8, 5, 5, cuts=int(rng.integers(4, 8)))]
    for _ in range(int(rng.integers(6, 16))):
        way = rng.normal(size=3)
        tone = coat(rng, ("#8a7a68", "#6a625a", "#a89c88", "#7a5a48"), 0.8)
        parts.append(blob(rng.uniform(3, 6, 3), tone, rng, 0.1, level=3, at=0.74 * size * way / np.linalg.norm(way)))
    return parts


def plaster_piece(rng):
    """Plaster or plasterboard broken off a wall, one face painted or papered."""
    count = int(rng.integers(6, 10))
    turns = 2 * np.pi * (np.arange(count) + rng.uniform(-0.35, 0.35, count)) / count
    r = rng.uniform(30, 65, count)
    knots = np.stack([r * np.cos(turns), 0.8 * r * np.sin(turns), 0 * r], -1)
    along = np.linspace(0, count, 90, endpoint=False)
    edge = np.stack([np.interp(along, np.arange(count + 1), [*q, q[0]]) for q in knots.T[:2]], -1)
    edge, high = edge + rng.normal(0, 0.7, edge.shape), rng.uniform(7, 16)
    white = mottled("plaster", ("#e0dcd2", "#cfc9bc", "#b8b0a0"), 14, rough=1.0, bump=0.9)
    tones = pick(rng, ("#e8e4da", "#d8d2c4"), ("#d8c08a", "#c8ac74"), ("#8fae84", "#7a9a70"), ("#b0a08a", "#9a8a74"))
    face = mottled("face", tones, 5, rough=0.8, bump=0.2, seed=rng.integers(99))
    return [slab(edge, high, white), slab(edge * rng.uniform(0.9, 0.99), 1.2, face, (0, 0, high - 0.2))]


def foam_lump(rng):
    """Builder's foam that swelled out of a gap, or a torn piece of it."""
    tones = pick(rng, ("#d8b864", "#c09a4a", "#e0c880"), ("#d8a85a", "#b8823a"), ("#d8d0b0", "#c0b48c"))
    skin = mottled("foam", tones, 7, rough=0.85, bump=0.5, seed=rng.integers(99))
    parts, count = [], int(rng.integers(4, 11))
    for k in range(count):
        at = (rng.uniform(8, 15) * (k - count / 2), rng.normal(0, 9), rng.uniform(-3, 6))
        parts.append(blob(rng.uniform(13, 22, 3), skin, rng, 0.16, 0.7, 3, 4, at=at))
    return parts


def asphalt_piece(rng):
    tar = mottled("tar", pick(rng, ("#1e1d1c", "#3a3734", "#6a665e"), ("#3a3630", "#57524a")), 40, rough=0.9, bump=1.6)
    size = rng.uniform(22, 48, 3) * [1, 0.8, 0.5]
    return [blob(size, tar, rng, 0.22, 0.5, 6, 5, cuts=int(rng.integers(2, 5)))]


def hose_connector(rng):
    skin, second, r = coat(rng, ("#d2691e", "#d8b01c", "#24262a", "#5f8f2a")), coat(rng, GRIPS), rng.uniform(12, 16)
    brass = plain("brass", *BRASS)
    skin = brass if rng.random() < 0.25 else skin
    body = [(0.7, -22), (0.75, -12), (1, -10), (1, 6), (0.8, 8), (0.8, 20), (0.55, 20), (0.55, -20), (0.6, -22)]
    parts = [lathe([(r * q, z) for q, z in body], skin, 40, caps=(False, False))]
    collar = lathe([(r * 0.8, -24), (r * 1.12, -23), (r * 1.18, -11), (r * 0.9, -10)], second, 40, caps=(False, False))
    ribs = [placed(box((2.4, 2.4, 15), skin), (r * np.cos(t), r * np.sin(t), -9)) for t in np.linspace(0, 6.28, 13)]
    return [*parts, collar, *ribs, lathe([(0.02, 0), (r * 0.56, 0), (r * 0.56, 1)], plain("bore", "#101010"), 30)]


def watering_rose(rng):
    r, skin = (
        rng.uniform(22, 36),
        pick(rng, coat(rng, GRIPS), plain("brass", *BRASS), plain("zinc", "#9a9c9c", 0.5, 1.0)),
    )
    bell = [(9, -40), (9, -22), (r, 0), (r, 4), (r - 2, 6), (0.02, 6 + r * 0.12)]
    parts, hole = [lathe(bell, skin, 56)], plain("hole", "#0c0c0c", 0.9)
    for k in range(1, int(r * 1.6)):
        out, turn = r * 0.92 * np.sqrt(k / (r * 1.6)), 2.39996 * k
        at = (out * np.cos(turn), out * np.sin(turn), 5.8 + r * 0.12 * (1 - out / (r - 2)))
        parts.append(placed(lathe([(1.2, 0), (1.2, 0.6), (0.02, 0.6)], hole, 10), at))
    return parts


def plastic_mesh(rng):
    """A cut of fence or bird netting of stiff plastic."""
    skin, step = coat(rng, ("#2a6a3a", "#5f8f2a", "#24262a", "#d2691e", "#e2dfd6", "#7a4a26")), rng.uniform(9, 17)
    nx, ny, slant = int(rng.integers(5, 11)), int(rng.integers(4, 8)), rng.uniform(-0.4, 0.4)
    wave, parts = rng.uniform(0, 6, 2), []

    def bent(x, y):
        z = 7 + 5 * np.sin(x / 33 + wave[0]) + 5 * np.sin(y / 27 + x / 60 + wave[1])
        return np.stack([x + slant * y, y, z], -1)

    t = np.linspace(-0.4, 1, 50)
    for i in range(nx):
        long = rng.uniform(0.7, 1.0)
        parts.append(tube(bent(0 * t + i * step, t * (ny - 0.6) * step * long), step * 0.1, skin, 8))
    for j in range(ny):
        row = bent(t * (nx - 0.6) * step * rng.uniform(0.8, 1), 0 * t + j * step)
        parts.append(tube(row, step * 0.1, skin, 8))
    return parts


def tent_peg(rng):
    skin, length, r = pick(rng, metal(rng), coat(rng, (*GRIPS, "#d8b01c"))), rng.uniform(130, 190), rng.uniform(2.2, 4)
    bend = rng.uniform(-14, 14)
    hook = [(18, -9, 0), (14, -16, 0), (4, -14, 0), (0, 0, 0)]
    path = smooth_path([*hook, (-length / 2, bend, 0), (-length, 0, 0)], 90)
    return [tube(path, np.r_[np.full(84, r), np.linspace(r, 0.5, 6)], skin, 14)]


def rubber_mat(rng):
    """A torn piece of ribbed or studded matting."""
    u, v = sheet_grid(150, 110)
    x, y = rng.uniform(38, 75) * (2 * u - 1), rng.uniform(30, 50) * v
    pattern = pick(rng, np.sin(x * 1.1), np.sin(x * 0.8) * np.sin(y * 0.8), np.sin((x + y) * 0.9))
    z = 6 + crumpled(x, y, rng, 4, 70) + 1.4 * np.clip(pattern * 3, -1, 1)
    torn = 1 + crumpled(x, y, rng, 0.05, 30)
    return [
        sheet(
            x * torn,
            y * torn,
            z,
            coat(rng, ("#24262a", "#24262a", "#7a4a26", "#5f8f2a", "#8a8a86"), 0.8, 0.2),
            thickness=4,
        )
    ]


def tyre_piece(rng):
    """A piece of bicycle or barrow tyre with its tread."""
    sweep, wide = rng.uniform(0.5, 1.5), rng.uniform(15, 28)
    a, t = np.meshgrid(np.linspace(-sweep, sweep, 150), np.linspace(0.5, 2 * np.pi - 0.5, 60), indexing="ij")
    tread = 1.6 * (np.sin(a * 55 + 3 * np.abs(t - np.pi)) > 0) * (np.abs(t - np.pi) < 1)
    out = 75 - (wide + tread) * np.cos(t)
    rings = out * np.sin(a), out * np.cos(a) - 75, (wide + tread) * 0.8 * np.sin(t)
    tones = pick(rng, ("#242424", "#333130"), ("#242424", "#5a5048"), ("#8a6a48", "#7a5a3a"))
    return [sheet(*rings, mottled("rubber", tones, 5, rough=0.8, bump=0.2), thickness=2.5)]


def inner_tube(rng):
    """A flat loop of black or butyl tube with its valve."""
    t = np.linspace(0, 2 * np.pi, 160)
    r = rng.uniform(38, 65) * (1 + 0.25 * np.sin(2 * t + rng.uniform(0, 6)) + 0.18 * np.sin(3 * t + rng.uniform(0, 6)))
    path = np.stack([r * np.cos(t), r * np.sin(t), 10 + 4 * np.sin(3 * t)], -1)
    skin = coat(rng, ("#24262a", "#24262a", "#3a2a24", "#a8503a"), 0.6, 0.1)
    return [
        tube(path, rng.uniform(8, 14) * (1 + 0.12 * np.sin(7 * t)), skin, 18),
        tube([path[40], path[40] * 0.5], 3, plain("valve", *BRASS)),
    ]


def wall_plugs(rng):
    """Plugs of one sort or another, some with their screw."""
    tone = coat(rng, ("#8a8a88", "#d2691e", "#b3201c", "#e2dfd6", "#5f8f2a", "#7a4a26"))
    steel, long = plain("screw", *STEEL), rng.uniform(26, 48)
    shape = [
        (0.02, 0),
        (2.6, 1),
        (3.6, 3),
        (3, 6),
        (3.8, 9),
        (3.2, 12),
        (4, 16),
        (3.6, long - 3),
        (4.8, long),
        (2, long),
    ]

    def plug():
        head = (
            [lathe([(2, long), (2, long + 6), (4.5, long + 9), (0.02, long + 9)], steel, 16)]
            if rng.random() < 0.3
            else []
        )
        return [placed(part, (0, 0, 6), (np.pi / 2, 0, 0)) for part in (lathe(shape, tone, 12), *head)]

    parts = []
    for _ in range(int(rng.integers(4, 12))):
        turn, at = rng.uniform(0, 2 * np.pi), rng.normal(0, 17, 2)
        parts += [placed(part, (*at, rng.uniform(4, 9)), (np.pi / 2, 0, turn)) for part in plug()]
    return parts


def sandpaper(rng):
    u, v = sheet_grid(100, 80)
    x, y = rng.uniform(35, 80) * (2 * u - 1), rng.uniform(25, 45) * v
    z = 8 + rng.uniform(6, 22) * (2 * u - 1) ** 2 + crumpled(x, y, rng, 3, 60)
    grit = pick(rng, ("#a85a34", "#8a4426"), ("#c8a868", "#b0904c"), ("#3a3a3c", "#2a2a2c"), ("#5a7a4a", "#4a6a3e"))
    face = mottled("grit", (*grit, "#d0c8b4"), 90, rough=1.0, bump=1.0)
    return [
        sheet(
            x * (1 + crumpled(x, y, rng, 0.04, 12)), y, z, [face, coat(rng, ("#c9b08a", "#e2dfd6"), 0.9)], thickness=0.9
        )
    ]


def reflector(rng):
    tone, t = pick(rng, "#b8201c", "#e0861e", "#d8d8d4", "#d8a01c"), np.linspace(0, 2 * np.pi, 40, endpoint=False)
    a, b, power = rng.uniform(24, 42), rng.uniform(17, 26), pick(rng, 1, 0.35)
    edge = np.stack(
        [a * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power, b * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power], -1
    )
    lens, parts = plain("lens", tone, 0.08, specular=1.0), [slab(edge, 6, coat(rng, ("#24262a", "#8a8a88")))]
    parts.append(slab(edge * 0.93, 2.5, lens, (0, 0, 6)))
    facets = [(x, y, 8.5) for x in np.arange(-a, a, 5) for y in np.arange(-b, b, 5)]
    inside = [f for f in facets if ((abs(f[0]) + 3) / a) ** (2 / power) + ((abs(f[1]) + 3) / b) ** (2 / power) < 0.85]
    parts += [placed(lathe([(3, 0), (0.02, 1.6)], lens, 4), f) for f in inside]
    return [*parts, lathe([(2.5, -14), (2.5, 0)], plain("bolt", *STEEL), 14)]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(concrete_lump, seeds=4),
    contaminant_to_train(plaster_piece, seeds=4, poses=2, **FLAT),
    contaminant_to_train(foam_lump, seeds=4),
    contaminant_to_train(asphalt_piece),
    contaminant_to_train(hose_connector, poses=2),
    contaminant_to_train(watering_rose, seeds=2, poses=2),
    contaminant_to_train(plastic_mesh, seeds=4, **FLAT),
    contaminant_to_train(tent_peg, seeds=2),
    contaminant_to_train(rubber_mat, **FLAT),
    contaminant_to_train(tyre_piece, poses=2, **FLAT),
    contaminant_to_train(inner_tube, **FLAT),
    contaminant_to_train(wall_plugs, seeds=2, **FLAT),
    contaminant_to_train(sandpaper, poses=2, **FLAT),
    contaminant_to_train(reflector, poses=2, **FLAT),
)
