"""How items lie in a composed scene: apart, in heaps, in an organic layer, or one filling the picture."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from spp_sorter.learning.composer_canvas import SOLID, Canvas, Laid
from spp_sorter.learning.composer_cut import MAX_ENLARGE, Patch
from spp_sorter.learning.composer_draw import Drawer
from spp_sorter.learning.composer_grounds import Grounds
from spp_sorter.values import FloatArray, ImageArray

AS_IT_IS = 0.4
"""Share of the close-ups that are photographs as they were taken."""

SCRAP_IGNORED_PX = 26
"""Scraps of an organic layer that are larger than this could be called items: they are ignored."""

_TRIES = 8


def sparse(drawer: Drawer, grounds: Grounds, rng: np.random.Generator, size_hw: tuple[int, int]) -> Canvas:
    """A few items that lie apart."""
    canvas = Canvas(grounds.draw("plain" if rng.random() < 0.2 else "belt", rng, size_hw), rng)
    share, scale = float(rng.uniform(0.3, 0.7)), _item_px(rng, size_hw, 26, 190)
    room = size_hw[0] * size_hw[1] / scale**2
    for _ in range(int(rng.integers(1, max(min(12, int(room * 0.7)), 2) + 1))):
        patch = drawer.patch(rng, drawer.label(rng, share), scale * float(rng.uniform(0.55, 1.5)))
        for _ in range(_TRIES):
            centre = _anywhere(rng, size_hw)
            if patch is not None and canvas.covered(patch, centre) < 0.01:
                canvas.lay(patch, centre)
                break
    return canvas


def touching(drawer: Drawer, grounds: Grounds, rng: np.random.Generator, size_hw: tuple[int, int]) -> Canvas:
    """Items in heaps, that touch and cover each other."""
    canvas = Canvas(grounds.draw("plain" if rng.random() < 0.2 else "belt", rng, size_hw), rng)
    share, scale = float(rng.uniform(0.3, 0.7)), _item_px(rng, size_hw, 32, 150)
    room = size_hw[0] * size_hw[1] / scale**2
    count = int(np.clip(rng.uniform(0.25, 0.8) * room, 4, 28))
    heaps = [_anywhere(rng, size_hw) for _ in range(int(rng.integers(1, 5)))]
    for _ in range(count):
        patch = drawer.patch(rng, drawer.label(rng, share), scale * float(rng.uniform(0.55, 1.5)))
        if patch is None:
            continue
        allowed = float(rng.uniform(0.0, 0.55))
        for _ in range(_TRIES):
            spread = scale * math.sqrt(count) * float(rng.uniform(0.1, 0.7))
            centre = heaps[rng.integers(len(heaps))] + rng.normal(0, spread, 2)
            inside = (centre > 0).all() and centre[0] < size_hw[1] and centre[1] < size_hw[0]
            if inside and canvas.covered(patch, centre) <= allowed:
                canvas.lay(patch, centre)
                break
    return canvas


def bed(drawer: Drawer, grounds: Grounds, rng: np.random.Generator, size_hw: tuple[int, int]) -> Canvas:
    """Contaminants in an organic layer that hides parts of them."""
    scale = _item_px(rng, size_hw, 36, 150)
    scraps = _scraps(drawer, rng, float(rng.uniform(0.12, 0.45)) * scale)
    ground = grounds.draw("bed", rng, size_hw)
    if scraps and rng.random() < 0.55:
        belt = grounds.draw("belt", rng, size_hw)
        ground = _carpet(ground, belt, scraps, rng)
    canvas = Canvas(ground, rng)
    _strew(canvas, scraps, rng, size_hw, int(rng.integers(12, 45)))
    if "non_compost" not in drawer.labels:
        return canvas
    for _ in range(int(rng.integers(1, 9))):
        patch = drawer.patch(rng, "non_compost", scale * float(rng.uniform(0.6, 1.5)), pieces=0.25)
        centre = _anywhere(rng, size_hw)
        if patch is None or canvas.covered(patch, centre) > 0.3:
            continue
        laid = canvas.lay(patch, centre)
        if laid is not None and scraps:
            _bury(canvas, laid, scraps, rng)
    return canvas


def single(drawer: Drawer, grounds: Grounds, rng: np.random.Generator, size_hw: tuple[int, int]) -> Canvas:
    """One item, seldom two or three, that fill much of the picture."""
    label = drawer.label(rng, 0.5)
    if rng.random() < AS_IT_IS:
        canvas = _as_it_is(drawer, label, rng, size_hw)
        if canvas is not None:
            return canvas
    kind = str(rng.choice(["plain", "belt", "bed"], p=[0.62, 0.25, 0.13]))
    canvas = Canvas(grounds.draw(kind, rng, size_hw), rng)
    count = 1 if rng.random() < 0.72 else int(rng.integers(2, 4))
    for number in range(count):
        size = float(rng.uniform(0.3, 0.98)) * min(size_hw) * (1.15 if count == 1 else 0.6)
        # What was small in its picture cannot be shown large: it would be a blur.
        patch = drawer.patch(rng, label if number == 0 else drawer.label(rng, 0.5), size, 0.12, turn=rng.random() < 0.7)
        if patch is None:
            continue
        for _ in range(_TRIES):
            room = np.array([size_hw[1] - patch.alpha.shape[1], size_hw[0] - patch.alpha.shape[0]], float)
            beyond = 0.35 * np.array(patch.alpha.shape[::-1]) if rng.random() < 0.25 else np.zeros(2)
            reach = np.maximum(room / 2, 0) + beyond
            centre = np.array(size_hw[::-1]) / 2 + rng.uniform(-1, 1, 2) * reach
            if canvas.covered(patch, centre) < 0.2:
                canvas.lay(patch, centre)
                break
    return canvas


def empty(_: Drawer, grounds: Grounds, rng: np.random.Generator, size_hw: tuple[int, int]) -> Canvas:
    """A ground with nothing on it but what belongs there."""
    kind = str(rng.choice(["belt", "bed", "plain"], p=[0.6, 0.2, 0.2]))
    return Canvas(grounds.draw(kind, rng, size_hw), rng)


LAYOUTS: dict[str, Callable[[Drawer, Grounds, np.random.Generator, tuple[int, int]], Canvas]] = {
    "sparse": sparse,
    "touching": touching,
    "bed": bed,
    "single": single,
    "empty": empty,
}


def _item_px(rng: np.random.Generator, size_hw: tuple[int, int], low: float, high: float) -> float:
    """Size of a scene's items, for a picture 480 high: log-uniform."""
    return math.exp(rng.uniform(math.log(low), math.log(high))) * min(size_hw) / 480


