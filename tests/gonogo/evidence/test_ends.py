"""Ends: what a process remembers of finished runs stays within bounds, and is right whether it is remembered or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.evidence import ends
from gonogo.evidence.journal import FileJournal

if TYPE_CHECKING:
    from pathlib import Path

RUNS, REMEMBERED = 60, 20


class Looks:
    """Which streams were really read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        whole = ends.reads_as_ended

        def reads(path: Path) -> bool:
            self.read.append(path.stem)
            return whole(path)

        monkeypatch.setattr(ends, "reads_as_ended", reads)

    def since(self) -> int:
        """Return how many were read since it was last asked."""
        read, self.read = len(self.read), []
        return read


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """A memory for few runs and two homes, and an eye on what is read."""
    monkeypatch.setattr(ends, "RUNS_MAX", REMEMBERED)
    monkeypatch.setattr(ends, "HOMES_MAX", 2)
    return Looks(monkeypatch)


def fly(journal: FileJournal, run_id: str, phase: str) -> None:
    """Write a run's last record."""
    stream = journal.open_flight(run_id)
    stream.append({"runid": run_id}, "run_record", {"objects": [], "phase": phase})
    stream.commit_now()
    stream.close()


def remembered(journal: FileJournal) -> int:
    """Return how many runs of a home this process remembers."""
    return len(ends.ends_in(journal.root / "flights").known)


def test_more_runs_than_fit_are_told_apart_all_the_same(tmp_path: Path, looks: Looks) -> None:
    """Those that are remembered are not read again; the others are, every time."""
    journal = FileJournal(tmp_path / "journals")
    for number in range(RUNS):
        fly(journal, f"r{number}", "result" if number % 3 else "fact")
    live = {f"r{number}" for number in range(0, RUNS, 3)}
    for expected in (RUNS, RUNS - REMEMBERED, RUNS - REMEMBERED):
        assert set(journal.live_run_ids()) == live
        assert looks.since() == expected
        assert remembered(journal) == REMEMBERED


def test_a_run_that_ends_is_seen_although_the_memory_is_full(tmp_path: Path, looks: Looks) -> None:
    """Whether it is remembered as living or not at all."""
    journal = FileJournal(tmp_path / "journals")
    runs = [f"r{number}" for number in range(RUNS)]
    for run_id in runs:
        fly(journal, run_id, "fact")
    assert set(journal.live_run_ids()) == set(runs)
    for run_id in runs:
        fly(journal, run_id, "result")
        assert journal.has_ended(run_id)
    assert journal.live_run_ids() == []
    assert remembered(journal) == REMEMBERED
    assert looks.since()


def test_runs_that_are_gone_make_room(tmp_path: Path, looks: Looks) -> None:
    """Old journals that somebody has put away are forgotten, so that new ones are remembered."""
    journal = FileJournal(tmp_path / "journals")
    for number in range(REMEMBERED):
        fly(journal, f"old{number}", "result")
    assert journal.live_run_ids() == []
    for path in (journal.root / "flights").glob("old*.jsonl"):
        path.unlink()
    for number in range(REMEMBERED):
        fly(journal, f"new{number}", "result")
    assert journal.live_run_ids() == []
    looks.since()
    assert journal.live_run_ids() == []
    assert (looks.since(), remembered(journal)) == (0, REMEMBERED)
    assert not journal.has_ended("old1")


def test_the_homes_asked_for_last_are_remembered(tmp_path: Path, looks: Looks) -> None:
    """A process that looks into many, as a test suite does, does not remember them all."""
    journals = [FileJournal(tmp_path / name / "journals") for name in ("one", "two", "three")]
    for journal in journals:
        fly(journal, "r1", "result")
        assert journal.has_ended("r1")
    assert len(ends.HOMES) == 2
    looks.since()
    assert [journal.has_ended("r1") for journal in reversed(journals)] == [True, True, True]
    assert looks.since() == 1
