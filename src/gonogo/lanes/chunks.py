"""A batch as Prefect sees it: one flow run, a task run for each chunk of cases, a progress artifact."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect import task
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.exceptions import PrefectException
from prefect.states import Failed

from gonogo.errors import EvidenceUnwritable
from gonogo.lanes.arrivals import Line, fly_arrivals
from gonogo.lanes.batch import fly_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from prefect import State

    from gonogo.cases import Flyer
    from gonogo.lanes.queues import Queue
    from gonogo.missions import Mission
    from gonogo.plans import Landing
    from gonogo.settings import Settings

TELL_SECONDS = 2.0
"""How often the artifact says how deep the queue of arrivals is."""

CHUNK_CASES = 200
"""Cases to a task run: few enough to see progress, many enough that Prefect is no part of the cost."""


class BatchInterrupted(EvidenceUnwritable):
    """Cases of a batch have not ended, since the recorder could not be relied on; flown again, the batch goes on."""


def unended(statuses: Counter[str]) -> State[Any] | None:
    """Return the last state of a batch's flow run where cases have not ended; ``None`` where all have landed.

    Not completed: nobody would fly them again. One that failed has ended, and its batch is complete.
    """
    count = statuses["interrupted"]
    if not count:
        return None
    error = BatchInterrupted(
        f"{count} of {statuses.total()} cases have not ended, since the recorder could not be relied on; nothing is "
        "lost. Once it can be, fly the same file again: it goes on."
    )
    return Failed(name="Interrupted", message=str(error), data=error)


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


async def fly_as_they_come(
    mission: Mission[Any, Any],
    flyers: Sequence[Flyer],
    settings: Settings,
    landed: Callable[[Landing], None],
    queue: Queue,
) -> Counter[str]:
    """Fly cases inside the current Prefect flow run, each once it has come; returns how many ended how.

    The progress artifact says how many wait, and how long those waited who had their turn.
    """
    statuses: Counter[str] = Counter()
    artifact = await acreate_progress_artifact(progress=0.0, key="arrivals", description=queue.sentence)

    def count(landing: Landing) -> None:
        statuses[landing.status] += 1
        landed(landing)

    @task(name="fly_arrivals", task_run_name=f"{len(flyers)} cases as they come", persist_result=False)
    async def fly_line() -> None:
        await fly_arrivals([Line(mission, flyers)], settings, count, queue.take)

    telling = asyncio.ensure_future(_keep_telling(artifact, statuses, queue))
    try:
        await fly_line()
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    await aupdate_progress_artifact(artifact, progress=100.0, description=queue.sentence)
    return statuses


async def _keep_telling(artifact: UUID, statuses: Counter[str], queue: Queue) -> None:
    """Say now and then how far it is and who waits; a server that does not listen holds nobody up."""
    while True:
        await asyncio.sleep(TELL_SECONDS)
        progress = 100.0 * statuses.total() / max(1, len(queue.comes))
        with suppress(HTTPError, PrefectException):
            await aupdate_progress_artifact(artifact, progress=min(progress, 100.0), description=queue.sentence)
