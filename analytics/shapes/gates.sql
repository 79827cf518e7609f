-- The first accepted answer counts that is not a part of a quorum only. A gate that nobody answered before its run ended needs no answer any more, nor
-- does one that a changed law or agent has replaced by another gate of the same operation, or by none.
WITH asked AS (
    SELECT
        *,
        json_transform(data, '{
            "gate": "VARCHAR", "action": "VARCHAR", "action_digest": "VARCHAR", "card_digest": "VARCHAR",
            "role": "VARCHAR", "because": ["VARCHAR"], "rules": ["VARCHAR"], "options": ["VARCHAR"],
            "requester": "VARCHAR", "deadline": "VARCHAR", "doubt": "VARCHAR",
            "proposal": "BOOLEAN"
        }') AS body,
        regexp_replace(key, '/gate:[^/]*$', '') AS operation,
        max(seq) OVER (PARTITION BY run_id, data ->> 'gate') AS last_seq
    FROM fresh
    -- What is reviewed after the fact holds nothing up; it stands in the tables reviews and broken_glass.
    WHERE artifact = 'approval_request' AND data ->> 'review' IS NULL AND data ->> 'glass' IS NULL
    QUALIFY row_number() OVER (PARTITION BY run_id, data ->> 'gate' ORDER BY seq) = 1
),
answered AS (
    SELECT *
    FROM approvals
    WHERE accepted AND partial IS NOT TRUE AND run_id IN (SELECT run_id FROM touched)
    QUALIFY row_number() OVER (PARTITION BY run_id, gate ORDER BY answered_at, id) = 1
),
void AS (
    SELECT DISTINCT asked.run_id, asked.body.gate AS gate
    FROM asked
    JOIN fresh AS later ON later.run_id = asked.run_id AND later.seq > asked.last_seq
    WHERE (later.artifact = 'approval_request' AND starts_with(later.key, asked.operation || '/gate:'))
        OR (
            later.artifact = 'policy_decision'
            AND starts_with(later.key, asked.operation || '/decision:')
            AND later.data ->> 'verdict' <> 'gate'
        )
),
ended AS (
    SELECT DISTINCT run_id FROM fresh WHERE artifact = 'run_record' AND phase = 'result'
)
SELECT
    asked.body.gate,
    asked.run_id,
    asked.mission,
    asked.key,
    asked.step_key,
    asked.agent_id,
    asked.body.action,
    asked.body.action_digest,
    asked.body.card_digest,
    asked.payload ->> 'card' AS card,
    asked.payload -> 'args' AS arguments,
    asked.payload ->> 'preview' AS preview,
    asked.body.role,
    asked.body.because,
    asked.body.rules,
    asked.body.options,
    asked.body.requester,
    asked.body.doubt,
    coalesce(asked.body.proposal, FALSE) AS proposal,
    asked.time AS opened_at,
    try_cast(asked.body.deadline AS TIMESTAMPTZ) AS deadline,
    CASE
        WHEN answered.proof = 'clock' THEN 'expired'
        WHEN answered.gate IS NOT NULL THEN 'answered'
        WHEN ended.run_id IS NOT NULL THEN 'closed'
        WHEN void.run_id IS NOT NULL THEN 'void'
        ELSE 'open'
    END AS state,
    answered.answer,
    answered.answered_by,
    answered.proof,
    answered.door,
    answered.reason,
    answered.answered_at,
    date_diff('millisecond', asked.time, answered.answered_at) AS waited_ms
FROM asked
LEFT JOIN answered ON answered.run_id = asked.run_id AND answered.gate = asked.body.gate
LEFT JOIN void ON void.run_id = asked.run_id AND void.gate = asked.body.gate
LEFT JOIN ended ON ended.run_id = asked.run_id
