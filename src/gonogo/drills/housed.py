"""A drill in the house: its warm runner sets the runaways loose, and the evidence tells how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from gonogo.drills.abort import Row
from gonogo.errors import ServerUnreachable
from gonogo.evidence.canon import short_id, uuid7
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.house.api import post
from gonogo.house.handing import coming, follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.drills.abort import Lane
    from gonogo.evidence.journals import Journal
    from gonogo.house.address import House
    from gonogo.settings import Settings

DEPLOYMENT = "drill-abort"


def drill_in_house(settings: Settings, house: House, trials: int) -> list[Row]:
    """Let the house drill, wait until it is over, and return what is recorded of it.

    Raises:
        ServerUnreachable: the house does not answer, has no deployment of the drill, or did not begin it.

    """
    drill_id = f"drill-abort-{short_id(uuid7())}"
    still_comes = coming(house.api_url, begin_drill(house, drill_id, trials), drill_id)
    follow(settings, drill_id, announce=nobody, no_wait=False, still_comes=still_comes)
    return recorded(journal_of(settings), drill_id)


def begin_drill(house: House, drill_id: str, trials: int, lanes: Sequence[Lane] | None = None) -> str:
    """Ask a house to drill, in these lanes or in those that its flow names; returns the flow run's id.

    Raises:
        ServerUnreachable: the house does not answer, or has no deployment of the drill.

    """
    asked: dict[str, Any] = {"trials": trials, "drill_id": drill_id}
    if lanes is not None:
        asked["lanes"] = list(lanes)
    try:
        rows = post(
            f"{house.api_url}/deployments/filter", {"deployments": {"name": {"any_": [DEPLOYMENT]}}, "limit": 1}
        )
        if not rows:
            raise ServerUnreachable(f"The house has no deployment {DEPLOYMENT}; add it to prefect.yaml.")
        flow_run: dict[str, Any] = {
            "parameters": asked,
            "state": {"type": "SCHEDULED"},
            "idempotency_key": drill_id,
        }
        return str(post(f"{house.api_url}/deployments/{rows[0]['id']}/create_flow_run", flow_run)["id"])
    except httpx.HTTPError as error:
        raise ServerUnreachable(f"The house at {house.api_url} did not take the drill ({error}).") from error


def recorded(journal: Journal, drill_id: str) -> list[Row]:
    """Return the rows that the evidence of a drill holds."""
    known = set(Row.__dataclass_fields__)
    return [
        Row(**{name: value for name, value in record.data.items() if name in known})
        for record in only(journal.read_flight(drill_id), "drill_record")
    ]


def nobody(_run_id: str, _kind: str, _name: str) -> None:
    """A drill waits for nobody."""
