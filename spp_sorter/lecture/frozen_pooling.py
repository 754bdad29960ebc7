"""Maximum against average, and one pyramid against another, on the same maps.

ImageNet's convolutions as they are, and a linear SVM on the pooled vectors, as the paper classifies Caltech101
(section 3.4): nothing but the pooling differs.

Letters: N photographs, D length of a vector, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.svm import SVC

from spp_sorter.evaluation.truth import F64
from spp_sorter.lecture.classifier import STRIDE, ClassifierConfig
from spp_sorter.lecture.classifier_training import TEST_SIDE, of_one_size
from spp_sorter.lecture.intervals import paired_accuracy
from spp_sorter.lecture.photographs import NUM_FOLDS, Photographs
from spp_sorter.lecture.views import PhotographStore, test_views
from spp_sorter.network.backbone import Backbone
from spp_sorter.network.spp import SpatialPyramidPool

PYRAMIDS = ((4, 2, 1), (4, 3, 2, 1), (6, 3, 2, 1), (1,))
POOLINGS = ("max", "average")
SVM_C = 10.0
"""For vectors of length 1."""


def compare_pooling(photographs: Photographs, device: torch.device, tick: Callable[[int], object]) -> dict[str, Any]:
    """Accuracy by pyramid and pooling over all folds, each photograph judged by an SVM that has not seen it.

    Args:
        photographs: all folds.
        device: where to convolve.
        tick: told the number of photographs convolved.

    Returns:
        By pyramid, such as ``4 2 1``: ``max`` and ``average``, the accuracies; ``max_minus_average`` and its
        ``interval``; ``length`` of the vector.
    """
    figures: dict[str, Any] = {}
    vectors = pooled_vectors(photographs, device, tick)
    for levels in PYRAMIDS:
        right = {pooling: _right(vectors[levels, pooling], photographs) for pooling in POOLINGS}
        difference, interval = paired_accuracy(right["max"], right["average"])
        figures[" ".join(map(str, levels))] = {
            **{pooling: float(values.mean()) for pooling, values in right.items()},
            "max_minus_average": difference,
            "interval": interval,
            "length": vectors[levels, "max"].shape[1],
        }
    return figures


def pooled_vectors(
    photographs: Photographs, device: torch.device, tick: Callable[[int], object]
) -> dict[tuple[tuple[int, ...], str], np.ndarray]:
    """[N, D] float32 by pyramid and pooling, from one convolution of every photograph at its own shape."""
    backbone = Backbone(strides=(STRIDE,)).eval().to(device)
    pools = {(levels, kind): SpatialPyramidPool(levels, kind) for levels in PYRAMIDS for kind in POOLINGS}
    store = PhotographStore(photographs, device)
    rows: dict[tuple[tuple[int, ...], str], list[np.ndarray]] = {name: [] for name in pools}
    order = []
    with torch.inference_mode():
        for part in of_one_size(store, 16):
            (maps,) = backbone(test_views(store, ClassifierConfig(), part, TEST_SIDE))
            for name, pool in pools.items():
                rows[name].append(pool(maps).float().cpu().numpy())
            order.append(part)
            tick(len(part))
    back = np.argsort(np.concatenate(order))
    return {name: np.concatenate(parts)[back] for name, parts in rows.items()}


def _right(vectors: np.ndarray, photographs: Photographs) -> F64:
    """[N] 1 where the SVM of the photograph's fold is right, 0 where it is wrong."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    gram = (unit @ unit.T).astype(np.float64)  # few photographs, long vectors: the SVM needs nothing else
    right = np.zeros(len(vectors))
    for fold in range(NUM_FOLDS):
        seen, held = np.flatnonzero(photographs.folds != fold), np.flatnonzero(photographs.folds == fold)
        svm = SVC(C=SVM_C, kernel="precomputed").fit(gram[np.ix_(seen, seen)], photographs.labels[seen])
        right[held] = svm.predict(gram[np.ix_(held, seen)]) == photographs.labels[held]
    return right
