-- Every attempt that failed and was followed by something else; the last attempt of a call is the call's own result.
SELECT
    id,
    run_id,
    mission,
    key,
    step_key,
    agent_id,
    data ->> 'operation' AS operation,
    data ->> 'kind' AS kind,
    data ->> 'dependency' AS dependency,
    (data ->> 'number')::BIGINT AS number,
    data ->> 'next' AS next,
    (data ->> 'wait_us')::BIGINT AS wait_us,
    data ->> 'reason_code' AS reason_code,
    data ->> 'error' AS error,
    recorded_time AS failed_at
FROM fresh
WHERE artifact = 'attempt_record'
