"""Headphones and remote controls."""

import numpy as np
from materials import mottled, plain
from parts import ring_path, slab
from recipe import contaminant_to_train
from shapes import blob, box, lathe, pick, smooth_path, tube
from sharps import GAUDY, GREYS, QUARTER, bar, moved, rounded, steel
from sundries import coat, placed


def ear_cup(r, shell, trim, cushion, bare):
    """A cup about z, its cushion up; ``bare`` shows the driver."""
    body = [(0.02, -11), (r * 0.62, -11), (r * 0.9, -7), (r, 0), (r * 0.96, 5), (0.02, 6)]
    parts = [lathe(body, shell, 56), lathe([(0.02, -12), (r * 0.4, -12), (r * 0.5, -10.6)], trim, 40)]
    parts.append(
        lathe([(r * 0.92, 5), (r * 0.9, 6.4), (0.02, 6.5)], plain("mesh", "#2a2a2c", 1.0, bump=1.0, bump_scale=60), 40)
    )
    if bare:
        return [*parts, lathe([(0.02, 8), (r * 0.45, 8), (r * 0.5, 6.5)], steel(0.5), 32)]
    pad = tube(ring_path(r * 0.72, 80), r * 0.28, cushion, 20)
    return [*parts, placed(pad, (0, 0, 6 + r * 0.16))]


def over_ear(rng):
    r, w, rise = rng.uniform(28, 38), rng.uniform(62, 76), rng.uniform(105, 140)
    shell, trim, lining = coat(rng, (*GREYS, *GAUDY)), coat(rng, (*GREYS, *GAUDY)), coat(rng, GREYS[:5], 0.8)
    leather = mottled(
        "leather", pick(rng, ("#1c1c1e", "#2a2a2c"), ("#3a2a20", "#5a4030"), ("#c8c4ba", "#a8a49a")), 20, bump=0.4
    )
    thick, deep = rng.uniform(2, 3.5), rng.uniform(7, 12)
    arc = [(0, -w, 0), (-rise * 0.45, -w * 1.04, 0), (-rise * 0.85, -w * 0.6, 0), (-rise, 0, 0)]
    arc = smooth_path([*arc, *(np.array(arc[-2::-1]) * [1, -1, 1])], 90)
    strap = lambda part, a, b, skin: bar(np.c_[part, 0 * part[:, :2] + [a, b]], skin, 0.6, 0, along_x=False)  # noqa: E731
    parts = [strap(arc[16:74], thick, deep, shell), strap(arc[6:20], 1.2, deep * 0.5, steel())]
    parts += [strap(arc[70:84], 1.2, deep * 0.5, steel())]
    parts.append(strap(arc[26:64] * [0.97, 0.96, 1], thick * 1.7, deep * 1.05, lining))
    swivel = pick(rng, 0.0, 0.0, np.pi, np.pi, QUARTER, rng.uniform(0.6, 1.2))
    lost = int(rng.integers(0, 2)) if rng.random() < 0.3 else 2
    worn, slim = rng.random() < 0.25, pick(rng, 1.0, 0.75)
    for index, side in enumerate((-1, 1)):
        yoke = np.add([(-r * 1.1, -8, 0), (-r * 1.08, 0, 0), (-r * 1.1, 8, 0)], (0, side * w, 0))
        parts.append(tube(yoke, 4.5, trim, 12))
        parts.append(tube([(-r - 14, side * w * 1.02, 0), (-r * 0.9, side * w, 0)], 4, trim, 12))
        if index == lost:
            for tint in ("#b3201c", "#c8a030"):
                ways = np.add(np.cumsum(rng.normal((7, 0), (4, 7), (4, 2)), axis=0), (-r, side * w))
                parts.append(tube(smooth_path(np.c_[ways, np.full(4, 1.0)], 30), 0.8, plain("wire", tint), 8))
            continue
        cup = ear_cup(r, shell, trim, leather, worn and index)
        for part in cup:
            part.scale = (1, slim, 1)
        parts += moved(
            cup, (0, side * w, 0), (side * (swivel if swivel != np.pi else np.pi + rng.normal(0, 0.1)), 0, 0)
        )
    if rng.random() < 0.3:
        boom = smooth_path([(0, w * 0.8, -4), (20, w * 0.5, 0), (40, w * 0.1, 2), (46, -w * 0.1, 2)], 30)
        parts += [tube(boom, 2, lining, 10), blob((8, 6, 6), lining, rng, 0.02, level=4, at=boom[-1])]
    if rng.random() < 0.5:
        ways = np.cumsum(rng.normal((-22, 0), (8, 22), (5, 2)), axis=0) * [1, 0.7] + [r * 0.5, -w * 0.6]
        parts.append(tube(smooth_path(np.c_[ways, np.full(5, -8.0)], 80), 1.6, coat(rng, GREYS), 10))
    return parts


