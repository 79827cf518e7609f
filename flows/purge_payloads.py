"""Take out what has been kept long enough.

Trigger    every night                   prefect.yaml, `purge-payloads`
Work       gonogo/house/purging.py; the classes stand in policies/retention.yaml
Event      each run is recorded before and after; what a crash left undone is finished first
On call    data protection; `gonogo purge --dry-run` shows what would go, `gonogo hold` keeps it
"""

import asyncio

from prefect import flow

from gonogo.house import erasing, purging
from gonogo.settings import settings


@flow
async def purge_payloads() -> str:
    """Finish interrupted erasures, and purge the payloads of runs whose time is over and that nobody holds."""
    chosen = settings()
    finished = await asyncio.to_thread(erasing.finish, chosen)
    gone = await asyncio.to_thread(purging.purge, chosen)
    payloads = sum(each.payloads for each in gone.due)
    return f"{payloads} payloads of {len(gone.due)} runs; {len(gone.held)} held; {len(finished)} erasures finished"
