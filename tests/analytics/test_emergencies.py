"""Ladders, emergencies, the law and its reviewers as they land."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import duckdb

from analytics.marts import mart_path
from analytics.reviewers import report
from analytics.warehouse import land
from gonogo.approvals import answer_gate
from gonogo.board import open_reviews
from gonogo.enactments import enact
from gonogo.errors import AnswerRefused
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.gates import climb_sleeping
from gonogo.probes import seed, tend
from gonogo.reviews import sweep
from gonogo.settings import using
from tests.gonogo.approving.test_emergencies import GLASS, RULE, WHY
from tests.gonogo.approving.test_ladders import come
from tests.gonogo.test_probes import find, probing
from tests.gonogo.toy.approvers import GO, paying
from tests.gonogo.toy.people import SINCE, Town, public

if TYPE_CHECKING:
    from pathlib import Path

LADDER = '@deadline("1h")\n@escalate("1s head")\n'


async def _an_emergency(town: Town) -> str:
    """Let a rung come, break the glass, be late with the review, and have the law approved by nobody."""
    for name, roles in {"otto": ["on-call"], "vera": ["audit"]}.items():
        town.people[name] = {"roles": roles, "keys": [{"key": public(town.key(name)), "since": SINCE}]}
    town.rule(RULE, RULE.replace('@deadline("1h")\n', f"{LADDER}{GLASS}"))
    town.enrol()
    (gate,) = (await town.park(paying(6_000))).waits
    await come(town, gate)
    journal = journal_of(town.settings)
    climb_sleeping(journal, "r1", [gate])
    town.say(gate, town.token(gate, "otto", code="BREAK_GLASS", reason=WHY))
    assert (await town.park(None)).status == "done"
    (review,) = open_reviews(journal)
    sweep(journal, moment(review.deadline))
    town.say(review.gate, town.token(review.gate, "vera", "no_go", reason="not urgent"), "no_go")
    (town.policies / "toy.cedar").write_text((town.policies / "toy.cedar").read_text() + "\n")
    with suppress(AnswerRefused):
        enact(town.settings, "no token")
    return gate


def test_an_emergency_lands_with_its_rung_its_review_its_law_and_its_reviewers(tmp_path: Path) -> None:
    """Each a row where it is looked for, none of it among the gates or the samples, and nothing in quarantine."""
    town = Town(tmp_path)
    gate = asyncio.run(_an_emergency(town))
    assert land(town.home).dq_failures == 0
    with closing(duckdb.connect(str(mart_path(town.home)), read_only=True)) as con:

        def told(sql: str) -> list[tuple[object, ...]]:
            return con.execute(sql).fetchall()

        assert told("SELECT count(*) FROM quarantine") == [(0,)]
        assert told("SELECT gate, rung, of_rungs, role FROM escalations") == [(gate, 1, 1, "head")]
        glass = "SELECT gate, action, broken_by, reason, reviewer_role, is_overdue, state, answered_by, verdict"
        assert told(f"{glass} FROM broken_glass") == [
            (gate, "pay", "otto", WHY, "audit", True, "wrong", "vera", "not urgent")
        ]
        assert told("SELECT gate, answered_by FROM gates") == [(gate, "otto")]
        assert told("SELECT count(*) FROM reviews") == [(0,)]
        laws = told("SELECT event, environment, answered_by FROM laws ORDER BY recorded_at")
        assert laws[0] == ("enacted", "prod", "lex")
        assert laws[-1] == ("refused", "prod", "nobody")
        assert told("SELECT run_id FROM runs") == [("r1",)]
        owners = told("SELECT reason_code, closed_by IS NOT NULL FROM exceptions ORDER BY raised_at")
        assert owners == [("approval_expired", True), ("data_mismatch", False)]
    (otto,) = report(town.home)
    assert (otto["reviewer"], otto["answers"], otto["goes"], otto["no_goes"]) == ("otto", 1, 1, 0)
    assert (otto["goes_ended"], otto["goes_borne_out"], otto["busiest_hour"]) == (1, 0, 1)
    assert otto["median_open_ms"] == otto["fastest_open_ms"] >= 1_000


def test_a_probe_stands_in_one_table_and_in_the_score_and_nowhere_else(tmp_path: Path) -> None:
    """While it waits it is work like any other; once it has told, no number is made of it, after a rebuild either."""
    home = probing(tmp_path)

    def rows(*tables: str) -> list[int]:
        land(home.home)
        with closing(duckdb.connect(str(mart_path(home.home)), read_only=True)) as con:
            counted = [con.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
        return [count[0] for count in counted if count]

    with using(home):
        landing = asyncio.run(seed(home, find))
        assert rows("runs", "gates", "probes") == [1, 1, 0]
        answer_gate(journal_of(home), landing.waits[0], GO, "dev")
        asyncio.run(tend(home, find))
        assert rows("runs", "gates", "approvals", "decisions", "steps", "probes") == [0, 0, 0, 0, 0, 1]
        (grace,) = report(home.home)
        assert (grace["reviewer"], grace["answers"], grace["probes"], grace["probes_caught"]) == ("grace", 0, 1, 0)
