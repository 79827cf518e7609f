"""Should beside is: outcome rates and step latencies of the latest runs against a baseline.

A difference is called drift when it is both beyond chance (false discovery rate over all
comparisons of a mission) and large enough to matter (a floor). Too few runs are "not enough data",
which is a verdict of its own and never reads as ok. How often drift is called where there is none
is measured by ``python -m analytics.trials``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analytics.baselines import draw, seal_baseline
from analytics.comparisons import benjamini_hochberg
from analytics.errors import BaselineBroken
from analytics.marts import open_mart
from analytics.monitors import Comparison, Monitor, compare_latencies, compare_outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

__all__ = ["DriftReport", "Finding", "Terms", "compute", "findings_for_mart", "report", "seal_baseline"]

Verdict = Literal["ok", "drift", "not_enough_data"]
"""ok: nothing beyond chance and floor. drift: beyond both. not_enough_data: nothing can be said."""

Severity = Literal["none", "low", "medium", "high", "unknown"]
"""low: a change for the better. medium: slower. high: fewer successes. unknown: not enough data."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When a difference counts."""

    window_runs: int = 100
    """How many of a mission's latest runs are "now"."""
    minimum_runs: int = 50
    """Below this many runs on either side there is not enough data."""
    minimum_tail_runs: int = 100
    """The same for the 95th percentile, beyond which few runs lie."""
    false_discovery_rate: float = 0.05
    """Largest share of a mission's called drifts that may be chance."""
    floor_points: float = 5.0
    """Smallest change of a success rate that matters, in percentage points."""
    floor_ratio: float = 1.2
    """Smallest change of a latency that matters, as a factor, and ..."""
    floor_ms: float = 10.0
    """... in milliseconds; both have to be passed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison of should and is, judged."""

    monitor: Monitor
    mission: str
    step: str | None
    """The step; ``None`` for the mission as a whole."""
    should: float | None
    """Value in the baseline."""
    is_now: float | None
    """Value in the current window."""
    unit: str
    test: str
    statistic: float | None
    p: float | None
    q: float | None
    """``p`` after Benjamini-Hochberg over the mission's comparisons."""
    n_baseline: int
    n_current: int
    verdict: Verdict
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Every comparison, and what they come to."""

    findings: list[Finding]
    baseline: str
    """What the latest runs were compared with, in words."""
    terms: Terms

    @property
    def verdict(self) -> Verdict:
        """Drift where there is any; else not enough data where anything lacks it; else ok."""
        found = {finding.verdict for finding in self.findings}
        if "drift" in found:
            return "drift"
        return "ok" if found == {"ok"} else "not_enough_data"


def report(home: Path, terms: Terms | None = None) -> DriftReport:
    """Compare the latest runs of every mission with the baseline, on the published mart.

    Raises:
        MartMissing: nothing has been published yet.
        BaselineBroken: the sealed baseline is not what was sealed.

    """
    with open_mart(home) as con:
        return compute(con, home, terms)


def compute(con: DuckDBPyConnection, home: Path, terms: Terms | None = None) -> DriftReport:
    """Do the same on the tables ``con`` sees; from ``home`` only a sealed baseline is read."""
    terms = terms or Terms()
    samples = draw(con, home, terms.window_runs)
    found = [
        *compare_outcomes(samples, terms.minimum_runs),
        *compare_latencies(samples, terms.minimum_runs, terms.minimum_tail_runs),
    ]
    findings: list[Finding] = []
    for mission in sorted({comparison.mission for comparison in found}):
        mine = [comparison for comparison in found if comparison.mission == mission]
        asked = [comparison.p for comparison in mine if comparison.p is not None]
        q_values = iter(benjamini_hochberg(asked))
        findings += [_judge(one, None if one.p is None else next(q_values), terms) for one in mine]
    return DriftReport(findings, samples.baseline, terms)


def findings_for_mart(con: DuckDBPyConnection, home: Path) -> list[Finding]:
    """Return the findings under the default terms; a baseline that cannot be used is a finding, too."""
    try:
        return compute(con, home).findings
    except BaselineBroken as broken:
        unusable = Comparison("baseline", "all", None, "", "none", None, None, None, None, 0, 0, 0)
        return [_finding(unusable, None, "not_enough_data", "unknown", str(broken))]


def _judge(one: Comparison, q: float | None, terms: Terms) -> Finding:
    """Decide whether a difference counts, and say so in one sentence."""
    subject = one.mission if one.step is None else f"Step {one.step} of {one.mission}"
    if q is None or one.should is None or one.is_now is None:
        sentence = (
            f"{subject}: {_called(one)} cannot be judged on {one.n_current} runs now and {one.n_baseline} before; "
            f"{one.needed} are needed on each side."
        )
        return _finding(one, q, "not_enough_data", "unknown", sentence)
    compared = (
        f"{subject}: {_called(one)} is {_shown(one.is_now, one.unit)} over the latest {one.n_current} runs and should "
        f"be {_shown(one.should, one.unit)}, as over {one.n_baseline} runs before"
    )
    if q > terms.false_discovery_rate:
        return _finding(one, q, "ok", "none", f"{compared}; within chance ({one.test}, q = {q:.3f}).")
    if not _matters(one, one.should, one.is_now, terms):
        return _finding(one, q, "ok", "none", f"{compared}; beyond chance and too small to matter (q = {q:.2g}).")
    return _finding(one, q, "drift", _severity(one), f"{compared} ({one.test}, q = {q:.2g}).")


def _matters(one: Comparison, should: float, is_now: float, terms: Terms) -> bool:
    """Whether a difference passes the floor."""
    if one.monitor == "outcome_rate":
        return abs(is_now - should) >= terms.floor_points
    ratio = max(is_now, should) / min(is_now, should)
    return ratio >= terms.floor_ratio and abs(is_now - should) >= terms.floor_ms


def _severity(one: Comparison) -> Severity:
    """Return how bad a drift is, by what it is about and which way it goes."""
    rising = (one.is_now or 0) > (one.should or 0)
    if one.monitor == "outcome_rate":
        return "low" if rising else "high"
    return "medium" if rising else "low"


def _called(one: Comparison) -> str:
    """Return what a monitor watches, in words."""
    match one.monitor:
        case "outcome_rate":
            return "the success rate"
        case "latency_p50":
            return "the median latency"
        case "latency_p95":
            return "the 95th percentile of latency"
        case "baseline":
            return "the baseline"


def _shown(value: float, unit: str) -> str:
    return f"{value:.1f} %" if unit.startswith("%") else f"{value:,.1f} {unit}"


def _finding(one: Comparison, q: float | None, verdict: Verdict, severity: Severity, sentence: str) -> Finding:
    return Finding(
        monitor=one.monitor,
        mission=one.mission,
        step=one.step,
        should=one.should,
        is_now=one.is_now,
        unit=one.unit,
        test=one.test,
        statistic=one.statistic,
        p=one.p,
        q=q,
        n_baseline=one.n_baseline,
        n_current=one.n_current,
        verdict=verdict,
        severity=severity,
        sentence=sentence,
    )
