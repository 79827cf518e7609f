"""Tenants of the house: started again when they end, ever more seldom, and never once the house has begun to go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from gonogo.house import tenants
from gonogo.house.tenants import PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN, Stay, Tenant, pause_seconds, tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

LIVING = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('pid', child.pid, flush=True); time.sleep(600)"
)


class Hurried(Stay):
    """A stay that keeps nobody waiting, and remembers how long they would have waited."""

    def __init__(self, pauses_max: int = 1_000) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._pauses_max = pauses_max

    def rest(self, seconds: float) -> None:
        """Take note of a pause; the house begins to go in the last one."""
        self.pauses.append(seconds)
        if len(self.pauses) == self._pauses_max:
            self.begin_to_go()


@dataclass
class Room:
    """Where a tenant lives, and what can be seen of it."""

    log: Path
    stay: Hurried = field(default_factory=Hurried)

    def let(self, code: str) -> Tenant:
        """Return a tenant that runs a program; nobody has started it."""
        return Tenant("scribe", [sys.executable, "-c", code], dict(os.environ), self.log, self.stay)

    def pids(self) -> list[int]:
        """Return the processes it has told of so far."""
        return [int(line.split()[1]) for line in self.said() if line.startswith("pid ")]

    def said(self) -> list[str]:
        """Return the lines of its log."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def told(self) -> list[str]:
        """Return what the house has written there, without the times."""
        return [line.partition(" gonogo up: ")[2] for line in self.said() if " gonogo up: " in line]


@pytest.fixture(name="room")
def _room(tmp_path: Path) -> Room:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return Room(tmp_path / "logs" / "scribe.log")


@pytest.fixture(name="lodging")
def _lodging(room: Room) -> Generator[Tenant]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """A tenant that lives until somebody ends it."""
    with tenant("scribe", [sys.executable, "-c", LIVING], dict(os.environ), room.log, room.stay) as lodger:
        until(lambda: len(room.pids()) == 1)
        yield lodger


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process is there; one that was killed and not looked at yet is not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith(b"Z")


@pytest.mark.usefixtures("lodging")
def test_one_that_was_killed_is_started_again_and_its_log_goes_on(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """As often as it takes; one line each time, in its own log and in the house's."""
    for killed in (1, 2):
        os.kill(room.pids()[-1], signal.SIGKILL)
        until(lambda killed=killed: len(room.pids()) == killed + 1)
    sentences = [f"The scribe was killed by signal 9; it is started again in {pause:g} s." for pause in (1, 2)]
    assert room.told() == sentences
    assert [record.getMessage() for record in caplog.records if record.name == "gonogo.house"] == sentences
    assert is_alive(room.pids()[-1])


def test_whom_it_had_started_is_gone_before_it_is_started_again(room: Room) -> None:
    """An orphan would hold the port or the lock that the next one needs."""
    with tenant("scribe", [sys.executable, "-c", PARENT], dict(os.environ), room.log, room.stay) as lodger:
        until(lambda: len(room.pids()) == 1)
        process = lodger.process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: len(room.pids()) == 2)
        until(lambda: not is_alive(room.pids()[0]))
        assert is_alive(room.pids()[1])
    until(lambda: not is_alive(room.pids()[1]))


def test_one_that_ends_at_once_is_started_ever_more_seldom(room: Room) -> None:
    """It does not spin: each pause is twice the one before, up to half a minute."""
    room.stay = Hurried(7)
    dying = room.let("raise SystemExit(3)")
    dying.move_in()
    dying.tend()
    assert room.stay.pauses == [1, 2, 4, 8, 16, 30, 30]
    assert room.told()[-1] == "The scribe ended with exit code 3; it is started again in 30 s."
    assert len(room.told()) == 7


def test_one_that_had_lived_for_long_is_not_kept_waiting(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is how often it ended soon, not how often it ever did."""
    monkeypatch.setattr(tenants, "STEADY_SECONDS", 0.0)
    room.stay = Hurried(4)
    living = room.let("")
    living.move_in()
    living.tend()
    assert room.stay.pauses == [PAUSE_SECONDS_MIN] * 4


def test_no_pause_is_longer_than_the_longest() -> None:
    """However often it has ended."""
    assert pause_seconds(10**9) == PAUSE_SECONDS_MAX
    assert [pause_seconds(0), pause_seconds(1)] == [PAUSE_SECONDS_MIN, 2 * PAUSE_SECONDS_MIN]


def test_one_that_cannot_be_started_now_is_tried_again(room: Room) -> None:
    """No process, no file handle, no program while it is replaced: said, and tried again."""
    room.log.parent.mkdir()
    room.stay = Hurried(3)
    missing = Tenant("scribe", [str(room.log.parent / "nobody")], {}, room.log, room.stay)
    missing.tend()
    assert room.stay.pauses == [1, 2, 4]
    assert all(sentence.startswith("The scribe cannot be started (") for sentence in room.told()[1:])
    assert len(room.told()) == 3


def test_nobody_is_started_once_the_house_has_begun_to_go(room: Room) -> None:
    """A service manager asks everybody to go at once: who went first does not come back."""
    leaving = room.let(LIVING)
    leaving.move_in()
    until(lambda: len(room.pids()) == 1)
    tending = threading.Thread(target=leaving.tend)
    tending.start()
    room.stay.begin_to_go()
    os.kill(room.pids()[0], signal.SIGTERM)
    tending.join(90)
    assert not tending.is_alive()
    leaving.move_in()
    assert len(room.pids()) == 1
    assert room.told() == []


def test_a_house_that_goes_waits_for_no_pause(room: Room) -> None:
    """Whoever is to be started in half a minute is not, and nobody waits for that."""
    stay = Stay()
    with tenant("scribe", [sys.executable, "-c", LIVING], dict(os.environ), room.log, stay):
        until(lambda: len(room.pids()) == 1)
        os.kill(room.pids()[0], signal.SIGKILL)
        until(lambda: len(room.told()) == 1)
    assert len(room.pids()) == 1
    assert stay.is_over


def test_when_one_moves_out_nobody_else_is_started_again(room: Room, tmp_path: Path) -> None:
    """The house goes tenant by tenant; the others only end from then on."""
    with tenant("keeper", [sys.executable, "-c", LIVING], dict(os.environ), room.log, room.stay):
        until(lambda: len(room.pids()) == 1)
        with tenant("scribe", [sys.executable, "-c", LIVING], dict(os.environ), tmp_path / "other.log", room.stay):
            pass
        os.kill(room.pids()[0], signal.SIGKILL)
    assert len(room.pids()) == 1
    assert not is_alive(room.pids()[0])
    assert room.told() == []


@pytest.mark.usefixtures("lodging")
def test_a_full_disk_keeps_nobody_from_being_started_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence is lost, and the tenant is not."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(tenants, "timestamp", refuse)
        os.kill(room.pids()[0], signal.SIGKILL)
        until(lambda: len(room.pids()) == 2)
    assert room.told() == []
