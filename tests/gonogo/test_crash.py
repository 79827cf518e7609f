"""A real process really killed in the middle of an effect: the next one goes on, and nothing is paid twice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gonogo.toy.bank import CALLS, calls, letters, payments
from tests.gonogo.toy.doubting import happened, saying, told
from tests.gonogo.toy.errands import run

pytestmark = pytest.mark.usefixtures("backend")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_process_leaves_nothing_undone_and_nothing_twice(tmp_path: Path, moment: str) -> None:
    """Killed when the second payment has reached the bank, before or after it was booked."""
    command = [sys.executable, "-m", "tests.gonogo.toy.crash", str(tmp_path), moment]
    assert subprocess.run(command, cwd=ROOT, timeout=600, check=False).returncode == -signal.SIGKILL
    assert (("b", 2) in payments(tmp_path)) is (moment == "after")
    went = asyncio.run(run(None, home=tmp_path, run_id="r1"))
    assert went.outcome == "settled"
    assert sorted(payments(tmp_path)) == [("a", 1), ("b", 2), ("c", 3)]
    assert len(went.told("tool_call", "result")) == 3
    keys = {body["idempotency_key"] for body in went.told("tool_call", "intent")}
    assert {call.key for call in calls("pay")} <= keys


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_in_the_second_try_of_a_letter_is_asked_about_again(tmp_path: Path, moment: str) -> None:
    """Killed, told to do it, killed again: no third try by itself, and the go of the first doubt is used up."""
    command = [sys.executable, "-m", "tests.gonogo.toy.crash", str(tmp_path), moment, "letter"]
    for _ in range(2):
        assert subprocess.run(command, cwd=ROOT, timeout=600, check=False).returncode == -signal.SIGKILL
    posted = letters(tmp_path)
    assert len(posted) == (2 if moment == "after" else 0)
    went = asyncio.run(run(None, home=tmp_path, run_id="r1", answers=saying(happened(result="posted"))))
    assert (went.outcome, letters(tmp_path), CALLS) == ("settled", posted, [])
    assert len({r.data["gate"] for r in told(tmp_path, "approval_request")}) == 2
