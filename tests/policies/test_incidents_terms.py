"""The terms of the incident law and its fork."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from policies.incidents import (
    RUNBOOK,
    Action,
    Incident,
    Plan,
    PlanStep,
    Situation,
    Symptom,
    TicketUpdate,
    incident_route,
)

UPDATE: dict[str, Any] = {
    "number": "INC-1",
    "incident_state": "Active",
    "active": True,
    "made_sla": True,
    "reassignment_count": 0,
    "reopen_count": 0,
    "opened_at": "2026-03-01T08:00:00Z",
    "sys_updated_at": "2026-03-01T09:00:00Z",
    "sys_mod_count": 1,
}


def updated(**facts: Any) -> TicketUpdate:
    """Return a ticket's state, with these facts."""
    return TicketUpdate.model_validate(UPDATE | facts)


CLOSED = {"incident_state": "Closed", "active": False}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, False, id="active"),
        pytest.param({"incident_state": "Resolved"}, False, id="resolved is not closed"),
        pytest.param(CLOSED, True, id="closed, no closing time recorded"),
        pytest.param(CLOSED | {"closed_at": "2026-03-01T09:00:00Z"}, True, id="closed at its closing time"),
        pytest.param(CLOSED | {"closed_at": "2026-03-04T09:00:00Z"}, False, id="closed, and closed again later"),
        pytest.param(CLOSED | {"active": True}, False, id="closed and active contradict each other"),
    ],
)
def test_a_ticket_is_over_when_it_is_closed_for_good(facts: dict[str, Any], expected: object) -> None:
    """A history carries its last closing time in every row; an earlier closing was not the end."""
    assert updated(**facts).is_final is expected


def test_the_newest_state_wins_whatever_the_order_of_arrival() -> None:
    """Time first, then the source's revision."""
    older, newer = updated(sys_mod_count=1), updated(sys_mod_count=2)
    later = updated(sys_updated_at="2026-03-02T09:00:00Z", sys_mod_count=0)
    assert older.newest(newer) is newer
    assert newer.newest(older) is newer
    assert newer.newest(later) is later
    assert newer.newest(None) is newer


def test_durations_are_whole_seconds_and_absent_where_unknown() -> None:
    """From opening to closing and to resolution."""
    done = updated(closed_at="2026-03-01T10:00:00Z", resolved_at="2026-03-01T08:30:00+00:00")
    assert (done.handling_seconds, done.resolving_seconds) == (7_200, 1_800)
    assert (updated().handling_seconds, updated().resolving_seconds) == (None, None)


@pytest.mark.parametrize(("priority", "severity"), [(1, "sev1"), (3, "sev3"), (5, "sev4"), (None, None)])
def test_a_source_priority_stands_for_a_severity(priority: int | None, severity: str | None) -> None:
    """Five priorities, four severities, and none for none."""
    assert updated(priority=priority).severity == severity


def situation(confidence_pct: int) -> Situation:
    """Return a situation understood this well."""
    return Situation(severity="sev3", confidence_pct=confidence_pct, summary="seen")


HOUSE = Incident.model_validate(
    {"number": "INC-1", "title": "t", "observations": [{"service": "search", "symptom": "high_latency"}]}
)
SOURCE = Incident.model_validate({"number": "INC-1", "title": "t", "handled_by": "source", "source": UPDATE})


def test_the_fork_of_an_incident() -> None:
    """Followed when handled elsewhere, remediated when understood, handed over otherwise."""
    assert incident_route(HOUSE, situation(90)) == "remediate"
    assert incident_route(HOUSE, situation(49)) == "hand_over"
    assert incident_route(HOUSE.model_copy(update={"observations": ()}), situation(90)) == "hand_over"
    assert incident_route(SOURCE, situation(1)) == "follow"


@pytest.mark.parametrize(
    "wrong",
    [
        {"handled_by": "source"},
        {"source": UPDATE},
        {"handled_by": "source", "source": UPDATE | {"number": "INC-2"}},
        {"impact": 4},
        {"opened_at": "2026-03-01T08:00:00"},
        {"observations": [{"service": "search", "symptom": "bad mood"}]},
        {"number": "INC 1; drop table"},
    ],
)
def test_a_malformed_incident_is_no_incident(wrong: dict[str, Any]) -> None:
    """What contradicts itself or does not fit is refused."""
    with pytest.raises(ValidationError):
        Incident.model_validate({"number": "INC-1", "title": "t"} | wrong)


def test_a_plan_keeps_the_order_of_steps_within_a_service() -> None:
    """Services are independent of each other; the steps of one are not."""
    steps = (
        PlanStep(service="a", action="clear_cache"),
        PlanStep(service="b", action="scale_out"),
        PlanStep(service="a", action="restart_service"),
    )
    assert [step.action for step in Plan(steps=steps).by_service["a"]] == ["clear_cache", "restart_service"]


def test_the_runbook_knows_every_symptom_but_the_unexplained_and_uses_every_action() -> None:
    """What can be reported can be helped, or is handed to people."""
    assert {entry.symptom for entry in RUNBOOK} == set(Symptom.__args__) - {"unexplained"}
    assert {entry.action for entry in RUNBOOK} == set(Action.__args__)
