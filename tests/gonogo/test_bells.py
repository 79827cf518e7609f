"""Bells: an answer is heard at once, by whoever waits, from whichever process; a deaf bell costs a poll."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import Reply, answer_gate
from gonogo.bells import Bell, FolderWatcher, bell_of
from gonogo.events import deliver
from gonogo.evidence.journals import journal_of
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Landing, Plan
from gonogo.settings import Settings, settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.errands import Errand, errand

if TYPE_CHECKING:
    from collections.abc import Callable

    from gonogo.pilots import Wait
    from gonogo.runs import Run

ROOT = Path(__file__).parents[2]
HANGS_SECONDS = 60.0
"""A test that waits as long as this has found a bell that nobody hears."""
NEVER_SECONDS = 3_600.0

ANSWER = """
import sys
import threading
from pathlib import Path
from gonogo.approvals import Reply, answer_gate
from gonogo.evidence.journal import FileJournal
answer_gate(FileJournal(Path(sys.argv[1])), sys.argv[2], Reply("go", "ada", "checked", "cli"), "dev")
"""


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings of a home in which nobody polls: what wakes a run here is the bell."""
    made = {"home": tmp_path, "policy_folder": POLICIES, "requester": "tester", "model": None}
    return settings().model_copy(update={**made, "poll_seconds": NEVER_SECONDS})


class Flight:
    """A run that flies in this process and has come to its first wait."""

    def __init__(self, case: Errand, chosen: Settings, run_id: str = "r1") -> None:
        self.journal = journal_of(chosen)
        self._reached: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        plan = Plan(run_id, LocalPilot(announce=self._announced), chosen)
        self.flying: asyncio.Task[Landing] = asyncio.ensure_future(fly(errand, case, plan))

    def _announced(self, _run: Run, wait: Wait) -> None:
        if not self._reached.done():
            self._reached.set_result(wait.name)

    async def gate(self) -> str:
        """Return the name of what it waits for, once it listens."""
        async with asyncio.timeout(HANGS_SECONDS):
            name = await self._reached
            await asyncio.sleep(0)
        return name

    async def landed(self) -> str:
        """Return how it ended."""
        async with asyncio.timeout(HANGS_SECONDS):
            return (await self.flying).status


def write(folder: Path, name: str) -> None:
    """Write a file as an append at a desk does."""
    (folder / name).write_bytes(b"{}\n")


async def heard(bell: Bell, act: Callable[[], object], run_id: str | None = "r1") -> set[str]:
    """Return the runs that were rung for once something has been heard."""
    with bell.listening(run_id) as ear:
        act()
        async with asyncio.timeout(HANGS_SECONDS):
            return await ear.heard(NEVER_SECONDS)


