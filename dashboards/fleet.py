"""The fleet as the page on live missions asks for it: counted and cut in SQL, so that a million runs stay quick."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dashboards.mart import Mart

LIVE_SHOWN = 50
LANDED_SHOWN = 25
DAY = timedelta(days=1)

STATUSES = ("flying", "waiting", "done", "no_go", "aborted", "failed")


class Chosen(NamedTuple):
    """What the viewer wants to see; ``None`` and nothing chosen mean everything."""

    mission: str | None = None
    statuses: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The choice as query parameters."""
        return {"mission": self.mission, "statuses": list(self.statuses or STATUSES)}


_MISSIONS = "SELECT DISTINCT mission FROM runs ORDER BY mission"

_TOTALS = """
SELECT
    count(*) FILTER (WHERE status = 'flying') AS flying,
    count(*) FILTER (WHERE status = 'waiting' AND len(waiting_gates) > 0) AS at_gates,
    count(*) FILTER (WHERE status = 'waiting' AND coalesce(len(waiting_gates), 0) = 0) AS at_events,
    count(*) FILTER (WHERE ended_at >= $from) AS landed,
    count(*) FILTER (WHERE ended_at >= $from AND success) AS succeeded,
    count(*) FILTER (WHERE ended_at >= $from AND status IN ('failed', 'aborted')) AS lost,
    sum(cost_micros) FILTER (WHERE started_at >= $from)::BIGINT AS cost_micros,
    CASE WHEN count(DISTINCT currency) FILTER (WHERE started_at >= $from) > 1 THEN 'mixed'
        ELSE any_value(currency) FILTER (WHERE started_at >= $from) END AS currency,
    CASE WHEN count(DISTINCT price_basis) FILTER (WHERE started_at >= $from) > 1 THEN 'mixed'
        ELSE any_value(price_basis) FILTER (WHERE started_at >= $from) END AS price_basis
FROM runs
WHERE $mission IS NULL OR mission = $mission
"""

_NEXT_GATE = """
SELECT count(*) AS gates, min(opened_at) AS oldest, min(deadline) AS deadline
FROM gates
WHERE state = 'open' AND ($mission IS NULL OR mission = $mission)
"""

_LIVE_COUNT = """
SELECT count(*) AS runs
FROM runs
WHERE status IN ('flying', 'waiting') AND list_contains($statuses, status) AND ($mission IS NULL OR mission = $mission)
"""

_LIVE = """
WITH live AS (
    SELECT
        run_id, mission, owner, case_ref, status, started_at, coalesce(waiting_events, []) AS waiting_events,
        cost_micros, currency, price_basis, budget_usd_micros, model, offline, last_recorded_at
    FROM runs
    WHERE status IN ('flying', 'waiting')
        AND list_contains($statuses, status)
        AND ($mission IS NULL OR mission = $mission)
    ORDER BY status, last_recorded_at DESC, run_id
    LIMIT $most
),
step AS (
    SELECT
        run_id,
        -- A step without a result is where the run is; where all have one, it is past the last of them.
        arg_max(step, (outcome = 'open', started_at)) AS step,
        arg_max(outcome, (outcome = 'open', started_at)) AS step_outcome,
        arg_max(started_at, (outcome = 'open', started_at)) AS step_began_at,
        count(*) FILTER (WHERE outcome = 'open') AS steps_open
    FROM steps
    WHERE run_id IN (SELECT run_id FROM live)
    GROUP BY run_id
),
gate AS (
    SELECT
        run_id,
        arg_min(gate, opened_at) AS gate,
        arg_min(role, opened_at) AS role,
        min(opened_at) AS opened_at,
        min(deadline) AS deadline
    FROM gates
    WHERE state = 'open' AND run_id IN (SELECT run_id FROM live)
    GROUP BY run_id
)
SELECT
    live.*,
    step.step,
    step.step_outcome,
    step.step_began_at,
    coalesce(step.steps_open, 0) AS steps_open,
    gate.gate,
    gate.role,
    gate.deadline,
    coalesce(gate.opened_at, live.last_recorded_at) AS waiting_since
FROM live
LEFT JOIN step USING (run_id)
LEFT JOIN gate USING (run_id)
ORDER BY live.status, gate.deadline NULLS LAST, live.last_recorded_at DESC, live.run_id
"""

_LANDED = """
SELECT
    run_id, mission, case_ref, status, outcome, success, escalated, error, reason_code, latency_ms, cost_micros,
    currency, price_basis, offline, gates, interventions, ended_at
FROM runs
WHERE ended_at IS NOT NULL
    AND list_contains($statuses, status)
    AND ($mission IS NULL OR mission = $mission)
ORDER BY ended_at DESC, run_id
LIMIT $most
"""


def missions(mart: Mart) -> list[str]:
    """Return every mission that has ever flown."""
    return [row["mission"] for row in mart.rows(_MISSIONS)]


def totals(mart: Mart, now: datetime, mission: str | None) -> dict[str, Any]:
    """Return what flies, waits, landed and was spent; the last two since this minute a day ago."""
    since = now.replace(second=0, microsecond=0) - DAY
    return {
        **mart.row(_TOTALS, **{"from": since, "mission": mission}),
        **mart.row(_NEXT_GATE, mission=mission),
    }


def live(mart: Mart, chosen: Chosen) -> tuple[list[dict[str, Any]], int]:
    """Return runs that are not final, flying ones first, and how many there are in all."""
    total = mart.row(_LIVE_COUNT, **chosen.parameters)["runs"]
    return mart.rows(_LIVE, most=LIVE_SHOWN, **chosen.parameters), total


def landed(mart: Mart, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the runs that became final last."""
    return mart.rows(_LANDED, most=LANDED_SHOWN, **chosen.parameters)
