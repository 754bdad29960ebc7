"""What liquids and pastes come in: sprayers, pumps, tubes, pots, mugs, glasses, syringes."""

import numpy as np
from handheld import worn_steel
from household import GREYS, YARNS
from materials import mottled, plain
from parts import ring_path, slab
from recipe import contaminant_to_train
from shapes import box, lathe, loft, pick, resampled, smooth_path, tube
from sundries import HUES, STEEL, coat, placed

BRIGHT = (*HUES, *YARNS, "#e8e6e0", "#e8e6e0", "#4a90c0", "#c84a7a", "#6ab0a0")


def shell(rng):
    """Plastic of a bottle: coloured, white, or clear with what is left inside."""
    clear = plain("clear", pick(rng, "#dce4e6", "#b8d8d0", "#c8d8e8", "#e0c890"), 0.1, opacity=rng.uniform(0.3, 0.55))
    return pick(rng, coat(rng, BRIGHT), coat(rng, ("#e8e6e0", "#e2dfd6")), clear)


def printed(rng):
    """A label of two or three colours in blocks."""
    inks = rng.choice(BRIGHT, 3, replace=False)
    return mottled(
        "label", [*inks, inks[0]], rng.uniform(2, 5), rough=0.4, bump=0, stretch=(1, 1, 0.3), seed=rng.integers(99)
    )


def bottle(profile, skin, label, band, squash=1.0, **more):
    """A turned bottle whose wall bears a label between the heights ``band``; ``squash`` flattens it along y."""
    fine = resampled(profile, 50)
    middle = (fine[1:, 1] + fine[:-1, 1]) / 2
    marks = ((middle > band[0]) & (middle < band[1])).astype(int)
    body = lathe(fine, [skin, label], 56, face_materials=marks, **more)
    body.scale = (1, squash, 1)
    return body


def screw_top(rng, radius, height, at):
    skin, t = coat(rng, BRIGHT), np.linspace(0, 2 * np.pi, 24, endpoint=False)
    feet = np.stack([radius * np.cos(t), radius * np.sin(t), 0 * t + at + 1], -1)
    ribs = [tube([foot, np.add(foot, (0, 0, height - 3))], 0.7, skin, 6) for foot in feet]
    cap = [(0.02, at), (radius, at), (radius, at + height - 1), (radius - 1, at + height), (0.02, at + height)]
    return [lathe(cap, skin, 40), *ribs]


def trigger_head(rng, at, skin, second):
    """The head of a sprayer on a neck at height ``at``: body along x, nozzle, trigger."""
    back, front, top = rng.uniform(14, 24), rng.uniform(26, 42), rng.uniform(20, 30)
    side = [
        (-back, 2),
        (-back * 0.7, top),
        (front * 0.8, top + 3),
        (front, top),
        (front, top - 9),
        (8, top - 13),
        (7, -4),
        (-9, -4),
    ]
    hull = placed(slab(side, rng.uniform(16, 24), skin, (0, 0, -10), 3), (0, 0, at), (np.pi / 2, 0, 0))
    nozzle = box((11, 15, 15), second, at=(front + 4, 0, at + top - 12), round_mm=2)
    lever = smooth_path(
        [(front * 0.5, 0, at + top - 11), (front * 0.75, 0, at), (front * 0.6, 0, at - 18), (front * 0.85, 0, at - 32)],
        30,
    )
    ring = [(13, at - 16), (13.5, at - 2), (8, at), (0.02, at)]
    return [hull, nozzle, tube(lever, np.linspace(4.5, 3, 30), second, 10), lathe([(0.02, at - 16), *ring], second, 32)]


