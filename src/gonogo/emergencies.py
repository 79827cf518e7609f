"""Emergencies: a named role goes alone, by breaking the glass, and somebody else looks at it afterwards.

Breaking the glass lifts what a go of the asked role would lift, and nothing else: what the law forbids to
everybody stays forbidden. It takes a signature over the reason code below, so nobody breaks it by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.statements import BREAK_GLASS

if TYPE_CHECKING:
    from datetime import datetime

    from gonogo.asked import Asked, Holding
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings
    from gonogo.statements import Said

ACTION = "break_glass"
"""What the law calls it."""

MARK = "glass"
"""What the request of a review is marked with that looks at a broken glass."""


def is_broken(answer: Record) -> bool:
    """Whether an answer is a go that somebody gave alone, in an emergency."""
    return answer.data["answer"] == "go" and answer.data.get("reason_code") == BREAK_GLASS


def overdue_reviews(settings: Settings, name: str, at: datetime) -> int:
    """Return how many reviews of what a person did alone are due and not done; who has one breaks no other glass.

    Searches the runs that mention it: for emergencies, not for loops.
    """
    journal, found = journal_of(settings), 0
    for run_id in journal.runs_mentioning(f'"glass_by":"{name}"'):
        asked = [r for r in only(journal.read_flight(run_id), "approval_request") if r.data.get("glass_by") == name]
        late = {record.data["gate"] for record in asked if moment(record.data["deadline"]) <= at}
        done = {r.data["gate"] for r in only(journal.read_desk(run_id), "approval_record") if r.data["accepted"]}
        found += len(late - done)
    return found


def lacking(asked: Asked, said: Said, holds: Holding) -> str:
    """Return which role a person lacks; nothing where that is not what is wrong."""
    if holds != "none":
        return ""
    if said.code == BREAK_GLASS:
        who = f"takes the role {asked.glass}" if asked.glass else "is provided for by no rule"
        return f" To break the glass at {asked.subject} {who}."
    return f" {said.by} does not hold the role {asked.role}, nor stands in for one who does."
