"""Faults: the points at which a process can be killed, and the plan that says at which one it is.

The hooks stand around the product's own functions; they count, and write down which operations were
really executed. Nothing else is changed, but that the systems of record tell the time in whole
hundredths: how many words a timestamp has would otherwise change what the scripted model counts.
"""

from __future__ import annotations

import functools
import gc
import inspect
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gonogo import acts, approvals, events, tools
from gonogo.agents.governor import Governor
from gonogo.current import current_run, current_step
from gonogo.evidence import wal
from gonogo.evidence.files import FileStream
from gonogo.evidence.payloads import FilePayloads
from gonogo.evidence.streams import Stream
from gonogo.runs import Run
from gonogo.steps import Step
from tasks import embedded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from pathlib import Path

    from gonogo.operations import Operation

_write, _fdatasync = os.write, os.fdatasync
UNDER_WAY_SECONDS = 0.0004
"""A kill in the middle of a database statement comes up to eight times as long after it was sent."""


class Kill(NamedTuple):
    """Where a process ends: at which passing of which point."""

    point: str
    number: int


@dataclass(slots=True)
class Points:
    """What one life of a process passes."""

    kill: Kill | None = None
    log: int | None = None
    """Descriptor, opened for appending, that executed operations are written to."""
    passed: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_due(self, point: str) -> bool:
        """Count the passing of a point, and say whether the process is to end at it."""
        with self._lock:
            self.passed[point] += 1
            return self.kill == (point, self.passed[point])

    def at(self, point: str) -> None:
        """Pass a point, or end there as a power cut would end the process."""
        if self.is_due(point):
            die()

    def executed(self, what: str, key: str) -> None:
        """Write down that an operation's own code is entered now."""
        if self.log is not None:
            line = json.dumps([what, current_run().id, key]) + "\n"
            _write(self.log, line.encode())


POINTS = [Points()]
"""The points of the life that is lived now."""

_key: ContextVar[str] = ContextVar("crash_key")
_writing = threading.local()


def begin(kill: Kill | None, log: Path) -> Points:
    """Begin a life; the log keeps what the lives before it have executed."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    POINTS[0] = Points(kill, descriptor)
    return POINTS[0]


def die() -> None:
    """End this process at once; nothing of it is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # A signal to the own process group member may take a moment to arrive in another thread.


def at(point: str) -> None:
    """Pass a point of the life that is lived now."""
    POINTS[0].at(point)


def install() -> None:
    """Put the hooks around everything that a mission does; once in a process."""
    _around_records()
    _around_files()
    _around_database()
    _around_work()
    _around_waits()
    _with_even_clocks()


def _around(owner: Any, name: str, point: str) -> None:
    """Pass a point before a function and one after it."""
    whole = getattr(owner, name)

    if inspect.iscoroutinefunction(whole):

        @functools.wraps(whole)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            at(f"{point}, before")
            told = await whole(*args, **kwargs)
            at(f"{point}, after")
            return told

        setattr(owner, name, awaited)
        return

    @functools.wraps(whole)
    def called(*args: Any, **kwargs: Any) -> Any:
        at(f"{point}, before")
        told = whole(*args, **kwargs)
        at(f"{point}, after")
        return told

    setattr(owner, name, called)


def _inside(owner: Any, name: str) -> Any:
    """Return what a module or class keeps to itself."""
    return getattr(owner, name)


def _around_records() -> None:
    """A record: before it is queued, after it; a commit: once it is acknowledged."""
    append = Stream.append

    @functools.wraps(append)
    def queued(self: Stream, *args: Any, **kwargs: Any) -> Any:
        kind = self.stream_id.rpartition("/")[2]
        at(f"{kind} record, before")
        record = append(self, *args, **kwargs)
        at(f"{kind} record, queued")
        return record

    Stream.append = queued
    _after_commit("commit")
    _after_commit("commit_now")


def _after_commit(name: str) -> None:
    whole = getattr(Stream, name)

    @functools.wraps(whole)
    async def awaited(self: Stream) -> None:
        await whole(self)
        at("commit, acknowledged")

    @functools.wraps(whole)
    def called(self: Stream) -> None:
        whole(self)
        at("commit, acknowledged")

    setattr(Stream, name, awaited if name == "commit" else called)


