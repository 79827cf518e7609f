SELECT
    id,
    run_id,
    mission,
    key,
    agent_id,
    data ->> 'reason_code' AS reason_code,
    data ->> 'what' AS what,
    data ->> 'owner' AS owner,
    time AS raised_at
FROM fresh
WHERE artifact = 'exception_record'
