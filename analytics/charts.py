"""Control charts: values one after the other against a reference that does not move, and from when on they differ.

A chart answers sooner than a comparison of two windows, because it looks at the order. Its limit is
not a rule of thumb: it is computed, by a Markov chain, so that a stretch of that length without any
change raises an alarm with a chance that is chosen beforehand, also where the reference is small and
hence not known exactly. Page 1954 (CUSUM), Roberts 1959 (EWMA), Brook and Evans 1972 (the chain).
"""

# numpy's results are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, erf, log, log2, sqrt
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SLACK = 0.5
"""Half of the change, in standard deviations, that the CUSUM of values is best at; 0.5 is the usual choice."""

SMOOTHING = 0.2
"""Weight of the newest value in an EWMA."""

_CELLS = 41
_BISECTIONS = 14
_LENGTH_STEP = 25
_NODES = ((0.0, 0.945309), (0.958572, 0.393619), (-0.958572, 0.393619), (2.020183, 0.019953), (-2.020183, 0.019953))
"""Gauss-Hermite: how far the reference may be off, and how likely that is."""

_WEIGHT = sum(weight for _, weight in _NODES)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A chart that went beyond its limit."""

    at: int
    """Place of the value that raised it, from 0."""
    since: int
    """Place of the first value that seems to belong to the change: where the sum last left zero."""
    direction: Literal["up", "down"]
    statistic: float
    limit: float


def cusum(scores: Sequence[float], limit: float, slack: float = SLACK) -> Alarm | None:
    """Return the first alarm of a two-sided CUSUM; ``None`` where there is none.

    Args:
        scores: deviations from the reference in its standard deviations, in order.
        limit: how large the sum may become, in the same unit.
        slack: what each score may deviate for nothing.

    """
    up = down = 0.0
    up_since = down_since = 0
    for place, score in enumerate(scores):
        up, down = up + score - slack, down - score - slack
        if up <= 0:
            up, up_since = 0.0, place + 1
        if down <= 0:
            down, down_since = 0.0, place + 1
        if max(up, down) > limit:
            rising = up >= down
            return Alarm(place, up_since if rising else down_since, "up" if rising else "down", max(up, down), limit)
    return None


def ewma(scores: Sequence[float], limit: float, smoothing: float = SMOOTHING) -> Alarm | None:
    """Return the first alarm of an EWMA, whose limit is in standard deviations of the average itself."""
    spread = sqrt(smoothing / (2 - smoothing))
    average, since = 0.0, 0
    for place, score in enumerate(scores):
        before, average = average, (1 - smoothing) * average + smoothing * score
        if before * average <= 0:
            since = place
        if abs(average) > limit * spread:
            return Alarm(place, since, "up" if average > 0 else "down", abs(average) / spread, limit)
    return None


@dataclass(frozen=True, slots=True)
class FailureChart:
    """A CUSUM of failures: each adds ``step`` units, each success takes one away, never below zero."""

    step: int
    limit: int

    def first_alarm(self, failures: Sequence[bool]) -> Alarm | None:
        """Return the first place at which there are too many failures too close together."""
        total, since = 0, 0
        for place, failed in enumerate(failures):
            total += self.step if failed else -1
            if total <= 0:
                total, since = 0, place + 1
            if total > self.limit:
                return Alarm(place, since, "up", float(total), float(self.limit))
        return None


def cusum_limit(length: int, reference: int, false_alarm: float) -> float:
    """Return the limit at which a stretch without change raises a false alarm with this chance.

    Args:
        length: how many values are looked at; the limit holds for the next multiple of 25.
        reference: how many values the reference was learned from; fewer make the limit wider.
        false_alarm: the chance, above 0 and below 1, over both directions.

    """
    return _cusum_limit(_stretch(length), _known(reference), false_alarm)


def ewma_limit(length: int, reference: int, false_alarm: float) -> float:
    """Return the same for an EWMA, in standard deviations of the average."""
    return _ewma_limit(_stretch(length), _known(reference), false_alarm)


def failure_chart(failures: int, reference: int, length: int, false_alarm: float) -> FailureChart:
    """Return the CUSUM that is best at a doubled failure rate, with its limit.

    A reference without failures is taken for one with half a failure: nobody knows that they cannot happen.

    Args:
        failures: how many there were in the reference.
        reference: out of how many.
        length: how many outcomes are looked at.
        false_alarm: the chance of an alarm over that length while nothing changed.

    """
    share = min((failures + 0.5) / (reference + 1), 0.45)
    worse = 2 * share
    step = max(1, round(log(worse / share) / -log((1 - worse) / (1 - share))))
    return FailureChart(step, _failure_limit(share, max(reference, 1), step, _stretch(length), false_alarm))


def _stretch(length: int) -> int:
    return _LENGTH_STEP * max(1, ceil(length / _LENGTH_STEP))


def _known(reference: int) -> int:
    """Return a size at most the given one, of few enough sizes to be kept: quarters of a doubling."""
    return int(2 ** (int(4 * log2(max(reference, 2))) / 4))


def _narrowest(low: float, high: float, chance: Callable[[float], float], wanted: float) -> float:
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > wanted else (low, middle)
    return high


@lru_cache(maxsize=512)
def _cusum_limit(length: int, reference: int, false_alarm: float) -> float:
    def chance(limit: float) -> float:
        sides = {off: _cusum_chance(limit, off / sqrt(reference / 2), length) for off, _ in _NODES}
        return sum(weight * (1 - (1 - sides[off]) * (1 - sides[-off])) for off, weight in _NODES) / _WEIGHT

    return _narrowest(1.0, 25.0, chance, false_alarm)


def _cusum_chance(limit: float, off: float, length: int) -> float:
    """Return the chance that a one-sided CUSUM passes its limit, where scores are centred at ``off``."""
    import numpy as np

    width = 2 * limit / (2 * _CELLS - 1)
    upper = [_normal((cells + 0.5) * width + SLACK - off) for cells in range(-_CELLS, _CELLS + 1)]
    places = np.arange(_CELLS)
    below = np.array(upper)[places[None, :] - places[:, None] + _CELLS]
    moves = np.diff(below, axis=1, prepend=0.0)
    return _left(moves, 0, length)


@lru_cache(maxsize=512)
def _ewma_limit(length: int, reference: int, false_alarm: float) -> float:
    def chance(limit: float) -> float:
        return sum(w * _ewma_chance(limit, off / sqrt(reference / 2), length) for off, w in _NODES) / _WEIGHT

    return _narrowest(1.5, 12.0, chance, false_alarm)


def _ewma_chance(limit: float, off: float, length: int) -> float:
    import numpy as np

    edge = limit * sqrt(SMOOTHING / (2 - SMOOTHING))
    edges = np.linspace(-edge, edge, _CELLS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    needed = (edges[None, :] - (1 - SMOOTHING) * middles[:, None]) / SMOOTHING - off
    moves = np.diff(np.vectorize(_normal)(needed), axis=1)
    return _left(moves, _CELLS // 2, length)


def _left(moves: object, start: int, length: int) -> float:
    """Return the chance that a chain has left its cells after so many moves."""
    import numpy as np

    return float(1 - np.linalg.matrix_power(np.asarray(moves), length)[start].sum())


def _normal(value: float) -> float:
    return 0.5 * (1 + erf(value / sqrt(2)))


@lru_cache(maxsize=2048)
def _failure_limit(share: float, reference: int, step: int, length: int, false_alarm: float) -> int:
    """Return the smallest whole limit that keeps the chance, over what the true share may be."""
    odds, spread = log(share / (1 - share)), 1 / sqrt(reference * share * (1 - share))
    shares = [(1 / (1 + _grown(odds + sqrt(2) * off * spread)), weight) for off, weight in _NODES]
    low, high = step - 1, step * (length + 1)
    while low + 1 < high:
        middle = (low + high) // 2
        chance = sum(weight * _failure_chance(one, step, middle, length) for one, weight in shares) / _WEIGHT
        low, high = (middle, high) if chance > false_alarm else (low, middle)
    return high


def _grown(odds: float) -> float:
    from math import exp

    return exp(-odds)


def _failure_chance(share: float, step: int, limit: int, length: int) -> float:
    """Return the chance that the sum passes its limit: the whole distribution of the sum, move by move."""
    import numpy as np

    held = np.zeros(limit + 1)
    held[0] = 1.0
    for _ in range(length):
        moved = np.zeros(limit + 1)
        moved[:-1] = held[1:] * (1 - share)
        moved[0] += held[0] * (1 - share)
        if step <= limit:
            moved[step:] += held[: limit + 1 - step] * share
        held = moved
    return float(1 - held.sum())
