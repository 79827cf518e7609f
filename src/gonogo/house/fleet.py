"""The fleet: the flow runs that are executed in this process, and how each one ends, leaves or is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import Flow
from prefect._flow_run_suspension import mark_flow_run_suspension_requested
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import Abort, Pause, PrefectException
from prefect.flow_engine import run_flow
from prefect.states import Cancelled, Crashed, Pending, Scheduled
from prefect.utilities.engine import propose_state

from gonogo.errors import RunBusy
from gonogo.house.loading import load_flow
from gonogo.lanes.prefect import abort_flow_run, has_begun, run_id_of
from gonogo.missions import Mission
from gonogo.orders import Orders, under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, StateType

_log = logging.getLogger("gonogo.house")

CANCELLED_IN_PREFECT = "The flow run was cancelled in Prefect."


@dataclass(slots=True)
class Flight:
    """One flow run that is executed here."""

    flow_run: FlowRun
    flow: Flow[Any, Any]
    orders: Orders = field(default_factory=Orders)
    task: asyncio.Task[None] | None = None

    @property
    def run_id(self) -> str | None:
        """The run it flies; ``None`` for a flow that is no mission."""
        return run_id_of(self.flow_run, self.flow.name) if isinstance(self.flow, Mission) else None


@dataclass(slots=True)
class Fleet:
    """Executes flow runs of the deployments it knows."""

    client: PrefectClient
    left: Callable[[Flight], None]
    """Told of each flow run that has ended or lain down."""
    deployments: dict[UUID, DeploymentResponse] = field(default_factory=dict[UUID, DeploymentResponse])
    flying: dict[UUID, Flight] = field(default_factory=dict[UUID, Flight])
    _flows: dict[str, Flow[Any, Any]] = field(default_factory=dict[str, Flow[Any, Any]])

    async def muster(self) -> None:
        """Learn the server's deployments, and load the flow of each."""
        for deployment in await self.client.read_deployments():
            self.deployments[deployment.id] = deployment
            self._load(deployment.entrypoint or "")

    def _load(self, entrypoint: str) -> Flow[Any, Any]:
        """Return the flow of an entrypoint, loaded once."""
        if entrypoint not in self._flows:
            self._flows[entrypoint] = load_flow(entrypoint)
        return self._flows[entrypoint]

    def flow_of(self, flow_run: FlowRun) -> Flow[Any, Any] | None:
        """Return the flow of a flow run; ``None`` where its deployment is not ours."""
        deployment = self.deployments.get(flow_run.deployment_id) if flow_run.deployment_id else None
        return None if deployment is None else self._load(deployment.entrypoint or "")

    async def in_states(self, states: Iterable[StateType]) -> list[FlowRun]:
        """Return the flow runs of our deployments that are in one of these states."""
        if not self.deployments:
            return []
        wanted = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(self.deployments)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
        )
        return await self.client.read_flow_runs(flow_run_filter=wanted)

    def is_flying(self, run_id: str) -> bool:
        """Whether a run is flown here now."""
        return any(flight.run_id == run_id for flight in self.flying.values())

    def begin(self, flow_run: FlowRun) -> None:
        """Start to execute a flow run that is due; one that is executed already is left alone."""
        flow = self.flow_of(flow_run)
        if flow is None or flow_run.id in self.flying:
            return
        flight = self.flying[flow_run.id] = Flight(flow_run, flow)
        flight.task = asyncio.ensure_future(self._fly(flight))

    async def _fly(self, flight: Flight) -> None:
        """Execute one flow run to its end or its next sleep."""
        flow_run = flight.flow_run
        try:
            with under(flight.orders):
                await self._execute(flight)
        except (Abort, Pause):
            return
        except asyncio.CancelledError:
            if flight.orders.abort is None:
                await self._put_back(flight)
                raise
            await self._end_cancelled(flight)
        except Exception as error:  # noqa: BLE001 - one broken flow run must not stop the house
            state = Crashed(message=f"The runner could not execute it: {error}")
            with contextlib.suppress(Exception):
                await self.client.set_flow_run_state(flow_run.id, state, force=True)
        finally:
            self.flying.pop(flow_run.id, None)
            self.left(flight)

    async def _execute(self, flight: Flight) -> None:
        flow_run = flight.flow_run
        flow_run.state = await propose_state(self.client, Pending(), flow_run_id=flow_run.id)
        if flow_run.state.is_pending():
            deployment = self.deployments[flow_run.deployment_id]  # pyright: ignore[reportArgumentType] - begun by deployment
            parameters = {**deployment.parameters, **flow_run.parameters}
            # For a flow run of a deployment the engine would stop this loop, and with it every other flight,
            # while a thread connects to the server's events, and again until that thread has ended: about a
            # quarter of a second. The runner hears the same events once for all, see `suspend`. The engine
            # reads the flow run anew before the mission sees it.
            anonymous = flow_run.model_copy(update={"deployment_id": None})
            running: Any = run_flow(flight.flow, flow_run=anonymous, parameters=parameters, return_type="state")
            await running

    async def _put_back(self, flight: Flight) -> None:
        """Let a flow run whose mission has not begun begin another day.

        Prefect's engine calls what leaves it so early Crashed, and there is no evidence that anybody
        could continue from: it would be forgotten, and it was handed to the house.
        """
        flow, flow_run = flight.flow, flight.flow_run
        if not isinstance(flow, Mission) or has_begun(flow, flow_run):
            return
        try:
            state = (await self.client.read_flow_run(flow_run.id)).state
            if state is not None and state.is_crashed():
                later = Scheduled(message="The house went before it began; it begins when the house is up again.")
                await self.client.set_flow_run_state(flow_run.id, later, force=True)
        except (httpx.HTTPError, PrefectException) as error:
            _log.error("Flow run %s did not begin and is lost to the house (%s); start it again.", flow_run.id, error)

    def suspend(self, flow_run: FlowRun) -> None:
        """Let a flow run that somebody suspended in Prefect leave at its next task, as Prefect's engine does it."""
        if flow_run.id in self.flying and flow_run.state is not None:
            mark_flow_run_suspension_requested(flow_run.id, flow_run.state)

    async def cancel(self, flow_run: FlowRun) -> None:
        """Stop a flow run that was cancelled in Prefect, which by itself stops nothing in this process.

        What has begun is finished and recorded, nothing more is begun, and the run's end is written as
        aborted, whether it flies here or sleeps. One that another process flies is left to that process.
        """
        flight = self.flying.get(flow_run.id)
        if flight is None:
            flow = self.flow_of(flow_run)
            if isinstance(flow, Mission):
                await self._end_cancelled(Flight(flow_run, flow))
        elif flight.orders.abort is None and flight.task is not None:
            _log.warning("Flow run %s was cancelled; its run ends aborted once what has begun is done.", flow_run.id)
            flight.orders.abort = CANCELLED_IN_PREFECT
            flight.task.cancel()

    async def _end_cancelled(self, flight: Flight) -> None:
        """Write the end of a cancelled run, if it has none yet, and let Prefect know that it has stopped."""
        try:
            if isinstance(flight.flow, Mission):
                await abort_flow_run(flight.flow, flight.flow_run, CANCELLED_IN_PREFECT)
        except RunBusy:
            return
        state = (await self.client.read_flow_run(flight.flow_run.id)).state
        if state is None or not state.is_cancelled():
            await self.client.set_flow_run_state(
                flight.flow_run.id, Cancelled(message="Stopped by the runner."), force=True
            )

    async def land(self) -> None:
        """Let all leave; they continue another day."""
        tasks = [flight.task for flight in self.flying.values() if flight.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
