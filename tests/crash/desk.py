"""The desk: whoever answers a gate, or brings an event, in every flight in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.approvals import accepted_answer, answer_gate, find_request
from gonogo.events import deliver
from gonogo.evidence.ledger import only

if TYPE_CHECKING:
    from gonogo.approvals import Reply
    from gonogo.evidence.journals import Journal
    from gonogo.settings import Settings
    from tests.crash.stories import Case, Story


def reply_at(story: Story, journal: Journal, run_id: str, gate: str, settings: Settings) -> Reply:
    """Return what is said at a gate."""
    return story.says(find_request(journal, gate, run_id), settings.home)


def answer(story: Story, journal: Journal, run_id: str, gate: str, settings: Settings) -> None:
    """Answer a gate, if nobody has."""
    if accepted_answer(journal.read_desk(run_id), gate) is None:
        answer_gate(journal, gate, reply_at(story, journal, run_id, gate, settings), settings.environment, run_id)


def bring(case: Case, journal: Journal) -> None:
    """Deliver the next event, if the run has received all that were delivered."""
    came = len(only(journal.read_desk(case.run_id), "event_record"))
    signed = sum(r.data["state"] == "received" for r in only(journal.read_flight(case.run_id), "event_receipt"))
    if came == signed and came < len(case.events):
        event = case.events[came]
        deliver(journal, case.run_id, event.name, [(event.body, event.occurred)], "driver")
