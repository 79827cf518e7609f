"""The incident law as three lists: what is done alone, what a person may lift, what nobody may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.policies.court import Asked, must_allow, must_ask, must_refuse, must_yield

FACTS = {
    "number": "INC-1",
    "service": "search",
    "affected_services": ["search"],
    "service_tier": 2,
    "change_window_open": False,
}
UPDATE = {"number": "INC-1", "audience": "internal", "headline": "h", "text": "t"}


def does(action: str, by: str = "incident_remediator", **facts: Any) -> Asked:
    """Ask for a remediation."""
    return Asked(action, FACTS | facts, by)


ALLOW = {
    "clearing a cache": does("clear_cache"),
    "restarting a service that is not vital": does("restart_service"),
    "scaling out to the number that needs nobody": does("scale_out", replicas=10),
    "an internal update": Asked("post_update", UPDATE, "incident_scribe"),
    "resolving a ticket whose symptoms are gone": Asked(
        "resolve_ticket", {"number": "INC-1", "summary": "s", "open_symptoms": 0}
    ),
    "the monitor reading health": Asked("service_health", {"number": "INC-1"}, "incident_monitor"),
    "the planner reading the runbook": Asked("read_runbook", {"symptoms": ["disk_full"]}, "incident_planner"),
}

GATE = {
    "restarting a vital service": (does("restart_service", service_tier=1), ("incident-commander",)),
    "a failover": (does("failover_database"), ("incident-commander",)),
    "a rollback": (does("rollback_release"), ("incident-commander",)),
    "a large scale-out": (does("scale_out", replicas=11), ("incident-commander",)),
    "the largest scale-out": (does("scale_out", replicas=50), ("incident-commander",)),
    "a purge inside the window": (does("purge_data", change_window_open=True), ("incident-commander",)),
    "a public update": (
        Asked("post_update", UPDATE | {"audience": "public"}, "incident_scribe"),
        ("communications-lead",),
    ),
    "an update for an audience nobody defined": (
        Asked("post_update", UPDATE | {"audience": "partners"}, "incident_scribe"),
        ("communications-lead",),
    ),
}

DENY = {
    "a purge outside the window": (does("purge_data"), "no-purge-outside-the-window"),
    "clearing the cache of a service the ticket does not name": (
        does("clear_cache", affected_services=["mail-worker"]),
        "only-affected-services",
    ),
    "a failover of a service the ticket does not name": (
        does("failover_database", affected_services=[]),
        "only-affected-services",
    ),
    "scaling out to more than the bound": (does("scale_out", replicas=51), "scale-outs-are-bounded"),
    "scaling out to nothing": (does("scale_out", replicas=0), "scale-outs-are-bounded"),
    "resolving a ticket with an open symptom": (
        Asked("resolve_ticket", {"number": "INC-1", "summary": "s", "open_symptoms": 1}),
        "nothing-broken-is-resolved",
    ),
    "a restart by the planner": (does("restart_service", by="incident_planner"), "observers-change-nothing"),
    "a restart by the scribe": (does("restart_service", by="incident_scribe"), "default-deny"),
    "a restart that says nothing about the service": (
        Asked("restart_service", {"number": "INC-1"}, "incident_remediator"),
        "fail-closed",
    ),
    "a payment by the remediator": (
        Asked("read_payment_facts", {"claim_id": "CLM-1"}, "incident_remediator"),
        "nobody-leaves-the-scope",
    ),
}

EVERYBODY = ("incident-commander", "communications-lead", "agent-owner")
"""All whom this law may have asked."""


@pytest.mark.parametrize("case", ALLOW)
def test_the_law_allows(case: str) -> None:
    """What is named here is done without anybody being asked."""
    must_allow(ALLOW[case], "incident_response")


@pytest.mark.parametrize("case", GATE)
def test_the_law_asks_a_person_before(case: str) -> None:
    """What is named here waits for the roles, each with a sentence and a deadline."""
    must_ask(*GATE[case], "incident_response")


@pytest.mark.parametrize("case", GATE)
def test_the_law_lets_pass_once_every_role_said_go_to(case: str) -> None:
    """A gate is lifted by its roles, and by nothing less."""
    must_yield(*GATE[case], "incident_response")


@pytest.mark.parametrize("case", DENY)
def test_the_law_refuses(case: str) -> None:
    """What is named here nobody may do, whoever says go."""
    must_refuse(*DENY[case], EVERYBODY, "incident_response")
