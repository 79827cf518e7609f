"""The work of the lead mission, step by step; the story is `flows/lead_qualification.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from gonogo import criterion, step
from gonogo.errors import ToolFailed
from policies.leads import Handling, Lead, LeadOrder, Placement, Qualification
from tasks.crm import Entered
from tasks.leads_agents import lead_enricher, lead_scorer
from tasks.leads_tools import (
    assign_lead,
    book_meeting,
    nurture_lead,
    place_private_client,
    read_calendar,
    read_contact_facts,
    read_placement,
    refer_lead,
    register_lead,
    score_lead,
)
from tasks.leads_tools import leave_alone as list_do_not_contact

if TYPE_CHECKING:
    from policies.leads import Track
    from tasks.crm import ContactFacts, Meeting

SLOTS_TRIED = 3
"""How often a slot that somebody else took in the meantime is replaced by another."""

TRACKS: dict[str, Track] = {"A": "monthly_letter", "B": "monthly_letter", "C": "monthly_letter"}
"""What a nurtured lead is sent, by grade; grade D is written to once a quarter."""


@criterion("the points are those of a scorecard that is named")
def names_its_scorecard(result: Qualification) -> bool:
    """Look at the qualification."""
    return bool(result.scorecard)


@criterion("a lead that was matched has a firm, a segment and an owner")
def is_placed_whole(result: Placement) -> bool:
    """Look at the placement."""
    return result.match != "matched" or None not in (result.firm_number, result.segment, result.owner)


@criterion("what was done is about this lead")
def is_about_this_lead(lead: Lead, result: Handling) -> bool:
    """Look at the handling."""
    return result.lead_id == lead.lead_id


@step
async def register(lead: Lead) -> Entered:
    """Enter the lead in the CRM."""
    return await register_lead(
        lead_id=lead.lead_id,
        person=lead.person,
        company=lead.company,
        country=lead.country,
        message=lead.message,
        expected_value_cents=lead.expected_value_cents,
        **lead.profile.model_dump(),
    )


@step(exit=[names_its_scorecard])
async def score(lead: Lead) -> Qualification:
    """Let the scorer read the words; the points are the scorecard's, taken from the record."""
    reading = await lead_scorer.ask(LeadOrder(lead_id=lead.lead_id))
    scored = await score_lead(lead_id=lead.lead_id)
    return Qualification(points=scored.points, grade=scored.grade, scorecard=scored.scorecard, **reading.model_dump())


@step(exit=[is_placed_whole])
async def enrich(lead: Lead) -> Placement:
    """Let the enricher find the firm; whether it was linked is what the CRM says, not the agent."""
    found = await lead_enricher.ask(LeadOrder(lead_id=lead.lead_id, company=lead.company, country=lead.country))
    placed = await read_placement(lead_id=lead.lead_id)
    if placed.firm_number is None:
        match = "ambiguous" if found.match == "ambiguous" else "unknown"
        return Placement(match=match, rationale=found.rationale)
    return Placement(match="matched", rationale=found.rationale, **placed.model_dump(exclude={"lead_id"}))


@step
async def place_among_private_clients(lead: Lead) -> Placement:
    """Put a lead that names no firm among private clients."""
    placed = await place_private_client(lead_id=lead.lead_id)
    told = "The lead names no firm."
    return Placement(match="private", rationale=told, **placed.model_dump(exclude={"lead_id"}))


@step(acting="lead_booker", exit=[is_about_this_lead])
async def book(lead: Lead, qualification: Qualification) -> Handling:
    """Book a free slot of the owner; person, value and score come from the CRM, not from a model.

    Leads begin at different slots of a calendar, so that those that arrive together seldom want the
    same one; a slot that was taken in between is replaced by the next.
    """
    facts = await read_contact_facts(lead_id=lead.lead_id)
    free = await read_calendar(owner=facts.owner or "")
    first = crc32(lead.lead_id.encode()) % max(1, len(free))
    wanted = (free[first:] + free[:first])[:SLOTS_TRIED]
    refused = ToolFailed(f"The calendar of {facts.owner} is full; nobody was booked.")
    for starts_at in wanted:
        try:
            meeting = await _book(facts, starts_at, qualification.confidence_pct)
        except ToolFailed as error:
            refused = error
            continue
        return _handled(
            "booked",
            lead,
            qualification,
            meeting.reference,
            owner=meeting.owner,
            meeting_at=meeting.starts_at,
            booked_value_cents=facts.expected_value_cents,
        )
    raise refused


async def _book(facts: ContactFacts, starts_at: str, confidence_pct: int) -> Meeting:
    return await book_meeting(
        lead_id=facts.lead_id,
        owner=facts.owner or "",
        starts_at=starts_at,
        account_owner=facts.owner or "",
        opted_out=facts.opted_out,
        contacts_this_campaign=facts.contacts_this_campaign,
        grade=facts.grade or "D",
        expected_value_cents=facts.expected_value_cents,
        open_meetings=facts.open_meetings,
        confidence_pct=confidence_pct,
    )


@step(exit=[is_about_this_lead])
async def assign(lead: Lead, qualification: Qualification) -> Handling:
    """Give the lead to its owner to call."""
    facts = await read_contact_facts(lead_id=lead.lead_id)
    receipt = await assign_lead(
        lead_id=lead.lead_id,
        owner=facts.owner or "",
        reason=qualification.summary,
        opted_out=facts.opted_out,
        contacts_this_campaign=facts.contacts_this_campaign,
    )
    return _handled("assigned", lead, qualification, receipt.reference, owner=facts.owner)


@step(exit=[is_about_this_lead])
async def nurture(lead: Lead, qualification: Qualification) -> Handling:
    """Put the lead on the list of its grade."""
    facts = await read_contact_facts(lead_id=lead.lead_id)
    receipt = await nurture_lead(
        lead_id=lead.lead_id,
        track=TRACKS.get(qualification.grade, "quarterly_letter"),
        reason=qualification.summary,
        opted_out=facts.opted_out,
    )
    return _handled("nurtured", lead, qualification, receipt.reference)


@step
async def refer(lead: Lead, qualification: Qualification, placement: Placement) -> Handling:
    """Give the lead to the people who find out which firm it is."""
    receipt = await refer_lead(lead_id=lead.lead_id, reason=placement.rationale)
    return _handled("referred", lead, qualification, receipt.reference, reason=placement.rationale)


@step
async def leave_alone(lead: Lead, qualification: Qualification) -> Handling:
    """Do what the person asked: never contact them again."""
    receipt = await list_do_not_contact(lead_id=lead.lead_id, reason="asked for it in their own words")
    return _handled("left_alone", lead, qualification, receipt.reference)


def _handled(
    outcome: Literal["booked", "assigned", "nurtured", "left_alone", "referred"],
    lead: Lead,
    qualification: Qualification,
    reference: str,
    reason: str | None = None,
    **told: Any,
) -> Handling:
    """Return how a lead was handled, with what can be measured of it."""
    return Handling(
        outcome=outcome,
        lead_id=lead.lead_id,
        reference=reference,
        grade=qualification.grade,
        scorecard=qualification.scorecard,
        score_points=qualification.points,
        confidence_pct=qualification.confidence_pct,
        reason=reason or qualification.summary,
        **told,
    )
