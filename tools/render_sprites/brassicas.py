"""Heads, florets and leaves of the cabbage family."""

import numpy as np
from mathutils import kdtree
from parts import tinted
from recipe import compost_as_built, compost_to_train
from shapes import ball_points, fractal, mesh_object, offset_of, pick, sheet, sheet_grid, smooth_path, tube
from sundries import placed

GOLDEN = 2.39996


def nearest(points, centres):
    """Distances [N, 2] to the two nearest of ``centres``."""
    tree = kdtree.KDTree(len(centres))
    for index, centre in enumerate(centres):
        tree.insert(centre, index)
    tree.balance()
    return np.array([[hit[2] for hit in tree.find_n(point, 2)] for point in points])


def spiral(count, reach=np.pi):
    """Even unit vectors [count, 3] around z, in spirals, up to ``reach`` radians from it."""
    i = np.arange(count)
    z = 1 - (i + 0.5) / count * (1 - np.cos(reach))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(GOLDEN * i), r * np.sin(GOLDEN * i), z], -1)


def frame(out):
    """Rotation [3, 3] that turns z to ``out``."""
    z = np.asarray(out) / np.linalg.norm(out)
    x = np.cross(z, [0.31, 0.92, 0.2])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], 1)


def floret(rng, at, out, size, material, beads=170, bump=0.14):
    """A knob of beads on its foot; "along" runs from the foot over the creases to the beads."""
    unit, faces = ball_points(5)
    centres = spiral(beads) + rng.normal(0, 0.06, (beads, 3))
    near = np.clip(1 - (nearest(unit, centres)[:, 0] * np.sqrt(beads) / 2.2) ** 2, 0, 1)
    up = np.clip(unit[:, 2:] * 2 + 0.9, 0, 1)
    body = unit * (1 + bump * near[:, None] * up + 0.14 * fractal(unit, 0.6, offset_of(rng), 3)[:, None])
    body[:, :2] *= np.clip(1 + 0.9 * unit[:, 2:], 0.25, 1)
    body[:, 2] *= np.where(unit[:, 2] > 0, 0.75, 0.9)
    return mesh_object((body * size) @ frame(out).T + at, faces, material, up[:, 0] * (0.3 + 0.7 * near))


def brassica(rng, radius, tall, count, size, tones, stalk, foot, reach=1.25, half=False, **more):
    """Florets on a branched stalk [thickness, length] ``foot``; ``half`` leaves out those behind the cut."""
    knob, thick, length = tinted(rng, tones, 5, "along", blend=0.25, bump=0.6), *foot
    wood, fork = tinted(rng, stalk, 5, stretch=(3, 3, 0.6), rough=0.5), np.array([0, 0, 0.1 * tall])
    lean = rng.normal(0, 0.12, 2) * length
    path = smooth_path([(*lean, -length), (*lean * 0.4, -length / 2), (0, 0, 0), (0, 0, 0.3 * tall)], 24)
    rings = thick * np.linspace(0.85, 1.15, 24) * (1 + 0.06 * np.sin(np.linspace(0, 9, 24) + rng.uniform(0, 6)))
    parts = [tube(path, rings, wood, 20), tube(path[:2] - [0, 0, 0.4], 0.75 * rings[:2], tinted(rng, stalk[-1:] * 2))]
    for out in spiral(count, reach):
        if half and out[1] < -0.12:
            continue
        out = out + rng.normal(0, 0.09, 3)
        at = out * [radius, radius, tall] * rng.uniform(0.86, 1.05)
        way = [fork - [0, 0, rng.uniform(0.1, 0.5) * tall], (fork + at) / 2 - [0, 0, 2], at]
        parts.append(tube(smooth_path(way, 8), np.linspace(0.4 * thick, 0.35 * size, 8), wood, 9))
        parts.append(floret(rng, at, out + np.array([0, 0, 0.25]), size * rng.uniform(0.8, 1.2), knob, **more))
    return parts


