"""Reviews of what was done alone: what somebody did by breaking the glass is put before somebody else.

The review is asked for before the effect, in the run's own evidence, so that no crash leaves an emergency
that nobody looks at. Nothing waits for it. Once it is due and not done, it is an exception with an owner.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from gonogo.approvals import inherited
from gonogo.ballots import accepted_answer
from gonogo.cards import glass_card
from gonogo.emergencies import MARK
from gonogo.evidence.canon import moment, short_id
from gonogo.evidence.ledger import only
from gonogo.evidence.payloads import whole
from gonogo.policy.rules import Need
from gonogo.questions import Question, open_gate
from gonogo.verdicts import find_overdue, is_review

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.gates import Action
    from gonogo.runs import Run

BROKEN = "break-glass"
"""What stands in the place of a policy's rule: the broken glass asks here."""


def queue_glass_review(run: Run, action: Action, answer: Record) -> None:
    """Record that somebody is to look at what was done alone; once for each glass that was broken."""
    gate_id = answer.data["gate"]
    asked = next(record for record in run.ledger.requests if record.data["gate"] == gate_id)
    glass, digest = asked.data["break_glass"], action.digest(run)
    key = f"{action.key}/glass:{gate_id}"
    review_id = short_id(run.id, key, digest, glass["reviewer"], length=10)
    reason = answer.body_object().get("reason", "")
    because = f"{answer.data['by']} did this alone as {glass['role']}, in an emergency, at gate {gate_id}."
    question = Question(
        review_id, key, glass["reviewer"], (BROKEN,), (because,), ("go", "no_go"), glass["review_seconds"],
        partial(glass_card, run, review_id, action, answer.data["by"], reason, glass["reviewer"]),
        facts={MARK: True, "glass_by": answer.data["by"], "glass_gate": gate_id},
        body={"owner": run.charter.owner}, need=Need(risk="high"),
    )  # fmt: skip
    open_gate(run, action, digest, question)


def open_requests(journal: Journal) -> list[Record]:
    """Return the request of every review that nobody has answered, with its payload, oldest first.

    Searches every run for reviews, so it is for people who ask and for the clock, not for loops.
    """
    found: list[Record] = []
    runs = dict.fromkeys(run for mark in ("review", MARK) for run in journal.runs_mentioning(f'"{mark}":true'))
    for run_id in runs:
        asked = [request for request in only(journal.read_flight(run_id), "approval_request") if is_review(request)]
        desk = journal.read_desk(run_id) if asked else []
        found += [
            whole(journal.payloads, request) for request in asked if accepted_answer(desk, request.data["gate"]) is None
        ]
    return sorted(found, key=lambda request: str(request.fields["time"]))


def sweep(journal: Journal, at: datetime | None = None) -> list[Record]:
    """Make an exception of every review that is due and not done, and return what is new; durable, and once each."""
    now = at or datetime.now(UTC)
    written: list[Record] = []
    for request in open_requests(journal):
        if now < moment(request.data["deadline"]):
            continue
        with journal.open_desk(request.run_id) as desk:
            if accepted_answer(desk.records, request.data["gate"]) is None:
                record = find_overdue(desk, request, inherited(request), now)
                written += [] if record is None else [record]
    return written
