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
    time AS answered_at,
    coalesce(body.partial, FALSE) AS partial,
    body.reason_code,
    body.key_fingerprint,
    body.statement_digest,
    body.sign_in.issuer AS issuer,
    body.sign_in.subject AS subject,
    try_cast(nullif(body.sign_in.authenticated, '') AS TIMESTAMPTZ) AS signed_in_at
FROM (
    SELECT
        *,
        json_transform(data, '{
            "gate": "VARCHAR", "answer": "VARCHAR", "role": "VARCHAR", "proof": "VARCHAR", "door": "VARCHAR",
            "action_digest": "VARCHAR", "accepted": "BOOLEAN", "refused_because": "VARCHAR", "partial": "BOOLEAN",
            "reason_code": "VARCHAR", "key_fingerprint": "VARCHAR", "statement_digest": "VARCHAR",
            "sign_in": {"issuer": "VARCHAR", "subject": "VARCHAR", "authenticated": "VARCHAR"}
        }') AS body
    FROM fresh
    WHERE artifact = 'approval_record'
)
