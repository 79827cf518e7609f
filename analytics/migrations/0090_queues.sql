-- How deep the queue of arrivals was at any time, from what the runs themselves say; and a fourth lane of the drill.
CREATE VIEW queues AS
WITH moves AS (
    SELECT mission, run_id, arrived_at AS moved_at, 'came' AS move, 1 AS step FROM runs WHERE arrived_at IS NOT NULL
    UNION ALL
    SELECT mission, run_id, started_at, 'began', -1 FROM runs WHERE arrived_at IS NOT NULL AND started_at IS NOT NULL
)
SELECT
    mission,
    run_id,
    moved_at,
    move,
    sum(step) OVER (PARTITION BY mission ORDER BY moved_at, step DESC, run_id ROWS UNBOUNDED PRECEDING)::BIGINT AS depth,
    sum(step) OVER (ORDER BY moved_at, step DESC, run_id ROWS UNBOUNDED PRECEDING)::BIGINT AS depth_in_all
FROM moves;
COMMENT ON VIEW queues IS 'One row a case that came and had to wait for its turn, and one when it began: how many waited then.';
COMMENT ON COLUMN queues.mission IS 'Mission the case is for.';
COMMENT ON COLUMN queues.run_id IS 'The case.';
COMMENT ON COLUMN queues.moved_at IS 'When it came, or began.';
COMMENT ON COLUMN queues.move IS 'came or began.';
COMMENT ON COLUMN queues.depth IS 'Cases of the mission that had come and not begun, this move included.';
COMMENT ON COLUMN queues.depth_in_all IS 'Cases of all missions that had come and not begun, this move included.';

COMMENT ON COLUMN drills.lane IS 'batch, warm_runner, processes or server_down (a runner whose Prefect server has died); of an attack, what the auditor holds: checkpoint, kept or anchored.';
