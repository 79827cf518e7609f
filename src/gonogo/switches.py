"""Switches: what is halted, by whom and why, as durable facts that hold until somebody re-arms.

The facts stand in the stream ``switchboard/desk`` of the home's own files, also where a Postgres
keeps the journals of the runs: a switch that is thrown here holds here, whatever else is down.
Nothing is taken back: to re-arm is another fact, which names the halts it lifts, so facts may come
from other machines in any order. A switchboard that cannot be read halts everything.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import GonogoError, SwitchRefused
from gonogo.evidence.canon import moment, payload_bytes, plain_text, timestamp, uuid7
from gonogo.evidence.journal import FileJournal
from gonogo.targets import UNREADABLE, Halt, Target

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

SWITCHBOARD = "switchboard"
"""The name under which the facts stand in the journals; no run bears it."""
LOOK_SECONDS = 0.05
"""How old, at most, what a process knows of its home's switchboard is when it begins something."""
UNREADABLE_SECONDS = 1.0
"""After so long without being able to look, everything counts as halted."""
NAME_MAX = 300


def halt(
    settings: Settings,
    target: Target,
    reason: str,
    *,
    by: str,
    signal: str | None = None,
    figures: Mapping[str, int | str] | None = None,
) -> Halt:
    """Throw a switch; when this returns it is durable in this home, and its processes act on it within 50 ms.

    Costs one append to a file and waits for nobody: :mod:`gonogo.lookout` stops what flies.

    Args:
        settings: whose home it is.
        target: what to stop.
        reason: why; becomes evidence.
        by: who says so: a person's name, or the monitor's.
        signal: the name of the signal, where a monitor throws it.
        figures: what it measured and the threshold, as whole numbers and text.

    Raises:
        SwitchRefused: the target, the name or the reason is empty or holds control characters; nothing is halted.
        EvidenceUnwritable: the home cannot be written.

    """
    _check(target, by, reason)
    thrown = Halt(
        target, plain_text(reason, 1_000), plain_text(by, 200), signal, datetime.now(UTC), uuid7(),
        dict(figures or {}), settings.environment,
    )  # fmt: skip
    data: dict[str, Any] = {
        "event": "halted",
        "switch": thrown.id,
        "target_kind": target.kind,
        "target": target.name,
        "by": thrown.by,
        "proof": "unproven" if signal is None else "signal",
        "figures": dict(thrown.figures),
    }
    if signal is not None:
        data["signal"] = plain_text(signal, 100)
    append(settings, data, payload_bytes({"reason": thrown.reason}), thrown.when)
    # Whatever flies in this very process begins nothing more from here on.
    switchboard(settings).look()
    return thrown


def rearm(
    settings: Settings,
    target: Target,
    reason: str,
    *,
    by: str,
    vouched: Mapping[str, Any] | None = None,
    only: Collection[str] | None = None,
) -> list[Halt]:
    """Lift the halts of exactly this target, and return them; what they stopped does not start by itself.

    Re-arming is an approval of its own. In ``dev`` an unproven name with a reason counts, and is recorded as
    unproven; elsewhere it takes proof, which :mod:`gonogo.rearmings` looks at.

    Args:
        settings: whose home it is.
        target: what may go on.
        reason: why; becomes evidence.
        by: who says so.
        vouched: what the record says about the proof, where somebody has looked at one.
        only: ids of the halts to lift; all of the target, if not given.

    Raises:
        SwitchRefused: the target is not halted, the name does not count here, or something is empty.
        EvidenceUnwritable: the home cannot be written; everything stays halted.

    """
    _check(target, by, reason)
    lifted = [known for known in halts(settings) if known.target == target and (only is None or known.id in only)]
    if not lifted:
        raise SwitchRefused(f"{str(target).capitalize()} is not halted; `gonogo abort --list` shows what is.")
    strict = {settings.environment, *(known.environment for known in lifted)} - {"dev"}
    if strict and vouched is None:
        raise SwitchRefused(
            f"{plain_text(by, 200)} is a name without proof, which re-arms {target} only in the dev environment; "
            f"this is {min(strict)}. It stays halted."
        )
    data: dict[str, Any] = {
        "event": "rearmed",
        "switch": uuid7(),
        "target_kind": target.kind,
        "target": target.name,
        "by": plain_text(by, 200),
        "proof": "unproven",
        "lifts": [known.id for known in lifted],
        **(vouched or {}),
    }
    append(settings, data, payload_bytes({"reason": plain_text(reason, 1_000)}), datetime.now(UTC))
    return lifted


def halts(settings: Settings) -> tuple[Halt, ...]:
    """Return what is halted now, oldest first; looks, and does not rely on what it saw a moment ago."""
    return switchboard(settings).look()


def halted(
    settings: Settings, *, run_id: str | None = None, mission: str | None = None, agents: Collection[str] = ()
) -> Halt | None:
    """Return the first halt that covers a run, a mission or an agent; ``None`` where it may go on. Looks afresh."""
    return covering(halts(settings), run_id, mission, agents)


def covering(
    known: Collection[Halt], run_id: str | None, mission: str | None, agents: Collection[str] = ()
) -> Halt | None:
    """Return the first of these halts that covers a run."""
    return next((each for each in known if each.target.covers(run_id, mission, agents)), None)


