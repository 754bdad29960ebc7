"""Carrots of many sorts and maize."""

import numpy as np
from brassicas import GOLDEN
from parts import polar, tinted
from recipe import compost_as_built
from shapes import (
    ball_points,
    fractal,
    lathe_rings,
    loft,
    mesh_object,
    offset_of,
    pick,
    roughened,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
    turned,
)
from stalks import cut_loft, long_half, long_rings
from sundries import placed

CARROTS = (
    (("#b8561c", "#d8742a", "#e08a44"), ("#d8782c", "#e89440"), ("#e0a458", "#d88434")),
    (("#3a1830", "#5c2846", "#4a2238"), ("#6a2c4c", "#8a4458"), ("#d88838", "#e0a44c")),
    (("#b88a2c", "#d4ac48", "#e0c070"), ("#dcbc5c", "#e8d08c"), ("#d8b050", "#ecdca4")),
    (("#c8b890", "#dcd0b0", "#b09a6c"), ("#e0d6b4", "#ece4cc"), ("#d8cc98", "#e8e0bc")),
    (("#8a3420", "#a84c2c", "#b8643c"), ("#cc6a34", "#dc8444"), ("#d8ac5c", "#e4bc70")),
)
"""Tones of skin, flesh and core."""


def carrot_rings(rng, length, thick):
    taper = pick(rng, (1, 0.95, 0.8, 0.6, 0.35, 0.12), (0.95, 1, 0.97, 0.92, 0.85, 0.5), (1, 0.7, 0.5, 0.36, 0.24, 0.1))
    rings = long_rings(rng, length, thick * np.array(taper), rng.uniform(-10, 10), 9, 1, 0.9, 110)
    creases = np.clip(fractal(rings[:, 0] * [1, 0, 0], 3.5, offset_of(rng), 3), -1, 0.1)
    middle = rings.mean(axis=1, keepdims=True)
    return middle + (rings - middle) * (1 + 0.05 * creases)[:, None, None]


def carrot_skin(rng, tones):
    return tinted(rng, (*tones, pick(rng, *tones, "#5a4630")), 6, stretch=(4, 0.6, 0.6), rough=0.5, bump=0.4)


def tops(rng, at, length, thick, count):
    """Carrot green: stems with feathery tufts, or cut short."""
    green = tinted(rng, pick(rng, ("#34602a", "#5c8a3c", "#8aa858"), ("#6a7a34", "#a09c4c", "#8a7a40")), 9)
    parts = []
    for _ in range(count):
        reach, swing = length * rng.uniform(0.6, 1), rng.uniform(-0.45, 0.45)
        ways = [(4, 0, 0), (-0.3 * reach, 0.15 * swing * reach, 3), (-reach, swing * reach, rng.uniform(0, 9))]
        path = smooth_path(ways, 24) + at + [0, *rng.uniform(-0.5, 0.5, 2) * thick]
        parts.append(tube(path, np.linspace(1.9, 0.8, 24), green, 7))
        for k in range(10 if length > 35 else 0):
            u, v = sheet_grid(29, 5)
            size = rng.uniform(12, 24) * (1.2 - 0.06 * k)
            y = v * 0.32 * size * np.sin(np.pi * u**0.7) * (0.6 + 0.4 * np.cos(7 * np.pi * u)) + 0.4 * v
            leaf = np.stack([size * u, y, 3 * np.sin(2 * u) + 0 * v], -1).reshape(-1, 3)
            leaf = turned(leaf, yaw=np.pi - swing + (-1) ** k * rng.uniform(0.3, 1.1), tilt=rng.uniform(-0.7, 0.7))
            parts.append(sheet(*(leaf + path[13 + k]).T.reshape(3, 29, 5), green, thickness=0.5))
    return parts


def bunched_carrots(rng):
    parts, mixed, thick = [], rng.random() < 0.5, rng.uniform(8, 14)
    tones, length = pick(rng, *CARROTS), rng.uniform(20, 105)
    for k in range(int(rng.integers(1, 5))):
        long = rng.uniform(80, 135)
        rings = carrot_rings(rng, long, thick) + np.array([long / 2, 0, 0])
        root = loft(rings, carrot_skin(rng, (pick(rng, *CARROTS) if mixed else tones)[0]))
        whole = [root, *tops(rng, (1, 0, 0), length, thick, int(rng.integers(3, 7)))]
        side = (k + 1) // 2 * (-1) ** k
        at, turn = (rng.uniform(-6, 6), 1.55 * thick * side, thick), (0, 0, 0.1 * side + rng.normal(0, 0.05))
        parts += [placed(part, at, turn) for part in whole]
    return parts


