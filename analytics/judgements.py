"""Judgements: a comparison becomes a finding, by terms that are written down, in one sentence a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from analytics.comparisons import benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.monitors import Comparison, Monitor

Verdict = Literal["ok", "drift", "not_enough_data"]
"""ok: nothing beyond chance and floor. drift: beyond both. not_enough_data: nothing can be said."""

Severity = Literal["none", "low", "medium", "high", "critical", "unknown"]
"""low: a change for the better. medium: worth a look within days. high: fewer successes, or a path that was
left. critical: what is in force was not declared, or an effect without leave. unknown: not enough data."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When a difference counts."""

    window_runs: int = 100
    """How many of a mission's latest runs are "now"."""
    minimum_runs: int = 50
    """Below this many runs on either side there is not enough data."""
    minimum_tail_runs: int = 100
    """The same for the 95th percentile, beyond which few runs lie."""
    false_discovery_rate: float = 0.002
    """Largest share of a mission's called drifts that may be chance; small, because it is asked every hour."""
    chart_false_alarms: float = 0.002
    """Chance that any chart of a mission raises a false alarm within one window."""
    floor_points: float = 5.0
    """Smallest change of a success rate, or of another share, that matters, in percentage points."""
    floor_ratio: float = 1.2
    """Smallest change of a latency, a cost or a dwell that matters, as a factor, and ..."""
    floor_ms: float = 10.0
    """... for times, in milliseconds; both have to be passed."""
    floor_divergence: float = 0.02
    """Smallest Jensen-Shannon divergence of two mixes that matters, in bits."""
    floor_distance: float = 0.15
    """Smallest Kolmogorov-Smirnov distance of two distributions that matters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison of should and is, judged."""

    monitor: Monitor
    mission: str
    step: str | None
    """The step, field, role, constraint or check it is about; ``None`` for the mission as a whole."""
    should: float | None
    """Value in the baseline; of exact checks, how many runs may fail."""
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


_CALLED: Final[Mapping[Monitor, str]] = {
    "outcome_rate": "the success rate",
    "latency_p50": "the median latency",
    "latency_p95": "the 95th percentile of latency",
    "outcome_chart": "the run of successes",
    "cost_chart": "the run of costs",
    "latency_chart": "the run of latencies",
    "cost": "the median cost",
    "outcome_mix": "the mix of outcomes",
    "tool_mix": "the mix of tools used",
    "verdict_mix": "the mix of policy verdicts",
    "input": "an input field",
    "input_mix": "an input field",
    "confidence": "the agents' confidence",
    "escalation_rate": "the share handed to people",
    "approval_rate": "the share of gates answered go",
    "dwell": "the time people take at gates",
    "config": "what is in force",
    "path": "the declared path",
    "data": "what records say to each other",
    "baseline": "the baseline",
}

_MIXES: Final = frozenset({"outcome_mix", "tool_mix", "verdict_mix", "input_mix"})
_TIMES: Final = frozenset({"latency_p50", "latency_p95", "latency_chart", "dwell"})
_SHARES: Final = frozenset({"outcome_rate", "outcome_chart", "escalation_rate", "approval_rate"})
_EXACT: Final = frozenset({"config", "path", "data"})

_WORSE: Final[Mapping[Monitor, tuple[Severity, Severity]]] = {
    # Severity where the value rises, and where it falls.
    "outcome_rate": ("low", "high"),
    "outcome_chart": ("low", "high"),
    "latency_p50": ("medium", "low"),
    "latency_p95": ("medium", "low"),
    "latency_chart": ("medium", "low"),
    "cost": ("medium", "low"),
    "cost_chart": ("medium", "low"),
    "confidence": ("low", "medium"),
    "escalation_rate": ("medium", "low"),
    "config": ("critical", "critical"),
    "path": ("high", "high"),
    "data": ("critical", "critical"),
}
"""Whatever is not here is medium either way: people who answer faster may have stopped reading."""

_MUCH_DEARER: Final = 1.5
"""From this factor on a cost is of high severity."""


def judge(found: list[Comparison], terms: Terms) -> list[Finding]:
    """Judge all comparisons of one mission together."""
    asked = [one.p for one in found if one.p is not None]
    q_values = iter(benjamini_hochberg(asked))
    return [_judge(one, None if one.p is None else next(q_values), terms) for one in found]


