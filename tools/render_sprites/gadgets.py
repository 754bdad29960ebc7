"""Contaminants of several parts that differ in colour: a network must learn that a thing is more than its parts."""

import numpy as np
from materials import mottled, plain
from parts import ring_path, slab
from recipe import contaminant_to_train
from shapes import blob, box, lathe, pick, sheet, sheet_grid, smooth_path, tube
from sundries import BRASS, STEEL, coat, placed
from toolbox import handle
from yard import GRIPS, metal

ALONG_X = (0, np.pi / 2, 0)


def magnifier(rng):
    radius, thick = rng.uniform(20, 38), rng.uniform(2.5, 5)
    glass = placed(
        lathe([(0.02, -2), (radius, -1), (radius, 1), (0.02, 2)], plain("glass", "#cfdcd8", 0.05, opacity=0.3))
    )
    ring = tube(ring_path(radius), thick, pick(rng, metal(rng), coat(rng)), 16)
    grip = placed(handle(rng, rng.uniform(60, 100), 8), (-radius - 2, 0, 0), (0, -np.pi / 2, 0))
    return [glass, ring, grip]


def squeegee(rng):
    wide, bar = rng.uniform(45, 90), coat(rng, GRIPS)
    lip = box((5, 2 * wide, 3), coat(rng, ("#24262a", "#5a5c60", "#b06030")), at=(14, 0, 3), round_mm=0.5)
    return [box((16, 2 * wide, 9), bar, at=(4, 0, 0), round_mm=3), lip, handle(rng, rng.uniform(80, 130), 9)]


def plunger(rng):
    r, rubber = rng.uniform(24, 38), coat(rng, ("#a8402c", "#24262a", "#7a2a20"), 0.8)
    cup = [(r, 0), (r * 1.04, 4), (r * 0.8, r * 0.6), (r * 0.35, r * 0.8), (r * 0.28, r * 1.1), (0.02, r * 1.1)]
    stick = tube([(-r, 0, 0), (-r - rng.uniform(80, 120), 0, 0)], rng.uniform(6, 10), coat(rng, GRIPS), 20)
    return [placed(lathe(cup, rubber, 48, 40), turn=(0, -np.pi / 2, 0)), stick]


def rattle(rng):
    """One or two coloured balls and a ring on a stick."""
    r, long = rng.uniform(14, 24), rng.uniform(50, 90)
    parts = [
        tube([(0, 0, 0), (long, 0, 0)], rng.uniform(4, 7), coat(rng), 16),
        blob((r, r, r), coat(rng), rng, 0, level=4),
    ]
    hoop = placed(tube(ring_path(r * 0.8), 4, coat(rng), 14), (long + r * 0.7, 0, 0))
    ball = blob((r * 0.8,) * 3, coat(rng), rng, 0, level=4, at=(long, 0, 0))
    bands = [placed(lathe([(r * 1.02, -2), (r * 1.02, 2)], coat(rng), 40), turn=(rng.uniform(0, 3), 0, 0))]
    return [*parts, *bands, pick(rng, hoop, ball)]


def toy_windmill(rng):
    """Vanes of several colours on a stick."""
    size, count = rng.uniform(28, 46), int(rng.integers(4, 7))
    colours = [coat(rng) for _ in range(3)]
    u, v = sheet_grid(24, 10)
    vanes = []
    for k in range(count):
        y = size * 0.32 * np.sin(np.pi * u**0.7) * (v + 0.6)
        vane = sheet(size * u, y, 6 * v * np.sin(np.pi * u), colours[k % 3], thickness=1)
        vanes.append(placed(vane, (0, 0, 8), (0, 0, 2 * np.pi * k / count)))
    stick = tube([(0, 0, 0), (-rng.uniform(90, 150), 0, 0)], rng.uniform(2.5, 4), coat(rng, GRIPS), 12)
    return [*vanes, stick, lathe([(0.02, 0), (6, 2), (5, 13), (0.02, 14)], coat(rng), 20)]