class TestRuns:
    """A waiting run and those who answer it."""

    async def test_an_answer_from_this_process_wakes_a_waiting_run(self, home: Settings) -> None:
        """Nobody polls for an hour, and it lands now."""
        flight = Flight(Errand(crew=4), home)
        gate = await flight.gate()
        answer_gate(flight.journal, gate, Reply("go", "ada", "checked", "cli"), "dev")
        assert await flight.landed() == "done"

    async def test_an_answer_from_another_process_wakes_a_waiting_run(self, home: Settings) -> None:
        """The command line and the dashboard are other processes of the same home."""
        flight = Flight(Errand(crew=4), home)
        command = [sys.executable, "-c", ANSWER, str(home.home / "journals"), await flight.gate()]
        done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, timeout=HANGS_SECONDS, check=False)
        assert done.returncode == 0
        assert await flight.landed() == "done"

    async def test_an_event_wakes_the_run_that_waits_for_it(self, home: Settings) -> None:
        """Outside events lie on the same desk."""
        flight = Flight(Errand(needs_papers=True), home)
        assert await flight.gate() == "papers"
        deliver(flight.journal, "r1", "papers", [({"pages": 2}, None)], "cli")
        assert await flight.landed() == "done"

    async def test_an_answer_given_before_the_run_listens_is_seen_all_the_same(self, home: Settings) -> None:
        """It lies on the desk when the gate is announced, which is before the bell is hung."""
        journal = journal_of(home)

        def answer(_run: Run, wait: Wait) -> None:
            answer_gate(journal, wait.name, Reply("go", "ada", "checked", "cli"), "dev")

        plan = Plan("r1", LocalPilot(announce=answer), home)
        async with asyncio.timeout(HANGS_SECONDS):
            assert (await fly(errand, Errand(crew=4), plan)).status == "done"

    async def test_many_runs_wait_under_one_watcher_and_only_who_is_answered_wakes(self, home: Settings) -> None:
        """Thousands of waiting runs are one pair of eyes."""
        flights = [Flight(Errand(crew=4), home, f"r{number}") for number in range(30)]
        gates = [await flight.gate() for flight in flights]
        watching = _watching()
        answer_gate(flights[7].journal, gates[7], Reply("go", "ada", "checked", "cli"), "dev", "r7")
        assert await flights[7].landed() == "done"
        assert [flight.flying.done() for flight in flights].count(True) == 1
        assert len(watching) <= 3
        for number, flight in enumerate(flights):
            if number != 7:
                answer_gate(flight.journal, gates[number], Reply("no_go", "ada", "no", "cli"), "dev", f"r{number}")
        assert {await flight.landed() for flight in flights} == {"done", "no_go"}

    async def test_the_deadline_is_kept_between_two_polls(self, home: Settings) -> None:
        """The clock answers when it is time, not at the next look."""
        chosen = home.model_copy(update={"gate_deadline_seconds": 1})
        flight = Flight(Errand(crew=4), chosen)
        await flight.gate()
        assert await flight.landed() == "no_go"

    async def test_a_run_whose_watcher_died_is_woken_by_its_own_look(self, home: Settings) -> None:
        """A lost ring costs one poll, and nothing else."""
        chosen = home.model_copy(update={"poll_seconds": 0.01})
        flight = Flight(Errand(crew=4), chosen)
        gate = await flight.gate()
        bell = bell_of(chosen)
        watcher = bell._watcher  # pyright: ignore[reportPrivateUsage]
        assert watcher is not None
        watcher.close()
        answer_gate(flight.journal, gate, Reply("go", "ada", "checked", "cli"), "dev")
        assert await flight.landed() == "done"

    async def test_a_run_lands_where_no_bell_can_be_hung(self, home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        """The kernel's limit of watchers is reached, say."""

        def refuse(*_: object) -> None:
            raise OSError(28, "inotify watch limit reached")

        monkeypatch.setattr(FolderWatcher, "__init__", refuse)
        flight = Flight(Errand(crew=4), home.model_copy(update={"poll_seconds": 0.01}))
        answer_gate(flight.journal, await flight.gate(), Reply("go", "ada", "checked", "cli"), "dev")
        assert await flight.landed() == "done"

    async def test_a_run_that_does_not_wait_hangs_no_bell(
        self, home: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It costs nothing where it is not needed."""
        hung: list[Any] = []

        def note(*given: object) -> None:
            hung.append(given)

        monkeypatch.setattr(FolderWatcher, "__init__", note)
        plan = Plan("r1", LocalPilot(), home)
        assert (await fly(errand, Errand(), plan)).status == "done"
        assert hung == []


class TestBell:
    """The bell by itself."""

    async def test_whoever_listens_to_all_runs_hears_each_by_name(self, home: Settings, tmp_path: Path) -> None:
        """A house looks only at the run that was answered."""
        folder = tmp_path / "journals" / "desk"
        assert await heard(bell_of(home), lambda: write(folder, "some-run.jsonl"), None) == {"some-run"}

    async def test_what_does_not_belong_into_the_folder_rings_for_nobody(self, home: Settings, tmp_path: Path) -> None:
        """Folders, strange bytes, long names and other suffixes; the next true ring is heard."""
        folder = tmp_path / "journals" / "desk"

        def act() -> None:
            (folder / "a.jsonl").mkdir()
            for name in (b"\xff\xfe.jsonl", b"x" * 255, b"r1", b".jsonl", b"r1.jsonl.draft", b"\n.jsonl"):
                (folder / os.fsdecode(name)).write_bytes(b"\0")
            (folder / "link.jsonl").symlink_to(folder / "nowhere")
            write(folder, "r1.jsonl")

        assert await heard(bell_of(home), act) == {"r1"}

    async def test_reading_a_desk_does_not_ring(self, home: Settings, tmp_path: Path) -> None:
        """Otherwise whoever looks would wake everybody, who would look."""
        folder = tmp_path / "journals" / "desk"
        folder.mkdir(parents=True)
        write(folder, "quiet.jsonl")

        def act() -> None:
            (folder / "quiet.jsonl").read_bytes()
            write(folder, "loud.jsonl")

        assert await heard(bell_of(home), act, None) == {"loud"}

    async def test_every_listener_of_a_run_hears_the_same_ring(self, home: Settings, tmp_path: Path) -> None:
        """Two branches wait at two gates of one run."""
        bell = bell_of(home)
        with bell.listening("r1") as ear, bell.listening("r1") as other:
            both = asyncio.gather(ear.heard(NEVER_SECONDS), ear.heard(NEVER_SECONDS), other.heard(NEVER_SECONDS))
            await asyncio.sleep(0)
            write(tmp_path / "journals" / "desk", "r1.jsonl")
            async with asyncio.timeout(HANGS_SECONDS):
                await both

    async def test_a_bell_whose_watcher_died_is_hung_again_for_the_next_listener(self, home: Settings) -> None:
        """The folder was taken away and came back."""
        bell = bell_of(home)
        folder = home.home / "journals" / "desk"
        with bell.listening("r0"):
            watching = _watching()
            folder.rmdir()
            await asyncio.to_thread(_all_gone, [thread for thread in watching if "Emitter" in type(thread).__name__])
            assert await heard(bell, lambda: write(folder, "r1.jsonl")) == {"r1"}

    async def test_a_ring_while_nobody_waits_is_not_lost(self, home: Settings, tmp_path: Path) -> None:
        """Whoever listens may be busy with something else; it is told once."""
        with bell_of(home).listening("r1") as ear, bell_of(home).listening("r1") as other:
            write(tmp_path / "journals" / "desk", "r1.jsonl")
            async with asyncio.timeout(HANGS_SECONDS):
                assert await other.heard(NEVER_SECONDS) == {"r1"}
                assert await ear.heard(NEVER_SECONDS) == {"r1"}
            assert await ear.heard(0.0) == set()

    def test_each_event_loop_has_its_own_bell_and_leaves_nothing(self, home: Settings, tmp_path: Path) -> None:
        """Loops come and go; their watchers go with the last listener."""
        folder = tmp_path / "journals" / "desk"
        for _ in range(3):
            assert asyncio.run(_hear_once(home, folder)) == {"r1"}
        _all_gone(_watching())

    def test_a_ring_after_the_loop_was_closed_is_nobodys_business(self, home: Settings) -> None:
        """A watcher's thread may be late."""

        async def listen() -> Bell:
            bell = bell_of(home)
            bell.listening().__enter__()
            return bell

        bell = asyncio.run(listen())
        bell.ring("r1")
        bell._take_down()  # pyright: ignore[reportPrivateUsage]


async def _hear_once(home: Settings, folder: Path) -> set[str]:
    return await heard(bell_of(home), lambda: write(folder, "r1.jsonl"))


def _watching() -> list[threading.Thread]:
    """Return the threads that watch."""
    return [thread for thread in threading.enumerate() if type(thread).__module__.startswith("watchdog.")]


def _all_gone(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(HANGS_SECONDS)
        assert not thread.is_alive()
