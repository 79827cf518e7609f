"""The lead law as three lists: what is done alone, what a person may lift, what nobody may."""

from __future__ import annotations

from typing import Any

import pytest

from policies.leads import CONTACTS_MAX
from tests.policies.court import Asked, must_allow, must_ask, must_refuse, must_yield

MEETING = {
    "lead_id": "LEAD-1",
    "owner": "amara",
    "starts_at": "2026-06-01T08:00:00+00:00",
    "account_owner": "amara",
    "opted_out": False,
    "contacts_this_campaign": 0,
    "grade": "A",
    "expected_value_cents": 1_000_000,
    "open_meetings": 0,
    "confidence_pct": 90,
}
ASSIGNMENT = {"lead_id": "LEAD-1", "owner": "amara", "reason": "r", "opted_out": False, "contacts_this_campaign": 0}
LETTERS = {"lead_id": "LEAD-1", "track": "monthly_letter", "reason": "r", "opted_out": False}


def meets(by: str = "lead_booker", call: dict[str, Any] | None = None, **facts: Any) -> Asked:
    """Ask for a meeting."""
    return Asked("book_meeting", MEETING | facts, by, call or {})


def assigns(**facts: Any) -> Asked:
    """Ask for an assignment, as the mission."""
    return Asked("assign_lead", ASSIGNMENT | facts)


ALLOW = {
    "a sure meeting with a good lead in its owner's calendar": meets(),
    "a meeting with a lead of grade B": meets(grade="B"),
    "a meeting about exactly the limit": meets(expected_value_cents=10_000_000),
    "a meeting at exactly the confidence that is enough": meets(confidence_pct=70),
    "a meeting after one contact fewer than too many": meets(contacts_this_campaign=CONTACTS_MAX - 1),
    "the scorer has a lead scored": Asked("score_lead", {"lead_id": "LEAD-1"}, "lead_scorer"),
    "the enricher links a firm": Asked("link_firm", {"lead_id": "LEAD-1", "firm_number": "DE-1"}, "lead_enricher"),
    "the mission assigns a lead": assigns(),
    "the mission writes to a lead": Asked("nurture_lead", LETTERS),
    "the mission refers a lead": Asked("refer_lead", {"lead_id": "LEAD-1", "reason": "r"}),
    "the mission leaves a person alone": Asked("leave_alone", {"lead_id": "LEAD-1", "reason": "r"}),
}

GATE = {
    "a meeting one cent above the limit": (meets(expected_value_cents=10_000_001), ("sales-lead",)),
    "a meeting the scorer is not sure of": (meets(confidence_pct=69), ("sales-lead",)),
    "a large meeting the scorer is not sure of": (
        meets(expected_value_cents=90_000_000, confidence_pct=10),
        ("sales-lead",),
    ),
    "a scripted booking in production": (meets(call={"environment": "prod"}), ("agent-owner",)),
}

DENY = {
    "a meeting with a person who opted out": (meets(opted_out=True), "do-not-contact"),
    "a large meeting with a person who opted out": (
        meets(opted_out=True, expected_value_cents=90_000_000),
        "do-not-contact",
    ),
    "a call to a person who opted out": (assigns(opted_out=True), "do-not-contact"),
    "a letter to a person who opted out": (Asked("nurture_lead", LETTERS | {"opted_out": True}), "do-not-contact"),
    "a meeting after too many contacts": (meets(contacts_this_campaign=CONTACTS_MAX), "enough-contacts"),
    "a call after too many contacts": (assigns(contacts_this_campaign=CONTACTS_MAX), "enough-contacts"),
    "a meeting with a lead of grade C": (meets(grade="C"), "meetings-need-a-grade"),
    "a meeting with a lead of a grade that does not exist": (meets(grade="A+"), "meetings-need-a-grade"),
    "a meeting in somebody else's calendar": (meets(owner="ceo"), "meetings-with-the-owner"),
    "a second meeting with the same person": (meets(open_meetings=1), "one-open-meeting"),
    "a meeting on an impossible confidence": (meets(confidence_pct=101), "confidence-is-a-percentage"),
    "a meeting without the facts": (Asked("book_meeting", {"lead_id": "LEAD-1"}, "lead_booker"), "fail-closed"),
    "a meeting booked by the scorer": (meets(by="lead_scorer"), "default-deny"),
    "a meeting booked by the enricher": (meets(by="lead_enricher"), "default-deny"),
    "a meeting booked by somebody nobody registered": (meets(by="stranger"), "fail-closed"),
    "a firm linked by the scorer": (
        Asked("link_firm", {"lead_id": "LEAD-1", "firm_number": "DE-1"}, "lead_scorer"),
        "default-deny",
    ),
    "a meeting by a mission without calendars in its scope": (
        meets(call={"scope": ["crm"]}),
        "nobody-leaves-the-scope",
    ),
}

EVERYBODY = ("sales-lead", "agent-owner")
"""All whom this law may have asked."""


@pytest.mark.parametrize("case", ALLOW)
def test_the_law_allows(case: str) -> None:
    """What is named here is done without anybody being asked."""
    must_allow(ALLOW[case], "lead_qualification")


@pytest.mark.parametrize("case", GATE)
def test_the_law_asks_a_person_before(case: str) -> None:
    """What is named here waits for the roles, each with a sentence and a deadline."""
    must_ask(*GATE[case], "lead_qualification")


@pytest.mark.parametrize("case", GATE)
def test_the_law_lets_pass_once_every_role_said_go_to(case: str) -> None:
    """A gate is lifted by its roles, and by nothing less."""
    must_yield(*GATE[case], "lead_qualification")


@pytest.mark.parametrize("case", DENY)
def test_the_law_refuses(case: str) -> None:
    """What is named here nobody may do, whoever says go."""
    must_refuse(*DENY[case], EVERYBODY, "lead_qualification")
