"""The figures of docs/lecture.md, drawn from the networks and pictures themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from spp_sorter.lecture.classifier import PictureClassifier, load_classifier
from spp_sorter.lecture.convolution import STRIDE, Convolution, scaled
from spp_sorter.lecture.photograph_results import CLASSIFIER
from spp_sorter.lecture.rcnn import cut_regions
from spp_sorter.lecture.scenes import Scene, load_scenes
from spp_sorter.lecture.tables import NAMES
from spp_sorter.network.spp import SpatialPyramidPool, project_boxes
from spp_sorter.values import FloatArray, ImageArray

WHITE, INK, GREY, RED, BLUE = (255, 255, 255), (40, 40, 40), (150, 150, 150), (50, 50, 220), (200, 110, 30)
MARGIN = 16
NUMBER = 1
"""The test scene that is shown."""


def draw_all(folder: Path, cache: Path, figures: dict[str, Any]) -> None:
    """Write all figures as JPEG files.

    Args:
        folder: where to, made if need be.
        cache: of scenes.
        figures: of ``spp_sorter lecture``, for the time bars.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scene = list(load_scenes("test", NUMBER + 1, cache))[NUMBER]
    convolution = Convolution(torch.device("cpu"), torch.float32)
    drawn = {
        "pyramid": pyramid(scene, convolution),
        "window": window(scene, convolution),
        "lengths": lengths(scene, load_classifier(CLASSIFIER)[0]),
        "small": small_item(scene, convolution),
        "times": time_bars(figures),
    }
    for name, picture in drawn.items():
        cv2.imwrite(str(folder / f"lecture_{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


def pyramid(scene: Scene, convolution: Convolution) -> ImageArray:
    """A picture, the liveliest channel of its map, and that channel in the levels 4, 2 and 1."""
    picture, features = _convolved(scene.image_bgr, convolution, 480)
    channel = int(features[0].flatten(1).std(dim=1).argmax())
    one = features[:, channel : channel + 1]
    tiles = [_fit(picture, 240), _heat(one[0, 0].numpy(), one, 240)]
    captions = [f"picture {picture.shape[1]} x {picture.shape[0]}", f"map {features.shape[3]} x {features.shape[2]}"]
    for level in (4, 2, 1):
        pooled = SpatialPyramidPool((level,))(one).reshape(level, level)
        tiles.append(_heat(pooled.numpy(), one, 240))
        captions.append(f"{level} x {level}: {level * level} maxima")
    return _row(tiles, captions)


def window(scene: Scene, convolution: Convolution) -> ImageArray:
    """A window in the picture, and its cells by the paper's projection and by every cell that it touches."""
    picture, features = _convolved(scene.image_bgr, convolution, 480)
    scale = 480 / min(scene.image_bgr.shape[:2])
    box = _middle_item(scene) * scale
    tiles, captions = [], []
    shown = picture.copy()
    _rectangle(shown, box, RED, 3)
    tiles.append(_fit(shown, 330))
    captions.append("a window in the picture")
    size_hw = (features.shape[2], features.shape[3])
    for rule, name in (("paper", "the paper's rule"), ("cover", "every cell touched")):
        cells = project_boxes(torch.from_numpy(box[None]), STRIDE, size_hw, rule)[0].numpy()
        grid = picture.copy()
        for x in range(0, picture.shape[1], STRIDE):
            cv2.line(grid, (x, 0), (x, picture.shape[0]), GREY, 1)
        for y in range(0, picture.shape[0], STRIDE):
            cv2.line(grid, (0, y), (picture.shape[1], y), GREY, 1)
        _rectangle(grid, box, RED, 2)
        _rectangle(grid, cells * STRIDE, BLUE, 2)
        x, y = ((box[:2] + box[2:]) / 2).astype(int)
        half_wh = (int(max(box[2] - box[0], 60)), int(max(box[3] - box[1], 60)))
        part = grid[max(0, y - half_wh[1]) : y + half_wh[1], max(0, x - half_wh[0]) : x + half_wh[0]]
        tiles.append(_fit(part, 330))
        captions.append(f"{name}: {cells[2] - cells[0]} x {cells[3] - cells[1]} cells")
    return _row(tiles, captions)


def lengths(scene: Scene, network: PictureClassifier) -> ImageArray:
    """Five pictures of different size and shape, and the vector of each as a bar code of one length."""
    height, width = scene.image_bgr.shape[:2]
    parts = [
        scene.image_bgr,
        scene.image_bgr[: height // 2],
        scene.image_bgr[:, : width // 3],
        cv2.resize(scene.image_bgr, (160, 120), interpolation=cv2.INTER_AREA),
        scene.image_bgr[60:284, 100:324],
    ]
    rows = []
    for part in parts:
        pixels = np.ascontiguousarray(part[:, :, ::-1].transpose(2, 0, 1))
        with torch.inference_mode():
            vector = network.features(torch.from_numpy(pixels)[None].float())[0].numpy()
        row = np.full((124, 1000, 3), 255, np.uint8)
        tile = np.asarray(part, np.uint8)
        if tile.shape[0] > 112 or tile.shape[1] > 200:
            tile = _fit(tile, 112, 200)
        row[6 : 6 + tile.shape[0], MARGIN : MARGIN + tile.shape[1]] = tile
        bars = np.clip(vector / np.quantile(vector, 0.99), 0, 1)
        bars = np.asarray(bars[: len(bars) // 700 * 700].reshape(700, -1).max(axis=1) * 255, np.uint8)
        strip = cv2.applyColorMap(np.repeat(bars[None], 70, axis=0), cv2.COLORMAP_VIRIDIS)
        row[36:106, 270:970] = strip
        _text(row, f"{part.shape[1]} x {part.shape[0]}: {len(vector)} numbers", (270, 26))
        rows.append(row)
    return np.concatenate(rows)


def small_item(scene: Scene, convolution: Convolution) -> ImageArray:
    """What R-CNN and SPP-net get of a window of 12 pixels: a region of 224, and one cell repeated."""
    box = _smallest_item(scene)
    centre = (box[:2] + box[2:]) / 2
    box = np.concatenate([centre - 6, centre + 6])
    x, y = np.clip(centre.astype(int), 40, np.array(scene.image_bgr.shape[1::-1]) - 40)
    near = scene.image_bgr[y - 40 : y + 40, x - 40 : x + 40].copy()
    _rectangle(near, box - np.array([x - 40, y - 40, x - 40, y - 40]), RED, 1)
    region = cut_regions(scene.image_bgr, box[None], crop=False)
    tiles = [_fit(near, 240), _fit(region[0], 240)]
    captions = ["12 pixels (red)", "R-CNN: 224 x 224"]
    inside = convolution.run(convolution.prepare(region))
    maps = [("its 36 bins of 14 x 14 cells", SpatialPyramidPool((6,))(inside))]
    for short_side in (688, 1200):
        picture, scale = scaled(scene.image_bgr, short_side)
        features = convolution.run(convolution.prepare(picture[None]))
        cells = project_boxes(
            torch.from_numpy(box[None] * scale).float(), STRIDE, (features.shape[2], features.shape[3])
        )
        count = tuple((cells[0, 2:] - cells[0, :2]).tolist())
        maps.append(
            (
                f"SPP-net at {short_side}: {count[0]} x {count[1]} cells",
                SpatialPyramidPool((6,)).pool_windows(features, cells),
            )
        )
    channel = int(maps[0][1].reshape(-1, 36).std(dim=1).argmax())
    for name, pooled in maps:
        bins = pooled.reshape(-1, 6, 6)[channel]
        tiles.append(_heat(bins.numpy(), maps[0][1].reshape(-1, 6, 6)[channel], 240))
        captions.append(name)
    return _row(tiles, captions)


def time_bars(figures: dict[str, Any]) -> ImageArray:
    """Seconds per picture, stacked: preparation, convolution, head; the axis is logarithmic in total."""
    names = [name for name in NAMES if name in figures["seconds"] and name in figures["map"]]
    canvas = np.full((80 + 40 * len(names), 1000, 3), 255, np.uint8)
    totals = [figures["seconds"][name]["total"] for name in names]
    low, high = np.log10(min(totals) / 3), np.log10(max(totals) * 1.3)
    _text(canvas, f"seconds a picture without selective search, logarithmic; {figures['device']}", (MARGIN, 30))
    _text(canvas, "convolutions: darker part, by share", (MARGIN, 54), 0.45)
    for row, (name, total) in enumerate(zip(names, totals, strict=True)):
        y = 72 + 40 * row
        length = int(600 * (np.log10(total) - low) / (high - low))
        cv2.rectangle(canvas, (260, y), (260 + length, y + 24), (220, 190, 150), -1)
        share = figures["seconds"][name].get("convolution", 0.0) / total
        cv2.rectangle(canvas, (260, y), (260 + int(length * share), y + 24), BLUE, -1)
        _text(canvas, NAMES[name].strip(), (MARGIN, y + 18), 0.5)
        _text(canvas, f"{total:.3f}" if total < 10 else f"{total:.1f}", (270 + length, y + 18), 0.5)
    return canvas


def _convolved(image_bgr: ImageArray, convolution: Convolution, short_side: int) -> tuple[ImageArray, torch.Tensor]:
    picture, _ = scaled(image_bgr, short_side)
    return picture, convolution.run(convolution.prepare(picture[None]))


def _middle_item(scene: Scene) -> FloatArray:
    boxes = scene.boxes_xyxy[~scene.ignore]
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    return np.asarray(boxes[np.argsort(sides)[len(sides) // 2]], np.float32)


def _smallest_item(scene: Scene) -> FloatArray:
    boxes = scene.boxes_xyxy[~scene.ignore]
    return np.asarray(boxes[(boxes[:, 2:] - boxes[:, :2]).prod(axis=1).argmin()], np.float64)


def _heat(values: np.ndarray, reference: torch.Tensor, height: int) -> ImageArray:
    """Values as colours, between the extremes of the reference, in square cells."""
    low, high = float(reference.min()), float(reference.max())
    grey = np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    width = round(height * grey.shape[1] / grey.shape[0])
    if grey.shape[0] <= 6:
        width = round(height * 4 / 3) if grey.shape[0] != 6 else height
    large = cv2.resize(grey, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.applyColorMap(np.asarray(large, np.uint8), cv2.COLORMAP_VIRIDIS), np.uint8)


def _fit(picture: ImageArray, height: int, width: int = 10_000) -> ImageArray:
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size_wh = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_NEAREST if scale > 2 else cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size_wh, interpolation=method), np.uint8)


def _row(tiles: Sequence[ImageArray], captions: Sequence[str]) -> ImageArray:
    """Pictures side by side with a line below each."""
    height = max(tile.shape[0] for tile in tiles)
    width = sum(max(tile.shape[1], 240) + MARGIN for tile in tiles) + MARGIN
    canvas = np.full((height + 2 * MARGIN + 26, width, 3), 255, np.uint8)
    x = MARGIN
    for tile, caption in zip(tiles, captions, strict=True):
        canvas[MARGIN : MARGIN + tile.shape[0], x : x + tile.shape[1]] = tile
        _text(canvas, caption, (x, height + MARGIN + 22), 0.5)
        x += max(tile.shape[1], 240) + MARGIN
    return canvas


def _text(canvas: ImageArray, text: str, where_xy: tuple[int, int], size: float = 0.55) -> None:
    cv2.putText(canvas, text, where_xy, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)


def _rectangle(canvas: ImageArray, box: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, width)
