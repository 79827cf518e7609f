"""The batch lane: many cases in one process, a bounded number at a time, evidence for each as anywhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gonogo.errors import GonogoError
from gonogo.events import deliver
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Landing, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gonogo.cases import Flyer, Row
    from gonogo.missions import Mission
    from gonogo.runs import Run
    from gonogo.settings import Settings


@dataclass(slots=True)
class BatchPilot(LocalPilot):
    """A local pilot that brings a case's later rows to its desk, and leaves at a gate."""

    events: tuple[tuple[str, Row, Any], ...] = field(default=())

    async def begin(self, run: Run) -> None:
        """Deliver what the file holds for the case, and after a crash only what is missing."""
        known = sum(r.data["door"] == "driver" for r in only(run.ledger.desk(), "event_record"))
        by_name: dict[str, list[tuple[Row, Any]]] = {}
        for name, body, occurred in self.events[known:]:
            by_name.setdefault(name, []).append((body, occurred))
        for name, bodies in by_name.items():
            deliver(run.ledger.journal, run.id, name, bodies, "driver")


async def fly_batch(
    mission: Mission[Any, Any],
    flyers: Iterable[Flyer],
    settings: Settings,
    landed: Callable[[Landing], None],
) -> list[Landing]:
    """Fly every case, at most ``settings.cases`` at a time.

    A case that waits for a person or an event leaves the batch and is reported as waiting. A case
    that cannot be flown at all is reported as failed; the others proceed.
    """
    room = asyncio.Semaphore(settings.cases)

    async def one(flyer: Flyer) -> Landing:
        async with room:
            pilot = BatchPilot(lane="batch", patience="leave", events=flyer.events)
            try:
                landing = await fly(mission, flyer.case, Plan(flyer.run_id, pilot, settings, flyer.ref))
            except GonogoError as error:
                landing = _not_flown(mission, flyer, error)
            landed(landing)
            return landing

    return await asyncio.gather(*(one(flyer) for flyer in flyers))


def _not_flown(mission: Mission[Any, Any], flyer: Flyer, error: GonogoError) -> Landing:
    return Landing(
        run_id=flyer.run_id,
        mission=mission.charter.name,
        status="failed",
        reason_code=error.failure,
        error_class=type(error).__name__,
        error=str(error),
    )
