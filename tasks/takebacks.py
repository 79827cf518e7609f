"""Tools that undo what the other tools did; `gonogo rollback` calls them, and so may a step.

Each takes the reference of a receipt and the case it belongs to, and is an action of the same name in
`policies/takebacks.cedarschema`. The idempotency key is filled in by the hearth; nobody else passes one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gonogo import shown, tool
from policies.claims import Identifier
from policies.leads import Track
from tasks.content_repository import ContentReceipt
from tasks.crm import CrmReceipt
from tasks.ledger import Receipt
from tasks.repository import Receipt as ContractReceipt
from tasks.systems import content, crm, ledger, repository, ticketing
from tasks.ticketing import Receipt as TicketReceipt

if TYPE_CHECKING:
    from collections.abc import Callable

Reference = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(min_length=1, max_length=10_000)]


def _preview(promise: str) -> Callable[..., str]:
    """Return what a card says about taking something back."""

    def preview(*, reference: str, reason: str, **_case: object) -> str:
        return f"{promise} It is about {shown(reference)}, because: {shown(reason, 500)}"

    return preview


@tool(system="claims", effect="write", preview=_preview("Take a claim out of the queue it was put in."))
async def withdraw_referral(
    claim_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> Receipt:
    """Take a claim out of the queue it was put in."""
    return await asyncio.to_thread(ledger().take_back, "referral", claim_id, reference, reason, idempotency_key)


@tool(
    system="claims",
    effect="write",
    preview=_preview("Open a claim again that was declined; its letter was sent, and another has to follow."),
)
async def reopen_claim(
    claim_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> Receipt:
    """Open a claim again that was declined; its letter was sent, and another has to follow."""
    return await asyncio.to_thread(ledger().take_back, "letter", claim_id, reference, reason, idempotency_key)


@tool(
    system="payments",
    effect="irreversible",
    preview=_preview("Ask a payment back in full; what was paid stays on record beside it."),
)
async def refund_payment(
    claim_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> Receipt:
    """Ask a payment back in full; what was paid stays on record beside it."""
    return await asyncio.to_thread(ledger().take_back, "payment", claim_id, reference, reason, idempotency_key)


@tool(system="ticketing", effect="write", preview=_preview("Take a ticket back from the team it was handed to."))
async def withdraw_handover(
    number: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> TicketReceipt:
    """Take a ticket back from the team it was handed to."""
    return await asyncio.to_thread(ticketing().take_back, "handover", number, reference, reason, idempotency_key)


@tool(
    system="ticketing",
    effect="irreversible",
    preview=_preview("Replace a status update by the words that it is withdrawn, and why."),
)
async def withdraw_update(
    number: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> TicketReceipt:
    """Replace a status update by the words that it is withdrawn, and why."""
    return await asyncio.to_thread(ticketing().take_back, "update", number, reference, reason, idempotency_key)


@tool(system="crm", effect="write", preview=_preview("Take a lead back from the owner it was assigned to."))
async def withdraw_assignment(
    lead_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> CrmReceipt:
    """Take a lead back from the owner it was assigned to."""
    return await asyncio.to_thread(crm().take_back, "assignment", lead_id, reference, reason, idempotency_key)


@tool(system="crm", effect="write", preview=_preview("Take a lead out of the queue of those who find out its firm."))
async def withdraw_lead_referral(
    lead_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> CrmReceipt:
    """Take a lead out of the queue of those who find out its firm."""
    return await asyncio.to_thread(crm().take_back, "referral", lead_id, reference, reason, idempotency_key)


@tool(system="calendars", effect="irreversible", preview=_preview("Cancel a meeting; its time is free again."))
async def cancel_meeting(
    lead_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> CrmReceipt:
    """Cancel a meeting; its time is free again."""
    return await asyncio.to_thread(crm().take_back, "meeting", lead_id, reference, reason, idempotency_key)


@tool(system="contracts", effect="write", preview=_preview("Take a contract out of the queue it was put in."))
async def withdraw_contract_referral(
    contract_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> ContractReceipt:
    """Take a contract out of the queue it was put in."""
    return await asyncio.to_thread(repository().take_back, "referral", contract_id, reference, reason, idempotency_key)


@tool(system="signing", effect="irreversible", preview=_preview("Take a contract off its signatory's desk."))
async def recall_from_signature(
    contract_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> ContractReceipt:
    """Take a contract off its signatory's desk."""
    return await asyncio.to_thread(repository().take_back, "routing", contract_id, reference, reason, idempotency_key)


@tool(system="content", effect="write", preview=_preview("Take a brief out of the queue it was put in."))
async def withdraw_escalation(
    brief_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> ContentReceipt:
    """Take a brief out of the queue it was put in."""
    return await asyncio.to_thread(content().take_back, "escalation", brief_id, reference, reason, idempotency_key)


@tool(
    system="publications",
    effect="irreversible",
    preview=_preview("Take a published text off its channel; who read it has read it."),
)
async def withdraw_publication(
    brief_id: Identifier, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> ContentReceipt:
    """Take a published text off its channel; who read it has read it."""
    return await asyncio.to_thread(content().take_back, "publication", brief_id, reference, reason, idempotency_key)


@tool(system="crm", effect="write", preview=_preview("The person is taken off the list and not written to."))
async def end_nurture(
    lead_id: Identifier, track: Track, reference: Reference, reason: Reason, *, idempotency_key: str = ""
) -> CrmReceipt:
    """Take a person off a list that is written to, where this lead put them on it."""
    return await asyncio.to_thread(crm().take_back, track, lead_id, reference, reason, idempotency_key)


@tool(system="ticketing", effect="write")
async def reopen_ticket(number: Identifier, reason: Reason, *, idempotency_key: str = "") -> TicketReceipt:
    """Open a ticket again that was resolved."""
    return await asyncio.to_thread(ticketing().reopen, number, reason, idempotency_key)
