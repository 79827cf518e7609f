"""Viewings: who opened the card of a gate first, and when, as evidence of how long somebody looked at it.

They stand in a stream of their own beside each run's desk, so that looking at a card wakes nobody: whatever
is put on the desk itself lets a sleeping run look. A name that nobody vouches for is recorded as that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.approvals import find_request, inherited
from gonogo.evidence.canon import moment, plain_text, timestamp
from gonogo.evidence.journals import journal_of

if TYPE_CHECKING:
    from datetime import datetime

    from gonogo.model import Door, Proof
    from gonogo.settings import Settings


@dataclass(frozen=True, slots=True)
class Viewing:
    """Somebody opened a card for the first time."""

    gate: str
    by: str
    at: datetime
    proof: str
    """What vouches for the name: ``oidc``, or ``unproven``."""


def stream_of(run_id: str) -> str:
    """Return the name under which the viewings of a run's cards stand in the journals."""
    return f"{run_id}.viewed"


def first_viewings(settings: Settings, run_id: str) -> list[Viewing]:
    """Return who opened which card of a run first and when, in the order in which that was recorded."""
    return [
        Viewing(record.data["gate"], record.data["by"], moment(record.fields["time"]), record.data["proof"])
        for record in journal_of(settings).read_desk(stream_of(run_id))
        if record.artifact == "viewing_record"
    ]


def note_viewed(
    settings: Settings, run_id: str, gate: str, by: str, *, proof: Proof, at: datetime, door: Door = "dashboard"
) -> bool:
    """Record that somebody opened a card, once for each person and gate; return whether that was new.

    Args:
        settings: whose journals.
        run_id: the run that asks.
        gate: the gate whose card was opened.
        by: the person's name, as enrolled, or as typed.
        proof: what vouches for the name.
        at: when it was opened.
        door: where.

    Raises:
        RunUnknown: there is no such gate.
        EvidenceUnwritable: it cannot be recorded.

    """
    journal = journal_of(settings)
    request = find_request(journal, gate, run_id)
    name = plain_text(by, 200)
    with journal.open_desk(stream_of(run_id)) as stream:
        if any((each.data["gate"], each.data["by"]) == (gate, name) for each in stream.records):
            return False
        envelope = {
            **inherited(request),
            "runid": stream_of(run_id),
            "authtype": "unauthenticated" if proof == "unproven" else "user",
            "authid": name,
        }
        data = {
            "objects": [{"id": run_id, "type": "run"}, {"id": gate, "type": "gate"}],
            "phase": "fact",
            "event": "viewed",
            "gate": gate,
            "run": run_id,
            "by": name,
            "proof": proof,
            "door": door,
            "card_digest": request.data["card_digest"],
        }
        stream.append(envelope, "viewing_record", data, occurred=timestamp(at))
        stream.commit_now()
    return True
