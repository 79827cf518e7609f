"""Acts: one call of a tool, decided, recorded and done once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gonogo.cards import shown
from gonogo.current import acting_agent, step_fields
from gonogo.doubts import Doubt, settle
from gonogo.errors import Aborted, CutOff, EvidenceBroken, GonogoError, Proposed, ToolFailed
from gonogo.evidence.canon import payload_bytes, plain_text, sha256_hex
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.failures import as_recorded, failure_fields, raise_recorded
from gonogo.gates import Action, Revision, call_facts, clear
from gonogo.operations import Operation, ask, tell
from gonogo.policy.law import Request
from gonogo.sampling import is_drawn, queue_review

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.model import Asking
    from gonogo.runs import Run
    from gonogo.tools import Tool

IDEMPOTENCY_KEY = "idempotency_key"
"""The argument under which a tool that wants one is handed the key of its call."""


async def act(
    run: Run,
    tool: Tool[Any, Any],
    values: dict[str, Any],
    key: str,
    agent: str | None = None,
    *,
    asking: Asking = "action",
    deferrable: bool = False,
) -> Any | Revision:
    """Do one tool call once: look it up, clear it with the law, record the intent, act, record the result.

    Args:
        run: the run that acts.
        tool: what to do.
        values: its arguments as plain JSON.
        key: the operation's key in the run's evidence.
        agent: the registered agent that asks; the step's own mandate, if none.
        asking: what a person is asked about it, where one is: leave, or an agent's proposal.
        deferrable: whether the caller can go on without it, where the law makes a proposal of it.

    """
    recorded = run.ledger.result(key)
    if recorded is not None:
        return _replayed(tool, recorded)
    joined = run.ledger.joined(key)
    if joined is not None:
        return await joined
    action = replace(_action(run, tool, values, key, agent or acting_agent()), asking=asking, deferrable=deferrable)
    common: dict[str, Any] = {
        "objects": [{"id": run.id, "type": "run"}, {"id": tool.system, "type": "system"}],
        "key": key,
        "tool": tool.name,
        "system": tool.system,
        "effect": tool.effect,
        "principal": action.request.principal[1],
    }
    operation = _operation(tool, values, key, action)
    begun, again = run.ledger.intent(key), None
    if begun is not None and tool.effect != "read" and not tool.is_idempotent:
        settled = await settle(run, Doubt(action, begun, tool.result, tool.check, hands_key=tool.wants_key), common)
        if isinstance(settled, bytes):
            return _read(tool, settled)
        again = settled
    # What was begun before a crash and may be repeated is not decided again; it is done, once.
    if begun is None or again is not None:
        try:
            cleared = clear(run, action)
            if isinstance(cleared, Revision):
                return cleared
            if tool.effect != "read" and again is None:
                kind, name = action.request.principal
                run.meter.act(tool.name, name, run.registry.card(name).budget if kind == "Agent" else None)
            await ask(run, operation)
        except GonogoError as error:
            await tell(run, operation, await _not_done(run, action, values, common, error))
            raise
        intent = common | {
            "phase": "intent",
            "action_digest": action.digest(run),
            "idempotency_key": sha256_hex(f"{run.id}\x1f{key}".encode()),
            "approvals": [record.fields["id"] for record in ([again, *cleared] if again else cleared)],
        }
        if again is not None:
            intent["doubt"] = again.data["gate"]
        fields = {**action.envelope, **step_fields()}
        run.ledger.note("tool_call", intent, payload=payload_bytes(values), fields=fields)
        run.meter.tool_calls += 1
    else:
        await ask(run, operation)
    work = _perform(run, tool, operation, common, action)
    return await run.shielded(run.ledger.under_way(key, work))


async def _not_done(
    run: Run, action: Action, values: dict[str, Any], common: dict[str, Any], error: GonogoError
) -> Record:
    """Record that an action was refused, or proposed instead of done; what was asked for stands beside a proposal."""
    is_proposed = isinstance(error, Proposed)
    outcome = "proposed" if is_proposed else "refused"
    data = common | {"phase": "result", "outcome": outcome, "latency_us": 0, **failure_fields(error)}
    body = payload_bytes(values) if is_proposed else None
    return await run.ledger.write("tool_call", data, payload=body, fields={**action.envelope, **step_fields()})


async def _perform(run: Run, tool: Tool[Any, Any], operation: Operation, common: dict[str, Any], action: Action) -> Any:
    """Make the intent durable where there is an effect, call the function, and make what came of it durable."""
    fields = {**action.envelope, **step_fields()}
    if tool.effect != "read":
        await run.ledger.stream.commit()
    watch = Stopwatch()
    extra = {IDEMPOTENCY_KEY: sha256_hex(f"{run.id}\x1f{operation.key}".encode())} if tool.wants_key else {}
    try:
        typed = tool.arguments.model_validate(operation.arguments)
        arguments = {name: getattr(typed, name) for name in type(typed).model_fields}
        made = partial(tool.function, **arguments, **extra)
        answer = await run.outside(made, changes=tool.effect != "read")
        body = tool.result.dump_json(answer, warnings=False)
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        known = as_recorded(error) if isinstance(error, GonogoError) else ToolFailed(f"{tool.name} failed: {told}")
        outcome = _came_to(run, tool, known, fields)
        failed = {"phase": "result", "outcome": outcome, "latency_us": watch.microseconds, **failure_fields(known)}
        await tell(run, operation, await run.ledger.write("tool_call", common | failed, fields=fields))
        raise known from error
    done = {"phase": "result", "outcome": "done", "latency_us": watch.microseconds}
    if is_drawn(run, action, tool.effect, operation.digest, "after"):
        # Before the result, so that no crash leaves a change that was drawn and is never looked at.
        queue_review(run, action, body)
    record = await run.ledger.write("tool_call", common | done, payload=body, fields=fields)
    await tell(run, operation, record)
    return _read(tool, body)


def _came_to(run: Run, tool: Tool[Any, Any], error: GonogoError, fields: dict[str, str]) -> str:
    """Return the outcome of a call without a result; a change that a halt cut off is in doubt, and has an owner."""
    if not isinstance(error, Aborted):
        return "failed"
    if not isinstance(error, CutOff):
        return "refused"
    if tool.effect == "read":
        return "failed"
    check = f" {tool.check}" if tool.check else ""
    what = f"{tool.name} was cut off by a halt; whether it happened is not known.{check}"
    data = {"reason_code": error.failure, "what": plain_text(what), "owner": run.charter.owner}
    run.ledger.note("exception_record", data, fields=fields)
    return "in_doubt"


def _read(tool: Tool[Any, Any], body: bytes) -> Any:
    try:
        return tool.result.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise EvidenceBroken(f"{tool.name} was done, but what it returned is not what it declares: {first}.") from error


def _action(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str, agent: str | None) -> Action:
    """Return the exact action the law is asked about."""
    principal = ("Agent", agent) if agent else ("Mission", run.charter.name)
    request = Request(
        principal=principal,
        action=tool.name,
        resource=("Tool", tool.name),
        call=call_facts(run),
        args={name: value for name, value in values.items() if value is not None},
    )
    if agent is None:
        return Action(key, request, _preview(tool, values), run.charter.digest)
    card = run.registry.card(agent)
    version = card.digest
    envelope = {"agentid": agent, "agentversion": card.version, "manifestdigest": version}
    action = Action(key, request, _preview(tool, values), version, envelope)
    if card.sampling is not None and is_drawn(run, action, tool.effect, sha256_hex(payload_bytes(values)), "before"):
        held = request.model_copy(update={"call": {**request.call, "held_sample": True}})
        return replace(action, request=held)
    return action


def _operation(tool: Tool[Any, Any], values: dict[str, Any], key: str, action: Action) -> Operation:
    """Return the call as watchers see it."""
    digest = sha256_hex(payload_bytes(values))
    return Operation("tool", key, tool.name, action.request.principal[1], digest, tool.system, tool.effect, values)


def _preview(tool: Tool[Any, Any], values: dict[str, Any]) -> str:
    """Return what a tool says it would change; a preview that fails hides the question from nobody."""
    if tool.preview is None:
        return ""
    try:
        return tool.preview(**values)
    except Exception as error:  # noqa: BLE001 - whatever an author's preview raises is shown instead of it
        return f"The tool's preview failed: {shown(f'{type(error).__name__}: {error}')}"


def _replayed(tool: Tool[Any, Any], record: Record) -> Any:
    if record.data["outcome"] != "done":
        raise_recorded(record)
    return _read(tool, must_have_payload(record))
