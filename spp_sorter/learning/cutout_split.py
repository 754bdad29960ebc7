"""Which photographed objects are for training and which for testing: decided once for all by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from spp_sorter.values import FloatArray, ImageArray

TEST_SHARE = 0.2
NEIGHBOURS = 4
"""Pictures taken one after the other show the same object more often than others."""

_ALIKE_NEXT = 0.62
_ALIKE = 0.86


def split_of(group: str) -> str:
    """``test`` for one group in five, ``train`` for the others; the same on every machine for ever."""
    number = int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big")
    return "test" if number / 2**32 < TEST_SHARE else "train"


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
