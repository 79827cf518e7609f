"""Runs that spend until a day's budget is used up: ``spending.py HOME POLICIES NAME RUNS``; prints what each did.

With ``hold`` as a fifth argument, a run stops in its third call, says so, and waits to be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel

from gonogo import Budget, Measure, Outcome, Reach, agent, mission, step, tool
from gonogo.cases import Flyer
from gonogo.errors import BudgetExceeded
from gonogo.lanes.batch import fly_batch
from gonogo.settings import Settings

if TYPE_CHECKING:
    from gonogo.agents.offline import Conversation
    from gonogo.plans import Landing

CALLS_MAX = 400
HOLDING: list[int] = []
"""In which call to stop, if in any."""


class Purse(BaseModel):
    """Which run spends."""

    name: str


class Spent(Outcome):
    """What it could do before it was refused."""

    outcome: Literal["spent"]
    successes = frozenset({"spent"})
    asked: Annotated[int, Measure("questions")]
    sent: Annotated[int, Measure("calls")]


def _reach(to: str, cents: int) -> Reach:
    return Reach(records=1, recipients=len(to.split(",")), amount_cents=cents)


@tool(system="bank", effect="write", reach=_reach)
async def send(to: str, cents: int) -> int:
    """Send somebody some money."""
    del to
    if cents in HOLDING:
        os.write(1, b"held\n")
        await asyncio.to_thread(threading.Event().wait)
    return cents


def _script(talk: Conversation) -> str:
    del talk
    return "yes"


spender = agent("spender", output=str, instructions="Say yes.", offline=_script)


@step
async def pay(turn: int) -> bool:
    """Send money once, unless the day's budget is used up."""
    try:
        await send(to="ada", cents=turn)
    except BudgetExceeded:
        return False
    return True


@step
async def question(turn: int) -> bool:
    """Ask a model once, unless the day's budget is used up."""
    try:
        await spender.ask(f"{turn}")
    except BudgetExceeded:
        return False
    return True


@mission(owner="counter", scope=["bank"], budget=Budget(usd="100.00", actions=100_000))
async def spending(case: Purse) -> Spent:
    """Spend until there is nothing left."""
    del case
    asked = sent = 0
    while asked < CALLS_MAX and await question(asked):
        asked += 1
    while sent < CALLS_MAX and await pay(sent + 1):
        sent += 1
    return Spent(outcome="spent", asked=asked, sent=sent)


async def spend(home: Path, policies: Path, name: str, runs: int) -> list[Landing]:
    """Fly so many runs at once."""
    chosen = Settings(home=home, policy_folder=policies, cases=runs, model=None, requester="tester")
    landings: list[Landing] = []
    flyers = [Flyer(f"{name}-{number}", "", Purse(name=str(number))) for number in range(runs)]
    await fly_batch(spending, flyers, chosen, landings.append)
    return landings


def main() -> None:
    """Spend, and print how every run landed."""
    home, policies, name, runs, *how = sys.argv[1:]
    if how:
        HOLDING.append(3)
    landings = asyncio.run(spend(Path(home), Path(policies), name, int(runs)))
    sys.stdout.write(json.dumps([landing.model_dump(mode="json") for landing in landings]) + "\n")


if __name__ == "__main__":
    main()