def _judge(one: Comparison, q: float | None, terms: Terms) -> Finding:
    """Decide whether a difference counts, and say so in one sentence."""
    subject = one.mission if one.step is None else f"{one.step} of {one.mission}"
    subject = f"Step {subject}" if one.step is not None and one.monitor.startswith("latency") else subject
    if (q is None and one.called is None) or one.should is None or one.is_now is None:
        return finding(one, q, "not_enough_data", "unknown", _unknown(one, subject))
    if one.monitor in _EXACT:
        return _exact(one, subject)
    compared = (
        f"{subject}: {_CALLED[one.monitor]} is {_shown(one.is_now, one.unit)} over the latest {_runs(one.n_current)} "
        f"and should be {_shown(one.should, one.unit)}, as over {_runs(one.n_baseline)} before"
    )
    said = f"{one.test}, {one.note or 'no alarm'}" if q is None else f"{one.test}, q = {q:.2g}"
    if not (one.called if q is None else q <= terms.false_discovery_rate):
        within = f"within chance ({one.test}, q = {q:.3f})" if q is not None else f"no alarm ({one.test})"
        return finding(one, q, "ok", "none", f"{compared}; {within}.")
    if not _matters(one, one.should, one.is_now, terms):
        small = f"beyond chance and too small to matter ({'alarm' if q is None else f'q = {q:.2g}'})"
        return finding(one, q, "ok", "none", f"{compared}; {small}.")
    return finding(one, q, "drift", _severity(one, one.should, one.is_now), f"{compared} ({said}).")


def _unknown(one: Comparison, subject: str) -> str:
    if one.monitor in _EXACT:
        why = f"{one.note}; " if one.is_now is None else ""
        return (
            f"{subject}: {_CALLED[one.monitor]} cannot be judged ({why}{_runs(one.n_current)} now; {one.needed} "
            "without a violation are needed to call it right)."
        )
    return (
        f"{subject}: {_CALLED[one.monitor]} cannot be judged on {_runs(one.n_current)} now and {one.n_baseline} before"
        f"; {one.needed} are needed on each side."
    )


def _exact(one: Comparison, subject: str) -> Finding:
    """Judge a check that every run has to pass."""
    told = f"{subject}: {_CALLED[one.monitor]}"
    if one.called:
        sentence = f"{told} does not hold in {one.is_now:.0f} of the latest {_runs(one.n_current)} ({one.note})."
        return finding(one, None, "drift", _WORSE[one.monitor][0], sentence)
    return finding(one, None, "ok", "none", f"{told} holds in all of the latest {_runs(one.n_current)}.")


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"


def _matters(one: Comparison, should: float, is_now: float, terms: Terms) -> bool:
    """Whether a difference passes the floor."""
    if one.monitor in _MIXES:
        return (one.effect or 0) > terms.floor_divergence
    if one.monitor in {"input", "confidence"}:
        return (one.effect or 0) > terms.floor_distance
    if one.monitor in _SHARES:
        return abs(is_now - should) >= terms.floor_points
    larger, smaller = max(is_now, should), min(is_now, should)
    far = larger >= terms.floor_ratio * smaller
    return far and (one.monitor not in _TIMES or larger - smaller >= terms.floor_ms)


def _severity(one: Comparison, should: float, is_now: float) -> Severity:
    """Return how bad a drift is, by what it is about and which way it goes."""
    if one.monitor in {"cost", "cost_chart"} and is_now > _MUCH_DEARER * should:
        return "high"
    rising, falling = _WORSE.get(one.monitor, ("medium", "medium"))
    return rising if is_now > should else falling


def _shown(value: float, unit: str) -> str:
    return f"{value:.1f} {unit}" if unit.startswith("% ") and unit != "% succeeded" else _plain(value, unit)


def _plain(value: float, unit: str) -> str:
    return f"{value:.1f} %" if unit.startswith("%") else f"{value:,.1f} {unit}"


def finding(one: Comparison, q: float | None, verdict: Verdict, severity: Severity, sentence: str) -> Finding:
    """Return a comparison with what was decided about it."""
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