def _around_files() -> None:
    """A line: half written, written, synced; in the run's file, and in the write-ahead log of several."""
    segment = _inside(wal, "_Segment")
    for owner, name, kind in ((FileStream, "put", "file"), (FileStream, "sync", "file"), (segment, "append", "log")):
        _writes(owner, name, kind)

    def write(descriptor: int, data: Any) -> int:
        kind = getattr(_writing, "kind", None)
        if kind is not None and POINTS[0].is_due(f"{kind}, half written"):
            _write(descriptor, bytes(data)[: max(1, len(data) // 2)])
            die()
        return _write(descriptor, data)

    def fdatasync(descriptor: int) -> None:
        kind = getattr(_writing, "kind", None)
        if kind is None:
            return _fdatasync(descriptor)
        at(f"{kind}, written")
        _fdatasync(descriptor)
        at(f"{kind}, synced")
        return None

    os.write, os.fdatasync = write, fdatasync
    _around(FilePayloads, "put", "large payload")


def _writes(owner: Any, name: str, kind: str) -> None:
    whole = getattr(owner, name)

    @functools.wraps(whole)
    def written(*args: Any, **kwargs: Any) -> Any:
        _writing.kind = kind
        try:
            return whole(*args, **kwargs)
        finally:
            _writing.kind = None

    setattr(owner, name, written)


def _around_database() -> None:
    """A statement that appends: before it, under way, done; and for a desk, done and not committed."""
    from gonogo.evidence.postgres import streams, writer
    from gonogo.evidence.postgres.journal import PostgresPayloads

    for module, kind in ((writer, "flight"), (streams, "desk")):
        whole: Any = module.append

        def appended(*args: Any, _whole: Any = whole, _kind: str = kind) -> Any:
            at(f"database {_kind}, before")
            if POINTS[0].is_due(f"database {_kind}, under way"):
                threading.Timer(UNDER_WAY_SECONDS * (POINTS[0].passed[f"database {_kind}, before"] % 8), die).start()
            told = _whole(*args)
            at(f"database {_kind}, appended")
            return told

        setattr(module, "append", appended)  # noqa: B010 - a module has no such attribute to a type checker
    _around(PostgresPayloads, "put", "large payload")


def _around_work() -> None:
    """Steps, tools, systems of record, and questions to a model."""
    steps: list[Any] = [each for each in gc.get_objects() if isinstance(each, Step)]
    for found in steps:
        found.work = _worked(found.work)
    for tool in tools.TOOLS.values():
        object.__setattr__(tool, "function", _acted(tool.function, tool.effect))
    perform, ask, change = _inside(acts, "_perform"), _inside(Governor, "_ask"), embedded.System.change

    async def performed(run: Any, tool: Any, operation: Operation, *given: Any) -> Any:
        token = _key.set(operation.key)
        try:
            return await perform(run, tool, operation, *given)
        finally:
            _key.reset(token)

    async def asked(self: Governor, run: Any, operation: Operation, *given: Any) -> Any:
        common, reserved, ask_model = given

        async def answer() -> Any:
            at("model, intent durable")
            POINTS[0].executed("model", operation.key)
            said = await ask_model()
            at("model, answered")
            return said

        return await ask(self, run, operation, common, reserved, answer)

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
        (Governor, "_ask", asked),
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


def _around_waits() -> None:
    """Answers, outside events, and going to sleep."""
    _around(Run, "park", "park")
    _around(events, "_sign_for", "event receipt")
    for owner, name, point in ((approvals, "answer_gate", "answer"), (events, "deliver", "event")):
        whole = getattr(owner, name)
        _around(owner, name, point)
        # Whoever has imported the function by name is given the hooked one.
        for module in [each for each in list(sys.modules.values()) if getattr(each, name, None) is whole]:
            setattr(module, name, getattr(owner, name))


def _with_even_clocks() -> None:
    real = embedded.now

    def even() -> Any:
        return real().replace(microsecond=120_000)

    for module in [each for each in list(sys.modules.values()) if getattr(each, "now", None) is real]:
        module.now = even  # pyright: ignore[reportAttributeAccessIssue] - found by that very attribute


def executed(log: Path) -> Generator[tuple[str, str, str]]:
    """Yield what the lives of a case have executed so far: what it was, whose run, and its key."""
    if log.exists():
        for line in log.read_text().splitlines():
            what, run_id, key = json.loads(line)
            yield what, run_id, key
