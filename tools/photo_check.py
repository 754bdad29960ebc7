"""How often the best-scored detection of single-item photographs covers the item and bears the right label.

    spp_sorter pack PICTURES --out BAG
    spp_sorter replay BAG --out OUT --json OUT/replay.json
    python tools/photo_check.py --json OUT/replay.json --pictures PICTURES --expect non_compost

The photographs have no boxes. The item's is taken from its mask: what differs from the colour of the picture's border
by more than Otsu's threshold, largest part. "Covers" is an IoU of at least 0.5 with that box.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np


def item_box(image_bgr):
    """[4] x0, y0, x1, y1 of the largest thing that is not the background, or None."""
    lab = cv2.cvtColor(cv2.GaussianBlur(image_bgr, (5, 5), 0), cv2.COLOR_BGR2LAB).astype(np.float32)
    border = np.concatenate([lab[:4].reshape(-1, 3), lab[-4:].reshape(-1, 3), lab[:, :4].reshape(-1, 3)])
    distance = np.linalg.norm(lab - np.median(border, axis=0), axis=2).clip(0, 255).astype(np.uint8)
    _, mask = cv2.threshold(distance, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    if len(stats) < 2:
        return None
    x, y, width, height = stats[1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])][:4]
    return np.array([x, y, x + width, y + height], np.float64)


def iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    overlap = np.maximum(high - low, 0).prod()
    return overlap / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - overlap)


def count(frames, pictures, expect):
    """Counter of what became of every picture."""
    counts = Counter()
    for frame in frames:
        image = cv2.imread(str(pictures / frame["name"]))
        best = frame.get("best")
        counts["pictures"] += 1
        if best is None:
            counts["nothing detected"] += 1
            continue
        right = best["label"] == expect
        box = item_box(image)
        covers = box is not None and iou(np.array(best["box_xyxy"]), box) >= 0.5
        counts[f"best detection is {expect}"] += right
        counts["best detection covers the item"] += covers
        counts[f"covers the item and is {expect}"] += right and covers
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, help="written by `spp_sorter replay --json`")
    parser.add_argument("--pictures", type=Path, required=True, help="the folder that was packed")
    parser.add_argument("--expect", required=True, choices=("compost", "non_compost"))
    args = parser.parse_args()
    figures = json.loads(args.json.read_text(encoding="utf-8"))
    counts = count(figures["per_frame"], args.pictures, args.expect)
    for name, number in counts.items():
        print(f"{name:<40} {number:5d}   {100 * number / counts['pictures']:5.1f} %")


if __name__ == "__main__":
    main()
