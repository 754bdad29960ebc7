"""All detectors of the lecture behind one call: a picture and its windows in, detections and seconds out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from spp_sorter.config import DetectorConfig
from spp_sorter.detector import Detector
from spp_sorter.evaluation.measure import LOWEST_SCORE
from spp_sorter.evaluation.truth import Prediction
from spp_sorter.lecture.convolution import Convolution, scaled
from spp_sorter.lecture.fast_rcnn import FastRcnn, refined_boxes
from spp_sorter.lecture.rcnn import Described, RcnnDescriber
from spp_sorter.lecture.region_head import RegionHead, empty_head, suppressed, train_head, training_windows
from spp_sorter.lecture.scenes import Scene
from spp_sorter.lecture.spp_net import FIVE_SCALES, ONE_SCALE, SppNetDescriber
from spp_sorter.network.checkpoint import save_atomically
from spp_sorter.network.spp import SpatialPyramidPool, pyramid_length
from spp_sorter.values import FloatArray, ImageArray

LEVELS = (6, 3, 2, 1)
"""50 bins, the paper's for detection."""


@dataclass(frozen=True)
class Answer:
    """What a system said about one picture, and the seconds that it took.

    Attributes:
        prediction: boxes in the picture's pixels.
        prepare_s: cutting, scaling and copying of pictures.
        convolution_s: the convolutions alone; NaN where they are not timed apart.
        head_s: from maps to detections.
        total_s: all of it, without proposals unless the system makes its own.
    """

    prediction: Prediction
    prepare_s: float
    convolution_s: float
    head_s: float
    total_s: float


class System(Protocol):
    """A detector of the lecture."""

    def answer(self, scene: Scene) -> Answer:
        """Detections in a scene."""
        ...


class Describer(Protocol):
    """Gives vectors of windows: R-CNN's way or SPP-net's."""

    convolution: Convolution

    def describe(self, image_bgr: ImageArray, windows_xyxy: FloatArray) -> Described:
        """Vectors of windows."""
        ...


@dataclass(frozen=True)
class TwoStage:
    """R-CNN or SPP-net: vectors, then the head that was trained on them."""

    describer: Describer
    head: RegionHead

    def answer(self, scene: Scene) -> Answer:
        """Detections in a scene."""
        described = self.describer.describe(scene.image_bgr, scene.windows)
        clock = self.describer.convolution.synchronise
        start = clock()
        height, width = scene.image_bgr.shape[:2]
        prediction = self.head.detect(described.vectors, scene.windows, (height, width))
        head_s = described.pool_s + clock() - start
        total_s = described.prepare_s + described.convolution_s + head_s
        return Answer(prediction, described.prepare_s, described.convolution_s, head_s, total_s)


class FastRcnnSystem:
    """Fast R-CNN over the windows of selective search.

    Args:
        network: trained.
        device: where to run.
        dtype: what to compute in.
    """

    def __init__(self, network: FastRcnn, device: torch.device, dtype: torch.dtype) -> None:
        self.convolution = Convolution(device, dtype, network.backbone)
        self.network = network.to(device=device, dtype=dtype)

    def answer(self, scene: Scene) -> Answer:
        """Detections in a scene."""
        clock = self.convolution.synchronise
        start = clock()
        picture, scale = scaled(scene.image_bgr, ONE_SCALE[0])
        images = self.convolution.prepare(picture[None])
        prepared = clock()
        features = self.convolution.run(images)
        convolved = clock()
        with torch.inference_mode():
            boxes = torch.from_numpy(np.asarray(scene.windows * scale, np.float32)).to(features.device)
            logits, deltas = self.network.classify(features, boxes)
            refined = refined_boxes(deltas, boxes, (picture.shape[0], picture.shape[1])) / scale
            prediction = suppressed(refined, logits.softmax(dim=1)[:, 1:])
        end = clock()
        return Answer(prediction, prepared - start, convolved - prepared, end - convolved, end - start)


