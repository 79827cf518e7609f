"""The docket: drift findings that somebody owns, from the day they were found until later data shows them gone.

The facts stand in the stream ``docket/desk`` of the journals, as evidence like any other: opened, routed,
closed. What is known of a finding is folded from them, so a crash between two of them loses nothing: what
was opened and not routed is routed next time. Each fact is written in an exclusive turn in which the
stream is read first, so two watchers at once open, route and close a finding once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from gonogo.evidence.canon import moment, plain_text, sha256_hex, timestamp
from gonogo.evidence.journals import journal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

DOCKET = "docket"
"""The name under which the facts stand in the journals; no run bears it."""

State = Literal["open", "routed", "closed"]
"""open: found, and nobody was told yet. routed: its owner has it. closed: later runs passed the same question."""

_TEXT_MAX = 1_000
_ID_HEX = 10


@dataclass(frozen=True, slots=True)
class Found:
    """A finding that is to be opened."""

    monitor: str
    mission: str
    subject: str
    """Step, field, role, constraint or check it is about; empty for the mission as a whole."""
    severity: str
    owner: str
    deputy: str
    route: str
    due_at: datetime
    """By when it has to be dealt with."""
    sentence: str
    reference_through: datetime | None
    """When the newest run of the baseline had ended; ``None`` where a sealed one is used."""
    after: datetime
    """When the newest run that was judged had ended: only later ones can show that it is gone."""
    needs_runs: int
    """How many later runs have to pass."""
    deployments: tuple[str, ...] = ()
    """Prefect deployments that the runs came from."""
    agents: tuple[str, ...] = ()
    """Agents that acted in the runs."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings the same one."""
        return self.monitor, self.mission, self.subject


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding on the docket."""

    id: str
    found: Found
    opened_at: datetime
    state: State = "open"
    routed_at: datetime | None = None
    receipt: str = ""
    """What the route came to: the ticket, and what else was done."""
    closed_at: datetime | None = None
    verified_runs: int = 0
    """How many later runs passed."""
    closed_because: str = ""

    @property
    def is_overdue(self) -> bool:
        """Whether it is past its due time and not closed."""
        return self.state != "closed" and datetime.now(UTC) > self.found.due_at


def entries(settings: Settings) -> list[Entry]:
    """Return every finding there ever was, oldest first.

    Raises:
        EvidenceBroken: the stream's chain does not hold.

    """
    return list(_folded(journal_of(settings).read_desk(DOCKET)).values())


_known: dict[tuple[object, ...], frozenset[str]] = {}


def demoted_agents(settings: Settings) -> frozenset[str]:
    """Return the agents that a finding demotes now: from when it is routed until it is closed.

    Asked at the start of each flight, so it reads the docket only where that has grown.

    Raises:
        EvidenceBroken: the docket's chain does not hold; whoever cannot tell who is demoted flies nobody.

    """
    journal = journal_of(settings)
    position = journal.desk_position(DOCKET)
    if not position:
        return frozenset()
    place = (os.getpid(), settings.journals or settings.home)
    if (*place, position) not in _known:
        for old in [key for key in _known if key[:2] == place]:
            del _known[old]
        routed = (entry.found for entry in entries(settings) if entry.state == "routed")
        _known[*place, position] = frozenset(
            name for found in routed if found.route == "demote" for name in found.agents
        )
    return _known[*place, position]


def open_findings(settings: Settings, found: Iterable[Found]) -> list[Entry]:
    """Put on the docket what is not on it yet, and return what is new.

    One that is not closed is not opened again, however often it is found; one that was closed is, under
    another number.

    Raises:
        EvidenceUnwritable: the recorder cannot write; nothing is opened.

    """
    wanted = list(found)
    if not wanted:
        return []

    def facts(known: dict[str, Entry]) -> list[tuple[Found, dict[str, Any]]]:
        told: list[tuple[Found, dict[str, Any]]] = []
        taken = {entry.found.key for entry in known.values() if entry.state != "closed"}
        for each in wanted:
            if each.key not in taken:
                taken.add(each.key)
                number = 1 + sum(entry.found.key == each.key for entry in known.values())
                told.append((each, _opening(_id_of(each, number), each)))
        return told

    return _write(settings, facts)


def note_routed(settings: Settings, entry: Entry, receipt: str) -> Entry | None:
    """Record that a finding's owner has it; ``None`` where that is recorded already, or it is closed."""
    return _advance(settings, entry, "open", {"event": "routed", "receipt": plain_text(receipt, _TEXT_MAX)})


