"""The terms of the claims law, and the one fork a claim meets.

A statute opens with definitions: these nouns are what `claims.cedar`, the tools and the mission
speak about. Amounts are whole cents of EUR, scores are percentages from 0 to 100.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from gonogo import route
from gonogo.model import Content, Measure, Noun, Outcome

CONFIDENCE_ALONE_PCT = 80
"""From here on an assessment is sure enough to act on; below, `claims.cedar` asks an adjuster."""

FRAUD_SCORE_REFER_PCT = 70
"""From here on a claim goes to an investigator; `claims.cedar` refuses to pay it, too."""

FRAUD_SCORE_DOUBT_PCT = 40
"""From here on a claim whose documents never came goes to an investigator instead of a decline."""

OUTREACH_ROUNDS_MAX = 2
"""How often a customer is asked for documents."""

AMOUNT_MAX_CENTS = 100_000_000_00
"""Nothing above one hundred million EUR is a claim; it is a typing error."""

Loss = Literal["collision", "glass", "theft", "fire", "storm", "water"]
"""What happened, in the words that policies insure against."""

DocumentKind = Literal["photos", "repair_estimate", "police_report", "invoice"]
"""What a claim file can hold."""

LetterPurpose = Literal["documents_request", "decline"]
"""Why a letter is sent: to ask for documents, or to tell that nothing is paid."""

Queue = Literal["investigator", "adjuster"]
"""Where people pick up claims that are referred to them."""

ClaimRoute = Literal["investigator", "missing_documents", "declined", "fast_track"]
"""Who goes on: an investigator, the customer, nobody, or the cashier."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A business key: letters, digits, dots, dashes and underscores, at most 64."""

Account = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{8,34}$")]
"""A bank account, written as an IBAN without spaces."""

Percent = Annotated[int, Field(ge=0, le=100)]
Cents = Annotated[int, Field(ge=0, le=AMOUNT_MAX_CENTS)]


class PolicyTerms(Noun):
    """What a policy covers, as the policy system delivers it with a claim."""

    number: Identifier
    holder: Identifier
    perils: tuple[Loss, ...]
    """Losses the policy insures against."""
    insured_sum_cents: Cents
    deductible_cents: Cents
    starts_on: date
    ends_on: date
    """Last day of cover."""
    payees: tuple[Account, ...]
    """Accounts that payments may go to."""
    prior_claims: Annotated[int, Field(ge=0)] = 0
    """Claims on the policy that were settled before the ledger knew it."""


class Claim(Noun):
    """One claim, as it comes in."""

    claim_id: Identifier
    policy_number: Identifier
    claimant: Identifier
    """The customer's number; names stay in the customer system."""
    loss: Loss
    occurred_on: date
    reported_on: date
    claimed_cents: Annotated[int, Field(gt=0, le=AMOUNT_MAX_CENTS)]
    payee: Account
    """The account that the claimant wants the money on."""
    description: Annotated[str, StringConstraints(max_length=4_000), Content()] = ""
    """The claimant's words; read by an agent, obeyed by nobody."""
    documents: tuple[DocumentKind, ...] = ()
    policy: PolicyTerms | None = None
    """Terms to enter where the ledger does not know the policy yet; they never change one it knows."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Claim:
        if self.reported_on < self.occurred_on:
            msg = f"reported_on {self.reported_on} is before occurred_on {self.occurred_on}"
            raise ValueError(msg)
        if self.policy is not None and self.policy.number != self.policy_number:
            msg = f"policy.number {self.policy.number} is not the claim's policy_number {self.policy_number}"
            raise ValueError(msg)
        return self


class AssessmentOrder(Noun):
    """What the assessor is asked: which claim, and for the how-many-th time."""

    claim_id: Identifier
    policy_number: Identifier
    round: Annotated[int, Field(ge=0)]
    """0 at first; one more each time the customer was asked for documents."""


class Assessment(Noun):
    """What the assessor makes of a claim."""

    covered_cents: Cents
    """What the policy owes after the deductible; 0 where the loss is not covered."""
    confidence_pct: Percent
    """0 = a guess, 100 = certain."""
    fraud_score_pct: Percent
    """0 = clean, 100 = certain fraud."""
    missing_documents: tuple[DocumentKind, ...] = ()
    rationale: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    """Why, in words an adjuster can check."""


class OutreachOrder(Noun):
    """What the outreach agent is asked: which documents to ask for."""

    claim_id: Identifier
    missing_documents: tuple[DocumentKind, ...]
    round: Annotated[int, Field(ge=1)]


class OutreachReport(Noun):
    """What the outreach agent did."""

    letter_id: str
    asked_for: tuple[DocumentKind, ...]


class DocumentsReceived(Noun):
    """The event `documents_received`: the customer sent something."""

    documents: Annotated[tuple[DocumentKind, ...], Field(min_length=1)]
    note: Annotated[str, StringConstraints(max_length=2_000)] = ""


class Settlement(Outcome):
    """How a claim ended.

    `paid` and `declined` are decisions, which is what the mission is for; `referred` hands the
    claim to a person's queue by rule.
    """

    successes: ClassVar[frozenset[str]] = frozenset({"paid", "declined"})
    escalations: ClassVar[frozenset[str]] = frozenset({"referred"})

    outcome: Literal["paid", "declined", "referred"]
    claim_id: Identifier
    reference: str
    """The payment, letter or referral on record."""
    reason: str
    paid_cents: Annotated[int | None, Measure("eur_cents")] = None
    confidence_pct: Annotated[int | None, Measure("percent")] = None
    fraud_score_pct: Annotated[int | None, Measure("percent")] = None
    outreach_rounds: Annotated[int, Measure("count")] = 0


@route
def claim_route(assessment: Assessment, outreach_rounds: int) -> ClaimRoute:
    """Suspicion beats completeness; completeness beats speed."""
    if assessment.fraud_score_pct >= FRAUD_SCORE_REFER_PCT:
        return "investigator"
    if assessment.missing_documents:
        if outreach_rounds < OUTREACH_ROUNDS_MAX:
            return "missing_documents"
        return "investigator" if assessment.fraud_score_pct >= FRAUD_SCORE_DOUBT_PCT else "declined"
    return "fast_track" if assessment.covered_cents > 0 else "declined"
