"""Tools of the contract mission: everything it can read or change in the repository and at the signing desk.

Each is an action of the same name in `policies/contracts.cedarschema`. A reviewer names a document
by the digest of its text, which only those know who were asked about it. What the law needs to know
is an argument, and steps take it from the records, not from a model. The idempotency key is filled
in by the hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from gonogo import Reach, Trusted, compensate, irreversible, reversible, tool
from gonogo.errors import ToolFailed
from policies.clauses import ClauseType, clause_rules
from policies.contracts import (
    QUOTE_MAX_CHARACTERS,
    Cents,
    Digest,
    Filed,
    Identifier,
    PlaybookName,
    Position,
    Queue,
    Quote,
    Signatory,
    lacking,
    outside,
)
from tasks.claims_tools import euros
from tasks.passages import normalised, sentences_of
from tasks.prose import Count, Prose
from tasks.repository import FiledReport, Passages, Receipt, Registration, Routing, Sentence, SigningFacts
from tasks.systems import repository
from tasks.takebacks import recall_from_signature, withdraw_contract_referral

PAGE_SENTENCES_MAX = 30
PAGE_CHARACTERS_MAX = 12_000
"""What one look for a clause returns at most; the rest is the next page's."""

PASSAGE_MAX_CHARACTERS = 4_000
"""What one look at a position returns at most."""

SPANS_MAX = 400
"""How many positions are read at once."""


PREVIEW_QUOTES_MAX = 8
PREVIEW_CHARACTERS_MAX = 300
"""How much of the risky clauses stands on a card."""


def _shown(quote: Quote) -> str:
    """Return a quote as a line of a card; what a contract says is shown as it is and never as markup."""
    said = " ".join(quote.text.replace("`", "'").split())
    short = said if len(said) <= PREVIEW_CHARACTERS_MAX else said[: PREVIEW_CHARACTERS_MAX - 1] + "…"
    return f"- {quote.clause}, {quote.start} to {quote.end}: `{short}`"


def _risky_quotes(contract_id: str, risky: tuple[ClauseType, ...]) -> str:
    """Return the risky clauses of a contract, word for word, as lines of a card."""
    body = repository().report(contract_id)
    quotes = [Quote.model_validate(quote) for quote in json.loads(body)["quotes"]] if body else []
    shown = [_shown(quote) for quote in quotes if quote.clause in risky]
    more = [f"- and {len(shown) - PREVIEW_QUOTES_MAX} more"] if len(shown) > PREVIEW_QUOTES_MAX else []
    return "\n".join(["", "", "What it says:", "", *shown[:PREVIEW_QUOTES_MAX], *more]) if shown else ""


def _routing_preview(contract_id: str, signatory: str, **_facts: object) -> str:
    """Say what a routing changes, from the records."""
    facts = repository().signing_facts(contract_id)
    worth = "nobody knows how much" if facts.value_cents is None else euros(facts.value_cents)
    listed = {
        "counterparty": f"`{facts.counterparty}`",
        "worth": worth,
        "playbook": facts.playbook or "none",
        "report": facts.report_id or "none",
        "risky clauses": ", ".join(facts.risky) or "none found",
        "outside the playbook": ", ".join(outside(facts.playbook, facts.found)) or "nothing",
        "missing for the playbook": ", ".join(lacking(facts.playbook, facts.found)) or "nothing",
        "quotes the document does not say": facts.quotes_rejected,
        "kinds of clauses not read to the end": facts.clauses_unread,
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in listed.items())
    return (
        f"Contract `{contract_id}` goes to the desk of **{signatory}** to be signed; this cannot be undone.\n\n"
        f"| on record | |\n|---|---|\n{table}{_risky_quotes(contract_id, facts.risky)}"
    )


@tool(
    system="contracts",
    effect="write",
    undo=irreversible("What came in stays on record; a wrong entry is corrected beside it."),
)
async def file_contract(
    *,
    contract_id: Identifier,
    counterparty: Identifier,
    value_cents: Cents | None = None,
    playbook: PlaybookName | None = None,
    text: Prose | None = None,
    file: str | None = None,
    sha256: Digest | None = None,
    idempotency_key: str = "",
) -> Filed:
    """Enter a contract with its text or the file that holds it; what cannot be read is entered with the reason."""
    registration = Registration(
        contract_id=contract_id, counterparty=counterparty, value_cents=value_cents, playbook=playbook
    )
    if file is None:
        raw = (text or "").encode()
    else:
        raw = await asyncio.to_thread(_read, Path(file), sha256 or "")
    body, problem = normalised(raw)
    return await asyncio.to_thread(repository().file, registration, body, problem, idempotency_key)


def _read(path: Path, digest: str) -> bytes:
    """Return a file's bytes, provided that they are the ones that were meant."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ToolFailed(f"{path} cannot be read ({error.strerror}); give the file's place on this machine.") from error
    if sha256_of(raw).hexdigest() != digest:
        raise ToolFailed(f"{path} does not hold what its sha256 says; send the contract again with the new digest.")
    return raw


@tool(system="contracts", effect="read")
async def find_passages(document: Digest, clause: ClauseType, after: Position = 0) -> Passages:
    """Find sentences that may hold a clause of a kind, from a position on; next_after says where to go on."""
    text = await asyncio.to_thread(repository().text, document)
    return search(text, clause, after)


def search(text: str, clause: ClauseType, after: int = 0) -> Passages:
    """Return the next page of sentences that hold one of a clause's words."""
    rule = clause_rules()[clause]
    found: list[Sentence] = []
    size = 0
    for start, end in sentences_of(text):
        if start < after:
            continue
        if rule.opening is not None and start > rule.opening:
            break
        sentence = text[start:end]
        lowered = sentence.lower()
        if not any(word in lowered for word in rule.words):
            continue
        if len(found) == PAGE_SENTENCES_MAX or size + len(sentence) > PAGE_CHARACTERS_MAX:
            return Passages(clause=clause, sentences=tuple(found), next_after=start)
        found.append(Sentence(start=start, end=end, text=sentence))
        size += len(sentence)
    return Passages(clause=clause, sentences=tuple(found), next_after=None)


