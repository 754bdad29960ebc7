"""``spp_sorter scenes``: pictures with exact truth as COCO json, of the simulated belt or of photographed items."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from spp_sorter.evaluation.coco import write_coco
from spp_sorter.evaluation.label_map import IGNORE, LabelMap
from spp_sorter.evaluation.masks import Mask
from spp_sorter.evaluation.records import Dataset, ImageRecord
from spp_sorter.evaluation.truth import ANY_LABEL
from spp_sorter.learning.composer import DENSITIES as PHOTO_DENSITIES
from spp_sorter.learning.held_out import render_pool
from spp_sorter.learning.pack import DEFAULT_PACK
from spp_sorter.learning.pack_build import build_pack, describe
from spp_sorter.learning.photo_scenes import compose_record
from spp_sorter.learning.samples import MIN_VISIBLE
from spp_sorter.simulation.belt_world import BeltWorld
from spp_sorter.simulation.scene_config import DENSITIES, random_world_config
from spp_sorter.values import LABELS, ImageArray

SHEET_COLUMNS = 4
SHEET_WIDTH_PX = 320
SHEET_PICTURES = 24
COLORS_BGR = {"compost": (60, 200, 60), "non_compost": (60, 60, 230)}
IGNORED_BGR = (150, 150, 150)

_SHOWN_DROPPED = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to fill")
    parser.add_argument(
        "--from",
        dest="source",
        choices=("world", "photos"),
        help="rendered items of the simulated belt, or photographed ones of a pack (world, where no pack is named)",
    )
    parser.add_argument("--count", type=int, default=200, metavar="N", help="pictures (%(default)s)")
    parser.add_argument(
        "--density", nargs="+", choices=PHOTO_DENSITIES, help="taken in turn (all; `single`: photographs only)"
    )
    parser.add_argument("--split", choices=("train", "test", "all"), default="train", help="objects (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (%(default)s)")
    pack = parser.add_argument_group("photographs")
    pack.add_argument("--pack", type=Path, metavar="DIR", help=f"asset pack to take or to build ({DEFAULT_PACK})")
    pack.add_argument(
        "--build-pack",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="build the pack of these folders first: one subfolder per class, of photographs of single items on a "
        "plain background, or of PNGs with alpha; TrashNet, the Grocery Store Dataset and Tux Paint's stamps are known",
    )
    pack.add_argument("--labels", type=Path, metavar="MAP.yaml", help="subfolder -> compost, non_compost or ignore")
    pack.add_argument(
        "--belts", type=Path, metavar="FOLDER", help="your own pictures of the empty belt to lay items on"
    )
    pack.add_argument("--sprites", action="store_true", help="take the shipped sprites into the pack too")
    pack.add_argument(
        "--backgrounds", type=int, default=60, metavar="N", help="belts to render for the pack (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Build the pack where asked to; make ``images/``, ``annotations.json`` and ``sheet.jpg``."""
    for name, low in (("count", 1), ("jobs", 1), ("seed", 0), ("backgrounds", 0)):
        if getattr(args, name) < low:
            raise ValueError(f"--{name} is {getattr(args, name)}; allowed: {low} and more")
    if args.out is None and not args.build_pack:
        raise ValueError("nothing to do; give --out DIR for scenes, or --build-pack FOLDER")
    photos = args.source == "photos" or (args.source is None and bool(args.pack or args.build_pack))
    if not photos and "single" in (args.density or ()):
        raise ValueError("--density single is made of photographs; add --from photos")
    pack_path: Path = args.pack or DEFAULT_PACK
    if args.build_pack:
        _build(args, pack_path)
    if args.out is None:
        return 0
    images = args.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    if photos:
        make = partial(compose_record, images, tuple(args.density or PHOTO_DENSITIES), args.split, pack_path)
    else:
        make = partial(render_record, images, tuple(args.density or DENSITIES), args.split)
    with render_pool(args.jobs) as pool:
        seeds = range(args.seed, args.seed + args.count)
        records = tuple(tqdm(pool.map(make, seeds, chunksize=4), "scenes", args.count, unit="scene", disable=None))
    dataset = Dataset(args.out, LABELS, records)
    write_coco(args.out / "annotations.json", dataset)
    cv2.imwrite(str(args.out / "sheet.jpg"), contact_sheet(records[:SHEET_PICTURES]))
    print(f"{len(records)} pictures with {dataset.num_items} items: {args.out / 'annotations.json'}")
    return 0


def _build(args: argparse.Namespace, pack_path: Path) -> None:
    labels: dict[str, str] = {}
    if args.labels is not None:
        read = LabelMap.read(args.labels).labels
        labels = {name: IGNORE if index == ANY_LABEL else LABELS[index] for name, index in read.items()}
    counts = (args.backgrounds, args.backgrounds // 2, args.backgrounds)
    pack, dropped = build_pack(args.build_pack, pack_path, labels, args.jobs, counts, args.sprites, args.belts)
    for each in dropped[:_SHOWN_DROPPED]:
        print(f"left out: {each.file}: {each.reason}")
    if dropped:
        listing = pack_path / "left_out.txt"
        listing.write_text("".join(f"{each.file}\t{each.reason}\n" for each in dropped), encoding="utf-8")
        print(f"all {len(dropped)} that were left out, with reasons: {listing}")
    print(describe(pack, dropped))


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
        scale = SHEET_WIDTH_PX / max(record.size_hw)
        tiles.append(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    tall = max(tile.shape[0] for tile in tiles)
    padded = [
        cv2.copyMakeBorder(t, 0, tall - t.shape[0], 0, SHEET_WIDTH_PX - t.shape[1], cv2.BORDER_CONSTANT) for t in tiles
    ]
    padded += [np.zeros_like(padded[0])] * (-len(padded) % SHEET_COLUMNS)
    rows = [np.hstack(padded[i : i + SHEET_COLUMNS]) for i in range(0, len(padded), SHEET_COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)
