"""Month by month: what became of the cases that were opened in each month, beside the months before it.

A case counts in the month it was opened, whoever handled it: tickets that came with a history count by
the ticket's own times, other runs by their own. Counts and medians are exact; whether a month is off is
judged as everywhere (beyond chance, and large enough to matter), and too few cases are no verdict.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analytics.comparisons import benjamini_hochberg, fisher_exact, rank_sum
from analytics.judgements import Terms
from analytics.marts import open_mart
from analytics.populations import median, wins
from analytics.samples import BINS_PER_OCTAVE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from analytics.judgements import Verdict

Measure = Literal["sla_kept", "reassigned", "reopened", "succeeded", "handling_time"]
"""sla_kept: cases within their service level, of those that have one. reassigned: cases that changed hands at
least once. reopened: cases that were reopened at least once. succeeded: cases whose outcome counts as success.
handling_time: opened to closed, in seconds."""

_CASES = """
CREATE OR REPLACE TEMP TABLE cases AS
SELECT
    runs.mission,
    strftime(coalesce(told.opened_at, runs.arrived_at, runs.started_at), '%Y-%m') AS month,
    told.run_id IS NOT NULL AS is_told,
    coalesce(told.made_sla, runs.sla_kept) AS sla_kept,
    told.reassignment_count AS reassignments,
    told.reopen_count AS reopens,
    runs.success,
    CASE WHEN told.run_id IS NULL THEN date_diff('second', runs.started_at, runs.ended_at)
        ELSE told.handling_seconds END AS handling_seconds
FROM runs
LEFT JOIN incident_history AS told USING (run_id)
WHERE runs.rolls_back IS NULL AND (told.run_id IS NOT NULL OR runs.status IN ('done', 'no_go', 'aborted', 'failed'))
"""

_MONTHS = """
SELECT
    mission,
    month,
    count(*) AS cases,
    count(*) FILTER (WHERE handling_seconds IS NULL) AS open,
    count(sla_kept) AS sla_kept_known,
    count(*) FILTER (WHERE sla_kept) AS sla_kept,
    count(reassignments) AS reassigned_known,
    count(*) FILTER (WHERE reassignments > 0) AS reassigned,
    sum(reassignments)::BIGINT AS reassignments,
    count(reopens) AS reopened_known,
    count(*) FILTER (WHERE reopens > 0) AS reopened,
    count(success) FILTER (WHERE NOT is_told) AS succeeded_known,
    count(*) FILTER (WHERE success AND NOT is_told) AS succeeded,
    median(handling_seconds) AS handling_median_seconds
FROM cases
WHERE month IS NOT NULL
GROUP BY mission, month
ORDER BY mission, month
"""

_DURATIONS = f"""
SELECT mission, month, floor({BINS_PER_OCTAVE} * log2(1 + greatest(handling_seconds, 0)))::INTEGER AS bin, count(*) AS n
FROM cases
WHERE month IS NOT NULL AND handling_seconds IS NOT NULL
GROUP BY ALL
"""  # noqa: S608 - a constant of ours


@dataclass(frozen=True, slots=True)
class Gap:
    """One measure of one month beside the months before."""

    measure: Measure
    should: float | None
    """Over the months before: percent, or the median in seconds."""
    is_now: float | None
    q: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Month:
    """The cases of one mission that were opened in one month."""

    mission: str
    month: str
    """As ``2016-03``, in UTC."""
    cases: int
    open: int
    """Cases that are not closed yet; they have no handling time."""
    sla_kept_known: int
    sla_kept: int
    reassigned_known: int
    reassigned: int
    reassignments: int | None
    """How often cases changed hands, in all; ``None`` where no case tells."""
    reopened_known: int
    reopened: int
    succeeded_known: int
    succeeded: int
    handling_median_seconds: float | None
    gaps: tuple[Gap, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Drift where any measure drifted; else not enough data where nothing could be judged; else ok."""
        found = {gap.verdict for gap in self.gaps}
        if "drift" in found:
            return "drift"
        return "ok" if "ok" in found else "not_enough_data"


_SHARES: tuple[tuple[Measure, str], ...] = (
    ("sla_kept", "sla_kept_known"),
    ("reassigned", "reassigned_known"),
    ("reopened", "reopened_known"),
    ("succeeded", "succeeded_known"),
)


def report(home: Path, terms: Terms | None = None) -> list[Month]:
    """Return every month of every mission, on the published mart.

    Raises:
        MartMissing: nothing has been published yet.

    """
    with open_mart(home) as con:
        return compute(con, terms)


def compute(con: DuckDBPyConnection, terms: Terms | None = None) -> list[Month]:
    """Do the same on the tables ``con`` sees."""
    terms = terms or Terms()
    con.execute(_CASES)
    months = [Month(*row) for row in con.execute(_MONTHS).fetchall()]
    durations: dict[tuple[str, str], dict[int, int]] = {}
    for mission, month, place, n in con.execute(_DURATIONS).fetchall():
        durations.setdefault((mission, month), {})[place] = n
    con.execute("DROP TABLE cases")
    return [_judged(each, [one for one in months if _is_before(one, each)], durations, terms) for each in months]


def _is_before(one: Month, other: Month) -> bool:
    return one.mission == other.mission and one.month < other.month


def _judged(now: Month, before: list[Month], durations: dict[tuple[str, str], dict[int, int]], terms: Terms) -> Month:
    """Hold a month against those before it."""
    asked: list[tuple[Measure, float | None, float | None, float | None, bool]] = []
    for measure, known in _SHARES:
        sizes = sum(int(getattr(one, known)) for one in before), int(getattr(now, known))
        hits = sum(int(getattr(one, measure)) for one in before), int(getattr(now, measure))
        if not any(sizes):
            continue
        should, is_now = (100 * hit / size if size else None for hit, size in zip(hits, sizes, strict=True))
        enough = min(sizes) >= terms.minimum_runs
        p = fisher_exact(hits[1], sizes[1], hits[0], sizes[0]) if enough else None
        far = should is not None and is_now is not None and abs(is_now - should) >= terms.floor_points
        asked.append((measure, should, is_now, p, far))
    asked.append(_handling(now, before, durations, terms))
    q_values = iter(benjamini_hochberg([each[3] for each in asked if each[3] is not None]))
    gaps = [_gap(each, None if each[3] is None else next(q_values), terms) for each in asked]
    return Month(**{name: getattr(now, name) for name in Month.__slots__ if name != "gaps"}, gaps=tuple(gaps))


def _handling(
    now: Month, before: list[Month], durations: dict[tuple[str, str], dict[int, int]], terms: Terms
) -> tuple[Measure, float | None, float | None, float | None, bool]:
    earlier: dict[int, int] = {}
    for one in before:
        for place, n in durations.get((one.mission, one.month), {}).items():
            earlier[place] = earlier.get(place, 0) + n
    later = durations.get((now.mission, now.month), {})
    u, size_a, size_b, ties = wins(earlier, later)
    p = rank_sum(u, size_a, size_b, ties).p if min(size_a, size_b) >= terms.minimum_runs else None
    should, is_now = median(earlier), now.handling_median_seconds
    far = should is not None and is_now is not None and max(should, is_now) >= terms.floor_ratio * min(should, is_now)
    return "handling_time", should, is_now, p, far


def _gap(asked: tuple[Measure, float | None, float | None, float | None, bool], q: float | None, terms: Terms) -> Gap:
    measure, should, is_now, _, far = asked
    if q is None:
        return Gap(measure, should, is_now, None, "not_enough_data")
    return Gap(measure, should, is_now, q, "drift" if q <= terms.false_discovery_rate and far else "ok")
