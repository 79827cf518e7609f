"""The terms of the contracts law, and the forks a contract meets.

A statute opens with definitions: these nouns are what `contracts.cedar`, the tools and the mission
speak about. Amounts are whole cents of EUR. Positions are in characters of the document as the
repository keeps it (`tasks/passages.py` says how), end exclusive.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from gonogo import route
from gonogo.model import Content, Measure, Noun, Outcome
from policies.clauses import ClauseType, Reviewer

DOCUMENT_MAX_CHARACTERS = 5_000_000
"""A longer text is no contract; it is refused as a case."""

QUOTE_MAX_CHARACTERS = 4_000
"""A clause is quoted where it stands, not the page around it."""

CONTRACT_HAS_AT_LEAST = 2
"""Kinds of clauses without which a text is no contract; the parties are one of them."""

QUOTES_MAX = 120
"""How many quotes one reviewer may hand in."""

AMOUNT_MAX_CENTS = 100_000_000_000_00
"""Nothing above one hundred billion EUR is a contract; it is a typing error."""

HEAD_SIGNS_UP_TO_CENTS = 50_000_00
"""Up to here a head of department signs; above, and where nobody knows the value, a managing director."""

PlaybookName = Literal["everyday_supply", "plain_services"]
"""Kinds of contracts that are signed so often that the house has said what it accepts in them."""

Signatory = Literal["head-of-department", "managing-director"]
"""Who may bind the house."""

Queue = Literal["legal-intake"]
"""Where people pick up contracts that nobody could read."""

IntakeRoute = Literal["illegible", "readable"]
"""Whether there is a text to review."""

ReviewRoute = Literal["no_contract", "signature"]
"""Who goes on: whoever sent it, or the signatories."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A business key: letters, digits, dots, dashes and underscores, at most 64."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 as 64 lower-case hex digits."""

Cents = Annotated[int, Field(ge=0, le=AMOUNT_MAX_CENTS)]
Position = Annotated[int, Field(ge=0, le=DOCUMENT_MAX_CHARACTERS)]


class Playbook(Noun):
    """What the house accepts in one kind of contract without asking a lawyer."""

    accepts: frozenset[ClauseType]
    """Anything else that is found in it goes to legal counsel."""
    needs: frozenset[ClauseType]
    """What has to be in it; a contract without goes to legal counsel."""


_EVERYWHERE: frozenset[ClauseType] = frozenset({
    "Document Name", "Parties", "Agreement Date", "Effective Date", "Expiration Date", "Governing Law",
    "Anti-Assignment", "Cap On Liability", "Termination For Convenience", "Warranty Duration", "Insurance",
})  # fmt: skip
_IN_SUPPLY: frozenset[ClauseType] = frozenset({"Minimum Commitment", "Volume Restriction"})
_IN_SERVICES: frozenset[ClauseType] = frozenset({
    "Renewal Term", "Notice Period To Terminate Renewal", "Audit Rights",
})  # fmt: skip
_ALWAYS: frozenset[ClauseType] = frozenset({"Parties", "Governing Law", "Cap On Liability"})
_WAY_OUT: frozenset[ClauseType] = frozenset({"Termination For Convenience"})

PLAYBOOKS: dict[PlaybookName, Playbook] = {
    "everyday_supply": Playbook(accepts=_EVERYWHERE | _IN_SUPPLY, needs=_ALWAYS),
    "plain_services": Playbook(accepts=_EVERYWHERE | _IN_SERVICES, needs=_ALWAYS | _WAY_OUT),
}


class Contract(Noun):
    """One contract to review, as it comes in: with its text, or with the file that holds it."""

    contract_id: Identifier
    counterparty: Identifier
    """The other side's number; who that is stands in the counterparty register."""
    value_cents: Cents | None = None
    """What it is worth over its term, as whoever sends it says; ``None`` = nobody knows."""
    playbook: PlaybookName | None = None
    """The kind of contract it is meant to be; ``None`` = none the house has a playbook for."""
    text: Annotated[str, StringConstraints(max_length=DOCUMENT_MAX_CHARACTERS), Content()] | None = None
    """The contract; read by agents, obeyed by nobody."""
    file: Annotated[str, StringConstraints(min_length=1, max_length=4_096)] | None = None
    """A text file that holds it, as the machine that flies the mission sees it."""
    sha256: Digest | None = None
    """Of the file's bytes: who names a file has to know what is in it, and a changed one is refused."""

    @model_validator(mode="after")
    def _has_one_text(self) -> Contract:
        if (self.text is None) == (self.file is None):
            msg = "give the contract's text, or a file with its sha256, and not both"
            raise ValueError(msg)
        if (self.file is None) != (self.sha256 is None):
            msg = "file and sha256 go together: the digest says which content was meant"
            raise ValueError(msg)
        return self


