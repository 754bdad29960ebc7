"""Small hardware and household things."""

import numpy as np
from materials import mottled, plain
from packaging import paint
from recipe import contaminant
from shapes import (
    blob,
    box,
    crumpled,
    lathe,
    loft,
    sheet,
    sheet_grid,
    smooth_path,
    tube,
)


def cable(rng):
    turn = np.linspace(0, rng.uniform(3.0, 4.6) * 2 * np.pi, 240)
    radius = 38 + 9 * np.sin(turn * 0.37 + rng.uniform(0, 6)) + 5 * np.sin(1.9 * turn)
    path = np.stack([radius * np.cos(turn), radius * np.sin(turn) * 0.8, 6 + 4 * np.sin(turn * 0.73) + turn * 0.15], -1)
    colour = ("#1c1c1e", "#dcdcda", "#c07a2a", "#2a4a8a")[rng.integers(4)]
    plug = blob((14, 9, 8), plain("plug", colour, 0.4), rng, 0.03, level=3, at=path[-1])
    return [tube(path, 2.8, plain("sheath", colour, 0.4), 10), plug]


def straw(rng):
    bend = smooth_path([(0, 0, 3.2), (120, 0, 3.2), (145, rng.uniform(-6, 6), 4), (178, rng.uniform(15, 30), 4)], 90)
    stripe = np.floor(np.linspace(0, 26, 90)) % 2
    return [
        tube(
            bend, 3.0, mottled("stripe", ("#e8e6e0", paint(rng)), 1, "along", 0.0, rough=0.3, bump=0), 14, along=stripe
        )
    ]


def syringe(rng):
    clear, white = (
        plain("clear", "#d8e2e6", 0.1, opacity=0.42),
        plain("white", ("#e6e6e2", "#3a7ac0", "#d87a2a")[rng.integers(3)], 0.35),
    )
    barrel = lathe([(0.02, 0), (7, 0.1), (7, 62), (2.2, 66), (2.2, 72)], clear, 28)
    flange = lathe([(0.02, -1), (13, -1), (13, 1), (0.02, 1)], clear, 28)
    piston = lathe(
        [(0.02, -36), (8, -36), (8, -34), (2.4, -33.9), (2.4, 28), (6, 28.1), (6, 36), (0.02, 38)], white, 20
    )
    needle = lathe(
        [(3.2, 70), (2.6, 80), (0.5, 80.1), (0.4, 108), (0.02, 109)], plain("steel", "#b8b8b8", 0.2, 1.0), 16
    )
    return [barrel, flange, piston, needle]


def light_bulb(rng):
    glass = plain("glass", ("#f0eee4", "#e8ecee")[rng.integers(2)], 0.12, opacity=(0.92, 0.45)[rng.integers(2)])
    z = np.linspace(-27, 0, 60)
    thread = np.stack([12.5 + 0.9 * np.sin(z * 1.8), z], -1)
    return [
        lathe(
            [(13, 0), (14, 6), (22, 22), (29, 40), (28, 55), (19, 68), (8, 73), (0.02, 74)],
            glass,
            48,
            50,
            caps=(False, True),
        ),
        loft(
            np.stack(
                [
                    np.stack(
                        [r * np.cos(np.linspace(0, 6.15, 36)), r * np.sin(np.linspace(0, 6.15, 36)), np.full(36, h)], -1
                    )
                    for r, h in thread
                ]
            ),
            plain("cap", "#b9a878", 0.3, 1.0),
        ),
        lathe([(0.02, -33), (4, -32), (9, -27)], plain("contact", "#3a3a3a", 0.4, 0.6), 24),
    ]


def bolt(rng):
    steel = plain("steel", ("#a8a8a6", "#8a7a66", "#b59a5a")[rng.integers(3)], 0.32, 1.0)
    z = np.linspace(9, 55, 140)
    ring = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    thread = np.stack(
        [
            np.stack(
                [
                    (5.0 + 0.55 * np.sin(3.6 * h + ring)) * np.cos(ring),
                    (5.0 + 0.55 * np.sin(3.6 * h + ring)) * np.sin(ring),
                    np.full(30, h),
                ],
                -1,
            )
            for h in z
        ]
    )
    hexagon = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    head = loft(
        np.stack([np.stack([10.5 * np.cos(hexagon), 10.5 * np.sin(hexagon), np.full(6, h)], -1) for h in (0.0, 8.0)]),
        steel,
    )
    head.data.polygons.foreach_set("use_smooth", np.zeros(len(head.data.polygons), dtype=bool))
    return [head, lathe([(5.2, 7.9), (5.2, 9)], steel, 30), loft(thread, steel)]


def battery(rng):
    wrap = mottled(
        "wrap",
        (
            ("#c08a4a", "#c08a4a", "#1c1c1e", "#1c1c1e"),
            ("#1f6a3a", "#1f6a3a", "#d8d8d0", "#d8d8d0"),
            ("#c8c8c6", "#c8c8c6", "#b01c1c", "#b01c1c"),
        )[rng.integers(3)],
        1,
        "along",
        0.0,
        rough=0.25,
        bump=0,
    )
    z = np.array([0.3, 1, 20, 49, 50.2])
    return [
        lathe(np.stack([[6.4, 7.2, 7.2, 7.2, 6.6], z], -1), wrap, 40, along=z / 50),
        lathe([(0.02, -0.3), (5.8, -0.2), (6.2, 0.5)], plain("pole", "#c8c8c8", 0.25, 1.0), 30),
        lathe([(6, 50), (2.8, 50.3), (2.7, 52), (0.02, 52.1)], plain("pole", "#c8c8c8", 0.25, 1.0), 30),
    ]


