"""From evidence to the tables people ask: one SQL file a table, computed anew for the runs that changed.

``analytics/shapes/<table>.sql`` reads these temporary relations, and the tables listed before it:

``touched``   the runs that got new records
``fresh``     all evidence of those runs
``begun``     their operations, each beginning numbered (``occurrence``)
``endings``   their last results, of runs that were not resumed afterwards
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from analytics.stores import scalar

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHAPES: dict[str, str | None] = {
    "model_calls": "model_call",
    "tool_calls": "tool_call",
    "attempts": "attempt_record",
    "delegations": "delegation",
    "steps": "step_record",
    "decisions": "policy_decision",
    "approvals": "approval_record",
    "gates": "approval_request",
    "reviews": "approval_request",
    "escalations": "escalation_record",
    "broken_glass": "approval_request",
    "laws": "law_record",
    "probes": "probe_record",
    "events": "event_record",
    "measures": "run_record",
    "exceptions": "exception_record",
    "halts": "switch_record",
    "monitor_findings": "finding_record",
    "drills": "drill_record",
    "drift_findings": "drift_record",
    "versions": "version_log",
    "chain_faults": None,
    "runs": None,
}
"""Tables computed from evidence, each after those it reads, and the artifact without which it has no row for a run."""

_FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * FROM evidence
WHERE run_id IN (SELECT run_id FROM touched)
    -- A probe that has told what it was is no work, and stands in the table probes alone.
    AND run_id NOT IN (
        SELECT run_id FROM evidence WHERE artifact = 'probe_record' AND run_id IN (SELECT run_id FROM touched)
    )
"""

_ARTIFACTS = "SELECT DISTINCT artifact FROM evidence WHERE run_id IN (SELECT run_id FROM touched)"

_BEGUN = """
CREATE OR REPLACE TEMP TABLE begun AS
SELECT
    *,
    sum(CASE WHEN phase = 'intent' OR coalesce(phase_before, 'result') = 'result' THEN 1 ELSE 0 END)
        OVER (PARTITION BY run_id, artifact, key ORDER BY seq)::BIGINT AS occurrence
FROM (
    SELECT
        run_id, artifact, key, seq, phase, attempt, mission, step_key, agent_id, agent_version, recorded_time, data,
        lag(phase) OVER (PARTITION BY run_id, artifact, key ORDER BY seq) AS phase_before
    FROM fresh
    WHERE artifact IN ('step_record', 'model_call', 'tool_call', 'delegation')
)
"""

_ENDINGS = """
CREATE OR REPLACE TEMP VIEW endings AS
SELECT *
FROM fresh
WHERE artifact = 'run_record' AND (phase = 'result' OR data ->> 'event' = 'resumed')
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq DESC) = 1 AND phase = 'result'
"""


@cache
def _statement(table: str) -> str:
    return files("analytics").joinpath("shapes", f"{table}.sql").read_text(encoding="utf-8")


def reshape(con: DuckDBPyConnection) -> list[str]:
    """Compute every table anew for the runs in the temporary table ``touched``; return those that may have changed.

    The result depends on the evidence alone, not on the loads it came in. Runs inside the caller's
    transaction.
    """
    for statement in (_FRESH, _BEGUN, _ENDINGS):
        con.execute(statement)
    is_news = bool(scalar(con, "SELECT bool_and(NOT is_known) FROM touched"))
    # Of all evidence: that of a run that turns out to be a probe goes out of every table again.
    told = {str(artifact) for (artifact,) in con.execute(_ARTIFACTS).fetchall()}
    # Evidence only grows: where none of a kind is, there was none before, and no row to replace.
    changed = [table for table, artifact in SHAPES.items() if artifact is None or artifact in told]
    for table in changed:
        # Names of our own files, not input.
        if not is_news:
            con.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT run_id FROM touched WHERE is_known)")  # noqa: S608
        con.execute(f"INSERT INTO {table} BY NAME {_statement(table)}")
    return changed
