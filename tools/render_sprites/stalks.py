"""Long vegetables: stalks, stems and pods; and what makes long bodies."""

from functools import partial

import numpy as np
from materials import mottled, plain
from recipe import compost_to_train
from shapes import blob, loft, pick, roughened, sheet, sheet_grid, smooth_path, tube, turned


def long_rings(rng, length, radius, bend=8.0, blunt=8.0, squash=1.0, uneven=0.8, samples=80, segments=48):
    """Rings of a body along x, bent sideways: ``radius`` are evenly spread mm, the ends rounded the more ``blunt``."""
    t = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, samples))
    width = smooth_path(np.pad(np.asarray(radius, float)[:, None], ((0, 0), (0, 2))), 400)[:, 0]
    r = np.interp(t, np.linspace(0, 1, 400), width) * np.sqrt(1 - np.abs(2 * t - 1) ** blunt) + 0.3
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    y = bend * np.sin(np.pi * t) + rng.uniform(-0.4, 0.4) * bend * np.sin(2 * np.pi * t)
    rings = np.empty((samples, segments, 3))
    rings[..., 0] = (length * (t - 0.5))[:, None]
    rings[..., 1] = y[:, None] + r[:, None] * np.cos(angle)
    rings[..., 2] = squash * r[:, None] * np.sin(angle)
    return roughened(rings, rng, uneven, 22)


def cut_loft(rings, skin, flesh, share=1.0, along=None):
    """The first ``share`` of the rings, closed by a flat cut of ``flesh``; all of them when 1."""
    if share >= 1:
        return loft(rings, skin, along=along)
    kept = rings[: int(share * len(rings))]
    kept = np.concatenate([kept, kept[-1:] * 0.96 + 0.04 * kept[-1].mean(axis=0)])
    marks = [0] * (len(kept) - 2) + [1]
    along = None if along is None else along[: len(kept)]
    return loft(kept, [skin, flesh], along=along, face_materials=marks)


def long_half(rings, skin, flesh, rough=0.35, seed=0):
    """The rings' lower half, lying on its back: one material runs from ``skin`` to ``flesh`` colours."""
    side = rings[..., 1] - rings[..., 1].mean(axis=1, keepdims=True)
    inner = 1 - np.abs(side) / (np.abs(side).max(axis=1, keepdims=True) + 1e-6)
    up = rings[..., 2] > 0
    halved = np.stack([rings[..., 0], rings[..., 1], np.minimum(rings[..., 2], 0)], -1)
    halved[..., 2] -= 0.8 * up * np.clip(3 * inner - 1, 0, 1)
    tones = mottled("halved", (*skin, *flesh), 6, "along", 0.2, rough=rough, bump=0.15, seed=seed)
    return loft(halved, tones, along=np.where(up & (inner > 0.07), 0.5 + 0.5 * np.clip(1.6 * inner, 0, 1), 0.05))


def zucchini(rng, share=1.0, half=False):
    green, yellow = ("#1c3a14", "#3f6a26", "#8aa85a"), ("#b88a14", "#d9b42c", "#e8d05a")
    tone = pick(rng, green, ("#2c5020", "#4f7a34", "#9ab06a"), ("#3a4420", "#6a7034", "#8a7a4a"), yellow)
    length, thick = rng.uniform(140, 205), rng.uniform(17, 23)
    rings = long_rings(rng, length, [0.72 * thick, 0.85 * thick, thick, thick], rng.uniform(-14, 14), 14)
    flesh = ("#d5d29a", "#e8e6c0", "#c9c084")
    if half:
        return [long_half(rings, tone[:2], flesh)]
    skin = mottled("skin", tone, 9, rough=0.35, bump=0.06, stretch=(0.6, 3, 3), seed=rng.integers(99))
    end = [(-length / 2 - 14, 0, 0), (-length / 2, 0, 0), (-length / 2 + 4, 0, 0)]
    stem = tube(end, [8.5, 8, 11], mottled("stem", ("#5a6a2c", "#8f9a5a"), 9), 5)
    return [cut_loft(rings, skin, mottled("flesh", flesh, 7, bump=0.2), share), stem]


