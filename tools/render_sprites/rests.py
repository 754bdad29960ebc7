"""Florets, roots, cobs, leaves and shells, eaten or torn."""

import numpy as np
from foliage import leaf
from materials import mottled, plain
from parts import bowl, heap, tinted
from recipe import compost_to_train
from shapes import ball_points, fractal, mesh_object, offset_of, pick, sheet, sheet_grid, smooth_path, tube
from sundries import placed

HEADS = (
    ("#2a4a1e", "#3f6a2c", "#5a8040"),
    ("#3a5a4a", "#54785a", "#6a8a6a"),
    ("#e0dcc4", "#ece8d4", "#c8c0a0"),
    ("#6a3a6a", "#8a5a84", "#5a4a5a"),
    ("#9ab04a", "#b8c868", "#8a9a40"),
    ("#8a8a3a", "#b0a850", "#6a6a30"),
)
"""Colours of heads of florets."""


ROOTS = (
    ("#c8601c", "#e0862e", "#d8742a"),
    ("#4a2040", "#6a3458", "#3a1a34"),
    ("#d8b048", "#e8cc70", "#c89a3a"),
    ("#e0d8bc", "#d0c498", "#b8a878"),
    ("#a85a2c", "#8a5030", "#5a3a20"),
)


def floret(rng):
    """A head or a floret of broccoli, cauliflower or romanesco: knobs of buds on a branching stalk."""
    tones, size = HEADS[rng.integers(len(HEADS))], rng.uniform(18, 31)
    buds = tinted(rng, tones, 22, rough=0.9, bump=0.9)
    stalk = tinted(rng, pick(rng, ("#a8b878", "#8aa05c"), ("#d0d0a8", "#b8bc88")), 5, rough=0.7)
    parts = [
        tube(
            smooth_path([(0, 0, -size * rng.uniform(1.0, 1.9)), (2, 1, -size * 0.4), (0, 0, 0)], 20),
            np.linspace(size * 0.28, size * 0.4, 20),
            stalk,
            20,
        )
    ]
    knobs = int(rng.integers(9, 18))
    turn = np.arange(knobs) * 2.4
    out = size * 0.85 * np.sqrt((np.arange(knobs) + 0.5) / knobs)
    for a, r in zip(turn, out, strict=True):
        at = np.array([r * np.cos(a), r * np.sin(a), 0.55 * np.sqrt(max(size**2 - r**2, 0))])
        knob = size * rng.uniform(0.3, 0.45)
        unit, faces = ball_points(5)
        rough = 1 + 0.22 * np.abs(fractal(unit, 0.25, offset_of(rng), 3))
        parts.append(mesh_object(unit * rough[:, None] * knob + at, faces, buds))
        parts.append(tube([(0, 0, -size * 0.2), at], knob * 0.4, stalk, 10))
    return parts


def old_carrot(rng):
    """Roots of many colours: blunt, forked, broken, wilted, with a rest of their leaves."""
    tones = pick(rng, *ROOTS)
    long, thick = rng.uniform(70, 160), rng.uniform(11, 24)
    t = np.linspace(0, 1, 60)
    r = thick * pick(rng, 1 - 0.75 * t, (1 - t**5) ** 0.5, 1 - 0.35 * t) * (1 + 0.03 * np.sin(60 * t)) + 0.5
    r[0], r[-1] = thick * 0.5, max(r[-1] * pick(rng, 0.2, 0.9), 0.4)
    skin = tinted(rng, tones, 5, rough=0.7, bump=0.5, stretch=(4, 1, 1))
    bend = rng.uniform(-14, 14)
    path = np.stack([long * t, bend * np.sin(2.2 * t), 0 * t], -1)
    parts = [tube(path, r, skin, 32)]
    if rng.random() < 0.25:
        fork = np.stack([long * (0.5 + 0.4 * t), bend * 0.8 + 22 * t, 0 * t], -1)
        parts.append(tube(fork, thick * 0.55 * (1 - 0.8 * t) + 0.5, skin, 24))
    green = tinted(rng, ("#5f7a2c", "#8a9a45", "#6a7a30"), 20)
    for _ in range(int(rng.integers(0, 9))):
        a, b = rng.normal(0, 8, 2)
        path = smooth_path([(2, 0, 0), (-12, a * 0.4, b * 0.3), (-rng.uniform(18, 60), a * 2, b)], 20)
        parts.append(tube(path, np.linspace(2, 0.8, 20), green, 8))
    return parts


