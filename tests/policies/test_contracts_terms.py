"""The terms of the contracts law, its forks, and the kinds of clauses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from policies.clauses import CLAUSE_TYPES, REVIEWERS, ClauseType, clause_rules, clauses_of
from policies.contracts import (
    PLAYBOOKS,
    Contract,
    Filed,
    Quote,
    Rejected,
    Report,
    ReviewRoute,
    intake_route,
    lacking,
    outside,
    review_route,
    signatory_for,
)

DOCUMENT = "d" * 64
CONTRACT: dict[str, Any] = {"contract_id": "CON-1", "counterparty": "CP-1", "text": "An agreement."}
REJECTED = Rejected(
    reviewer="pricing",
    quote=Quote(clause="Minimum Commitment", start=0, end=3, text="abc"),
    reason="data_mismatch",
    stands_there="xyz",
)


def report(found: tuple[ClauseType, ...], **facts: Any) -> Report:
    """Return a report in which these kinds of clauses were found."""
    plain = {"report_id": "report-1", "contract_id": "CON-1", "document": DOCUMENT, "quotes": ()}
    return Report.model_validate(plain | {"rejected": (), "unread": (), "found": found, "risky": ()} | facts)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(report(("Parties", "Governing Law")), "signature", id="parties and one more"),
        pytest.param(report(()), "no_contract", id="nothing at all"),
        pytest.param(report(("Parties",)), "no_contract", id="names of companies, and nothing agreed"),
        pytest.param(report(("Governing Law", "Insurance")), "no_contract", id="between nobody"),
        pytest.param(report((), unread=("Parties",)), "signature", id="nothing found, but not read to the end"),
        pytest.param(report((), rejected=(REJECTED,)), "signature", id="nothing that holds, but something was quoted"),
    ],
)
def test_the_fork_of_a_reviewed_text(said: Report, expected: ReviewRoute) -> None:
    """A doubt is for legal counsel to settle, not for the fork."""
    assert review_route(said) == expected


def test_the_fork_of_an_arrival() -> None:
    """A problem is enough not to be read."""
    assert intake_route(Filed(contract_id="C", document=DOCUMENT, characters=9)) == "readable"
    assert intake_route(Filed(contract_id="C", document="", characters=0, problem="It is empty.")) == "illegible"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": None}, "give the contract's text, or a file"),
        ({"file": "a.txt", "sha256": DOCUMENT}, "and not both"),
        ({"text": None, "file": "a.txt"}, "file and sha256 go together"),
        ({"sha256": DOCUMENT}, "file and sha256 go together"),
        ({"text": None, "file": "a.txt", "sha256": "short"}, "sha256"),
        ({"contract_id": "../../etc"}, "contract_id"),
        ({"value_cents": -1}, "value_cents"),
        ({"value_cents": "12.50"}, "value_cents"),
        ({"playbook": "whatever"}, "playbook"),
        ({"text": "x" * 5_000_001}, "text"),
        ({"text": "half of a pair: \ud800"}, "text"),
        ({"note": "unknown"}, "note"),
    ],
)
def test_a_malformed_contract_is_no_case(wrong: dict[str, Any], said: str) -> None:
    """What does not fit is refused with the field that is wrong."""
    with pytest.raises(ValidationError) as caught:
        Contract.model_validate(CONTRACT | wrong)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value_cents", "signatory"),
    [(0, "head-of-department"), (5_000_000, "head-of-department"), (5_000_001, "managing-director"),
     (None, "managing-director")],
)  # fmt: skip
def test_who_signs_follows_the_value(value_cents: int | None, signatory: str) -> None:
    """An unknown value is not a small one."""
    assert signatory_for(value_cents) == signatory


def test_a_playbook_names_what_it_does_not_accept_and_what_it_misses() -> None:
    """Without one, everything is outside it."""
    found: tuple[ClauseType, ...] = ("Parties", "License Grant")
    assert outside("everyday_supply", found) == ("License Grant",)
    assert lacking("everyday_supply", found) == ("Cap On Liability", "Governing Law")
    assert outside(None, found) == found
    assert lacking(None, found) == ()


def test_no_playbook_accepts_a_risky_clause() -> None:
    """What legal counsel has to see is never everyday; and what is needed is accepted."""
    risky = {clause for clause, rule in clause_rules().items() if rule.risk == "risky"}
    for playbook in PLAYBOOKS.values():
        assert not playbook.accepts & risky
        assert playbook.needs <= playbook.accepts
    assert {"Uncapped Liability", "Exclusivity", "Non-Compete", "Change Of Control", "Ip Ownership Assignment"} <= risky


def test_every_kind_of_clause_has_one_reviewer_and_patterns() -> None:
    """All 41, none twice."""
    assert len(CLAUSE_TYPES) == 41
    assert {clause for reviewer in REVIEWERS for clause in clauses_of(reviewer)} == set(CLAUSE_TYPES)
    assert sum(len(clauses_of(reviewer)) for reviewer in REVIEWERS) == 41
    assert all(rule.find and rule.words for rule in clause_rules().values())