def toy_brick(rng):
    colour = plain("abs", ("#b3201c", "#1f4fa0", "#e0b01c", "#2a7a3a")[rng.integers(4)], 0.22)
    studs = [lathe([(0.02, 9.5), (2.45, 9.5), (2.45, 11.5), (0.02, 11.5)], colour, 20) for _ in range(8)]
    for index, stud in enumerate(studs):
        stud.location = ((index % 4 - 1.5) * 0.08, (index // 4 - 0.5) * 0.08, 0.0)
    return [box((31.8, 15.8, 9.6), colour, round_mm=0.4), *studs]


def lighter(rng):
    body = box((24, 11, 56), plain("body", paint(rng), 0.15, opacity=0.8), round_mm=3.5)
    metal = plain("metal", "#b8b8b6", 0.25, 1.0)
    return [
        body,
        box((22, 10, 12), metal, at=(0, 0, 56), round_mm=1.5),
        box((9, 9, 5), plain("key", paint(rng), 0.4), at=(7, 0, 66)),
    ]


def toothbrush(rng):
    handle = plain("handle", paint(rng), 0.25)
    path = smooth_path([(0, 0, 5), (50, 0, 6), (100, 0, 4), (140, 0, 5), (182, 0, 5)], 60)
    bristles = [
        tube([(x, y, 5), (x + 0.5, y * 1.2, 17)], 1.4, plain("bristle", ("#e8e8e4", "#3a7ac0")[int(x) % 2], 0.6), 6)
        for x in range(156, 182, 4)
        for y in (-3, 0, 3)
    ]
    t = np.linspace(0, 1, 60)
    return [tube(path, 5.5 - 3.0 * np.exp(-(((t - 0.68) / 0.12) ** 2)), handle, 18), *bristles]


def face_mask(rng):
    u, v = sheet_grid(90, 60)
    x, y = 88 * (2 * u - 1), 44 * v
    z = 14 * (1 - (2 * u - 1) ** 2) + 2.2 * np.sin(np.round(v * 2.6) * 2 + 9 * v) + crumpled(x, y, rng, 5, 45)
    cloth = mottled("cloth", ("#7fb3cf", "#9cc8de"), 20, rough=0.8, bump=0.2)
    loops = []
    for side in (-1, 1):
        knots = [
            (side * 86, -42, 4),
            (side * 105, -20 + rng.uniform(-12, 12), 6),
            (side * 108, 15, 3),
            (side * 86, 42, 4),
        ]
        loops.append(tube(smooth_path(knots, 30), 1.2, plain("loop", "#e6e6e6", 0.7), 8))
    return [sheet(x, y, z, [plain("inside", "#e8eaec", 0.8), cloth], thickness=1.0), *loops]


def plastic_fork(rng):
    plastic = plain(
        "ps", ("#e6e6e2", "#1c1c1e", "#d8e0e4")[rng.integers(3)], 0.2, opacity=(1.0, 1.0, 0.55)[rng.integers(3)]
    )
    u, v = sheet_grid(60, 7)
    width = 5 + 8 * np.clip((u - 0.68) / 0.2, 0, 1) ** 1.5
    handle = sheet(118 * u, width * v, 5 + 4 * np.sin(3.4 * u) + 2 * v**2, plastic, thickness=1.8)
    prongs = []
    for y in (-10.5, -3.5, 3.5, 10.5):
        path = np.array([(115 + 42 * t, y * (1 - 0.1 * t), 4.5 - 6 * t + 9 * t * t) for t in np.linspace(0, 1, 14)])
        prongs.append(tube(path, np.linspace(1.9, 0.9, 14), plastic, 8))
    return [handle, *prongs]


def rubber_ring(rng):
    turn = np.linspace(0, 2 * np.pi, 80)
    path = np.stack(
        [30 * np.cos(turn), (22 + rng.uniform(-6, 6)) * np.sin(turn) + 5 * np.sin(2 * turn), 5 + 2 * np.sin(3 * turn)],
        -1,
    )
    return [tube(path, 4.0, plain("rubber", ("#1c1c1c", "#8a2a22", "#c8642a")[rng.integers(3)], 0.6), 14)]


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant("cable", "cable", "train", cable, **FLAT),
    contaminant("straw", "straw", "train", straw, seeds=2, **FLAT),
    contaminant("syringe", "syringe", "test", syringe, poses=2, seeds=2),
    contaminant("light_bulb", "light_bulb", "train", light_bulb, seeds=2, poses=2),
    contaminant("bolt", "bolt", "train", bolt),
    contaminant("battery", "battery", "test", battery),
    contaminant("toy_brick", "toy_brick", "train", toy_brick, poses=2),
    contaminant("lighter", "lighter", "train", lighter, seeds=2),
    contaminant("toothbrush", "toothbrush", "train", toothbrush, seeds=2, poses=2),
    contaminant("face_mask", "face_mask", "train", face_mask, seeds=2, **FLAT),
    contaminant("plastic_fork", "plastic_fork", "test", plastic_fork, **FLAT),
    contaminant("rubber_ring", "rubber_ring", "train", rubber_ring, **FLAT),
)
