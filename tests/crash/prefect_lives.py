"""Lives in the mission lane: one process that flies a case as a flow run of a real Prefect server.

``mission`` and ``form`` do it as a house does, with the house's own parts: the flow run belongs to a
deployment, sleeps as Suspended at a wait, is put back into flight after a crash, and is woken by what
comes to its desk, or by an answer in Prefect's own form. ``direct`` does it as ``gonogo run`` does
beside a server: the flow run sleeps as Paused in its process, and a crash is followed by another flow
run of the same run.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import httpx
from prefect.client.schemas.objects import StateType
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.states import Scheduled

from gonogo.evidence.journals import journal_of
from gonogo.house.api import post
from gonogo.house.fleet import Fleet
from gonogo.house.handing import RUN_TAG, fly_on_server
from gonogo.house.keeper import Keeper
from gonogo.house.recovery import recover
from gonogo.house.waking import park_of
from gonogo.plans import read_case
from tests.crash.desk import answer, bring, reply_at

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient

    from gonogo.settings import Settings
    from tests.crash.stories import Case, Story

ROUNDS_MAX = 40
"""How often a case may sleep, or be looked at in vain, before a test gives up."""

LOOK_SECONDS = 0.01


async def housed(story: Story, chosen: Settings, *, by_form: bool) -> str:
    """Fly the one case of a story in a house of its own; returns what Prefect calls the flow run's end."""
    (case,) = story.cases
    with SyncClientContext.get_or_create():
        async with AsyncClientContext.get_or_create() as shared:
            fleet = Fleet(shared.client, left=lambda _: None)
            keeper = Keeper(chosen)
            flow_run_id = await _handed_in(shared.client, fleet, story, case, chosen)
            # What a house does first of all.
            await recover(fleet, journal_of(chosen))
            flow_run = None
            for _ in range(ROUNDS_MAX):
                flow_run = await shared.client.read_flow_run(flow_run_id)
                match flow_run.state_type:
                    case StateType.SCHEDULED:
                        fleet.begin(flow_run)
                        task = fleet.flying[flow_run_id].task
                        assert task is not None
                        await task
                    case StateType.PAUSED:
                        await asyncio.to_thread(_visit, story, case, chosen, keeper, by_form=by_form)
                    case _:
                        return flow_run.state_name or ""
            raise AssertionError(
                f"{story.name} does not wake: {flow_run and flow_run.state}, {park_of(_flight(chosen, case))}"
            )


async def _handed_in(client: PrefectClient, fleet: Fleet, story: Story, case: Case, chosen: Settings) -> UUID:
    """Make a deployment and a flow run of it for this case alone, or find those that a life before has made."""
    name = chosen.home.name
    flow_id = await client.create_flow(story.mission)
    deployment_id = await client.create_deployment(flow_id, f"{chosen.home.parent.name}-{name}", entrypoint=name)
    fleet.deployments[deployment_id] = await client.read_deployment(deployment_id)
    fleet._flows[name] = story.mission  # pyright: ignore[reportPrivateUsage] - an entrypoint that no file has
    flow_run = await client.create_flow_run_from_deployment(
        deployment_id,
        parameters={story.mission.case_name: case.body},
        tags=[RUN_TAG + case.run_id],
        idempotency_key=str(chosen.home),
        state=Scheduled(),
    )
    return flow_run.id


def _visit(story: Story, case: Case, chosen: Settings, keeper: Keeper, *, by_form: bool) -> None:
    """Bring a sleeping run what it waits for, and let the house look after it."""
    park = park_of(_flight(chosen, case))
    assert park is not None
    if by_form and park.get("form"):
        _fill_in(story, case, chosen, park)
        return
    _serve(story, case, chosen, park)
    keeper.wake(case.run_id)


def _serve(story: Story, case: Case, chosen: Settings, park: dict[str, Any]) -> None:
    """Lay on the desk what a run waits for, unless it lies there."""
    journal = journal_of(chosen)
    for gate in park["gates"]:
        answer(story, journal, case.run_id, gate, chosen)
    if park["events"]:
        bring(case, journal)


def _fill_in(story: Story, case: Case, chosen: Settings, park: dict[str, Any]) -> None:
    """Answer in Prefect's form; one that is busy is asked again."""
    reply = reply_at(story, journal_of(chosen), case.run_id, park["gate"], chosen)
    changes = json.dumps(reply.changes) if reply.changes else ""
    form = {"answer": reply.answer, "reason": reply.reason, "name": reply.by, "changes": changes}
    with suppress(httpx.HTTPStatusError):
        verdict = post(f"{park['api']}/flow_runs/{park['flow_run_id']}/resume", {"run_input": form})
        if cast("dict[str, Any]", verdict).get("status") != "ACCEPT":
            # The house's own waking opens the form again where it was lost.
            Keeper(chosen).wake(case.run_id)


async def direct(story: Story, chosen: Settings) -> str:
    """Fly the one case of a story in this process beside a server, while somebody sits at its desk."""
    (case,) = story.cases
    given = None if _flight(chosen, case) else read_case(story.mission, case.body)
    people = asyncio.ensure_future(_attended(story, case, chosen))
    try:
        landing = await fly_on_server(story.mission, chosen, given, case.run_id)
    finally:
        people.cancel()
        await asyncio.gather(people, return_exceptions=True)
    return landing.status


async def _attended(story: Story, case: Case, chosen: Settings) -> None:
    """Bring what is waited for, whenever the run says that it sleeps."""
    journal = journal_of(chosen)
    seen = 0
    while True:
        grown = await asyncio.to_thread(journal.flight_position, case.run_id)
        park = park_of(await asyncio.to_thread(_flight, chosen, case)) if grown != seen else None
        seen = grown
        if park is not None:
            await asyncio.to_thread(_serve, story, case, chosen, park)
        await asyncio.sleep(LOOK_SECONDS)


def _flight(chosen: Settings, case: Case) -> list[Any]:
    return journal_of(chosen).read_flight(case.run_id)


def without_flow_runs(line: str) -> str:
    """Return a line of a projection without which of Prefect's flow runs flew the run."""
    told = json.loads(line)
    data: dict[str, Any] = told[0]["data"]
    told[0]["data"] = {name: value for name, value in data.items() if not name.startswith(("flow_run", "case_ref"))}
    return json.dumps(told, sort_keys=True)
