"""The picture: the main figures as dots on logarithmic scales, drawn from results.json alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.results import MORE_IS_BETTER, OURS, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

PANELS = (
    ("mission-10", "durable step", "One durable step", "ms"),
    ("fleet-200", "missions per second", "200 missions of 10 steps", "missions per second"),
    ("agent-11", "agent operation", "One model request or tool call", "ms"),
    ("recovery", "kill -9 to landed, process start included", "Killed, started again, landed", "s"),
)
"""Workload, metric, title, unit of each panel."""

WIDTH, LABELS, FIGURES, ROW, HEAD, MARGIN = 860, 170, 90, 24, 52, 24

STYLE = """
    svg { --paper: #fbfaf7; --line: #dedbd1; --ink: #1a2129; --soft: #55606b; --ours: #175a9e; --floor: #a8a499; }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #0e1318; --line: #28333d; --ink: #e4e9ed; --soft: #9aa7b3; --ours: #6cb2f2; --floor: #5b6670; }
    }
    text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 13px; }
    text { fill: var(--ink); }
    .title { font-size: 15px; font-weight: 600; }
    .soft { fill: var(--soft); font-size: 12px; font-weight: 400; }
    .paper { fill: var(--paper); }
    .line { stroke: var(--line); stroke-width: 1; }
    .dot { fill: var(--soft); }
    .ours { fill: var(--ours); font-weight: 600; }
    .floor { fill: var(--floor); }
"""


def draw(rows: Sequence[Row]) -> str:
    """Return the picture as SVG.

    Raises:
        ValueError: none of the figures it shows is among the rows.

    """
    panels: list[str] = []
    told: list[str] = []
    top = MARGIN
    for workload, metric, title, unit in PANELS:
        mine = [row for row in rows if (row.workload, row.metric) == (workload, metric) and row.value > 0]
        if not mine:
            continue
        is_more = mine[0].unit in MORE_IS_BETTER
        mine.sort(key=lambda row: row.value, reverse=is_more)
        panels.append(_panel(mine, title, f"{unit}, {'more' if is_more else 'less'} is better", top))
        told.append(f"{title}: " + ", ".join(f"{row.system} {_figure(row.value)}" for row in mine))
        top += HEAD + ROW * len(mine) + MARGIN
    if not panels:
        raise ValueError("There is none of the figures that the picture shows; `make bench` measures them.")
    words = escape(f"Medians, {'. '.join(told)}.")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        f'role="img" aria-labelledby="title desc">\n'
        f'  <title id="title">gonogo beside its peers</title>\n  <desc id="desc">{words}</desc>\n'
        f"  <style>{STYLE}  </style>\n"
        f'  <rect class="paper" width="{WIDTH}" height="{top}"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(rows: Sequence[Row], title: str, unit: str, top: int) -> str:
    """Return one metric: a line and a dot for each system, on a scale of whole powers of ten."""
    low = math.floor(math.log10(min(row.value for row in rows)))
    high = max(math.ceil(math.log10(max(row.value for row in rows))), low + 1)
    begin, end = LABELS, WIDTH - FIGURES - MARGIN

    def place(value: float) -> float:
        return begin + (end - begin) * (math.log10(value) - low) / (high - low)

    base = top + HEAD
    scale = f'<tspan class="soft" dx="10">{escape(unit)}, logarithmic scale</tspan>'
    lines = [
        f'  <text class="title" x="{MARGIN}" y="{top + 16}">{escape(title)}{scale}</text>',
    ]
    for power in range(low, high + 1):
        x = round(place(10.0**power), 1)
        lines += [
            f'  <line class="line" x1="{x}" x2="{x}" y1="{base - 8}" y2="{base + ROW * len(rows) - 4}"/>',
            f'  <text class="soft" x="{x}" y="{base - 14}" text-anchor="middle">{_figure(10.0**power)}</text>',
        ]
    for index, row in enumerate(rows):
        is_ours = row.system.startswith(OURS)
        kind = "ours" if is_ours else "floor" if row.system.startswith("floor") else "dot"
        words = 'class="ours"' if is_ours else ""
        x, y = round(place(row.value), 1), base + ROW * index + ROW // 2 - 2
        lines += [
            f'  <text {words} x="{LABELS - 14}" y="{y + 4}" text-anchor="end">{escape(row.system)}</text>',
            f'  <line class="line" x1="{begin}" x2="{x}" y1="{y}" y2="{y}"/>',
            f'  <circle class="{kind}" cx="{x}" cy="{y}" r="6"/>',
            f'  <text {words} x="{x + 12}" y="{y + 4}">{_figure(row.value)}</text>',
        ]
    return "\n".join(lines)


def _figure(value: float) -> str:
    """Return a value with three significant digits and no exponent."""
    text = f"{float(f'{value:.3g}'):,f}".rstrip("0").rstrip(".")
    return text or "0"
