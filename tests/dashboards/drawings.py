"""What drawn fleets are made of: runs of two missions with all that hangs on them, as SQL and rows, seeded."""

from __future__ import annotations

from typing import Any

CARD = """## Go or no-go: `issue_payment`

**claims-payments** of mission **claims_triage** wants to do this for night-shift.

| argument | value |
|---|---|
| claim_id | `CLM-20417` |
| amount_eur | `7200.00` |
| payee | `Iris Halvorsen` |

**Why you are asked**
- A payout above 5,000 EUR needs a claims manager. (`payout-limit`)

**What would change**

| account | before | after |
|---|---|---|
| claims reserve | `41,300.00` | `34,100.00` |

**So far** this run has made 4 model calls and 1 of at most 40 changes, for 0.0187 USD (notional prices). \
The agents run on the scripted **offline model**.

**If you say** `go`, exactly this is done, once. `no_go` stops it. `revise` sends your remarks back.

Role **claims-manager**
"""

RUNS = """
INSERT INTO runs BY NAME
WITH drawn AS (
    SELECT
        i,
        hash(i * 7919 + $seed) % 1000 AS dice,
        hash(i * 104729 + $seed) % 1000 AS second,
        i % 3 = 0 AS claim,
        $now::TIMESTAMPTZ - to_milliseconds(((($runs - i) * $spread_ms) / $runs)::BIGINT + 400000) AS started_at
    FROM range($runs) AS r(i)
),
told AS (
    SELECT
        *,
        i >= $runs - $live AS is_live,
        CASE
            WHEN i >= $runs - $live THEN CASE WHEN dice < 450 THEN 'flying' ELSE 'waiting' END
            WHEN dice < 820 THEN 'done'
            WHEN dice < 900 THEN 'no_go'
            WHEN dice < 920 THEN 'aborted'
            WHEN dice < 960 THEN 'failed'
            ELSE 'done'
        END AS status,
        1500 + second * 60 AS latency_ms
    FROM drawn
)
SELECT
    CASE WHEN claim THEN 'claims-triage-' ELSE 'incident-response-' END || substr(md5(i::VARCHAR || $seed), 1, 12)
        AS run_id,
    CASE WHEN claim THEN 'claims_triage' ELSE 'incident_response' END AS mission,
    CASE WHEN claim THEN 'claims-operations' ELSE 'service-operations' END AS owner,
    'dev' AS environment,
    'default' AS tenant,
    'mission' AS lane,
    'night-shift' AS requester,
    'offline:scripted' AS model,
    $offline AS offline,
    CASE WHEN claim THEN 'CLM-' || (20000 + i) ELSE 'INC' || lpad((45000 + i)::VARCHAR, 7, '0') END AS case_ref,
    status,
    CASE
        WHEN status <> 'done' THEN NULL
        WHEN second < 140 THEN CASE WHEN claim THEN 'investigator' ELSE 'handed_over' END
        ELSE CASE WHEN claim THEN 'paid' ELSE 'resolved' END
    END AS outcome,
    CASE WHEN is_live THEN NULL ELSE status = 'done' AND second >= 140 END AS success,
    CASE WHEN is_live THEN NULL ELSE status = 'done' AND second < 140 END AS escalated,
    CASE status WHEN 'failed' THEN 'tool_failure' WHEN 'no_go' THEN 'approval_denied' WHEN 'aborted' THEN 'aborted' END
        AS reason_code,
    CASE status
        WHEN 'failed' THEN 'The ledger did not answer within 30 s.'
        WHEN 'no_go' THEN 'issue_payment: no-go by Dana: the invoice is older than the policy.'
    END AS error,
    started_at,
    CASE WHEN NOT is_live THEN started_at + to_milliseconds(latency_ms) END AS ended_at,
    CASE WHEN NOT is_live THEN latency_ms END AS latency_ms,
    CASE WHEN claim THEN NULL ELSE 3600 END AS sla_seconds,
    CASE WHEN is_live OR claim THEN NULL ELSE second < 930 END AS sla_kept,
    1 AS attempts,
    CASE WHEN status = 'waiting' AND second < 600 THEN [substr(md5('gate' || i), 1, 10)] ELSE [] END AS waiting_gates,
    CASE WHEN status = 'waiting' AND second >= 600 THEN ['customer_documents'] ELSE [] END AS waiting_events,
    (dice % 5 = 0)::BIGINT AS gates,
    (status = 'no_go')::BIGINT AS interventions,
    2000000 AS budget_usd_micros,
    40 AS budget_actions,
    9000 + second * 24 AS cost_micros,
    $currency AS currency,
    $basis AS price_basis,
    4 AS model_calls,
    6 AS tool_calls,
    2 AS actions,
    4100 AS input_tokens,
    620 AS output_tokens,
    31 AS records,
    CASE WHEN is_live THEN $now::TIMESTAMPTZ - to_milliseconds(second * 900)
        ELSE started_at + to_milliseconds(latency_ms) END AS last_recorded_at
FROM told
"""

