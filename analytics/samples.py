"""Samples: what DuckDB reduces runs to before anything is compared, whatever their number: counts, and one window.

Which run belongs to which side is decided once (``place_runs``); everything else joins on that. All that
is counted is one thing a run, because what happens within a run is not independent of itself.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analytics.stores import scalar

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

BINS_PER_OCTAVE = 32
"""Values are binned on a scale of 32 bins a doubling: a quantile is right within 2.2 %."""

INPUT_RUNS_MAX = 2_000
"""Of a mission's baseline, so many of the latest cases are read field by field; more would say the same."""

_STEPS_A_PASS = 1_250_000
"""Steps are averaged by run in passes of about this size, so that memory does not grow with history."""

_PLACED = """
CREATE OR REPLACE TEMP TABLE sampled AS
WITH ended AS (
    SELECT
        run_id,
        mission,
        success,
        escalated,
        ended_at,
        row_number() OVER (PARTITION BY mission ORDER BY ended_at DESC, run_id DESC) AS recency
    FROM runs
    WHERE status IN ('done', 'no_go', 'aborted', 'failed')
        AND rolls_back IS NULL
        AND ($mission IS NULL OR mission = $mission)
)
SELECT
    row_number() OVER (ORDER BY mission, recency DESC)::INTEGER AS place,
    run_id,
    mission,
    coalesce(success, FALSE) AS success,
    coalesce(escalated, FALSE) AS escalated,
    ended_at,
    recency::INTEGER AS recency,
    {side} AS side
FROM ended
WHERE side IS NOT NULL
"""

_STEP_NAMES = """
CREATE OR REPLACE TEMP TABLE step_names AS
SELECT row_number() OVER (ORDER BY step)::SMALLINT AS number, step
FROM (SELECT DISTINCT step FROM steps WHERE step IS NOT NULL)
"""

_EXECUTIONS = """
CREATE OR REPLACE TEMP TABLE executions AS
SELECT sampled.place, step_names.number, steps.latency_us
FROM steps
JOIN sampled USING (run_id)
JOIN step_names USING (step)
WHERE steps.outcome = 'done' AND steps.latency_us IS NOT NULL
"""
"""Numbers only, so that millions of them are small; everything on latency is asked of these."""

_BY_RUN = """
    -- One value a run and step: executions within a run are not independent of each other.
    SELECT place, number, avg(latency_us) AS latency_us FROM executions WHERE {which} GROUP BY place, number
"""

_LATENCY_BIN = f"floor({BINS_PER_OCTAVE} * log2(greatest(latency_us, 1)))::INTEGER"

_BINNED = f"""
SELECT sampled.mission, step, side, {_LATENCY_BIN} AS bin, count(*) AS n
FROM ({{by_run}})
JOIN sampled USING (place)
JOIN step_names USING (number)
GROUP BY ALL
ORDER BY ALL
"""  # noqa: S608 - constants of ours

_BIN = (
    f"CASE WHEN value >= 0 THEN floor({BINS_PER_OCTAVE} * log2(1 + value)) "
    f"ELSE -1 - floor({BINS_PER_OCTAVE} * log2(1 - value)) END::INTEGER"
)
"""The bin of any number: logarithmic on both sides of zero."""

_FIELDS = f"""
CREATE OR REPLACE TEMP TABLE fields AS
SELECT mission, side, field, json_type(value) AS kind, value ->> '$' AS told
FROM (
    SELECT mission, side, field, json_extract(case_input, '$."' || replace(field, '"', '\\"') || '"') AS value
    FROM (
        SELECT mission, side, case_input, unnest(json_keys(case_input)) AS field
        FROM (
            SELECT sampled.mission, sampled.side, runs.case_input
            FROM sampled
            JOIN runs USING (run_id)
            WHERE json_type(runs.case_input) = 'OBJECT'
            QUALIFY row_number() OVER (PARTITION BY sampled.mission, side ORDER BY recency) <= {INPUT_RUNS_MAX}
        )
    )
)
WHERE json_type(value) IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'VARCHAR', 'BOOLEAN')
"""  # noqa: S608 - a constant of ours

_NUMBERS = f"""
WITH told AS (
    SELECT 'cost' AS monitor, sampled.mission, NULL::VARCHAR AS subject, runs.currency || ' micros' AS unit, side,
        runs.cost_micros::DOUBLE AS value
    FROM sampled JOIN runs USING (run_id)
    WHERE runs.currency IS NOT NULL
    UNION ALL
    SELECT 'dwell', sampled.mission, gates.role, 'ms', side, gates.waited_ms::DOUBLE
    FROM sampled JOIN gates USING (run_id)
    WHERE gates.state = 'answered' AND gates.proof IS DISTINCT FROM 'clock' AND gates.waited_ms IS NOT NULL
    UNION ALL
    SELECT 'confidence', sampled.mission, measures.name, measures.unit, side, measures.value::DOUBLE
    FROM sampled JOIN measures USING (run_id)
    WHERE contains(measures.name, 'confidence')
    UNION ALL
    SELECT 'input', mission, field, '', side, try_cast(told AS DOUBLE)
    FROM fields
    WHERE kind IN ('BIGINT', 'UBIGINT', 'DOUBLE')
)
SELECT monitor, mission, subject, unit, side, {_BIN} AS bin, count(*) AS n
FROM told
WHERE value IS NOT NULL AND isfinite(value)
GROUP BY ALL
ORDER BY ALL
"""  # noqa: S608 - a constant of ours

