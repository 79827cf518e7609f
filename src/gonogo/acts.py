"""Acts: one call of a tool, decided, recorded and done once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gonogo.attempts import Again, Failure, Unknown, failed_before, failure_of_tool, note_attempt, retry_wait_us
from gonogo.breakers import Breaker, breaker_of
from gonogo.cards import shown
from gonogo.current import acting_agent, step_fields
from gonogo.doubts import Doubt, settle
from gonogo.errors import DependencyOpen, EvidenceBroken, GonogoError, Unconfirmed
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.failures import failure_fields, raise_recorded
from gonogo.gates import Action, Revision, call_facts, clear
from gonogo.operations import Operation, ask, tell
from gonogo.policy.law import Request
from gonogo.redactions import redact

if TYPE_CHECKING:
    from gonogo.dependencies import Dependency
    from gonogo.evidence.records import Record
    from gonogo.runs import Run
    from gonogo.tools import Tool

IDEMPOTENCY_KEY = "idempotency_key"
"""The argument under which a tool that wants one is handed the key of its call."""


@dataclass(slots=True)
class _Call:
    """One call as it is carried out."""

    tool: Tool[Any, Any]
    action: Action
    operation: Operation
    common: dict[str, Any]
    """What every record about it holds."""
    fields: dict[str, str]
    """What their envelopes hold."""

    @property
    def may_be_repeated(self) -> bool:
        """Whether doing it a second time does nothing new."""
        return self.tool.effect == "read" or self.tool.is_idempotent


async def act(
    run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str, agent: str | None = None
) -> Any | Revision:
    """Do one tool call once: look it up, clear it with the law, record the intent, act, record the result.

    An attempt that failed is made again where it may be, after a wait and as often as its dependency
    says; every attempt is asked about and recorded. A wait ends with the branch that waits.

    Args:
        run: the run that acts.
        tool: what to do.
        values: its arguments as plain JSON.
        key: the operation's key in the run's evidence.
        agent: the registered agent that asks; the step's own mandate, if none.

    """
    call: _Call | None = None
    while True:
        recorded = run.ledger.result(key)
        if recorded is not None:
            return _replayed(tool, recorded)
        joined = run.ledger.joined(key)
        try:
            if joined is not None:
                return await joined
            call = call or _call(run, tool, values, key, agent or acting_agent())
            settled = await _cleared(run, call)
            if isinstance(settled, Revision):
                return settled
            if settled is not None:
                return _read(tool, settled)
            facts = run.registry.dependency(tool.system)
            breaker = breaker_of(run.settings, tool.system, facts)
            is_probe = await _admitted(run, call, breaker)
            if run.ledger.joined(key) is None:
                work = _attempt(run, call, breaker, is_probe=is_probe)
                return await run.shielded(run.ledger.under_way(key, work))
        except Again as again:
            await again.wait()
            run.refuse_if_aborted()
        except Unknown:
            # Begun, and no result: the doubt is settled as after a crash.
            continue


async def _cleared(run: Run, call: _Call) -> Revision | bytes | None:
    """Return once the call may be made: by the law, or by whoever settled a doubt; or what came of that instead."""
    tool, action, key = call.tool, call.action, call.operation.key
    begun, again = run.ledger.intent(key), None
    if begun is not None and not call.may_be_repeated:
        settled = await settle(
            run, Doubt(action, begun, tool.result, tool.check, hands_key=tool.wants_key), call.common
        )
        if isinstance(settled, bytes):
            return settled
        again = settled
    if begun is not None and again is None:
        # What was begun before and may be repeated is not decided again; it is done, once.
        await ask(run, call.operation)
        return None
    try:
        cleared = clear(run, action)
        if isinstance(cleared, Revision):
            return cleared
        if tool.effect != "read" and again is None:
            kind, name = action.request.principal
            run.meter.act(tool.name, name, run.registry.card(name).budget if kind == "Agent" else None)
        await ask(run, call.operation)
    except GonogoError as error:
        await _end(run, call, {"outcome": "refused", "latency_us": 0, **failure_fields(error)})
        error.cause = key
        raise
    intent = call.common | {
        "phase": "intent",
        "action_digest": action.digest(run),
        "idempotency_key": sha256_hex(f"{run.id}\x1f{key}".encode()),
        "approvals": [record.fields["id"] for record in ([again, *cleared] if again else cleared)],
    }
    if again is not None:
        intent["doubt"] = again.data["gate"]
    run.ledger.note("tool_call", intent, payload=payload_bytes(call.operation.arguments), fields=call.fields)
    run.meter.tool_calls += 1
    return None


async def _admitted(run: Run, call: _Call, breaker: Breaker) -> bool:
    """Wait for the call's turn; whether it is the one that tries a dependency that was left alone."""
    try:
        return await breaker.admit()
    except DependencyOpen as error:
        await run.shielded(_fail(run, call, error, 0))
        raise


