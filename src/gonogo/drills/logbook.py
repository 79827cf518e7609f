"""The logbook of drills: what was tried and how it went, as evidence in the real home."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.budgets import Meter
from gonogo.evidence.canon import sha256_hex, short_id, uuid7
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import Ledger
from gonogo.flights import requester
from gonogo.model import Budget
from gonogo.policy.force import in_force

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from gonogo.settings import Settings

OWNER = "platform"


@asynccontextmanager
async def logged(
    settings: Settings, drill: str, drill_id: str | None
) -> AsyncGenerator[Callable[[dict[str, Any]], None]]:
    """Record a drill as a run of its own: that it began, each result given to ``note``, and how it ended.

    Raises:
        EvidenceUnwritable: the recorder cannot write; nothing is drilled.

    """
    run_id = drill_id or f"drill-{drill}-{short_id(uuid7())}"
    law, _ = in_force(settings.policy_folder)
    mission, begun = f"drill_{drill}", datetime.now(UTC)
    digest = sha256_hex(mission.encode())
    ledger = Ledger.open(run_id, journal_of(settings), _envelope(settings, mission, digest, law.digest, run_id))
    passed: list[bool] = []

    def note(data: dict[str, Any]) -> None:
        passed.append(bool(data["passed"]))
        ledger.note("drill_record", data)
        # Durable at once: a drill may be followed while it lasts, and what it found stays if it breaks off.
        ledger.stream.commit_now()

    try:
        await ledger.write("run_record", _begun(settings, mission))
        try:
            yield note
        except BaseException:
            await ledger.write("run_record", _ended(begun, "failed", ledger, all_passed=False))
            raise
        good = bool(passed) and all(passed)
        await ledger.write("run_record", _ended(begun, "done" if good else "failed", ledger, all_passed=good))
    finally:
        ledger.close()


def _envelope(settings: Settings, mission: str, digest: str, law: str, run_id: str) -> dict[str, Any]:
    return {
        "tenantid": settings.tenant,
        "envname": settings.environment,
        "missionid": mission,
        "missiondigest": digest,
        "agentid": mission,
        "agentversion": digest[:12],
        "manifestdigest": digest,
        "policydigest": law,
        "traceparent": f"00-{sha256_hex(run_id.encode())[:32]}-{sha256_hex(run_id.encode())[32:48]}-01",
    }


def _begun(settings: Settings, mission: str) -> dict[str, Any]:
    return {
        "phase": "intent",
        "mission": mission,
        "owner": OWNER,
        "lane": "local",
        "requester": requester(settings),
        "scope": [],
        "budget": {"usd_micros": 0, "actions": 0},
        "model": "offline:scripted",
        "offline": True,
        "case_ref": "",
    }


def _ended(begun: datetime, status: str, ledger: Ledger, *, all_passed: bool) -> dict[str, Any]:
    stream = ledger.stream
    data: dict[str, Any] = {
        "phase": "result",
        "status": status,
        "success": all_passed,
        "escalated": False,
        "latency_ms": int((datetime.now(UTC) - begun).total_seconds() * 1_000),
        "totals": Meter(Budget()).totals(),
        "measures": [],
        "streams": [{"streamid": stream.stream_id, "seq": stream.next_seq - 1, "digest": stream.head}],
    }
    if all_passed:
        return data | {"outcome": "all_caught"}
    sentence = "Something was not caught as it has to be, or the drill did not come to its end; table drills says what."
    return data | {"reason_code": "internal", "error_class": "StepFailed", "error": sentence}
