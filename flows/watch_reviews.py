"""Make an exception with an owner of every review that is due and not done: samples, and emergencies.

Trigger    hourly                        prefect.yaml, `watch-reviews`
Work       gonogo/reviews.py
On call    platform; `gonogo reviews` shows what waits to be looked at
"""

import asyncio

from prefect import flow

from gonogo.evidence.journals import journal_of
from gonogo.reviews import sweep
from gonogo.settings import settings


@flow
async def watch_reviews() -> None:
    """Record of every review that nobody did in time whose it is now."""
    await asyncio.to_thread(sweep, journal_of(settings()))
