"""Tools: everything an agent or a step can do to the world, decided, recorded and done once."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from gonogo import errors
from gonogo.cards import shown
from gonogo.doubts import Doubt, settle
from gonogo.errors import EvidenceBroken, GonogoError, MissionMisdefined, ToolFailed
from gonogo.evidence.canon import payload_bytes, plain_text, sha256_hex
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import current_scope
from gonogo.failures import as_recorded, failure_fields, raise_recorded
from gonogo.gates import Action, Revision, call_facts, clear
from gonogo.policy.law import Request
from gonogo.runs import Run, acting_agent, current_run, current_step, step_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from gonogo.evidence.records import Record
    from gonogo.model import Effect

P = ParamSpec("P")
R = TypeVar("R")

TOOLS: dict[str, Tool[Any, Any]] = {}
"""Every tool that has been defined in this process, by name."""

_KEY = "idempotency_key"


@dataclass(frozen=True, slots=True)
class Tool(Generic[P, R]):
    """A function that acts on a system of record, with what the law and the recorder must know."""

    function: Callable[P, Awaitable[R]]
    name: str
    system: str
    effect: Effect
    is_idempotent: bool
    preview: Callable[..., str] | None
    arguments: type[BaseModel]
    """What the tool takes, without the idempotency key; validates and describes."""
    result: TypeAdapter[Any] = field(repr=False)
    wants_key: bool
    check: str = ""
    """How a person finds out in the system of record whether a call happened."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Act from inside a step, on the mandate the step acts under.

        Raises:
            PolicyDenied: the law forbids it; nothing happened.
            GateDenied: a person said no-go, or nobody answered; nothing happened.
            ToolFailed: the system refused, or could not.
            InDoubt: an earlier attempt began, its end was never recorded, and nobody said to do it again.

        """
        run = current_run()
        if current_step() is None:
            msg = f"{self.name} is called in mission code; flows branch and steps act: call it inside a @step."
            raise MissionMisdefined(msg)
        bound = inspect.signature(self.function).bind_partial(*args, **kwargs)
        values = self.checked(bound.arguments)
        key = current_scope().claim("tool", self.name, sha256_hex(payload_bytes(values)))
        while True:
            done = await act(run, self, values, key)
            if not isinstance(done, Revision):
                return cast("R", done)
            if not done.changes:
                reason = plain_text(done.reason, 300)
                raise errors.GateDenied(f"{self.name}: the reviewer wants it changed: {reason}")
            values = self.checked({**values, **done.changes})
            key += "/revised"

    def checked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as plain JSON, validated.

        Raises:
            ToolFailed: they are not what the tool takes; the message names the field.

        """
        try:
            model = self.arguments.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ToolFailed(f"{self.name} does not take these arguments: {where}: {first['msg']}.") from error
        return plain(model)


def tool(
    *,
    system: str,
    effect: Effect,
    idempotent: bool = True,
    preview: Callable[..., str] | None = None,
    name: str | None = None,
    check: str = "",
) -> Callable[[Callable[P, Awaitable[R]]], Tool[P, R]]:
    """Make an async function a governed tool.

    Args:
        system: the system of record it acts on; a mission may only touch systems of its scope.
        effect: what it does to the world.
        idempotent: whether a second call with the same ``idempotency_key`` does nothing new. A
            tool that cannot promise this is not repeated after a crash unless a person says that it
            did not happen.
        preview: given the same arguments, says as markdown what would change; reads only. Values go
            through :func:`gonogo.shown` or :func:`gonogo.quoted`, so that nothing in them is markup.
        name: how agents and the law call it; the function's name, if not given.
        check: one sentence, shown where a call is in doubt: how a person finds out in the system
            whether it happened.

    Raises:
        MissionMisdefined: the function is not async, or lacks annotations.

    """

    def define(function: Callable[P, Awaitable[R]]) -> Tool[P, R]:
        called = name or function.__name__
        if not inspect.iscoroutinefunction(function):
            raise MissionMisdefined(f"The tool {called} must be async def.")
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters
        missing = [parameter for parameter in parameters if parameter not in hints]
        if missing or "return" not in hints:
            raise MissionMisdefined(f"The tool {called} lacks annotations for {', '.join(missing) or 'its result'}.")
        fields: dict[str, Any] = {
            parameter.name: (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
            for parameter in parameters.values()
            if parameter.name != _KEY
        }
        arguments = create_model(f"{called}_arguments", __config__=ConfigDict(extra="forbid"), **fields)
        made = Tool(
            function, called, system, effect, idempotent, preview, arguments, TypeAdapter(hints["return"]),
            _KEY in parameters, check,
        )  # fmt: skip
        _refuse_another(called, function)
        TOOLS[called] = made
        return made

    return define


def _refuse_another(name: str, function: Callable[..., Any]) -> None:
    """Refuse a second tool of a name: law and mandates speak by name, and would speak of whichever came last."""
    known = TOOLS.get(name)
    if known is None:
        return
    was, now = known.function, function
    if (was.__module__, was.__qualname__) != (now.__module__, now.__qualname__):
        raise MissionMisdefined(
            f"Two tools are called {name}, {was.__module__}.{was.__qualname__} and "
            f"{now.__module__}.{now.__qualname__}; "
            "law and mandates know tools by name, so give one of them another.",
        )


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
        try:
            cleared = clear(run, action)
            if isinstance(cleared, Revision):
                return cleared
            if tool.effect != "read" and again is None:
                kind, name = action.request.principal
                run.meter.act(tool.name, name, run.registry.card(name).budget if kind == "Agent" else None)
        except GonogoError as error:
            refused = {"phase": "result", "outcome": "refused", "latency_us": 0, **failure_fields(error)}
            await run.ledger.write("tool_call", common | refused, fields={**action.envelope, **step_fields()})
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
    return await run.shielded(run.ledger.under_way(key, _perform(run, tool, values, common, action.envelope)))


async def _perform(
    run: Run, tool: Tool[Any, Any], values: dict[str, Any], common: dict[str, Any], envelope: dict[str, str]
) -> Any:
    """Make the intent durable where there is an effect, call the function, and make what came of it durable."""
    if tool.effect != "read":
        await run.ledger.stream.commit()
    watch = Stopwatch()
    extra = {_KEY: sha256_hex(f"{run.id}\x1f{common['key']}".encode())} if tool.wants_key else {}
    try:
        typed = tool.arguments.model_validate(values)
        arguments = {name: getattr(typed, name) for name in type(typed).model_fields}
        answer = await tool.function(**arguments, **extra)
        body = tool.result.dump_json(answer, warnings=False)
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        known = as_recorded(error) if isinstance(error, GonogoError) else ToolFailed(f"{tool.name} failed: {told}")
        failed = {"phase": "result", "outcome": "failed", "latency_us": watch.microseconds, **failure_fields(known)}
        await run.ledger.write("tool_call", common | failed, fields={**envelope, **step_fields()})
        raise known from error
    done = {"phase": "result", "outcome": "done", "latency_us": watch.microseconds}
    await run.ledger.write("tool_call", common | done, payload=body, fields={**envelope, **step_fields()})
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
