"""The work of the contract mission, step by step; the story is `flows/contract_review.py`."""

from __future__ import annotations

from typing import Literal

from gonogo import criterion, step
from policies.clauses import ClauseType, Reviewer, clause_rules, clauses_of
from policies.contracts import (
    Contract,
    Filed,
    Quote,
    Reading,
    Rejected,
    Report,
    Review,
    ReviewOrder,
    lacking,
    outside,
    signatory_for,
)
from tasks.contracts_agents import REVIEWING
from tasks.contracts_tools import (
    SPANS_MAX,
    file_contract,
    file_report,
    read_signing_facts,
    read_spans,
    refer_contract,
    return_contract,
    route_to_signature,
)

OWNER = "legal-operations"
"""Who owns what goes wrong in a review."""


@criterion("there is a text to read")
def has_a_text(filed: Filed) -> bool:
    """Look at what was filed; an unreadable text goes to people instead."""
    return bool(filed.document) and filed.characters > 0


@criterion("the report is about the document that was filed")
def is_about_the_document(filed: Filed, result: Report) -> bool:
    """Look at the report."""
    return (result.contract_id, result.document) == (filed.contract_id, filed.document)


@criterion("the report is about this contract")
def is_about_this_contract(contract: Contract, report: Report) -> bool:
    """Look at contract and report."""
    return report.contract_id == contract.contract_id


@step
async def take_in(contract: Contract) -> Filed:
    """Enter the contract in the repository, with its text, or with why there is none."""
    return await file_contract(
        contract_id=contract.contract_id,
        counterparty=contract.counterparty,
        value_cents=contract.value_cents,
        playbook=contract.playbook,
        text=contract.text,
        file=contract.file,
        sha256=contract.sha256,
    )


@step(entry=[has_a_text])
async def review(reviewer: Reviewer, filed: Filed) -> Reading:
    """Let one reviewer read the document for the clauses of its field."""
    order = ReviewOrder(
        document=filed.document, characters=filed.characters, reviewer=reviewer, clauses=clauses_of(reviewer)
    )
    return await REVIEWING[reviewer].ask(order)


@step(exit=[is_about_the_document])
async def merge(filed: Filed, readings: dict[Reviewer, Reading]) -> Report:
    """Check every quote against the document, and put what holds into one report.

    A quote that the document does not say at its position is rejected and listed; it is never moved
    to where it might fit.
    """
    handed_in: list[tuple[Reviewer, Quote]] = [
        (reviewer, quote) for reviewer, reading in readings.items() for quote in reading.quotes
    ]
    standing: list[str] = []
    for first in range(0, len(handed_in), SPANS_MAX):
        page = [quote for _, quote in handed_in[first : first + SPANS_MAX]]
        starts, ends = [quote.start for quote in page], [quote.end for quote in page]
        standing += await read_spans(document=filed.document, starts=starts, ends=ends)
    kept: dict[Quote, None] = {}
    rejected: list[Rejected] = []
    for (reviewer, quote), there in zip(handed_in, standing, strict=True):
        flaw = _flaw(reviewer, quote, there)
        if flaw is not None:
            rejected.append(flaw)
        else:
            kept[quote] = None
    unread: tuple[ClauseType, ...] = tuple(clause for reading in readings.values() for clause in reading.unread)
    return await _filed(filed, tuple(kept), tuple(rejected), unread)


def _flaw(reviewer: Reviewer, quote: Quote, there: str) -> Rejected | None:
    """Return why a quote is not believed, or ``None``."""
    if there != quote.text:
        return Rejected(reviewer=reviewer, quote=quote, reason="data_mismatch", stands_there=there)
    if clause_rules()[quote.clause].reviewer != reviewer:
        return Rejected(reviewer=reviewer, quote=quote, reason="not_its_clause", stands_there=there)
    return None


