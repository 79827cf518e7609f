"""Conclusions: what an agent answers is held against its criteria, and against how sure it says it is."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_json

from gonogo.cards import quoted
from gonogo.criteria import RESULT, Criterion
from gonogo.current import current_run, step_fields
from gonogo.errors import CriterionBroken
from gonogo.evidence.canon import plain_text
from gonogo.gates import Action, call_facts, clear
from gonogo.policy.law import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from gonogo.runs import Run

CONCLUDE = "conclude"
"""The action that the law is asked about where an agent says how sure it is."""


@dataclass(slots=True)
class Objections:
    """What was wrong with the answers of one turn, so far."""

    agent: str
    key: str
    told: list[str] = field(default_factory=list[str])

    def note(self, criterion: Criterion, objection: str) -> None:
        """Record that an answer broke a criterion; once, also where the turn is replayed."""
        self.told.append(f"{self.agent}: the output criterion {objection}.")
        run, key = current_run(), f"{self.key}/output#{len(self.told)}"
        if run.ledger.result(key) is None:
            card = run.registry.card(self.agent)
            fields = {"agentid": self.agent, "agentversion": card.version, "manifestdigest": card.digest}
            data = {
                "key": key,
                "owner": self.agent,
                "side": "output",
                "criterion": criterion.name,
                "told": plain_text(objection),
            }
            run.ledger.note("criterion_record", data, fields={**fields, **step_fields()})

    def raise_last(self, error: Exception) -> None:
        """Fail with the criterion that was broken last, where the turn failed for one."""
        if self.told:
            raise CriterionBroken(plain_text(f"{self.told[-1]} It was told {len(self.told)} times.")) from error


_objections: ContextVar[Objections] = ContextVar("gonogo_objections")


@contextmanager
def objecting(objections: Objections) -> Generator[None]:
    """Collect the objections of the block's turn."""
    token = _objections.set(objections)
    try:
        yield
    finally:
        _objections.reset(token)


def validator_of(criteria: Sequence[Criterion]) -> Callable[[Any], Awaitable[Any]]:
    """Return what holds an agent's answers against its criteria; the model is told the first that is broken."""
    from pydantic_ai import ModelRetry

    async def validate(output: Any) -> Any:
        for each in criteria:
            objection = each.objection({RESULT: output})
            if objection is not None:
                _objections.get().note(each, objection)
                raise ModelRetry(f"Your answer cannot be used: {objection}. Correct it and answer again.")
        return output

    return validate


def conclude(run: Run, agent: str, key: str, output: BaseModel | str) -> None:
    """Ask the law whether an answer may be used, given how sure the agent says it is.

    Raises:
        CriterionBroken: the answer does not say, or not as a whole number from 0 to 100.
        PolicyDenied, GateDenied: the law, or a person, says that it may not.
        Held: a person has to be asked first; the mission does that and comes back.

    """
    card = run.registry.card(agent)
    if card.confidence is None:
        return
    name = card.confidence.field
    said = getattr(output, name, None)
    if type(said) is not int or not 0 <= said <= 100:  # noqa: PLR2004 - percent
        told = plain_text(repr(said), 80)
        raise CriterionBroken(f"{agent}: {name} says how sure it is, from 0 to 100 in whole percent, and is {told}.")
    request = Request(
        principal=("Agent", agent),
        action=CONCLUDE,
        resource=("Agent", agent),
        call=call_facts(run),
        args={"confidence_pct": said, "least_pct": card.confidence.least_pct},
    )
    body = output.model_dump_json(indent=1) if isinstance(output, BaseModel) else to_json(output).decode()
    preview = f"The mission goes on with this answer, as it stands.\n\n{quoted(body)}"
    envelope = {"agentid": agent, "agentversion": card.version, "manifestdigest": card.digest}
    clear(run, Action(f"{key}/conclusion", request, preview, card.digest, envelope))
