"""Shifts: what a proposed law would have done otherwise, action by action and in sums that say what they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.requests import Later, Missing
    from gonogo.model import Verdict


class Answer(NamedTuple):
    """What a law says of a request, as far as it counts here."""

    verdict: Verdict
    asks: dict[str, int]
    """By role how many people it asks, in the order they are asked; empty but for a gate."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, or the reason why there is none."""

    value: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    """How many observations it stands on."""
    reason: str | None = None
    """Why there is no value."""


@dataclass(frozen=True, slots=True)
class Change:
    """One action of the past of which the proposed law says something else."""

    run_id: str
    operation: str
    mission: str
    action: str
    decided_at: datetime
    before: Verdict
    after: Verdict
    asks_before: dict[str, int]
    asks_after: dict[str, int]
    rules: tuple[str, ...]
    """Rules of the proposed law that decide."""
    because: tuple[str, ...]
    is_done: bool
    """Whether it was carried out at the time."""
    is_change: bool
    """Whether its tool changes something."""
    amount_cents: int | None
    """Its whole-numbered argument ``amount_cents``, in minor units; ``None`` where it has none."""
    later: Later | None
    """What became of it, where that was bad."""

    def answers(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return by role how many answers more, and how many fewer, it would have taken."""
        roles = dict.fromkeys([*self.asks_before, *self.asks_after])
        gaps = {role: self.asks_after.get(role, 0) - self.asks_before.get(role, 0) for role in roles}
        return {r: n for r, n in gaps.items() if n > 0}, {r: -n for r, n in gaps.items() if n < 0}


@dataclass(frozen=True, slots=True)
class Shift:
    """All changes of one mission and action that go the same way."""

    mission: str
    action: str
    before: Verdict
    after: Verdict
    asks_before: tuple[str, ...]
    asks_after: tuple[str, ...]
    rules: tuple[str, ...]
    actions: int
    done: int
    """How many of them were carried out at the time."""
    amount_cents: int | None
    """Sum of ``amount_cents`` of those that changed something and were carried out."""
    hours_added: Estimate
    """Active hours of people: answers more, at what answers took so far."""
    hours_saved: Estimate
    """Active hours that the answers took which would not have been asked for: measured, so no interval."""
    wait_hours: Estimate
    """For how long each action would wait, where it did not."""
    harmed: int
    """Carried out, let pass then and not by the proposal, and then in doubt, rolled back, disputed or failed."""
    harmed_cents: int | None
    harmed_percent: Estimate
    """``harmed`` of those that were carried out."""
    usual_percent: Estimate
    """The same of the mission's actions of this name whose verdict stays: what chance alone would catch."""
    let_through: int
    """Stopped or changed by a person then, and not asked about by the proposal."""


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """Actions that could not be put to the law again, for one reason."""

    why: Missing
    says: str
    actions: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a proposed law would have done with the actions of some days."""

    proposed_digest: str
    in_force_digest: str
    since: datetime
    until: datetime
    """When the newest record of the snapshot was written."""
    actions: int
    unchanged: int
    changed: int
    not_rebuilt: list[Unbuilt]
    unproven: int
    """Of the unchanged and changed actions: those whose own law is none of the given folders', so that nobody
    checked whether it still comes to the verdict of the record."""
    hours_added: Estimate
    hours_saved: Estimate
    delayed_cents: int
    """Sum of ``amount_cents`` that was let pass and would have waited for a person."""
    stopped_cents: int
    """The same of what would have been refused."""
    harmed: int
    let_through: int
    ignores_agents: bool
    """Whether the proposal holds other agents' cards than are in force, which are not taken into account."""
    shifts: list[Shift]
    changes: list[Change]
    snapshot: dict[str, Any]
