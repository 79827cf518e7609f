-- Drift findings that somebody owns: computed from the docket's evidence, so it can be computed again.
CREATE TABLE drift_findings (
    finding           VARCHAR NOT NULL,
    run_id            VARCHAR NOT NULL,
    mission           VARCHAR NOT NULL,
    monitor           VARCHAR NOT NULL,
    subject           VARCHAR,
    severity          VARCHAR,
    owner             VARCHAR,
    deputy            VARCHAR,
    route             VARCHAR,
    state             VARCHAR NOT NULL,
    sentence          VARCHAR,
    needs_runs        BIGINT,
    opened_at         TIMESTAMPTZ NOT NULL,
    due_at            TIMESTAMPTZ,
    routed_at         TIMESTAMPTZ,
    receipt           VARCHAR,
    closed_at         TIMESTAMPTZ,
    verified_runs     BIGINT,
    closed_because    VARCHAR,
    judged_through    TIMESTAMPTZ,
    reference_through TIMESTAMPTZ
);
COMMENT ON TABLE drift_findings IS 'One row a drift finding that somebody owns, from when it was opened until later runs showed it gone.';
COMMENT ON COLUMN drift_findings.finding IS 'Identity of the finding; the last number counts how often it came back.';
COMMENT ON COLUMN drift_findings.run_id IS 'Always docket: the stream the facts stand in.';
COMMENT ON COLUMN drift_findings.mission IS 'Mission that drifted.';
COMMENT ON COLUMN drift_findings.monitor IS 'What was watched, as in findings.';
COMMENT ON COLUMN drift_findings.subject IS 'Step, field, role, constraint or check it is about; null for the mission as a whole.';
COMMENT ON COLUMN drift_findings.severity IS 'low, medium, high or critical.';
COMMENT ON COLUMN drift_findings.owner IS 'Who has to deal with it.';
COMMENT ON COLUMN drift_findings.deputy IS 'Who stands in; null where nobody is named.';
COMMENT ON COLUMN drift_findings.route IS 'ticket, pause, reapproval or demote.';
COMMENT ON COLUMN drift_findings.state IS 'open (nobody was told yet), routed (the owner has it) or closed (later runs passed).';
COMMENT ON COLUMN drift_findings.sentence IS 'The finding in one sentence, as it was opened.';
COMMENT ON COLUMN drift_findings.needs_runs IS 'How many later runs have to pass before it is closed.';
COMMENT ON COLUMN drift_findings.opened_at IS 'When it was opened.';
COMMENT ON COLUMN drift_findings.due_at IS 'By when it has to be dealt with.';
COMMENT ON COLUMN drift_findings.routed_at IS 'When its owner got it; null before.';
COMMENT ON COLUMN drift_findings.receipt IS 'What the route came to.';
COMMENT ON COLUMN drift_findings.closed_at IS 'When later runs showed it gone; null before.';
COMMENT ON COLUMN drift_findings.verified_runs IS 'How many later runs passed; null before.';
COMMENT ON COLUMN drift_findings.closed_because IS 'The verdict on those runs, in one sentence.';
COMMENT ON COLUMN drift_findings.judged_through IS 'When the newest run it was found on had ended; only later ones count for closing.';
COMMENT ON COLUMN drift_findings.reference_through IS 'When the newest run of its baseline had ended; null where a sealed baseline was used.';