STEPS = """
INSERT INTO steps BY NAME
SELECT
    run_id,
    'step:' || name AS key,
    1 AS occurrence,
    mission,
    name AS step,
    '' AS branch,
    CASE WHEN nth = 4 AND status IN ('flying', 'waiting') THEN 'open' ELSE 'done' END AS outcome,
    CASE WHEN nth = 4 AND status IN ('flying', 'waiting') THEN NULL
        ELSE (base_us * exp(0.45 * ((hash(run_id || name) % 2000) / 500.0 - 2)))::BIGINT END AS latency_us,
    cost_micros // 4 AS cost_micros,
    1 AS model_calls,
    1 AS tool_calls,
    started_at + to_milliseconds(nth * 200) AS started_at,
    NULL AS ended_at
FROM runs
JOIN (VALUES
    ('claims_triage', 1, 'read_claim', 3000), ('claims_triage', 2, 'assess_damage', 1400000),
    ('claims_triage', 3, 'check_fraud_signals', 620000), ('claims_triage', 4, 'pay', 48000),
    ('incident_response', 1, 'read_alert', 2200), ('incident_response', 2, 'classify_severity', 910000),
    ('incident_response', 3, 'propose_runbook', 2300000), ('incident_response', 4, 'remediate', 150000)
) AS path(of, nth, name, base_us) ON path.of = runs.mission
"""

GATES = """
INSERT INTO gates BY NAME
SELECT
    CASE WHEN status = 'waiting' THEN waiting_gates[1] ELSE substr(md5('gate' || run_id), 1, 10) END AS gate,
    run_id,
    mission,
    CASE WHEN mission = 'claims_triage' THEN 'claims-payments' ELSE 'runbook-operator' END AS agent_id,
    CASE WHEN mission = 'claims_triage' THEN 'issue_payment' ELSE 'restart_service' END AS action,
    $card AS card,
    '{"claim_id": "CLM-20417", "amount_eur": "7200.00"}'::JSON AS arguments,
    CASE WHEN mission = 'claims_triage' THEN 'claims-manager' ELSE 'duty-manager' END AS role,
    ['A payout above 5,000 EUR needs a claims manager.'] AS because,
    ['payout-limit'] AS rules,
    ['go', 'no_go', 'revise'] AS options,
    requester,
    CASE WHEN status = 'waiting' THEN last_recorded_at ELSE started_at + to_milliseconds(900) END AS opened_at,
    CASE WHEN status = 'waiting' THEN last_recorded_at + to_minutes((hash(run_id) % 300 + 20)::INTEGER)
        ELSE started_at + to_hours(24) END AS deadline,
    CASE WHEN status = 'waiting' THEN 'open' ELSE 'answered' END AS state,
    CASE status WHEN 'waiting' THEN NULL WHEN 'no_go' THEN 'no_go' ELSE 'go' END AS answer,
    CASE WHEN status <> 'waiting' THEN ['Dana Ortiz', 'Lee Novak', 'Sam Okafor'][1 + (hash(run_id) % 3)::INTEGER] END
        AS answered_by,
    CASE WHEN status <> 'waiting' THEN 'unproven' END AS proof,
    CASE WHEN status <> 'waiting' THEN 'dashboard' END AS door,
    CASE status WHEN 'waiting' THEN NULL WHEN 'no_go' THEN 'The invoice is older than the policy.'
        ELSE 'Photos and invoice agree.' END AS reason,
    CASE WHEN status <> 'waiting' THEN started_at + to_minutes(6) END AS answered_at,
    CASE WHEN status <> 'waiting' THEN 359100 END AS waited_ms
FROM runs
WHERE (status = 'waiting' AND len(waiting_gates) > 0) OR (status NOT IN ('waiting', 'flying') AND gates > 0)
"""

APPROVALS = """
INSERT INTO approvals BY NAME
SELECT
    md5('approval' || gate) AS id, gate, run_id, mission, answer, answered_by, role, proof, door, TRUE AS accepted,
    reason, answered_at
FROM gates
WHERE answered_at IS NOT NULL
"""

DECISIONS = """
INSERT INTO decisions BY NAME
SELECT run_id, 'd' AS key, mission, CASE WHEN status = 'aborted' THEN 'deny' ELSE 'allow' END AS verdict,
    []::VARCHAR[] AS approvals, started_at AS decided_at
FROM runs
"""