def castor(rng):
    r, wide, steel = rng.uniform(16, 30), rng.uniform(9, 16), metal(rng)
    tread = [(r * 0.5, 0), (r * 0.95, 0), (r, 3), (r, wide - 3), (r * 0.95, wide), (r * 0.5, wide)]
    hub = lathe([(0.02, -1), (r * 0.52, -1), (r * 0.52, wide + 1), (0.02, wide + 1)], coat(rng), 30)
    cheeks = [
        slab([(-r * 0.2, -r * 0.2), (r * 1.5, -r * 0.5), (r * 1.5, r * 0.5), (-r * 0.2, r * 0.2)], 2, steel, (0, 0, z))
        for z in (-5, wide + 3)
    ]
    plate = box((4, r * 1.7, wide + 22), steel, at=(r * 1.5, 0, -11), round_mm=1)
    return [lathe(tread, coat(rng, ("#24262a", "#8a8a8a", "#b06030")), 48), hub, *cheeks, plate]


def bike_pedal(rng):
    long, wide = rng.uniform(75, 100), rng.uniform(26, 40)
    body = [box((long, 9, 16), coat(rng, GRIPS), at=(0, side * wide, -8), round_mm=3) for side in (-1, 1)]
    lamps = [box((22, 3, 10), plain("lamp", "#d87818", 0.15), at=(0, side * (wide + 5), -5)) for side in (-1, 1)]
    ends = [box((7, 2 * wide, 12), metal(rng), at=(side * long * 0.42, 0, -6)) for side in (-1, 1)]
    axle = tube([(0, 0, 0), (long * 0.5 + 32, 0, 0)], 7, metal(rng), 18)
    return [*body, *lamps, *ends, axle]


def oil_can(rng):
    """A can with a long thin spout and a handle."""
    r, high, skin = rng.uniform(22, 34), rng.uniform(40, 70), coat(rng)
    can = lathe([(0.02, 0), (r, 0), (r, high), (r * 0.5, high + 12), (6, high + 18), (0.02, high + 18)], skin, 48)
    tip = high + rng.uniform(70, 110)
    spout = tube(
        smooth_path([(0, 0, high + 10), (4, 0, high + 40), (16, 0, tip)], 40), np.linspace(5, 1.8, 40), metal(rng)
    )
    bow = tube(smooth_path([(-r, 0, 8), (-r - 22, 0, high * 0.4), (-r, 0, high - 4)], 40), 3, metal(rng), 12)
    band = lathe([(r * 1.01, high * 0.25), (r * 1.01, high * 0.7)], coat(rng), 48)
    return [can, spout, bow, band]


def pocket_radio(rng):
    long, wide, thick = rng.uniform(60, 110), rng.uniform(24, 36), rng.uniform(16, 26)
    case, dark = coat(rng, GRIPS), plain("grille", "#18181a", 0.8)
    slots = [box((1.6, wide * 1.3, 0.6), dark, at=(-long * 0.42 + 4 * k, 0, thick), round_mm=0) for k in range(9)]
    dial = lathe([(wide * 0.45, 0), (wide * 0.45, 3), (0.02, 3)], coat(rng), 36)
    panel = box((long * 0.28, wide * 0.7, 1), coat(rng, ("#b8c8b0", "#e2dfd6", "#2a3a4a")), at=(long * 0.3, 0, thick))
    mast = tube(
        [(long * 0.48, wide * 0.8, thick / 2), (long * rng.uniform(0.9, 1.6), wide * 1.1, 4)],
        1.8,
        plain("mast", *STEEL),
        10,
    )
    return [box((long, 2 * wide, thick), case, round_mm=4), *slots, placed(dial, (long * 0.02, 0, thick)), panel, mast]


