"""Batches for training: batch b follows from the seed and b alone, so that a resumed run goes on as it was."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from spp_sorter.learning.augment import augment
from spp_sorter.learning.samples import SampleSource, TrainingSample
from spp_sorter.learning.streams import Draw, StreamSource
from spp_sorter.network.assignment import Target

SHARED_MEMORY = Path("/dev/shm")
PREFETCH_PICTURES = 256
"""Pictures that each worker makes ahead at most."""


class SizedDraw(NamedTuple):
    """One picture of one batch: which, with which dice, at which size."""

    draw: Draw
    size_hw: tuple[int, int]


@dataclass(frozen=True)
class Batch:
    """What one step learns from, the truth of all pictures in one table: few tensors to pass between processes.

    Attributes:
        images: [B, H, W, 3] uint8 RGB.
        truth: [T, 11] float32: box, label, ignore, grasp of every item of all pictures.
        counts: items of each picture.
    """

    images: Tensor
    truth: Tensor
    counts: tuple[int, ...]

    def pin_memory(self) -> Batch:
        """The same in memory that a GPU reads without waiting."""
        return Batch(self.images.pin_memory(), self.truth, self.counts)

    def to(self, device: torch.device) -> tuple[Tensor, list[Target]]:
        """Images [B, 3, H, W] float32 in channels-last memory on a device, and B targets where they are."""
        images = self.images.to(device, non_blocking=True).permute(0, 3, 1, 2).float()
        labels, ignore = self.truth[:, 4].long(), self.truth[:, 5] > 0.5
        columns = (self.truth[:, :4], labels, ignore, self.truth[:, 6:])
        return images, [Target(*parts) for parts in zip(*(c.split(self.counts) for c in columns), strict=True)]


@dataclass(frozen=True)
class BatchPlan(Sampler[list[SizedDraw]]):
    """Lists of draws: every picture once per epoch, in an order of its own, at a size that changes from batch to batch.

    Training at several sizes is the paper's (section 3.2); what makes it possible is that pooling takes any size. With
    several processes each takes its own part of every step, all at one size.

    Attributes:
        num_samples: pictures there are.
        batch_size: pictures per batch and process.
        first: number of the first batch.
        last: number after the last batch.
        seed: of orders, sizes and dice.
        sizes_hw: sizes to draw from.
        lanes: makers of pictures per process; batch b is made in lane b % lanes, which a stream's memory belongs to.
        rank: number of this process.
        world: number of processes.
    """

    num_samples: int
    batch_size: int
    first: int
    last: int
    seed: int
    sizes_hw: Sequence[tuple[int, int]]
    lanes: int = 1
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[SizedDraw]]:
        epoch, order = -1, [0]
        for number in range(self.first, self.last):
            size_hw = self.sizes_hw[int(np.random.default_rng([self.seed, 1, number]).integers(len(self.sizes_hw)))]
            lane = self.rank + self.world * (number % self.lanes)
            turn = number // self.lanes * self.batch_size
            begin = (number * self.world + self.rank) * self.batch_size
            draws = []
            for place in range(self.batch_size):
                position = begin + place
                if position // self.num_samples != epoch:
                    epoch = position // self.num_samples
                    order = self._order(epoch)
                picture = order[position % self.num_samples] if order else position % self.num_samples
                draw = Draw(picture, position, lane, self.lanes * self.world, turn + place)
                draws.append(SizedDraw(draw, (size_hw[0], size_hw[1])))
            yield draws

    def _order(self, epoch: int) -> list[int]:
        """A shuffle of every epoch; streams have no epochs to speak of, and their numbers need no shuffling."""
        if self.num_samples >= StreamSource.ENDLESS:
            return []
        order: list[int] = np.random.default_rng([self.seed, 2, epoch]).permutation(self.num_samples).tolist()
        return order


class _Augmented(Dataset[Any]):
    def __init__(self, source: SampleSource | StreamSource, seed: int) -> None:
        self.source = source
        self.seed = seed

    def __getitem__(self, sized: SizedDraw) -> TrainingSample:
        draw, size_hw = sized
        rng = np.random.default_rng([self.seed, 3, draw.position])
        sample = self.source.draw(draw) if isinstance(self.source, StreamSource) else self.source[draw.picture]
        return augment(sample, size_hw, rng)


def make_loader(source: SampleSource | StreamSource, plan: BatchPlan, num_workers: int, pin: bool) -> DataLoader[Any]:
    """A loader of ``Batch`` that follows the plan; pictures are made in ``num_workers`` processes.

    Args:
        source: pictures.
        plan: which; its ``lanes`` should be the number of workers.
        num_workers: 0 makes them in this process.
        pin: put batches in memory that a GPU reads without waiting.
    """
    prefetch = max(2, PREFETCH_PICTURES // plan.batch_size)
    height, width = max(plan.sizes_hw, key=lambda size: size[0] * size[1])
    needed = num_workers * prefetch * plan.batch_size * height * width * 3
    return DataLoader(
        _Augmented(source, plan.seed),
        batch_sampler=plan,
        num_workers=num_workers,
        collate_fn=collate if _shared_memory_bytes() > 1.2 * needed else collate_arrays,
        worker_init_fn=_calm_worker,
        prefetch_factor=prefetch if num_workers else None,
        pin_memory=pin,
        # Fresh processes, not forks of this one, which holds the threads of torch and perhaps a CUDA context. Nor of a
        # fork server: its workers outlive a trainer that is killed.
        multiprocessing_context="spawn" if num_workers else None,
    )


def collate(samples: list[TrainingSample]) -> Batch:
    """A batch in torch's shared memory."""
    return as_batch(collate_arrays(samples))


@dataclass(frozen=True)
class ArrayBatch:
    """A batch as plain arrays, which cross between processes through a pipe where shared memory is scarce."""

    images: np.ndarray
    truth: np.ndarray
    counts: tuple[int, ...]

    def pin_memory(self) -> Batch:
        """The batch in memory that a GPU reads without waiting."""
        return as_batch(self).pin_memory()


def collate_arrays(samples: list[TrainingSample]) -> ArrayBatch:
    """A batch that needs no shared memory."""
    tables = [
        np.column_stack([sample.boxes_xyxy, sample.labels, sample.ignore, sample.grasps]).astype(np.float32)
        for sample in samples
    ]
    images = np.stack([cv2.cvtColor(sample.image_bgr, cv2.COLOR_BGR2RGB) for sample in samples])
    return ArrayBatch(images, np.concatenate(tables), tuple(len(table) for table in tables))


def as_batch(batch: Batch | ArrayBatch) -> Batch:
    """Whatever a loader gave as a batch of tensors."""
    if isinstance(batch, Batch):
        return batch
    return Batch(torch.from_numpy(batch.images), torch.from_numpy(batch.truth), batch.counts)


def _shared_memory_bytes() -> int:
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize


def _calm_worker(_: int) -> None:
    """One thread a worker, as the cores are shared with the network; at its end no clean-up in C++, which may abort."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    atexit.register(os._exit, 0)
