"""Charts: outcomes over time, and latency per step."""

# altair builds its classes from a schema; they are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import altair as alt

from dashboards.figures import MONTH
from dashboards.markup import Html, tag
from dashboards.palette import FILL, GROUND, INK, colour
from dashboards.wording import latency, spoken
from gonogo.model import MICROS_PER_UNIT

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.figures import Kpi, Width

BECAME = ("success", "escalated", "other", "no_go", "aborted", "failed")
"""What a run can become, from the goal downwards: the order of the stack and of the legend."""

_WORDS = {"other": "done, not a success", "escalated": "handed to a person"}
_ROW_HEIGHT = 30
_BARS_ROOM = 12
"""A chart over time has room for at least so many bars, so that a single one does not fill it."""


def outcomes_chart(rows: list[dict[str, Any]], width: Width) -> alt.Chart:
    """Return stacked bars of what runs became, one a stretch of time."""
    present = became(rows)
    chart = alt.Chart(alt.InlineData(values=_bars(rows, width))).mark_bar(
        stroke=colour(GROUND["surface"]), strokeWidth=1
    )
    return _dressed(
        chart.encode(
            x=alt.X(
                "from:T",
                title=None,
                scale=alt.Scale(domain=_room(rows, width)),
                axis=alt.Axis(grid=False, tickCount=8, labelOverlap=True, format=width.clock),
            ),
            x2="to:T",
            y=alt.Y(
                "sum(runs):Q",
                title=f"runs landed per {width.words.removeprefix('1 ')}",
                axis=alt.Axis(tickMinStep=1, tickCount=5),
            ),
            color=alt.Color(
                "became:N",
                title=None,
                scale=alt.Scale(
                    domain=[_said(word) for word in present], range=[colour(FILL[word]) for word in present]
                ),
                legend=None,
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("from:T", title="from", format="%d %b %Y %H:%M"),
                alt.Tooltip("became:N", title="became"),
                alt.Tooltip("runs:Q", title="runs"),
            ],
        ),
        height=270,
    )


def became(rows: list[dict[str, Any]]) -> list[str]:
    """Return what runs became, of all they can become, in the order of the stack."""
    return [word for word in BECAME if word in {row["became"] for row in rows}]


def outcomes_legend(rows: list[dict[str, Any]]) -> Html:
    """Return the key to the colours of :func:`outcomes_chart`, outside of it, so that it can wrap and be read aloud."""
    swatches = [
        tag("li", tag("i", css=f"swatch fill-{word.replace('_', '-')}", aria_hidden="true"), _said(word))
        for word in became(rows)
    ]
    return tag("ul", swatches, css="legend")


def _said(word: str) -> str:
    return _WORDS.get(word, spoken(word))


def _bars(rows: list[dict[str, Any]], width: Width) -> list[dict[str, Any]]:
    return [
        {
            "from": row["bar"].isoformat(),
            "to": _end(row["bar"], width).isoformat(),
            "became": _said(row["became"]),
            "order": BECAME.index(row["became"]),
            "runs": row["runs"],
        }
        for row in rows
    ]


def _room(rows: list[dict[str, Any]], width: Width) -> list[str]:
    """Return the first and the last moment of the time axis."""
    first, last = rows[0]["bar"], rows[-1]["bar"]
    end = _end(last, width)
    return [min(first, end - _BARS_ROOM * (end - last)).isoformat(), end.isoformat()]


def _end(start: datetime, width: Width) -> datetime:
    if width == MONTH:
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + width.length


