"""Answers to gates: who may give one, what it is bound to, and how it becomes evidence.

An answer is a record at the run's desk. Waking the run is somebody else's business: a run that
wakes without an accepted answer goes back to sleep.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.asked import NotProven, risk_in, risk_named
from gonogo.ballots import (
    PROVEN,
    Reply,
    accepted_answer,
    accepted_answers,
    asked_of,
    completed,
    prove,
    quorum_of,
    standing,
)
from gonogo.drafts import draft
from gonogo.errors import AnswerRefused, RunUnknown
from gonogo.evidence.canon import moment, payload_bytes, plain_text
from gonogo.evidence.ledger import only
from gonogo.evidence.payloads import keys_of, whole
from gonogo.evidence.vaults import sealed_like
from gonogo.ladders import climb
from gonogo.settings import settings
from gonogo.signers import sign
from gonogo.statements import BREAK_GLASS, NAMESPACE
from gonogo.switches import halted
from gonogo.verdicts import close_overdue, find_wrong, is_review

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.keyring import Keyring
    from gonogo.evidence.records import Record
    from gonogo.evidence.streams import Stream
    from gonogo.model import Answer, Asking, Environment
    from gonogo.proofs import Proven
    from gonogo.settings import Settings

_INHERITED = (
    "subject", "runid", "tenantid", "envname", "missionid", "missiondigest",
    "agentid", "agentversion", "manifestdigest", "policydigest", "attempt", "traceparent", "subjectrefs",
)  # fmt: skip


_MARKED: tuple[Asking, ...] = ("doubt", "failure", "proposal", "review", "glass")
"""What the request of a gate that asks for anything but leave is marked with."""


def inherited(record: Record) -> dict[str, Any]:
    """Return the envelope fields a desk record takes over from the run's own evidence."""
    return {name: record.fields[name] for name in _INHERITED if name in record.fields}


def find_request(journal: Journal, gate_id: str, run_id: str | None = None) -> Record:
    """Return the request of a gate, whichever run it belongs to.

    Raises:
        RunUnknown: no run has asked at such a gate.

    """
    for run in [run_id] if run_id else journal.runs_mentioning(gate_id):
        # The last one: a gate that a changed law replaced, and that holds again, was asked at again.
        for record in reversed(only(journal.read_flight(run), "approval_request")):
            if record.data["gate"] == gate_id:
                return whole(journal.payloads, record)
    msg = f"There is no gate {gate_id}; `gonogo gates` lists those that wait."
    raise RunUnknown(msg)


def answer_gate(
    journal: Journal,
    gate_id: str,
    reply: Reply,
    environment: Environment,
    run_id: str | None = None,
) -> Record:
    """Record an answer to a gate; the first accepted one counts, and a refused one is evidence, too.

    Raises:
        RunUnknown: there is no such gate.
        AnswerRefused: the answer does not count; the message says why. The refusal is recorded.

    """
    request = find_request(journal, gate_id, run_id)
    keys = keys_of(journal.payloads)
    with journal.open_desk(request.run_id) as desk:
        # The run's own environment counts, whatever shell the answer comes from.
        strict = environment if request.fields["envname"] == "dev" else request.fields["envname"]
        proven: Proven | None = None
        # Which rungs of its ladder had come when somebody answered is on record before the answer is.
        climb(desk, request, inherited(request), datetime.now(UTC))
        try:
            reply = completed(reply)
            _refuse(_objection(request, desk.records, reply, strict))
            if reply.proof != "clock":
                _refuse(superseded(journal.read_flight(request.run_id), request))
                _refuse(None if is_review(request) else _halted(request))
            if not is_review(request) and journal.has_ended(request.run_id):
                _refuse(f"Run {request.run_id} has ended; nobody waits at gate {gate_id} any more.")
            if reply.proof in PROVEN:
                # The last of all: a code is used up by it.
                asked = asked_of(request, desk.records, strict)
                proven = prove(settings(), asked, reply, request, desk.records)
        except NotProven as error:
            _write(keys, desk, request, reply, str(error))
            raise AnswerRefused(str(error)) from error
        if is_review(request):
            close_overdue(desk, request, reply, inherited(request))
            if reply.answer == "no_go":
                find_wrong(desk, request, reply, inherited(request))
        return _write(keys, desk, request, reply, None, proven=proven)


def _refuse(objection: str | None) -> None:
    if objection is not None:
        raise NotProven(objection)


def _halted(request: Record) -> str | None:
    """Return why nobody may say go while a run is halted; its gates are void with it."""
    halt = halted(settings(), run_id=request.run_id, mission=request.fields["missionid"])
    return None if halt is None else f"The gate is void with its run. {halt.sentence}"


def _objection(  # noqa: PLR0911 - one return for each reason to refuse
    request: Record, desk: list[Record], reply: Reply, environment: Environment
) -> str | None:
    """Return why an answer does not count, or ``None``."""
    gate_id = request.data["gate"]
    earlier = accepted_answer(desk, gate_id)
    if earlier is not None:
        told = earlier.data["answer"].replace("_", "-")
        return f"Gate {gate_id} was already answered {told} by {earlier.data['by']}; an answer is given once."
    if reply.proof == "clock":
        return None if reply.answer == "no_go" else f"The clock only says no-go; it cannot say {reply.answer}."
    if reply.proof == "unproven" and (flaw := _lacks_proof(request, desk, reply, environment)):
        return flaw
    if reply.answer not in request.data["options"]:
        return f"Gate {gate_id} takes {', '.join(request.data['options'])}; {reply.answer} is not among them."
    if not reply.by.strip() or not reply.reason.strip():
        return f"Gate {gate_id} needs a name and a reason; an answer without either tells nobody anything."
    if reply.changes and reply.answer != "revise":
        return f"Changed arguments make it another action: answer revise, not {reply.answer}, to change them."
    # At these, not arguments are given but what came of it, or what stands in its place.
    is_given = reply.answer == "revise" and asking_of(request) in {"doubt", "failure"}
    if is_given and (misfit := _misfit(request, reply.changes)):
        return f"revise at gate {gate_id} gives the result, and what was given does not fit: {misfit}"
    if not is_review(request) and datetime.now(UTC) >= moment(request.data["deadline"]):
        return f"The deadline of gate {gate_id} has passed; it counts as no-go."
    return None


