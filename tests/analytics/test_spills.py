"""Work over all of history holds to a little memory, and its numbers are the same as with all of it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pytest

from analytics.marts import open_mart
from analytics.migrations import migrate
from analytics.samples import INPUT_RUNS_MAX, counted, place_runs
from analytics.spills import MEMORY_MB, within_memory
from analytics.stores import scalar
from analytics.warehouse import land

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.analytics.conftest import Fleet

LIMIT = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"

RUNS = """
INSERT INTO runs BY NAME
SELECT
    'r' || i AS run_id, 'm' AS mission, 'done' AS status, TRUE AS success, 0 AS cost_micros, 0 AS model_calls,
    0 AS tool_calls, 0 AS input_tokens, 0 AS output_tokens, 0 AS records,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) AS ended_at, ended_at AS last_recorded_at,
    CASE WHEN i % 3 = 0 THEN '[1]' ELSE '{"place": ' || i || '}' END::JSON AS case_input
FROM range($runs) AS numbers(i)
"""


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return an empty warehouse in memory."""
    with closing(duckdb.connect()) as con:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con, "the test")
        yield con


def test_the_limit_is_lowered_for_the_work_alone(con: duckdb.DuckDBPyConnection) -> None:
    """What comes after it, on the same connection, has the memory it had."""
    before = scalar(con, LIMIT)
    during = within_memory(con, lambda: scalar(con, LIMIT))
    assert during == pytest.approx(MEMORY_MB * 1_000_000, rel=0.01)
    assert scalar(con, LIMIT) == pytest.approx(before, rel=0.01)


def test_a_lower_limit_stays(con: duckdb.DuckDBPyConnection) -> None:
    """A small machine is not told to take more."""
    con.execute("SET memory_limit = '100MB'")
    assert within_memory(con, lambda: scalar(con, LIMIT)) == pytest.approx(100_000_000, rel=0.01)


def test_what_does_not_fit_is_done_without_the_limit(con: duckdb.DuckDBPyConnection) -> None:
    """A disk that takes nothing costs memory, not the answer."""
    con.execute("SET temp_directory = ''")
    limits: list[int] = []

    def work() -> int:
        limits.append(scalar(con, LIMIT))
        return len(scalar(con, "SELECT list(i) FROM range(1_000_000) AS numbers(i)"))

    assert within_memory(con, work, megabytes=4) == 1_000_000
    assert len(limits) == 2
    assert limits[0] < limits[1]


def test_what_does_not_fit_goes_beside_the_mart(fleet: Fleet) -> None:
    """Evidence is not left wherever the command was given."""
    fleet.flown("r0")
    land(fleet.home)
    with open_mart(fleet.home) as con:
        assert scalar(con, "SELECT current_setting('temp_directory')") == str(fleet.home / "mart.duckdb.tmp")


def test_of_inputs_the_latest_that_are_objects_are_read(con: duckdb.DuckDBPyConnection) -> None:
    """Cases without fields do not use up the number that is read."""
    con.execute(RUNS, {"runs": 3 * INPUT_RUNS_MAX})
    place_runs(con, "'baseline'")
    numbers = counted(con)["numbers"]
    read = numbers.filter(numbers["monitor"] == "input")
    assert read["n"].sum() == INPUT_RUNS_MAX
    assert read["bin"].min() == _bin(3 * INPUT_RUNS_MAX - 3 * INPUT_RUNS_MAX // 2 + 1)


def _bin(value: int) -> int:
    con = duckdb.connect()
    with closing(con):
        return int(scalar(con, f"SELECT floor(32 * log2(1 + {value}))"))


def test_each_run_has_its_tools_by_name(con: duckdb.DuckDBPyConnection) -> None:
    """However many there are, in the order of their names and each once; a run without any has none."""
    con.execute(RUNS, {"runs": 4})
    calls = [("r0", "b"), ("r0", "a"), ("r0", "b"), ("r1", None), *(("r2", f"t{i:03d}") for i in range(300))]
    con.executemany(
        "INSERT INTO tool_calls (run_id, tool, key, occurrence, mission, outcome) VALUES (?, ?, '', 1, 'm', 'done')",
        calls,
    )
    place_runs(con, "'baseline'")
    assert _kinds(con, "tool_mix") == {"a + b": 1, " + ".join(f"t{i:03d}" for i in range(300)): 1, "none": 2}


def test_a_denial_outweighs_a_gate(con: duckdb.DuckDBPyConnection) -> None:
    """Of each run the worst verdict counts."""
    con.execute(RUNS, {"runs": 4})
    told = [("r0", "gate"), ("r0", "deny"), ("r0", "allow"), ("r1", "gate"), ("r1", "allow"), ("r2", "allow")]
    con.executemany(
        "INSERT INTO decisions (run_id, verdict, key, mission, decided_at) VALUES (?, ?, '', 'm', '2026-01-01')", told
    )
    place_runs(con, "'baseline'")
    assert _kinds(con, "verdict_mix") == {"deny": 1, "gate": 1, "allow": 1, "none": 1}


def _kinds(con: duckdb.DuckDBPyConnection, monitor: str) -> dict[str, int]:
    mixes = counted(con)["mixes"]
    return dict(mixes.filter(mixes["monitor"] == monitor).select("kind", "n").iter_rows())
