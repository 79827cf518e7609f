"""The terms of the claims law and its fork."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from policies.claims import Assessment, Claim, ClaimRoute, DocumentsReceived, claim_route

CLAIM: dict[str, Any] = {
    "claim_id": "CLM-1",
    "policy_number": "P-1",
    "claimant": "C-1",
    "loss": "glass",
    "occurred_on": "2026-03-01",
    "reported_on": "2026-03-02",
    "claimed_cents": 100_00,
    "payee": "DE0012345678",
}


def assessed(**facts: Any) -> Assessment:
    """Return a clean, complete, covered assessment, except for the facts given."""
    clean = {"covered_cents": 100, "confidence_pct": 90, "fraud_score_pct": 0, "rationale": "as seen"}
    return Assessment.model_validate(clean | facts)


@pytest.mark.parametrize(
    ("assessment", "rounds", "expected"),
    [
        pytest.param(assessed(), 0, "fast_track", id="clean, complete and covered"),
        pytest.param(assessed(covered_cents=0), 0, "declined", id="nothing is covered"),
        pytest.param(assessed(fraud_score_pct=70), 0, "investigator", id="suspicion"),
        pytest.param(
            assessed(fraud_score_pct=90, missing_documents=("photos",)),
            0,
            "investigator",
            id="suspicion beats completeness",
        ),
        pytest.param(assessed(missing_documents=("photos",)), 0, "missing_documents", id="incomplete, not asked yet"),
        pytest.param(assessed(missing_documents=("photos",)), 1, "missing_documents", id="incomplete, asked once"),
        pytest.param(assessed(missing_documents=("photos",)), 2, "declined", id="incomplete, asked twice"),
        pytest.param(
            assessed(missing_documents=("photos",), fraud_score_pct=40), 2, "investigator", id="asked twice, in doubt"
        ),
        pytest.param(assessed(confidence_pct=1), 0, "fast_track", id="unsure: the law asks, not the fork"),
    ],
)
def test_the_fork_of_a_claim(assessment: Assessment, rounds: int, expected: ClaimRoute) -> None:
    """Suspicion beats completeness, completeness beats speed, and outreach is bounded."""
    assert claim_route(assessment, rounds) == expected


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"claimed_cents": 0}, "claimed_cents"),
        ({"claimed_cents": 10**11}, "claimed_cents"),
        ({"claimed_cents": "12.50"}, "claimed_cents"),
        ({"claim_id": "../../etc"}, "claim_id"),
        ({"loss": "boredom"}, "loss"),
        ({"payee": "DE12 3456"}, "payee"),
        ({"documents": ["selfie"]}, "documents"),
        ({"note": "unknown"}, "note"),
        ({"reported_on": "2026-02-01"}, ""),
    ],
)
def test_a_malformed_claim_is_no_claim(wrong: dict[str, Any], field: str) -> None:
    """What does not fit is refused with the field that is wrong."""
    with pytest.raises(ValidationError) as caught:
        Claim.model_validate(CLAIM | wrong)
    assert field in ".".join(map(str, caught.value.errors()[0]["loc"]))


def test_policy_terms_of_another_policy_do_not_ride_along() -> None:
    """Terms that come with a claim are those of its policy, or the claim is refused."""
    terms = {
        "number": "P-2",
        "holder": "C-1",
        "perils": ["glass"],
        "insured_sum_cents": 1,
        "deductible_cents": 0,
        "starts_on": "2026-01-01",
        "ends_on": "2026-12-31",
        "payees": [],
    }
    with pytest.raises(ValidationError, match=r"policy\.number P-2"):
        Claim.model_validate(CLAIM | {"policy": terms})


def test_an_event_without_a_document_is_none() -> None:
    """A customer who sends nothing has not answered."""
    with pytest.raises(ValidationError):
        DocumentsReceived.model_validate({"documents": []})
