"""The embedded claims and payments ledger: one SQLite file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.errors import ToolFailed
from tasks.embedded import Order, System, insert, now
from tasks.embedded_takebacks import LEDGER, take_back
from tasks.ledger import ClaimFile, Cover, Payment, PaymentFacts, PriorClaims, Receipt, Registered

if TYPE_CHECKING:
    import sqlite3

    from policies.claims import Claim, DocumentKind, LetterPurpose, PolicyTerms, Queue

SCHEMA = """
create table if not exists policies (
    number text primary key, holder text not null, perils text not null,
    insured_sum_cents integer not null, deductible_cents integer not null,
    starts_on text not null, ends_on text not null, payees text not null,
    prior_claims integer not null
);
create table if not exists claims (
    claim_id text primary key, policy_number text not null, claimant text not null, loss text not null,
    occurred_on text not null, reported_on text not null, claimed_cents integer not null check (claimed_cents > 0),
    payee text not null, description text not null, status text not null default 'open', registered_at text not null
);
create index if not exists claims_by_policy on claims (policy_number);
create table if not exists documents (
    claim_id text not null references claims, kind text not null, received_at text not null,
    primary key (claim_id, kind)
);
create table if not exists payments (
    payment_id integer primary key, claim_id text not null references claims,
    amount_cents integer not null check (amount_cents > 0), payee text not null,
    idempotency_key text not null unique, paid_at text not null
);
create table if not exists refunds (
    refund_id integer primary key, payment_id integer not null unique references payments,
    claim_id text not null references claims, amount_cents integer not null check (amount_cents > 0),
    reason text not null, idempotency_key text not null unique, refunded_at text not null
);
create table if not exists letters (
    letter_id integer primary key, claim_id text not null references claims, purpose text not null,
    subject text not null, body text not null, idempotency_key text not null unique, sent_at text not null
);
create table if not exists referrals (
    referral_id integer primary key, claim_id text not null references claims, queue text not null,
    reason text not null, idempotency_key text not null unique, queued_at text not null
);
"""

_PAID = """
select coalesce((select sum(amount_cents) from payments where claim_id = :claim), 0)
    - coalesce((select sum(amount_cents) from refunds where claim_id = :claim), 0)
