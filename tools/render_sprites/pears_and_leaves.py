"""Pears, quinces, lettuce and the leaves of oaks."""

from functools import partial

import numpy as np
from brassicas import GOLDEN, blade, torn
from mathutils import Matrix
from parts import cut_half, heap, polar, tinted
from recipe import compost_as_built, compost_to_train
from shapes import MM, blob, loft, pick, sheet, smooth_path, tube
from stalks import long_half, long_rings
from sundries import placed

POMES = (
    ("#8a8a34", "#a8a044", "#7a6234"),
    ("#7f9440", "#a3ac58", "#8a6c3a"),
    ("#a8842c", "#c4a040", "#80582a"),
    ("#6a4c28", "#8a6a38", "#9a8444"),
)


def gnawed(rng, rings, skin, flesh, bites, deep):
    """The rings, with ``bites`` scooped out to ``deep`` of the radius; a browned rim to each."""
    axis = np.repeat(rings.mean(axis=1), rings.shape[1], axis=0)
    out = rings.reshape(-1, 3) - axis
    far, bare = np.linalg.norm(out, axis=1), np.zeros(len(out))
    out /= far[:, None]
    length, thick = np.ptp(rings[..., 0]), np.ptp(rings[..., 2]) / 2
    for k in range(bites):
        size, a, x = rng.uniform(16, 21), GOLDEN * k + rng.uniform(-0.4, 0.4), rng.uniform(-0.27, 0.22) * length
        way = np.array([0, np.cos(a), np.sin(a)])
        centre = np.array([x, 0, 0]) + way * (size + thick * (1 - deep * rng.uniform(0.75, 1)))
        ahead = out @ centre
        under = ahead**2 - centre @ centre + 2 * centre[0] * axis[:, 0] - axis[:, 0] ** 2 + size**2
        depth = np.where(under > 0, ahead - np.sqrt(np.maximum(under, 0)), np.inf)
        hit = (depth > 0) & (depth < far)
        far[hit], bare[hit] = depth[hit] + rng.uniform(-0.3, 0.3, hit.sum()), 1
    tones = tinted(rng, (*skin, *flesh), 8, "along", blend=0.18, rough=0.4, bump=0.35)
    return loft((axis + out * far[:, None]).reshape(rings.shape), tones, along=bare.reshape(rings.shape[:2]))


FLESH = (("#dccf9c", "#ece4c4"), ("#c8a868", "#dcc490"), ("#9a6c38", "#c09858"))


DARK = ("#3a2414", "#54361c")


def pear_rings(rng, length, thick):
    neck = rng.uniform(0.22, 0.36)
    widths = thick * np.array([neck, neck + 0.08, neck + 0.22, 0.8, 1, 0.97, 0.62])
    return long_rings(rng, length, widths, rng.uniform(-7, 7), 7, 1, 1.3, 90)


def stem_and_calyx(rng, length, thick, stem=20):
    ways = [
        (4 - length / 2, 0, 0),
        (-length / 2 - 0.4 * stem, 1, 1),
        (-length / 2 - stem, rng.uniform(-0.4, 0.4) * stem, 2),
    ]
    twig = tube(smooth_path(ways, 14), np.linspace(2.4, 1.6, 14), tinted(rng, DARK, 9), 8)
    return [twig, blob((2.5, 0.13 * thick, 0.13 * thick), tinted(rng, DARK, 20), rng, 0.6, 0.5, at=(length / 2, 0, 0))]


def conference_pear(rng):
    """Whole, or bitten up to its core."""
    length, thick = rng.uniform(95, 135), rng.uniform(26, 33)
    rings, bites = pear_rings(rng, length, thick), pick(rng, (0, 0), (3, 0.6), (16, 0.72), (26, 0.78))
    if not bites[0]:
        body = loft(rings, tinted(rng, (*pick(rng, *POMES), pick(rng, *POMES)[0]), rng.uniform(3, 9), bump=0.2))
    else:
        body = gnawed(rng, rings, pick(rng, *POMES)[:2], pick(rng, *FLESH), *bites)
    return [body, *stem_and_calyx(rng, length, thick)]


