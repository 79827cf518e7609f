-- A run stands here from its first record on, and is computed again whenever it gets more of them.
WITH everything AS (
    SELECT
        run_id,
        arg_min(mission, recorded_time) AS mission,
        arg_min(mission_digest, recorded_time) AS mission_digest,
        arg_min(policy_digest, recorded_time) AS policy_digest,
        arg_min(environment, recorded_time) AS environment,
        arg_min(tenant, recorded_time) AS tenant,
        max(attempt) AS attempts,
        count(*) AS records,
        CASE WHEN count(missing) = count(*) THEN count(*) FILTER (WHERE missing > 0) END AS incomplete_records,
        max(recorded_time) AS last_recorded_at
    FROM fresh
    -- The switchboard, the roll of approvers, the law, the keys of the log, the docket and the archive are no runs.
    WHERE run_id NOT IN ('switchboard', 'approvers', 'law', 'log-keys', 'docket', 'archive')
    GROUP BY run_id
    -- Neither are the streams in which it stands who opened a run's cards, and who was told of its gates.
    HAVING NOT bool_and(artifact IN ('viewing_record', 'notice_record'))
),
started AS (
    SELECT
        run_id,
        time AS started_at,
        payload AS case_input,
        json_transform(data, '{
            "owner": "VARCHAR", "lane": "VARCHAR", "requester": "VARCHAR", "scope": ["VARCHAR"],
            "budget": {"usd_micros": "BIGINT", "actions": "BIGINT", "amount_cents": "BIGINT"}, "sla_seconds": "BIGINT",
            "model": "VARCHAR",
            "offline": "BOOLEAN", "case_ref": "VARCHAR", "arrived": "VARCHAR", "waited_ms": "BIGINT",
            "flow_run_id": "VARCHAR", "flow_run_name": "VARCHAR", "deployment": "VARCHAR", "rolls_back": "VARCHAR"
        }') AS body
    FROM fresh
    WHERE artifact = 'run_record' AND phase = 'intent'
    QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY seq) = 1
),
ended AS (
    SELECT
        run_id,
        recorded_time AS ended_at,
        payload AS outcome_data,
        json_transform(data, '{
            "status": "VARCHAR", "outcome": "VARCHAR", "path": "VARCHAR", "success": "BOOLEAN", "escalated": "BOOLEAN",
            "reason_code": "VARCHAR", "error": "VARCHAR", "halt": "VARCHAR", "latency_ms": "BIGINT",
            "totals": {"cost_micros": "BIGINT", "actions": "BIGINT"}
        }') AS body
    FROM endings
),
rested AS (
    -- A run rests from the record that says so until its next one.
    SELECT
        run_id,
        max((data ->> 'round')::BIGINT) AS requeues,
        arg_max(coalesce(data ->> 'event', ''), seq) = 'waiting'
            AND arg_max(coalesce(data ->> 'again_at', ''), seq) <> '' AS is_resting
    FROM fresh
    WHERE artifact = 'run_record'
    GROUP BY run_id
),
asked AS (
    SELECT
        run_id,
        count(*) AS gates,
        count(*) FILTER (WHERE state = 'answered' AND answer IN ('no_go', 'revise')) AS interventions,
        list(gate ORDER BY opened_at, gate) FILTER (WHERE state = 'open') AS waiting_gates
    FROM gates
    WHERE run_id IN (SELECT run_id FROM touched)
    GROUP BY run_id
),
awaited AS (
    -- An event is awaited from the first time a place of the mission waits for it until that place has one, or gave up.
    SELECT wait.run_id, list(DISTINCT wait.data ->> 'event' ORDER BY wait.data ->> 'event') AS waiting_events
    FROM fresh AS wait
    JOIN everything USING (run_id)
    WHERE wait.artifact = 'event_receipt'
        AND wait.data ->> 'state' = 'awaited'
        AND coalesce(try_cast(wait.data ->> 'deadline' AS TIMESTAMPTZ) > everything.last_recorded_at, TRUE)
        AND NOT EXISTS (
            SELECT 1 FROM fresh AS got
            WHERE got.artifact = 'event_receipt'
                AND got.run_id = wait.run_id
                AND got.key = regexp_replace(wait.key, '/awaited$', '')
        )
    GROUP BY wait.run_id
),
spent AS (
    SELECT
        run_id,
        count(*) AS model_calls,
        sum(coalesce(cost_micros, 0)) AS cost_micros,
        sum(coalesce(input_tokens, 0)) AS input_tokens,
        sum(coalesce(output_tokens, 0)) AS output_tokens,
        CASE WHEN count(DISTINCT currency) > 1 THEN 'mixed' ELSE any_value(currency) END AS currency,
        CASE WHEN count(DISTINCT price_basis) > 1 THEN 'mixed' ELSE any_value(price_basis) END AS price_basis
    FROM model_calls
    WHERE run_id IN (SELECT run_id FROM touched)
    GROUP BY run_id
),
used AS (
    SELECT run_id, count(*) AS tool_calls
    FROM tool_calls
    WHERE run_id IN (SELECT run_id FROM touched)
    GROUP BY run_id
),
replayed AS (
    -- What a later attempt found recorded, it looked up.
    SELECT fresh.run_id, sum((fresh.data ->> 'cost_micros')::BIGINT)::BIGINT AS kept_micros
    FROM fresh
    JOIN everything USING (run_id)
    WHERE everything.attempts > 1
        AND fresh.artifact = 'model_call'
        AND fresh.phase = 'result'
        AND coalesce(fresh.attempt, 1) < everything.attempts
    GROUP BY fresh.run_id
),
kept AS (
    SELECT run_id, min(value) = 1 AS sla_kept
    FROM measures
    WHERE name = 'sla_kept' AND run_id IN (SELECT run_id FROM touched)
    GROUP BY run_id
)
SELECT
    everything.*,
    started.body.owner,
    started.body.lane,
    started.body.requester,
    started.body.model,
    started.body.offline,
    started.body.scope,
    nullif(started.body.case_ref, '') AS case_ref,
    try_cast(started.body.arrived AS TIMESTAMPTZ) AS arrived_at,
    started.body.waited_ms AS waited_ms,
    started.case_input,
    CASE
        WHEN ended.run_id IS NOT NULL THEN ended.body.status
        WHEN rested.is_resting THEN 'waiting'
        WHEN len(asked.waiting_gates) > 0 OR len(awaited.waiting_events) > 0 THEN 'waiting'
        ELSE 'flying'
    END AS status,
    ended.body.outcome,
    CASE WHEN ended.run_id IS NULL AND rested.is_resting THEN 'requeue' ELSE ended.body.path END AS path,
    coalesce(rested.requeues, 0) AS requeues,
    ended.body.success,
    ended.body.escalated,
    ended.body.reason_code,
    ended.body.error,
    ended.body.halt,
    ended.outcome_data,
    started.started_at,
    ended.ended_at,
    ended.body.latency_ms,
    started.body.sla_seconds,
    CASE
        WHEN ended.run_id IS NULL THEN NULL
        WHEN kept.sla_kept IS NOT NULL THEN kept.sla_kept
        ELSE ended.body.latency_ms <= started.body.sla_seconds * 1000
    END AS sla_kept,
    CASE WHEN ended.run_id IS NULL THEN coalesce(asked.waiting_gates, []) ELSE [] END AS waiting_gates,
    CASE WHEN ended.run_id IS NULL THEN coalesce(awaited.waiting_events, []) ELSE [] END AS waiting_events,
    coalesce(asked.gates, 0) AS gates,
    coalesce(asked.interventions, 0) AS interventions,
    started.body.budget.usd_micros AS budget_usd_micros,
    started.body.budget.actions AS budget_actions,
    started.body.budget.amount_cents AS budget_amount_cents,
    coalesce(spent.cost_micros, 0)::BIGINT AS cost_micros,
    spent.currency,
    spent.price_basis,
    ended.body.totals.cost_micros AS total_cost_micros,
    coalesce(replayed.kept_micros, 0) AS kept_micros,
    coalesce(spent.model_calls, 0) AS model_calls,
    coalesce(used.tool_calls, 0) AS tool_calls,
    ended.body.totals.actions AS actions,
    coalesce(spent.input_tokens, 0)::BIGINT AS input_tokens,
    coalesce(spent.output_tokens, 0)::BIGINT AS output_tokens,
    started.body.flow_run_id,
    started.body.flow_run_name,
    started.body.deployment,
    started.body.rolls_back
FROM everything
LEFT JOIN started USING (run_id)
LEFT JOIN ended USING (run_id)
LEFT JOIN rested USING (run_id)
LEFT JOIN asked USING (run_id)
LEFT JOIN awaited USING (run_id)
LEFT JOIN spent USING (run_id)
LEFT JOIN used USING (run_id)
LEFT JOIN replayed USING (run_id)
LEFT JOIN kept USING (run_id)
