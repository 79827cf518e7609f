"""The fleet: a flow run that is interrupted before its mission begins is not forgotten, with a real server."""

from __future__ import annotations

import asyncio
import textwrap
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.context import SyncClientContext
from prefect.exceptions import PrefectException
from prefect.states import Running

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence.journals import journal_of
from gonogo.house.api import post
from gonogo.house.fleet import Fleet, Flight
from gonogo.house.handing import RUN_TAG
from gonogo.house.runner import WarmRunner
from gonogo.house.server import free_port, prefect_server, tell_prefect
from gonogo.settings import Settings, settings
from tests.e2e.command import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    HandOver = Callable[[str], UUID]

pytestmark = [pytest.mark.server, pytest.mark.slow]

BUSY_TIMES = 2

MISSION = '''
"""Say a word."""

from pydantic import BaseModel

from gonogo import Outcome, mission


class Word(BaseModel):
    """What to say."""

    text: str


@mission(owner="tests", scope=[])
async def say(case: Word) -> Outcome:
    """Say it."""
    return Outcome(outcome="said")
'''


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Prefect server of their own, which this process's Prefect is told of."""
    with prefect_server(tmp_path_factory.mktemp("server"), free_port()) as url:
        yield url


@pytest.fixture
def chosen(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Settings]:
    """A home beside the server, with Prefect told of it, and told again afterwards."""
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    with monkeypatch.context() as told:
        told.setenv("PREFECT_API_URL", api)
        tell_prefect({})
        yield settings()
    tell_prefect({})


@pytest.fixture
def hand_over(api: str, tmp_path: Path) -> HandOver:
    """Return how a word is handed to the house: as a flow run of a deployment."""
    path = tmp_path / "say.py"
    path.write_text(textwrap.dedent(MISSION), encoding="utf-8")
    flow = post(f"{api}/flows/", {"name": "say"})["id"]
    body = {"name": f"say-{tmp_path.name}", "flow_id": flow, "entrypoint": f"{path}:say"}
    deployment = post(f"{api}/deployments/", body)["id"]

    def handed(run_id: str) -> UUID:
        told = {"parameters": {"case": {"text": "go"}}, "tags": [RUN_TAG + run_id], "state": {"type": "SCHEDULED"}}
        return UUID(post(f"{api}/deployments/{deployment}/create_flow_run", told)["id"])

    return handed


def nobody_is_told(flight: Flight) -> None:
    """Nobody looks after it here."""


async def until_completed(client: PrefectClient, flow_run_id: UUID, chosen: Settings) -> None:
    """Let a house fly until a flow run has completed."""
    stop = asyncio.Event()
    flying = asyncio.ensure_future(WarmRunner(chosen).run(stop))
    while (await client.read_flow_run(flow_run_id)).state_type is not StateType.COMPLETED:
        assert not flying.done()
        await asyncio.sleep(0.05)
    stop.set()
    await flying


def test_a_flow_run_that_leaves_before_its_mission_began_is_flown_by_the_next_house(
    chosen: Settings, hand_over: HandOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The house goes while the flow run is running and the run has no record; Prefect's engine calls it crashed."""
    entered = asyncio.Event()

    async def held(*_: object, **__: object) -> None:
        entered.set()
        await asyncio.Event().wait()

    async def house() -> None:
        flow_run_id = hand_over("said-late")
        async with get_client() as client:
            with SyncClientContext.get_or_create(), monkeypatch.context() as day:
                day.setattr("gonogo.lanes.prefect._fly_patiently", held)
                fleet = Fleet(client, left=nobody_is_told)
                await fleet.muster()
                fleet.begin(await client.read_flow_run(flow_run_id))
                await entered.wait()
                await fleet.land()
            left = await client.read_flow_run(flow_run_id)
            assert left.state_type is StateType.SCHEDULED
            assert journal_of(chosen).read_flight("said-late") == []
            await until_completed(client, flow_run_id, chosen)

    asyncio.run(asyncio.wait_for(house(), PATIENCE_SECONDS))
    assert journal_of(chosen).has_ended("said-late")


@pytest.mark.parametrize("problem", [PrefectException("busy"), EvidenceUnwritable("Postgres is away")])
def test_runs_are_recovered_though_it_could_not_be_seen_at_first(
    problem: Exception, chosen: Settings, hand_over: HandOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Server or evidence fail twice; the third time a flow run whose process died is flown."""
    asked: list[int] = []
    ask = Fleet.in_states

    async def busy(fleet: Fleet, states: Iterable[StateType]) -> list[FlowRun]:
        if StateType.RUNNING in states:
            asked.append(1)
            if len(asked) <= BUSY_TIMES:
                raise problem
        return await ask(fleet, states)

    monkeypatch.setattr(Fleet, "in_states", busy)

    async def house() -> None:
        flow_run_id = hand_over("said-again")
        async with get_client() as client:
            await client.set_flow_run_state(flow_run_id, Running(), force=True)
            await until_completed(client, flow_run_id, chosen)

    asyncio.run(asyncio.wait_for(house(), PATIENCE_SECONDS))
    assert len(asked) == BUSY_TIMES + 1
    assert journal_of(chosen).has_ended("said-again")
