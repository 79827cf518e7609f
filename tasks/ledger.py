"""The claims, policy and payment systems, as the missions need them.

`Ledger` is the interface; `embedded_ledger.py` is the one that needs no network. To connect real
systems, write a class with these methods and return it in `systems.py`. Amounts are cents of EUR.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from gonogo.model import Content, Noun
from policies.claims import Claim, DocumentKind, LetterPurpose, Loss, PolicyTerms, Queue


class Registered(Noun):
    """What intake did with a claim or policy: entered now, or known already."""

    reference: str
    is_new: bool


class ClaimFile(Noun):
    """A claim as the ledger knows it; the account is left out, assessing needs none."""

    claim_id: str
    policy_number: str
    claimant: str
    loss: Loss
    occurred_on: str
    reported_on: str
    claimed_cents: int
    description: Annotated[str, Content()]
    documents: tuple[DocumentKind, ...]
    status: str


class Cover(Noun):
    """What a policy covers; the accounts are left out, assessing needs none."""

    number: str
    perils: tuple[Loss, ...]
    insured_sum_cents: int
    deductible_cents: int
    starts_on: str
    ends_on: str


class PriorClaims(Noun):
    """Earlier claims on a policy, this one not counted."""

    policy_number: str
    count: int


class PaymentFacts(Noun):
    """What the law must know before money moves, all from the ledger."""

    claim_id: str
    claimed_cents: int
    payee: str
    policy_payees: tuple[str, ...]
    insured_sum_cents: int
    paid_before_cents: int


class Receipt(Noun):
    """A change on record."""

    reference: str
    written_at: str


class Payment(Noun):
    """A payment on record, with the amount that really went."""

    reference: str
    written_at: str
    amount_cents: int


class Ledger(Protocol):
    """The claims, policy and payment systems, as the missions need them.

    Every method raises `ToolFailed` where the system refuses. Those that change something do it
    once per key, and return the first receipt when asked again.
    """

    def register_policy(self, terms: PolicyTerms, key: str) -> Registered:
        """Enter a policy that is not known; never change one that is."""
        ...

    def register_claim(self, claim: Claim, key: str) -> Registered:
        """Enter a claim and its documents; refuse a known id with other facts."""
        ...

    def claim(self, claim_id: str) -> ClaimFile:
        """Return a claim's file."""
        ...

    def cover(self, policy_number: str) -> Cover:
        """Return what a policy covers."""
        ...

    def prior_claims(self, policy_number: str, claim_id: str) -> PriorClaims:
        """Count the claims on a policy other than this one."""
        ...

    def payment_facts(self, claim_id: str) -> PaymentFacts:
        """Return what must be known before money moves."""
        ...

    def file_documents(self, claim_id: str, documents: tuple[DocumentKind, ...], key: str) -> Receipt:
        """Add documents to a claim's file."""
        ...

    def send_letter(self, claim_id: str, purpose: LetterPurpose, subject: str, body: str, key: str) -> Receipt:
        """Send the claimant a letter."""
        ...

    def refer(self, claim_id: str, queue: Queue, reason: str, key: str) -> Receipt:
        """Put a claim in a queue that people work through."""
        ...

    def decline(self, claim_id: str, reason: str, key: str) -> Receipt:
        """Close a claim without payment, and tell the claimant."""
        ...

    def pay(self, facts: PaymentFacts, amount_cents: int, key: str) -> Payment:
        """Pay, provided that the facts it was decided on still hold."""
        ...

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> Receipt:
        """Take an entry of a case back, by its kind and the reference of its receipt; refuse what is not there."""
        ...
