"""Trials: runaways and bystanders are let loose together; what they did is compared with the throw of the switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gonogo.cases import Flyer
from gonogo.drills.ground import changes, drill_runaway, write_habits
from gonogo.drills.runaways import Loose, Signal, catcher
from gonogo.lanes.batch import fly_batch
from gonogo.switches import halts

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.plans import Landing, LandingStatus
    from gonogo.settings import Settings

FLIGHTS = 4
"""Flights of one trial that are in the air together: one runs away, the others stand by."""


class Fly(Protocol):
    """How a lane flies what is let loose."""

    async def __call__(self, made: Settings, loose: list[Loose], /) -> list[LandingStatus]:
        """Fly all of it at once; return how each flight ended."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial came to."""

    caught: bool
    """Whether the right monitor threw the switch, every flight was aborted, and a later one did nothing."""
    effects: int
    effects_after: int
    """Changes later than the lane's limit after the throw, and every change of a flight that began after it."""
    latency_us: int
    """From the throw to the last change; 0 where there was none after it."""
    why: str = ""
    """What was not as it should be."""


async def fly_here(made: Settings, loose: list[Loose]) -> list[LandingStatus]:
    """Fly in this process, as the batch lane flies cases."""
    landings: list[Landing] = []
    flyers = [Flyer(f"drill-{each.signal}-{each.number}", "drill", each) for each in loose]
    await fly_batch(drill_runaway, flyers, made, landings.append)
    return [landing.status for landing in landings]


def scratch(process: Settings, folder: Path, law: Path) -> Settings:
    """Return the settings of one trial: a home of its own, the drill's law, no model, no shared journals."""
    write_habits(folder)
    made = {
        "home": folder, "policy_folder": law, "journals": None, "model": None, "environment": "dev",
        "requester": "drill", "cases": FLIGHTS,
    }  # fmt: skip
    return process.model_copy(update=made)


async def attempt(made: Settings, signal: Signal, fly: Fly, limit_us: int) -> Trial:
    """Let one runaway and its bystanders loose, and measure when everything stood still.

    After it, one more flight of the same agent is tried: nothing of it may happen.
    """
    loose = [Loose(signal=signal, number=number, runaway=number == 0) for number in range(FLIGHTS)]
    ended = await fly(made, loose)
    made_changes = changes(made.home)
    again = await fly(made, [Loose(signal=signal, number=FLIGHTS, runaway=False)])
    thrown = [halt for halt in halts(made) if halt.signal == catcher(signal)]
    late = len(changes(made.home)) - len(made_changes)
    if not thrown:
        return Trial(caught=False, effects=len(made_changes), effects_after=late, latency_us=limit_us, why="no halt")
    trigger_us = int(thrown[0].when.timestamp() * 1_000_000)
    after = [at // 1_000 - trigger_us for at in made_changes]
    late += sum(since > limit_us for since in after)
    latency_us = max(0, *after, 0)
    why = "" if set(ended + again) == {"aborted"} else f"flights ended {', '.join(ended + again)}"
    return Trial(not why and not late, len(made_changes), late, latency_us, why or (f"{late} changes" if late else ""))
