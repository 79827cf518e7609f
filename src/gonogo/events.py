"""Outside events: what a mission waits for from the world, delivered to its desk, received once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from gonogo.approvals import inherited
from gonogo.current import current_run, current_step, step_fields
from gonogo.errors import CaseRefused, EventMissed, EvidenceBroken, RunUnknown
from gonogo.evidence.canon import moment, payload_bytes, plain_text, timestamp
from gonogo.evidence.ledger import must_have_payload, only
from gonogo.evidence.payloads import keys_of
from gonogo.evidence.scopes import current_scope
from gonogo.evidence.vaults import sealed_like
from gonogo.pilots import Held, Wait
from gonogo.provenance import marks_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.model import Door
    from gonogo.runs import Run

M = TypeVar("M", bound=BaseModel)


async def receive(name: str, model: type[M], *, within: timedelta | None = None) -> M:
    """Return the next event of a name that this run has not received yet; wait for it if need be.

    Events of a name are received in the order they were delivered, each once. An event whose body
    does not fit the model is passed over with an owned exception record, and the wait goes on.

    Raises:
        EventMissed: none came in time. The deadline counts from the first time the run waited.

    """
    run = current_run()
    key = current_scope().claim("event", name)
    seconds = run.settings.event_deadline_seconds if within is None else int(within.total_seconds())
    while True:
        receipt = run.ledger.result(key)
        if receipt is not None:
            return _read(run, receipt, model)
        event = _next_event(run, run.ledger.desk(), name, model)
        if event is not None:
            _sign_for(run, key, event)
            continue
        deadline = _deadline(run, key, name, seconds)
        if datetime.now(UTC) >= deadline:
            # Recorded, so that an event that comes later does not send a replay another way.
            missed = {"key": key, "state": "missed", "event": name, "deadline": timestamp(deadline)}
            run.ledger.note("event_receipt", missed, fields=step_fields())
            continue
        if current_step() is not None:
            raise Held(partial(_wait_for, name=name, model=model, deadline=deadline))
        await _wait_for(run, name, model, deadline)


def _read(run: Run, receipt: Record, model: type[M]) -> M:
    if receipt.data["state"] == "missed":
        raise EventMissed(f"The event {receipt.data['event']} did not come before {receipt.data['deadline'][:19]}Z.")
    for record in run.ledger.desk():
        if record.fields["id"] == receipt.data["record_id"]:
            body = must_have_payload(run.ledger.whole(record))
            run.provenance.take(record.fields["id"], receipt.data["event"], "result", body, marks_of(model))
            event = model.model_validate_json(body)
            run.ledger.learn(event)
            return event
    raise EventMissed(f"The event {receipt.data['event']} was received and is gone from the desk of run {run.id}.")


def _next_event(run: Run, desk: list[Record], name: str, model: type[BaseModel]) -> Record | None:
    """Return the oldest event of a name on the desk that has no receipt and fits; record those that do not fit."""
    for record in only(desk, "event_record"):
        known = f"event-refused:{record.fields['id']}"
        if record.data["event"] != name or record.fields["id"] in run.received or run.ledger.result(known):
            continue
        try:
            model.model_validate_json(must_have_payload(run.ledger.whole(record)))
        except ValidationError as error:
            first = error.errors()[0]
            what = f"The event {name} does not fit: {'.'.join(map(str, first['loc']))}: {first['msg']}"
            data = {"key": known, "reason_code": "data_mismatch", "what": plain_text(what), "owner": run.charter.owner}
            run.ledger.note("exception_record", data)
            continue
        return record
    return None


def _sign_for(run: Run, key: str, event: Record) -> None:
    """Record that this event went to this place of the mission."""
    waited = moment(event.fields["recordedtime"]) - run.started
    data: dict[str, Any] = {
        "key": key,
        "state": "received",
        "event": event.data["event"],
        "record_id": event.fields["id"],
        "waited_ms": max(0, int(waited.total_seconds() * 1_000)),
    }
    run.received.add(event.fields["id"])
    run.ledger.note("event_receipt", data, fields=step_fields())


def _deadline(run: Run, key: str, name: str, seconds: int) -> datetime:
    """Return when this wait ends; recorded the first time, so that a restart does not extend it."""
    begun = run.ledger.result(f"{key}/awaited")
    if begun is not None:
        return moment(begun.data["deadline"])
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    data = {"key": f"{key}/awaited", "state": "awaited", "event": name, "deadline": timestamp(deadline)}
    run.ledger.note("event_receipt", data, fields=step_fields())
    return deadline


async def _wait_for(run: Run, name: str, model: type[BaseModel], deadline: datetime) -> None:
    """Rest until such an event lies at the desk, or the deadline has passed."""
    with run.working():
        await run.ledger.stream.commit()
    with run.waiting(Wait("event", name, deadline)):
        while _next_event(run, run.look(), name, model) is None and datetime.now(UTC) < deadline:
            await run.pilot.rest(run)


def received_ids(records: Iterable[Record]) -> set[str]:
    """Return the desk records a run has signed for."""
    return {r.data["record_id"] for r in records if r.artifact == "event_receipt" and "record_id" in r.data}


def deliver(
    journal: Journal,
    run_id: str,
    name: str,
    bodies: list[tuple[dict[str, Any], datetime | None]],
    door: Door,
) -> list[Record]:
    """Put events on a run's desk, in order, durable in one write.

    Raises:
        RunUnknown: no such run has begun.
        CaseRefused: the run has ended, or a body is not a JSON object; nothing was delivered.

    """
    payloads = [_object(name, body) for body, _ in bodies]
    flight = journal.read_flight(run_id)
    if not flight:
        raise RunUnknown(f"There is no run {run_id}; `gonogo runs` lists them.")
    ended = [r for r in only(flight, "run_record") if r.data["phase"] == "result"]
    if ended:
        raise CaseRefused(f"Run {run_id} ended {ended[-1].data['status']}; it receives nothing more.")
    envelope = inherited(flight[0])
    payloads = [sealed_like(keys_of(journal.payloads), flight[0], payload) for payload in payloads]
    with journal.open_desk(run_id) as desk:
        records = [
            desk.append(
                envelope,
                "event_record",
                {
                    "objects": [{"id": run_id, "type": "run"}],
                    "phase": "fact",
                    "event": name,
                    "occurred": timestamp(occurred),
                    "door": door,
                },
                payload=payload,
                occurred=timestamp(occurred),
            )
            for payload, (_, occurred) in zip(payloads, bodies, strict=True)
        ]
        desk.commit_now()
    return records


def _object(name: str, body: object) -> bytes:
    if not isinstance(body, dict):
        raise CaseRefused(f"The event {name} must be a JSON object; {type(body).__name__} is none.")
    try:
        return payload_bytes(cast("dict[str, Any]", body))
    except EvidenceBroken as error:
        raise CaseRefused(f"The event {name} is refused: {error}") from error
