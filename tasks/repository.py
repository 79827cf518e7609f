"""The contract repository and the signing desk, as the missions need them.

`Repository` is the interface; `embedded_repository.py` is the one that needs no network. To connect
real systems, write a class with these methods and return it in `systems.py`. Amounts are cents of
EUR; positions are characters of the document as `passages.py` keeps it.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from gonogo.model import Content, Noun
from policies.clauses import ClauseType
from policies.contracts import Filed, PlaybookName, Queue, Signatory


class Registration(Noun):
    """What is entered of a contract beside its text."""

    contract_id: str
    counterparty: str
    value_cents: int | None
    playbook: PlaybookName | None


class Sentence(Noun):
    """A sentence of a document, and where it stands."""

    start: int
    end: int
    text: Annotated[str, Content()]


class Passages(Noun):
    """Sentences that may hold a clause, in the order of the document."""

    clause: ClauseType
    sentences: tuple[Sentence, ...]
    next_after: int | None
    """Where to go on looking; ``None`` = there is no more."""


class FiledReport(Noun):
    """What the repository keeps of a report: its body, and what the law asks about."""

    contract_id: str
    document: str
    body: str
    """The quotes, the rejected ones and the rest, as JSON."""
    found: tuple[ClauseType, ...]
    risky: tuple[ClauseType, ...]
    quotes: int
    rejected: int
    unread: int


class SigningFacts(Noun):
    """What the law must know before a contract is routed, all from systems of record."""

    contract_id: str
    counterparty: str
    counterparty_blocked: bool
    value_cents: int | None
    playbook: PlaybookName | None
    document: str
    report_id: str
    """Empty where there is no report."""
    report_document: str
    found: tuple[ClauseType, ...]
    risky: tuple[ClauseType, ...]
    quotes_rejected: int
    clauses_unread: int
    authorised_signatories: tuple[str, ...]
    routed_before: bool


class Receipt(Noun):
    """A change on record."""

    reference: str
    written_at: str


class Routing(Noun):
    """A contract on a signatory's desk."""

    reference: str
    written_at: str
    signatory: Signatory


class Repository(Protocol):
    """The contract repository and the signing desk, as the missions need them.

    Every method raises `ToolFailed` where the system refuses. Those that change something do it
    once per key, and return the first receipt when asked again.
    """

    def file(self, registration: Registration, text: str, problem: str, key: str) -> Filed:
        """Enter a contract and its text; refuse a known id with another text or other facts."""
        ...

    def text(self, document: str) -> str:
        """Return the text of a document; refuse one that is not on record."""
        ...

    def file_report(self, report: FiledReport, key: str) -> Receipt:
        """Keep a report on a contract; the newest one counts."""
        ...

    def report(self, contract_id: str) -> str:
        """Return the body of the newest report on a contract, as JSON; empty where there is none."""
        ...

    def signing_facts(self, contract_id: str) -> SigningFacts:
        """Return what must be known before a contract is routed."""
        ...

    def route(self, facts: SigningFacts, signatory: Signatory, key: str) -> Routing:
        """Route to a signatory, provided that the facts it was decided on still hold."""
        ...

    def refer(self, contract_id: str, queue: Queue, reason: str, key: str) -> Receipt:
        """Put a contract in a queue that people work through."""
        ...

    def give_back(self, contract_id: str, reason: str, key: str) -> Receipt:
        """Send a contract back to whoever sent it, with the reason."""
        ...

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> Receipt:
        """Take an entry of a case back, by its kind and the reference of its receipt; refuse what is not there."""
        ...
