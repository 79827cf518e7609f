"""What a mission does: hooks around steps, tools, systems of record, and questions to a model.

The systems of record tell the time in whole hundredths: how many words a timestamp has would
otherwise change what the scripted model counts. Nothing else is changed.
"""

from __future__ import annotations

import functools
import gc
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from gonogo import acts, tools
from gonogo.agents import requests
from gonogo.current import current_step
from gonogo.steps import Step
from tasks import embedded
from tests.crash.points import POINTS, at, inside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gonogo.calls import Call

_key: ContextVar[str] = ContextVar("crash_key")


def hook() -> None:
    """Put hooks around every kind of work."""
    _around_work()
    _with_even_clocks()


def _around_work() -> None:
    """Steps, tools, systems of record, and questions to a model."""
    steps: list[Any] = [each for each in gc.get_objects() if isinstance(each, Step)]
    for found in steps:
        found.work = _worked(found.work)
    for tool in tools.TOOLS.values():
        object.__setattr__(tool, "function", _acted(tool.function, tool.effect))
    attempt: Any = inside(requests, "_Attempt")
    perform, make, change = inside(acts, "_perform"), attempt.make, embedded.System.change

    async def performed(run: Any, call: Call, *given: Any, **named: Any) -> Any:
        token = _key.set(call.operation.key)
        try:
            return await perform(run, call, *given, **named)
        finally:
            _key.reset(token)

    async def made(self: Any, asked: Callable[[], Awaitable[Any]], **named: Any) -> Any:
        async def answer() -> Any:
            at("model, intent durable")
            POINTS[0].executed("model", self.operation.key)
            said = await asked()
            at("model, answered")
            return said

        return await make(self, answer, **named)

    def changed(self: Any, order: Any, work: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        def done(connection: Any) -> dict[str, Any]:
            receipt = work(connection)
            at("system, not committed")
            return receipt

        receipt = change(self, order, done)
        at("system, committed")
        return receipt

    for owner, name, hooked in (
        (acts, "_perform", performed),
        (attempt, "make", made),
        (embedded.System, "change", changed),
    ):
        setattr(owner, name, hooked)


def _worked(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(work)
    async def worked(*args: Any, **kwargs: Any) -> Any:
        POINTS[0].executed("step", current_step() or "")
        at("step, entered")
        value = await work(*args, **kwargs)
        at("step, worked")
        return value

    return worked


def _acted(function: Callable[..., Awaitable[Any]], effect: str) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(function)
    async def acted(*args: Any, **kwargs: Any) -> Any:
        POINTS[0].executed("read" if effect == "read" else "tool", _key.get())
        at(f"{effect} tool, intent made")
        told = await function(*args, **kwargs)
        at(f"{effect} tool, happened")
        return told

    return acted


def _with_even_clocks() -> None:
    real = embedded.now

    def even() -> Any:
        return real().replace(microsecond=120_000)

    for module in [each for each in list(sys.modules.values()) if getattr(each, "now", None) is real]:
        module.now = even  # pyright: ignore[reportAttributeAccessIssue] - found by that very attribute