def maize_rest(rng):
    """An ear of maize with some of its husk, half eaten, or the bare core."""
    long, r, kind = rng.uniform(70, 150), rng.uniform(14, 22), rng.integers(3)
    core = tinted(
        rng, pick(rng, ("#c8a868", "#a88850", "#d8c090"), ("#8a3a2c", "#b86a50", "#c89878")), 14, rough=0.9, bump=1.0
    )
    t = np.linspace(0, 1, 70)
    body = (r - (0 if kind == 0 else 5)) * (1 - 0.35 * t**3)
    body[0], body[-1] = r * 0.4, r * 0.25
    parts = [tube(np.stack([long * t, 0 * t, 0 * t], -1), body, core, 36)]
    grain = tinted(
        rng,
        pick(rng, ("#d8a020", "#e8bc3c", "#f0d070"), ("#e8dcb8", "#d8c890"), ("#5a2a44", "#7a3a3a", "#c89a40")),
        16,
        rough=0.3,
        bump=0.1,
    )
    if kind != 2:
        rows, eaten = int(rng.integers(12, 17)), rng.uniform(0.3, 0.8) if kind == 1 else 2
        unit, faces = ball_points(2)
        points, polygons = [], []
        for x in np.arange(5, long - 4, 5.6):
            around = r * (1 - 0.35 * (x / long) ** 3)
            for turn in np.linspace(0, 2 * np.pi, rows, endpoint=False):
                if x / long + 0.15 * np.sin(3 * turn) < eaten:
                    polygons += [[i + len(points) * len(unit) for i in face] for face in faces]
                    out = np.array([0, np.cos(turn), np.sin(turn)])
                    points.append(unit * [3.1, 3.4, 3.4] + out * (around - 1.5) + [x, 0, 0])
        parts.append(mesh_object(np.concatenate(points), polygons, grain))
    for turn in rng.uniform(0, 2 * np.pi, int(rng.integers(0, 4))):
        u, v = sheet_grid(50, 20)
        x = long * rng.uniform(0.5, 1.1) * u - 12
        y, z = r * 1.2 * v * np.sin(np.pi * (0.2 + 0.78 * u)), (r + 3) * np.cos(v * 0.9) + 4 * u
        husk = sheet(x, y, z, tinted(rng, ("#b0b868", "#d0cc90", "#98a050"), 12, stretch=(0.2, 3, 3)), thickness=0.7)
        parts.append(placed(husk, (0, 0, 0), (turn, 0, 0)))
    return parts


def lettuce_leaves(rng):
    """Leaves of lettuce, rocket or chard in a loose heap, or a cut heart."""
    tones = (("#5a8a2c", "#8ab048", "#d8e4a0"), ("#3a6a24", "#6a9a40", "#c0d090"), ("#6a2a30", "#8a5a3c", "#b0c070"))

    def one():
        return leaf(
            rng,
            tones,
            rng.uniform(50, 95),
            rng.uniform(28, 60),
            lobes=rng.uniform(0, 0.2),
            lobe_count=rng.uniform(2, 5),
            curl=18,
            bend=14,
        )

    return heap(rng, int(rng.integers(3, 7)), (30, 24), one, 4, 0.12)


def hatched_shell(rng):
    """Shells of eggs: halves, nested halves, crushed pieces; brown, white, speckled or blue-green."""
    tone = pick(rng, "#c8946a", "#d8b08a", "#f0ece4", "#e8e0d0", "#b8c8b8")
    outside = mottled("shell", (tone, tone, pick(rng, tone, "#8a6a4a")), 14, rough=0.7, bump=0.1, seed=rng.integers(99))
    inside = plain("membrane", pick(rng, "#f4f0e6", "#e8dcc0", "#f0e4b0"), 0.6)

    def half():
        size = rng.uniform(0.85, 1.1)
        return [
            bowl(
                rng,
                np.array([22, 22, rng.uniform(22, 30)]) * size,
                rng.uniform(0.7, 1.7),
                [outside, inside],
                0.6,
                rng.uniform(0.08, 0.3),
            )
        ]

    kind = rng.integers(3)
    if kind == 0:
        return half()
    return heap(rng, 2 if kind == 1 else int(rng.integers(4, 8)), (16, 14) if kind == 1 else (34, 26), half, 7, 0.5)


FLAT = {"lies_as_built": True}


RECIPES = (
    compost_to_train("floret", "floret", floret, seeds=8),
    compost_to_train("old_carrot", "old_carrot", old_carrot, seeds=8),
    compost_to_train("maize_rest", "maize_rest", maize_rest, seeds=7),
    compost_to_train("lettuce_leaves", "lettuce_leaves", lettuce_leaves, seeds=6, **FLAT),
    compost_to_train("hatched_shell", "hatched_shell", hatched_shell, seeds=8, **FLAT),
)
