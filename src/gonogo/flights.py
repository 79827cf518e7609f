"""One flight of a mission, from its first record to its last, whoever schedules it.

A flight that was interrupted continues from its evidence: what has a recorded result is returned,
not done again. A flight that ended returns what it ended with.
"""

from __future__ import annotations

import asyncio
import getpass
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from gonogo.agents.agent import check_models
from gonogo.agents.offline import MODEL as OFFLINE
from gonogo.budgets import Meter
from gonogo.calls import recall
from gonogo.current import flying
from gonogo.divergence import check_divergence
from gonogo.docket import demoted_agents
from gonogo.enactments import check_flight
from gonogo.endings import end, end_unflown, landing_of, unflown_landing, waiting_landing
from gonogo.errors import Aborted, CaseRefused, GonogoError, StepFailed
from gonogo.events import received_ids
from gonogo.evidence.canon import moment, plain_text, sha256_hex, timestamp
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import Ledger, must_have_payload, only
from gonogo.evidence.records import Envelope
from gonogo.evidence.scopes import Scope, entered
from gonogo.evidence.vaults import REFERENCES
from gonogo.exchange import catch_up
from gonogo.failures import raise_if_no_end
from gonogo.lookout import aboard
from gonogo.monitors.habits import habits_of
from gonogo.monitors.watch import Watch
from gonogo.paths import requeued
from gonogo.pilots import Parked
from gonogo.plans import TENDED, Flyable, Landing, Plan, Tended, recorded_case
from gonogo.policy.force import in_force
from gonogo.proposals import lapse, settle_proposals
from gonogo.provenance import marks_of
from gonogo.purses.keeper import Keeper
from gonogo.rosters import roster
from gonogo.runs import Run
from gonogo.sequencing import Lookback
from gonogo.subjects import vault_of
from gonogo.switches import halted
from gonogo.tools import TOOLS
from gonogo.versions import versions_in_force
from gonogo.worlds import world

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gonogo.model import Charter, Outcome
    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry
    from gonogo.settings import Settings


async def fly(mission: Flyable, case: BaseModel | None, plan: Plan) -> Landing:
    """Fly a mission to its end, or until it waits for longer than its lane stays.

    Args:
        mission: what to fly.
        case: its input; ``None`` to continue a run, whose case is in its evidence.
        plan: identity, lane and settings.

    Returns:
        How it ended. A mission that fails, is refused or denied lands; it does not raise.

    Raises:
        PolicyBroken: the law or the registry does not hold, or (LawUnapproved) outside ``dev`` nobody approved it;
            nothing was started.
        ModelFailed, PriceUnknown: the configured model cannot be used or priced; nothing was started.
        RunBusy: somebody else flies this run.
        EvidenceUnwritable, EvidenceBroken: the recorder cannot be trusted; nothing more is done.

    """
    law, registered = in_force(plan.settings.policy_folder)
    registry = registered.demoted(demoted_agents(plan.settings))
    book = habits_of(plan.settings.home)
    journal = journal_of(plan.settings)
    agents = roster(mission.story)
    if not journal.has_ended(plan.run_id):
        check_flight(plan.settings, plan.run_id)
        catch_up(plan.settings)
        halt = halted(plan.settings, run_id=plan.run_id, mission=mission.charter.name, agents=agents)
        if halt is not None and not journal.flight_position(plan.run_id):
            return unflown_landing(mission, plan.run_id, halt)
        # What a flight needs before it starts; reading back how one ended needs none of it.
        for name in agents:
            registry.card(name)
        check_models(plan.settings, registry, agents)
    envelope = _envelope(mission.charter, law, plan)
    ledger = Ledger.open(plan.run_id, journal, envelope)
    with ExitStack() as leaving:
        leaving.callback(ledger.close)
        ledger.vault = vault_of(mission, case, ledger, plan)
        ended = [r for r in only(ledger.records, "run_record") if r.data["phase"] == "result"]
        if ended:
            return landing_of(mission, ledger, ended[-1])
        # Looked at once more under the lease: whoever halts waits for those who hold one.
        halt = halted(plan.settings, run_id=plan.run_id, mission=mission.charter.name, agents=agents)
        if halt is not None:
            if not ledger.records:
                return unflown_landing(mission, plan.run_id, halt)
            return landing_of(mission, ledger, end_unflown(ledger.stream, halt))
        versions = versions_in_force(mission.charter, plan.settings.model, law, registry, book)
        case = await _begin(mission, case, ledger, plan, versions)
        run = _run(mission, ledger, law, registry, plan)
        run.watchers = (*run.watchers, Watch(run, book), Lookback(plan.settings))
        if (keeper := Keeper.of(plan.settings, registry.days, mission.charter.name)) is not None:
            # The last of them: it reserves, and what a later one refused would be reserved in vain.
            run.watchers = (*run.watchers, keeper)
            leaving.callback(keeper.leave)
        if run.abort is None:
            await plan.pilot.begin(run)
        return await _fly(mission, case, run, agents, plan.rest)


