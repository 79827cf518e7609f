"""Figures: the KPIs, findings and outcomes of the mart, as the page on numbers asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboards import sheets
from dashboards.wording import NOTHING, cents, count, latency, money, percent, spoken

if TYPE_CHECKING:
    from dashboards.mart import Mart
    from dashboards.tables import Tables

ALL_MISSIONS = "all"
"""What the table ``kpis`` calls all missions together."""

NOT_COMPUTED = "there is nothing to compute it from yet"

BUCKETS_MOST = 60
"""A chart over time has at most about so many bars."""


class Width(NamedTuple):
    """How much time a bar stands for."""

    words: str
    """Also its interval in SQL."""
    length: timedelta
    clock: str
    """How a moment reads on an axis with such bars."""


MONTH = Width("1 month", timedelta(days=30), "%b %Y")
"""Months differ in length; this one only decides which width fits."""

_WIDTHS = (
    Width("1 second", timedelta(seconds=1), "%H:%M:%S"),
    Width("5 seconds", timedelta(seconds=5), "%H:%M:%S"),
    Width("30 seconds", timedelta(seconds=30), "%H:%M"),
    Width("2 minutes", timedelta(minutes=2), "%H:%M"),
    Width("10 minutes", timedelta(minutes=10), "%H:%M"),
    Width("1 hour", timedelta(hours=1), "%d %b %H:%M"),
    Width("6 hours", timedelta(hours=6), "%d %b %H:%M"),
    Width("1 day", timedelta(days=1), "%d %b"),
    Width("7 days", timedelta(days=7), "%d %b"),
    MONTH,
)

_KPIS = "SELECT id, name, mission, segment, value, unit, numerator, denominator, reason, basis FROM kpis"

_OLDER = """
SELECT computed_at
FROM computations, snapshot
WHERE computations.evidence_digest IS DISTINCT FROM snapshot.evidence_digest
"""

_SPAN = """
SELECT min(ended_at) AS first, max(ended_at) AS last
FROM runs
WHERE ended_at IS NOT NULL AND ($mission IS NULL OR mission = $mission)
"""

_OUTCOMES = """
WITH landed AS (
    SELECT
        time_bucket($width::INTERVAL, ended_at AT TIME ZONE $zone) AS bar,
        CASE
            WHEN success THEN 'success'
            WHEN escalated THEN 'escalated'
            WHEN status IN ('no_go', 'aborted', 'failed') THEN status
            ELSE 'other'
        END AS became
    FROM runs
    WHERE ended_at IS NOT NULL AND ($mission IS NULL OR mission = $mission)
)
SELECT bar, became, count(*) AS runs
FROM landed
GROUP BY bar, became
ORDER BY bar, became
"""

_FINDINGS = """
SELECT
    monitor, mission, step, should, is_now, unit, test, n_baseline, n_current, verdict, severity, sentence
FROM findings
WHERE $mission IS NULL OR mission = $mission
ORDER BY
    CASE verdict WHEN 'drift' THEN 0 WHEN 'ok' THEN 2 ELSE 1 END,
    CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END,
    mission, monitor, step
"""


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number of the mart."""

    id: str
    name: str
    mission: str
    segment: str | None
    value: float | None
    unit: str
    numerator: int | None
    denominator: int | None
    reason: str | None
    basis: str | None

    @property
    def is_money(self) -> bool:
        """Whether it is an amount, which comes in micro-units."""
        return " micros" in self.unit

    @property
    def is_minor(self) -> bool:
        """Whether it is money that tools move, which comes in minor units of no one currency."""
        return self.unit.startswith("minor units")

    @property
    def currency(self) -> str:
        """The currency of an amount."""
        return self.unit.partition(" ")[0]

    @property
    def said(self) -> str:
        """The value as people read it; a dash where there is none."""
        if self.value is None:
            return NOTHING
        if self.is_money:
            return money(self.value, self.currency)
        if self.is_minor:
            return cents(self.value)
        if self.unit.startswith("%"):
            return percent(self.value / 100)
        if self.unit == "ms":
            return latency(self.value * 1_000)
        return count(self.value) if float(self.value).is_integer() else f"{self.value:,.1f}"

    @property
    def why_nothing(self) -> str:
        """Why there is no value."""
        return self.reason or NOT_COMPUTED


class Figures:
    """The KPIs of one snapshot, looked up by id."""

    def __init__(self, found: list[Kpi]) -> None:
        self.all = found
        self._by_id = {(kpi.id, kpi.mission): kpi for kpi in found if kpi.segment is None}

    def of(self, kpi: str, mission: str | None) -> Kpi:
        """Return a KPI of a mission, or of all of them; where the mart has none, one that says so."""
        named = next((known for known in self.all if known.id == kpi), None)
        absent = Kpi(
            kpi, named.name if named else kpi, mission or ALL_MISSIONS, None, None, "", None, None, NOT_COMPUTED, None
        )
        return self._by_id.get((kpi, mission or ALL_MISSIONS), absent)

    def segments(self, kpi: str, mission: str) -> list[Kpi]:
        """Return a KPI's parts, such as the steps of a latency."""
        return [known for known in self.all if known.id == kpi and known.mission == mission and known.segment]


def computed_before(tables: Tables) -> datetime | None:
    """Return when KPIs and findings were computed, where that was on less than the mart shows; else ``None``."""
    return tables.row(_OLDER).get("computed_at")


def figures(mart: Mart) -> Figures:
    """Return the KPIs as they were last computed; see :func:`computed_before`."""
    return Figures([Kpi(**row) for row in mart.rows(_KPIS)])


def outcomes(mart: Mart, mission: str | None, zone: str) -> tuple[list[dict[str, Any]], Width]:
    """Return how many runs became what, by time of landing, in the viewer's time zone, and the width of a bar."""
    span = mart.row(_SPAN, mission=mission)
    width = _width(span["first"], span["last"])
    return mart.rows(_OUTCOMES, width=width.words, zone=zone, mission=mission), width


def _width(first: datetime | None, last: datetime | None) -> Width:
    """Return the finest width of a bar that does not make too many of them."""
    length = timedelta() if first is None or last is None else last - first
    return next((width for width in _WIDTHS if length / width.length <= BUCKETS_MOST), MONTH)


def findings(mart: Mart, mission: str | None) -> list[dict[str, Any]]:
    """Return the comparisons of should and is: drift first, then what nobody can say, then what holds."""
    return mart.rows(_FINDINGS, mission=mission)


def as_csv(shown: list[Kpi]) -> bytes:
    """Return KPIs as a spreadsheet file, whole and unrounded."""
    names = ("id", "name", "mission", "segment", "value", "unit", "numerator", "denominator", "reason", "basis")
    return sheets.as_csv(names, ({name: getattr(kpi, name) for name in names} for kpi in shown))


_FIELDS = {"confidence": "how sure agents say they are", "input": "numbers of the case", "input_mix": "kinds of case"}
"""Monitors of one field: its name stands behind what is watched, which it often repeats."""


def subject(finding: dict[str, Any]) -> str:
    """Return what a finding is about."""
    if finding["monitor"] in _FIELDS and finding["step"]:
        return f"{_FIELDS[finding['monitor']]} ({spoken(finding['step'])})"
    watched = {"outcome_rate": "success rate", "latency_p50": "median latency", "latency_p95": "p95 latency"}
    what = watched.get(finding["monitor"], spoken(finding["monitor"]))
    return f"{what} of {spoken(finding['step'] or finding['mission'])}"
