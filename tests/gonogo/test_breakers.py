"""Breakers: what processes share about a dependency, on files and on Postgres."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gonogo import fuseboxes
from gonogo.breakers import Breaker, breaker_of
from gonogo.dependencies import UNDECLARED, Dependency
from gonogo.errors import DependencyOpen
from gonogo.fuseboxes import FileFusebox, Fusebox, PostgresFusebox
from gonogo.settings import Settings, settings

if TYPE_CHECKING:
    from pathlib import Path

FACTS = Dependency(breaker_failures=2, cool_down_seconds=60)


@pytest.fixture
def board(backend: str, tmp_path: Path) -> Fusebox:
    """Return what a house keeps its breakers in."""
    url = settings().journals
    return PostgresFusebox(url) if backend == "postgres" and url else FileFusebox(tmp_path / "d.sqlite")


class TestFuseboxes:
    """The one row of each dependency."""

    def test_a_dependency_nobody_has_heard_of_is_fine(self, board: Fusebox) -> None:
        """And asking about it writes nothing."""
        assert fuseboxes.read(board, "bank") == fuseboxes.Known()

    def test_failures_in_a_row_open_it_and_one_alone_may_try(self, board: Fusebox) -> None:
        """The pause passes; one probe is let through, and its answer opens the door for all."""
        for number in (1, 2):
            known = fuseboxes.failed(board, "bank", most=2, cool_us=1, is_probe=False)
            assert (known.failures, known.is_open) == (number, number == 2)
        assert [fuseboxes.probe(board, "bank", 60_000_000) for _ in range(3)] == [True, False, False]
        fuseboxes.answered(board, "bank", is_probe=False)
        assert fuseboxes.read(board, "bank").is_open
        fuseboxes.answered(board, "bank", is_probe=True)
        assert not fuseboxes.read(board, "bank").is_open

    def test_a_probe_that_fails_begins_another_pause(self, board: Fusebox) -> None:
        """Nobody may try until that is over; one that says nothing gives its right back."""
        fuseboxes.failed(board, "bank", most=1, cool_us=1, is_probe=False)
        assert fuseboxes.probe(board, "bank", 60_000_000)
        fuseboxes.release(board, "bank")
        assert fuseboxes.probe(board, "bank", 60_000_000)
        assert fuseboxes.failed(board, "bank", most=1, cool_us=60_000_000, is_probe=True).left_us > 50_000_000
        assert not fuseboxes.probe(board, "bank", 60_000_000)

    def test_a_probe_whose_process_died_may_be_made_by_another(self, board: Fusebox) -> None:
        """After the time it had."""
        fuseboxes.failed(board, "bank", most=1, cool_us=1, is_probe=False)
        assert fuseboxes.probe(board, "bank", 1)
        assert fuseboxes.probe(board, "bank", 1)

    def test_an_answer_between_failures_begins_the_count_anew(self, board: Fusebox) -> None:
        """In a row means in a row."""
        fuseboxes.failed(board, "bank", most=2, cool_us=1, is_probe=False)
        fuseboxes.answered(board, "bank", is_probe=False)
        assert not fuseboxes.failed(board, "bank", most=2, cool_us=1, is_probe=False).is_open

    def test_turns_are_booked_one_after_the_other(self, board: Fusebox) -> None:
        """The burst at once, then one each period; what lies past one's patience is not booked."""

        def book(turns: int = 1, patience_us: int = 10**9) -> int | None:
            return fuseboxes.book(board, "bank", turns, period_us=1_000_000, burst=3, patience_us=patience_us)

        assert [book() for _ in range(3)] == [0, 0, 0]
        waits = [book() or 0 for _ in range(3)]
        assert 0 < waits[0] <= 1_000_000 < waits[1] <= 2_000_000 < waits[2] <= 3_000_000
        assert book(patience_us=1_000) is None
        assert 3_000_000 < (book() or 0) <= 4_000_000


