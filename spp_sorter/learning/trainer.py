"""The training loop: steps, schedule, averaged weights, and a state that survives a kill at any moment."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from spp_sorter.learning.batches import Batch, BatchPlan, as_batch, make_loader
from spp_sorter.learning.distill import IMITATION_WEIGHTS, Distillation
from spp_sorter.learning.distributed import Team
from spp_sorter.learning.preview import preview
from spp_sorter.learning.samples import SampleSource
from spp_sorter.learning.schedule import Schedule, average_decay
from spp_sorter.learning.streams import StreamSource
from spp_sorter.learning.training_log import TrainingLog
from spp_sorter.network.assignment import Target
from spp_sorter.network.checkpoint import Checkpoint, save_atomically, save_checkpoint
from spp_sorter.network.losses import LOSS_WEIGHTS, detection_losses
from spp_sorter.network.model import SppNetwork

WEIGHTS = LOSS_WEIGHTS | IMITATION_WEIGHTS
CLIP_NORM = 10.0
LOG_EVERY = 20
SHOW_EVERY = 500
ENDLESS = 1 << 30


class TrainingError(RuntimeError):
    """Training cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        steps: batches in all; 0 where ``budget_minutes`` decides.
        budget_minutes: minutes of training in all, over all legs; infinite where ``steps`` decides.
        batch_size: pictures per batch and process.
        learning_rate: peak, of the new layers.
        backbone_rate: share of it for the pretrained layers.
        weight_decay: of AdamW; biases have none.
        schedule: of the rate and of what learns when.
        ema: longest decay of the averaged weights, which are the ones that are kept.
        sizes_hw: sizes of the input, one drawn per batch.
        save_every: steps between two states on disk.
        check_every: steps between two looks at the losses; a look makes a GPU wait.
        seed: of everything that is drawn.
    """

    steps: int = 2000
    budget_minutes: float = math.inf
    batch_size: int = 8
    learning_rate: float = 1e-3
    backbone_rate: float = 0.2
    weight_decay: float = 0.02
    schedule: Schedule = field(default_factory=Schedule)
    ema: float = 0.9998
    sizes_hw: tuple[tuple[int, int], ...] = ((384, 512), (320, 416), (448, 576))
    save_every: int = 200
    check_every: int = 1
    seed: int = 0


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
        torch.manual_seed(options.seed)
        self._layout = _memory_layout(network, team.device)
        self.network = network.to(team.device).to(memory_format=self._layout).train()
        self.source = source
        self.options = options
        self.folder = folder
        self.team = team
        self.notes = notes
        self.step = 0
        self.progress = 0.0
        self.throughput = Throughput()
        self.average = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        self.optimiser = _optimiser(self.network, options, fused=team.device.type == "cuda")
        self._frozen: int | None = None
        self._plain_losses = _Losses(self.network, None if distillation is None else distillation.to(team.device))
        self._losses: nn.Module = self._plain_losses
        self._unchecked: list[tuple[int, dict[str, Tensor]]] = []
        folder.mkdir(parents=True, exist_ok=True)

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
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
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
        options, team = self.options, self.team
        deadline = (time.monotonic() if started is None else started) + 60 * minutes
        plan = BatchPlan(
            StreamSource.ENDLESS if isinstance(self.source, StreamSource) else len(self.source),
            options.batch_size,
            self.step,
            options.steps or ENDLESS,
            options.seed,
            options.sizes_hw,
            max(1, num_workers),
            team.rank,
            team.size,
        )
        loader = make_loader(self.source, plan, num_workers, pin=team.device.type == "cuda")
        batches = iter(loader)
        asked, first, start_progress = time.monotonic(), 0.0, self.progress
        log = TrainingLog(self.folder if team.leads else None, self.step, options.steps, deadline - asked)
        finished = False
        with log:
            while not finished:
                asked = time.monotonic()
                batch = next(batches, None)
                if batch is None:
                    break
                now = time.monotonic()
                if first:
                    self.throughput.waiting += now - asked
                else:  # the time that workers take to start is not training
                    first = now
                losses = self._learn(as_batch(batch))
                self.step += 1
                spent = time.monotonic() - first
                if options.steps:
                    self.progress = self.step / options.steps
                elif last_leg:
                    left = max(1.0, deadline - first - 1.0)
                    self.progress = team.share(start_progress + (1 - start_progress) * spent / left)
                else:
                    self.progress = team.share(start_progress + spent / (60 * options.budget_minutes))
                self.progress = min(self.progress, 1.0)
                self.throughput.pictures += options.batch_size
                self.throughput.seconds = spent
                finished = self.progress >= 1 - 1e-12
                late = team.any(time.monotonic() > deadline)
                save = finished or late or self.step % options.save_every == 0
                self._unchecked.append((self.step - 1, losses))
                if save or self.step % options.check_every == 0:
                    values = self._check()
                    if self.step % LOG_EVERY == 0 or save:
                        total = sum(WEIGHTS[name] * value for name, value in values.items())
                        log.write(self.step, {"rate": self._rate(), "total": total, **values})
                if self.step % SHOW_EVERY == 0 and log.board is not None:
                    log.show(self.step, preview(self.network, *as_batch(batch).to(team.device)))
                log.advance()
                if save:
                    self.save()
                if late:
                    break
        return finished

    def save(self) -> None:
        """Write state and model; each file is whole or the one before."""
        if not self.team.leads:
            return
        content: dict[str, Any] = {
            **self._shape(),
            "step": self.step,
            "progress": self.progress,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        save_atomically(content, self.folder / "state.pt")
        save_checkpoint(self.checkpoint(), self.folder / "model.pt", half=True)

    def checkpoint(self) -> Checkpoint:
        """The averaged weights as a checkpoint."""
        return Checkpoint(self.network.config, self.average, self.step, notes=self.notes)

    def _shape(self) -> dict[str, int]:
        """What a state must agree on with the run that takes it up."""
        return {"steps": self.options.steps, "batch_size": self.options.batch_size, "processes": self.team.size}

    def _learn(self, batch: Batch) -> dict[str, Tensor]:
        """One step; its losses stay on the device."""
        options, device = self.options, self.team.device
        # Window sampling follows from the step alone, and differs between processes.
        torch.manual_seed((options.seed * 1_000_003 + self.step) * 64 + self.team.rank)
        self._freeze(options.schedule.frozen(self.progress))
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate() * group["share"]
        images, targets = batch.to(device)
        images = images.contiguous(memory_format=self._layout)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            losses: dict[str, Tensor] = self._losses(images, targets)
        total = torch.stack([WEIGHTS[name] * loss.float() for name, loss in losses.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimiser.step()
        self._update_average()
        return {name: value.detach() for name, value in losses.items()}

    def _check(self) -> dict[str, float]:
        """Look at the losses since the last look; returns the newest ones."""
        names = list(self._unchecked[-1][1])
        table = torch.stack([torch.stack([losses[n].float() for n in names]) for _, losses in self._unchecked]).cpu()
        steps = [step for step, _ in self._unchecked]
        self._unchecked.clear()
        for row, column in (~table.isfinite()).nonzero().tolist():
            raise TrainingError(
                f"loss '{names[column]}' is {float(table[row, column])} at step {steps[row]}; lower --rate, or look "
                "for broken boxes with: spp_sorter check DATA"
            )
        return dict(zip(names, table[-1].tolist(), strict=True))

    def _freeze(self, stride: int) -> None:
        if stride == self._frozen:
            return
        self._frozen = stride
        self.network.backbone.freeze_below(stride)
        if self.team.size > 1:  # gradients are averaged over what learns now
            cuda = self.team.device.type == "cuda"
            self._losses = DistributedDataParallel(
                self._plain_losses,
                device_ids=[self.team.device.index] if cuda else None,
                broadcast_buffers=False,
                find_unused_parameters=True,
            )

    def _rate(self) -> float:
        return self.options.learning_rate * self.options.schedule.rate(self.progress)

    def _update_average(self) -> None:
        steps = self.options.steps or self.step / max(self.progress, 1e-3)
        decay = average_decay(self.step, steps, self.options.ema)
        weights = self.network.state_dict()
        floats = [key for key, value in self.average.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.average[key] for key in floats], [weights[key] for key in floats], 1 - decay)
        for key in self.average.keys() - set(floats):  # counters of batch norms
            self.average[key].copy_(weights[key])


class _Losses(nn.Module):
    """The losses as a module, which is what DistributedDataParallel wraps."""

    def __init__(self, network: SppNetwork, distillation: Distillation | None) -> None:
        super().__init__()
        self.network = network
        self.distillation = distillation
        self._features: list[Tensor] = []
        if distillation is not None:
            network.neck.register_forward_hook(lambda *call: self._features.append(call[2]))

    def forward(self, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
        self._features.clear()
        losses = detection_losses(self.network, images, targets)
        if self.distillation is not None:
            features = self._features.pop()
            losses.update(self.distillation(self.network, images, features))
        return losses


def _optimiser(network: SppNetwork, options: TrainingOptions, fused: bool) -> torch.optim.AdamW:
    pretrained = {id(parameter) for parameter in network.backbone.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        groups.setdefault((id(parameter) in pretrained, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "share": options.backbone_rate if old else 1.0,
                "weight_decay": options.weight_decay if weight else 0.0,
            }
            for (old, weight), parameters in groups.items()
        ],
        lr=options.learning_rate,
        fused=fused,
    )


def _memory_layout(network: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last is faster, but torch 2.14 writes outside its memory when batch norms learn in it on a CPU."""
    norms = any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    return torch.contiguous_format if norms and device.type == "cpu" else torch.channels_last


def _describe(shape: dict[str, int]) -> str:
    return f"{shape['steps']} steps with batches of {shape['batch_size']} in {shape['processes']} processes"
