"""The mission lane: a Prefect flow run for each mission, a task run for each step.

Prefect schedules, shows, pauses and wakes; it decides nothing. A gate first waits warm (the run
stays Running and watches its desk), then sleeps: suspended where the flow run has a deployment
that can start it again, paused in this process where it has none. A resume without an accepted
answer only sends the run back to sleep.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout, Pause
from prefect.flow_runs import apause_flow_run, asuspend_flow_run
from prefect.input.actions import aread_flow_run_input
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed, Failed

from gonogo.ballots import accepted_answer
from gonogo.errors import GonogoError, MissionMisdefined, RunBusy, StepFailed
from gonogo.evidence.canon import short_id
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.forms import WAKE, GateAnswer, form_of, take_form
from gonogo.lanes.local import fly_on
from gonogo.orders import Orders, under
from gonogo.pilots import Held, Wait
from gonogo.plans import Landing, Plan, read_case, recorded_case
from gonogo.settings import settings
from gonogo.transports import refuse_clear

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prefect.client.schemas.objects import FlowRun, State

    from gonogo.missions import Mission
    from gonogo.model import Lane
    from gonogo.runs import Run
    from gonogo.settings import Settings
    from gonogo.steps import Step

T = TypeVar("T")

RUN_TAG = "gonogo-run:"
"""A tag with this prefix gives a flow run the identity of a run that has evidence already."""

LEASE_PATIENCE_SECONDS, LEASE_LOOK_SECONDS = 10.0, 0.02
"""How long a woken flow run waits for its former process to let go of the run, and how often it looks."""


class PrefectPilot:
    """Flies inside a Prefect flow run."""

    lane: Lane = "mission"

    def __init__(self, flow_run: FlowRun) -> None:
        self.flow_run = flow_run
        self._sleeper: asyncio.Lock = asyncio.Lock()
        self._warm_since: dict[str, float] = {}

    async def begin(self, run: Run) -> None:
        """Carry an answer given in the form of the last sleep to the desk, once."""
        parks = [r.data for r in only(run.ledger.records, "run_record") if r.data.get("event") == "waiting"]
        if not parks or not parks[-1].get("form"):
            return
        gate_id, key = parks[-1]["gate"], parks[-1]["form"]
        if accepted_answer(run.ledger.desk(), gate_id) is not None:
            return
        given = await aread_flow_run_input(f"{key}-response", flow_run_id=self.flow_run.id)
        if given:
            take_form(run, gate_id, given)

    async def fly_step(self, step: Step[Any, Any], arguments: dict[str, Any], body: Callable[[], Awaitable[T]]) -> T:
        """Do the work as a task run; a step that meets a gate leaves its task run as Completed, `Held`."""
        value: list[T] = []
        instead: list[Held | GonogoError] = []

        async def shown() -> State[Any] | None:
            try:
                value.append(await body())
            except Held as signal:
                instead.append(signal)
                return Completed(name="Held", message="The mission waits; the step is entered again after that.")
            except GonogoError as error:
                # Returned, not raised: the sentence is for operators, a traceback would bury it.
                instead.append(error)
                return Failed(name=type(error).__name__, message=str(error))
            # The result is in the evidence; Prefect would only walk through it.
            return None

        state = await step.as_task_run(arguments, shown)
        if instead:
            raise instead[0]
        if not value:
            raise StepFailed(f"Prefect ended the task run of {step.name} as {state.name}: {state.message}")
        return value[0]

    async def rest(self, run: Run) -> None:
        """Watch the desk for a moment; once the warm window is over and nothing flies, sleep."""
        first = run.waits[0]
        since = self._warm_since.setdefault(first.name, time.monotonic())
        warm = since + run.settings.gate_warm_seconds - time.monotonic()
        if warm > 0 or run.busy or self._sleeper.locked():
            poll = run.settings.poll_seconds
            await run.stirred(min(poll, warm) if warm > 0 else poll)
            return
        async with self._sleeper:
            if first not in run.waits:
                return
            if self.flow_run.deployment_id is None:
                await self._pause(run, first)
            else:
                await self._suspend(run, first)

    async def _suspend(self, run: Run, first: Wait) -> None:
        """Leave the process; Prefect starts the flow run again when it is resumed."""
        key = f"{first.name}-{run.parks + 1}".lower().replace("_", "-")
        await self._park(run, first, "suspended", key)
        form = form_of(first)
        try:
            if form is None:
                await asuspend_flow_run(key=key, timeout=None)
            else:
                await asuspend_flow_run(wait_for_input=form, key=key, timeout=None)
        except Pause as signal:
            run.leave(signal)

    async def _pause(self, run: Run, first: Wait) -> None:
        """Stay in the process as Paused, so that the form can be used; wake at anything on the desk."""
        key = f"{first.name}-{run.parks + 1}".lower().replace("_", "-")
        await self._park(run, first, "paused", key)
        seconds = int((max(w.deadline for w in run.waits) - datetime.now(UTC)).total_seconds()) + 3_600
        form = form_of(first)
        asked = (
            apause_flow_run(timeout=seconds, poll_interval=1, key=key)
            if form is None
            else apause_flow_run(wait_for_input=form, timeout=seconds, poll_interval=1, key=key)
        )
        pause = asyncio.ensure_future(asked)
        try:
            while not pause.done():
                stirred = asyncio.ensure_future(run.stirred(run.settings.poll_seconds))
                await asyncio.wait({pause, stirred}, return_when=asyncio.FIRST_COMPLETED)
                stirred.cancel()
                is_late = any(datetime.now(UTC) >= wait.deadline for wait in run.waits)
                if not pause.done() and (is_late or len(run.ledger.desk()) > run.looked):
                    if await resume(str(self.flow_run.id), has_form=form is not None):
                        return
                    # Somebody's form was faster, or Prefect has not stored its own form yet.
                    await asyncio.wait({pause}, timeout=run.settings.poll_seconds)
            given = await pause
        except FlowPauseTimeout:
            return
        finally:
            pause.cancel()
            await asyncio.gather(pause, return_exceptions=True)
        if isinstance(given, GateAnswer):
            take_form(run, first.name, given.model_dump())

    async def _park(self, run: Run, first: Wait, mode: str, key: str) -> None:
        how = {"mode": mode, "flow_run_id": str(self.flow_run.id), "api": PREFECT_API_URL.value() or ""}
        if first.kind == "gate":
            how |= {"gate": first.name, "form": f"{mode}-{key}"}
        await run.park(**how)


async def resume(flow_run_id: str, *, has_form: bool) -> bool:
    """Wake a sleeping flow run; returns whether Prefect agreed to wake it."""
    async with get_client() as client:
        reply = await client._client.post(  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - resume_flow_run() hides a REJECT's reason
            f"/flow_runs/{flow_run_id}/resume",
            json={"run_input": WAKE} if has_form else {},
        )
        return reply.json().get("status") == "ACCEPT"


async def abort_flow_run(mission: Mission[Any, Any], flow_run: FlowRun, because: str) -> None:
    """Write the end of a run that nobody flies any more: aborted. One that ended, or never began, is left alone.

    Raises:
        RunBusy: somebody flies it.

    """
    chosen = settings()
    run_id = run_id_of(flow_run, mission.charter.name)
    journal = journal_of(chosen)
    if not has_begun(mission, flow_run) or journal.has_ended(run_id):
        return
    with under(Orders(abort=because)):
        await fly(mission, None, _plan(mission, flow_run, chosen))


def has_begun(mission: Mission[Any, Any], flow_run: FlowRun) -> bool:
    """Whether the evidence knows the run of a flow run."""
    return bool(journal_of(settings()).read_flight(run_id_of(flow_run, mission.charter.name)))


def run_id_of(flow_run: FlowRun, mission: str) -> str:
    """Return the run a flow run flies: the one its tag names, or one derived from its own id."""
    for tag in flow_run.tags:
        if tag.startswith(RUN_TAG):
            return tag.removeprefix(RUN_TAG)
    return f"{mission.replace('_', '-')}-{short_id(str(flow_run.id))}"


async def fly_flow_run(mission: Mission[Any, Any], *args: Any, **kwargs: Any) -> Any:
    """Fly a mission in the current flow run; called by Prefect's engine.

    Returns:
        The outcome, or a Failed state that names how it ended instead.

    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise MissionMisdefined("A mission is called as a flow: await the_mission(case), or rehearse() it in tests.")
    flow_run = context.flow_run
    given = args[0] if args else kwargs[mission.case_name]
    plan = _plan(mission, flow_run, settings())
    landing = await _fly_patiently(mission, given, plan)
    if landing.again_at is not None:
        # The keeper wakes it when it may fly again; meanwhile others have its place.
        await asuspend_flow_run(key=f"again-{landing.evidence}", timeout=None)
    if landing.status == "waiting":
        # Its process is being stopped while it falls asleep. Crashed is what the next house puts back into flight.
        raise asyncio.CancelledError
    if landing.status == "done":
        return mission.outcome_type.model_validate(landing.outcome)
    return _ended(landing)