def halved_carrot(rng):
    """Cut lengthwise, perhaps with the other half on its cut beside it."""
    skin, flesh, core = pick(rng, *CARROTS)
    length, thick = rng.uniform(90, 170), rng.uniform(12, 20)
    rings = carrot_rings(rng, length, thick)
    up = long_half(rings, skin[:2], (*flesh, flesh[0], core[0], core[1]), seed=rng.integers(99))
    parts = [up, *tops(rng, (-length / 2 + 3, 0, -0.3 * thick), rng.uniform(5, 14), 0.8 * thick, 4)]
    if rng.random() < 0.6:
        back = loft(rings * [1, 1, 0.9], carrot_skin(rng, skin))
        parts.append(placed(back, (rng.uniform(-30, 30), 2.1 * thick, -0.3 * thick), (0, 0, rng.uniform(-0.2, 0.2))))
    return parts


def broken_carrot(rng):
    """One to three snapped pieces, their rough ends showing the core."""
    tones, parts = pick(rng, *CARROTS), []
    thick = rng.uniform(13, 21)
    flesh = tinted(rng, (tones[2][1], tones[2][0], tones[1][0], tones[1][1]), 9, "along", blend=0.2, bump=0.5)
    for k in range(int(rng.integers(1, 4))):
        skin = carrot_skin(rng, tones[0])
        length = rng.uniform(70, 150)
        rings = carrot_rings(rng, length, thick)
        kept = rings[: int(rng.uniform(0.4, 0.75) * len(rings))]
        middle, u, v = kept[-1].mean(axis=0), *polar(20, 48)
        slant = rng.uniform(-0.6, 0.6, 2)
        shear = (kept[..., 1:] - middle[1:]) @ slant * np.linspace(0, 1, len(kept))[:, None] ** 4
        kept = kept + np.stack([shear, 0 * shear, 0 * shear], -1)
        radius = 0.99 * np.linalg.norm(rings[len(kept) - 1, :, 1:] - middle[1:], axis=1).mean()
        y, z = radius * u * np.cos(v), radius * u * np.sin(v)
        face = np.stack([y, z, 0 * y], -1).reshape(-1, 3)
        x = y * slant[0] + z * slant[1] + 2.5 * fractal(face, 6, offset_of(rng)).reshape(u.shape) * (1 - u**6) + 0.5
        piece = [loft(kept, skin), sheet(x + middle[0], y + middle[1], z + middle[2], flesh, along=u, thickness=0.3)]
        turn = (rng.uniform(0, 6), -rng.uniform(0.05, 0.35), 2.2 * k + rng.uniform(-0.5, 0.5))
        at = (1.6 * thick * k * np.cos(k), 2.1 * thick * k * np.sin(k + 1), 0)
        parts += [placed(part, at, turn) for part in piece]
    return parts


def lumps(centres, outs, radii, tones, material):
    """Many rounded grains as one mesh: ``radii`` [N, 3] along x, around it and outward."""
    unit, faces = ball_points(3)
    unit = np.sign(unit) * np.abs(unit) ** 0.75
    ahead = np.array([1.0, 0, 0])
    bodies = [
        (unit * r) @ np.stack([ahead, np.cross(out, ahead), out]) + at
        for at, out, r in zip(centres, outs, radii, strict=True)
    ]
    faces = [[len(unit) * k + corner for corner in face] for k in range(len(bodies)) for face in faces]
    return mesh_object(np.concatenate(bodies), faces, material, np.repeat(tones, len(unit)))


KERNELS = (
    ("#c8902a", "#e4b83c", "#f0d060", "#e8c850"),
    ("#d8c48a", "#ece0b4", "#e8cc60", "#f0dc8c"),
    ("#3a1c2c", "#8a3a2c", "#d8a040", "#54486a"),
    ("#a8641c", "#c8842c", "#d89c40", "#b06a24"),
)


