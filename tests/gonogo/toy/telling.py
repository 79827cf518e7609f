"""A mission whose own words name an account, told to an agent; as a program it dies then: ``telling.py HOME dies``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from gonogo import Outcome, agent, mission, receive, step
from tests.gonogo.toy.bank import pay
from tests.gonogo.toy.errands import Papers, park
from tests.gonogo.toy.mail import INBOX, read_mail

ACCOUNT = "DE02120300000000202051"
"""Stands in nothing but mission code."""


class Wish(BaseModel):
    """What somebody asked for: nothing that names an account."""

    asked: str = "deal with the mail"


class Dealt(Outcome):
    """It was paid."""

    outcome: Literal["paid"]
    successes = frozenset({"paid"})


told = agent(
    "postman", output=str, instructions="Say whether it may be paid.", offline=lambda _: "noted", tools=(read_mail,)
)


@step
async def hear() -> str:
    """Read what came in."""
    return (await read_mail(folder="inbox")).body


@step
async def tell() -> str:
    """Name the account to the agent, in a sentence that mission code wrote."""
    return await told.ask(f"Rent goes to {ACCOUNT}, as every month.")


@step
async def live_on() -> str:
    """Die, if told to."""
    if "dies" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@step
async def pay_rent() -> str:
    """Pay whom mission code names."""
    return await pay(payee=ACCOUNT, amount_cents=1_000)


@mission(owner="counter", scope=["bank"])
async def rent(case: Wish) -> Dealt:
    """Hear, tell, wait, pay."""
    del case
    await hear()
    await tell()
    await live_on()
    await receive("papers", Papers)
    await pay_rent()
    return Dealt(outcome="paid")


if __name__ == "__main__":
    INBOX["inbox"] = "Good morning."
    asyncio.run(park(Wish(), Path(sys.argv[1]), flying=rent))
