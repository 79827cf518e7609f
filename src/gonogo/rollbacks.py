"""Rollbacks: what a run did is undone, newest first, by a run of its own.

A rollback is flown like a mission: ``RUN-rollback`` has its own stream, acts within the scope of the
mission it undoes, and every undo is a tool call that the law rules on, that is recorded before it
happens, and that carries its own idempotency key. So it waits at gates, is continued after a crash,
and undoes nothing twice. What cannot be undone is an exception with an owner, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from gonogo.errors import CaseRefused, EvidenceBroken, EvidenceUnwritable, GonogoError, RunBusy, RunUnknown, ToolFailed
from gonogo.evidence.ledger import must_have_payload, only
from gonogo.evidence.payloads import whole
from gonogo.exceptions import record_exception
from gonogo.flights import fly, requester
from gonogo.model import Budget, Charter, FailureClass, Measure, Noun, Outcome
from gonogo.plans import Plan
from gonogo.steps import step
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.pilots import Pilot
    from gonogo.plans import Landing
    from gonogo.settings import Settings

SUFFIX = "-rollback"
"""What the id of a rollback ends in; the rest is the run it undoes."""


class Effect(Noun):
    """One effect of a run, and what is to be done about it."""

    key: str
    """The operation in the evidence of the run."""
    tool: str
    undo_tool: str = ""
    """What undoes it; empty where nothing can."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    why: str = ""
    """Why nothing can."""
    reason_code: FailureClass = "tool_failure"


class RollbackOrder(Noun):
    """What a rollback is to do; resolved from the evidence once, before anything is undone."""

    run_id: str
    reason: str
    effects: tuple[Effect, ...]
    """Newest first."""


class Left(Noun):
    """An effect that stands, why, and whose it is now."""

    key: str
    tool: str
    why: str
    owner: str


class RolledBack(Outcome):
    """What a rollback came to."""

    outcome: Literal["undone", "partly_undone", "nothing_to_undo"]
    successes = frozenset({"undone", "nothing_to_undo"})
    escalations = frozenset({"partly_undone"})
    run_id: str
    undone: Annotated[int, Measure("effects")] = 0
    not_undone: Annotated[int, Measure("effects")] = 0
    left: tuple[Left, ...] = ()


@dataclass(slots=True)
class Rollback:
    """A rollback as a flight sees it: a mission whose story is written by the evidence of another run."""

    charter: Charter
    case_type: type[BaseModel] = RollbackOrder
    outcome_type: type[Outcome] = RolledBack

    @property
    def story(self) -> Callable[[Any], Awaitable[Outcome]]:
        """What every rollback does."""
        return undo_all


@step(name="undo")
async def undo(effect: Effect) -> str:
    """Undo one effect through the tool that it names."""
    tool = TOOLS.get(effect.undo_tool)
    if tool is None:
        raise ToolFailed(f"No tool {effect.undo_tool} is defined any more, so {effect.tool} was not undone.")
    await tool(**effect.arguments)
    return tool.name


async def undo_all(order: RollbackOrder) -> RolledBack:
    """Undo every effect that can be undone, newest first; what stands is an exception of its owner."""
    from gonogo.current import current_run

    owner = current_run().charter.owner
    left: list[Left] = []
    for effect in order.effects:
        try:
            if not effect.undo_tool:
                left.append(await _leave(order, effect, effect.reason_code, effect.why, owner))
                continue
            await undo(effect)
        except (EvidenceUnwritable, EvidenceBroken):
            raise
        except GonogoError as error:
            left.append(await _leave(order, effect, error.failure, str(error), owner))
    undone = len(order.effects) - len(left)
    word = "partly_undone" if left else "undone" if undone else "nothing_to_undo"
    return RolledBack(outcome=word, run_id=order.run_id, undone=undone, not_undone=len(left), left=tuple(left))


async def _leave(order: RollbackOrder, effect: Effect, code: FailureClass, why: str, owner: str) -> Left:
    """Record that an effect stands, once, and whose it is."""
    await record_exception(code, what=f"{effect.key} of run {order.run_id} was not undone: {why}", owner=owner)
    return Left(key=effect.key, tool=effect.tool, why=why, owner=owner)


def rollback_id(run_id: str) -> str:
    """Return the id of the run that undoes a run."""
    return f"{run_id}{SUFFIX}"


