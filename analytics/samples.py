"""Samples: what DuckDB reduces runs to before anything is compared, whatever their number: counts, and one window.

Which run belongs to which side is decided once (``place_runs``). Almost all of history is the baseline, so
only the runs that are not are written down, and the baseline is read past them: no pass makes a copy of
history. All that is counted is one thing a run, because what happens within a run is not independent of
itself; of latencies, ``steps.mean_latency_us`` is that one thing.
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

_ENDED = """
status IN ('done', 'no_go', 'aborted', 'failed') AND rolls_back IS NULL AND ($mission IS NULL OR mission = $mission)
"""

_RECENT = f"""
CREATE OR REPLACE TEMP TABLE recent AS
SELECT newest.run_id, newest.recency
FROM (
    SELECT unnest(list_transform(
        max_by(run_id, (ended_at, run_id), greatest($window, 1)),
        lambda run_id, place: {{'run_id': run_id, 'recency': place}}
    )) AS newest
    FROM runs
    WHERE $window > 0 AND {_ENDED}
    GROUP BY mission
)
"""  # noqa: S608 - words of ours
"""The latest runs of each mission; 1 is the latest."""

_APART = """
CREATE OR REPLACE TEMP TABLE apart AS
SELECT run_id, CASE WHEN is_ended THEN side END AS side, recency
FROM (
    SELECT runs.run_id, coalesce({ended}, FALSE) AS is_ended, recent.recency, {side} AS side
    FROM runs LEFT JOIN recent USING (run_id)
)
WHERE NOT is_ended OR side IS DISTINCT FROM 'baseline'
"""
"""Runs that are not in the baseline: current ones, and those that are on no side."""

_SAMPLED = """
CREATE OR REPLACE TEMP VIEW sampled AS
SELECT
    runs.rowid AS place,
    runs.run_id,
    runs.mission,
    coalesce(runs.success, FALSE) AS success,
    coalesce(runs.escalated, FALSE) AS escalated,
    runs.ended_at,
    apart.recency,
    CASE WHEN apart.run_id IS NULL THEN 'baseline' ELSE apart.side END AS side,
    runs.outcome,
    runs.status,
    runs.currency,
    runs.cost_micros,
    runs.case_input,
    runs.owner,
    runs.deployment
