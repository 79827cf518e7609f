-- Who was asked when nobody answered, what was done alone in an emergency, who approved the law, and how people review.
CREATE TABLE escalations (
    run_id       VARCHAR NOT NULL,
    mission      VARCHAR NOT NULL,
    gate         VARCHAR,
    exception_id VARCHAR,
    rung         BIGINT NOT NULL,
    of_rungs     BIGINT,
    role         VARCHAR,
    due_at       TIMESTAMPTZ,
    recorded_at  TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE escalations IS 'One row a rung of a ladder that came because nobody had answered a gate, or closed an exception.';
COMMENT ON COLUMN escalations.run_id IS 'Run the gate or the exception belongs to.';
COMMENT ON COLUMN escalations.mission IS 'Mission the run flies.';
COMMENT ON COLUMN escalations.gate IS 'Gate that nobody had answered; null where it is an exception.';
COMMENT ON COLUMN escalations.exception_id IS 'Exception that nobody had closed; null where it is a gate.';
COMMENT ON COLUMN escalations.rung IS 'Which rung, from 1.';
COMMENT ON COLUMN escalations.of_rungs IS 'How many rungs the ladder has; after the last comes the deadline, and no-go.';
COMMENT ON COLUMN escalations.role IS 'Role that may answer from then on, too.';
COMMENT ON COLUMN escalations.due_at IS 'When the rung came: of a gate, as it said when it opened.';
COMMENT ON COLUMN escalations.recorded_at IS 'When that was recorded.';

CREATE TABLE broken_glass (
    review        VARCHAR NOT NULL,
    run_id        VARCHAR NOT NULL,
    mission       VARCHAR NOT NULL,
    gate          VARCHAR NOT NULL,
    action        VARCHAR,
    broken_by     VARCHAR,
    reason        VARCHAR,
    reviewer_role VARCHAR,
    broken_at     TIMESTAMPTZ,
    asked_at      TIMESTAMPTZ NOT NULL,
    due_at        TIMESTAMPTZ,
    is_overdue    BOOLEAN NOT NULL,
    state         VARCHAR NOT NULL,
    answered_by   VARCHAR,
    verdict       VARCHAR,
    answered_at   TIMESTAMPTZ
);
COMMENT ON TABLE broken_glass IS 'One row a go that somebody gave alone, in an emergency, with the review of it.';
COMMENT ON COLUMN broken_glass.review IS 'Identity under which the review is answered.';
COMMENT ON COLUMN broken_glass.run_id IS 'Run it happened in.';
COMMENT ON COLUMN broken_glass.mission IS 'Mission the run flies.';
COMMENT ON COLUMN broken_glass.gate IS 'Gate whose glass was broken.';
COMMENT ON COLUMN broken_glass.action IS 'What was let through.';
COMMENT ON COLUMN broken_glass.broken_by IS 'Who went alone; a signature vouches for the name.';
COMMENT ON COLUMN broken_glass.reason IS 'Why, in their words; null where erased.';
COMMENT ON COLUMN broken_glass.reviewer_role IS 'Role that looks at it.';
COMMENT ON COLUMN broken_glass.broken_at IS 'When the go was given.';
COMMENT ON COLUMN broken_glass.asked_at IS 'When the review was asked for: before the effect.';
COMMENT ON COLUMN broken_glass.due_at IS 'By when the review is due; a late one still counts.';
COMMENT ON COLUMN broken_glass.is_overdue IS 'Whether it was due and not done, so that it became an exception; also where it was done later.';
COMMENT ON COLUMN broken_glass.state IS 'open, right (go) or wrong (no_go).';
COMMENT ON COLUMN broken_glass.answered_by IS 'Who reviewed it.';
COMMENT ON COLUMN broken_glass.verdict IS 'Why, in their words; null where erased.';
COMMENT ON COLUMN broken_glass.answered_at IS 'When it was reviewed.';

CREATE TABLE laws (
    id              VARCHAR NOT NULL,
    run_id          VARCHAR NOT NULL,
    environment     VARCHAR,
    event           VARCHAR NOT NULL,
    before_digest   VARCHAR,
    after_digest    VARCHAR,
    policy_digest   VARCHAR,
    changed         VARCHAR[],
    answered_by     VARCHAR,
    key_fingerprint VARCHAR,
    reason          VARCHAR,
    refused_because VARCHAR,
    recorded_at     TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE laws IS 'One row an approval of the law, refused ones included. What counts is checked by whoever loads the law; this tells what is on record.';
COMMENT ON COLUMN laws.id IS 'Identity of the record.';
COMMENT ON COLUMN laws.run_id IS 'Always law: the stream the facts stand in.';
COMMENT ON COLUMN laws.environment IS 'Environment it was approved for.';
COMMENT ON COLUMN laws.event IS 'enacted or refused.';
COMMENT ON COLUMN laws.before_digest IS 'Digest of all texts of the policy folder before; empty for the first.';
COMMENT ON COLUMN laws.after_digest IS 'Digest of all texts after.';
COMMENT ON COLUMN laws.policy_digest IS 'Digest of the rules alone: policy_digest of the runs that flew under it.';
COMMENT ON COLUMN laws.changed IS 'Files that differ.';
COMMENT ON COLUMN laws.answered_by IS 'Who approved it.';
COMMENT ON COLUMN laws.key_fingerprint IS 'Key that signed it.';
COMMENT ON COLUMN laws.reason IS 'Why, in their words.';
COMMENT ON COLUMN laws.refused_because IS 'Why it does not count.';
COMMENT ON COLUMN laws.recorded_at IS 'When it was recorded.';

CREATE TABLE probes (
    run_id      VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    probe       VARCHAR NOT NULL,
    verdict     VARCHAR NOT NULL,
    gate        VARCHAR,
    answered_by VARCHAR,
    wrong       VARCHAR,
    refused_by  VARCHAR,
    told_at     TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE probes IS 'One row a known-bad request that was put at a gate to see who looks, from when it was answered; its run stands in no other table.';
COMMENT ON COLUMN probes.run_id IS 'Run that asked; it did nothing, and could not.';
COMMENT ON COLUMN probes.mission IS 'Mission whose work it looked like.';
COMMENT ON COLUMN probes.probe IS 'Which known-bad request it was.';
COMMENT ON COLUMN probes.verdict IS 'caught (no_go or revise), let_through (go), unanswered (the deadline said no) or not_asked (the law opened no gate).';
COMMENT ON COLUMN probes.gate IS 'Gate it was put at.';
COMMENT ON COLUMN probes.answered_by IS 'Who answered; null where nobody did.';
COMMENT ON COLUMN probes.wrong IS 'What an attentive approver sees.';
COMMENT ON COLUMN probes.refused_by IS 'How the law refused it after the answer.';
COMMENT ON COLUMN probes.told_at IS 'When it told what it was.';

ALTER TABLE reviews ADD COLUMN is_overdue BOOLEAN;
COMMENT ON COLUMN reviews.is_overdue IS 'Whether it was due and not done, so that it became an exception; also where it was done later.';

CREATE VIEW reviewers AS
WITH said AS (
    SELECT
        approvals.answered_by AS reviewer,
        approvals.answer,
        approvals.answered_at,
        approvals.run_id,
        approvals.proof,
        date_diff('millisecond', gates.opened_at, approvals.answered_at) AS open_ms,
        -- Nobody reads faster than 25 characters a second.
        length(gates.card) * 1000 / 25 AS reading_ms
    FROM approvals
    JOIN gates ON gates.run_id = approvals.run_id AND gates.gate = approvals.gate
    WHERE approvals.accepted AND approvals.proof <> 'clock'
),
regretted AS (
    -- What was let through and taken back, or found wrong afterwards.
    SELECT rolls_back AS run_id FROM runs WHERE rolls_back IS NOT NULL
    UNION
    SELECT run_id FROM exceptions WHERE reason_code = 'data_mismatch'
    UNION
    SELECT run_id FROM broken_glass WHERE state = 'wrong'
),
hours AS (
    SELECT reviewer, max(answers) AS busiest_hour
    FROM (
        SELECT reviewer, date_trunc('hour', answered_at) AS hour, count(*) AS answers
        FROM said
        GROUP BY ALL
    )
    GROUP BY reviewer
),
probed AS (
    SELECT
        answered_by AS reviewer,
        count(*) AS probes,
        count(*) FILTER (WHERE verdict = 'caught') AS probes_caught
    FROM probes
    WHERE answered_by IS NOT NULL
    GROUP BY answered_by
),
people AS (
    SELECT reviewer FROM said UNION SELECT reviewer FROM probed
)
SELECT
    people.reviewer,
    count(said.answer) AS answers,
    count(*) FILTER (WHERE said.answer = 'go') AS goes,
    count(*) FILTER (WHERE said.answer = 'no_go') AS no_goes,
    count(*) FILTER (WHERE said.answer = 'revise') AS revises,
    median(said.open_ms)::BIGINT AS median_open_ms,
    min(said.open_ms) AS fastest_open_ms,
    count(*) FILTER (WHERE said.open_ms < said.reading_ms) AS unread,
    any_value(hours.busiest_hour) AS busiest_hour,
    count(*) FILTER (WHERE said.answer = 'go' AND runs.ended_at IS NOT NULL) AS goes_ended,
    count(*) FILTER (WHERE said.answer = 'go' AND runs.ended_at IS NOT NULL AND regretted.run_id IS NULL) AS goes_borne_out,
    coalesce(any_value(probed.probes), 0) AS probes,
    coalesce(any_value(probed.probes_caught), 0) AS probes_caught,
    min(said.answered_at) AS first_at,
    max(said.answered_at) AS last_at
FROM people
LEFT JOIN said USING (reviewer)
LEFT JOIN hours USING (reviewer)
LEFT JOIN probed USING (reviewer)
LEFT JOIN runs ON runs.run_id = said.run_id
LEFT JOIN regretted ON regretted.run_id = said.run_id
GROUP BY people.reviewer;
COMMENT ON VIEW reviewers IS 'One row a person who answered gates: how much, how fast, and how it bore out.';
COMMENT ON COLUMN reviewers.reviewer IS 'Name under which they answered; worth what approvals.proof says.';
COMMENT ON COLUMN reviewers.answers IS 'Answers that count.';
COMMENT ON COLUMN reviewers.goes IS 'Of them, go.';
COMMENT ON COLUMN reviewers.no_goes IS 'Of them, no-go.';
COMMENT ON COLUMN reviewers.revises IS 'Of them, revise.';
COMMENT ON COLUMN reviewers.median_open_ms IS 'Half of their gates had been open for at most so long when they answered, in milliseconds.';
COMMENT ON COLUMN reviewers.fastest_open_ms IS 'The shortest of these times.';
COMMENT ON COLUMN reviewers.unread IS 'Answers given before the card could have been read, at 25 characters a second from when the gate opened.';
COMMENT ON COLUMN reviewers.busiest_hour IS 'The most answers in one hour of the clock (UTC).';
COMMENT ON COLUMN reviewers.goes_ended IS 'Goes whose run has ended.';
COMMENT ON COLUMN reviewers.goes_borne_out IS 'Of those, the ones whose run was not rolled back and left nothing that was found wrong.';
COMMENT ON COLUMN reviewers.probes IS 'Known-bad requests that they answered.';
COMMENT ON COLUMN reviewers.probes_caught IS 'Of them, those that they did not let through.';
COMMENT ON COLUMN reviewers.first_at IS 'Their first answer.';
COMMENT ON COLUMN reviewers.last_at IS 'Their last answer.';
