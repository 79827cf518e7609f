-- An operation that was begun again after a crash is another row: its occurrence counts the beginnings.
-- A call whose process died before its result was recorded may have been billed: it costs what was reserved for it,
-- as the run's own meter counts it from the next attempt on.
WITH told AS (
    SELECT
        *,
        json_transform(data, '{
            "agent": "VARCHAR", "requested_model": "VARCHAR", "returned_model": "VARCHAR", "provider": "VARCHAR",
            "offline": "BOOLEAN", "outcome": "VARCHAR", "finish_reason": "VARCHAR", "reason_code": "VARCHAR",
            "error": "VARCHAR", "input_tokens": "BIGINT", "output_tokens": "BIGINT", "cache_read_tokens": "BIGINT",
            "cache_write_tokens": "BIGINT", "cost_micros": "BIGINT", "currency": "VARCHAR", "price_basis": "VARCHAR",
            "price_book": "VARCHAR", "reserved_micros": "BIGINT", "request_digest": "VARCHAR",
            "response_id": "VARCHAR", "latency_us": "BIGINT"
        }') AS body
    FROM begun
    WHERE artifact = 'model_call'
)
SELECT
    run_id,
    key,
    occurrence,
    any_value(mission) AS mission,
    any_value(step_key) AS step_key,
    any_value(coalesce(body.agent, agent_id)) AS agent_id,
    any_value(agent_version) AS agent_version,
    any_value(body.requested_model) AS requested_model,
    any_value(body.returned_model) AS returned_model,
    any_value(body.provider) AS provider,
    any_value(body.offline) AS offline,
    coalesce(any_value(body.outcome) FILTER (WHERE phase = 'result'), 'open') AS outcome,
    any_value(body.finish_reason) AS finish_reason,
    any_value(body.reason_code) AS reason_code,
    any_value(body.error) AS error,
    any_value(body.input_tokens) AS input_tokens,
    any_value(body.output_tokens) AS output_tokens,
    any_value(body.cache_read_tokens) AS cache_read_tokens,
    any_value(body.cache_write_tokens) AS cache_write_tokens,
    coalesce(
        any_value(body.cost_micros),
        CASE WHEN bool_and(phase <> 'result') THEN any_value(body.reserved_micros) FILTER (WHERE attempt < attempts) END
    ) AS cost_micros,
    CASE
        WHEN bool_or(phase = 'result') THEN any_value(body.currency) FILTER (WHERE phase = 'result')
        ELSE any_value(body.currency) FILTER (WHERE attempt < attempts)
    END AS currency,
    CASE
        WHEN bool_or(phase = 'result') THEN any_value(body.price_basis) FILTER (WHERE phase = 'result')
        ELSE any_value(body.price_basis) FILTER (WHERE attempt < attempts)
    END AS price_basis,
    any_value(body.price_book) AS price_book,
    any_value(body.reserved_micros) AS reserved_micros,
    any_value(body.request_digest) AS request_digest,
    any_value(body.response_id) AS response_id,
    any_value(body.latency_us) AS latency_us,
    min(recorded_time) FILTER (WHERE phase = 'intent') AS started_at,
    max(recorded_time) FILTER (WHERE phase = 'result') AS ended_at
FROM told
JOIN (SELECT run_id, max(attempt) AS attempts FROM fresh GROUP BY run_id) USING (run_id)
GROUP BY run_id, key, occurrence