def _anywhere(rng: np.random.Generator, size_hw: tuple[int, int]) -> FloatArray:
    return np.array([rng.uniform(0.01, 0.99) * size_hw[1], rng.uniform(0.01, 0.99) * size_hw[0]])


def _scraps(drawer: Drawer, rng: np.random.Generator, size_px: float) -> list[Patch]:
    """The pieces of compost that a layer is made of; a few, each of which lies in it many times, turned."""
    if "compost" not in drawer.labels:
        return []
    wanted = [size_px * float(rng.uniform(0.6, 1.5)) for _ in range(int(rng.integers(5, 10)))]
    patches = [drawer.patch(rng, "compost", max(size, 9.0), pieces=0.9) for size in wanted]
    return [patch for patch in patches if patch is not None]


def _turned(patch: Patch, rng: np.random.Generator) -> Patch:
    """The same, turned by quarters and mirrored."""
    image, alpha = patch.image_bgr, patch.alpha
    mirror, upside_down, turn = rng.random(3) < 0.5
    return Patch(
        _mirrored(image, mirror, upside_down, turn),
        _mirrored(alpha, mirror, upside_down, turn),
        patch.asset,
        patch.piece,
    )


def _mirrored(image: ImageArray, mirror: bool, upside_down: bool, turn: bool) -> ImageArray:
    """Mirrored left to right and top to bottom, then about the diagonal."""
    image = image[:: -1 if upside_down else 1, :: -1 if mirror else 1]
    return np.ascontiguousarray(image.swapaxes(0, 1) if turn else image)


