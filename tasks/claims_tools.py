"""Tools of the claims mission: everything it can read or change in the ledger.

Each is an action of the same name in `policies/claims.cedarschema`. Amounts are cents of EUR. What
the law needs to know is an argument, and steps take it from the ledger, not from a model. The
idempotency key is filled in by the hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any

from gonogo import Reach, Trusted, compensate, irreversible, reversible, shown, tool
from policies.claims import (
    Account,
    Claim,
    DocumentKind,
    Identifier,
    LetterPurpose,
    Loss,
    Percent,
    PolicyTerms,
    Queue,
)
from tasks.ledger import ClaimFile, Cover, Payment, PaymentFacts, PriorClaims, Receipt, Registered
from tasks.prose import Prose
from tasks.systems import ledger
from tasks.takebacks import refund_payment, reopen_claim, withdraw_referral


def euros(cents: int) -> str:
    """Return an amount as people write it: ``5,000.00 EUR``."""
    sign, whole, rest = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
    return f"{sign}{whole:,}.{rest:02d} EUR"


def _payment_preview(claim_id: str, amount_cents: int, payee: str, **_facts: object) -> str:
    """Say what a payment changes, from the ledger."""
    facts, file = ledger().payment_facts(claim_id), ledger().claim(claim_id)
    left = facts.insured_sum_cents - facts.paid_before_cents
    return (
        f"**{euros(amount_cents)}** go to account {shown(payee)} for claim {shown(claim_id)}; "
        "this cannot be undone.\n\n"
        "| on record | |\n|---|---|\n"
        f"| loss | {shown(file.loss)} on {shown(file.occurred_on)}, reported {shown(file.reported_on)} |\n"
        f"| claimed | {euros(facts.claimed_cents)} |\n"
        f"| paid before | {euros(facts.paid_before_cents)} |\n"
        f"| insured sum left, now and then | {euros(left)} → {euros(left - amount_cents)} |\n"
        f"| documents | {', '.join(map(shown, file.documents)) or 'none'} |"
    )


def _decline_preview(claim_id: str, **_facts: object) -> str:
    """Say what a decline changes, from the ledger."""
    file = ledger().claim(claim_id)
    return (
        f"Claim {shown(claim_id)} is closed without payment and its claimant is told so by letter; "
        f"{euros(file.claimed_cents)} were claimed for {shown(file.loss)} on {shown(file.occurred_on)}."
    )


def _policy_preview(number: str, insured_sum_cents: int, payees: list[str], **_facts: object) -> str:
    """Say what entering a policy changes."""
    accounts = ", ".join(map(shown, payees)) or "nobody"
    return (
        f"Policy {shown(number)} is entered with an insured sum of {euros(insured_sum_cents)}, payable to {accounts}. "
        "If the ledger knows the policy, nothing changes."
    )


async def _is_referred(_receipt: Receipt, *, claim_id: str, **_rest: object) -> bool:
    """Whether the ledger holds the claim as referred."""
    return (await asyncio.to_thread(ledger().claim, claim_id)).status == "referred"


async def _is_declined(_receipt: Receipt, *, claim_id: str, **_rest: object) -> bool:
    """Whether the ledger holds the claim as declined."""
    return (await asyncio.to_thread(ledger().claim, claim_id)).status == "declined"


async def _is_paid(
    payment: Payment, *, claim_id: str, amount_cents: int, paid_before_cents: int, **_facts: object
) -> bool:
    """Whether the ledger holds the sum on the claim, and the payment says that very sum."""
    facts = await asyncio.to_thread(ledger().payment_facts, claim_id)
    return payment.amount_cents == amount_cents and facts.paid_before_cents >= paid_before_cents + amount_cents


@tool(
    system="claims",
    effect="write",
    preview=_policy_preview,
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def register_policy(
    *,
    number: Identifier,
    holder: Identifier,
    perils: list[Loss],
    insured_sum_cents: int,
    deductible_cents: int,
    starts_on: date,
    ends_on: date,
    payees: list[Account],
    prior_claims: int,
    idempotency_key: str = "",
) -> Registered:
    """Enter a policy that the ledger does not know; one it knows stays as it is."""
    terms = PolicyTerms(
        number=number,
        holder=holder,
        perils=tuple(perils),
        insured_sum_cents=insured_sum_cents,
        deductible_cents=deductible_cents,
        starts_on=starts_on,
        ends_on=ends_on,
        payees=tuple(payees),
        prior_claims=prior_claims,
    )
    return await asyncio.to_thread(ledger().register_policy, terms, idempotency_key)


@tool(
    system="claims",
    effect="write",
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def register_claim(
    *,
    claim_id: Identifier,
    policy_number: Identifier,
    claimant: Identifier,
    loss: Loss,
    occurred_on: date,
    reported_on: date,
    claimed_cents: int,
    payee: Account,
    description: Prose,
    documents: list[DocumentKind],
    idempotency_key: str = "",
) -> Registered:
    """Enter a claim with its documents; one that is on record must say the same."""
    claim = Claim(
        claim_id=claim_id,
        policy_number=policy_number,
        claimant=claimant,
        loss=loss,
        occurred_on=occurred_on,
        reported_on=reported_on,
        claimed_cents=claimed_cents,
        payee=payee,
        description=description,
        documents=tuple(documents),
    )
    return await asyncio.to_thread(ledger().register_claim, claim, idempotency_key)


@tool(system="claims", effect="read")
async def read_claim(claim_id: Identifier) -> Annotated[ClaimFile, Trusted()]:
    """Read a claim's file: what happened, what is claimed, which documents are there."""
    return await asyncio.to_thread(ledger().claim, claim_id)


