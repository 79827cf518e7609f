-- A refused hand-over has a result and no intent: nobody was asked, and it is a row all the same.
WITH told AS (
    SELECT
        *,
        json_transform(data, '{
            "work": "VARCHAR", "delegator": "VARCHAR", "specialist": "VARCHAR", "brief_digest": "VARCHAR",
            "chain": ["VARCHAR"], "depth": "BIGINT", "number": "BIGINT", "approvals": ["VARCHAR"],
            "outcome": "VARCHAR", "reason_code": "VARCHAR", "error": "VARCHAR", "latency_us": "BIGINT"
        }') AS body
    FROM begun
    WHERE artifact = 'delegation'
)
SELECT
    run_id,
    key,
    occurrence,
    any_value(mission) AS mission,
    any_value(step_key) AS step_key,
    any_value(body.delegator) AS delegator,
    any_value(body.specialist) AS specialist,
    any_value(body.work) AS work,
    any_value(body.brief_digest) AS brief_digest,
    any_value(body.chain) AS chain,
    any_value(body.depth) AS depth,
    any_value(body.number) AS number,
    any_value(body.approvals) AS approvals,
    coalesce(any_value(body.outcome) FILTER (WHERE phase = 'result'), 'open') AS outcome,
    any_value(body.reason_code) AS reason_code,
    any_value(body.error) AS error,
    any_value(body.latency_us) AS latency_us,
    min(recorded_time) FILTER (WHERE phase = 'intent') AS started_at,
    max(recorded_time) FILTER (WHERE phase = 'result') AS ended_at
FROM told
GROUP BY run_id, key, occurrence
