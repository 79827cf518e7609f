"""The work of the incident mission, step by step; the story is `flows/incident_response.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo import Budget, criterion, step
from gonogo.errors import GateDenied, GonogoError, PolicyDenied
from policies.incident_briefs import CoordinationOrder
from policies.incidents import (
    ACKNOWLEDGE_WITHIN,
    ON_CALL,
    Incident,
    Plan,
    PlanStep,
    Remediation,
    Resolution,
    Situation,
    StatusUpdate,
    TicketUpdate,
)
from tasks.incidents_agents import classify_incident, incident_coordinator, post_status, propose_steps
from tasks.incidents_tools import (
    acknowledge_ticket,
    hand_over,
    mirror_update,
    observation_text,
    open_ticket,
    resolve_ticket,
    service_health,
)
from tasks.remedies import clear_cache, failover_database, purge_data, restart_service, rollback_release, scale_out
from tasks.ticketing import Acknowledgement, ActionTaken, Receipt

if TYPE_CHECKING:
    from gonogo.tools import Tool
    from policies.incidents import Action

BUDGET = Budget(usd="2.00", actions=200)
"""What one run may use; every update of a mirrored ticket is a change."""

SAFE_STATE = "A remediation that began is let finish, none begins; the ticket stays open for whoever is on call."
"""How services and tickets stand when a run is halted in its middle."""

REPLICAS_DEFAULT = 2
"""What a planned scale-out without a number of replicas means."""

TIER_UNKNOWN = 1
"""A service that the ticket does not name is taken for vital; the law refuses to touch it anyway."""

REMEDIES: dict[Action, Tool[Any, ActionTaken]] = {
    "clear_cache": clear_cache,
    "restart_service": restart_service,
    "scale_out": scale_out,
    "failover_database": failover_database,
    "rollback_release": rollback_release,
    "purge_data": purge_data,
}
"""The tool of each runbook action."""


@criterion("the severity the reporter is told is the one that was found, and there are words for it")
def says_what_was_found(situation: Situation) -> bool:
    """Look at the situation."""
    return bool(situation.summary.strip())


@criterion("the count of open symptoms is not negative")
def counts_from_zero(result: int) -> bool:
    """Look at the count."""
    return result >= 0


@criterion("a resolved incident says how long it took")
def says_how_long_it_took(result: Resolution) -> bool:
    """Look at the resolution."""
    return result.outcome == "resolved" and result.handling_seconds is not None and result.handling_seconds >= 0


@step
async def take_in(incident: Incident) -> Receipt:
    """Enter the ticket, with the services and symptoms it names."""
    return await open_ticket(
        number=incident.number,
        title=incident.title,
        description=incident.description,
        category=incident.category,
        impact=incident.impact,
        urgency=incident.urgency,
        handled_by=incident.handled_by,
        opened_at=incident.opened_at,
        observations=[observation_text(each) for each in incident.observations],
    )


@step
async def monitor(incident: Incident) -> Situation:
    """Have the incident classified; the coordinator hands it to the monitor."""
    order = CoordinationOrder(stage="assess", number=incident.number)
    return (await incident_coordinator.coordinate(order)).of(classify_incident)


@step(entry=[says_what_was_found])
async def acknowledge(incident: Incident, situation: Situation) -> Acknowledgement:
    """Tell the reporter that somebody is on it; the outcome's first measure."""
    return await acknowledge_ticket(number=incident.number, severity=situation.severity, summary=situation.summary)


@step
async def propose(incident: Incident, situation: Situation) -> Plan:
    """Have runbook steps proposed for the open symptoms; the coordinator hands it to the planner."""
    order = CoordinationOrder(
        stage="plan",
        number=incident.number,
        severity=situation.severity,
        summary=situation.summary,
    )
    return (await incident_coordinator.coordinate(order)).of(propose_steps)


@step(acting="incident_remediator")
async def remediate(incident: Incident, planned: PlanStep) -> Remediation:
    """Do one planned step; the service's facts come from operations, not from a model."""
    states = {state.service: state for state in await service_health(number=incident.number)}
    state = states.get(planned.service)
    facts: dict[str, Any] = {
        "number": incident.number,
        "service": planned.service,
        "affected_services": list(states),
        "service_tier": state.tier if state else TIER_UNKNOWN,
        "change_window_open": state.change_window_open if state else False,
    }
    if planned.action == "scale_out":
        facts["replicas"] = planned.replicas or REPLICAS_DEFAULT
    taken = await REMEDIES[planned.action](**facts)
    note = f"{taken.reference}: cleared {', '.join(taken.cleared) or 'nothing'}"
    return Remediation(service=planned.service, action=planned.action, result="done", note=note)


