"""What lies on a desk."""

import numpy as np
from materials import mottled, plain
from parts import heap, slab
from recipe import contaminant_to_train
from shapes import box, lathe, pick, smooth_path, tube
from sundries import BRASS, HUES, STEEL, coat, placed, prism


def crayon(rng):
    tone, r, length = pick(rng, *HUES, "#2a5aa0", "#8a3a24"), rng.uniform(4, 6), rng.uniform(35, 85)
    wax, paper = plain("wax", tone, 0.5, bump=0.1), coat(rng, (tone, "#e2dfd6"), 0.8)
    tip = [(r, length), (r * 0.9, length + 1), (r * 0.35, length + 9), (0.02, length + 9.5)]
    band = [
        lathe([(r * 1.08, z), (r * 1.08, z + 3)], plain("band", "#1e1c1a"), 24) for z in (length * 0.7, length * 0.1)
    ]
    torn = length * rng.uniform(0.75, 0.95)
    return [lathe([(0.02, 0), (r, 0), *tip], wax, 24), lathe([(r * 1.05, 2), (r * 1.05, torn)], paper, 24), *band]


def pencil(rng):
    """A pencil or its stub, six-sided."""
    paint, length = coat(rng, ("#d8a01c", "#2a6a3a", "#b3201c", "#24262a", "#7a4a26")), rng.uniform(40, 150)
    wood = mottled("wood", ("#d0a878", "#b88a58"), 10, rough=0.8, bump=0.2)
    parts = [lathe([(0.02, 0), (3.9, 0), (3.9, length)], paint, 6), lathe([(3.6, length), (1, length + 14)], wood, 24)]
    parts.append(lathe([(1.05, length + 13.8), (0.1, length + 18)], plain("lead", pick(rng, "#1c1c1e", "#b3201c")), 12))
    if rng.random() < 0.6:
        parts.append(lathe([(4.1, 1), (4.1, -9)], plain("band", *BRASS), 20))
        parts.append(lathe([(3.8, -9), (3.8, -14), (2.5, -16), (0.02, -16)], coat(rng, ("#c87878", "#d8a0a0")), 20))
    return parts


def eraser(rng):
    body, size = coat(rng, ("#e2dfd6", "#d8a0a8", "#c87878", "#5f8f2a", "#4a6a9a"), 0.8), rng.uniform(0.8, 1.3)
    parts = [box((44 * size, 20 * size, 11 * size), body, round_mm=3.5 * size)]
    if rng.random() < 0.7:
        parts.append(box((27 * size, 20.8 * size, 11.8 * size), coat(rng), at=(-6, 0, -0.4), round_mm=0.8))
    return parts


def pencil_sharpener(rng):
    skin = pick(rng, coat(rng), plain("metal", *STEEL), plain("metal", *BRASS))
    body = prism([(-13, 0), (13, 0), (13, 12), (-13, 15)], 16, skin)
    hole = placed(lathe([(5.2, 0), (5.2, 1)], plain("hole", "#0c0c0c"), 24), (13.1, 0, 6), (0, -np.pi / 2, 0))
    blade = placed(box((22, 8, 1), plain("blade", *STEEL)), (0, -3, 13.5), (0.0, 0.115, 0.12))
    return [body, hole, blade, placed(lathe([(2.6, 0), (2.6, 1.8), (0.02, 2.2)], plain("screw", *BRASS)), (0, -3, 14))]


def ruler(rng):
    length, width = rng.uniform(90, 210), rng.uniform(22, 34)
    wood = mottled("wood", ("#d0a868", "#c09250"), 6, rough=0.6, bump=0.1, stretch=(0.2, 1, 1))
    clear = plain("clear", "#dce4d8", 0.1, opacity=0.45)
    skin, ink = pick(rng, wood, clear, coat(rng)), plain("ink", "#1a1a1c")
    ends = rng.uniform(-8, 8, 2)
    edge = [(0, 0), (length, 0), (length + ends[0], width / 2 + ends[1]), (length - ends[0], width), (0, width)]
    marks = [
        box((0.8, 10 if k % 10 == 0 else 7 if k % 5 == 0 else 4, 0.2), ink, at=(4 + 5 * k, width - 5, 5.1), round_mm=0)
        for k in range(int((length - 14) / 5))
    ]
    return [slab(edge, 5.0, skin), *marks]


def glue_stick(rng):
    skin, cap, r = coat(rng), coat(rng), rng.uniform(10, 15)
    body = [(0.02, 0), (r, 0), (r, 10), (r * 0.92, 11), (r * 0.92, 65), (r * 0.8, 65), (r * 0.8, 70)]
    parts = [lathe(body, skin, 40), lathe([(r * 1.02, 0), (r * 1.02, 9)], cap, 20)]
    stick = [(r * 0.72, 60), (r * 0.72, 78), (r * 0.5, 81), (0.02, 81)]
    lid = [(r, 62), (r, 92), (r - 1, 94), (0.02, 94)]
    return [*parts, lathe(*((stick, coat(rng, ("#e2dfd6",))) if rng.random() < 0.5 else (lid, cap)), 40)]


def clip_path(size):
    """The bent wire of a paper clip."""
    knots = [
        (0, 4),
        (20, 4),
        (24, 0),
        (20, -4),
        (-8, -4),
        (-12, -0.5),
        (-8, 3),
        (16, 2.6),
        (19, 0),
        (16, -2.2),
        (2, -2.2),
    ]
    return smooth_path(np.c_[np.array(knots, dtype=float) * size, np.zeros(len(knots))], 90)


def paper_clips(rng):
    skin = pick(rng, plain("metal", *STEEL), plain("metal", *BRASS), coat(rng))
    size = rng.uniform(0.9, 1.5)
    return heap(rng, int(rng.integers(5, 18)), (14, 12), lambda: [tube(clip_path(size), 0.8, skin, 8)], 7, 0.3)


def binder_clip(rng):
    skin, w = coat(rng, ("#1e1e20", "#1e1e20", *HUES)), rng.uniform(20, 45)
    parts = [prism([(-w * 0.25, 0), (w * 0.25, 0), (1.5, w * 0.55), (-1.5, w * 0.55)], w, skin)]
    for side in (-1, 1):
        wire = [(0, -w * 0.35, 0), (0, -w * 0.2, w * 0.6), (0, 0, w * 0.75), (0, w * 0.2, w * 0.6), (0, w * 0.35, 0)]
        handle = tube(smooth_path(wire, 50), 1.1, plain("wire", *STEEL), 8)
        parts.append(placed(handle, (side * 1.5, 0, w * 0.5), (0, side * rng.uniform(0.1, 2.3), 0)))
    return parts


FLAT = {"lies_as_built": True}

RECIPES = (
    contaminant_to_train(crayon),
    contaminant_to_train(pencil),
    contaminant_to_train(eraser),
    contaminant_to_train(pencil_sharpener, seeds=2),
    contaminant_to_train(ruler, **FLAT),
    contaminant_to_train(glue_stick, seeds=2),
    contaminant_to_train(paper_clips, seeds=2, **FLAT),
    contaminant_to_train(binder_clip, seeds=2, poses=2),
)
