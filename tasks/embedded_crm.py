"""The embedded CRM with the calendars of its owners: one SQLite file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.errors import ToolFailed
from policies.lead_scorecard import Score
from tasks.crm import ContactFacts, CrmReceipt, Entered, LeadFile, Meeting, Placed
from tasks.embedded import Order, System, insert, now
from tasks.embedded_takebacks import CRM, take_back

if TYPE_CHECKING:
    import sqlite3

    from policies.leads import Lead, Segment, Track
    from tasks.firms import Firm

SCHEMA = """
create table if not exists owners (name text primary key, segment text not null);
insert or ignore into owners values
    ('amara', 'enterprise'), ('bengt', 'enterprise'), ('chiara', 'mid_market'), ('dario', 'mid_market'),
    ('elif', 'small_business'), ('farid', 'small_business'), ('greta', 'private'), ('hugo', 'private');
create table if not exists do_not_contact (person text primary key, reason text not null, since text not null);
insert or ignore into do_not_contact values ('PER-OPTED-OUT', 'asked at a fair', '2026-01-15T09:00:00+00:00');
create table if not exists accounts (
    firm_number text primary key, name text not null, segment text not null, owner text not null references owners
);
create table if not exists leads (
    lead_id text primary key, person text not null, company text, country text, message text not null,
    expected_value_cents integer not null, profile text not null, status text not null default 'new',
    firm_number text references accounts, segment text, owner text references owners, entered_at text not null
);
create index if not exists leads_by_person on leads (person);
create index if not exists leads_by_owner on leads (owner);
create table if not exists scores (
    score_id integer primary key, lead_id text not null references leads, points integer not null,
    grade text not null, scorecard text not null, reasons text not null, scored_at text not null
);
create table if not exists meetings (
    meeting_id integer primary key, lead_id text not null references leads, person text not null,
    owner text not null references owners, starts_at text not null, idempotency_key text not null unique,
    booked_at text not null, unique (owner, starts_at)
);
create index if not exists meetings_by_person on meetings (person);
create table if not exists assignments (
    assignment_id integer primary key, lead_id text not null references leads, owner text not null,
    reason text not null, idempotency_key text not null unique, assigned_at text not null
);
create table if not exists nurture_lists (
    entry_id integer primary key, track text not null, person text not null, lead_id text not null references leads,
    reason text not null, added_at text not null, unique (track, person)
);
create table if not exists referrals (
    referral_id integer primary key, lead_id text not null references leads, reason text not null,
    idempotency_key text not null unique, queued_at text not null
);
"""

DAYS_AHEAD = 20
"""Working days that a calendar is open for, from tomorrow."""

SATURDAY = 5
HOURS_UTC = (8, 9, 10, 12, 13, 14)
"""When a meeting may begin; each takes an hour."""


@dataclass(frozen=True, slots=True)
class SqliteCrm:
    """The embedded CRM."""

    system: System

    def register(self, lead: Lead, key: str) -> Entered:
        """See `Crm`."""
        row = lead.model_dump(mode="json")
        row |= {"profile": json.dumps(row["profile"], sort_keys=True)}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            known = db.execute("select * from leads where lead_id = ?", (lead.lead_id,)).fetchone()
            if known is None:
                entered = row | {"entered_at": now().isoformat()}
                db.execute(insert("leads", entered), entered)
            elif other := [name for name, value in row.items() if known[name] != value]:
                raise ToolFailed(
                    f"Lead {lead.lead_id} is on record with another {', '.join(other)}; "
                    "give the new lead its own id, or correct the one on record."
                )
            return {"reference": lead.lead_id, "is_new": known is None}

        return Entered.model_validate(
            self.system.change(Order("register_lead", key, row, "lead_id", takes_up=True), work)
        )

    def lead(self, lead_id: str) -> LeadFile:
        """See `Crm`."""
        with self.system.reading() as db:
            row = _lead(db, lead_id)
        told = {name: row[name] for name in LeadFile.model_fields if name != "profile"}
        return LeadFile.model_validate(told | {"profile": json.loads(row["profile"])})

    def record_score(self, lead_id: str, score: Score, key: str) -> Score:
        """See `Crm`."""
        asked = {"lead_id": lead_id, **score.model_dump(mode="json")}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _lead(db, lead_id)
            row = asked | {"reasons": json.dumps(asked["reasons"]), "scored_at": now().isoformat()}
            db.execute(insert("scores", row), row)
            return score.model_dump(mode="json")

        return Score.model_validate(self.system.change(Order("score_lead", key, asked, "lead_id"), work))

    def place(self, lead_id: str, firm: Firm | None, segment: Segment, key: str) -> Placed:
        """See `Crm`."""
        asked = {"lead_id": lead_id, "firm": firm.number if firm else None, "segment": segment}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _lead(db, lead_id)
            number = firm.number if firm else None
            account = db.execute("select * from accounts where firm_number = ?", (number,)).fetchone()
            owner = account["owner"] if account else _least_busy(db, segment)
            if firm and account is None:
                row = {"firm_number": number, "name": firm.name, "segment": segment, "owner": owner}
                db.execute(insert("accounts", row), row)
            placed = {"lead_id": lead_id, "firm_number": number, "segment": segment, "owner": owner}
            db.execute(
                "update leads set firm_number = :firm_number, segment = :segment, owner = :owner "
                "where lead_id = :lead_id",
                placed,
            )
            return placed

        return Placed.model_validate(self.system.change(Order("place_lead", key, asked, "lead_id"), work))

    def placement(self, lead_id: str) -> Placed:
        """See `Crm`."""
        with self.system.reading() as db:
            row = _lead(db, lead_id)
        return Placed.model_validate({name: row[name] for name in Placed.model_fields})

    def contact_facts(self, lead_id: str) -> ContactFacts:
        """See `Crm`."""
        with self.system.reading() as db:
            return _facts(db, lead_id)

    def assign(self, facts: ContactFacts, reason: str, key: str) -> CrmReceipt:
        """See `Crm`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _unchanged(db, facts)
            db.execute("update leads set status = 'assigned' where lead_id = ?", (facts.lead_id,))
            row = {"lead_id": facts.lead_id, "owner": facts.owner, "reason": reason, "idempotency_key": key}
            row |= {"assigned_at": now().isoformat()}
            return _receipt(f"assignment-{db.execute(insert('assignments', row), row).lastrowid}")

        asked = facts.model_dump(mode="json") | {"reason": reason}
        return CrmReceipt.model_validate(self.system.change(Order("assign_lead", key, asked, "lead_id"), work))

    def nurture(self, facts: ContactFacts, track: Track, reason: str, key: str) -> CrmReceipt:
        """See `Crm`: a person is on a list once, however many leads tell of them."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _unchanged(db, facts)
            person = _lead(db, facts.lead_id)["person"]
            db.execute("update leads set status = 'nurtured' where lead_id = ?", (facts.lead_id,))
            row = {"track": track, "person": person, "lead_id": facts.lead_id, "reason": reason}
            row |= {"added_at": now().isoformat()}
            db.execute(insert("nurture_lists", row) + " on conflict do nothing", row)
            (entry,) = db.execute(
                "select entry_id from nurture_lists where track = ? and person = ?", (track, person)
            ).fetchone()
            return _receipt(f"{track}-{entry}")

        asked = facts.model_dump(mode="json") | {"track": track, "reason": reason}
        return CrmReceipt.model_validate(self.system.change(Order("nurture_lead", key, asked, "lead_id"), work))

    def refer(self, lead_id: str, reason: str, key: str) -> CrmReceipt:
        """See `Crm`."""
        asked = {"lead_id": lead_id, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _lead(db, lead_id)
            db.execute("update leads set status = 'referred' where lead_id = ?", (lead_id,))
            row = asked | {"idempotency_key": key, "queued_at": now().isoformat()}
            return _receipt(f"referral-{db.execute(insert('referrals', row), row).lastrowid}")

        return CrmReceipt.model_validate(self.system.change(Order("refer_lead", key, asked, "lead_id"), work))

    def leave_alone(self, lead_id: str, reason: str, key: str) -> CrmReceipt:
        """See `Crm`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            person = _lead(db, lead_id)["person"]
            db.execute("update leads set status = 'left_alone' where lead_id = ?", (lead_id,))
            row = {"person": person, "reason": reason, "since": now().isoformat()}
            db.execute(insert("do_not_contact", row) + " on conflict do nothing", row)
            return _receipt(f"do-not-contact-{person}")

        asked = {"lead_id": lead_id, "reason": reason}
        return CrmReceipt.model_validate(self.system.change(Order("leave_alone", key, asked, "lead_id"), work))

    def free_slots(self, owner: str) -> list[str]:
        """See `Crm`."""
        with self.system.reading() as db:
            _owner(db, owner)
            taken = {row["starts_at"] for row in db.execute("select starts_at from meetings where owner = ?", (owner,))}
        return [slot for slot in _slots(now()) if slot not in taken]

    def book(self, facts: ContactFacts, starts_at: str, key: str) -> Meeting:
        """See `Crm`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _unchanged(db, facts)
            if starts_at not in _slots(now()):
                raise ToolFailed(f"{facts.owner} cannot be met at {starts_at}; read the calendar for free times.")
            row = {
                "lead_id": facts.lead_id,
                "person": _lead(db, facts.lead_id)["person"],
                "owner": facts.owner,
                "starts_at": starts_at,
                "idempotency_key": key,
                "booked_at": now().isoformat(),
            }
            done = db.execute(insert("meetings", row) + " on conflict (owner, starts_at) do nothing", row)
            if done.rowcount == 0:
                raise ToolFailed(f"{facts.owner} is booked at {starts_at} already; nothing was booked.")
            db.execute("update leads set status = 'booked' where lead_id = ?", (facts.lead_id,))
            return {"reference": f"meeting-{done.lastrowid}", "owner": facts.owner, "starts_at": starts_at}

        asked = facts.model_dump(mode="json") | {"starts_at": starts_at}
        return Meeting.model_validate(self.system.change(Order("book_meeting", key, asked, "lead_id"), work))

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> CrmReceipt:
        """See `Crm`."""
        asked = {"kind": kind, "case": case, "reference": reference, "reason": reason}
        return CrmReceipt.model_validate(take_back(self.system, CRM, asked, key))


def _receipt(reference: str) -> dict[str, Any]:
    return {"reference": reference, "written_at": now().isoformat()}


def _lead(db: sqlite3.Connection, lead_id: str) -> sqlite3.Row:
    row = db.execute("select * from leads where lead_id = ?", (lead_id,)).fetchone()
    if row is None:
        raise ToolFailed(f"The CRM has no lead {lead_id}; register it first.")
    return row


def _owner(db: sqlite3.Connection, owner: str) -> None:
    if db.execute("select 1 from owners where name = ?", (owner,)).fetchone() is None:
        raise ToolFailed(f"The CRM knows no owner {owner}, so there is no calendar to look at.")


def _least_busy(db: sqlite3.Connection, segment: Segment) -> str:
    """Return the owner of a segment who has the fewest leads."""
    row = db.execute(
        "select name from owners where segment = ? "
        "order by (select count(*) from leads where owner = name), name limit 1",
        (segment,),
    ).fetchone()
    if row is None:
        raise ToolFailed(f"Nobody in the CRM looks after the segment {segment}.")
    return row["name"]


def _facts(db: sqlite3.Connection, lead_id: str) -> ContactFacts:
    row = _lead(db, lead_id)
    score = db.execute("select grade from scores where lead_id = ? order by score_id desc", (lead_id,)).fetchone()
    out = db.execute("select 1 from do_not_contact where person = ?", (row["person"],)).fetchone()
    later = "select count(*) from meetings where person = ? and starts_at > ?"
    (ahead,) = db.execute(later, (row["person"], now().isoformat())).fetchone()
    return ContactFacts(
        lead_id=lead_id,
        owner=row["owner"],
        grade=score["grade"] if score else None,
        opted_out=out is not None,
        contacts_this_campaign=json.loads(row["profile"])["contacts_this_campaign"],
        expected_value_cents=row["expected_value_cents"],
        open_meetings=ahead,
    )


def _unchanged(db: sqlite3.Connection, facts: ContactFacts) -> None:
    """Refuse to act on facts that no longer hold."""
    if _facts(db, facts.lead_id) != facts:
        changed = f"The CRM's facts on lead {facts.lead_id} changed since this was decided; nobody was contacted."
        raise ToolFailed(f"{changed} Run the lead again on the new facts.")


def _slots(moment: datetime) -> list[str]:
    """Return every time of the coming working days at which a meeting may begin."""
    days = (moment.date() + timedelta(days=ahead) for ahead in range(1, 2 * DAYS_AHEAD))
    working = [day for day in days if day.weekday() < SATURDAY][:DAYS_AHEAD]
    return [datetime.combine(day, time(hour), UTC).isoformat() for day in working for hour in HOURS_UTC]
