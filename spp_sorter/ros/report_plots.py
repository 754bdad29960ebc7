"""Plots as SVG text, for pages that need nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

COLORS = ("#2e7d32", "#c62828", "#1565c0", "#6a1b9a", "#ef6c00", "#00838f")
WIDTH, HEIGHT = 520, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 40

Points = Sequence[tuple[float, float]]


class _Frame:
    """Axes of a plot: from values to pixels."""

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float], x_name: str, y_name: str) -> None:
        self._x, self._y = _widened(x_range), _widened(y_range)
        self.parts = [f'<svg width="{WIDTH}" height="{HEIGHT}" font-size="11" font-family="sans-serif" role="img">']
        for value in np.linspace(*self._x, 6):
            at = self.x(value)
            self.parts.append(f'<path d="M{at:.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="#eee"/>')
            self.text(at, HEIGHT - _BOTTOM + 14, f"{value:g}" if abs(value) < 1e4 else f"{value:.0f}", "middle")
        for value in np.linspace(*self._y, 5):
            at = self.y(value)
            self.parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" stroke="#eee"/>')
            self.text(_LEFT - 5, at + 4, f"{value:.3g}", "end")
        self.text((_LEFT + WIDTH) / 2, HEIGHT - 8, x_name, "middle")
        self.parts.append(
            f'<text transform="rotate(-90 12 {HEIGHT / 2})" x="12" y="{HEIGHT / 2}" text-anchor="middle">'
            f"{escape(y_name)}</text>"
        )

    def x(self, value: float) -> float:
        """Pixel column of a value."""
        return _LEFT + (value - self._x[0]) / (self._x[1] - self._x[0]) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Pixel row of a value."""
        return HEIGHT - _BOTTOM - (value - self._y[0]) / (self._y[1] - self._y[0]) * (HEIGHT - _TOP - _BOTTOM)

    def text(self, x: float, y: float, text: str, anchor: str = "start", color: str = "#333") -> None:
        """A line of text."""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>')

    def svg(self) -> str:
        """The whole plot."""
        return "".join([*self.parts, "</svg>"])


def line_plot(lines: Mapping[str, Points], x_name: str, y_name: str) -> str:
    """Lines with their names; an empty plot where there are no points."""
    every = np.array([point for points in lines.values() for point in points], np.float64).reshape(-1, 2)
    if not len(every):
        return "<p>No data.</p>"
    frame = _Frame((every[:, 0].min(), every[:, 0].max()), (0.0, every[:, 1].max()), x_name, y_name)
    for index, (name, points) in enumerate(lines.items()):
        color = COLORS[index % len(COLORS)]
        text = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
        frame.parts.append(f'<polyline points="{text}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        frame.text(_LEFT + 8, _TOP + 14 * (index + 1), name, color=color)
    return frame.svg()


def histogram(values: Sequence[float], x_name: str, bins: int = 40) -> str:
    """How often values fall where, with p50, p95 and p99 marked."""
    if not len(values):
        return "<p>No data.</p>"
    # The slowest hundredth would squeeze everything else into one bar.
    top = float(np.percentile(values, 99.5)) or 1.0
    counts, edges = np.histogram(np.minimum(values, top), bins, (0.0, top))
    frame = _Frame((0.0, top), (0.0, float(counts.max())), x_name, "frames")
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        x, y = frame.x(left), frame.y(count)
        size = f'width="{frame.x(right) - x:.1f}" height="{HEIGHT - _BOTTOM - y:.1f}"'
        frame.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="#90a4ae"/>')
    for index, p in enumerate((50, 95, 99)):
        value = float(np.percentile(values, p))
        at = frame.x(min(value, top))
        frame.parts.append(f'<path d="M{at:.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="#c62828" stroke-dasharray="3 3"/>')
        frame.text(min(at + 3, WIDTH - 90), _TOP + 12 * (index + 1), f"p{p} {value:.1f}", color="#c62828")
    return frame.svg()


def bars(counts: Mapping[str, int]) -> str:
    """One bar for each name, the longest first."""
    if not counts:
        return "<p>None.</p>"
    most = max(counts.values())
    rows = [
        f"<tr><td>{escape(name)}</td><td>{count}</td>"
        f'<td><div style="background:#c62828;height:.8em;width:{max(1, round(300 * count / most))}px"></div></td></tr>'
        for name, count in sorted(counts.items(), key=lambda pair: -pair[1])
    ]
    return f"<table>{''.join(rows)}</table>"


def timeline(spans: Sequence[tuple[float, float, float, str]], x_name: str, y_name: str) -> str:
    """A bar from a beginning to an end for each span, at its own height, with a dot at the end.

    Args:
        spans: (from, to, height, label).
        x_name: name of the time axis.
        y_name: name of the other.
    """
    if not spans:
        return "<p>None.</p>"
    heights = [span[2] for span in spans]
    frame = _Frame(
        (min(span[0] for span in spans), max(span[1] for span in spans)), (min(heights), max(heights)), x_name, y_name
    )
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(sorted({span[3] for span in spans}))}
    for start, end, height, label in spans:
        y, color = frame.y(height), colors[label]
        frame.parts.append(
            f'<path d="M{frame.x(start):.1f} {y:.1f}H{frame.x(end):.1f}" stroke="{color}" stroke-width="3"/>'
            f'<circle cx="{frame.x(end):.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>'
        )
    return frame.svg()


def _widened(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = float(limits[0]), float(limits[1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)
