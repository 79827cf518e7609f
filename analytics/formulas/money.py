"""What missions cost. Money is whole millionths of its currency; failures stay in every numerator.

``K4`` and ``K6`` are what models cost, measured call by call. ``K4.full``, ``K6.full`` and what
compares with people add review time and platform at the rates of ``policies/assumptions.yaml``, and
leave out missions that declare none.
"""

from __future__ import annotations

from analytics.formulas.formula import NO_TERMINAL, ORDER, SETS, TERMINAL, Formula, billed, full

UNDECLARED = "policies/assumptions.yaml declares no review and platform cost for a mission that flew"

SUMMED = """
        CASE WHEN min(currency) <> max(currency) THEN 'mixed' ELSE min(currency) END AS currency,
        CASE WHEN min(basis) <> max(basis) THEN 'mixed' ELSE min(basis) END AS basis"""

_TOKENS = """
WITH used AS (
    SELECT
        runs.run_id,
        runs.mission,
        coalesce(sum(call.input_tokens), 0)::BIGINT AS input,
        coalesce(sum(call.cache_read_tokens), 0)::BIGINT AS cached_input,
        coalesce(sum(call.output_tokens), 0)::BIGINT AS output
    FROM runs
    LEFT JOIN model_calls AS call USING (run_id)
    WHERE status IN ('done', 'no_go', 'aborted', 'failed')
    GROUP BY runs.run_id, runs.mission
),
told AS (
    UNPIVOT used ON input, cached_input, output INTO NAME segment VALUE tokens
)
SELECT
    mission,
    segment,
    sum(tokens)::BIGINT / count(*) AS value,
    sum(tokens)::BIGINT AS numerator,
    count(*) AS denominator
FROM told
GROUP BY GROUPING SETS ((mission, segment), (segment))
ORDER BY mission NULLS FIRST, segment
"""

_REVIEW = f"""
SELECT
    mission,
    business_unit,
    sum(review_micros)::BIGINT AS value,
    sum(review_micros)::BIGINT AS numerator,
    sum(answers)::BIGINT AS denominator,{SUMMED}
FROM run_costs
WHERE review_micros IS NOT NULL
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_ADHERENCE = f"""
SELECT
    mission,
    business_unit,
    sum(cost_micros)::BIGINT / nullif(sum(budget_usd_micros), 0)::DOUBLE AS value,
    sum(cost_micros)::BIGINT AS numerator,
    sum(budget_usd_micros)::BIGINT AS denominator,
    CASE WHEN count(currency) FILTER (WHERE currency <> 'USD') > 0 THEN 'mixed' ELSE 'USD' END AS currency
FROM (
    SELECT mission, status, cost_micros, budget_usd_micros, currency,
        coalesce(business_unit, 'unassigned') AS business_unit
    FROM runs
    LEFT JOIN units USING (mission)
)
WHERE budget_usd_micros IS NOT NULL AND {TERMINAL}
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

MONEY: tuple[Formula, ...] = (
    Formula(
        "K6.full",
        "Full cost per success",
        "models, people's review time and platform of all runs / successes",
        "CURRENCY micros per success",
        UNDECLARED,
        full(counted="success", population="TRUE"),
        board=4,
    ),
    Formula(
        "K6",
        "Cost per successful outcome",
        "what models cost in all runs / successes",
        "CURRENCY micros per success",
        "no run has succeeded yet",
        billed(counted="success", population="TRUE"),
    ),
    Formula(
        "K4",
        "Cost per run",
        "what models cost in terminal runs / terminal runs",
        "CURRENCY micros per terminal run",
        NO_TERMINAL,
        billed(counted="TRUE", population=TERMINAL),
    ),
    Formula(
        "K4.full",
        "Full cost per run",
        "models, people's review time and platform of terminal runs / terminal runs",
        "CURRENCY micros per terminal run",
        UNDECLARED,
        full(counted="TRUE", population=TERMINAL),
    ),
    Formula(
        "K26",
        "Tokens per run",
        "tokens of terminal runs / terminal runs, by kind; input includes what was cached",
        "tokens per terminal run",
        NO_TERMINAL,
        _TOKENS,
        "segment",
    ),
    Formula(
        "K28",
        "Cost of human review",
        "sum over answers of the declared time, at most as long as the gate was open, x cost of an hour",
        "CURRENCY micros",
        "policies/assumptions.yaml declares no review time and hourly cost for a mission that flew",
        _REVIEW,
    ),
    Formula(
        "K35",
        "Budget adherence",
        "what models cost in terminal runs / what the budgets of these runs allowed",
        "ratio",
        "no run with a budget has ended yet",
        _ADHERENCE,
    ),
)
"""Numbers about money."""
