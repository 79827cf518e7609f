"""The scripted monitor, planner and scribe decide by what they read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gonogo.agents.offline import Conversation, Use
from policies.incident_briefs import MonitorBrief, PlannerBrief, ScribeBrief
from policies.incidents import RUNBOOK, Plan, StatusUpdate, Symptom
from tasks.incidents_agents import classify, monitor_offline, plan, planner_offline, scribe_offline
from tasks.ticketing import ServiceState, Ticket


def ticket(impact: int = 2, urgency: int = 2) -> Ticket:
    """Return a ticket of this impact and urgency."""
    return Ticket(
        number="INC-1",
        title="search is slow",
        description="",
        category="application",
        impact=impact,
        urgency=urgency,
        state="New",
        severity=None,
        opened_at=datetime(2026, 3, 1, tzinfo=UTC),
        acknowledged_at=None,
        observations=(),
    )


def service(*symptoms: Symptom, tier: int = 2, name: str = "search") -> ServiceState:
    """Return a service with these open symptoms."""
    return ServiceState(service=name, tier=tier, change_window_open=False, open_symptoms=symptoms)


@pytest.mark.parametrize(
    ("impact", "urgency", "tier", "severity"),
    [
        (1, 1, 2, "sev1"),
        (1, 2, 2, "sev2"),
        (2, 2, 2, "sev3"),
        (3, 3, 2, "sev4"),
        (3, 3, 1, "sev2"),
    ],
)
def test_severity_follows_impact_urgency_and_what_is_broken(
    impact: int, urgency: int, tier: int, severity: str
) -> None:
    """A broken vital service is never a small matter."""
    assert classify(ticket(impact, urgency), [service("high_latency", tier=tier)], []).severity == severity


def test_what_nobody_can_name_is_not_understood() -> None:
    """Below 50 %, so that it is handed over."""
    assert classify(ticket(), [service("unexplained")], []).confidence_pct < 50
    assert classify(ticket(), [service("high_latency")], []).confidence_pct >= 50


def test_a_plan_helps_every_open_symptom_gentlest_first_and_is_bounded() -> None:
    """What the runbook does not know is left out; more than eight steps are not proposed."""
    made = plan(
        [service("disk_full", "stale_cache", "unexplained"), service("high_latency", name="mail")], list(RUNBOOK)
    )
    assert [(step.action, step.service) for step in made.steps] == [
        ("clear_cache", "search"),
        ("scale_out", "mail"),
        ("purge_data", "search"),
    ]
    assert made.steps[1].replicas == 4
    many = [service("stale_cache", name=f"s{number}") for number in range(12)]
    assert len(plan(many, list(RUNBOOK)).steps) == 8


def test_monitor_and_planner_read_before_they_answer() -> None:
    """Ticket and health, then its likes; health and runbook for exactly the open symptoms."""
    heard = Conversation(prompt=MonitorBrief(number="INC-1").model_dump_json())
    asked = monitor_offline(heard)
    assert isinstance(asked, list)
    assert [use.tool for use in asked] == ["read_ticket", "service_health"]
    heard.results |= {"read_ticket": [ticket().model_dump(mode="json")], "service_health": [[]]}
    assert monitor_offline(heard) == [Use("recent_tickets", {"number": "INC-1", "category": "application"})]
    prompt = PlannerBrief(number="INC-1").model_dump_json()
    health = [service("stale_cache").model_dump(mode="json")]
    talk = Conversation(prompt=prompt, results={"service_health": [health]})
    assert planner_offline(talk) == [Use("read_runbook", {"symptoms": ["stale_cache"]})]
    talk.results["read_runbook"] = [[entry.model_dump(mode="json") for entry in RUNBOOK]]
    proposed = planner_offline(talk)
    assert isinstance(proposed, Plan)
    assert [step.action for step in proposed.steps] == ["clear_cache"]


def scribe(severity: str, open_symptoms: int, **seen: Any) -> list[Use] | StatusUpdate:
    """Return what the scribe does next."""
    order = ScribeBrief.model_validate({"number": "INC-1", "severity": severity, "open_symptoms": open_symptoms})
    results = {"read_ticket": [ticket().model_dump(mode="json")], **seen.pop("results", {})}
    return scribe_offline(Conversation(prompt=order.model_dump_json(), results=results, **seen))


def test_the_public_is_told_of_the_worst_only() -> None:
    """And the text says whether it works again."""
    worst, small = scribe("sev1", 0), scribe("sev3", 2)
    assert isinstance(worst, list)
    assert isinstance(small, list)
    assert (worst[0].args["audience"], small[0].args["audience"]) == ("public", "internal")
    assert "works again" in worst[0].args["text"]
    assert "on-call" in small[0].args["text"]


def test_the_scribe_revises_once_and_then_reports() -> None:
    """A reviewer's remark changes the text; a second refusal is reported as not posted."""
    revised = scribe("sev1", 0, refused={"post_update": ["revise"]})
    assert isinstance(revised, list)
    assert "revised after review" in revised[0].args["text"]
    given_up = scribe("sev1", 0, refused={"post_update": ["revise", "revise"]})
    assert isinstance(given_up, StatusUpdate)
    assert given_up.update_id == "not-posted"
    posted = {"post_update": [{"reference": "update-1", "written_at": "2026-03-01T00:00:00Z"}]}
    reported = scribe("sev1", 0, results=posted)
    assert isinstance(reported, StatusUpdate)
    assert reported.update_id == "update-1"
