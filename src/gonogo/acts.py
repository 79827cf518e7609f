"""Acts: one call of a tool, decided, recorded and done once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gonogo.attempts import Again, Failure, Unknown, failed_before, failure_of_tool, note_attempt, retry_wait_us
from gonogo.ballots import counted
from gonogo.breakers import Breaker, breaker_of
from gonogo.calls import Call, call_of, check_approvals, read_result, replayed, vouch
from gonogo.credentials import claims_for, issue
from gonogo.current import acting_agent
from gonogo.doubts import Doubt, settle
from gonogo.errors import Aborted, CutOff, DependencyOpen, GonogoError, Unconfirmed
from gonogo.evidence.canon import payload_bytes, plain_text, sha256_hex
from gonogo.evidence.ledger import Stopwatch
from gonogo.failures import raise_if_no_end
from gonogo.gates import Revision, clear
from gonogo.operations import ask
from gonogo.redactions import handing, redact, shown_without_secrets
from gonogo.sampling import is_drawn, queue_review
from gonogo.uses import Claim, reach_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gonogo.credentials import Credential
    from gonogo.dependencies import Dependency
    from gonogo.model import Asking
    from gonogo.runs import Run
    from gonogo.tools import Tool

CREDENTIAL = "credential"
"""The argument under which a tool that wants one is handed a credential for its call."""

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

    An attempt that failed is made again where it may be, after a wait and as often as its dependency
    says; every attempt is asked about and recorded. A wait ends with the branch that waits.

    Args:
        run: the run that acts.
        tool: what to do.
        values: its arguments as plain JSON.
        key: the operation's key in the run's evidence.
        agent: the registered agent that asks; the step's own mandate, if none.
        asking: what a person is asked about it, where one is: leave, or an agent's proposal.
        deferrable: whether the caller can go on without it, where the law makes a proposal of it.

    """
    call: Call | None = None
    while True:
        recorded = run.ledger.result(key)
        if recorded is not None:
            if recorded.data["outcome"] == "done":
                vouch(run, tool, values, key)
            return replayed(run, tool, recorded)
        joined = run.ledger.joined(key)
        try:
            if joined is not None:
                return await joined
            call = call or call_of(
                run, tool, values, key, agent or acting_agent(), asking=asking, deferrable=deferrable
            )
            settled = await _cleared(run, call)
            if isinstance(settled, Revision):
                return settled
            if settled is not None:
                return read_result(run, tool, settled, f"{key}/doubt")
            facts = run.registry.dependency(tool.system)
            breaker = breaker_of(run.settings, tool.system, facts)
            is_probe = await _admitted(run, call, breaker)
            if run.ledger.joined(key) is None:
                work = _perform(run, call, breaker, is_probe=is_probe)
                return await run.shielded(run.ledger.under_way(key, work))
        except Again as again:
            await again.wait()
            run.refuse_if_aborted()
        except Unknown:
            # Begun, and no result: the doubt is settled as after a crash.
            continue


async def _cleared(run: Run, call: Call) -> Revision | bytes | None:
    """Return once the call may be made: by the law, or by whoever settled a doubt; or what came of that instead."""
    tool, action, key = call.tool, call.action, call.operation.key
    begun, again = run.ledger.intent(key), None
    if begun is not None and not call.may_be_repeated:
        doubt = Doubt(action, begun, tool.result, tool.check, hands_key=tool.wants_key)
        settled = await settle(run, doubt, call.common)
        if isinstance(settled, bytes):
            return settled
        again = settled
    if begun is not None and again is None:
        # What was begun before and may be repeated is not decided again; what it uses was counted then.
        call.reach()
        run.meter.check_time(f"{tool.name} by {call.operation.principal}")
        await ask(run, call.operation)
        return None
    try:
        cleared = clear(run, action)
        if isinstance(cleared, Revision):
            said = payload_bytes({"reason": cleared.reason, "changes": cleared.changes})
            run.provenance.take(f"{key}/revision", "reviewer", "request", said)
            return cleared
        call.reach()
        # What is done again because it had not happened was counted, but for the call.
        claim = call.operation.claim if again is None else Claim({"tool_calls": 1})
        await _afford(run, call, claim)
    except GonogoError as error:
        raise_if_no_end(run, error)
        await call.refuse(run, error)
        raise
    intent = call.common | {
        "phase": "intent",
        "action_digest": action.digest(run),
        "idempotency_key": sha256_hex(f"{run.id}\x1f{key}".encode()),
        "approvals": counted([again, *cleared] if again else cleared),
        **reach_fields(call.operation.reach, tool.effect),
        **run.meter.time_fields(),
    }
    if again is not None:
        intent["doubt"] = again.data["gate"]
    record = run.ledger.note("tool_call", intent, payload=payload_bytes(call.operation.arguments), fields=call.fields)
    call.is_fresh = True
    # Whatever comes of it, a call that was begun is used up.
    run.meter.settle(claim, record)
    return None


