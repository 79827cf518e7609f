"""The warm runner: starts flow runs in this process, without a cold start for each.

It takes the scheduled flow runs of our deployments a few at a time, wakes sleeping runs whose desk
has something new, answers no-go for gates whose deadline has passed while they slept, and puts
runs whose process died back into flight. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import Flow, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort
from prefect.flow_engine import run_flow
from prefect.logging.handlers import APILogWorker
from prefect.states import AwaitingRetry, Crashed, Pending
from prefect.utilities.engine import propose_state

from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.house.keeper import hand_over, keep_sleepers
from gonogo.house.loading import load_flow
from gonogo.lanes.prefect import run_id_of
from gonogo.missions import Mission

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.house")

POLL_SECONDS = 0.2
KEEP_SECONDS = 1.0
"""How often sleeping and lost runs are looked at."""
HANDED_AT_ONCE = 4
"""How many runs that left a batch become flow runs in one look."""
LOOKAHEAD = timedelta(seconds=1)


@dataclass(slots=True)
class WarmRunner:
    """Executes the flow runs of this project's deployments until it is stopped."""

    settings: Settings
    deployments: dict[UUID, DeploymentResponse] = field(default_factory=dict[UUID, DeploymentResponse])
    _flows: dict[str, Flow[Any, Any]] = field(default_factory=dict[str, Flow[Any, Any]])
    _flying: dict[UUID, asyncio.Task[None]] = field(default_factory=dict[UUID, asyncio.Task[None]])
    _woken: dict[str, int] = field(default_factory=dict[str, int])
    _handed: dict[str, int] = field(default_factory=dict[str, int])

    async def run(self, stop: asyncio.Event) -> None:
        """Fly until told to stop; runs in flight then leave at their next rest, and continue another day."""
        async with get_client() as client:
            await self._know_deployments(client)
            keeper = asyncio.ensure_future(self._keep(client, stop))
            try:
                while not stop.is_set():
                    with _going_on("take runs"):
                        await self._take(client)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), POLL_SECONDS)
            finally:
                keeper.cancel()
                await self._land()
                await _send_what_is_left()

    async def _know_deployments(self, client: PrefectClient) -> None:
        for deployment in await client.read_deployments():
            self.deployments[deployment.id] = deployment
            self._flow(deployment.entrypoint or "")

    def _flow(self, entrypoint: str) -> Flow[Any, Any]:
        """Return the flow of an entrypoint, loaded once."""
        if entrypoint not in self._flows:
            self._flows[entrypoint] = load_flow(entrypoint)
        return self._flows[entrypoint]

    async def _take(self, client: PrefectClient) -> None:
        """Start what is due, as far as there is room."""
        room = self.settings.flights - len(self._flying)
        if room <= 0 or not self.deployments:
            return
        due = await client.get_scheduled_flow_runs_for_deployments(
            list(self.deployments), scheduled_before=datetime.now(UTC) + LOOKAHEAD, limit=room * 2
        )
        for flow_run in due:
            if flow_run.id in self._flying or len(self._flying) >= self.settings.flights:
                continue
            self._flying[flow_run.id] = asyncio.ensure_future(self._fly(client, flow_run))

    async def _fly(self, client: PrefectClient, flow_run: FlowRun) -> None:
        """Execute one flow run to its end or its next sleep."""
        try:
            deployment = self.deployments[flow_run.deployment_id]  # pyright: ignore[reportArgumentType] - taken by deployment
            flow = self._flow(deployment.entrypoint or "")
            flow_run.state = await propose_state(client, Pending(), flow_run_id=flow_run.id)
            if flow_run.state.is_pending():
                parameters = {**deployment.parameters, **flow_run.parameters}
                await _as_coroutine(run_flow(flow, flow_run=flow_run, parameters=parameters, return_type="state"))
        except Abort:
            return
        except Exception as error:  # noqa: BLE001 - one broken flow run must not stop the house
            state = Crashed(message=f"The runner could not execute it: {error}")
            with contextlib.suppress(Exception):
                await client.set_flow_run_state(flow_run.id, state, force=True)
        finally:
            self._flying.pop(flow_run.id, None)

    async def _keep(self, client: PrefectClient, stop: asyncio.Event) -> None:
        """Look after runs that sleep, and runs whose process is gone."""
        with _going_on("recover runs"):
            await self._recover(client)
        while not stop.is_set():
            with _going_on("look after sleeping runs"):
                await asyncio.to_thread(keep_sleepers, self.settings, self._woken)
                await asyncio.to_thread(hand_over, self.settings, str(client.api_url), self._handed, HANDED_AT_ONCE)
            await asyncio.sleep(KEEP_SECONDS)

    async def _recover(self, client: PrefectClient) -> None:
        """Put runs back into flight that Prefect believes to be running while nobody holds their lease."""
        if not self.deployments:
            return
        believed = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(self.deployments)),
            state=FlowRunFilterState(
                type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CRASHED])
            ),
        )
        journal = journal_of(self.settings)
        live = set(journal.live_run_ids())
        for flow_run in await client.read_flow_runs(flow_run_filter=believed):
            deployment = self.deployments[flow_run.deployment_id]  # pyright: ignore[reportArgumentType] - filtered by deployment
            flow = self._flow(deployment.entrypoint or "")
            if not isinstance(flow, Mission):
                continue
            run_id = run_id_of(flow_run, flow.name)
            has_crashed = flow_run.state_type is StateType.CRASHED
            if journal.is_free(run_id) and (not has_crashed or run_id in live):
                again = AwaitingRetry(message="Its process died; it continues from its evidence.")
                await client.set_flow_run_state(flow_run.id, again, force=True)

    async def _land(self) -> None:
        """Let runs in flight leave."""
        for task in list(self._flying.values()):
            task.cancel()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)


@contextlib.contextmanager
def _going_on(what: str) -> Generator[None]:
    """Let a server that is busy or away, or one broken journal, not end the house; the next round tries again."""
    try:
        yield
    except (httpx.HTTPError, OSError, GonogoError) as error:
        _log.warning("The house could not %s now: %s", what, error)


async def _send_what_is_left() -> None:
    """Send the last logs and events while the server still listens; at exit nobody would."""
    for worker in (APILogWorker, EventsWorker):
        sending: Any = worker.drain_all(timeout=5)
        if inspect.isawaitable(sending):
            await sending


async def _as_coroutine(running: Any) -> Any:
    return await running


def log_to(path: Path) -> None:
    """Send what Prefect would print to a file; the terminal belongs to the operator."""
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", "prefect.extra", "root"):
        logger = logging.getLogger(None if name == "root" else name)
        for handler in list(logger.handlers):
            if type(handler).__name__ == "PrefectConsoleHandler":
                logger.removeHandler(handler)
                logger.addHandler(logging.FileHandler(path, encoding="utf-8", delay=True))