def _carpet(soil_bgr: ImageArray, belt_bgr: ImageArray, scraps: list[Patch], rng: np.random.Generator) -> ImageArray:
    """A layer thick with small scraps that covers 60 to 100 % of a belt: [H, W, 3] uint8."""
    height, width = soil_bgr.shape[:2]
    part = soil_bgr[: (height + 1) // 2, : (width + 1) // 2].copy()
    part_hw = (part.shape[0], part.shape[1])
    tile = Canvas(part, rng)
    shrink = float(rng.uniform(0.4, 0.9))
    small = [
        Patch(
            np.asarray(cv2.resize(scrap.image_bgr, None, fx=shrink, fy=shrink), np.uint8),
            np.asarray(cv2.resize(scrap.alpha, None, fx=shrink, fy=shrink), np.uint8),
            scrap.asset,
            scrap.piece,
        )
        for scrap in scraps
        if min(scrap.alpha.shape) * shrink > 2
    ]
    size = float(np.mean([math.sqrt(scrap.alpha.size) for scrap in small] or [1.0]))
    count = int(np.clip(rng.uniform(0.5, 1.6) * part.shape[0] * part.shape[1] / size**2, 20, 110)) if small else 0
    for _ in range(count):
        tile.lay(_turned(small[rng.integers(len(small))], rng), _anywhere(rng, part_hw), ghost=True)
    wide = np.hstack([part, part[:, ::-1]])
    carpet: ImageArray = np.vstack([wide, wide[::-1, :: 1 if rng.random() < 0.5 else -1]])[:height, :width]
    coverage = float(rng.uniform(0.6, 1.25))
    if coverage >= 1.0:
        return np.ascontiguousarray(carpet)
    hills: FloatArray = rng.normal(0, 1, (7, 9))
    crumbs: FloatArray = rng.normal(0, 0.25, (height // 6, width // 6))
    field = np.add(
        cv2.resize(hills, (width, height), interpolation=cv2.INTER_CUBIC), cv2.resize(crumbs, (width, height))
    )
    shown = field < np.quantile(field[::8, ::8], coverage)
    return np.asarray(np.where(shown[..., None], carpet, belt_bgr), np.uint8)


def _strew(canvas: Canvas, scraps: list[Patch], rng: np.random.Generator, size_hw: tuple[int, int], count: int) -> None:
    """Strew scraps over the picture."""
    if not scraps:
        return
    for _ in range(count):
        patch = _turned(scraps[rng.integers(len(scraps))], rng)
        large = max(patch.alpha.shape) - 6 > SCRAP_IGNORED_PX
        canvas.lay(patch, _anywhere(rng, size_hw), ignore=True, ghost=not large)


def _bury(canvas: Canvas, laid: Laid, scraps: list[Patch], rng: np.random.Generator) -> None:
    """Cover part of an item with scraps, so that between a tenth and nine tenths of it stay visible."""
    target = float(rng.uniform(0.3, 1.0))
    height, width = laid.patch.alpha.shape
    rows, columns = slice(max(laid.top, 0), laid.top + height), slice(max(laid.left, 0), laid.left + width)
    side = rng.uniform(-0.5, 0.5, 2) * (width, height)
    for _ in range(9):
        if np.count_nonzero(canvas.ids[rows, columns] == laid.id) <= target * laid.num_pixels:
            return
        patch = _turned(scraps[rng.integers(len(scraps))], rng)
        centre = (
            np.array([laid.left + width / 2, laid.top + height / 2]) + side + rng.normal(0, 0.22, 2) * (width, height)
        )
        large = max(patch.alpha.shape) - 6 > SCRAP_IGNORED_PX
        canvas.lay(patch, centre, ignore=True, ghost=not large)


def _as_it_is(drawer: Drawer, label: str, rng: np.random.Generator, size_hw: tuple[int, int]) -> Canvas | None:
    """A photograph of one item, on the ground where it was taken; moved and zoomed a little."""
    asset = drawer.photograph(rng, label)
    if asset is None:
        return None
    picture, mask = drawer.pack.picture(asset.picture), drawer.pack.mask(asset.mask)
    mirror, upside_down, turn = rng.random(3) < (0.5, 0.5, 0.3)
    turn = turn or (picture.shape[0] > picture.shape[1]) != (size_hw[0] > size_hw[1])
    picture, mask = (_mirrored(each, mirror, upside_down, turn) for each in (picture, mask))
    height, width = picture.shape[:2]
    fill = max(size_hw[0] / height, size_hw[1] / width)
    scale = min(fill * float(rng.uniform(0.9, 1.35)), MAX_ENLARGE)
    free = np.array([size_hw[1] - width * scale, size_hw[0] - height * scale])
    offset = free * rng.uniform(0, 1, 2) + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    size_wh = size_hw[::-1]
    image = cv2.warpAffine(picture, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = np.asarray(cv2.warpAffine(mask, matrix, size_wh, flags=cv2.INTER_LINEAR), np.uint8)
    canvas = Canvas(np.asarray(image, np.uint8), rng)
    solid = alpha > SOLID
    canvas.ids[solid] = 1
    pixels = max(round(cv2.countNonZero(mask) * scale**2), 1)
    canvas.laid.append(Laid(1, Patch(canvas.image_bgr, alpha, asset, False), 0, 0, pixels, False))
    return canvas
