"""Which photographed objects are for training and which for testing: decided once for all by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from spp_sorter.values import FloatArray, ImageArray

TEST_SHARE = 0.2
FEWEST_TO_SPLIT = 4
NEIGHBOURS = 4
"""Pictures taken one after the other show the same object more often than others."""

_ALIKE_NEXT = 0.62
_ALIKE = 0.86


def split_of(group: str) -> str:
    """``test`` for one group in five, ``train`` for the others; the same on every machine for ever."""
    return "test" if _hash(group) < TEST_SHARE else "train"


def _hash(group: str) -> float:
    """0 to 1."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") / 2**32


def splits_of(groups: Sequence[str]) -> dict[str, str]:
    """The split of every group; where chance would give a small set nothing to test on, its first group by hash is it.

    Args:
        groups: names, which may come up several times.
    """
    splits = {group: split_of(group) for group in groups}
    if len(splits) >= FEWEST_TO_SPLIT and "test" not in splits.values():
        splits[min(splits, key=_hash)] = "test"
    return splits


def look(image_bgr: ImageArray, mask: ImageArray) -> FloatArray:
    """What an item looks like, as a histogram of its colours that sums to 1.

    Args:
        image_bgr: [H, W, 3] uint8.
        mask: [H, W] uint8, 255 on the item.
    """
    lab = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], mask, [6, 12, 12], [0, 256, 68, 188, 68, 188])
    counts = cv2.GaussianBlur(counts.reshape(6, 144), (1, 3), 0.5).ravel()
    return np.asarray(counts / max(float(counts.sum()), 1.0), np.float32)


def alike_groups(names: Sequence[str], numbers: Sequence[int], looks: Sequence[FloatArray]) -> list[str]:
    """Name the group of every picture: pictures of one object, as far as colours and order tell, share one.

    Args:
        names: N unique names.
        numbers: N numbers in the order in which the pictures were taken.
        looks: N histograms of ``look``.

    Returns:
        N names of groups: the first member's.
    """
    parents = list(range(len(names)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    stacked = np.asarray(looks, np.float32)
    for i in range(len(names)):
        alike = np.minimum(stacked[i], stacked[i + 1 :]).sum(axis=1)
        near = np.abs(np.asarray(numbers[i + 1 :]) - numbers[i]) <= NEIGHBOURS
        for j in np.flatnonzero((alike > _ALIKE) | (near & (alike > _ALIKE_NEXT))):
            a, b = sorted((root(i), root(i + 1 + int(j))))
            parents[b] = a
    return [names[root(index)] for index in range(len(names))]
