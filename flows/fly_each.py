"""Fly every case of a file: the batch lane as a deployment.

Trigger    by hand, by event, or a schedule of your own   prefect.yaml, `fly-each`
Work       gonogo/lanes/batch.py; a task run for each chunk of cases, evidence for each case
Queue      with `arrived`, cases come when that column says; how many wait is in the progress artifact
Unended    cases that met a recorder they cannot rely on; the flow run is Interrupted, and goes on when flown again
Waits      a case that needs a person leaves the batch; the house makes it a flow run of its own
On call    the mission's owner; `gonogo run MISSION --each FILE` does the same by hand
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import State, flow

from gonogo.cases import adapter_of, read_batch, replayed
from gonogo.house.loading import find_mission
from gonogo.lanes.chunks import fly_as_they_come, fly_in_chunks, unended
from gonogo.lanes.queues import Queue
from gonogo.settings import settings


@flow
async def fly_each(
    mission: str, file: Path, case_by: str | None = None, arrived: str | None = None, speed: float | None = None
) -> dict[str, int] | State[Any]:
    """Fly every case of a CSV, JSONL or Parquet file; flown again, it continues what was begun."""
    chosen = settings()
    found = find_mission(chosen, mission)
    batch = read_batch(found, file, adapter_of(chosen, found.charter.name), case_by, arrived=arrived)
    for bad in batch.bad:
        print(f"not flown: {bad.ref}: {bad.reason}")  # noqa: T201 - Prefect logs what a flow prints
    if arrived is None:
        statuses = await fly_in_chunks(found, batch.flyers, chosen, lambda _landing: None)
    else:
        coming = batch if speed is None else replayed(batch, speed, datetime.now(UTC))
        queue = Queue.of(coming.flyers)
        statuses = await fly_as_they_come(found, coming.flyers, chosen, lambda _landing: None, queue)
    return unended(statuses) or {**statuses, "bad_rows": len(batch.bad)}