async def roll_back(journal: Journal, run_id: str, reason: str, pilot: Pilot, settings: Settings) -> Landing:
    """Undo what a run did, or go on doing so; of a rollback that has ended, return how it ended.

    Args:
        journal: where the evidence stands.
        run_id: the run whose effects are undone; it has ended.
        reason: why; tools that ask for one are told it.
        pilot: who flies the rollback.
        settings: the environment of the run counts where it is stricter.

    Raises:
        RunUnknown: there is no such run.
        RunBusy: it has not ended, or another process undoes it now; nothing was done.
        CaseRefused: it is a rollback itself, or gave no reason; nothing was done.
        EvidenceBroken: the evidence of the run does not hold; nothing is undone on broken evidence.

    """
    records = journal.read_flight(run_id)
    if not records:
        raise RunUnknown(f"No run called {run_id}; `gonogo runs --all` lists them.")
    first = records[0]
    if "rolls_back" in first.data:
        raise CaseRefused(
            f"Run {run_id} is a rollback; what it did is not rolled back. Fly a mission that does it anew."
        )
    if not reason.strip():
        raise CaseRefused(
            "A rollback needs a reason; it becomes evidence, and is told to the systems that ask for one."
        )
    if not journal.has_ended(run_id):
        raise RunBusy(f"Run {run_id} has not ended, and what flies is not rolled back. Abort it first, or let it end.")
    strict = settings.environment if first.fields["envname"] == "dev" else first.fields["envname"]
    chosen = settings.model_copy(update={"environment": strict})
    begun = journal.read_flight(rollback_id(run_id))
    if begun and begun[0].data.get("rolls_back") != run_id:
        raise CaseRefused(f"There is a run {rollback_id(run_id)} that is no rollback of {run_id}; nothing was undone.")
    order = None if begun else RollbackOrder(run_id=run_id, reason=reason, effects=effects_of(journal, records, reason))
    plan = Plan(rollback_id(run_id), pilot, chosen, f"rollback of {run_id}", rolls_back=run_id)
    return await fly(Rollback(_charter(records)), order, plan)


def asked_by(settings: Settings, name: str | None) -> Settings:
    """Return the settings under which somebody asks for a rollback."""
    return settings.model_copy(update={"requester": name or requester(settings)})


def _charter(records: list[Record]) -> Charter:
    """Return what a rollback may do: what the run was allowed to touch, as its evidence has it; no model is asked."""
    said = records[0].data
    return Charter(
        name=f"{said['mission']}_rollback",
        owner=said["owner"],
        scope=tuple(said["scope"]),
        budget=Budget(usd="0", actions=said["budget"]["actions"]),
        description=f"Undo what run {records[0].run_id} did.",
        digest=records[-1].digest,
    )


def effects_of(journal: Journal, records: list[Record], reason: str) -> tuple[Effect, ...]:
    """Return the effects of a run, newest first, each with what its tool declares about undoing it."""
    intents: dict[str, Record] = {}
    last: dict[str, Record] = {}
    for record in only(records, "tool_call"):
        if record.data["effect"] == "read":
            continue
        if record.data["phase"] == "intent":
            intents[record.data["key"]] = record
        last[record.data["key"]] = record
    found = [(record.seq, _effect(journal, intents.get(key), record, reason)) for key, record in last.items()]
    return tuple(effect for _, effect in sorted(found, key=lambda pair: -pair[0]) if effect is not None)


def _effect(journal: Journal, intent: Record | None, last: Record, reason: str) -> Effect | None:
    """Return what is to be done about one call; ``None`` for one that changed nothing."""
    data = last.data
    outcome = data.get("outcome", "open")
    if intent is None or (outcome == "failed" and data.get("reason_code") != "timeout") or outcome == "refused":
        return None
    if outcome == "done":
        return _undoing(journal, intent, last, reason)
    doubt = "nobody knows whether it happened, and nobody guesses: look in the system of record"
    return _standing(last, f"{data['tool']} is in doubt; {doubt}.", "internal")


def _undoing(journal: Journal, intent: Record, last: Record, reason: str) -> Effect:
    """Return how an effect that happened is undone, as its tool declares it."""
    name = last.data["tool"]
    tool = TOOLS.get(name)
    undo_of = None if tool is None else tool.undo
    if undo_of is None:
        what = "is not defined any more" if tool is None else "does not declare how it is undone"
        return _standing(last, f"The tool {name} {what}.")
    if undo_of.tool is None:
        return _standing(last, undo_of.why)
    try:
        call, result = _body(journal, intent), _body(journal, last)
        arguments = undo_of.tool.checked(undo_of.arguments_of(call, result, reason))
    except (EvidenceBroken, KeyError, TypeError) as error:
        why = f"What was asked or answered is gone or lacks what is needed ({error}), so nobody can say what to undo."
        return _standing(last, why, "data_mismatch")
    except ToolFailed as error:
        return _standing(last, str(error))
    return Effect(key=last.data["key"], tool=name, undo_tool=undo_of.tool.name, arguments=arguments)


def _standing(last: Record, why: str, reason_code: FailureClass = "tool_failure") -> Effect:
    """Return an effect that nothing undoes."""
    return Effect(key=last.data["key"], tool=last.data["tool"], why=why, reason_code=reason_code)


def _body(journal: Journal, record: Record) -> Any:
    return orjson.loads(must_have_payload(whole(journal.payloads, record)))