def maize(rng, kernels=0.9, share=1.0, husk=0):
    """A cob of which ``kernels`` are left, broken off at a ``share``, with ``husk`` sheaths."""
    length, thick, rows = rng.uniform(120, 185), rng.uniform(15, 20), int(rng.integers(6, 9)) * 2
    radius = lambda x: thick * np.sqrt(np.clip(1.03 - np.abs(x / length + 0.42) ** 3, 0.05, 1))  # noqa: E731
    pith = pick(rng, ("#a88a5c", "#d0ba8c", "#e4d8b8"), ("#7a3c34", "#b07a64", "#d8b898"), ("#6a5434", "#98804e"))
    x = np.linspace(-length / 2, length / 2 * (2 * share - 1), 60)
    rings = np.stack([0 * x, 0 * x, x], 1)[:, None] + lathe_rings(np.stack([radius(x) - 2.5, 0 * x], 1), 40)
    rings = np.stack([rings[..., 2], *np.moveaxis(roughened(rings, rng, 0.8, 4), -1, 0)[:2]], -1)
    core = tinted(rng, pith, 12, bump=0.9, rough=0.9)
    parts = [cut_loft(rings, core, tinted(rng, ("#d8c8a0", "#ece4cc"), 14), 0.999)]
    stub = [(-length / 2 + 3, 0, 0), (-length / 2 - 8, 1, 0), (-length / 2 - rng.uniform(10, 24), 2, 0)]
    parts.append(tube(np.array(stub), [0.7 * thick, 8, 8.5], tinted(rng, ("#a8a860", "#d0cc98"), 8, bump=0.5), 16))
    step = rng.uniform(4.0, 5.0)
    along, around = np.meshgrid(np.arange(x[0] + 4, x[-1] - 1, step), np.arange(rows), indexing="ij")
    along = (along + (around // 2 % 2) * step / 2 + rng.normal(0, 0.25, along.shape)).ravel()
    angle = (around * 2 * np.pi / rows + 0.06 * np.sin(along.reshape(around.shape) / 25)).ravel() + 0.1
    out = np.stack([0 * angle, np.cos(angle), np.sin(angle)], -1)
    noise = fractal(out * thick + along[:, None] * [1, 0, 0], 30, offset_of(rng), 3)
    order = np.argsort(np.argsort(noise + 0.15 * rng.normal(size=len(noise)))) / len(noise)
    there, r = order < kernels, radius(along)
    wide = np.pi * r / rows
    if there.any():
        sizes = np.stack([0.56 * step * np.ones_like(r), 1.04 * wide, 0.28 * r], -1)[there]
        grain = tinted(rng, pick(rng, *KERNELS), 3, "along", blend=0.2, rough=0.3, bump=0.05)
        at = out * (r - 1.5)[:, None] + along[:, None] * [1, 0, 0]
        parts.append(
            lumps(
                at[there],
                out[there],
                sizes * rng.uniform(0.92, 1.08, (there.sum(), 1)),
                rng.beta(0.8, 0.8, there.sum()),
                grain,
            )
        )
    if (~there).any():
        chaff = np.stack([0.36 * step * np.ones_like(r), 0.62 * wide, 0.14 * r], -1)[~there]
        at = out * (r - 2.8)[:, None] + along[:, None] * [1, 0, 0]
        parts.append(lumps(at[~there], out[~there], chaff, rng.random((~there).sum()), core))
    tones = pick(rng, ("#6a8a3c", "#a0b468", "#d4d8a8"), ("#a89a5c", "#cfc08c", "#e4d8b4"), ("#8a9a54", "#c4c084"))
    sheath = tinted(rng, tones, 7, stretch=(0.25, 5, 5), rough=0.6, bump=0.5)
    for k in range(husk):
        u, v = sheet_grid(60, 21)
        open_, a = rng.choice([rng.uniform(0.0, 0.25), rng.uniform(0.5, 2.6)]), GOLDEN * k + rng.uniform(-0.4, 0.4)
        reach = length * rng.uniform(0.55, 1.05)
        phi = open_ * np.clip(1.5 * u, 0, 1)
        far = 0.75 * thick + np.cumsum(np.sin(phi), axis=0) * reach / 60 + 0.5 * thick * np.sin(np.pi * u**0.7 / 1.6)
        half = 1.7 * thick * np.sin(np.pi * (0.22 + 0.77 * u)) ** 0.8
        turn = a + v * np.minimum(half / far, 1.6) + 0.15 * np.sin(5 * u + k)
        far = far + 0.8 * np.sin(9 * v + k) + 2 * np.sin(6 * u + 3 * v + k) * u
        y, z = far * np.cos(turn), far * np.sin(turn)
        z = np.where(np.abs(z) > thick, np.sign(z) * (thick + 0.3 * (np.abs(z) - thick)), z)
        where = -length / 2 - 2 + np.cumsum(np.cos(phi), axis=0) * reach / 60
        parts.append(sheet(where, y, np.maximum(z, -1.25 * thick), sheath, thickness=0.7))
    silk = tinted(rng, ("#7a4a24", "#b08a4c", "#5a3418"), 9)
    for _ in range(18 if husk > 2 else 0):
        ways = np.cumsum([(length / 2 - 20, 0, 0.5 * thick), *(rng.normal((12, 0, -3), (5, 7, 4), (4, 3)))], axis=0)
        parts.append(tube(smooth_path(ways, 16), 0.6, silk, 5))
    return parts


def half_cob(rng):
    return maize(rng, rng.uniform(0.75, 1), rng.uniform(0.3, 0.65))


def bare_cob(rng):
    return maize(rng, rng.choice([0, 0, 0.08, 0.25]), rng.choice([1, 1, 0.6]))


def maize_in_husk(rng):
    return maize(rng, 0.98, husk=int(rng.integers(3, 9)))


RECIPES = (
    compost_as_built("bunched_carrots", "garden_carrot", bunched_carrots, seeds=7),
    compost_as_built("halved_carrot", "garden_carrot", halved_carrot, seeds=5),
    compost_as_built("broken_carrot", "garden_carrot", broken_carrot, seeds=6),
    compost_as_built("maize_in_husk", "maize", maize_in_husk, seeds=6),
    compost_as_built("half_cob", "maize", half_cob, seeds=5),
    compost_as_built("bare_cob", "maize", bare_cob, seeds=5),
)