class TestBreakers:
    """What one process makes of it."""

    async def test_a_process_hears_of_the_others_failures_within_a_second(self, board: Fusebox) -> None:
        """And says when the dependency is tried again."""
        mine, other = Breaker(board, "bank", FACTS), Breaker(board, "bank", FACTS)
        assert not await mine.admit()
        for _ in range(2):
            await other.ended("failed", is_probe=False)
        mine._read_at = float("-inf")  # pyright: ignore[reportPrivateUsage] - a second later
        with pytest.raises(
            DependencyOpen, match=r"bank is left alone after 2 failures in a row; it is tried again at 2"
        ):
            await mine.admit()

    async def test_of_many_calls_at_once_one_tries(self, board: Fusebox) -> None:
        """The others are refused at once and do not wait for it."""
        facts = FACTS.model_copy(update={"cool_down_seconds": 1})
        mine = Breaker(board, "bank", facts)
        for _ in range(2):
            await mine.ended("failed", is_probe=False)
        mine._open_until = time.monotonic()  # pyright: ignore[reportPrivateUsage] - the pause is over
        board.ask("UPDATE gonogo_dependencies SET open_until = 1 WHERE name = {name} RETURNING 1", "bank")
        told = await asyncio.gather(*(mine.admit() for _ in range(5)), return_exceptions=True)
        assert (
            sorted(str(each).partition(";")[2] for each in told if isinstance(each, Exception))
            == [" another call tries it now."] * 4
        )
        assert told.count(True) == 1
        await mine.ended("answered", is_probe=True)
        assert await mine.admit() is False

    async def test_a_call_that_gets_no_turn_in_time_is_refused(self, board: Fusebox) -> None:
        """With the rate and the way out."""
        facts = Dependency.model_validate({"rate_per_second": "0.1", "burst": 1, "timeout_seconds": 1})
        mine = Breaker(board, "bank", facts)
        await mine.admit()
        with pytest.raises(DependencyOpen, match=r"bank may be asked 0\.1 times in a second, and no turn is free"):
            await mine.admit()

    async def test_a_slice_of_turns_is_leased_with_one_question(self, tmp_path: Path) -> None:
        """The store is not asked for each call."""
        asked: list[str] = []

        class Counting(FileFusebox):
            def ask(self, statement: str, name: str, **numbers: int) -> tuple[int, ...] | None:
                asked.append(name)
                return super().ask(statement, name, **numbers)

        mine = Breaker(Counting(tmp_path / "d.sqlite"), "bank", Dependency.model_validate({"rate_per_second": 400}))
        for _ in range(100):
            await mine.admit()
        assert len(asked) <= 4

    async def test_a_store_that_cannot_be_read_lets_nobody_through(self, tmp_path: Path) -> None:
        """What is not known is not asked."""
        (tmp_path / "d.sqlite").write_bytes(b"this is no database, and nobody has made it one" * 100)
        with pytest.raises(DependencyOpen, match="cannot be read"):
            await Breaker(FileFusebox(tmp_path / "d.sqlite"), "bank", FACTS).admit()

    def test_what_is_not_declared_has_a_breaker_and_no_rate(self, tmp_path: Path) -> None:
        """One for each dependency of a home."""
        chosen = Settings(home=tmp_path)
        assert breaker_of(chosen, "bank", UNDECLARED) is breaker_of(chosen, "bank", UNDECLARED)
        assert UNDECLARED.rate_per_second is None


_TAKING = """
import asyncio, sys, time
from pathlib import Path
from gonogo.breakers import Breaker
from gonogo.dependencies import Dependency
from gonogo.fuseboxes import FileFusebox

async def take():
    facts = Dependency.model_validate({"rate_per_second": 50, "burst": 10})
    breaker = Breaker(FileFusebox(Path(sys.argv[1])), "bank", facts)
    for _ in range(20):
        await breaker.admit()
        print(time.time(), flush=True)

asyncio.run(take())
"""


def test_several_processes_keep_to_one_rate_together(tmp_path: Path) -> None:
    """Sixty calls of three processes at fifty in a second and ten at once take a second."""
    command = [sys.executable, "-c", _TAKING, str(tmp_path / "d.sqlite")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    times = sorted(float(line) for process in started for line in process.communicate()[0].splitlines())
    assert len(times) == 60
    for first, last in ((0, 59), (0, 40), (20, 59)):
        # What was leased may be taken half a second late, so a window may hold the turns of so much more.
        most = 10 + 50 * (times[last] - times[first] + 0.5) + 1
        assert last - first + 1 <= most