def asparagus(rng):
    tone = pick(
        rng,
        ("#d9cfa8", "#7a8f42", "#4f6a2c", "#5a4a5c"),
        ("#d8cfa8", "#e8e2c8", "#e0d8b4", "#c9b0a0"),
        ("#a8945a", "#7a7a3c", "#5f5a2c"),
    )
    skin = mottled("skin", tone, 6, "along", 0.2, rough=0.4, bump=0.15, seed=rng.integers(99))
    parts = []
    for k in range(rng.integers(1, 4)):
        length, thick = rng.uniform(150, 215), rng.uniform(5.5, 8.5)
        path = smooth_path([(-length / 2, 0, 0), (0, rng.uniform(-7, 7), 0), (length / 2, 0, 0)], 60)
        yaw, at = rng.uniform(-0.22, 0.22), np.array([rng.uniform(-10, 10), 17 * k, 0])
        t = np.linspace(0, 1, 60)
        r = thick * (1 - 0.1 * t) * np.sqrt(1.02 - np.maximum((t - 0.8) / 0.2, 0) ** 2.2)
        parts.append(tube(turned(path, yaw=yaw) + at, r, skin, 20, along=t))
        for j in range(34):
            where = 0.25 + 0.5 * j / 12 if j < 9 else 0.66 + 0.32 * (j - 9) / 25
            u, v = sheet_grid(7, 5)
            spread = np.interp(where, t, r) + 0.5 + 1.3 * np.sin(np.pi * u) - 2.5 * u**2 * (where > 0.8)
            turn = j * 2.39996 + v * 0.75 * np.sin(np.pi * (0.3 + 0.7 * u))
            points = np.stack(
                [(where - 0.5) * length + u * 1.9 * thick, spread * np.cos(turn), spread * np.sin(turn)], -1
            )
            points[..., 1] += np.interp(where, t, path[:, 1])
            x, y, z = (turned(points.reshape(-1, 3), yaw=yaw) + at).T.reshape(3, 7, 5)
            parts.append(sheet(x, y, z, skin, along=0.75 + 0.25 * u, thickness=0.7))
    return parts


def leek(rng, thick=15.0, count=6):
    """Also spring onion, when thin."""
    thick, straight = thick * rng.uniform(0.85, 1.15), rng.uniform(75, 110)
    t = np.linspace(0, 1, 50)
    white = mottled(
        "white",
        ("#e3dfc6", "#efeddc", "#d5dba6", "#8fa858"),
        5,
        "along",
        0.2,
        rough=0.35,
        bump=0.2,
        stretch=(0.4, 4, 4),
        seed=rng.integers(99),
    )
    green = mottled(
        "green",
        pick(
            rng, ("#c3cf8a", "#5f8044", "#34562e"), ("#b8cf84", "#5a8a34", "#3f6a24"), ("#c9c48a", "#8f8a44", "#7a6a34")
        ),
        5,
        "along",
        0.25,
        bump=0.2,
        stretch=(0.4, 5, 5),
    )
    path = smooth_path([(-straight, 0, 0), (-straight / 2, rng.uniform(-5, 5), 0), (0, 0, 0)], 50)
    parts = [
        tube(
            path, thick * (1 + 0.3 * np.exp(-(((t - 0.06) / 0.08) ** 2)) - 0.5 * np.exp(-t / 0.02)), white, 32, along=t
        )
    ]
    for k in range(count):
        u, v = sheet_grid(40, 9)
        reach, yaw = rng.uniform(70, 120), rng.normal() * 0.22
        width = thick * (1.15 + 0.25 * np.sin(np.pi * u)) * np.sqrt(1 - 0.97 * u**5)
        fold = rng.uniform(0.5, 1.0) * (1 - 0.5 * u)
        z = (
            0.75 * thick * np.cos(1.8 * v * fold) * (1 - 0.55 * u) * pick(rng, 1, -1)
            + (k - count / 2) * 0.12 * thick * u
            + 3 * np.sin(5 * u + k)
        )
        points = np.stack([-4 + u * reach, v * width + rng.uniform(-22, 22) * u**2, z], -1).reshape(-1, 3)
        parts.append(
            sheet(*turned(points, yaw=yaw).T.reshape(3, 40, 9), green, along=np.clip(1.4 * u, 0, 1), thickness=1.6)
        )
    root = plain("root", "#b8a878", 0.8)
    for a, b in rng.uniform(-1, 1, (16, 2)):
        parts.append(
            tube(
                smooth_path(
                    [
                        (2 - straight, 3 * a, 3 * b),
                        (-straight - 8, 0.7 * thick * a, 0.5 * thick * b),
                        (-straight - 17, thick * a, 0.6 * thick * b),
                    ],
                    7,
                ),
                0.7,
                root,
                6,
            )
        )
    return parts