def hand_meter(rng):
    """A yellow or grey box with a window, a knob, and two cords with probes."""
    long, wide = rng.uniform(70, 110), rng.uniform(24, 34)
    case = box((long, 2 * wide, 24), coat(rng, ("#d8b01c", "#8a8c90", "#b3201c", "#2a2c30")), round_mm=5)
    window = box((long * 0.3, wide * 1.5, 1), plain("window", "#a8b49c", 0.15), at=(long * 0.27, 0, 24))
    knob = placed(lathe([(wide * 0.6, 0), (wide * 0.55, 5), (0.02, 5)], coat(rng), 36), (-long * 0.15, 0, 24))
    cords = []
    for side, tone in ((-1, "#24262a"), (1, "#b3201c")):
        knots = [(-long / 2, side * 10, 10), (-long * 0.8, side * 22, 3), (-long * 0.75, side * rng.uniform(40, 60), 3)]
        knots += [(rng.uniform(-20, 20), side * rng.uniform(wide + 12, wide + 30), 3)]
        path = smooth_path(knots, 70)
        probe = tube([path[-1], path[-1] + (rng.uniform(25, 40), side * 6, 1)], [4.5, 3], plain("probe", tone), 14)
        cords += [tube(path, 2.2, plain("cord", tone, 0.6), 10), probe]
    return [case, window, knob, *cords]


def lanyard(rng):
    """A ribbon in loops with a card on it."""
    ribbon, t = coat(rng), np.linspace(0, 2 * np.pi, 160)
    a, b, wobble = rng.uniform(40, 75), rng.uniform(18, 40), rng.uniform(2, 9)
    x, y = a * np.cos(t) - a, b * np.sin(t) + wobble * np.sin(3 * t + 1)
    normal = np.stack([np.gradient(y), -np.gradient(x)], -1)
    normal *= rng.uniform(4, 7) / np.linalg.norm(normal, axis=1, keepdims=True)
    v = np.linspace(-1, 1, 5)
    loop = sheet(
        x[:, None] + normal[:, :1] * v, y[:, None] + normal[:, 1:] * v, 3 + 2 * np.sin(5 * t)[:, None] + 0 * v, ribbon
    )
    card = box((rng.uniform(60, 86), 54, 2), coat(rng, ("#e2dfd6", "#dce4ee", "#2a5aa0")), at=(48, 0, 1), round_mm=2)
    badge = [box((22, 24, 0.6), coat(rng), at=(34, 8, 3)), box((26, 4, 0.6), plain("ink", "#202024"), at=(62, 6, 3))]
    return [loop, card, *badge, placed(tube(ring_path(5), 1.6, metal(rng), 10), (6, 0, 3))]


def bead_string(rng):
    """Beads of two or three colours on a cord, open or closed."""
    count, r = int(rng.integers(14, 30)), rng.uniform(4, 8)
    t = np.linspace(0, 2 * np.pi * rng.uniform(0.6, 1.0), count)
    long = count * r * 0.36
    path = np.stack([long * np.cos(t), long * rng.uniform(0.3, 1) * np.sin(t) + 8 * np.sin(3 * t), 0 * t + r], -1)
    colours = [coat(rng) for _ in range(int(rng.integers(2, 4)))]
    beads = [blob((r, r, r), colours[k % len(colours)], rng, 0, level=3, at=at) for k, at in enumerate(path)]
    return [*beads, tube(smooth_path(path, 90), 1.0, plain("cord", "#3a342c", 0.8), 8)]


def head_torch(rng):
    """A lamp in a case on an elastic strap."""
    t, wide = np.linspace(0, 2 * np.pi, 130), rng.uniform(10, 15)
    a, b = rng.uniform(50, 80), rng.uniform(18, 42)
    x, y = a * np.cos(t) - a, b * np.sin(t) + 5 * np.sin(2 * t)
    v = np.linspace(0, 1, 5)
    webbing = mottled(
        "webbing", pick(rng, ("#2a2c30", "#5a5c60"), ("#3a5a3a", "#24382a"), ("#a83a2a", "#2a2c30")), 16, rough=0.9
    )
    strap = sheet(x[:, None] + 0 * v, y[:, None] + 0 * v, 2 + 2 * wide * v + 0 * t[:, None], webbing, thickness=2)
    case = box((26, 48, 2 * wide + 6), coat(rng, GRIPS), at=(8, 0, 0), round_mm=5)
    lens = [(0.02, 0), (13, 0), (14, 9), (11, 9), (10, 4), (0.02, 4)]
    return [strap, case, placed(lathe(lens, plain("lens", "#dce0e4", 0.08), 36), (21, 0, wide + 3), ALONG_X)]


