"""``python -m benchmarks.pages``: how long the dashboard's pages, and a publication, take on a million runs.

Fills the tables of a warehouse with generated runs, publishes its mart as the loader does, and draws every page
with Streamlit's own test runner: first with nothing cached, as after each new mart, then again. Then some runs
change, and the mart that shows them is published. A browser's time to paint is not in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

APP: Final = Path(__file__).parents[1] / "dashboards"
ROUNDS: Final = 3
CHANGED: Final = 10

_FILLED: Final = {
    "runs": """
        SELECT
            'run-' || lpad(i::VARCHAR, 9, '0') AS run_id, 'mission_' || (i % 8) AS mission, 'operations' AS owner,
            'case ' || i AS case_ref, 'mission' AS lane, 'kim' AS requester, FALSE AS offline, 'dev' AS environment,
            CASE WHEN i >= $runs - 200 THEN ['flying', 'waiting'][1 + i % 2] WHEN luck < 90 THEN 'done'
                WHEN luck < 95 THEN 'no_go' ELSE 'failed' END AS status,
            CASE WHEN i < $runs - 200 AND luck < 90 THEN 'paid' END AS outcome,
            CASE WHEN i < $runs - 200 THEN luck < 88 END AS success,
            CASE WHEN i < $runs - 200 THEN luck % 20 = 0 END AS escalated,
            CASE WHEN i >= $runs - 200 AND i % 2 = 1 THEN ['gate-' || i] ELSE [] END AS waiting_gates,
            'USD' AS currency, 'list' AS price_basis, (9000 + hash(i) % 20000)::BIGINT AS cost_micros,
            (9000 + hash(i) % 20000)::BIGINT AS total_cost_micros, 2000000 AS budget_usd_micros,
            1 AS attempts, (i % 20 = 0)::BIGINT AS gates, 2 AS model_calls, 1 AS tool_calls, 4100 AS input_tokens,
            620 AS output_tokens, 12 AS records, 1500 AS latency_ms,
            now() - to_milliseconds(7000 * ($runs - i)) AS started_at,
            CASE WHEN i < $runs - 200 THEN now() - to_milliseconds(7000 * ($runs - i) - 1500) END AS ended_at,
            now() - to_milliseconds(7000 * ($runs - i) - 1500) AS last_recorded_at
        FROM (SELECT i, hash(i) % 100 AS luck FROM range($runs) AS r(i))
    """,
    "steps": """
        SELECT run_id, '/step:' || step AS key, 1 AS occurrence, mission, step, 'done' AS outcome,
            (800000 + hash(run_id || step) % 400000)::BIGINT AS latency_us, latency_us AS mean_latency_us,
            cost_micros // 2 AS cost_micros, 1 AS model_calls, 0 AS tool_calls, started_at, started_at AS ended_at
        FROM runs, (VALUES ('read'), ('assess')) AS path(step)
    """,
    "model_calls": """
        SELECT run_id, '/step:' || step || '/model' AS key, 1 AS occurrence, mission, '/step:' || step AS step_key,
            'clerk' AS agent_id, '1' AS agent_version, 'small' AS requested_model, 'small-1' AS returned_model,
            'openai' AS provider, FALSE AS offline, 'done' AS outcome, 2050 AS input_tokens, 310 AS output_tokens,
            cost_micros // 2 AS cost_micros, 'USD' AS currency, 'list' AS price_basis, 700000 AS latency_us,
            started_at, started_at AS ended_at
        FROM runs, (VALUES ('read'), ('assess')) AS path(step)
    """,
    "tool_calls": """
        SELECT run_id, '/tool:pay' AS key, 1 AS occurrence, mission, 'clerk' AS principal, 'pay' AS tool,
            'payments' AS system, 'write' AS effect, 'done' AS outcome, 300 AS latency_us, started_at,
            started_at AS ended_at
        FROM runs
    """,
    "decisions": """
        SELECT run_id, '/tool:pay/decision' AS key, mission, 'clerk' AS principal, 'pay' AS action, 'pay' AS resource,
            'allow' AS verdict, ['payout-limit'] AS rules, ['Small sums.'] AS because, started_at AS decided_at
        FROM runs
    """,
    "gates": """
        SELECT CASE WHEN status = 'waiting' THEN waiting_gates[1] ELSE 'gate-' || run_id END AS gate, run_id, mission,
            'pay' AS action, '# Pay?' AS card, 'manager' AS role, ['go', 'no_go', 'revise'] AS options,
            requester, started_at AS opened_at, started_at + INTERVAL 1 DAY AS deadline,
            CASE WHEN status = 'waiting' THEN 'open' ELSE 'answered' END AS state,
            CASE WHEN status <> 'waiting' THEN 'go' END AS answer,
            CASE WHEN status <> 'waiting' THEN 'lee' END AS answered_by,
            CASE WHEN status <> 'waiting' THEN ended_at END AS answered_at,
            CASE WHEN status <> 'waiting' THEN 60000 END AS waited_ms
        FROM runs WHERE gates > 0 OR status = 'waiting'
    """,
    "versions": """
        SELECT run_id, mission, object, id, '1' AS version, started_at AS logged_at
        FROM runs, (VALUES ('agent', 'clerk'), ('policy', 'law'), ('mission', 'code')) AS part(object, id)
    """,
}


def main() -> None:
    """Fill, publish, draw, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="gonogo-pages-"))
    os.environ["GONOGO_HOME"] = str(home)
    try:
        measure(home, given.runs)
    finally:
        shutil.rmtree(home)


