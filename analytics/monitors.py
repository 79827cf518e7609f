"""What is watched for drift: each monitor turns two samples into comparisons with a p-value.

Polars does the arithmetic, on counts that DuckDB reduced; what is looked at is a few hundred rows
a step, however many runs there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from analytics.comparisons import fisher_exact, rank_sum
from analytics.samples import BINS_PER_OCTAVE

if TYPE_CHECKING:
    from analytics.baselines import Samples

Monitor = Literal[
    "outcome_rate",
    "latency_p50",
    "latency_p95",
    "outcome_chart",
    "cost_chart",
    "latency_chart",
    "cost",
    "outcome_mix",
    "tool_mix",
    "verdict_mix",
    "input",
    "input_mix",
    "confidence",
    "escalation_rate",
    "approval_rate",
    "dwell",
    "config",
    "path",
    "data",
    "baseline",
]
"""What is watched. ``baseline`` appears only where the sealed baseline cannot be used."""

FISHER = "Fisher's exact test"
RANK_SUM = "Mann-Whitney rank-sum test"
G_TEST = "G-test with Williams' correction"
SMIRNOV = "Kolmogorov-Smirnov test"
FISHER_TAIL = "Fisher's exact test on runs above the pooled 95th percentile"

_TAIL = 0.95
_MICROS_PER_MILLI = 1_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A baseline and a current sample compared; whether the difference counts is not decided here."""

    monitor: Monitor
    mission: str
    step: str | None
    unit: str
    test: str
    should: float | None
    """Value in the baseline; ``None`` where it is empty."""
    is_now: float | None
    """Value in the current window; ``None`` where it is empty."""
    statistic: float | None
    p: float | None
    """Two-sided; ``None`` where there is not enough data to ask."""
    n_baseline: int
    n_current: int
    needed: int
    """The sample size below which, on either side, nothing is asked."""
    effect: float | None = None
    """How far apart the samples are on the monitor's own scale, where the two values do not say it."""
    called: bool | None = None
    """What an exact check or a chart says by itself; ``None`` where a p-value decides, or nothing was asked."""
    note: str = ""
    """What else a reader has to know, as a clause."""


def compare_outcomes(samples: Samples, needed: int) -> list[Comparison]:
    """Compare each mission's share of successful runs."""
    sides = samples.outcomes.group_by("mission").agg(
        *(_of(side, column) for side in ("baseline", "current") for column in ("n", "successes"))
    )
    return [_outcome(row, needed) for row in sides.sort("mission").iter_rows(named=True)]


def _of(side: str, column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("side") == side).sum().cast(pl.Int64).alias(f"{column}_{side}")


def _outcome(row: dict[str, Any], needed: int) -> Comparison:
    before, now = row["n_baseline"], row["n_current"]
    enough = min(before, now) >= needed
    return Comparison(
        monitor="outcome_rate",
        mission=row["mission"],
        step=None,
        unit="% succeeded",
        test=FISHER,
        should=_percent(row["successes_baseline"], before),
        is_now=_percent(row["successes_current"], now),
        statistic=None,
        p=fisher_exact(row["successes_current"], now, row["successes_baseline"], before) if enough else None,
        n_baseline=before,
        n_current=now,
        needed=needed,
    )


def _percent(hits: int, size: int) -> float | None:
    return 100 * hits / size if size else None


def compare_latencies(samples: Samples, needed: int, needed_in_tail: int) -> list[Comparison]:
    """Compare each step's latency: as a whole (median, by ranks) and in its slowest twentieth."""
    found: list[Comparison] = []
    for row in _reduced(samples.latencies).iter_rows(named=True):
        before, now = row["n_baseline"], row["n_current"]
        ranks = rank_sum(row["u"], before, now, row["ties"])
        tail = fisher_exact(row["tail_current"], now, row["tail_baseline"], before)
        found += [
            _latency(row, "latency_p50", RANK_SUM, (ranks.z, ranks.p), needed),
            _latency(row, "latency_p95", FISHER_TAIL, (None, tail), needed_in_tail),
        ]
    return found


def _latency(
    row: dict[str, Any], monitor: Monitor, test: str, asked: tuple[float | None, float], needed: int
) -> Comparison:
    quantile = monitor.removeprefix("latency_")
    enough = min(row["n_baseline"], row["n_current"]) >= needed
    return Comparison(
        monitor=monitor,
        mission=row["mission"],
        step=row["step"],
        unit="ms",
        test=test,
        should=_milliseconds(row[f"{quantile}_baseline"]),
        is_now=_milliseconds(row[f"{quantile}_current"]),
        statistic=asked[0] if enough else None,
        p=asked[1] if enough else None,
        n_baseline=row["n_baseline"],
        n_current=row["n_current"],
        needed=needed,
    )


def _milliseconds(bin_number: int | None) -> float | None:
    """Return the middle of a bin, on its logarithmic scale."""
    return None if bin_number is None else 2 ** ((bin_number + 0.5) / BINS_PER_OCTAVE) / _MICROS_PER_MILLI


def _reduced(latencies: pl.DataFrame) -> pl.DataFrame:
    """Return one row a mission and step: sizes, quantile bins, rank-sum terms and tail counts."""
    step = ["mission", "step"]
    baseline, current, both = pl.col("n_baseline"), pl.col("n_current"), pl.col("both")
    bins = (
        latencies.group_by(*step, "bin")
        .agg(_of("baseline", "n"), _of("current", "n"))
        .sort(*step, "bin")
        .with_columns((baseline + current).alias("both"))
        .with_columns(
            baseline.cum_sum().over(step).alias("baseline_to_here"),
            current.cum_sum().over(step).alias("current_to_here"),
            both.cum_sum().over(step).alias("both_to_here"),
        )
    )
    in_tail = pl.col("both_to_here") - both >= _TAIL * both.sum()
    return (
        bins.group_by(step)
        .agg(
            baseline.sum(),
            current.sum(),
            (current * (pl.col("baseline_to_here") - baseline / 2)).sum().alias("u"),
            (both.cast(pl.Float64) ** 3 - both).sum().alias("ties"),
            baseline.filter(in_tail).sum().alias("tail_baseline"),
            current.filter(in_tail).sum().alias("tail_current"),
            *(
                _quantile_bin(side, share).alias(f"{name}_{side}")
                for side in ("baseline", "current")
                for name, share in (("p50", 0.5), ("p95", _TAIL))
            ),
        )
        .sort(step)
    )


def _quantile_bin(side: str, share: float) -> pl.Expr:
    """Return the first bin up to which at least ``share`` of a side lies; null where it is empty."""
    size = pl.col(f"n_{side}").sum()
    return pl.col("bin").filter((pl.col(f"{side}_to_here") >= share * size) & (size > 0)).first()
