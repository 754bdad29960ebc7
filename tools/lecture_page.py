"""Writes the figures of ``spp_sorter lecture --json FILE`` into docs/lecture.md, between its markers.

python tools/lecture_page.py out/lecture.json [PAGE]
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from spp_sorter.lecture.tables import NAMES

PAGE = Path(__file__).parents[1] / "docs" / "lecture.md"
LISTED = ("rcnn", "rcnn_crop", "spp_net_1_scale", "spp_net_5_scale", "spp_net_average", "fast_rcnn", "ours")
SMALL = ("rcnn", "spp_net_1_scale", "spp_net_pad", "spp_net_finer_stride", "spp_net_cover", "spp_net_5_scale")
SMALL_NAMES = {
    "spp_net_1_scale": "SPP-net, cells repeated",
    "spp_net_pad": "SPP-net, padded with zeros",
    "spp_net_finer_stride": "SPP-net at stride 8, same weights (a trous)",
    "spp_net_cover": "SPP-net, every cell touched",
    "spp_net_5_scale": "SPP-net, 5 scales, cells repeated",
}


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    figures = json.loads(Path(words[0]).read_text(encoding="utf-8"))
    page = Path(words[1]) if len(words) > 1 else PAGE
    text = page.read_text(encoding="utf-8")
    for name, section in sections(figures).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(
                f"{page} has no marker '<!-- {name} -->'; put it and '<!-- end -->' where the figures belong"
            )
        text = pattern.sub(lambda match, section=section: match[1] + section + match[2], text)
    page.write_text(text, encoding="utf-8")
    return 0


def sections(figures: dict[str, Any]) -> dict[str, str]:
    """The parts of the page that hold figures, by the name of their marker."""
    pooling_measured = {"pooling": pooling(figures["frozen_pooling"])} if "frozen_pooling" in figures else {}
    return {
        **pooling_measured,
        "detection": detection(figures),
        "speed": speed(figures) if "speedup" in figures else "R-CNN was not run: no times to compare with.",
        "small objects": small(figures),
        "after": after(figures),
    }


def detection(figures: dict[str, Any]) -> str:
    intro = (
        f"{figures['pictures']} test pictures with {figures['items']} items; R-CNN and SPP-net learn from "
        f"{figures['training_pictures']} pictures. {figures['device']}, {figures['precision']}; {figures['windows']} "
        f"windows a picture; R-CNN convolves {figures['rcnn_batch']} regions at a time. "
        "Seconds are medians of a picture.\n\n"
    )
    rows = ["| system | mAP [95 %] | minus R-CNN | convolutions, s | head, s | total, s |", "|---|---|---|---|---|---|"]
    for name in LISTED:
        if name not in figures["map"]:
            continue
        seconds = figures["seconds"][name]
        times = " | ".join(_seconds(seconds.get(part)) for part in ("convolution", "head", "total"))
        value = f"{_points(figures['map'][name])} {_span(figures['map_interval'][name])}"
        rows.append(f"| {NAMES[name].strip()} | {value} | {_gap(figures, name)} | {times} |")
    search = _seconds(figures["seconds"]["selective_search"]["total"])
    tail = (
        f"\n\nSelective search takes {search} s a picture on top, for all but our detector, which makes its own "
        "proposals within its total. In R-CNN's total 2000 regions are also cut out and scaled."
    )
    return intro + "\n".join(rows) + tail


def speed(figures: dict[str, Any]) -> str:
    rows = ["| R-CNN's time over SPP-net's | 1 scale | 5 scales |", "|---|---|---|"]
    for part, name in (("conv", "convolutions"), ("total", "total without proposals"), ("pixels", "by pixels alone")):
        values = [figures["speedup"].get(f"{part}_{scales}_scale") for scales in (1, 5)]
        rows.append(f"| {name} | " + " | ".join("" if v is None else f"{v:.1f}x" for v in values) + " |")
    rows.append("| the paper (ZF-5, one GPU of 2014): convolutions | 271x | 49x |")
    rows.append("| the paper: total | 102x | 38x |")
    return "\n".join(rows)


def small(figures: dict[str, Any]) -> str:
    rows = [
        f"AP at IoU 0.5 of the {figures['small_items']} items with fewer than 32 x 32 visible pixels:\n",
        "| windows smaller than the pyramid | AP small [95 %] |",
        "|---|---|",
    ]
    for name in SMALL:
        if name in figures["ap_small"]:
            value = f"{_points(figures['ap_small'][name])} {_span(figures['ap_small_interval'][name])}"
            rows.append(f"| {SMALL_NAMES.get(name, NAMES[name]).strip()} | {value} |")
    return "\n".join(rows)


def after(figures: dict[str, Any]) -> str:
    rows = ["| Fast R-CNN, 100 training pictures | mAP [95 %] | AP small |", "|---|---|---|"]
    for name, label in (("fast_rcnn", "trained end to end"), ("fast_rcnn_frozen", "convolutions frozen")):
        if name in figures["map"]:
            value = f"{_points(figures['map'][name])} {_span(figures['map_interval'][name])}"
            rows.append(f"| {label} | {value} | {_points(figures['ap_small'][name])} |")
    gap = figures.get("end_to_end_minus_frozen")
    if gap is not None:
        rows.append(f"\nEnd to end is better by {100 * gap['difference']:.1f} points {_span(gap['interval'])}.")
    return "\n".join(rows)


def pooling(figures: dict[str, Any]) -> str:
    rows = ["| pyramid | length | maximum | average | maximum minus average |", "|---|---|---|---|---|"]
    for levels, row in figures.items():
        gap = f"{100 * row['max_minus_average']:+.1f} {_span(row['interval'])}"
        rows.append(f"| {levels} | {row['length']} | {_points(row['max'])} | {_points(row['average'])} | {gap} |")
    return "\n".join(rows)


def _gap(figures: dict[str, Any], name: str) -> str:
    gap = figures["map_minus_rcnn"].get(name)
    return "" if gap is None else f"{100 * gap['difference']:+.1f} {_span(gap['interval'])}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _span(interval: list[float] | None) -> str:
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value < 10 else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
