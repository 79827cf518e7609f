"""The kill switch's signals: spend that runs away, loops, no progress, calls out of bounds, repeated refusals.

Each is a pure state machine: told what happened and when, it answers with a finding or with nothing.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from gonogo.monitors.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.monitors.findings import Monitor
    from gonogo.policy.limits import BlocksLimit, BoundsLimit, CircleLimit, LoopLimit, ProgressLimit, SpendLimit

_WHOSE = {
    "run": "The agent, in this run,",
    "agent": "The agent, over all its runs here,",
    "mission": "The mission, over all its runs here,",
}


class Loop:
    """Finds one call, or a short cycle of calls, that is made again and again with identical arguments.

    For every length up to the longest cycle it counts how many calls in a row were the same as the
    one so many calls before. That is all a repetition is, so a call costs a handful of comparisons.
    """

    __slots__ = ("_limit", "_recent", "_same")

    def __init__(self, limit: LoopLimit) -> None:
        self._limit = limit
        self._recent: deque[str] = deque(maxlen=limit.cycle_length)
        self._same = [0] * limit.cycle_length

    def call(self, name: str, digest: str) -> Finding | None:
        """Take a call that is about to be made; its finding says that it must not be."""
        this, same, recent = name + digest, self._same, self._recent
        known = len(recent)
        for length in range(1, len(same) + 1):
            same[length - 1] = same[length - 1] + 1 if length <= known and recent[-length] == this else 0
        recent.append(this)
        limit = self._limit
        if same[0] >= limit.repeats:
            what = f"{name} is called with identical arguments for the {same[0] + 1}. time in a row."
            return self._found(what, limit.repeats, same[0] + 1, "calls")
        for length in range(2, len(same) + 1):
            # A row of one identical call is no cycle of two; it has a limit of its own.
            if same[length - 1] >= length * (limit.cycle_repeats - 1) + 1 and same[0] < length:
                what = f"A cycle of {length} identical calls, which ends in {name}, begins once more."
                return self._found(what, limit.cycle_repeats, limit.cycle_repeats + 1, "cycles")
        return None

    def _found(self, what: str, threshold: int, observed: int, unit: str) -> Finding | None:
        action = self._limit.action
        return None if action == "off" else Finding("loop", action, self._limit.reach, what, threshold, observed, unit)


class Progress:
    """Finds operations that bring nothing new: results that were seen before, changes that were made before."""

    __slots__ = ("_limit", "_seen", "_since")

    def __init__(self, limit: ProgressLimit) -> None:
        self._limit = limit
        self._seen: set[int] = set()
        self._since = 0

    def done(self, name: str, news: bytes | None) -> Finding | None:
        """Take what an operation brought: its result, the arguments of a change, or ``None`` for a failure."""
        mark = hash((name, news))
        if news is not None and mark not in self._seen:
            self._seen.add(mark)
            self._since = 0
            return None
        self._since += 1
        limit = self._limit
        if self._since < limit.operations or limit.action == "off":
            return None
        what = f"{self._since} operations in a row brought nothing new; the last was {name}."
        return Finding("no_progress", limit.action, limit.reach, what, limit.operations, self._since, "operations")


class Circle:
    """Counts hand-overs to somebody through whose hands the work came; those before the limit are flagged."""

    __slots__ = ("_handovers", "_limit")

    def __init__(self, limit: CircleLimit) -> None:
        self._limit = limit
        self._handovers = 0

    def handed(self, name: str, to: str, chain: Sequence[str]) -> Finding | None:
        """Take a hand-over that is about to be made."""
        limit = self._limit
        if to not in chain:
            return None
        self._handovers += 1
        if limit.action == "off":
            return None
        action = limit.action if self._handovers >= limit.handovers else "flag"
        what = f"{name} would go back to {to}, through whose hands it came: {' -> '.join((*chain, to))}."
        return Finding("circular_delegation", action, limit.reach, what, limit.handovers, self._handovers, "hand-overs")


class Bounds:
    """Counts calls outside the mandate or the scope; those before the limit are flagged."""

    __slots__ = ("_calls", "_limit")

    def __init__(self, limit: BoundsLimit) -> None:
        self._limit = limit
        self._calls = 0

    def refused(self, name: str, bound: str) -> Finding | None:
        """Take a call that was refused because it lies outside of this bound."""
        self._calls += 1
        limit = self._limit
        if limit.action == "off":
            return None
        action = limit.action if self._calls >= limit.calls else "flag"
        what = f"{name} lies outside {bound}; it was refused."
        return Finding("out_of_bounds", action, limit.reach, what, limit.calls, self._calls, "calls")


class Blocks:
    """Counts calls that the law refused, in a rolling window."""

    __slots__ = ("_at", "_limit")

    def __init__(self, limit: BlocksLimit) -> None:
        self._limit = limit
        self._at: deque[float] = deque()

    def refused(self, name: str, now: float) -> Finding | None:
        """Take a call that the law refused."""
        limit, at = self._limit, self._at
        at.append(now)
        while at[0] <= now - limit.window_seconds:
            at.popleft()
        if len(at) < limit.blocks or limit.action == "off":
            return None
        what = f"The law refused {len(at)} calls within {limit.window_seconds} seconds; the last was {name}."
        return Finding("policy_blocks", limit.action, limit.reach, what, limit.blocks, len(at), "refusals")


class Velocity:
    """Adds up money and tokens in a rolling window; several runs may share one."""

    __slots__ = ("_calls", "_limit", "_lock", "_micros", "_monitor", "_tokens")

    def __init__(self, monitor: Monitor, limit: SpendLimit) -> None:
        self._monitor: Monitor = monitor
        self._limit = limit
        self._calls: deque[tuple[float, int, int]] = deque()
        self._micros = self._tokens = 0
        self._lock = Lock()

    @property
    def is_shared(self) -> bool:
        """Whether other runs add to it."""
        return self._limit.over != "run"

    def spent(self, micros: int, tokens: int, now: float, peaks: tuple[int, int] | None = None) -> Finding | None:
        """Take what a model call came to.

        Args:
            micros: its cost, in micro-USD.
            tokens: what it read and wrote.
            now: when, in seconds.
            peaks: the largest money and tokens of a window in earlier runs; ``None`` where there is
                not enough history, so that only the declared limits hold.

        """
        with self._lock:
            calls, limit = self._calls, self._limit
            calls.append((now, micros, tokens))
            self._micros += micros
            self._tokens += tokens
            while calls[0][0] <= now - limit.window_seconds:
                _, old_micros, old_tokens = calls.popleft()
                self._micros -= old_micros
                self._tokens -= old_tokens
            if limit.action == "off":
                return None
            return self._judged(peaks)

    def _judged(self, peaks: tuple[int, int] | None) -> Finding | None:
        limit = self._limit
        for observed, declared, unit in (
            (self._micros, limit.micros, "micro-USD"),
            (self._tokens, limit.tokens, "tokens"),
        ):
            if declared is not None and observed > declared:
                return self._found(observed, declared, unit)
        if peaks is not None and limit.rise_percent is not None:
            for observed, peak, unit in ((self._micros, peaks[0], "micro-USD"), (self._tokens, peaks[1], "tokens")):
                most = peak + peak * limit.rise_percent // 100
                if peak > 0 and observed >= most:
                    return self._found(observed, most, unit, is_baseline=True)
        return None

    def _found(self, observed: int, most: int, unit: str, *, is_baseline: bool = False) -> Finding | None:
        limit = self._limit
        if limit.action == "off":
            return None
        whose = {
            "run": "The agent, in this run,",
            "agent": "The agent, over all its runs here,",
            "mission": "The mission",
        }[limit.reach]
        against = "its earlier peak allows" if is_baseline else "is declared"
        what = f"{whose} spent {observed} {unit} within {limit.window_seconds} seconds, where {most} {against}."
        basis = "baseline" if is_baseline else "declared"
        return Finding(self._monitor, limit.action, limit.reach, what, most, observed, unit, basis)
