"""A batch as Prefect sees it: one flow run, a task run for each chunk of cases, a progress artifact."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

from gonogo.lanes.batch import fly_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gonogo.cases import Flyer
    from gonogo.missions import Mission
    from gonogo.plans import Landing
    from gonogo.settings import Settings

CHUNK_CASES = 200
"""Cases to a task run: few enough to see progress, many enough that Prefect is no part of the cost."""


async def fly_in_chunks(
    mission: Mission[Any, Any],
    flyers: Sequence[Flyer],
    settings: Settings,
    landed: Callable[[Landing], None],
) -> Counter[str]:
    """Fly a batch inside the current Prefect flow run; returns how many cases ended how."""
    statuses: Counter[str] = Counter()
    artifact = await acreate_progress_artifact(progress=0.0, key="batch", description=f"Cases of {mission.name}")

    def count(landing: Landing) -> None:
        statuses[landing.status] += 1
        landed(landing)

    source = iter(flyers)
    begun = 0
    while chunk := list(islice(source, CHUNK_CASES)):
        name = f"cases {begun + 1} to {begun + len(chunk)}"
        begun += len(chunk)

        @task(name="fly_chunk", task_run_name=name, persist_result=False)
        async def fly_chunk(chunk: list[Flyer] = chunk) -> None:
            await fly_batch(mission, chunk, settings, count)

        await fly_chunk()
        await aupdate_progress_artifact(artifact, progress=100.0 * begun / len(flyers))
    return statuses
