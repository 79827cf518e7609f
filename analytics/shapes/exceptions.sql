-- What settles an exception is a record of its own, which names the one that it closes.
SELECT
    raised.id,
    raised.run_id,
    raised.mission,
    raised.key,
    raised.agent_id,
    raised.data ->> 'reason_code' AS reason_code,
    raised.data ->> 'what' AS what,
    raised.data ->> 'owner' AS owner,
    raised.data ->> 'role' AS role,
    raised.data ->> 'path' AS path,
    raised.time AS raised_at,
    closed.data ->> 'what' AS resolution,
    closed.data ->> 'by' AS closed_by,
    closed.data ->> 'gate' AS gate,
    closed.time AS closed_at
FROM fresh AS raised
LEFT JOIN (
    SELECT *
    FROM fresh
    WHERE artifact = 'exception_record'
    QUALIFY row_number() OVER (PARTITION BY run_id, data ->> 'closes' ORDER BY seq) = 1
) AS closed ON closed.run_id = raised.run_id AND closed.data ->> 'closes' = raised.id
WHERE raised.artifact = 'exception_record' AND raised.data ->> 'closes' IS NULL