def note_closed(settings: Settings, entry: Entry, runs: int, because: str) -> Entry | None:
    """Record that later runs show a finding gone; ``None`` where it is not routed, or closed already.

    Args:
        settings: whose docket it is.
        entry: the finding.
        runs: how many later runs passed; fewer than it needs do not close it.
        because: the verdict, in one sentence.

    """
    if runs < entry.found.needs_runs:
        return None
    return _advance(
        settings, entry, "routed", {"event": "closed", "runs": runs, "because": plain_text(because, _TEXT_MAX)}
    )


def _advance(settings: Settings, entry: Entry, before: State, told: dict[str, Any]) -> Entry | None:
    def facts(known: dict[str, Entry]) -> list[tuple[Found, dict[str, Any]]]:
        now = known.get(entry.id)
        if now is None or now.state != before:
            return []
        return [(now.found, {"finding": entry.id, "monitor": now.found.monitor, **told})]

    return next(iter(_write(settings, facts)), None)


def _write(settings: Settings, facts: Callable[[dict[str, Entry]], list[tuple[Found, dict[str, Any]]]]) -> list[Entry]:
    """Take a turn at the docket: read it, decide what is to be said, make that durable; return whom it is about."""
    with journal_of(settings).open_desk(DOCKET) as desk:
        told = facts(_folded(desk.records))
        written = [
            desk.append(_envelope(settings, found.mission), "drift_record", {"objects": [], "phase": "fact", **data})
            for found, data in told
        ]
        if not written:
            return []
        desk.commit_now()
        after = _folded([*desk.records, *written])
    return [after[record.data["finding"]] for record in written]


def _id_of(found: Found, number: int) -> str:
    return f"drift-{sha256_hex(chr(10).join(found.key).encode())[:_ID_HEX]}-{number}"


def _opening(identity: str, found: Found) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event": "opened",
        "finding": identity,
        "monitor": found.monitor,
        "mission": found.mission,
        "subject": plain_text(found.subject, _TEXT_MAX),
        "severity": found.severity,
        "owner": found.owner,
        "deputy": found.deputy,
        "route": found.route,
        "due_at": timestamp(found.due_at),
        "sentence": plain_text(found.sentence, _TEXT_MAX),
        "after": timestamp(found.after),
        "needs_runs": found.needs_runs,
        "deployments": list(found.deployments),
        "agents": list(found.agents),
    }
    if found.reference_through is not None:
        told["reference_through"] = timestamp(found.reference_through)
    return told


def _envelope(settings: Settings, mission: str) -> dict[str, Any]:
    return {
        "runid": DOCKET,
        "subject": DOCKET,
        "tenantid": settings.tenant,
        "envname": settings.environment,
        "missionid": mission,
        "authtype": "system",
        "authid": "watch_drift",
    }


def _folded(records: Iterable[Record]) -> dict[str, Entry]:
    """Return what the facts come to, by the finding's id."""
    known: dict[str, Entry] = {}
    for record in records:
        if record.artifact == "drift_record":
            data, at = record.data, moment(record.fields["time"])
            match data["event"]:
                case "opened":
                    known[data["finding"]] = Entry(data["finding"], _found(data), at)
                case "routed":
                    known[data["finding"]] = replace(
                        known[data["finding"]], state="routed", routed_at=at, receipt=data["receipt"]
                    )
                case _:
                    known[data["finding"]] = replace(
                        known[data["finding"]],
                        state="closed",
                        closed_at=at,
                        verified_runs=data["runs"],
                        closed_because=data["because"],
                    )
    return known


def _found(data: dict[str, Any]) -> Found:
    through = data.get("reference_through")
    return Found(
        monitor=data["monitor"],
        mission=data["mission"],
        subject=data["subject"],
        severity=data["severity"],
        owner=data["owner"],
        deputy=data["deputy"],
        route=data["route"],
        due_at=moment(data["due_at"]),
        sentence=data["sentence"],
        reference_through=None if through is None else moment(through),
        after=moment(data["after"]),
        needs_runs=data["needs_runs"],
        deployments=tuple(data["deployments"]),
        agents=tuple(data["agents"]),
    )
