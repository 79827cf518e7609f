"""Benches: who answers at gates, how long they are waited for, what they say, and what samples they review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.tables import Tables

REVIEWS_SHOWN = 50
REVIEWERS_SHOWN = 100

GATES_SHOWN = 100

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

_ALONE = """
FROM (
    SELECT gate, run_id, mission, agent_id AS who, tool AS action, role, asked_at, due_at, state, 'sample' AS of
    FROM reviews
    UNION ALL
    SELECT review, run_id, mission, broken_by, action, reviewer_role, asked_at, due_at, state, 'emergency'
    FROM broken_glass
)
"""

_REVIEWS = f"""
SELECT gate, run_id, mission, who, action, role, asked_at, due_at, of
{_ALONE}
{_HERE} AND state = 'open'
ORDER BY due_at NULLS LAST, asked_at, gate
LIMIT $most
"""

_REVIEW_COUNTS = f"""
SELECT
    count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'open' AND due_at < $now) AS late,
    count(*) FILTER (WHERE state = 'right') AS agreed,
    count(*) FILTER (WHERE state = 'wrong') AS disagreed
{_ALONE}
{_HERE}
"""

_HABITS = "SELECT * FROM reviewers ORDER BY answers DESC, reviewer LIMIT $most"

_WORTH = """
SELECT *, count(*) OVER () AS gates
FROM gate_worth
WHERE ($mission IS NULL OR mission = $mission)
ORDER BY review_micros DESC NULLS LAST, answered DESC, mission, action, role, rules
LIMIT $most
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


def habits(tables: Tables) -> list[dict[str, Any]]:
    """Return how people review, over all missions: how much, how fast, and how what they let through bore out."""
    return tables.rows(_HABITS, most=REVIEWERS_SHOWN)


def open_reviews(tables: Tables, mission: str | None, now: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return what was done alone and waits for a review, nearest due first, and how all of them went."""
    counts = tables.row(_REVIEW_COUNTS, mission=mission, now=now)
    return tables.rows(_REVIEWS, mission=mission, most=REVIEWS_SHOWN), counts


def gate_worth(tables: Tables, mission: str | None) -> list[dict[str, Any]]:
    """Return what each gate costs and catches, the dearest first; ``gates`` in each row says how many there are."""
    return tables.rows(_WORTH, mission=mission, most=GATES_SHOWN)
