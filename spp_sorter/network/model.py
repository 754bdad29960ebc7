"""The SPP detector as one network: convolve once, propose, pool every window, read class, box and grasp.

Letters: B images, C map channels, R windows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from spp_sorter.network.backbone import LITE0, Backbone
from spp_sorter.network.heads import DenseOutput, Neck, RegionHead, RegionOutput, RegionProposalNetwork
from spp_sorter.network.spp import SpatialPyramidPool, project_boxes, pyramid_length, window_boxes
from spp_sorter.values import LABELS


@dataclass(frozen=True)
class NetworkConfig:
    """Everything needed to build the network again; stored in every checkpoint.

    Attributes:
        backbone: a timm model name.
        strides: maps that the neck fuses; the shared map has the first of them.
        channels: channels of the shared map.
        levels: pyramid levels, bins along one side. One level is Fast R-CNN's RoI pooling.
        pooling: ``max`` or ``average``.
        hidden: width of the two fully connected layers.
        labels: label names; background is not one of them.
        long_side: pixels of the longer side that pictures are scaled to.
        projection: from boxes to windows of the map: ``paper`` or ``cover``, see ``spp.project_boxes``.
        coarser: maps that the neck makes on top of the backbone's.
    """

    backbone: str = LITE0
    strides: tuple[int, ...] = (8, 16, 32)
    channels: int = 96
    levels: tuple[int, ...] = (4, 2, 1)
    pooling: str = "max"
    hidden: int = 256
    labels: tuple[str, ...] = LABELS
    long_side: int = 576
    projection: str = "cover"
    coarser: int = 2

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> NetworkConfig:
        """The inverse of ``to_dict``.

        Raises:
            TypeError: an unknown name.
        """
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return NetworkConfig(**plain)


class SppNetwork(nn.Module):
    """Backbone, neck, region proposals, spatial pyramid pooling and head.

    Args:
        config: the shape of the network.
        imagenet: start the backbone from ImageNet weights.
    """

    def __init__(self, config: NetworkConfig | None = None, imagenet: bool = True) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        self.stride = config.strides[0]
        self.backbone = Backbone(config.backbone, config.strides, imagenet)
        self.neck = Neck(self.backbone.channels, config.channels, config.coarser)
        self.rpn = RegionProposalNetwork(config.channels, self.stride)
        self.pool = SpatialPyramidPool(config.levels, config.pooling)
        pooled_length = pyramid_length(config.channels, config.levels)
        self.head = RegionHead(pooled_length, config.hidden, len(config.labels), self.stride)

    def convolve(self, images: Tensor) -> Tensor:
        """The shared map, once per picture: [B, 3, H, W] RGB 0 to 255 to [B, C, H / stride, W / stride]."""
        features: Tensor = self.neck(self.backbone(images))
        return features

    def propose(self, features: Tensor) -> DenseOutput:
        """Objectness and a box for every cell of the shared map."""
        output: DenseOutput = self.rpn(features)
        return output

    def classify(self, features: Tensor, boxes_xyxy: Tensor, image_index: Tensor | None = None) -> RegionOutput:
        """Pool and read windows of the shared map.

        Args:
            features: [B, C, h, w] from ``convolve``.
            boxes_xyxy: [R, 4] float, pixels of the network's input, from any proposer.
            image_index: [R] picture of each box; may be omitted when B is 1.
        """
        map_hw = (features.shape[2], features.shape[3])
        windows = project_boxes(boxes_xyxy, self.stride, map_hw, self.config.projection)
        pooled = self.pool.pool_windows(features, windows, image_index)
        output: RegionOutput = self.head(pooled, boxes_xyxy.float(), window_boxes(windows, self.stride))
        return output