def celery(
    rng,
    tones=(("#dfe3b8", "#b3c47a", "#7f9a44"), ("#d8dcaa", "#c9d08f", "#a3b060"), ("#b0a468", "#a89a58", "#7a6a38")),
    deep=0.9,
):
    """Also rhubarb, with other colours and a shallow groove."""
    length, wide = rng.uniform(125, 215), rng.uniform(12, 17)
    u, v = sheet_grid(60, 49)
    taper = 1.25 - 0.55 * u
    ribs = 0.035 * np.cos(9 * np.pi * v)
    y = wide * taper * np.sin(1.35 * v) * (1 + ribs) + rng.uniform(-16, 16) * u**2
    z = deep * wide * taper * (1 - np.cos(1.35 * v)) * (1 + ribs) + rng.uniform(-8, 8) * np.sin(np.pi * u)
    skin = mottled(
        "skin", pick(rng, *tones), 5, "along", 0.3, rough=0.35, bump=0.25, stretch=(0.3, 6, 6), seed=rng.integers(99)
    )
    return [
        sheet(length * (u - 0.5) + 4 * np.sin(4 * v) * (u > 0.97), y, z, skin, along=u, thickness=rng.uniform(5, 8))
    ]


def green_beans(rng):
    tone = pick(rng, ("#4a5a28", "#7a7038", "#6a5430"), ("#b8a83a", "#d8cc6a"), ("#3a6a20", "#6a9a3c"))
    skin = mottled("skin", tone, 6, rough=0.35, bump=0.2, stretch=(0.6, 3, 3), seed=rng.integers(99))
    parts = []
    for k in range(rng.integers(1, 5)):
        length = rng.uniform(90, 145)
        knots = [
            (-length / 2 - 6, 3, 0),
            (-length / 2, 0, 0),
            (0, rng.uniform(-14, 14), 0),
            (length / 2, 0, 0),
            (length / 2 + 9, -4, 0),
        ]
        t = np.linspace(0, 1, 60)
        r = rng.uniform(3.6, 5) * np.clip(np.minimum(t, 1 - t) / 0.09, 0.16, 1) ** 0.7 * (1 + 0.09 * np.sin(38 * t))
        path = turned(smooth_path(knots, 60), yaw=rng.normal() * 0.35)
        parts.append(tube(path + np.array([0, 12 * k, 3 * k]), r, skin, 16))
    return parts


def pea_pod(rng):
    tone = pick(rng, ("#3f7028", "#6fa044"), ("#6a7a34", "#9aa050", "#a08a4a"))
    pod, pea = (
        mottled("pod", tone, 6, rough=0.35, bump=0.2, seed=rng.integers(99)),
        mottled("pea", ("#5f9034", "#8ab854"), 9, rough=0.35),
    )
    length, gape = rng.uniform(75, 105), rng.uniform(0.75, 1.3)
    u, v = sheet_grid(50, 21)
    half = 9 * np.sin(np.pi * np.clip(u, 0.01, 0.99)) ** 0.55
    x, bow = length * (u - 0.5), rng.uniform(-7, 7) * np.sin(np.pi * u)
    angle = v * (np.pi - gape)
    parts = [sheet(x, bow + half * np.sin(angle), 1.1 * half * (1 - np.cos(angle)), pod, thickness=1.3)]
    parts.append(tube([(length / 2 - 1, 0, 4), (length / 2 + 5, 0, 5), (length / 2 + 11, 2, 5)], 1.8, pod))
    places = [(k * length / 9, bow[25 + 5 * k, 0], 8) for k in range(-3, 4) if rng.random() < 0.8]
    return [*parts, *(blob((5.6, 5.4, 5.6), pea, rng, 0.04, level=3, at=place) for place in places)]


RHUBARB = (("#8f1c2c", "#b84a4a", "#8f9a4a"), ("#a8343c", "#c9706a", "#a8a860"), ("#6a2a2c", "#8a5a44", "#7a6a3c"))


RECIPES = (
    compost_to_train("zucchini", "zucchini", zucchini),
    compost_to_train("zucchini_piece", "zucchini", partial(zucchini, share=0.5)),
    compost_to_train("zucchini_half", "zucchini", partial(zucchini, half=True), poses=2, lies_as_built=True),
    compost_to_train("asparagus", "asparagus", asparagus, lies_as_built=True),
    compost_to_train("leek", "leek", leek, lies_as_built=True),
    compost_to_train("spring_onion", "spring_onion", partial(leek, thick=5.5, count=4), lies_as_built=True),
    compost_to_train("celery", "celery", celery, poses=2, lies_as_built=True),
    compost_to_train("rhubarb", "rhubarb", partial(celery, tones=RHUBARB, deep=0.5), poses=2, lies_as_built=True),
    compost_to_train("green_beans", "bean", green_beans, seeds=4, lies_as_built=True),
    compost_to_train("pea_pod", "pea_pod", pea_pod, lies_as_built=True),
)