def sprayer(rng):
    """A bottle with a trigger head; now and then the head alone with its dip tube."""
    skin, second = coat(rng, BRIGHT), coat(rng, BRIGHT)
    if rng.random() < 0.2:
        dip = smooth_path([(0, 0, -10), (3, 0, -60), (-6, 4, -rng.uniform(110, 150))], 40)
        return [*trigger_head(rng, 0, skin, second), tube(dip, 2.4, plain("dip", "#e0e4e4", 0.3, opacity=0.6), 10)]
    r, high, waist = rng.uniform(30, 42), rng.uniform(115, 160), rng.uniform(0.7, 1)
    wall = [
        (0.02, 0),
        (r * 0.9, 0),
        (r, 5),
        (r, high * 0.45),
        (r * waist, high * 0.7),
        (r * 0.6, high * 0.88),
        (13, high),
        (13, high + 8),
    ]
    wall_skin, label, top = shell(rng), printed(rng), high * rng.uniform(0.42, 0.62)
    body = bottle(wall, wall_skin, label, (high * 0.08, top), rng.uniform(0.5, 1))
    return [body, *trigger_head(rng, high + 18, skin, second)]


def lotion_pump(rng):
    """A bottle of soap or cream with a pump, its spout aside."""
    r, high = rng.uniform(24, 36), rng.uniform(95, 150)
    shoulder = pick(
        rng,
        [(r, high * 0.9), (r * 0.4, high)],
        [(r * 0.95, high * 0.75), (r * 0.7, high * 0.92), (12, high)],
        [(r, high), (11, high)],
    )
    wall = [(0.02, 0), (r * 0.94, 0), (r, 4), *shoulder, (11, high + 6)]
    body = bottle(wall, shell(rng), printed(rng), (high * 0.1, high * 0.72), pick(rng, 1.0, 1.0, 0.6))
    skin, lift = coat(rng, (*GREYS, "#e8e6e0", *BRIGHT)), rng.uniform(10, 26)
    stem = [
        (0.02, high + 4),
        (13, high + 4),
        (13, high + 16),
        (5, high + 18),
        (4, high + 18 + lift),
        (0.02, high + 18 + lift),
    ]
    ways = [(-12, 0, 0), (0, 0, 2), (22, 0, 1), (rng.uniform(34, 46), 0, -9)]
    spout = np.add(smooth_path(ways, 30), (0, 0, high + 22 + lift))
    return [body, lathe(stem, skin, 32), tube(spout, np.linspace(8, 4, 30), skin, 16)]


def drink_bottle(rng):
    """A small bottle of yoghurt, milk or juice with a sleeve; closed, open, or dented."""
    r, high = rng.uniform(19, 34), rng.uniform(75, 165)
    waist, neck = rng.uniform(0.75, 1), rng.uniform(0.4, 0.7) * r
    wall = [
        (0.02, 0),
        (r * 0.85, 0),
        (r, 6),
        (r * waist, high * 0.45),
        (r, high * 0.68),
        (neck, high * 0.88),
        (neck, high),
    ]
    sleeve = (high * rng.uniform(0.02, 0.15), high * rng.uniform(0.6, 0.86))
    parts = [bottle(wall, shell(rng), printed(rng), sleeve, rng.uniform(0.7, 1), caps=(True, False), thickness=0.8)]
    return parts + (screw_top(rng, neck + 2, rng.uniform(8, 16), high - 6) if rng.random() < 0.6 else [])


def squeezed_tube(rng):
    """A tube of paste, full, squeezed or rolled up from its end; with or without cap."""
    r, long = rng.uniform(11, 21), rng.uniform(70, 150)
    u, angle = np.linspace(0, 1, 50), np.linspace(0, 2 * np.pi, 48, endpoint=False)
    flat = np.clip(u * rng.uniform(1.0, 1.6), 0, 1) ** rng.uniform(0.7, 1.4)
    wide, thick = r * (1 + 0.55 * flat), r * (1 - flat) + 0.8
    dent = 1 - 0.35 * np.exp(-(((u - rng.uniform(0.2, 0.7)) / 0.1) ** 2)) * rng.uniform(0, 1)
    rings = np.stack(
        [np.repeat(long * u[:, None], 48, 1), wide[:, None] * np.cos(angle), (thick * dent)[:, None] * np.sin(angle)],
        -1,
    )
    if rng.random() < 0.4:
        bend = np.maximum(u - 0.65, 0) * rng.uniform(3, 8)
        rings[..., 0] += (long * 0.1 * (np.cos(bend) - 1))[:, None]
        rings[..., 2] += (long * 0.25 * (1 - np.cos(bend)))[:, None]
    marks = ((u[1:] > 0.12) & (u[1:] < rng.uniform(0.75, 0.9))).astype(int)
    metal = plain("tin", "#b8bab8", 0.35, 1.0)
    parts = [
        loft(rings, [pick(rng, metal, coat(rng, BRIGHT), coat(rng, ("#e8e6e0",))), printed(rng)], face_materials=marks)
    ]
    neck = [(0.02, 12), (r * 0.45, 12), (r * 0.45, 4), (r * 0.97, 0), (0.02, 0)]
    parts.append(placed(lathe(neck, metal, 32), (0, 0, 0), (0, -np.pi / 2, 0)))
    if rng.random() < 0.65:
        top = rng.uniform(0.5, 0.95) * r
        cap = lathe([(0.02, 2), (top, 2), (top * 0.85, rng.uniform(14, 26)), (0.02, 26)], coat(rng, BRIGHT), 32)
        parts.append(placed(cap, (0, 0, 0), (0, -np.pi / 2, 0)))
    return parts


