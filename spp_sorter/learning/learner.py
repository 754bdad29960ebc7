"""One step of training after the other: losses, gradients, averaged weights, whatever the number of processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from spp_sorter.learning.batches import Batch
from spp_sorter.learning.distill import IMITATION_WEIGHTS, Distillation
from spp_sorter.learning.distributed import Team
from spp_sorter.learning.schedule import average_decay
from spp_sorter.learning.training_options import TrainingError, TrainingOptions
from spp_sorter.network.assignment import Target
from spp_sorter.network.losses import LOSS_WEIGHTS, detection_losses
from spp_sorter.network.model import SppNetwork

WEIGHTS = LOSS_WEIGHTS | IMITATION_WEIGHTS
CLIP_NORM = 10.0


class Learner:
    """A network that learns batch by batch.

    Args:
        network: what to train, on the CPU.
        options: how.
        team: the processes that train together, and this one's device.
        distillation: a teacher to learn from beside the truth, None for none.
    """

    def __init__(
        self, network: SppNetwork, options: TrainingOptions, team: Team, distillation: Distillation | None
    ) -> None:
        torch.manual_seed(options.seed)
        self._layout = _memory_layout(network, team.device)
        self.network = network.to(team.device).to(memory_format=self._layout).train()
        self.options = options
        self.team = team
        self.step = 0
        self.average = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        self.optimiser = _optimiser(self.network, options, fused=team.device.type == "cuda")
        self._frozen: int | None = None
        self._plain_losses = _Losses(self.network, None if distillation is None else distillation.to(team.device))
        self._losses: nn.Module = self._plain_losses
        self._unchecked: list[tuple[int, dict[str, Tensor]]] = []

    def learn(self, batch: Batch, progress: float) -> None:
        """Take one step; its losses stay on the device until ``check``.

        Args:
            batch: of this process.
            progress: of the training, in [0, 1].
        """
        options, device = self.options, self.team.device
        # Window sampling follows from the step alone, and differs between processes.
        torch.manual_seed((options.seed * 1_000_003 + self.step) * 64 + self.team.rank)
        self._freeze(options.schedule.frozen(progress))
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(progress) * group["share"]
        images, targets = batch.to(device)
        images = images.contiguous(memory_format=self._layout)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            losses: dict[str, Tensor] = self._losses(images, targets)
        total = torch.stack([WEIGHTS[name] * loss.float() for name, loss in losses.items()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimiser.step()
        self._update_average(progress)
        self._unchecked.append((self.step, {name: value.detach() for name, value in losses.items()}))
        self.step += 1

    def check(self) -> dict[str, float]:
        """Look at the losses since the last look, which makes a GPU wait.

        Returns:
            Those of the last step, and their weighted sum as ``total``.

        Raises:
            TrainingError: one is not finite; the text names it and its step.
        """
        names = list(self._unchecked[-1][1])
        table = torch.stack([torch.stack([losses[n].float() for n in names]) for _, losses in self._unchecked]).cpu()
        steps = [step for step, _ in self._unchecked]
        self._unchecked.clear()
        for row, column in (~table.isfinite()).nonzero().tolist():
            raise TrainingError(
                f"loss '{names[column]}' is {float(table[row, column])} at step {steps[row]}; lower --rate, or look "
                "for broken boxes with: spp_sorter check DATA"
            )
        values = dict(zip(names, table[-1].tolist(), strict=True))
        return {"total": sum(WEIGHTS[name] * value for name, value in values.items()), **values}

    def rate(self, progress: float) -> float:
        """The learning rate of new layers at a progress in [0, 1]."""
        return self.options.learning_rate * self.options.schedule.rate(progress)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a ``state``."""
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

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

    def _update_average(self, progress: float) -> None:
        steps = self.options.steps or self.step / max(progress, 1e-3)
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
