-- A record follows when its place is the next one and it names the digest of the record before it.
WITH linked AS (
    SELECT
        run_id,
        stream_id,
        seq,
        prev_digest,
        journal,
        line,
        lag(seq, 1, -1) OVER stream AS seq_before,
        lag(digest, 1, repeat('0', 64)) OVER stream AS digest_before
    FROM fresh
    WINDOW stream AS (PARTITION BY stream_id ORDER BY seq)
)
SELECT
    run_id,
    stream_id,
    seq,
    CASE WHEN seq = seq_before + 1 THEN 'broken' ELSE 'gap' END AS fault,
    CASE WHEN seq = seq_before + 1 THEN seq ELSE seq_before + 1 END AS expected_seq,
    journal,
    line
FROM linked
WHERE seq <> seq_before + 1 OR prev_digest <> digest_before
