"""How steps run, and what outcomes measured: latency, retries, failures by class, measures."""

from __future__ import annotations

from analytics.formulas.formula import ORDER, SETS, Formula

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

_RETRIES = f"""
WITH counted AS (
    SELECT mission, (occurrence > 1)::BIGINT AS again, (occurrence = 1)::BIGINT AS first FROM steps
    UNION ALL
    SELECT mission, 1, 0 FROM attempts WHERE next IN ('retry', 'fallback')
),
told AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, again, first
    FROM counted
    LEFT JOIN units USING (mission)
)
SELECT
    mission,
    business_unit,
    sum(again)::BIGINT / nullif(sum(first), 0)::DOUBLE AS value,
    sum(again)::BIGINT AS numerator,
    sum(first)::BIGINT AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_FAILURES = """
WITH ended AS (
    SELECT
        mission,
        CASE WHEN outcome = 'failed' THEN coalesce(reason_code, 'unknown') END AS segment,
        count(*) OVER (PARTITION BY mission) AS of_mission,
        count(*) OVER () AS of_all
    FROM steps
    WHERE outcome IN ('done', 'failed')
)
SELECT
    mission,
    NULL AS segment,
    100.0 * count(segment) / nullif(count(*), 0) AS value,
    count(segment) AS numerator,
    count(*) AS denominator
FROM ended
GROUP BY GROUPING SETS ((mission), ())
UNION ALL
SELECT mission, segment, 100.0 * count(*) / any_value(of_mission), count(*), any_value(of_mission)
FROM ended
WHERE segment IS NOT NULL
GROUP BY mission, segment
UNION ALL
SELECT NULL, segment, 100.0 * count(*) / any_value(of_all), count(*), any_value(of_all)
FROM ended
WHERE segment IS NOT NULL
GROUP BY segment
ORDER BY mission NULLS FIRST, segment NULLS FIRST
"""

_MEASURE = """
SELECT
    mission,
    name AS segment,
    {aggregate}(value) AS value,
    {numerator} AS numerator,
    count(*) AS denominator,
    CASE WHEN min(unit) <> max(unit) THEN 'mixed' ELSE min(unit) END AS unit
FROM measures
WHERE name <> 'sla_kept'
GROUP BY mission, name
ORDER BY mission, name
"""

_NEVER_DONE = "the step has never been done"

OPERATIONS: tuple[Formula, ...] = (
    *(
        Formula(
            f"K19.p{round(100 * at)}",
            f"Step latency, {called}",
            f"{called} of a step's done executions",
            "ms",
            _NEVER_DONE,
            _STEP_LATENCY.format(quantile=at),
            "segment",
        )
        for at, called in ((0.5, "median"), (0.95, "p95"), (0.99, "p99"))
    ),
    Formula(
        "K20",
        "Retry rate",
        "(steps begun again + calls tried again or by another model) / steps begun",
        "ratio",
        "no step has begun yet",
        _RETRIES,
    ),
    Formula(
        "K21",
        "Step failure rate",
        "failed steps / ended steps, as a whole and by failure class",
        "% of ended steps",
        "no step has ended yet",
        _FAILURES,
        "segment",
    ),
    Formula(
        "measure.mean",
        "Measure, mean",
        "mean of what the outcomes measured, by name",
        "",
        "it was never measured",
        _MEASURE.format(aggregate="avg", numerator="sum(value)::BIGINT"),
        "segment",
    ),
    Formula(
        "measure.median",
        "Measure, median",
        "median of the same",
        "",
        "it was never measured",
        _MEASURE.format(aggregate="median", numerator="NULL::BIGINT"),
        "segment",
    ),
)
"""Numbers about steps and measures."""
