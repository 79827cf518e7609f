"""Spending: what models cost, by whatever one asks, each way to the same sum; budgets beside it; and waste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.tables import Tables

SHOWN = 40
"""So many rows of a level are shown, the dearest first; what is left out stands in one row."""

Level = Literal["mission", "business_unit", "agent", "model", "step", "day"]
"""By what costs are told apart."""

LEVELS: Mapping[Level, str] = {
    "mission": "mission",
    "business_unit": "business unit",
    "agent": "agent",
    "model": "model",
    "step": "step",
    "day": "day (UTC)",
}

_HERE = "WHERE ($mission IS NULL OR mission = $mission)"

_RUNS = f"""
SELECT
    {{name}} AS name, coalesce(runs.currency, '') AS currency, count(*) AS counted,
    sum(runs.cost_micros)::BIGINT AS micros
FROM runs
LEFT JOIN units USING (mission)
{_HERE}
GROUP BY ALL
HAVING micros > 0 OR currency <> ''
"""  # noqa: S608 - our own words

_CALLS = f"""
SELECT
    {{name}} AS name, coalesce(currency, '') AS currency, count(*) AS counted,
    sum(coalesce(cost_micros, 0))::BIGINT AS micros
FROM model_calls
{_HERE}
GROUP BY ALL
HAVING micros > 0 OR currency <> ''
"""  # noqa: S608 - our own words

# Steps bear no currency: it is their run's. One that is the same for all needs no look at the runs.
_STEPS = f"""
SELECT
    mission || ': ' || coalesce(step, 'unnamed') AS name, $currency AS currency,
    sum(model_calls)::BIGINT AS counted, sum(cost_micros)::BIGINT AS micros
FROM steps
{_HERE}
GROUP BY ALL
HAVING micros > 0
UNION ALL
SELECT 'outside of steps', $currency, count(*), sum(coalesce(cost_micros, 0))::BIGINT AS micros
FROM model_calls
{_HERE} AND step_key IS NULL
HAVING micros > 0
"""  # noqa: S608 - our own words

_STEPS_OF_RUNS = f"""
SELECT
    steps.mission || ': ' || coalesce(step, 'unnamed') AS name, coalesce(runs.currency, '') AS currency,
    sum(steps.model_calls)::BIGINT AS counted, sum(steps.cost_micros)::BIGINT AS micros
FROM steps
JOIN runs USING (run_id)
WHERE $mission IS NULL OR steps.mission = $mission
GROUP BY ALL
HAVING micros > 0
UNION ALL
SELECT 'outside of steps', coalesce(currency, ''), count(*), sum(coalesce(cost_micros, 0))::BIGINT AS micros
FROM model_calls
{_HERE} AND step_key IS NULL
GROUP BY ALL
HAVING micros > 0
"""  # noqa: S608 - our own words

_SQL: Mapping[Level, str] = {
    "mission": _RUNS.format(name="runs.mission"),
    "business_unit": _RUNS.format(name="coalesce(units.business_unit, 'unassigned')"),
    "agent": _CALLS.format(name="coalesce(agent_id, 'nobody named')"),
    "model": _CALLS.format(name="coalesce(returned_model, requested_model, 'unnamed')"),
    "day": _CALLS.format(name="coalesce(started_at::DATE::VARCHAR, 'unknown')"),
}

_CURRENCIES = "SELECT DISTINCT currency FROM runs WHERE currency IS NOT NULL ORDER BY currency"

_BASES = f"SELECT DISTINCT price_basis FROM runs {_HERE} AND price_basis IS NOT NULL"  # noqa: S608 - our own words

_BUDGETS = f"""
SELECT
    mission, count(*) AS runs, sum(budget_usd_micros)::BIGINT AS allowed, sum(cost_micros)::BIGINT AS spent,
    max(cost_micros / nullif(budget_usd_micros, 0)) AS fullest,
    count(*) FILTER (WHERE cost_micros > budget_usd_micros) AS over
FROM runs
{_HERE} AND budget_usd_micros IS NOT NULL AND coalesce(currency, 'USD') = 'USD'
GROUP BY mission
ORDER BY spent DESC, mission
"""  # noqa: S608 - our own words

_WASTE = f"""
SELECT
    mission, coalesce(currency, '') AS currency,
    sum(cost_micros)::BIGINT AS micros,
    sum(cost_micros) FILTER (WHERE success)::BIGINT AS successes,
    sum(cost_micros) FILTER (WHERE status = 'failed')::BIGINT AS failed,
    sum(cost_micros) FILTER (WHERE status = 'aborted')::BIGINT AS aborted,
    sum(cost_micros) FILTER (WHERE status = 'no_go')::BIGINT AS refused,
    sum(kept_micros)::BIGINT AS kept,
    count(*) FILTER (WHERE attempts > 1) AS resumed
FROM runs
{_HERE}
GROUP BY ALL
HAVING micros > 0
ORDER BY micros DESC, mission
"""  # noqa: S608 - our own words


def costs(tables: Tables, level: Level, mission: str | None) -> list[dict[str, Any]]:
    """Return costs of a level, the dearest first; days newest first."""
    if level == "step":
        known = [row["currency"] for row in tables.rows(_CURRENCIES)]
        found = (
            tables.rows(_STEPS_OF_RUNS, mission=mission)
            if len(known) > 1
            else tables.rows(_STEPS, mission=mission, currency=known[0] if known else "")
        )
    else:
        found = tables.rows(_SQL[level], mission=mission)
    if level == "day":
        return sorted(found, key=lambda row: (row["name"], row["currency"]), reverse=True)
    return sorted(found, key=lambda row: (-row["micros"], row["name"], row["currency"]))


def sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return a level's sums by currency, in whole micro-units; what is nothing is left out."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["currency"]] = totals.get(row["currency"], 0) + row["micros"]
    return {currency: micros for currency, micros in sorted(totals.items()) if micros}


def price_bases(tables: Tables, mission: str | None) -> list[str]:
    """Return what the costs stand on."""
    return [row["price_basis"] for row in tables.rows(_BASES, mission=mission)]


def run_budgets(tables: Tables, mission: str | None) -> list[dict[str, Any]]:
    """Return what runs were allowed beside what they spent, in US dollars, by mission."""
    return tables.rows(_BUDGETS, mission=mission)


def waste(tables: Tables, mission: str | None) -> list[dict[str, Any]]:
    """Return what was paid for runs by how they ended, and what replays did not have to pay again."""
    return tables.rows(_WASTE, mission=mission)
