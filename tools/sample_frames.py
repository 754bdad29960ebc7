#!/usr/bin/env python3
"""Write frames of the simulated belt as PNG, to be looked at: ``tools/sample_frames.py --out out/frames --boxes``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2

from spp_sorter.simulation.belt_world import BeltWorld, RenderedFrame, WorldConfig, random_world_config
from spp_sorter.simulation.scene_config import DENSITIES, SPLITS

COLORS_BGR = {"compost": (60, 220, 60), "non_compost": (60, 60, 255)}


def annotated(frame: RenderedFrame):
    """The image with the true boxes and grasps on it."""
    image = frame.image_bgr.copy()
    for item in frame.truth.items:
        if item.visible_fraction > 0:
            left, top, right, bottom = (int(edge) for edge in item.box_xyxy)
            cv2.rectangle(image, (left, top), (right - 1, bottom - 1), COLORS_BGR[item.label], 1)
            cv2.circle(image, tuple(round(float(v)) for v in item.grasp_xy), 2, (255, 0, 255), -1)
    return image


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/frames"), help="folder to write to")
    parser.add_argument("--count", type=int, default=4, help="frames of each density")
    parser.add_argument("--density", choices=DENSITIES, action="append", help="default: all")
    parser.add_argument("--split", choices=SPLITS, default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--random", action="store_true", help="another camera, belt and light each time")
    parser.add_argument("--boxes", action="store_true", help="draw the truth")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for density in args.density or DENSITIES:
        world = BeltWorld(WorldConfig(seed=args.seed, density=density, split=args.split))
        for number in range(args.count):
            if args.random:
                frame = BeltWorld(random_world_config(args.seed + number, density, args.split)).render(0)
            else:
                frame = world.render(number * 2_000_000_000)
            path = args.out / f"{density}_{args.seed}_{number}.png"
            cv2.imwrite(str(path), annotated(frame) if args.boxes else frame.image_bgr)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
