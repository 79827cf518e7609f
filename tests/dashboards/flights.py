"""Evidence of runs that wait at a gate, written as a flight writes it, so that the gate is a real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.evidence.canon import payload_bytes, plain_text, sha256_hex, timestamp
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.ledger import Ledger
from tests.dashboards.drawings import CARD
from tests.dashboards.fleets import rows

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

RUN = "claims-triage-aaaabbbbcccc"
GATE = "gate234567"

ENVELOPE = {
    "tenantid": "default",
    "envname": "dev",
    "missionid": "claims_triage",
    "missiondigest": sha256_hex(b"mission"),
    "agentid": "claims_triage",
    "agentversion": "1",
    "manifestdigest": sha256_hex(b"mission"),
    "policydigest": sha256_hex(b"law"),
}
_STARTED = {
    "phase": "intent",
    "mission": "claims_triage",
    "owner": "claims-operations",
    "lane": "local",
    "requester": "night-shift",
    "scope": ["claims", "payments"],
    "budget": {"usd_micros": 2_000_000, "actions": 40},
    "model": "offline:scripted",
    "offline": True,
    "case_ref": "CLM-20417",
}


def waiting_run(
    home: Path,
    run_id: str = RUN,
    gate: str = GATE,
    *,
    action: str = "issue_payment",
    card: str = CARD,
    deadline: timedelta = timedelta(hours=4),
    risk: str | None = None,
) -> str:
    """Record a run that has opened a gate and waits at it; return the run's id."""
    ledger = Ledger.open(run_id, FileJournal(home / "journals"), ENVELOPE)
    try:
        ledger.note("run_record", _STARTED, payload=b'{"claim_id":"CLM-20417"}')
        ledger.note(
            "approval_request",
            {
                "objects": [{"id": run_id, "type": "run"}, {"id": gate, "type": "gate"}],
                "gate": gate,
                "key": f"/tool:pay/gate:{gate}",
                "action": plain_text(action),
                "action_digest": sha256_hex(action.encode()),
                "card_digest": sha256_hex(card.encode()),
                "role": "claims-manager",
                "rules": ["payout-limit"],
                "because": ["A payout above 5,000 EUR needs a claims manager."],
                "options": ["go", "no_go", "revise"],
                "requester": "night-shift",
                "deadline": timestamp(datetime.now(UTC) + deadline),
                **({} if risk is None else {"risk": risk}),
            },
            payload=payload_bytes({"card": card, "args": {"amount_eur": "7200.00"}, "preview": ""}),
        )
        ledger.note("run_record", {"event": "waiting", "park": 1, "gates": [gate], "events": []})
        ledger.stream.commit_now()
    finally:
        ledger.close()
    return run_id


def landed(*more: str, deadline: timedelta = timedelta(hours=4), doubt: str | None = None) -> Any:
    """Return what fills a mart with the gate of :func:`waiting_run`, and others like it."""

    def fill(con: DuckDBPyConnection) -> None:
        con.execute("SET TimeZone = 'UTC'")
        now = con.execute("SELECT now()").fetchall()[0][0]
        for nth, gate in enumerate((GATE, *more)):
            run = RUN if gate == GATE else f"run-{gate}"
            common = {"run_id": run, "mission": "claims_triage", "requester": "night-shift"}
            run_row = {"status": "waiting", "owner": "claims-operations", "waiting_gates": [gate], "waiting_events": []}
            zeros = dict.fromkeys(("cost_micros", "model_calls", "tool_calls", "input_tokens", "output_tokens"), 0)
            rows(con, "runs", [{**common, **run_row, **zeros, "records": 3, "last_recorded_at": now}])
            asked = {
                "gate": gate, "action": "issue_payment", "card": f"## Card of {gate}", "role": "claims-manager",
                "options": ["go", "no_go", "revise"], "opened_at": now - timedelta(minutes=9),
                "deadline": now + deadline + timedelta(minutes=nth), "state": "open", "doubt": doubt,
            }  # fmt: skip
            rows(con, "gates", [{**common, **asked}])

    return fill
