"""SPP-net as a classifier of whole pictures of any size, and the network of fixed size that it replaces.

He et al. (arXiv 1406.4729), section 3. Letters: B pictures, K classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spp_sorter.network.backbone import Backbone
from spp_sorter.network.checkpoint import save_atomically
from spp_sorter.network.spp import SpatialPyramidPool, pyramid_length

STRIDE = 32
FIXED_SIDE = 224
FORMAT = "spp_sorter-lecture-classifier-1"


@dataclass(frozen=True)
class ClassifierConfig:
    """What tells the classifiers of the comparison apart.

    Attributes:
        view: how a picture is shown: ``whole`` (any size and shape, what SPP makes possible), ``crop`` or ``warp``
            to 224 x 224.
        sides: short sides that epochs of training alternate between; (224,) is single-size training.
        levels: the pyramid; empty for the network of fixed size, whose 7 x 7 map is pooled to 5 x 5.
        pooling: ``max`` or ``average``.
        train_convolutions: False trains the fully connected layers alone.
        hidden: width of the fully connected layer.
    """

    view: str = "whole"
    sides: tuple[int, ...] = (224,)
    levels: tuple[int, ...] = (4, 2, 1)
    pooling: str = "max"
    train_convolutions: bool = True
    hidden: int = 128


class PictureClassifier(nn.Module):
    """Backbone, pooling to a fixed length, and two fully connected layers.

    Args:
        config: the shape.
        num_classes: K.
        imagenet: start the backbone from ImageNet weights.
    """

    def __init__(self, config: ClassifierConfig, num_classes: int, imagenet: bool = True) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(strides=(STRIDE,), imagenet=imagenet)
        channels = self.backbone.channels[-1]
        if config.levels:
            self.pool: nn.Module = SpatialPyramidPool(config.levels, config.pooling)
            length = pyramid_length(channels, config.levels)
        else:
            self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1), nn.Flatten())
            length = channels * (FIXED_SIDE // STRIDE - 2) ** 2
        self.fc = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(length, config.hidden),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(config.hidden, num_classes),
        )
        self.backbone.requires_grad_(config.train_convolutions)

    def features(self, images: Tensor) -> Tensor:
        """The vector that the fully connected layers see: [B, length], the same length for every size of picture.

        Args:
            images: [B, 3, H, W] RGB 0 to 255.

        Raises:
            ValueError: a picture smaller than the network's stride, or one that a network of fixed size cannot take.
        """
        height, width = images.shape[2:]
        if min(height, width) < STRIDE:
            raise ValueError(
                f"picture is {width} x {height}; allowed: {STRIDE} x {STRIDE} and more, the stride of the network, "
                "below which its map has no whole cell; enlarge the picture"
            )
        if not self.config.levels and (height, width) != (FIXED_SIDE, FIXED_SIDE):
            raise ValueError(
                f"picture is {width} x {height}; allowed: {FIXED_SIDE} x {FIXED_SIDE}, because the fully connected "
                "layer has a fixed number of inputs; crop or warp it, or use pyramid levels"
            )
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.config.train_convolutions):
            (features,) = self.backbone(images)
        pooled: Tensor = self.pool(features.float())
        return pooled

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] RGB 0 to 255 to [B, K] logits; raises as ``features``."""
        logits: Tensor = self.fc(self.features(images))
        return logits


def save_classifier(
    network: PictureClassifier, label_names: tuple[str, ...], path: Path, notes: dict[str, Any]
) -> None:
    """Write weights in half precision with all that is needed to build the network again."""
    weights = {key: value.detach().cpu().half() for key, value in network.state_dict().items()}
    config = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(network.config).items()}
    content = {"format": FORMAT, "config": config, "labels": list(label_names), "weights": weights, "notes": notes}
    save_atomically(content, path)


def load_classifier(path: Path) -> tuple[PictureClassifier, tuple[str, ...], dict[str, Any]]:
    """The network in evaluation mode, its class names and the notes.

    Raises:
        ValueError: the file is not a classifier of the lecture.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"'{path}' is not in the format '{FORMAT}'; train one with tools/lecture_on_gpu.sh")
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content["config"].items()}
    labels = tuple(content["labels"])
    network = PictureClassifier(ClassifierConfig(**values), len(labels), imagenet=False)
    network.load_state_dict({key: value.float() for key, value in content["weights"].items()})
    return network.eval(), labels, dict(content["notes"])
