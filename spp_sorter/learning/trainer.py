"""The training loop: steps, schedule, averaged weights, and a state that survives a kill at any moment."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from spp_sorter.learning.batches import Batch, BatchPlan, make_loader
from spp_sorter.learning.samples import SampleSource
from spp_sorter.network.checkpoint import Checkpoint, save_atomically, save_checkpoint
from spp_sorter.network.losses import detection_losses
from spp_sorter.network.model import SppNetwork

LOSS_WEIGHTS = {
    "objectness": 1.0,
    "proposal_box": 1.0,
    "class": 1.0,
    "box": 2.0,
    "grasp_point": 2.0,
    "grasp_yaw": 0.5,
    "grasp_size": 0.5,
}

NEVER = 1 << 20
"""A stride that no map has: freezing below it freezes the whole backbone."""


class TrainingError(RuntimeError):
    """Training cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        steps: batches in all.
        batch_size: pictures per batch.
        learning_rate: peak, of the new layers.
        backbone_rate: share of it for the pretrained layers.
        weight_decay: of AdamW.
        warm_up: share of the steps in which the rate rises and the backbone is frozen.
        frozen_below: stages with maps finer than this stride stay as ImageNet made them.
        ema: decay of the averaged weights, which are the ones that are kept.
        sizes_hw: sizes of the input, one drawn per batch.
        save_every: steps between two states on disk.
        seed: of everything that is drawn.
    """

    steps: int = 2000
    batch_size: int = 8
    learning_rate: float = 1e-3
    backbone_rate: float = 0.2
    weight_decay: float = 0.02
    warm_up: float = 0.05
    frozen_below: int = 8
    ema: float = 0.998
    sizes_hw: tuple[tuple[int, int], ...] = ((384, 512), (320, 416), (448, 576))
    save_every: int = 200
    seed: int = 0


class Trainer:
    """Trains a network in a folder.

    The folder holds ``state.pt`` (everything needed to go on), ``model.pt`` (the averaged weights so far, a checkpoint
    for the detector) and ``log.jsonl`` (the losses).

    Args:
        network: what to train, on the CPU.
        source: pictures.
        options: how.
        folder: where results go.
        device: where to compute.
        notes: what the weights see, kept in the checkpoint.
    """

    def __init__(
        self,
        network: SppNetwork,
        source: SampleSource,
        options: TrainingOptions,
        folder: Path,
        device: torch.device,
        notes: str = "",
    ) -> None:
        torch.manual_seed(options.seed)
        self.network = network.to(device).to(memory_format=torch.channels_last).train()
        self.source = source
        self.options = options
        self.folder = folder
        self.device = device
        self.notes = notes
        self.step = 0
        self.average = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        pretrained = list(self.network.backbone.parameters())
        known = {id(parameter) for parameter in pretrained}
        fresh = [parameter for parameter in self.network.parameters() if id(parameter) not in known]
        self.optimiser = torch.optim.AdamW(
            [{"params": fresh, "share": 1.0}, {"params": pretrained, "share": options.backbone_rate}],
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
        )
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> None:
        """Take up the state in the folder.

        Raises:
            TrainingError: there is none, or it belongs to other options.
        """
        path = self.folder / "state.pt"
        if not path.is_file():
            raise TrainingError(f"nothing to resume: '{path}' does not exist; train without --resume")
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["steps"] != self.options.steps or state["batch_size"] != self.options.batch_size:
            raise TrainingError(
                f"'{path}' is of {state['steps']} steps with batches of {state['batch_size']}, asked for are "
                f"{self.options.steps} with {self.options.batch_size}; give the same --steps and --batch"
            )
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

    def run(self, num_workers: int = 1, minutes: float = math.inf) -> bool:
        """Train until the last step or for so many minutes.

        Returns:
            Whether the last step was reached; if not, ``resume`` goes on from here.

        Raises:
            TrainingError: a loss is not finite; the text names it.
        """
        options, start = self.options, time.monotonic()
        plan = BatchPlan(len(self.source), options.batch_size, self.step, options.steps, options.seed, options.sizes_hw)
        loader = make_loader(self.source, plan, num_workers)
        progress = tqdm(total=options.steps, initial=self.step, unit="step", desc="train", disable=None)
        with progress, (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            for batch in loader:
                losses = self._learn(batch)
                self.step += 1
                progress.update()
                if self.step % 20 == 0 or self.step == options.steps:
                    total = sum(LOSS_WEIGHTS[name] * value for name, value in losses.items())
                    progress.set_postfix(loss=f"{total:.3f}")
                    log.write(json.dumps({"step": self.step, "rate": self._rate(), "total": total, **losses}) + "\n")
                    log.flush()
                late = time.monotonic() - start > 60 * minutes
                if self.step % options.save_every == 0 or self.step == options.steps or late:
                    self.save()
                if late:
                    break
        return self.step >= options.steps

    def save(self) -> None:
        """Write state and model; each file is whole or the one before."""
        content: dict[str, Any] = {
            "step": self.step,
            "steps": self.options.steps,
            "batch_size": self.options.batch_size,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        save_atomically(content, self.folder / "state.pt")
        save_checkpoint(self.checkpoint(), self.folder / "model.pt", half=True)

    def checkpoint(self) -> Checkpoint:
        """The averaged weights as a checkpoint."""
        return Checkpoint(self.network.config, self.average, self.step, notes=self.notes)

    def _learn(self, batch: Batch) -> dict[str, float]:
        options = self.options
        torch.manual_seed(options.seed * 1_000_003 + self.step)  # window sampling follows from the step alone
        warm = self.step < options.warm_up * options.steps
        self.network.backbone.freeze_below(NEVER if warm else options.frozen_below)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate() * group["share"]
        images = batch.images.to(self.device).float().contiguous(memory_format=torch.channels_last)
        targets = [target.to(self.device) for target in batch.targets]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            losses = detection_losses(self.network, images, targets)
        values = {name: float(value.detach()) for name, value in losses.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"loss '{name}' is {value} at step {self.step}; lower --rate, or look for broken boxes with: "
                    "spp_sorter check DATA"
                )
        total = torch.stack([LOSS_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self._update_average(self.network.state_dict())
        return values

    def _rate(self) -> float:
        """Linear warm-up, then half a cosine down to a hundredth."""
        options = self.options
        warm = max(1.0, options.warm_up * options.steps)
        if self.step < warm:
            return options.learning_rate * (self.step + 1) / warm
        done = (self.step - warm) / max(1.0, options.steps - warm)
        return options.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def _update_average(self, weights: dict[str, Tensor]) -> None:
        # Early on the average follows closely, or the random start would weigh on short runs.
        decay = min(self.options.ema, (1 + self.step) / (10 + self.step))
        for key, value in weights.items():
            self.average[key].lerp_(value.detach(), 1 - decay)
