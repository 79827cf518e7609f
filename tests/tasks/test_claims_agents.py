"""The scripted assessor and outreach agent decide by what they read."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.agents.offline import Conversation, Use
from policies.claims import Assessment, AssessmentOrder, OutreachOrder, OutreachReport
from tasks.claims_agents import assess_offline, judge, outreach_offline
from tasks.ledger import ClaimFile, Cover, PriorClaims

FILE: dict[str, Any] = {
    "claim_id": "CLM-1",
    "policy_number": "P-1",
    "claimant": "C-1",
    "loss": "collision",
    "occurred_on": "2026-03-01",
    "reported_on": "2026-03-03",
    "claimed_cents": 200_000,
    "description": "Rear-ended at a traffic light; the bumper and one tail light are damaged.",
    "documents": ("photos", "repair_estimate"),
    "status": "open",
}
COVER: dict[str, Any] = {
    "number": "P-1",
    "perils": ("collision",),
    "insured_sum_cents": 6_000_000,
    "deductible_cents": 30_000,
    "starts_on": "2024-01-01",
    "ends_on": "2027-01-01",
}


def judged(file: dict[str, Any] | None = None, cover: dict[str, Any] | None = None, prior: int = 0) -> Assessment:
    """Return the assessment of a clean claim, with these changes."""
    return judge(
        ClaimFile.model_validate(FILE | (file or {})),
        Cover.model_validate(COVER | (cover or {})),
        PriorClaims(policy_number="P-1", count=prior),
    )


def test_a_clean_claim_is_covered_after_the_deductible() -> None:
    """Sure, unsuspicious, complete."""
    clean = judged()
    assert (clean.covered_cents, clean.confidence_pct, clean.fraud_score_pct) == (170_000, 95, 0)
    assert clean.missing_documents == ()


@pytest.mark.parametrize(
    ("file", "cover", "covered"),
    [
        ({"claimed_cents": 9_000_000}, {}, 6_000_000),
        ({"claimed_cents": 20_000}, {}, 0),
        ({}, {"perils": ("fire",)}, 0),
        ({}, {"starts_on": "2026-03-02"}, 0),
        ({}, {"ends_on": "2026-02-28"}, 0),
    ],
)
def test_cover_ends_at_sum_deductible_peril_and_dates(
    file: dict[str, Any], cover: dict[str, Any], covered: int
) -> None:
    """What the policy owes, and no cent more."""
    assert judged(file, cover).covered_cents == covered


def test_missing_documents_follow_the_loss_and_the_sum() -> None:
    """Large claims need an invoice, too."""
    assert judged({"documents": ()}).missing_documents == ("photos", "repair_estimate")
    assert judged({"claimed_cents": 1_000_000}).missing_documents == ("invoice",)
    assert judged({"loss": "theft", "documents": ()}, {"perils": ("theft",)}).missing_documents == ("police_report",)


def test_signs_of_fraud_add_up() -> None:
    """Late, young, many, large: each is told in the rationale."""
    suspect = judged({"reported_on": "2026-05-01", "claimed_cents": 5_500_000}, {"starts_on": "2026-02-20"}, prior=4)
    assert suspect.fraud_score_pct == 100
    assert "61 days" in suspect.rationale
    assert "4 claims before" in suspect.rationale


def test_a_vague_description_makes_unsure() -> None:
    """Below 80 %, so that the law asks a person."""
    assert judged({"description": "Broken."}).confidence_pct < 80


def test_the_assessor_reads_before_it_judges() -> None:
    """Three records first; then a judgement that depends on them."""
    order = AssessmentOrder(claim_id="CLM-1", policy_number="P-1", round=0)
    talk = Conversation(prompt=order.model_dump_json())
    asked = assess_offline(talk)
    assert isinstance(asked, list)
    assert [use.tool for use in asked] == ["read_claim", "read_cover", "read_prior_claims"]
    talk.results = {
        "read_claim": [FILE],
        "read_cover": [COVER],
        "read_prior_claims": [{"policy_number": "P-1", "count": 0}],
    }
    assert assess_offline(talk) == judged()


def test_the_assessor_is_not_sure_of_records_it_could_not_read() -> None:
    """An unknown policy covers nothing, and a person is asked."""
    order = AssessmentOrder(claim_id="CLM-1", policy_number="P-1", round=0)
    talk = Conversation(prompt=order.model_dump_json(), results={"read_claim": [FILE]})
    talk.refused = {"read_cover": ["The ledger has no policy P-1."]}
    said = assess_offline(talk)
    assert isinstance(said, Assessment)
    assert (said.covered_cents, said.confidence_pct) == (0, 20)
    assert "no policy P-1" in said.rationale


def outreach(round_: int, **seen: Any) -> list[Use] | OutreachReport:
    """Return what the outreach agent does next."""
    order = OutreachOrder(claim_id="CLM-1", missing_documents=("photos", "invoice"), round=round_)
    return outreach_offline(Conversation(prompt=order.model_dump_json(), **seen))


def test_the_outreach_letter_names_claim_and_documents_and_no_money() -> None:
    """One letter, in plain words; later ones say that they remind."""
    first, second = (outreach(number, results={"read_claim": [FILE]}) for number in (1, 2))
    assert isinstance(first, list)
    assert isinstance(second, list)
    letter = first[0].args
    assert letter["purpose"] == "documents_request"
    assert "CLM-1" in letter["body"]
    assert "photos of the damage, the invoice" in letter["body"]
    assert "EUR" not in letter["body"]
    assert "reminder" in second[0].args["body"]


def test_the_outreach_agent_reports_what_it_sent_or_that_it_did_not() -> None:
    """A refused letter is reported, not tried for ever."""
    sent = {"read_claim": [FILE], "send_letter": [{"reference": "letter-1", "written_at": "t"}]}
    assert outreach(1, results=sent) == OutreachReport(letter_id="letter-1", asked_for=("photos", "invoice"))
    refused = outreach(1, results={"read_claim": [FILE]}, refused={"send_letter": ["no"]})
    assert refused == OutreachReport(letter_id="not-sent", asked_for=())
