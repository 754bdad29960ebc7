"""What a training tells while it runs: a progress bar with the time left, ``log.jsonl``, and TensorBoard."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from spp_sorter.values import ImageArray

TENSORBOARD_REMEDY = "no TensorBoard curves: pip install tensorboard, then: tensorboard --logdir"


class TrainingLog:
    """The record of one leg of a training; a context that closes its files.

    Args:
        folder: where ``log.jsonl`` and ``tensorboard/`` go; None records nothing (all processes but the leader).
        step: steps behind.
        steps: steps in all, or 0 where the clock decides.
        seconds: of this leg, where the clock decides.
    """

    def __init__(self, folder: Path | None, step: int, steps: int, seconds: float) -> None:
        self.timed = steps == 0
        total = seconds if self.timed and math.isfinite(seconds) else steps or None
        self.bar = tqdm(
            total=total,
            initial=0 if self.timed else step,
            unit="s" if self.timed else "step",
            desc="train",
            bar_format="{l_bar}{bar}| {n:.0f}/{total_fmt} [{elapsed}<{remaining}{postfix}]" if self.timed else None,
            disable=None if folder is not None else True,
        )
        self.file = None if folder is None else (folder / "log.jsonl").open("a", encoding="utf-8")
        self.board = None if folder is None else _tensorboard(folder / "tensorboard")
        self.started = time.monotonic()

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        if self.file is not None:
            self.file.close()
        if self.board is not None:
            self.board.close()

    def advance(self) -> None:
        """One step more."""
        if self.timed:
            self.bar.update(time.monotonic() - self.started - self.bar.n)
        else:
            self.bar.update()

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Record the figures of a step."""
        self.bar.set_postfix(step=step, loss=f"{figures['total']:.3f}")
        if self.file is not None:
            self.file.write(json.dumps({"step": step, **figures}) + "\n")
            self.file.flush()
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(f"training/{name}", value, step)

    def show(self, step: int, pictures_rgb: list[ImageArray]) -> None:
        """Record pictures, [H, W, 3] uint8 RGB each, all of one size."""
        if self.board is not None:
            self.board.add_images("pictures", np.stack(pictures_rgb), step, dataformats="NHWC")


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        tqdm.write(f"{TENSORBOARD_REMEDY} {folder.parent}")
        return None
    return SummaryWriter(str(folder))  # type: ignore[no-untyped-call]
