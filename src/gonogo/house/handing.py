"""Handing a case to Prefect: to the running house, or to a server this process flies under."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from gonogo.board import open_gates_of, run_view
from gonogo.endings import unflown_landing
from gonogo.errors import ServerUnreachable
from gonogo.evidence.journals import Journal, journal_of
from gonogo.evidence.ledger import only
from gonogo.evidence.payloads import whole
from gonogo.house.api import post, read
from gonogo.plans import Landing
from gonogo.rosters import roster
from gonogo.switches import halted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from gonogo.house.address import House
    from gonogo.missions import Mission
    from gonogo.settings import Settings

RUN_TAG = "gonogo-run:"
LOOK_SECONDS = 0.1
LOOK_AGAIN_SECONDS = 30.0
"""How long a run may take to begin before Prefect is asked whether it still comes."""
_COMING = ("SCHEDULED", "PENDING", "RUNNING")


def fly_in_house(
    mission: Mission[Any, Any],
    settings: Settings,
    house: House,
    case: BaseModel | None,
    run_id: str,
    *,
    announce: Callable[[str, str, str], None],
    no_wait: bool,
) -> Landing:
    """Let the house fly a case, and follow it by its evidence until it lands or, if asked to, waits."""
    journal = journal_of(settings)
    halt = halted(settings, run_id=run_id, mission=mission.charter.name, agents=roster(mission.story))
    if halt is not None and not journal.flight_position(run_id):
        return unflown_landing(mission, run_id, halt)
    flow_run_id = schedule(house.api_url, mission.charter.name, case, run_id, journal)
    still_comes = coming(house.api_url, flow_run_id, run_id)
    return follow(settings, run_id, announce=announce, no_wait=no_wait, still_comes=still_comes)


def schedule(api_url: str, mission: str, case: BaseModel | None, run_id: str, journal: Journal) -> str:
    """Create a flow run of the mission's deployment with our run's identity; returns the flow run's id.

    Raises:
        ServerUnreachable: the server does not answer, or has no deployment of the mission.

    """
    body = _case_of(journal, run_id) if case is None else case.model_dump(mode="json")
    try:
        rows = post(f"{api_url}/deployments/filter", {"flows": {"name": {"any_": [mission]}}, "limit": 1})
        if not rows:
            raise ServerUnreachable(f"The house has no deployment of {mission}; add one to prefect.yaml.")
        parameter = next(iter(rows[0]["parameter_openapi_schema"]["properties"]))
        flow_run = {
            "parameters": {parameter: body},
            "tags": [RUN_TAG + run_id],
            "state": {"type": "SCHEDULED"},
            # A call that is repeated after a lost reply must not fly the case twice.
            "idempotency_key": f"{run_id}/{len(journal.read_flight(run_id))}",
        }
        return str(post(f"{api_url}/deployments/{rows[0]['id']}/create_flow_run", flow_run)["id"])
    except httpx.HTTPError as error:
        raise ServerUnreachable(f"The house at {api_url} did not take the case ({error}).") from error


def coming(api_url: str, flow_run_id: str, run_id: str) -> Callable[[], bool]:
    """Return what tells whether a house still has to begin a run.

    It raises ServerUnreachable where the house does not answer; whoever brings it up again lets the run fly.
    """

    def still_comes() -> bool:
        try:
            return read(f"{api_url}/flow_runs/{flow_run_id}")["state_type"] in _COMING
        except httpx.HTTPError as error:
            raise ServerUnreachable(
                f"The house went before it began run {run_id} ({error}); it flies once the house is up again."
            ) from error

    return still_comes


def follow(
    settings: Settings,
    run_id: str,
    *,
    announce: Callable[[str, str, str], None],
    no_wait: bool,
    still_comes: Callable[[], bool],
) -> Landing:
    """Watch a run's evidence until it lands; tell once of each gate and event it waits for.

    Args:
        settings: whose home.
        run_id: the run, which a busy house may begin much later.
        announce: told run, kind and name of what it waits for.
        no_wait: whether to return once it waits.
        still_comes: asked now and then, while the run has not begun, whether it will.

    Raises:
        ServerUnreachable: it will not.

    """
    journal = journal_of(settings)
    told: set[str] = set()
    begun = time.monotonic()
    position = 0
    while True:
        grown = journal.flight_position(run_id)
        if grown == position:
            if position == 0 and time.monotonic() - begun > LOOK_AGAIN_SECONDS:
                begun = time.monotonic()
                if not still_comes() and not journal.flight_position(run_id):
                    raise ServerUnreachable(f"The house did not begin run {run_id}; {settings.home}/logs says why.")
            time.sleep(LOOK_SECONDS)
            continue
        position = grown
        landing = landing_of(journal, run_id)
        if landing is None:
            continue
        waits = [("gate", row.gate) for row in open_gates_of(journal, journal.read_flight(run_id))]
        waits += [("event", name) for name in landing.waits if name not in {gate for _, gate in waits}]
        for kind, name in waits:
            if name not in told:
                told.add(name)
                announce(run_id, kind, name)
        if landing.status not in {"flying", "waiting"} or (no_wait and waits):
            return landing.model_copy(update={"waits": tuple(name for _, name in waits)})


def _case_of(journal: Journal, run_id: str) -> Any:
    return whole(journal.payloads, journal.read_flight(run_id)[0]).body()


def landing_of(journal: Journal, run_id: str) -> Landing | None:
    """Return how a run stands, from its evidence alone."""
    view = run_view(journal, run_id)
    if view is None:
        return None
    last = only(journal.read_flight(run_id), "run_record")[-1]
    return Landing(
        run_id=run_id,
        mission=view.mission,
        status=view.status,
        outcome=whole(journal.payloads, last).body() if last.data["phase"] == "result" else None,
        success=bool(last.data.get("success")),
        reason_code=last.data.get("reason_code"),
        error_class=last.data.get("error_class"),
        error=view.error,
        totals=last.data.get("totals", {}),
        evidence=view.evidence,
        waits=view.waits,
    )


async def fly_on_server(mission: Mission[Any, Any], settings: Settings, case: BaseModel | None, run_id: str) -> Landing:
    """Fly a case in this process as a flow run of the server PREFECT_API_URL names."""
    from prefect import tags

    journal = journal_of(settings)
    given = case or mission.case_type.model_validate(_case_of(journal, run_id))
    with tags(RUN_TAG + run_id):
        await mission(given, return_state=True)
    landing = landing_of(journal, run_id)
    if landing is None:
        raise ServerUnreachable(f"Prefect ended the flow run of {run_id} before the mission began; see its log.")
    return landing