def folding_rule(rng):
    """Bars on pivots, half folded."""
    count, long = int(rng.integers(3, 7)), rng.uniform(60, 110)
    skin = coat(rng, ("#d8b01c", "#e2dfd6", "#c09250"))
    parts, at, angle = [], np.zeros(2), rng.uniform(0, 6)
    for k in range(count):
        ahead = np.array([np.cos(angle), np.sin(angle)])
        bar = placed(box((long, 15, 3), skin, round_mm=0.6), (*(at + ahead * long * 0.45), 3.2 * k), (0, 0, angle))
        marks = [
            placed(
                box((0.9, 6, 0.3), plain("ink", "#202024"), round_mm=0), (*(at + ahead * s), 3.2 * k + 3), (0, 0, angle)
            )
            for s in np.arange(4, long * 0.9, 9)
        ]
        at = at + ahead * long * 0.9
        rivet = placed(
            lathe([(4, 0), (4, 4.6), (0.02, 5)], plain("rivet", *pick(rng, BRASS, STEEL)), 16), (*at, 3.2 * k)
        )
        parts += [bar, *marks, rivet]
        angle += np.pi - rng.uniform(0.15, 1.6) * pick(rng, -1, 1)
    return parts


def duster(rng):
    """A tuft of coloured strands on a handle."""
    tones, count = [coat(rng, rough=0.9) for _ in range(2)], int(rng.integers(40, 70))
    long = rng.uniform(45, 80)
    strands = []
    for k in range(count):
        way = np.array([1.0, rng.normal(0, 0.35), rng.normal(0, 0.1)])
        bend = rng.normal(0, (6, 6, 2))
        knots = [(0, 0, 0), long * 0.5 * way + bend, long * rng.uniform(0.8, 1.1) * way + 2 * bend]
        strands.append(tube(smooth_path(knots, 14), np.linspace(2.6, 1.2, 14), tones[k % 2], 6))
    return [*strands, handle(rng, rng.uniform(75, 110), 8), blob((9, 9, 9), coat(rng), rng, 0, level=3)]


def net_racket(rng):
    """A small racket or strainer: a hoop with strings, and a handle."""
    a, b, frame = rng.uniform(32, 48), rng.uniform(26, 38), coat(rng)
    t = np.linspace(0, 2 * np.pi, 70)
    hoop = tube(np.stack([a * np.cos(t), b * np.sin(t), 0 * t], -1), rng.uniform(2.5, 4.5), frame, 14)
    cord, gap = plain("string", pick(rng, "#e2dfd6", "#202024", "#c8b060")), rng.uniform(6, 10)
    strings = []
    for s in np.arange(-0.9, 0.91, gap / a):
        strings.append(tube([(a * s, -b * np.sqrt(1 - s * s), 0), (a * s, b * np.sqrt(1 - s * s), 0)], 0.7, cord, 6))
        strings.append(tube([(-a * np.sqrt(1 - s * s), b * s, 0), (a * np.sqrt(1 - s * s), b * s, 0)], 0.7, cord, 6))
    return [hoop, *strings, placed(handle(rng, rng.uniform(70, 105), 8), (-a - 2, 0, 0), (0, -np.pi / 2, 0))]


MANY = {"seeds": 5, "poses": 2}

RECIPES = tuple(
    contaminant_to_train(build, **MANY)
    for build in (magnifier, squeegee, plunger, rattle, toy_windmill, castor, bike_pedal, oil_can, pocket_radio)
) + tuple(
    contaminant_to_train(build, lies_as_built=True, seeds=5)
    for build in (hand_meter, lanyard, bead_string, head_torch, folding_rule, duster, net_racket)
)
