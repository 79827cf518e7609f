"""Anomalies of single calls, found before the effect: unusual tools, recipients, amounts and hours.

Each compares what is about to be done with a declared limit and, where there is enough of it, with
the agent's own history. Pure: told the call, the time and the habits, it answers with a finding.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from gonogo.monitors.findings import Finding
from gonogo.monitors.habits import mark_of
from gonogo.policy.limits import DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gonogo.monitors.habits import Habits
    from gonogo.policy.limits import AmountsLimit, HoursLimit, MixLimit, RecipientsLimit

MIX_CALLS_MIN = 3
"""So many calls of a tool in one run are never a mix of their own, whatever the history says."""


class Mix:
    """Compares how often each tool is called in a run with the most of any run before."""

    __slots__ = ("_calls", "_limit")

    def __init__(self, limit: MixLimit) -> None:
        self._limit = limit
        self._calls: Counter[str] = Counter()

    def call(self, name: str, habits: Habits | None) -> Finding | None:
        """Take a call that is about to be made; without enough history nothing is compared."""
        self._calls[name] += 1
        limit = self._limit
        if habits is None or limit.action == "off":
            return None
        now, most = self._calls[name], habits.tools.get(name, 0)
        if not most:
            what = f"{name} is a tool that {habits.runs} earlier runs of the agent never used."
            return Finding("tool_mix", limit.action, limit.reach, what, 0, now, "calls", "baseline")
        threshold = max(most * limit.times, MIX_CALLS_MIN)
        if now <= threshold:
            return None
        what = f"{name} is called {now} times in this run; no earlier run called it more than {most} times."
        return Finding("tool_mix", limit.action, limit.reach, what, threshold, now, "calls", "baseline")


class Recipients:
    """Counts, by UTC day, the recipients that an agent never had to do with before; its runs share one."""

    __slots__ = ("_day", "_limit", "_lock", "_new")

    def __init__(self, limit: RecipientsLimit) -> None:
        self._limit = limit
        self._day = 0
        self._new: set[str] = set()
        self._lock = Lock()

    def call(self, arguments: Mapping[str, Any], now: float, habits: Habits | None) -> Finding | None:
        """Take a change that is about to be made; without history every recipient is new."""
        named = [mark_of(text) for text in texts_in(arguments, self._limit.arguments)]
        if not named:
            return None
        with self._lock:
            today = int(now // 86_400)
            if today != self._day:
                self._day, self._new = today, set()
            fresh = {mark for mark in named if habits is None or mark not in habits.recipients} - self._new
            self._new |= fresh
            limit = self._limit
            if not fresh or len(self._new) <= limit.new_per_day or limit.action == "off":
                return None
            observed = len(self._new)
        what = f"The agent turns to its {observed}. new recipient of the day, where {limit.new_per_day} are declared."
        return Finding("recipients", limit.action, limit.reach, what, limit.new_per_day, observed, "new recipients")


def amount(
    limit: AmountsLimit, name: str, arguments: Mapping[str, Any], habits: Habits | None, needed: int
) -> Finding | None:
    """Compare the amounts of a change that is about to be made with the declared most and the largest before."""
    if limit.action == "off":
        return None
    for argument in limit.arguments:
        value = arguments.get(argument)
        if not isinstance(value, int) or isinstance(value, bool):
            continue
        if limit.most is not None and value > limit.most:
            what = f"{argument} of {name} is {value}, where {limit.most} is declared."
            return Finding("amounts", limit.action, limit.reach, what, limit.most, value, argument)
        count, largest = (0, 0) if habits is None else habits.amounts.get(f"{name}.{argument}", (0, 0))
        if count >= needed and value > largest * limit.times:
            what = f"{argument} of {name} is {value}; the largest of {count} before was {largest}."
            return Finding(
                "amounts", limit.action, limit.reach, what, largest * limit.times, value, argument, "baseline"
            )
    return None


def hour(limit: HoursLimit, name: str, now: float) -> Finding | None:
    """Say whether a change that is about to be made falls outside of the declared hours."""
    if limit.begin is None or limit.end is None or limit.action == "off":
        return None
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(limit.timezone))
    clock, day = local.time(), DAYS[local.weekday()]
    # Hours that end before they begin go over midnight.
    inside = limit.begin <= clock < limit.end if limit.begin <= limit.end else not limit.end <= clock < limit.begin
    if inside and day in limit.days:
        return None
    hours = f"{limit.begin:%H:%M} to {limit.end:%H:%M} {limit.timezone}"
    what = f"{name} would be done at {clock:%H:%M} on {day}, outside of {hours} on {', '.join(limit.days)}."
    minute = clock.hour * 60 + clock.minute
    return Finding(
        "hours", limit.action, limit.reach, what, limit.end.hour * 60 + limit.end.minute, minute, "minutes of the day"
    )


def texts_in(arguments: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts that the named arguments hold, alone or in lists."""
    for name in names:
        value = arguments.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in cast("list[Any]", value) if isinstance(item, str))
