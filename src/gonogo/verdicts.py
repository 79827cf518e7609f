"""Verdicts: what follows from looking at something that was done already, and from nobody looking in time.

A review is answered at the desk of its run, also once the run has ended, so what follows from it stands
there, too: an exception where it was wrong, or where nobody looked before it was due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.emergencies import MARK
from gonogo.evidence.canon import moment, plain_text
from gonogo.evidence.vaults import REFERENCES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gonogo.ballots import Reply
    from gonogo.evidence.records import Record
    from gonogo.evidence.streams import Stream


def is_review(request: Record) -> bool:
    """Whether a gate asks whether something that was done was right; it is answered after its run, too."""
    return "review" in request.data or MARK in request.data


def find_wrong(desk: Stream, request: Record, reply: Reply, envelope: Mapping[str, Any]) -> None:
    """Record that what was done was wrong, and whose it is now; once, also after a crash before the answer."""
    key = f"{request.data['key']}/wrong"
    if not _stands(desk, key):
        what = f"{request.data['action']} was done alone and {plain_text(reply.by, 200)} found it wrong"
        # A leaf cannot be erased: where the run is about a person, words stay out of it.
        what += "" if REFERENCES in request.fields else f": {reply.reason}"
        desk.append(envelope, "exception_record", _owned(request, key, what) | {"reason_code": "data_mismatch"})


def find_overdue(desk: Stream, request: Record, envelope: Mapping[str, Any], at: datetime) -> Record | None:
    """Record that nobody looked before a review was due, and whose that is; once. ``None`` where nothing is new."""
    key = f"{request.data['key']}/overdue"
    if at < moment(request.data["deadline"]) or _stands(desk, key):
        return None
    who = f"{request.data['role']} was to look at it by {request.data['deadline'][:19]}Z, and nobody has"
    alone = f"{request.data['glass_by']} alone, in an emergency" if MARK in request.data else "an agent alone"
    what = f"{request.data['action']} was done by {alone}; {who}. `gonogo decide {request.data['gate']}` answers it."
    data = _owned(request, key, what) | {"reason_code": "approval_expired", "role": request.data["role"]}
    record = desk.append(envelope, "exception_record", data)
    desk.commit_now()
    return record


def close_overdue(desk: Stream, request: Record, reply: Reply, envelope: Mapping[str, Any]) -> None:
    """Record that a late review was done after all; nothing where it was in time."""
    key = f"{request.data['key']}/overdue"
    opened = next((record for record in desk.records if record.data.get("key") == key), None)
    if opened is None or _stands(desk, f"{key}/closed"):
        return
    data = _owned(request, f"{key}/closed", "It was looked at, late.") | {
        "reason_code": opened.data["reason_code"],
        "closes": opened.fields["id"],
        "gate": request.data["gate"],
        "answer": reply.answer,
        "by": plain_text(reply.by, 200),
    }
    desk.append(envelope, "exception_record", data)


def _owned(request: Record, key: str, what: str) -> dict[str, Any]:
    return {
        "objects": [{"id": request.run_id, "type": "run"}, {"id": request.data["gate"], "type": "gate"}],
        "phase": "fact",
        "key": key,
        "what": plain_text(what, 1_000),
        "owner": request.body_object().get("owner", request.data["role"]),
    }


def _stands(desk: Stream, key: str) -> bool:
    return any(record.data.get("key") == key for record in desk.records)
