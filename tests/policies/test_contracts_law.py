"""The contracts law as three lists: what is done alone, what a person may lift, what nobody may."""

from __future__ import annotations

from typing import Any

import pytest

from policies.clauses import CLAUSE_TYPES, REVIEWERS, Reviewer, clauses_of
from tests.policies.court import Asked, must_allow, must_ask, must_refuse, must_yield, rule

ROUTING: dict[str, Any] = {
    "contract_id": "CON-1",
    "signatory": "head-of-department",
    "authorised_signatories": ["head-of-department", "managing-director"],
    "counterparty": "CP-1",
    "counterparty_blocked": False,
    "value_known": True,
    "value_cents": 1_000_000,
    "playbook": "everyday_supply",
    "document": "d" * 64,
    "report_id": "report-1",
    "report_document": "d" * 64,
    "risky_clauses": [],
    "outside_playbook": [],
    "missing_for_playbook": [],
    "quotes_rejected": 0,
    "clauses_unread": 0,
    "routed_before": False,
}


def routes(by: str = "signature_clerk", call: dict[str, Any] | None = None, **facts: Any) -> Asked:
    """Ask for a routing to signature."""
    return Asked("route_to_signature", ROUTING | facts, by, call or {})


def looks(by: str, clause: str) -> Asked:
    """Ask for passages that may hold a clause."""
    return Asked("find_passages", {"document": "d" * 64, "clause": clause}, by)


ALLOW = {
    "a small contract that keeps to its playbook": routes(),
    "a contract of exactly the limit": routes(value_cents=2_500_000),
    "a contract that is worth nothing": routes(value_cents=0),
    "the mission itself, within its scope": routes(by=""),
    "a reviewer reads a passage": Asked(
        "read_passage", {"document": "d" * 64, "start": 0, "end": 10}, "pricing_reviewer"
    ),
    "the mission refers a contract": Asked(
        "refer_contract", {"contract_id": "C", "queue": "legal-intake", "reason": "r"}
    ),
}

GATE = {
    "one risky clause": (routes(risky_clauses=["Exclusivity"]), ("legal-counsel",)),
    "no playbook": (routes(playbook=""), ("legal-counsel",)),
    "a clause outside the playbook": (routes(outside_playbook=["License Grant"]), ("legal-counsel",)),
    "a clause the playbook misses": (routes(missing_for_playbook=["Governing Law"]), ("legal-counsel",)),
    "a contract one cent above the limit": (routes(value_cents=2_500_001), ("legal-counsel",)),
    "a contract whose value nobody knows": (routes(value_known=False, value_cents=0), ("legal-counsel",)),
    "a rejected quote": (routes(quotes_rejected=1), ("legal-counsel",)),
    "a clause nobody could look for": (routes(clauses_unread=1), ("legal-counsel",)),
    "a major contract": (routes(value_cents=25_000_001), ("legal-counsel", "finance-director")),
    "a scripted routing in production": (routes(call={"environment": "prod"}), ("agent-owner",)),
}

DENY = {
    "a contract without a report": (routes(report_id="", report_document=""), "no-signature-without-a-report"),
    "a report on another text": (routes(report_document="e" * 64), "no-signature-without-a-report"),
    "a blocked counterparty": (routes(counterparty_blocked=True), "blocked-counterparties"),
    "a risky contract with a blocked counterparty": (
        routes(counterparty_blocked=True, risky_clauses=["Exclusivity"]),
        "blocked-counterparties",
    ),
    "a signatory nobody authorised": (routes(signatory="intern"), "only-authorised-signatories"),
    "a house without signatories": (routes(authorised_signatories=[]), "only-authorised-signatories"),
    "a second routing": (routes(routed_before=True), "routed-once"),
    "a negative value": (routes(value_cents=-1), "contract-values-are-not-negative"),
    "a value that is unknown and given": (
        routes(value_known=False, value_cents=5),
        "contract-values-are-not-negative",
    ),
    "a value that is a fraction": (routes(value_cents=0.5), "fail-closed"),
    "a routing without the facts": (
        Asked("route_to_signature", {"contract_id": "CON-1"}, "signature_clerk"),
        "fail-closed",
    ),
    "a routing by a reviewer": (routes(by="commercial_reviewer"), "observers-change-nothing"),
    "a routing by somebody nobody registered": (routes(by="stranger"), "fail-closed"),
    "a routing by a mission without signing in its scope": (
        routes(call={"scope": ["contracts"]}),
        "nobody-leaves-the-scope",
    ),
    "a reviewer who writes its own report": (
        Asked(
            "file_report",
            {
                "contract_id": "C", "document": "d", "body": "{}", "found": [], "risky": [],
                "quotes": 0, "rejected": 0, "unread": 0,
            },
            "regulatory_reviewer",
        ),
        "observers-change-nothing",
    ),
    "the mission looks for a clause itself": (looks("", "Parties"), "reviewers-keep-to-their-clauses"),
    "the pricing reviewer looks for exclusivity": (
        looks("pricing_reviewer", "Exclusivity"),
        "reviewers-keep-to-their-clauses",
    ),
    "a reviewer looks for something that is no clause": (
        looks("commercial_reviewer", "Passwords"),
        "reviewers-keep-to-their-clauses",
    ),
}  # fmt: skip

EVERYBODY = ("legal-counsel", "finance-director", "agent-owner")
"""All whom this law may have asked."""


@pytest.mark.parametrize("case", ALLOW)
def test_the_law_allows(case: str) -> None:
    """What is named here is done without anybody being asked."""
    must_allow(ALLOW[case], "contract_review")


@pytest.mark.parametrize("case", GATE)
def test_the_law_asks_a_person_before(case: str) -> None:
    """What is named here waits for the roles, each with a sentence and a deadline."""
    must_ask(*GATE[case], "contract_review")


@pytest.mark.parametrize("case", GATE)
def test_the_law_lets_pass_once_every_role_said_go_to(case: str) -> None:
    """A gate is lifted by its roles, and by nothing less."""
    must_yield(*GATE[case], "contract_review")


@pytest.mark.parametrize("case", DENY)
def test_the_law_refuses(case: str) -> None:
    """What is named here nobody may do, whoever says go."""
    must_refuse(*DENY[case], EVERYBODY, "contract_review")


@pytest.mark.parametrize("reviewer", REVIEWERS)
def test_the_law_lets_each_reviewer_look_for_its_clauses_and_for_no_others(reviewer: Reviewer) -> None:
    """The lists in the law and the files of the kinds of clauses say the same, for all 41."""
    verdicts = {
        clause: rule(looks(f"{reviewer}_reviewer", clause), "contract_review").verdict for clause in CLAUSE_TYPES
    }
    allowed = {clause for clause, verdict in verdicts.items() if verdict == "allow"}
    assert allowed == set(clauses_of(reviewer))
    assert set(verdicts.values()) == {"allow", "deny"}
