"""Checkpoints: weights, network config, labels, metrics and step in one file, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spp_sorter.network.model import NetworkConfig, SppNetwork

FORMAT = "spp_sorter-1"
MAX_BYTES = 1 << 30
"""A file above this is no checkpoint of ours; refused before it is read."""


class CheckpointError(ValueError):
    """A checkpoint that is missing, broken, or not ours; the text names the file and the remedy."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        config: the network's shape.
        weights: its state dict, float tensors.
        step: optimiser steps behind the weights.
        metrics: figures measured at that step, by name.
        notes: what the weights saw, for people.
        sha256: hash of the file that was read, empty before writing.
    """

    config: NetworkConfig
    weights: dict[str, Tensor]
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    notes: str = ""
    sha256: str = ""

    def build(self) -> SppNetwork:
        """The network with these weights, on the CPU, in fp32 and in evaluation mode.

        Raises:
            CheckpointError: weights that do not fit the config.
        """
        network = SppNetwork(self.config, imagenet=False)
        try:
            network.load_state_dict({key: value.float() for key, value in self.weights.items()})
        except RuntimeError as error:
            raise CheckpointError(f"checkpoint weights do not fit its own network config: {error}") from error
        return network.eval()


def save_checkpoint(checkpoint: Checkpoint, path: Path, half: bool = False) -> None:
    """Write a checkpoint; a kill at any moment leaves the old file or the new one, never a part.

    Args:
        checkpoint: what to store.
        path: the file, replaced if there.
        half: store weights as float16 (half the size; rounding of 0.05 %).
    """
    weights = {k: v.detach().cpu().to(torch.float16 if half else torch.float32) for k, v in checkpoint.weights.items()}
    content = {
        "format": FORMAT,
        "config": checkpoint.config.to_dict(),
        "weights": weights,
        "step": checkpoint.step,
        "metrics": checkpoint.metrics,
        "notes": checkpoint.notes,
    }
    save_atomically(content, path)


def save_atomically(content: dict[str, Any], path: Path) -> None:
    """``torch.save`` through a temporary file in the same folder, flushed to disk before it takes the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed (``weights_only``).

    Raises:
        CheckpointError: missing, too large, broken, of another format, or with fields that do not fit.
    """
    if not path.is_file():
        raise CheckpointError(
            f"checkpoint '{path}' does not exist; give the path of a .pt file, or none for the default"
        )
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise CheckpointError(f"checkpoint '{path}' has {size} bytes; allowed: 1 to {MAX_BYTES}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for broken files
        raise CheckpointError(f"checkpoint '{path}' cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint '{path}' is not in the format '{FORMAT}'; train one with: spp_sorter train")
    try:
        config = NetworkConfig.from_dict(content["config"])
        return Checkpoint(
            config=config,
            weights=dict(content["weights"]),
            step=int(content["step"]),
            metrics={str(key): float(value) for key, value in content["metrics"].items()},
            notes=str(content["notes"]),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"checkpoint '{path}' has a missing or unusable field: {error}") from error