@tool(system="contracts", effect="read")
async def read_passage(document: Digest, start: Position, end: Position) -> Sentence:
    """Read what stands between two positions, at most 4,000 characters."""
    text = await asyncio.to_thread(repository().text, document)
    if not start < end <= len(text) or end - start > PASSAGE_MAX_CHARACTERS:
        raise ToolFailed(
            f"{start} to {end} is no passage of this document: it has {len(text)} characters, "
            f"and {PASSAGE_MAX_CHARACTERS} are read at once."
        )
    return Sentence(start=start, end=end, text=text[start:end])


@tool(system="contracts", effect="read")
async def read_spans(
    *,
    document: Digest,
    starts: Annotated[list[Position], Field(max_length=SPANS_MAX)],
    ends: Annotated[list[Position], Field(max_length=SPANS_MAX)],
) -> list[str]:
    """Read what stands at each pair of positions; empty where the document has no such span, or it is too long."""
    text = await asyncio.to_thread(repository().text, document)
    return [
        text[start:end] if start < end <= len(text) and end - start <= QUOTE_MAX_CHARACTERS else ""
        for start, end in zip(starts, ends, strict=True)
    ]


@tool(system="contracts", effect="write", undo=irreversible("A report is kept; the next one stands beside it."))
async def file_report(
    *,
    contract_id: Identifier,
    document: Digest,
    body: Prose,
    found: list[ClauseType],
    risky: list[ClauseType],
    quotes: Count,
    rejected: Count,
    unread: Count,
    idempotency_key: str = "",
) -> Receipt:
    """Keep the report on a contract."""
    report = FiledReport(
        contract_id=contract_id,
        document=document,
        body=body,
        found=tuple(found),
        risky=tuple(risky),
        quotes=quotes,
        rejected=rejected,
        unread=unread,
    )
    return await asyncio.to_thread(repository().file_report, report, idempotency_key)


@tool(
    system="contracts",
    effect="write",
    undo=reversible(
        withdraw_contract_referral,
        contract_id="args.contract_id",
        reference="result.reference",
        reason="rollback.reason",
    ),
)
async def refer_contract(contract_id: Identifier, queue: Queue, reason: Prose, *, idempotency_key: str = "") -> Receipt:
    """Put a contract in a queue that people work through."""
    return await asyncio.to_thread(repository().refer, contract_id, queue, reason, idempotency_key)


@tool(system="contracts", effect="write", undo=irreversible("Whoever sent the contract has it back."))
async def return_contract(contract_id: Identifier, reason: Prose, *, idempotency_key: str = "") -> Receipt:
    """Send a contract back to whoever sent it."""
    return await asyncio.to_thread(repository().give_back, contract_id, reason, idempotency_key)


@tool(system="signing", effect="read")
async def read_signing_facts(contract_id: Identifier) -> Annotated[SigningFacts, Trusted()]:
    """Read what the law must know before a contract is routed to signature."""
    return await asyncio.to_thread(repository().signing_facts, contract_id)


def _routes(**_call: Any) -> Reach:
    return Reach(records=1, recipients=1)


@tool(
    system="signing",
    effect="irreversible",
    preview=_routing_preview,
    undo=compensate(
        recall_from_signature, contract_id="args.contract_id", reference="result.reference", reason="rollback.reason"
    ),
    reach=_routes,
)
async def route_to_signature(
    *,
    contract_id: Identifier,
    signatory: Signatory,
    authorised_signatories: list[str],
    counterparty: str,
    counterparty_blocked: bool,
    value_known: bool,
    value_cents: int,
    playbook: str,
    document: str,
    report_id: str,
    report_document: str,
    risky_clauses: list[ClauseType],
    outside_playbook: list[ClauseType],
    missing_for_playbook: list[ClauseType],
    quotes_rejected: int,
    clauses_unread: int,
    routed_before: bool,
    idempotency_key: str = "",
) -> Routing:
    """Put a contract on a signatory's desk, provided that the facts it was decided on still hold."""
    facts = await asyncio.to_thread(repository().signing_facts, contract_id)
    decided_on = facts.model_copy(
        update={
            "authorised_signatories": tuple(authorised_signatories),
            "counterparty": counterparty,
            "counterparty_blocked": counterparty_blocked,
            "value_cents": value_cents if value_known else None,
            "playbook": playbook or None,
            "document": document,
            "report_id": report_id,
            "report_document": report_document,
            "risky": tuple(risky_clauses),
            "quotes_rejected": quotes_rejected,
            "clauses_unread": clauses_unread,
            "routed_before": routed_before,
        }
    )
    now = outside(facts.playbook, facts.found), lacking(facts.playbook, facts.found)
    if (tuple(outside_playbook), tuple(missing_for_playbook)) != now:
        raise ToolFailed(f"What contract {contract_id} holds is not what its routing was decided on; review it again.")
    return await asyncio.to_thread(repository().route, decided_on, signatory, idempotency_key)
