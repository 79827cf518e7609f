"""The roll: every change of the approvers, every code that was used, every sign-out, as durable facts in one stream.

It stands in ``approvers/desk`` of the journals, so that all machines that share them see that a code was used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gonogo.evidence.canon import moment, payload_bytes, plain_text, timestamp
from gonogo.evidence.journals import journal_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

ROLL = "approvers"
"""The name under which the facts stand in the journals; no run bears it."""

GUESSES_MAX = 5
GUESS_WINDOW = timedelta(minutes=15)
"""So many wrong codes of one person within so long, and no code of theirs is looked at for a while."""


Note = Callable[[Mapping[str, Any], str], None]


@contextmanager
def turn(settings: Settings) -> Generator[Note]:
    """Take a turn at the roll, so that nobody else changes the approvers meanwhile; yields what records a fact.

    Raises:
        EvidenceUnwritable: it cannot be written; what was to follow must not happen.

    """
    with journal_of(settings).open_desk(ROLL) as desk:

        def note(data: Mapping[str, Any], reason: str) -> None:
            body = payload_bytes({"reason": plain_text(reason)}) if reason else None
            desk.append(_envelope(settings, data), "approver_record", _fact(data), payload=body)
            desk.commit_now()

        yield note


def use_code(settings: Settings, person: str, step: int | None, statement: str, at: datetime) -> str | None:
    """Use a code up for one statement, or note that it was wrong; return why it does not count, or ``None``.

    A code counts once: a step that was used, or is older than one that was, is refused, whichever
    process or machine used it.

    Args:
        settings: whose journals.
        person: whose code.
        step: the step the code belongs to; ``None`` where it is wrong.
        statement: digest of what it vouches for.
        at: when.

    """
    with journal_of(settings).open_desk(ROLL) as desk:
        own = [record.data for record in desk.records if record.data["person"] == person]
        recent = [each for each in _wrong(desk.records, person) if at - each < GUESS_WINDOW]
        if len(recent) >= GUESSES_MAX:
            minutes = GUESS_WINDOW.seconds // 60
            return f"{GUESSES_MAX} codes of {person} were wrong within {minutes} minutes; wait, or answer with a key."
        used = max((each["step"] for each in own if each["event"] == "code_used"), default=-1)
        data: dict[str, Any] = {"event": "code_wrong", "person": person, "by": person}
        objection: str | None = f"The code is not {person}'s of now; type the one the app shows."
        if step is not None and step > used:
            data |= {"event": "code_used", "step": step, "statement": statement}
            objection = None
        elif step is not None:
            objection = f"That code of {person} was used before; wait for the next one."
        desk.append(_envelope(settings, data), "approver_record", _fact(data), occurred=timestamp(at))
        desk.commit_now()
        return objection


def code_was_used(settings: Settings, person: str, statement: str) -> bool:
    """Whether a person's code was used up for exactly this statement."""
    return any(
        record.data["event"] == "code_used"
        and record.data["person"] == person
        and record.data["statement"] == statement
        for record in journal_of(settings).read_desk(ROLL)
    )


def sign_out(settings: Settings, person: str, token_digest: str) -> None:
    """Record that a sign-in is over, wherever else it may still be held: nothing is answered with it any more.

    Raises:
        EvidenceUnwritable: it cannot be recorded; the sign-in counts on until it runs out.

    """
    with turn(settings) as note:
        note({"event": "signed_out", "person": person, "by": person, "sign_in": token_digest}, "")


def has_signed_out(settings: Settings, token_digest: str) -> bool:
    """Whether somebody has signed out of a sign-in."""
    return any(
        record.data["event"] == "signed_out" and record.data["sign_in"] == token_digest
        for record in journal_of(settings).read_desk(ROLL)
    )


def _wrong(records: Sequence[Record], person: str) -> list[datetime]:
    return [
        moment(record.fields["time"])
        for record in records
        if record.data["event"] == "code_wrong" and record.data["person"] == person
    ]


def _fact(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"objects": [{"id": data["person"], "type": "person"}], "phase": "fact", **data}


def _envelope(settings: Settings, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "runid": ROLL,
        "subject": ROLL,
        "tenantid": settings.tenant,
        "envname": settings.environment,
        "missionid": "",
        "authtype": "unauthenticated",
        "authid": data["by"],
    }