_MIXES = """
WITH told AS (
    SELECT 'outcome_mix' AS monitor, sampled.mission, NULL::VARCHAR AS subject, side,
        coalesce(runs.outcome, runs.status) AS kind
    FROM sampled JOIN runs USING (run_id)
    UNION ALL
    SELECT 'tool_mix', sampled.mission, NULL, side, coalesce(used.tools, 'none')
    FROM sampled
    LEFT JOIN (
        SELECT run_id, array_to_string(list_sort(list(DISTINCT tool)), ' + ') AS tools FROM tool_calls GROUP BY run_id
    ) AS used USING (run_id)
    UNION ALL
    SELECT 'verdict_mix', sampled.mission, NULL, side, coalesce(ruled.worst, 'none')
    FROM sampled
    LEFT JOIN (
        -- In the order of the alphabet, allow < deny < gate; a denial outweighs a gate.
        SELECT run_id, CASE WHEN bool_or(verdict = 'deny') THEN 'deny' ELSE max(verdict) END AS worst
        FROM decisions GROUP BY run_id
    ) AS ruled USING (run_id)
    UNION ALL
    SELECT 'input_mix', mission, field, side, told
    FROM fields
    WHERE kind IN ('VARCHAR', 'BOOLEAN') AND told IS NOT NULL
    -- What is different in most cases is a name or a text, and no kind.
    QUALIFY approx_count_distinct(told) OVER (PARTITION BY mission, field) * 10
        <= count(*) OVER (PARTITION BY mission, field)
)
SELECT monitor, mission, subject, side, kind, count(*) AS n
FROM told
GROUP BY ALL
ORDER BY ALL
"""

_SHARES = """
SELECT 'escalation_rate' AS monitor, mission, NULL::VARCHAR AS subject, side, count(*) AS n,
    count(*) FILTER (WHERE escalated) AS hits
FROM sampled
GROUP BY ALL
UNION ALL
SELECT 'approval_rate', sampled.mission, gates.role, side, count(*), count(*) FILTER (WHERE gates.answer = 'go')
FROM sampled JOIN gates USING (run_id)
WHERE gates.state = 'answered' AND gates.proof IS DISTINCT FROM 'clock'
GROUP BY ALL
ORDER BY ALL
"""

_OUTCOMES = """
SELECT mission, side, count(*) AS n, count(*) FILTER (WHERE success) AS successes FROM sampled GROUP BY ALL ORDER BY ALL
"""

_SEQUENCE = f"""
SELECT mission, NULL::VARCHAR AS step, place, NULL::INTEGER AS bin, success, ended_at
FROM sampled WHERE side = 'current'
UNION ALL
SELECT sampled.mission, 'cost', place, (SELECT {_BIN} FROM (SELECT runs.cost_micros::DOUBLE AS value)), NULL,
    sampled.ended_at
FROM sampled JOIN runs USING (run_id) WHERE side = 'current' AND runs.currency IS NOT NULL
UNION ALL
SELECT sampled.mission, 'step ' || step, place, {_LATENCY_BIN}, NULL, NULL
FROM ({_BY_RUN.format(which="place IN (SELECT place FROM sampled WHERE side = 'current')")})
JOIN sampled USING (place)
JOIN step_names USING (number)
ORDER BY ALL
"""  # noqa: S608 - constants of ours

FRAMES: Final = {"numbers": _NUMBERS, "mixes": _MIXES, "shares": _SHARES, "outcomes": _OUTCOMES}
"""What is counted beside latencies, by name."""


def place_runs(con: DuckDBPyConnection, side: str, mission: str | None = None) -> None:
    """Put each run that has ended on its side: ``baseline``, ``current``, or on none.

    Args:
        con: sees the tables.
        side: SQL of ours over ``recency`` (1 = the mission's latest) and ``ended_at``.
        mission: only its runs; all, if none.

    """
    con.execute(_PLACED.format(side=side), {"mission": mission})


def counted(con: DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Return the counts of all placed runs: numbers, mixes, shares, outcomes and latencies."""
    con.execute(_FIELDS)
    found = {name: frame(con, statement) for name, statement in FRAMES.items()}
    con.execute("DROP TABLE fields")
    return found | {"latencies": _latencies(con)}


def sequence(con: DuckDBPyConnection) -> pl.DataFrame:
    """Return the current runs one by one in order: whether each succeeded, its cost and its steps' latencies."""
    return frame(con, _SEQUENCE)


def frame(con: DuckDBPyConnection, statement: str) -> pl.DataFrame:
    """Return what a statement gives."""
    import polars as pl

    return pl.DataFrame(con.sql(statement).to_arrow_table())


def _latencies(con: DuckDBPyConnection) -> pl.DataFrame:
    """Count latencies by mission, step, side and bin, a share of the runs after the other."""
    import polars as pl

    con.execute(_STEP_NAMES)
    con.execute(_EXECUTIONS)
    passes = 1 + int(scalar(con, "SELECT count(*) FROM executions")) // _STEPS_A_PASS
    parts = [
        frame(con, _BINNED.format(by_run=_BY_RUN.format(which=f"place % {passes:d} = {number:d}")))
        for number in range(passes)
    ]
    keys = ["mission", "step", "side", "bin"]
    return pl.concat(parts).group_by(keys).agg(pl.col("n").sum()).sort(keys)


def forget(con: DuckDBPyConnection) -> None:
    """Let go of the placed runs and what was made of them; a connection that lives on would keep them."""
    for table in ("executions", "step_names", "sampled"):
        con.execute(f"DROP TABLE IF EXISTS temp.main.{table}")