async def _begin(
    mission: Flyable, case: BaseModel | None, ledger: Ledger, plan: Plan, versions: list[dict[str, str]]
) -> BaseModel:
    """Record that the run starts, or that it goes on, and return its case."""
    if ledger.records:
        check_divergence(ledger, mission.charter, plan.settings)
        if not only(ledger.records, "version_log"):
            ledger.note("version_log", {"versions": versions})
        attempt = 2 + sum(r.data.get("event") == "resumed" for r in only(ledger.records, "run_record"))
        seals = {name: value for name, value in ledger.records[0].fields.items() if name == REFERENCES}
        ledger.envelope = Envelope({**ledger.envelope, **seals, "attempt": attempt})
        await ledger.write("run_record", {"event": "resumed", "attempt": attempt, "lane": plan.pilot.lane})
        raw = must_have_payload(ledger.whole(ledger.records[0]))
        if raw.startswith(TENDED) != isinstance(mission, Tended):
            raise CaseRefused(f"Run {plan.run_id} is no case of the mission; whoever began it goes on with it.")
        return recorded_case(mission, raw)
    if case is None:
        raise CaseRefused(f"There is no run {plan.run_id} to continue; `gonogo runs` lists them.")
    charter = mission.charter
    if ledger.vault is not None:
        ledger.envelope = Envelope({**ledger.envelope, REFERENCES: ledger.vault.references})
    started: dict[str, Any] = {
        "phase": "intent",
        "mission": charter.name,
        "owner": charter.owner,
        "lane": plan.pilot.lane,
        "requester": requester(plan.settings),
        "scope": list(charter.scope),
        "budget": charter.budget.told(),
        "model": plan.settings.model or OFFLINE,
        "offline": plan.settings.model is None,
        "case_ref": plain_text(plan.case_ref, 500),
        **(plan.prefect or {}),
    }
    if plan.rolls_back:
        started["rolls_back"] = plan.rolls_back
    if plan.arrived is not None:
        waited = max(0.0, (datetime.now(UTC) - plan.arrived).total_seconds())
        started |= {"arrived": timestamp(plan.arrived), "waited_ms": int(waited * 1_000)}
    if charter.sla_seconds is not None:
        started["sla_seconds"] = charter.sla_seconds
    if charter.safe_state:
        started["safe_state"] = plain_text(charter.safe_state, 300)
    ledger.note("run_record", started, payload=case.model_dump_json().encode())
    ledger.note("version_log", {"versions": versions})
    # Nothing has an effect before the next commit, which fails where this one does.
    await ledger.stream.commit_soon()
    return case


