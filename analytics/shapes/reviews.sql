-- A sample of what an agent did alone, and what the person who looked at it said; nothing waits for it.
WITH asked AS (
    SELECT *
    FROM fresh
    WHERE artifact = 'approval_request' AND data ->> 'review' = 'true'
    QUALIFY row_number() OVER (PARTITION BY run_id, data ->> 'gate' ORDER BY seq) = 1
),
answered AS (
    SELECT *
    FROM approvals
    WHERE accepted AND run_id IN (SELECT run_id FROM touched)
    QUALIFY row_number() OVER (PARTITION BY run_id, gate ORDER BY answered_at, id) = 1
),
late AS (
    SELECT DISTINCT run_id, key FROM fresh WHERE artifact = 'exception_record' AND ends_with(key, '/overdue')
)
SELECT
    asked.data ->> 'gate' AS gate,
    asked.run_id,
    asked.mission,
    regexp_replace(asked.key, '/review/gate:[^/]*$', '') AS key,
    asked.step_key,
    asked.agent_id,
    asked.data ->> 'action' AS tool,
    asked.data ->> 'role' AS role,
    CASE answered.answer WHEN 'go' THEN 'right' WHEN 'no_go' THEN 'wrong' ELSE 'open' END AS state,
    answered.answered_by,
    answered.reason,
    asked.time AS asked_at,
    try_cast(asked.data ->> 'deadline' AS TIMESTAMPTZ) AS due_at,
    answered.answered_at,
    late.key IS NOT NULL AS is_overdue
FROM asked
LEFT JOIN answered ON answered.run_id = asked.run_id AND answered.gate = asked.data ->> 'gate'
LEFT JOIN late ON late.run_id = asked.run_id AND late.key = asked.key || '/overdue'
