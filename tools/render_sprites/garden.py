"""Garden waste: clippings, bark, roots, moss and straw."""

import numpy as np
from blossoms import blade
from foliage import GREEN
from parts import scattered, tinted
from recipe import compost_as_built
from shapes import blob, fractal, offset_of, pick, sheet, sheet_grid, smooth_path, tube, turned


def needles(rng):
    """A twig of fir or spruce, green or brown, with bare stretches."""
    tone = pick(rng, ("#1c3418", "#3a5a2c"), ("#3a5a3c", "#6a8a64"), ("#6a3c1c", "#9a6a34"))
    green, bark, parts = tinted(rng, tone, 9), tinted(rng, ("#4a3420", "#7a5a3a"), 9, bump=0.8), []
    long, length = rng.uniform(11, 26), rng.uniform(70, 130)
    ways = [
        (np.array([-length / 2, 0, 9]), 0.0, length),
        (np.array([-length / 5, 0, 9]), 0.75, 0.55 * length),
        (np.array([0, 0, 9]), -0.75, 0.45 * length),
    ]
    for start, yaw, reach in ways[: rng.integers(1, 4)]:
        path = turned(smooth_path([(0, 0, 0), (reach / 2, rng.uniform(-5, 5), 0), (reach, 0, 0)], 40), yaw=yaw) + start
        parts.append(tube(path, np.linspace(2.2, 1.2, 40), bark, 8))
        for _ in range(int(2.2 * reach)):
            at, around = path[rng.integers(2, 40)], rng.uniform(0, 6.28)
            way = turned(np.array([0.75, 0.75 * np.cos(around), 0.4 * np.sin(around)]), yaw=yaw)
            parts.append(tube([at, at + 0.6 * long * way, at + long * way], [0.7, 0.7, 0.25], green, 4))
    return parts


def bark(rng):
    u, v = sheet_grid(90, 50)
    length, wide, curl = rng.uniform(80, 170), rng.uniform(18, 36), rng.uniform(0.4, 1.3)
    ragged = 6 * fractal(np.stack([v, 0 * u, 5 * np.round(u)], -1).reshape(-1, 3), 0.3, offset_of(rng)).reshape(u.shape)
    x, y = length * (u - 0.5) + ragged * np.abs(2 * u - 1) ** 3, wide / curl * np.sin(curl * v)
    rough = fractal(np.stack([x * 0.35, y, 0 * x], -1).reshape(-1, 3), 8, offset_of(rng)).reshape(x.shape)
    z = wide / curl * np.cos(curl * v) * 0.8 + 4 * np.abs(rough)
    tone = pick(
        rng, ("#2c2018", "#5a4634", "#7a6a58"), ("#5a3020", "#94583a", "#b87a54"), ("#8a8478", "#c8c4b8", "#3a342c")
    )
    outside = tinted(rng, tone, 9, stretch=(0.5, 4, 4), bump=1.0, rough=0.9)
    inside = tinted(rng, ("#8a6238", "#b8905c"), 6, stretch=(0.3, 6, 6), bump=0.4)
    return [sheet(x, y, z, [outside, inside], thickness=rng.uniform(2, 5))]


def branch_fork(rng):
    tone = pick(rng, ("#3a2c20", "#6a5440", "#8a7a64"), ("#4a2a1c", "#7a4a30"), ("#5a5a40", "#8a8a68"))
    skin, wood = tinted(rng, tone, 8, bump=0.9, rough=0.85), tinted(rng, ("#b89460", "#dcc494"), 9, stretch=(4, 1, 1))
    thick, parts = rng.uniform(9, 15), []
    for yaw, reach, size in ((np.pi, 60, 1.0), (rng.uniform(0.1, 0.5), 95, 0.8), (-rng.uniform(0.3, 0.8), 75, 0.62)):
        length = reach * rng.uniform(0.8, 1.15)
        path = turned(smooth_path([(0, 0, 0), (length / 2, rng.uniform(-7, 7), 0), (length, 0, 0)], 40), yaw=yaw)
        knots = 1 + 0.1 * np.sin(np.linspace(0, 9, 40) + yaw)
        parts.append(tube(path, np.linspace(thick, size * thick, 40) * knots, skin, 18))
        end = path[-1] - path[-2]
        parts.append(tube([path[-1] - end, path[-1] + 0.2 * end], size * thick * knots[-1] * 0.88, wood, 18))
    return parts


def roots(rng):
    tone = tinted(
        rng, pick(rng, ("#5a4028", "#8a6a44", "#b0946a"), ("#b8a478", "#d8cca8"), ("#2c2018", "#5a4634")), 9, bump=0.5
    )
    parts = [tube(smooth_path([(-30, 0, 16), (-8, 0, 15), (5, 0, 14)], 14), np.linspace(5, 9, 14), tone, 14)]
    for _ in range(75):
        way = turned(np.array([1.0, 0, 0]), yaw=rng.normal() * 0.65)
        reach, up = rng.uniform(35, 95), rng.uniform(-14, 16)
        knots = [
            (0, 0, 14),
            0.3 * reach * way + [0, 0, 14 + up / 2],
            0.7 * reach * way + rng.normal(size=3) * 7 + [0, 0, 12],
            reach * way + rng.normal(size=3) * [9, 9, 2] + [0, 0, 6],
        ]
        parts.append(tube(smooth_path(knots, 22), np.linspace(rng.uniform(0.9, 2.6), 0.4, 22), tone, 6))
    return parts