def halved_pear(rng):
    length, thick, flesh = rng.uniform(95, 130), rng.uniform(26, 33), pick(rng, *FLESH)
    skin = pick(rng, *POMES)
    half = long_half(pear_rings(rng, length, thick), skin[:2], (*flesh, flesh[1], flesh[0]), seed=rng.integers(99))
    u, a = polar(24, 48)
    x, y = u * np.cos(a) * 0.14 * length + 0.16 * length, u * np.sin(a) * 0.3 * thick
    heart = tinted(rng, (flesh[0], flesh[1], flesh[0], "#b0935c"), 9, "along", blend=0.2, rough=0.35)
    parts = [half, sheet(x, y, -2 * (1 - u**4) + 0.6, heart, along=u, thickness=0.3)]
    for s in (-1, 1):
        seed = blob((5, 2.4, 1.8), pick(rng, tinted(rng, DARK, 20, rough=0.3), heart), rng, 0.1)
        parts.append(placed(seed, (0.16 * length + rng.uniform(-2, 2), 0.13 * s * thick, 0), (0, 0, 0.25 * s)))
    vein = [(-0.46 * length, 0, 0), (-0.2 * length, 1, 0), (0.05 * length, 0, 0)]
    return [*parts, tube(smooth_path(vein, 20), 0.9, heart, 6), *stem_and_calyx(rng, length, thick)]


def quince(rng):
    """Whole with its down, bitten, or halved."""
    size, skin = rng.uniform(30, 38), pick(rng, ("#b89a24", "#d8bc38"), ("#a8a83c", "#c8c050"), ("#c8a030", "#94702c"))
    if rng.random() < 0.35:
        flesh, (u, a) = pick(rng, *FLESH), polar()
        star = np.exp(-(((u - 0.3 * np.abs(np.cos(2.5 * a))) / 0.09) ** 2))
        face = tinted(rng, (*flesh, "#9a7440", DARK[0]), 8, "along", blend=0.15, rough=0.45, bump=0.3)
        return cut_half(size, face, tinted(rng, (*skin, skin[0]), 5), 0.75 * star + 0.2 * u**12, -2.5 * star, 0.9)
    rings = long_rings(rng, size * rng.uniform(2.1, 2.5), size * np.array([0.62, 0.9, 1, 0.98, 0.7]), 3, 4, 1, 2.6, 80)
    angle = np.arctan2(rings[..., 2], rings[..., 1])
    rings[..., 1:] *= (1 + 0.05 * np.cos(5 * angle + rng.uniform(0, 6)) * np.linspace(0, 1, 80)[:, None])[..., None]
    long = np.ptp(rings[..., 0])
    if rng.random() < 0.35:
        return [gnawed(rng, rings, skin, pick(rng, *FLESH), 5, 0.5), *stem_and_calyx(rng, long, 1.8 * size, 7)]
    down = (*skin, skin[1], pick(rng, "#8a8058", "#6a4a24", skin[0]))
    return [loft(rings, tinted(rng, down, 4, rough=0.75, bump=0.2)), *stem_and_calyx(rng, long, 1.8 * size, 7)]


SALADS = (
    ("#5c8a30", "#84ac48", "#dce4b4"),
    ("#86a83c", "#b0c868", "#ecefce"),
    ("#6a2030", "#7a9444", "#d4dca8"),
    ("#421a28", "#6a2c34", "#c09a84"),
    ("#2f5c28", "#4a7c38", "#b8cc90"),
    ("#8a7438", "#a8a458", "#d8cc9c"),
)


def lettuce_head(rng):
    """A rosette of soft leaves, pale and closed within; or a long heart on its side."""
    tones, green, parts = pick(rng, *SALADS[:4]), pick(rng, *SALADS[:2]), []
    outer = tinted(rng, tones, 5, "along", blend=0.3, rough=0.4)
    inner = tinted(rng, (green[1], "#ccd48c", "#eeeed4"), 5, "along", blend=0.3, rough=0.4)
    if rng.random() < 0.35:
        thick, length = rng.uniform(20, 32), rng.uniform(130, 190)
        for k in range(14):
            wrap, bend = thick * (0.5 + 0.5 * k / 13), {"lean": -0.12 * (k > 5), "curl": rng.uniform(0, 0.25)}
            skin = outer if k > 7 else inner
            leaf = blade(
                rng,
                length * rng.uniform(0.8, 1) * (1.1 - 0.02 * k),
                2.7 * wrap,
                skin,
                (0.35, 0.3),
                **bend,
                wrap=wrap,
                cup=0,
                ruffle=3,
                blister=1.6,
                rib=0.09,
            )
            leaf.data.transform(Matrix.Translation((0, 0, -wrap * MM)))
            parts.append(placed(leaf, turn=(GOLDEN * k, 0, 0)))
        return [*parts, tube([(-12, 0, 0), (0, 0, 0), (12, 0, 0)], [9, 11, 8], tinted(rng, ("#c8b080", "#e4dcc0")), 16)]
    count, frill, size = int(rng.integers(18, 27)), pick(rng, 1.5, 3, 6), rng.uniform(58, 84)
    for k in range(count):
        t = ((k + 0.5) / count) ** 0.8
        bend = {"lean": 1.35 - 1.05 * t, "curl": 1.7 * (1 - t) - 0.4 * t, "cup": 14 - 6 * t, "blister": 1.5}
        wide = size * (0.8 + 0.6 * t)
        skin = outer if t > 0.4 else inner
        leaf = blade(rng, size * (0.5 + 0.45 * t), wide, skin, (0.5, 0.38), **bend, ruffle=frill)
        at = 4 + 8 * t
        parts.append(placed(leaf, (at * np.cos(GOLDEN * k), at * np.sin(GOLDEN * k), 0), (0, 0, GOLDEN * k)))
    return parts


