"""Budgets: money is reserved before a call and settled after, so a cap cannot be overshot.

This cut holds the caps of one run within its process; caps shared across runs and processes are
leased from the same counters later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.errors import BudgetExceeded
from gonogo.evidence.ledger import only

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.model import Budget


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

    @classmethod
    def replayed(cls, budget: Budget, records: list[Record]) -> Meter:
        """Return the meter as the recorded calls left it.

        A model call whose result was never recorded counts with the whole sum reserved for it:
        it may have been billed.
        """
        meter = cls(budget)
        calls = only(records, "model_call")
        settled = {record.data["key"] for record in calls if record.data["phase"] == "result"}
        for record in calls:
            if record.data["phase"] == "result":
                meter._count(record)
            elif record.data["key"] not in settled:
                meter.spent_micros += int(record.data["reserved_micros"])
        for record in only(records, "tool_call"):
            if record.data["phase"] == "intent":
                meter.tool_calls += 1
                meter.actions += record.data["effect"] != "read"
        return meter

    def reserve(self, micros: int, what: str) -> None:
        """Set money aside for one call.

        Raises:
            BudgetExceeded: the call could cost more than is left; it must not be made.

        """
        left = self.budget.usd_micros - self.spent_micros - self.reserved_micros
        if micros > left:
            raise BudgetExceeded(
                f"{what} could cost {micros} micro-USD and the run has {left} of {self.budget.usd_micros} left; "
                "the call was not made. Raise the mission's budget, or narrow what it asks.",
            )
        self.reserved_micros += micros

    def settle(self, reserved_micros: int, record: Record) -> None:
        """Replace a reservation by what the recorded call really cost."""
        self.reserved_micros -= reserved_micros
        self._count(record)

    def _count(self, record: Record) -> None:
        data = record.data
        self.model_calls += 1
        self.spent_micros += data["cost_micros"]
        self.input_tokens += data["input_tokens"]
        self.output_tokens += data["output_tokens"]
        if data["price_basis"] != "list":
            self.price_basis = data["price_basis"]

    def act(self, what: str) -> None:
        """Count one action that changes something.

        Raises:
            BudgetExceeded: the run has used up its actions; this one must not happen.

        """
        if self.actions >= self.budget.actions:
            raise BudgetExceeded(
                f"{what} would be action {self.actions + 1} of a run that may do {self.budget.actions}; "
                "it was not done. Raise the mission's budget if this is right.",
            )
        self.actions += 1

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
