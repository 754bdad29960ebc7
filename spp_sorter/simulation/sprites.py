"""Sprites: pictures with height of single items, seen straight from above, that the simulated belt is made of.

Each view is an orthographic render under soft, even light with no shadow on the ground, beside a map of the height of
its top surface. The pack is made by ``tools/render_sprites``; ``ATTRIBUTION.md`` beside it names every author.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from spp_sorter.values import LABELS, ImageArray

SCHEMA_VERSION = 1
SPRITES_PATH = Path(__file__).resolve().parent.parent / "assets" / "sprites"
"""The pack that ships with the package."""


class SpriteError(RuntimeError):
    """A sprite pack is missing, broken or of another version."""


@dataclass(frozen=True, eq=False)
class SpriteView:
    """One resting pose of an item, or one individual of a kind.

    Attributes:
        rgba: [h, w, 4] uint8 in OpenCV's order BGRA, straight alpha; image right = +x, image up = +y.
        height_mm: [h, w] uint8, height of the top surface above the belt in millimetres, 0 where nothing is.
        metres_per_px: metres on the belt that one pixel shows.
        pose: name of the pose.
    """

    rgba: ImageArray
    height_mm: ImageArray
    metres_per_px: float
    pose: str


@dataclass(frozen=True)
class Attribution:
    """Who made the model behind a sprite, and on which terms."""

    title: str
    author: str
    licence: str
    source: str


@dataclass(frozen=True, eq=False)
class SpriteObject:
    """An item in its views.

    Attributes:
        name: unique name.
        label: one of ``LABELS``.
        family: items of one family look alike; a family is never in both splits.
        split: ``train`` or ``test``.
        views: at least one.
        attribution: origin of the model.
    """

    name: str
    label: str
    family: str
    split: str
    views: tuple[SpriteView, ...]
    attribution: Attribution


def load_sprites(path: Path | None = None, split: str = "all") -> tuple[SpriteObject, ...]:
    """Read a sprite pack.

    Args:
        path: folder with ``sprites.json``; None for the pack that ships with the package.
        split: ``train``, ``test`` or ``all`` objects.

    Returns:
        The objects in the order of the file.

    Raises:
        SpriteError: a file is missing or broken, or the pack has another schema version.
        ValueError: ``split`` is unknown.
    """
    if split not in ("train", "test", "all"):
        raise ValueError(f"split is {split!r}; allowed: 'train', 'test', 'all'")
    folder = SPRITES_PATH if path is None else Path(path)
    listing = _read_listing(folder / "sprites.json")
    try:
        metres_per_px = float(listing["metres_per_px"])
        wanted = [entry for entry in listing["objects"] if split in ("all", entry["split"])]
        return tuple(_read_object(folder, entry, metres_per_px) for entry in wanted)
    except (KeyError, TypeError) as error:
        raise SpriteError(f"{folder / 'sprites.json'}: {error!r} is missing or malformed; {_REMEDY}") from error


_REMEDY = "reinstall the package, or make the pack again with tools/render_sprites"


def _read_listing(path: Path) -> dict[str, Any]:
    try:
        listing = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpriteError(f"no sprite pack: {path} does not exist; {_REMEDY}") from error
    except ValueError as error:
        raise SpriteError(f"{path} is not valid JSON ({error}); {_REMEDY}") from error
    version = listing.get("schema_version") if isinstance(listing, dict) else None
    if version != SCHEMA_VERSION:
        raise SpriteError(f"{path} has schema_version {version!r}, this version reads {SCHEMA_VERSION}; {_REMEDY}")
    return dict(listing)


def _read_object(folder: Path, entry: dict[str, Any], metres_per_px: float) -> SpriteObject:
    if entry["label"] not in LABELS:
        raise SpriteError(f"{entry['name']}: label is {entry['label']!r}; allowed: {', '.join(LABELS)}")
    views = tuple(_read_view(folder, view, metres_per_px) for view in entry["views"])
    if not views:
        raise SpriteError(f"{entry['name']}: no views in {folder / 'sprites.json'}; {_REMEDY}")
    attribution = Attribution(**{key: entry["attribution"][key] for key in ("title", "author", "licence", "source")})
    return SpriteObject(entry["name"], entry["label"], entry["family"], entry["split"], views, attribution)


def _read_view(folder: Path, view: dict[str, Any], metres_per_px: float) -> SpriteView:
    bgra = _read_image(folder / view["colour"])
    height = _read_image(folder / view["height"])
    if bgra.ndim != 3 or bgra.shape[2] != 4:
        raise SpriteError(f"{folder / view['colour']} has shape {bgra.shape}, expected [h, w, 4]; {_REMEDY}")
    if height.shape != bgra.shape[:2]:
        raise SpriteError(
            f"{folder / view['height']} has shape {height.shape}, its colour image {bgra.shape[:2]}; {_REMEDY}"
        )
    return SpriteView(bgra, height, metres_per_px, view["pose"])


def _read_image(path: Path) -> ImageArray:
    if not path.is_file():
        raise SpriteError(f"{path} does not exist; {_REMEDY}")
    image: ImageArray | None = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)  # type: ignore[assignment]
    if image is None or image.dtype != np.uint8:
        raise SpriteError(f"{path} cannot be read as an 8-bit image; {_REMEDY}")
    image.setflags(write=False)
    return image
