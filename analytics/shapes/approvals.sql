SELECT
    id,
    body.gate,
    run_id,
    mission,
    body.answer,
    data ->> 'by' AS answered_by,
    body.role,
    body.proof,
    body.door,
    body.action_digest,
    body.accepted,
    body.refused_because,
    payload ->> 'reason' AS reason,
    CASE WHEN (payload -> 'changes')::VARCHAR <> '{}' THEN payload -> 'changes' END AS changes,
    time AS answered_at
FROM (
    SELECT
        *,
        json_transform(data, '{
            "gate": "VARCHAR", "answer": "VARCHAR", "role": "VARCHAR", "proof": "VARCHAR", "door": "VARCHAR",
            "action_digest": "VARCHAR", "accepted": "BOOLEAN", "refused_because": "VARCHAR"
        }') AS body
    FROM fresh
    WHERE artifact = 'approval_record'
)