def _lacks_proof(request: Record, desk: list[Record], reply: Reply, environment: Environment) -> str | None:
    """Return why a typed name is not enough here, or ``None``."""
    gate_id = request.data["gate"]
    if reply.reason_code == BREAK_GLASS:
        return f"To break the glass at gate {gate_id} takes a signature, in every environment; answer with a key."
    if environment != "dev":
        return (
            f"{reply.by} is a name without proof, which counts only in the dev environment; "
            f"this is {environment}. Answer with proof of who you are."
        )
    risk = risk_in(risk_named(request.data.get("risk")), environment)
    if risk != "low":
        return f"{reply.by} is a name without proof, and gate {gate_id} is of {risk} risk; answer with a key or a code."
    if any(each.data["by"] == plain_text(reply.by, 200) for each in accepted_answers(desk, gate_id)):
        return f"{reply.by} has answered gate {gate_id} already; it takes {quorum_of(request)} different people."
    return None


def is_doubt(request: Record) -> bool:
    """Whether a gate asks what became of an effect, not whether it may happen."""
    return "doubt" in request.data


def asking_of(request: Record) -> Asking:
    """Return what a gate is about."""
    for asking in _MARKED:
        if asking in request.data:
            return asking
    return "action"


def superseded(flight: Iterable[Record], request: Record) -> str | None:
    """Return why nobody waits at a gate any more that was never answered; ``None`` while somebody does.

    A changed law or agent makes of the same operation another action, with another gate or none.
    """
    gate_id, found = request.data["gate"], None
    operation = request.data["key"].rpartition("/gate:")[0]
    for record in flight:
        key = str(record.data.get("key", ""))
        if record.seq <= request.seq or not key.startswith(operation):
            continue
        if record.artifact == "approval_request" and key.startswith(f"{operation}/gate:"):
            found = f"gate {record.data['gate']} has replaced it. Answer that one"
        is_ruled = record.artifact == "policy_decision" and key.startswith(f"{operation}/decision:")
        if is_ruled and record.data["verdict"] != "gate":
            verdict = "allows" if record.data["verdict"] == "allow" else "forbids"
            found = f"the law now {verdict} it without anybody's go. Nothing is left to answer"
    return None if found is None else f"Law, agent or action changed after gate {gate_id} had asked: {found}."


def _misfit(request: Record, changes: dict[str, Any]) -> str | None:
    """Return what is wrong with a result that a person gave, or ``None``; the run looks again, with the tool's type."""
    schema = request.body_object().get("result")
    if schema is None:
        return None
    from jsonschema import Draft202012Validator

    validator: Any = Draft202012Validator(schema)
    worst = next(validator.iter_errors(changes), None)
    if worst is None:
        return None
    where = ".".join(map(str, worst.absolute_path))
    return plain_text(f"{where}: {worst.message}." if where else f"{worst.message}.", 500)


def _write(
    keys: Keyring, desk: Stream, request: Record, reply: Reply, objection: str | None, *, proven: Proven | None = None
) -> Record:
    data: dict[str, Any] = {
        "objects": [{"id": request.run_id, "type": "run"}, {"id": request.data["gate"], "type": "gate"}],
        "phase": "fact",
        "gate": request.data["gate"],
        "answer": plain_text(reply.answer, 40),
        "by": plain_text(reply.by, 200),
        "role": request.data["role"],
        "proof": reply.proof,
        "door": reply.door,
        "action_digest": request.data["action_digest"],
        "accepted": objection is None,
    }
    body: dict[str, Any] = {"reason": plain_text(reply.reason, 10_000), "changes": reply.changes}
    if objection is not None:
        data["refused_because"] = plain_text(objection)
    else:
        data |= standing(request, desk.records, reply)
    if proven is not None:
        data |= proven.data()
        body |= proven.kept
    who = {"authtype": _authtype(reply, proven), "authid": data["by"]}
    payload = sealed_like(keys, request, payload_bytes(body))
    record = desk.append({**inherited(request), **who}, "approval_record", data, payload=payload)
    desk.commit_now()
    return record


def _authtype(reply: Reply, proven: Proven | None) -> str:
    if reply.proof == "clock":
        return "system"
    return "unauthenticated" if proven is None else "user"


def signed_token(
    chosen: Settings, request: Record, answer: Answer, who: tuple[str, str], key: Path, **more: Any
) -> str:
    """Return the token of an answer that its person signs now, with their own key.

    Args:
        chosen: whose environment the shell has.
        request: what the gate asks.
        answer: what is said.
        who: the person's enrolled name, and the reason in words.
        key: the file of the key, or of the public half of an agent's or a security key.
        more: ``code``, the reason code, and ``changes``.

    Raises:
        AnswerRefused: it cannot be signed; nothing was answered.

    """
    made = draft(chosen, request, answer, who, code=more.get("code"), changes=more.get("changes"))
    return made.token(sign(key, made.statement, NAMESPACE))


def silence(gate_id: str) -> Reply:
    """Return what the deadline says: no."""
    return Reply("no_go", "deadline", f"Nobody answered gate {gate_id} before its deadline.", "deadline", "clock")
