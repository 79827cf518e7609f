"""The history of data quality: each check of each load for a while, and its tally of each day for good."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.stores import insert_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from analytics.quality import Check

KEEP_PASSED_LOADS = 100
"""Passed checks are kept for this many loads; failed and broken ones for good."""

_TALLY = """
CREATE OR REPLACE TEMP TABLE tally AS
SELECT
    day, suite, expectation, field, severity,
    sum(passed)::BIGINT AS passed,
    sum(failed)::BIGINT AS failed,
    sum(broke)::BIGINT AS broke,
    sum(checked)::BIGINT AS checked,
    sum(unexpected)::BIGINT AS unexpected
FROM (
    SELECT * FROM dq_history WHERE day = $day
    UNION ALL BY NAME
    SELECT
        $day::DATE AS day, suite, expectation, field, severity,
        (status = 'passed')::BIGINT AS passed,
        (status = 'failed')::BIGINT AS failed,
        (status = 'broke')::BIGINT AS broke,
        checked,
        unexpected
    FROM dq_results
    WHERE load_id = $load_id
)
GROUP BY ALL
"""

_FORGET = f"""
DELETE FROM dq_results
WHERE status = 'passed'
    AND load_id NOT IN (SELECT load_id FROM loads ORDER BY load_id DESC LIMIT {KEEP_PASSED_LOADS})
"""  # noqa: S608 - a constant of ours


def keep_checks(con: DuckDBPyConnection, checks: Iterable[Check], load_id: str, now: datetime) -> None:
    """Write the checks of a load, add them to the tally of its day (UTC), and forget old good news.

    Runs inside the caller's transaction, after the load is in the table ``loads``.
    """
    insert_rows(con, "dq_results", (check.row(load_id, now) for check in checks))
    day = now.date()
    con.execute(_TALLY, {"day": day, "load_id": load_id})
    con.execute("DELETE FROM dq_history WHERE day = $day", {"day": day})
    con.execute("INSERT INTO dq_history BY NAME SELECT * FROM tally")
    con.execute(_FORGET)
