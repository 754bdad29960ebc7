"""The training loop: batches, legs, and a state that survives a kill at any moment."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from spp_sorter.learning.batches import BatchPlan, as_batch, make_loader
from spp_sorter.learning.distill import Distillation
from spp_sorter.learning.distributed import Team
from spp_sorter.learning.learner import Learner
from spp_sorter.learning.preview import preview
from spp_sorter.learning.samples import SampleSource
from spp_sorter.learning.streams import StreamSource
from spp_sorter.learning.training_log import TrainingLog
from spp_sorter.learning.training_options import TrainingError, TrainingOptions
from spp_sorter.network.allocator import keep_freed_memory
from spp_sorter.network.checkpoint import Checkpoint, save_atomically, save_checkpoint
from spp_sorter.network.model import SppNetwork

LOG_EVERY = 20
SHOW_EVERY = 500
ENDLESS = 1 << 30


@dataclass
class Throughput:
    """Where the time of a leg went.

    Attributes:
        pictures: learned from, in this process.
        seconds: from the first batch on.
        waiting: of these, seconds without a batch to learn from.
    """

    pictures: int = 0
    seconds: float = 0.0
    waiting: float = 0.0

    def __str__(self) -> str:
        seconds = max(self.seconds, 1e-9)
        return (
            f"{self.pictures} pictures in {self.seconds:.0f} s: {self.pictures / seconds:.1f} pictures/s, "
            f"{100 * self.waiting / seconds:.0f} % of the time waiting for pictures"
        )


class Trainer:
    """Trains a network in a folder.

    The folder holds ``state.pt`` (everything needed to go on), ``model.pt`` (the averaged weights so far, a checkpoint
    for the detector) and ``log.jsonl`` (the losses).

    Args:
        network: what to train, on the CPU.
        source: pictures.
        options: how.
        folder: where results go.
        team: the processes that train together, and this one's device.
        notes: what the weights see, kept in the checkpoint.
        distillation: a teacher to learn from beside the truth, None for none.
    """

    def __init__(
        self,
        network: SppNetwork,
        source: SampleSource | StreamSource,
        options: TrainingOptions,
        folder: Path,
        team: Team,
        notes: str = "",
        distillation: Distillation | None = None,
    ) -> None:
        if team.device.type == "cpu":
            keep_freed_memory()
        self.learner = Learner(network, options, team, distillation)
        self.source = source
        self.options = options
        self.folder = folder
        self.team = team
        self.notes = notes
        self.progress = 0.0
        self.throughput = Throughput()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def step(self) -> int:
        """Steps behind."""
        return self.learner.step

    def resume(self) -> None:
        """Take up the state in the folder.

        Raises:
            TrainingError: there is none, or it belongs to other options.
        """
        path = self.folder / "state.pt"
        if not path.is_file():
            raise TrainingError(f"nothing to resume: '{path}' does not exist; train without --resume")
        state = torch.load(path, map_location=self.team.device, weights_only=True)
        asked = self._shape()
        if any(state[name] != value for name, value in asked.items()):
            raise TrainingError(
                f"'{path}' is of {_describe(state)}, asked for are {_describe(asked)}; "
                "give the same --steps and --batch, and start as many processes"
            )
        self.learner.load_state(state)
        self.progress = float(state["progress"])

    def run(
        self, num_workers: int = 1, minutes: float = math.inf, started: float | None = None, last_leg: bool = False
    ) -> bool:
        """Train until the last step or for so many minutes.

        Args:
            num_workers: processes that make pictures.
            minutes: after which to stop.
            started: ``time.monotonic()`` from which they count, now without it.
            last_leg: where a budget of minutes decides: end the training in this leg, however much of the budget is
                left; the rest of the schedule runs through in ``minutes``.

        Returns:
            Whether the last step was reached; if not, ``resume`` goes on from here.

        Raises:
            TrainingError: a loss is not finite; the text names it.
        """
        options, team, learner, spent = self.options, self.team, self.learner, self.throughput
        deadline = (time.monotonic() if started is None else started) + 60 * minutes
        batches = iter(make_loader(self.source, self._plan(num_workers), num_workers, pin=team.device.type == "cuda"))
        asked, first, start_progress = time.monotonic(), math.inf, self.progress
        finished = late = False
        saved = asked
        with TrainingLog(self.folder if team.leads else None, self.step, options.steps, deadline - asked) as log:
            while not finished and not late:
                asked = time.monotonic()
                batch = next(batches, None)
                if batch is None:
                    break
                now = time.monotonic()
                spent.waiting += max(0.0, now - max(asked, first))
                first = min(first, now)  # the time that workers take to start is not training
                learner.learn(as_batch(batch), self.progress)
                spent.pictures += options.batch_size
                spent.seconds = time.monotonic() - first
                self.progress = self._advance(start_progress, spent.seconds, deadline - first, last_leg)
                finished = self.progress >= 1 - 1e-12
                due = team.any(time.monotonic() > min(deadline, saved + options.save_seconds))
                late = due and team.any(time.monotonic() > deadline)
                save = finished or due or self.step % options.save_every == 0
                if save or self.step % options.check_every == 0:
                    figures = learner.check()
                    if self.step % LOG_EVERY == 0 or save:
                        log.write(self.step, {"rate": learner.rate(self.progress), **figures})
                if self.step % SHOW_EVERY == 0 and log.board is not None:
                    log.show(self.step, preview(learner.network, *as_batch(batch).to(team.device)))
                log.advance()
                if save:
                    self.save()
                    saved = time.monotonic()
        return finished

    def save(self) -> None:
        """Write state and model; each file is whole or the one before."""
        if not self.team.leads:
            return
        content = {**self._shape(), "progress": self.progress, **self.learner.state()}
        save_atomically(content, self.folder / "state.pt")
        save_checkpoint(self.checkpoint(), self.folder / "model.pt", half=True)

    def checkpoint(self) -> Checkpoint:
        """The averaged weights as a checkpoint."""
        return Checkpoint(self.learner.network.config, self.learner.average, self.step, notes=self.notes)

    def _plan(self, num_workers: int) -> BatchPlan:
        options = self.options
        return BatchPlan(
            StreamSource.ENDLESS if isinstance(self.source, StreamSource) else len(self.source),
            options.batch_size,
            self.step,
            options.steps or ENDLESS,
            options.seed,
            options.sizes_hw,
            max(1, num_workers),
            self.team.rank,
            self.team.size,
        )

    def _advance(self, start: float, seconds: float, leg_seconds: float, last_leg: bool) -> float:
        """The progress after so many seconds of a leg that began at ``start`` and may last ``leg_seconds``."""
        if self.options.steps:
            return self.step / self.options.steps
        if last_leg:  # a second is left for the last state
            progress = start + (1 - start) * seconds / max(1.0, leg_seconds - 1.0)
        else:
            progress = start + seconds / (60 * self.options.budget_minutes)
        return self.team.share(min(progress, 1.0))

    def _shape(self) -> dict[str, int]:
        """What a state must agree on with the run that takes it up."""
        return {"steps": self.options.steps, "batch_size": self.options.batch_size, "processes": self.team.size}


def _describe(shape: dict[str, int]) -> str:
    return f"{shape['steps']} steps with batches of {shape['batch_size']} in {shape['processes']} processes"
