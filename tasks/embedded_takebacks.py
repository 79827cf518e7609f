"""Taking back what the embedded systems of record did, by the reference of its receipt.

Each kind of entry says what is done in one transaction. Nothing is taken back twice, and nothing
that belongs to another case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from gonogo.errors import ToolFailed
from policies.leads import Track
from tasks.embedded import Order, System, now

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


DIGITS_MAX = 18
"""SQLite counts no further."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of entry that can be taken back."""

    table: str
    case: str
    """The column that names the case it belongs to."""
    statements: tuple[str, ...]
    """What is done; columns of the entry are bound by name, and ``reason``, ``key`` and ``at``."""
    taken: str = ""
    """Finds a row where it was done already; an entry that is deleted needs none."""


def _deleted(table: str, number: str, *then: str) -> tuple[str, ...]:
    return (f"delete from {table} where {number} = :{number}", *then)  # noqa: S608 - names from code, values are bound


def _reset(table: str, case: str, was: str, status: str) -> str:
    """Return the statement that sets a status back, unless somebody has moved the case on meanwhile."""
    return f"update {table} set status = '{status}' where {case} = :{case} and status = '{was}'"  # noqa: S608 - names from code


LEDGER: Mapping[str, Entry] = {
    "referral": Entry(
        "referrals",
        "claim_id",
        _deleted("referrals", "referral_id", _reset("claims", "claim_id", "referred", "open")),
    ),
    "letter": Entry("letters", "claim_id", (_reset("claims", "claim_id", "declined", "open"),)),
    "payment": Entry(
        "payments",
        "claim_id",
        (
            "insert into refunds values (null, :payment_id, :claim_id, :amount_cents, :reason, :key, :at)",
            _reset("claims", "claim_id", "paid", "open"),
        ),
        taken="select 1 from refunds where payment_id = :payment_id",
    ),
}
TICKETING: Mapping[str, Entry] = {
    "handover": Entry(
        "handovers",
        "number",
        _deleted("handovers", "handover_id", "update tickets set team = null where number = :number and team = :team"),
    ),
    "update": Entry(
        "updates",
        "number",
        ("update updates set text = 'Withdrawn: ' || :reason where update_id = :update_id",),
        taken="select 1 from updates where update_id = :update_id and text like 'Withdrawn: %'",
    ),
}
CRM: Mapping[str, Entry] = {
    "assignment": Entry(
        "assignments",
        "lead_id",
        _deleted("assignments", "assignment_id", _reset("leads", "lead_id", "assigned", "new")),
    ),
    "referral": Entry(
        "referrals", "lead_id", _deleted("referrals", "referral_id", _reset("leads", "lead_id", "referred", "new"))
    ),
    "meeting": Entry(
        "meetings", "lead_id", _deleted("meetings", "meeting_id", _reset("leads", "lead_id", "booked", "new"))
    ),
    **dict.fromkeys(
        get_args(Track),
        Entry(
            "nurture_lists",
            "lead_id",
            _deleted("nurture_lists", "entry_id", _reset("leads", "lead_id", "nurtured", "new")),
        ),
    ),
}
REPOSITORY: Mapping[str, Entry] = {
    "referral": Entry(
        "referrals",
        "contract_id",
        _deleted("referrals", "referral_id", _reset("contracts", "contract_id", "referred", "reviewed")),
    ),
    "routing": Entry(
        "routings",
        "contract_id",
        _deleted("routings", "routing_id", _reset("contracts", "contract_id", "at_signature", "reviewed")),
    ),
}
CONTENT: Mapping[str, Entry] = {
    "escalation": Entry(
        "escalations",
        "brief_id",
        _deleted("escalations", "escalation_id", _reset("briefs", "brief_id", "escalated", "open")),
    ),
    "publication": Entry(
        "publications",
        "brief_id",
        _deleted("publications", "publication_id", _reset("briefs", "brief_id", "published", "open")),
    ),
}


def take_back(system: System, entries: Mapping[str, Entry], asked: dict[str, str], key: str) -> dict[str, Any]:
    """Take one entry back, and return the receipt.

    Args:
        system: where it stands.
        entries: the kinds that the system knows.
        asked: ``kind``, the ``case`` it belongs to, the ``reference`` of its receipt, and the ``reason``.
        key: the idempotency key.

    Raises:
        ToolFailed: there is no such entry, it belongs to another case, or it was taken back already.

    """
    kind, case, reference = asked["kind"], asked["case"], asked["reference"]
    entry = entries[kind]

    def work(db: sqlite3.Connection) -> dict[str, Any]:
        prefix, _, number = reference.rpartition("-")
        is_named = prefix == kind and number.isdecimal() and number.isascii() and len(number) < DIGITS_MAX
        found = f"select * from {entry.table} where rowid = ?"  # noqa: S608 - the table is named in code
        row = db.execute(found, (int(number),)).fetchone() if is_named else None
        if row is None or row[entry.case] != case:
            raise ToolFailed(f"There is no {kind} {reference} of {case} to take back; nothing was changed.")
        at = now().isoformat()
        bound = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row of SQLite iterates over values
        bound |= {"reason": asked["reason"], "key": key, "at": at}
        if entry.taken and db.execute(entry.taken, bound).fetchone():
            raise ToolFailed(f"{reference} of {case} was taken back already; nothing was changed.")
        for statement in entry.statements:
            db.execute(statement, bound)
        return {"reference": reference, "written_at": at}

    return system.change(Order(f"take_back_{kind}", key, asked), work)
