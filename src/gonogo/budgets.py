"""Budgets: money is reserved before a call and settled after, so a cap cannot be overshot.

The caps of a run and of each agent in it hold within the run's process. Caps over many runs, for a
mission or a day, are not enforced yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.errors import BudgetExceeded
from gonogo.evidence.ledger import only

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.model import Budget


@dataclass(slots=True)
class Use:
    """What one agent has used in a run."""

    spent_micros: int = 0
    reserved_micros: int = 0
    actions: int = 0


@dataclass(slots=True)
class Meter:
    """What one run has used of its budget; rebuilt from evidence, so a crash forgets nothing."""

    budget: Budget
    spent_micros: int = 0
    reserved_micros: int = 0
    actions: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    price_basis: str = "list"
    by_agent: dict[str, Use] = field(default_factory=dict[str, Use])

    @classmethod
    def replayed(cls, budget: Budget, records: list[Record]) -> Meter:
        """Return the meter as the recorded calls left it.

        A model call whose result was never recorded counts with the whole sum reserved for it, also
        where it was asked again: it may have been billed.
        """
        meter = cls(budget)
        lost: dict[str, Record] = {}
        for record in only(records, "model_call"):
            before = lost.pop(record.data["key"], None)
            if record.data["phase"] == "result":
                meter._count(record)
                continue
            # Asked again: what was begun before it stays lost, whatever comes of this one.
            meter._lose(before)
            lost[record.data["key"]] = record
        for record in lost.values():
            meter._lose(record)
        for record in only(records, "tool_call"):
            if record.data["phase"] == "intent":
                meter.tool_calls += 1
                # What is done again because a person saw that it had not happened is one change, not two.
                changes = record.data["effect"] != "read" and "doubt" not in record.data
                meter.actions += changes
                meter._use(record.data["principal"]).actions += changes
        return meter

    def _lose(self, intent: Record | None) -> None:
        """Count a model call that was begun and has no result with the sum reserved for it."""
        if intent is not None:
            self.spent_micros += int(intent.data["reserved_micros"])
            self.price_basis = intent.data.get("price_basis", self.price_basis)
            self._use(intent.data["agent"]).spent_micros += int(intent.data["reserved_micros"])

    def _use(self, agent: str) -> Use:
        return self.by_agent.setdefault(agent, Use())

    def reserve(self, micros: int, agent: str, mandate: Budget) -> None:
        """Set money aside for one call of an agent, from the run's budget and from the agent's own.

        Raises:
            BudgetExceeded: the call could cost more than is left; it must not be made.

        """
        use = self._use(agent)
        for whose, cap, used in (
            ("the run", self.budget, self.spent_micros + self.reserved_micros),
            (f"the agent {agent} in this run", mandate, use.spent_micros + use.reserved_micros),
        ):
            if used + micros > cap.usd_micros:
                raise BudgetExceeded(
                    f"A call of {agent} could cost {micros} micro-USD and {whose} has {cap.usd_micros - used} of "
                    f"{cap.usd_micros} left; the call was not made. Raise that budget, or narrow what is asked.",
                )
        self.reserved_micros += micros
        use.reserved_micros += micros

    def settle(self, reserved_micros: int, record: Record) -> None:
        """Replace a reservation by what the recorded call really cost."""
        self.reserved_micros -= reserved_micros
        self._use(record.data["agent"]).reserved_micros -= reserved_micros
        self._count(record)

    def _count(self, record: Record) -> None:
        data = record.data
        self.model_calls += 1
        self.spent_micros += data["cost_micros"]
        self._use(data["agent"]).spent_micros += data["cost_micros"]
        self.input_tokens += data["input_tokens"]
        self.output_tokens += data["output_tokens"]
        if data["price_basis"] != "list":
            self.price_basis = data["price_basis"]

    def act(self, what: str, principal: str, mandate: Budget | None) -> None:
        """Count one action that changes something, against the run and against the agent that acts.

        Raises:
            BudgetExceeded: the run or the agent has used up its actions; this one must not happen.

        """
        use = self._use(principal)
        caps = [("a run", self.budget.actions, self.actions)]
        if mandate is not None:
            caps.append((f"the agent {principal} in a run", mandate.actions, use.actions))
        for whose, cap, used in caps:
            if used >= cap:
                raise BudgetExceeded(
                    f"{what} by {principal} would be change {used + 1} of {whose} that may make {cap}; "
                    "it was not done. Raise that budget if this is right.",
                )
        self.actions += 1
        use.actions += 1

    def totals(self) -> dict[str, int | str]:
        """Return the run's totals as the evidence carries them."""
        return {
            "cost_micros": self.spent_micros,
            "currency": "USD",
            "price_basis": self.price_basis,
            "model_calls": self.model_calls,
            "tool_calls": self.tool_calls,
            "actions": self.actions,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }
