"""Steps: the work of a mission, each one a Prefect task, each one done once.

A step looks its result up before any task run is made for it, so a replay costs microseconds and
makes no work for the scheduler. What the mission computes with is what was recorded: the first
time, too, a step returns its result as read back from its own record.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast, get_type_hints, overload

import orjson
from prefect import Task
from pydantic import TypeAdapter

from gonogo.criteria import RESULT, Criterion, check, refuse_misfits
from gonogo.current import current_run, current_step, executing
from gonogo.errors import GonogoError, MissionMisdefined, StepFailed, StepTimedOut
from gonogo.evidence.canon import payload_bytes, plain_text
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import Scope, current_scope
from gonogo.failures import as_recorded, failure_fields, raise_if_no_end, raise_recorded
from gonogo.parameters import Parameters
from gonogo.pilots import Held
from gonogo.redactions import cleaned
from gonogo.rescues import Failed, is_asked, settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from gonogo.evidence.records import Record
    from gonogo.model import Declared
    from gonogo.runs import Run

P = ParamSpec("P")
R = TypeVar("R")

_ONE_BY_ONE = (
    "A step is awaited, alone or in asyncio.gather; .submit() and .map() would run it outside the evidence. "
    "Use: await asyncio.gather(*(step(x) for x in xs))."
)


_body: ContextVar[Callable[[], Awaitable[Any]]] = ContextVar("gonogo_step_body")
"""What the task run in the making executes: the recorded work of one call of one step."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a step declares: what holds before and after it, and about its own failing."""

    entry: tuple[Criterion, ...] = ()
    exit: tuple[Criterion, ...] = ()
    timeout_seconds: float | None = None
    retries: int | None = None
    on_failure: Declared | None = None
    asks: str | None = None


