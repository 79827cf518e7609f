"""Taking back: what every mission does is undone in its system of record, or says why it cannot be."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

import tasks.claims
import tasks.content
import tasks.contracts
import tasks.incidents
import tasks.leads
from gonogo.errors import ToolFailed
from gonogo.settings import settings, using
from gonogo.tools import TOOLS
from policies.claims import Claim, PolicyTerms
from tasks import takebacks
from tasks.systems import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOMS = (tasks.claims, tasks.content, tasks.contracts, tasks.incidents, tasks.leads)
OURS = [tool for tool in TOOLS.values() if tool.function.__module__.startswith("tasks.") and tool.effect != "read"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Give each test systems of record of its own."""
    with using(settings().model_copy(update={"home": tmp_path})):
        yield


def test_every_tool_that_changes_something_says_how_it_is_undone() -> None:
    """But those that undo: what they did is not undone by a machine."""
    silent = {tool.name for tool in OURS if tool.undo is None}
    assert silent == {tool.name for tool in OURS if tool.function.__module__ == takebacks.__name__}


def paid_claim() -> str:
    """Pay a claim, and return the receipt's reference."""
    terms = PolicyTerms(
        number="P-1", holder="H-1", perils=("water",), insured_sum_cents=100_000, deductible_cents=0,
        starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31), payees=("DE02120300000000202051",), prior_claims=0,
    )  # fmt: skip
    claim = Claim(
        claim_id="C-1", policy_number="P-1", claimant="H-1", loss="water", occurred_on=date(2026, 3, 1),
        reported_on=date(2026, 3, 2), claimed_cents=5_000, payee="DE02120300000000202051", description="a pipe burst",
        documents=(),
    )  # fmt: skip
    ledger().register_policy(terms, "k1")
    ledger().register_claim(claim, "k2")
    return ledger().pay(ledger().payment_facts("C-1"), 5_000, "k3").reference


def test_a_refund_leaves_the_payment_on_record_and_gives_the_sum_back() -> None:
    """Once: the same key returns the receipt, another is refused."""
    reference = paid_claim()
    assert ledger().payment_facts("C-1").paid_before_cents == 5_000
    receipt = ledger().take_back("payment", "C-1", reference, "wrong claim", "k4")
    assert ledger().take_back("payment", "C-1", reference, "wrong claim", "k4") == receipt
    assert (ledger().payment_facts("C-1").paid_before_cents, ledger().claim("C-1").status) == (0, "open")
    with pytest.raises(ToolFailed, match="was taken back already"):
        ledger().take_back("payment", "C-1", reference, "wrong claim", "k5")


@pytest.mark.parametrize(
    ("kind", "case", "reference"),
    [
        ("payment", "C-2", "payment-1"),
        ("payment", "C-1", "payment-2"),
        ("referral", "C-1", "payment-1"),
        ("payment", "C-1", "payment-\u0661"),
        ("payment", "C-1", "payment-1; drop table payments"),
        ("payment", "C-1", "payment-" + "9" * 50),
        ("payment", "C-1", ""),
    ],
)
def test_what_is_not_there_or_belongs_to_another_case_is_not_taken_back(kind: str, case: str, reference: str) -> None:
    """Also where the reference is no reference; nothing is changed."""
    paid_claim()
    with pytest.raises(ToolFailed, match="to take back; nothing was changed"):
        ledger().take_back(kind, case, reference, "because", "k4")
    assert ledger().payment_facts("C-1").paid_before_cents == 5_000


def test_a_referral_is_taken_out_of_its_queue() -> None:
    """And the claim is open again."""
    paid_claim()
    reference = ledger().refer("C-1", "investigator", "odd", "k4").reference
    ledger().take_back("referral", "C-1", reference, "not odd", "k5")
    assert ledger().claim("C-1").status == "open"
