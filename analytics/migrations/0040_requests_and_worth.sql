-- What was put to the law, so that it can be put to another one; and what each gate costs and catches. Columns of
-- `decisions` that are new are null for what landed before; `gonogo rebuild` fills them.

ALTER TABLE decisions ADD COLUMN request JSON;
COMMENT ON COLUMN decisions.request IS 'The request as it was put to the law: principal, action, resource, call and arguments; null where it was erased or is large.';
ALTER TABLE decisions ADD COLUMN agent_digest VARCHAR;
COMMENT ON COLUMN decisions.agent_digest IS 'SHA-256 of the card of the agent that asked, or of the mission''s source where none did.';
ALTER TABLE decisions ADD COLUMN needs JSON;
COMMENT ON COLUMN decisions.needs IS 'By role what its go takes, where its rules say more than that somebody has to be asked.';

-- One row a question that was asked of people: what it was about, how long it took them, and what came of it.
CREATE VIEW gate_cases AS
WITH asked AS (
    SELECT
        gates.*,
        -- A proposal is carried out under a name of its own; it is the same action.
        regexp_replace(regexp_replace(gates.key, '/gate:[^/]*$', ''), '/executed$', '') AS operation
    FROM gates
    -- A doubt asks what became of something. No rule asks that, so it is no gate of the law.
    WHERE gates.doubt IS NULL
),
acted AS (
    SELECT
        asked.run_id,
        asked.gate,
        bool_or(call.outcome = 'done') AS is_done,
        bool_or(call.outcome = 'failed') AS has_failed,
        bool_or(call.outcome = 'in_doubt') AS is_in_doubt,
        bool_or(call.effect <> 'read') AS is_change
    FROM asked
    JOIN tool_calls AS call
        ON call.run_id = asked.run_id AND (call.key = asked.operation OR call.key = asked.operation || '/executed')
    -- What became of it matters where it was let pass.
    WHERE asked.answer = 'go'
    GROUP BY asked.run_id, asked.gate
),
disputed AS (
    SELECT DISTINCT asked.run_id, asked.gate
    FROM asked
    JOIN reviews ON reviews.run_id = asked.run_id
        AND (reviews.key = asked.operation OR reviews.key = asked.operation || '/executed')
    WHERE reviews.state = 'wrong'
),
undone AS (
    SELECT DISTINCT rolls_back AS run_id FROM runs WHERE rolls_back IS NOT NULL
)
SELECT
    asked.gate,
    asked.run_id,
    asked.mission,
    asked.operation,
    asked.action,
    asked.role,
    list_sort(coalesce(asked.rules, [])) AS rules,
    asked.state,
    asked.answer,
    asked.opened_at,
    asked.answered_at,
    CASE WHEN asked.state IN ('answered', 'expired') THEN greatest(coalesce(asked.waited_ms, 0), 0) END AS waited_ms,
    CASE
        WHEN asked.state = 'answered' AND missions.review_ms IS NOT NULL
            THEN least(greatest(coalesce(asked.waited_ms, 0), 0), missions.review_ms)
    END AS review_ms,
    missions.review_micros_per_hour,
    missions.standing,
    nullif(missions.currency, '') AS currency,
    -- What approvers' limits and budgets call money: the argument of that name.
    CASE WHEN json_type(asked.arguments -> 'amount_cents') IN ('UBIGINT', 'BIGINT')
        THEN (asked.arguments ->> 'amount_cents')::BIGINT END AS amount_cents,
    CASE
        WHEN asked.answer IS DISTINCT FROM 'go' THEN NULL
        WHEN acted.is_in_doubt THEN 'in_doubt'
        WHEN acted.is_done AND acted.is_change AND undone.run_id IS NOT NULL THEN 'rolled_back'
        WHEN acted.is_done AND disputed.run_id IS NOT NULL THEN 'disputed'
        WHEN acted.has_failed AND NOT acted.is_done THEN 'failed'
    END AS later
