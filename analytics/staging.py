"""Staging: what a load asks of its records on their way into the tables, in SQL."""

from __future__ import annotations

LANDED = """
CREATE OR REPLACE TEMP TABLE landed AS
SELECT run_id, stream_id, seq, digest FROM evidence WHERE run_id IN (SELECT run_id FROM delta)
"""

PLACES = """
CREATE OR REPLACE TEMP TABLE places AS
SELECT
    d.row,
    CASE
        WHEN coalesce(e.digest, first_value(d.digest) OVER place) <> d.digest THEN 'conflict'
        WHEN e.digest IS NOT NULL OR row_number() OVER place > 1 THEN 'duplicate'
        ELSE 'new'
    END AS verdict
FROM delta AS d
LEFT JOIN landed AS e USING (stream_id, seq)
WHERE d.row NOT IN (SELECT unnest($bad::BIGINT[]))
WINDOW place AS (PARTITION BY d.stream_id, d.seq ORDER BY d.row)
"""

EVIDENCE = """
INSERT INTO evidence BY NAME
SELECT
    d.* EXCLUDE (row) REPLACE (
        d.time::TIMESTAMPTZ AS time,
        d.recorded_time::TIMESTAMPTZ AS recorded_time,
        d.data::JSON AS data,
        d.payload::JSON AS payload
    ),
    $now::TIMESTAMPTZ AS loaded_at
FROM delta AS d
JOIN places USING (row)
WHERE places.verdict = 'new'
ORDER BY d.row
"""

TOUCHED = """
CREATE OR REPLACE TEMP TABLE touched AS
SELECT run_id, run_id IN (SELECT run_id FROM landed) AS is_known
FROM (SELECT DISTINCT delta.run_id FROM delta JOIN places USING (row) WHERE places.verdict = 'new')
"""

MARKS = "SELECT journal, byte_offset, lines FROM offsets"