MODEL_CALLS = """
INSERT INTO model_calls BY NAME
SELECT
    run_id, 'model:' || step AS key, 1 AS occurrence, mission, steps.key AS step_key,
    CASE WHEN mission = 'claims_triage' THEN 'claims_assessor' ELSE 'incident_monitor' END AS agent_id,
    'scripted' AS requested_model, 'scripted' AS returned_model, 'done' AS outcome,
    steps.cost_micros, runs.currency, runs.price_basis, steps.started_at, steps.started_at AS ended_at
FROM steps
JOIN runs USING (run_id, mission)
"""

TOOL_CALLS = """
INSERT INTO tool_calls BY NAME
SELECT
    run_id, 'tool:' || step AS key, 1 AS occurrence, mission, steps.key AS step_key,
    CASE WHEN mission = 'claims_triage' THEN 'claims_cashier' ELSE 'incident_remediator' END AS agent_id,
    CASE WHEN mission = 'claims_triage' THEN 'pay_claim' ELSE 'restart_service' END AS tool,
    CASE WHEN mission = 'claims_triage' THEN 'payments' ELSE 'services' END AS system,
    'write' AS effect, outcome, 1 AS records, 0 AS recipients,
    CASE WHEN mission = 'claims_triage' THEN 125000 ELSE 0 END AS amount_cents, started_at, started_at AS ended_at
FROM steps
WHERE step IN ('pay', 'remediate')
"""

REVIEWS = """
INSERT INTO reviews BY NAME
SELECT
    substr(md5('review' || run_id), 1, 10) AS gate, run_id, mission, 'claims_cashier' AS agent_id, 'pay_claim' AS tool,
    'sample-reviewer' AS role, CASE hash(run_id) % 4 WHEN 0 THEN 'open' WHEN 1 THEN 'wrong' ELSE 'right' END AS state,
    started_at AS asked_at, started_at + INTERVAL 14 DAY AS due_at
FROM runs
WHERE mission = 'claims_triage' AND status = 'done' AND hash(run_id) % 10 = 0
"""

VERSIONS = """
INSERT INTO versions BY NAME
SELECT run_id, mission, 'agent' AS object, 'claims_cashier' AS id, '0.9.0' AS version, started_at AS logged_at
FROM runs
WHERE mission = 'claims_triage'
"""

OWNED: tuple[dict[str, Any], ...] = tuple(
    {"finding": f"drift-{severity}-1", "run_id": "docket", "mission": "incident_response", "monitor": "outcome_rate",
     "severity": severity, "owner": "service-operations", "deputy": "platform-engineering", "route": route,
     "state": state, "sentence": "Success fell from 91.0 % to 78.0 %.", "needs_runs": 100, "opened": opened, "due": due,
     "receipt": "ticket T-7"}
    for severity, route, state, opened, due in (
        ("critical", "pause", "routed", 6, -2),
        ("high", "demote", "open", 4, 44),
        ("medium", "ticket", "closed", 90, 150),
    )
)  # fmt: skip
"""Findings that somebody owns: one that is overdue, one that is not, and one that later runs closed."""

MEASURES = """
INSERT INTO measures BY NAME
SELECT run_id, mission, 'acknowledged_seconds' AS name, 40 + hash(run_id) % 200 AS value, 'seconds' AS unit,
    ended_at AS measured_at
FROM runs WHERE mission = 'incident_response' AND ended_at IS NOT NULL
"""

FINDINGS: tuple[dict[str, Any], ...] = (
    {"monitor": "outcome_rate", "mission": "incident_response", "step": None, "should": 91.0, "is_now": 78.0,
     "unit": "%", "test": "fisher", "statistic": None, "p": 0.001, "q": 0.004, "n_baseline": 240, "n_current": 100,
     "verdict": "drift", "severity": "high", "sentence": "Success fell from 91.0 % to 78.0 %."},
    {"monitor": "latency_p50", "mission": "incident_response", "step": "classify_severity", "should": 905.0,
     "is_now": 911.0, "unit": "ms", "test": "mann-whitney", "statistic": 1.0, "p": 0.4, "q": 0.6, "n_baseline": 240,
     "n_current": 100, "verdict": "ok", "severity": "none", "sentence": "The median stayed at about 0.9 s."},
    {"monitor": "outcome_rate", "mission": "claims_triage", "step": None, "should": None, "is_now": None, "unit": "%",
     "test": "none", "statistic": None, "p": None, "q": None, "n_baseline": 12, "n_current": 9,
     "verdict": "not_enough_data", "severity": "unknown", "sentence": "9 runs are too few to say; 50 are needed."},
)  # fmt: skip
"""One finding of each verdict."""
