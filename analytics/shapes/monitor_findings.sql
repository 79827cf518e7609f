SELECT
    id,
    run_id,
    mission,
    key,
    step_key,
    data ->> 'monitor' AS monitor,
    data ->> 'action' AS action,
    data ->> 'reach' AS reach,
    data ->> 'subject' AS subject,
    data ->> 'name' AS tool_or_model,
    data ->> 'what' AS what,
    (data ->> 'threshold')::BIGINT AS threshold,
    (data ->> 'observed')::BIGINT AS observed,
    data ->> 'unit' AS unit,
    data ->> 'basis' AS basis,
    data ->> 'owner' AS owner,
    data ->> 'switch' AS switch,
    time AS found_at
FROM fresh
WHERE artifact = 'finding_record'
