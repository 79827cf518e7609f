"""What missions achieve: outcomes, uptime, automation, accuracy, compliance, service levels, rework."""

from __future__ import annotations

from analytics.formulas.formula import NO_TERMINAL, ORDER, SETS, TERMINAL, Formula, rate

_RUNS = f"""
SELECT mission, business_unit, count(*) AS value, count(*) AS numerator, NULL::BIGINT AS denominator
FROM (SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit FROM runs LEFT JOIN units USING (mission))
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

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

_UNTROUBLED = """
    status = 'done' AND halt IS NULL AND run_id NOT IN (
        SELECT run_id FROM monitor_findings WHERE regexp_matches(monitor, '^(loop|no_progress)@')
    ) AND run_id NOT IN (SELECT run_id FROM attempts WHERE next = 'doubt')
"""
"""Went through to its end with no loop seen, no halt, and no call that was given up on."""

_DECIDED = f"{TERMINAL} AND (success OR status IN ('failed', 'aborted') OR reason_code = 'approval_expired')"

_TOUCHED = "SELECT run_id FROM gates WHERE state = 'answered' UNION ALL SELECT rolls_back FROM runs"

_WILSON = f"""
WITH told AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, state = 'right' AS is_right
    FROM reviews
    LEFT JOIN units USING (mission)
    WHERE state IN ('right', 'wrong')
),
counted AS (
    SELECT
        mission,
        business_unit,
        count(*) FILTER (WHERE is_right) AS numerator,
        count(*) AS denominator,
        numerator / nullif(denominator, 0)::DOUBLE AS p,
        1.959963984540054::DOUBLE AS z
    FROM told
    GROUP BY {SETS}
)
SELECT
    mission,
    business_unit,
    100 * (
        p + z * z / (2 * denominator)
        {{sign}} z * sqrt(p * (1 - p) / denominator + z * z / (4 * denominator * denominator))
    ) / (1 + z * z / denominator) AS value,
    numerator,
    denominator
FROM counted
{ORDER}
"""  # noqa: S608 - our own text

_CONTROLS = """
    started_at IS NOT NULL
    AND ended_at IS NOT NULL
    AND coalesce(incomplete_records, 0) = 0
    AND coalesce(total_cost_micros, cost_micros) = cost_micros
    AND run_id IN (SELECT run_id FROM versions)
    AND run_id NOT IN (SELECT run_id FROM chain_faults)
    AND run_id NOT IN (
        SELECT call.run_id
        FROM tool_calls AS call
        ANTI JOIN (
            SELECT run_id, regexp_replace(key, '/decision(:[^/]*)?$', '') AS operation
            FROM decisions
            WHERE verdict = 'allow'
        ) AS allowed ON allowed.run_id = call.run_id AND allowed.operation = call.key
        WHERE call.effect <> 'read' AND call.outcome IN ('done', 'failed', 'in_doubt', 'open')
    )
"""
"""A beginning, an end, whole records and chains, versions, money that adds up, and a permit for every change."""

_REWORK = f"""
WITH told AS (
    SELECT
        run.mission,
        plan.business_unit,
        run.run_id IN (
            SELECT back.rolls_back
            FROM runs AS back
            JOIN runs AS first ON first.run_id = back.rolls_back
            JOIN missions AS terms ON terms.mission = first.mission
            WHERE back.started_at <= first.ended_at + to_days(terms.rework_days::INTEGER)
        ) AS counted
    FROM runs AS run
    JOIN missions AS plan ON plan.mission = run.mission
    WHERE run.success AND plan.rework_days IS NOT NULL
)
SELECT
    mission,
    business_unit,
    100.0 * count(*) FILTER (WHERE counted) / nullif(count(*), 0) AS value,
    count(*) FILTER (WHERE counted) AS numerator,
    count(*) AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

OUTCOMES: tuple[Formula, ...] = (
    Formula("runs", "Runs", "runs begun", "runs", "", _RUNS),
    Formula(
        "outcome_mix",
        "Outcome mix",
        "terminal runs with an outcome (or, without one, a status) / terminal runs",
        "% of terminal runs",
        NO_TERMINAL,
        _OUTCOME_MIX,
        "segment",
    ),
    Formula(
        "success_rate",
        "Success rate",
        "terminal runs that succeeded / terminal runs",
        "% of terminal runs",
        NO_TERMINAL,
        rate("success"),
    ),
    Formula(
        "K8",
        "Agentic uptime",
        "runs that went through to done with no loop seen, no halt and no call given up on / runs begun",
        "% of runs",
        "no run has begun yet",
        rate(_UNTROUBLED, "TRUE"),
        board=5,
    ),
    Formula(
        "K9",
        "Automation rate",
        "successes in which no person answered a gate and nothing was rolled back / terminal runs",
        "% of terminal runs",
        NO_TERMINAL,
        rate(f"success AND run_id NOT IN (SELECT run_id FROM ({_TOUCHED}) WHERE run_id IS NOT NULL)"),  # noqa: S608 - our own text
    ),
    Formula(
        "K10",
        "Resolution rate",
        "successes / (successes + failed + aborted + expired at a gate)",
        "% of decided runs",
        "no run has been resolved, failed, aborted or expired yet",
        rate(
            "success",
            f"{TERMINAL} AND (success OR status IN ('failed', 'aborted') OR reason_code = 'approval_expired')",
        ),
    ),
    Formula(
        "K11",
        "Accuracy in sampled review",
        "samples that reviewers called right / samples reviewed; the sample is drawn as agents.yaml says",
        "% of reviewed samples",
        "no sample has been reviewed yet",
        rate("state = 'right'", "state IN ('right', 'wrong')", "reviews"),
    ),
    Formula(
        "K11.low",
        "Accuracy, lower bound",
        "lower end of K11's 95 % Wilson interval",
        "% of reviewed samples",
        "no sample has been reviewed yet",
        _WILSON.format(sign="-"),
    ),
    Formula(
        "K11.high",
        "Accuracy, upper bound",
        "upper end of K11's 95 % Wilson interval",
        "% of reviewed samples",
        "no sample has been reviewed yet",
        _WILSON.format(sign="+"),
    ),
    Formula(
        "K12",
        "Compliance pass rate",
        "terminal runs with beginning, end, versions, whole chains and records, money that adds up, and a permit for "
        "every change / terminal runs",
        "% of terminal runs",
        NO_TERMINAL,
        rate(_CONTROLS),
    ),
    Formula(
        "K13",
        "SLA kept",
        "runs that kept their service level / runs that have one and ended",
        "% of runs with a service level",
        "no run with a service level has ended yet",
        rate("sla_kept", "sla_kept IS NOT NULL"),
    ),
    Formula(
        "K14",
        "Escalation rate",
        "terminal runs handed to a person by rule / terminal runs",
        "% of terminal runs",
        NO_TERMINAL,
        rate("escalated"),
    ),
    Formula(
        "K18",
        "Rework rate",
        "successes whose rollback began within rework_days of their end / successes; of missions that declare these",
        "% of successes",
        "no mission that declares rework_days in policies/assumptions.yaml has succeeded yet",
        _REWORK,
    ),
)
"""Numbers about what runs came to."""
