"""Ladders: who may answer a gate as well, once nobody has for a time. Each rung is evidence; the end of all is no-go.

The times stand in the gate's own request, so they are those that were recorded when it opened: a restart
neither extends nor shortens them, and whoever looks first after one has come writes it to the desk.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gonogo.evidence.canon import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from gonogo.evidence.records import Record
    from gonogo.evidence.streams import Stream
    from gonogo.policy.rules import Rung


def reached(request: Record, at: datetime) -> tuple[str, ...]:
    """Return the roles whose rung has come at a moment, in their order; they may answer beside the gate's own."""
    return tuple(rung["role"] for rung in request.data.get("rungs", ()) if moment(rung["at"]) <= at)


def next_rung(requests: Iterable[Record], desk: Sequence[Record]) -> datetime | None:
    """Return when the clock has to act next for gates that nobody answered; ``None`` where it has not."""
    found = [
        moment(rung["at"])
        for request in requests
        if not _is_settled(desk, request.data["gate"])
        for number, rung in enumerate(request.data.get("rungs", ()), 1)
        if not _is_told(desk, request.data["gate"], number)
    ]
    return min(found, default=None)


def climb(desk: Stream, request: Record, envelope: Mapping[str, Any], at: datetime) -> list[Record]:
    """Record every rung of a gate that has come and is not on record yet, and return what was written; durable.

    Args:
        desk: the run's, opened for writing.
        request: what the gate asks.
        envelope: the fields that a desk record takes over from the run.
        at: the moment that counts.

    """
    gate_id = request.data["gate"]
    rungs: list[dict[str, Any]] = [] if _is_settled(desk.records, gate_id) else request.data.get("rungs", [])
    written = [
        desk.append(
            {**envelope, "authtype": "system", "authid": "deadline"},
            "escalation_record",
            {
                "objects": [{"id": request.run_id, "type": "run"}, {"id": gate_id, "type": "gate"}],
                "phase": "fact",
                "gate": gate_id,
                "rung": number,
                "of": len(rungs),
                "role": rung["role"],
                "due": rung["at"],
            },
        )
        for number, rung in enumerate(rungs, 1)
        if moment(rung["at"]) <= at and not _is_told(desk.records, gate_id, number)
    ]
    if written:
        desk.commit_now()
    return written


def rungs_from(rungs: Iterable[Rung], opened: datetime) -> list[dict[str, str]]:
    """Return a rule's rungs with the times they come at, as the request of a gate holds them."""
    return [{"role": rung.role, "at": timestamp(opened + timedelta(seconds=rung.after_seconds))} for rung in rungs]


def _is_settled(desk: Iterable[Record], gate_id: str) -> bool:
    return any(
        record.artifact == "approval_record"
        and record.data["gate"] == gate_id
        and record.data["accepted"]
        and not record.data.get("partial", False)
        for record in desk
    )


def _is_told(desk: Iterable[Record], gate_id: str, number: int) -> bool:
    return any(
        record.artifact == "escalation_record" and record.data.get("gate") == gate_id and record.data["rung"] == number
        for record in desk
    )
