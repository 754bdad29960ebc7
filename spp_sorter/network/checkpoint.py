"""Checkpoints: weights, network config, labels, metrics and step in one file, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spp_sorter.config import ConfigError
from spp_sorter.network.model import NetworkConfig, SppNetwork

FORMAT = "spp_sorter-1"
MAX_BYTES = 1 << 30
"""A file above this is no checkpoint of ours; refused before it is read."""

MAX_ENTRIES = 10_000
MAX_WEIGHTS = 1 << 27
MAX_SIDE = 8192
MAX_VALUES = 1000
MAX_TEXT = 100


class CheckpointError(ConfigError):
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
        temperature: by which the class scores before the softmax are divided, so that a probability of 0.8 is right in
            80 % of all cases (arXiv 1706.04599); fitted by ``spp_sorter evaluate --fit-temperature``.
        sha256: hash of the file that was read, empty before writing.
    """

    config: NetworkConfig
    weights: dict[str, Tensor]
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    notes: str = ""
    temperature: float = 1.0
    sha256: str = ""

    def build(self) -> SppNetwork:
        """The network with these weights, on the CPU, in fp32 and in evaluation mode.

        The temperature goes into the layer that gives the class scores: it costs nothing, and whatever is made of the
        network has it.

        Raises:
            CheckpointError: weights that do not fit the config.
        """
        network = SppNetwork(self.config, imagenet=False)
        try:
            network.load_state_dict({key: value.float() for key, value in self.weights.items()})
        except RuntimeError as error:
            raise CheckpointError(f"checkpoint weights do not fit its own network config: {error}") from error
        with torch.no_grad():
            network.head.classes.weight.div_(self.temperature)
            network.head.classes.bias.div_(self.temperature)
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
        "temperature": checkpoint.temperature,
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


def load_checkpoint(path: Path, sha256: str = "") -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed (``weights_only``).

    Args:
        path: the file.
        sha256: the hash that the file must have, in hexadecimal; empty for any.

    Raises:
        CheckpointError: missing, too large, another hash, broken, of another format, or with fields that do not fit.
    """
    if not path.is_file():
        raise CheckpointError(
            f"checkpoint '{path}' does not exist; give the path of a .pt file, or none for the default"
        )
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise CheckpointError(f"checkpoint '{path}' has {size} bytes; allowed: 1 to {MAX_BYTES}")
    # Read once: what is hashed is what is loaded, whatever happens to the file meanwhile.
    stored = path.read_bytes()
    found = hashlib.sha256(stored).hexdigest()
    if sha256 and found != sha256.lower():
        raise CheckpointError(f"checkpoint '{path}' has SHA-256 {found}; model.sha256 allows {sha256.lower()} only")
    try:
        _check_archive(stored)
        content = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for broken files
        raise CheckpointError(f"checkpoint '{path}' cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint '{path}' is not in the format '{FORMAT}'; train one with: spp_sorter train")
    try:
        config = NetworkConfig.from_dict(content["config"])
        _check_config(config)
        weights = dict(content["weights"])
        _check_weights(config, weights)
        return Checkpoint(
            config=config,
            weights=weights,
            step=int(content["step"]),
            metrics={str(key): float(value) for key, value in content["metrics"].items()},
            notes=str(content["notes"]),
            temperature=_temperature(content.get("temperature", 1.0)),  # files without one are older
            sha256=found,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"checkpoint '{path}' has a missing or unusable field: {error}") from error


def _temperature(value: Any) -> float:
    if not 0.01 <= float(value) <= 100:
        raise ValueError(f"temperature is {value}; allowed: 0.01 to 100")
    return float(value)


def _check_archive(stored: bytes) -> None:
    """Refuse what torch does not write: compressed entries, which may grow without limit, and files of old formats."""
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("it has compressed entries; write it with save_checkpoint")
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_ENTRIES} entries or {MAX_BYTES} bytes in them")


def _check_config(config: NetworkConfig) -> None:
    """Refuse a shape that no network of ours has, before anything of that shape is made."""
    # timm would take `hf-hub:...` for an address and `local-dir:...` for a folder.
    if not (isinstance(config.backbone, str) and re.fullmatch(r"[A-Za-z0-9_.]{1,100}", config.backbone)):
        raise ValueError(f"backbone is {str(config.backbone)[:60]!r}; allowed: the plain name of a timm model")
    default = NetworkConfig().to_dict()
    for name, value in config.to_dict().items():
        values = value if isinstance(value, list) else [value]
        likes = default[name] if isinstance(default[name], list) else [default[name]]
        if isinstance(value, list) != isinstance(default[name], list) or not 0 < len(values) <= MAX_VALUES:
            raise ValueError(f"{name} is {str(value)[:60]}; allowed: of the form {default[name]}")
        for each in values:
            small = len(each) <= MAX_TEXT if isinstance(each, str) else 0 <= each <= MAX_SIDE
            if type(each) is not type(likes[0]) or not small:
                raise ValueError(f"{name} is {str(value)[:60]}; allowed: of the form {default[name]}, up to {MAX_SIDE}")


def _check_weights(config: NetworkConfig, weights: dict[str, Tensor]) -> None:
    """Refuse weights that are no plain numbers or not of the network's shapes; nothing is allocated to find out."""
    for name, value in weights.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or not value.is_floating_point():
            raise ValueError(f"weight {str(name)[:60]!r} is no dense tensor of floats")
        if value.numel() > MAX_WEIGHTS or not bool(torch.isfinite(value).all()):
            raise ValueError(f"weight {str(name)[:60]!r} has {value.numel()} numbers, or one that is not finite")
    try:
        with torch.device("meta"):
            shapes = {name: value.shape for name, value in SppNetwork(config, imagenet=False).state_dict().items()}
    except Exception as error:  # timm and torch raise many kinds for what they cannot build
        raise ValueError(f"no network can be built of its config ({type(error).__name__}: {error})") from error
    wrong = [name for name in {*shapes, *weights} if name not in weights or weights[name].shape != shapes.get(name)]
    if wrong:
        raise ValueError(f"{len(wrong)} weights do not fit the network config, such as {sorted(wrong)[0][:60]!r}")
