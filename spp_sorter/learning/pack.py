"""Asset packs: photographed items with their outlines, and pictures to lay them on, in one small folder.

``pack.json`` lists everything; ``pictures.bin`` holds the encoded pictures one after the other and is read through a
memory map, so that any number of processes share it and none holds more than it is using.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from spp_sorter.values import LABELS, ImageArray

PACK_VERSION = 1
ITEM_QUALITY = 88
BACKGROUND_QUALITY = 80
DEFAULT_PACK = Path(".cache/pack")
MAKE_PACK = "make one with: spp_sorter scenes --build-pack FOLDER --pack .cache/pack"


class PackError(ValueError):
    """A pack is missing, broken or of another version; the text says how to make one."""


@dataclass(frozen=True)
class Asset:
    """One photographed item.

    Attributes:
        name: unique in its pack.
        source: collection it comes from.
        label: one of ``LABELS``.
        kind: ``item`` (the mask is the outline of one whole item) or ``material`` (the mask shows nothing but one kind
            of stuff, of which pieces may be cut).
        group: assets of one group show the same object or look alike; a group is never in both splits.
        split: ``train`` or ``test``.
        file: original picture.
        licence: of the original.
        cut_sides: sides of its picture that cut the item off.
        alone: nothing but this item is on its picture, which may be shown as it is.
        picture: offset and length of the encoded BGR picture.
        mask: offset and length of the encoded mask.
        box: x0, y0, x1, y1 of the mask.
    """

    name: str
    source: str
    label: str
    kind: str
    group: str
    split: str
    file: str
    licence: str
    cut_sides: tuple[str, ...]
    alone: bool
    picture: tuple[int, int]
    mask: tuple[int, int]
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Background:
    """A picture to lay items on.

    Attributes:
        name: unique in its pack.
        kind: ``belt``, ``bed`` (organic layer) or ``plain`` (poster, table...).
        split: ``train`` or ``test``.
        picture: offset and length of the encoded BGR picture.
    """

    name: str
    kind: str
    split: str
    picture: tuple[int, int]


@dataclass(frozen=True, eq=False)
class NewAsset:
    """An item on its way into a pack: everything but where it will lie.

    Attributes:
        image_bgr: [H, W, 3] uint8.
        mask: [H, W] uint8, 255 on the item.
        encoded: the picture as it is already encoded, to be taken over byte for byte; None encodes ``image_bgr``.
        name, source, label, kind, group, split, file, licence, cut_sides, alone: as in ``Asset``.
    """

    image_bgr: ImageArray
    mask: ImageArray
    name: str
    source: str
    label: str
    group: str
    split: str
    file: str
    licence: str
    kind: str = "item"
    cut_sides: tuple[str, ...] = ()
    alone: bool = False
    encoded: bytes | None = None


class PackWriter:
    """Writes a pack beside its place and moves it there when it is complete.

    Args:
        path: folder of the pack.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        self._file = (self._partial / "pictures.bin").open("wb")
        self._places: dict[bytes, tuple[int, int]] = {}
        self._assets: list[Asset] = []
        self._backgrounds: list[Background] = []

    def add(self, new: NewAsset) -> None:
        """Append an item; pictures that were added before are stored once."""
        y, x = np.nonzero(new.mask)
        encoded = new.encoded if new.encoded is not None else self._jpeg(new.image_bgr, ITEM_QUALITY)
        _, png = cv2.imencode(".png", new.mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
        self._assets.append(
            Asset(
                new.name, new.source, new.label, new.kind, new.group, new.split, new.file, new.licence,
                new.cut_sides, new.alone, self._put(encoded), self._put(png.tobytes()),
                (int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1),
            )
        )  # fmt: skip

    def add_background(self, name: str, kind: str, split: str, image_bgr: ImageArray) -> None:
        """Append a picture [H, W, 3] uint8 to lay items on."""
        self._backgrounds.append(Background(name, kind, split, self._put(self._jpeg(image_bgr, BACKGROUND_QUALITY))))

    def close(self) -> None:
        """Write the list and put the pack in its place."""
        self._file.close()
        listing = {
            "version": PACK_VERSION,
            "assets": [asdict(asset) for asset in self._assets],
            "backgrounds": [asdict(background) for background in self._backgrounds],
        }
        (self._partial / "pack.json").write_text(json.dumps(listing), encoding="utf-8")
        old = self._path.with_name(f"{self._path.name}.{os.getpid()}.old")
        if self._path.exists():
            self._path.rename(old)
        self._partial.rename(self._path)
        shutil.rmtree(old, ignore_errors=True)

    def _jpeg(self, image_bgr: ImageArray, quality: int) -> bytes:
        _, encoded = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return encoded.tobytes()

    def _put(self, content: bytes) -> tuple[int, int]:
        if content not in self._places:
            self._places[content] = (self._file.tell(), len(content))
            self._file.write(content)
        return self._places[content]


class Pack:
    """A pack to draw from; pickles as its path, and opens its file when first asked for a picture.

    Args:
        path: folder of the pack.

    Raises:
        PackError: it is not there, broken, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        listing_path = self.path / "pack.json"
        try:
            listing = json.loads(listing_path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise PackError(f"no asset pack: '{listing_path}' does not exist; {MAKE_PACK}") from error
        except ValueError as error:
            raise PackError(f"'{listing_path}' is not valid JSON ({error}); {MAKE_PACK}") from error
        version = listing.get("version") if isinstance(listing, dict) else None
        if version != PACK_VERSION:
            raise PackError(f"'{listing_path}' has version {version!r}, this program reads {PACK_VERSION}; {MAKE_PACK}")
        try:
            self.assets = tuple(_asset(entry) for entry in listing["assets"])
            self.backgrounds = tuple(
                Background(e["name"], e["kind"], e["split"], _pair(e["picture"])) for e in listing["backgrounds"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PackError(f"'{listing_path}': {error!r} is missing or malformed; {MAKE_PACK}") from error
        unknown = sorted({asset.label for asset in self.assets} - set(LABELS))
        if unknown:
            raise PackError(f"'{listing_path}': label {unknown[0]!r}; allowed: {', '.join(LABELS)}")

    def __reduce__(self) -> tuple[type[Pack], tuple[Path]]:
        return Pack, (self.path,)

    @cached_property
    def _content(self) -> mmap.mmap:
        path = self.path / "pictures.bin"
        try:
            with path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise PackError(f"'{path}' cannot be read ({error}); {MAKE_PACK}") from error

    def picture(self, place: tuple[int, int], reduce: int = 1) -> ImageArray:
        """Decode a picture: [H, W, 3] uint8 BGR, at 1/1, 1/2, 1/4 or 1/8 of its size."""
        flag = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}[reduce]
        return self._decode(place, flag)

    def mask(self, place: tuple[int, int]) -> ImageArray:
        """Decode a mask: [H, W] uint8, 0 or 255."""
        return self._decode(place, cv2.IMREAD_GRAYSCALE)

    def original(self, asset: Asset) -> bytes:
        """An asset's picture as it is encoded."""
        return self._content[asset.picture[0] : sum(asset.picture)]

    def _decode(self, place: tuple[int, int], flag: int) -> ImageArray:
        content = np.frombuffer(self._content, np.uint8, place[1], place[0])
        image = cv2.imdecode(content, flag)
        if image is None:
            raise PackError(f"'{self.path / 'pictures.bin'}' is broken at byte {place[0]}; {MAKE_PACK}")
        return np.asarray(image, np.uint8)


def write_pack(path: Path, assets: Iterable[NewAsset], backgrounds: Iterable[tuple[str, str, str, ImageArray]]) -> Pack:
    """Write assets and backgrounds (name, kind, split, picture) as a pack and open it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PackWriter(path)
    for asset in assets:
        writer.add(asset)
    for background in backgrounds:
        writer.add_background(*background)
    writer.close()
    return Pack(path)


def _asset(entry: dict[str, object]) -> Asset:
    fields = dict(entry)
    for key in ("cut_sides", "picture", "mask", "box"):
        value = fields[key]
        if not isinstance(value, list):
            raise TypeError(key)
        fields[key] = tuple(value)
    return Asset(**fields)  # type: ignore[arg-type]


def _pair(value: list[int]) -> tuple[int, int]:
    return int(value[0]), int(value[1])
