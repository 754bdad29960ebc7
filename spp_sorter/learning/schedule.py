"""How training changes on its way from 0 to 1: the learning rate, and which stages of the backbone learn."""

from __future__ import annotations

import math
from dataclasses import dataclass

NEVER = 1 << 20
"""A stride that no map has: freezing below it freezes the whole backbone."""

LOWEST_RATE = 0.01
"""Share of the peak learning rate that the cosine ends at."""

STAGES = ((16, 0.06), (8, 0.12), (4, 0.2), (2, 0.3))
"""Stages with maps at least this coarse learn from this share of the training on: heads first, the stem last."""

TRAINED_STAGES = ((16, 0.02), (8, 0.04), (4, 0.2), (2, 0.3))
"""The same for weights that are a detector's already, whose heads have nothing to catch up on."""


@dataclass(frozen=True)
class Schedule:
    """The course of a training.

    Attributes:
        warm_up: share of the training in which the rate rises and only the new layers learn.
        frozen_below: stages with maps finer than this stride never learn.
        stages: strides and the share of the training from which their stages learn.
    """

    warm_up: float = 0.05
    frozen_below: int = 8
    stages: tuple[tuple[int, float], ...] = STAGES

    @staticmethod
    def of_trained(frozen_below: int) -> Schedule:
        """The course for weights that are a detector's already."""
        return Schedule(0.02, frozen_below, TRAINED_STAGES)

    def rate(self, progress: float) -> float:
        """Share of the peak rate at a progress in [0, 1]: linear warm-up, then half a cosine down."""
        if progress < self.warm_up:
            return max(progress / self.warm_up, LOWEST_RATE)
        done = min(1.0, (progress - self.warm_up) / max(1e-9, 1 - self.warm_up))
        return LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * done))

    def frozen(self, progress: float) -> int:
        """The stride below which the backbone is frozen at a progress in [0, 1]."""
        if progress < self.warm_up:
            return NEVER
        open_stages = [stride for stride, start in self.stages if progress >= start]
        return max(min(open_stages, default=32), self.frozen_below)


def average_decay(step: int, steps_in_all: float, longest: float) -> float:
    """Decay of the averaged weights at a step.

    Early on the average follows closely, or the random start would weigh on it. Later it looks back over a fiftieth of
    the training, but never beyond ``longest``.

    Args:
        step: steps behind.
        steps_in_all: steps of the whole training, as far as known.
        longest: greatest decay, such as 0.9998.
    """
    wanted = min(longest, 1 - 1 / max(2.0, steps_in_all / 50))
    return min(wanted, (1 + step) / (10 + step))