def stopped(planned: PlanStep, error: GonogoError) -> Remediation:
    """Return what stands for a planned step that was not done, and why."""
    result = "denied" if isinstance(error, GateDenied) else "refused" if isinstance(error, PolicyDenied) else "failed"
    return Remediation(service=planned.service, action=planned.action, result=result, note=str(error))


@step(exit=[counts_from_zero])
async def count_open_symptoms(incident: Incident) -> int:
    """Look whether the services are well again; 0 = they are."""
    return sum(len(state.open_symptoms) for state in await service_health(number=incident.number))


@step
async def tell(
    incident: Incident, situation: Situation, remediations: list[Remediation], open_symptoms: int
) -> StatusUpdate:
    """Have a status update posted; the coordinator knows what was tried and why, the scribe only its brief."""
    order = CoordinationOrder(
        stage="tell",
        number=incident.number,
        severity=situation.severity,
        summary=situation.summary,
        remediations=tuple(remediations),
        open_symptoms=open_symptoms,
    )
    return (await incident_coordinator.coordinate(order)).of(post_status)


@step(exit=[says_how_long_it_took])
async def resolve(
    incident: Incident, situation: Situation, acknowledged: Acknowledgement, remediations: list[Remediation]
) -> Resolution:
    """Close the ticket; `policies/incidents.cedar` refuses while a symptom is open."""
    open_symptoms = sum(len(state.open_symptoms) for state in await service_health(number=incident.number))
    summary = "; ".join(f"{each.action} on {each.service}" for each in remediations) or "nothing was left to do"
    closing = await resolve_ticket(number=incident.number, summary=summary, open_symptoms=open_symptoms)
    return Resolution(
        outcome="resolved",
        summary=summary,
        handling_seconds=closing.seconds,
        resolving_seconds=closing.seconds,
        **_measured(incident, situation, acknowledged, remediations),
    )


@step
async def hand_over_to_on_call(
    incident: Incident, situation: Situation, acknowledged: Acknowledgement | None, remediations: list[Remediation]
) -> Resolution:
    """Give the ticket to the on-call team, with everything that was tried."""
    tried = "; ".join(f"{each.action} on {each.service}: {each.result}, {each.note}" for each in remediations)
    reason = f"{situation.summary} {tried or 'Nothing was tried.'}"[:4_000]
    await hand_over(number=incident.number, team=ON_CALL, reason=reason)
    return Resolution(
        outcome="handed_over", summary=reason, **_measured(incident, situation, acknowledged, remediations)
    )


@step
async def mirror(update: TicketUpdate) -> Receipt:
    """Keep a state of a ticket that another system handles."""
    return await mirror_update(
        number=update.number,
        state=update.incident_state,
        active=update.active,
        made_sla=update.made_sla,
        reassignment_count=update.reassignment_count,
        reopen_count=update.reopen_count,
        opened_at=update.opened_at,
        resolved_at=update.resolved_at,
        closed_at=update.closed_at,
        updated_at=update.sys_updated_at,
        revision=update.sys_mod_count,
        priority=update.priority,
        assignment_group=update.assignment_group,
        category=update.category,
    )


def followed(situation: Situation, last: TicketUpdate, updates: int) -> Resolution:
    """Return how a ticket ended that its source system handled; every measure is of its last state."""
    return Resolution(
        outcome="followed",
        number=last.number,
        severity=situation.severity,
        summary=f"{last.incident_state} in the source after {updates} updates.",
        sla_kept=last.made_sla,
        severity_agrees=None if last.severity is None else last.severity == situation.severity,
        reassignments=last.reassignment_count,
        reopens=last.reopen_count,
        handling_seconds=last.handling_seconds,
        resolving_seconds=last.resolving_seconds,
        updates_followed=updates,
    )


def _measured(
    incident: Incident, situation: Situation, acknowledged: Acknowledgement | None, remediations: list[Remediation]
) -> dict[str, Any]:
    """Return what both endings of an incident handled here have in common."""
    done = sum(each.result == "done" for each in remediations)
    within = ACKNOWLEDGE_WITHIN[situation.severity].total_seconds()
    return {
        "number": incident.number,
        "severity": situation.severity,
        "time_to_acknowledge_seconds": None if acknowledged is None else acknowledged.seconds,
        "sla_kept": None if acknowledged is None else acknowledged.seconds <= within,
        "remediations_done": done,
        "remediations_stopped": len(remediations) - done,
    }