def cream_tub(rng):
    """A low pot of cream or ointment: closed, open with a rest in it, or its lid beside it underneath."""
    r, high, kind = rng.uniform(22, 42), rng.uniform(20, 45), rng.integers(3)
    skin, lid = shell(rng), pick(rng, coat(rng, BRIGHT), plain("gold", "#b8943c", 0.3, 1.0), plain("tin", *STEEL))
    wall = [(0.02, 0), (r * 0.9, 0), (r, 4), (r, high * 0.7), (r * 0.94, high * 0.72), (r * 0.94, high)]
    parts = [bottle(wall, skin, printed(rng), (high * 0.15, high * 0.6), caps=(True, False), thickness=2.0)]
    if kind:
        top = high + rng.uniform(1, 6)
        cap = [
            (r, high * 0.72),
            (r, top - 2),
            (r * 0.95, top),
            (r * 0.6, top),
            (r * 0.58, top - 0.6),
            (0.02, top - 0.6),
        ]
        parts += [
            lathe(cap, lid, 56),
            box((r * 0.8, r * 0.35, 0.5), coat(rng, BRIGHT), at=(0, 0, top - 0.6), round_mm=0),
        ]
    else:
        rest = [(r * 0.88, high * 0.55), (r * 0.5, high * rng.uniform(0.3, 0.6)), (0.02, high * rng.uniform(0.3, 0.7))]
        parts.append(lathe(rest, coat(rng, ("#f0ece0", "#e8d8b8", "#c8e0e0", "#e8c0c8"), 0.5), 48))
    return parts


def pottery_mug(rng):
    """A mug or cup with its handle, standing or on its side; glazed, banded, some chipped."""
    r, high = rng.uniform(34, 46), rng.uniform(50, 76)
    flare, hue = rng.uniform(0.75, 1.1), pick(rng, "#e8e6e0", "#e8e6e0", *BRIGHT)
    skin = pick(rng, plain("glaze", hue, 0.15), mottled("glaze", (hue, "#c8b898", "#8a7a68"), 8, rough=0.3, bump=0.1))
    wall = [(0.02, 0), (r * 0.7 * flare, 0), (r * 0.95 * flare, 6), (r, high * 0.6), (r * 1.02, high)]
    inner = [(r * 0.94, high), (r * 0.92, high * 0.5), (r * 0.85 * flare, 8), (0.02, 6)]
    band = np.sort(rng.uniform(0.1, 0.95, 2)) * high
    parts = [bottle(wall, skin, coat(rng, BRIGHT, 0.15), band, caps=(True, False), thickness=3.2)]
    lining = pick(rng, skin, plain("inside", "#e8e6e0", 0.15), coat(rng, ("#4a2e1a", "#6a4a2a")))
    parts.append(lathe(inner, lining, 48, caps=(False, True)))
    out, t = rng.uniform(18, 28), np.linspace(-0.5 * np.pi, 0.5 * np.pi, 40)
    ear = np.stack([r * 0.95 + out * np.cos(t) ** 0.7, 0 * t, high * (0.5 + 0.33 * np.sin(t))], -1)
    if rng.random() < 0.25:
        ear = ear[: int(rng.integers(8, 20))]
    return [*parts, tube(ear, rng.uniform(4, 6.5), skin, 14)]