def moss(rng):
    tone = tinted(
        rng, pick(rng, ("#3a4a14", "#6a7a28", "#98a044"), ("#28401c", "#4f6a30"), ("#6a6430", "#98904c")), 25, bump=1.0
    )
    parts = [blob((rng.uniform(30, 42), rng.uniform(22, 32), 9), tone, rng, 0.3, 0.6, 6, 5)]
    points = [(vertex.co * 100)[:] for vertex in parts[0].data.vertices if vertex.co.z > 0.0]
    for at in np.array(points)[rng.integers(0, len(points), 420)]:
        way = rng.normal(size=3) * [1, 1, 0.5] + [0, 0, 1.2]
        parts.append(tube([at, at + 1.5 * way, at + 3 * way + rng.normal(size=3)], [1.0, 1.3, 0.3], tone, 5))
    return parts


def straw_bundle(rng):
    """Dry straw, or hay where thin and greenish."""
    tone, thick = pick(rng, (("#b89850", "#d8c07c", "#e4d4a0"), 1.7), (("#7a7a3c", "#a89a5c", "#c4b880"), 0.8))
    dry, spread, parts = tinted(rng, tone, 5, rough=0.4, bump=0.1), rng.uniform(0.1, 0.8), []
    for _ in range(int(150 / thick)):
        reach, at = rng.uniform(25, 75), rng.normal(size=3) * [14, 10, 0] + [0, 0, rng.uniform(2, 18)]
        bend = rng.normal(size=3) * [3, 5, 4] / thick
        knots = np.array([(-reach, 0, rng.uniform(-6, 6)), bend, (reach, 0, rng.uniform(-6, 6))])
        path = turned(smooth_path(knots, 12), yaw=rng.normal() * spread) + at
        path[:, 2] = np.maximum(path[:, 2], 0)
        parts.append(tube(path, thick * rng.uniform(0.6, 1.2), dry, 6))
    return parts


def clippings(rng):
    """A hedge cut to bits: short shoots with small leaves."""
    green, wood = (
        tinted(rng, pick(rng, GREEN[0], GREEN[1], GREEN[2]), 7, rough=0.4),
        tinted(rng, ("#5a4a2c", "#8a8048"), 9),
    )
    parts = []
    for place in scattered(rng, rng.integers(3, 10), 34, 26):
        yaw, reach = rng.uniform(0, 6.28), rng.uniform(30, 60)
        path = smooth_path([(-reach / 2, 0, 0), (0, rng.uniform(-5, 5), 3), (reach / 2, 0, 2)], 20)
        parts.append(tube(turned(path, yaw=yaw) + place + np.array([0, 0, 4]), 1.2, wood, 7))
        for k in range(3, 20, 2):
            for side in (-1, 1):
                points = (
                    turned(blade(rng.uniform(13, 21), 9, 1.1, 9, 5, 0.25), yaw=side * rng.uniform(0.5, 1.1)) + path[k]
                )
                points = turned(points, yaw=yaw) + place + np.array([0, 0, 4 + rng.uniform(0, 5)])
                parts.append(sheet(*np.moveaxis(points, -1, 0), green, thickness=0.7))
    return parts


def maple_keys(rng):
    tone = tinted(
        rng, pick(rng, ("#a8844a", "#c8a870"), ("#8a9a44", "#b8b868", "#c89868")), 6, stretch=(0.5, 5, 1), bump=0.4
    )
    parts = []
    for place in scattered(rng, rng.integers(2, 8), 40, 22):
        yaw = rng.uniform(0, 6.28)
        for side in (-1, 1):
            points = turned(blade(rng.uniform(30, 40), 12, 0.75, 16, 7, 0.1), yaw=yaw + side * rng.uniform(0.5, 1.1))
            parts.append(sheet(*np.moveaxis(points + place + np.array([0, 0, 3]), -1, 0), tone, thickness=0.7))
            parts.append(blob((5.5, 4, 3), tone, rng, 0.1, level=3, at=points[2, 3] + place + np.array([0, 0, 3])))
    return parts


def bamboo(rng):
    tone = pick(rng, ("#8a9a44", "#b8b868", "#c8c080"), ("#b89450", "#d8bc7c"), ("#6a6a58", "#98947c"))
    t, length, thick = np.linspace(0, 1, 160), rng.uniform(90, 220), rng.uniform(5, 13)
    node = np.exp(-(((3.3 * t - np.round(3.3 * t)) / 0.035) ** 2))
    skin = tinted(rng, (*tone, "#4a3c20"), 4, "along", blend=0.4, stretch=(0.4, 4, 4), rough=0.35, bump=0.1)
    path = np.stack([length * (t - 0.5), 2 * np.sin(3 * t), 0 * t], -1)
    hollow = tube(
        [(-length / 2 - 0.3, 0, 0), (-length / 2 + 0.5, 0, 0)], 0.6 * thick, tinted(rng, ("#3a2c18", "#5a4626"), 9)
    )
    return [tube(path, thick * (1 + 0.13 * node), skin, 28, along=0.8 * node), hollow]


RECIPES = (
    compost_as_built("conifer_twig", "needles", needles),
    compost_as_built("bark", "bark", bark, poses=2),
    compost_as_built("branch_fork", "branch", branch_fork),
    compost_as_built("bare_roots", "roots", roots, seeds=2),
    compost_as_built("moss", "moss", moss),
    compost_as_built("straw_bundle", "hay", straw_bundle),
    compost_as_built("hedge_clippings", "clippings", clippings),
    compost_as_built("maple_keys", "seed_pod", maple_keys, seeds=2),
    compost_as_built("bamboo", "bamboo", bamboo),
)
