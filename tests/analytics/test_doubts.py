"""Doubts as they land: attempts, who settled them, gates that count no more, and calls that a crash lost."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics.marts import mart_path
from analytics.warehouse import land
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.asking import brief, paying
from tests.gonogo.toy.doubting import Post, begun, dying, going_on, happened, posting, saying
from tests.gonogo.toy.errands import park, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.approvals import Reply
    from gonogo.model import Answer


def landed(home: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """Land what there is without a word of quality failing, and return how to ask the mart."""
    assert land(home).dq_failures == 0

    def asked(sql: str) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(str(mart_path(home)), read_only=True)) as con:
            return con.execute(sql).fetchall()

    return asked


@pytest.mark.parametrize(
    ("said", "calls", "closed"),
    [
        ("go", [("open", None), ("done", None)], [("counter", "rehearsal", True)]),
        ("no_go", [("in_doubt", None)], [("counter", "rehearsal", True)]),
        (happened(result="seen"), [("done", "person")], [("counter", "grace", True)]),
        (None, [("in_doubt", None)], [("counter", None, False)]),
    ],
)
def test_an_answer_lands_with_the_attempts_and_the_exception(
    tmp_path: Path, said: Answer | Reply | None, calls: list[tuple[Any, ...]], closed: list[tuple[Any, ...]]
) -> None:
    """One row an attempt, one an exception, whoever settled it beside it."""

    async def fly() -> None:
        await begun(tmp_path)
        await going_on(tmp_path, answers=saying(said))

    asyncio.run(fly())
    asked = landed(tmp_path)
    assert asked("SELECT outcome, source FROM tool_calls ORDER BY occurrence") == calls
    settled = "SELECT owner, closed_by, closed_at IS NOT NULL AND resolution IS NOT NULL FROM exceptions"
    assert asked(settled) == closed
    assert asked("SELECT action, role, doubt IS NOT NULL FROM gates") == [("post_letter", "counter", True)]
    linked = "SELECT count(*) FROM tool_calls JOIN gates ON tool_calls.doubt = gates.gate"
    assert asked(linked) == [(1,)]


def test_a_replaced_gate_is_void(tmp_path: Path) -> None:
    """Only the one that counts is open, and the run waits at it."""
    policies, home = shutil.copytree(POLICIES, tmp_path / "policies"), tmp_path / "home"

    async def fly() -> str:
        await begun(home, overrides={"policy_folder": policies})
        await park(Post(), home, flying=posting, policies=policies)
        (policies / "toy.cedar").write_text((policies / "toy.cedar").read_text() + "\n// reviewed\n")
        return (await park(Post(), home, flying=posting, policies=policies)).waits[0]

    counts = asyncio.run(fly())
    asked = landed(home)
    assert asked("SELECT state FROM gates ORDER BY opened_at") == [("void",), ("open",)]
    assert asked("SELECT waiting_gates FROM runs") == [([counts],)]


def test_a_model_call_that_a_crash_lost_costs_what_was_reserved(tmp_path: Path) -> None:
    """So that the rows add up to the total that the run itself counted."""
    case = brief([paying("ada", 5)], [paying("ada", 6)])

    async def fly() -> None:
        went = await run(case, home=tmp_path, run_id="r1")
        second = [r.seq for r in went.flight if r.artifact == "model_call" and r.data["phase"] == "intent"][1]
        path = FileJournal(tmp_path / "journals").flight_path("r1")
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[: second + 1]))
        await run(None, home=tmp_path, run_id="r1")

    asyncio.run(fly())
    lost = "SELECT cost_micros = reserved_micros, price_basis FROM model_calls WHERE outcome = 'open'"
    asked = landed(tmp_path)
    assert asked(lost) == [(True, "notional")]
    assert asked("SELECT total_cost_micros = cost_micros, price_basis FROM runs") == [(True, "notional")]


def test_a_doubt_that_waits_is_no_fault(tmp_path: Path) -> None:
    """The attempt is open, and so are its exception and its gate."""

    async def fly() -> None:
        with dying("after"):
            await run(Post(), flying=posting, home=tmp_path, run_id="r1")
        await park(Post(), tmp_path, flying=posting)

    asyncio.run(fly())
    asked = landed(tmp_path)
    assert asked("SELECT status FROM runs") == [("waiting",)]
    assert asked("SELECT outcome FROM tool_calls") == [("open",)]
    assert asked("SELECT closed_at FROM exceptions") == [(None,)]
    assert asked("SELECT state FROM gates") == [("open",)]