def _plan(mission: Mission[Any, Any], flow_run: FlowRun, chosen: Settings) -> Plan:
    # A profile of Prefect's may name the server, too.
    refuse_clear(chosen.environment, None, {"PREFECT_API_URL": PREFECT_API_URL.value() or ""})
    return Plan(
        run_id=run_id_of(flow_run, mission.charter.name),
        pilot=PrefectPilot(flow_run),
        settings=chosen,
        case_ref=f"flow-run:{flow_run.name}",
        # Without a deployment nobody could start it again; it rests in its process.
        rest={"mode": "suspended", "flow_run_id": str(flow_run.id), "api": PREFECT_API_URL.value() or ""}
        if flow_run.deployment_id
        else {},
        prefect={"flow_run_id": str(flow_run.id), "flow_run_name": flow_run.name}
        | ({"deployment": str(flow_run.deployment_id)} if flow_run.deployment_id else {}),
    )


async def _fly_patiently(mission: Mission[Any, Any], given: object, plan: Plan) -> Landing:
    """Fly; a run that was woken while its former process was still leaving waits for it."""
    until = time.monotonic() + LEASE_PATIENCE_SECONDS
    is_begun = journal_of(plan.settings).flight_position(plan.run_id) > 0
    case = (recorded_case if is_begun else read_case)(mission, given)
    while True:
        try:
            return await (fly if plan.rest else fly_on)(mission, case, plan)
        except RunBusy:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(LEASE_LOOK_SECONDS)


def _ended(landing: Landing) -> State[Any]:
    """Return the flow run's last state for a run that did not reach its outcome."""
    if landing.status == "aborted":
        return Cancelled(message=landing.error or "Aborted.")
    name = "NoGo" if landing.status == "no_go" else "Failed"
    try:
        landing.raise_if_not_done()
    except Exception as error:  # noqa: BLE001 - whatever it ended with is what the caller gets
        return Failed(name=name, message=str(error), data=error)
    raise AssertionError(landing.status)