async def _afford(run: Run, call: Call, claim: Claim) -> None:
    """Reserve what a call may use, and ask whoever watches; what one of them refuses is given back."""
    kind, name = call.action.request.principal
    mandate = run.registry.card(name).budget if kind == "Agent" else None
    run.meter.reserve(claim, name, mandate, f"{call.tool.name} by {name}")
    try:
        await ask(run, call.operation)
    except BaseException:
        run.meter.release(claim, name)
        raise


async def _admitted(run: Run, call: Call, breaker: Breaker) -> bool:
    """Wait for the call's turn; whether it is the one that tries a dependency that was left alone."""
    try:
        return await breaker.admit()
    except DependencyOpen as error:
        await run.shielded(call.fail(run, error, 0))
        raise


async def _perform(run: Run, call: Call, breaker: Breaker, *, is_probe: bool) -> Any:
    """Make the intent durable where there is an effect, call the function, and make what came of it durable."""
    tool, facts = call.tool, breaker.facts
    try:
        check_approvals(run, call)
    except GonogoError as error:
        raise_if_no_end(run, error)
        await call.refuse(run, error)
        raise
    if tool.effect != "read":
        await run.ledger.stream.commit()
    watch = Stopwatch()
    limit = asyncio.timeout(facts.timeout_seconds)
    try:
        async with limit:
            body, secrets = await _answer(run, call)
    except Aborted as halted:
        await breaker.ended("neither", is_probe=is_probe)
        await call.fail(run, halted, watch.microseconds, _came_to(run, call, halted))
        raise
    except Exception as error:
        failure = failure_of_tool(tool.name, error, facts.timeout_seconds, is_late=limit.expired())
        await breaker.ended(failure.ended, is_probe=is_probe)
        raise_if_no_end(run, error)
        await _failed(run, call, facts, failure, watch)
        raise failure.error from error
    if is_probe or breaker.has_failed:
        await breaker.ended("answered", is_probe=is_probe)
    done: dict[str, Any] = {"outcome": "done", "latency_us": watch.microseconds}
    if secrets:
        done["redacted"] = sorted(secrets)
    if is_drawn(run, call.action, tool.effect, call.operation.digest, "after"):
        # Before the result, so that no crash leaves a change that was drawn and is never looked at.
        queue_review(run, call.action, body)
    record = await call.end(run, done, body)
    vouch(run, tool, dict(call.operation.arguments), call.operation.key)
    return read_result(run, tool, body, record.fields["id"])


async def _answer(run: Run, call: Call) -> tuple[bytes, dict[str, int]]:
    """Call the tool's own function; return its result without secrets, and how many of each kind there were."""
    tool = call.tool
    extra: dict[str, Any] = {}
    if tool.wants_key:
        extra[IDEMPOTENCY_KEY] = sha256_hex(f"{run.id}\x1f{call.operation.key}".encode())
    typed = tool.arguments.model_validate(call.operation.arguments)
    arguments = {name: getattr(typed, name) for name in type(typed).model_fields}

    async def foreign() -> Any:
        return await run.meter.within(tool.function(**arguments, **extra), tool.name)

    if tool.wants_credential:
        extra[CREDENTIAL] = handed = await _credential(run, call)
        with handing(handed.token, handed.secret or ""), shown_without_secrets():
            return await _called(run, call, foreign, arguments)
    return await _called(run, call, foreign, arguments)


async def _called(
    run: Run, call: Call, foreign: Callable[[], Awaitable[Any]], arguments: dict[str, Any]
) -> tuple[bytes, dict[str, int]]:
    tool = call.tool
    answer = await run.outside(foreign, changes=tool.effect != "read")
    run.ledger.learn(answer)
    body, secrets = redact(tool.result.dump_json(answer, warnings=False))
    if tool.confirm is not None:
        _hold(run, call, is_held=await tool.confirm(answer, **arguments))
    return body, secrets


async def _credential(run: Run, call: Call) -> Credential:
    """Return what the tool shows the system, for this very call."""
    begun = run.ledger.intent(call.operation.key)
    digest = call.action.digest(run) if begun is None else begun.data["action_digest"]
    principal, sent = call.operation.principal, call.operation.arguments
    claims = claims_for(run.id, call.tool.name, call.tool.system, principal=principal, action=digest, arguments=sent)
    return await issue(run.settings, claims, run.registry.dependency(call.tool.system).credential)


def _came_to(run: Run, call: Call, error: Aborted) -> str:
    """Return the outcome of a call that a halt stopped; a change that it cut off is in doubt, and has an owner."""
    if not isinstance(error, CutOff):
        return "refused"
    if call.tool.effect == "read":
        return "failed"
    check = f" {call.tool.check}" if call.tool.check else ""
    what = f"{call.tool.name} was cut off by a halt; whether it happened is not known.{check}"
    data = {"reason_code": error.failure, "what": plain_text(what), "owner": run.charter.owner}
    run.ledger.note("exception_record", data, fields=call.fields)
    return "in_doubt"


async def _failed(run: Run, call: Call, facts: Dependency, failure: Failure, watch: Stopwatch) -> None:
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
    await call.fail(run, failure.error, watch.microseconds)


def _hold(run: Run, call: Call, *, is_held: bool) -> None:
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