def water_glass(rng):
    """A drinking glass or clear plastic cup, straight, flared or ribbed."""
    r, high, flare = rng.uniform(26, 38), rng.uniform(80, 140), rng.uniform(0.65, 1.0)
    tone = pick(rng, "#cfdcd9", "#cfdcd9", "#d8e4e8", "#9ac0c8", "#c8b890", "#a8c8a0")
    glass = plain("glass", tone, 0.06, opacity=rng.uniform(0.15, 0.4))
    wall = [(0.02, 0), (r * flare * 0.97, 0), (r * flare, 3), (r * (1 + flare) / 2, high / 2), (r, high)]
    parts = [lathe(resampled(wall, 30), glass, int(pick(rng, 56, 56, 10, 16)), caps=(True, False), thickness=2.0)]
    parts.append(lathe([(0.02, 2), (r * flare * 0.9, 2), (r * flare * 0.9, 7), (0.02, 8)], glass, 40))
    if rng.random() < 0.4:
        ink = coat(rng, BRIGHT)
        parts += [
            tube(np.add(ring_path(r * (flare + (1 - flare) * s) + 1.2), (0, 0, high * s)), 0.9, ink, 8)
            for s in (0.6, 0.66)
        ]
    return parts


def medical_syringe(rng):
    """A syringe with its plunger in or out, with a needle, a cap or neither."""
    r, long, out = rng.uniform(5, 13), rng.uniform(55, 95), rng.uniform(0.1, 0.8)
    clear = plain("barrel", "#dfe6e8", 0.1, opacity=rng.uniform(0.35, 0.6))
    barrel = [(0.02, long + 1), (1.8, long + 8), (2.2, long), (r * 0.9, long - 2), (r, long - 4), (r, 0)]
    parts = [lathe(barrel, clear, 32, caps=(True, False), thickness=1.0)]
    parts.append(box((2.2 * r + 18, r * 1.3, 2.5), clear, at=(0, 0, -2), round_mm=0.8))
    rod, back = coat(rng, ("#e8e8e4", "#e8e8e4", "#2a6a9a", "#5a9a5a", "#d2691e")), -out * long
    parts += [box((w, d, long), rod, at=(0, 0, back), round_mm=0) for w, d in ((1.6 * r, 1.5), (1.5, 1.6 * r))]
    parts.append(lathe([(0.02, back - 3), (r * 1.15, back - 3), (r * 1.15, back), (0.02, back)], rod, 32))
    stop = long + back
    parts.append(
        lathe(
            [(0.02, stop - 6), (r * 0.94, stop - 6), (r * 0.94, stop), (0.02, stop + 3)],
            plain("rubber", "#18181a", 0.8),
            28,
        )
    )
    ink = plain("scale", "#202024")
    parts += [box((r * 0.9, 0.6, 0.5), ink, at=(0, -r * 0.95, z), round_mm=0) for z in np.arange(8, long - 8, 6)]
    hub = [(0.02, long + 3), (3.4, long + 3), (2.6, long + 14), (0.02, long + 14)]
    kind = rng.integers(3)
    if kind:
        parts.append(lathe(hub, coat(rng, ("#4a90c0", "#5a9a5a", "#d2691e", "#d8d8d8")), 20))
    if kind == 1:
        parts.append(tube([(0, 0, long + 12), (0, 0, long + rng.uniform(34, 52))], 0.8, worn_steel(rng), 8))
    if kind == 2:
        sheath = [(3.6, long + 8), (2.8, long + 44), (0.02, long + 46)]
        parts.append(lathe(sheath, plain("cap", "#d8e4e4", 0.2, opacity=0.6), 20))
    return parts


RECIPES = (
    contaminant_to_train(sprayer, seeds=8),
    contaminant_to_train(lotion_pump, seeds=7),
    contaminant_to_train(drink_bottle, seeds=7),
    contaminant_to_train(squeezed_tube, seeds=7),
    contaminant_to_train(cream_tub, seeds=7),
    contaminant_to_train(pottery_mug, seeds=6),
    contaminant_to_train(water_glass, seeds=6),
    contaminant_to_train(medical_syringe, seeds=6),
)
