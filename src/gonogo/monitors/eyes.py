"""Eyes: every monitor of one agent in one run, told what is about to be done and what came of it."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from gonogo.monitors.anomalies import Mix, Recipients, amount, hour
from gonogo.monitors.signals import Blocks, Bounds, Circle, Loop, Progress, Velocity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gonogo.monitors.findings import Finding, Monitor
    from gonogo.monitors.habits import Habits
    from gonogo.operations import Operation
    from gonogo.policy.limits import Limits, RecipientsLimit, SpendLimit

_STARTED = time.time() - time.monotonic()


def now() -> float:
    """Return the time in seconds since 1970; a clock that is set while the process lives does not move it."""
    return _STARTED + time.monotonic()


class Memory:
    """What monitors remember across the runs of one home, in this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[tuple[str, str], tuple[object, Any]] = {}

    def velocity(self, monitor: Monitor, limit: SpendLimit, whose: str) -> Velocity:
        """Return the sum that all runs of an agent or a mission share; a changed limit begins anew."""
        return self._of(f"{monitor}/{limit.over}", whose, limit, lambda: Velocity(monitor, limit))

    def recipients(self, limit: RecipientsLimit, whose: str) -> Recipients:
        """Return the recipients of the day that all runs of an agent share."""
        return self._of("recipients", whose, limit, lambda: Recipients(limit))

    def _of(self, what: str, whose: str, limit: object, make: Callable[[], Any]) -> Any:
        with self._lock:
            known = self._kept.get((what, whose))
            if known is None or known[0] != limit:
                known = self._kept[what, whose] = (limit, make())
            return known[1]


_memories: dict[Path, Memory] = {}


def memory_of(home: Path) -> Memory:
    """Return what this process remembers of a home."""
    return _memories.setdefault(home, Memory())


class Eyes:
    """One agent in one run, or a mission that acts on its own mandate."""

    __slots__ = (
        "_blocks", "_bounds", "_circle", "_habits", "_limits", "_loop", "_mix", "_peaks", "_progress", "_recipients",
        "_velocities",
    )  # fmt: skip

    def __init__(self, limits: Limits, habits: Habits | None, memory: Memory, principal: str, mission: str) -> None:
        self._limits = limits
        self._habits = habits
        self._loop = Loop(limits.loop)
        self._progress = Progress(limits.no_progress)
        self._circle = Circle(limits.circular_delegation)
        self._bounds = Bounds(limits.out_of_bounds)
        self._blocks = Blocks(limits.policy_blocks)
        self._mix = Mix(limits.tool_mix)
        self._recipients = memory.recipients(limits.recipients, principal)
        self._peaks = None if habits is None else (habits.micros_peak, habits.tokens_peak)
        spends: tuple[tuple[Monitor, SpendLimit], ...] = (
            ("spend_velocity", limits.spend_velocity),
            ("agent_spend", limits.agent_spend),
            ("mission_spend", limits.mission_spend),
        )
        whose = {"agent": principal, "mission": mission}
        self._velocities = [
            Velocity(name, limit) if limit.over == "run" else memory.velocity(name, limit, whose[limit.over])
            for name, limit in spends
        ]

    def before(self, operation: Operation, at: float) -> list[Finding]:
        """Judge a call that is about to be made."""
        found: list[Finding | None] = [
            self._loop.call(operation.name, operation.digest),
            self._mix.call(operation.name, self._habits),
        ]
        if operation.effect != "read":
            limits, arguments = self._limits, operation.arguments
            found += (
                self._recipients.call(arguments, at, self._habits),
                amount(limits.amounts, operation.name, arguments, self._habits, limits.history_runs),
                hour(limits.hours, operation.name, at),
            )
        return [finding for finding in found if finding is not None]

    def handed(self, name: str, to: str, chain: Sequence[str], digest: str) -> list[Finding]:
        """Judge a hand-over that is about to be made."""
        found = [self._loop.call(name, digest), self._circle.handed(name, to, chain)]
        return [finding for finding in found if finding is not None]

    def again(self, name: str, digest: str) -> None:
        """Remember a call that was made before the run was interrupted."""
        self._loop.call(name, digest)
        self._mix.call(name, None)

    def came_of(self, operation_name: str, news: bytes | None) -> list[Finding]:
        """Judge what a call brought: its result, the arguments of a change, ``None`` where it failed."""
        found = self._progress.done(operation_name, news)
        return [] if found is None else [found]

    def refused(self, name: str, bound: str | None, at: float) -> list[Finding]:
        """Judge a call that the law refused, outside of a bound or within."""
        found = [self._blocks.refused(name, at), None if bound is None else self._bounds.refused(name, bound)]
        return [finding for finding in found if finding is not None] + self.came_of(name, None)

    def spent(self, data: Mapping[str, Any], at: float, *, again: bool = False) -> list[Finding]:
        """Judge what a model call came to; one from before an interruption counts in its own run only."""
        micros, tokens = data.get("cost_micros", 0), data.get("input_tokens", 0) + data.get("output_tokens", 0)
        found: list[Finding] = []
        for velocity in self._velocities:
            if again and velocity.is_shared:
                continue
            finding = velocity.spent(micros, tokens, at, self._peaks)
            if finding is not None:
                found.append(finding)
        return found
