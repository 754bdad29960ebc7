"""An evaluation as one HTML file that needs nothing else: figures, curves and the worst mistakes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from spp_sorter.evaluation.calibration import reliability
from spp_sorter.evaluation.curves import precision_recall
from spp_sorter.evaluation.matching import match_coco
from spp_sorter.evaluation.measure import MATCH_IOU, OPERATING_SCORE, Measured
from spp_sorter.evaluation.mistakes import KINDS, Gallery
from spp_sorter.evaluation.summary import Summary, calibration_scores
from spp_sorter.learning.tables import figure_rows, label_bodies

_COLORS = ("#2e7d32", "#c62828", "#1565c0", "#6a1b9a", "#ef6c00", "#00838f")
_SIDE, _MARGIN = 300, 44

_PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>spp_sorter evaluation</title><style>
body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.25em .8em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}code{background:#f4f4f4;padding:.1em .3em}
figure{display:inline-block;margin:0 .8em 1em 0;vertical-align:top;width:200px;font-size:12px}
svg{margin-right:1.5em}
</style></head><body>
<h1>Evaluation</h1><p>$detector<br><code>$command</code></p>
<h2>Detection</h2>$detection<h2>Labels</h2>$labels
<h2>Curves</h2>$curves
<h2>Called at score $score and IoU $iou</h2>$confusion
<h2>Grasps</h2>$grasps
$singles
<h2>Worst mistakes</h2><p>Green: the truth. Red: what was called.</p>$mistakes
</body></html>
""")


