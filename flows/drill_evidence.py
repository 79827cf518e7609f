"""Attack a copy of the log, and measure what an auditor finds.

Trigger    every Sunday morning          prefect.yaml, `drill-evidence`
Work       gonogo/drills; in a scratch home, on no log of yours
Event      the flow run fails if one attack is not found exactly where it can be
On call    platform; `gonogo drill evidence` does the same by hand, table `drills` has the figures
"""

import asyncio

from prefect import flow

from analytics import warehouse
from gonogo.drills.evidence import drill_evidence as drill
from gonogo.errors import StepFailed
from gonogo.settings import settings


@flow
async def drill_evidence(drill_id: str | None = None) -> str:
    """Try every attack on the log for every auditor; land the result as evidence."""
    chosen = settings()
    rows = await drill(chosen, drill_id=drill_id)
    await asyncio.to_thread(warehouse.land, chosen.home)
    missed = [f"{row.attack} (an auditor with {row.holding})" for row in rows if not row.passed]
    if missed:
        raise StepFailed(f"Not found as they should be: {', '.join(missed)}. Do not rely on the log until they are.")
    return f"{len(rows)} attacks and auditors, all as they should be"
