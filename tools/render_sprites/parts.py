"""Shapes that objects of several kinds are made of."""

import numpy as np
from materials import mottled
from shapes import MM, fractal, lathe, loft, offset_of, sheet, sheet_grid
from stalks import long_rings
from sundries import placed


def tinted(rng, colours, scale=6, along=None, **more):
    """A mottled material that differs between individuals."""
    return mottled("part", colours, scale, along, seed=rng.integers(99), **more)


def polar(rows=48, columns=96):
    """Radius 0..1 and angle of a disc, each [rows, columns]."""
    u, v = sheet_grid(rows, columns)
    return u, np.pi * v


def cut_half(size, face, skin, along, relief=0.0, depth=0.95, squash=0.95):
    """Half a round fruit, its cut face up; ``along`` and ``relief`` of the face as ``polar`` grids."""
    u, angle = polar()
    profile = np.array([(1, 0), (0.98, -0.25), (0.8, -0.7), (0.45, -0.95), (0.001, -1)]) * [size, depth * size]
    shell = lathe(profile, skin, 64, 30, caps=(False, True))
    shell.scale = (1, squash, 1)
    x, y = size * u * np.cos(angle), squash * size * u * np.sin(angle)
    return [sheet(x, y, relief + 0 * u, face, along=along, thickness=0.4), shell]


def round_fruit(rng, size, skin, long=1.0, crease=0.1, uneven=0.6, at=(0, 0, 0)):
    """A ball with a seam; "along" runs from its one side to the other."""
    rings = long_rings(rng, 2 * size * long, np.ones(4) * size, 0, 2, 0.96, uneven, 60, 48)
    across = 0.5 + 0.5 * rings[..., 1] / size
    rings[..., 1] -= crease * size * np.exp(-((rings[..., 2] / size / 0.15) ** 2)) * (rings[..., 1] > 0)
    return loft(rings + np.asarray(at), skin, along=np.clip(across, 0, 1))


def scattered(rng, count, gap, spread):
    """Places [count, 3] of a heap of things ``gap`` mm wide: each touches or lies on others."""
    places = [(0.0, 0.0, 0.0)]
    for at in rng.normal(size=(count - 1, 2)) * spread:
        far = [np.hypot(*(at - place[:2])) for place in places]
        nearest = np.array(places[int(np.argmin(far))][:2])
        at = nearest + (at - nearest) * min(1.0, 0.85 * gap / (min(far) + 1e-6))
        under = [place[2] for place in places if np.hypot(*(at - place[:2])) < 0.8 * gap]
        places.append((*at, min(max(under) + 0.5 * gap, 1.5 * gap, 40) if under else 0.0))
    return np.array(places)


def bowl(rng, radius, rim, materials, thickness, ragged=0.1, wave=0.0):
    """A broken bowl, hollow up: ``radius`` (x, y, z) mm, up to ``rim`` radians from its bottom."""
    u, angle = np.meshgrid(np.linspace(0.02, 1, 36), np.linspace(0, 2 * np.pi, 90, endpoint=False), indexing="ij")
    edge = 1 + ragged * (
        np.sin(2 * angle + rng.uniform(0, 6)) + 0.7 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.2 * np.sin(11 * angle)
    )
    theta = np.pi - u * rim * edge
    unit = np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.cos(theta)], -1)
    unit *= 1 + wave * fractal(unit.reshape(-1, 3), 0.4, offset_of(rng)).reshape(u.shape)[..., None]
    return loft(unit * np.asarray(radius), materials, caps=(True, False), thickness=thickness)


def slab(outline, height, material, at=(0, 0, 0), round_mm=0.0):
    """A flat plate: ``outline`` [K, 2] in x and y, ``height`` along z."""
    x, y = np.asarray(outline, dtype=float).T
    item = loft(np.stack([np.stack([x, y, 0 * x + z], -1) for z in (0, height)]) + np.asarray(at), material)
    item.data.polygons.foreach_set("use_smooth", np.zeros(len(item.data.polygons), dtype=bool))
    if round_mm:
        bevel = item.modifiers.new("round", "BEVEL")
        bevel.width, bevel.segments = round_mm * MM, 2
    return item


def heap(rng, count, spread, make, lift=4.0, upright=0.5):
    """``count`` lists of parts from ``make()``, tossed on a small heap."""
    parts = []
    for _ in range(count):
        at = rng.normal(size=2) * np.asarray(spread) * 0.5
        turn = (*rng.normal(0, upright, 2), rng.uniform(0, 2 * np.pi))
        level = lift * rng.uniform(0.2, 1) * np.exp(-((np.hypot(*at) / np.mean(spread)) ** 2)) * 2
        parts += [placed(part, (*at, level), turn) for part in make()]
    return parts


def ring_path(radius, count=60, plane="xy"):
    """A closed circle [count, 3]."""
    t = np.linspace(0, 2 * np.pi, count)
    a, b, zero = radius * np.cos(t), radius * np.sin(t), 0 * t
    return np.stack([a, b, zero] if plane == "xy" else [a, zero, b], -1)
