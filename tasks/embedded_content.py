"""The embedded content repository: one SQLite file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from gonogo.errors import ToolFailed
from policies.content import Brief, Draft, Finding, Review
from policies.content_rules import Reviewer, content_rules
from tasks.content_checks import place
from tasks.content_repository import ContentReceipt, Publication, PublicationFacts
from tasks.embedded import Order, System, insert, now
from tasks.embedded_takebacks import CONTENT, take_back

if TYPE_CHECKING:
    import sqlite3

    from policies.content import Remark
    from policies.content_rules import Channel

SCHEMA = """
create table if not exists briefs (
    brief_id text primary key, product text not null, channel text not null, audience_size integer not null,
    body text not null, status text not null default 'open', filed_at text not null
);
create table if not exists drafts (
    brief_id text not null references briefs, version integer not null check (version >= 1), text text not null,
    saved_at text not null, primary key (brief_id, version)
);
create table if not exists reviews (
    review_id integer primary key, brief_id text not null, version integer not null, reviewer text not null,
    findings text not null, open_findings integer not null, filed_at text not null,
    foreign key (brief_id, version) references drafts, unique (brief_id, version, reviewer)
);
create table if not exists publications (
    publication_id integer primary key, brief_id text not null unique references briefs, version integer not null,
    channel text not null, text text not null, idempotency_key text not null unique, published_at text not null
);
create table if not exists escalations (
    escalation_id integer primary key, brief_id text not null references briefs, queue text not null,
    reason text not null, idempotency_key text not null unique, queued_at text not null
);
create table if not exists quiet_periods (product text primary key, because text not null);
insert or ignore into quiet_periods values ('own_shares', 'the half-year figures are not out yet');
"""


@dataclass(frozen=True, slots=True)
class SqliteContent:
    """The embedded content repository."""

    system: System

    def file_brief(self, brief: Brief, key: str) -> ContentReceipt:
        """See `ContentRepository`."""
        body = brief.model_dump(mode="json")

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            row = {name: body[name] for name in ("brief_id", "product", "channel", "audience_size")}
            row |= {"body": json.dumps(body, sort_keys=True), "filed_at": now().isoformat()}
            if db.execute(insert("briefs", row) + " on conflict do nothing", row).rowcount == 0:
                raise ToolFailed(f"Brief {brief.brief_id} is on record already; give the new one its own id.")
            return _receipt(brief.brief_id)

        return ContentReceipt.model_validate(
            self.system.change(Order("file_brief", key, body, "brief_id", takes_up=True), work)
        )

    def brief(self, brief_id: str) -> Brief:
        """See `ContentRepository`."""
        with self.system.reading() as db:
            return Brief.model_validate_json(_brief(db, brief_id)["body"])

    def save_draft(self, draft: Draft, key: str) -> ContentReceipt:
        """See `ContentRepository`."""
        row = draft.model_dump(mode="json")

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _brief(db, draft.brief_id)
            (latest,) = db.execute(
                "select coalesce(max(version), 0) from drafts where brief_id = ?", (draft.brief_id,)
            ).fetchone()
            if draft.version != latest + 1:
                raise ToolFailed(
                    f"Version {draft.version} of {draft.brief_id} does not follow version {latest}; "
                    f"save version {latest + 1}."
                )
            saved = row | {"saved_at": now().isoformat()}
            db.execute(insert("drafts", saved), saved)
            return _receipt(f"{draft.brief_id}@{draft.version}")

        return ContentReceipt.model_validate(self.system.change(Order("save_draft", key, row, "brief_id"), work))

    def draft(self, brief_id: str, version: int) -> Draft:
        """See `ContentRepository`."""
        with self.system.reading() as db:
            return _draft(db, brief_id, version)

    def file_review(
        self, brief_id: str, version: int, reviewer: Reviewer, remarks: tuple[Remark, ...], key: str
    ) -> Review:
        """See `ContentRepository`."""
        asked = {"brief_id": brief_id, "version": version, "reviewer": reviewer}
        given = [remark.model_dump(mode="json") for remark in remarks]

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            text = _draft(db, brief_id, version).text
            findings = [_placed(text, reviewer, remark).model_dump(mode="json") for remark in remarks]
            row = asked | {"findings": json.dumps(findings), "open_findings": len(findings)}
            row |= {"filed_at": now().isoformat()}
            if db.execute(insert("reviews", row) + " on conflict do nothing", row).rowcount == 0:
                raise ToolFailed(f"{reviewer} reviewed version {version} of {brief_id} already; a review is final.")
            return _review(reviewer, version, findings).model_dump(mode="json")

        done = self.system.change(Order("file_review", key, asked | {"remarks": given}, "brief_id"), work)
        return Review.model_validate(done)

    def review(self, brief_id: str, version: int, reviewer: Reviewer) -> Review:
        """See `ContentRepository`."""
        with self.system.reading() as db:
            row = _filed(db, brief_id, version, reviewer)
        if row is None:
            return Review(reviewer=reviewer, version=version, verdict="not_given")
        return _review(reviewer, version, json.loads(row["findings"]))

    def publication_facts(self, brief_id: str, version: int) -> PublicationFacts:
        """See `ContentRepository`."""
        with self.system.reading() as db:
            return _facts(db, brief_id, version)

    def publish(self, facts: PublicationFacts, channel: Channel, key: str) -> Publication:
        """See `ContentRepository`."""

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            if _facts(db, facts.brief_id, facts.version) != facts:
                raise ToolFailed(
                    f"The repository's facts on {facts.brief_id} changed since this publication was decided; "
                    "nothing was published. Decide it again on the new facts."
                )
            at = now().isoformat()
            row = {
                "brief_id": facts.brief_id,
                "version": facts.version,
                "channel": channel,
                "text": _draft(db, facts.brief_id, facts.version).text,
                "idempotency_key": key,
                "published_at": at,
            }
            done = db.execute(insert("publications", row) + " on conflict (brief_id) do nothing", row)
            if done.rowcount == 0:
                raise ToolFailed(f"Brief {facts.brief_id} is published already; nothing was published again.")
            db.execute("update briefs set status = 'published' where brief_id = ?", (facts.brief_id,))
            return {"reference": f"publication-{done.lastrowid}", "channel": channel, "published_at": at}

        asked = facts.model_dump(mode="json") | {"channel": channel}
        return Publication.model_validate(self.system.change(Order("publish_content", key, asked, "brief_id"), work))

    def escalate(self, brief_id: str, queue: str, reason: str, key: str) -> ContentReceipt:
        """See `ContentRepository`."""
        asked = {"brief_id": brief_id, "queue": queue, "reason": reason}

        def work(db: sqlite3.Connection) -> dict[str, Any]:
            _brief(db, brief_id)
            db.execute("update briefs set status = 'escalated' where brief_id = ?", (brief_id,))
            row = asked | {"idempotency_key": key, "queued_at": now().isoformat()}
            return _receipt(f"escalation-{db.execute(insert('escalations', row), row).lastrowid}")

        return ContentReceipt.model_validate(self.system.change(Order("escalate_brief", key, asked, "brief_id"), work))

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> ContentReceipt:
        """See `ContentRepository`."""
        asked = {"kind": kind, "case": case, "reference": reference, "reason": reason}
        return ContentReceipt.model_validate(take_back(self.system, CONTENT, asked, key))


def _receipt(reference: str) -> dict[str, Any]:
    return {"reference": reference, "written_at": now().isoformat()}


def _brief(db: sqlite3.Connection, brief_id: str) -> sqlite3.Row:
    row = db.execute("select * from briefs where brief_id = ?", (brief_id,)).fetchone()
    if row is None:
        raise ToolFailed(f"The repository has no brief {brief_id}; file it first.")
    return row


def _draft(db: sqlite3.Connection, brief_id: str, version: int) -> Draft:
    row = db.execute("select * from drafts where brief_id = ? and version = ?", (brief_id, version)).fetchone()
    if row is None:
        raise ToolFailed(f"The repository has no version {version} of {brief_id}; save it first.")
    return Draft(brief_id=brief_id, version=version, text=row["text"])


def _placed(text: str, reviewer: Reviewer, remark: Remark) -> Finding:
    """Return a remark with its place, or say what is wrong with it."""
    if remark.rule not in (known := content_rules().names(reviewer)):
        raise ToolFailed(f"There is no {reviewer} rule {remark.rule}; the rules are {', '.join(known)}.")
    start = place(text, remark.quote, remark.occurrence)
    if start is None:
        raise ToolFailed(
            f"{remark.rule}: the draft does not say {remark.quote[:80]!r} {remark.occurrence} times; "
            "quote it exactly as it stands there."
        )
    return Finding(**remark.model_dump(), reviewer=reviewer, start=start)


def _filed(db: sqlite3.Connection, brief_id: str, version: int, reviewer: Reviewer) -> sqlite3.Row | None:
    return db.execute(
        "select * from reviews where brief_id = ? and version = ? and reviewer = ?", (brief_id, version, reviewer)
    ).fetchone()


def _review(reviewer: Reviewer, version: int, findings: list[dict[str, Any]]) -> Review:
    verdict = "needs_changes" if findings else "passes"
    found = tuple(Finding.model_validate(finding) for finding in findings)
    return Review(reviewer=reviewer, version=version, verdict=verdict, findings=found)


def _facts(db: sqlite3.Connection, brief_id: str, version: int) -> PublicationFacts:
    brief = _brief(db, brief_id)
    _draft(db, brief_id, version)
    filed = {each: _filed(db, brief_id, version, each) for each in get_args(Reviewer)}
    quiet = db.execute("select 1 from quiet_periods where product = ?", (brief["product"],)).fetchone()
    (before,) = db.execute("select count(*) from publications where brief_id = ?", (brief_id,)).fetchone()
    return PublicationFacts(
        brief_id=brief_id,
        version=version,
        brief_channel=brief["channel"],
        product=brief["product"],
        audience_size=brief["audience_size"],
        passed_by=tuple(each for each, row in filed.items() if row is not None and row["open_findings"] == 0),
        open_findings=sum(row["open_findings"] for row in filed.values() if row is not None),
        in_quiet_period=quiet is not None,
        published_before=before,
    )
