"""Exposure: what live missions can still do before their caps refuse, and what they have moved already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.tiles import Tile
from dashboards.wording import NOTHING, cents, count, money, plural

if TYPE_CHECKING:
    from dashboards.tables import Tables

_EXPOSURE = """
WITH live AS (
    SELECT run_id, budget_amount_cents, budget_usd_micros, budget_actions, cost_micros, currency, started_at
    FROM runs
    WHERE status IN ('flying', 'waiting') AND ($mission IS NULL OR mission = $mission)
),
moved AS (
    SELECT
        run_id,
        sum(amount_cents) AS cents,
        sum(records) AS records,
        count(*) FILTER (WHERE effect <> 'read') AS changes,
        count(*) FILTER (WHERE effect <> 'read' AND outcome IN ('in_doubt', 'open')) AS unsettled
    FROM tool_calls
    -- No call began before its run; the times spare most of the table a look at its ids.
    WHERE started_at >= (SELECT min(started_at) FROM live) AND run_id IN (SELECT run_id FROM live)
    GROUP BY run_id
)
SELECT
    count(*) AS runs,
    count(budget_amount_cents) AS money_capped,
    sum(greatest(budget_amount_cents - coalesce(cents, 0), 0))::BIGINT AS cents_left,
    coalesce(sum(cents), 0)::BIGINT AS cents_moved,
    count(budget_actions) AS changes_capped,
    sum(greatest(budget_actions - coalesce(changes, 0), 0))::BIGINT AS changes_left,
    coalesce(sum(records), 0)::BIGINT AS records_changed,
    coalesce(sum(unsettled), 0)::BIGINT AS unsettled,
    count(budget_usd_micros) AS models_capped,
    -- Caps are in US dollars; what was paid in another currency is not taken off.
    sum(greatest(budget_usd_micros - if(coalesce(currency, 'USD') = 'USD', cost_micros, 0), 0))::BIGINT AS micros_left
FROM live
LEFT JOIN moved USING (run_id)
"""


def exposure(tables: Tables, mission: str | None) -> dict[str, Any]:
    """Return what the live runs can still move, change and spend, and what they have moved so far."""
    return tables.row(_EXPOSURE, mission=mission)


def exposure_tiles(found: dict[str, Any]) -> list[Tile]:
    """Return exposure as tiles. A run without a cap makes a sum a lower bound, which is said loudly."""
    return [
        Tile(
            "Money at risk now",
            cents(found["cents_left"] if found["money_capped"] else None),
            _bound(found, "money_capped", f"{cents(found['cents_moved'])} moved so far, in each tool's own currency"),
        ),
        Tile(
            "Changes at risk now",
            count(found["changes_left"] if found["changes_capped"] else None),
            _bound(found, "changes_capped", f"{plural(found['records_changed'], 'record')} changed so far"),
        ),
        Tile("Changes in doubt", count(found["unsettled"]), "begun, and nobody knows yet whether they happened"),
        Tile(
            "Models may still cost",
            money(found["micros_left"], "USD") if found["models_capped"] else NOTHING,
            _bound(found, "models_capped", "before the caps of the runs refuse"),
        ),
    ]


def _bound(found: dict[str, Any], capped: str, told: str) -> str:
    open_runs = found["runs"] - found[capped]
    if not found["runs"]:
        return "nothing is in the air"
    return f"{told}; {plural(open_runs, 'run')} without a cap" if open_runs else told
