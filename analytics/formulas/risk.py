"""What could go wrong, and did: blast radius, policy blocks, grants overstepped, anomalies, kill latency."""

from __future__ import annotations

from analytics.formulas.formula import ORDER, SETS, Formula

_CAPS = f"""
WITH newest AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, budget_amount_cents AS cap
    FROM runs
    LEFT JOIN units USING (mission)
    WHERE started_at IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY mission ORDER BY started_at DESC, run_id DESC) = 1
)
SELECT
    mission,
    business_unit,
    CASE WHEN count(*) = count(cap) THEN max(cap) END AS value,
    CASE WHEN count(*) = count(cap) THEN max(cap) END AS numerator,
    NULL::BIGINT AS denominator,
    CASE WHEN count(*) = 0 THEN 'no run has begun yet' END AS reason
FROM newest
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_LIVE = f"""
WITH told AS (
    SELECT
        mission,
        coalesce(business_unit, 'unassigned') AS business_unit,
        status IN ('flying', 'waiting') AS is_live,
        budget_amount_cents AS cap
    FROM runs
    LEFT JOIN units USING (mission)
)
SELECT
    mission,
    business_unit,
    CASE
        WHEN count(*) FILTER (WHERE is_live AND cap IS NULL) = 0
            THEN coalesce(sum(cap) FILTER (WHERE is_live), 0)::BIGINT
    END AS value,
    (sum(cap) FILTER (WHERE is_live))::BIGINT AS numerator,
    count(*) FILTER (WHERE is_live) AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_INCIDENTS = f"""
WITH harmed AS (
    SELECT mission FROM tool_calls WHERE outcome = 'in_doubt'
    UNION ALL
    SELECT mission FROM reviews WHERE state = 'wrong'
    UNION ALL
    SELECT call.mission
    FROM tool_calls AS call
    WHERE call.effect <> 'read'
        AND call.outcome = 'done'
        AND call.run_id IN (SELECT rolls_back FROM runs WHERE rolls_back IS NOT NULL)
),
counted AS (
    SELECT runs.mission, coalesce(harmed.harms, 0) AS harms
    FROM (SELECT DISTINCT mission FROM runs) AS runs
    LEFT JOIN (SELECT mission, count(*) AS harms FROM harmed GROUP BY mission) AS harmed USING (mission)
),
told AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, harms
    FROM counted
    LEFT JOIN units USING (mission)
)
SELECT
    mission,
    business_unit,
    sum(harms)::BIGINT AS value,
    sum(harms)::BIGINT AS numerator,
    NULL::BIGINT AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_OF_PROPOSED = f"""
WITH told AS (
    SELECT
        mission,
        coalesce(business_unit, 'unassigned') AS business_unit,
        {{counted}} AS counted,
        -- A decision made again because approvals came in is about an action that was proposed before.
        {{proposed}} AS proposed
    FROM {{source}}
    LEFT JOIN units USING (mission)
)
SELECT
    mission,
    business_unit,
    1000.0 * count(*) FILTER (WHERE counted) / nullif(count(*) FILTER (WHERE proposed), 0) AS value,
    count(*) FILTER (WHERE counted) AS numerator,
    count(*) FILTER (WHERE proposed) AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
"""  # noqa: S608 - our own text

_OUTSIDE = """verdict = 'deny' AND list_has_any(
            coalesce(rules, []), ['default-deny', 'nobody-leaves-the-scope', 'observers-change-nothing']
        )"""
"""No rule grants it, or it leaves the mission's scope or the agent's tier."""

_FLAGGED = """(
        SELECT mission, TRUE AS is_flag FROM monitor_findings
        UNION ALL
        SELECT mission, FALSE FROM decisions WHERE len(approvals) = 0
    )"""

_HALTED = """
SELECT
    mission,
    quantile_cont(last_effect_ms, 0.95) / 1000.0 AS value,
    NULL::BIGINT AS numerator,
    count(last_effect_ms) AS denominator
FROM halted_runs
GROUP BY GROUPING SETS ((mission), ())
ORDER BY mission NULLS FIRST
"""

_DRILLED = """
WITH newest AS (
    SELECT * FROM drills WHERE run_id = (SELECT run_id FROM drills ORDER BY ended_at DESC, run_id DESC LIMIT 1)
)
SELECT
    NULL::VARCHAR AS mission,
    max(p99_us) / 1000000.0 AS value,
    count(*) FILTER (WHERE passed) AS numerator,
    count(*) AS denominator
