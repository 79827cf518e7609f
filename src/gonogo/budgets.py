"""Budgets of one run: what a call may use is reserved before it and settled after, so no cap can be overshot.

The caps of a run and of each agent in it are kept here, in the run's own process and rebuilt from
its evidence. Caps of a day, over many runs and processes, are kept in :mod:`gonogo.purses`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from gonogo.errors import BudgetExceeded
from gonogo.evidence.ledger import only
from gonogo.uses import Claim, Use, model_use, recorded_claim, reserved_claim, short

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from gonogo.evidence.records import Record
    from gonogo.model import Budget

T = TypeVar("T")


@dataclass(slots=True)
class Clock:
    """How long a run has been in the air: it stands while the run only waits."""

    flown_ns: int = 0
    _since: int | None = None

    def let(self, *, run: bool) -> None:
        """Let the clock run, or stand."""
        now = time.monotonic_ns()
        if self._since is not None:
            self.flown_ns += now - self._since
        self._since = now if run else None

    @property
    def milliseconds(self) -> int:
        """Time in the air so far."""
        lasting = 0 if self._since is None else time.monotonic_ns() - self._since
        return (self.flown_ns + lasting) // 1_000_000


@dataclass(slots=True)
class Meter:
    """What one run has used of its budget; rebuilt from evidence, so a crash forgets nothing."""

    budget: Budget
    total: Use = field(default_factory=Use)
    price_basis: str = "list"
    input_tokens: int = 0
    output_tokens: int = 0
    lost_calls: int = 0
    clock: Clock = field(default_factory=Clock)
    by_agent: dict[str, Use] = field(default_factory=dict[str, Use])

    @property
    def spent_micros(self) -> int:
        """Money spent, in micro-USD."""
        return self.total.spent_micros

    @property
    def reserved_micros(self) -> int:
        """Money reserved for calls in flight, in micro-USD."""
        return self.total.reserved_micros

    @property
    def actions(self) -> int:
        """Changes made, and those under way."""
        return self.total.actions

    @property
    def model_calls(self) -> int:
        """Model calls that ended; lost ones count against the cap, and are not among these."""
        return self.total.spent["model_calls"] - self.lost_calls

    @property
    def tool_calls(self) -> int:
        """Tool calls begun."""
        return self.total.spent["tool_calls"] + self.total.reserved["tool_calls"]

    @classmethod
    def replayed(cls, budget: Budget, records: list[Record]) -> Meter:
        """Return the meter as the recorded calls left it.

        A model call whose result was never recorded counts with the whole sum reserved for it, also
        where it was asked again: it may have been billed.
        """
        meter = cls(budget)
        begun: dict[str, Record] = {}
        meter.clock.flown_ns = _flown_ns(records)
        for record in only(records, "model_call"):
            before = begun.pop(record.data["key"], None)
            if record.data["phase"] == "result":
                meter._count(record, reserved_claim(before))
                continue
            # Asked again: what was begun before it stays lost, whatever comes of this one.
            meter._lose(before)
            begun[record.data["key"]] = record
        for record in begun.values():
            meter._lose(record)
        for record in only(records, "tool_call"):
            if record.data["phase"] == "intent":
                meter._add(record.data["principal"], recorded_claim(record))
        return meter

    def _lose(self, intent: Record | None) -> None:
        """Count a model call that was begun and has no result with the sum reserved for it."""
        if intent is not None:
            self.price_basis = intent.data.get("price_basis", self.price_basis)
            self.lost_calls += 1
            self._add(intent.data["agent"], reserved_claim(intent))

    def _use(self, agent: str) -> Use:
        return self.by_agent.setdefault(agent, Use())

    def _add(self, principal: str, used: Claim) -> None:
        self.total.count(used)
        self._use(principal).count(used)

    def reserve(self, claim: Claim, principal: str, mandate: Budget | None, what: str) -> None:
        """Set aside what one call may use, from the run's budget and from the agent's own.

        Args:
            claim: what it may use.
            principal: the agent that makes it, or the mission.
            mandate: the agent's own budget; ``None`` for the mission.
            what: the call, as the refusal begins.

        Raises:
            BudgetExceeded: the call could use more than is left; it must not be made.

        """
        self.check_time(what)
        use = self._use(principal)
        self.total.check(claim, self.budget, "run", "", what)
        if mandate is not None:
            use.check(claim, mandate, "agent", principal, what)
        self.total.reserve(claim)
        use.reserve(claim)

    def release(self, claim: Claim, principal: str) -> None:
        """Give back what was reserved for a call that was not made."""
        self.total.settle(claim, None)
        self._use(principal).settle(claim, None)

    def settle(self, claim: Claim, record: Record) -> None:
        """Replace a reservation by what the recorded call really used."""
        if record.artifact == "model_call":
            self.release(claim, record.data["agent"])
            self._count(record, claim)
            return
        self.total.settle(claim, claim)
        self._use(record.data["principal"]).settle(claim, claim)

    def _count(self, record: Record, claim: Claim) -> None:
        data = record.data
        self._add(data["agent"], model_use(record, claim))
        self.input_tokens += data["input_tokens"]
        self.output_tokens += data["output_tokens"]
        if data["price_basis"] != "list":
            self.price_basis = data["price_basis"]

    def time_left(self) -> float | None:
        """Return the seconds that the run may still be in the air; ``None`` where nothing bounds them."""
        cap = self.budget.seconds
        return None if cap is None else (cap * 1_000 - self.clock.milliseconds) / 1_000

    def time_fields(self) -> dict[str, int]:
        """Return what a record tells of the time in the air, where it is bounded."""
        return {} if self.budget.seconds is None else {"flown_ms": self.clock.milliseconds}

    def check_time(self, what: str) -> None:
        """Refuse a call that begins when the time is over.

        Raises:
            BudgetExceeded: the run has been in the air for as long as it may.

        """
        cap, left = self.budget.seconds, self.time_left()
        if cap is not None and left is not None and left <= 0:
            raise short(what, "run", "", "seconds", cap=cap, used=self.clock.milliseconds // 1_000, asked=1)

    async def within(self, work: Awaitable[T], what: str) -> T:
        """Await a call in flight, for as long as the run may be in the air.

        Raises:
            BudgetExceeded: the time is over; the call was ended, and what it did is not known.

        """
        left = self.time_left()
        if left is None:
            return await work
        bound = asyncio.timeout(max(left, 0))
        try:
            async with bound:
                return await work
        except TimeoutError as error:
            if not bound.expired():
                raise
            raise BudgetExceeded(
                f"{what} was ended after {self.budget.seconds} seconds in the air, which is all this run may take; "
                "what it did until then is not known. Raise the budget's seconds if this is right.",
            ) from error

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


def _flown_ns(records: list[Record]) -> int:
    """Return the time in the air that the evidence knows of: up to the last call begun, and what that call took."""
    flown_ms = took_us = 0
    for record in records:
        told = record.data.get("flown_ms")
        if told is not None:
            flown_ms, took_us = told, 0
        elif record.artifact in {"model_call", "tool_call"} and record.data["phase"] == "result":
            took_us = max(took_us, record.data["latency_us"])
    return flown_ms * 1_000_000 + took_us * 1_000
