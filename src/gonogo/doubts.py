"""Doubts: an effect that began, whose end was never recorded, and that nobody may simply repeat.

It may or may not have happened, so nobody guesses. An exception says who owns it, and a gate shows
what is known. A person says that it did not happen (``go``: do it now, once), that it did
(``revise``: and this is its result), or leaves it (``no_go``). Each attempt is a doubt of its own: a
second crash asks again, under another gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from gonogo.cards import Known, doubt_card, shown
from gonogo.current import step_fields
from gonogo.errors import DoubtExpired, InDoubt
from gonogo.evidence.canon import payload_bytes, plain_text, short_id
from gonogo.evidence.ledger import only
from gonogo.failures import failure_fields
from gonogo.questions import Question, answer_to

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.gates import Action
    from gonogo.runs import Run

RULE = "in-doubt"
"""What stands in the place of a policy's rule: no law asks here, the missing record does."""

WRAPPED = "result"
"""The name under which a result that has no fields of its own is given."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One attempt at an effect, of which only the beginning is known."""

    action: Action
    intent: Record
    result: TypeAdapter[Any]
    check: str
    hands_key: bool
    """Whether the system was given the idempotency key, so that it can be looked for there."""

    @property
    def key(self) -> str:
        """The doubt's name in the run's evidence; another attempt has another."""
        return f"{self.action.key}/doubt:{short_id(self.intent.fields['id'], length=8)}"

    @property
    def what(self) -> str:
        """What is not known, in one sentence."""
        began = f"{self.action.request.action} began at {self.intent.fields['time'][:19]}Z"
        return f"{began} and how it ended was never recorded; it may or may not have happened."


async def settle(run: Run, doubt: Doubt, common: dict[str, Any]) -> Record | bytes:
    """Return the go under which the effect is done again, or the result of one that a person saw happen.

    Args:
        run: the run that acts.
        doubt: what is not known.
        common: what every record about the call holds.

    Raises:
        Held: a person has to be asked first; the mission does that and comes back.
        InDoubt: a person left it, or (DoubtExpired) nobody answered; it counts as not done.

    """
    digest = doubt.action.digest(run)
    opened = _own(run, doubt)
    misfits: list[str] = []
    misfit = ""
    while True:
        answer = answer_to(run, doubt.action, digest, _question(run, doubt, digest, misfits, misfit))
        match answer.data["answer"]:
            case "go":
                _close(run, doubt, opened, answer, "It did not happen; it is done now.")
                return answer
            case "revise":
                try:
                    body = read_given(doubt.result, answer)
                except ValidationError as error:
                    # The desk looks at the shape only. What does not fit in another way is asked again.
                    first = error.errors()[0]
                    misfit = f"{'.'.join(map(str, first['loc'])) or WRAPPED}: {first['msg']}."
                    misfits.append(answer.fields["id"])
                    continue
                _close(run, doubt, opened, answer, "It did happen; its result was given.")
                done = {"phase": "result", "outcome": "done", "latency_us": 0, "source": "person"}
                await _record(run, doubt, answer, common | done, body)
                return body
            case _:
                error = _left(doubt, answer)
                if not isinstance(error, DoubtExpired):
                    _close(run, doubt, opened, answer, "It is left as it is, and counts as not done.")
                left = {"phase": "result", "outcome": "in_doubt", "latency_us": 0, **failure_fields(error)}
                await _record(run, doubt, answer, common | left)
                raise error


def _own(run: Run, doubt: Doubt) -> Record:
    """Return the exception that says whose the doubt is; recorded the first time."""
    known = run.ledger.result(doubt.key)
    if known is not None:
        return known
    data = {"key": doubt.key, "reason_code": "internal", "what": doubt.what, "owner": run.charter.owner}
    return run.ledger.note("exception_record", data, fields={**doubt.action.envelope, **step_fields()})


def _close(run: Run, doubt: Doubt, opened: Record, answer: Record, what: str) -> None:
    """Record that the exception is settled, by whom, and how; once."""
    key = f"{doubt.key}/closed"
    if run.ledger.result(key) is not None:
        return
    data = {
        "key": key,
        "reason_code": opened.data["reason_code"],
        "what": what,
        "owner": opened.data["owner"],
        "closes": opened.fields["id"],
        "gate": answer.data["gate"],
        "answer": answer.data["answer"],
        "by": answer.data["by"],
    }
    run.ledger.note("exception_record", data, fields={**doubt.action.envelope, **step_fields()})


