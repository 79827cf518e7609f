-- A refused call has a result and no intent: nothing was begun, and it is a row all the same.
WITH told AS (
    SELECT
        *,
        json_transform(data, '{
            "principal": "VARCHAR", "tool": "VARCHAR", "system": "VARCHAR", "effect": "VARCHAR",
            "action_digest": "VARCHAR", "idempotency_key": "VARCHAR", "approvals": ["VARCHAR"],
            "outcome": "VARCHAR", "rules": ["VARCHAR"], "reason_code": "VARCHAR", "error": "VARCHAR",
            "latency_us": "BIGINT", "source": "VARCHAR", "doubt": "VARCHAR",
            "reach": {"records": "BIGINT", "recipients": "BIGINT", "amount_cents": "BIGINT"}
        }') AS body
    FROM begun
    WHERE artifact = 'tool_call'
)
SELECT
    run_id,
    key,
    occurrence,
    any_value(mission) AS mission,
    any_value(step_key) AS step_key,
    any_value(agent_id) AS agent_id,
    any_value(body.principal) AS principal,
    any_value(body.tool) AS tool,
    any_value(body.system) AS system,
    any_value(body.effect) AS effect,
    any_value(body.action_digest) AS action_digest,
    any_value(body.idempotency_key) AS idempotency_key,
    any_value(body.approvals) AS approvals,
    coalesce(any_value(body.outcome) FILTER (WHERE phase = 'result'), 'open') AS outcome,
    any_value(body.rules) AS rules,
    any_value(body.reason_code) AS reason_code,
    any_value(body.error) AS error,
    any_value(body.latency_us) AS latency_us,
    any_value(body.source) AS source,
    any_value(body.doubt) AS doubt,
    -- An intent that says nothing of its reach changes one record, or reads.
    any_value(coalesce(body.reach.records, CASE WHEN body.effect = 'read' THEN 0 ELSE 1 END))
        FILTER (WHERE phase = 'intent') AS records,
    any_value(coalesce(body.reach.recipients, 0)) FILTER (WHERE phase = 'intent') AS recipients,
    any_value(coalesce(body.reach.amount_cents, 0)) FILTER (WHERE phase = 'intent') AS amount_cents,
    min(recorded_time) FILTER (WHERE phase = 'intent') AS started_at,
    max(recorded_time) FILTER (WHERE phase = 'result') AS ended_at
FROM told
GROUP BY run_id, key, occurrence