FROM newest
"""

_UNANCHORED = """
SELECT
    NULL::VARCHAR AS mission,
    unanchored_seconds / 3600.0 AS value,
    unanchored_records AS numerator,
    log_size AS denominator
FROM snapshot
WHERE unanchored_seconds IS NOT NULL
"""

_NONE_PROPOSED = "no action has been proposed yet"
_NO_CAP = "a mission declares no cap on the money it moves, so nothing bounds what a run may move: a red flag"

RISK: tuple[Formula, ...] = (
    Formula(
        "K3a",
        "Blast radius, theoretical",
        "the most that one run may move before its budget refuses: its cap on money moved; of several missions the "
        "largest",
        "minor units of money",
        _NO_CAP,
        _CAPS,
        board=3,
    ),
    Formula(
        "K3b",
        "Blast radius, live",
        "sum of these caps over the runs that fly or wait",
        "minor units of money",
        f"{_NO_CAP}, and one is in the air",
        _LIVE,
    ),
    Formula(
        "K3c",
        "Blast-radius incidents",
        "changes left in doubt, reviewed as wrong, or rolled back",
        "actions",
        "no run has begun yet",
        _INCIDENTS,
    ),
    Formula(
        "K23",
        "Policy blocks",
        "denials / proposed actions x 1,000",
        "per 1,000 proposed actions",
        _NONE_PROPOSED,
        _OF_PROPOSED.format(counted="verdict = 'deny'", proposed="len(approvals) = 0", source="decisions"),
    ),
    Formula(
        "K24",
        "Restricted-tool attempts",
        "denials because no rule grants it, it leaves the scope, or an observer would change something / proposed "
        "actions x 1,000",
        "per 1,000 proposed actions",
        _NONE_PROPOSED,
        _OF_PROPOSED.format(counted=_OUTSIDE, proposed="len(approvals) = 0", source="decisions"),
    ),
    Formula(
        "K25",
        "Anomalous actions",
        "findings of monitors / proposed actions x 1,000",
        "per 1,000 proposed actions",
        _NONE_PROPOSED,
        _OF_PROPOSED.format(counted="is_flag", proposed="NOT is_flag", source=_FLAGGED),
    ),
    Formula(
        "K31",
        "Kill latency, p95",
        "95th percentile, over halted runs, of the throw of the switch to the end of their last change",
        "s",
        "no run that had changed something was halted yet",
        _HALTED,
    ),
    Formula(
        "K31.drill",
        "Kill latency in drill",
        "largest 99th percentile over the signals and lanes of the newest drill",
        "s",
        "no drill has been flown yet: gonogo drill abort",
        _DRILLED,
        "all",
    ),
    Formula(
        "K30",
        "Ledger integrity",
        "records that follow from the one before them in their stream / records landed",
        "% of records",
        "no record has landed yet",
        f"""
WITH told AS (
    SELECT
        runs.mission,
        coalesce(units.business_unit, 'unassigned') AS business_unit,
        runs.records,
        coalesce(faults.faults, 0) AS faults
    FROM runs
    LEFT JOIN units USING (mission)
    LEFT JOIN (SELECT run_id, count(*) AS faults FROM chain_faults GROUP BY run_id) AS faults USING (run_id)
)
SELECT
    mission,
    business_unit,
    100.0 * (sum(records) - sum(faults)) / nullif(sum(records), 0) AS value,
    (sum(records) - sum(faults))::BIGINT AS numerator,
    sum(records)::BIGINT AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
""",  # noqa: S608 - our own text
    ),
    Formula(
        "K30.anchor",
        "Unanchored age",
        "age, at the moment of publication, of the oldest record that is in the log and that no anchor covers",
        "h",
        "this home keeps no log that can be read: gonogo sequence makes one",
        _UNANCHORED,
        "all",
    ),
    Formula(
        "K29",
        "Evidence completeness",
        "records that have every promised field / records landed",
        "% of records",
        "no record has landed since promised fields are counted: gonogo rebuild",
        f"""
WITH told AS (
    SELECT mission, coalesce(business_unit, 'unassigned') AS business_unit, records, incomplete_records
    FROM runs
    LEFT JOIN units USING (mission)
    WHERE incomplete_records IS NOT NULL
)
SELECT
    mission,
    business_unit,
    100.0 * (sum(records) - sum(incomplete_records)) / nullif(sum(records), 0) AS value,
    (sum(records) - sum(incomplete_records))::BIGINT AS numerator,
    sum(records)::BIGINT AS denominator
FROM told
GROUP BY {SETS}
{ORDER}
""",  # noqa: S608 - our own text
    ),
)
"""Numbers about control."""
