"""``spp_sorter scenes``: pictures of the simulated belt with their exact truth as COCO json, for any tool to read."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from spp_sorter.evaluation.coco import write_coco
from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.records import Dataset, ImageRecord
from spp_sorter.learning.held_out import render_pool
from spp_sorter.learning.samples import MIN_VISIBLE
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import DENSITIES, random_world_config
from spp_sorter.values import LABELS, ImageArray

SHEET_COLUMNS = 4
SHEET_WIDTH_PX = 320
SHEET_PICTURES = 24
COLORS_BGR = {"compost": (60, 200, 60), "non_compost": (60, 60, 230)}
IGNORED_BGR = (150, 150, 150)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="pictures (%(default)s)")
    parser.add_argument("--density", nargs="+", choices=DENSITIES, default=list(DENSITIES), help="taken in turn")
    parser.add_argument("--split", choices=("train", "test", "all"), default="train", help="objects (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Render ``images/``, ``annotations.json`` and ``sheet.jpg``."""
    for name, low in (("count", 1), ("jobs", 1), ("seed", 0)):
        if getattr(args, name) < low:
            raise ValueError(f"--{name} is {getattr(args, name)}; allowed: {low} and more")
    images = args.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    render = partial(render_record, images, tuple(args.density), args.split)
    with render_pool(args.jobs) as pool:
        seeds = range(args.seed, args.seed + args.count)
        records = tuple(tqdm(pool.map(render, seeds, chunksize=4), "scenes", args.count, unit="scene", disable=None))
    dataset = Dataset(args.out, LABELS, records)
    write_coco(args.out / "annotations.json", dataset)
    cv2.imwrite(str(args.out / "sheet.jpg"), contact_sheet(records[:SHEET_PICTURES]))
    print(f"{len(records)} pictures with {dataset.num_items} items: {args.out / 'annotations.json'}")
    return 0


def render_record(folder: Path, densities: tuple[str, ...], split: str, seed: int) -> ImageRecord:
    """Render the scene of one seed into ``folder`` and say what is in it.

    Raises:
        OSError: the picture cannot be written.
    """
    density = densities[seed % len(densities)]
    frame = BeltWorld(random_world_config(seed, density, split)).render(0)
    truth = frame.truth
    assert truth is not None  # truth is rendered by default
    path = folder / f"{density}_{seed:06d}.jpg"
    if not cv2.imwrite(str(path), frame.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise OSError(f"cannot write '{path}'; is the disk full?")
    items = [item for item in truth.items if np.isfinite(item.box_xyxy).all()]
    masks = [truth.masks_id == item.id for item in items]
    height, width = frame.image_bgr.shape[:2]
    return ImageRecord(
        path=path,
        size_hw=(height, width),
        boxes_xyxy=np.array([item.box_xyxy for item in items], np.float64).reshape(-1, 4),
        labels=np.array([LABELS.index(item.label) for item in items], np.int64),
        ignore=np.array([item.visible_fraction < MIN_VISIBLE for item in items], bool),
        areas=np.array([mask.sum() for mask in masks], np.float64),
        masks=tuple(Mask.of(mask) for mask in masks),
        objects=tuple(item.object_name for item in items),
    )


def contact_sheet(records: tuple[ImageRecord, ...]) -> ImageArray:
    """Pictures with their boxes side by side, to judge a data set by eye: [H, W, 3] uint8 BGR."""
    tiles = []
    for record in records:
        image = record.read_image()
        for box, label, ignore in zip(record.boxes_xyxy, record.labels, record.ignore, strict=True):
            color = IGNORED_BGR if ignore else COLORS_BGR[LABELS[int(label)]]
            x0, y0, x1, y1 = (round(float(value)) for value in box)
            cv2.rectangle(image, (x0, y0), (x1, y1), color, 2)
        height = round(SHEET_WIDTH_PX * record.size_hw[0] / record.size_hw[1])
        tiles.append(cv2.resize(image, (SHEET_WIDTH_PX, height), interpolation=cv2.INTER_AREA))
    tall = max(tile.shape[0] for tile in tiles)
    padded = [cv2.copyMakeBorder(t, 0, tall - t.shape[0], 0, 0, cv2.BORDER_CONSTANT) for t in tiles]
    padded += [np.zeros_like(padded[0])] * (-len(padded) % SHEET_COLUMNS)
    rows = [np.hstack(padded[i : i + SHEET_COLUMNS]) for i in range(0, len(padded), SHEET_COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)
