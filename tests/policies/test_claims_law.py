"""The claims law as three lists: what is done alone, what a person may lift, what nobody may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.policies.court import Asked, must_allow, must_ask, must_refuse, must_yield

PAYMENT = {
    "claim_id": "CLM-1",
    "amount_cents": 270_000,
    "payee": "DE1",
    "policy_payees": ["DE1", "DE2"],
    "insured_sum_cents": 6_000_000,
    "claimed_cents": 5_000_000,
    "paid_before_cents": 0,
    "confidence_pct": 95,
    "fraud_score_pct": 0,
}
DECLINE = {"claim_id": "CLM-1", "reason": "r", "covered_cents": 0, "documents_missing": 0, "confidence_pct": 95}
LETTER = {"claim_id": "CLM-1", "purpose": "documents_request", "subject": "s", "body": "b"}
POLICY = {
    "number": "P-1",
    "holder": "C-1",
    "perils": ["fire"],
    "insured_sum_cents": 1,
    "deductible_cents": 0,
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
    "payees": ["DE1"],
    "prior_claims": 0,
}


def pays(by: str = "claims_cashier", call: dict[str, Any] | None = None, **facts: Any) -> Asked:
    """Ask for a payment."""
    return Asked("pay_claim", PAYMENT | facts, by, call or {})


def declines(**facts: Any) -> Asked:
    """Ask for a decline."""
    return Asked("decline_claim", DECLINE | facts)


ALLOW = {
    "a small, sure payout to an account on the policy": pays(),
    "a payout of exactly the limit": pays(amount_cents=500_000),
    "a payout of exactly what was claimed": pays(amount_cents=400_000, claimed_cents=400_000),
    "a payout of exactly the insured sum": pays(amount_cents=400_000, insured_sum_cents=400_000),
    "a payout at exactly the confidence that is enough": pays(confidence_pct=80),
    "a payout with a fraud score just below referral": pays(fraud_score_pct=69),
    "the assessor reads a claim": Asked("read_claim", {"claim_id": "CLM-1"}, "claims_assessor"),
    "the outreach agent asks for documents": Asked("send_letter", LETTER, "claims_outreach"),
    "the mission refers a claim": Asked("refer_claim", {"claim_id": "C", "queue": "investigator", "reason": "r"}),
    "a sure decline of an uncovered claim": declines(),
    "a sure decline of an incomplete claim": declines(covered_cents=100, documents_missing=1),
    "policy terms that come with a claim, in dev": Asked("register_policy", POLICY),
}

GATE = {
    "a payout one cent above the limit": (pays(amount_cents=500_001), ("claims-manager",)),
    "a payout the assessor is not sure of": (pays(confidence_pct=79), ("claims-adjuster",)),
    "a large payout the assessor is not sure of": (
        pays(amount_cents=600_000, confidence_pct=50),
        ("claims-manager", "claims-adjuster"),
    ),
    "a second payment on a claim": (pays(paid_before_cents=1), ("claims-manager",)),
    "a decline the assessor is not sure of": (declines(confidence_pct=60), ("claims-adjuster",)),
    "a scripted payout in production": (pays(call={"environment": "prod"}), ("agent-owner",)),
    "policy terms that come with a claim, in production": (
        Asked("register_policy", POLICY, call={"environment": "prod", "offline": False}),
        ("claims-adjuster",),
    ),
}

DENY = {
    "a payout to an account that is not on the policy": (pays(payee="LT9"), "payee-on-policy"),
    "a large payout to an account that is not on the policy": (
        pays(payee="LT9", amount_cents=900_000),
        "payee-on-policy",
    ),
    "a payout to a policy without accounts": (pays(policy_payees=[]), "payee-on-policy"),
    "a payout above the insured sum": (pays(insured_sum_cents=200_000), "insured-sum"),
    "payouts that together exceed the insured sum": (
        pays(insured_sum_cents=300_000, paid_before_cents=100_000),
        "insured-sum",
    ),
    "a payout above what was claimed": (pays(claimed_cents=200_000), "no-more-than-claimed"),
    "a payout of nothing": (pays(amount_cents=0), "payout-is-positive"),
    "a payout of a negative amount": (pays(amount_cents=-5), "payout-is-positive"),
    "a payout on a suspected claim": (pays(fraud_score_pct=70), "suspected-claims-are-not-paid"),
    "a payout on an impossible confidence": (pays(confidence_pct=101), "scores-are-percentages"),
    "sums so large that adding them overflows": (pays(paid_before_cents=2**63 - 1), "fail-closed"),
    "an amount that is a fraction": (pays(amount_cents=0.5), "fail-closed"),
    "a payout without the facts": (Asked("pay_claim", {"claim_id": "CLM-1"}, "claims_cashier"), "fail-closed"),
    "a payout by the assessor": (pays(by="claims_assessor"), "observers-change-nothing"),
    "a payout by the outreach agent": (pays(by="claims_outreach"), "default-deny"),
    "a payout by somebody nobody registered": (pays(by="stranger"), "fail-closed"),
    "a payout by a mission without payments in its scope": (
        pays(call={"scope": ["claims"]}),
        "nobody-leaves-the-scope",
    ),
    "a decline of a covered and complete claim": (declines(covered_cents=1), "covered-claims-are-not-declined"),
    "a decision told by the outreach agent": (
        Asked("send_letter", LETTER | {"purpose": "decline"}, "claims_outreach"),
        "outreach-only-asks-for-documents",
    ),
}

EVERYBODY = ("claims-manager", "claims-adjuster", "agent-owner")
"""All whom this law may have asked."""


@pytest.mark.parametrize("case", ALLOW)
def test_the_law_allows(case: str) -> None:
    """What is named here is done without anybody being asked."""
    must_allow(ALLOW[case], "claims_triage")


@pytest.mark.parametrize("case", GATE)
def test_the_law_asks_a_person_before(case: str) -> None:
    """What is named here waits for the roles, each with a sentence and a deadline."""
    must_ask(*GATE[case], "claims_triage")


@pytest.mark.parametrize("case", GATE)
def test_the_law_lets_pass_once_every_role_said_go_to(case: str) -> None:
    """A gate is lifted by its roles, and by nothing less."""
    must_yield(*GATE[case], "claims_triage")


@pytest.mark.parametrize("case", DENY)
def test_the_law_refuses(case: str) -> None:
    """What is named here nobody may do, whoever says go."""
    must_refuse(*DENY[case], EVERYBODY, "claims_triage")