CALABRESE = (
    ("#b4c684", "#1d3a18", "#35602a", "#57803c"),
    ("#a9bf8c", "#16302a", "#2c5244", "#4d7360"),
    ("#b8b878", "#3c4a18", "#77803a", "#b3a648"),
    ("#a8b488", "#2a2434", "#4c4254", "#5c6a50"),
)


GREEN_STALKS = (("#7d9a4a", "#a9bd72", "#cdd8a0"), ("#8fa562", "#b9c98e", "#d8dcb4"), ("#8a8c50", "#b4ac70", "#c8b888"))


def calabrese_head(rng):
    """From above, on its stalk; or halved, on its cut."""
    tones, stalk, half = pick(rng, *CALABRESE), pick(rng, *GREEN_STALKS), rng.random() < 0.5
    radius, foot = rng.uniform(36, 50), (rng.uniform(12, 18), rng.uniform(35, 75) if half else 24)
    parts = brassica(
        rng, radius, rng.uniform(28, 40), int(rng.integers(24, 40)), 0.25 * radius, tones, stalk, foot, half=half
    )
    return [placed(part, turn=(np.pi / 2, 0, 0)) for part in parts] if half else parts


def calabrese_florets(rng):
    tones, stalk, parts = pick(rng, *CALABRESE), pick(rng, *GREEN_STALKS), []
    for k in range(int(rng.integers(1, 4))):
        radius, foot = rng.uniform(15, 26), (rng.uniform(5, 9), rng.uniform(20, 48))
        piece = brassica(rng, radius, radius, int(rng.integers(6, 13)), 0.42 * radius, tones, stalk, foot, 1.1)
        turn = (np.pi / 2 + rng.uniform(-0.5, 0.3), 0, 2.1 * k + rng.uniform(-0.4, 0.4))
        at = 0 if k == 0 else rng.uniform(30, 40)
        parts += [placed(part, (at * np.sin(turn[2]), -at * np.cos(turn[2]), radius), turn) for part in piece]
    return parts


def cauliflower_floret(rng):
    white, spotted = (
        ("#d5d6a4", "#c9b98a", "#e6dcc0", "#f0e9d6"),
        ("#cfcfa0", "#a8895a", "#d8c8a0", "#e4d6b4", "#8a6a42"),
    )
    other = pick(rng, ("#c8c4a0", "#4c2450", "#7a4478", "#96648e"), ("#d8cc94", "#c8842c", "#dca04a", "#e8bc6c"))
    curd = pick(rng, white, white, spotted, other)
    radius, foot = rng.uniform(18, 36), (rng.uniform(8, 13), rng.uniform(14, 38))
    stalk, count = ("#c3cc94", "#dcdcb8", "#ebe6cf"), int(rng.integers(8, 20))
    return brassica(
        rng, radius, 0.9 * radius, count, 0.42 * radius, curd, stalk, foot, rng.uniform(0.9, 1.5), beads=130, bump=0.13
    )


