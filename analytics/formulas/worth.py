"""What missions are worth beside what they cost: return, cases, saving, capacity, objectives, alternatives.

The worth of a case is what it costs by hand, as ``policies/assumptions.yaml`` declares it; missions
that declare none are left out. ``gonogo roi`` says which part of it is money.
"""

from __future__ import annotations

from analytics.formulas.formula import ORDER, SETS, Formula
from analytics.formulas.money import SUMMED, UNDECLARED

_NO_BASELINE = "policies/assumptions.yaml declares no manual baseline beside review and platform cost"

_RETURN = f"""
WITH worth AS (
    SELECT
        mission,
        business_unit,
        sum(CASE WHEN success THEN manual_micros ELSE 0 END)::BIGINT AS benefit,
        sum(full_micros)::BIGINT AS denominator,{SUMMED}
    FROM run_costs
    WHERE full_micros IS NOT NULL AND manual_micros IS NOT NULL
    GROUP BY {SETS}
)
SELECT
    mission,
    business_unit,
    (benefit - denominator) / nullif(denominator, 0)::DOUBLE AS value,
    benefit - denominator AS numerator,
    denominator,
    currency,
    basis
FROM worth
{ORDER}
"""  # noqa: S608 - our own text

_PER_CASE = f"""
WITH cases AS (
    SELECT
        case_key,
        sum(full_micros)::BIGINT AS micros,
        bool_or(coalesce(success, FALSE)) AS is_resolved,{SUMMED}
    FROM run_costs
    WHERE full_micros IS NOT NULL
    GROUP BY case_key
),
served AS (
    SELECT DISTINCT mission, business_unit, case_key FROM run_costs WHERE full_micros IS NOT NULL
),
sets AS (
    SELECT mission, business_unit, case_key FROM served
    UNION ALL
    SELECT DISTINCT NULL, business_unit, case_key FROM served
    UNION ALL
    SELECT DISTINCT NULL, NULL, case_key FROM served
),
spent AS (
    SELECT
        mission,
        business_unit,
        sum(micros)::BIGINT AS numerator,
        count(*) FILTER (WHERE is_resolved) AS denominator,{SUMMED}
    FROM sets
    JOIN cases USING (case_key)
    GROUP BY mission, business_unit
)
SELECT
    mission,
    business_unit,
    (2 * numerator + denominator) // nullif(2 * denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM spent
{ORDER}
"""  # noqa: S608 - our own text

_SAVING = f"""
WITH cases AS (
    SELECT
        mission,
        business_unit,
        case_key,
        sum(full_micros)::BIGINT AS micros,
        max(CASE WHEN success THEN manual_micros ELSE 0 END) AS worth_micros,{SUMMED}
    FROM run_costs
    WHERE full_micros IS NOT NULL AND manual_micros IS NOT NULL
    GROUP BY mission, business_unit, case_key
),
spent AS (
    SELECT
        mission,
        business_unit,
        sum(micros)::BIGINT AS numerator,
        sum(worth_micros)::BIGINT AS denominator,{SUMMED}
    FROM cases
    GROUP BY {SETS}
)
SELECT
    mission,
    business_unit,
    100.0 * (denominator - numerator) / nullif(denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM spent
{ORDER}
"""  # noqa: S608 - our own text

_ALIGNED = f"""
WITH told AS (
    SELECT
        runs.mission,
        coalesce(plan.business_unit, 'unassigned') AS business_unit,
        runs.cost_micros,
        runs.currency,
        runs.price_basis AS basis,
        plan.okr IS NOT NULL AS is_tied
    FROM runs
    LEFT JOIN missions AS plan ON plan.mission = runs.mission
),
spent AS (
    SELECT
        mission,
        business_unit,
        coalesce(sum(cost_micros) FILTER (WHERE is_tied), 0)::BIGINT AS numerator,
        sum(cost_micros)::BIGINT AS denominator,{SUMMED}
    FROM told
    GROUP BY {SETS}
)
SELECT
    mission,
    business_unit,
    100.0 * numerator / nullif(denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM spent
{ORDER}
"""  # noqa: S608 - our own text

_POINTS = f"""
SELECT
    runs.mission AS mission,
    business_unit,
    sum(points)::BIGINT AS value,
    sum(points)::BIGINT AS numerator,
    count(*) AS denominator
FROM runs
JOIN missions AS plan ON plan.mission = runs.mission
WHERE success AND points IS NOT NULL
GROUP BY GROUPING SETS ((runs.mission, business_unit), (business_unit), ())
{ORDER}
"""  # noqa: S608 - our own text

_ALTERNATIVES = """
WITH flown AS (
    SELECT
        mission,
        sum(full_micros)::BIGINT AS numerator,
        count(*) FILTER (WHERE success) AS denominator,
        CASE WHEN min(currency) <> max(currency) THEN 'mixed' ELSE min(currency) END AS currency,
        CASE WHEN min(basis) <> max(basis) THEN 'mixed' ELSE min(basis) END AS basis
    FROM run_costs
    WHERE full_micros IS NOT NULL
    GROUP BY mission
)
SELECT
    mission,
    'agents' AS segment,
    (2 * numerator + denominator) // nullif(2 * denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM flown
UNION ALL
SELECT mission, 'by hand', manual_micros, NULL, NULL, currency, standing
FROM missions
WHERE manual_micros > 0 AND mission IN (SELECT mission FROM runs)
UNION ALL
SELECT mission, 'rules alone', rules_micros, NULL, NULL, currency, standing
FROM missions
WHERE rules_micros IS NOT NULL AND mission IN (SELECT mission FROM runs)
ORDER BY mission, segment
"""

WORTH: tuple[Formula, ...] = (
    Formula(
        "K1",
        "Return on agents",
        "(successes x manual cost of a case - full cost of all runs) / full cost of all runs",
        "ratio",
        _NO_BASELINE,
        _RETURN,
        board=1,
    ),
    Formula(
        "K5",
        "Full cost per resolved case",
        "full cost of every run of every mission that served the case / cases with a success",
        "CURRENCY micros per resolved case",
        UNDECLARED,
        _PER_CASE,
    ),
    Formula(
        "K7",
        "Saving against people",
        "1 - full cost of a mission's cases / (its resolved cases x manual cost of a case)",
        "% of the manual cost",
        _NO_BASELINE,
        _SAVING,
    ),
    Formula(
        "K36",
        "OKR alignment",
        "cost of models in missions that policies/assumptions.yaml ties to an OKR / cost of models",
        "% of cost",
        "nothing has cost anything yet",
        _ALIGNED,
        board=7,
    ),
    Formula(
        "K37",
        "Agent capacity",
        "successes x declared points; a line of its own, never added to people's velocity",
        "points",
        "no mission that declares points in policies/assumptions.yaml has succeeded yet",
        _POINTS,
        board=6,
    ),
    Formula(
        "K39",
        "Alternatives, cost of a case",
        "full cost per success beside the declared cost of a case by hand and by rules alone",
        "CURRENCY micros per case",
        UNDECLARED,
        _ALTERNATIVES,
        "segment",
    ),
)
"""Numbers about worth."""
