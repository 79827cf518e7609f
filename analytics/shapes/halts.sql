-- One row a halt. What re-arms it is a fact of its own, which names it. What it stopped says so in its last record.
SELECT
    thrown.run_id,
    thrown.data ->> 'switch' AS halt,
    thrown.data ->> 'target_kind' AS target_kind,
    thrown.data ->> 'target' AS target,
    thrown.data ->> 'by' AS halted_by,
    thrown.data ->> 'proof' AS proof,
    thrown.data ->> 'signal' AS signal,
    CASE WHEN (thrown.data -> 'figures')::VARCHAR <> '{}' THEN thrown.data -> 'figures' END AS figures,
    thrown.payload ->> 'reason' AS reason,
    thrown.time AS halted_at,
    lifted.by AS rearmed_by,
    lifted.proof AS rearmed_proof,
    lifted.reason AS rearmed_because,
    lifted.time AS rearmed_at
FROM fresh AS thrown
LEFT JOIN (
    SELECT *
    FROM (
        SELECT
            unnest(json_transform(data -> 'lifts', '["VARCHAR"]')) AS halt,
            data ->> 'by' AS by,
            data ->> 'proof' AS proof,
            payload ->> 'reason' AS reason,
            time
        FROM fresh
        WHERE artifact = 'switch_record' AND data ->> 'event' = 'rearmed'
    )
    QUALIFY row_number() OVER (PARTITION BY halt ORDER BY time) = 1
) AS lifted ON lifted.halt = thrown.data ->> 'switch'
WHERE thrown.artifact = 'switch_record' AND thrown.data ->> 'event' = 'halted'
