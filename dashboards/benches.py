"""Benches: who answers at gates, how long they are waited for, what they say, and what samples they review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.tables import Tables

REVIEWS_SHOWN = 50
REVIEWERS_SHOWN = 100

WORTH = "gate_worth"
"""The table in which each gate's rule stands with what it costs and what it caught, where the mart has it."""

_HERE = "WHERE ($mission IS NULL OR mission = $mission)"

_TOTALS = f"""
SELECT
    count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'open' AND deadline < $now) AS late,
    count(*) FILTER (WHERE state = 'answered') AS answered,
    count(*) FILTER (WHERE state = 'expired') AS expired,
    count(*) FILTER (WHERE state = 'answered' AND answer <> 'go') AS stopped,
    approx_quantile(waited_ms, 0.5) FILTER (WHERE state = 'answered') AS half_ms,
    approx_quantile(waited_ms, 0.9) FILTER (WHERE state = 'answered') AS most_ms
FROM gates
{_HERE}
"""  # noqa: S608 - our own condition

_ROLES = f"""
SELECT
    coalesce(role, 'nobody named') AS role,
    count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'answered' AND answer = 'go') AS go,
    count(*) FILTER (WHERE state = 'answered' AND answer = 'no_go') AS no_go,
    count(*) FILTER (WHERE state = 'answered' AND answer = 'revise') AS revise,
    count(*) FILTER (WHERE state = 'expired') AS expired,
    approx_quantile(waited_ms, 0.5) FILTER (WHERE state = 'answered') AS half_ms,
    approx_quantile(waited_ms, 0.9) FILTER (WHERE state = 'answered') AS most_ms,
    min(opened_at) FILTER (WHERE state = 'open') AS oldest
FROM gates
{_HERE}
GROUP BY ALL
ORDER BY open DESC, go + no_go + revise + expired DESC, role
"""  # noqa: S608 - our own condition

_REVIEWERS = f"""
SELECT
    answered_by AS person,
    count(*) AS answers,
    count(*) FILTER (WHERE answered_at >= $now::TIMESTAMPTZ - INTERVAL 7 DAY) AS week,
    count(DISTINCT answered_at::DATE) AS days,
    count(*) FILTER (WHERE answer = 'go') AS go,
    count(*) FILTER (WHERE proof = 'unproven') AS unproven,
    approx_quantile(waited_ms, 0.5) AS half_ms,
    list(DISTINCT role ORDER BY role) FILTER (WHERE role IS NOT NULL) AS roles
FROM gates
{_HERE} AND state = 'answered' AND answered_by IS NOT NULL
GROUP BY answered_by
ORDER BY week DESC, answers DESC, person
LIMIT $most
"""  # noqa: S608 - our own condition

_REVIEWS = f"""
SELECT gate, run_id, mission, agent_id, tool, role, asked_at, due_at
FROM reviews
{_HERE} AND state = 'open'
ORDER BY due_at NULLS LAST, asked_at, gate
LIMIT $most
"""  # noqa: S608 - our own condition

_REVIEW_COUNTS = f"""
SELECT
    count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'open' AND due_at < $now) AS late,
    count(*) FILTER (WHERE state = 'right') AS agreed,
    count(*) FILTER (WHERE state = 'wrong') AS disagreed
FROM reviews
{_HERE}
"""  # noqa: S608 - our own condition

_HAS_TABLE = "SELECT count(*) AS known FROM duckdb_tables() WHERE database_name = 'mart' AND table_name = $name"

_WORTH_COLUMNS = """
SELECT column_name AS name, coalesce(comment, '') AS says
FROM duckdb_columns()
WHERE database_name = 'mart' AND table_name = $name
ORDER BY column_index
"""


def gate_totals(tables: Tables, mission: str | None, now: object) -> dict[str, Any]:
    """Return how many gates wait, were answered, or ran out, and how long people were waited for."""
    return tables.row(_TOTALS, mission=mission, now=now)


def roles(tables: Tables, mission: str | None) -> list[dict[str, Any]]:
    """Return the same by role that is asked."""
    return tables.rows(_ROLES, mission=mission)


def reviewers(tables: Tables, mission: str | None, now: object) -> list[dict[str, Any]]:
    """Return who answered, those with the most of the last seven days first."""
    return tables.rows(_REVIEWERS, mission=mission, now=now, most=REVIEWERS_SHOWN)


def open_reviews(tables: Tables, mission: str | None, now: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return samples that wait for a review, nearest due first, and how all of them went."""
    counts = tables.row(_REVIEW_COUNTS, mission=mission, now=now)
    return tables.rows(_REVIEWS, mission=mission, most=REVIEWS_SHOWN), counts


def gate_worth(tables: Tables) -> tuple[list[dict[str, Any]], list[dict[str, Any]]] | None:
    """Return what each gate costs and caught, with its columns; ``None`` where this mart does not tell."""
    if not tables.row(_HAS_TABLE, name=WORTH)["known"]:
        return None
    # A name of our own, and a table of a few rows: one for each rule that asks for a person.
    return tables.rows(f"SELECT * FROM {WORTH} LIMIT 200"), tables.rows(_WORTH_COLUMNS, name=WORTH)  # noqa: S608
