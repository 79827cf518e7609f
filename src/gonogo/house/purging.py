"""Purging: payloads of runs that ended long enough ago go; their records and proofs stay.

Nothing that is held, open, or of a mission whose time is not over is touched. Each run is recorded before and
after, so that a crash in its middle is finished by the next purge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo.archive import facts, holds, note, unfinished
from gonogo.errors import RunBusy
from gonogo.evidence.canon import moment, uuid7
from gonogo.evidence.erasures import erase_payloads, payloads_of
from gonogo.evidence.journals import journal_of
from gonogo.evidence.keyring import keyring_at
from gonogo.evidence.vaults import REFERENCES
from gonogo.policy.retention import read_retention

if TYPE_CHECKING:
    from gonogo.archive import Hold
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

_BY = "purge"


@dataclass(frozen=True, slots=True)
class Due:
    """A run whose payloads may go."""

    run: str
    mission: str
    retention_class: str
    ended: str
    payloads: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A run whose time is over, and that stays whole."""

    run: str
    mission: str
    owner: str
    """Who holds it."""


@dataclass(frozen=True, slots=True)
class Purge:
    """What is due, and what is held."""

    due: tuple[Due, ...]
    held: tuple[Kept, ...]


def due_now(settings: Settings, at: datetime | None = None) -> Purge:
    """Return what a purge would take at a moment, now if none is given; changes nothing.

    Raises:
        PolicyBroken: ``policies/retention.yaml`` is missing or does not hold.
        EvidenceBroken: a stream does not hold; nothing goes while nobody can tell what it is.

    """
    now = at or datetime.now(UTC)
    retention, journal = read_retention(settings.policy_folder), journal_of(settings)
    standing, due, kept = holds(facts(settings)), list[Due](), list[Kept]()
    for run_id in journal.run_ids():
        if not journal.has_ended(run_id):
            continue
        records = journal.read_flight(run_id)
        mission, ended = records[0].fields["missionid"], records[-1].fields["recordedtime"]
        if moment(ended) + retention.payloads_kept(mission) > now:
            continue
        count = len(payloads_of(journal, run_id))
        if not count:
            continue
        holder = _holder(standing, run_id, records)
        if holder is not None:
            kept.append(Kept(run_id, mission, holder.owner))
        else:
            due.append(Due(run_id, mission, retention.class_of(mission), ended, count))
    return Purge(tuple(due), tuple(kept))


def purge(settings: Settings, at: datetime | None = None) -> Purge:
    """Take the payloads of every run that is due out of the journals, and record each.

    Raises:
        PolicyBroken, EvidenceBroken: see :func:`due_now`; nothing is taken.
        EvidenceUnwritable: the recorder or the journals cannot be written; what was not taken stays whole.

    """
    finish(settings)
    found, gone = due_now(settings, at), list[Due]()
    for each in found.due:
        begun = {"event": "purging", "act": uuid7(), "target": each.run, "retention": each.retention_class}
        # Looked at once more: somebody may have laid a hold on it meanwhile.
        if _holder(holds(facts(settings)), each.run, journal_of(settings).read_flight(each.run)) is not None:
            continue
        note(settings, begun, by=_BY)
        if _take(settings, begun["act"], each.run):
            gone.append(each)
    return Purge(tuple(gone), found.held)


def finish(settings: Settings) -> list[str]:
    """Finish what a crash left half purged; return those runs. A hold that came after it began keeps nothing back."""
    pending = [each for each in unfinished(facts(settings)) if each.event == "purging"]
    return [each.target for each in pending if _take(settings, each.id, each.target)]


def _take(settings: Settings, act: str, run_id: str) -> bool:
    try:
        count = erase_payloads(journal_of(settings), run_id)
    except RunBusy:
        # Somebody looks at it under its lease; the next purge comes back.
        return False
    note(settings, {"event": "purged", "act": act, "target": run_id, "payloads": count}, by=_BY)
    return True


def _holder(standing: list[Hold], run_id: str, records: list[Record]) -> Hold | None:
    """Return a hold on a run, on its mission, or on one of its subjects."""
    mission = records[0].fields["missionid"]
    subjects = str(records[0].fields.get(REFERENCES, "")).split(",")
    for each in standing:
        match each.kind:
            case "run" if each.target == run_id:
                return each
            case "mission" if each.target == mission:
                return each
            case "subject" if each.target in subjects or any(_speaks_of(record, each.target) for record in records):
                return each
            case _:
                continue
    return None


def _speaks_of(record: Record, identity: str) -> bool:
    return record.payload is not None and identity.encode() in record.payload.body


def subject_reference(settings: Settings, subject: str) -> str | None:
    """Return how evidence names a subject; ``None`` where there is no key of theirs."""
    key = keyring_at(settings.home).find(subject)
    return None if key is None else key.id