FROM asked
LEFT JOIN missions ON missions.mission = asked.mission
LEFT JOIN acted ON acted.run_id = asked.run_id AND acted.gate = asked.gate
LEFT JOIN disputed ON disputed.run_id = asked.run_id AND disputed.gate = asked.gate
LEFT JOIN undone ON undone.run_id = asked.run_id;
COMMENT ON VIEW gate_cases IS 'One row a question for leave that was put to people: how long it took, what they said, and what became of what they let pass.';
COMMENT ON COLUMN gate_cases.gate IS 'Identity of the gate.';
COMMENT ON COLUMN gate_cases.run_id IS 'Run that asked.';
COMMENT ON COLUMN gate_cases.mission IS 'Mission the run flies.';
COMMENT ON COLUMN gate_cases.operation IS 'Name of the action within its run, a proposal''s and its execution''s alike.';
COMMENT ON COLUMN gate_cases.action IS 'What was asked for.';
COMMENT ON COLUMN gate_cases.role IS 'Role that was asked.';
COMMENT ON COLUMN gate_cases.rules IS 'Rules that asked for a person, by name.';
COMMENT ON COLUMN gate_cases.state IS 'As in gates: open, answered, expired, void or closed.';
COMMENT ON COLUMN gate_cases.answer IS 'go, no_go or revise; null where there is none that counts.';
COMMENT ON COLUMN gate_cases.opened_at IS 'When it was asked.';
COMMENT ON COLUMN gate_cases.answered_at IS 'When it was answered.';
COMMENT ON COLUMN gate_cases.waited_ms IS 'How long the action waited, in milliseconds; null while it waits, or where nobody needed to answer.';
COMMENT ON COLUMN gate_cases.review_ms IS 'Active time of whoever answered: the declared time, at most as long as it stood open; null where none is declared or no person answered.';
COMMENT ON COLUMN gate_cases.review_micros_per_hour IS 'What an hour of that person costs, in millionths of currency.';
COMMENT ON COLUMN gate_cases.standing IS 'What that stands on: declared, example or undeclared.';
COMMENT ON COLUMN gate_cases.currency IS 'Currency of review_micros_per_hour.';
COMMENT ON COLUMN gate_cases.amount_cents IS 'The whole-numbered argument amount_cents of the action, in minor units; null where it has none.';
COMMENT ON COLUMN gate_cases.later IS 'What became of an action that was let pass, where that was bad: in_doubt, rolled_back, disputed (a reviewer called it wrong) or failed.';

CREATE VIEW gate_worth AS
WITH counted AS (
    SELECT
        mission,
        coalesce(any_value(business_unit), 'unassigned') AS business_unit,
        action,
        role,
        rules,
        count(*) AS asked,
        count(*) FILTER (WHERE state = 'answered') AS answered,
        count(*) FILTER (WHERE state = 'answered' AND answer = 'go') AS went,
        count(*) FILTER (WHERE state = 'answered' AND answer = 'no_go') AS stopped,
        count(*) FILTER (WHERE state = 'answered' AND answer = 'revise') AS revised,
        count(*) FILTER (WHERE state = 'expired') AS expired,
        count(*) FILTER (WHERE state = 'open') AS waiting,
        count(*) FILTER (WHERE state = 'answered' AND later IS NOT NULL) AS missed,
        sum(waited_ms)::BIGINT AS waited_ms,
        (quantile_cont(waited_ms, 0.5))::DOUBLE / 60000 AS waited_p50_minutes,
        sum(review_ms)::BIGINT AS review_ms,
        any_value(review_micros_per_hour) AS review_micros_per_hour,
        any_value(currency) AS currency,
        any_value(standing) AS basis,
        (sum(amount_cents) FILTER (WHERE state = 'answered' AND answer <> 'go'))::BIGINT AS stopped_cents,
        (sum(amount_cents) FILTER (WHERE state = 'answered' AND later IS NOT NULL))::BIGINT AS missed_cents
    FROM gate_cases
    LEFT JOIN units USING (mission)
    GROUP BY mission, action, role, rules
),
priced AS (
    SELECT
        *,
        stopped + revised AS caught,
        -- Whole millionths, half rounded up, without leaving the integers.
        (2 * review_ms * review_micros_per_hour + 3600000) // 7200000 AS review_micros,
        1.959963984540054::DOUBLE AS z,
        (stopped + revised) / nullif(answered, 0)::DOUBLE AS p
    FROM counted
)
SELECT
    mission, business_unit, action, role, rules, asked, answered, went, stopped, revised, expired, waiting,
    waited_ms, waited_p50_minutes, review_ms, review_micros, currency, basis,
    caught,
    100 * p AS caught_percent,
    -- The larger of a number and null is the number, and there is no bound where nobody answered.
    CASE WHEN answered > 0 THEN 100 * greatest(0, p + z * z / (2 * answered)
        - z * sqrt(p * (1 - p) / answered + z * z / (4 * answered * answered))) / (1 + z * z / answered) END AS caught_low,
    CASE WHEN answered > 0 THEN 100 * least(1 + z * z / answered, p + z * z / (2 * answered)
        + z * sqrt(p * (1 - p) / answered + z * z / (4 * answered * answered))) / (1 + z * z / answered) END AS caught_high,
    stopped_cents,
    missed,
    missed_cents,
    (2 * review_micros + caught) // nullif(2 * caught, 0) AS micros_per_catch,
    CASE
        WHEN answered < 30 THEN 'not_enough_data'
        WHEN caught = 0 THEN 'caught_nothing'
        ELSE 'catches'
    END AS verdict
