"""Charts of the current window: whether outcome, cost and latency left their reference, and since which run.

Each value is put on the scale of the reference by its rank there (a normal score), so that a chart makes
no assumption on how costs and latencies are distributed. The limits are computed for the length of the
window and the size of the reference (``analytics.charts``).
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from statistics import NormalDist
from typing import TYPE_CHECKING

import polars as pl

from analytics.charts import SLACK, cusum, cusum_limit, ewma, ewma_limit, failure_chart
from analytics.monitors import Comparison, Monitor
from analytics.populations import median_bin, middle
from analytics.samples import BINS_PER_OCTAVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.baselines import Samples
    from analytics.charts import Alarm

CUSUM = "CUSUM of normal scores"
EWMA = "EWMA of normal scores"
FAILURES = "Bernoulli CUSUM of failures"

_NORMAL = NormalDist()
_MICROS_PER_MILLI = 1_000


class Reference:
    """A baseline of numbers, as counts by bin, that puts values on the scale of their rank in it."""

    def __init__(self, counts: dict[int, int]) -> None:
        self.counts = counts
        self.size = sum(counts.values())
        """How many values it holds."""
        self._bins = sorted(counts)
        self._below = [0, *accumulate(counts[place] for place in self._bins)]

    def score(self, place: int) -> float:
        """Return the normal score of a bin: of the middle of the ranks it takes, or would take."""
        at = bisect_left(self._bins, place)
        below = self._below[at] + self.counts.get(place, 0) / 2
        return _NORMAL.inv_cdf((below + 0.5) / (self.size + 1))


def chart_outcomes(samples: Samples, runs: pl.DataFrame, needed: int, false_alarm: float) -> Iterator[Comparison]:
    """Chart the failures of each mission's current runs, in order."""
    baseline = {
        mission: (n, n - successes)
        for mission, n, successes in samples.outcomes.filter(pl.col("side") == "baseline")
        .select("mission", "n", "successes")
        .iter_rows()
    }
    told = runs.filter(pl.col("step").is_null())
    for (mission,), group in told.group_by("mission", maintain_order=True):
        size, failed = baseline.get(str(mission), (0, 0))
        failures = [not success for success in group["success"].to_list()]
        alarm = None
        if size >= needed and failures:
            alarm = failure_chart(failed, size, len(failures), false_alarm).first_alarm(failures)
        since = failures[alarm.since :] if alarm else failures
        yield _charted(
            ("outcome_chart", str(mission), None), alarm, (size, len(failures), needed),
            unit="% succeeded", test=FAILURES,
            should=100 * (1 - failed / size) if size else None,
            is_now=100 * (1 - sum(since) / len(since)) if since else None,
        )  # fmt: skip


def chart_numbers(samples: Samples, runs: pl.DataFrame, needed: int, false_alarm: float) -> Iterator[Comparison]:
    """Chart the cost of each mission's current runs, and the latency of each of their steps."""
    references = _references(samples)
    told = runs.filter(pl.col("step").is_not_null())
    for (mission, name), group in told.group_by("mission", "step", maintain_order=True):
        reference = references.get((str(mission), str(name)), Reference({}))
        bins: list[int] = group["bin"].to_list()
        alarm = None
        is_cost = name == "cost"
        if reference.size >= needed and len(reference.counts) > 1:
            scores = [reference.score(place) for place in bins]
            size = (len(scores), reference.size, false_alarm)
            alarm = ewma(scores, ewma_limit(*size)) if is_cost else cusum(scores, cusum_limit(*size), SLACK)
        shown, usual = middle if is_cost else _milliseconds, median_bin(reference.counts)
        since = sorted(bins[alarm.since :] if alarm else bins)
        yield _charted(
            ("cost_chart", str(mission), None)
            if is_cost
            else ("latency_chart", str(mission), str(name).removeprefix("step ")),
            alarm,
            (reference.size, len(bins), needed),
            unit="micros" if is_cost else "ms",
            test=EWMA if is_cost else CUSUM,
            should=None if usual is None else shown(usual),
            is_now=shown(since[(len(since) - 1) // 2]) if since else None,
        )


def _references(samples: Samples) -> dict[tuple[str, str], Reference]:
    """Return the baseline of each mission's cost and steps."""
    costs = samples.numbers.filter((pl.col("monitor") == "cost") & (pl.col("side") == "baseline"))
    steps = samples.latencies.filter(pl.col("side") == "baseline").with_columns(
        (pl.lit("step ") + pl.col("step")).alias("step")
    )
    both = pl.concat([
        costs.select("mission", pl.lit("cost").alias("step"), "bin", "n"),
        steps.select("mission", "step", "bin", "n"),
    ])  # fmt: skip
    found: dict[tuple[str, str], dict[int, int]] = {}
    for mission, step, place, n in both.iter_rows():
        counts = found.setdefault((mission, step), {})
        counts[place] = counts.get(place, 0) + n
    return {name: Reference(counts) for name, counts in found.items()}


def _milliseconds(place: int) -> float:
    return 2 ** ((place + 0.5) / BINS_PER_OCTAVE) / _MICROS_PER_MILLI


def _charted(
    about: tuple[Monitor, str, str | None],
    alarm: Alarm | None,
    sizes: tuple[int, int, int],
    *,
    unit: str,
    test: str,
    should: float | None,
    is_now: float | None,
) -> Comparison:
    (monitor, mission, step), (before, now, needed) = about, sizes
    # An alarm counts as soon as it is raised; silence takes as many runs as any other comparison.
    enough = before >= needed and (alarm is not None or now >= needed)
    note = ""
    if alarm is not None:
        note = (
            f"since {now - alarm.since} runs ago, seen {now - 1 - alarm.at} runs ago; "
            f"sum {alarm.statistic:.1f}, limit {alarm.limit:.1f}"
        )
    return Comparison(
        monitor=monitor,
        mission=mission,
        step=step,
        unit=unit,
        test=test,
        should=should,
        is_now=is_now,
        statistic=alarm.statistic if alarm else None,
        p=None,
        n_baseline=before,
        n_current=now if alarm is None else now - alarm.since,
        needed=needed,
        called=(alarm is not None) if enough else None,
        note=note,
    )