def lobed(rng, lobes, depth, keen):
    """An outline of ``lobes`` a side, ``depth`` of the width deep, the more pointed the more ``keen``."""
    shift, teeth = rng.uniform(-0.12, 0.12), rng.uniform(0.0, 0.12) * (keen > 1)

    def edge(u, v):
        beat = np.abs(np.sin(np.pi * (lobes * u + shift * (v > 0)))) ** keen
        return 1 - depth + depth * beat + teeth * np.abs(np.sin(3.5 * np.pi * lobes * u)) * beat

    return edge


def mixed_leaves(rng):
    """A heap of salad: lettuce, frisee, rocket, spinach and red leaves."""

    def leaf():
        tones = tinted(rng, pick(rng, *SALADS), 6, "along", blend=0.3, rough=0.4)
        kind, length = rng.integers(4), rng.uniform(55, 100)
        bend = {"lean": rng.uniform(0, 0.25), "curl": rng.uniform(-0.6, 0.25), "cup": rng.uniform(-8, 14)}
        if kind == 0:
            return [blade(rng, length, 0.5 * length, tones, (0.9, 0.4), edge=lobed(rng, 4, 0.7, 0.8), **bend)]
        if kind == 1:
            return [blade(rng, 0.8 * length, 0.5 * length, tones, (0.5, 0.6), **bend, ruffle=2, forward=0.2)]
        wide, frill = rng.uniform(0.6, 0.95) * length, rng.uniform(4, 11)
        return [blade(rng, length, wide, tones, (0.6, 0.25), edge=torn(rng, 0.5), **{**bend, "ruffle": frill})]

    return heap(rng, int(rng.integers(5, 12)), rng.uniform(22, 40), leaf, lift=8, upright=0.15)


OAKS = (
    ("#8a2a1c", "#a83c24", "#d08a54"),
    ("#6a1c1c", "#88302a", "#b8684c"),
    ("#5a3820", "#7c5230", "#b08a5c"),
    ("#8a5a2c", "#a87840", "#d0b080"),
    ("#4a5a24", "#6c7c34", "#b4b070"),
    ("#a8702c", "#7a2c1c", "#d8a85c"),
)


def red_oak(rng, keen=1.7):
    """One or two leaves with bristly lobes; with round ones if not ``keen``."""

    def leaf():
        tones = tinted(rng, pick(rng, *OAKS), rng.uniform(4, 9), "along", blend=0.38, rough=0.6, bump=0.35)
        length, lobes = rng.uniform(80, 125), int(rng.integers(4, 6))
        wide, bend = length * rng.uniform(0.65, 0.9), {"lean": rng.uniform(-0.1, 0.3), "curl": rng.uniform(-0.7, 0.4)}
        edge = lobed(rng, lobes, rng.uniform(0.6, 0.8), keen)
        body = blade(
            rng,
            length,
            wide,
            tones,
            (0.75, 0.5),
            **bend,
            cup=rng.uniform(-9, 15),
            ruffle=rng.uniform(1, 6),
            relief=5,
            rib=0.014,
            pairs=lobes,
            edge=edge,
            forward=rng.uniform(0.35, 0.6),
            rows=150,
        )
        tail = [(4, 0, 0), (-12, 1, -2), (-rng.uniform(18, 45), rng.uniform(-9, 9), 0)]
        return [body, tube(smooth_path(tail, 14), 1.1, tones, 7, along=np.full(14, 0.9))]

    return heap(rng, int(rng.integers(1, 3)), 30, leaf, lift=6, upright=0.08)


RECIPES = (
    compost_as_built("quince", "quince", quince, seeds=7),
    compost_to_train("conference_pear", "conference_pear", conference_pear, seeds=7),
    compost_as_built("halved_pear", "conference_pear", halved_pear, seeds=5),
    compost_as_built("lettuce_head", "lettuce", lettuce_head, seeds=6),
    compost_as_built("mixed_leaves", "lettuce", mixed_leaves, seeds=6),
    compost_as_built("red_oak", "lobed_leaf", red_oak, seeds=7),
    compost_as_built("round_lobed_leaf", "lobed_leaf", partial(red_oak, keen=0.6), seeds=6),
)
