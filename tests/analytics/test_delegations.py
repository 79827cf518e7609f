"""Who handed what to whom, and who waited for their turn, as the warehouse tells it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb

from analytics.warehouse import land
from flows.incident_response import incident_response
from gonogo.testing import rehearse
from tasks import rehearsal_incidents
from tasks.rehearsals import Random
from tests.gonogo.toy import relay
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analytics.conftest import Fleet


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return what the published marts say."""
    with closing(duckdb.connect(home / "mart.duckdb", read_only=True)) as con:
        return con.execute(sql).fetchall()


async def test_the_hand_overs_of_an_incident_land_as_rows(tmp_path: Path) -> None:
    """One for each stage: to the monitor, the planner and the scribe, all done."""
    case = rehearsal_incidents.stale_cache(Random("landed"), "1")
    await rehearse(incident_response, case, home=tmp_path, run_id="r1")
    landed = land(tmp_path)
    assert (landed.quarantined, landed.dq_failures) == (0, 0)
    told = ask(tmp_path, "SELECT work, delegator, specialist, outcome, depth FROM delegations ORDER BY started_at")
    assert told == [
        ("classify", "incident_coordinator", "incident_monitor", "done", 1),
        ("propose_steps", "incident_coordinator", "incident_planner", "done", 1),
        ("post_status", "incident_coordinator", "incident_scribe", "done", 1),
    ]
    versions = {name for (name,) in ask(tmp_path, "SELECT id FROM versions WHERE object = 'agent'")}
    assert "incident_coordinator" in versions


async def test_a_ring_lands_as_a_refused_row_with_its_chain(tmp_path: Path) -> None:
    """What circular delegation there was is one query."""
    law = relay.policies(tmp_path)
    order = relay.Order(relay=relay.Relay(hops=("bob", "ada")))
    await run(order, flying=relay.relay, home=tmp_path, run_id="r1", overrides={"policy_folder": law})
    assert land(tmp_path).quarantined == 0
    refused = ask(tmp_path, "SELECT chain, specialist, reason_code FROM delegations WHERE outcome = 'refused'")
    assert refused == [(["ada", "bob"], "ada", "policy_block")]


def test_when_a_case_came_in_and_how_long_it_waited_lands_with_its_run(fleet: Fleet) -> None:
    """Null where nobody said."""
    fleet.run("r1").begin(arrived="2026-03-01T08:00:00.000Z", waited_ms=1_500)
    fleet.run("r2").begin()
    assert land(fleet.home).quarantined == 0
    assert fleet.ask("SELECT arrived_at, waited_ms FROM runs ORDER BY run_id") == [
        (datetime(2026, 3, 1, 8, tzinfo=UTC), 1_500),
        (None, None),
    ]
