"""Notices: what the house tells people of a gate, and the record that they were told, or that it did not work.

A notice says that somebody is asked, who, until when and where to look; never what about: no argument,
no card, no payload. It decides nothing, and one that cannot be sent changes nothing but the record of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gonogo.approvals import find_request, inherited, is_review, superseded
from gonogo.ballots import accepted_answer
from gonogo.evidence.canon import plain_text
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

Event = Literal["opened", "escalated", "expired"]
"""Somebody is asked; somebody else is asked, too; nobody answered, and that is no-go."""

ATTEMPTS_MAX = 3
"""A block that failed so often is not asked to send the same notice again."""

_HEADS: dict[Event, str] = {
    "opened": "Go or no-go",
    "escalated": "Still waiting for go or no-go",
    "expired": "Nobody answered, so it is no-go",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that people are told about a gate."""

    run_id: str
    gate: str
    event: Event
    subject: str
    body: str


def stream_of(run_id: str) -> str:
    """Return the name under which the notices about a run stand in the journals; not its desk, so they wake nobody."""
    return f"{run_id}.told"


def notices_of(settings: Settings, run_id: str, address: str) -> list[Notice]:
    """Return everything there is to tell about a run's gates now, whether or not somebody was told.

    Args:
        settings: whose journals.
        run_id: the run.
        address: where the dashboard is; empty for a notice without a link.

    """
    journal = journal_of(settings)
    flight, desk = journal.read_flight(run_id), journal.read_desk(run_id)
    found: list[Notice] = []
    last = {each.data["gate"]: each for each in only(flight, "approval_request") if not is_review(each)}
    for gate, request in last.items():
        answer = accepted_answer(desk, gate)
        if answer is None and superseded(flight, request) is None and not journal.has_ended(run_id):
            found.append(_notice("opened", request, address))
            if _was_escalated(gate, (*flight, *desk)):
                found.append(_notice("escalated", request, address))
        elif answer is not None and answer.data["proof"] == "clock":
            found.append(_notice("expired", request, address))
    return found


def _was_escalated(gate: str, records: Iterable[Record]) -> bool:
    return any(each.data.get("event") == "escalated" and each.data.get("gate") == gate for each in records)


def _notice(event: Event, request: Record, address: str) -> Notice:
    data, gate = request.data, request.data["gate"]
    what = f"{data['action']} of {request.fields['missionid']}"
    until = f"Until {data['deadline'][:19]}Z; silence is no-go." if event != "expired" else ""
    link = f"{address.rstrip('/')}/waiting?gate={gate}" if address and event != "expired" else ""
    risk = f" Risk: {data['risk']}." if "risk" in data else ""
    lines = (f"Role {data['role']} is asked.{risk}", until, f"Gate {gate}, run {request.run_id}.", link)
    return Notice(
        run_id=request.run_id,
        gate=gate,
        event=event,
        subject=plain_text(f"{_HEADS[event]}: {what}", 200),
        body=plain_text("\n".join(line for line in lines if line), 2_000),
    )


def is_due(settings: Settings, notice: Notice, block: str) -> bool:
    """Whether a block has neither sent a notice nor failed to often enough."""
    told = [
        each.data["sent"]
        for each in journal_of(settings).read_desk(stream_of(notice.run_id))
        if (each.data["gate"], each.data["event"], each.data["block"]) == (notice.gate, notice.event, block)
    ]
    return not any(told) and len(told) < ATTEMPTS_MAX


def note(settings: Settings, notice: Notice, block: str, error: str | None) -> None:
    """Record that a block sent a notice, or why it could not.

    Raises:
        EvidenceUnwritable: it cannot be recorded.

    """
    journal = journal_of(settings)
    request = find_request(journal, notice.gate, notice.run_id)
    who = {"runid": stream_of(notice.run_id), "authtype": "system", "authid": "house"}
    with journal.open_desk(stream_of(notice.run_id)) as stream:
        data = {
            "objects": [{"id": notice.run_id, "type": "run"}, {"id": notice.gate, "type": "gate"}],
            "phase": "fact",
            "event": notice.event,
            "gate": notice.gate,
            "run": notice.run_id,
            "block": block,
            "sent": error is None,
            **({} if error is None else {"error": plain_text(error, 500)}),
        }
        stream.append({**inherited(request), **who}, "notice_record", data)
        stream.commit_now()
