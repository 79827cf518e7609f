SELECT
    run_id,
    key,
    mission,
    step_key,
    agent_id,
    body.principal,
    body.action,
    body.resource,
    body.verdict,
    body.rules,
    body.because,
    body.roles,
    coalesce(body.approvals, []) AS approvals,
    body.request_digest,
    policy_digest,
    body.engine,
    body.latency_us,
    coalesce(body.origins, []) AS origins,
    time AS decided_at,
    payload AS request,
    manifest_digest AS agent_digest,
    data -> 'needs' AS needs
FROM (
    SELECT
        *,
        json_transform(data, '{
            "principal": "VARCHAR", "action": "VARCHAR", "resource": "VARCHAR", "verdict": "VARCHAR",
            "rules": ["VARCHAR"], "because": ["VARCHAR"], "roles": ["VARCHAR"], "approvals": ["VARCHAR"],
            "request_digest": "VARCHAR", "engine": "VARCHAR", "latency_us": "BIGINT",
            "origins": [{"argument": "VARCHAR", "source": "VARCHAR", "record": "VARCHAR"}]
        }') AS body
    FROM fresh
    WHERE artifact = 'policy_decision'
)
