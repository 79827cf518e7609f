"""Group commit: everything that asks for the disk in one turn of the event loop goes there together.

A turn's streams are written and synced by a few threads, and the loop is woken once for all of
them, so the cost of a durable record is shared by those that wait at the same time.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from weakref import WeakKeyDictionary

THREADS = 4
"""Threads that write; a sync leaves the interpreter free, and the disk merges what comes together."""


class Durable(Protocol):
    """Something with queued records."""

    def write_pending(self) -> None:
        """Write what is queued and return once it is on disk; raises where it cannot."""
        ...


_writers = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="gonogo-journal")
_committers: WeakKeyDictionary[asyncio.AbstractEventLoop, Committer] = WeakKeyDictionary()


class Committer:
    """Collects who waits for which stream, and serves them by the turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Durable, list[asyncio.Future[None]]] = {}

    @staticmethod
    def of_running_loop() -> Committer:
        """Return the committer of the loop that is running."""
        loop = asyncio.get_running_loop()
        found = _committers.get(loop)
        if found is None:
            found = _committers[loop] = Committer(loop)
        return found

    def asked(self, stream: Durable) -> asyncio.Future[None]:
        """Return a future that is done once all that the stream has queued by now is on disk."""
        waiter = self._loop.create_future()
        if not self._due:
            self._loop.call_soon(self._start)
        self._due.setdefault(stream, []).append(waiter)
        return waiter

    def _start(self) -> None:
        """Hand a turn's streams to the writers, in about equal shares."""
        due, self._due = list(self._due.items()), {}
        share = max(1, -(-len(due) // THREADS))
        for begin in range(0, len(due), share):
            _writers.submit(self._write, due[begin : begin + share])

    def _write(self, share: list[tuple[Durable, list[asyncio.Future[None]]]]) -> None:
        """Write each stream, and wake the loop once."""
        done: list[tuple[list[asyncio.Future[None]], Exception | None]] = []
        for stream, waiters in share:
            try:
                stream.write_pending()
            except Exception as error:  # noqa: BLE001 - whoever waits for the stream is told
                done.append((waiters, error))
            else:
                done.append((waiters, None))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_tell, done)


def _tell(done: list[tuple[list[asyncio.Future[None]], Exception | None]]) -> None:
    for waiters, error in done:
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
