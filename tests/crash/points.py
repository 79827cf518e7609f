"""Points: where a process can be killed, and the plan that says at which one it is."""

from __future__ import annotations

import functools
import inspect
import json
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gonogo.current import current_run

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

write = os.write
"""The system's own, whatever a hook has put in its place."""


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
            write(self.log, line.encode())


POINTS = [Points()]
"""The points of the life that is lived now."""


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


def around(owner: Any, name: str, point: str) -> None:
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


def inside(owner: Any, name: str) -> Any:
    """Return what a module or class keeps to itself."""
    return getattr(owner, name)


def executed(log: Path) -> Generator[tuple[str, str, str]]:
    """Yield what the lives of a case have executed so far: what it was, whose run, and its key."""
    if log.exists():
        for line in log.read_text().splitlines():
            what, run_id, key = json.loads(line)
            yield what, run_id, key
