-- What the numbers stand on: declared assumptions, the cost of a run with people in it, the formulas, the snapshot's
-- proof; the history of data quality; and what became of a quarantined line. Columns of `evidence` and `runs` that are
-- new are null for what landed before; `gonogo rebuild` fills them.

ALTER TABLE evidence ADD COLUMN missing BIGINT;
COMMENT ON COLUMN evidence.missing IS 'Promised fields that the record lacks; null for what landed before anybody counted.';

ALTER TABLE runs ADD COLUMN budget_amount_cents BIGINT;
COMMENT ON COLUMN runs.budget_amount_cents IS 'Cap on the money that its tools move, in minor units; null where the mission declares none.';
ALTER TABLE runs ADD COLUMN incomplete_records BIGINT;
COMMENT ON COLUMN runs.incomplete_records IS 'Records of the run that lack a promised field; null where nobody counted.';

ALTER TABLE quarantine ADD COLUMN settled VARCHAR;
COMMENT ON COLUMN quarantine.settled IS 'landed (its place in the journal holds evidence now) or gone (another line, or none, stands there); null while it waits.';
ALTER TABLE quarantine ADD COLUMN settled_at TIMESTAMPTZ;
COMMENT ON COLUMN quarantine.settled_at IS 'When a replay found that.';

CREATE TABLE dq_history (
    day         DATE NOT NULL,
    suite       VARCHAR NOT NULL,
    expectation VARCHAR NOT NULL,
    field       VARCHAR,
    severity    VARCHAR NOT NULL,
    passed      BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    broke       BIGINT NOT NULL,
    checked     BIGINT NOT NULL,
    unexpected  BIGINT NOT NULL
);
COMMENT ON TABLE dq_history IS 'One row a day and quality check, for good: how often it passed, failed and broke, and on how much.';
COMMENT ON COLUMN dq_history.day IS 'Day of the loads, in UTC.';
COMMENT ON COLUMN dq_history.suite IS 'Suite of the check.';
COMMENT ON COLUMN dq_history.expectation IS 'What was expected.';
COMMENT ON COLUMN dq_history.field IS 'Field it is about; null where it is about the whole.';
COMMENT ON COLUMN dq_history.severity IS 'critical or warning.';
COMMENT ON COLUMN dq_history.passed IS 'Loads in which it passed.';
COMMENT ON COLUMN dq_history.failed IS 'Loads in which it failed.';
COMMENT ON COLUMN dq_history.broke IS 'Loads in which the check itself could not run.';
COMMENT ON COLUMN dq_history.checked IS 'Records or rows looked at.';
COMMENT ON COLUMN dq_history.unexpected IS 'Those that failed.';

CREATE TABLE missions (
    mission                VARCHAR NOT NULL,
    business_unit          VARCHAR NOT NULL,
    okr                    VARCHAR,
    points                 BIGINT,
    rework_days            BIGINT,
    manual_minutes         BIGINT,
    manual_micros          BIGINT,
    manual_micros_per_hour BIGINT,
    manual_other_micros    BIGINT,
    rules_micros           BIGINT,
    rules_handled_percent  BIGINT,
    review_ms              BIGINT,
    review_micros_per_hour BIGINT,
    platform_micros        BIGINT,
    holdout_outcome        VARCHAR,
    holdout_measure        VARCHAR,
    currency               VARCHAR NOT NULL,
    standing               VARCHAR NOT NULL
);
COMMENT ON TABLE missions IS 'One row a mission that flew or is declared: what policies/assumptions.yaml assumes of it; a null was not declared. Empty in the warehouse itself.';
COMMENT ON COLUMN missions.mission IS 'Name of the mission.';
COMMENT ON COLUMN missions.business_unit IS 'Whose work it is; unassigned where nobody said.';
COMMENT ON COLUMN missions.okr IS 'Objective that it serves.';
COMMENT ON COLUMN missions.points IS 'Points of work that a success completes.';
COMMENT ON COLUMN missions.rework_days IS 'For how long after its end a success may be taken back and count as rework.';
COMMENT ON COLUMN missions.manual_minutes IS 'Minutes that a person needs for a case.';
COMMENT ON COLUMN missions.manual_micros IS 'What a case costs by hand, in millionths of currency; 0 for a rollback, which replaces no work.';
COMMENT ON COLUMN missions.manual_micros_per_hour IS 'What an hour of that person costs, in millionths of currency.';
COMMENT ON COLUMN missions.manual_other_micros IS 'What a case costs by hand beside the hours, in millionths of currency.';
COMMENT ON COLUMN missions.rules_micros IS 'What a case costs by rule-based automation, in millionths of currency.';
COMMENT ON COLUMN missions.rules_handled_percent IS 'Share of cases that rules alone could handle, in percent.';
COMMENT ON COLUMN missions.review_ms IS 'Active time of a person for an answer, in milliseconds; an answer never counts longer than its gate was open.';
COMMENT ON COLUMN missions.review_micros_per_hour IS 'What an hour of that person costs, in millionths of currency.';
COMMENT ON COLUMN missions.platform_micros IS 'Infrastructure, tools'' fees and oversight a run, in millionths of currency.';
COMMENT ON COLUMN missions.holdout_outcome IS 'Outcome of the runs that are set aside for people, by chance, to measure the baseline.';
COMMENT ON COLUMN missions.holdout_measure IS 'Measure that holds how many seconds a person needed for such a case.';
COMMENT ON COLUMN missions.currency IS 'Currency of all of these.';
COMMENT ON COLUMN missions.standing IS 'declared (somebody answers for it), example (it shipped with gonogo), or undeclared.';

