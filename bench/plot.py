"""Plots as SVG, written by hand: lines over a logarithmic axis, and bars in groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["plot_bars", "plot_lines"]

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 46, 56
COLORS = ("#c0392b", "#555555", "#2471a3", "#229954", "#b9770e", "#7d3c98", "#117a65")


def plot_lines(
    title: str, x_title: str, y_title: str, lines: Mapping[str, Sequence[tuple[float, float]]], order: Sequence[str]
) -> str:
    """Return lines over two logarithmic axes; `order` gives each name its colour, whoever is missing."""
    points = [point for line in lines.values() for point in line]
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y, high_y = _decades([y for _, y in points])
    across = _Scale(low_x, high_x, LEFT, WIDTH - RIGHT)
    up = _Scale(low_y, high_y, HEIGHT - BOTTOM, TOP)
    parts = _frame(title, x_title, y_title)
    parts += _grid(up, _steps(low_y, high_y))
    for x in sorted({x for x, _ in points}):
        parts.append(_text(across(x), HEIGHT - BOTTOM + 18, f"{x:,g}", "middle"))
        parts.append(_line(across(x), HEIGHT - BOTTOM, across(x), HEIGHT - BOTTOM + 4, "#555555"))
    for row, name in enumerate(name for name in order if name in lines):
        color = COLORS[order.index(name) % len(COLORS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(lines[name]))
        thick = 3 if name == "hub" else 1.6
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{thick}"/>')
        for x, y in lines[name]:
            parts.append(f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{color}"/>')
        parts += _legend(row, name, color)
    return _close(parts)


def plot_bars(title: str, y_title: str, groups: Sequence[str], bars: Mapping[str, Sequence[float]]) -> str:
    """Return one group of bars for each name; the bars of a group are `groups`, from light to dark."""
    high = max([value for values in bars.values() for value in values], default=1.0) or 1.0
    step = 10 ** math.floor(math.log10(high))
    high = math.ceil(high / step) * step
    up = _Scale(0, high, HEIGHT - BOTTOM, TOP, logarithmic=False)
    parts = _frame(title, "", y_title)
    parts += _grid(up, [high * part / 5 for part in range(6)])
    room = (WIDTH - RIGHT - LEFT) / max(1, len(bars))
    width = room * 0.8 / max(1, len(groups))
    shades = [f"rgba(36,113,163,{0.25 + 0.75 * (index + 1) / len(groups):.2f})" for index in range(len(groups))]
    for place, (name, values) in enumerate(bars.items()):
        x = LEFT + place * room + room * 0.1
        for index, value in enumerate(values):
            y = up(value)
            parts.append(
                f'<rect x="{x + index * width:.1f}" y="{y:.1f}" width="{width * 0.9:.1f}"'
                f' height="{HEIGHT - BOTTOM - y:.1f}" fill="{shades[index]}"><title>{value:.1f}</title></rect>'
            )
        parts.append(_text(x + room * 0.4, HEIGHT - BOTTOM + 18, name, "middle"))
    for row, name in enumerate(groups):
        parts += _legend(row, name, shades[row])
    return _close(parts)


class _Scale:
    def __init__(self, low: float, high: float, start: float, end: float, *, logarithmic: bool = True) -> None:
        self._move = math.log10 if logarithmic else float
        self._low = self._move(low)
        self._span = (self._move(high) - self._low) or 1.0
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        return self._start + (self._end - self._start) * (self._move(value) - self._low) / self._span


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of an axis that holds the values: 1, 2 or 5 times a power of ten."""
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values)))
    low = max(step for step in (low, 2 * low, 5 * low) if step <= min(values))
    high = min(step for step in (high / 5, high / 2, high) if step >= max(values))
    return low, high if high > low else 10 * low


def _steps(low: float, high: float) -> list[float]:
    first = math.floor(math.log10(low))
    steps = [base * 10**power for power in range(first, math.ceil(math.log10(high)) + 1) for base in (1, 2, 5)]
    return [step for step in steps if low * 0.999 <= step <= high * 1.001]


def _frame(title: str, x_title: str, y_title: str) -> list[str]:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="12" role="img"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" fill="#222222">{escape(title)}</text>',
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_title, "middle"),
        f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle" fill="#222222">'
        f"{escape(y_title)}</text>",
    ]


def _grid(up: _Scale, steps: Sequence[float]) -> list[str]:
    parts = []
    for step in steps:
        y = up(step)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, "#dddddd"))
        parts.append(_text(LEFT - 8, y + 4, f"{step:,g}", "end"))
    return parts


def _legend(row: int, name: str, color: str) -> list[str]:
    x, y = WIDTH - RIGHT + 18, TOP + 10 + row * 22
    return [f'<rect x="{x}" y="{y - 9}" width="14" height="10" fill="{color}"/>', _text(x + 20, y, name, "start")]


def _line(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222222">{escape(text)}</text>'


def _close(parts: list[str]) -> str:
    return "\n".join([*parts, "</svg>"]) + "\n"
