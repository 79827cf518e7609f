"""A real process really killed in the middle of an effect: the next one goes on, and nothing is paid twice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gonogo.toy.bank import calls, payments
from tests.gonogo.toy.errands import run

pytestmark = pytest.mark.usefixtures("backend")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_process_leaves_nothing_undone_and_nothing_twice(tmp_path: Path, moment: str) -> None:
    """Killed when the second payment has reached the bank, before or after it was booked."""
    command = [sys.executable, "-m", "tests.gonogo.toy.crash", str(tmp_path), moment]
    assert subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode == -signal.SIGKILL
    assert (("b", 2) in payments(tmp_path)) is (moment == "after")
    went = asyncio.run(run(None, home=tmp_path, run_id="r1"))
    assert went.outcome == "settled"
    assert sorted(payments(tmp_path)) == [("a", 1), ("b", 2), ("c", 3)]
    assert len(went.told("tool_call", "result")) == 3
    keys = {body["idempotency_key"] for body in went.told("tool_call", "intent")}
    assert {call.key for call in calls("pay")} <= keys
