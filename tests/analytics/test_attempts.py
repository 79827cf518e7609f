"""Attempts and paths as they land: what failed and was tried again, and where each run went."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb

from analytics.marts import mart_path
from analytics.warehouse import land
from gonogo.errors import DependencyFailed
from tests.gonogo.toy.flaky import SCRIPT, haul_strictly, hauled

if TYPE_CHECKING:
    from pathlib import Path


def asked(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Land what there is without a word of quality failing, and ask the mart."""
    assert land(home).dq_failures == 0
    with closing(duckdb.connect(str(mart_path(home)), read_only=True)) as con:
        return con.execute(sql).fetchall()


def test_a_run_that_rests_and_then_lands_tells_its_attempts_and_its_path(tmp_path: Path) -> None:
    """It waits with its path on it; afterwards its attempts can be counted, and so can its steps."""
    SCRIPT[:] = [DependencyFailed("the depot is out") for _ in range(3)]
    asyncio.run(hauled(tmp_path, "book", flying=haul_strictly))
    assert asked(tmp_path, "SELECT status, path, requeues FROM runs") == [("waiting", "requeue", 1)]
    asyncio.run(hauled(tmp_path, "book", flying=haul_strictly))
    assert asked(tmp_path, "SELECT status, path, requeues FROM runs") == [("done", "outcome", 1)]
    rows = asked(tmp_path, "SELECT kind, dependency, number, next, reason_code FROM attempts ORDER BY number")
    assert rows == [("tool", "depot", number, "retry", "tool_failure") for number in (1, 2)]
    rate = "SELECT (SELECT count(*) FROM attempts WHERE next IN ('retry', 'fallback')) / (SELECT count(*) FROM steps)"
    assert asked(tmp_path, rate) == [(1.0,)]
    assert asked(tmp_path, "SELECT outcome FROM tool_calls ORDER BY occurrence") == [("failed",), ("done",)]


def test_a_run_that_a_person_takes_over_says_who(tmp_path: Path) -> None:
    """Its exception has an owner, a role and the path."""
    SCRIPT[:] = ["lie"]
    asyncio.run(hauled(tmp_path, "book"))
    assert asked(tmp_path, "SELECT status, path FROM runs") == [("failed", "escalate")]
    assert asked(tmp_path, "SELECT reason_code, owner FROM exceptions") == [("data_mismatch", "stores")]
