"""Make an exception of every review that is overdue, and climb the ladders of exceptions that nobody closes.

Trigger    hourly                        prefect.yaml, `watch-reviews`
Work       gonogo/reviews.py, gonogo/owned.py
On call    platform; `gonogo reviews` and `gonogo exceptions` show what waits
"""

import asyncio

from prefect import flow

from gonogo.evidence.journals import journal_of
from gonogo.owned import climb_exceptions
from gonogo.reviews import sweep
from gonogo.settings import settings


@flow
async def watch_reviews() -> None:
    """Record of every review that nobody did in time whose it is now, and tell whoever a ladder names."""
    await asyncio.to_thread(sweep, journal_of(settings()))
    await asyncio.to_thread(climb_exceptions, settings())