async def _record(run: Run, doubt: Doubt, answer: Record, data: dict[str, Any], body: bytes | None = None) -> None:
    fields = {**doubt.action.envelope, **step_fields()}
    await run.ledger.write("tool_call", data | {"doubt": answer.data["gate"]}, payload=body, fields=fields)


def _left(doubt: Doubt, answer: Record) -> InDoubt:
    if answer.data["proof"] == "clock":
        return DoubtExpired(
            f"{doubt.what} Nobody said which before the deadline, so it was not repeated and counts as not done."
        )
    reason = plain_text(answer.body_object().get("reason", ""), 300)
    return InDoubt(f"{doubt.what} {answer.data['by']} left it, so it counts as not done: {reason}")


def _question(run: Run, doubt: Doubt, digest: str, misfits: list[str], misfit: str) -> Question:
    """Return what the mission's owner is asked; bound to this attempt, and to what was answered before."""
    gate_id = short_id(run.id, doubt.key, digest, *misfits, length=10)
    form = form_of(doubt.result).schema
    names = ", ".join(shown(name) for name in form.get("properties", {})) or "name by name"
    known = Known(
        attempt=_attempt(run, doubt),
        system=doubt.intent.data["system"],
        check=doubt.check,
        result=f"{names} (`--set name=value`)",
        misfit=misfit,
    )
    return Question(
        gate_id, doubt.key, run.charter.owner, (RULE,), (doubt.what,), ("go", "no_go", "revise"),
        run.settings.gate_deadline_seconds, partial(doubt_card, run, gate_id, doubt.action, known),
        facts={"doubt": doubt.intent.fields["id"]}, body={"result": form},
    )  # fmt: skip


def _attempt(run: Run, doubt: Doubt) -> dict[str, object]:
    """Return what the evidence says about the attempt, by name."""
    fields, data = doubt.intent.fields, doubt.intent.data
    flown = [r for r in only(run.ledger.records, "run_record") if "lane" in r.data]
    lanes = [record.data["lane"] for record in flown if record.fields["attempt"] == fields["attempt"]]
    by_id = {record.fields["id"]: record.data for record in only(run.ledger.desk(), "approval_record")}
    allowed = [by_id[name] for name in data["approvals"] if name in by_id]
    people = ", ".join(f"{answer['by']} as {answer['role']} at gate {answer['gate']}" for answer in allowed)
    handed = "handed to the system" if doubt.hands_key else "not handed to the system"
    return {
        "system of record": data["system"],
        "effect": data["effect"],
        "begun": f"{fields['time'][:19]}Z",
        "attempt of the run": f"{fields['attempt']}, lane {lanes[-1] if lanes else run.pilot.lane}",
        "allowed by": people or "the law; nobody had to be asked",
        "idempotency key": f"{data['idempotency_key']}, {handed}",
        "operation": data["key"],
    }


@dataclass(frozen=True, slots=True)
class Form:
    """How a person gives a tool's result: always as named fields."""

    schema: dict[str, Any]
    """JSON schema of the fields; the desk refuses what does not fit it."""
    is_wrapped: bool
    """Whether the result has no fields of its own and is given as one."""


def form_of(result: TypeAdapter[Any]) -> Form:
    """Return how a person gives a result of this type."""
    try:
        schema = result.json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        schema = {}
    if schema.get("type") == "object":
        # A name nobody declared is a typing error; pydantic would drop it unseen.
        is_open = "additionalProperties" in schema or "properties" not in schema
        return Form(schema if is_open else {**schema, "additionalProperties": False}, is_wrapped=False)
    definitions = schema.pop("$defs", None)
    whole = {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED], "additionalProperties": False}
    return Form(whole if definitions is None else {**whole, "$defs": definitions}, is_wrapped=True)


def read_given(result: TypeAdapter[Any], answer: Record) -> bytes:
    """Return a result as a person gave it, in the form in which the tool's own would have been recorded."""
    given = answer.body_object().get("changes", {})
    value = given.get(WRAPPED) if form_of(result).is_wrapped else given
    return result.dump_json(result.validate_json(payload_bytes(value)), warnings=False)
