"""Acts: one call of a tool, decided, recorded and done once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gonogo.cards import shown
from gonogo.current import acting_agent, step_fields
from gonogo.doubts import Doubt, settle
from gonogo.errors import EvidenceBroken, GonogoError, ToolFailed
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.failures import as_recorded, failure_fields, raise_recorded, refusal_fields
from gonogo.gates import Action, Revision, call_facts, clear
from gonogo.operations import Operation, ask, tell
from gonogo.policy.law import Request
from gonogo.uses import Claim, reach_fields

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.runs import Run
    from gonogo.tools import Tool

IDEMPOTENCY_KEY = "idempotency_key"
"""The argument under which a tool that wants one is handed the key of its call."""


async def act(
    run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str, agent: str | None = None
) -> Any | Revision:
    """Do one tool call once: look it up, clear it with the law, record the intent, act, record the result.

    Args:
        run: the run that acts.
        tool: what to do.
        values: its arguments as plain JSON.
        key: the operation's key in the run's evidence.
        agent: the registered agent that asks; the step's own mandate, if none.

    """
    recorded = run.ledger.result(key)
    if recorded is not None:
        return _replayed(tool, recorded)
    joined = run.ledger.joined(key)
    if joined is not None:
        return await joined
    action = _action(run, tool, values, key, agent or acting_agent())
    common: dict[str, Any] = {
        "objects": [{"id": run.id, "type": "run"}, {"id": tool.system, "type": "system"}],
        "key": key,
        "tool": tool.name,
        "system": tool.system,
        "effect": tool.effect,
        "principal": action.request.principal[1],
    }
    begun, again = run.ledger.intent(key), None
    if begun is not None and tool.effect != "read" and not tool.is_idempotent:
        settled = await settle(run, Doubt(action, begun, tool.result, tool.check, hands_key=tool.wants_key), common)
        if isinstance(settled, bytes):
            return _read(tool, settled)
        again = settled
    # What was begun before a crash and may be repeated is not decided again; it is done, once.
    if begun is None or again is not None:
        operation = _operation(tool, values, key, action)
        try:
            cleared = clear(run, action)
            if isinstance(cleared, Revision):
                return cleared
            operation = replace(operation, reach=tool.reached(values))
            claim = _claim(operation, again)
            await _afford(run, operation, claim, action)
        except GonogoError as error:
            refused = {"phase": "result", "outcome": "refused", "latency_us": 0, **refusal_fields(error)}
            fields = {**action.envelope, **step_fields()}
            await tell(run, operation, await run.ledger.write("tool_call", common | refused, fields=fields))
            raise
        intent = common | {
            "phase": "intent",
            "action_digest": action.digest(run),
            "idempotency_key": sha256_hex(f"{run.id}\x1f{key}".encode()),
            "approvals": [record.fields["id"] for record in ([again, *cleared] if again else cleared)],
            **reach_fields(operation.reach, tool.effect),
            **run.meter.time_fields(),
        }
        if again is not None:
            intent["doubt"] = again.data["gate"]
        fields = {**action.envelope, **step_fields()}
        record = run.ledger.note("tool_call", intent, payload=payload_bytes(values), fields=fields)
        # Whatever comes of it, a call that was begun is used up.
        run.meter.settle(claim, record)
    else:
        # What it uses was counted when it was begun.
        operation = replace(_operation(tool, values, key, action), reach=tool.reached(values))
        run.meter.check_time(f"{tool.name} by {operation.principal}")
        await ask(run, operation)
    work = _perform(run, tool, operation, common, {**action.envelope, **step_fields()})
    return await run.shielded(run.ledger.under_way(key, work))


def _claim(operation: Operation, again: Record | None) -> Claim:
    """Return what a call uses; what is done again because it had not happened was counted, but for the call."""
    return operation.claim if again is None else Claim({"tool_calls": 1})


async def _afford(run: Run, operation: Operation, claim: Claim, action: Action) -> None:
    """Reserve what a call may use, and ask whoever watches; what one of them refuses is given back."""
    kind, name = action.request.principal
    mandate = run.registry.card(name).budget if kind == "Agent" else None
    run.meter.reserve(claim, name, mandate, f"{operation.name} by {name}")
    try:
        await ask(run, operation)
    except BaseException:
        run.meter.release(claim, name)
        raise


async def _perform(
    run: Run, tool: Tool[Any, Any], operation: Operation, common: dict[str, Any], fields: dict[str, str]
) -> Any:
    """Make the intent durable where there is an effect, call the function, and make what came of it durable."""
    if tool.effect != "read":
        await run.ledger.stream.commit()
    watch = Stopwatch()
    extra = {IDEMPOTENCY_KEY: sha256_hex(f"{run.id}\x1f{operation.key}".encode())} if tool.wants_key else {}
    try:
        typed = tool.arguments.model_validate(operation.arguments)
        arguments = {name: getattr(typed, name) for name in type(typed).model_fields}
        answer = await run.meter.within(tool.function(**arguments, **extra), tool.name)
        body = tool.result.dump_json(answer, warnings=False)
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        known = as_recorded(error) if isinstance(error, GonogoError) else ToolFailed(f"{tool.name} failed: {told}")
        failed = {"phase": "result", "outcome": "failed", "latency_us": watch.microseconds, **failure_fields(known)}
        await tell(run, operation, await run.ledger.write("tool_call", common | failed, fields=fields))
        raise known from error
    done = {"phase": "result", "outcome": "done", "latency_us": watch.microseconds}
    record = await run.ledger.write("tool_call", common | done, payload=body, fields=fields)
    await tell(run, operation, record)
    return _read(tool, body)


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
    return Action(key, request, _preview(tool, values), version, envelope)


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