FROM runs
LEFT JOIN apart USING (run_id)
WHERE apart.run_id IS NULL OR apart.side IS NOT NULL
"""

_CURRENT = """
-- Without the inputs: to keep a window of them, those of all of history would be read.
CREATE OR REPLACE TEMP TABLE current_runs AS SELECT * EXCLUDE (case_input) FROM sampled WHERE side = 'current'
"""

_LATENCY_BIN = f"floor({BINS_PER_OCTAVE} * log2(greatest(mean_latency_us, 1)))::INTEGER"

_LATENCIES = f"""
SELECT mission, step, coalesce(side, 'baseline') AS side, bin, sum(n)::BIGINT AS n
FROM (
    SELECT
        steps.mission,
        steps.step,
        CASE WHEN apart.run_id IS NULL THEN 'baseline' ELSE coalesce(apart.side, 'none') END AS side,
        {_LATENCY_BIN} AS bin,
        count(*) AS n
    FROM steps
    LEFT JOIN apart USING (run_id)
    WHERE steps.mean_latency_us IS NOT NULL AND steps.step IS NOT NULL
    GROUP BY ALL
)
WHERE side <> 'none'
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
WITH latest AS (
    -- Places only: a sort or a window would hold the inputs of all of history at once.
    SELECT mission, side, unnest(max_by(
        place, (coalesce(ended_at, '-infinity'::TIMESTAMPTZ), run_id), {INPUT_RUNS_MAX}
    )) AS place
    FROM sampled
    WHERE json_type(case_input) = 'OBJECT'
    GROUP BY mission, side
)
SELECT mission, side, field, json_type(value) AS kind, value ->> '$' AS told
FROM (
    SELECT mission, side, field, json_extract(case_input, '$."' || replace(field, '"', '\\"') || '"') AS value
    FROM (
        SELECT latest.mission, latest.side, case_input, unnest(json_keys(case_input)) AS field
        FROM latest JOIN runs ON runs.rowid = latest.place
    )
)
WHERE json_type(value) IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'VARCHAR', 'BOOLEAN')
"""  # noqa: S608 - a constant of ours

_NUMBERS = f"""
WITH told AS (
    SELECT 'cost' AS monitor, mission, NULL::VARCHAR AS subject, currency || ' micros' AS unit, side,
        cost_micros::DOUBLE AS value
    FROM sampled
    WHERE currency IS NOT NULL
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

_TOOLS = """
CREATE OR REPLACE TEMP TABLE tools AS
SELECT tool, (row_number() OVER (ORDER BY tool))::INTEGER AS bit
FROM (SELECT DISTINCT tool FROM tool_calls WHERE tool IS NOT NULL)
"""

_VERDICTS = """
CREATE OR REPLACE TEMP TABLE verdicts AS
-- In the order of the alphabet, allow < deny < gate; a denial outweighs a gate.
SELECT verdict, (row_number() OVER (ORDER BY verdict = 'deny', verdict))::INTEGER AS weight
FROM (SELECT DISTINCT verdict FROM decisions)
"""

_MIXES = """
WITH used AS (
    -- What is kept of each run is a few bits: lists of names take many times that, and cannot go to disk.
    SELECT run_id, bitstring_agg(bit, 0, {tools}) AS bits
    FROM tool_calls JOIN tools USING (tool)
    GROUP BY run_id
),
ruled AS (SELECT run_id, max(weight) AS worst FROM decisions JOIN verdicts USING (verdict) GROUP BY run_id),
told AS (
    SELECT 'outcome_mix' AS monitor, mission, NULL::VARCHAR AS subject, side, coalesce(outcome, status) AS kind,
        count(*) AS n
    FROM sampled
    GROUP BY ALL
    UNION ALL
    SELECT 'tool_mix', mission, NULL, side,
        coalesce((SELECT string_agg(tool, ' + ' ORDER BY tool) FROM tools WHERE get_bit(bits, bit) = 1), 'none'), n
    FROM (
        SELECT sampled.mission, side, bits, count(*) AS n FROM sampled LEFT JOIN used USING (run_id) GROUP BY ALL
    )
    UNION ALL
    SELECT 'verdict_mix', mission, NULL, side, coalesce(verdict, 'none'), n
    FROM (
        SELECT sampled.mission, side, worst, count(*) AS n FROM sampled LEFT JOIN ruled USING (run_id) GROUP BY ALL
    )
    LEFT JOIN verdicts ON weight = worst
    UNION ALL
    SELECT 'input_mix', mission, field, side, told, 1
    FROM fields
    WHERE kind IN ('VARCHAR', 'BOOLEAN') AND told IS NOT NULL
    -- What is different in most cases is a name or a text, and no kind.
    QUALIFY approx_count_distinct(told) OVER (PARTITION BY mission, field) * 10
        <= count(*) OVER (PARTITION BY mission, field)
)
SELECT monitor, mission, subject, side, kind, sum(n)::BIGINT AS n
FROM told
GROUP BY ALL
ORDER BY ALL
"""
"""Takes the number of tools, which have bits from 1."""

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
SELECT mission, NULL::VARCHAR AS step, -recency AS place, NULL::INTEGER AS bin, success, ended_at
FROM current_runs
UNION ALL
SELECT mission, 'cost', -recency, (SELECT {_BIN} FROM (SELECT cost_micros::DOUBLE AS value)), NULL, ended_at
FROM current_runs WHERE currency IS NOT NULL
UNION ALL
SELECT current_runs.mission, 'step ' || step, -recency, {_LATENCY_BIN}, NULL, NULL
FROM steps JOIN current_runs USING (run_id)
WHERE mean_latency_us IS NOT NULL AND step IS NOT NULL
ORDER BY ALL
"""  # noqa: S608 - constants of ours

FRAMES: Final = {
    "numbers": _NUMBERS,
    "mixes": _MIXES,
    "shares": _SHARES,
    "outcomes": _OUTCOMES,
    "latencies": _LATENCIES,
}
"""What is counted, by name."""


def place_runs(con: DuckDBPyConnection, side: str, mission: str | None = None, window_runs: int = 0) -> None:
    """Put each run that has ended on its side: ``baseline``, ``current``, or on none.

    Args:
        con: sees the tables.
        side: SQL of ours over ``ended_at`` and ``recency``: 1 = the mission's latest, null beyond the window.
        mission: only its runs; all, if none.
        window_runs: of each mission, so many of the latest runs have a recency.

    """
    con.execute(_RECENT, {"mission": mission, "window": window_runs})
    con.execute(_APART.format(side=side, ended=_ENDED), {"mission": mission})
    con.execute(_SAMPLED)
    con.execute(_CURRENT)


def counted(con: DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Return the counts of all placed runs: numbers, mixes, shares, outcomes and latencies."""
    for statement in (_FIELDS, _TOOLS, _VERDICTS):
        con.execute(statement)
    tools = int(scalar(con, "SELECT count(*) FROM tools"))
    found = {name: frame(con, statement.format(tools=tools)) for name, statement in FRAMES.items()}
    con.execute("DROP TABLE fields; DROP TABLE tools; DROP TABLE verdicts")
    return found


def sequence(con: DuckDBPyConnection) -> pl.DataFrame:
    """Return the current runs one by one in order: whether each succeeded, its cost and its steps' latencies."""
    return frame(con, _SEQUENCE)


def frame(con: DuckDBPyConnection, statement: str) -> pl.DataFrame:
    """Return what a statement gives."""
    import polars as pl

    return pl.DataFrame(con.sql(statement).to_arrow_table())


def forget(con: DuckDBPyConnection) -> None:
    """Let go of the placed runs and what was made of them; a connection that lives on would keep them."""
    con.execute("DROP VIEW IF EXISTS temp.main.sampled")
    for table in ("current_runs", "apart", "recent"):
        con.execute(f"DROP TABLE IF EXISTS temp.main.{table}")
