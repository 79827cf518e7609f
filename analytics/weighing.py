"""Weighing: what the changes of a proposed law would have cost people, delayed, and caught.

Times are those that people's answers took until now, with a bootstrap interval; fewer than thirty say nothing, and
then there is no figure. What was measured of the very actions (hours of answers that would not be asked for, money
that moved, outcomes that turned out bad) is a count and has no interval.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from math import sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

from analytics.bootstraps import MINIMUM_RUNS, ratio_interval
from analytics.shifts import Change, Estimate, Shift

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

    from analytics.bootstraps import Interval
    from analytics.requests import Asked

MS_PER_HOUR = 3_600_000
HOURS = "hours"
Z = 1.959963984540054
"""Of a 95 % interval."""

_CASES = """
SELECT run_id, operation, mission, role, state, answer, waited_ms, review_ms
FROM gate_cases
ORDER BY mission, role, opened_at, gate
"""


class Case(NamedTuple):
    """One question that was put to people."""

    run_id: str
    operation: str
    mission: str
    role: str
    state: str
    answer: str | None
    waited_ms: int | None
    review_ms: int | None


class Past:
    """How long people took until now, and what became of actions whose verdict stays."""

    def __init__(self, con: DuckDBPyConnection) -> None:
        self.answered: dict[tuple[str, str | None], list[Case]] = defaultdict(list)
        self.of_action: dict[tuple[str, str], list[Case]] = defaultdict(list)
        self.usual: Counter[tuple[str, str, bool]] = Counter()
        self._known: dict[tuple[str, str, str], tuple[Interval | None, int]] = {}
        for row in con.execute(_CASES).fetchall():
            case = Case(*row)
            self.of_action[case.run_id, case.operation].append(case)
            if case.state == "answered":
                self.answered[case.mission, case.role].append(case)
                self.answered[case.mission, None].append(case)

    def note_unchanged(self, asked: Asked) -> None:
        """Count an action whose verdict stays, where it changed something."""
        if (asked.is_done or asked.later is not None) and asked.effect not in {None, "read"}:
            self.usual[asked.mission, asked.action, asked.later is not None] += 1

    def per_answer(
        self, mission: str, role: str, what: Literal["waited_ms", "review_ms"]
    ) -> tuple[Interval | None, int]:
        """Return the mean of what an answer in a role took, and on how many that stands.

        Of fewer than thirty answers in the role those of the whole mission are taken; of fewer than thirty of
        these, none.
        """
        key = mission, role, what
        if key not in self._known:
            found: list[int] = []
            for name in (role, None):
                told = (getattr(case, what) for case in self.answered.get((mission, name), []))
                found = [ms for ms in told if ms is not None]
                if len(found) >= MINIMUM_RUNS:
                    break
            enough = len(found) >= MINIMUM_RUNS
            self._known[key] = ratio_interval(found, [1] * len(found)) if enough else None, len(found)
        return self._known[key]


def shifts_of(changes: list[Change], past: Past) -> list[Shift]:
    """Return the changes that go the same way together, the most frequent first."""

    def way(change: Change) -> tuple[str, ...]:
        return (
            change.mission, change.action, change.before, change.after,
            " ".join(change.asks_before), " ".join(change.asks_after), " ".join(change.rules),
        )  # fmt: skip

    found = [_shift(list(group), past) for _, group in groupby(sorted(changes, key=way), way)]
    return sorted(found, key=lambda shift: (-shift.actions, shift.mission, shift.action))


def _shift(changes: list[Change], past: Past) -> Shift:
    first = changes[0]
    done = [change for change in changes if change.is_done or change.later is not None]
    tried = [change for change in done if change.is_change] if first.before == "allow" else []
    harmed = [change for change in tried if change.later is not None]
    usual = {bad: past.usual[first.mission, first.action, bad] for bad in (True, False)}
    return Shift(
        mission=first.mission,
        action=first.action,
        before=first.before,
        after=first.after,
        asks_before=tuple(first.asks_before),
        asks_after=tuple(first.asks_after),
        rules=first.rules,
        actions=len(changes),
        done=len(done),
        amount_cents=_cents(change for change in done if change.is_change),
        hours_added=_hours_added(changes, past),
        hours_saved=_hours_saved(changes, past),
        wait_hours=_wait(first, past),
        harmed=len(harmed),
        harmed_cents=_cents(harmed),
        harmed_percent=share(len(harmed), len(tried)),
        usual_percent=share(usual[True], usual[True] + usual[False]),
        let_through=sum(_is_let_through(change, past) for change in changes),
    )


def _cents(changes: Iterable[Change]) -> int | None:
    told = [change.amount_cents for change in changes if change.amount_cents is not None]
    return sum(told) if told else None


def _hours_added(changes: list[Change], past: Past) -> Estimate:
    more: Counter[str] = Counter()
    for change in changes:
        more.update(change.answers()[0])
    return total([_times(changes[0].mission, role, count, past, "review_ms") for role, count in more.items()])


def _wait(first: Change, past: Past) -> Estimate:
    """Return for how long one action would wait: one role after the other, each as long as it took until now."""
    more = first.answers()[0] if first.before == "allow" else {}
    return total([_times(first.mission, role, 1, past, "waited_ms") for role in more])


def _times(mission: str, role: str, count: int, past: Past, what: Literal["waited_ms", "review_ms"]) -> Estimate:
    each, n = past.per_answer(mission, role, what)
    if each is None:
        why = f"not enough data: {n} answers in {mission} say how long one takes, {MINIMUM_RUNS} are needed"
        if what == "review_ms" and not n and past.answered.get((mission, None)):
            why = f"policies/assumptions.yaml declares no review time for {mission}"
        return Estimate(None, None, None, HOURS, n, why)
    value, low, high = (count * ms / MS_PER_HOUR for ms in each)
    return Estimate(value, low, high, HOURS, n)


def _hours_saved(changes: list[Change], past: Past) -> Estimate:
    spent = n = 0
    for change in changes:
        fewer = change.answers()[1]
        for case in past.of_action.get((change.run_id, change.operation), []):
            if case.role in fewer and case.state == "answered":
                if case.review_ms is None:
                    why = f"policies/assumptions.yaml declares no review time for {change.mission}"
                    return Estimate(None, None, None, HOURS, n, why)
                spent, n = spent + case.review_ms, n + 1
    hours = spent / MS_PER_HOUR
    return Estimate(hours, hours, hours, HOURS, n)


def _is_let_through(change: Change, past: Past) -> bool:
    """Whether a person stopped or changed it, in a role that would not be asked any more, and nobody else refuses."""
    fewer = change.answers()[1]
    cases = past.of_action.get((change.run_id, change.operation), [])
    return change.after != "deny" and any(
        case.role in fewer and case.state == "answered" and case.answer != "go" for case in cases
    )


def total(parts: list[Estimate]) -> Estimate:
    """Return the sum; where one part is not known, neither is the sum. Bounds add up, which is on the safe side."""
    unknown = next((part for part in parts if part.value is None), None)
    n = min((part.n for part in parts), default=0)
    if unknown is not None:
        return Estimate(None, None, None, HOURS, n, unknown.reason)
    sums = [sum(getattr(part, name) or 0.0 for part in parts) for name in ("value", "low", "high")]
    return Estimate(sums[0], sums[1], sums[2], HOURS, n)


def share(hits: int, n: int) -> Estimate:
    """Return a share in percent with its Wilson interval; of fewer than thirty there is none."""
    if n < MINIMUM_RUNS:
        return Estimate(None, None, None, "%", n, f"not enough data: {n} of {MINIMUM_RUNS} carried out")
    p = hits / n
    middle, spread = p + Z * Z / (2 * n), Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    low, high = (100 * (middle + sign * spread) / (1 + Z * Z / n) for sign in (-1, 1))
    return Estimate(100 * p, max(0.0, low), min(100.0, high), "%", n)


def delayed(changes: list[Change]) -> int:
    """Return how much money was let pass and would have waited for a person, in minor units."""
    return _moved(change for change in changes if change.before == "allow" and change.after == "gate")


def stopped(changes: list[Change]) -> int:
    """Return how much money moved and would have been refused, in minor units."""
    return _moved(change for change in changes if change.before != "deny" and change.after == "deny")


def _moved(changes: Iterable[Change]) -> int:
    return _cents(change for change in changes if change.is_done and change.is_change) or 0
