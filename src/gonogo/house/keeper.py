"""The keeper: acts for runs while they sleep. Silence becomes no-go, and news wakes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.evidence.canon import moment
from gonogo.evidence.journal import FileJournal
from gonogo.gates import expire_sleeping
from gonogo.house.waking import last_park, resume

if TYPE_CHECKING:
    from gonogo.settings import Settings


def keep_sleepers(settings: Settings, woken: dict[str, int]) -> None:
    """Answer no-go for sleeping gates past their deadline, and wake runs whose desk has grown.

    Args:
        settings: whose home to look after.
        woken: for each run, how many desk records it was last woken for; kept by the caller.

    """
    journal = FileJournal(settings.journals)
    for run_id in journal.live_run_ids():
        park = last_park(settings, run_id)
        if park is None or park.get("mode") != "suspended":
            continue
        expire_sleeping(journal, run_id, park["gates"], settings.environment)
        received = len(journal.read_desk(run_id))
        seen = woken.get(run_id, int(park["desk"]))
        if (received > seen or _is_late(park)) and resume(park) is None:
            woken[run_id] = received


def _is_late(park: dict[str, Any]) -> bool:
    """Whether an awaited event's time is over; the run itself has to say what that means."""
    deadline = park.get("event_deadline")
    return deadline is not None and moment(deadline) <= datetime.now(UTC)