async def _filed(
    filed: Filed, quotes: tuple[Quote, ...], rejected: tuple[Rejected, ...], unread: tuple[ClauseType, ...]
) -> Report:
    """Keep the report in the repository and return it with its number."""
    rules = clause_rules()
    found: tuple[ClauseType, ...] = tuple(clause for clause in rules if any(quote.clause == clause for quote in quotes))
    report = Report(
        report_id="",
        contract_id=filed.contract_id,
        document=filed.document,
        quotes=tuple(sorted(quotes, key=lambda quote: (quote.start, quote.end, quote.clause))),
        rejected=rejected,
        unread=unread,
        found=found,
        risky=tuple(clause for clause in found if rules[clause].risk == "risky"),
    )
    receipt = await file_report(
        contract_id=filed.contract_id,
        document=filed.document,
        body=report.model_dump_json(exclude={"report_id"}),
        found=list(report.found),
        risky=list(report.risky),
        quotes=len(quotes),
        rejected=len(rejected),
        unread=len(unread),
    )
    return report.model_copy(update={"report_id": receipt.reference})


@step
async def refer(contract: Contract, filed: Filed) -> Review:
    """Give a text that nobody can read to people."""
    receipt = await refer_contract(contract_id=filed.contract_id, queue="legal-intake", reason=filed.problem)
    return Review(
        outcome="referred",
        contract_id=filed.contract_id,
        reference=receipt.reference,
        reason=filed.problem,
        value_cents=contract.value_cents,
    )


@step
async def give_back(contract: Contract, report: Report) -> Review:
    """Send back what is no contract."""
    reason = f"The text names no parties and holds no clauses ({', '.join(report.found) or 'none'} found)."
    receipt = await return_contract(contract_id=report.contract_id, reason=reason)
    return _reviewed("returned", contract, report, receipt.reference, reason)


@step(acting="signature_clerk", entry=[is_about_this_contract])
async def route(contract: Contract, report: Report) -> Review:
    """Route to the signatory; what the law asks about comes from the records, not from a model."""
    facts = await read_signing_facts(contract_id=contract.contract_id)
    routing = await route_to_signature(
        contract_id=contract.contract_id,
        signatory=signatory_for(facts.value_cents),
        authorised_signatories=list(facts.authorised_signatories),
        counterparty=facts.counterparty,
        counterparty_blocked=facts.counterparty_blocked,
        value_known=facts.value_cents is not None,
        value_cents=facts.value_cents or 0,
        playbook=facts.playbook or "",
        document=facts.document,
        report_id=facts.report_id,
        report_document=facts.report_document,
        risky_clauses=list(facts.risky),
        outside_playbook=list(outside(facts.playbook, facts.found)),
        missing_for_playbook=list(lacking(facts.playbook, facts.found)),
        quotes_rejected=facts.quotes_rejected,
        clauses_unread=facts.clauses_unread,
        routed_before=facts.routed_before,
    )
    reason = f"{len(report.quotes)} quotes hold; risky clauses: {', '.join(report.risky) or 'none'}."
    return _reviewed("routed", contract, report, routing.reference, f"To {routing.signatory}. {reason}")


def mismatch(report: Report) -> str:
    """Return, in one sentence, what was rejected in a report; empty where nothing was."""
    if not report.rejected:
        return ""
    named = "; ".join(
        f"{each.reviewer}: {each.quote.clause} at {each.quote.start} to {each.quote.end}, {each.reason}"
        for each in report.rejected[:5]
    )
    return f"{len(report.rejected)} quotes of {report.report_id} are not believed ({named})."


def _reviewed(
    outcome: Literal["routed", "returned"], contract: Contract, report: Report, reference: str, reason: str
) -> Review:
    """Return how a reviewed contract ended, with what can be measured of it."""
    return Review(
        outcome=outcome,
        contract_id=contract.contract_id,
        reference=reference,
        reason=reason,
        report_id=report.report_id,
        value_cents=contract.value_cents,
        clauses_quoted=len(report.quotes),
        quotes_rejected=len(report.rejected),
        risky_clauses=len(report.risky),
    )
