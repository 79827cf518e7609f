"""The warm runner: starts flow runs in this process, without a cold start for each.

It takes the scheduled flow runs of our deployments a few at a time, wakes sleeping runs whose desk
has something new, answers no-go for gates whose deadline has passed while they slept, puts runs
whose process died back into flight, and stops those that were cancelled in Prefect. The bell and
the server's news tell it at once; it looks by itself now and then. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import StateType
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.logging.handlers import APILogWorker

from gonogo.bells import bell_of
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.house.fleet import Fleet, Flight
from gonogo.house.halting import StandDown
from gonogo.house.keeper import Keeper
from gonogo.house.news import News, Word
from gonogo.house.recovery import recover
from gonogo.switches import halts

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from pathlib import Path

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.house")

POLL_SECONDS, POLL_SECONDS_WITH_NEWS = 0.2, 1.0
"""How often the server is asked what is due: while it tells no news, and while it does."""
KEEP_SECONDS = 1.0
"""How often sleeping and cancelled runs are looked at; less often where a look takes long."""
KEEP_SHARE = 0.05
"""At most this share of the time is spent on looking."""
HANDED_AT_ONCE = 4
"""How many runs that left a batch become flow runs in one look."""
LOOKAHEAD = timedelta(seconds=1.5)
COMMIT_PAUSES = (0.02, 0.04, 0.08, 0.16, 0.32)
"""The server tells of a change a moment before it has committed it; the pauses between looking for it, in seconds."""


@dataclass(slots=True)
class WarmRunner:
    """Executes the flow runs of this project's deployments until it is stopped."""

    settings: Settings
    _news: News = field(default_factory=News)
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _taking: set[UUID] = field(default_factory=set[UUID])
    _rung: set[str] = field(default_factory=set[str])
    """Runs whose desk rang while they flew; looked after once they have lain down."""
    _is_recovered: bool = False
    """Whether runs whose flight broke off have been looked for since server or evidence last failed."""
    _errands: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def run(self, stop: asyncio.Event) -> None:
        """Fly until told to stop; runs in flight then leave at their next rest, and continue another day."""
        # One client of each kind for all flights: each new one loads the same certificates again.
        with SyncClientContext.get_or_create():
            async with AsyncClientContext.get_or_create() as shared:
                await self._run(shared.client, stop)

    async def _run(self, client: PrefectClient, stop: asyncio.Event) -> None:
        keeper = Keeper(self.settings)
        fleet = Fleet(client, left=lambda flight: self._left(flight, fleet, keeper))
        loop = asyncio.get_running_loop()

        def cancelled(flow_run_id: str) -> None:
            loop.call_soon_threadsafe(lambda: self._go(self._cancel(fleet, UUID(flow_run_id))))

        keeper.cancelled = cancelled
        await fleet.muster()
        for errand in (self._keep(fleet, keeper), self._hear_desks(fleet, keeper), self._hear_server(fleet)):
            self._go(errand)
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                self._due.clear()
                with self._going_on("take runs"):
                    await self._take(fleet)
                due = asyncio.ensure_future(self._due.wait())
                poll = POLL_SECONDS_WITH_NEWS if self._news.is_live else POLL_SECONDS
                await asyncio.wait({stopped, due}, timeout=poll, return_when=asyncio.FIRST_COMPLETED)
                due.cancel()
        finally:
            for task in (stopped, *self._errands):
                task.cancel()
            await asyncio.gather(stopped, *self._errands, return_exceptions=True)
            await fleet.land()
            await _send_what_is_left()

    @contextlib.contextmanager
    def _going_on(self, what: str) -> Generator[None]:
        """Let a server that is busy or away, or one broken journal, not end the house; the next round tries again.

        Whose flight broke off meanwhile is looked for again, too.
        """
        try:
            yield
        except (httpx.HTTPError, OSError, GonogoError, PrefectException) as error:
            self._is_recovered = False
            _log.warning("The house could not %s now: %s", what, error)

    def _go(self, errand: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else."""
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _left(self, flight: Flight, fleet: Fleet, keeper: Keeper) -> None:
        """Use the room that a flight has left, and look after its run if its desk rang meanwhile."""
        self._due.set()
        if flight.run_id in self._rung:
            self._rung.discard(flight.run_id)
            self._go(self._wake(fleet, keeper, flight.run_id))

    async def _take(self, fleet: Fleet) -> None:
        """Start what is due, as far as there is room."""
        room = self.settings.flights - len(fleet.flying)
        if room <= 0 or not fleet.deployments:
            return
        due = await fleet.client.get_scheduled_flow_runs_for_deployments(
            list(fleet.deployments), scheduled_before=datetime.now(UTC) + LOOKAHEAD, limit=room * 2
        )
        for flow_run in due:
            if len(fleet.flying) < self.settings.flights:
                fleet.begin(flow_run)

    async def _take_one(self, fleet: Fleet, flow_run_id: UUID) -> None:
        """Start a flow run that is said to be due."""
        if flow_run_id in self._taking:
            return
        self._taking.add(flow_run_id)
        try:
            with self._going_on(f"take flow run {flow_run_id}"):
                flow_run = await _read_in({StateType.SCHEDULED}, fleet.client, flow_run_id)
                has_room = len(fleet.flying) < self.settings.flights
                if flow_run is not None and has_room and _is_due(flow_run):
                    fleet.begin(flow_run)
        finally:
            self._taking.discard(flow_run_id)

    async def _cancel(self, fleet: Fleet, flow_run_id: UUID) -> None:
        """Stop a flow run that is said to have been cancelled."""
        with self._going_on(f"stop flow run {flow_run_id}"):
            flow_run = await _read_in({StateType.CANCELLING, StateType.CANCELLED}, fleet.client, flow_run_id)
            if flow_run is not None:
                await fleet.cancel(flow_run)

    async def _hear_server(self, fleet: Fleet) -> None:
        """Act on the server's news."""
        async for word in self._news.words():
            if word is None:
                self._due.set()
            elif word.deployment_id in fleet.deployments:
                self._go(self._heed(fleet, word))

    async def _heed(self, fleet: Fleet, word: Word) -> None:
        match word.state:
            case StateType.SCHEDULED:
                await self._take_one(fleet, word.flow_run_id)
            case StateType.PAUSED:
                await self._suspend(fleet, word.flow_run_id)
            case _:
                await self._cancel(fleet, word.flow_run_id)

    async def _suspend(self, fleet: Fleet, flow_run_id: UUID) -> None:
        """Let a flow run leave that was suspended from outside; one that lies down by itself is leaving anyway."""
        if flow_run_id in fleet.flying:
            with self._going_on(f"suspend flow run {flow_run_id}"):
                flow_run = await _read_in({StateType.PAUSED}, fleet.client, flow_run_id)
                if flow_run is not None:
                    fleet.suspend(flow_run)

    async def _hear_desks(self, fleet: Fleet, keeper: Keeper) -> None:
        """Wake sleeping runs whose desk rings."""
        with bell_of(self.settings).listening() as ear:
            while True:
                for run_id in await ear.heard(KEEP_SECONDS):
                    if fleet.is_flying(run_id):
                        self._rung.add(run_id)
                    else:
                        self._go(self._wake(fleet, keeper, run_id))

    async def _wake(self, fleet: Fleet, keeper: Keeper, run_id: str) -> None:
        woken = await asyncio.to_thread(keeper.wake, run_id)
        if woken is not None:
            await self._take_one(fleet, UUID(woken))

    async def _keep(self, fleet: Fleet, keeper: Keeper) -> None:
        """Look after runs that sleep, were cancelled, or lost their process."""
        down = StandDown(self.settings)
        while True:
            begun = time.monotonic()
            if not self._is_recovered:
                self._is_recovered = True
                with self._going_on("recover runs"):
                    await recover(fleet, journal_of(self.settings))
            with self._going_on("end halted runs that sleep"):
                await asyncio.to_thread(down.look, halts(self.settings))
            with self._going_on("look after sleeping runs"):
                woken = await asyncio.to_thread(keeper.look)
                await asyncio.to_thread(keeper.hand_over, str(fleet.client.api_url), HANDED_AT_ONCE)
                for flow_run_id in woken:
                    self._go(self._take_one(fleet, UUID(flow_run_id)))
            with self._going_on("stop cancelled runs"):
                for flow_run in await fleet.in_states([StateType.CANCELLING]):
                    await fleet.cancel(flow_run)
            await asyncio.sleep(max(KEEP_SECONDS, (time.monotonic() - begun) / KEEP_SHARE))


async def _read_in(announced: set[StateType], client: PrefectClient, flow_run_id: UUID) -> FlowRun | None:
    """Return a flow run once it is in a state that the server has announced; ``None`` where it stays in another."""
    for pause in (*COMMIT_PAUSES, None):
        with contextlib.suppress(ObjectNotFound):
            flow_run = await client.read_flow_run(flow_run_id)
            if flow_run.state_type in announced:
                return flow_run
        if pause is not None:
            await asyncio.sleep(pause)
    return None


def _is_due(flow_run: FlowRun) -> bool:
    scheduled = None if flow_run.state is None else flow_run.state.state_details.scheduled_time
    return scheduled is None or scheduled <= datetime.now(UTC) + LOOKAHEAD


async def _send_what_is_left() -> None:
    """Send the last logs and events while the server still listens; at exit nobody would."""
    for worker in (APILogWorker, EventsWorker):
        sending: Any = worker.drain_all(timeout=5)
        if inspect.isawaitable(sending):
            await sending


def log_to(path: Path) -> None:
    """Send what Prefect would print to a file; the terminal belongs to the operator."""
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", "prefect.extra", "root"):
        logger = logging.getLogger(None if name == "root" else name)
        for handler in list(logger.handlers):
            if type(handler).__name__ == "PrefectConsoleHandler":
                logger.removeHandler(handler)
                logger.addHandler(logging.FileHandler(path, encoding="utf-8", delay=True))
