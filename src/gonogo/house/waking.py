"""Waking: after an answer or an event lies on a run's desk, tell whoever can let the run look at it.

Waking decides nothing and may fail. The desk rings for runs that are awake and for a house that is
up, which wakes its sleepers by itself; what is left to be told is what happens now, and, where no
house is up, Prefect.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from gonogo.errors import GonogoError, ServerUnreachable
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.house.address import find_house
from gonogo.house.api import post, read

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

WAKE = {"answer": "wake", "reason": "", "name": ""}
"""What the form of a sleeping gate takes without answering anything."""


FORM_LOST = "Run input schema not found."
"""What Prefect says of a sleeping run whose form it never got."""


class Refused(GonogoError):
    """Prefect does not wake the flow run; the message says why."""

    failure = "dependency_open"


def park_of(records: list[Record]) -> dict[str, Any] | None:
    """Return where a run sleeps, from its own records; ``None`` for one that flies, has ended, or does not exist."""
    own = only(records, "run_record")
    return own[-1].data if own and own[-1].data.get("event") == "waiting" else None


def last_park(settings: Settings, run_id: str) -> dict[str, Any] | None:
    """Return where a run sleeps; ``None`` for one that flies, has ended, or does not exist."""
    return park_of(journal_of(settings).read_flight(run_id))


def wake(settings: Settings, run_id: str) -> str:
    """Wake a run, and return a sentence that says what happens now."""
    park = last_park(settings, run_id)
    if park is None:
        return "The run is awake and sees it by itself."
    match park.get("mode"):
        case "paused":
            return "The run's own process sees it and goes on."
        case "suspended":
            return _wake_sleeping(settings, park)
        case _:
            first = journal_of(settings).read_flight(run_id)[0]
            undoes, mission = first.data.get("rolls_back"), first.fields["missionid"]
            if undoes:
                return f'Continue the rollback with: gonogo rollback {undoes} --reason "..."'
            return f"Continue the run with: gonogo run {mission} --resume {run_id}"


def _wake_sleeping(settings: Settings, park: dict[str, Any]) -> str:
    house = find_house(settings)
    if house is not None and house.api_url == park["api"]:
        # The desk has rung there. A second resume beside the house's own would only be in its way.
        return "The house wakes the run now."
    try:
        resume(park)
    except (Refused, ServerUnreachable) as problem:
        return f"It is recorded. Prefect did not wake the run ({problem}); a house that is up will."
    return "Prefect wakes the run now."


def resume(park: dict[str, Any]) -> None:
    """Ask Prefect to start a suspended flow run again.

    Raises:
        Refused: it does not; also where somebody else was faster.
        ServerUnreachable: it does not answer.

    """
    verdict = _call(park, "resume", {"run_input": WAKE} if park.get("form") else {})
    if _reason(verdict) == FORM_LOST:
        # Its process died after it had lain down and before its form was there; no form is needed to look again.
        verdict = _call(park, "set_state", {"state": {"type": "SCHEDULED", "name": "Resuming"}, "force": False})
    if verdict.get("status") != "ACCEPT":
        raise Refused(_reason(verdict) or str(verdict.get("status")))


def is_form_lost(park: dict[str, Any]) -> bool:
    """Whether a run that sleeps should have a form in Prefect and has none: its process died before it was there.

    Raises:
        ServerUnreachable: the server does not say.

    """
    if not park.get("form"):
        return False
    try:
        read(f"{park['api']}/flow_runs/{park['flow_run_id']}/input/{park['form']}-schema")
    except httpx.HTTPError as error:
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == HTTPStatus.NOT_FOUND:
            return True
        raise ServerUnreachable(f"The Prefect server at {park['api']} does not answer ({error}).") from error
    return False


def _call(park: dict[str, Any], what: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return post(f"{park['api']}/flow_runs/{park['flow_run_id']}/{what}", body)
    except httpx.HTTPStatusError as error:
        raise Refused(f"it answers {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise ServerUnreachable(f"The Prefect server at {park['api']} does not answer ({error}).") from error


def _reason(verdict: dict[str, Any]) -> str:
    details: dict[str, Any] = verdict.get("details") or {}
    return str(details.get("reason") or "")


def flow_run_state(park: dict[str, Any]) -> str:
    """Return the type of the state Prefect has a sleeping run in; ``UNKNOWN`` where it does not say."""
    try:
        flow_run: dict[str, Any] = read(f"{park['api']}/flow_runs/{park['flow_run_id']}")
    except httpx.HTTPError:
        return "UNKNOWN"
    return str(flow_run.get("state_type"))
