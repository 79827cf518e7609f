"""Acts: one call of a tool, decided, recorded and done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gonogo.cards import shown
from gonogo.current import acting_agent, step_fields
from gonogo.doubts import Doubt, settle
from gonogo.errors import EvidenceBroken, GonogoError, ToolFailed
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.failures import as_recorded, failure_fields, raise_recorded
from gonogo.gates import Action, Revision, call_facts, clear, decision_key
from gonogo.operations import Operation, ask, tell
from gonogo.policy.law import Request
from gonogo.provenance import Marks, Origin

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
        return _replayed(run, tool, recorded)
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
    operation = _operation(tool, values, key, action)
    begun, again = run.ledger.intent(key), None
    if begun is not None and tool.effect != "read" and not tool.is_idempotent:
        settled = await settle(run, Doubt(action, begun, tool.result, tool.check, hands_key=tool.wants_key), common)
        if isinstance(settled, bytes):
            return _read(run, tool, settled, f"{key}/doubt")
        again = settled
    # What was begun before a crash and may be repeated is not decided again; it is done, once.
    if begun is None or again is not None:
        try:
            cleared = clear(run, action)
            if isinstance(cleared, Revision):
                said = payload_bytes({"reason": cleared.reason, "changes": cleared.changes})
                run.provenance.take(f"{key}/revision", "reviewer", "request", said)
                return cleared
            if tool.effect != "read" and again is None:
                kind, name = action.request.principal
                run.meter.act(tool.name, name, run.registry.card(name).budget if kind == "Agent" else None)
            await ask(run, operation)
        except GonogoError as error:
            refused = {"phase": "result", "outcome": "refused", "latency_us": 0, **failure_fields(error)}
            fields = {**action.envelope, **step_fields()}
            await tell(run, operation, await run.ledger.write("tool_call", common | refused, fields=fields))
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
    work = _perform(run, tool, operation, common, {**action.envelope, **step_fields()})
    return await run.shielded(run.ledger.under_way(key, work))


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
        answer = await tool.function(**arguments, **extra)
        body = tool.result.dump_json(answer, warnings=False)
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        known = as_recorded(error) if isinstance(error, GonogoError) else ToolFailed(f"{tool.name} failed: {told}")
        failed = {"phase": "result", "outcome": "failed", "latency_us": watch.microseconds, **failure_fields(known)}
        record = await run.ledger.write("tool_call", common | failed, fields=fields)
        _hear_failure(run, tool, record)
        await tell(run, operation, record)
        raise known from error
    done = {"phase": "result", "outcome": "done", "latency_us": watch.microseconds}
    record = await run.ledger.write("tool_call", common | done, payload=body, fields=fields)
    await tell(run, operation, record)
    return _read(run, tool, body, record.fields["id"])


def _read(run: Run, tool: Tool[Any, Any], body: bytes, record: str) -> Any:
    """Return a result as the tool declares it; from now on the run has heard what it says."""
    run.provenance.take(record, tool.name, "result", body, tool.marks)
    try:
        return tool.result.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise EvidenceBroken(f"{tool.name} was done, but what it returned is not what it declares: {first}.") from error


def _action(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str, agent: str | None) -> Action:
    """Return the exact action the law is asked about."""
    principal = ("Agent", agent) if agent else ("Mission", run.charter.name)
    origins = _origins(run, tool, values, key)
    untrusted = {"untrusted": sorted({origin.argument for origin in origins})} if origins else {}
    request = Request(
        principal=principal,
        action=tool.name,
        resource=("Tool", tool.name),
        call=call_facts(run) | untrusted,
        args={name: value for name, value in values.items() if value is not None},
    )
    if agent is None:
        return Action(key, request, _preview(tool, values), run.charter.digest, origins=origins)
    card = run.registry.card(agent)
    version = card.digest
    envelope = {"agentid": agent, "agentversion": card.version, "manifestdigest": version}
    return Action(key, request, _preview(tool, values), version, envelope, origins)


def _origins(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str) -> tuple[Origin, ...]:
    """Return where untrusted values of a write come from: as was decided on, or as the run knows now."""
    if not tool.tracked:
        return ()
    decided = run.ledger.result(decision_key(run, key))
    if decided is not None:
        return tuple(Origin(**told) for told in decided.data.get("origins", []))
    return run.provenance.untrusted(values, tool.tracked)


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


def _replayed(run: Run, tool: Tool[Any, Any], record: Record) -> Any:
    if record.data["outcome"] != "done":
        _hear_failure(run, tool, record)
        raise_recorded(record)
    return _read(run, tool, must_have_payload(record), record.fields["id"])


def _hear_failure(run: Run, tool: Tool[Any, Any], record: Record) -> None:
    """Note why a call failed: an agent is told, and a system may quote whoever wrote to it."""
    said = str(record.data.get("error", "")).encode()
    run.provenance.take(record.fields["id"], tool.name, "result", said, Marks(is_content=True))
