"""Bootstrap intervals for ratios of sums: seeded, by clusters, bias-corrected and accelerated (BCa).

Runs of one day are not independent, so days are drawn, not runs, where there are enough of them. A
ratio is computed within each resample; two intervals are never divided by each other. Method:
B. Efron, Better Bootstrap Confidence Intervals, JASA 82 (1987).
"""

# numpy is typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

SEED = 20_260_101
"""Of every draw: the same data give the same interval."""

RESAMPLES = 4_000
CONFIDENCE = 0.95

MINIMUM_RUNS = 30
"""Below so many runs an interval would pretend to knowledge; there is none."""

_CHUNK = 4_000_000
"""About how many indices are drawn at once: memory stays bounded."""

_NORMAL = NormalDist()


class Interval(NamedTuple):
    """A ratio and where it may lie, at 95 %."""

    value: float
    low: float
    high: float


def ratio_interval(numerators: Sequence[int], denominators: Sequence[int]) -> Interval | None:
    """Return sum(numerators) / sum(denominators) over clusters, with its BCa interval.

    ``None`` where there is no ratio, fewer than two clusters, or a resample that would divide by
    zero: then the data are too thin for an interval.
    """
    draws = ratio_draws(numerators, denominators, RESAMPLES)
    if draws is None:
        return None
    import numpy as np

    over, under = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    point = float(over.sum() / under.sum())
    below = float((draws < point).mean() + (draws == point).mean() / 2)
    if not 0 < below < 1:
        return Interval(point, float(draws.min()), float(draws.max()))
    bias, pull = _NORMAL.inv_cdf(below), _acceleration(over, under)
    low, high = (np.quantile(draws, _level(bias, pull, tail)) for tail in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(point, float(low), float(high))


def ratio_draws(numerators: Sequence[int], denominators: Sequence[int], draws: int) -> NDArray[np.float64] | None:
    """Return the ratio in each resample of the clusters; ``None`` where one of them would divide by zero."""
    import numpy as np

    over, under = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    clusters = len(over)
    if clusters < 2 or under.sum() == 0:  # noqa: PLR2004 - one cluster varies with nothing
        return None
    chance = np.random.default_rng(SEED)
    found: list[NDArray[np.float64]] = []
    at_once = max(1, _CHUNK // clusters)
    for begun in range(0, draws, at_once):
        picked = chance.integers(0, clusters, size=(min(at_once, draws - begun), clusters))
        bottom = under[picked].sum(axis=1)
        if (bottom == 0).any():
            return None
        found.append(over[picked].sum(axis=1) / bottom)
    return np.concatenate(found)


def _acceleration(over: NDArray[np.float64], under: NDArray[np.float64]) -> float:
    """Return how the spread changes with the value, by leaving out one cluster after the other."""
    import numpy as np

    rest = under.sum() - under
    if (rest == 0).any():
        return 0.0
    left = (over.sum() - over) / rest
    apart = left.mean() - left
    spread = float((apart**2).sum())
    return 0.0 if spread == 0 else float((apart**3).sum() / (6 * np.power(spread, 1.5)))


def _level(bias: float, pull: float, tail: float) -> float:
    """Return the quantile of the draws that stands for a tail."""
    shifted = bias + _NORMAL.inv_cdf(tail)
    return _NORMAL.cdf(bias + shifted / (1 - pull * shifted))
