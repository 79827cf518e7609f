"""The work of the claims mission, step by step; the story is `flows/claims_triage.py`."""

from __future__ import annotations

from typing import Literal

from gonogo import criterion, step
from policies.claims import (
    Assessment,
    AssessmentOrder,
    Claim,
    DocumentKind,
    DocumentsReceived,
    OutreachOrder,
    OutreachReport,
    Settlement,
)
from tasks.claims_agents import claims_assessor, claims_outreach
from tasks.claims_tools import (
    decline_claim,
    file_documents,
    pay_claim,
    read_payment_facts,
    refer_claim,
    register_claim,
    register_policy,
)
from tasks.ledger import Receipt, Registered


@criterion("what is claimed is an amount above zero")
def claims_an_amount(claim: Claim) -> bool:
    """Look at the claim."""
    return claim.claimed_cents > 0


@criterion("something is missing that can be asked for")
def something_is_missing(missing: tuple[DocumentKind, ...]) -> bool:
    """Look at what is missing; nobody is written to about nothing."""
    return bool(missing)


@criterion("the settlement is about this claim and says what was paid")
def says_what_was_paid(claim: Claim, result: Settlement) -> bool:
    """Look at the settlement."""
    return result.claim_id == claim.claim_id and result.paid_cents is not None and result.paid_cents > 0


@step(entry=[claims_an_amount])
async def register(claim: Claim) -> Registered:
    """Enter the claim, and its policy where the ledger does not know it."""
    if claim.policy is not None:
        terms = claim.policy
        await register_policy(
            number=terms.number,
            holder=terms.holder,
            perils=list(terms.perils),
            insured_sum_cents=terms.insured_sum_cents,
            deductible_cents=terms.deductible_cents,
            starts_on=terms.starts_on,
            ends_on=terms.ends_on,
            payees=list(terms.payees),
            prior_claims=terms.prior_claims,
        )
    return await register_claim(
        claim_id=claim.claim_id,
        policy_number=claim.policy_number,
        claimant=claim.claimant,
        loss=claim.loss,
        occurred_on=claim.occurred_on,
        reported_on=claim.reported_on,
        claimed_cents=claim.claimed_cents,
        payee=claim.payee,
        description=claim.description,
        documents=list(claim.documents),
    )


@step
async def assess_damage(claim: Claim, outreach_rounds: int) -> Assessment:
    """Let the assessor read the records and judge; asked again after each answer of the customer."""
    return await claims_assessor.ask(
        AssessmentOrder(claim_id=claim.claim_id, policy_number=claim.policy_number, round=outreach_rounds)
    )


@step(entry=[something_is_missing])
async def ask_customer(claim: Claim, missing: tuple[DocumentKind, ...], outreach_round: int) -> OutreachReport:
    """Let the outreach agent write for the missing documents."""
    return await claims_outreach.ask(
        OutreachOrder(claim_id=claim.claim_id, missing_documents=missing, round=outreach_round)
    )


@step
async def file_answer(claim: Claim, received: DocumentsReceived) -> Receipt:
    """Add what the customer sent to the claim's file."""
    return await file_documents(claim_id=claim.claim_id, documents=list(received.documents))


@step
async def refer_to_investigator(claim: Claim, assessment: Assessment, outreach_rounds: int) -> Settlement:
    """Put the claim in the investigators' queue."""
    receipt = await refer_claim(claim_id=claim.claim_id, queue="investigator", reason=assessment.rationale)
    return _settled("referred", claim, assessment, outreach_rounds, receipt.reference)


@step
async def decline(claim: Claim, assessment: Assessment, outreach_rounds: int) -> Settlement:
    """Close the claim without payment; `policies/claims.cedar` has the last word."""
    receipt = await decline_claim(
        claim_id=claim.claim_id,
        reason=assessment.rationale,
        covered_cents=assessment.covered_cents,
        documents_missing=len(assessment.missing_documents),
        confidence_pct=assessment.confidence_pct,
    )
    return _settled("declined", claim, assessment, outreach_rounds, receipt.reference)


@step(acting="claims_cashier", exit=[says_what_was_paid])
async def pay(claim: Claim, assessment: Assessment, outreach_rounds: int) -> Settlement:
    """Pay what is covered; account, sums and earlier payments come from the ledger, not from a model."""
    facts = await read_payment_facts(claim_id=claim.claim_id)
    payment = await pay_claim(
        claim_id=claim.claim_id,
        amount_cents=assessment.covered_cents,
        payee=facts.payee,
        policy_payees=list(facts.policy_payees),
        insured_sum_cents=facts.insured_sum_cents,
        claimed_cents=facts.claimed_cents,
        paid_before_cents=facts.paid_before_cents,
        confidence_pct=assessment.confidence_pct,
        fraud_score_pct=assessment.fraud_score_pct,
    )
    return _settled("paid", claim, assessment, outreach_rounds, payment.reference, paid_cents=payment.amount_cents)


def _settled(
    outcome: Literal["paid", "declined", "referred"],
    claim: Claim,
    assessment: Assessment,
    outreach_rounds: int,
    reference: str,
    *,
    paid_cents: int | None = None,
) -> Settlement:
    """Return how the claim ended, with what can be measured of it."""
    return Settlement(
        outcome=outcome,
        claim_id=claim.claim_id,
        reference=reference,
        reason=assessment.rationale,
        paid_cents=paid_cents,
        confidence_pct=assessment.confidence_pct,
        fraud_score_pct=assessment.fraud_score_pct,
        outreach_rounds=outreach_rounds,
    )