class OurSystem:
    """The shipped detector, which makes its own proposals.

    Args:
        device: where to run.
        precision: of the network.
    """

    def __init__(self, device: str, precision: str) -> None:
        self.detector = Detector(device=device, precision=precision, config=DetectorConfig(score_thresh=LOWEST_SCORE))
        self.detector.warm_up()

    def answer(self, scene: Scene) -> Answer:
        """Detections in a scene."""
        start = time.perf_counter()
        detections = self.detector.detect(scene.image_bgr)
        total = time.perf_counter() - start
        prediction = Prediction.of_every_label(detections, LOWEST_SCORE)
        return Answer(prediction, float("nan"), float("nan"), float("nan"), total)


def make_describers(device: torch.device, dtype: torch.dtype, batch: int = 0) -> dict[str, Describer]:
    """R-CNN's and SPP-net's ways over one shared backbone, by the name of the system.

    Args:
        device: where to run.
        dtype: what to compute in.
        batch: regions that R-CNN convolves together; 0 finds the fastest by trial.
    """
    convolution = Convolution(device, dtype)
    pool = SpatialPyramidPool(LEVELS)
    return {
        "rcnn": RcnnDescriber(convolution, pool, batch=batch),
        "rcnn_crop": RcnnDescriber(convolution, pool, crop=True, batch=batch),
        "spp_net_1_scale": SppNetDescriber(convolution, pool, ONE_SCALE),
        "spp_net_5_scale": SppNetDescriber(convolution, pool, FIVE_SCALES),
        "spp_net_pad": SppNetDescriber(convolution, pool, ONE_SCALE, pad=True),
        "spp_net_finer_stride": SppNetDescriber(Convolution(device, dtype, fine=True), pool, ONE_SCALE),
        "spp_net_average": SppNetDescriber(convolution, SpatialPyramidPool(LEVELS, "average"), ONE_SCALE),
        "spp_net_cover": SppNetDescriber(convolution, pool, ONE_SCALE, rule="cover"),
    }


def trained_head(
    name: str, describer: Describer, scenes: list[Scene], cache: Path, tick: Callable[[], object] = lambda: None
) -> RegionHead:
    """The head of a system, from the cache or trained on the scenes.

    Args:
        name: of the system.
        describer: its way to vectors.
        scenes: to learn from.
        cache: folder; a head is used again only for the same system, scenes and sprites.
        tick: called after every scene.
    """
    convolution = describer.convolution
    key = hashlib.sha256(name.encode())
    for scene in scenes:
        key.update(scene.image_bgr.tobytes() + scene.windows.tobytes())
    path = cache / f"head_{name}_{convolution.dtype}_{key.hexdigest()[:12]}.pt".replace("torch.", "")
    length = pyramid_length(convolution.channels, LEVELS)
    if path.is_file():
        content = torch.load(path, map_location="cpu", weights_only=True)
        head = empty_head(length)
        head.fc.load_state_dict(content["fc"])
        head = RegionHead(head.fc.eval(), *content["rest"])
    else:
        vectors, windows, kept = [], [], []
        for number, scene in enumerate(scenes):
            windows.append(training_windows(scene, number))
            kept.append(path.with_name(f"{path.stem}_{number:04d}.npy"))
            if not kept[-1].is_file():  # a run that is stopped goes on here
                described = describer.describe(scene.image_bgr, windows[-1].boxes_xyxy)
                _keep(described.vectors.half().cpu().numpy(), kept[-1])
            vectors.append(np.load(kept[-1]))
            tick()
        head = train_head(vectors, windows, half=convolution.dtype == torch.bfloat16)
        rest = [head.svm_weight, head.svm_bias, head.ridge_weight, head.ridge_bias]
        save_atomically({"fc": head.fc.state_dict(), "rest": rest}, path)
        for file in kept:
            file.unlink()
    return head.to(convolution.device, convolution.dtype)


def _keep(vectors: FloatArray, path: Path) -> None:
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, vectors)
    partial.replace(path)
