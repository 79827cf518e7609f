"""The keeper: a watcher that reserves every operation of a run from the day budgets of its mission and agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo.purses import process
from gonogo.purses.holdings import Asked, Held, Holdings, Shortage
from gonogo.uses import model_use, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.errors import BudgetExceeded
    from gonogo.evidence.records import Record
    from gonogo.model import Unit
    from gonogo.operations import Operation
    from gonogo.policy.registry import DayBudgets
    from gonogo.runs import Run
    from gonogo.settings import Settings


def today() -> str:
    """Return the day that budgets count for now, in UTC."""
    return datetime.now(UTC).date().isoformat()


def purse_of(day: str, whose: str, name: str, unit: Unit) -> str:
    """Return the name of a purse in the ledger."""
    return f"{day}/{whose}/{unit}/{name}"


@dataclass(slots=True)
class Keeper:
    """Reserves before, settles after; the last of a run's watchers, so that nothing is reserved in vain."""

    settings: Settings
    days: DayBudgets
    mission: str
    _holdings: Holdings | None = None
    _held: dict[str, list[Held]] = field(default_factory=dict[str, list[Held]])

    @classmethod
    def of(cls, settings: Settings, days: DayBudgets, mission: str) -> Keeper | None:
        """Return the keeper of a run; ``None`` where no budget of a day can concern it."""
        return cls(settings, days, mission) if days.agents or mission in days.missions else None

    async def before(self, run: Run, operation: Operation) -> None:
        """Reserve what the operation may use.

        What was begun before a crash and is done again was reserved when it was begun; a model that is asked
        again may be billed again.

        Raises:
            BudgetExceeded: the mission's or the agent's budget of the day does not cover it.
            EvidenceUnwritable: the ledger cannot be used; nothing may be spent.

        """
        asks = self._asks(operation)
        if not asks or (operation.kind == "tool" and run.ledger.intent(operation.key) is not None):
            return
        if self._holdings is None:
            self._holdings = process.enter(self.settings)
        holdings = self._holdings
        got = await process.reserved(holdings, asks, self.settings.budget_wait_seconds)
        if isinstance(got, Shortage):
            raise _refusal(got, operation)
        self._held[operation.key] = got

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """Give back what the operation did not use."""
        del run
        held = self._held.pop(operation.key, None)
        if held is None or self._holdings is None:
            return
        if operation.kind == "tool":
            self._holdings.settle([(each, each.amount) for each in held])
            return
        used = model_use(record, operation.claim).units
        self._holdings.settle([(each, used[_unit(each.purse)]) for each in held])
        for each in held:
            # A provider that bills more than could be foreseen: the others must learn of it before they spend.
            if used[_unit(each.purse)] > each.amount:
                await process.in_thread(self._holdings.true_up, each.purse)

    def leave(self) -> None:
        """Say that the run has left this process, or ended."""
        if self._holdings is not None:
            self._holdings = None
            process.leave(self.settings)

    def _asks(self, operation: Operation) -> list[Asked]:
        """Return what an operation wants of which purse, always in the same order."""
        owners = [("mission", self.mission, self.days.missions)]
        if operation.principal != self.mission:
            owners.append(("agent", operation.principal, self.days.agents))
        day, units, asks = today(), operation.claim.units, list[Asked]()
        for whose, name, budgets in owners:
            budget = budgets.get(name)
            if budget is not None:
                asks += _asked(day, whose, name, budget.limits(), units)
        return asks


def _asked(day: str, whose: str, name: str, limits: Mapping[Unit, int], units: Mapping[Unit, int]) -> list[Asked]:
    asks: list[Asked] = []
    for unit, cap in limits.items():
        amount = units.get(unit, 0)
        if amount:
            asks.append(Asked(purse_of(day, whose, name, unit), cap, amount))
    return asks


def _unit(purse: str) -> Unit:
    unit: Unit = purse.split("/", 3)[2]  # pyright: ignore[reportAssignmentType] - purse_of() put it there
    return unit


def _refusal(shortage: Shortage, operation: Operation) -> BudgetExceeded:
    asked = shortage.asked
    _, whose, _, name = asked.purse.split("/", 3)
    what = (
        f"A call of {operation.principal}"
        if operation.kind == "model"
        else f"{operation.name} by {operation.principal}"
    )
    whose_day = "mission_day" if whose == "mission" else "agent_day"
    return short(what, whose_day, name, _unit(asked.purse), cap=asked.cap, used=shortage.used, asked=asked.amount)