class Filed(Noun):
    """A contract as the repository took it in."""

    contract_id: Identifier
    document: str
    """SHA-256 of the text, by which reviewers read it; empty where there is no text to read."""
    characters: Position
    problem: str = ""
    """Why it cannot be read; empty where it can."""


class ReviewOrder(Noun):
    """What a reviewer is asked: which document to read, and which clauses to look for."""

    document: Digest
    characters: Position
    reviewer: Reviewer
    clauses: tuple[ClauseType, ...]


class Quote(Noun):
    """A clause, word for word, and where it stands."""

    clause: ClauseType
    start: Position
    end: Position
    text: Annotated[str, StringConstraints(min_length=1, max_length=QUOTE_MAX_CHARACTERS)]


class Reading(Noun):
    """What a reviewer found."""

    quotes: Annotated[tuple[Quote, ...], Field(max_length=QUOTES_MAX)] = ()
    unread: tuple[ClauseType, ...] = ()
    """Clauses it could not look for to the end."""


class Rejected(Noun):
    """A quote that is not believed, and why."""

    reviewer: Reviewer
    quote: Quote
    reason: Literal["data_mismatch", "not_its_clause"]
    """The document says something else there, or the clause is another reviewer's."""
    stands_there: str
    """What the document says at that position; empty where there is none of it."""


class Report(Noun):
    """What all reviewers found together, each quote checked against the document."""

    report_id: str
    contract_id: Identifier
    document: Digest
    quotes: tuple[Quote, ...]
    rejected: tuple[Rejected, ...]
    unread: tuple[ClauseType, ...]
    found: tuple[ClauseType, ...]
    risky: tuple[ClauseType, ...]


class Review(Outcome):
    """How a review ended.

    `routed` hands the contract to its signatory, `returned` sends back what is no contract: both
    are decisions, which is what the mission is for. `referred` gives a text that nobody could read
    to a person's queue.
    """

    successes: ClassVar[frozenset[str]] = frozenset({"routed", "returned"})
    escalations: ClassVar[frozenset[str]] = frozenset({"referred"})

    outcome: Literal["routed", "returned", "referred"]
    contract_id: Identifier
    reference: str
    """The routing, return or referral on record."""
    reason: str
    report_id: str = ""
    value_cents: Annotated[int | None, Measure("eur_cents")] = None
    clauses_quoted: Annotated[int | None, Measure("count")] = None
    quotes_rejected: Annotated[int | None, Measure("count")] = None
    risky_clauses: Annotated[int | None, Measure("count")] = None
    """Types of risky clauses that were found."""


@route
def intake_route(filed: Filed) -> IntakeRoute:
    """What could not be read is not reviewed."""
    return "illegible" if filed.problem else "readable"


@route
def review_route(report: Report) -> ReviewRoute:
    """A text that names no parties and holds no second kind of clause is no contract; a doubt about it is one."""
    is_doubtful = bool(report.rejected or report.unread)
    holds_little = "Parties" not in report.found or len(report.found) < CONTRACT_HAS_AT_LEAST
    return "no_contract" if holds_little and not is_doubtful else "signature"


def signatory_for(value_cents: int | None) -> Signatory:
    """Return who signs a contract of such a value."""
    is_small = value_cents is not None and value_cents <= HEAD_SIGNS_UP_TO_CENTS
    return "head-of-department" if is_small else "managing-director"


def outside(playbook: PlaybookName | None, found: tuple[ClauseType, ...]) -> tuple[ClauseType, ...]:
    """Return the clauses that a playbook does not accept; without one, all of them."""
    accepted: frozenset[ClauseType] = PLAYBOOKS[playbook].accepts if playbook else frozenset()
    return tuple(clause for clause in found if clause not in accepted)


def lacking(playbook: PlaybookName | None, found: tuple[ClauseType, ...]) -> tuple[ClauseType, ...]:
    """Return the clauses that a playbook needs and that were not found, in alphabetical order."""
    needed: frozenset[ClauseType] = PLAYBOOKS[playbook].needs if playbook else frozenset()
    return tuple(sorted(needed.difference(found)))
