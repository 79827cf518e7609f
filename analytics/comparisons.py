"""Two samples compared: exact tests and rank tests, small enough to be read and checked by hand."""

from __future__ import annotations

from math import erfc, exp, inf, lgamma, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_EQUALLY_LIKELY = 1e-7
"""Relative slack under which two tables count as equally likely, against rounding."""


class RankSum(NamedTuple):
    """What the rank-sum test says of two samples."""

    z: float
    """Standardised rank sum: positive where the second sample is larger."""
    p: float
    """Two-sided p-value."""


def fisher_exact(hits_a: int, size_a: int, hits_b: int, size_b: int) -> float:
    """Return the two-sided p-value of Fisher's exact test that two shares are the same.

    Sums the probabilities of all tables with the same margins that are at most as likely as the one
    seen. Exact at any size; the work grows with the smaller sample. 1.0 where either sample is empty.
    """
    total, hits = size_a + size_b, hits_a + hits_b
    if not size_a or not size_b:
        return 1.0
    lowest, highest = max(0, hits - size_b), min(hits, size_a)
    margins = _log_choose(total, hits)

    def likelihood(in_a: int) -> float:
        return exp(_log_choose(size_a, in_a) + _log_choose(size_b, hits - in_a) - margins)

    seen = likelihood(hits_a)
    tables = (likelihood(in_a) for in_a in range(lowest, highest + 1))
    return min(1.0, sum(chance for chance in tables if chance <= seen * (1 + _EQUALLY_LIKELY)))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def rank_sum(u: float, size_a: int, size_b: int, ties: float) -> RankSum:
    """Return the Mann-Whitney rank-sum test from its reduced form, by the normal approximation.

    Args:
        u: over all pairs, how often the value of sample B is the larger; ties count half.
        size_a: size of sample A.
        size_b: size of sample B.
        ties: sum of ``t**3 - t`` over groups of ``t`` equal values of both samples.

    Returns:
        z = 0 and p = 1 where either sample is empty or all values are equal.

    """
    total = size_a + size_b
    if not size_a or not size_b:
        return RankSum(0.0, 1.0)
    variance = size_a * size_b / 12 * ((total + 1) - ties / (total * (total - 1)))
    if variance <= 0:
        return RankSum(0.0, 1.0)
    z = (u - size_a * size_b / 2) / sqrt(variance)
    return RankSum(z, erfc(abs(z) / sqrt(2)))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the q-value of each p-value: the false discovery rate at which it would be called."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place], reverse=True)
    q_values = [1.0] * len(p_values)
    smallest = inf
    for rank, place in zip(range(len(p_values), 0, -1), order, strict=True):
        smallest = min(smallest, p_values[place] * len(p_values) / rank)
        q_values[place] = min(1.0, smallest)
    return q_values