def latency_chart(medians: list[Kpi], tails: list[Kpi]) -> alt.LayerChart:
    """Return the median and the 95th percentile of each step's duration, slowest step on top."""
    tail_of = {kpi.segment: kpi.value for kpi in tails}
    values: list[dict[str, Any]] = [
        {
            "step": spoken(kpi.segment or ""),
            "p50": kpi.value,
            "p95": tail_of.get(kpi.segment),
            "n": kpi.denominator,
            "told": f"{latency(kpi.value * 1_000)}  ·  {latency(_micros(tail_of.get(kpi.segment)))}",
        }
        for kpi in medians
        if kpi.value is not None
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("step:N", title=None, sort=alt.EncodingSortField("p95", order="descending"), axis=_STEP_AXIS),
        tooltip=[
            alt.Tooltip("step:N"),
            alt.Tooltip("p50:Q", title="median, ms", format=",.3~g"),
            alt.Tooltip("p95:Q", title="p95, ms", format=",.3~g"),
            alt.Tooltip("n:Q", title="times done", format=","),
        ],
    )
    scale = alt.Scale(type="log", domain=_log_room([value[name] for value in values for name in ("p50", "p95")]))
    axis = alt.Axis(labelExpr=_TIME_LABEL, values=_TICKS_MS, gridDash=[2, 3], labelOverlap=True)
    blue, ink = colour(FILL["success"]), colour(INK["ink"])
    span = base.mark_rule(strokeWidth=3, color=colour(FILL["escalated"])).encode(
        x=alt.X("p50:Q", scale=scale, title=None, axis=axis), x2="p95:Q"
    )
    median = base.mark_point(filled=True, size=75, opacity=1, color=blue).encode(x=alt.X("p50:Q", scale=scale))
    tail = base.mark_tick(thickness=3, size=15, color=ink, opacity=1).encode(x=alt.X("p95:Q", scale=scale))
    told = base.mark_text(align="left", dx=10, fontSize=13, color=colour(INK["ink-2"])).encode(
        x=alt.X("p95:Q", scale=scale), text="told:N"
    )
    return _dressed(alt.layer(span, tail, median, told), height=_ROW_HEIGHT * max(len(values), 1) + 36)


def _log_room(milliseconds: list[float | None]) -> list[float]:
    """Return a logarithmic axis' ends: all values, and a third of its length to the right for what is written there."""
    known = [value for value in milliseconds if value]
    low, high = min(known, default=1.0) / 1.5, max(known, default=10.0)
    return [low, high * max((high / low) ** 0.5, 3.0)]


def cost_chart(rows: list[dict[str, Any]]) -> alt.Chart:
    """Return bars of what models cost, one a day and currency, in whole units of currency."""
    values = [
        {"day": row["name"], "cost": row["micros"] / MICROS_PER_UNIT, "currency": row["currency"]}
        for row in rows
        if row["name"] != "unknown"
    ]
    currencies = sorted({row["currency"] for row in rows})
    in_what = f"cost in {currencies[0]}" if len(currencies) == 1 and currencies[0] else "cost"
    chart = alt.Chart(alt.InlineData(values=values)).mark_bar(color=colour(FILL["success"]), size=14)
    return _dressed(
        chart.encode(
            # Half a bar is left on either side; the first one would stand across the axis.
            x=alt.X(
                "day:T",
                title=None,
                scale=alt.Scale(padding=12),
                axis=alt.Axis(grid=False, tickCount=8, labelOverlap=True, format="%d %b"),
            ),
            y=alt.Y("cost:Q", title=in_what, axis=alt.Axis(tickCount=4)),
            row=alt.Row("currency:N", title=None) if len(currencies) > 1 else alt.Undefined,
            tooltip=[
                alt.Tooltip("day:T", format="%d %b %Y"),
                alt.Tooltip("cost:Q", format=",.4f"),
                alt.Tooltip("currency:N"),
            ],
        ),
        height=200,
    )


def _micros(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds * 1_000


_STEP_AXIS = alt.Axis(domain=False, ticks=False, labelLimit=190, labelPadding=10)

_TICKS_MS = [step * 10.0**power for power in range(-3, 9) for step in (1, 3)]

_TIME_LABEL = (
    "datum.value >= 1000 ? format(datum.value / 1000, '~g') + ' s' : "
    "datum.value >= 1 ? format(datum.value, '~g') + ' ms' : format(datum.value * 1000, '~g') + ' µs'"
)


def _dressed(chart: Any, height: int) -> Any:
    """Return a chart in the page's type and colours."""
    quiet, line = colour(INK["ink-2"]), colour(GROUND["line"])
    return (
        chart.properties(height=height, background="transparent")
        .configure(font="Source Sans, Helvetica, sans-serif")
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=quiet, titleColor=quiet, gridColor=line, domainColor=line, tickColor=line,
            labelFontSize=13, titleFontSize=13, titleFontWeight="normal",
        )
    )  # fmt: skip
