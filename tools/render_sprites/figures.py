"""Dolls and action figures."""

import numpy as np
from materials import plain
from parts import slab, tinted
from recipe import contaminant_to_train
from shapes import blob, pick, smooth_path, tube
from sharps import GAUDY, QUARTER, bar, moved, rounded
from sundries import coat, placed

FLESH = ("#e0b090", "#d8a080", "#8a5a3c", "#5a3824", "#e8c0a4", "#c88a64")


CLOTHES = (*GAUDY, "#2a3a6a", "#8ab0d0", "#e0a8b8", "#6a7a4a")


BUILDS = {  # millimetres, then shares of it: head, shoulder height and width, waist, hip height and width, arm, leg
    "fashion": ((175, 205), 0.06, 0.80, 0.082, 0.047, 0.50, 0.066, 0.018, 0.03),
    "baby": ((120, 175), 0.155, 0.62, 0.14, 0.15, 0.30, 0.14, 0.05, 0.066),
    "hero": ((95, 160), 0.068, 0.80, 0.15, 0.095, 0.50, 0.10, 0.042, 0.056),
    "soldier": ((62, 85), 0.075, 0.78, 0.13, 0.10, 0.48, 0.10, 0.04, 0.05),
}
"""Of each kind of figure."""


def hair(rng, at, r, tone, long):
    """Strands from the crown over the shoulders."""
    parts = [blob((r * 1.12, r * 1.14, r), tone, rng, 0.06, 0.3, level=4, at=np.add(at, (r * 0.22, 0, -r * 0.3)))]
    for _ in range(46 if long else 18):
        side, sweep = rng.choice((-1, 1)), rng.uniform(0.2, 1.0)
        root = np.array(at) + r * np.array([0.95, side * sweep * 0.5, rng.uniform(-0.5, 0.55)])
        mid = np.array(at) + r * np.array([0.1, side * (0.95 + 0.35 * sweep), rng.uniform(-0.7, 0.2)])
        way = [root, mid]
        for _ in range(2):
            way.append(
                way[-1] + r * long * np.array([-0.8, rng.normal(0.15 * side, 0.35), -0.05]) * rng.uniform(0.6, 1.3)
            )
        way = np.array(way) if long else np.array([root, np.add(mid, (r * 0.3, 0, 0)), mid])
        parts.append(tube(smooth_path(way, 30), r * rng.uniform(0.07, 0.16) * np.linspace(1.2, 0.4, 30), tone, 8))
    return parts


def face(rng, at, r, lips):
    """Eyes, brows, nose and mouth on a round head that faces up."""
    at, parts = np.array(at), []
    iris, dark = plain("iris", pick(rng, "#1e4a8a", "#4a2a18", "#2a6a3a"), 0.2), plain("lash", "#1a1412")
    on = lambda x, y: at + r * np.array([x, y, np.sqrt(max(1.0 - x * x * 0.9 - y * y, 0.05)) * 0.97])  # noqa: E731
    for y in (-0.38, 0.38):
        parts.append(blob((0.13 * r, 0.2 * r, 0.07 * r), plain("eye", "#ecebe6", 0.2), rng, 0, level=3, at=on(0.12, y)))
        parts.append(blob((0.11 * r, 0.11 * r, 0.1 * r), iris, rng, 0, level=3, at=on(0.12, y * 0.96)))
        parts.append(blob((0.035 * r, 0.2 * r, 0.05 * r), dark, rng, 0, level=3, at=on(0.28, y)))
    parts.append(blob((0.06 * r, 0.2 * r, 0.06 * r), lips, rng, 0, level=3, at=on(-0.48, 0)))
    return parts


