"""Kitchen leavings: shells, bones, heaps."""

import numpy as np
from materials import mottled
from recipe import compost
from shapes import (
    blob,
    mesh_object,
    pick,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
    turned,
)


def egg_shell(rng):
    u, v = sheet_grid(40, 96)
    angle = np.pi * v
    rim = (
        rng.uniform(1.45, 1.9)
        + 0.13 * np.sign(np.sin(7 * angle + rng.uniform(0, 6))) * np.abs(np.sin(11 * angle))
        + 0.1 * np.sin(3 * angle)
    )
    theta = np.pi - u * rim
    x, y, z = 22 * np.sin(theta) * np.cos(angle), 22 * np.sin(theta) * np.sin(angle), 27 * np.cos(theta)
    tone = pick(rng, ("#c59067", "#d8a984"), ("#e3d8c6", "#efe7da"), ("#a8714a", "#c08a62"))
    return [
        sheet(
            x,
            y,
            z,
            [mottled("outside", tone, 6, bump=0.1), mottled("inside", ("#ded5c4", "#efeae0"), 4, bump=0.1)],
            thickness=0.9,
        )
    ]


def bone(rng):
    length = rng.uniform(75, 120)
    path = smooth_path([(-length / 2, 0, 0), (-length / 6, 3, 1), (length / 6, 2, 2), (length / 2, 0, 0)], 50)
    t = np.linspace(-1, 1, 50)
    tone = mottled("bone", ("#b89468", "#d9c4a0", "#e8dcc2", "#9a6a42"), 4, bump=0.3, seed=rng.integers(99))
    knobs = [blob((9, 8, 8), tone, rng, 0.2, level=4, at=(s * length / 2, q * 6, 0)) for s in (-1, 1) for q in (-1, 1)]
    return [tube(path, 5.2 + 4.5 * np.abs(t) ** 4, tone, 24), *knobs]


def scraps(rng):
    """A heap of chopped vegetables."""
    tones = (
        ("#b3541a", "#e07a26"),
        ("#4d7a2a", "#86a84a"),
        ("#d8c184", "#efe3b8"),
        ("#8a3020", "#c0452e"),
        ("#5f4a2a", "#8a6a3a"),
        ("#7c3350", "#c9a0b4"),
    )
    materials = [mottled(f"piece{k}", tone, 8, seed=rng.integers(99)) for k, tone in enumerate(tones)]
    parts = []
    for _ in range(34):
        place = rng.normal(size=2) * [19, 14]
        height = max(0.0, 20 - 0.6 * np.hypot(*place)) * rng.random()
        parts.append(
            blob(
                rng.uniform((5, 4, 2.5), (14, 11, 6)),
                materials[rng.integers(len(materials))],
                rng,
                0.2,
                level=3,
                at=(*place, height + 5),
                cuts=4,
            )
        )
    return parts


def coffee_grounds(rng):
    dark = mottled("grounds", ("#1a100a", "#2e1c11", "#402a1a"), 30, bump=1.0, rough=0.8, seed=rng.integers(99))
    parts = [blob((42, 34, 15), dark, rng, 0.32, 0.6, 7, 6)]
    places = np.column_stack([rng.normal(size=(45, 2)) * [25, 20], rng.uniform(-11, -6, 45)])
    return [*parts, *(blob(rng.uniform(1.0, 3.4, 3), dark, rng, 0.3, level=2, at=place) for place in places)]


def soil_clod(rng):
    return [
        blob(
            (38, 30, 20),
            mottled("soil", ("#2a1c12", "#4a3422", "#6a4e33"), 16, bump=1.0, rough=0.85, seed=rng.integers(99)),
            rng,
            0.4,
            0.7,
            7,
            6,
        )
    ]


def spaghetti(rng):
    tone = mottled("pasta", ("#c9a24f", "#e3c67c"), 8, rough=0.3, bump=0.05)
    sauce = mottled("sauce", ("#8a2a14", "#b04a22"), 10, rough=0.3)
    parts = []
    for _ in range(42):
        knots = rng.normal(size=(7, 3)) * [30, 24, 5] + [0, 0, 12]
        knots[:, 2] = np.clip(knots[:, 2], 1, 26)
        parts.append(tube(smooth_path(knots, 46), 1.2, tone, 6))
    return [*parts, *(blob((9, 7, 4), sauce, rng, 0.4, level=3, at=(*(rng.normal(size=2) * 18), 18)) for _ in range(7))]


def rice_lump(rng):
    grain = mottled("rice", ("#d8d0b8", "#efe9d6", "#c9bd9a"), 10, rough=0.4)
    points, quads = [], []
    base = np.array([[-3.4, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1], [3.4, 0, 0]])
    faces = [(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 1), (5, 2, 1), (5, 3, 2), (5, 4, 3), (5, 1, 4)]
    for _ in range(520):
        place = rng.normal(size=3) * [15, 12, 4]
        shape = turned(turned(base, rng, tilt=rng.uniform(-1, 1)), rng) + place
        quads += [tuple(i + 6 * len(points) for i in face) for face in faces]
        points.append(shape)
    return [mesh_object(np.vstack(points), quads, grain), blob((26, 20, 9), grain, rng, 0.3, level=4)]


RECIPES = (
    compost("egg_shell", "egg", "test", egg_shell, poses=2, lies_as_built=True),
    compost("bone", "bone", "train", bone),
    compost("vegetable_scraps", "scraps", "train", scraps, lies_as_built=True),
    compost("coffee_grounds", "coffee_grounds", "train", coffee_grounds, lies_as_built=True),
    compost("soil_clod", "soil", "test", soil_clod, lies_as_built=True),
    compost("spaghetti", "pasta", "train", spaghetti, seeds=2, lies_as_built=True),
    compost("rice_lump", "rice", "train", rice_lump, seeds=2, lies_as_built=True),
)
