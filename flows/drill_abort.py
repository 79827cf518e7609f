"""Set runaways loose on a toy system of record, and measure how soon the kill switch stops them.

Trigger    every Sunday morning          prefect.yaml, `drill-abort`
Work       gonogo/drills; in a scratch home, on no system of yours
Event      the flow run fails if one runaway is not caught in time
On call    platform; `gonogo drill abort` does the same by hand, table `drills` has the figures
"""

import asyncio

from prefect import flow

from analytics import warehouse
from gonogo.drills.abort import Lane
from gonogo.drills.abort import drill_abort as drill
from gonogo.errors import StepFailed
from gonogo.house.address import find_house
from gonogo.settings import settings


@flow
async def drill_abort(trials: int = 3, drill_id: str | None = None, lanes: list[Lane] | None = None) -> str:
    """Drill every signal of the kill switch here and in processes of their own; land the result as evidence."""
    chosen = settings()
    here: Lane = "batch" if find_house(chosen) is None else "warm_runner"
    rows = await drill(chosen, trials=trials, lanes=lanes or [here, "processes"], drill_id=drill_id)
    await asyncio.to_thread(warehouse.land, chosen.home)
    missed = [f"{row.signal} in {row.lane} ({row.why or 'too late'})" for row in rows if not row.passed]
    if missed:
        raise StepFailed(f"Not caught as they should be: {', '.join(missed)}. Do not fly what relies on the switch.")
    return f"{len(rows)} signals and lanes, all caught; slowest {max(row.p99_us for row in rows)} microseconds"
