"""Pack raw renders into the sprites that ship: WebP colour, PNG heights, sprites.json, ATTRIBUTION.md, a contact sheet.

Needs numpy and OpenCV only: run it with the project's own Python.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

SCHEMA_VERSION = 1
METRES_PER_PX = 0.00075
WEBP_QUALITY = 90
MIN_ALPHA = 24
"""Where the item is solid it covers at least this much of 255, however clear it is."""


def clean_view(colour, heights):
    """Make alpha and height agree, crop both to the item: (BGRA [h, w, 4], height [h, w]) uint8."""
    solid = (heights > 0) & (colour[..., 3] >= 6)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8), connectivity=8)
    for index in range(1, count):
        if stats[index, cv2.CC_STAT_AREA] < 4:
            solid[labels == index] = False
    heights = np.where(solid, np.maximum(heights, 1), 0).astype(np.uint8)
    near = cv2.dilate(solid.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    alpha = np.where(solid, np.maximum(colour[..., 3], MIN_ALPHA), np.where(near, colour[..., 3], 0))
    bgr = colour[..., :3].copy()
    # Colour outside is unseen, but lossy WebP and later resampling mix it in: continue the edge's colour there.
    blurred = cv2.blur(np.where(solid[..., None], bgr, 0).astype(np.float32), (7, 7))
    weight = cv2.blur(solid.astype(np.float32), (7, 7))[..., None]
    bgr = np.where(solid[..., None] | (weight < 1e-3), bgr, blurred / np.maximum(weight, 1e-3)).astype(np.uint8)
    bgr[(alpha == 0) & (weight[..., 0] < 1e-3)] = 0
    rows, columns = np.nonzero(alpha)
    window = np.s_[max(0, rows.min() - 1) : rows.max() + 2, max(0, columns.min() - 1) : columns.max() + 2]
    return np.dstack([bgr, alpha.astype(np.uint8)])[window], heights[window]


def pack_object(folder, record, target):
    """Write an object's views; gives its entry of sprites.json."""
    views = []
    for view in record["views"]:
        colour = cv2.imread(str(folder / f"{view['pose']}.png"), cv2.IMREAD_UNCHANGED)
        bgra, heights = clean_view(colour, np.load(folder / f"{view['pose']}.npy"))
        stem = f"{record['name']}_{view['pose']}"
        cv2.imwrite(str(target / f"{stem}.webp"), bgra, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
        cv2.imwrite(str(target / f"{stem}_h.png"), heights, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        rows, columns = np.nonzero(heights)
        extent_px = (np.ptp(columns) + 1, np.ptp(rows) + 1)
        size_mm = [round(float(1000 * METRES_PER_PX * extent), 1) for extent in extent_px] + [int(heights.max())]
        files = {"colour": f"{stem}.webp", "height": f"{stem}_h.png"}
        views.append({"pose": view["pose"], **files, "size_mm": size_mm})
    return {key: record[key] for key in ("name", "label", "family", "split", "attribution")} | {"views": views}


def attribution_text(objects):
    """The attribution file, from the same data as sprites.json."""
    lines = [
        "# Where the sprites come from",
        "",
        "Each sprite is a rendered picture of the 3D model named here: rescaled, given new materials, and posed.",
        "Licences: [CC0-1.0](https://creativecommons.org/publicdomain/zero/1.0/),",
        "[CC-BY-3.0](https://creativecommons.org/licenses/by/3.0/),",
        "[CC-BY-3.0-US](https://creativecommons.org/licenses/by/3.0/us/), Apache-2.0 (LICENSE of this project).",
        "",
        "| object | label | title | author | licence | source |",
        "|---|---|---|---|---|---|",
    ]
    for entry in objects:
        given = entry["attribution"]
        cells = (entry["name"], entry["label"], given["title"], given["author"], given["licence"], given["source"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def contact_sheet(target, objects, columns=12, cell=150):
    """All views on a grey belt, named, one image."""
    tiles = []
    for entry in objects:
        for view in entry["views"]:
            bgra = cv2.imread(str(target / view["colour"]), cv2.IMREAD_UNCHANGED).astype(np.float32)
            scale = min(1.0, (cell - 2) / max(bgra.shape[:2]))
            alpha = bgra[..., 3:] / 255.0
            flat = (bgra[..., :3] * alpha + 70.0 * (1 - alpha)).astype(np.uint8)
            flat = cv2.resize(flat, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            tile = np.full((cell + 14, cell, 3), 70, np.uint8)
            tile[: flat.shape[0], : flat.shape[1]] = flat
            tone = (120, 255, 120) if entry["label"] == "compost" else (120, 160, 255)
            cv2.putText(
                tile, entry["name"][:20] + ("*" if entry["split"] == "test" else ""), (1, cell + 10), 0, 0.37, tone, 1
            )
            tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def main(args=None):
    """Pack the raw renders of ``--raw`` into ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder that render.py wrote")
    parser.add_argument("--out", type=Path, default=Path("spp_sorter/assets/sprites"))
    parser.add_argument("--add", action="store_true", help="keep the pack that is there; put in what --raw has")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet here")
    options = parser.parse_args(args)
    options.out.mkdir(parents=True, exist_ok=True)
    records = [(path.parent, json.loads(path.read_text())) for path in sorted(options.raw.glob("*/object.json"))]
    fresh = {record["name"] for _, record in records}
    there = json.loads((options.out / "sprites.json").read_text("utf-8"))["objects"] if options.add else []
    kept = [entry for entry in there if entry["name"] not in fresh]
    stay = {view[file] for entry in kept for view in entry["views"] for file in ("colour", "height")}
    for old in (*options.out.glob("*.webp"), *options.out.glob("*_h.png")):
        if old.name not in stay:
            old.unlink()
    packed = [pack_object(folder, record, options.out) for folder, record in records]
    objects = sorted([*kept, *packed], key=lambda entry: entry["name"])
    listing = {"schema_version": SCHEMA_VERSION, "metres_per_px": METRES_PER_PX, "objects": objects}
    (options.out / "sprites.json").write_text(
        json.dumps(listing, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (options.out / "ATTRIBUTION.md").write_text(attribution_text(objects), encoding="utf-8")
    if options.sheet:
        cv2.imwrite(str(options.sheet), contact_sheet(options.out, objects))
    size = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{len(objects)} objects, {sum(len(o['views']) for o in objects)} views, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
