"""Waking: after an answer or an event lies on a run's desk, tell whoever can let the run look at it.

Waking decides nothing and may fail: a house that is up looks at the desks of sleeping runs itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.house.api import post

if TYPE_CHECKING:
    from gonogo.settings import Settings

WAKE = {"answer": "wake", "reason": "", "name": ""}
"""What the form of a sleeping gate takes without answering anything."""


def last_park(settings: Settings, run_id: str) -> dict[str, Any] | None:
    """Return where a run sleeps; ``None`` for one that flies, has ended, or does not exist."""
    records = only(journal_of(settings).read_flight(run_id), "run_record")
    return records[-1].data if records and records[-1].data.get("event") == "waiting" else None


def wake(settings: Settings, run_id: str) -> str:
    """Wake a run, and return a sentence that says what happens now."""
    park = last_park(settings, run_id)
    if park is None:
        return "The run is awake and sees it by itself."
    match park.get("mode"):
        case "paused":
            return "The run's own process sees it and goes on."
        case "suspended":
            problem = resume(park)
            if problem is None:
                return "Prefect wakes the run now."
            return f"It is recorded. Prefect did not wake the run ({problem}); a house that is up will."
        case _:
            mission = journal_of(settings).read_flight(run_id)[0].fields["missionid"]
            return f"Continue the run with: gonogo run {mission} --resume {run_id}"


def resume(park: dict[str, Any]) -> str | None:
    """Ask Prefect to start a suspended flow run again; returns why it does not, ``None`` where it does."""
    body = {"run_input": WAKE} if park.get("form") else {}
    try:
        verdict: dict[str, Any] = post(f"{park['api']}/flow_runs/{park['flow_run_id']}/resume", body)
    except httpx.HTTPError as error:
        return str(error)
    if verdict.get("status") == "ACCEPT":
        return None
    details: dict[str, Any] = verdict.get("details") or {}
    return str(details.get("reason") or verdict.get("status"))
