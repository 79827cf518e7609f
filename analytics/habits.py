"""What is usual for each agent: reduced by DuckDB from its evidence, published as a small file for its monitors.

The monitors live in the hearth, which opens no database; they read ``habits.json`` once a flight.
It holds counts and marks, no names and no payload. Runs that were aborted teach nothing: a runaway
must not become what is usual.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from analytics.errors import WarehouseUnwritable
from gonogo.errors import GonogoError
from gonogo.evidence.canon import INTEGER_MAX
from gonogo.monitors.habits import FILE, FORMAT, mark_of, sealed
from gonogo.policy.limits import Monitoring
from gonogo.policy.registry import read_registry
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

HISTORY_DAYS = 90
"""How far back the history of an agent goes."""

RECIPIENTS_MAX = 20_000
"""Of each agent, so many recipients are known: those it turned to last."""

_LEARNED = f"""
CREATE OR REPLACE TEMP VIEW learned AS
SELECT run_id FROM runs
WHERE status IN ('done', 'no_go', 'failed') AND ended_at > now() - INTERVAL {HISTORY_DAYS} DAY
"""  # noqa: S608 - a constant of ours

_CALLS = """
CREATE OR REPLACE TEMP VIEW learned_calls AS
SELECT
    run_id, recorded_time, payload,
    data ->> 'principal' AS principal, data ->> 'tool' AS tool, data ->> 'effect' AS effect
FROM evidence
WHERE artifact = 'tool_call' AND phase = 'intent' AND run_id IN (FROM learned)
"""

_RUNS = """
SELECT principal, count(DISTINCT run_id) FROM (
    SELECT principal, run_id FROM learned_calls
    UNION ALL SELECT agent_id, run_id FROM model_calls WHERE run_id IN (FROM learned)
)
WHERE principal IS NOT NULL
GROUP BY 1
"""

_TOOLS = """
SELECT principal, tool, max(calls) FROM (
    SELECT principal, tool, run_id, count(*) AS calls FROM learned_calls GROUP BY ALL
)
GROUP BY ALL
"""

_PEAKS = f"""
SELECT agent_id, least(max(micros), {INTEGER_MAX})::BIGINT, least(max(tokens), {INTEGER_MAX})::BIGINT FROM (
    SELECT
        agent_id,
        sum(coalesce(cost_micros, 0)) OVER near AS micros,
        sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) OVER near AS tokens
    FROM model_calls
    WHERE run_id IN (FROM learned) AND ended_at IS NOT NULL AND agent_id IS NOT NULL
    WINDOW near AS (
        PARTITION BY run_id, agent_id ORDER BY ended_at
        RANGE BETWEEN to_seconds($seconds) PRECEDING AND CURRENT ROW
    )
)
GROUP BY 1
"""  # noqa: S608 - a constant of ours

_AMOUNTS = """
SELECT principal, tool || '.' || name, count(*), max(value)
FROM (
    SELECT principal, tool, name, try_cast(json_extract_string(payload, '$."' || name || '"') AS BIGINT) AS value
    FROM learned_calls, (SELECT unnest($names::VARCHAR[]) AS name)
    WHERE effect <> 'read' AND json_type(payload, '$."' || name || '"') IN ('BIGINT', 'UBIGINT')
)
WHERE value IS NOT NULL
GROUP BY ALL
"""

_RECIPIENTS = """
SELECT principal, value FROM (
    SELECT
        principal,
        unnest(CASE
            WHEN json_type(payload, path) = 'ARRAY' THEN try_cast(json_extract(payload, path) AS VARCHAR[])
            ELSE [json_extract_string(payload, path)]
        END) AS value,
        recorded_time
    FROM learned_calls, (SELECT '$."' || unnest($names::VARCHAR[]) || '"' AS path)
    WHERE effect <> 'read' AND json_type(payload, path) IN ('VARCHAR', 'ARRAY')
)
WHERE value IS NOT NULL
GROUP BY principal, value
QUALIFY row_number() OVER (PARTITION BY principal ORDER BY max(recorded_time) DESC, value) <= $most
"""


def habits_path(home: Path) -> Path:
    """Return where the habits of a home are published."""
    return home / FILE


def publish_habits(con: DuckDBPyConnection, home: Path) -> Path:
    """Compute what is usual from the warehouse ``con`` has open, and publish it; the file is replaced whole.

    Raises:
        WarehouseUnwritable: the file cannot be written; the one before stays.

    """
    content = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(),
        "history_days": HISTORY_DAYS,
        "agents": compute(con, _monitoring()),
    }
    path = habits_path(home)
    aside = path.with_name(f"{FILE}.new")
    try:
        with aside.open("wb") as file:
            file.write(orjson.dumps({"content": content, "sha256": sealed(content)}, option=orjson.OPT_SORT_KEYS))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        msg = f"The habits cannot be written to {path} ({error.strerror}); free the disk or fix the folder."
        raise WarehouseUnwritable(msg) from error
    return path


def compute(con: DuckDBPyConnection, monitoring: Monitoring) -> dict[str, dict[str, Any]]:
    """Return what is usual for each agent, and for each mission that acts on its own mandate."""
    con.execute(_LEARNED)
    con.execute(_CALLS)
    found: dict[str, dict[str, Any]] = {
        principal: {"runs": runs, "micros_peak": 0, "tokens_peak": 0, "tools": {}, "amounts": {}, "recipients": []}
        for principal, runs in con.execute(_RUNS).fetchall()
    }
    for principal, tool, most in con.execute(_TOOLS).fetchall():
        found[principal]["tools"][tool] = most
    everybody = [monitoring.everybody, *monitoring.agents.values()]
    for seconds in sorted({limits.spend_velocity.window_seconds for limits in everybody}):
        for principal, micros, tokens in con.execute(_PEAKS, {"seconds": seconds}).fetchall():
            if monitoring.of(principal).spend_velocity.window_seconds == seconds:
                found[principal] |= {"micros_peak": micros, "tokens_peak": tokens}
    sums = sorted({name for limits in everybody for name in limits.amounts.arguments})
    for principal, argument, count, largest in con.execute(_AMOUNTS, {"names": sums}).fetchall():
        found[principal]["amounts"][argument] = [count, largest]
    whom = sorted({name for limits in everybody for name in limits.recipients.arguments})
    for principal, value in con.execute(_RECIPIENTS, {"names": whom, "most": RECIPIENTS_MAX}).fetchall():
        found[principal]["recipients"].append(mark_of(value))
    for told in found.values():
        told["recipients"].sort()
    return found


def _monitoring() -> Monitoring:
    """Return the limits in force; a policy folder that does not hold stops missions, not the landing of evidence."""
    try:
        return read_registry(settings().policy_folder).monitors
    except GonogoError:
        return Monitoring()