FROM priced
ORDER BY mission, action, role, rules;
COMMENT ON VIEW gate_worth IS 'One row a gate (mission, action, role and the rules that ask): what it costs people, and what it catches.';
COMMENT ON COLUMN gate_worth.mission IS 'Mission that has the gate.';
COMMENT ON COLUMN gate_worth.business_unit IS 'Business unit of the mission.';
COMMENT ON COLUMN gate_worth.action IS 'What is asked for.';
COMMENT ON COLUMN gate_worth.role IS 'Role that is asked.';
COMMENT ON COLUMN gate_worth.rules IS 'Rules that ask for a person, by name; two that ask together are a gate of their own, so that sums add up.';
COMMENT ON COLUMN gate_worth.asked IS 'How often it opened.';
COMMENT ON COLUMN gate_worth.answered IS 'How often a person answered.';
COMMENT ON COLUMN gate_worth.went IS 'Answers go.';
COMMENT ON COLUMN gate_worth.stopped IS 'Answers no-go.';
COMMENT ON COLUMN gate_worth.revised IS 'Answers revise.';
COMMENT ON COLUMN gate_worth.expired IS 'How often nobody answered before the deadline.';
COMMENT ON COLUMN gate_worth.waiting IS 'How many wait now.';
COMMENT ON COLUMN gate_worth.waited_ms IS 'How long actions waited there altogether, in milliseconds.';
COMMENT ON COLUMN gate_worth.waited_p50_minutes IS 'Median of that, in minutes.';
COMMENT ON COLUMN gate_worth.review_ms IS 'Active time of those who answered, in milliseconds; null where none is declared.';
COMMENT ON COLUMN gate_worth.review_micros IS 'What that time cost, in millionths of currency; null where no rate is declared.';
COMMENT ON COLUMN gate_worth.currency IS 'Currency of review_micros.';
COMMENT ON COLUMN gate_worth.basis IS 'What review_micros stands on: declared, example or undeclared.';
COMMENT ON COLUMN gate_worth.caught IS 'Answers no-go and revise: people changed the course.';
COMMENT ON COLUMN gate_worth.caught_percent IS 'Of the answers, in percent.';
COMMENT ON COLUMN gate_worth.caught_low IS 'Lower end of the 95 % Wilson interval of caught_percent.';
COMMENT ON COLUMN gate_worth.caught_high IS 'Upper end of it.';
COMMENT ON COLUMN gate_worth.stopped_cents IS 'Sum of amount_cents of what was caught, in minor units: money that did not move as proposed. No loss avoided: nobody knows what it would have come to.';
COMMENT ON COLUMN gate_worth.missed IS 'Answers go after which the action was rolled back, disputed, failed or left in doubt.';
COMMENT ON COLUMN gate_worth.missed_cents IS 'Sum of amount_cents of those, in minor units.';
COMMENT ON COLUMN gate_worth.micros_per_catch IS 'review_micros by caught, half up: what a catch has to be worth for the gate to pay; null where nothing was caught.';
COMMENT ON COLUMN gate_worth.verdict IS 'catches, caught_nothing (caught_high bounds how much it may be missing), or not_enough_data (fewer than 30 answers).';
