SELECT
    run_id,
    mission,
    data ->> 'gate' AS gate,
    data ->> 'exception' AS exception_id,
    (data ->> 'rung')::BIGINT AS rung,
    (data ->> 'of')::BIGINT AS of_rungs,
    data ->> 'role' AS role,
    try_cast(data ->> 'due' AS TIMESTAMPTZ) AS due_at,
    recorded_time AS recorded_at
FROM fresh
WHERE artifact = 'escalation_record'
