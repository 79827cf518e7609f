-- One latency a run and step: what drift compares, so that it need not be averaged anew at every look at all of history.

ALTER TABLE steps ADD COLUMN mean_latency_us DOUBLE;
COMMENT ON COLUMN steps.mean_latency_us IS 'Mean latency of all executions of this step in this run that were done; on the first of them, null on the others.';

UPDATE steps
SET mean_latency_us = told.mean_latency_us
FROM (
    SELECT run_id, key, occurrence, avg(latency_us) OVER (PARTITION BY run_id, step) AS mean_latency_us
    FROM steps
    WHERE outcome = 'done' AND latency_us IS NOT NULL AND step IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY run_id, step ORDER BY key, occurrence) = 1
) AS told
WHERE steps.run_id = told.run_id AND steps.key = told.key AND steps.occurrence = told.occurrence;
