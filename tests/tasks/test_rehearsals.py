"""Cases to rehearse with: valid, varied, and the same for the same seed."""

from __future__ import annotations

import pytest

from gonogo.errors import CaseRefused
from policies.claims import Claim, DocumentsReceived
from policies.content import Brief
from policies.contracts import Contract
from policies.incidents import Incident, TicketUpdate
from policies.leads import Lead
from tasks.rehearsals import demo_cases, demo_events

MODELS = {
    "claims_triage": Claim,
    "content_review": Brief,
    "contract_review": Contract,
    "incident_response": Incident,
    "lead_qualification": Lead,
}
NAMES = {
    "claims_triage": "claim_id",
    "content_review": "brief_id",
    "contract_review": "contract_id",
    "incident_response": "number",
    "lead_qualification": "lead_id",
}
WAITING = ("claims_triage", "incident_response")
"""Missions that wait for outside events."""
EVENTS = {"documents_received": DocumentsReceived, "ticket_updated": TicketUpdate}


@pytest.mark.parametrize("mission", MODELS)
def test_cases_are_valid_and_the_same_for_the_same_seed(mission: str) -> None:
    """Forty cases, twice; another seed makes others, and no case comes twice."""
    cases = demo_cases(mission, 40, 1)
    for case in cases:
        MODELS[mission].model_validate(case)
    assert cases == demo_cases(mission, 40, 1)
    others = demo_cases(mission, 40, 2)
    names = [case[NAMES[mission]] for case in cases + others]
    assert len(set(names)) == 80


@pytest.mark.parametrize("mission", WAITING)
def test_events_are_valid_in_time_order_and_the_same_for_the_same_case(mission: str) -> None:
    """What a case waits for can be delivered as it stands."""
    told = 0
    for case in demo_cases(mission, 24, 3):
        events = demo_events(mission, case)
        assert events == demo_events(mission, case)
        assert [event[2] for event in events] == sorted(event[2] for event in events)
        for name, body, _ in events:
            EVENTS[name].model_validate(body)
        told += len(events)
    assert told > 5 if mission in WAITING else told == 0


def test_a_followed_ticket_ends_with_its_last_event_and_not_before() -> None:
    """Only the last state is final."""
    for case in demo_cases("incident_response", 24, 4):
        states = [TicketUpdate.model_validate(body) for _, body, _ in demo_events("incident_response", case)]
        if states:
            assert [state.is_final for state in states] == [False] * (len(states) - 1) + [True]


def test_there_are_no_cases_of_a_mission_nobody_knows() -> None:
    """The message names those there are."""
    known = "claims_triage, content_review, contract_review, incident_response, lead_qualification"
    with pytest.raises(CaseRefused, match=known):
        demo_cases("make_coffee", 1, 1)
