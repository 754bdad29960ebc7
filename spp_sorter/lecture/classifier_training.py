"""Training and judging of the classifiers: the same pictures, epochs and schedule for all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from spp_sorter.lecture.classifier import ClassifierConfig, PictureClassifier
from spp_sorter.lecture.photographs import Photographs
from spp_sorter.lecture.views import PhotographStore, test_views, training_batches
from spp_sorter.values import IntArray

TEST_SIDE = 224
BATCH = 32
HEAD_RATE = 1e-3
CONVOLUTION_RATE = 3e-4
WEIGHT_DECAY = 0.02
SMOOTHING = 0.1
WARM_UP_STEPS = 20

MULTI_SIZE = (180, 224)
VARIANTS: dict[str, ClassifierConfig] = {
    "spp_multi_size": ClassifierConfig(sides=MULTI_SIZE),
    "spp_single_size": ClassifierConfig(),
    "fixed_crop": ClassifierConfig(view="crop", levels=()),
    "fixed_warp": ClassifierConfig(view="warp", levels=()),
    "spp_frozen_convolutions": ClassifierConfig(sides=MULTI_SIZE, train_convolutions=False),
    "spp_average": ClassifierConfig(sides=MULTI_SIZE, pooling="average"),
    "spp_50_bins": ClassifierConfig(sides=MULTI_SIZE, levels=(6, 3, 2, 1)),
}
"""The four of the comparison first, then one change at a time to the first of them."""


@dataclass(frozen=True)
class Trained:
    """A classifier, and what it said about the photographs that were held out.

    Attributes:
        network: in evaluation mode.
        predicted: [N] int64 for N held-out photographs.
        seconds: that training took.
        loss: of the last epoch.
    """

    network: PictureClassifier
    predicted: IntArray
    seconds: float
    loss: float


def train_classifier(
    config: ClassifierConfig,
    photographs: Photographs,
    fold: int,
    epochs: int,
    seed: int,
    device: torch.device,
    tick: Callable[[], None] = lambda: None,
) -> Trained:
    """Train on all folds but one and judge on that one.

    Args:
        config: which classifier.
        photographs: all folds.
        fold: the one to hold out.
        epochs: passes over the training photographs.
        seed: of the weights and of chance.
        device: to train on.
        tick: called after every epoch.
    """
    torch.manual_seed(seed)
    network = PictureClassifier(config, len(photographs.label_names)).to(device)
    network.to(memory_format=torch.channels_last)
    store = PhotographStore(photographs.select(photographs.folds != fold), device)
    held_out = PhotographStore(photographs.select(photographs.folds == fold), device)
    groups = [{"params": list(network.fc.parameters()), "rate": HEAD_RATE}]
    if config.train_convolutions:
        groups.append({"params": list(network.backbone.parameters()), "rate": CONVOLUTION_RATE})
    optimizer = torch.optim.AdamW(groups, lr=HEAD_RATE, weight_decay=WEIGHT_DECAY)
    steps, step, loss_sum = epochs * math.ceil(len(store) / BATCH), 0, 0.0
    start = time.perf_counter()
    for epoch in range(epochs):
        network.train()
        losses = []
        for views, labels in training_batches(store, config, epoch, seed, BATCH):
            share = min(1.0, step / steps)
            schedule = min(1.0, (step + 1) / WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * share))
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * schedule
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                logits = network(views.to(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            step += 1
        loss_sum = float(torch.stack(losses).mean())
        if not math.isfinite(loss_sum):
            raise FloatingPointError(f"the loss of epoch {epoch} is {loss_sum}; lower the learning rate")
        tick()
    network.eval()
    return Trained(network, classify(network, held_out), time.perf_counter() - start, loss_sum)


def classify(network: PictureClassifier, store: PhotographStore, side: int = TEST_SIDE) -> IntArray:
    """[N] class of every photograph; those of one size go through the network together."""
    predicted = np.zeros(len(store), np.int64)
    device = store.device.type
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        for part in of_one_size(store, 64):
            logits = network(test_views(store, network.config, part, side))
            predicted[part] = logits.argmax(dim=1).cpu().numpy()
    return predicted


def of_one_size(store: PhotographStore, most: int) -> Iterator[IntArray]:
    """Indices of all photographs in parts of at most ``most`` that have one size."""
    _, kinds = np.unique(store.sizes_hw.cpu().numpy(), axis=0, return_inverse=True)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds.ravel() == kind)
        yield from np.array_split(members, math.ceil(len(members) / most))
