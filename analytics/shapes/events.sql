WITH received AS (
    SELECT
        run_id,
        data ->> 'record_id' AS record_id,
        min(recorded_time) AS received_at,
        arg_min(try_cast(data ->> 'waited_ms' AS BIGINT), seq) AS waited_ms
    FROM fresh
    WHERE artifact = 'event_receipt' AND (data ->> 'record_id') IS NOT NULL
    GROUP BY ALL
)
SELECT
    brought.run_id,
    brought.mission,
    row_number() OVER (PARTITION BY brought.run_id ORDER BY brought.stream_id, brought.seq) AS ordinal,
    brought.id,
    brought.data ->> 'event' AS event,
    brought.data ->> 'door' AS door,
    brought.payload AS body,
    try_cast(brought.data ->> 'occurred' AS TIMESTAMPTZ) AS occurred_at,
    brought.recorded_time AS recorded_at,
    received.received_at,
    received.waited_ms
FROM fresh AS brought
LEFT JOIN received ON received.run_id = brought.run_id AND received.record_id = brought.id
WHERE brought.artifact = 'event_record'
