"""Batches for training: batch b follows from the seed and b alone, so that a resumed run goes on as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from spp_sorter.learning.augment import augment
from spp_sorter.learning.samples import SampleSource
from spp_sorter.network.losses import Target


class Draw(NamedTuple):
    """One picture of one batch: which, with which dice, at which size."""

    picture: int
    seed: int
    size_hw: tuple[int, int]


class Batch(NamedTuple):
    """What one step learns from: [B, 3, H, W] uint8 RGB and B targets."""

    images: Tensor
    targets: list[Target]


class BatchPlan(Sampler[list[Draw]]):
    """Lists of draws: every picture once per epoch, in an order of its own, at a size that changes from batch to batch.

    Training at several sizes is the paper's (section 3.2); what makes it possible is that pooling takes any size.

    Args:
        num_samples: pictures there are.
        batch_size: pictures per batch.
        first: number of the first batch.
        last: number after the last batch.
        seed: of orders, sizes and dice.
        sizes_hw: sizes to draw from.
    """

    def __init__(
        self, num_samples: int, batch_size: int, first: int, last: int, seed: int, sizes_hw: Sequence[tuple[int, int]]
    ) -> None:
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.first = first
        self.last = last
        self.seed = seed
        self.sizes_hw = tuple(sizes_hw)

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch, order = -1, [0]
        for number in range(self.first, self.last):
            size_hw = self.sizes_hw[np.random.default_rng([self.seed, 1, number]).integers(len(self.sizes_hw))]
            draws = []
            for position in range(number * self.batch_size, (number + 1) * self.batch_size):
                if position // self.num_samples != epoch:
                    epoch = position // self.num_samples
                    order = np.random.default_rng([self.seed, 2, epoch]).permutation(self.num_samples).tolist()
                draws.append(Draw(order[position % self.num_samples], position, size_hw))
            yield draws


class _Augmented(Dataset[Any]):
    def __init__(self, source: SampleSource, seed: int) -> None:
        self.source = source
        self.seed = seed

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Target]:
        rng = np.random.default_rng([self.seed, 3, draw.seed])
        sample = augment(self.source[draw.picture], draw.size_hw, rng)
        image = torch.from_numpy(np.ascontiguousarray(sample.image_bgr[..., ::-1].transpose(2, 0, 1)))
        return image, Target(
            torch.from_numpy(sample.boxes_xyxy),
            torch.from_numpy(sample.labels),
            torch.from_numpy(sample.ignore),
            torch.from_numpy(sample.grasps),
        )


def make_loader(source: SampleSource, plan: BatchPlan, num_workers: int) -> DataLoader[Any]:
    """A loader of ``Batch`` that follows the plan; pictures are made in ``num_workers`` processes."""
    return DataLoader(
        _Augmented(source, plan.seed),
        batch_sampler=plan,
        num_workers=num_workers,
        collate_fn=_collate,
        worker_init_fn=_calm_worker,
        prefetch_factor=4 if num_workers else None,
    )


def _collate(items: list[tuple[Tensor, Target]]) -> Batch:
    images, targets = zip(*items, strict=True)
    return Batch(torch.stack(images), list(targets))


def _calm_worker(_: int) -> None:
    """One thread a worker: the cores are shared with the network."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
