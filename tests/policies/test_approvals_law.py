"""The law about approvals, as it is shipped: who may say what, with which proof. Two lists, ALLOW and DENY."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.policy.law import Request, Ruling
from tests.policies.court import law

ASKED: dict[str, Any] = {
    "environment": "prod",
    "mission": "claims_triage",
    "requester": "rita",
    "agent_owner": "claims-finance",
    "executor": "svc-gonogo",
    "action": "pay_claim",
    "role": "claims-manager",
    "answer": "go",
    "risk": "high",
    "proof": "signature",
    "holds": "own",
    "delegators": [],
}
"""Somebody who has the role signs a go to something of high risk that somebody else asked for."""

CALL = ("environment", "mission", "requester", "agent_owner", "executor")


def ruled(action: str = "approve", **changes: Any) -> Ruling:
    """Ask the law about an answer of ada, who also asks for runs as ada@corp and belongs to claims-operations."""
    approvers = changes.pop("approvers", [])
    asked = {**ASKED, **changes}
    if action == "break_glass":
        asked = {"reason_characters": 60, "overdue": 0, **asked}
        del asked["delegators"]
    request = Request(
        principal=("Person", "ada"),
        action=action,
        resource=("Gate", "abcdefghij"),
        call={name: asked.pop(name) for name in CALL},
        args=asked,
    )
    facts: list[dict[str, Any]] = [
        {
            "uid": {"type": "Person", "id": "ada"},
            "attrs": {"names": ["ada", "ada@corp"], "teams": ["claims-operations"]},
            "parents": [],
        },
        {"uid": {"type": "Gate", "id": "abcdefghij"}, "attrs": {}, "parents": []},
    ]
    return law().decide(request, law().entities(facts), (), approvers)


ALLOW: dict[str, dict[str, Any]] = {
    "whoever has the role signs": {},
    "a code for medium risk": {"proof": "totp", "risk": "medium"},
    "a code for low risk": {"proof": "totp", "risk": "low"},
    "a sign-in for medium risk": {"proof": "oidc", "risk": "medium", "ceiling": "medium"},
    "a sign-in for low risk, enrolled for that": {"proof": "oidc", "risk": "low", "ceiling": "low"},
    "a sign-in for high risk, enrolled for that": {"proof": "oidc", "ceiling": "high"},
    "the rung of the ladder that has come": {"holds": "escalated"},
    "who stands in for somebody": {"holds": "delegated", "delegators": ["grace"]},
    "the second of two people": {"approvers": ["grace", "grace@corp"]},
    "no-go to one's own request": {"answer": "no_go", "requester": "ada"},
    "no-go after a go": {"answer": "no_go", "approvers": ["ada", "ada@corp"]},
    "revise of one's own request": {"answer": "revise", "requester": "ada"},
    "one's own request in dev": {"environment": "dev", "requester": "ada"},
    "the owner of the agent, as its owner": {"role": "agent-owner", "agent_owner": "claims-operations"},
    "no-go by the agent's owner": {"answer": "no_go", "agent_owner": "claims-operations"},
    "a mission without an agent": {"agent_owner": ""},
}

DENY: dict[str, tuple[dict[str, Any], str]] = {
    "nobody without the role": ({"holds": "none"}, "default-deny"),
    "no-go without the role": ({"holds": "none", "answer": "no_go"}, "default-deny"),
    "a code for high risk": ({"proof": "totp"}, "proof-as-strong-as-the-risk"),
    "a code for a no-go of high risk": ({"proof": "totp", "answer": "no_go"}, "proof-as-strong-as-the-risk"),
    "a typed name": ({"proof": "unproven", "risk": "low", "environment": "dev"}, "proof-as-strong-as-the-risk"),
    "a proof that nobody knows": ({"proof": "fax", "risk": "low"}, "proof-as-strong-as-the-risk"),
    "a code for a risk that nobody knows": ({"proof": "totp", "risk": "none"}, "proof-as-strong-as-the-risk"),
    "a sign-in for high risk": ({"proof": "oidc", "ceiling": "medium"}, "proof-as-strong-as-the-risk"),
    "a sign-in above what it was enrolled for": (
        {"proof": "oidc", "risk": "medium", "ceiling": "low"},
        "proof-as-strong-as-the-risk",
    ),
    "a sign-in enrolled for nothing": ({"proof": "oidc", "risk": "low"}, "proof-as-strong-as-the-risk"),
    "a sign-in enrolled for more than there is": ({"proof": "oidc", "ceiling": "all"}, "proof-as-strong-as-the-risk"),
    "a sign-in for a risk that nobody knows": (
        {"proof": "oidc", "risk": "none", "ceiling": "high"},
        "proof-as-strong-as-the-risk",
    ),
    "one's own request, signed in": (
        {"proof": "oidc", "ceiling": "high", "requester": "ada"},
        "requesters-do-not-approve",
    ),
    "one's own request": ({"requester": "ada"}, "requesters-do-not-approve"),
    "one's own request in test": ({"requester": "ada", "environment": "test"}, "requesters-do-not-approve"),
    "one's own request by another name": ({"requester": "ada@corp"}, "requesters-do-not-approve"),
    "the request of whom one stands in for": (
        {"holds": "delegated", "delegators": ["grace", "rita"]},
        "requesters-do-not-approve",
    ),
    "a run under one's own account": ({"executor": "ada@corp"}, "executors-do-not-approve"),
    "one's own agent": ({"agent_owner": "claims-operations"}, "owners-do-not-lift-limits-of-their-agents"),
    "one's own request, from a rung of the ladder": (
        {"holds": "escalated", "requester": "ada"},
        "requesters-do-not-approve",
    ),
    "twice, the second time from a rung of the ladder": (
        {"holds": "escalated", "approvers": ["ada"]},
        "one-person-one-go",
    ),
    "twice": ({"approvers": ["ada"]}, "one-person-one-go"),
    "twice, in dev": ({"approvers": ["ada"], "environment": "dev"}, "one-person-one-go"),
    "twice, by another name": ({"approvers": ["grace", "ada@corp"]}, "one-person-one-go"),
}


@pytest.mark.parametrize("case", ALLOW)
def test_allow(case: str) -> None:
    """Each by the one rule that permits."""
    assert ruled(**ALLOW[case]).verdict == "allow"


@pytest.mark.parametrize("case", DENY)
def test_deny(case: str) -> None:
    """Each by the rule that says so, and nobody can be asked to lift it."""
    changes, rule = DENY[case]
    ruling = ruled(**changes)
    assert ruling.verdict == "deny"
    assert rule in ruling.rules


def test_a_request_that_the_law_does_not_understand_is_denied() -> None:
    """Another type where a word stands, or a word that is missing."""
    assert ruled(risk=3).rules == ("fail-closed",)
    assert ruled(approvers=[7]).rules == ("fail-closed",)


GLASS_ALLOW: dict[str, dict[str, Any]] = {
    "whoever has the named role, with a signature and a reason": {},
    "at low risk, too": {"risk": "low"},
    "who said go before, alone again": {"approvers": ["ada"]},
    "the owner of the agent": {"agent_owner": "claims-operations"},
    "one's own request in dev": {"environment": "dev", "requester": "ada"},
    "a reason of forty characters": {"reason_characters": 40},
}

GLASS_DENY: dict[str, tuple[dict[str, Any], str]] = {
    "nobody without the role": ({"holds": "none"}, "default-deny"),
    "who stands in for somebody": ({"holds": "delegated"}, "default-deny"),
    "a rung of the ladder": ({"holds": "escalated"}, "default-deny"),
    "a no-go": ({"answer": "no_go"}, "default-deny"),
    "a code": ({"proof": "totp", "risk": "low"}, "glass-takes-a-signature"),
    "a typed name in dev": ({"proof": "unproven", "environment": "dev"}, "glass-takes-a-signature"),
    "a word for a reason": ({"reason_characters": 39}, "glass-takes-a-reason"),
    "one's own request": ({"requester": "ada@corp"}, "requesters-do-not-break-glass"),
    "a run under one's own account": ({"executor": "ada"}, "executors-do-not-break-glass"),
    "before the last one was looked at": ({"overdue": 1}, "the-last-glass-is-swept-up-first"),
}


@pytest.mark.parametrize("case", GLASS_ALLOW)
def test_allow_breaking_the_glass(case: str) -> None:
    """Alone, and by the one rule that permits."""
    assert ruled("break_glass", **GLASS_ALLOW[case]).verdict == "allow"


@pytest.mark.parametrize("case", GLASS_DENY)
def test_deny_breaking_the_glass(case: str) -> None:
    """Each by the rule that says so; no person can lift that."""
    changes, rule = GLASS_DENY[case]
    ruling = ruled("break_glass", **changes)
    assert ruling.verdict == "deny"
    assert rule in ruling.rules
