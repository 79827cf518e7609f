-- KPIs and findings look at all of the history, so they are computed less often than the mart is published.

CREATE TABLE computations (
    computed_at        TIMESTAMPTZ NOT NULL,
    seconds            DOUBLE NOT NULL,
    evidence_digest    VARCHAR NOT NULL,
    assumptions_digest VARCHAR,
    records            BIGINT NOT NULL,
    runs               BIGINT NOT NULL,
    newest_recorded_at TIMESTAMPTZ
);
COMMENT ON TABLE computations IS 'The one row that says what kpis and findings were computed on: this snapshot, or one before it; empty in the warehouse itself.';
COMMENT ON COLUMN computations.computed_at IS 'When they were computed.';
COMMENT ON COLUMN computations.seconds IS 'How long that took, in seconds.';
COMMENT ON COLUMN computations.evidence_digest IS 'The evidence they were computed on; equal to snapshot.evidence_digest where they are as new as the rest.';
COMMENT ON COLUMN computations.assumptions_digest IS 'The assumptions they were computed with; null where none could be read.';
COMMENT ON COLUMN computations.records IS 'Evidence records they were computed on.';
COMMENT ON COLUMN computations.runs IS 'Runs among them.';
COMMENT ON COLUMN computations.newest_recorded_at IS 'When the newest of those records was written.';
