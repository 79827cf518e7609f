"""Land the evidence in DuckDB and publish the marts.

Trigger    every five minutes            prefect.yaml, `land-evidence`
Work       analytics/warehouse.py; where `gonogo up` keeps landing, it asks that loader
On call    platform; `gonogo land` does the same by hand
"""

import asyncio

from prefect import flow

from analytics import warehouse
from gonogo.settings import settings


@flow
async def land_evidence() -> str:
    """Load what missions have recorded since the last time, and publish the marts for readers."""
    landed = await asyncio.to_thread(warehouse.land, settings().home)
    return f"{landed.new_records} records of {landed.runs} runs; {landed.quarantined} quarantined"
