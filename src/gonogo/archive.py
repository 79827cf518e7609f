"""The archive: what is held, what was erased and what was purged, as durable facts.

They stand in the stream ``archive/desk`` of the journals. What is begun is recorded before it is done, and once
more when it is done, so that whatever a crash left half done is known, and finished by the next who comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gonogo.errors import RetentionRefused
from gonogo.evidence.canon import payload_bytes, plain_text, uuid7
from gonogo.evidence.journals import journal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

ARCHIVE = "archive"
"""The name under which the facts stand in the journals; no run bears it."""

HoldKind = Literal["run", "mission", "subject"]
"""What is kept from being purged and erased: one run, all runs of a mission, or all about one person."""

Undone = Literal["erasing", "purging"]
"""erasing: a subject's key is to be destroyed, and their open runs ended. purging: a run's payloads are to go."""

_DONE: dict[str, str] = {"erasing": "erased", "purging": "purged"}


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold that nobody has released."""

    id: str
    kind: HoldKind
    target: str
    """The run, the mission, or the id of the subject's key."""
    owner: str
    """Who answers for it."""
    since: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Something that is to go, and is not recorded as gone."""

    id: str
    event: Undone
    target: str
    """The id of the subject's key, or the run."""
    data: Mapping[str, Any]


def facts(settings: Settings) -> list[Record]:
    """Return everything that was ever held, erased or purged, oldest first.

    Raises:
        EvidenceBroken: the stream's chain does not hold; nothing may go while nobody can tell what is held.

    """
    return journal_of(settings).read_desk(ARCHIVE)


def holds(records: list[Record]) -> list[Hold]:
    """Return what is held now."""
    found: dict[str, Hold] = {}
    for record in records:
        data = record.data
        if data["event"] == "held":
            kind, since = data["target_kind"], record.fields["time"]
            found[data["act"]] = Hold(data["act"], kind, data["target"], data["owner"], since)
        elif data["event"] == "released":
            for name in data["lifts"]:
                found.pop(name, None)
    return list(found.values())


def unfinished(records: list[Record]) -> list[Begun]:
    """Return what was begun and is not recorded as done, oldest first."""
    found: dict[str, Begun] = {}
    for record in records:
        data = record.data
        if data["event"] in _DONE:
            found[data["act"]] = Begun(data["act"], data["event"], data["target"], data)
        elif data["event"] in _DONE.values():
            found.pop(data["act"], None)
    return list(found.values())


def erased_count(records: list[Record]) -> int:
    """Return how many data subjects were erased."""
    return sum(record.data["event"] == "erased" for record in records)


def hold(settings: Settings, kind: HoldKind, target: str, reason: str, *, owner: str, by: str) -> Hold:
    """Keep something from being purged and erased until it is released; durable when this returns.

    Args:
        settings: whose evidence.
        kind: what is held.
        target: the run, the mission, or the id of a subject's key.
        reason: why; becomes evidence.
        owner: who answers for it.
        by: who says so.

    Raises:
        RetentionRefused: the reason or the owner is empty.
        EvidenceUnwritable: it cannot be recorded, so it is not held.

    """
    if not reason.strip() or not owner.strip():
        raise RetentionRefused("A hold takes a reason and an owner; somebody has to release it some day.")
    data = {"event": "held", "act": uuid7(), "target_kind": kind, "target": target, "owner": plain_text(owner, 200)}
    record = note(settings, data, by=by, reason=reason)
    return Hold(data["act"], kind, target, data["owner"], record.fields["time"])


def release(settings: Settings, kind: HoldKind, target: str, reason: str, *, by: str) -> list[Hold]:
    """Release every hold of exactly this target, and return them.

    Raises:
        RetentionRefused: it is not held, or the reason is empty; it stays held.

    """
    if not reason.strip():
        raise RetentionRefused("A release takes a reason; it stays held.")
    found = [each for each in holds(facts(settings)) if (each.kind, each.target) == (kind, target)]
    if not found:
        raise RetentionRefused(f"That {kind} is not held; `gonogo hold --list` shows what is.")
    data = {"event": "released", "act": uuid7(), "target_kind": kind, "target": target}
    note(settings, data | {"lifts": [each.id for each in found]}, by=by, reason=reason)
    return found


def note(settings: Settings, data: Mapping[str, Any], *, by: str, reason: str = "") -> Record:
    """Record a fact, durable when this returns.

    Raises:
        EvidenceUnwritable: it cannot be recorded; what was to follow must not happen.

    """
    told: dict[str, Any] = {"objects": [], "phase": "fact", "by": plain_text(by, 200), **data}
    body = payload_bytes({"reason": plain_text(reason, 1_000)}) if reason else None
    envelope: dict[str, Any] = {
        "runid": ARCHIVE,
        "subject": ARCHIVE,
        "tenantid": settings.tenant,
        "envname": settings.environment,
        "missionid": "",
        "authtype": "unauthenticated",
        "authid": told["by"],
    }
    with journal_of(settings).open_desk(ARCHIVE) as desk:
        record = desk.append(envelope, "retention_record", told, payload=body)
        desk.commit_now()
    return record
