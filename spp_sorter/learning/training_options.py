"""How to train, and what is said where training cannot go on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from spp_sorter.learning.schedule import Schedule
from spp_sorter.network.nano import NANO
from spp_sorter.network.slim import SLIM

SIZES = ((0.75, 1.0), (0.625, 0.8125), (0.875, 1.125))
"""Heights and widths of the training input in units of the network's long side."""

PRETRAINED_RATE = 0.2
"""Share of the learning rate that a backbone with ImageNet weights learns at."""

BACKBONE_RATES = {NANO: 1.0, SLIM: 0.5}
"""The same for backbones that have more to learn: one that started at random, and one that was cut."""


class TrainingError(RuntimeError):
    """Training cannot go on; the text says why and what to do."""


def input_sizes(long_side: int) -> tuple[tuple[int, int], ...]:
    """Heights and widths to train a network of this long side at: multiples of the coarsest stride."""
    return tuple((_whole(high * long_side), _whole(wide * long_side)) for high, wide in SIZES)


def _whole(pixels: float) -> int:
    return max(32, round(pixels / 32) * 32)


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        steps: batches in all; 0 where ``budget_minutes`` decides.
        budget_minutes: minutes of training in all, over all legs; infinite where ``steps`` decides.
        batch_size: pictures per batch and process.
        learning_rate: peak, of the new layers.
        backbone_rate: share of it that the backbone learns at.
        weight_decay: of AdamW; biases have none.
        schedule: of the rate and of what learns when.
        ema: longest decay of the averaged weights, which are the ones that are kept.
        sizes_hw: sizes of the input, one drawn per batch.
        save_every: steps between two states on disk, at most.
        save_seconds: time between two states on disk, at most: what a killed run loses.
        check_every: steps between two looks at the losses; a look makes a GPU wait.
        seed: of everything that is drawn.
    """

    steps: int = 2000
    budget_minutes: float = math.inf
    batch_size: int = 8
    learning_rate: float = 1e-3
    backbone_rate: float = PRETRAINED_RATE
    weight_decay: float = 0.02
    schedule: Schedule = field(default_factory=Schedule)
    ema: float = 0.9998
    sizes_hw: tuple[tuple[int, int], ...] = input_sizes(576)
    save_every: int = 200
    save_seconds: float = 60.0
    check_every: int = 1
    seed: int = 0
