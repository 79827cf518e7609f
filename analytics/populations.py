"""Populations compared: what missions cost, decide, use, are fed with, and how people oversee them.

Numbers are compared by ranks where a shift matters (cost, dwell), and by their distribution where any
change does (input, confidence); kinds by a test of the mix; shares by Fisher's exact test. All of them
are exact or calibrated at the sample sizes of a window; none uses a threshold on PSI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import polars as pl

from analytics.comparisons import compare_mix, fisher_exact, kolmogorov_smirnov, rank_sum
from analytics.monitors import FISHER, G_TEST, RANK_SUM, SMIRNOV, Comparison, Monitor
from analytics.samples import BINS_PER_OCTAVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.baselines import Samples

Counts = dict[int, int]
Subject = tuple[Monitor, str, str | None, str]
"""Monitor, mission, field or role or step, unit."""

_SHIFTS: Final = frozenset({"cost", "dwell"})
"""Monitors of numbers for which only a shift matters."""

_NAMED_KINDS_MAX = 60


def compare_populations(samples: Samples, needed: int) -> list[Comparison]:
    """Compare every number, mix and share of which both sides say anything."""
    return [
        *(_number(*sides, needed) for sides in _by_subject(samples.numbers, "bin")),
        *(_mix(*sides, needed) for sides in _by_subject(samples.mixes, "kind")),
        *_shares(samples.shares, needed),
    ]


def middle(bin_number: int) -> float:
    """Return the value in the middle of a bin of ``analytics.samples``."""
    if bin_number < 0:
        return 1 - 2 ** ((-bin_number - 0.5) / BINS_PER_OCTAVE)
    return 2 ** ((bin_number + 0.5) / BINS_PER_OCTAVE) - 1


def _by_subject(frame: pl.DataFrame, value: str) -> Iterator[tuple[Subject, dict[Any, int], dict[Any, int]]]:
    """Yield each subject with its two samples as counts by value."""
    if "unit" not in frame.columns:
        frame = frame.with_columns(pl.lit("").alias("unit"))
    keys = ["monitor", "mission", "subject", "unit"]
    for name, group in frame.group_by(keys, maintain_order=True):
        sides: dict[str, dict[Any, int]] = {"baseline": {}, "current": {}}
        for side, kind, n in group.select("side", value, "n").iter_rows():
            sides[side][kind] = sides[side].get(kind, 0) + n
        yield cast("Subject", name), sides["baseline"], sides["current"]


def _number(subject: Subject, before: Counts, now: Counts, needed: int) -> Comparison:
    monitor, mission, field, unit = subject
    size_a, size_b = sum(before.values()), sum(now.values())
    enough = min(size_a, size_b) >= needed
    apart = kolmogorov_smirnov(before, now)
    ranks = rank_sum(*wins(before, now))
    by_rank = monitor in _SHIFTS
    return Comparison(
        monitor=monitor,
        mission=mission,
        step=field,
        unit=unit or "(median)",
        test=RANK_SUM if by_rank else SMIRNOV,
        should=median(before),
        is_now=median(now),
        statistic=(ranks.z if by_rank else apart.d) if enough else None,
        p=(ranks.p if by_rank else apart.p) if enough else None,
        n_baseline=size_a,
        n_current=size_b,
        needed=needed,
        effect=apart.d,
    )


def wins(before: Counts, now: Counts) -> tuple[float, int, int, float]:
    """Return the reduced form of the rank-sum test: U of the second sample, both sizes, and the ties."""
    u = ties = 0.0
    below = 0
    for place in sorted({*before, *now}):
        a, b = before.get(place, 0), now.get(place, 0)
        u += b * (below + a / 2)
        below += a
        ties += float(a + b) ** 3 - (a + b)
    return u, below, sum(now.values()), ties


def median_bin(counts: Counts) -> int | None:
    """Return the bin in which the median lies; ``None`` of nothing."""
    size, passed = sum(counts.values()), 0
    for place in sorted(counts):
        passed += counts[place]
        if 2 * passed >= size:
            return place
    return None


def median(counts: Counts) -> float | None:
    """Return the middle of the bin in which the median lies; ``None`` of nothing."""
    place = median_bin(counts)
    return None if place is None else middle(place)


def _mix(subject: Subject, before: dict[str, int], now: dict[str, int], needed: int) -> Comparison:
    """Compare two mixes; where there has only ever been one kind it is the same, and no test is spent on it."""
    monitor, mission, field, _ = subject
    is_one = len({*before, *now}) < 2  # noqa: PLR2004 - one kind is no mix
    size_a, size_b = sum(before.values()), sum(now.values())
    enough = min(size_a, size_b) >= needed
    tested = compare_mix(before, now)
    moved = max(
        sorted({*before, *now}),
        key=lambda kind: abs(now.get(kind, 0) / max(size_b, 1) - before.get(kind, 0) / max(size_a, 1)),
    )
    return Comparison(
        monitor=monitor,
        mission=mission,
        step=field,
        unit=f"% {moved[:_NAMED_KINDS_MAX]}",
        test=FISHER if tested.test == "fisher" else G_TEST,
        should=100 * before.get(moved, 0) / size_a if size_a else None,
        is_now=100 * now.get(moved, 0) / size_b if size_b else None,
        statistic=tested.distance if enough else None,
        p=tested.p if enough and not is_one else None,
        n_baseline=size_a,
        n_current=size_b,
        needed=needed,
        effect=tested.distance,
        called=False if enough and is_one else None,
    )


def _shares(shares: pl.DataFrame, needed: int) -> Iterator[Comparison]:
    for name, group in shares.group_by("monitor", "mission", "subject", maintain_order=True):
        monitor, mission, subject = cast("tuple[Monitor, str, str | None]", name)
        sides = {side: (n, hits) for side, n, hits in group.select("side", "n", "hits").iter_rows()}
        (size_a, hits_a), (size_b, hits_b) = sides.get("baseline", (0, 0)), sides.get("current", (0, 0))
        enough = min(size_a, size_b) >= needed
        is_one = hits_a + hits_b in {0, size_a + size_b}
        yield Comparison(
            monitor=monitor,
            mission=mission,
            step=subject,
            unit="% go" if monitor == "approval_rate" else "% handed to a person",
            test=FISHER,
            should=100 * hits_a / size_a if size_a else None,
            is_now=100 * hits_b / size_b if size_b else None,
            statistic=None,
            p=fisher_exact(hits_b, size_b, hits_a, size_a) if enough and not is_one else None,
            n_baseline=size_a,
            n_current=size_b,
            needed=needed,
            called=False if enough and is_one else None,
        )