def _run(mission: Flyable, ledger: Ledger, law: Law, registry: Registry, plan: Plan) -> Run:
    """Return the run as its evidence left it."""
    first = ledger.records[0] if ledger.records else None
    parks = sum(record.data.get("event") == "waiting" for record in only(ledger.records, "run_record"))
    run = Run(
        id=plan.run_id,
        charter=mission.charter,
        ledger=ledger,
        law=law,
        registry=registry,
        settings=plan.settings,
        pilot=plan.pilot,
        meter=Meter.replayed(mission.charter.budget, ledger.records),
        requester=first.data["requester"] if first else requester(plan.settings),
        model=plan.settings.model or OFFLINE,
        parks=parks,
        received=received_ids(ledger.records),
    )
    if first is not None:
        run.started = moment(first.fields["time"])
    run.world = lambda: world(law, registry, mission.charter, len(TOOLS))
    return run


async def _fly(mission: Flyable, case: BaseModel, run: Run, agents: tuple[str, ...], rest: dict[str, str]) -> Landing:
    """Execute the story, and record how it ended."""
    outcome: Outcome | None = None
    error: GonogoError | None = None
    run.meter.clock.let(run=True)
    try:
        run.refuse_if_aborted()
        run.provenance.take("", "case", "request", case.model_dump_json().encode(), marks_of(type(case)))
        with aboard(run, agents), flying(run), entered(Scope("")):
            try:
                recall(run, TOOLS)
                outcome = await mission.story(case)
                await settle_proposals(run)
            except BaseExceptionGroup as group:
                raise_if_no_end(run, group)
                # A task group wraps what its branches raise; the lane has to see the signal to leave bare.
                signal, failures = group.split(lambda inner: not isinstance(inner, Exception))
                if signal is not None or failures is None:
                    raise _first(signal or group) from None
                error = _known(_first(failures))
            except Exception as raised:  # noqa: BLE001 - whatever else a mission raises is how it ended
                raise_if_no_end(run, raised)
                error = _known(raised)
        if run.leaving is not None:
            # The mission swallowed it, as gather(return_exceptions=True) does. It waits, or stops, all the same.
            raise run.leaving
        run.refuse_if_aborted()
    except (Parked, asyncio.CancelledError):
        if run.abort is None:
            await run.asleep()
            if not run.left:
                raise
            return waiting_landing(mission, run)
        _heed_cancellation()
        outcome, error = None, Aborted(run.abort)
    finally:
        await run.dismiss()
    again_at = None if error is None else await requeued(run, error, rest)
    if again_at is not None:
        return waiting_landing(mission, run, error, again_at)
    lapse(run)
    return await end(mission, run, outcome, error)


def _heed_cancellation() -> None:
    """Say that a cancellation has been acted upon; the run's last record is still to be written."""
    task = asyncio.current_task()
    # A mission that swallowed the first was cancelled again.
    while task is not None and task.cancelling():
        task.uncancel()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first thing a group holds that is no group."""
    inner = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", inner)) if isinstance(inner, BaseExceptionGroup) else inner


def _known(error: BaseException) -> GonogoError:
    if isinstance(error, GonogoError):
        return error
    told = " ".join(plain_text(str(error), 500).split())
    return StepFailed(f"The mission failed: {type(error).__name__}: {told}")


def requester(settings: Settings) -> str:
    """Return who asks for a run: the setting, or the login name."""
    return settings.requester or _login()


@lru_cache
def _login() -> str:
    return getpass.getuser()


def _envelope(charter: Charter, law: Law, plan: Plan) -> dict[str, Any]:
    """Return the fields that every record of the run carries."""
    return {
        "tenantid": plan.settings.tenant,
        "envname": plan.settings.environment,
        "missionid": charter.name,
        "missiondigest": charter.digest,
        "agentid": charter.name,
        "agentversion": charter.digest[:12],
        "manifestdigest": charter.digest,
        "policydigest": law.digest,
        "traceparent": f"00-{sha256_hex(plan.run_id.encode())[:32]}-{sha256_hex(plan.run_id.encode())[32:48]}-01",
    }