CREATE TABLE assumptions (
    mission VARCHAR,
    name    VARCHAR NOT NULL,
    value   VARCHAR NOT NULL,
    source  VARCHAR,
    as_of   DATE
);
COMMENT ON TABLE assumptions IS 'One row an assumption as written in policies/assumptions.yaml. Empty in the warehouse itself.';
COMMENT ON COLUMN assumptions.mission IS 'Mission it is about; null where it holds for all.';
COMMENT ON COLUMN assumptions.name IS 'What is assumed, by its place in the file.';
COMMENT ON COLUMN assumptions.value IS 'The value as written.';
COMMENT ON COLUMN assumptions.source IS 'Who says so.';
COMMENT ON COLUMN assumptions.as_of IS 'From when that is.';

CREATE TABLE formulas (
    id         VARCHAR NOT NULL,
    name       VARCHAR NOT NULL,
    formula    VARCHAR NOT NULL,
    unit       VARCHAR NOT NULL,
    grain      VARCHAR NOT NULL,
    board      BIGINT,
    statement  VARCHAR,
    sql_sha256 VARCHAR
);
COMMENT ON TABLE formulas IS 'One row a KPI: what it is, and the SQL that computes it on this file.';
COMMENT ON COLUMN formulas.id IS 'Id of the KPI (K6, K2b, ...), or its short name.';
COMMENT ON COLUMN formulas.name IS 'Name of the KPI.';
COMMENT ON COLUMN formulas.formula IS 'The formula in words.';
COMMENT ON COLUMN formulas.unit IS 'Its unit; CURRENCY stands for the currency of the costs.';
COMMENT ON COLUMN formulas.grain IS 'What it is computed for: mission (with business units and all of them), or all alone, and its segments.';
COMMENT ON COLUMN formulas.board IS 'Its place among the seven numbers of the board, from 1; null for the others.';
COMMENT ON COLUMN formulas.statement IS 'The one SQL statement that computes it; null where nothing records what it needs.';
COMMENT ON COLUMN formulas.sql_sha256 IS 'SHA-256 of that statement.';

ALTER TABLE kpis ADD COLUMN business_unit VARCHAR;
COMMENT ON COLUMN kpis.business_unit IS 'Business unit of the mission, or the unit it is about; null for all.';
ALTER TABLE kpis ADD COLUMN board BIGINT;
COMMENT ON COLUMN kpis.board IS 'Its place among the seven numbers of the board, from 1; null for the others.';
COMMENT ON COLUMN kpis.mission IS 'Mission, unit:NAME for a business unit, or all.';
COMMENT ON COLUMN kpis.basis IS 'What money stands on: list, declared, notional, example or mixed.';

ALTER TABLE snapshot ADD COLUMN evidence_digest VARCHAR;
COMMENT ON COLUMN snapshot.evidence_digest IS 'SHA-256 over each stream''s name, number of records, last place and head digest: the identity of this snapshot.';
ALTER TABLE snapshot ADD COLUMN log_origin VARCHAR;
COMMENT ON COLUMN snapshot.log_origin IS 'Name of the signed log at publication; null where there is none that can be trusted.';
ALTER TABLE snapshot ADD COLUMN log_size BIGINT;
COMMENT ON COLUMN snapshot.log_size IS 'Records that the log held.';
ALTER TABLE snapshot ADD COLUMN log_root VARCHAR;
COMMENT ON COLUMN snapshot.log_root IS 'Its Merkle root in hexadecimal.';
ALTER TABLE snapshot ADD COLUMN log_note VARCHAR;
COMMENT ON COLUMN snapshot.log_note IS 'Why no log stands here.';
ALTER TABLE snapshot ADD COLUMN assumptions_version BIGINT;
COMMENT ON COLUMN snapshot.assumptions_version IS 'Version that policies/assumptions.yaml gives itself; null where it is not there or does not hold.';
ALTER TABLE snapshot ADD COLUMN assumptions_digest VARCHAR;
COMMENT ON COLUMN snapshot.assumptions_digest IS 'SHA-256 of its bytes.';
ALTER TABLE snapshot ADD COLUMN assumptions_standing VARCHAR;
COMMENT ON COLUMN snapshot.assumptions_standing IS 'declared or example, as the file says of itself.';
ALTER TABLE snapshot ADD COLUMN assumptions_fault VARCHAR;
COMMENT ON COLUMN snapshot.assumptions_fault IS 'What is wrong with the file; then nothing counts as assumed.';

