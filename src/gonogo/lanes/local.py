"""The local lane: this process alone, no scheduler. Same evidence, same gates, same law."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gonogo.evidence.canon import moment
from gonogo.flights import fly
from gonogo.pilots import Parked, Wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from gonogo.model import Lane
    from gonogo.plans import Flyable, Landing, Plan
    from gonogo.runs import Run

T = TypeVar("T")

Patience = Literal["stay", "leave"]
"""At a wait: stay in the process until it is over, or leave as soon as nothing else is going on."""


async def fly_on(mission: Flyable, case: BaseModel | None, plan: Plan) -> Landing:
    """Fly until the run lands or waits for somebody: one that failed for now rests here and flies again."""
    landing = await fly(mission, case, plan)
    while landing.again_at is not None:
        await rest_until(landing.again_at)
        landing = await fly(mission, None, plan)
    return landing


async def rest_until(again_at: str) -> None:
    """Let the time pass until a run may fly again."""
    await asyncio.sleep(max(0.0, (moment(again_at) - datetime.now(UTC)).total_seconds()))


@dataclass(slots=True)
class LocalPilot:
    """Flies in the calling process, and watches the desk while it waits."""

    lane: Lane = "local"
    patience: Patience = "stay"
    announce: Callable[[Run, Wait], None] | None = None
    """Told once of each wait, so that a person can be told how to answer."""
    _announced: set[str] = field(default_factory=set[str])

    async def begin(self, run: Run) -> None:
        """Do nothing: this lane has no door of its own."""

    async def fly_step(self, step: Any, arguments: dict[str, Any], body: Callable[[], Awaitable[T]]) -> T:
        """Do the work, here."""
        del step, arguments
        return await body()

    async def rest(self, run: Run) -> None:
        """Wait for the bell, one poll at most; leave instead, if that is the lane's patience and nothing else flies."""
        for wait in run.waits:
            if wait.name not in self._announced and self.announce is not None:
                self._announced.add(wait.name)
                self.announce(run, wait)
        if self.patience == "leave" and not run.busy:
            waiting = tuple(run.waits)
            # Branches that are about to wait as well get to say so first.
            await asyncio.sleep(0)
            if run.leaving is None and not run.busy and tuple(run.waits) == waiting:
                run.leaving = Parked()
            if run.leaving is not None:
                await run.parked()
                raise run.leaving
            return
        try:
            await run.stirred(run.settings.poll_seconds)
        except asyncio.CancelledError:
            if not run.is_over and run.abort is None:
                await run.parked()
            raise
