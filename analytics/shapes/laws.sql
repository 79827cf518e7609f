SELECT
    id,
    run_id,
    environment,
    data ->> 'event' AS event,
    data ->> 'before' AS before_digest,
    data ->> 'after' AS after_digest,
    data ->> 'policy' AS policy_digest,
    (data -> 'changed')::VARCHAR[] AS changed,
    data ->> 'by' AS answered_by,
    data ->> 'key_fingerprint' AS key_fingerprint,
    payload ->> 'reason' AS reason,
    data ->> 'refused_because' AS refused_because,
    recorded_time AS recorded_at
FROM fresh
WHERE artifact = 'law_record'
