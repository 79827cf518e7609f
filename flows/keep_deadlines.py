"""Act for runs while they sleep: silence becomes no-go, and news wakes them.

Trigger    every minute                  prefect.yaml, `keep-deadlines`
Work       gonogo/house/keeper.py; `gonogo up` does the same every second
On call    platform; `gonogo gates` shows what waits and until when
"""

import asyncio

from prefect import flow

from gonogo.house.keeper import Keeper
from gonogo.house.telling import Teller
from gonogo.settings import settings


@flow
async def keep_deadlines() -> None:
    """Answer no-go for gates past their deadline, wake runs that have something to look at, and tell of gates."""
    await asyncio.to_thread(Keeper(settings()).look)
    if settings().notify:
        await asyncio.to_thread(Teller(settings()).look)
