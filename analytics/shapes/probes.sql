-- From all evidence: the runs of probes are kept out of what the other tables are made of.
SELECT
    run_id,
    mission,
    data ->> 'probe' AS probe,
    data ->> 'verdict' AS verdict,
    nullif(data ->> 'gate', '') AS gate,
    nullif(data ->> 'by', '') AS answered_by,
    data ->> 'wrong' AS wrong,
    data ->> 'refused_by' AS refused_by,
    recorded_time AS told_at
FROM evidence
WHERE artifact = 'probe_record' AND run_id IN (SELECT run_id FROM touched)
