"""Uses: what one operation may use of a budget, and what was used of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gonogo.errors import BudgetExceeded
from gonogo.reaches import Reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.evidence.records import Record
    from gonogo.model import Budget, Effect, Unit


WORDS: dict[Unit, str] = {
    "usd_micros": "micro-USD",
    "tokens": "tokens",
    "model_calls": "model calls",
    "tool_calls": "tool calls",
    "actions": "changes",
    "seconds": "seconds in the air",
    "records": "records",
    "recipients": "recipients",
    "amount_cents": "cents moved",
    "systems": "systems",
}
"""Units as sentences say them."""


Whose = Literal["run", "agent", "mission_day", "agent_day"]
"""Which budget: of a run, of an agent in it, or of all a mission or an agent does in a day."""

_OWNERS: dict[Whose, str] = {
    "run": "the run",
    "agent": "the agent {} in this run",
    "mission_day": "the mission {} today",
    "agent_day": "the agent {} today",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What one operation may use at most."""

    units: Mapping[Unit, int]
    systems: frozenset[str] = frozenset()
    """Systems in which it changes something."""


def model_claim(most_micros: int, most_tokens: int) -> Claim:
    """Return what a model request may use."""
    return Claim({"usd_micros": most_micros, "tokens": most_tokens, "model_calls": 1})


def tool_claim(system: str, effect: Effect, reach: Reach) -> Claim:
    """Return what a tool call uses; one that changes nothing is a call and nothing more, unless its tool says so."""
    units: dict[Unit, int] = {"tool_calls": 1}
    if reach.records:
        units["records"] = reach.records
    if reach.recipients:
        units["recipients"] = reach.recipients
    if reach.amount_cents:
        units["amount_cents"] = reach.amount_cents
    if effect == "read":
        return Claim(units)
    units["actions"] = 1
    return Claim(units, frozenset({system, *reach.systems}))


def model_use(record: Record, claim: Claim) -> Claim:
    """Return what a model call used, as it is recorded; one that was billed and told no usage used what it might."""
    data = record.data
    tokens = data["input_tokens"] + data["output_tokens"]
    if not tokens and data["cost_micros"]:
        tokens = claim.units.get("tokens", 0)
    return Claim(
        {"usd_micros": data["cost_micros"], "tokens": tokens, "model_calls": int(data["outcome"] != "refused")}
    )


def short(what: str, whose: Whose, name: str, unit: Unit, *, cap: int, used: int, asked: int) -> BudgetExceeded:
    """Return the refusal of a call that a budget does not cover."""
    could = f"{what} could cost" if unit == "usd_micros" else f"{what} would use"
    told: dict[str, int | str] = {"whose": whose, "name": name, "unit": unit, "cap": cap, "used": used, "asked": asked}
    return BudgetExceeded(
        f"{could} {asked} {WORDS[unit]} and {_OWNERS[whose].format(name)} has {cap - used} of {cap} left; "
        "the call was not made. Raise that budget if this is right, or narrow what is asked.",
        told,
    )


@dataclass(slots=True)
class Use:
    """What has been used of one budget, and what is reserved for calls in flight."""

    spent: Counter[Unit] = field(default_factory=Counter["Unit"])
    reserved: Counter[Unit] = field(default_factory=Counter["Unit"])
    systems: set[str] = field(default_factory=set[str])

    @property
    def spent_micros(self) -> int:
        """Money spent, in micro-USD."""
        return self.spent["usd_micros"]

    @property
    def reserved_micros(self) -> int:
        """Money reserved, in micro-USD."""
        return self.reserved["usd_micros"]

    @property
    def actions(self) -> int:
        """Changes made, and those under way."""
        return self.spent["actions"] + self.reserved["actions"]

    def check(self, claim: Claim, caps: Budget, whose: Whose, name: str, what: str) -> None:
        """Refuse a claim that is not covered.

        Raises:
            BudgetExceeded: the sentence names the budget, its cap, what is left and what was asked.

        """
        for unit, cap in caps.limits().items():
            asked = claim.units.get(unit)
            used = self.spent[unit] + self.reserved[unit]
            if asked is not None and used + asked > cap:
                raise short(what, whose, name, unit, cap=cap, used=used, asked=asked)
        if caps.systems is not None:
            used, asked = len(self.systems), len(claim.systems - self.systems)
            if asked and used + asked > caps.systems:
                raise short(what, whose, name, "systems", cap=caps.systems, used=used, asked=asked)

    def reserve(self, claim: Claim) -> None:
        """Set aside what a call may use."""
        self.reserved.update(claim.units)
        self.systems |= claim.systems

    def settle(self, claim: Claim, used: Claim | None) -> None:
        """Replace what was set aside by what was used; nothing, where the call was not made."""
        self.reserved.subtract(claim.units)
        if used is not None:
            self.count(used)

    def count(self, used: Claim) -> None:
        """Count what was used."""
        self.spent.update(used.units)
        self.systems |= used.systems


def recorded_claim(intent: Record) -> Claim:
    """Return what a tool call used, from its intent; one that is done again after a doubt is no second change."""
    data: dict[str, Any] = intent.data
    if "doubt" in data:
        return Claim({"tool_calls": 1})
    effect: Effect = data["effect"]
    told: dict[str, Any] = data.get("reach") or {"records": int(effect != "read")}
    reach = Reach(
        told["records"], told.get("recipients", 0), told.get("amount_cents", 0), tuple(told.get("systems", ()))
    )
    return tool_claim(data.get("system", ""), effect, reach)


def reserved_claim(intent: Record | None) -> Claim:
    """Return what was set aside for a model call, from its intent."""
    if intent is None:
        return Claim({})
    return model_claim(int(intent.data["reserved_micros"]), int(intent.data.get("reserved_tokens", 0)))


def reach_fields(reach: Reach, effect: Effect) -> dict[str, Any]:
    """Return a call's reach as its intent carries it; nothing where it is what a reader takes it to be."""
    if reach == Reach(records=int(effect != "read")):
        return {}
    told = {"records": reach.records, "recipients": reach.recipients, "amount_cents": reach.amount_cents}
    return {"reach": told | {"systems": list(reach.systems)}}