def write_report(path: Path, figures: Summary, measured: Measured | None, gallery: Gallery) -> None:
    """Write the report, whole or not at all.

    Args:
        path: the HTML file.
        figures: what ``evaluate`` found.
        measured: the pictures behind the overall figures, for the curves; None where there are only single ones.
        gallery: the worst mistakes.
    """
    confusion = figures.get("confusion")
    page = _PAGE.substitute(
        detector=escape(figures["detector"]),
        command=escape(figures["command"]),
        detection=_detection(figure_rows(figures)),
        labels="".join(
            f"<h3>{escape(name)}</h3>{_labels(body['per_class'])}" for name, body in label_bodies(figures).items()
        ),
        curves="" if measured is None else _precision_recall_plot(measured) + _reliability_plot(measured),
        score=f"{OPERATING_SCORE:g}",
        iou=f"{MATCH_IOU:g}",
        confusion="" if confusion is None else _confusion(confusion["counts"]),
        grasps=_grasps(figures["grasp"]) if "grasp" in figures else "",
        singles=_singles(figures.get("singles") or {}),
        mistakes="".join(_mistakes(gallery, kind) for kind in KINDS),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(page, "utf-8")
    partial.replace(path)


def _detection(rows: dict[str, Summary]) -> str:
    head = ("", "pictures", "items", "ignored", "objects", "mAP@0.5", "AP", "small", "medium", "large", "VOC 2007")
    keys = ("ap_small", "ap_medium", "ap_large", "voc2007")
    return _table(
        head,
        [
            (
                name,
                *(str(row[key]) for key in ("images", "items", "ignored", "objects")),
                *(_number(row[key], row["interval"][key]) for key in ("map50", "ap")),
                *(_number(row[key]) for key in keys),
            )
            for name, row in rows.items()
        ],
    )


def _labels(per_class: Summary) -> str:
    head = ["", "items", "AP@0.5", "AP", "precision", "recall"]
    wanted = list(next(iter(per_class.values()))["score_for_precision"])
    rows = []
    for name, row in per_class.items():
        scores = [row["score_for_precision"][precision] for precision in wanted]
        shown = ["not reached" if score is None else f"{score:.2f}" for score in scores]
        rows.append(
            (name, str(row["items"]), *(_number(row[k]) for k in ("ap50", "ap", "precision", "recall")), *shown)
        )
    return _table([*head, *(f"score for precision {precision}" for precision in wanted)], rows)


def _confusion(counts: dict[str, dict[str, int]]) -> str:
    columns = list(next(iter(counts.values())))
    rows = [(name, *(str(row.get(column, "")) for column in columns)) for name, row in counts.items()]
    return _table(["", *columns], rows)


def _grasps(grasp: Summary) -> str:
    if not grasp["items"]:
        return "<p>None to judge: no masks, no grasp head, or nothing found.</p>"
    inside = _number(grasp["point_inside"], grasp["interval"]["point_inside"])
    rows = [("pick point inside the item", inside, "", str(grasp["items"]))]
    for name, key in (("yaw error, degrees", "yaw_error_deg"), ("relative error of length and width", "size_error")):
        row = grasp[key]
        rows.append((name, _number(row["p50"], row["interval"]["p50"]), _number(row["p90"]), str(row["items"])))
    return _table(("", "share or median", "90th percentile", "measured on"), rows)


def _singles(singles: Summary) -> str:
    rows = [
        (
            source,
            label,
            str(row["pictures"]),
            *(_number(row[key], row["interval"][key]) for key in ("found", "named", "both")),
        )
        for source, labels in singles.items()
        for label, row in labels.items()
    ]
    if not rows:
        return ""
    return f"<h2>Single photographs</h2>{_table(('', 'label', 'pictures', 'found', 'label right', 'both'), rows)}"


def _mistakes(gallery: Gallery, kind: str) -> str:
    figures = [
        f'<figure><img width="200" height="200" alt="" src="data:image/jpeg;base64,'
        f'{base64.b64encode(mistake.jpeg).decode()}"><figcaption>{escape(mistake.caption)}</figcaption></figure>'
        for mistake in gallery.worst(kind)
    ]
    return f"<h3>{escape(kind)}</h3>{''.join(figures) or '<p>None.</p>'}"


def _precision_recall_plot(measured: Measured) -> str:
    lines = []
    for label, name in enumerate(measured.label_names):
        curve = precision_recall(match_coco(measured.truths, measured.predictions, label, (MATCH_IOU,)))
        lines.append((name, curve.recall, curve.precision))
    return _plot("recall", "precision", lines)


def _reliability_plot(measured: Measured) -> str:
    scores, correct, _ = calibration_scores(measured)
    bins = reliability(scores, correct)
    filled = bins.counts > 0
    even = np.array([0.0, 1.0])
    return _plot(
        "score", "share right", [("", even, even), ("all labels", bins.confidence[filled], bins.accuracy[filled])]
    )


def _plot(x_name: str, y_name: str, lines: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """Curves in the unit square as inline SVG."""
    size = _SIDE + 2 * _MARGIN
    parts = [f'<svg width="{size}" height="{size}" font-size="12" font-family="sans-serif">']
    for tick in np.linspace(0.0, 1.0, 6):
        at, base = _MARGIN + tick * _SIDE, _MARGIN + _SIDE
        parts.append(f'<path d="M{at:.0f} {_MARGIN}V{base}M{_MARGIN} {at:.0f}H{base}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.0f}" y="{base + 16}" text-anchor="middle">{tick:.1f}</text>')
        parts.append(f'<text x="{_MARGIN - 6}" y="{base - tick * _SIDE + 4:.0f}" text-anchor="end">{tick:.1f}</text>')
    for index, (name, xs, ys) in enumerate(lines):
        color = _COLORS[index % len(_COLORS)] if name else "#999"
        pairs = zip(_MARGIN + xs * _SIDE, _MARGIN + (1 - ys) * _SIDE, strict=True)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs if np.isfinite(x) and np.isfinite(y))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(
            f'<text x="{_MARGIN + 8}" y="{_MARGIN + _SIDE - 10 - 16 * index}" fill="{color}">{escape(name)}</text>'
        )
    middle = _MARGIN + _SIDE / 2
    parts.append(f'<text x="{middle}" y="{size - 8}" text-anchor="middle">{x_name}</text>')
    parts.append(f'<text transform="rotate(-90 12 {middle})" x="12" y="{middle}" text-anchor="middle">{y_name}</text>')
    return "".join([*parts, "</svg>"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _number(value: float, interval: tuple[float, float] | None = None) -> str:
    if not np.isfinite(value):
        return "-"
    text = f"{value:.3f}"
    return text if interval is None else f"{text} [{interval[0]:.3f}, {interval[1]:.3f}]"