@tool(system="claims", effect="read")
async def read_cover(policy_number: Identifier) -> Annotated[Cover, Trusted()]:
    """Read what a policy covers, from when to when, up to which sum, after which deductible."""
    return await asyncio.to_thread(ledger().cover, policy_number)


@tool(system="claims", effect="read")
async def read_prior_claims(policy_number: Identifier, claim_id: Identifier) -> Annotated[PriorClaims, Trusted()]:
    """Count the claims on a policy, other than this one."""
    return await asyncio.to_thread(ledger().prior_claims, policy_number, claim_id)


def _writes_to_one(**_call: Any) -> Reach:
    return Reach(records=1, recipients=1)


@tool(
    system="claims", effect="irreversible", undo=irreversible("A letter that was sent is read."), reach=_writes_to_one
)
async def send_letter(
    claim_id: Identifier, purpose: LetterPurpose, subject: Prose, body: Prose, *, idempotency_key: str
) -> Receipt:
    """Send the claimant a letter."""
    return await asyncio.to_thread(ledger().send_letter, claim_id, purpose, subject, body, idempotency_key)


@tool(
    system="claims",
    effect="write",
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def file_documents(claim_id: Identifier, documents: list[DocumentKind], *, idempotency_key: str = "") -> Receipt:
    """Add documents to a claim's file."""
    return await asyncio.to_thread(ledger().file_documents, claim_id, tuple(documents), idempotency_key)


@tool(
    system="claims",
    effect="write",
    undo=reversible(
        withdraw_referral, claim_id="args.claim_id", reference="result.reference", reason="rollback.reason"
    ),
    confirm=_is_referred,
)
async def refer_claim(claim_id: Identifier, queue: Queue, reason: Prose, *, idempotency_key: str = "") -> Receipt:
    """Put a claim in a queue that people work through."""
    return await asyncio.to_thread(ledger().refer, claim_id, queue, reason, idempotency_key)


@tool(
    system="claims",
    effect="irreversible",
    preview=_decline_preview,
    undo=compensate(reopen_claim, claim_id="args.claim_id", reference="result.reference", reason="rollback.reason"),
    confirm=_is_declined,
    reach=_writes_to_one,
)
async def decline_claim(
    claim_id: Identifier,
    reason: Prose,
    covered_cents: int,
    documents_missing: int,
    confidence_pct: Percent,
    *,
    idempotency_key: str = "",
) -> Receipt:
    """Close a claim without payment and tell the claimant why."""
    del covered_cents, documents_missing, confidence_pct  # what the law decided on; the ledger needs none of it
    return await asyncio.to_thread(ledger().decline, claim_id, reason, idempotency_key)


@tool(system="payments", effect="read")
async def read_payment_facts(claim_id: Identifier) -> Annotated[PaymentFacts, Trusted()]:
    """Read what the law must know before money moves."""
    return await asyncio.to_thread(ledger().payment_facts, claim_id)


def _pays(*, amount_cents: int, **_call: Any) -> Reach:
    return Reach(records=1, recipients=1, amount_cents=amount_cents)


@tool(
    system="payments",
    effect="irreversible",
    preview=_payment_preview,
    undo=compensate(refund_payment, claim_id="args.claim_id", reference="result.reference", reason="rollback.reason"),
    confirm=_is_paid,
    reach=_pays,
)
async def pay_claim(
    *,
    claim_id: Identifier,
    amount_cents: int,
    payee: Account,
    policy_payees: list[Account],
    insured_sum_cents: int,
    claimed_cents: int,
    paid_before_cents: int,
    confidence_pct: Percent,
    fraud_score_pct: Percent,
    idempotency_key: str = "",
) -> Payment:
    """Pay a claim, provided that the facts it was decided on still hold in the ledger."""
    del confidence_pct, fraud_score_pct  # what the law decided on; the ledger needs neither
    facts = PaymentFacts(
        claim_id=claim_id,
        claimed_cents=claimed_cents,
        payee=payee,
        policy_payees=tuple(policy_payees),
        insured_sum_cents=insured_sum_cents,
        paid_before_cents=paid_before_cents,
    )
    return await asyncio.to_thread(ledger().pay, facts, amount_cents, idempotency_key)