class Step(Task[P, R]):
    """A Prefect task whose result is evidence."""

    def __init__(self, function: Callable[P, Awaitable[R]], acting: str | None, terms: Terms, **options: Any) -> None:
        hints = get_type_hints(function, include_extras=True)
        if not inspect.iscoroutinefunction(function) or "return" not in hints:
            raise MissionMisdefined(
                f"The step {function.__name__} must be async def with a return annotation, "
                "so that its recorded result can be read back.",
            )

        @functools.wraps(function)
        async def shown(*_args: Any, **_kwargs: Any) -> Any:
            return await _body.get()()

        self.is_named_by_arguments = options.get("task_run_name") is not None
        if not self.is_named_by_arguments:
            # Prefect walks through everything a task is given, several times; it needs none of it.
            shown.__signature__ = inspect.Signature()  # pyright: ignore[reportAttributeAccessIssue] - read by inspect.signature
        super().__init__(cast("Callable[P, R]", shown), persist_result=False, **options)
        self.work = function
        self.takes = Parameters.of(function)
        self.acting = acting
        self.terms = terms
        names = self.takes.names
        refuse_misfits(f"the step {function.__name__}", "entry", terms.entry, names)
        refuse_misfits(f"the step {function.__name__}", "exit", terms.exit, (*names, RESULT))
        self.result_type: TypeAdapter[Any] = TypeAdapter(hints["return"])

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:  # pyright: ignore[reportIncompatibleMethodOverride] - Prefect's own also takes return_state
        """Do the step, or return what its record says.

        Raises:
            MissionMisdefined: outside a mission, or indistinguishable from a concurrent call.

        """
        return cast("R", self._done_once(args, kwargs))

    async def _done_once(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        run = current_run()
        scope = current_scope()
        arguments = self.takes.named(args, kwargs)
        raw = payload_bytes(plain(arguments))
        digest = run.ledger.digest(raw)
        key = scope.claim("step", self.name, digest)
        common: dict[str, Any] = {"key": key, "step": self.name, "branch": scope.branch}
        asked: set[str] = set()
        if run.ledger.result(key) is None and run.ledger.intent(key) is None:
            intent = common | {"phase": "intent", "args_digest": digest}
            if self.acting:
                intent["agent"] = self.acting
            run.ledger.learn(arguments)
            run.ledger.note("step_record", intent, payload=raw, fields={"stepid": key})
        while True:
            try:
                recorded = run.ledger.result(key)
                if recorded is None:
                    with run.working():
                        body = self._body(run, lambda: self.work(*args, **kwargs), arguments, common)
                        return await run.pilot.fly_step(self, arguments, body)
                if not is_asked(run, self.terms.asks, recorded):
                    return self._replayed(recorded)
                await settle(run, self._failed(recorded, raw))
            except Held as held:
                if current_step() is not None:
                    raise
                await held.wait(run)
            except GonogoError:
                recorded = run.ledger.result(key)
                # What was recorded a moment ago, and a person is asked about; anything else is how it ended.
                if recorded is None or recorded.fields["id"] in asked or not is_asked(run, self.terms.asks, recorded):
                    raise
                asked.add(recorded.fields["id"])

    def _failed(self, record: Record, raw: bytes) -> Failed:
        branch, role = record.data["branch"], self.terms.asks or ""
        return Failed(self.name, record.data["key"], orjson.loads(raw), role, record, self.result_type, branch)

    def _body(
        self, run: Run, work: Callable[[], Awaitable[Any]], arguments: dict[str, Any], common: dict[str, Any]
    ) -> Callable[[], Coroutine[Any, Any, Any]]:
        """Return what the lane executes: the author's function, and the record of what came of it."""

        async def body() -> Any:
            watch = Stopwatch()
            key = common["key"]
            seconds = self.terms.timeout_seconds
            limit = None if seconds is None else asyncio.timeout(seconds)
            try:
                if self.terms.entry:
                    check(self.name, "entry", self.terms.entry, arguments)
                with executing(Scope(key, common["branch"]), self.acting, self.terms.retries):
                    if limit is None:
                        value = await work()
                    else:
                        async with limit:
                            value = await work()
                run.ledger.learn(value)
                raw = self.result_type.dump_json(value, warnings=False)
                result = self.result_type.validate_json(raw)
                if self.terms.exit:
                    check(self.name, "exit", self.terms.exit, {**arguments, RESULT: result})
            except Exception as error:
                took_us = watch.microseconds
                # What was in flight finishes and is recorded, also where its time was up.
                await run.settle()
                raise_if_no_end(run, error)
                known = self._late() if limit is not None and limit.expired() else _known(self.name, error)
                known.path = self.terms.on_failure or known.path
                failed = {"phase": "result", "outcome": "failed", "latency_us": took_us}
                await run.ledger.write("step_record", common | failed | failure_fields(known), fields={"stepid": key})
                known.cause = key
                raise known from error
            done = {"phase": "result", "outcome": "done", "latency_us": watch.microseconds, **self._held()}
            await run.ledger.write("step_record", common | done, payload=raw, fields={"stepid": key})
            return result

        return body

    def _held(self) -> dict[str, Any]:
        """Return the criteria that a finished step has kept, as its record names them."""
        terms = self.terms
        held = [f"entry:{each.name}" for each in terms.entry] + [f"exit:{each.name}" for each in terms.exit]
        return {"criteria": held} if held else {}

    def _late(self) -> StepTimedOut:
        return StepTimedOut(f"The step {self.name} took longer than its {self.terms.timeout_seconds} s.")

    async def as_task_run(self, arguments: dict[str, Any], body: Callable[[], Awaitable[Any]]) -> Any:
        """Execute a call's recorded work as a Prefect task run and return its final state.

        Prefect is given the arguments only where the step's ``task_run_name`` may be made of them.
        """
        token = _body.set(body)
        given = arguments if self.is_named_by_arguments else {}
        try:
            return await cast("Any", super()).__call__(**given, return_state=True)
        finally:
            _body.reset(token)

    def _replayed(self, record: Record) -> Any:
        if record.data["outcome"] != "done":
            raise_recorded(record)
        return self.result_type.validate_json(must_have_payload(record))

    def submit(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: see the message."""
        raise MissionMisdefined(_ONE_BY_ONE)

    def map(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: see the message."""
        raise MissionMisdefined(_ONE_BY_ONE)

    def delay(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: see the message."""
        raise MissionMisdefined(_ONE_BY_ONE)


def _known(step: str, error: Exception) -> GonogoError:
    """Return the failure in gonogo's words; a replay raises the same class."""
    if isinstance(error, GonogoError):
        return as_recorded(error)
    told = cleaned(" ".join(str(error).split()))
    return StepFailed(f"The step {step} failed: {type(error).__name__}: {plain_text(told, 500)}")


@overload
def step(function: Callable[P, Awaitable[R]]) -> Step[P, Coroutine[Any, Any, R]]: ...


@overload
def step(
    *,
    acting: str | None = None,
    entry: Sequence[Criterion] = (),
    exit: Sequence[Criterion] = (),
    name: str | None = None,
    timeout_seconds: float | None = None,
    retries: int | None = None,
    on_failure: Declared | None = None,
    asks: str | None = None,
    **options: Any,
) -> Callable[[Callable[P, Awaitable[R]]], Step[P, Coroutine[Any, Any, R]]]: ...


def step(
    function: Callable[P, Awaitable[R]] | None = None,
    *,
    acting: str | None = None,
    entry: Sequence[Criterion] = (),
    exit: Sequence[Criterion] = (),  # noqa: A002 - what it is called
    name: str | None = None,
    timeout_seconds: float | None = None,
    retries: int | None = None,
    on_failure: Declared | None = None,
    asks: str | None = None,
    **options: Any,
) -> Any:
    """Make an async function a step of missions.

    Args:
        function: takes and returns what pydantic can serialise; the return type is annotated.
        acting: the registered agent on whose mandate the step's own tool calls are decided; the
            mission itself, within its scope, if none.
        entry: criteria on the arguments, checked before anything is done; a broken one fails the
            step and names itself.
        exit: criteria on ``result`` and the arguments, checked before the step counts as done.
        name: as evidence and the Prefect UI call it; the function's name, if not given.
        timeout_seconds: how long it may take, waiting at a gate left out; no limit, if none. What is
            in flight then finishes and is recorded; the step fails as ``timeout``.
        retries: how often each of its calls that may be repeated is repeated; as often as each
            dependency says, if none. The step's own code is never entered again for it.
        on_failure: where a run goes that this step ends by failing; the mission's own path for the
            class of the failure, if none.
        asks: the role that is asked when the step fails and that would end the run as ``escalate``: to enter it
            again, to give its result, or to end the run; nobody, if none.
        options: anything else a Prefect task takes (``tags``, ``description``, ``task_run_name``).

    Raises:
        MissionMisdefined: it is not async, its result has no type, or a limit is none.

    """
    if (timeout_seconds is not None and timeout_seconds <= 0) or (retries is not None and retries < 0):
        raise MissionMisdefined(
            "A step takes longer than 0 s and repeats 0 times or more; leave out what has no limit."
        )
    terms = Terms(tuple(entry), tuple(exit), timeout_seconds, retries, on_failure, asks)

    def define(body: Callable[P, Awaitable[R]]) -> Step[P, Coroutine[Any, Any, R]]:
        made = Step(body, acting, terms, name=name or body.__name__, **options)
        return cast("Step[P, Coroutine[Any, Any, R]]", made)

    return define if function is None else define(function)
