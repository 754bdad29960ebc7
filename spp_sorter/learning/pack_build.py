"""Makes an asset pack of folders of pictures, and says what went in and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from spp_sorter.learning.cutout_sources import PICTURES, Dropped, read_source, sprite_assets
from spp_sorter.learning.cutout_split import split_of
from spp_sorter.learning.held_out import render_pool
from spp_sorter.learning.pack import NewAsset, Pack, PackError, write_pack
from spp_sorter.learning.pack_backgrounds import plain_grounds, render_background, rendered_backgrounds
from spp_sorter.values import ImageArray

BELT_LONG_SIDE_PX = 640
FEW_TO_TEST = 5
"""Fewer objects of a label than this say little about it."""

Found = list[NewAsset | Dropped]


def build_pack(
    folders: Sequence[Path],
    path: Path,
    labels: Mapping[str, str] | None = None,
    jobs: int = 2,
    backgrounds: tuple[int, int, int] = (120, 60, 90),
    sprites: bool = True,
    belts: Path | None = None,
) -> tuple[Pack, list[Dropped]]:
    """Cut out all items, render what they will lie on, and write the pack.

    Args:
        folders: collections (see ``read_source``).
        path: folder of the pack; an older one there is replaced when the new one is complete.
        labels: subfolder -> label, see ``read_source``.
        jobs: processes.
        backgrounds: how many belts, organic layers and plain grounds.
        sprites: take the shipped sprites in too.
        belts: folder of the user's own pictures of an empty belt.

    Returns:
        The pack, and what was left out.

    Raises:
        FileNotFoundError, ValueError: see ``read_source``.
        PackError: not one picture gave an item.
    """
    assets: list[NewAsset] = []
    dropped: list[Dropped] = []
    pictures = list(_own_belts(belts)) if belts is not None else []
    with render_pool(jobs) as pool:
        for folder in folders:
            found = read_source(folder, labels or {}, _Pooled(pool))
            for each in tqdm(found, folder.name, unit="item", disable=None):
                if isinstance(each, Dropped):
                    dropped.append(each)
                else:
                    assets.append(each)
        if not assets:
            first = f": {dropped[0].file}: {dropped[0].reason}" if dropped else ""
            raise PackError(f"not one of {len(dropped)} pictures gave an item{first}")
        if sprites:
            assets += [each for each in sprite_assets() if isinstance(each, NewAsset)]
        wanted = rendered_backgrounds(*backgrounds[:2])
        rendered = pool.map(render_background, wanted, chunksize=2)
        pictures += tqdm(rendered, "backgrounds", len(wanted), disable=None)
    pictures += plain_grounds(assets, backgrounds[2])
    return write_pack(path, assets, pictures), dropped


def describe(pack: Pack, dropped: Sequence[Dropped]) -> str:
    """What is in a pack and what is not, as text."""
    counts = Counter((a.source, a.label, a.kind, a.split) for a in pack.assets)
    lines = [f"{'source':<14} {'label':<12} {'kind':<9} {'train':>6} {'test':>6}"]
    for source, label, kind in sorted({key[:3] for key in counts}):
        train, test = (counts[source, label, kind, split] for split in ("train", "test"))
        lines.append(f"{source:<14} {label:<12} {kind:<9} {train:>6} {test:>6}")
    for label in sorted({a.label for a in pack.assets}):
        tested = len({a.group for a in pack.assets if a.label == label and a.split == "test"})
        if tested < FEW_TO_TEST:
            lines.append(
                f"only {tested} to test on of '{label}': what `evaluate` says of it means little; about one object in "
                "five is for testing, so add photographs"
            )
    kinds = Counter((b.kind, b.split) for b in pack.backgrounds)
    lines.append("backgrounds: " + ", ".join(f"{n} {kind} {split}" for (kind, split), n in sorted(kinds.items())))
    size = sum(file.stat().st_size for file in pack.path.iterdir()) / 1e6
    lines.append(f"{len(pack.assets)} assets, {len(dropped)} pictures left out, {size:.1f} MB: {pack.path}")
    return "\n".join(lines)


def _own_belts(folder: Path) -> Iterator[tuple[str, str, str, ImageArray]]:
    """The user's pictures of an empty belt.

    Raises:
        FileNotFoundError: there are none.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES)
    if not files:
        raise FileNotFoundError(f"no pictures of belts under '{folder}'")
    for file in files:
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None:
            continue
        scale = min(BELT_LONG_SIDE_PX / max(image.shape[:2]), 1.0)
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yield f"own_{file.stem}", "belt", split_of(file.name), np.asarray(image, np.uint8)


class _Pooled:
    """A process pool in the place of ``map``."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, read: Callable[[Path], Found], files: Iterable[Path]) -> Iterable[Found]:
        return self._pool.map(read, files, chunksize=2)
