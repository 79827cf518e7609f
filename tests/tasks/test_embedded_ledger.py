"""The embedded claims and payments ledger."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ToolFailed
from policies.claims import Claim, PolicyTerms
from tasks.embedded import System
from tasks.embedded_ledger import SCHEMA, SqliteLedger

if TYPE_CHECKING:
    from pathlib import Path

TERMS = PolicyTerms(
    number="P-1",
    holder="C-1",
    perils=("glass", "fire"),
    insured_sum_cents=1_000_000,
    deductible_cents=15_000,
    starts_on=date(2025, 1, 1),
    ends_on=date(2027, 1, 1),
    payees=("DE0012345678",),
    prior_claims=2,
)


def claim(**facts: Any) -> Claim:
    """Return a claim on the policy, with these facts."""
    plain = {
        "claim_id": "CLM-1",
        "policy_number": "P-1",
        "claimant": "C-1",
        "loss": "glass",
        "occurred_on": "2026-03-01",
        "reported_on": "2026-03-02",
        "claimed_cents": 100_000,
        "payee": "DE0012345678",
        "documents": ("photos",),
    }
    return Claim.model_validate(plain | facts)


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    """Return a ledger with one policy and one claim."""
    made = SqliteLedger(System(tmp_path / "ledger.db", SCHEMA))
    made.register_policy(TERMS, "policy")
    made.register_claim(claim(), "claim")
    return made


def rows(ledger: SqliteLedger, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the file."""
    with ledger.system.reading() as db:
        return [tuple(row) for row in db.execute(query)]


def test_a_registered_claim_can_be_read_back_without_its_account(ledger: SqliteLedger) -> None:
    """Who assesses sees the file, and no account."""
    file = ledger.claim("CLM-1")
    assert (file.claimed_cents, file.documents, file.status) == (100_000, ("photos",), "open")
    assert "payee" not in type(file).model_fields
    assert "payees" not in type(ledger.cover("P-1")).model_fields


def test_intake_never_changes_a_policy_on_record(ledger: SqliteLedger) -> None:
    """Terms that come with a later claim cannot add an account."""
    other = TERMS.model_copy(update={"payees": ("LT9999999999",), "insured_sum_cents": 9})
    assert ledger.register_policy(other, "other").is_new is False
    assert ledger.payment_facts("CLM-1").policy_payees == ("DE0012345678",)


def test_a_claim_that_comes_again_must_say_the_same(ledger: SqliteLedger) -> None:
    """The same claim is known; another one under its id is refused, with what differs."""
    assert ledger.register_claim(claim(documents=("photos", "invoice")), "again").is_new is False
    assert ledger.claim("CLM-1").documents == ("invoice", "photos")
    with pytest.raises(ToolFailed, match="another claimed_cents, payee"):
        ledger.register_claim(claim(claimed_cents=1, payee="LT9999999999"), "wrong")


def test_prior_claims_count_what_was_before_the_ledger_and_what_is_in_it(ledger: SqliteLedger) -> None:
    """The claim itself does not count."""
    assert ledger.prior_claims("P-1", "CLM-1").count == 2
    ledger.register_claim(claim(claim_id="CLM-2"), "second")
    assert ledger.prior_claims("P-1", "CLM-1").count == 3


def test_a_payment_exists_once_however_often_it_is_asked_for(ledger: SqliteLedger) -> None:
    """Same key, same receipt, one payment."""
    facts = ledger.payment_facts("CLM-1")
    first = ledger.pay(facts, 85_000, "pay")
    again = ledger.pay(facts, 85_000, "pay")
    assert first == again
    assert rows(ledger, "select claim_id, amount_cents, payee, idempotency_key from payments") == [
        ("CLM-1", 85_000, "DE0012345678", "pay")
    ]
    assert ledger.claim("CLM-1").status == "paid"


def test_a_payment_decided_on_facts_that_changed_is_refused(ledger: SqliteLedger) -> None:
    """Between a go and the payment somebody paid: the second payment does not happen."""
    facts = ledger.payment_facts("CLM-1")
    ledger.pay(facts, 85_000, "first run")
    with pytest.raises(ToolFailed, match="changed since"):
        ledger.pay(facts, 85_000, "second run")
    assert rows(ledger, "select count(*) from payments") == [(1,)]
    assert ledger.payment_facts("CLM-1").paid_before_cents == 85_000


def test_letters_referrals_and_declines_leave_their_marks(ledger: SqliteLedger) -> None:
    """Each is on record once, and the claim's status follows."""
    ledger.send_letter("CLM-1", "documents_request", "s", "b", "letter")
    assert ledger.claim("CLM-1").status == "waiting_for_documents"
    ledger.file_documents("CLM-1", ("invoice",), "file")
    assert (ledger.claim("CLM-1").status, ledger.claim("CLM-1").documents) == ("open", ("invoice", "photos"))
    ledger.refer("CLM-1", "investigator", "why", "refer")
    assert ledger.claim("CLM-1").status == "referred"
    ledger.decline("CLM-1", "not covered", "decline")
    assert ledger.claim("CLM-1").status == "declined"
    assert rows(ledger, "select purpose from letters order by letter_id") == [("documents_request",), ("decline",)]
    assert rows(ledger, "select queue, reason from referrals") == [("investigator", "why")]


def test_what_is_not_on_record_is_a_failure_with_a_way_out(ledger: SqliteLedger) -> None:
    """Unknown claims and policies are named."""
    with pytest.raises(ToolFailed, match="no claim CLM-9; register it"):
        ledger.claim("CLM-9")
    with pytest.raises(ToolFailed, match="no policy P-9; enter it"):
        ledger.cover("P-9")
    with pytest.raises(ToolFailed, match="no claim CLM-9"):
        ledger.refer("CLM-9", "adjuster", "why", "k")
    hostile = "CLM-1' or '1'='1"
    with pytest.raises(ToolFailed, match="no claim"):
        ledger.claim(hostile)
