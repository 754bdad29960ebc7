"""One network, pictures of any size: the length of the pooled vector does not change."""

from __future__ import annotations

import torch

from spp_sorter.lecture.classifier import STRIDE, PictureClassifier

SIZES_HW = ((32, 32), (48, 200), (180, 240), (224, 224), (640, 480), (1500, 2000), (2000, 1500))


def lengths(network: PictureClassifier, sizes_hw: tuple[tuple[int, int], ...] | None = None) -> dict[str, int]:
    """Length of the vector by ``width x height`` of the picture, ``SIZES_HW`` if none are given; nothing is warped."""
    result = {}
    with torch.inference_mode():
        for height, width in sizes_hw or SIZES_HW:
            result[f"{width}x{height}"] = int(network.features(torch.full((1, 3, height, width), 127.0)).shape[1])
    return result


def refusal(network: PictureClassifier) -> str:
    """What the network says to a picture smaller than its stride."""
    try:
        network.features(torch.full((1, 3, STRIDE - 1, STRIDE), 127.0))
    except ValueError as error:
        return str(error)
    raise AssertionError(f"a picture below the stride of {STRIDE} passed")
