-- The warehouse, in the vocabulary of the evidence. Migration 0001; later changes are files of their own in
-- analytics/migrations/. Everything but `evidence`, `quarantine`, `dq_results`, `loads` and `offsets` is computed
-- from `evidence` and can be computed again.
--
-- Ids are text. Money is whole millionths (micros) of a currency that stands beside it. Times are UTC. Durations
-- bear their unit in their name. A null is "not known" or "does not apply", never zero.

CREATE TABLE evidence (
    stream_id       VARCHAR NOT NULL,
    seq             BIGINT NOT NULL,
    id              VARCHAR NOT NULL,
    artifact        VARCHAR NOT NULL,
    phase           VARCHAR NOT NULL,
    key             VARCHAR,
    run_id          VARCHAR NOT NULL,
    mission         VARCHAR NOT NULL,
    mission_digest  VARCHAR,
    agent_id        VARCHAR,
    agent_version   VARCHAR,
    manifest_digest VARCHAR,
    policy_digest   VARCHAR,
    step_key        VARCHAR,
    attempt         INTEGER,
    environment     VARCHAR,
    tenant          VARCHAR,
    time            TIMESTAMPTZ NOT NULL,
    recorded_time   TIMESTAMPTZ NOT NULL,
    digest          VARCHAR NOT NULL,
    prev_digest     VARCHAR NOT NULL,
    payload_digest  VARCHAR,
    payload_state   VARCHAR NOT NULL,
    classification  VARCHAR,
    retention       VARCHAR,
    auth_type       VARCHAR,
    auth_id         VARCHAR,
    source          VARCHAR,
    traceparent     VARCHAR,
    data            JSON NOT NULL,
    payload         JSON,
    journal         VARCHAR NOT NULL,
    line            BIGINT NOT NULL,
    loaded_at       TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE evidence IS 'One row a record, exactly as its journal line says it; every other table is computed from this one.';
COMMENT ON COLUMN evidence.stream_id IS 'Chain the record belongs to: <run>/flight or <run>/desk.';
COMMENT ON COLUMN evidence.seq IS 'Place of the record in its stream, from 0; (stream_id, seq) is unique.';
COMMENT ON COLUMN evidence.id IS 'Identity of the record (UUIDv7 as text).';
COMMENT ON COLUMN evidence.artifact IS 'What the record is about: run_record, step_record, model_call, ...';
COMMENT ON COLUMN evidence.phase IS 'intent (before the effect), result (after it) or fact.';
COMMENT ON COLUMN evidence.key IS 'Name of the operation within its run; the intent and the result of one operation share it.';
COMMENT ON COLUMN evidence.run_id IS 'Run the record belongs to.';
COMMENT ON COLUMN evidence.mission IS 'Mission the run flies.';
COMMENT ON COLUMN evidence.mission_digest IS 'SHA-256 of the mission''s source in force.';
COMMENT ON COLUMN evidence.agent_id IS 'Agent that acted; the mission''s name where no agent acts.';
COMMENT ON COLUMN evidence.agent_version IS 'Version of that agent.';
COMMENT ON COLUMN evidence.manifest_digest IS 'SHA-256 of the manifest the agent ran under.';
COMMENT ON COLUMN evidence.policy_digest IS 'SHA-256 of the policy bundle in force.';
COMMENT ON COLUMN evidence.step_key IS 'Key of the step the record happened in; null in mission code.';
COMMENT ON COLUMN evidence.attempt IS 'Attempt of the run that wrote the record, from 1.';
COMMENT ON COLUMN evidence.environment IS 'dev, test or prod.';
COMMENT ON COLUMN evidence.tenant IS 'Whose evidence this is.';
COMMENT ON COLUMN evidence.time IS 'When it happened.';
COMMENT ON COLUMN evidence.recorded_time IS 'When it was written.';
COMMENT ON COLUMN evidence.digest IS 'SHA-256 over the exact bytes of the leaf.';
COMMENT ON COLUMN evidence.prev_digest IS 'Digest of the record before it in the stream; 64 zeros for the first.';
COMMENT ON COLUMN evidence.payload_digest IS 'Salted commitment to the payload; null where the record has none.';
COMMENT ON COLUMN evidence.payload_state IS 'none, held (in column payload), large (checked, left in its file) or erased.';
COMMENT ON COLUMN evidence.classification IS 'Data class of the record.';
COMMENT ON COLUMN evidence.retention IS 'Retention class of the record.';
COMMENT ON COLUMN evidence.auth_type IS 'How whoever acted was authenticated.';
COMMENT ON COLUMN evidence.auth_id IS 'Who acted, as authenticated.';
COMMENT ON COLUMN evidence.source IS 'Recorder that wrote the record.';
COMMENT ON COLUMN evidence.traceparent IS 'W3C trace context the record joins.';
COMMENT ON COLUMN evidence.data IS 'Body of the record, as recorded.';
COMMENT ON COLUMN evidence.payload IS 'Payload of the record; null where there is none, it was erased, or it is large.';
COMMENT ON COLUMN evidence.journal IS 'File the record was read from, relative to the journals folder.';
COMMENT ON COLUMN evidence.line IS 'Line in that file, from 1.';
COMMENT ON COLUMN evidence.loaded_at IS 'When the loader took the record in.';

CREATE TABLE runs (
    run_id            VARCHAR NOT NULL,
    mission           VARCHAR NOT NULL,
    mission_digest    VARCHAR,
    policy_digest     VARCHAR,
    owner             VARCHAR,
    environment       VARCHAR,
    tenant            VARCHAR,
    lane              VARCHAR,
    requester         VARCHAR,
    model             VARCHAR,
    offline           BOOLEAN,
    scope             VARCHAR[],
    case_ref          VARCHAR,
    arrived_at        TIMESTAMPTZ,
    waited_ms         BIGINT,
    case_input        JSON,
    status            VARCHAR NOT NULL,
    outcome           VARCHAR,
    path              VARCHAR,
    requeues          BIGINT NOT NULL DEFAULT 0,
    success           BOOLEAN,
    escalated         BOOLEAN,
    reason_code       VARCHAR,
    error             VARCHAR,
    halt              VARCHAR,
    outcome_data      JSON,
    started_at        TIMESTAMPTZ,
    ended_at          TIMESTAMPTZ,
    latency_ms        BIGINT,
    sla_seconds       BIGINT,
    sla_kept          BOOLEAN,
    attempts          INTEGER,
    waiting_gates     VARCHAR[],
    waiting_events    VARCHAR[],
    gates             BIGINT,
    interventions     BIGINT,
    budget_usd_micros BIGINT,
    budget_actions    BIGINT,
    cost_micros       BIGINT NOT NULL,
    currency          VARCHAR,
    price_basis       VARCHAR,
    total_cost_micros BIGINT,
    model_calls       BIGINT NOT NULL,
    tool_calls        BIGINT NOT NULL,
    actions           BIGINT,
    input_tokens      BIGINT NOT NULL,
    output_tokens     BIGINT NOT NULL,
    flow_run_id       VARCHAR,
    flow_run_name     VARCHAR,
    deployment        VARCHAR,
    rolls_back        VARCHAR,
    records           BIGINT NOT NULL,
    last_recorded_at  TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE runs IS 'One row a run: a case flown through a mission, with where it is and what it came to.';
COMMENT ON COLUMN runs.run_id IS 'Identity of the run.';
COMMENT ON COLUMN runs.mission IS 'Mission flown.';
COMMENT ON COLUMN runs.mission_digest IS 'SHA-256 of the mission''s source in force.';
COMMENT ON COLUMN runs.policy_digest IS 'SHA-256 of the policy bundle in force at the start.';
COMMENT ON COLUMN runs.owner IS 'Who answers for the mission.';
COMMENT ON COLUMN runs.environment IS 'dev, test or prod.';
COMMENT ON COLUMN runs.tenant IS 'Whose run this is.';
COMMENT ON COLUMN runs.lane IS 'Who scheduled it: mission, batch, local or rehearsal.';
COMMENT ON COLUMN runs.requester IS 'Who asked for the run.';
COMMENT ON COLUMN runs.model IS 'Model the agents were configured with, as provider:name.';
COMMENT ON COLUMN runs.offline IS 'Whether the scripted offline model answered for the agents.';
COMMENT ON COLUMN runs.scope IS 'Systems the mission may touch.';
COMMENT ON COLUMN runs.case_ref IS 'The business case, in its source''s words.';
COMMENT ON COLUMN runs.arrived_at IS 'When the case came in, where it had to wait for its turn; null where nobody said.';
COMMENT ON COLUMN runs.waited_ms IS 'How long it waited for its turn, in milliseconds.';
COMMENT ON COLUMN runs.case_input IS 'The case as flown; null where it was erased.';
COMMENT ON COLUMN runs.status IS 'flying, waiting, done, no_go, aborted or failed; the last four are final.';
COMMENT ON COLUMN runs.outcome IS 'The outcome''s word from the mission''s closed vocabulary; null until done.';
COMMENT ON COLUMN runs.path IS 'Where it went from its end: outcome, escalate or terminate; requeue while it rests until it flies again.';
COMMENT ON COLUMN runs.requeues IS 'How often it was put to flight again after a failure.';
COMMENT ON COLUMN runs.success IS 'Whether the outcome counts as success; null until the run is final.';
COMMENT ON COLUMN runs.escalated IS 'Whether the case was handed to a person by rule; null until the run is final.';
COMMENT ON COLUMN runs.reason_code IS 'Failure class of a run that did not succeed by failing.';
COMMENT ON COLUMN runs.error IS 'The failure in one sentence.';
COMMENT ON COLUMN runs.halt IS 'The throw of the kill switch that stopped it, as in halts; null where none did.';
COMMENT ON COLUMN runs.outcome_data IS 'The outcome as returned; null until done, or where erased.';
COMMENT ON COLUMN runs.started_at IS 'When the run started.';
COMMENT ON COLUMN runs.ended_at IS 'When it became final; null before.';
COMMENT ON COLUMN runs.latency_ms IS 'Start to end in milliseconds, waiting included.';
COMMENT ON COLUMN runs.sla_seconds IS 'Service level of the mission, where it declares one.';
COMMENT ON COLUMN runs.sla_kept IS 'Measure sla_kept where the mission measures it, else end within sla_seconds; null if neither.';
COMMENT ON COLUMN runs.attempts IS 'How often the run was (re)started, from 1.';
COMMENT ON COLUMN runs.waiting_gates IS 'Gates it waits at now; empty when it does not wait.';
COMMENT ON COLUMN runs.waiting_events IS 'Outside events it waits for now; empty when it does not wait.';
COMMENT ON COLUMN runs.gates IS 'Gates opened in the run.';
COMMENT ON COLUMN runs.interventions IS 'Gates that a person answered no_go or revise; a plain go is none.';
COMMENT ON COLUMN runs.budget_usd_micros IS 'Money cap of the run, in millionths of a US dollar.';
COMMENT ON COLUMN runs.budget_actions IS 'Cap on changing tool calls.';
COMMENT ON COLUMN runs.cost_micros IS 'Sum over the run''s model calls so far, in millionths of currency.';
COMMENT ON COLUMN runs.currency IS 'Currency of cost_micros; null where nothing was priced.';
COMMENT ON COLUMN runs.price_basis IS 'list, declared, notional, or mixed; null where nothing was priced.';
COMMENT ON COLUMN runs.total_cost_micros IS 'The total the run itself stated at its end; must equal cost_micros.';
COMMENT ON COLUMN runs.model_calls IS 'Model calls made so far.';
COMMENT ON COLUMN runs.tool_calls IS 'Tool calls made so far, refused ones included.';
COMMENT ON COLUMN runs.actions IS 'Changing tool calls, as the run stated at its end.';
COMMENT ON COLUMN runs.input_tokens IS 'Tokens read by models so far.';
COMMENT ON COLUMN runs.output_tokens IS 'Tokens written by models so far.';
COMMENT ON COLUMN runs.flow_run_id IS 'Prefect flow run that flew it first.';
COMMENT ON COLUMN runs.flow_run_name IS 'Name of that flow run.';
COMMENT ON COLUMN runs.deployment IS 'Prefect deployment it came from.';
COMMENT ON COLUMN runs.rolls_back IS 'Run whose effects it undoes; null for one that flies a case.';
COMMENT ON COLUMN runs.records IS 'Evidence records of the run.';
COMMENT ON COLUMN runs.last_recorded_at IS 'When its newest record was written.';

CREATE TABLE steps (
    run_id      VARCHAR NOT NULL,
    key         VARCHAR NOT NULL,
    occurrence  BIGINT NOT NULL,
    mission     VARCHAR NOT NULL,
    step        VARCHAR,
    branch      VARCHAR,
    agent       VARCHAR,
    args_digest VARCHAR,
    outcome     VARCHAR NOT NULL,
    reason_code VARCHAR,
    error       VARCHAR,
    latency_us  BIGINT,
    criteria    VARCHAR[],
    cost_micros BIGINT NOT NULL,
    model_calls BIGINT NOT NULL,
    tool_calls  BIGINT NOT NULL,
    started_at  TIMESTAMPTZ,
    ended_at    TIMESTAMPTZ
);
COMMENT ON TABLE steps IS 'One row a step begun; outcome is open while no result is recorded.';
COMMENT ON COLUMN steps.run_id IS 'Run it happened in.';
COMMENT ON COLUMN steps.key IS 'Name of the operation within its run.';
COMMENT ON COLUMN steps.occurrence IS 'How many times the operation had been begun, this one included, from 1.';
COMMENT ON COLUMN steps.mission IS 'Mission the run flies.';
COMMENT ON COLUMN steps.step IS 'Name of the step.';
COMMENT ON COLUMN steps.branch IS 'Parallel branch it ran in; empty for the trunk.';
COMMENT ON COLUMN steps.agent IS 'Agent the step acts for, where it does.';
COMMENT ON COLUMN steps.args_digest IS 'SHA-256 of the arguments.';
COMMENT ON COLUMN steps.outcome IS 'done, failed or open.';
COMMENT ON COLUMN steps.reason_code IS 'Failure class of a failed step.';
COMMENT ON COLUMN steps.error IS 'The failure in one sentence.';
COMMENT ON COLUMN steps.latency_us IS 'Duration in microseconds.';
COMMENT ON COLUMN steps.criteria IS 'Entry and exit criteria that held, as side:name; null where none is declared, or one was broken.';
COMMENT ON COLUMN steps.cost_micros IS 'Sum over the step''s model calls, in millionths of the run''s currency; on its first occurrence.';
COMMENT ON COLUMN steps.model_calls IS 'Model calls made in the step; on its first occurrence.';
COMMENT ON COLUMN steps.tool_calls IS 'Tool calls made in the step; on its first occurrence.';
COMMENT ON COLUMN steps.started_at IS 'When its intent was recorded; null where only a result is known.';
COMMENT ON COLUMN steps.ended_at IS 'When its result was recorded; null while open.';

CREATE TABLE model_calls (
    run_id             VARCHAR NOT NULL,
    key                VARCHAR NOT NULL,
    occurrence         BIGINT NOT NULL,
    mission            VARCHAR NOT NULL,
    step_key           VARCHAR,
    agent_id           VARCHAR,
    agent_version      VARCHAR,
    requested_model    VARCHAR,
    returned_model     VARCHAR,
    provider           VARCHAR,
    offline            BOOLEAN,
    outcome            VARCHAR NOT NULL,
    finish_reason      VARCHAR,
    reason_code        VARCHAR,
    error              VARCHAR,
    input_tokens       BIGINT,
    output_tokens      BIGINT,
    cache_read_tokens  BIGINT,
    cache_write_tokens BIGINT,
    cost_micros        BIGINT,
    currency           VARCHAR,
    price_basis        VARCHAR,
    price_book         VARCHAR,
    reserved_micros    BIGINT,
    request_digest     VARCHAR,
    response_id        VARCHAR,
    latency_us         BIGINT,
    started_at         TIMESTAMPTZ,
    ended_at           TIMESTAMPTZ
);
COMMENT ON TABLE model_calls IS 'One row a model request begun; outcome is open while no result is recorded.';
COMMENT ON COLUMN model_calls.run_id IS 'Run it happened in.';
COMMENT ON COLUMN model_calls.key IS 'Name of the operation within its run.';
COMMENT ON COLUMN model_calls.occurrence IS 'How many times the operation had been begun, this one included, from 1.';
COMMENT ON COLUMN model_calls.mission IS 'Mission the run flies.';
COMMENT ON COLUMN model_calls.step_key IS 'Key of the step it happened in; null in mission code.';
COMMENT ON COLUMN model_calls.agent_id IS 'Agent that asked.';
COMMENT ON COLUMN model_calls.agent_version IS 'Version of that agent.';
COMMENT ON COLUMN model_calls.requested_model IS 'Model that was asked for.';
COMMENT ON COLUMN model_calls.returned_model IS 'Model that answered, in the provider''s words.';
COMMENT ON COLUMN model_calls.provider IS 'Who served the model.';
COMMENT ON COLUMN model_calls.offline IS 'Whether the scripted offline model answered.';
COMMENT ON COLUMN model_calls.outcome IS 'done, failed or open.';
COMMENT ON COLUMN model_calls.finish_reason IS 'Why the model stopped.';
COMMENT ON COLUMN model_calls.reason_code IS 'Failure class of a failed call.';
COMMENT ON COLUMN model_calls.error IS 'The failure in one sentence.';
COMMENT ON COLUMN model_calls.input_tokens IS 'Tokens read, cached ones included.';
COMMENT ON COLUMN model_calls.output_tokens IS 'Tokens written.';
COMMENT ON COLUMN model_calls.cache_read_tokens IS 'Tokens read from the provider''s cache.';
COMMENT ON COLUMN model_calls.cache_write_tokens IS 'Tokens written to the provider''s cache.';
COMMENT ON COLUMN model_calls.cost_micros IS 'Price of the call in millionths of currency; what was reserved, where a crash lost its result.';
COMMENT ON COLUMN model_calls.currency IS 'Currency of cost_micros.';
COMMENT ON COLUMN model_calls.price_basis IS 'list (a published price), declared (by the operator) or notional (the offline model).';
COMMENT ON COLUMN model_calls.price_book IS 'Price list the cost was computed with.';
COMMENT ON COLUMN model_calls.reserved_micros IS 'Money reserved before the call, in millionths of currency.';
COMMENT ON COLUMN model_calls.request_digest IS 'SHA-256 of the request.';
COMMENT ON COLUMN model_calls.response_id IS 'The provider''s id of the response.';
COMMENT ON COLUMN model_calls.latency_us IS 'Duration in microseconds.';
COMMENT ON COLUMN model_calls.started_at IS 'When its intent was recorded; null where only a result is known.';
COMMENT ON COLUMN model_calls.ended_at IS 'When its result was recorded; null while open.';

CREATE TABLE tool_calls (
    run_id          VARCHAR NOT NULL,
    key             VARCHAR NOT NULL,
    occurrence      BIGINT NOT NULL,
    mission         VARCHAR NOT NULL,
    step_key        VARCHAR,
    agent_id        VARCHAR,
    principal       VARCHAR,
    tool            VARCHAR,
    system          VARCHAR,
    effect          VARCHAR,
    action_digest   VARCHAR,
    idempotency_key VARCHAR,
    approvals       VARCHAR[],
    outcome         VARCHAR NOT NULL,
    rules           VARCHAR[],
    reason_code     VARCHAR,
    error           VARCHAR,
    latency_us      BIGINT,
    source          VARCHAR,
    doubt           VARCHAR,
    started_at      TIMESTAMPTZ,
    ended_at        TIMESTAMPTZ
);
COMMENT ON TABLE tool_calls IS 'One row a tool call begun or refused; outcome is open while no result is recorded.';
COMMENT ON COLUMN tool_calls.run_id IS 'Run it happened in.';
COMMENT ON COLUMN tool_calls.key IS 'Name of the operation within its run.';
COMMENT ON COLUMN tool_calls.occurrence IS 'How many times the operation had been begun, this one included, from 1.';
COMMENT ON COLUMN tool_calls.mission IS 'Mission the run flies.';
COMMENT ON COLUMN tool_calls.step_key IS 'Key of the step it happened in; null in mission code.';
COMMENT ON COLUMN tool_calls.agent_id IS 'Agent on whose mandate it ran.';
COMMENT ON COLUMN tool_calls.principal IS 'Who policy saw as the caller.';
COMMENT ON COLUMN tool_calls.tool IS 'Name of the tool.';
COMMENT ON COLUMN tool_calls.system IS 'System of record it acts on.';
COMMENT ON COLUMN tool_calls.effect IS 'read, write or irreversible.';
COMMENT ON COLUMN tool_calls.action_digest IS 'SHA-256 of the exact action an approval is bound to.';
COMMENT ON COLUMN tool_calls.idempotency_key IS 'Key under which the system of record does it once.';
COMMENT ON COLUMN tool_calls.approvals IS 'Approval records it was done under.';
COMMENT ON COLUMN tool_calls.outcome IS 'done, failed, refused, proposed (put before a person instead), in_doubt (begun, and left without anybody knowing) or open.';
COMMENT ON COLUMN tool_calls.rules IS 'Policy rules that refused it.';
COMMENT ON COLUMN tool_calls.reason_code IS 'Failure class of a failed or refused call.';
COMMENT ON COLUMN tool_calls.error IS 'The failure in one sentence.';
COMMENT ON COLUMN tool_calls.latency_us IS 'Duration in microseconds.';
COMMENT ON COLUMN tool_calls.source IS 'person, where somebody saw that it had happened and gave its result; null where the tool did.';
COMMENT ON COLUMN tool_calls.doubt IS 'Gate at which a doubt about it was settled: what was begun again, left, or told.';
COMMENT ON COLUMN tool_calls.started_at IS 'When its intent was recorded; null where only a result is known.';
COMMENT ON COLUMN tool_calls.ended_at IS 'When its result was recorded; null while open.';

CREATE TABLE delegations (
    run_id       VARCHAR NOT NULL,
    key          VARCHAR NOT NULL,
    occurrence   BIGINT NOT NULL,
    mission      VARCHAR NOT NULL,
    step_key     VARCHAR,
    delegator    VARCHAR,
    specialist   VARCHAR,
    work         VARCHAR,
    brief_digest VARCHAR,
    chain        VARCHAR[],
    depth        BIGINT,
    number       BIGINT,
    approvals    VARCHAR[],
    outcome      VARCHAR NOT NULL,
    reason_code  VARCHAR,
    error        VARCHAR,
    latency_us   BIGINT,
    started_at   TIMESTAMPTZ,
    ended_at     TIMESTAMPTZ
);
COMMENT ON TABLE delegations IS 'One row a piece of work that one agent handed, or was refused to hand, to another.';
COMMENT ON COLUMN delegations.run_id IS 'Run it happened in.';
COMMENT ON COLUMN delegations.key IS 'Name of the operation within its run.';
COMMENT ON COLUMN delegations.occurrence IS 'How many times the operation had been begun, this one included, from 1.';
COMMENT ON COLUMN delegations.mission IS 'Mission the run flies.';
COMMENT ON COLUMN delegations.step_key IS 'Key of the step it happened in.';
COMMENT ON COLUMN delegations.delegator IS 'Agent that handed the work over.';
COMMENT ON COLUMN delegations.specialist IS 'Agent it was handed to.';
COMMENT ON COLUMN delegations.work IS 'Name of the piece of work.';
COMMENT ON COLUMN delegations.brief_digest IS 'SHA-256 of the brief: all that the specialist was told.';
COMMENT ON COLUMN delegations.chain IS 'Through whose hands the work came, the delegator last.';
COMMENT ON COLUMN delegations.depth IS 'How many hand-overs that makes, from 1.';
COMMENT ON COLUMN delegations.number IS 'Which hand-over of the delegator''s turn it is, from 1.';
COMMENT ON COLUMN delegations.approvals IS 'Approval records it was handed over under.';
COMMENT ON COLUMN delegations.outcome IS 'done, failed, refused or open.';
COMMENT ON COLUMN delegations.reason_code IS 'Failure class of a failed or refused one.';
COMMENT ON COLUMN delegations.error IS 'The failure in one sentence.';
COMMENT ON COLUMN delegations.latency_us IS 'Duration in microseconds, waits for people not counted.';
COMMENT ON COLUMN delegations.started_at IS 'When its intent was recorded; null where only a result is known.';
COMMENT ON COLUMN delegations.ended_at IS 'When its result was recorded; null while open.';

CREATE TABLE decisions (
    run_id         VARCHAR NOT NULL,
    key            VARCHAR NOT NULL,
    mission        VARCHAR NOT NULL,
    step_key       VARCHAR,
    agent_id       VARCHAR,
    principal      VARCHAR,
    action         VARCHAR,
    resource       VARCHAR,
    verdict        VARCHAR NOT NULL,
    rules          VARCHAR[],
    because        VARCHAR[],
    roles          VARCHAR[],
    approvals      VARCHAR[],
    request_digest VARCHAR,
    policy_digest  VARCHAR,
    engine         VARCHAR,
    latency_us     BIGINT,
    origins        STRUCT(argument VARCHAR, source VARCHAR, record VARCHAR)[],
    decided_at     TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE decisions IS 'One row a policy decision.';
COMMENT ON COLUMN decisions.run_id IS 'Run it was made in.';
COMMENT ON COLUMN decisions.key IS 'Name of the operation decided on.';
COMMENT ON COLUMN decisions.mission IS 'Mission the run flies.';
COMMENT ON COLUMN decisions.step_key IS 'Key of the step it happened in; null in mission code.';
COMMENT ON COLUMN decisions.agent_id IS 'Agent that acted.';
COMMENT ON COLUMN decisions.principal IS 'Who asked.';
COMMENT ON COLUMN decisions.action IS 'What was asked.';
COMMENT ON COLUMN decisions.resource IS 'On what.';
COMMENT ON COLUMN decisions.verdict IS 'allow, deny or gate.';
COMMENT ON COLUMN decisions.rules IS 'Ids of the rules that decided.';
COMMENT ON COLUMN decisions.because IS 'What the rules say, one sentence each.';
COMMENT ON COLUMN decisions.roles IS 'Roles that may lift it; gates only.';
COMMENT ON COLUMN decisions.approvals IS 'Approval records that were facts of this decision; empty for a first request.';
COMMENT ON COLUMN decisions.request_digest IS 'SHA-256 of the request as decided.';
COMMENT ON COLUMN decisions.policy_digest IS 'SHA-256 of the policy bundle that decided.';
COMMENT ON COLUMN decisions.engine IS 'Engine that evaluated it.';
COMMENT ON COLUMN decisions.latency_us IS 'Duration in microseconds.';
COMMENT ON COLUMN decisions.origins IS 'Arguments whose values come only from untrusted text: argument, where it stands, id of the record; empty where there are none.';
COMMENT ON COLUMN decisions.decided_at IS 'When it was decided.';

CREATE TABLE gates (
    gate          VARCHAR NOT NULL,
    run_id        VARCHAR NOT NULL,
    mission       VARCHAR NOT NULL,
    key           VARCHAR,
    step_key      VARCHAR,
    agent_id      VARCHAR,
    action        VARCHAR,
    action_digest VARCHAR,
    card_digest   VARCHAR,
    card          VARCHAR,
    arguments     JSON,
    preview       VARCHAR,
    role          VARCHAR,
    because       VARCHAR[],
    rules         VARCHAR[],
    options       VARCHAR[],
    requester     VARCHAR,
    doubt         VARCHAR,
    proposal      BOOLEAN NOT NULL DEFAULT FALSE,
    opened_at     TIMESTAMPTZ NOT NULL,
    deadline      TIMESTAMPTZ,
    state         VARCHAR NOT NULL,
    answer        VARCHAR,
    answered_by   VARCHAR,
    proof         VARCHAR,
    door          VARCHAR,
    reason        VARCHAR,
    answered_at   TIMESTAMPTZ,
    waited_ms     BIGINT
);
COMMENT ON TABLE gates IS 'One row a request for approval, with the answer that counts.';
COMMENT ON COLUMN gates.gate IS 'Identity of the gate.';
COMMENT ON COLUMN gates.run_id IS 'Run that asked.';
COMMENT ON COLUMN gates.mission IS 'Mission the run flies.';
COMMENT ON COLUMN gates.key IS 'Name of the operation that waits.';
COMMENT ON COLUMN gates.step_key IS 'Key of the step it happened in; null in mission code.';
COMMENT ON COLUMN gates.agent_id IS 'Agent that wants to act.';
COMMENT ON COLUMN gates.action IS 'What it wants to do.';
COMMENT ON COLUMN gates.action_digest IS 'SHA-256 of the exact action an answer is bound to.';
COMMENT ON COLUMN gates.card_digest IS 'SHA-256 of the card that is shown.';
COMMENT ON COLUMN gates.card IS 'The card that is shown, as markdown; null where erased.';
COMMENT ON COLUMN gates.arguments IS 'Arguments of the action; null where erased.';
COMMENT ON COLUMN gates.preview IS 'What would change; null where erased.';
COMMENT ON COLUMN gates.role IS 'Role that may answer.';
COMMENT ON COLUMN gates.because IS 'Why a person has to be asked, one sentence each.';
COMMENT ON COLUMN gates.rules IS 'Policy rules that ask for a person.';
COMMENT ON COLUMN gates.options IS 'Answers the gate takes.';
COMMENT ON COLUMN gates.requester IS 'Who asked for the run.';
COMMENT ON COLUMN gates.doubt IS 'Record of the attempt in doubt, where it asks what became of one; null where it asks for leave.';
COMMENT ON COLUMN gates.proposal IS 'Whether it asks about something an agent proposed and went on without.';
COMMENT ON COLUMN gates.opened_at IS 'When the gate opened.';
COMMENT ON COLUMN gates.deadline IS 'From when on silence is no_go.';
COMMENT ON COLUMN gates.state IS 'open, answered (by a person), expired (by the deadline), void (another law or agent asks anew, or needs no go), or closed (the run ended first).';
COMMENT ON COLUMN gates.answer IS 'go, no_go or revise; null where there is none that counts.';
COMMENT ON COLUMN gates.answered_by IS 'Who answered; the name is worth what proof says.';
COMMENT ON COLUMN gates.proof IS 'What vouches for the name: unproven or clock.';
COMMENT ON COLUMN gates.door IS 'Where the answer came in: cli, prefect, dashboard, deadline, rehearsal or driver.';
COMMENT ON COLUMN gates.reason IS 'Why, in the reviewer''s words; null where erased.';
COMMENT ON COLUMN gates.answered_at IS 'When the answer was given.';
COMMENT ON COLUMN gates.waited_ms IS 'Opened to answered, in milliseconds.';

CREATE TABLE approvals (
    id              VARCHAR NOT NULL,
    gate            VARCHAR NOT NULL,
    run_id          VARCHAR NOT NULL,
    mission         VARCHAR NOT NULL,
    answer          VARCHAR NOT NULL,
    answered_by     VARCHAR,
    role            VARCHAR,
    proof           VARCHAR,
    door            VARCHAR,
    action_digest   VARCHAR,
    accepted        BOOLEAN NOT NULL,
    refused_because VARCHAR,
    reason          VARCHAR,
    changes         JSON,
    answered_at     TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE approvals IS 'One row an answer given to a gate, refused ones included.';
COMMENT ON COLUMN approvals.id IS 'Identity of the approval record; decisions and tool calls name it.';
COMMENT ON COLUMN approvals.gate IS 'Gate it answers.';
COMMENT ON COLUMN approvals.run_id IS 'Run the gate belongs to.';
COMMENT ON COLUMN approvals.mission IS 'Mission the run flies.';
COMMENT ON COLUMN approvals.answer IS 'go, no_go or revise.';
COMMENT ON COLUMN approvals.answered_by IS 'Who answered; the name is worth what proof says.';
COMMENT ON COLUMN approvals.role IS 'Role in which it was answered.';
COMMENT ON COLUMN approvals.proof IS 'What vouches for the name: unproven or clock.';
COMMENT ON COLUMN approvals.door IS 'Where the answer came in.';
COMMENT ON COLUMN approvals.action_digest IS 'SHA-256 of the exact action the answer is bound to.';
COMMENT ON COLUMN approvals.accepted IS 'Whether the answer counts.';
COMMENT ON COLUMN approvals.refused_because IS 'Why it does not count.';
COMMENT ON COLUMN approvals.reason IS 'Why, in the reviewer''s words; null where erased.';
COMMENT ON COLUMN approvals.changes IS 'Arguments the reviewer wants instead; null where there are none.';
COMMENT ON COLUMN approvals.answered_at IS 'When it was answered.';

CREATE TABLE reviews (
    gate        VARCHAR NOT NULL,
    run_id      VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    key         VARCHAR,
    step_key    VARCHAR,
    agent_id    VARCHAR,
    tool        VARCHAR,
    role        VARCHAR,
    state       VARCHAR NOT NULL,
    answered_by VARCHAR,
    reason      VARCHAR,
    asked_at    TIMESTAMPTZ NOT NULL,
    due_at      TIMESTAMPTZ,
    answered_at TIMESTAMPTZ
);
COMMENT ON TABLE reviews IS 'One row a sample of what an agent did alone, with what its reviewer said.';
COMMENT ON COLUMN reviews.gate IS 'Identity under which it is answered.';
COMMENT ON COLUMN reviews.run_id IS 'Run it happened in.';
COMMENT ON COLUMN reviews.mission IS 'Mission the run flies.';
COMMENT ON COLUMN reviews.key IS 'Name of the tool call within its run.';
COMMENT ON COLUMN reviews.step_key IS 'Key of the step it happened in.';
COMMENT ON COLUMN reviews.agent_id IS 'Agent that did it alone.';
COMMENT ON COLUMN reviews.tool IS 'What it did.';
COMMENT ON COLUMN reviews.role IS 'Role that reviews.';
COMMENT ON COLUMN reviews.state IS 'open, right (go) or wrong (no_go).';
COMMENT ON COLUMN reviews.answered_by IS 'Who reviewed it.';
COMMENT ON COLUMN reviews.reason IS 'Why, in their words; null where erased.';
COMMENT ON COLUMN reviews.asked_at IS 'When it was drawn.';
COMMENT ON COLUMN reviews.due_at IS 'By when the review is due; a late one still counts.';
COMMENT ON COLUMN reviews.answered_at IS 'When it was reviewed.';

CREATE TABLE events (
    run_id      VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    ordinal     BIGINT NOT NULL,
    id          VARCHAR NOT NULL,
    event       VARCHAR NOT NULL,
    door        VARCHAR,
    body        JSON,
    occurred_at TIMESTAMPTZ,
    recorded_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ,
    waited_ms   BIGINT
);
COMMENT ON TABLE events IS 'One row an outside event brought to a run, and when the mission took it.';
COMMENT ON COLUMN events.run_id IS 'Run it was brought to.';
COMMENT ON COLUMN events.mission IS 'Mission the run flies.';
COMMENT ON COLUMN events.ordinal IS 'Place among the events brought to the run, from 1.';
COMMENT ON COLUMN events.id IS 'Identity of the event record.';
COMMENT ON COLUMN events.event IS 'Name of the event.';
COMMENT ON COLUMN events.door IS 'Where it came in.';
COMMENT ON COLUMN events.body IS 'The event''s body; null where it was erased.';
COMMENT ON COLUMN events.occurred_at IS 'When it happened, where the bringer said so.';
COMMENT ON COLUMN events.recorded_at IS 'When it was brought.';
COMMENT ON COLUMN events.received_at IS 'When the mission took it; null while it has not.';
COMMENT ON COLUMN events.waited_ms IS 'How long the mission had waited for it, in milliseconds.';

CREATE TABLE measures (
    run_id      VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    name        VARCHAR NOT NULL,
    value       BIGINT NOT NULL,
    unit        VARCHAR NOT NULL,
    measured_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE measures IS 'One row a number that a final run measured about its outcome.';
COMMENT ON COLUMN measures.run_id IS 'Run that measured it.';
COMMENT ON COLUMN measures.mission IS 'Mission the run flies.';
COMMENT ON COLUMN measures.name IS 'What was measured.';
COMMENT ON COLUMN measures.value IS 'The number, whole, in unit.';
COMMENT ON COLUMN measures.unit IS 'Unit of value.';
COMMENT ON COLUMN measures.measured_at IS 'When the run ended.';

CREATE TABLE attempts (
    id          VARCHAR NOT NULL,
    run_id      VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    key         VARCHAR NOT NULL,
    step_key    VARCHAR,
    agent_id    VARCHAR,
    operation   VARCHAR,
    kind        VARCHAR,
    dependency  VARCHAR,
    number      BIGINT,
    next        VARCHAR,
    wait_us     BIGINT,
    reason_code VARCHAR,
    error       VARCHAR,
    failed_at   TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE attempts IS 'One row an attempt at a call that failed and was followed by another, or by a doubt.';
COMMENT ON COLUMN attempts.id IS 'Identity of the record.';
COMMENT ON COLUMN attempts.run_id IS 'Run it happened in.';
COMMENT ON COLUMN attempts.mission IS 'Mission the run flies.';
COMMENT ON COLUMN attempts.key IS 'Name of the attempt within its run.';
COMMENT ON COLUMN attempts.step_key IS 'Step it happened in.';
COMMENT ON COLUMN attempts.agent_id IS 'Agent that acted.';
COMMENT ON COLUMN attempts.operation IS 'Key of the tool or model call that failed.';
COMMENT ON COLUMN attempts.kind IS 'tool or model.';
COMMENT ON COLUMN attempts.dependency IS 'System of record or model provider that was asked.';
COMMENT ON COLUMN attempts.number IS 'Which attempt it was, from 1.';
COMMENT ON COLUMN attempts.next IS 'What followed: retry, fallback (another model) or doubt (a person was asked).';
COMMENT ON COLUMN attempts.wait_us IS 'Wait before the next attempt in microseconds.';
COMMENT ON COLUMN attempts.reason_code IS 'Failure class.';
COMMENT ON COLUMN attempts.error IS 'The failure in one sentence.';
COMMENT ON COLUMN attempts.failed_at IS 'When it was recorded.';

CREATE TABLE exceptions (
    id          VARCHAR NOT NULL,
    run_id      VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    key         VARCHAR,
    agent_id    VARCHAR,
    reason_code VARCHAR,
    what        VARCHAR,
    owner       VARCHAR,
    role        VARCHAR,
    path        VARCHAR,
    raised_at   TIMESTAMPTZ NOT NULL,
    resolution  VARCHAR,
    closed_by   VARCHAR,
    gate        VARCHAR,
    closed_at   TIMESTAMPTZ
);
COMMENT ON TABLE exceptions IS 'One row an exception, which somebody owns.';
COMMENT ON COLUMN exceptions.id IS 'Identity of the exception record.';
COMMENT ON COLUMN exceptions.run_id IS 'Run it happened in.';
COMMENT ON COLUMN exceptions.mission IS 'Mission the run flies.';
COMMENT ON COLUMN exceptions.key IS 'Operation it happened in, where there is one.';
COMMENT ON COLUMN exceptions.agent_id IS 'Agent that acted.';
COMMENT ON COLUMN exceptions.reason_code IS 'Failure class.';
COMMENT ON COLUMN exceptions.what IS 'What happened, in one sentence.';
COMMENT ON COLUMN exceptions.owner IS 'Who has to deal with it.';
COMMENT ON COLUMN exceptions.role IS 'Role that takes over; null where nobody is asked to.';
COMMENT ON COLUMN exceptions.path IS 'Where its run went: escalate or terminate; null where it did not end the run.';
COMMENT ON COLUMN exceptions.raised_at IS 'When it happened.';
COMMENT ON COLUMN exceptions.resolution IS 'How it was settled; null while it is open.';
COMMENT ON COLUMN exceptions.closed_by IS 'Who settled it; null while it is open.';
COMMENT ON COLUMN exceptions.gate IS 'Gate at which it was settled; null while it is open.';
COMMENT ON COLUMN exceptions.closed_at IS 'When it was settled; null while it is open.';

CREATE TABLE halts (
    run_id          VARCHAR NOT NULL,
    halt            VARCHAR NOT NULL,
    target_kind     VARCHAR NOT NULL,
    target          VARCHAR NOT NULL,
    halted_by       VARCHAR,
    proof           VARCHAR,
    signal          VARCHAR,
    figures         JSON,
    reason          VARCHAR,
    halted_at       TIMESTAMPTZ NOT NULL,
    rearmed_by      VARCHAR,
    rearmed_proof   VARCHAR,
    rearmed_because VARCHAR,
    rearmed_at      TIMESTAMPTZ
);
COMMENT ON TABLE halts IS 'One row a throw of the kill switch: who halted what when and why, and who re-armed it.';
COMMENT ON COLUMN halts.run_id IS 'Always switchboard: the stream the fact stands in.';
COMMENT ON COLUMN halts.halt IS 'Identity of the throw; the last record of a run that it stopped names it.';
COMMENT ON COLUMN halts.target_kind IS 'run, mission, agent or all.';
COMMENT ON COLUMN halts.target IS 'The run, mission or agent; empty for all.';
COMMENT ON COLUMN halts.halted_by IS 'Who threw it: a name, or the monitor that gave the signal.';
COMMENT ON COLUMN halts.proof IS 'unproven for a typed name, signal for a monitor.';
COMMENT ON COLUMN halts.signal IS 'The signal that threw it; null where a person did.';
COMMENT ON COLUMN halts.figures IS 'What the signal measured, and the threshold.';
COMMENT ON COLUMN halts.reason IS 'Why.';
COMMENT ON COLUMN halts.halted_at IS 'When it was thrown.';
COMMENT ON COLUMN halts.rearmed_by IS 'Who lifted it; null while it holds.';
COMMENT ON COLUMN halts.rearmed_proof IS 'What vouches for that name.';
COMMENT ON COLUMN halts.rearmed_because IS 'Why it was lifted.';
COMMENT ON COLUMN halts.rearmed_at IS 'When it was lifted; null while it holds.';

CREATE TABLE monitor_findings (
    id            VARCHAR NOT NULL,
    run_id        VARCHAR NOT NULL,
    mission       VARCHAR NOT NULL,
    key           VARCHAR,
    step_key      VARCHAR,
    monitor       VARCHAR NOT NULL,
    action        VARCHAR NOT NULL,
    reach         VARCHAR,
    subject       VARCHAR,
    tool_or_model VARCHAR,
    what          VARCHAR,
    threshold     BIGINT,
    observed      BIGINT,
    unit          VARCHAR,
    basis         VARCHAR,
    owner         VARCHAR,
    switch        VARCHAR,
    found_at      TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE monitor_findings IS 'One row a finding of a monitor: what it saw while a run flew, and what was done about it.';
COMMENT ON COLUMN monitor_findings.id IS 'Identity of the finding''s record.';
COMMENT ON COLUMN monitor_findings.run_id IS 'Run it was found in.';
COMMENT ON COLUMN monitor_findings.mission IS 'Mission the run flies.';
COMMENT ON COLUMN monitor_findings.key IS 'Operation that triggered it, and the monitor.';
COMMENT ON COLUMN monitor_findings.step_key IS 'Key of the step it was found in; null in mission code.';
COMMENT ON COLUMN monitor_findings.monitor IS 'Monitor and version, as loop@1.';
COMMENT ON COLUMN monitor_findings.action IS 'flag (the run went on) or halt (the kill switch was thrown).';
COMMENT ON COLUMN monitor_findings.reach IS 'What a halt stops: run, agent or mission.';
COMMENT ON COLUMN monitor_findings.subject IS 'Agent that acted; the mission, where it acted on its own mandate.';
COMMENT ON COLUMN monitor_findings.tool_or_model IS 'Tool that was called, or model that was asked.';
COMMENT ON COLUMN monitor_findings.what IS 'What was seen, in one sentence.';
COMMENT ON COLUMN monitor_findings.threshold IS 'What is allowed, in unit.';
COMMENT ON COLUMN monitor_findings.observed IS 'What was seen, in unit.';
COMMENT ON COLUMN monitor_findings.unit IS 'Unit of threshold and observed; for amounts the argument that held it.';
COMMENT ON COLUMN monitor_findings.basis IS 'declared (policies/monitors.yaml) or baseline (the agent''s own history).';
COMMENT ON COLUMN monitor_findings.owner IS 'Who has to deal with it.';
COMMENT ON COLUMN monitor_findings.switch IS 'Throw of the kill switch, where it halted; null for a flag.';
COMMENT ON COLUMN monitor_findings.found_at IS 'When.';

CREATE TABLE drills (
    id            VARCHAR NOT NULL,
    run_id        VARCHAR NOT NULL,
    drill         VARCHAR NOT NULL,
    signal        VARCHAR NOT NULL,
    lane          VARCHAR NOT NULL,
    trials        BIGINT,
    caught        BIGINT,
    effects       BIGINT,
    effects_after BIGINT,
    p50_us        BIGINT,
    p99_us        BIGINT,
    most_us       BIGINT,
    limit_us      BIGINT,
    passed        BOOLEAN NOT NULL,
    ended_at      TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE drills IS 'One row a signal and lane of a drill: runaways set loose on purpose, and how soon they stood still.';
COMMENT ON COLUMN drills.id IS 'Identity of the drill''s record.';
COMMENT ON COLUMN drills.run_id IS 'The drill.';
COMMENT ON COLUMN drills.drill IS 'What was drilled: abort.';
COMMENT ON COLUMN drills.signal IS 'Monitor that has to catch the runaway.';
COMMENT ON COLUMN drills.lane IS 'batch, warm_runner or processes.';
COMMENT ON COLUMN drills.trials IS 'Runaways set loose.';
COMMENT ON COLUMN drills.caught IS 'Runaways that this very signal caught, with nothing done afterwards.';
COMMENT ON COLUMN drills.effects IS 'Side effects on the toy system of record, over all trials.';
COMMENT ON COLUMN drills.effects_after IS 'Side effects that began after every process had seen the halt; has to be 0.';
COMMENT ON COLUMN drills.p50_us IS 'Trigger to last side effect, in microseconds: half of the trials took no longer.';
COMMENT ON COLUMN drills.p99_us IS '99 of 100 trials took no longer.';
COMMENT ON COLUMN drills.most_us IS 'The longest.';
COMMENT ON COLUMN drills.limit_us IS 'What p99_us may be.';
COMMENT ON COLUMN drills.passed IS 'Whether all were caught in time.';
COMMENT ON COLUMN drills.ended_at IS 'When.';

CREATE TABLE versions (
    run_id    VARCHAR NOT NULL,
    mission   VARCHAR NOT NULL,
    object    VARCHAR NOT NULL,
    id        VARCHAR NOT NULL,
    version   VARCHAR,
    digest    VARCHAR,
    logged_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE versions IS 'One row a version that took part in a run.';
COMMENT ON COLUMN versions.run_id IS 'Run it took part in.';
COMMENT ON COLUMN versions.mission IS 'Mission the run flies.';
COMMENT ON COLUMN versions.object IS 'Kind of thing: mission, agent, baseline, monitors, policy, model, package or python.';
COMMENT ON COLUMN versions.id IS 'Name of the thing.';
COMMENT ON COLUMN versions.version IS 'Its version.';
COMMENT ON COLUMN versions.digest IS 'Its SHA-256, where it has one.';
COMMENT ON COLUMN versions.logged_at IS 'When it was logged.';

CREATE TABLE chain_faults (
    run_id       VARCHAR NOT NULL,
    stream_id    VARCHAR NOT NULL,
    seq          BIGINT NOT NULL,
    fault        VARCHAR NOT NULL,
    expected_seq BIGINT NOT NULL,
    journal      VARCHAR NOT NULL,
    line         BIGINT NOT NULL
);
COMMENT ON TABLE chain_faults IS 'One row a place where a stream does not follow from what is landed before it; empty when all is whole.';
COMMENT ON COLUMN chain_faults.run_id IS 'Run the record belongs to.';
COMMENT ON COLUMN chain_faults.stream_id IS 'Stream that is not whole.';
COMMENT ON COLUMN chain_faults.seq IS 'Record that does not follow.';
COMMENT ON COLUMN chain_faults.fault IS 'gap (records before it are missing) or broken (the one before it is another than it names).';
COMMENT ON COLUMN chain_faults.expected_seq IS 'Place at which the missing part begins, or the record''s own.';
COMMENT ON COLUMN chain_faults.journal IS 'File the record was read from.';
COMMENT ON COLUMN chain_faults.line IS 'Line in that file, from 1.';

CREATE TABLE kpis (
    id          VARCHAR NOT NULL,
    name        VARCHAR NOT NULL,
    mission     VARCHAR NOT NULL,
    segment     VARCHAR,
    value       DOUBLE,
    unit        VARCHAR NOT NULL,
    numerator   BIGINT,
    denominator BIGINT,
    reason      VARCHAR,
    basis       VARCHAR
);
COMMENT ON TABLE kpis IS 'One row a KPI and mission, computed on this snapshot.';
COMMENT ON COLUMN kpis.id IS 'Id of the KPI (K6, K2b, ...), or its short name.';
COMMENT ON COLUMN kpis.name IS 'Name of the KPI.';
COMMENT ON COLUMN kpis.mission IS 'Mission, or all.';
COMMENT ON COLUMN kpis.segment IS 'Step, outcome or measure it is about, where it is about one.';
COMMENT ON COLUMN kpis.value IS 'The value; null where there is none, never a guess.';
COMMENT ON COLUMN kpis.unit IS 'Unit of value.';
COMMENT ON COLUMN kpis.numerator IS 'What was counted or summed.';
COMMENT ON COLUMN kpis.denominator IS 'What it was divided by, or how many values it is taken over.';
COMMENT ON COLUMN kpis.reason IS 'Why value is null.';
COMMENT ON COLUMN kpis.basis IS 'What money stands on: list, declared, notional or mixed.';

CREATE TABLE findings (
    monitor    VARCHAR NOT NULL,
    mission    VARCHAR NOT NULL,
    step       VARCHAR,
    should     DOUBLE,
    is_now     DOUBLE,
    unit       VARCHAR NOT NULL,
    test       VARCHAR NOT NULL,
    statistic  DOUBLE,
    p          DOUBLE,
    q          DOUBLE,
    n_baseline BIGINT NOT NULL,
    n_current  BIGINT NOT NULL,
    verdict    VARCHAR NOT NULL,
    severity   VARCHAR NOT NULL,
    sentence   VARCHAR NOT NULL
);
COMMENT ON TABLE findings IS 'One row a comparison of should and is, by the drift job with its default terms.';
COMMENT ON COLUMN findings.monitor IS 'What is watched: outcome_rate, latency_p50 or latency_p95.';
COMMENT ON COLUMN findings.mission IS 'Mission.';
COMMENT ON COLUMN findings.step IS 'Step; null for the mission as a whole.';
COMMENT ON COLUMN findings.should IS 'Value in the baseline.';
COMMENT ON COLUMN findings.is_now IS 'Value in the current window.';
COMMENT ON COLUMN findings.unit IS 'Unit of should and is_now.';
COMMENT ON COLUMN findings.test IS 'Test that compared them.';
COMMENT ON COLUMN findings.statistic IS 'Its statistic; null where it was not computed.';
COMMENT ON COLUMN findings.p IS 'Its two-sided p-value; null where it was not computed.';
COMMENT ON COLUMN findings.q IS 'p after Benjamini-Hochberg over the mission''s comparisons.';
COMMENT ON COLUMN findings.n_baseline IS 'Sample size of the baseline.';
COMMENT ON COLUMN findings.n_current IS 'Sample size of the current window.';
COMMENT ON COLUMN findings.verdict IS 'ok, drift or not_enough_data.';
COMMENT ON COLUMN findings.severity IS 'none, low, medium, high, or unknown where there is not enough data.';
COMMENT ON COLUMN findings.sentence IS 'The finding in one sentence.';

CREATE TABLE dq_results (
    load_id     VARCHAR NOT NULL,
    suite       VARCHAR NOT NULL,
    expectation VARCHAR NOT NULL,
    field       VARCHAR,
    severity    VARCHAR NOT NULL,
    status      VARCHAR NOT NULL,
    checked     BIGINT NOT NULL,
    unexpected  BIGINT NOT NULL,
    detail      VARCHAR,
    checked_at  TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE dq_results IS 'One row a quality check of a load.';
COMMENT ON COLUMN dq_results.load_id IS 'Load it belongs to.';
COMMENT ON COLUMN dq_results.suite IS 'Suite of the check.';
COMMENT ON COLUMN dq_results.expectation IS 'What was expected.';
COMMENT ON COLUMN dq_results.field IS 'Field it is about; null where it is about the whole.';
COMMENT ON COLUMN dq_results.severity IS 'critical (failing records are quarantined) or warning (they land).';
COMMENT ON COLUMN dq_results.status IS 'passed, failed (the data are bad) or broke (the check itself could not run).';
COMMENT ON COLUMN dq_results.checked IS 'Records or rows looked at.';
COMMENT ON COLUMN dq_results.unexpected IS 'Those that failed.';
COMMENT ON COLUMN dq_results.detail IS 'What was found, or why the check broke.';
COMMENT ON COLUMN dq_results.checked_at IS 'When it ran.';

CREATE TABLE quarantine (
    journal        VARCHAR NOT NULL,
    line           BIGINT NOT NULL,
    byte_offset    BIGINT NOT NULL,
    sha256         VARCHAR NOT NULL,
    reason         VARCHAR NOT NULL,
    detail         VARCHAR NOT NULL,
    run_id         VARCHAR,
    raw            VARCHAR,
    load_id        VARCHAR NOT NULL,
    quarantined_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE quarantine IS 'One row a journal line that did not become evidence, kept whole so that it can be replayed.';
COMMENT ON COLUMN quarantine.journal IS 'File it was read from, relative to the journals folder.';
COMMENT ON COLUMN quarantine.line IS 'Line in that file, from 1.';
COMMENT ON COLUMN quarantine.byte_offset IS 'Where the line begins in that file.';
COMMENT ON COLUMN quarantine.sha256 IS 'SHA-256 of the line as read; (journal, byte_offset, sha256) is unique.';
COMMENT ON COLUMN quarantine.reason IS 'Kind of fault, from a closed list.';
COMMENT ON COLUMN quarantine.detail IS 'What was wrong, in one sentence.';
COMMENT ON COLUMN quarantine.run_id IS 'Run the line claims to belong to, where that could be read.';
COMMENT ON COLUMN quarantine.raw IS 'The line as read, null in published marts; bytes that are no UTF-8 are written as \xNN.';
COMMENT ON COLUMN quarantine.load_id IS 'Load that put it here.';
COMMENT ON COLUMN quarantine.quarantined_at IS 'When.';

CREATE TABLE loads (
    load_id     VARCHAR NOT NULL,
    journals    BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    records     BIGINT NOT NULL,
    duplicates  BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    runs        BIGINT NOT NULL,
    dq_failures BIGINT NOT NULL,
    loaded_at   TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE loads IS 'One row a load: a set of journal deltas taken in together.';
COMMENT ON COLUMN loads.load_id IS 'Identity of the load (UUIDv7 as text).';
COMMENT ON COLUMN loads.journals IS 'Journals that had grown.';
COMMENT ON COLUMN loads.bytes IS 'Bytes read.';
COMMENT ON COLUMN loads.records IS 'New evidence rows.';
COMMENT ON COLUMN loads.duplicates IS 'Records that were already landed.';
COMMENT ON COLUMN loads.quarantined IS 'Lines put into quarantine.';
COMMENT ON COLUMN loads.runs IS 'Runs whose rows were computed again.';
COMMENT ON COLUMN loads.dq_failures IS 'Quality checks that failed or broke.';
COMMENT ON COLUMN loads.loaded_at IS 'When.';

CREATE TABLE offsets (
    journal     VARCHAR NOT NULL,
    byte_offset BIGINT NOT NULL,
    lines       BIGINT NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE offsets IS 'One row a journal: how far it has been read.';
COMMENT ON COLUMN offsets.journal IS 'File, relative to the journals folder.';
COMMENT ON COLUMN offsets.byte_offset IS 'Bytes read; the next load begins here.';
COMMENT ON COLUMN offsets.lines IS 'Lines read.';
COMMENT ON COLUMN offsets.updated_at IS 'When it was last read.';

CREATE TABLE snapshot (
    published_at       TIMESTAMPTZ NOT NULL,
    records            BIGINT NOT NULL,
    runs               BIGINT NOT NULL,
    newest_recorded_at TIMESTAMPTZ,
    quarantined        BIGINT NOT NULL,
    offsets_digest     VARCHAR NOT NULL,
    schema_digest      VARCHAR NOT NULL
);
COMMENT ON TABLE snapshot IS 'The one row that says what a published mart was computed on; empty in the warehouse itself.';
COMMENT ON COLUMN snapshot.published_at IS 'When the mart was published.';
COMMENT ON COLUMN snapshot.records IS 'Evidence records it is computed on.';
COMMENT ON COLUMN snapshot.runs IS 'Runs among them.';
COMMENT ON COLUMN snapshot.newest_recorded_at IS 'When the newest of those records was written.';
COMMENT ON COLUMN snapshot.quarantined IS 'Lines in quarantine.';
COMMENT ON COLUMN snapshot.offsets_digest IS 'SHA-256 over how far each journal had been read.';
COMMENT ON COLUMN snapshot.schema_digest IS 'SHA-256 over the migrations in force.';
CREATE VIEW costs AS
SELECT
    call.run_id,
    call.mission,
    call.step_key,
    step.step,
    call.agent_id,
    call.agent_version,
    call.provider,
    coalesce(call.returned_model, call.requested_model) AS model,
    call.key AS model_call_key,
    call.occurrence,
    call.input_tokens,
    call.output_tokens,
    call.cache_read_tokens,
    call.cache_write_tokens,
    call.cost_micros,
    call.currency,
    call.price_basis,
    call.price_book,
    call.ended_at AS charged_at
FROM model_calls AS call
LEFT JOIN steps AS step
    ON step.run_id = call.run_id AND step.key = call.step_key AND step.occurrence = 1
WHERE call.cost_micros IS NOT NULL;
COMMENT ON VIEW costs IS 'One row a priced model call, with the run, step, agent and model that caused it.';
COMMENT ON COLUMN costs.run_id IS 'Run that caused it.';
COMMENT ON COLUMN costs.mission IS 'Mission that caused it.';
COMMENT ON COLUMN costs.step_key IS 'Key of the step that caused it; null in mission code.';
COMMENT ON COLUMN costs.step IS 'Name of that step.';
COMMENT ON COLUMN costs.agent_id IS 'Agent that asked.';
COMMENT ON COLUMN costs.agent_version IS 'Version of that agent.';
COMMENT ON COLUMN costs.provider IS 'Who served the model.';
COMMENT ON COLUMN costs.model IS 'Model that answered, or that was asked for where the answer does not say.';
COMMENT ON COLUMN costs.model_call_key IS 'Name of the model call within its run.';
COMMENT ON COLUMN costs.occurrence IS 'Which of the calls of that name, from 1.';
COMMENT ON COLUMN costs.input_tokens IS 'Tokens read, cached ones included.';
COMMENT ON COLUMN costs.output_tokens IS 'Tokens written.';
COMMENT ON COLUMN costs.cache_read_tokens IS 'Tokens read from the provider''s cache.';
COMMENT ON COLUMN costs.cache_write_tokens IS 'Tokens written to the provider''s cache.';
COMMENT ON COLUMN costs.cost_micros IS 'Price in millionths of currency.';
COMMENT ON COLUMN costs.currency IS 'Currency of cost_micros.';
COMMENT ON COLUMN costs.price_basis IS 'list, declared or notional.';
COMMENT ON COLUMN costs.price_book IS 'Price list the cost was computed with.';
COMMENT ON COLUMN costs.charged_at IS 'When the call ended.';

CREATE VIEW halted_runs AS
WITH effects AS (
    SELECT run_id, max(started_at) AS last_began_at, max(ended_at) AS last_ended_at
    FROM tool_calls
    WHERE effect <> 'read' AND outcome IN ('done', 'failed', 'in_doubt')
    GROUP BY run_id
)
SELECT
    runs.halt,
    runs.run_id,
    runs.mission,
    halts.halted_at,
    effects.last_began_at AS last_effect_began_at,
    effects.last_ended_at AS last_effect_ended_at,
    greatest(date_diff('millisecond', halts.halted_at, effects.last_ended_at), 0) AS last_effect_ms,
    runs.ended_at,
    date_diff('millisecond', halts.halted_at, runs.ended_at) AS ended_ms
FROM runs
LEFT JOIN halts ON halts.halt = runs.halt
LEFT JOIN effects ON effects.run_id = runs.run_id
WHERE runs.halt IS NOT NULL;
COMMENT ON VIEW halted_runs IS 'One row a run that a halt stopped: how long from the throw to its last side effect, and to its end.';
COMMENT ON COLUMN halted_runs.halt IS 'The throw that stopped it, as in halts.';
COMMENT ON COLUMN halted_runs.run_id IS 'Run that was stopped.';
COMMENT ON COLUMN halted_runs.mission IS 'Mission it flew.';
COMMENT ON COLUMN halted_runs.halted_at IS 'When the switch was thrown.';
COMMENT ON COLUMN halted_runs.last_effect_began_at IS 'When its last change was begun; null where it changed nothing.';
COMMENT ON COLUMN halted_runs.last_effect_ended_at IS 'When that change was done.';
COMMENT ON COLUMN halted_runs.last_effect_ms IS 'Throw to the end of the last change, in milliseconds; 0 where that was over before.';
COMMENT ON COLUMN halted_runs.ended_at IS 'When its last record was written.';
COMMENT ON COLUMN halted_runs.ended_ms IS 'Throw to last record, in milliseconds.';

CREATE MACRO utc_time(words) AS
    CASE
        WHEN regexp_matches(words, '(Z|[+-][0-9]{2}:?[0-9]{2})$') THEN try_cast(words AS TIMESTAMPTZ)
        ELSE try_cast(words AS TIMESTAMP) AT TIME ZONE 'UTC'
    END;

CREATE VIEW incident_history AS
WITH told AS (
    -- A case that is handled elsewhere carries the ticket as it was on arrival in `source`.
    SELECT
        run_id,
        0 AS ordinal,
        CASE WHEN (case_input -> 'source' ->> 'made_sla') IS NULL THEN case_input ELSE case_input -> 'source' END AS body
    FROM runs
    UNION ALL
    SELECT run_id, ordinal, body FROM events
),
tickets AS (
    SELECT
        run_id,
        body ->> 'number' AS number,
        coalesce(body ->> 'incident_state', body ->> 'state') AS incident_state,
        try_cast(body ->> 'made_sla' AS BOOLEAN) AS made_sla,
        try_cast(body ->> 'reassignment_count' AS BIGINT) AS reassignment_count,
        try_cast(body ->> 'reopen_count' AS BIGINT) AS reopen_count,
        utc_time(body ->> 'opened_at') AS opened_at,
        utc_time(body ->> 'resolved_at') AS resolved_at,
        utc_time(body ->> 'closed_at') AS closed_at,
        -- Facts may come in any order: the newest is the one the source wrote last, not the one that came last.
        row_number() OVER (
            PARTITION BY run_id
            ORDER BY
                utc_time(body ->> 'sys_updated_at') NULLS FIRST,
                try_cast(body ->> 'sys_mod_count' AS BIGINT) NULLS FIRST,
                ordinal
        ) AS place
    FROM told
    WHERE (body ->> 'number') IS NOT NULL AND (body ->> 'made_sla') IS NOT NULL
),
histories AS (
    SELECT
        run_id,
        arg_max(number, place) AS number,
        count(*) AS events,
        arg_max(incident_state, place) AS incident_state,
        arg_max(made_sla, place) AS made_sla,
        arg_max(reassignment_count, place) AS reassignment_count,
        arg_max(reopen_count, place) AS reopen_count,
        arg_max(opened_at, place) AS opened_at,
        arg_max(resolved_at, place) AS resolved_at,
        arg_max(closed_at, place) AS closed_at
    FROM tickets
    GROUP BY run_id
)
SELECT
    *,
    date_diff('second', opened_at, closed_at) AS handling_seconds,
    date_diff('second', opened_at, resolved_at) AS resolving_seconds
FROM histories;
COMMENT ON VIEW incident_history IS 'One row a run that was fed with the history of a ticket: its newest known facts.';
COMMENT ON COLUMN incident_history.run_id IS 'Run that was fed with the history.';
COMMENT ON COLUMN incident_history.number IS 'Number of the ticket.';
COMMENT ON COLUMN incident_history.events IS 'Facts told: the case itself and the events that followed.';
COMMENT ON COLUMN incident_history.incident_state IS 'Newest known state of the ticket.';
COMMENT ON COLUMN incident_history.made_sla IS 'Newest known word on whether the service level is kept.';
COMMENT ON COLUMN incident_history.reassignment_count IS 'Newest known number of reassignments.';
COMMENT ON COLUMN incident_history.reopen_count IS 'Newest known number of reopenings.';
COMMENT ON COLUMN incident_history.opened_at IS 'When the ticket was opened.';
COMMENT ON COLUMN incident_history.resolved_at IS 'When it was resolved; null if it never was.';
COMMENT ON COLUMN incident_history.closed_at IS 'When it was closed.';
COMMENT ON COLUMN incident_history.handling_seconds IS 'Opened to closed, in seconds.';
COMMENT ON COLUMN incident_history.resolving_seconds IS 'Opened to resolved, in seconds; null if it never was.';
