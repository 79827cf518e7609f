"""The embedded ticketing and operations systems: one SQLite file.

Operations are simulated: a service is as unwell as its tickets say, and the runbook's action
against a symptom ends it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from gonogo.errors import ToolFailed
from policies.incidents import RUNBOOK, Action, Observation
from tasks.embedded import Order, System, insert, now
from tasks.embedded_takebacks import TICKETING, take_back
from tasks.ticketing import Acknowledgement, ActionTaken, Closing, EarlierTicket, Receipt, ServiceState, Ticket

if TYPE_CHECKING:
    import sqlite3

    from policies.incidents import Severity, TicketUpdate
    from tasks.ticketing import Arrival

SCHEMA = """
create table if not exists services (name text primary key, tier integer not null, change_window text not null);
insert into services values
    ('checkout-api', 1, 'closed'), ('orders-db', 1, 'closed'), ('payments-gateway', 1, 'closed'),
    ('search', 2, 'closed'), ('product-cache', 2, 'closed'), ('mail-worker', 2, 'closed'),
    ('recommendations', 3, 'closed'), ('report-archive', 3, 'open'), ('audit-store', 2, 'closed')
    on conflict do nothing;
create table if not exists tickets (
    number text primary key, title text not null, description text not null, category text not null,
    impact integer not null, urgency integer not null, handled_by text not null, opened_at text not null,
    state text not null default 'New', severity text, summary text, acknowledged_at text, resolved_at text,
    team text
);
create index if not exists tickets_by_category on tickets (category, opened_at);
create table if not exists symptoms (
    number text not null references tickets, service text not null references services, symptom text not null,
    seen_at text not null, cleared_at text, primary key (number, service, symptom)
);
create table if not exists states (
    number text not null, revision integer not null, updated_at text not null, state text not null,
    body text not null, primary key (number, revision, updated_at)
);
create table if not exists updates (
    update_id integer primary key, number text not null references tickets, audience text not null,
    headline text not null, text text not null, idempotency_key text not null unique, posted_at text not null
);
create table if not exists actions (
    action_id integer primary key, number text not null references tickets, service text not null,
    action text not null, detail text not null, idempotency_key text not null unique, taken_at text not null
);
create table if not exists handovers (
    handover_id integer primary key, number text not null references tickets, team text not null,
    reason text not null, idempotency_key text not null unique, handed_at text not null
);
"""

TIER_UNKNOWN = 2
"""A service nobody has rated is taken for one that many notice."""


@dataclass(frozen=True, slots=True)
class SqliteTicketing:
    """The embedded ticketing and operations systems."""

    system: System

    def open(self, arrival: Arrival, key: str) -> Receipt:
        """See `Ticketing`."""
        asked = arrival.model_dump(mode="json")

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            row = arrival.model_dump(mode="json", exclude={"observations"})
            row["opened_at"] = (arrival.opened_at or now()).isoformat()
            # A ticket that comes back after it was resolved starts a new clock.
            db.execute(
                insert("tickets", row) + " on conflict (number) do update set state = 'Reopened', "
                "opened_at = excluded.opened_at, acknowledged_at = null, resolved_at = null "
                "where tickets.resolved_at is not null",
                row,
            )
            for seen in arrival.observations:
                rated = {"name": seen.service, "tier": TIER_UNKNOWN, "change_window": "closed"}
                db.execute(insert("services", rated) + " on conflict do nothing", rated)
                report = {"number": arrival.number, **seen.model_dump(), "seen_at": now().isoformat()}
                db.execute(
                    insert("symptoms", report) + " on conflict (number, service, symptom) "
                    "do update set seen_at = excluded.seen_at, cleared_at = null",
                    report,
                )
            return _receipt(arrival.number)

        return Receipt.model_validate(
            self.system.change(Order("open_ticket", key, asked, "number", takes_up=True), work)
        )

    def ticket(self, number: str) -> Ticket:
        """See `Ticketing`."""
        with self.system.reading() as db:
            row = _ticket(db, number)
            seen = db.execute(
                "select service, symptom from symptoms where number = ? order by service, symptom", (number,)
            ).fetchall()
        known = {name: row[name] for name in Ticket.model_fields if name != "observations"}
        return Ticket(**known, observations=tuple(Observation(**dict(each)) for each in seen))

    def earlier(self, number: str, category: str) -> list[EarlierTicket]:
        """See `Ticketing`."""
        with self.system.reading() as db:
            rows = db.execute(
                "select number, title, severity, state from tickets where category = ? and number <> ? "
                "order by opened_at desc, number limit 5",
                (category, number),
            ).fetchall()
        return [EarlierTicket(**dict(row)) for row in rows]

    def acknowledge(self, number: str, severity: Severity, summary: str, key: str) -> Acknowledgement:
        """See `Ticketing`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            ticket = _ticket(db, number)
            at = now() if ticket["acknowledged_at"] is None else datetime.fromisoformat(ticket["acknowledged_at"])
            db.execute(
                "update tickets set state = 'Active', severity = ?, summary = ?, acknowledged_at = ? where number = ?",
                (severity, summary, at.isoformat(), number),
            )
            return {"number": number, "acknowledged_at": at.isoformat(), "seconds": _since(ticket, at)}

        asked = {"number": number, "severity": severity, "summary": summary}
        return Acknowledgement.model_validate(
            self.system.change(Order("acknowledge_ticket", key, asked, "number"), work)
        )

    def mirror(self, update: TicketUpdate, key: str) -> Receipt:
        """See `Ticketing`."""
        body = update.model_dump(mode="json")

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _ticket(db, update.number)
            row = {
                "number": update.number,
                "revision": update.sys_mod_count,
                "updated_at": update.sys_updated_at.astimezone(UTC).isoformat(),
                "state": update.incident_state,
                "body": json.dumps(body, sort_keys=True),
            }
            db.execute(insert("states", row) + " on conflict do nothing", row)
            db.execute(
                "update tickets set state = (select state from states where number = :number "
                "order by updated_at desc, revision desc limit 1) where number = :number",
                {"number": update.number},
            )
            return _receipt(f"{update.number}@{update.sys_mod_count}")

        return Receipt.model_validate(self.system.change(Order("mirror_update", key, body, "number"), work))

    def post_update(self, number: str, audience: str, headline: str, text: str, key: str) -> Receipt:
        """See `Ticketing`."""
        asked = {"number": number, "audience": audience, "headline": headline, "text": text}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _ticket(db, number)
            row = asked | {"idempotency_key": key, "posted_at": now().isoformat()}
            return _receipt(f"update-{db.execute(insert('updates', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("post_update", key, asked, "number"), work))

    def resolve(self, number: str, summary: str, key: str) -> Closing:
        """See `Ticketing`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            ticket = _ticket(db, number)
            still = db.execute(
                "select count(*) from symptoms where number = ? and cleared_at is null", (number,)
            ).fetchone()[0]
            if still:
                raise ToolFailed(f"Ticket {number} still has {still} open symptoms; clear them or hand it over.")
            at = now()
            db.execute(
                "update tickets set state = 'Resolved', summary = ?, resolved_at = ? where number = ?",
                (summary, at.isoformat(), number),
            )
            return {"number": number, "resolved_at": at.isoformat(), "seconds": _since(ticket, at)}

        asked = {"number": number, "summary": summary}
        return Closing.model_validate(self.system.change(Order("resolve_ticket", key, asked, "number"), work))

    def reopen(self, number: str, reason: str, key: str) -> Receipt:
        """See `Ticketing`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            if _ticket(db, number)["state"] != "Resolved":
                raise ToolFailed(f"Ticket {number} is not resolved, so it is not reopened.")
            db.execute(
                "update tickets set state = 'New', summary = null, resolved_at = null where number = ?", (number,)
            )
            return _receipt(number)

        asked = {"number": number, "reason": reason}
        return Receipt.model_validate(self.system.change(Order("reopen_ticket", key, asked), work))

    def hand_over(self, number: str, team: str, reason: str, key: str) -> Receipt:
        """See `Ticketing`."""
        asked = {"number": number, "team": team, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _ticket(db, number)
            db.execute("update tickets set team = ? where number = ?", (team, number))
            row = asked | {"idempotency_key": key, "handed_at": now().isoformat()}
            return _receipt(f"handover-{db.execute(insert('handovers', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("hand_over", key, asked, "number"), work))

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> Receipt:
        """See `Ticketing`."""
        asked = {"kind": kind, "case": case, "reference": reference, "reason": reason}
        return Receipt.model_validate(take_back(self.system, TICKETING, asked, key))

    def health(self, number: str) -> list[ServiceState]:
        """See `Ticketing`."""
        with self.system.reading() as db:
            _ticket(db, number)
            rows = db.execute(
                "select s.name, s.tier, s.change_window, y.symptom, y.cleared_at from symptoms y "
                "join services s on s.name = y.service where y.number = ? order by s.name, y.symptom",
                (number,),
            ).fetchall()
        names = dict.fromkeys(row["name"] for row in rows)
        return [_state([row for row in rows if row["name"] == name]) for name in names]

    def remediate(self, number: str, service: str, action: Action, detail: str, key: str) -> ActionTaken:
        """See `Ticketing`."""
        asked = {"number": number, "service": service, "action": action, "detail": detail}
        helps = [entry.symptom for entry in RUNBOOK if entry.action == action]

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _ticket(db, number)
            if db.execute("select 1 from services where name = ?", (service,)).fetchone() is None:
                raise ToolFailed(f"Operations knows no service {service}; nothing was done.")
            cleared = [
                symptom
                for symptom in helps
                if db.execute(
                    "update symptoms set cleared_at = ? where number = ? and service = ? and symptom = ? "
                    "and cleared_at is null",
                    (now().isoformat(), number, service, symptom),
                ).rowcount
            ]
            row = asked | {"idempotency_key": key, "taken_at": now().isoformat()}
            reference = f"action-{db.execute(insert('actions', row), row).lastrowid}"
            return {"reference": reference, "service": service, "action": action, "cleared": cleared}

        return ActionTaken.model_validate(self.system.change(Order(action, key, asked, "number"), work))


def _ticket(db: sqlite3.Connection, number: str) -> sqlite3.Row:
    row = db.execute("select * from tickets where number = ?", (number,)).fetchone()
    if row is None:
        raise ToolFailed(f"Ticketing has no ticket {number}; open it first.")
    return row


def _since(ticket: sqlite3.Row, at: datetime) -> int:
    """Return whole seconds from the ticket's opening, rounded up: never better than it was."""
    return max(0, ceil((at - datetime.fromisoformat(ticket["opened_at"])).total_seconds()))


def _state(rows: list[sqlite3.Row]) -> ServiceState:
    first = rows[0]
    return ServiceState(
        service=first["name"],
        tier=first["tier"],
        change_window_open=first["change_window"] == "open",
        open_symptoms=tuple(row["symptom"] for row in rows if row["cleared_at"] is None),
    )


def _receipt(reference: str) -> dict[str, Any]:
    return {"reference": reference, "written_at": now().isoformat()}
