"""Calls: one call of a tool as it is put to the law and carried out, and the records of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gonogo.attempts import failed_before
from gonogo.cards import blast_radius, shown
from gonogo.current import step_fields
from gonogo.errors import EvidenceBroken, GonogoError, Proposed
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.ledger import must_have_payload, only
from gonogo.failures import failure_fields, raise_recorded, refusal_fields
from gonogo.gates import Action, call_facts, decision_key
from gonogo.operations import Operation, tell
from gonogo.policy.law import Request
from gonogo.provenance import Marks, Origin
from gonogo.questions import check_proofs
from gonogo.sampling import is_drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.evidence.records import Record
    from gonogo.model import Asking
    from gonogo.runs import Run
    from gonogo.tools import Tool


QUESTION = "/model"
"""What the key of a turn's first question to its model ends in; before it stands the key of the turn."""


@dataclass(slots=True)
class Call:
    """One call as it is carried out."""

    tool: Tool[Any, Any]
    action: Action
    operation: Operation
    common: dict[str, Any]
    """What every record about it holds."""
    fields: dict[str, str]
    """What their envelopes hold."""
    is_fresh: bool = False
    """Whether it was cleared just now and has not been tried yet."""

    @property
    def may_be_repeated(self) -> bool:
        """Whether doing it a second time does nothing new."""
        return self.tool.effect == "read" or self.tool.is_idempotent

    def reach(self) -> None:
        """Let the tool say what the call touches; what it cannot say is not nothing.

        Raises:
            BudgetExceeded: it cannot say.

        """
        self.operation = replace(self.operation, reach=self.tool.reached(dict(self.operation.arguments)))

    async def end(self, run: Run, how: dict[str, Any], body: bytes | None = None) -> Record:
        """Record how it ended, and tell those who watch."""
        number = failed_before(run, self.operation.key) + 1
        result = self.common | {"phase": "result", **how} | ({"attempts": number} if number > 1 else {})
        record = await run.ledger.write("tool_call", result, payload=body, fields=self.fields)
        if how["outcome"] == "failed":
            hear_failure(run, self.tool, record)
        await tell(run, self.operation, record)
        return record

    async def fail(self, run: Run, error: GonogoError, latency_us: int, outcome: str = "failed") -> None:
        """Record that it ended without a result, and let the failure name it as its cause."""
        await self.end(run, {"outcome": outcome, "latency_us": latency_us, **failure_fields(error)})
        error.cause = self.operation.key

    async def refuse(self, run: Run, error: GonogoError) -> None:
        """Record that it was refused, or proposed instead of done; what was asked for stands beside a proposal."""
        is_proposed = isinstance(error, Proposed)
        how = {"outcome": "proposed" if is_proposed else "refused", "latency_us": 0, **refusal_fields(error)}
        await self.end(run, how, payload_bytes(self.operation.arguments) if is_proposed else None)
        error.cause = self.operation.key


def call_of(
    run: Run,
    tool: Tool[Any, Any],
    values: dict[str, Any],
    key: str,
    agent: str | None,
    *,
    asking: Asking,
    deferrable: bool,
) -> Call:
    """Return a call with everything the law, those who watch and the recorder want to know."""
    if run.ledger.vault is not None:
        # Before anything of it is recorded.
        run.ledger.learn(tool.arguments.model_validate(values))
    action = replace(_action(run, tool, values, key, agent), asking=asking, deferrable=deferrable)
    principal = action.request.principal[1]
    common: dict[str, Any] = {
        "objects": [{"id": run.id, "type": "run"}, {"id": tool.system, "type": "system"}],
        "key": key,
        "tool": tool.name,
        "system": tool.system,
        "effect": tool.effect,
        "principal": principal,
    }
    digest = run.ledger.digest(payload_bytes(values))
    operation = Operation("tool", key, tool.name, principal, digest, tool.system, tool.effect, values)
    return Call(tool, action, operation, common, {**action.envelope, **step_fields()})


def check_approvals(run: Run, call: Call) -> None:
    """Return where a call is still exactly what people said go to, and their word still counts; right before it.

    Nothing is looked at for a call that nobody had to be asked about. One that is made again, after a
    crash or a failure, must still be the same; whether its go would count today is not asked: it began
    under a good one, and what may have happened is not made undone by a go that has run out since.

    Raises:
        ApprovalVoid: a go counts no more.
        EvidenceBroken: the call is another one than the go is about, or the go was used before.

    """
    begun = run.ledger.intent(call.operation.key)
    names = () if begun is None else begun.data["approvals"]
    if begun is None or not names:
        return
    is_fresh, call.is_fresh = call.is_fresh, False
    sent = {name: value for name, value in call.operation.arguments.items() if value is not None}
    digest = replace(call.action, request=call.action.request.model_copy(update={"args": sent})).digest(run)
    if digest != begun.data["action_digest"]:
        raise EvidenceBroken(
            f"{call.tool.name} is about to do something else than what was said go to; it is not done."
        )
    by_id = {record.fields["id"]: record.data for record in only(run.ledger.desk(), "approval_record")}
    for name in names:
        answer = by_id.get(name)
        if answer is None or not answer["accepted"] or answer["action_digest"] != digest:
            raise EvidenceBroken(f"The go {name} is not on the desk, or is about something else; it does not count.")
        if elsewhere := [key for key in run.ledger.uses_of(name) if not _is_same(key, call.operation.key)]:
            raise EvidenceBroken(f"The go at gate {answer['gate']} was used for {elsewhere[0]}; it counts once.")
    if is_fresh:
        for gate_id in dict.fromkeys(by_id[name]["gate"] for name in names):
            check_proofs(run, gate_id)


