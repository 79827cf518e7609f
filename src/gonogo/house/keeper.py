"""The keeper: acts for runs while they sleep. Silence becomes no-go, and news wakes them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import ServerUnreachable
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.gates import expire_sleeping
from gonogo.house.handing import schedule
from gonogo.house.waking import last_park, resume

if TYPE_CHECKING:
    from gonogo.settings import Settings


def keep_sleepers(settings: Settings, woken: dict[str, int]) -> None:
    """Answer no-go for sleeping gates past their deadline, and wake runs whose desk has grown.

    Args:
        settings: whose home to look after.
        woken: for each run, how many desk records it was last woken for; kept by the caller.

    """
    journal = journal_of(settings)
    for run_id in journal.live_run_ids():
        park = last_park(settings, run_id)
        if park is None or park.get("mode") != "suspended":
            continue
        expire_sleeping(journal, run_id, park["gates"], settings.environment)
        received = len(journal.read_desk(run_id))
        seen = woken.get(run_id, int(park["desk"]))
        if (received > seen or _is_late(park)) and resume(park) is None:
            woken[run_id] = received


def hand_over(settings: Settings, api_url: str, handed: dict[str, int], limit: int) -> None:
    """Make runs that left a batch, or a process, flow runs of their own that sleep in Prefect.

    Their evidence is the outbox: a run whose last record says that it waits, with no flow run named
    to wake it. Asking twice makes one flow run, since the request carries the run's own key.

    Args:
        settings: whose home to look after.
        api_url: of the Prefect server that is to hold them.
        handed: for each run, how long its evidence was when it was handed over; kept by the caller.
        limit: at most so many at a time, so that a large batch does not drown the server.

    """
    journal = journal_of(settings)
    for run_id in journal.live_run_ids():
        park = last_park(settings, run_id)
        if limit == 0:
            return
        if park is None or "mode" in park or handed.get(run_id) == park["park"] or not journal.is_free(run_id):
            continue
        mission = journal.read_flight(run_id)[0].fields["missionid"]
        with contextlib.suppress(ServerUnreachable):
            schedule(api_url, mission, None, run_id, journal)
            limit -= 1
            handed[run_id] = park["park"]


def _is_late(park: dict[str, Any]) -> bool:
    """Whether an awaited event's time is over; the run itself has to say what that means."""
    deadline = park.get("event_deadline")
    return deadline is not None and moment(deadline) <= datetime.now(UTC)
