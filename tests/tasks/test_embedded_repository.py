"""The embedded contract repository and signing desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ToolFailed
from tasks.embedded import System
from tasks.embedded_repository import SCHEMA, SqliteRepository
from tasks.repository import FiledReport, Registration

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "An agreement between Acme Inc. and Bolt Ltd."


def registration(**facts: Any) -> Registration:
    """Return what is entered of a contract, with these facts."""
    plain = {"contract_id": "CON-1", "counterparty": "CP-1", "value_cents": 100_000, "playbook": "everyday_supply"}
    return Registration.model_validate(plain | facts)


@pytest.fixture
def repository(tmp_path: Path) -> SqliteRepository:
    """Return an empty repository."""
    return SqliteRepository(System(tmp_path / "contracts.db", SCHEMA))


def rows(repository: SqliteRepository, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the file."""
    with repository.system.reading() as db:
        return [tuple(row) for row in db.execute(query)]


def reviewed(repository: SqliteRepository, key: str = "report", **facts: Any) -> str:
    """File a contract and a report on it; return the document."""
    document = repository.file(registration(), TEXT, "", "file").document
    plain = {"contract_id": "CON-1", "document": document, "body": "{}", "found": ("Parties",), "risky": ()}
    report = FiledReport.model_validate(plain | {"quotes": 1, "rejected": 0, "unread": 0} | facts)
    repository.file_report(report, key)
    return document


def test_a_filed_text_is_read_back_to_the_character(repository: SqliteRepository) -> None:
    """By the digest of the text; any Unicode."""
    odd = "\U0001f58b e\u0301 \u202e right to left\n" * 3
    filed = repository.file(registration(), odd, "", "k")
    assert repository.text(filed.document) == odd
    assert filed.characters == len(odd)


def test_the_same_contract_filed_again_stays_one(repository: SqliteRepository) -> None:
    """By the same key, and by another run's."""
    first = repository.file(registration(), TEXT, "", "k")
    assert repository.file(registration(), TEXT, "", "k") == first
    assert repository.file(registration(), TEXT, "", "another") == first
    assert rows(repository, "select count(*) from contracts") == [(1,)]


@pytest.mark.parametrize(
    ("facts", "text", "named"),
    [
        ({}, "Another text.", "document"),
        ({"value_cents": 5}, TEXT, "value_cents"),
        ({"counterparty": "X"}, TEXT, "cou"),
    ],
)
def test_a_known_contract_with_other_facts_is_refused(
    repository: SqliteRepository, facts: dict[str, Any], text: str, named: str
) -> None:
    """Nothing is overwritten."""
    repository.file(registration(), TEXT, "", "k")
    with pytest.raises(ToolFailed, match=f"another .*{named}"):
        repository.file(registration(**facts), text, "", "k2")


def test_two_contracts_may_share_a_text(repository: SqliteRepository) -> None:
    """It is kept once."""
    repository.file(registration(), TEXT, "", "a")
    repository.file(registration(contract_id="CON-2"), TEXT, "", "b")
    assert rows(repository, "select count(*) from documents") == [(1,)]


def test_a_document_that_is_not_on_record_is_not_read(repository: SqliteRepository) -> None:
    """A digest cannot be guessed."""
    with pytest.raises(ToolFailed, match="no document"):
        repository.text("0" * 64)


def test_a_report_on_another_text_is_refused(repository: SqliteRepository) -> None:
    """A report belongs to what was read."""
    repository.file(registration(), TEXT, "", "file")
    with pytest.raises(ToolFailed, match="another text"):
        reviewed(repository, document="e" * 64)
    assert rows(repository, "select count(*) from reports") == [(0,)]


def test_signing_facts_are_those_of_the_newest_report(repository: SqliteRepository) -> None:
    """And say that there is none, where there is none."""
    repository.file(registration(), TEXT, "", "file")
    assert repository.signing_facts("CON-1").report_id == ""
    reviewed(repository, "first", risky=("Exclusivity",))
    document = reviewed(repository, "second", rejected=2)
    facts = repository.signing_facts("CON-1")
    assert (facts.report_id, facts.report_document) == ("report-2", document)
    assert (facts.risky, facts.quotes_rejected) == ((), 2)
    assert facts.authorised_signatories == ("head-of-department", "managing-director")


def test_a_contract_is_routed_once_per_key_and_once_at_all(repository: SqliteRepository) -> None:
    """The first receipt comes back; another key finds changed facts, and then a closed desk."""
    reviewed(repository)
    facts = repository.signing_facts("CON-1")
    first = repository.route(facts, "head-of-department", "k")
    assert repository.route(facts, "head-of-department", "k") == first
    with pytest.raises(ToolFailed, match="changed since"):
        repository.route(facts, "head-of-department", "k2")
    with pytest.raises(ToolFailed, match="could not be used"):
        repository.route(repository.signing_facts("CON-1"), "head-of-department", "k3")
    assert rows(repository, "select contract_id, signatory from routings") == [("CON-1", "head-of-department")]


def test_facts_that_changed_since_the_decision_stop_the_routing(repository: SqliteRepository) -> None:
    """A counterparty blocked in the meantime is not signed with."""
    reviewed(repository)
    facts = repository.signing_facts("CON-1")
    with repository.system.reading() as db:
        db.execute("insert into blocked values ('CP-1', 'sanctions')")
    with pytest.raises(ToolFailed, match="changed since"):
        repository.route(facts, "head-of-department", "k")
    assert repository.signing_facts("CON-1").counterparty_blocked


def test_nothing_is_routed_without_a_report_or_to_somebody_else(repository: SqliteRepository) -> None:
    """The desk refuses, too, whatever the law said."""
    repository.file(registration(), TEXT, "", "file")
    with pytest.raises(ToolFailed, match="no report"):
        repository.route(repository.signing_facts("CON-1"), "head-of-department", "k")


def test_a_contract_nobody_filed_cannot_be_referred_or_sent_back(repository: SqliteRepository) -> None:
    """The message says what to do."""
    with pytest.raises(ToolFailed, match="file it first"):
        repository.refer("CON-9", "legal-intake", "r", "k")
    with pytest.raises(ToolFailed, match="file it first"):
        repository.give_back("CON-9", "r", "k2")
