"""Tools of the lead mission: everything it can read or change in the CRM, calendars and firm registry.

Each is an action of the same name in `policies/leads.cedarschema`. What the law needs to know about
a person is an argument, and steps take it from the CRM, not from a model. The idempotency key is
filled in by the hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from gonogo import Reach, Trusted, compensate, irreversible, reversible, tool
from gonogo.errors import ToolFailed
from policies.lead_scorecard import Grade, Score, scorecard
from policies.leads import (
    Cents,
    Channel,
    Count,
    Education,
    Identifier,
    Job,
    LastOutcome,
    Lead,
    Marital,
    Month,
    Percent,
    Profile,
    Told,
    Track,
)
from tasks.crm import ContactFacts, CrmReceipt, Entered, LeadFile, Meeting, Placed
from tasks.firms import Firm
from tasks.prose import Prose
from tasks.systems import crm, firms
from tasks.takebacks import cancel_meeting, end_nurture, withdraw_assignment, withdraw_lead_referral

SLOTS_SHOWN = 12
"""How many free times of a calendar are shown."""


def euros(cents: int) -> str:
    """Return an amount as people write it: ``5,000.00 EUR``."""
    return f"{cents // 100:,}.{cents % 100:02d} EUR"


def _meeting_preview(lead_id: str, owner: str, starts_at: str, **_facts: object) -> str:
    """Say what a booking changes, from the CRM."""
    facts, placed = crm().contact_facts(lead_id), crm().placement(lead_id)
    free = crm().free_slots(owner)
    return (
        f"**{owner}** meets the person of lead `{lead_id}` at `{starts_at}`, and both are told so; "
        "an invitation that was sent cannot be taken back.\n\n"
        "| on record | |\n|---|---|\n"
        f"| firm | {placed.firm_number or 'none, a private client'} |\n"
        f"| expected first year | {euros(facts.expected_value_cents)} |\n"
        f"| grade | {facts.grade or 'none'} |\n"
        f"| contacts in this campaign | {facts.contacts_this_campaign} |\n"
        f"| this slot | {'free' if starts_at in free else 'not free'} |"
    )


@tool(
    system="crm",
    effect="write",
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def register_lead(
    *,
    lead_id: Identifier,
    person: Identifier,
    message: Prose,
    expected_value_cents: Cents,
    job: Job,
    marital: Marital,
    education: Education,
    in_default: Told,
    housing_loan: Told,
    personal_loan: Told,
    channel: Channel,
    month: Month,
    contacts_this_campaign: Count,
    contacts_before: Count,
    last_outcome: LastOutcome,
    company: str | None = None,
    country: str | None = None,
    age: int | None = None,
    balance_eur: int | None = None,
    days_since_contact: int | None = None,
    idempotency_key: str = "",
) -> Entered:
    """Enter a lead; one that is on record must say the same."""
    profile = Profile(
        age=age,
        job=job,
        marital=marital,
        education=education,
        in_default=in_default,
        housing_loan=housing_loan,
        personal_loan=personal_loan,
        balance_eur=balance_eur,
        channel=channel,
        month=month,
        contacts_this_campaign=contacts_this_campaign,
        contacts_before=contacts_before,
        days_since_contact=days_since_contact,
        last_outcome=last_outcome,
    )
    lead = Lead(
        lead_id=lead_id,
        person=person,
        company=company,
        country=country,
        message=message,
        expected_value_cents=expected_value_cents,
        profile=profile,
    )
    return await asyncio.to_thread(crm().register, lead, idempotency_key)


@tool(system="crm", effect="read")
async def read_lead(lead_id: Identifier) -> Annotated[LeadFile, Trusted()]:
    """Read a lead: what the person said, which firm they named, what is known of them."""
    return await asyncio.to_thread(crm().lead, lead_id)


@tool(
    system="crm", effect="write", undo=irreversible("A score says what was known then; the next one stands beside it.")
)
async def score_lead(lead_id: Identifier, *, idempotency_key: str = "") -> Score:
    """Score a lead on record by the scorecard, and keep the score; it is computed, never judged."""
    lead = await asyncio.to_thread(crm().lead, lead_id)
    return await asyncio.to_thread(crm().record_score, lead_id, scorecard().score(lead.profile), idempotency_key)


@tool(system="firms", effect="read")
async def find_firms(name: str, country: str | None = None) -> Annotated[list[Firm], Trusted()]:
    """Find firms by name, in one country or in all; none is an answer, several need a person."""
    return await asyncio.to_thread(firms().find, name, country)


@tool(
    system="crm",
    effect="write",
    undo=irreversible("Where a lead stood before is not on record; sales operations moves it."),
)
async def link_firm(lead_id: Identifier, firm_number: Identifier, *, idempotency_key: str = "") -> Placed:
    """Put a lead under the account of its firm, as the registry has it; a dissolved firm has no account."""
    firm = await asyncio.to_thread(firms().firm, firm_number)
    if firm.status != "active":
        raise ToolFailed(f"Firm {firm_number} is {firm.status}; there is nobody to do business with.")
    return await asyncio.to_thread(crm().place, lead_id, firm, firm.segment, idempotency_key)


@tool(
    system="crm",
    effect="write",
    undo=irreversible("Where a lead stood before is not on record; sales operations moves it."),
)
async def place_private_client(lead_id: Identifier, *, idempotency_key: str = "") -> Placed:
    """Put a lead among private clients."""
    return await asyncio.to_thread(crm().place, lead_id, None, "private", idempotency_key)


@tool(system="crm", effect="read")
async def read_placement(lead_id: Identifier) -> Annotated[Placed, Trusted()]:
    """Read where a lead has been put, and who looks after it."""
    return await asyncio.to_thread(crm().placement, lead_id)


@tool(system="crm", effect="read")
async def read_contact_facts(lead_id: Identifier) -> Annotated[ContactFacts, Trusted()]:
    """Read what the law must know before a person is contacted."""
    return await asyncio.to_thread(crm().contact_facts, lead_id)


@tool(
    system="crm",
    effect="write",
    undo=reversible(
        withdraw_assignment, lead_id="args.lead_id", reference="result.reference", reason="rollback.reason"
    ),
)
async def assign_lead(
    *,
    lead_id: Identifier,
    owner: str,
    reason: Prose,
    opted_out: bool,
    contacts_this_campaign: Count,
    idempotency_key: str = "",
) -> CrmReceipt:
    """Give a lead to its owner to call."""
    facts = await _on_record(lead_id, owner, opted_out, contacts_this_campaign)
    return await asyncio.to_thread(crm().assign, facts, reason, idempotency_key)


@tool(
    system="crm",
    effect="write",
    undo=reversible(
        end_nurture, lead_id="args.lead_id", track="args.track", reference="result.reference", reason="rollback.reason"
    ),
)
async def nurture_lead(
    *, lead_id: Identifier, track: Track, reason: Prose, opted_out: bool, idempotency_key: str = ""
) -> CrmReceipt:
    """Put a lead on a list that is written to."""
    facts = await asyncio.to_thread(crm().contact_facts, lead_id)
    decided = facts.model_copy(update={"opted_out": opted_out})
    return await asyncio.to_thread(crm().nurture, decided, track, reason, idempotency_key)


@tool(
    system="crm",
    effect="write",
    undo=reversible(
        withdraw_lead_referral, lead_id="args.lead_id", reference="result.reference", reason="rollback.reason"
    ),
)
async def refer_lead(lead_id: Identifier, reason: Prose, *, idempotency_key: str = "") -> CrmReceipt:
    """Put a lead in the queue of the people who find out which firm it is."""
    return await asyncio.to_thread(crm().refer, lead_id, reason, idempotency_key)


@tool(system="crm", effect="write", undo=irreversible("A wish to be left alone is lifted by the person alone."))
async def leave_alone(lead_id: Identifier, reason: Prose, *, idempotency_key: str = "") -> CrmReceipt:
    """Put the lead's person on the do-not-contact list."""
    return await asyncio.to_thread(crm().leave_alone, lead_id, reason, idempotency_key)


