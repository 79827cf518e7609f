"""Effects that cannot be repeated, processes that die in the middle of one, and people who say what became of it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gonogo import Budget, Outcome, mission, step
from gonogo.approvals import Reply
from gonogo.evidence.journals import journal_at
from tests.gonogo.toy.bank import AFTERWARDS, WATCHERS, Call, post_letter, wire
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.missions import Mission
    from gonogo.model import Answer
    from gonogo.testing import GateView, Rehearsal

Moment = Literal["before", "after"]
"""When a process dies: before the effect, or after it."""


class Post(BaseModel):
    """One letter, or one wire."""

    text: str = "Dear Ada"
    cents: int = 0


class Posted(Outcome):
    """What became of it."""

    outcome: Literal["posted", "left"]
    successes = frozenset({"posted"})
    told: str = ""


@step
async def post(text: str) -> str:
    """Post a letter."""
    return await post_letter(payee="ada", text=text)


@step
async def send(cents: int) -> str:
    """Send a wire."""
    return (await wire(payee="ada", cents=cents)).model_dump_json()


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=1))
async def posting(case: Post) -> Posted:
    """Post one letter, or send one wire; one change is all it may make."""
    return Posted(outcome="posted", told=await send(case.cents) if case.cents else await post(case.text))


class Died(BaseException):
    """The process ended here."""


@contextmanager
def dying(moment: Moment, tool: str = "post_letter") -> Generator[None]:
    """Let the process die when a tool's effect is reached, before it or after it."""

    def die(call: Call) -> None:
        if call.tool == tool:
            raise Died

    hooks = WATCHERS if moment == "before" else AFTERWARDS
    hooks.append(die)
    try:
        with suppress(Died):
            yield
    finally:
        hooks.remove(die)


async def begun(
    home: Path, moment: Moment = "before", case: object = None, flying: Mission[Any, Any] = posting, **how: Any
) -> None:
    """Fly the run ``r1`` until its process dies at its first effect that cannot be repeated."""
    given = case or Post()
    with dying(moment, "wire" if isinstance(given, Post) and given.cents else "post_letter"):
        await run(given, flying=flying, home=home, run_id="r1", **how)


async def going_on(home: Path, flying: Mission[Any, Any] = posting, **how: Any) -> Rehearsal:
    """Continue it."""
    return await run(None, flying=flying, home=home, run_id="r1", **how)


def saying(*replies: Answer | Reply | None) -> Callable[[GateView], Answer | Reply | None]:
    """Return an owner who says these, doubt by doubt, and nothing after that; any other gate is go."""
    left = list(replies)

    def say(gate: GateView) -> Answer | Reply | None:
        if gate.about == "action":
            return "go"
        return left.pop(0) if left else None

    return say


def happened(**result: Any) -> Reply:
    """Return the answer of a person who saw that it happened."""
    return Reply("revise", "grace", "It stands in the day book.", "cli", changes=result)


def told(home: Path, artifact: str) -> list[Record]:
    """Return the records about one kind of thing, flight first, then desk."""
    journal = journal_at(home)
    return [r for r in journal.read_flight("r1") + journal.read_desk("r1") if r.artifact == artifact]
