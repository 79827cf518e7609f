"""Every KPI's formula, as the one SQL statement that computes it.

Each statement returns one row a mission, and one with mission null for all of them, with the
columns ``mission, value, numerator, denominator`` and, where they apply, ``segment, currency,
basis, unit``. *Terminal* runs are those in a final state. Statements take no parameters, so that
anyone can paste one into DuckDB and get the same digits.
"""

from __future__ import annotations

from typing import NamedTuple


class Formula(NamedTuple):
    """A KPI: what it is called, its unit, its SQL, and what a null means."""

    id: str
    name: str
    unit: str
    when_null: str
    statement: str


_TERMINAL = "status IN ('done', 'no_go', 'aborted', 'failed')"
_NO_TERMINAL = "no run has ended yet"

_SHARE = """
SELECT
    mission,
    100.0 * count(*) FILTER (WHERE {condition}) / nullif(count(*), 0) AS value,
    count(*) FILTER (WHERE {condition}) AS numerator,
    count(*) AS denominator
FROM runs
WHERE {population}
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""


def _share(condition: str, population: str = _TERMINAL) -> str:
    """Return the statement of a share of runs, in percent."""
    return _SHARE.format(condition=condition, population=population)


_MONEY = """
WITH spent AS (
    SELECT
        mission,
        sum(cost_micros)::BIGINT AS numerator,
        count(*) FILTER (WHERE {counted}) AS denominator,
        CASE WHEN count(DISTINCT currency) > 1 THEN 'mixed' ELSE any_value(currency) END AS currency,
        CASE WHEN count(DISTINCT price_basis) > 1 THEN 'mixed' ELSE any_value(price_basis) END AS basis
    FROM runs
    WHERE {population}
    GROUP BY GROUPING SETS ((mission), ())
)
SELECT
    mission,
    -- Whole millionths, half rounded up, without leaving the integers.
    (2 * numerator + denominator) // nullif(2 * denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM spent
ORDER BY mission NULLS FIRST
"""


def _money(counted: str, population: str) -> str:
    """Return the statement of the cost of a population of runs, divided by those of them that count."""
    return _MONEY.format(counted=counted, population=population)


_RUNS = """
SELECT mission, count(*) AS value, count(*) AS numerator, NULL::BIGINT AS denominator
FROM runs
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""

_OUTCOME_MIX = """
WITH ended AS (
    SELECT mission, coalesce(outcome, status) AS segment
    FROM runs
    WHERE status IN ('done', 'no_go', 'aborted', 'failed')
),
counted AS (
    SELECT mission, segment, count(*) AS numerator
    FROM ended
    GROUP BY GROUPING SETS ((mission, segment), (segment))
)
SELECT
    mission,
    segment,
    100.0 * numerator / sum(numerator) OVER (PARTITION BY mission) AS value,
    numerator,
    (sum(numerator) OVER (PARTITION BY mission))::BIGINT AS denominator
FROM counted
ORDER BY mission NULLS FIRST, numerator DESC, segment
"""

_POLICY_BLOCKS = """
WITH counted AS (
    SELECT
        mission,
        count(*) FILTER (WHERE verdict = 'deny') AS numerator,
        -- A decision made again because approvals came in is about an action that was proposed before.
        count(*) FILTER (WHERE len(approvals) = 0) AS denominator
    FROM decisions
    GROUP BY GROUPING SETS ((mission), ())
)
SELECT mission, 1000.0 * numerator / nullif(denominator, 0) AS value, numerator, denominator
FROM counted
ORDER BY mission NULLS FIRST
"""

_STEP_LATENCY = """
SELECT
    mission,
    step AS segment,
    quantile_cont(latency_us, {quantile}) / 1000.0 AS value,
    NULL::BIGINT AS numerator,
    count(latency_us) AS denominator
FROM steps
WHERE outcome = 'done'
GROUP BY mission, step
ORDER BY mission, step
"""

_SLA = """
SELECT
    mission,
    100.0 * count(*) FILTER (WHERE sla_kept) / nullif(count(sla_kept), 0) AS value,
    count(*) FILTER (WHERE sla_kept) AS numerator,
    count(sla_kept) AS denominator
FROM runs
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""

_MEASURE = """
SELECT
    mission,
    name AS segment,
    {aggregate}(value) AS value,
    {numerator} AS numerator,
    count(*) AS denominator,
    CASE WHEN count(DISTINCT unit) > 1 THEN 'mixed' ELSE any_value(unit) END AS unit
FROM measures
WHERE name <> 'sla_kept'
GROUP BY mission, name
ORDER BY mission, name
"""

FORMULAS: tuple[Formula, ...] = (
    Formula("runs", "Runs", "runs", "", _RUNS),
    Formula("outcome_mix", "Outcome mix", "% of terminal runs", _NO_TERMINAL, _OUTCOME_MIX),
    Formula("success_rate", "Success rate", "% of terminal runs", _NO_TERMINAL, _share("success")),
    Formula(
        "K6",
        "Cost per successful outcome",
        "CURRENCY micros per success",
        "no run has succeeded yet",
        _money(counted="success", population="TRUE"),
    ),
    Formula(
        "K4",
        "Cost per run",
        "CURRENCY micros per terminal run",
        _NO_TERMINAL,
        _money(counted="TRUE", population=_TERMINAL),
    ),
    Formula("K2a", "Planned gate rate", "% of terminal runs", _NO_TERMINAL, _share("gates > 0")),
    Formula("K2b", "Intervention rate", "% of terminal runs", _NO_TERMINAL, _share("interventions > 0")),
    Formula("K14", "Escalation rate", "% of terminal runs", _NO_TERMINAL, _share("escalated")),
    Formula("K23", "Policy blocks", "per 1,000 proposed actions", "no action has been proposed yet", _POLICY_BLOCKS),
    Formula(
        "K19.p50", "Step latency, median", "ms", "the step has never been done", _STEP_LATENCY.format(quantile=0.5)
    ),
    Formula("K19.p95", "Step latency, p95", "ms", "the step has never been done", _STEP_LATENCY.format(quantile=0.95)),
    Formula("K13", "SLA kept", "% of runs with a service level", "no run with a service level has ended yet", _SLA),
    Formula(
        "measure.mean",
        "Measure, mean",
        "",
        "it was never measured",
        _MEASURE.format(aggregate="avg", numerator="sum(value)::BIGINT"),
    ),
    Formula(
        "measure.median",
        "Measure, median",
        "",
        "it was never measured",
        _MEASURE.format(aggregate="median", numerator="NULL::BIGINT"),
    ),
)
"""All KPIs, in the order they are shown."""
