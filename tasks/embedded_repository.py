"""The embedded contract repository and signing desk: one SQLite file.

Two registers come with it, so that there is something to rehearse with: who may sign for the house,
and one counterparty that does not exist, blocked. Change them with `sqlite3`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from gonogo.errors import ToolFailed
from policies.contracts import Filed
from tasks.embedded import Order, System, insert, now
from tasks.embedded_takebacks import REPOSITORY, take_back
from tasks.repository import Receipt, Routing, SigningFacts

if TYPE_CHECKING:
    import sqlite3

    from policies.contracts import Queue, Signatory
    from tasks.repository import FiledReport, Registration

SCHEMA = """
create table if not exists documents (
    document text primary key, text text not null, characters integer not null check (characters > 0)
);
create table if not exists contracts (
    contract_id text primary key, counterparty text not null, value_cents integer check (value_cents >= 0),
    playbook text, document text not null, problem text not null, status text not null, filed_at text not null
);
create table if not exists reports (
    report_id integer primary key, contract_id text not null references contracts, document text not null,
    body text not null, found text not null, risky text not null, quotes integer not null, rejected integer not null,
    unread integer not null, idempotency_key text not null unique, filed_at text not null
);
create table if not exists routings (
    routing_id integer primary key, contract_id text not null unique references contracts,
    report_id integer not null references reports, signatory text not null,
    idempotency_key text not null unique, routed_at text not null
);
create table if not exists referrals (
    referral_id integer primary key, contract_id text not null references contracts, queue text not null,
    reason text not null, idempotency_key text not null unique, queued_at text not null
);
create table if not exists returns (
    return_id integer primary key, contract_id text not null references contracts,
    reason text not null, idempotency_key text not null unique, returned_at text not null
);
create table if not exists signatories (signatory text primary key);
create table if not exists blocked (counterparty text primary key, reason text not null);
insert or ignore into signatories values ('head-of-department'), ('managing-director');
insert or ignore into blocked values ('CP-BLOCKED', 'a made-up counterparty, to rehearse a refusal with')
"""


@dataclass(frozen=True, slots=True)
class SqliteRepository:
    """The embedded repository."""

    system: System

    def file(self, registration: Registration, text: str, problem: str, key: str) -> Filed:
        """See `Repository`."""
        document = sha256(text.encode()).hexdigest() if text else ""
        row = registration.model_dump(mode="json") | {"document": document, "problem": problem}
        filed = Filed(contract_id=registration.contract_id, document=document, characters=len(text), problem=problem)

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            known = db.execute("select * from contracts where contract_id = ?", (registration.contract_id,)).fetchone()
            if known is not None:
                other = [name for name, value in row.items() if known[name] != value]
                if other:
                    raise ToolFailed(
                        f"Contract {registration.contract_id} is on record with another {', '.join(other)}; "
                        "give the new one its own id, or correct the one on record."
                    )
                return filed.model_dump()
            if document:
                kept = {"document": document, "text": text, "characters": len(text)}
                db.execute(insert("documents", kept) + " on conflict do nothing", kept)
            entered = row | {"status": "unreadable" if problem else "filed", "filed_at": now().isoformat()}
            db.execute(insert("contracts", entered), entered)
            return filed.model_dump()

        return Filed.model_validate(
            self.system.change(Order("file_contract", key, row, "contract_id", takes_up=True), work)
        )

    def text(self, document: str) -> str:
        """See `Repository`."""
        with self.system.reading() as db:
            row = db.execute("select text from documents where document = ?", (document,)).fetchone()
        if row is None:
            raise ToolFailed(f"The repository has no document {document[:64]}; read the one you were asked about.")
        return row["text"]

    def file_report(self, report: FiledReport, key: str) -> Receipt:
        """See `Repository`."""
        row = report.model_dump(mode="json")
        row |= {"found": json.dumps(row["found"]), "risky": json.dumps(row["risky"])}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            if _contract(db, report.contract_id)["document"] != report.document:
                raise ToolFailed(f"The report on contract {report.contract_id} is about another text than its own.")
            filed = row | {"idempotency_key": key, "filed_at": now().isoformat()}
            number = db.execute(insert("reports", filed), filed).lastrowid
            _set_status(db, report.contract_id, "reviewed")
            return _receipt(f"report-{number}")

        return Receipt.model_validate(self.system.change(Order("file_report", key, row, "contract_id"), work))

    def report(self, contract_id: str) -> str:
        """See `Repository`."""
        with self.system.reading() as db:
            row = _newest_report(db, contract_id)
        return row["body"] if row else ""

    def signing_facts(self, contract_id: str) -> SigningFacts:
        """See `Repository`."""
        with self.system.reading() as db:
            return _signing_facts(db, contract_id)

    def route(self, facts: SigningFacts, signatory: Signatory, key: str) -> Routing:
        """See `Repository`."""
        asked = facts.model_dump(mode="json") | {"signatory": signatory}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            if _signing_facts(db, facts.contract_id) != facts:
                raise ToolFailed(
                    f"What is on record of contract {facts.contract_id} changed since its routing was decided; "
                    "nothing was routed. Review the contract again on the new facts."
                )
            if not facts.report_id or signatory not in facts.authorised_signatories:
                raise ToolFailed(f"Contract {facts.contract_id} has no report, or {signatory} may not sign.")
            row = {
                "contract_id": facts.contract_id,
                "report_id": int(facts.report_id.removeprefix("report-")),
                "signatory": signatory,
                "idempotency_key": key,
                "routed_at": now().isoformat(),
            }
            number = db.execute(insert("routings", row), row).lastrowid
            _set_status(db, facts.contract_id, "at_signature")
            return _receipt(f"routing-{number}") | {"signatory": signatory}

        return Routing.model_validate(self.system.change(Order("route_to_signature", key, asked, "contract_id"), work))

    def refer(self, contract_id: str, queue: Queue, reason: str, key: str) -> Receipt:
        """See `Repository`."""
        asked = {"contract_id": contract_id, "queue": queue, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _contract(db, contract_id)
            _set_status(db, contract_id, "referred")
            row = asked | {"idempotency_key": key, "queued_at": now().isoformat()}
            return _receipt(f"referral-{db.execute(insert('referrals', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("refer_contract", key, asked, "contract_id"), work))

    def give_back(self, contract_id: str, reason: str, key: str) -> Receipt:
        """See `Repository`."""
        asked = {"contract_id": contract_id, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _contract(db, contract_id)
            _set_status(db, contract_id, "returned")
            row = asked | {"idempotency_key": key, "returned_at": now().isoformat()}
            return _receipt(f"return-{db.execute(insert('returns', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("return_contract", key, asked, "contract_id"), work))

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> Receipt:
        """See `Repository`."""
        asked = {"kind": kind, "case": case, "reference": reference, "reason": reason}
        return Receipt.model_validate(take_back(self.system, REPOSITORY, asked, key))


def _receipt(reference: str) -> dict[str, Any]:
    return {"reference": reference, "written_at": now().isoformat()}


def _set_status(db: sqlite3.Connection, contract_id: str, status: str) -> None:
    db.execute("update contracts set status = ? where contract_id = ?", (status, contract_id))


def _contract(db: sqlite3.Connection, contract_id: str) -> sqlite3.Row:
    row = db.execute("select * from contracts where contract_id = ?", (contract_id,)).fetchone()
    if row is None:
        raise ToolFailed(f"The repository has no contract {contract_id}; file it first.")
    return row


def _newest_report(db: sqlite3.Connection, contract_id: str) -> sqlite3.Row | None:
    newest = "select * from reports where contract_id = ? order by report_id desc limit 1"
    return db.execute(newest, (contract_id,)).fetchone()


def _signing_facts(db: sqlite3.Connection, contract_id: str) -> SigningFacts:
    contract = _contract(db, contract_id)
    report = _newest_report(db, contract_id)
    signatories = db.execute("select signatory from signatories order by signatory").fetchall()
    is_blocked = db.execute("select 1 from blocked where counterparty = ?", (contract["counterparty"],)).fetchone()
    routed = db.execute("select 1 from routings where contract_id = ?", (contract_id,)).fetchone()
    return SigningFacts(
        contract_id=contract_id,
        counterparty=contract["counterparty"],
        counterparty_blocked=is_blocked is not None,
        value_cents=contract["value_cents"],
        playbook=contract["playbook"],
        document=contract["document"],
        report_id=f"report-{report['report_id']}" if report else "",
        report_document=report["document"] if report else "",
        found=tuple(json.loads(report["found"])) if report else (),
        risky=tuple(json.loads(report["risky"])) if report else (),
        quotes_rejected=report["rejected"] if report else 0,
        clauses_unread=report["unread"] if report else 0,
        authorised_signatories=tuple(row["signatory"] for row in signatories),
        routed_before=routed is not None,
    )
