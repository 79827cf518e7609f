"""Halts in the warehouse: who halted what, how long it took to stop, and who re-armed it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from analytics.marts import open_mart
from analytics.warehouse import land
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan
from gonogo.settings import settings
from gonogo.switches import Target, halt, rearm
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.stone import Quarry, carved, runaway

if TYPE_CHECKING:
    from pathlib import Path


async def _halted(home: Path) -> None:
    made: dict[str, Any] = {"home": home, "policy_folder": POLICIES, "requester": "tester", "model": None}
    chosen = settings().model_copy(update=made)
    flight = asyncio.ensure_future(fly(runaway, Quarry(), Plan("r1", LocalPilot(), chosen)))
    async with asyncio.timeout(60):
        while not carved(home):  # noqa: ASYNC110 - a stone rings no bell
            await asyncio.sleep(0.005)
    figures = {"calls_a_minute": 900, "allowed": 60}
    halt(chosen, Target("mission", "runaway"), "It loops.", by="monitor", signal="loop", figures=figures)
    await flight
    rearm(chosen, Target("mission", "runaway"), "The loop is fixed.", by="bob")
    halt(chosen, Target("all"), "Fire.", by="ada")


def test_the_mart_answers_who_halted_what_how_fast_and_who_rearmed_it(tmp_path: Path) -> None:
    """By signal and by hand; and the switchboard is not taken for a run."""
    asyncio.run(_halted(tmp_path))
    land(tmp_path)
    with open_mart(tmp_path) as mart:
        thrown = mart.execute(
            "SELECT target_kind, target, halted_by, signal, reason, rearmed_by, rearmed_proof, rearmed_because, "
            "(figures ->> 'allowed')::INT FROM halts ORDER BY halted_at"
        ).fetchall()
        stopped = mart.execute(
            "SELECT halted_runs.run_id, mission, last_effect_ms BETWEEN 0 AND ended_ms, "
            "last_effect_ended_at <= ended_at FROM halted_runs JOIN halts USING (halt) WHERE target = 'runaway'"
        ).fetchall()
        runs = mart.execute("SELECT run_id, status, reason_code, halt IS NOT NULL FROM runs").fetchall()
        refused = mart.execute("SELECT count(*) FROM quarantine").fetchone()
        owned = mart.execute("SELECT reason_code, owner FROM exceptions").fetchall()
    loop = ("mission", "runaway", "monitor", "loop", "It loops.", "bob", "unproven", "The loop is fixed.", 60)
    assert thrown == [loop, ("all", "", "ada", None, "Fire.", None, None, None, None)]
    assert stopped == [("r1", "runaway", True, True)]
    assert runs == [("r1", "aborted", "aborted", True)]
    assert refused == (0,)
    assert owned == [("aborted", "counter")]
