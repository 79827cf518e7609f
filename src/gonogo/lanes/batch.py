"""The batch lane: many cases in one process, a bounded number at a time, evidence for each as anywhere.

A case that waits for a person or an event leaves the batch. Its own evidence is the outbox from
which a house makes it a flow run of its own, so a crash in between loses nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gonogo.errors import Aborted, EvidenceUnwritable, GonogoError, RunBusy
from gonogo.events import deliver
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.collecting import collecting_in_rounds
from gonogo.lanes.local import LocalPilot, rest_until
from gonogo.plans import Landing, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from gonogo.cases import Flyer, Row
    from gonogo.missions import Mission
    from gonogo.plans import Flyable, LandingStatus
    from gonogo.runs import Run
    from gonogo.settings import Settings


@dataclass(slots=True)
class BatchPilot(LocalPilot):
    """A local pilot that brings a case's later rows to its desk, and leaves at a gate."""

    events: tuple[tuple[str, Row, datetime | None], ...] = field(default=())

    async def begin(self, run: Run) -> None:
        """Deliver what the file holds for the case, in its order, and after a crash only what is missing."""
        known = sum(r.data["door"] == "driver" for r in only(run.ledger.desk(), "event_record"))
        due = [(name, body, occurred) for name, body, occurred in self.events[known:]]
        if due:
            # A desk takes nothing for a run that is not on record.
            await run.ledger.stream.commit()
        while due:
            name = due[0][0]
            count = next((i for i, event in enumerate(due) if event[0] != name), len(due))
            bodies = [(body, occurred) for _, body, occurred in due[:count]]
            deliver(run.ledger.journal, run.id, name, bodies, "driver")
            due = due[count:]


async def fly_batch(
    mission: Mission[Any, Any],
    flyers: Iterable[Flyer],
    settings: Settings,
    landed: Callable[[Landing], None],
) -> None:
    """Fly every case, at most ``settings.cases`` at a time, and tell ``landed`` how each one landed.

    Cases are taken from the iterable as there is room, so a long batch holds no more than a short
    one. A case that cannot be flown at all is reported as failed; the others proceed. One that failed for
    now flies again when all others have, so that it holds nobody up, and what is out has time to come back.
    One that met a recorder that cannot be relied on has not ended: it is reported as interrupted, and whoever
    flies the same cases again goes on with it.
    """
    source, resting = iter(flyers), list[Resting]()
    with collecting_in_rounds():
        await asyncio.gather(*(_work(mission, source, settings, landed, resting) for _ in range(settings.cases)))
        await fly_rest(resting, settings, landed)


AGAIN_SECONDS = 0.05
"""The pause from one case that flies again to the next: at most twenty in a second, one at a time."""


@dataclass(frozen=True, slots=True)
class Resting:
    """A case that flies again later."""

    mission: Flyable
    flyer: Flyer
    landing: Landing
    again_at: str


async def fly_rest(resting: list[Resting], settings: Settings, landed: Callable[[Landing], None]) -> None:
    """Fly cases again that failed for now, each when it may, until all have landed."""
    while resting:
        resting.sort(key=lambda one: one.again_at)
        await _fly_again(resting.pop(0), settings, landed, resting)
        await asyncio.sleep(AGAIN_SECONDS)


async def _fly_again(
    resting: Resting, settings: Settings, landed: Callable[[Landing], None], others: list[Resting]
) -> None:
    """Fly one case again; where somebody else does already, it is no longer this batch's."""

    def told(landing: Landing) -> None:
        landed(resting.landing if landing.error_class == RunBusy.__name__ else landing)

    await rest_until(resting.again_at)
    await _work(resting.mission, iter([resting.flyer]), settings, told, others)


async def _work(
    mission: Flyable,
    source: Iterator[Flyer],
    settings: Settings,
    landed: Callable[[Landing], None],
    resting: list[Resting],
) -> None:
    """Fly one case after the other until there is none."""
    for flyer in source:
        land(mission, flyer, await fly_case(mission, flyer, settings), landed, resting)


def land(
    mission: Flyable, flyer: Flyer, landing: Landing, landed: Callable[[Landing], None], resting: list[Resting]
) -> None:
    """Tell of a landing, or let a case rest that failed for now."""
    if landing.again_at is None:
        landed(landing)
    else:
        resting.append(Resting(mission, flyer, landing, landing.again_at))


async def fly_case(mission: Flyable, flyer: Flyer, settings: Settings) -> Landing:
    """Fly one case until it lands, waits, rests or is interrupted; one that cannot be flown at all lands as failed."""
    pilot = BatchPilot(lane="batch", patience="leave", events=flyer.events)
    try:
        return await fly(mission, flyer.case, Plan(flyer.run_id, pilot, settings, flyer.ref, arrived=flyer.arrived))
    except GonogoError as error:
        return _not_flown(mission, flyer, error)


def _not_flown(mission: Flyable, flyer: Flyer, error: GonogoError) -> Landing:
    return Landing(
        run_id=flyer.run_id,
        mission=mission.charter.name,
        status=_left_as(error),
        reason_code=error.failure,
        error_class=type(error).__name__,
        error=str(error),
    )


def _left_as(error: GonogoError) -> LandingStatus:
    """Return where an error that no run ended with has left the case."""
    match error:
        case Aborted():
            return "aborted"
        case EvidenceUnwritable():
            return "interrupted"
        case _:
            return "failed"
