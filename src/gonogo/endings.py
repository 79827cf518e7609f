"""Endings: the last record of a run, and the landing it tells of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import Aborted, GateDenied, GonogoError, PolicyDenied, StepFailed
from gonogo.evidence.canon import plain_text
from gonogo.failures import failure_fields
from gonogo.paths import declared_path, owed
from gonogo.plans import Flyable, Landing

if TYPE_CHECKING:
    from gonogo.evidence.ledger import Ledger
    from gonogo.evidence.records import Record
    from gonogo.model import Declared, Outcome, Path, RunStatus
    from gonogo.runs import Run


async def end(mission: Flyable, run: Run, outcome: Outcome | None, error: GonogoError | None) -> Landing:
    """Write the last record of the run."""
    await run.settle()
    if error is None and not isinstance(outcome, mission.outcome_type):
        error = StepFailed(f"{mission.charter.name} returned {type(outcome).__name__}, not its declared outcome.")
    status: RunStatus = "done"
    if error is not None:
        status = "no_go" if isinstance(error, GateDenied | PolicyDenied) else "failed"
        status = "aborted" if isinstance(error, Aborted) else status
    path: Path = "outcome" if error is None else _path(run, error)
    latency_ms = int((datetime.now(UTC) - run.started).total_seconds() * 1_000)
    data: dict[str, Any] = {
        "phase": "result",
        "status": status,
        "path": path,
        "success": outcome is not None and error is None and outcome.is_success,
        "escalated": outcome is not None and error is None and outcome.is_escalated,
        "latency_ms": latency_ms,
        "totals": run.meter.totals(),
        "measures": _measures(run, outcome if error is None else None, latency_ms),
        "streams": [_stream_end(run)],
    }
    body: bytes | None = None
    if error is not None:
        data |= failure_fields(error)
        owes = owed(run, error, _path(run, error)) if status == "failed" or path == "escalate" else None
        if owes is not None:
            run.ledger.note("exception_record", {"what": plain_text(str(error)), **owes})
            data["streams"] = [_stream_end(run)]
    elif outcome is not None:
        data["outcome"] = outcome.outcome
        body = outcome.model_dump_json().encode()
    record = await run.ledger.write("run_record", data, payload=body)
    return landing_of(mission, run.ledger, record)


def _path(run: Run, error: GonogoError) -> Declared:
    """Return where a run that ends goes; one that would fly again and may not, or cannot, needs a person."""
    path = declared_path(run, error)
    return "escalate" if path == "requeue" else path


def _stream_end(run: Run) -> dict[str, Any]:
    """Return where the run's stream stands, so that a missing tail can be seen."""
    stream = run.ledger.stream
    return {"streamid": stream.stream_id, "seq": stream.next_seq - 1, "digest": stream.head}


def _measures(run: Run, outcome: Outcome | None, latency_ms: int) -> list[dict[str, Any]]:
    found = [] if outcome is None else outcome.measures()
    sla = run.charter.sla_seconds
    if sla is not None and all(measure["name"] != "sla_kept" for measure in found):
        found.append(
            {"name": "sla_kept", "value": int(outcome is not None and latency_ms <= sla * 1_000), "unit": "flag"}
        )
    return found


def landing_of(mission: Flyable, ledger: Ledger, record: Record) -> Landing:
    """Return the landing that a run's last record tells of."""
    data = record.data
    body = ledger.whole(record).body()
    return Landing(
        run_id=ledger.run_id,
        mission=mission.charter.name,
        status=data["status"],
        outcome=body,
        path=data.get("path"),
        success=data["success"],
        reason_code=data.get("reason_code"),
        error_class=data.get("error_class"),
        error=data.get("error"),
        totals=data["totals"],
        evidence=ledger.stream.next_seq,
    )


def waiting_landing(
    mission: Flyable, run: Run, error: GonogoError | None = None, again_at: str | None = None
) -> Landing:
    """Return the landing of a run that sleeps, or, after a failure, rests until it flies again."""
    return Landing(
        run_id=run.id,
        mission=mission.charter.name,
        status="waiting",
        totals=run.meter.totals(),
        evidence=run.ledger.stream.next_seq,
        waits=tuple(wait.name for wait in run.left),
        path=None if again_at is None else "requeue",
        again_at=again_at,
        reason_code=None if error is None else error.failure,
        error_class=None if error is None else type(error).__name__,
        error=None if error is None else plain_text(str(error)),
    )