"""


@dataclass(frozen=True, slots=True)
class SqliteLedger:
    """The embedded ledger."""

    system: System

    def register_policy(self, terms: PolicyTerms, key: str) -> Registered:
        """See `Ledger`."""
        row = terms.model_dump(mode="json")
        row |= {"perils": json.dumps(row["perils"]), "payees": json.dumps(row["payees"])}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            is_new = db.execute(insert("policies", row) + " on conflict do nothing", row).rowcount == 1
            return {"reference": terms.number, "is_new": is_new}

        return Registered.model_validate(self.system.change(Order("register_policy", key, row), work))

    def register_claim(self, claim: Claim, key: str) -> Registered:
        """See `Ledger`."""
        row = claim.model_dump(mode="json", exclude={"documents", "policy"})
        asked = row | {"documents": list(claim.documents)}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            known = db.execute("select * from claims where claim_id = ?", (claim.claim_id,)).fetchone()
            if known is not None:
                other = [name for name, value in row.items() if known[name] != value]
                if other:
                    raise ToolFailed(
                        f"Claim {claim.claim_id} is on record with another {', '.join(other)}; "
                        "give the new claim its own id, or correct the one on record."
                    )
            else:
                entered = row | {"registered_at": now().isoformat()}
                db.execute(insert("claims", entered), entered)
            _file(db, claim.claim_id, claim.documents)
            return {"reference": claim.claim_id, "is_new": known is None}

        return Registered.model_validate(
            self.system.change(Order("register_claim", key, asked, "claim_id", takes_up=True), work)
        )

    def claim(self, claim_id: str) -> ClaimFile:
        """See `Ledger`."""
        with self.system.reading() as db:
            row = _claim(db, claim_id)
            filed = db.execute("select kind from documents where claim_id = ? order by kind", (claim_id,)).fetchall()
        known = {name: row[name] for name in ClaimFile.model_fields if name != "documents"}
        return ClaimFile(**known, documents=tuple(document["kind"] for document in filed))

    def cover(self, policy_number: str) -> Cover:
        """See `Ledger`."""
        with self.system.reading() as db:
            row = _policy(db, policy_number)
        known = {name: row[name] for name in Cover.model_fields if name != "perils"}
        return Cover(**known, perils=tuple(json.loads(row["perils"])))

    def prior_claims(self, policy_number: str, claim_id: str) -> PriorClaims:
        """See `Ledger`."""
        with self.system.reading() as db:
            before = _policy(db, policy_number)["prior_claims"]
            here = db.execute(
                "select count(*) from claims where policy_number = ? and claim_id <> ?", (policy_number, claim_id)
            ).fetchone()[0]
        return PriorClaims(policy_number=policy_number, count=before + here)

    def payment_facts(self, claim_id: str) -> PaymentFacts:
        """See `Ledger`."""
        with self.system.reading() as db:
            return _payment_facts(db, claim_id)

    def file_documents(self, claim_id: str, documents: tuple[DocumentKind, ...], key: str) -> Receipt:
        """See `Ledger`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _claim(db, claim_id)
            _file(db, claim_id, documents)
            _set_status(db, claim_id, "open")
            return _receipt(claim_id)

        asked = {"claim_id": claim_id, "documents": list(documents)}
        return Receipt.model_validate(self.system.change(Order("file_documents", key, asked, "claim_id"), work))

    def send_letter(self, claim_id: str, purpose: LetterPurpose, subject: str, body: str, key: str) -> Receipt:
        """See `Ledger`."""
        asked = {"claim_id": claim_id, "purpose": purpose, "subject": subject, "body": body}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _claim(db, claim_id)
            if purpose == "documents_request":
                _set_status(db, claim_id, "waiting_for_documents")
            row = asked | {"idempotency_key": key, "sent_at": now().isoformat()}
            return _receipt(f"letter-{db.execute(insert('letters', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("send_letter", key, asked, "claim_id"), work))

    def refer(self, claim_id: str, queue: Queue, reason: str, key: str) -> Receipt:
        """See `Ledger`."""
        asked = {"claim_id": claim_id, "queue": queue, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _claim(db, claim_id)
            _set_status(db, claim_id, "referred")
            row = asked | {"idempotency_key": key, "queued_at": now().isoformat()}
            return _receipt(f"referral-{db.execute(insert('referrals', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("refer_claim", key, asked, "claim_id"), work))

    def decline(self, claim_id: str, reason: str, key: str) -> Receipt:
        """See `Ledger`."""
        asked = {"claim_id": claim_id, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _claim(db, claim_id)
            _set_status(db, claim_id, "declined")
            row = {
                "claim_id": claim_id,
                "purpose": "decline",
                "subject": f"Your claim {claim_id}",
                "body": reason,
                "idempotency_key": key,
                "sent_at": now().isoformat(),
            }
            return _receipt(f"letter-{db.execute(insert('letters', row), row).lastrowid}")

        return Receipt.model_validate(self.system.change(Order("decline_claim", key, asked, "claim_id"), work))

    def pay(self, facts: PaymentFacts, amount_cents: int, key: str) -> Payment:
        """See `Ledger`."""
        asked = facts.model_dump(mode="json") | {"amount_cents": amount_cents}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            if _payment_facts(db, facts.claim_id) != facts:
                raise ToolFailed(
                    f"The ledger's facts on claim {facts.claim_id} changed since this payment was decided; "
                    "nothing was paid. Run the claim again on the new facts."
                )
            _set_status(db, facts.claim_id, "paid")
            row = {
                "claim_id": facts.claim_id,
                "amount_cents": amount_cents,
                "payee": facts.payee,
                "idempotency_key": key,
                "paid_at": now().isoformat(),
            }
            paid = db.execute(insert("payments", row), row)
            return _receipt(f"payment-{paid.lastrowid}") | {"amount_cents": amount_cents}

        return Payment.model_validate(self.system.change(Order("pay_claim", key, asked, "claim_id"), work))

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> Receipt:
        """See `Ledger`."""
        asked = {"kind": kind, "case": case, "reference": reference, "reason": reason}
        return Receipt.model_validate(take_back(self.system, LEDGER, asked, key))


def _receipt(reference: str) -> dict[str, Any]:
    return {"reference": reference, "written_at": now().isoformat()}


def _file(db: sqlite3.Connection, claim_id: str, documents: tuple[DocumentKind, ...]) -> None:
    rows = [(claim_id, kind, now().isoformat()) for kind in documents]
    db.executemany("insert into documents values (?, ?, ?) on conflict do nothing", rows)


def _set_status(db: sqlite3.Connection, claim_id: str, status: str) -> None:
    db.execute("update claims set status = ? where claim_id = ?", (status, claim_id))


def _claim(db: sqlite3.Connection, claim_id: str) -> sqlite3.Row:
    row = db.execute("select * from claims where claim_id = ?", (claim_id,)).fetchone()
    if row is None:
        raise ToolFailed(f"The ledger has no claim {claim_id}; register it first.")
    return row


def _policy(db: sqlite3.Connection, number: str) -> sqlite3.Row:
    row = db.execute("select * from policies where number = ?", (number,)).fetchone()
    if row is None:
        raise ToolFailed(f"The ledger has no policy {number}; enter it, or send its terms with the claim.")
    return row


def _payment_facts(db: sqlite3.Connection, claim_id: str) -> PaymentFacts:
    claim = _claim(db, claim_id)
    policy = _policy(db, claim["policy_number"])
    (paid,) = db.execute(_PAID, {"claim": claim_id}).fetchone()
    return PaymentFacts(
        claim_id=claim_id,
        claimed_cents=claim["claimed_cents"],
        payee=claim["payee"],
        policy_payees=tuple(json.loads(policy["payees"])),
        insured_sum_cents=policy["insured_sum_cents"],
        paid_before_cents=paid,
    )