def headset(rng):
    """Headphones, or ear phones on a tangled cable."""
    if rng.random() < 0.65:
        return over_ear(rng)
    skin = coat(rng, ("#e6e4de", "#e6e4de", "#1c1d20", "#c81e1e", "#1e5ab0", "#d84a8a", "#2a8a3c"))
    trim, soft, width = pick(rng, skin, steel()), coat(rng, GREYS, 0.6), rng.uniform(1.1, 1.5)
    t = np.linspace(0, 1, 9)
    lead = np.stack([150 * t, 34 * np.sin(rng.uniform(6, 12) * t + rng.uniform(0, 6)) * (t > 0.1), 2 + 0 * t], -1)
    lead[1:-1, :2] += rng.normal(0, 16, (7, 2))
    parts = [tube(smooth_path(lead, 240), width, skin, 10), box((16, 6, 5), skin, at=(lead[0][0] - 6, lead[0][1], 0))]
    end = lead[-1]
    parts.append(
        moved(
            [
                bar([(-2, 0, 3, 3, 3), (14, 0, 3, 4, 4)], skin, 1.0),
                bar([(14, 0, 3, 1.8, 1.8), (28, 0, 3, 1.6, 1.6)], plain("jack", "#c0a050", 0.25, 1.0), 1.0),
            ],
            end * [1, 1, 0],
            (0, 0, rng.uniform(-0.5, 0.5)),
        )[0]
    )
    for side in (-1, 1):
        way = [(-8, 0, 2), (-30, side * rng.uniform(5, 15), 2), (-50, side * rng.uniform(15, 50), 2)]
        way.append((-50 - rng.uniform(-15, 35), side * rng.uniform(15, 50), 5))
        way = np.add(way, (0, lead[0][1], 0))
        parts.append(tube(smooth_path(way, 60), width, skin, 10))
        tip = [(0.02, 21), (2.5, 21), (5.5, 17), (6, 14), (3, 13)]
        bud = [lathe([(0.02, 0), (5.5, 0.5), (7, 4), (6.5, 9), (3.5, 14)], skin, 28), lathe(tip, soft, 28)]
        bud += [lathe([(0.02, -0.4), (3.5, 0), (5, 0.6)], trim, 24), tube([(0, 0, 4), (-13, 0, 3)], 2.6, skin, 12)]
        parts += moved(bud, np.add(way[-1], (0, 0, 2)), (0, QUARTER, rng.uniform(0, 6)))
        if side > 0 and rng.random() < 0.5:
            parts.append(box((24, 7, 6), trim, at=(*way[1][:2], 0), round_mm=2))
    return parts


