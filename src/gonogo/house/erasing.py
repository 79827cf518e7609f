"""Erasing a person: their key is destroyed, and with it every value of theirs that evidence holds anywhere.

Nothing is rewritten: journals, log, warehouse, marts, exports and copies hold ciphertext only, and every proof
stays valid. A run of theirs that is still open cannot go on without those values; it ends as an exception that
its owner has. The order is: record that it begins, destroy the key, end the runs, record that it is done. What a
crash leaves undone is finished by the next call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.archive import facts, holds, note, unfinished
from gonogo.errors import RetentionRefused
from gonogo.evidence.canon import plain_text, uuid7
from gonogo.evidence.journals import journal_of
from gonogo.evidence.keyring import keyring_at
from gonogo.evidence.vaults import HIDDEN
from gonogo.house.halting import StandDown
from gonogo.switches import Target, covering, halt, halts

if TYPE_CHECKING:
    from gonogo.archive import Begun, Hold
    from gonogo.evidence.journals import Journal
    from gonogo.settings import Settings

WAIT_SECONDS = 30.0
"""How long a run that flies now may take to end."""

_BY = "erase"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What came of erasing one person."""

    reference: str
    """How evidence names the person: the random id of the key they had."""
    runs: int
    """Runs whose evidence held something of theirs."""
    ended: tuple[str, ...]
    """Runs that were open, and were ended."""
    open: tuple[str, ...] = ()
    """Runs that still fly; the erasure is done once they have ended, and the next call sees to it."""


def erase(settings: Settings, subject: str, reason: str, *, by: str, wait_seconds: float = WAIT_SECONDS) -> Erasure:
    """Destroy a data subject's key, end their open runs, and record it without their name.

    Args:
        settings: whose evidence.
        subject: the business key that the missions name the person by.
        reason: why; becomes evidence, without the subject's own name.
        by: who says so.
        wait_seconds: how long to wait for runs that fly now.

    Raises:
        RetentionRefused: there is no such subject, or they, or a run or mission of theirs, are held.
        EvidenceUnwritable: it cannot be recorded, so nothing is erased.

    """
    finished = finish(settings, wait_seconds=wait_seconds)
    key = keyring_at(settings.home).find(subject)
    if key is None:
        if finished:
            return finished[-1]
        raise RetentionRefused("No key of such a subject is here: there was never anything of theirs, or it is erased.")
    journal = journal_of(settings)
    standing = holds(facts(settings))
    if held := _held(standing, journal, key.id):
        raise RetentionRefused(
            f"Nothing is erased: it is held by {held.owner} since {held.since[:10]} ({held.kind}). "
            f"`gonogo release` lifts a hold."
        )
    if not reason.strip():
        raise RetentionRefused("An erasure takes a reason; nothing is erased.")
    data = {"event": "erasing", "act": uuid7(), "target": key.id}
    told = plain_text(reason.replace(subject, HIDDEN), 1_000)
    note(settings, data, by=by, reason=told)
    pending = next(each for each in unfinished(facts(settings)) if each.id == data["act"])
    return _carry_out(settings, pending, by, wait_seconds)


def finish(settings: Settings, *, wait_seconds: float = WAIT_SECONDS) -> list[Erasure]:
    """Finish every erasure that a crash, or a run that would not end, left undone; return those."""
    return [
        _carry_out(settings, each, str(each.data["by"]), wait_seconds)
        for each in unfinished(facts(settings))
        if each.event == "erasing"
    ]


def _carry_out(settings: Settings, begun: Begun, by: str, wait_seconds: float) -> Erasure:
    journal = journal_of(settings)
    keyring_at(settings.home).destroy(begun.target)
    runs = runs_of(journal, begun.target)
    ended, still = _end(settings, [run for run in runs if not journal.has_ended(run)], begun.target, wait_seconds)
    if not still:
        done = {"event": "erased", "act": begun.id, "target": begun.target, "runs": len(runs), "ended": len(ended)}
        note(settings, done, by=by)
    return Erasure(begun.target, len(runs), tuple(ended), tuple(still))


def runs_of(journal: Journal, identity: str) -> list[str]:
    """Return the runs whose evidence holds something under a key."""
    return journal.runs_mentioning(identity)


def _end(settings: Settings, runs: list[str], identity: str, wait_seconds: float) -> tuple[list[str], list[str]]:
    """End open runs through the kill switch, which reaches them in whichever process they fly."""
    down, still = StandDown(settings), list[str]()
    for run_id in runs:
        found = covering(halts(settings), run_id, None)
        if found is None:
            why = f"The data subject {identity} was erased; what this run knew of them is gone."
            found = halt(settings, Target("run", run_id), why, by=_BY)
        still += down.wait((found,), wait_seconds)
    return [run for run in runs if run not in still], still


def _held(standing: list[Hold], journal: Journal, identity: str) -> Hold | None:
    """Return a hold on a subject, or on anything of theirs."""
    runs: list[str] | None = None
    for each in standing:
        if each.kind == "subject":
            if each.target == identity:
                return each
            continue
        runs = runs_of(journal, identity) if runs is None else runs
        for run_id in runs:
            if each.target == (run_id if each.kind == "run" else journal.read_flight(run_id)[0].fields["missionid"]):
                return each
    return None
