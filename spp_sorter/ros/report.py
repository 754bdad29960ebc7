"""A replay as one HTML page that needs nothing else: rates, times, drops, items, picks, pictures of hard frames."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import cv2
import numpy as np

from spp_sorter.ros.bag_frames import BagFrame
from spp_sorter.ros.examples import hardness
from spp_sorter.ros.replay_report import ReplayReport, percentiles
from spp_sorter.ros.report_plots import bars, histogram, line_plot, timeline
from spp_sorter.values import ImageArray, Level, SortResult

PICTURES_PER_REASON = 4
PICTURE_WIDTH = 480
BIN_S = 1.0
CERTAIN = 0.7
"""Score below which a detection is worth a look."""

_PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>spp_sorter run</title><style>
body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.25em .8em;text-align:left;border-bottom:1px solid #ddd}
figure{display:inline-block;margin:0 .8em 1em 0;vertical-align:top;font-size:12px}
svg{margin-right:1em;vertical-align:top}
</style></head><body>
<h1>Run</h1><p>$about</p>$figures
<h2>Rate and time</h2>$throughput$latency
<h2>Frames that were not sorted, by cause</h2>$drops
<h2>Conditions that frames met</h2>$conditions
<h2>Items</h2>$items
<h2>Picks</h2>
<p>From the first offer of an item to its crossing of the pick line (dot), at its place across the belt.</p>
$picks
$compared
<h2>Pictures of what was hard</h2>$pictures
</body></html>
""")


@dataclass(slots=True)
class _Offer:
    first_s: float
    crossing_s: float
    y_m: float
    label: str


@dataclass(slots=True)
class RunRecord:
    """What a page needs beyond the figures of a replay; ``add`` every frame in order."""

    times_s: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    labels: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    offers: dict[int, _Offer] = field(default_factory=dict)
    pictures: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    start_ns: int | None = None

    def add(
        self, item: BagFrame, result: SortResult, stages_ms: Mapping[str, float], draw: Callable[[], ImageArray]
    ) -> None:
        """Take a frame that was sorted; ``draw`` makes its picture, which is asked for seldom."""
        if self.start_ns is None:
            self.start_ns = item.stamp_ns
        now_s = (item.stamp_ns - self.start_ns) * 1e-9
        self.times_s.append(now_s)
        self.wall_ms.append(sum(stages_ms.values()))
        found = result.detections
        counts = Counter(found.label_names[int(label)] for label in found.labels)
        for name in found.label_names:
            self.labels[name].append((now_s, counts[name]))
        for pick in result.picks:
            crossing_s = (pick.stamp_ns - self.start_ns) * 1e-9
            offer = self.offers.setdefault(
                pick.track_id, _Offer(now_s, crossing_s, float(pick.point_belt[1]), pick.label)
            )
            offer.crossing_s = crossing_s
        reasons = [status.name for status in result.statuses if status.level >= Level.WARN]
        for reason in [*reasons, *filter(None, [hardness(result, CERTAIN)])]:
            if len(self.pictures[reason]) < PICTURES_PER_REASON:
                self.pictures[reason].append((f"{now_s:.2f} s {item.name}".strip(), _jpeg(draw())))


def write_report(
    path: Path, record: RunRecord, report: ReplayReport, about: str, compared: Sequence[tuple[str, str]] = ()
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the HTML file.
        record: every frame.
        report: the replay's figures.
        about: bag and detector, for people.
        compared: rows of a comparison with an earlier replay.
    """
    page = _PAGE.substitute(
        about=escape(about),
        figures=_table(_figures(record, report)),
        throughput=line_plot({"pictures": _rate(record.times_s)}, "time in the bag, s", "pictures / s"),
        latency=histogram(record.wall_ms, "time of a picture, ms"),
        drops=bars({f"{cause}": number for cause, number in (report.bad + report.bad_inputs).items()}),
        conditions=bars(report.conditions),
        items=line_plot({name: _binned(points) for name, points in record.labels.items()}, "time, s", "detections"),
        picks=timeline([(o.first_s, o.crossing_s, o.y_m, o.label) for o in record.offers.values()], "time, s", "y, m"),
        compared=f"<h2>Against the earlier replay</h2>{_table(compared)}" if compared else "",
        pictures="".join(_gallery(reason, shown) for reason, shown in sorted(record.pictures.items()))
        or "<p>None.</p>",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(page, "utf-8")
    partial.replace(path)


def _figures(record: RunRecord, report: ReplayReport) -> list[tuple[str, str]]:
    rows: list[tuple[str, Any]] = [
        ("pictures", report.num_frames),
        ("sorted", report.num_processed),
        ("pictures a second, reading and writing included", f"{report.fps:.1f}"),
        ("detections", "   ".join(f"{name} {number}" for name, number in sorted(report.detections.items())) or 0),
        ("items offered to the arm", len(record.offers)),
    ]
    for stage, values in report.stages_ms.items():
        rows.append((f"{stage}, ms", "   ".join(f"{name} {value:.2f}" for name, value in percentiles(values).items())))
    return [(name, str(value)) for name, value in rows]


def _rate(times_s: Sequence[float]) -> list[tuple[float, float]]:
    if not times_s:
        return []
    counts, edges = np.histogram(times_s, np.arange(0.0, max(times_s) + BIN_S, BIN_S))
    return [(float(at), float(count) / BIN_S) for at, count in zip(edges[:-1], counts, strict=True)]


def _binned(points: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """The mean of every second."""
    bins: dict[int, list[int]] = defaultdict(list)
    for at, count in points:
        bins[int(at / BIN_S)].append(count)
    return [(index * BIN_S, float(np.mean(counts))) for index, counts in sorted(bins.items())]


def _jpeg(image_bgr: ImageArray) -> bytes:
    height, width = image_bgr.shape[:2]
    size = (PICTURE_WIDTH, max(1, round(height * PICTURE_WIDTH / width)))
    small = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1])


def _gallery(reason: str, shown: Sequence[tuple[str, bytes]]) -> str:
    figures = [
        f'<figure><img width="{PICTURE_WIDTH}" alt="{escape(caption)}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(jpeg).decode()}"><figcaption>{escape(caption)}</figcaption></figure>'
        for caption, jpeg in shown
    ]
    return f"<h3>{escape(reason)}</h3>{''.join(figures)}"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in rows) + "</table>"
