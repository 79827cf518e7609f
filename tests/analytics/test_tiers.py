"""Proposals, reviews, criteria and rollbacks as they land."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb

from analytics.marts import mart_path
from analytics.warehouse import land
from gonogo.approvals import Reply, answer_gate
from gonogo.board import open_reviews
from gonogo.evidence.journals import journal_at
from tests.gonogo.test_tiers import wanting
from tests.gonogo.toy.tiered import SAID, Ask, asked, tiered_policies
from tests.gonogo.toy.undoing import undoing

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.testing import Rehearsal


def test_tiers_criteria_and_a_rollback_land(tmp_path: Path) -> None:
    """Every record passes its checks, and each thing is a row where it is looked for."""

    async def fly() -> Rehearsal:
        await asked(wanting("intern", 7), run_id="r-intern", home=tmp_path, answers="go")
        SAID[:] = ["1"]
        await asked(Ask(who="oracle"), run_id="r-oracle", home=tmp_path)
        went = await asked(wanting("deputy", 8, 9), run_id="r-deputy", home=tmp_path)
        journal = journal_at(tmp_path)
        first, _ = open_reviews(journal)
        answer_gate(journal, first.gate, Reply("no_go", "grace", "The wrong account.", "cli"), "dev")
        await undoing(tmp_path, run_id="r-deputy", policy_folder=tiered_policies())
        return went

    assert asyncio.run(fly()).outcome == "done"
    assert land(tmp_path).dq_failures == 0
    with closing(duckdb.connect(str(mart_path(tmp_path)), read_only=True)) as con:

        def told(sql: str) -> list[tuple[object, ...]]:
            return con.execute(sql).fetchall()

        assert told("SELECT outcome FROM tool_calls WHERE run_id = 'r-intern' ORDER BY key") == [
            ("proposed",),
            ("done",),
        ]
        assert told("SELECT proposal, answer FROM gates") == [(True, "go")]
        assert sorted(told("SELECT agent_id, tool, role, state, answered_by FROM reviews")) == [
            ("deputy", "pay", "auditor", "open", None),
            ("deputy", "pay", "auditor", "wrong", "grace"),
        ]
        assert told("SELECT owner FROM exceptions WHERE run_id = 'r-deputy'") == [("counter",)]
        assert told("SELECT rolls_back, outcome FROM runs WHERE mission = 'tiered_rollback'") == [
            ("r-deputy", "undone")
        ]
        assert told("SELECT count(*) FROM quarantine") == [(0,)]
