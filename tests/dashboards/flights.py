"""Evidence of runs that wait at a gate, written as a flight writes it, so that the gate is a real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gonogo.evidence.canon import payload_bytes, plain_text, sha256_hex, timestamp
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.ledger import Ledger
from tests.dashboards.drawings import CARD

if TYPE_CHECKING:
    from pathlib import Path

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
            },
            payload=payload_bytes({"card": card, "args": {"amount_eur": "7200.00"}, "preview": ""}),
        )
        ledger.note("run_record", {"event": "waiting", "park": 1, "gates": [gate], "events": []})
        ledger.stream.commit_now()
    finally:
        ledger.close()
    return run_id
