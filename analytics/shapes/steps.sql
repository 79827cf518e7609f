-- Costs and calls of a step stand on its first row, so that sums over steps count them once.
WITH told AS (
    SELECT
        *,
        json_transform(data, '{
            "step": "VARCHAR", "branch": "VARCHAR", "agent": "VARCHAR", "args_digest": "VARCHAR",
            "outcome": "VARCHAR", "reason_code": "VARCHAR", "error": "VARCHAR", "latency_us": "BIGINT",
            "criteria": ["VARCHAR"]
        }') AS body
    FROM begun
    WHERE artifact = 'step_record'
),
spent AS (
    SELECT run_id, step_key, count(*) AS model_calls, sum(coalesce(cost_micros, 0)) AS cost_micros
    FROM model_calls
    WHERE run_id IN (SELECT run_id FROM touched)
    GROUP BY run_id, step_key
),
used AS (
    SELECT run_id, step_key, count(*) AS tool_calls
    FROM tool_calls
    WHERE run_id IN (SELECT run_id FROM touched)
    GROUP BY run_id, step_key
),
paired AS (
    SELECT
        run_id,
        key,
        occurrence,
        any_value(mission) AS mission,
        any_value(body.step) AS step,
        any_value(body.branch) AS branch,
        any_value(body.agent) AS agent,
        any_value(body.args_digest) AS args_digest,
        coalesce(any_value(body.outcome) FILTER (WHERE phase = 'result'), 'open') AS outcome,
        any_value(body.reason_code) AS reason_code,
        any_value(body.error) AS error,
        any_value(body.latency_us) AS latency_us,
        any_value(body.criteria) AS criteria,
        min(recorded_time) FILTER (WHERE phase = 'intent') AS started_at,
        max(recorded_time) FILTER (WHERE phase = 'result') AS ended_at
    FROM told
    GROUP BY run_id, key, occurrence
),
timed AS (
    SELECT run_id, key, occurrence, avg(latency_us) OVER (PARTITION BY run_id, step) AS mean_latency_us
    FROM paired
    WHERE outcome = 'done' AND latency_us IS NOT NULL AND step IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY run_id, step ORDER BY key, occurrence) = 1
)
SELECT
    paired.*,
    timed.mean_latency_us,
    CASE WHEN paired.occurrence = 1 THEN coalesce(spent.cost_micros, 0)::BIGINT ELSE 0 END AS cost_micros,
    CASE WHEN paired.occurrence = 1 THEN coalesce(spent.model_calls, 0) ELSE 0 END AS model_calls,
    CASE WHEN paired.occurrence = 1 THEN coalesce(used.tool_calls, 0) ELSE 0 END AS tool_calls
FROM paired
LEFT JOIN spent ON spent.run_id = paired.run_id AND spent.step_key = paired.key
LEFT JOIN used ON used.run_id = paired.run_id AND used.step_key = paired.key
LEFT JOIN timed
    ON timed.run_id = paired.run_id AND timed.key = paired.key AND timed.occurrence = paired.occurrence
