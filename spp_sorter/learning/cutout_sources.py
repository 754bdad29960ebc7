"""Collections of pictures as assets: the user's own photographs, TrashNet, shop shelves, stamps, the shipped sprites.

Every reader yields an asset, or a ``Dropped`` that names the picture and why it was left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from spp_sorter.learning.cutout_grocery import ROUND, carton_mask, is_whole, round_items, stuff_mask
from spp_sorter.learning.cutout_lists import GROCERY_LABELS, PICTURED_FRUIT, STAMPS, TRASHNET_DOUBTFUL, TRASHNET_LABELS
from spp_sorter.learning.cutout_split import alike_groups, look, split_of, splits_of
from spp_sorter.learning.cutouts import BadMask, Outline, outline_of_alpha, outline_on_plain
from spp_sorter.learning.pack import NewAsset
from spp_sorter.simulation.sprites import load_sprites
from spp_sorter.values import LABELS, ImageArray

LONG_SIDE_PX = 320
PER_KIND = {"train": 18, "test": 8}
"""Photographs of one kind that are taken, by split."""

ROUNDS = {"train": 8, "test": 3}
"""Single round fruits of one kind after which no more are looked for, by split."""

SHELF_QUALITY = 76
PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp"))

Mapper = Callable[[Callable[[Path], "list[NewAsset | Dropped]"], Iterable[Path]], "Iterable[list[NewAsset | Dropped]]"]
"""``map``, or a process pool's."""


@dataclass(frozen=True)
class Dropped:
    """A picture that is left out.

    Attributes:
        file: the picture.
        reason: why.
    """

    file: Path
    reason: str


