"""Should beside is: the latest runs of every mission against what was declared and what was before.

Three kinds of answer, each by its own means. *Exact* checks (configuration, path, data) count a
violation as drift. *Comparisons* of two samples call drift what is both beyond chance (false discovery
rate over all comparisons of a mission) and large enough to matter (a floor). *Charts* look at the order
of the current runs, and answer sooner. Too few runs are "not enough data", which is a verdict of its own
and never reads as ok. How often drift is called where there is none is measured by
``python -m analytics.trials`` and ``python -m benchmarks.drift``.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from analytics.baselines import draw, seal_baseline
from analytics.conformance import check_config, check_data, check_paths
from analytics.errors import BaselineBroken
from analytics.judgements import Finding, Severity, Terms, Verdict, finding, judge
from analytics.marts import open_mart
from analytics.monitors import Comparison, compare_latencies, compare_outcomes
from analytics.months import report as by_month
from analytics.populations import compare_populations
from analytics.samples import forget, sequence
from analytics.sequences import chart_numbers, chart_outcomes
from analytics.spills import within_memory
from gonogo.errors import PolicyBroken
from gonogo.policy.paths import read_paths
from gonogo.settings import settings

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from analytics.baselines import Samples, Stretch

__all__ = [
    "DriftReport",
    "Finding",
    "Reach",
    "Severity",
    "Terms",
    "Verdict",
    "by_month",
    "compute",
    "findings_for_mart",
    "report",
    "seal_baseline",
]

_REACH = """
WITH acted AS (
    SELECT run_id, agent_id FROM model_calls WHERE run_id IN (SELECT run_id FROM current_runs)
    UNION SELECT run_id, agent_id FROM tool_calls WHERE run_id IN (SELECT run_id FROM current_runs)
),
reached AS (
    SELECT
        mission,
        max(ended_at) AS current_through,
        list(DISTINCT deployment) FILTER (WHERE deployment IS NOT NULL) AS deployments,
        list(DISTINCT agent_id) FILTER (WHERE agent_id IS NOT NULL) AS agents
    FROM current_runs
    LEFT JOIN acted USING (run_id)
    GROUP BY mission
),
whole AS (
    SELECT mission, any_value(owner) AS owner, max(ended_at) FILTER (WHERE side = 'baseline') AS reference_through
    FROM sampled
    GROUP BY mission
)
SELECT mission, owner, reference_through, current_through, deployments, agents
FROM whole
LEFT JOIN reached USING (mission)
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a mission was looked at, and whose it is."""

    owner: str | None
    reference_through: datetime | None
    """When the newest run of the baseline ended; ``None`` where it is sealed, or there is none."""
    current_through: datetime | None
    """When the newest current run ended: a finding says nothing about later ones."""
    deployments: list[str] | None
    """Prefect deployments the current runs came from."""
    agents: list[str] | None
    """Agents that acted in them."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Every comparison, and what they come to."""

    findings: list[Finding]
    baseline: str
    """What the latest runs were compared with, in words."""
    terms: Terms
    reaches: dict[str, Reach] = field(default_factory=dict[str, Reach])
    """By mission."""

    @property
    def verdict(self) -> Verdict:
        """Drift where there is any; else not enough data where anything lacks it; else ok."""
        found = {finding.verdict for finding in self.findings}
        if "drift" in found:
            return "drift"
        return "ok" if found == {"ok"} else "not_enough_data"


def report(home: Path, terms: Terms | None = None, stretch: Stretch | None = None) -> DriftReport:
    """Compare the latest runs of every mission with what should be, on the published mart.

    Args:
        home: where the mart is published.
        terms: when a difference counts; the written-down ones, if none.
        stretch: looks at one mission and at later runs only: the question by which a finding is closed.

    Raises:
        MartMissing: nothing has been published yet.
        BaselineBroken: the sealed baseline is not what was sealed.
        PolicyBroken: ``policies/paths.yaml`` does not hold.

    """
    with open_mart(home) as con:
        return compute(con, home, terms, stretch)


def compute(
    con: DuckDBPyConnection, home: Path, terms: Terms | None = None, stretch: Stretch | None = None
) -> DriftReport:
    """Do the same on the tables ``con`` sees; from ``home`` only a sealed baseline is read.

    DuckDB is held to little memory meanwhile (``analytics.spills``), however long the history.
    """
    return within_memory(con, lambda: _compare(con, home, terms or Terms(), stretch))


def _compare(con: DuckDBPyConnection, home: Path, terms: Terms, stretch: Stretch | None) -> DriftReport:
    """Compare under these terms."""
    samples = draw(con, home, terms.window_runs, stretch)
    found = [
        *compare_outcomes(samples, terms.minimum_runs),
        *compare_latencies(samples, terms.minimum_runs, terms.minimum_tail_runs),
        *compare_populations(samples, terms.minimum_runs),
        *_charts(con, samples, terms),
        *check_config(con, samples.declared),
        *check_paths(con, read_paths(settings().policy_folder), terms.minimum_runs),
        *check_data(con, terms.minimum_runs),
    ]
    by_mission: dict[str, list[Comparison]] = {}
    for one in found:
        by_mission.setdefault(one.mission, []).append(one)
    findings = [judged for mission in sorted(by_mission) for judged in judge(by_mission[mission], terms)]
    reaches = {row[0]: Reach(*row[1:]) for row in con.execute(_REACH).fetchall()}
    forget(con)
    return DriftReport(findings, samples.baseline, terms, reaches)


def _charts(con: DuckDBPyConnection, samples: Samples, terms: Terms) -> list[Comparison]:
    """Chart every sequence; the chance of a false alarm is shared among those of a mission."""
    runs = sequence(con)
    charts = runs.select("mission", "step").unique().group_by("mission").len()["len"].max()
    each = terms.chart_false_alarms / int(str(charts or 1))
    return [
        *chart_outcomes(samples, runs, terms.minimum_runs, each),
        *chart_numbers(samples, runs, terms.minimum_runs, each),
    ]


def findings_for_mart(con: DuckDBPyConnection, home: Path) -> list[Finding]:
    """Return the findings under the default terms; a "should" that cannot be read is a finding, too."""
    try:
        return compute(con, home).findings
    except BaselineBroken as broken:
        return [_unreadable("baseline", str(broken))]
    except PolicyBroken as broken:
        return [_unreadable("path", str(broken))]


def _unreadable(monitor: Literal["baseline", "path"], why: str) -> Finding:
    """Return the finding that what should be cannot be read; nothing was compared."""
    nothing = Comparison(monitor, "all", None, "", "none", None, None, None, None, 0, 0, 0)
    return finding(nothing, None, "not_enough_data", "unknown", why)
