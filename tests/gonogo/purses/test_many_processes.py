"""One day's budget, spent by many runs in several processes: to the last unit, and not one more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.evidence.journals import journal_of
from gonogo.policy.registry import read_registry
from gonogo.purses.standing import standing
from gonogo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.evidence.records import Record

PROCESSES, RUNS = 5, 10
MICROS, ACTIONS, CENTS = 20_000, 83, 900


def start(home: Path, policies: Path, name: str, runs: int, *how: str) -> subprocess.Popen[str]:
    """Start a process that flies runs which spend."""
    command = [sys.executable, "-m", "tests.gonogo.toy.spending", str(home), str(policies), name, str(runs), *how]
    environ = os.environ | {"GONOGO_BUDGET_WAIT_SECONDS": "120"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)


def landed(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Wait for a process, and return how its runs landed."""
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 0
    landings: list[dict[str, Any]] = json.loads(told)
    assert {landing["status"] for landing in landings} == {"done"}, landings
    return landings


def recorded(home: Path) -> list[Record]:
    """Return the evidence of every run."""
    journal = journal_of(Settings(home=home))
    return [record for run_id in journal.run_ids() for record in journal.read_flight(run_id)]


def used(records: list[Record]) -> dict[str, int]:
    """Return what the evidence says was used, summed by nobody but this test."""
    sums = {"usd_micros": 0, "actions": 0, "amount_cents": 0}
    for record in records:
        if record.artifact == "model_call" and record.data["phase"] == "result":
            sums["usd_micros"] += record.data["cost_micros"]
        if record.artifact == "tool_call" and record.data["phase"] == "intent":
            sums["actions"] += 1
            sums["amount_cents"] += record.data["reach"]["amount_cents"]
    return sums


def spent(home: Path, policies: Path) -> dict[str, int]:
    """Return what the ledger says was spent of the mission's day."""
    rows = standing(Settings(home=home), read_registry(policies).days)
    return {row.unit: row.used for row in rows if row.whose == "mission"}


@pytest.mark.slow
def test_fifty_runs_in_five_processes_spend_a_day_to_the_last_unit(
    backend: str, tmp_path: Path, law: Callable[..., Path]
) -> None:
    """Exactly as many changes as the day has; money to where no further call is covered; ledger and evidence agree."""
    del backend
    policies = law(missions={"spending": {"usd": "0.020000", "actions": ACTIONS}})
    home = tmp_path / "home"
    processes = [start(home, policies, f"p{number}", RUNS) for number in range(PROCESSES)]
    assert sum(len(landed(process)) for process in processes) == PROCESSES * RUNS
    records = recorded(home)
    sums = used(records)
    assert sums["actions"] == ACTIONS
    assert sums["usd_micros"] <= MICROS
    refused = [r.data["budget"] for r in records if r.data.get("outcome") == "refused"]
    assert {told["unit"] for told in refused} == {"usd_micros", "actions"}
    assert all(told["asked"] > MICROS - sums["usd_micros"] for told in refused if told["unit"] == "usd_micros")
    assert spent(home, policies) == {"usd_micros": sums["usd_micros"], "actions": ACTIONS}


@pytest.mark.slow
def test_what_a_killed_process_held_is_usable_again_and_what_it_spent_is_not(
    backend: str, tmp_path: Path, law: Callable[..., Path]
) -> None:
    """It dies in its third call, with most of its slice unused; the others use the rest, to the last unit."""
    del backend
    policies = law(missions={"spending": {"actions": ACTIONS, "model_calls": 1}}, agents={"spender": {"usd": "1.00"}})
    home = tmp_path / "home"
    held = start(home, policies, "held", 1, "hold")
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    held.send_signal(signal.SIGKILL)
    held.communicate()
    before = used(recorded(home))["actions"]
    assert before == 3
    landed(start(home, policies, "heir", 4))
    assert used(recorded(home))["actions"] == ACTIONS
    assert spent(home, policies)["actions"] == ACTIONS
    # It continues: what it had begun is done again and is the same change; there is none left for another.
    landed(start(home, policies, "held", 1))
    assert used(recorded(home))["actions"] == ACTIONS
    assert spent(home, policies)["actions"] == ACTIONS


@pytest.mark.slow
def test_a_living_process_lends_what_it_does_not_use(backend: str, tmp_path: Path, law: Callable[..., Path]) -> None:
    """It sits in one long call with a slice in hand; the others need not wait for it, and lack only that call."""
    del backend
    policies = law(missions={"spending": {"actions": ACTIONS, "model_calls": 1}})
    home = tmp_path / "home"
    held = start(home, policies, "held", 1, "hold")
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == "held\n"
        landed(start(home, policies, "heir", 4))
        assert used(recorded(home))["actions"] == ACTIONS
    finally:
        held.kill()
        held.communicate()
