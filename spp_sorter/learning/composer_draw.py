"""Which items a scene shows: both labels alike, every source in turn, whole items and pieces of both labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from spp_sorter.learning.composer_cut import Patch, cut
from spp_sorter.learning.pack import Asset, Pack, PackError
from spp_sorter.values import LABELS

PIECES = 0.35
"""Share of the items that are pieces, whatever the label, so that a torn outline says nothing about it."""

_TRIES = 6


class Drawer:
    """Draws items of one split of a pack.

    Sources are drawn with the square root of their number of objects: small ones are seen, large ones lead.

    Args:
        pack: where they lie.
        split: ``train``, ``test`` or ``all``.
        exclude_sources: sources never to draw from.
        only_sources: where not empty, the only ones to draw from.

    Raises:
        PackError: nothing is left to draw.
    """

    def __init__(
        self, pack: Pack, split: str, exclude_sources: Collection[str] = (), only_sources: Collection[str] = ()
    ) -> None:
        self.pack = pack
        known = {asset.source for asset in pack.assets}
        unknown = sorted((set(exclude_sources) | set(only_sources)) - known)
        if unknown:
            raise PackError(f"'{pack.path}' has no source '{unknown[0]}'; allowed: {', '.join(sorted(known))}")
        usable = [
            asset
            for asset in pack.assets
            if split in ("all", asset.split)
            and asset.source not in exclude_sources
            and (not only_sources or asset.source in only_sources)
        ]
        if not usable:
            raise PackError(f"'{pack.path}' has no {split} objects of the sources asked for; name other sources")
        self.labels = tuple(label for label in LABELS if any(asset.label == label for asset in usable))
        self._whole = {label: _Sources(a for a in usable if a.label == label and a.kind == "item") for label in LABELS}
        self._any = {label: _Sources(a for a in usable if a.label == label) for label in LABELS}
        self._alone = {label: _Sources(a for a in usable if a.label == label and a.alone) for label in LABELS}

    def label(self, rng: np.random.Generator, contaminant_share: float) -> str:
        """A label, ``non_compost`` with this probability where there is a choice."""
        if len(self.labels) == 1:
            return self.labels[0]
        return "non_compost" if rng.random() < contaminant_share else "compost"

    def patch(
        self, rng: np.random.Generator, label: str, size_px: float, pieces: float = PIECES, turn: bool = True
    ) -> Patch | None:
        """Draw an item of a label and cut it out; None after a few failures."""
        for _ in range(_TRIES):
            piece = rng.random() < pieces or not self._whole[label]
            asset = (self._any[label] if piece else self._whole[label]).draw(rng)
            if not piece and asset.cut_sides and rng.random() < 0.6:
                continue  # straight cuts where the photograph ended are rarer than whole items
            patch = cut(self.pack, asset, rng, size_px, piece, turn)
            if patch is not None:
                return patch
        return None

    def photograph(self, rng: np.random.Generator, label: str) -> Asset | None:
        """A photograph of a single item that may be shown as it is; None where there is none of that label."""
        return self._alone[label].draw(rng) if self._alone[label] else None


class _Sources:
    """Assets by source, to draw from.

    Args:
        assets: any number.
    """

    def __init__(self, assets: Iterable[Asset]) -> None:
        found: dict[str, list[Asset]] = {}
        for asset in assets:
            found.setdefault(asset.source, []).append(asset)
        self._lists = list(found.values())
        shares = np.sqrt([len(each) for each in self._lists])
        self._ends = np.cumsum(shares) / max(float(shares.sum()), 1.0)

    def __bool__(self) -> bool:
        return bool(self._lists)

    def draw(self, rng: np.random.Generator) -> Asset:
        """A source by the square root of its size, and any asset of it."""
        source = min(int(np.searchsorted(self._ends, rng.random(), side="right")), len(self._lists) - 1)
        assets = self._lists[source]
        return assets[int(rng.integers(len(assets)))]
