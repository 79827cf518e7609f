"""Missions that do what a test says, in mission code or inside a step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gonogo import Budget, Outcome, mission, step
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from gonogo.missions import Mission
    from gonogo.testing import Rehearsal


class Case(BaseModel):
    """A case that says nothing."""


class Told(Outcome):
    """What came of it."""

    outcome: Literal["told"]
    successes = frozenset({"told"})
    text: str = ""


Story = Callable[[], Awaitable[Any]]
STORY: list[Story] = []
"""What the next flight does."""


@mission(owner="counter", scope=["bank"])
async def telling(case: Case) -> Told:
    """Do what the test says in mission code, and tell what came of it."""
    del case
    return Told(outcome="told", text=str(await STORY[-1]()))


@step
async def act() -> str:
    """Do what the test says."""
    return str(await STORY[-1]())


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=2))
async def acting(case: Case) -> Told:
    """Do what the test says inside a step."""
    del case
    return Told(outcome="told", text=await act())


@step(acting="reader")
async def act_as_reader() -> str:
    """Do what the test says, on the reader's mandate."""
    return str(await STORY[-1]())


@mission(owner="counter", scope=["bank"])
async def reading(case: Case) -> Told:
    """Do what the test says inside a step, on the reader's mandate."""
    del case
    return Told(outcome="told", text=await act_as_reader())


async def told(story: Story, flying: Mission[Any, Any] = telling, **how: Any) -> Rehearsal:
    """Fly a mission that does this, in mission code if no other is named."""
    STORY[:] = [story]
    return await run(Case(), flying=flying, **how)


async def done(story: Story, flying: Mission[Any, Any] = acting, **how: Any) -> Rehearsal:
    """Fly a mission that does this inside a step."""
    return await told(story, flying, **how)


def text(went: Rehearsal) -> str:
    """Return what a flight told."""
    assert went.landing.outcome is not None, went.landing.error
    return went.landing.outcome["text"]


def cut(went: Rehearsal, records: int) -> None:
    """Keep only the first records of a run, or, counted from the end, all but some."""
    path = went.home / "journals" / "flights" / f"{went.landing.run_id}.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:records]))
