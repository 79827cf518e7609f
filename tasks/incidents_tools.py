"""Tools of the incident mission: everything it can read or change in ticketing and operations.

Each is an action of the same name in `policies/incidents.cedarschema`. What the law needs to know
about a service is an argument, and steps take it from operations, not from a model. The idempotency
key is filled in by the hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from gonogo import Reach, Trusted, compensate, irreversible, quoted, reversible, shown, tool
from policies.incidents import (
    RUNBOOK,
    HandledBy,
    Identifier,
    Level,
    Observation,
    RunbookEntry,
    Severity,
    Symptom,
    TicketUpdate,
)
from tasks.prose import Prose
from tasks.systems import ticketing
from tasks.takebacks import reopen_ticket, withdraw_handover, withdraw_update
from tasks.ticketing import Acknowledgement, Arrival, Closing, EarlierTicket, Receipt, ServiceState, Ticket

Count = Annotated[int, Field(ge=0)]


def observation_text(observation: Observation) -> str:
    """Return an observation as one argument of `open_ticket`: ``service:symptom``."""
    return f"{observation.service}:{observation.symptom}"


def _observation(text: str) -> Observation:
    service, _, symptom = text.partition(":")
    return Observation.model_validate({"service": service, "symptom": symptom})


@tool(
    system="ticketing",
    effect="write",
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def open_ticket(
    *,
    number: Identifier,
    title: Prose,
    description: Prose,
    category: str,
    impact: Level,
    urgency: Level,
    handled_by: HandledBy,
    observations: list[str],
    opened_at: AwareDatetime | None = None,
    idempotency_key: str = "",
) -> Receipt:
    """Enter a ticket that is not known; observations are written ``service:symptom``."""
    arrival = Arrival(
        number=number,
        title=title,
        description=description,
        category=category,
        impact=impact,
        urgency=urgency,
        handled_by=handled_by,
        opened_at=opened_at,
        observations=tuple(_observation(text) for text in observations),
    )
    return await asyncio.to_thread(ticketing().open, arrival, idempotency_key)


@tool(system="ticketing", effect="read")
async def read_ticket(number: Identifier) -> Annotated[Ticket, Trusted()]:
    """Read a ticket: what was reported, on which services, and where it stands."""
    return await asyncio.to_thread(ticketing().ticket, number)


@tool(system="ticketing", effect="read")
async def recent_tickets(number: Identifier, category: str) -> Annotated[list[EarlierTicket], Trusted()]:
    """Read the latest tickets of a category, other than this one."""
    return await asyncio.to_thread(ticketing().earlier, number, category)


@tool(
    system="ticketing",
    effect="write",
    undo=irreversible("The reporter was told; telling them otherwise is for people."),
)
async def acknowledge_ticket(
    number: Identifier, severity: Severity, summary: Prose, *, idempotency_key: str = ""
) -> Acknowledgement:
    """Tell the reporter that somebody is on it, and how severe it is taken to be."""
    return await asyncio.to_thread(ticketing().acknowledge, number, severity, summary, idempotency_key)


@tool(
    system="ticketing",
    effect="write",
    undo=irreversible("It repeats what another system said, and stays true of its time."),
)
async def mirror_update(
    *,
    number: Identifier,
    state: str,
    active: bool,
    made_sla: bool,
    reassignment_count: Count,
    reopen_count: Count,
    opened_at: AwareDatetime,
    updated_at: AwareDatetime,
    revision: Count,
    priority: Annotated[int, Field(ge=1, le=5)] | None = None,
    assignment_group: str | None = None,
    category: str | None = None,
    resolved_at: AwareDatetime | None = None,
    closed_at: AwareDatetime | None = None,
    idempotency_key: str = "",
) -> Receipt:
    """Keep a state of a ticket that another system handles."""
    update = TicketUpdate(
        number=number,
        incident_state=state,
        active=active,
        made_sla=made_sla,
        reassignment_count=reassignment_count,
        reopen_count=reopen_count,
        opened_at=opened_at,
        resolved_at=resolved_at,
        closed_at=closed_at,
        sys_updated_at=updated_at,
        sys_mod_count=revision,
        priority=priority,
        assignment_group=assignment_group,
        category=category,
    )
    return await asyncio.to_thread(ticketing().mirror, update, idempotency_key)


def _post_preview(audience: str, headline: str, text: str, **_facts: object) -> str:
    """Show what would be posted, quoted."""
    post = quoted(f"{headline}\n\n{text}")
    return f"This is posted, and read by the audience {shown(audience)}:\n\n{post}"


def _posts(**_call: Any) -> Reach:
    # An audience is one place, however many read there.
    return Reach(records=1, recipients=1)


@tool(
    system="ticketing",
    effect="irreversible",
    preview=_post_preview,
    undo=compensate(withdraw_update, number="args.number", reference="result.reference", reason="rollback.reason"),
    reach=_posts,
)
async def post_update(
    number: Identifier, audience: str, headline: Prose, text: Prose, *, idempotency_key: str = ""
) -> Receipt:
    """Post a status update; audience is internal or public."""
    return await asyncio.to_thread(ticketing().post_update, number, audience, headline, text, idempotency_key)


@tool(
    system="ticketing", effect="write", undo=reversible(reopen_ticket, number="args.number", reason="rollback.reason")
)
async def resolve_ticket(
    number: Identifier, summary: Prose, open_symptoms: Count, *, idempotency_key: str = ""
) -> Closing:
    """Close a ticket whose symptoms are gone."""
    del open_symptoms  # what the law decided on; ticketing counts for itself
    return await asyncio.to_thread(ticketing().resolve, number, summary, idempotency_key)


@tool(
    system="ticketing",
    effect="write",
    undo=reversible(withdraw_handover, number="args.number", reference="result.reference", reason="rollback.reason"),
)
async def hand_over(number: Identifier, team: str, reason: Prose, *, idempotency_key: str = "") -> Receipt:
    """Assign a ticket to a team of people."""
    return await asyncio.to_thread(ticketing().hand_over, number, team, reason, idempotency_key)


@tool(system="operations", effect="read")
async def service_health(number: Identifier) -> Annotated[list[ServiceState], Trusted()]:
    """Read the state of every service a ticket names: its tier, its change window, its open symptoms."""
    return await asyncio.to_thread(ticketing().health, number)


@tool(system="operations", effect="read")
async def read_runbook(symptoms: list[Symptom]) -> Annotated[list[RunbookEntry], Trusted()]:
    """Read what helps against symptoms, and how much it risks."""
    return [entry for entry in RUNBOOK if entry.symptom in symptoms]