def blade(
    rng,
    length,
    width,
    material,
    shape=(0.6, 0.4),
    lean=0.1,
    curl=-0.2,
    cup=6.0,
    ruffle=5.0,
    relief=3.0,
    blister=0.0,
    rib=0.05,
    pairs=6.0,
    edge=None,
    forward=0.5,
    wrap=0.0,
    rows=64,
    columns=45,
    thickness=0.9,
):
    """A leaf along x that rises by ``lean`` and bends by ``curl`` radians; its veins point ``forward``.

    ``edge`` narrows its outline at (u, v), ``wrap`` mm rolls it across; "along" runs from margin over blade to ribs.
    """
    u, v = sheet_grid(rows, columns)
    peak = shape[0] / sum(shape)
    half = width / 2 * (u / peak) ** shape[0] * ((1 - u) / (1 - peak)) ** shape[1] + 2 + 0.05 * width * rib / 0.05
    half = half * (1 if edge is None else edge(u, v))
    ahead = forward * half * np.abs(v) * (1 - u**2)
    flat = np.stack([length * u + ahead, half * v, 0 * u], -1).reshape(-1, 3)
    side = np.abs(2 * ((pairs * u + 0.5) % 1) - 1)
    veins = np.maximum(np.exp(-((half * v / (width * rib * (1.15 - u))) ** 2)), 0.6 * np.clip(15 * side - 14, 0, 1))
    inner = 1 - np.maximum(np.abs(v), 2 * u - 1) ** 4
    wave = np.sin(2 * np.pi * (rng.uniform(2.5, 4.5) * u + rng.uniform(0, 1) + 0.4 * (v > 0)))
    wave = wave + 0.6 * np.sin(2 * np.pi * (rng.uniform(7, 10) * u + rng.uniform(0, 1) + 0.4 * (v > 0)))
    h = cup * v**2 + ruffle * wave * np.abs(v) ** 2.5 * np.sqrt(u)
    h += relief * fractal(flat, 26, offset_of(rng), 3).reshape(u.shape)
    if blister:
        cells = rng.uniform((0, -width / 2, 0), (1.3 * length, width / 2, 0.01), (int(length * width / 70), 3))
        first, second = nearest(flat, cells).T.reshape(2, *u.shape)
        h += blister * np.clip(1 - (first / 8) ** 2, 0, 1) * (1 - veins)
        veins = np.maximum(veins, 0.45 * np.exp(-(((second - first) / 1.3) ** 2)))
    s = half * v
    if wrap:
        turn = np.clip(s / wrap, -2.6, 2.6)
        s, h = wrap * np.sin(turn), h + wrap * (1 - np.cos(turn))
    phi = lean + curl * u
    step = length / rows
    x = np.cumsum(np.cos(phi) * step, axis=0) + np.cos(phi) * ahead - np.sin(phi) * h
    z = np.cumsum(np.sin(phi) * step, axis=0) + np.sin(phi) * ahead + np.cos(phi) * h
    return sheet(x, s, z, material, along=0.5 * inner + 0.5 * veins, thickness=thickness)


def torn(rng, amount):
    """A ragged outline: notches of one side, the other and the tip."""
    offset, share = offset_of(rng), rng.uniform(0.2, 1, 2)

    def edge(u, v):
        at = np.stack([3.2 * u, 0.4 * np.sign(v), 0 * u], -1).reshape(-1, 3)
        bites = np.clip(1.6 * fractal(at, 1, offset, 5).reshape(u.shape) + 0.25, 0, 1)
        return np.clip(1 - amount * bites * np.where(v > 0, *share), 0.12, 1)

    return edge


def savoy_leaf(rng):
    """A torn leaf of a green, white or red cabbage; blistered or smooth."""
    bend = {"lean": rng.uniform(0, 0.45), "curl": rng.uniform(-0.9, 0.4), "cup": rng.uniform(-14, 22)}
    size = {"length": rng.uniform(95, 165), "width": rng.uniform(80, 140), "shape": (0.5, rng.uniform(0.2, 0.45))}
    tones, blister = pick(
        rng,
        (("#2c5a30", "#4a7c40", "#c3d29a"), 4.5),
        (("#1f4a34", "#3c6a50", "#b4c8a4"), 5.5),
        (("#8aa850", "#b4c878", "#eceeda"), 3.5),
        (("#b8c888", "#d6dcae", "#f0f0e2"), 0.8),
        (("#4a1c3c", "#6c2c54", "#dccad4"), 0.8),
        (("#3a2444", "#5c3a60", "#c8a8c0"), 0.6),
    )
    skin = tinted(rng, tones, 5, "along", blend=0.2, rough=0.4, bump=0.2)
    look = {"blister": blister, "ruffle": rng.uniform(4, 10), "rib": rng.uniform(0.04, 0.07), "pairs": 5}
    whole = {**size, **bend, **look, "rows": 110, "columns": 99, "thickness": 1.4}
    return [blade(rng, material=skin, edge=torn(rng, rng.uniform(0.2, 1)), **whole)]


RECIPES = (
    compost_to_train("cauliflower_floret", "cauliflower", cauliflower_floret, seeds=6),
    compost_as_built("calabrese_head", "calabrese", calabrese_head, seeds=6),
    compost_as_built("calabrese_florets", "calabrese", calabrese_florets, seeds=6),
    compost_as_built("savoy_leaf", "savoy", savoy_leaf, seeds=8),
)
