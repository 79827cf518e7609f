"""Halting other processes: by a file they share, with nothing else up; and when one of them is killed on the way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.evidence.journals import journal_of
from gonogo.house.halting import StandDown
from gonogo.settings import Settings
from gonogo.switches import Halt, Target, halt, halts
from tests.gonogo.toy.stone import carved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0


@pytest.fixture(name="fleet")
def _fleet(tmp_path: Path) -> Iterator[Fleet]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    fleet = Fleet(tmp_path)
    yield fleet
    for process in fleet.processes:
        process.kill()
        process.communicate()


class Fleet:
    """Processes that fly runaways of one home."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, name: str, cases: int = 1) -> subprocess.Popen[str]:
        """Start one, and return once all of its cases carve."""
        command = [sys.executable, "-m", "tests.gonogo.toy.runaways", str(self.settings.home), name, str(cases)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        until(lambda: len({who for who in self.carvers() if who.partition("-")[0] == name}) == cases)
        return process

    def carvers(self) -> list[str]:
        """Return who carved, stroke by stroke."""
        return [text.partition(" ")[0] for text, _ in carved(self.settings.home)]

    def halt(self, target: Target) -> tuple[Halt, StandDown]:
        """Halt something, and wait until nothing of it is in flight."""
        thrown = halt(self.settings, target, "It runs away.", by="ada")
        down = StandDown(self.settings)
        assert down.wait((thrown,), PATIENCE_SECONDS) == []
        return thrown, down


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_processes_stop_and_nothing_happens_after_the_acknowledgement(fleet: Fleet) -> None:
    """One flies a single run, one a batch; every stroke on the stone is on record, once."""
    alone, batch = fleet.start("a"), fleet.start("b", 5)
    _, down = fleet.halt(Target("mission", "runaway"))
    strokes = fleet.carvers()
    for process, count in ((alone, 1), (batch, 5)):
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert out.split() == ["aborted"] * count
    assert fleet.carvers() == strokes
    assert down.ended == []
    journal = journal_of(fleet.settings)
    done = [
        record
        for run_id in journal.run_ids()
        for record in journal.read_flight(run_id)
        if record.artifact == "tool_call" and record.data.get("outcome") == "done"
    ]
    assert len(done) == len(strokes)


def test_a_run_of_one_process_is_halted_and_the_other_flies_on(fleet: Fleet) -> None:
    """A halt is for whom it names, wherever they fly."""
    fleet.start("a")
    fleet.start("b")
    fleet.halt(Target("run", "a"))
    before = fleet.carvers().count("b")
    until(lambda: fleet.carvers().count("b") > before)
    assert journal_of(fleet.settings).live_run_ids() == ["b"]


def test_a_process_that_is_killed_while_it_stops_leaves_a_run_that_is_ended_all_the_same(fleet: Fleet) -> None:
    """Whoever threw the switch ends it, once, and names what is in doubt."""
    process = fleet.start("a", 3)
    thrown = halt(fleet.settings, Target("all"), "It runs away.", by="ada")
    process.kill()
    process.wait()
    down = StandDown(fleet.settings)
    assert down.wait((thrown,), PATIENCE_SECONDS) == []
    journal = journal_of(fleet.settings)
    for run_id in journal.run_ids():
        records = journal.read_flight(run_id)
        ends = [r for r in records if r.artifact == "run_record" and r.data["phase"] == "result"]
        assert [end.data["status"] for end in ends] == ["aborted"]
    assert StandDown(fleet.settings).look(halts(fleet.settings)) == []


def test_a_process_that_comes_up_while_it_is_halted_begins_nothing(fleet: Fleet) -> None:
    """Neither a single run nor a batch."""
    halt(fleet.settings, Target("mission", "runaway"), "It runs away.", by="ada")
    command = [sys.executable, "-m", "tests.gonogo.toy.runaways", str(fleet.settings.home), "a", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["aborted"] * 4
    assert carved(fleet.settings.home) == []
    assert journal_of(fleet.settings).run_ids() == []
