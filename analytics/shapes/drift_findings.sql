SELECT
    data ->> 'finding' AS finding,
    run_id,
    any_value(data ->> 'mission') AS mission,
    any_value(data ->> 'monitor') AS monitor,
    nullif(any_value(data ->> 'subject'), '') AS subject,
    any_value(data ->> 'severity') AS severity,
    any_value(data ->> 'owner') AS owner,
    nullif(any_value(data ->> 'deputy'), '') AS deputy,
    any_value(data ->> 'route') AS route,
    CASE
        WHEN bool_or(data ->> 'event' = 'closed') THEN 'closed'
        WHEN bool_or(data ->> 'event' = 'routed') THEN 'routed'
        ELSE 'open'
    END AS state,
    any_value(data ->> 'sentence') AS sentence,
    any_value((data ->> 'needs_runs')::BIGINT) AS needs_runs,
    min(time) FILTER (WHERE data ->> 'event' = 'opened') AS opened_at,
    any_value(try_cast(data ->> 'due_at' AS TIMESTAMPTZ)) AS due_at,
    min(time) FILTER (WHERE data ->> 'event' = 'routed') AS routed_at,
    any_value(data ->> 'receipt') AS receipt,
    min(time) FILTER (WHERE data ->> 'event' = 'closed') AS closed_at,
    any_value((data ->> 'runs')::BIGINT) AS verified_runs,
    any_value(data ->> 'because') AS closed_because,
    any_value(try_cast(data ->> 'after' AS TIMESTAMPTZ)) AS judged_through,
    any_value(try_cast(data ->> 'reference_through' AS TIMESTAMPTZ)) AS reference_through
FROM fresh
WHERE artifact = 'drift_record'
GROUP BY run_id, data ->> 'finding'
-- A finding whose opening is not landed yet is told when it is.
HAVING bool_or(data ->> 'event' = 'opened')
