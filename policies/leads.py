"""The terms of the lead law, and the one fork a lead meets.

These nouns are what `leads.cedar`, the tools and the mission speak about. Amounts are whole cents of
EUR; confidence is a percentage from 0 to 100; points are those of `lead_scorecard.py`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from gonogo import route
from gonogo.model import Content, Measure, Noun, Outcome
from policies.lead_scorecard import Grade

CONTACTS_MAX = 6
"""From this many contacts in one campaign on, a person is only written to; `leads.cedar` refuses more."""

AMOUNT_MAX_CENTS = 100_000_000_00
"""Nothing above one hundred million EUR is a lead; it is a typing error."""

Job = Literal[
    "admin",
    "blue_collar",
    "entrepreneur",
    "housemaid",
    "management",
    "retired",
    "self_employed",
    "services",
    "student",
    "technician",
    "unemployed",
    "unknown",
]
Marital = Literal["single", "married", "divorced", "unknown"]
Education = Literal["primary", "secondary", "tertiary", "unknown"]
Told = Literal["yes", "no", "unknown"]
Channel = Literal["cellular", "telephone", "unknown"]
Month = Literal["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
LastOutcome = Literal["success", "failure", "other", "unknown"]
"""How an earlier campaign ended with this person; `unknown` where there was none."""

Intent = Literal["asks_for_contact", "open", "wants_no_contact"]
"""What the person's own words say; opting out beats everything else they say."""

Segment = Literal["enterprise", "mid_market", "small_business", "private"]
"""Whose client a lead would be; each segment has owners of its own."""

Match = Literal["matched", "unknown", "ambiguous", "private"]
"""One active firm; none that fits; several that fit; no firm was named."""

Track = Literal["monthly_letter", "quarterly_letter"]
"""What a nurtured lead is sent."""

LeadRoute = Literal["leave_alone", "nurture", "refer", "assign", "book"]
"""Never contacted again, written to, found out by people, called by people, met."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A business key: letters, digits, dots, dashes and underscores, at most 64."""

Percent = Annotated[int, Field(ge=0, le=100)]
Cents = Annotated[int, Field(ge=0, le=AMOUNT_MAX_CENTS)]
Count = Annotated[int, Field(ge=0, le=10_000)]


class Profile(Noun):
    """What is known of a person before they are contacted; each field is an attribute of the scorecard."""

    age: Annotated[int, Field(ge=16, le=120)] | None = None
    job: Job = "unknown"
    marital: Marital = "unknown"
    education: Education = "unknown"
    in_default: Told = "unknown"
    """Whether they have credit in default."""
    housing_loan: Told = "unknown"
    personal_loan: Told = "unknown"
    balance_eur: Annotated[int, Field(ge=-1_000_000, le=100_000_000)] | None = None
    """Average yearly balance, in whole EUR."""
    channel: Channel = "unknown"
    """How they can be reached."""
    month: Month
    """When they would be contacted."""
    contacts_this_campaign: Count = 0
    """Contacts in the running campaign, the next one not counted."""
    contacts_before: Count = 0
    """Contacts before the running campaign."""
    days_since_contact: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Since the last contact of an earlier campaign; ``None`` where there was none."""
    last_outcome: LastOutcome = "unknown"


class Lead(Noun):
    """One lead, as it comes in."""

    lead_id: Identifier
    person: Identifier
    """The person's number; names and numbers to call stay in the CRM."""
    company: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """The firm that they say they speak for."""
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    message: Annotated[str, StringConstraints(max_length=4_000), Content()] = ""
    """What they wrote or said on the phone; read by an agent, obeyed by nobody."""
    expected_value_cents: Cents = 0
    """What the first year would bring."""
    profile: Profile


class LeadOrder(Noun):
    """What an agent is asked about a lead."""

    lead_id: Identifier
    company: str | None = None
    country: str | None = None


class Reading(Noun):
    """What the scorer makes of a lead's words and gaps; the points are the card's, not the agent's."""

    intent: Intent
    confidence_pct: Percent
    """0 = a guess, 100 = certain."""
    summary: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    """Why, in words a salesperson can check."""


class Qualification(Noun):
    """The score on record, and what the agent read."""

    points: int
    grade: Grade
    scorecard: str
    intent: Intent
    confidence_pct: Percent
    summary: str


class Enrichment(Noun):
    """What the enricher found out about the firm."""

    match: Literal["matched", "unknown", "ambiguous"]
    rationale: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Placement(Noun):
    """Where a lead belongs, as the CRM has it."""

    match: Match
    firm_number: str | None = None
    segment: Segment | None = None
    owner: str | None = None
    """Who looks after the account, or the private client."""
    rationale: str


class Handling(Outcome):
    """How a lead was handled.

    All but `referred` are decisions, which is what the mission is for; `referred` gives the lead to
    people who find out which firm it is.
    """

    successes: ClassVar[frozenset[str]] = frozenset({"booked", "assigned", "nurtured", "left_alone"})
    escalations: ClassVar[frozenset[str]] = frozenset({"referred"})

    outcome: Literal["booked", "assigned", "nurtured", "left_alone", "referred"]
    lead_id: Identifier
    reference: str
    """The meeting, assignment, list entry, do-not-contact entry or referral on record."""
    reason: str
    grade: Grade
    scorecard: str
    owner: str | None = None
    meeting_at: str | None = None
    """When the meeting starts, ISO 8601 with an offset."""
    score_points: Annotated[int, Measure("points")]
    confidence_pct: Annotated[int | None, Measure("percent")] = None
    booked_value_cents: Annotated[int | None, Measure("eur_cents")] = None
    """The expected first year of a lead that was booked."""


@route
def lead_route(lead: Lead, qualification: Qualification, placement: Placement) -> LeadRoute:
    """What a person wants beats what they are worth; a firm nobody can name is not called on."""
    if qualification.intent == "wants_no_contact":
        return "leave_alone"
    if qualification.grade in {"C", "D"} or lead.profile.contacts_this_campaign >= CONTACTS_MAX:
        return "nurture"
    if placement.match in {"unknown", "ambiguous"}:
        return "refer"
    if qualification.grade == "A" or qualification.intent == "asks_for_contact":
        return "book"
    return "assign"
