"""Two samples compared: exact tests and rank tests, small enough to be read and checked by hand."""

from __future__ import annotations

from math import erfc, exp, inf, lgamma, log, log2, sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EQUALLY_LIKELY = 1e-7
"""Relative slack under which two tables count as equally likely, against rounding."""

_EXPECTED_MIN = 5
"""A kind that is expected less often than this on a side is not judged on its own (Cochran 1954)."""

_PRECISE = 1e-14
_TINY = 1e-300
_STEPS_MAX = 10_000
_KS_CERTAIN = 0.2
"""Below this the Kolmogorov distribution is 1 to twelve digits, and its series slow."""


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


def chi_square_tail(statistic: float, freedom: int) -> float:
    """Return the chance of a chi-square at least this large: the regularised upper incomplete gamma function.

    By its series below the mean and its continued fraction above; exact to about twelve digits.
    """
    shape, x = freedom / 2, statistic / 2
    if x <= 0 or freedom <= 0:
        return 1.0
    scale = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        place = shape
        while term > total * _PRECISE:
            place += 1
            term *= x / place
            total += term
        return max(0.0, 1 - scale * total)
    # Lentz's method.
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    fraction, step = d, 0
    while step < _STEPS_MAX:
        step += 1
        factor = -step * (step - shape)
        b += 2
        d = 1 / _apart(factor * d + b)
        c = _apart(b + factor / c)
        fraction *= d * c
        if abs(d * c - 1) < _PRECISE:
            break
    return min(1.0, scale * fraction)


def _apart(value: float) -> float:
    """Keep a divisor away from zero."""
    return value if abs(value) > _TINY else _TINY


class MixTest(NamedTuple):
    """What a test of two mixes says."""

    test: Literal["fisher", "g"]
    """Fisher's exact test where two kinds are left, else the G-test with Williams' correction."""
    p: float
    distance: float
    """Jensen-Shannon divergence of the two mixes, in bits: 0 = the same, 1 = nothing in common."""


def compare_mix(before: Mapping[str, int], now: Mapping[str, int]) -> MixTest:
    """Test whether two samples are the same mix of kinds; sizes may be small.

    Kinds too rare to be judged on their own (expected fewer than five times on a side) are counted as
    one kind: with many rare kinds an uncorrected test cries wolf. The distance is over all kinds.
    """
    size_a, size_b = sum(before.values()), sum(now.values())
    if not size_a or not size_b:
        return MixTest("fisher", 1.0, 0.0)
    cells: list[tuple[int, int]] = []
    rare = (0, 0)
    for kind in sorted({*before, *now}):
        a, b = before.get(kind, 0), now.get(kind, 0)
        if (a + b) * min(size_a, size_b) >= _EXPECTED_MIN * (size_a + size_b):
            cells.append((a, b))
        else:
            rare = (rare[0] + a, rare[1] + b)
    if any(rare):
        cells.append(rare)
    distance = _divergence(before, now, size_a, size_b)
    if len(cells) < 2:  # noqa: PLR2004 - one kind is no mix
        return MixTest("fisher", 1.0, distance)
    if len(cells) == 2:  # noqa: PLR2004 - a table of two by two
        return MixTest("fisher", fisher_exact(cells[0][0], size_a, cells[0][1], size_b), distance)
    total = size_a + size_b
    g = 2 * sum(
        count * log(count * total / ((a + b) * size))
        for a, b in cells
        for count, size in ((a, size_a), (b, size_b))
        if count
    )
    rows, columns = total / size_a + total / size_b - 1, sum(total / (a + b) for a, b in cells) - 1
    williams = 1 + rows * columns / (6 * total * (len(cells) - 1))
    return MixTest("g", chi_square_tail(g / williams, len(cells) - 1), distance)


def _divergence(before: Mapping[str, int], now: Mapping[str, int], size_a: int, size_b: int) -> float:
    total = 0.0
    for kind in {*before, *now}:
        p, q = before.get(kind, 0) / size_a, now.get(kind, 0) / size_b
        total += sum(share / 2 * log2(2 * share / (p + q)) for share in (p, q) if share)
    return max(0.0, total)


class Distance(NamedTuple):
    """What the Kolmogorov-Smirnov test says of two samples."""

    d: float
    """The largest difference of the two distribution functions."""
    p: float
    """Two-sided, by the asymptotic distribution; too large, which is safe, where values are tied."""


def kolmogorov_smirnov(before: Mapping[int, int], now: Mapping[int, int]) -> Distance:
    """Compare two samples given as counts by bin, bins in order of value."""
    size_a, size_b = sum(before.values()), sum(now.values())
    if not size_a or not size_b:
        return Distance(0.0, 1.0)
    in_a = in_b = 0
    d = 0.0
    for place in sorted({*before, *now}):
        in_a, in_b = in_a + before.get(place, 0), in_b + now.get(place, 0)
        d = max(d, abs(in_a / size_a - in_b / size_b))
    root = sqrt(size_a * size_b / (size_a + size_b))
    # Stephens' correction makes the asymptotic distribution good from small samples on.
    x = (root + 0.12 + 0.11 / root) * d
    if x < _KS_CERTAIN:
        return Distance(d, 1.0)
    tail = 2 * sum((-1) ** (k - 1) * exp(-2 * (k * x) ** 2) for k in range(1, 101))
    return Distance(d, min(1.0, max(0.0, tail)))
