"""A dead sequencer: nothing irreversible is done, nothing is lost, and the log stays valid."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import LogBehind
from gonogo.evidence.journals import journal_of
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.verifier import verify
from gonogo.sequencing import overdue_us, promising, renew
from gonogo.settings import Settings, settings
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import calls, payments
from tests.gonogo.toy.errands import run
from tests.gonogo.toy.full_disk import Accounts, labelling

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ROOT = Path(__file__).parents[2]
SEQUENCE = [sys.executable, "-m", "gonogo", "sequence", "--every", "0.1"]
LAG_SECONDS = 5

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture(name="home")
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path))
    monkeypatch.setenv("GONOGO_LOG_LAG_SECONDS", str(LAG_SECONDS))
    return settings().model_copy(update={"home": tmp_path, "log_lag_seconds": LAG_SECONDS})


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process, or time, brings about."""
    until = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def sequencing(home: Settings) -> Generator[subprocess.Popen[bytes]]:
    """Keep sequencing in a process of its own, from its first pass on."""
    process = subprocess.Popen(SEQUENCE, cwd=ROOT)
    try:
        wait_until(lambda: overdue_us(home) < 0)
        yield process
    finally:
        process.kill()
        process.wait()


def is_whole(home: Settings) -> bool:
    """Whether the log verifies, from its key on."""
    folder = log_folder(home)
    return verify(folder, (folder / "key.pub").read_text()).findings == []


async def test_a_sequencer_that_was_killed_stops_what_cannot_be_taken_back(home: Settings) -> None:
    """What can be goes on; once all is taken in, the payment is made, once, and the log holds every record."""
    with sequencing(home) as process:
        assert (await run(paying(1), run_id="r0", home=home.home)).outcome == "settled"
        process.kill()
        process.wait()
    wait_until(lambda: overdue_us(home) > 0)
    with pytest.raises(LogBehind, match=r"pay is not done\. Start what does it .*gonogo up.* --resume"):
        await run(paying(2), run_id="r1", home=home.home)
    assert payments(home.home) == [("a", 1)]
    journal = journal_of(home)
    assert not journal.has_ended("r1")
    assert [r for r in journal.read_flight("r1") if r.artifact == "tool_call"] == []
    went = await run(Accounts(names=["a"]), flying=labelling, run_id="r2", home=home.home)
    assert went.outcome == "labelled"
    assert len(calls("label")) == 1
    assert is_whole(home)
    with sequencing(home):
        assert (await run(None, run_id="r1", home=home.home)).outcome == "settled"
    assert payments(home.home) == [("a", 1), ("a", 2)]
    sequence(home, journal)
    assert is_whole(home)
    assert sequence(home, journal).new == 0


async def test_a_sequencer_that_was_told_to_stop_stops_nobody(home: Settings) -> None:
    """It says that it leaves; a home in which nobody keeps sequencing waits for no one."""
    with sequencing(home) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
    assert overdue_us(home) == 0
    assert (await run(paying(1), home=home.home)).outcome == "settled"
    assert is_whole(home)


async def test_a_pass_by_hand_lets_what_waits_go_on_and_promises_nothing(home: Settings) -> None:
    """It renews what a sequencer has promised, and makes no promise where none was made."""
    renew(home)
    assert (await run(paying(1), home=home.home)).outcome == "settled"
    with promising(home.model_copy(update={"log_lag_seconds": 0})) as passed:
        passed()
        with pytest.raises(LogBehind):
            await run(paying(2), home=home.home, run_id="r1")
        renew(home)
        assert (await run(None, home=home.home, run_id="r1")).outcome == "settled"
