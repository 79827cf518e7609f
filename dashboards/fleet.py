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
        """The choice as query parameters: the mission, and six places for states, filled up with the first."""
        chosen = self.statuses or STATUSES
        padded = (*chosen, *(chosen[0] for _ in STATUSES))
        return {"mission": self.mission, **{f"state_{place}": padded[place] for place in range(len(STATUSES))}}


# A list of places is many times faster than list_contains, which looks into a list for every row.
_CHOSEN = """
status IN ($state_0, $state_1, $state_2, $state_3, $state_4, $state_5) AND ($mission IS NULL OR mission = $mission)
"""


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
    min(currency) FILTER (WHERE started_at >= $from) AS currency,
    max(currency) FILTER (WHERE started_at >= $from) AS other_currency,
    min(price_basis) FILTER (WHERE started_at >= $from) AS price_basis,
    max(price_basis) FILTER (WHERE started_at >= $from) AS other_basis
FROM runs
WHERE (status IN ('flying', 'waiting') OR started_at >= $from OR ended_at >= $from)
    AND ($mission IS NULL OR mission = $mission)
"""

_NEXT_GATE = """
SELECT count(*) AS gates, min(opened_at) AS oldest, min(deadline) AS deadline
FROM gates
WHERE state = 'open' AND ($mission IS NULL OR mission = $mission)
"""

_LIVE_COUNT = f"SELECT count(*) AS runs FROM runs WHERE status IN ('flying', 'waiting') AND {_CHOSEN}"  # noqa: S608 - our own words

_LIVE = f"""
WITH live AS (
    SELECT
        run_id, mission, owner, case_ref, status, started_at, coalesce(waiting_events, []) AS waiting_events,
        cost_micros, currency, price_basis, budget_usd_micros, model, offline, last_recorded_at
    FROM runs
    -- Found by the few columns that decide; the others are read for these rows only.
    WHERE rowid IN (
        SELECT rowid FROM runs
        WHERE status IN ('flying', 'waiting') AND {_CHOSEN}
        ORDER BY status, last_recorded_at DESC, run_id
        LIMIT $most
    )
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
    -- No step began before its run; the times spare most of the table a look at its ids.
    WHERE started_at >= (SELECT min(started_at) FROM live) AND run_id IN (SELECT run_id FROM live)
    GROUP BY run_id
),
gate AS (
    SELECT
        run_id,
        arg_min(gate, opened_at) AS gate,
        arg_min(role, opened_at) AS role,
        count(*) AS gates_open,
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
    gate.gates_open,
    gate.deadline,
    coalesce(gate.opened_at, live.last_recorded_at) AS waiting_since
FROM live
LEFT JOIN step USING (run_id)
LEFT JOIN gate USING (run_id)
ORDER BY live.status, gate.deadline NULLS LAST, live.last_recorded_at DESC, live.run_id
"""  # noqa: S608 - our own words

_LANDED = f"""
SELECT
    run_id, mission, case_ref, status, outcome, success, escalated, error, reason_code, latency_ms, cost_micros,
    currency, price_basis, offline, gates, interventions, ended_at
FROM runs
WHERE rowid IN (
    SELECT rowid FROM runs WHERE ended_at IS NOT NULL AND {_CHOSEN} ORDER BY ended_at DESC, run_id LIMIT $most
)
ORDER BY ended_at DESC, run_id
"""  # noqa: S608 - our own words


def missions(mart: Mart) -> list[str]:
    """Return every mission that has ever flown."""
    return [row["mission"] for row in mart.rows(_MISSIONS)]


def totals(mart: Mart, now: datetime, mission: str | None) -> dict[str, Any]:
    """Return what flies, waits, landed and was spent; the last two since this minute a day ago."""
    since = now.replace(second=0, microsecond=0) - DAY
    sums = mart.row(_TOTALS, **{"from": since, "mission": mission})
    for name, other in (("currency", "other_currency"), ("price_basis", "other_basis")):
        sums[name] = sums[name] if sums[name] == sums.pop(other) else "mixed"
    return {**sums, **mart.row(_NEXT_GATE, mission=mission)}


def live(mart: Mart, chosen: Chosen) -> tuple[list[dict[str, Any]], int]:
    """Return runs that are not final, flying ones first, and how many there are in all."""
    total = mart.row(_LIVE_COUNT, **chosen.parameters)["runs"]
    return mart.rows(_LIVE, most=LIVE_SHOWN, **chosen.parameters), total


def landed(mart: Mart, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the runs that became final last."""
    return mart.rows(_LANDED, most=LANDED_SHOWN, **chosen.parameters)
