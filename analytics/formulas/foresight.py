"""What was foreseen: the drift index, findings dealt with in time, costs beside their forecast, and business hours."""

from __future__ import annotations

from analytics.formulas.formula import ORDER, SETS, TERMINAL, Formula, rate

_INDEX = """
WITH compared AS (
    SELECT
        mission,
        CASE
            WHEN monitor IN ('cost', 'latency_p50') THEN abs(statistic)
            WHEN is_now = should THEN 0
            ELSE abs(is_now - should) / 100 / sqrt(
                (n_baseline * should + n_current * is_now) / (100 * (n_baseline + n_current))
                * (1 - (n_baseline * should + n_current * is_now) / (100 * (n_baseline + n_current)))
                * (1 / n_baseline::DOUBLE + 1 / n_current::DOUBLE)
            )
        END AS z
    FROM findings
    WHERE monitor IN ('cost', 'outcome_rate', 'escalation_rate', 'approval_rate', 'latency_p50')
        AND verdict <> 'not_enough_data'
        AND should IS NOT NULL
        AND is_now IS NOT NULL
)
SELECT mission, max(z) AS value, NULL::BIGINT AS numerator, count(z) AS denominator
FROM compared
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""
"""Shares as the usual z of two proportions, shifts as the z of the rank-sum test that judged them."""

_WEEKS = f"""
WITH spent AS (
    SELECT
        mission,
        coalesce(business_unit, 'unassigned') AS business_unit,
        currency,
        cost_micros,
        date_diff('week', date_trunc('week', ended_at), date_trunc('week', (SELECT max(last_recorded_at) FROM runs)))
            AS weeks_ago
    FROM runs
    LEFT JOIN units USING (mission)
    WHERE {TERMINAL} AND ended_at IS NOT NULL
),
told AS (
    SELECT
        mission,
        business_unit,
        coalesce(sum(cost_micros) FILTER (WHERE weeks_ago = 1), 0)::BIGINT AS actual,
        coalesce(sum(cost_micros) FILTER (WHERE weeks_ago BETWEEN 2 AND 5), 0)::BIGINT AS before,
        max(weeks_ago) >= 5 AS is_known,
        CASE WHEN min(currency) <> max(currency) THEN 'mixed' ELSE min(currency) END AS currency
    FROM spent
    GROUP BY {SETS}
)
SELECT
    mission,
    business_unit,
    CASE WHEN is_known THEN abs(4 * actual - before) / nullif(4 * actual, 0)::DOUBLE END AS value,
    CASE WHEN is_known THEN abs(4 * actual - before) END AS numerator,
    CASE WHEN is_known THEN 4 * actual END AS denominator,
    CASE WHEN currency = 'mixed' THEN currency END AS currency
FROM told
{ORDER}
"""  # noqa: S608 - our own text

_BY_CALENDAR = f"""
WITH due AS (
    SELECT run_id, mission, coalesce(business_unit, 'unassigned') AS business_unit, status, started_at, ended_at,
        sla_seconds
    FROM runs
    LEFT JOIN units USING (mission)
    WHERE {TERMINAL} AND sla_seconds IS NOT NULL AND started_at IS NOT NULL AND ended_at IS NOT NULL
        AND (SELECT count(*) FROM business_hours) > 0
),
worked AS (
    SELECT
        due.run_id,
        sum(date_diff('microsecond', greatest(due.started_at, opens_at), least(due.ended_at, closes_at))) AS micros
    FROM due
    JOIN business_hours ON opens_at < due.ended_at AND closes_at > due.started_at
    GROUP BY due.run_id
),
told AS (
    SELECT
        due.mission,
        due.business_unit,
        due.status = 'done' AND coalesce(worked.micros, 0) <= due.sla_seconds * 1000000 AS is_kept
    FROM due
    LEFT JOIN worked USING (run_id)
)
SELECT
    mission,
    business_unit,
    100.0 * count(*) FILTER (WHERE is_kept) / nullif(count(*), 0) AS value,
    count(*) FILTER (WHERE is_kept) AS numerator,
    count(*) AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_FEES = f"""
WITH called AS (
    SELECT
        call.mission,
        coalesce(units.business_unit, 'unassigned') AS business_unit,
        fee.micros,
        fee.currency,
        fee.standing
    FROM tool_calls AS call
    JOIN tool_fees AS fee ON fee.tool = call.tool
    LEFT JOIN units ON units.mission = call.mission
    -- What was refused or only proposed was never called.
    WHERE call.outcome IN ('done', 'failed', 'in_doubt', 'open') AND call.source IS NULL
),
summed AS (
    SELECT
        mission,
        business_unit,
        sum(micros)::BIGINT AS numerator,
        count(*) AS denominator,
        any_value(currency) AS currency,
        any_value(standing) AS basis
    FROM called
    GROUP BY {SETS}
)
SELECT
    mission,
    business_unit,
    -- Whole millionths, half rounded up, without leaving the integers.
    (2 * numerator + denominator) // nullif(2 * denominator, 0) AS value,
    numerator,
    denominator,
    currency,
    basis
FROM summed
{ORDER}
"""  # noqa: S608 - our own text

_DUE = "due_at IS NOT NULL AND (closed_at IS NOT NULL OR due_at <= (SELECT max(last_recorded_at) FROM runs))"

FORESIGHT: tuple[Formula, ...] = (
    Formula(
        "K13.business",
        "SLA kept, business hours",
        "runs that were done within sla_seconds of business hours / runs with a service level that ended",
        "% of runs with a service level",
        "no run with a service level has ended yet, or policies/assumptions.yaml declares no calendar",
        _BY_CALENDAR,
    ),
    Formula(
        "K27",
        "Cost of tool calls",
        "sum of the declared fees of the calls of tools that declare one / those calls",
        "CURRENCY micros per call",
        "no tool of which policies/assumptions.yaml declares a fee has been called",
        _FEES,
    ),
    Formula(
        "K32",
        "Drift index",
        "largest standardised gap of should and is in the drift report: cost of a run, success rate, escalation rate, "
        "share of gates answered go, median latency of a step",
        "z",
        "the drift report has too few runs to compare",
        _INDEX,
    ),
    Formula(
        "K33",
        "Remediation in time",
        "drift findings closed by their due time / drift findings that are closed or past it",
        "% of due findings",
        "no drift finding has been closed or come due yet",
        rate("closed_at <= due_at", _DUE, "drift_findings"),
    ),
    Formula(
        "K35.forecast",
        "Forecast error",
        "|cost of models in the last whole week - mean of the four weeks before| / that cost; weeks begin on Monday, "
        "UTC; numerator and denominator are four times it",
        "ratio",
        "fewer than five whole weeks have passed, or the last one cost nothing",
        _WEEKS,
    ),
)
"""Numbers about what was foreseen."""
