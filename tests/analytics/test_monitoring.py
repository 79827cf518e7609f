"""Findings, drills and habits: from a flight to the tables people ask, and back to the monitors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from analytics.habits import habits_path
from analytics.marts import open_mart
from analytics.warehouse import land
from gonogo.drills.abort import drill_abort
from gonogo.monitors.habits import habits_of, mark_of
from gonogo.settings import settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.asking import brief, paying
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from pathlib import Path

LOOK: tuple[str, dict[str, Any]] = ("look_up", {"account": "ada"})


def asked(home: Path, question: str) -> list[tuple[Any, ...]]:
    """Ask the published mart."""
    with open_mart(home) as con:
        return con.execute(question).fetchall()


def test_a_finding_is_a_row_with_monitor_limit_and_what_was_seen(tmp_path: Path) -> None:
    """As people ask for it, in DuckDB."""
    asyncio.run(run(brief(*[[LOOK]] * 9), home=tmp_path, run_id="r1"))
    landed = land(tmp_path)
    assert (landed.quarantined, landed.dq_failures) == (0, 0)
    question = (
        "SELECT run_id, monitor, action, reach, subject, tool_or_model, threshold, observed, unit, basis, owner "
        "FROM monitor_findings"
    )
    assert asked(tmp_path, question) == [
        ("r1", "loop@1", "halt", "run", "clerk", "look_up", 5, 6, "calls", "declared", "counter")
    ]
    # The switch that it threw is the one that stopped the run.
    joined = "SELECT h.signal, h.target FROM monitor_findings AS f JOIN halts AS h ON f.switch = h.halt"
    assert asked(tmp_path, joined) == [("loop", "r1")]


def test_a_drill_is_a_row_for_each_signal_and_lane(tmp_path: Path) -> None:
    """Whoever asks when the switch was last drilled finds out."""
    made = settings().model_copy(update={"home": tmp_path, "policy_folder": POLICIES, "model": None})
    (row,) = asyncio.run(drill_abort(made, trials=1, lanes=["batch"], signals=["loop"]))
    landed = land(tmp_path)
    assert (landed.quarantined, landed.dq_failures) == (0, 0)
    told = asked(tmp_path, "SELECT drill, signal, lane, trials, caught, effects, effects_after, passed FROM drills")
    assert told == [("abort", "loop", "batch", 1, 1, row.effects, 0, row.passed)]


def test_what_is_usual_is_learned_from_flights_and_read_by_the_next(tmp_path: Path) -> None:
    """Runs, tools, amounts and recipients; the marks hold no names."""
    for cents in (100, 300, 200):
        turns = [[LOOK], [paying("Ada", cents)], [paying("Grace", 1)]]
        asyncio.run(run(brief(*turns), home=tmp_path))
    land(tmp_path)
    clerk = habits_of(tmp_path).agents["clerk"]
    assert (clerk.runs, clerk.tools) == (3, {"look_up": 1, "pay": 2})
    assert clerk.amounts == {"pay.amount_cents": (6, 300)}
    assert clerk.recipients == {mark_of("ada"), mark_of("grace")}
    assert clerk.tokens_peak > 0
    assert clerk.micros_peak > 0
    assert b"Ada" not in habits_path(tmp_path).read_bytes()


def test_a_runaway_teaches_nothing(tmp_path: Path) -> None:
    """What was aborted must not become what is usual."""
    asyncio.run(run(brief(*[[LOOK]] * 9), home=tmp_path, run_id="r1"))
    asyncio.run(run(brief([LOOK]), home=tmp_path, run_id="r2"))
    land(tmp_path)
    clerk = habits_of(tmp_path).agents["clerk"]
    assert (clerk.runs, clerk.tools) == (1, {"look_up": 1})