def remote(rng):
    kind = pick(rng, "tv", "tv", "slim", "air", "garage", "toy")
    x, y, high = {
        "tv": (92, 24, 17),
        "slim": (68, 18, 13),
        "air": (72, 25, 18),
        "garage": (31, 18, 13),
        "toy": (56, 38, 22),
    }[kind]
    x, y, high = np.array([x, y, high]) * rng.uniform(0.85, 1.15, 3)
    skin = coat(
        rng, GAUDY if kind in ("toy", "garage") else ("#e6e4de", "#e6e4de", "#b8b8b4") if kind == "air" else GREYS
    )
    key = coat(rng, GREYS, 0.6)
    print_, lift = plain("print", pick(rng, "#e8e8e4", "#8a8a88", "#1a1a1a"), 0.6), rng.uniform(1.2, 2.6)
    parts = [
        slab(rounded(x, y, pick(rng, 0.2, 0.35, 0.6), rng.uniform(-0.1, 0.22)), high, skin, round_mm=rng.uniform(2, 5))
    ]
    if rng.random() < 0.5:
        parts.append(slab(rounded(x * 0.95, y * 0.82, 0.2), high + 0.4, coat(rng, GREYS), round_mm=0.4))
    top = high + 0.2

    def button(px, py, a, b, skin=key, round_one=0.5):
        parts.append(slab(np.add(rounded(a, b, round_one), (px, py)), top + lift, skin, round_mm=0.7))
        parts.append(box((min(a, 2.5), min(b, 2.5) * 1.4, 0.3), print_, at=(px, py, top + lift), round_mm=0))

    pad = lambda px, r: [button(px, 0, r, r, coat(rng, GREYS), 1.0), button(px, 0, r * 0.42, r * 0.42, key, 1.0)]  # noqa: E731
    if kind == "tv":
        rows, across, form = (
            np.arange(x * 0.72, -x * 0.62, -rng.uniform(8.5, 12)),
            pick(rng, 3, 3, 4),
            pick(rng, 0.4, 1.0),
        )
        hub, bright = x * rng.uniform(-0.25, 0.3), int(rng.integers(2, len(rows)))
        for i, px in enumerate(rows):
            if abs(px - hub) < y * 0.72:
                continue
            for j, py in enumerate(np.linspace(-0.58, 0.58, across) * y):
                glow = plain("colour", ("#b81e1e", "#2a8a3c", "#d8b81a", "#1e5ab0")[j]) if i == bright else key
                if rng.random() < 0.94:
                    button(px, py, 2.9, y * 0.62 / across, glow, form)
        pad(hub, y * 0.55)
        button(x * 0.86, y * 0.5, 3.4, 3.4, plain("power", "#c01e1e"), 1.0)
    elif kind == "slim":
        pad(x * 0.55, y * 0.62)
        for px in np.arange(x * 0.12, -x * 0.6, -13):
            for py in (-0.45, 0.45) if rng.random() < 0.7 else (0,):
                button(px, py * y, 4.2, 4.2, pick(rng, key, key, coat(rng, GAUDY)), 1.0)
        button(x * 0.86, 0, 2.5, 2.5, plain("power", "#c01e1e"), 1.0)
    elif kind == "air":
        glass = plain("glass", pick(rng, "#9aa48c", "#8a9a88", "#aab0a8", "#3a423a"), 0.12, specular=0.8)
        parts.append(
            box((x * 0.55, y * 1.35, 0.8), plain("frame", pick(rng, "#8a8c8a", "#3a3c40")), at=(x * 0.48, 0, top))
        )
        parts.append(box((x * 0.48, y * 1.15, 0.5), glass, at=(x * 0.48, 0, top + 0.6), round_mm=0))
        for px, py in rng.uniform(-1, 1, (7, 2)):
            at = (x * (0.48 + 0.17 * px), y * 0.42 * py, top + 1.05)
            parts.append(
                box(pick(rng, (8, 1.4, 0.2), (1.4, 6, 0.2), (3, 3, 0.2)), plain("digit", "#20281e"), at=at, round_mm=0)
            )
        for px in np.arange(-0.02, -0.8, -rng.uniform(0.18, 0.3)):
            for py in pick(rng, (-0.5, 0, 0.5), (-0.4, 0.4)):
                button(px * x, py * y, 4, y * 0.16, pick(rng, key, key, key, coat(rng, GAUDY)), 0.6)
    elif kind == "garage":
        for px in np.linspace(-0.35, 0.45, int(rng.integers(1, 4))) * x:
            for py in pick(rng, (0,), (-0.42, 0.42)):
                button(px, py * y, x * 0.14, y * 0.27, coat(rng, GAUDY), pick(rng, 0.4, 1.0))
        parts.append(tube(np.add(ring_path(11), (x + 7, 0, 4)), 1.1, steel(), 10))
        parts.append(blob((2, 1.5, 1), plain("light", "#d81a1a", 0.1), rng, 0, level=3, at=(x * 0.8, 0, top)))
    else:
        for py in (-0.5, 0.5):
            parts.append(lathe([(11, high - 1), (11, high + 1.5), (8, high + 0.6), (0.02, high)], coat(rng, GREYS), 32))
            parts.append(
                lathe([(3.5, high), (3, high + 8), (8, high + 10), (7, high + 13), (0.02, high + 12)], key, 28)
            )
            for part in parts[-2:]:
                placed(part, (-x * 0.25, py * y * 1.05, 0))
        button(x * 0.3, 0, 5, 5, coat(rng, GAUDY), 1.0)
        parts.append(slab(rounded(x * 0.16, y * 0.6), high + 0.5, coat(rng, GAUDY), at=(x * 0.68, 0, 0)))
        rod = [(x * 0.9, 0, high * 0.6), (x + rng.uniform(30, 90), rng.uniform(-12, 12), high * 0.6)]
        parts += [tube(rod, [2.6, 1.4], pick(rng, steel(), key), 12), blob((3, 3, 3), key, rng, 0, level=3, at=rod[-1])]
    parts.append(box((x * 0.7, y * 1.3, 0.6), plain("seam", "#101012", 0.8), at=(-x * 0.4, 0, -0.1), round_mm=0.2))
    open_, lid = rng.random() < 0.5, -0.5
    parts.append(
        box((x * 0.68, y * 1.24, 0.8), plain("well", "#2a2a2c") if open_ else skin, at=(-x * 0.4, 0, lid), round_mm=0.3)
    )
    for py in (-1, 1) if open_ and kind in ("tv", "slim", "air") else ():
        cell = bar(
            [(-x * 0.4 - 22, 0, 0, 5, 5), (-x * 0.4 + 22, 0, 0, 5, 5)],
            coat(rng, ("#1c1d20", "#b8862a", "#1e5ab0")),
            1.0,
        )
        parts.append(placed(cell, (0, py * 6.4, 2)))
    return moved(parts, turn=(np.pi if rng.random() < 0.2 else 0, 0, 0))


FLAT = {"lies_as_built": True}


RECIPES = (
    contaminant_to_train(headset, seeds=7, **FLAT),
    contaminant_to_train(remote, seeds=8, **FLAT),
)
