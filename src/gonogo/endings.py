"""Endings: the last record of a run, and the landing it tells of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.approvals import inherited
from gonogo.budgets import Meter
from gonogo.errors import Aborted, GateDenied, GonogoError, PolicyDenied, StepFailed
from gonogo.evidence.canon import moment, plain_text
from gonogo.evidence.ledger import only
from gonogo.failures import failure_fields
from gonogo.model import Budget
from gonogo.paths import declared_path, owed
from gonogo.plans import Flyable, Landing

if TYPE_CHECKING:
    from gonogo.evidence.ledger import Ledger
    from gonogo.evidence.records import Record
    from gonogo.evidence.streams import Stream
    from gonogo.model import Declared, Outcome, Path, RunStatus
    from gonogo.runs import Run
    from gonogo.switches import Halt


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
        "streams": [_stream_end(run.ledger.stream)],
    }
    body: bytes | None = None
    if error is not None:
        data |= failure_fields(error)
        owes = owed(run, error, _path(run, error)) if status == "failed" or path == "escalate" else None
        if owes is None and run.halt is not None:
            owes = {"reason_code": error.failure, "owner": run.charter.owner}
        if owes is not None:
            halt = _halt_fields(run.halt) if run.halt else {}
            what = _left(str(error), run.charter.safe_state) if run.halt else plain_text(str(error))
            run.ledger.note("exception_record", {"what": what, **owes, **halt})
            data["streams"] = [_stream_end(run.ledger.stream)]
        if run.halt is not None:
            data["halt"] = run.halt.id
    elif outcome is not None:
        data["outcome"] = outcome.outcome
        body = outcome.model_dump_json().encode()
    record = await run.ledger.write("run_record", data, payload=body)
    return landing_of(mission, run.ledger, record)


def end_unflown(stream: Stream, halt: Halt) -> Record:
    """Write the end of a halted run that nobody flies: aborted, none of its story, what is in doubt named.

    Args:
        stream: the run's own, opened under its lease; it has begun and has not ended.
        halt: what covers it.

    """
    first, error = stream.records[0], Aborted(halt.sentence)
    started = first.data
    envelope = inherited(first)
    about: dict[str, Any] = {"objects": [{"id": stream.run_id, "type": "run"}], "phase": "fact"}
    owned = about | {"reason_code": error.failure, "owner": started["owner"]}
    for begun in _without_result(stream.records):
        what = f"{begun.data['tool']} began at {begun.fields['time'][:19]}Z and how it ended was never recorded."
        stream.append(envelope, "exception_record", owned | {"what": what})
    what = _left(halt.sentence, started.get("safe_state", ""))
    stream.append(envelope, "exception_record", owned | {"what": what} | _halt_fields(halt))
    latency_ms = int((datetime.now(UTC) - moment(first.fields["time"])).total_seconds() * 1_000)
    sla = [{"name": "sla_kept", "value": 0, "unit": "flag"}] if started.get("sla_seconds") is not None else []
    data: dict[str, Any] = {
        **about,
        "phase": "result",
        "status": "aborted",
        "success": False,
        "escalated": False,
        "latency_ms": latency_ms,
        "totals": Meter.replayed(Budget(), stream.records).totals(),
        "measures": sla,
        "streams": [_stream_end(stream)],
        "halt": halt.id,
        **failure_fields(error),
    }
    record = stream.append(envelope, "run_record", data)
    stream.commit_now()
    return record


def _without_result(records: list[Record]) -> list[Record]:
    """Return the changes that were begun and whose end was never recorded."""
    begun: dict[str, Record] = {}
    for record in only(records, "tool_call"):
        begun.pop(record.data["key"], None)
        if record.data["phase"] == "intent" and record.data["effect"] != "read":
            begun[record.data["key"]] = record
    return list(begun.values())


def _left(sentence: str, safe_state: str) -> str:
    """Say why a run was halted, and how its mission says things stand then."""
    return plain_text(f"{sentence} Safe state: {safe_state}" if safe_state else sentence)


def _halt_fields(halt: Halt) -> dict[str, Any]:
    """Return how a halt stands in the evidence of a run that it stopped."""
    fields: dict[str, Any] = {"halt": halt.id, "target": str(halt.target), "halted_by": halt.by}
    return fields | ({"signal": halt.signal, "figures": dict(halt.figures)} if halt.signal else {})


def _path(run: Run, error: GonogoError) -> Declared:
    """Return where a run that ends goes; one that would fly again and may not, or cannot, needs a person."""
    path = declared_path(run, error)
    return "escalate" if path == "requeue" else path


def _stream_end(stream: Stream) -> dict[str, Any]:
    """Return where the run's stream stands, so that a missing tail can be seen."""
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


def unflown_landing(mission: Flyable, run_id: str, halt: Halt) -> Landing:
    """Return the landing of a run that was not begun, because it is halted; it has no evidence."""
    return Landing(
        run_id=run_id,
        mission=mission.charter.name,
        status="aborted",
        reason_code=Aborted.failure,
        error_class=Aborted.__name__,
        error=f"{halt.sentence} Nothing was started. The way out: {halt.way_out}",
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
