"""What gates cost and catch, against arithmetic by hand and against a second implementation on marts at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from analytics import gateworth
from analytics.marts import open_mart
from tests.analytics.auditor_beside import worth_of_gates
from tests.analytics.chance import exported, publish_at_random

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_comes_to_the_same_in_plain_python(tmp_path: Path, seed: int) -> None:
    """Counts and money to the last digit, shares and quantiles within 1e-9."""
    publish_at_random(tmp_path, seed, 160)
    with open_mart(tmp_path) as con:
        tables = exported(con)
        missions = {row["mission"]: row for row in rows(con, "missions")}
    found = {(g.mission, g.action, g.role, tuple(g.rules)): g for g in gateworth.report(tmp_path)}
    expected = worth_of_gates(tables, missions)
    assert found.keys() == expected.keys()
    assert len(found) > 10
    for key, told in expected.items():
        for name, value in told.items():
            seen = getattr(found[key], name)
            assert seen == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), (key, name)


def rows(con: Any, table: str) -> list[dict[str, Any]]:
    """Return a table's rows."""
    cursor = con.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_sums_over_gates_are_sums_over_questions(tmp_path: Path) -> None:
    """Two rules that ask together are one gate, so nothing counts twice."""
    publish_at_random(tmp_path, 4, 120)
    with open_mart(tmp_path) as con:
        whole = con.execute(
            "SELECT count(*), count(*) FILTER (WHERE state = 'answered'), sum(review_ms)::BIGINT FROM gate_cases"
        ).fetchall()[0]
    found = gateworth.report(tmp_path)
    assert whole == (
        sum(g.asked for g in found), sum(g.answered for g in found), sum(g.review_ms or 0 for g in found),
    )  # fmt: skip


def test_a_gate_with_few_answers_is_never_called_good_or_bad(tmp_path: Path) -> None:
    """Below thirty there is no verdict, whatever was caught."""
    publish_at_random(tmp_path, 5, 60)
    found = gateworth.report(tmp_path)
    assert found
    assert {g.verdict for g in found if g.answered < 30} == {"not_enough_data"}
