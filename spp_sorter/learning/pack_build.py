"""Makes an asset pack of folders of pictures, and says what went in and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tqdm import tqdm

from spp_sorter.learning.cutout_sources import Dropped, read_source, sprite_assets
from spp_sorter.learning.held_out import render_pool
from spp_sorter.learning.pack import NewAsset, Pack, write_pack
from spp_sorter.learning.pack_backgrounds import plain_grounds, render_background, rendered_backgrounds

STAMPS_PATH = Path("/usr/share/tuxpaint/stamps")
"""Where Debian's tuxpaint-stamps-default puts its pictures."""


def build_pack(
    folders: Sequence[Path],
    path: Path,
    labels: Mapping[str, str] | None = None,
    jobs: int = 2,
    backgrounds: tuple[int, int, int] = (120, 60, 90),
    sprites: bool = True,
) -> tuple[Pack, list[Dropped]]:
    """Cut out all items, render what they will lie on, and write the pack.

    Args:
        folders: collections (see ``read_source``).
        path: folder of the pack; an older one there is replaced when the new one is complete.
        labels: subfolder -> label, see ``read_source``.
        jobs: processes.
        backgrounds: how many belts, organic layers and plain grounds.
        sprites: take the shipped sprites in too.

    Returns:
        The pack, and what was left out.

    Raises:
        FileNotFoundError, ValueError: see ``read_source``.
    """
    assets: list[NewAsset] = []
    dropped: list[Dropped] = []
    with render_pool(jobs) as pool:
        mapper = partial(_mapped, pool)
        for folder in folders:
            for each in tqdm(read_source(folder, labels or {}, mapper), folder.name, unit="picture", disable=None):
                (dropped if isinstance(each, Dropped) else assets).append(each)  # type: ignore[arg-type]
        if sprites:
            assets += [each for each in sprite_assets() if isinstance(each, NewAsset)]
        wanted = rendered_backgrounds(*backgrounds[:2])
        pictures = list(
            tqdm(pool.map(render_background, wanted, chunksize=2), "backgrounds", len(wanted), disable=None)
        )
    pictures += plain_grounds(assets, backgrounds[2])
    return write_pack(path, assets, pictures), dropped


def describe(pack: Pack, dropped: Sequence[Dropped]) -> str:
    """What is in a pack and what is not, as text."""
    counts = Counter((a.source, a.label, a.kind, a.split) for a in pack.assets)
    lines = [f"{'source':<14} {'label':<12} {'kind':<9} {'train':>6} {'test':>6}"]
    for source, label, kind in sorted({key[:3] for key in counts}):
        train, test = (counts[source, label, kind, split] for split in ("train", "test"))
        lines.append(f"{source:<14} {label:<12} {kind:<9} {train:>6} {test:>6}")
    kinds = Counter((b.kind, b.split) for b in pack.backgrounds)
    lines.append("backgrounds: " + ", ".join(f"{n} {kind} {split}" for (kind, split), n in sorted(kinds.items())))
    size = sum(file.stat().st_size for file in pack.path.iterdir()) / 1e6
    lines.append(f"{len(pack.assets)} assets, {len(dropped)} pictures left out, {size:.1f} MB: {pack.path}")
    return "\n".join(lines)


def _mapped(pool: ProcessPoolExecutor, function: object, items: object) -> object:
    return pool.map(function, items, chunksize=4)  # type: ignore[arg-type, type-var]