def _is_same(key: str, other: str) -> bool:
    """Whether two keys are of one operation; each time it is tried anew it has another."""
    return key.partition("/try:")[0] == other.partition("/try:")[0]


def _action(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str, agent: str | None) -> Action:
    """Return the exact action the law is asked about."""
    origins = _origins(run, tool, values, key)
    untrusted = {"untrusted": sorted({origin.argument for origin in origins})} if origins else {}
    principal = ("Agent", agent) if agent else ("Mission", run.charter.name)
    request = Request(
        principal=principal,
        action=tool.name,
        resource=("Tool", tool.name),
        call=call_facts(run) | untrusted,
        args={name: value for name, value in values.items() if value is not None},
    )
    blast = _blast(tool, values)
    if agent is None:
        return Action(key, request, _preview(tool, values), run.charter.digest, origins=origins, blast=blast)
    card = run.registry.card(agent)
    version = card.digest
    envelope = {"agentid": agent, "agentversion": card.version, "manifestdigest": version}
    action = Action(key, request, _preview(tool, values), version, envelope, origins, blast=blast)
    if card.sampling is not None and is_drawn(run, action, tool.effect, sha256_hex(payload_bytes(values)), "before"):
        held = request.model_copy(update={"call": {**request.call, "held_sample": True}})
        return replace(action, request=held)
    return action


def _origins(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str) -> tuple[Origin, ...]:
    """Return where untrusted values of a write come from: as was decided on, or as the run knows now."""
    if not tool.tracked:
        return ()
    decided = run.ledger.result(decision_key(run, key))
    if decided is not None:
        return tuple(Origin(**told) for told in decided.data.get("origins", []))
    return run.provenance.untrusted(values, tool.tracked)


def vouch(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str) -> None:
    """Note that a change was made whose target and amount no untrusted text had named.

    Systems repeat what they were told; a value that was ours before does not become theirs by that.
    """
    if tool.tracked and not _origins(run, tool, values, key):
        told = {name: values[name] for name in tool.tracked if values.get(name) is not None}
        run.provenance.take(f"{key}/arguments", tool.name, "request", payload_bytes(told))


def _preview(tool: Tool[Any, Any], values: dict[str, Any]) -> str:
    """Return what a tool says it would change; a preview that fails hides the question from nobody."""
    if tool.preview is None:
        return ""
    try:
        return tool.preview(**values)
    except Exception as error:  # noqa: BLE001 - whatever an author's preview raises is shown instead of it
        return f"The tool's preview failed: {shown(f'{type(error).__name__}: {error}')}"


def _blast(tool: Tool[Any, Any], values: dict[str, Any]) -> str:
    """Return what a call touches at most, as its tool declares it; one that cannot say is shown as that."""
    try:
        return blast_radius(tool.system, tool.effect, tool.reached(dict(values)))
    except GonogoError as error:
        return shown(str(error), 500)


def read_result(run: Run, tool: Tool[Any, Any], body: bytes, record: str) -> Any:
    """Return a result as the tool declares it; from now on the run has heard what it says.

    Raises:
        EvidenceBroken: it is not what the tool declares.

    """
    run.provenance.take(record, tool.name, "result", body, tool.marks)
    try:
        return tool.result.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise EvidenceBroken(f"{tool.name} was done, but what it returned is not what it declares: {first}.") from error


def replayed(run: Run, tool: Tool[Any, Any], record: Record) -> Any:
    """Return what a call came to, or raise it, as its record says."""
    if record.data["outcome"] != "done":
        hear_failure(run, tool, record)
        raise_recorded(record)
    return read_result(run, tool, must_have_payload(record), record.fields["id"])


def hear_failure(run: Run, tool: Tool[Any, Any], record: Record) -> None:
    """Note why a call failed: an agent is told, and a system may quote whoever wrote to it."""
    said = str(record.data.get("error", "")).encode()
    run.provenance.take(record.fields["id"], tool.name, "result", said, Marks(is_content=True))


def recall(run: Run, tools: Mapping[str, Tool[Any, Any]]) -> None:
    """Let a run that goes on know what it had heard before.

    A step that is on record is not entered again, and neither are the questions and calls within it; what their
    prompts, systems and reviewers said must count all the same.
    """
    _recall_prompts(run)
    for record in only(run.ledger.records, "tool_call"):
        tool = tools.get(record.data["tool"])
        if tool is None or record.data["phase"] != "result":
            continue
        if record.data["outcome"] == "failed":
            hear_failure(run, tool, record)
        elif record.data["outcome"] == "done" and (whole := run.ledger.whole(record)).payload is not None:
            begun = run.ledger.intent(record.data["key"])
            if begun is not None:
                vouch(run, tool, run.ledger.whole(begun).body_object(), record.data["key"])
            run.provenance.take(record.fields["id"], tool.name, "result", whole.payload.body, tool.marks)
    _recall_reviewers(run)


def _recall_prompts(run: Run) -> None:
    """Take what agents were told from the first question of each of their turns, which holds it."""
    for record in only(run.ledger.records, "model_call"):
        if record.data["phase"] == "intent" and (told := run.ledger.whole(record).payload) is not None:
            turn = record.data["key"].removesuffix(QUESTION)
            run.provenance.take(turn, record.data["agent"], "prompt", told.body)


def _recall_reviewers(run: Run) -> None:
    asked = {request.data["gate"]: request.data["key"].rpartition("/gate:")[0] for request in run.ledger.requests}
    for answer in only(run.ledger.desk(), "approval_record"):
        if answer.data["answer"] == "revise" and answer.data["accepted"] and answer.data["gate"] in asked:
            body = answer.body_object()
            said = payload_bytes({"reason": body.get("reason", ""), "changes": body.get("changes", {})})
            run.provenance.take(f"{asked[answer.data['gate']]}/revision", "reviewer", "request", said)
