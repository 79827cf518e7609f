"""Agents asked by a test: briefs, what came of them, and a mission that asks whomever the test names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gonogo import Outcome, mission, step
from tests.gonogo.toy.counter import Brief, Opinion, Wish
from tests.gonogo.toy.errands import Errand, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from gonogo.agents.agent import Agent
    from gonogo.agents.offline import Conversation
    from gonogo.testing import Rehearsal


def brief(*turns: list[tuple[str, dict[str, Any]]]) -> Errand:
    """Return an errand whose clerk is to make these calls, turn by turn."""
    return Errand(brief=Brief(turns=[[Wish(tool=name, args=args) for name, args in turn] for turn in turns]))


def paying(payee: str, cents: int) -> tuple[str, dict[str, Any]]:
    """Return the wish to pay."""
    return ("pay", {"payee": payee, "amount_cents": cents})


def opinion(went: Rehearsal) -> Opinion:
    """Return what the clerk concluded."""
    results = [r for r in went.flight if r.artifact == "step_record" and r.data["phase"] == "result"]
    return Opinion.model_validate(results[0].body())


class Case(BaseModel):
    """A case that says nothing."""


class Said(Outcome):
    """What an agent said."""

    outcome: Literal["said"]
    successes = frozenset({"said"})
    text: str = ""


ASKED: list[tuple[Agent[Any], bool]] = []


@step
async def ask_in_a_step() -> str:
    """Ask the agent of the test."""
    return str(await ASKED[-1][0].ask(Brief()))


@mission(owner="counter", scope=["bank"])
async def asking(case: Case) -> Said:
    """Ask the agent of the test, in a step or not."""
    del case
    who, in_step = ASKED[-1]
    return Said(outcome="said", text=await ask_in_a_step() if in_step else str(await who.ask(Brief())))


async def told(who: Agent[Any], *, in_step: bool = True, **how: Any) -> Rehearsal:
    """Fly a mission that asks this agent."""
    ASKED[:] = [(who, in_step)]
    return await run(Case(), flying=asking, **how)


def raising(error: Exception) -> Callable[[Conversation], str]:
    """Return a script that fails like this."""

    def fail(talk: Conversation) -> str:
        del talk
        raise error

    return fail