CREATE VIEW units AS SELECT mission, business_unit FROM missions;
COMMENT ON VIEW units IS 'One row a mission, with its business unit.';
COMMENT ON COLUMN units.mission IS 'Name of the mission.';
COMMENT ON COLUMN units.business_unit IS 'Whose work it is; unassigned where nobody said.';

CREATE VIEW run_costs AS
WITH answered AS (
    SELECT run_id, waited_ms FROM gates WHERE state = 'answered'
    UNION ALL
    SELECT run_id, date_diff('millisecond', asked_at, answered_at) FROM reviews WHERE state <> 'open'
),
reviewed AS (
    SELECT
        answered.run_id,
        count(*) AS answers,
        sum(least(greatest(coalesce(answered.waited_ms, 0), 0), coalesce(missions.review_ms, 0)))::BIGINT AS review_ms
    FROM answered
    JOIN runs USING (run_id)
    LEFT JOIN missions ON missions.mission = runs.mission
    GROUP BY answered.run_id
),
priced AS (
    SELECT
        runs.run_id,
        runs.mission,
        coalesce(missions.business_unit, 'unassigned') AS business_unit,
        coalesce(runs.case_ref, runs.run_id) AS case_key,
        runs.status,
        runs.success,
        runs.outcome,
        CASE WHEN runs.outcome = missions.holdout_outcome THEN 'by hand' ELSE 'agents' END AS arm,
        runs.started_at,
        runs.ended_at,
        runs.cost_micros AS model_micros,
        coalesce(reviewed.answers, 0) AS answers,
        CASE WHEN missions.review_ms IS NOT NULL THEN coalesce(reviewed.review_ms, 0) END AS review_ms,
        missions.review_micros_per_hour,
        missions.platform_micros,
        missions.manual_micros,
        CASE WHEN runs.currency <> missions.currency THEN 'mixed' ELSE coalesce(runs.currency, missions.currency) END
            AS currency,
        CASE
            WHEN missions.standing = 'example' THEN 'example'
            WHEN runs.price_basis IN ('notional', 'mixed') THEN runs.price_basis
            ELSE 'declared'
        END AS basis
    FROM runs
    LEFT JOIN missions ON missions.mission = runs.mission
    LEFT JOIN reviewed ON reviewed.run_id = runs.run_id
)
SELECT
    run_id,
    mission,
    business_unit,
    case_key,
    status,
    success,
    outcome,
    arm,
    started_at,
    ended_at,
    model_micros,
    answers,
    review_ms,
    -- Whole millionths, half rounded up, without leaving the integers.
    (2 * review_ms * review_micros_per_hour + 3600000) // 7200000 AS review_micros,
    platform_micros,
    model_micros + (2 * review_ms * review_micros_per_hour + 3600000) // 7200000 + platform_micros AS full_micros,
    manual_micros,
    currency,
    basis
FROM priced;
COMMENT ON VIEW run_costs IS 'One row a run: what it cost in models (measured), people and platform (declared rates); null where no rate is declared.';
COMMENT ON COLUMN run_costs.run_id IS 'Run.';
COMMENT ON COLUMN run_costs.mission IS 'Mission it flies.';
COMMENT ON COLUMN run_costs.business_unit IS 'Business unit of the mission.';
COMMENT ON COLUMN run_costs.case_key IS 'Business case it serves: case_ref, or the run where it has none.';
COMMENT ON COLUMN run_costs.status IS 'Where the run is.';
COMMENT ON COLUMN run_costs.success IS 'Whether its outcome counts as success; null until it is final.';
COMMENT ON COLUMN run_costs.outcome IS 'Its outcome''s word; null until done.';
COMMENT ON COLUMN run_costs.arm IS 'by hand where chance set the case aside for people (the mission''s holdout), else agents.';
COMMENT ON COLUMN run_costs.started_at IS 'When it started.';
COMMENT ON COLUMN run_costs.ended_at IS 'When it became final.';
COMMENT ON COLUMN run_costs.model_micros IS 'Cost of its model calls, in millionths of currency.';
COMMENT ON COLUMN run_costs.answers IS 'Answers that people gave: at gates, and to samples.';
COMMENT ON COLUMN run_costs.review_ms IS 'Their active time: the declared time an answer, at most as long as the gate was open.';
COMMENT ON COLUMN run_costs.review_micros IS 'What that time cost, in millionths of currency.';
COMMENT ON COLUMN run_costs.platform_micros IS 'Its share of infrastructure, tools'' fees and oversight, in millionths of currency.';
COMMENT ON COLUMN run_costs.full_micros IS 'All three together, in millionths of currency.';
COMMENT ON COLUMN run_costs.manual_micros IS 'What the case costs by hand, in millionths of currency.';
COMMENT ON COLUMN run_costs.currency IS 'Currency of all of these; mixed where models and assumptions are in different ones.';
COMMENT ON COLUMN run_costs.basis IS 'What full_micros stands on: declared, example, notional or mixed.';
