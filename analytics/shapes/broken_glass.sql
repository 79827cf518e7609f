-- What somebody let through alone, and what the person who looked at it said; nothing waits for it.
WITH asked AS (
    SELECT *
    FROM fresh
    WHERE artifact = 'approval_request' AND data ->> 'glass' = 'true'
    QUALIFY row_number() OVER (PARTITION BY run_id, data ->> 'gate' ORDER BY seq) = 1
),
answered AS (
    SELECT *
    FROM approvals
    WHERE accepted AND partial IS NOT TRUE AND run_id IN (SELECT run_id FROM touched)
    QUALIFY row_number() OVER (PARTITION BY run_id, gate ORDER BY answered_at, id) = 1
),
late AS (
    SELECT DISTINCT run_id, key FROM fresh WHERE artifact = 'exception_record' AND ends_with(key, '/overdue')
)
SELECT
    asked.data ->> 'gate' AS review,
    asked.run_id,
    asked.mission,
    asked.data ->> 'glass_gate' AS gate,
    asked.data ->> 'action' AS action,
    asked.data ->> 'glass_by' AS broken_by,
    broken.reason,
    asked.data ->> 'role' AS reviewer_role,
    broken.answered_at AS broken_at,
    asked.time AS asked_at,
    try_cast(asked.data ->> 'deadline' AS TIMESTAMPTZ) AS due_at,
    late.key IS NOT NULL AS is_overdue,
    CASE answered.answer WHEN 'go' THEN 'right' WHEN 'no_go' THEN 'wrong' ELSE 'open' END AS state,
    answered.answered_by,
    answered.reason AS verdict,
    answered.answered_at
FROM asked
LEFT JOIN answered AS broken ON broken.run_id = asked.run_id AND broken.gate = asked.data ->> 'glass_gate'
LEFT JOIN answered ON answered.run_id = asked.run_id AND answered.gate = asked.data ->> 'gate'
LEFT JOIN late ON late.run_id = asked.run_id AND late.key = asked.key || '/overdue'