async def _attempt(run: Run, call: _Call, breaker: Breaker, *, is_probe: bool) -> Any:
    """Make the intent durable where there is an effect, call the function, and make what came of it durable."""
    tool, key, facts = call.tool, call.operation.key, breaker.facts
    if tool.effect != "read":
        await run.ledger.stream.commit()
    watch = Stopwatch()
    extra = {IDEMPOTENCY_KEY: sha256_hex(f"{run.id}\x1f{key}".encode())} if tool.wants_key else {}
    limit = asyncio.timeout(facts.timeout_seconds)
    try:
        typed = tool.arguments.model_validate(call.operation.arguments)
        arguments = {name: getattr(typed, name) for name in type(typed).model_fields}
        async with limit:
            answer = await tool.function(**arguments, **extra)
            body, secrets = redact(tool.result.dump_json(answer, warnings=False))
            if tool.confirm is not None:
                _hold(run, call, is_held=await tool.confirm(answer, **arguments))
    except Exception as error:
        failure = failure_of_tool(tool.name, error, facts.timeout_seconds, is_late=limit.expired())
        await breaker.ended(failure.ended, is_probe=is_probe)
        await _failed(run, call, facts, failure, watch)
        raise failure.error from error
    if is_probe or breaker.has_failed:
        await breaker.ended("answered", is_probe=is_probe)
    done: dict[str, Any] = {"outcome": "done", "latency_us": watch.microseconds}
    if secrets:
        done["redacted"] = sorted(secrets)
    await _end(run, call, done, body)
    return _read(tool, body)


async def _failed(run: Run, call: _Call, facts: Dependency, failure: Failure, watch: Stopwatch) -> None:
    """Record a failed attempt, and say what follows: another one, a doubt, or, where this returns, the end of it.

    Raises:
        Again: the attempt may be made again.
        Unknown: it may not, and whether it happened is not known.

    """
    key = call.operation.key
    number = failed_before(run, key) + 1
    known: dict[str, Any] = {"kind": "tool", "dependency": call.tool.system, "number": number, "fields": call.fields}
    if call.may_be_repeated:
        wait_us = retry_wait_us(key, number, facts, failure)
        if wait_us is not None:
            note_attempt(run, key, failure, "retry", wait_us=wait_us, **known)
            raise Again(wait_us) from failure.error
    elif failure.is_outage and failure.may_have_happened:
        note_attempt(run, key, failure, "doubt", **known)
        await run.ledger.stream.commit()
        raise Unknown from failure.error
    await _fail(run, call, failure.error, watch.microseconds)


async def _fail(run: Run, call: _Call, error: GonogoError, latency_us: int) -> None:
    await _end(run, call, {"outcome": "failed", "latency_us": latency_us, **failure_fields(error)})
    error.cause = call.operation.key


async def _end(run: Run, call: _Call, how: dict[str, Any], body: bytes | None = None) -> None:
    """Record how a call ended, and tell those who watch."""
    number = failed_before(run, call.operation.key) + 1
    result = call.common | {"phase": "result", **how} | ({"attempts": number} if number > 1 else {})
    record = await run.ledger.write("tool_call", result, payload=body, fields=call.fields)
    await tell(run, call.operation, record)


def _hold(run: Run, call: _Call, *, is_held: bool) -> None:
    """Record whose it is that a system says it did something and does not hold it.

    Raises:
        Unconfirmed: it does not.

    """
    if is_held:
        return
    tool, system = call.tool.name, call.tool.system
    what = f"{tool} answered that it was done, and {system} does not hold it; look there before anybody does it again."
    key = f"{call.operation.key}/unconfirmed"
    if run.ledger.result(key) is None:
        data = {"key": key, "reason_code": "data_mismatch", "what": what, "owner": run.charter.owner}
        run.ledger.note("exception_record", data, fields=call.fields)
    raise Unconfirmed(what)


def _read(tool: Tool[Any, Any], body: bytes) -> Any:
    try:
        return tool.result.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise EvidenceBroken(f"{tool.name} was done, but what it returned is not what it declares: {first}.") from error


def _call(run: Run, tool: Tool[Any, Any], values: dict[str, Any], key: str, agent: str | None) -> _Call:
    """Return the call with everything the law, those who watch and the recorder want to know."""
    action = _action(run, tool, values, key, agent)
    principal = action.request.principal[1]
    common: dict[str, Any] = {
        "objects": [{"id": run.id, "type": "run"}, {"id": tool.system, "type": "system"}],
        "key": key,
        "tool": tool.name,
        "system": tool.system,
        "effect": tool.effect,
        "principal": principal,
    }
    digest = sha256_hex(payload_bytes(values))
    operation = Operation("tool", key, tool.name, principal, digest, tool.system, tool.effect, values)
    return _Call(tool, action, operation, common, {**action.envelope, **step_fields()})


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