class Switchboard:
    """What one process knows of a home's switches."""

    def __init__(self, journal: FileJournal) -> None:
        self.journal = journal
        self._path = os.fspath(journal.desk_path(SWITCHBOARD))
        self._lock = threading.Lock()
        self._thrown: dict[str, Halt] = {}
        self._lifted: set[str] = set()
        self._in_force: tuple[Halt, ...] = ()
        self._seen: tuple[int, int, int] | None = None
        self._looked = self._could_look = float("-inf")

    def known(self) -> tuple[Halt, ...]:
        """Return what is halted, as of :data:`LOOK_SECONDS` ago at most; a few hundred nanoseconds."""
        return self._in_force if time.monotonic() - self._looked < LOOK_SECONDS else self.look()

    def look(self) -> tuple[Halt, ...]:
        """Return what is halted now: one ``stat()``, and the facts are read again where they have changed."""
        begun = time.monotonic()
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - asked for many times a second; cheaper
            state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if state != self._seen:
                self._read(state)
        except (FileNotFoundError, NotADirectoryError) as error:
            # Where nothing was ever thrown there is no file; a home that is none stops at the recorder.
            if self._seen is not None:
                return self._unreadable(begun, error)
        except (OSError, GonogoError, LookupError, TypeError, ValueError) as error:
            return self._unreadable(begun, error)
        self._looked = self._could_look = begun
        return self._in_force

    def _read(self, state: tuple[int, int, int]) -> None:
        """Take in the facts; what was known stays known, so a file that is cut back lifts nothing."""
        records = self.journal.read_desk(SWITCHBOARD)
        with self._lock:
            for record in records:
                if record.data.get("event") == "rearmed":
                    self._lifted.update(record.data["lifts"])
                elif record.data.get("event") == "halted":
                    self._thrown.setdefault(record.data["switch"], as_halt(record))
            found = [known for known in self._thrown.values() if known.id not in self._lifted]
            self._in_force = tuple(sorted(found, key=lambda known: known.when))
            self._seen = state

    def _unreadable(self, now: float, error: Exception) -> tuple[Halt, ...]:
        """Keep to what is known for a moment; then nothing goes on, for nobody knows what is halted."""
        self._looked = now
        if now - self._could_look < UNREADABLE_SECONDS:
            return self._in_force
        why = plain_text(f"The switchboard at {self._path} cannot be read ({error}); nothing goes on until it can.")
        return (Halt(Target("all"), why, "gonogo", UNREADABLE, datetime.now(UTC)), *self._in_force)


_boards: dict[str, Switchboard] = {}


def switchboard(settings: Settings) -> Switchboard:
    """Return this process's view of the switches of a home."""
    place = os.path.abspath(settings.home)  # noqa: PTH100 - asked for by each run; cheaper
    board = _boards.get(place)
    if board is None:
        board = _boards.setdefault(place, Switchboard(local_journal(settings)))
    return board


def local_journal(settings: Settings) -> FileJournal:
    """Return the home's own files, whatever keeps the journals of its runs."""
    return FileJournal(settings.home / "journals")


def as_halt(record: Record) -> Halt:
    """Return the halt that a record tells of."""
    data = record.data
    return Halt(
        target=Target(data["target_kind"], data["target"]),
        reason=str(record.body_object().get("reason", "")),
        by=data["by"],
        signal=data.get("signal"),
        when=moment(record.fields["time"]),
        id=data["switch"],
        figures=data.get("figures", {}),
        environment=record.fields.get("envname", ""),
    )


def append(settings: Settings, data: Mapping[str, Any], payload: bytes | None, when: datetime) -> None:
    """Make a fact durable in the home's own switchboard."""
    objects = [{"id": data["target"], "type": data["target_kind"]}]
    data = {"objects": objects, "phase": "fact", **data}
    with local_journal(settings).open_desk(SWITCHBOARD) as desk:
        desk.append(envelope(settings, data), "switch_record", data, payload=payload, occurred=timestamp(when))
        desk.commit_now()


def envelope(settings: Settings, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record of the switchboard."""
    return {
        "runid": SWITCHBOARD,
        "subject": SWITCHBOARD,
        "tenantid": settings.tenant,
        "envname": settings.environment,
        "missionid": data["target"] if data["target_kind"] == "mission" else "",
        "authtype": {"signal": "system", "signature": "user"}.get(data["proof"], "unauthenticated"),
        "authid": data["by"],
    }


def _check(target: Target, by: str, reason: str) -> None:
    """Refuse what nobody can have meant; a name that is shown later must not move anybody's cursor."""
    if (target.kind == "all") != (not target.name):
        raise SwitchRefused("Name one run, one mission or one agent, or say all.")
    for what, text in (("the target", target.name), ("the name", by)):
        if len(text) > NAME_MAX or not text.isprintable():
            raise SwitchRefused(f"{what.capitalize()} holds control characters or is too long: {text[:40]!r}.")
    if not by.strip() or not reason.strip():
        raise SwitchRefused("A switch takes a name and a reason; without either it tells nobody anything.")