def action_figure(rng):
    """A doll or a toy figure with limbs as they were left, now and then one arm off."""
    kind = pick(rng, "fashion", "fashion", "baby", "hero", "hero", "soldier")
    span, head, top, broad, waist, low, hip, arm, leg = BUILDS[kind]
    size = rng.uniform(*span)
    flesh = plain("flesh", pick(rng, *FLESH), 0.45)
    shirt, trousers, shoe = (coat(rng, CLOTHES, 0.8 if kind in ("fashion", "baby") else 0.35) for _ in "abc")
    if kind == "hero" and rng.random() < 0.6:
        flesh = coat(rng, GAUDY, 0.3)
    if kind == "soldier":
        flesh = shirt = trousers = shoe = coat(rng, ("#3a5a2a", "#4a6a34", "#b89a6a", "#5a6068", "#8a1e1a"), 0.45)
    r, depth, bare = head * size, 0.62 * broad, rng.random() < 0.3 and kind in ("fashion", "baby")
    rows = (
        np.array(
            [
                (low - 0.03, 0, 0, hip * 0.7, depth * 0.8),
                (low + 0.02, 0, 0, hip, depth),
                ((low + top) / 2, 0, 0, waist, depth),
                (top - 0.06, 0, 0, broad * 0.85, depth * 1.2),
                (top, 0, 0, broad * 0.8, depth * 0.8),
            ]
        )
        * size
    )
    parts = [bar(rows, flesh if bare else shirt, 0.9), bar(rows[:2] * [1, 1, 1, 1.04, 1.05], trousers, 0.9)]
    parts.append(tube([(size * top - 2, 0, 0), (size * top + r, 0, 0)], r * 0.42, flesh, 16))
    seam, lost = plain("socket", "#3a3028", 0.8), int(rng.integers(0, 2)) if rng.random() < 0.3 else 2
    for limb, (index, side) in [(name, pair) for name in ("arm", "leg") for pair in enumerate((-1, 1))]:
        thick, bend = (
            size * (arm if limb == "arm" else leg),
            rng.uniform(-0.15, 1.0) if limb == "arm" else rng.normal(0, 0.35),
        )
        root = np.array((top - 0.035, side * broad * 0.88, 0) if limb == "arm" else (low, side * hip * 0.52, 0)) * size
        if limb == "arm" and index == lost:
            parts.append(blob(np.ones(3) * thick * 1.1, seam, rng, 0, level=3, at=root))
            continue
        long = size * ((0.34 if kind != "baby" else 0.26) if limb == "arm" else low * 0.92) / 2
        turn = rng.uniform(0.15, 2.3) if limb == "arm" else rng.uniform(-0.02, 0.6)
        way, away = [root], np.array([-np.cos(turn), side * np.sin(turn), rng.uniform(-0.15, 0.3)])
        way += [root + away * long]
        turn += bend
        way += [way[-1] + long * np.array([-np.cos(turn), side * np.sin(turn), rng.uniform(-0.15, 0.2)])]
        path, t = smooth_path(way, 40), np.linspace(0, 1, 40)
        girth = thick * np.interp(t, (0, 0.2, 0.5, 0.65, 1), (1.1, 1.2, 0.85, 0.95, 0.6))
        parts.append(tube(path, girth, flesh, 18))
        ahead = (way[2] - way[1]) / long * thick
        if limb == "arm":
            parts.append(
                blob(np.array([1.0, 0.8, 0.6]) * thick * 0.95, flesh, rng, 0.12, level=4, at=way[2] + ahead * 0.5)
            )
        else:
            foot = way[2] + ahead * 0.3 + [0, 0, thick * 0.4]
            parts.append(blob(np.array([0.8, 0.8, 1.3]) * thick, flesh if bare else shoe, rng, 0.05, level=4, at=foot))
        cover = pick(rng, 0, 14, 36) if not bare else 0
        if cover and kind != "soldier":
            puff = girth[:cover] * 1.22 + 0.4 + 0.5 * np.sin(t[:cover] * rng.uniform(20, 60))
            parts.append(tube(path[:cover], puff, shirt if limb == "arm" else trousers, 18))
        if kind == "hero":
            parts += [
                blob(np.ones(3) * thick * s, shoe, rng, 0, level=4, at=p) for p, s in ((way[0], 1.4), (way[1], 1.08))
            ]
            parts.append(tube(path[27:36], girth[27:36] * 1.4, shoe, 14))
    if kind in ("fashion", "baby") and not bare and rng.random() < 0.65:
        hem = low - rng.uniform(0.05, 0.3) * (1 if kind == "fashion" else 0.5)
        flare = hip * rng.uniform(1.3, 2.6 if kind == "fashion" else 1.5)
        folds = [
            (top - 0.05, 0, 0, broad * 0.9, depth * 1.3),
            ((top + low) / 2, 0, 0, waist * 1.15, depth * 1.15),
            (low, 0, 0, hip * 1.2, depth * 1.25),
            (hem, 0, 0, flare, depth * 1.3),
        ]
        print_ = tinted(
            rng, pick(rng, *[(a, a, b) for a, b in rng.permutation(CLOTHES)[:6].reshape(3, 2)]), 25, rough=0.95
        )
        parts.append(
            bar(np.array(folds) * size, pick(rng, shirt, print_), 1.0, wrinkle=(rng, 0.016 * size, 0.09 * size))
        )
    if kind == "hero":
        parts.append(
            slab(rounded(0.07 * size, 0.045 * size, 1.0), 1.2, shoe, at=(size * (top - 0.1), 0, size * depth * 1.1))
        )
        parts.append(bar(rows[1:3] * [1, 1, 1, 1.06, 1.06] * [[0.99], [0.9]], trousers, 0.9))
    centre = (size * top + r * 1.35, 0, 0)
    parts.append(blob((r * 1.08, r * 0.94, r), flesh, rng, 0.02, level=4, at=centre))
    if kind == "soldier":
        parts += [
            blob((r * 0.95, r * 1.3, r * 1.25), flesh, rng, 0.02, level=4, at=np.add(centre, (r * 0.5, 0, -r * 0.15)))
        ]
        gun = np.array([(0.42, -0.16, 0.14), (0.62, 0.02, 0.15), (0.9, 0.26, 0.14)]) * size
        parts += [tube(gun, [2.2, 1.8, 0.9], flesh, 10), blob((4, 2.4, 2), flesh, rng, 0.1, level=3, at=gun[1])]
        base = slab(rounded(0.14 * size, 0.24 * size, 0.9), 2, flesh)
        parts.append(placed(base, (-2, 0, 0), (0, QUARTER, 0)))
    else:
        lips = plain("lips", pick(rng, "#b8383a", "#c8546a", "#a04a3c"), 0.3)
        parts += face(rng, centre, r, lips)
        tone = tinted(
            rng,
            pick(
                rng,
                ("#d8b464", "#b8903c"),
                ("#4a2a16", "#6a4024"),
                ("#1a1614", "#2e2824"),
                ("#a8482a", "#c0602c"),
                ("#d86aa0", "#b84a8a"),
            ),
            14,
            rough=0.5,
            stretch=(0.2, 1, 1),
            bump=0.6,
        )
        if kind == "fashion":
            parts += hair(rng, centre, r, tone, pick(rng, 1.4, 2.4, 3.2))
        elif rng.random() < 0.7:
            parts += hair(rng, centre, r, tone, 0)
        else:
            cap = shirt if kind == "baby" else trousers
            parts.append(
                blob(
                    (r * 0.95, r * 1.06, r * 1.12),
                    cap,
                    rng,
                    0.03,
                    level=4,
                    at=np.add(centre, (r * 0.42, 0, -r * 0.15)),
                )
            )
    return moved(parts, turn=(np.pi if rng.random() < 0.25 else 0, 0, 0))


FLAT = {"lies_as_built": True}


RECIPES = (contaminant_to_train(action_figure, seeds=8, **FLAT),)