@tool(system="calendars", effect="read")
async def read_calendar(owner: str) -> Annotated[list[str], Trusted()]:
    """Read when an owner can be met, soonest first; empty where the calendar is full."""
    return (await asyncio.to_thread(crm().free_slots, owner))[:SLOTS_SHOWN]


def _meets(**_call: Any) -> Reach:
    # The lead, and the owner whose calendar it is.
    return Reach(records=1, recipients=2)


@tool(
    system="calendars",
    effect="irreversible",
    preview=_meeting_preview,
    undo=compensate(cancel_meeting, lead_id="args.lead_id", reference="result.reference", reason="rollback.reason"),
    reach=_meets,
)
async def book_meeting(
    *,
    lead_id: Identifier,
    owner: str,
    starts_at: str,
    account_owner: str,
    opted_out: bool,
    contacts_this_campaign: Count,
    grade: Grade,
    expected_value_cents: Cents,
    open_meetings: Count,
    confidence_pct: Percent,
    idempotency_key: str = "",
) -> Meeting:
    """Book a free slot of the lead's owner, provided that the facts it was decided on still hold."""
    del confidence_pct, owner  # what the law decided on; the facts name the owner
    facts = ContactFacts(
        lead_id=lead_id,
        owner=account_owner,
        grade=grade,
        opted_out=opted_out,
        contacts_this_campaign=contacts_this_campaign,
        expected_value_cents=expected_value_cents,
        open_meetings=open_meetings,
    )
    return await asyncio.to_thread(crm().book, facts, starts_at, idempotency_key)


async def _on_record(lead_id: str, owner: str, opted_out: bool, contacts_this_campaign: int) -> ContactFacts:
    """Return the facts on record, with those that a decision stood on; the CRM refuses if they differ."""
    facts = await asyncio.to_thread(crm().contact_facts, lead_id)
    decided = {"owner": owner, "opted_out": opted_out, "contacts_this_campaign": contacts_this_campaign}
    return facts.model_copy(update=decided)