def measure(home: Path, runs: int) -> None:
    """Measure in a home where nothing is yet."""
    from analytics.publishing import Publisher
    from analytics.stores import open_warehouse

    con = open_warehouse(home)
    try:
        fill(con, runs)
        publisher = Publisher(con, home)
        begun, worked = perf_counter(), process_time()
        computed, _ = publisher.publish()
        _tell("mart filled anew, numbers computed", perf_counter() - begun, process_time() - worked)
        _tell("  of which the numbers", computed.basis["seconds"])
        for _ in range(ROUNDS):
            con.execute(
                "INSERT INTO changed_runs SELECT run_id FROM runs ORDER BY run_id DESC LIMIT $most", {"most": CHANGED}
            )
            begun, worked = perf_counter(), process_time()
            publisher.publish(computed)
            _tell(f"mart with {CHANGED} changed runs", perf_counter() - begun, process_time() - worked)
    finally:
        con.close()
    draw_pages()


def fill(con: DuckDBPyConnection, runs: int) -> None:
    """Fill the tables of a warehouse."""
    for table, statement in _FILLED.items():
        given = {"runs": runs} if table == "runs" else {}
        con.execute(f"INSERT INTO {table} BY NAME {statement}", given)


def draw_pages() -> None:
    """Draw every page of the dashboard with empty caches, then again, and print how long each took."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(APP / "app.py"), default_timeout=600)
    app.run()
    for page in sorted(path.relative_to(APP).as_posix() for path in (APP / "pages").glob("*.py")):
        app.switch_page(page)
        app.run()
        cold: list[float] = []
        for _ in range(ROUNDS):
            st.cache_data.clear()
            st.cache_resource.clear()
            begun = perf_counter()
            app.run()
            cold.append(perf_counter() - begun)
        begun = perf_counter()
        app.run()
        objection = f"  it raised {app.exception[0].message}" if app.exception else ""
        _tell(f"{page}, nothing cached", median(cold))
        print(f"{page + ', again':<45} {perf_counter() - begun:8.2f} s{objection}")


def _tell(what: str, seconds: float, worked: float | None = None) -> None:
    print(f"{what:<45} {seconds:8.2f} s" + ("" if worked is None else f"  {worked:8.2f} processor seconds"))


if __name__ == "__main__":
    main()