def read_source(folder: Path, labels: Mapping[str, str], mapper: Mapper = map) -> Iterator[NewAsset | Dropped]:
    """Assets of a folder, whichever collection it is.

    Args:
        folder: TrashNet, the Grocery Store Dataset, Tux Paint's stamps, or one subfolder per class with photographs of
            single items on a plain background, or PNGs with alpha.
        labels: subfolder -> ``compost``, ``non_compost`` or ``ignore``; goes before what is known of the collections.
        mapper: how the pictures are gone through.

    Raises:
        FileNotFoundError: there is no such folder, or no picture in it.
        ValueError: a subfolder has no label.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"'{folder}' is not a folder; name one with a subfolder of pictures per class")
    classes = {path.name for path in folder.iterdir() if path.is_dir()}
    if {"iconic", *GROCERY_LABELS} <= classes:
        return _grocery(folder, {**GROCERY_LABELS, **labels}, mapper)
    if {"food", "household", "plants"} <= classes:
        return _stamps(folder, mapper)
    if {"glass", "metal", "plastic", "trash"} <= classes:
        return _classes(folder, {**TRASHNET_LABELS, **labels}, mapper, "trashnet", "MIT", TRASHNET_DOUBTFUL)
    own = {name: name for name in (*LABELS, "ignore")}
    return _classes(folder, {**own, **labels}, mapper, folder.name, "the user's own", frozenset())


def sprite_assets() -> Iterator[NewAsset | Dropped]:
    """The sprites that ship with the package, as cut-outs; their families and splits are those of the simulation."""
    for sprite in load_sprites():
        for number, view in enumerate(sprite.views):
            name = f"sprites/{sprite.name}_{number}"
            yield _of_alpha(
                view.rgba, Path(sprite.name), name=name, source="sprites", label=sprite.label,
                group=f"sprites/{sprite.family}", split=sprite.split, licence=sprite.attribution.licence,
            )  # fmt: skip


def _classes(
    folder: Path, labels: Mapping[str, str], mapper: Mapper, source: str, licence: str, doubtful: frozenset[str]
) -> Iterator[NewAsset | Dropped]:
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    unknown = [path.name for path in classes if path.name not in labels]
    if unknown:
        raise ValueError(
            f"'{folder}' has the subfolder '{unknown[0]}', which has no label; allowed: {', '.join(LABELS)}, ignore; "
            f"rename it, or give it a line in a label map (--labels)"
        )
    some = False
    for path in classes:
        if labels[path.name] == "ignore":
            continue
        files = sorted((f for f in path.rglob("*") if f.suffix.lower() in PICTURES), key=_natural)
        some = some or bool(files)
        read = partial(_single, folder=folder, source=source, label=labels[path.name], licence=licence)
        wanted = [file for file in files if file.stem not in doubtful]
        yield from (Dropped(file, "left out by eye: doubtful") for file in files if file.stem in doubtful)
        found = [each for batch in mapper(read, wanted) for each in batch]
        yield from (each for each in found if isinstance(each, Dropped))
        yield from _grouped([each for each in found if isinstance(each, NewAsset)])
    if not some:
        raise FileNotFoundError(f"no pictures under '{folder}'; expected one subfolder of pictures per class")


def _single(file: Path, folder: Path, source: str, label: str, licence: str) -> list[NewAsset | Dropped]:
    """One picture of one item."""
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        return [Dropped(file, "cannot be read as a picture of 8 bits")]
    named = {"name": f"{source}/{file.relative_to(folder).with_suffix('')}", "source": source, "label": label}
    if image.ndim == 3 and image.shape[2] == 4 and image[..., 3].min() < 128:
        return [_of_alpha(np.asarray(image, np.uint8), file, **named, licence=licence)]
    photograph = np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8)
    whole = max(photograph.shape[:2]) <= LONG_SIDE_PX and file.suffix.lower() in (".jpg", ".jpeg")
    photograph = _fit(photograph)
    try:
        outline = outline_on_plain(photograph)
    except BadMask as error:
        return [Dropped(file, str(error))]
    encoded = file.read_bytes() if whole else None
    alone = outline.sure and not set(outline.cut_sides) >= {"left", "right"}
    return [_asset(photograph, outline, file, **named, licence=licence, alone=alone, encoded=encoded)]


def _grocery(folder: Path, labels: Mapping[str, str], mapper: Mapper) -> Iterator[NewAsset | Dropped]:
    for top in GROCERY_LABELS:
        if labels[top] == "ignore":
            continue
        shots = sorted((folder / "iconic" / top).glob("*_Iconic.jpg"))
        for batch in mapper(partial(_kind, folder=folder, top=top, label=labels[top]), shots):
            yield from batch


def _kind(shot_file: Path, folder: Path, top: str, label: str) -> list[NewAsset | Dropped]:
    """A product shot and all photographs of its kind."""
    kind = shot_file.name.removesuffix("_Iconic.jpg")
    shot = np.asarray(cv2.imread(str(shot_file), cv2.IMREAD_COLOR), np.uint8)
    packages = top == "packages"
    try:
        outline = outline_on_plain(shot, convex=packages)
    except BadMask as error:
        return [Dropped(shot_file, str(error))]
    # The same print on other cartons would show the test carton's face; a fruit of the same kind is another fruit.
    named = {"source": "grocery", "label": label, "licence": "MIT"}
    group = f"grocery/{kind}"
    found: list[NewAsset | Dropped] = [
        _asset(
            shot, outline, shot_file, name=f"iconic/{kind}", **{**named, "source": "iconic"}, group=group, alone=True,
            encoded=shot_file.read_bytes(),
        )
    ]  # fmt: skip
    taken, rounds = {"train": 0, "test": 0}, {"train": 0, "test": 0}
    for file in sorted((folder / top / kind).glob("*.jpg")):
        name = f"grocery/{file.stem}"
        own_group = group if packages else name
        split = split_of(own_group)
        if taken[split] >= PER_KIND[split]:
            continue  # more of the same would only swell the pack
        image = np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8)
        try:
            if packages:
                cuts = _carton(image, shot, outline.mask, kind.startswith(PICTURED_FRUIT))
            else:
                cuts = _produce(image, shot, outline.mask, kind in ROUND and rounds[split] < ROUNDS[split])
        except BadMask as error:
            found.append(Dropped(file, str(error)))
            continue
        taken[split] += 1
        rounds[split] += sum("_round" in suffix for suffix, _, _ in cuts)
        y, x = np.nonzero(np.max([mask for _, _, mask in cuts], axis=0))
        part = (slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1))
        crop = np.ascontiguousarray(image[part])
        encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, SHELF_QUALITY])[1].tobytes()
        found += [
            _asset(
                crop, Outline(np.ascontiguousarray(mask[part]), ()), file, name=f"{name}{suffix}", **named,
                group=own_group, kind=kind_of_cut, encoded=encoded,
            )
            for suffix, kind_of_cut, mask in cuts
        ]  # fmt: skip
    return found


def _carton(
    image: ImageArray, shot: ImageArray, shot_mask: ImageArray, pictured: bool
) -> list[tuple[str, str, ImageArray]]:
    """Suffix, kind and mask of what a photograph of a carton gives."""
    mask = carton_mask(image, shot, shot_mask)
    if is_whole(mask):
        return [("", "item", mask)]
    if pictured:
        raise BadMask("part of a carton is hidden, and a piece of its picture of fruit would mislead")
    return [("", "material", mask)]


def _produce(
    image: ImageArray, shot: ImageArray, shot_mask: ImageArray, is_round: bool
) -> list[tuple[str, str, ImageArray]]:
    """Suffix, kind and mask of what a photograph of produce gives: the stuff, and single fruits."""
    mask = stuff_mask(image, shot, shot_mask)
    cuts = [("", "material", mask)]
    if is_whole(mask):
        cuts.append(("_whole", "item", mask))
    if is_round:
        circles = round_items(image, shot, shot_mask)
        cuts += [(f"_round{number}", "item", circle) for number, circle in enumerate(circles)]
    return cuts


def _stamps(folder: Path, mapper: Mapper) -> Iterator[NewAsset | Dropped]:
    for label, lines in STAMPS.items():
        names = [(line.partition(": ")[0], name) for line in lines for name in line.partition(": ")[2].split()]
        files = [folder / place / f"{name}.png" for place, name in names]
        read = partial(_single, folder=folder, source="stamps", label=label, licence="GPL-2+")
        for batch in mapper(read, [file for file in files if file.is_file()]):
            yield from batch


def _grouped(found: list[NewAsset]) -> Iterator[NewAsset]:
    """The same, with pictures that show the same object in one group and split."""
    names = [each.name for each in found]
    numbers = [int((re.findall(r"\d+", name) or ["0"])[-1]) for name in names]
    groups = alike_groups(names, numbers, [look(each.image_bgr, each.mask) for each in found])
    splits = splits_of(groups)
    for each, group in zip(found, groups, strict=True):
        yield replace(each, group=group, split=splits[group])


def _of_alpha(bgra: ImageArray, file: Path, **fields: str) -> NewAsset | Dropped:
    """A cut-out that somebody made: cropped, its hidden colours replaced by those of its edge."""
    try:
        mask = outline_of_alpha(bgra).mask
    except BadMask as error:
        return Dropped(file, str(error))
    y, x = np.nonzero(mask)
    crop = (slice(max(y.min() - 4, 0), y.max() + 5), slice(max(x.min() - 4, 0), x.max() + 5))
    bgra, mask = _fit(bgra[crop], 256), _fit(mask[crop], 256)
    mask = np.where(mask > 127, np.uint8(255), np.uint8(0))
    if not mask.any():
        return Dropped(file, "its alpha channel shows next to nothing")
    return _asset(_spread(bgra, mask), Outline(mask, ()), file, **fields)


def _asset(image_bgr: ImageArray, outline: Outline, file: Path, **fields: object) -> NewAsset:
    fields.setdefault("group", fields["name"])
    fields.setdefault("split", split_of(str(fields["group"])))
    return NewAsset(image_bgr, outline.mask, file=file.name, cut_sides=outline.cut_sides, **fields)  # type: ignore[arg-type]


def _spread(bgra: ImageArray, mask: ImageArray) -> ImageArray:
    """Colours of the item carried outwards, so that neither JPEG nor interpolation brings others in."""
    weight = mask.astype(np.float32) / 255
    image = bgra[..., :3].astype(np.float32)
    filled = image * weight[..., None]
    for sigma in (2.0, 6.0, 30.0):
        near = cv2.GaussianBlur(weight, (0, 0), sigma)
        colors = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma) / np.maximum(near, 1e-4)[..., None]
        empty = (filled.sum(axis=2) == 0) & (near > 1e-3)
        filled[empty] = colors[empty]
    return np.clip(filled, 0, 255).astype(np.uint8)


def _fit(image: ImageArray, long_side_px: int = LONG_SIDE_PX) -> ImageArray:
    scale = long_side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _natural(path: Path) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]
