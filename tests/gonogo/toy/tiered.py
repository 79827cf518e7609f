"""Agents of every tier that do as the brief says, one that says how sure it is, and a mission that asks them."""

from __future__ import annotations

import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gonogo import Outcome, agent, criterion, mission, step
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import label, look_up, pay
from tests.gonogo.toy.counter import Brief, Opinion, by_the_brief
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from gonogo.agents.agent import Agent
    from gonogo.agents.offline import Conversation
    from gonogo.missions import Mission
    from gonogo.testing import Rehearsal


class Ask(BaseModel):
    """Who is asked, and what for."""

    who: Literal["intern", "trainee", "deputy", "guarded", "halver", "oracle"] = "intern"
    brief: Brief = Brief()
    sure_pct: int = 90
    fails: bool = False


class Done(Outcome):
    """What the agent concluded."""

    outcome: Literal["done"]
    successes = frozenset({"done"})
    told: str = ""


class Hunch(BaseModel):
    """What the oracle thinks."""

    text: str = "yes"
    sure_pct: int


@criterion("the answer is in words")
def is_in_words(result: Hunch) -> bool:
    """Look at the answer."""
    return result.text.isalpha()


SAID: list[str] = []
"""What the oracle says, answer by answer; then yes."""


def _guess(talk: Conversation) -> Hunch:
    """Say the next thing, as sure as the case says."""
    return Hunch(text=SAID.pop(0) if SAID else "yes", sure_pct=Ask.model_validate(talk.case).sure_pct)


def _payer(name: str) -> Agent[Opinion]:
    tools = [look_up, pay, label]
    return agent(name, output=Opinion, instructions="Do as the brief says.", offline=by_the_brief, tools=tools)


PAYERS = {name: _payer(name) for name in ("intern", "trainee", "deputy", "guarded", "halver")}
oracle = agent("oracle", output=Hunch, instructions="Guess.", offline=_guess, tools=[look_up], criteria=[is_in_words])


@step
async def ask_payer(case: Ask) -> Opinion:
    """Ask the payer of the case."""
    return await PAYERS[case.who].ask(case.brief)


@step
async def ask_oracle(case: Ask) -> Hunch:
    """Ask the oracle."""
    return await oracle.ask(case)


@step(acting="intern")
async def pay_as_intern(cents: int) -> str:
    """Pay on the intern's mandate, in code that needs the result."""
    return await pay(payee="ada", amount_cents=cents)


@mission(owner="counter", scope=["bank"])
async def tiered(case: Ask) -> Done:
    """Ask somebody to do something."""
    if case.who == "oracle":
        return Done(outcome="done", told=(await ask_oracle(case)).text)
    told = (await ask_payer(case)).model_dump_json()
    if case.fails:
        raise LookupError("the mission failed")
    return Done(outcome="done", told=told)


@mission(owner="counter", scope=["bank"])
async def in_code(case: Ask) -> Done:
    """Pay as the intern, in a step."""
    return Done(outcome="done", told=await pay_as_intern(case.sure_pct))


@lru_cache
def tiered_policies() -> Path:
    """Return a folder with the toy's law, and the tiers of the real one beside it."""
    folder = Path(tempfile.mkdtemp(prefix="gonogo-tiers-"))
    for source in (*POLICIES.iterdir(), *(Path(__file__).parent / "tiers").iterdir()):
        shutil.copy(source, folder)
    return folder


async def asked(case: Ask, run_id: str = "r1", flying: Mission[Any, Any] = tiered, **how: Any) -> Rehearsal:
    """Fly the run ``r1`` with this case; a home continues it."""
    return await run(case, flying=flying, run_id=run_id, overrides={"policy_folder": tiered_policies()}, **how)
