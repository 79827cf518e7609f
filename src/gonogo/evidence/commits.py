"""Group commit: everything that asks for durability while a write is under way goes there together, next.

Each store is written by one commit at a time. Whoever asks meanwhile is served by the one after
it, so the cost of a durable record is shared by those that wait at the same time. A store that
answers within the time a thread would cost is written in the loop's own thread.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_THREADS = 4
"""Threads that wait for slow stores; each store keeps one of them busy at most, for each event loop."""


class Durable(Protocol):
    """Something with queued records."""

    @property
    def store(self) -> Store:
        """Where it becomes durable."""
        ...


class Store(Protocol):
    """Where streams become durable, several in one go."""

    @property
    def is_quick(self) -> bool:
        """Whether a commit is expected to take less time than handing it to a thread."""
        ...

    def commit(self, streams: Sequence[Any]) -> Mapping[Any, Exception]:
        """Write what these streams have queued; return why the ones that failed did, once the rest is durable."""
        ...


_Waiters = dict[Durable, "list[asyncio.Future[None]]"]

_writers = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="gonogo-journal")
_committers: WeakKeyDictionary[asyncio.AbstractEventLoop, Committer] = WeakKeyDictionary()


class Committer:
    """Collects who waits for which stream of which store, and serves each store's together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Store, _Waiters] = {}
        self._busy: set[Store] = set()

    @staticmethod
    def of_running_loop() -> Committer:
        """Return the committer of the loop that is running."""
        loop = asyncio.get_running_loop()
        found = _committers.get(loop)
        if found is None:
            found = _committers[loop] = Committer(loop)
        return found

    async def commit(self, stream: Durable) -> None:
        """Return once all that the stream has queued by now is durable.

        Raises:
            Exception: whatever the store says of this stream.

        """
        store = stream.store
        if store in self._due or store in self._busy or not store.is_quick:
            await self.asked(stream)
            return
        # The first to ask writes for all who ask in this turn of the loop: nobody has to be woken for it.
        self._due[store] = {stream: []}
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._loop.call_soon(self._start, store)
            raise
        due = self._due.pop(store)
        failures = _committed(store, due)
        _tell(due, failures)
        if (error := failures.get(stream)) is not None:
            raise error

    def asked(self, stream: Durable) -> asyncio.Future[None]:
        """Return a future that is done once all that the stream has queued by now is durable."""
        store = stream.store
        waiting = self._due.get(store)
        if waiting is None:
            waiting = self._due[store] = {}
            if store not in self._busy:
                self._loop.call_soon(self._start, store)
        waiter = self._loop.create_future()
        waiting.setdefault(stream, []).append(waiter)
        return waiter

    def _start(self, store: Store) -> None:
        """Commit what is due; further requests wait for the next one."""
        due = self._due.pop(store)
        if store.is_quick:
            _tell(due, _committed(store, due))
        else:
            self._busy.add(store)
            _writers.submit(self._write, store, due)

    def _write(self, store: Store, due: _Waiters) -> None:
        failures = _committed(store, due)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._done, store, due, failures)

    def _done(self, store: Store, due: _Waiters, failures: Mapping[Any, Exception]) -> None:
        self._busy.discard(store)
        _tell(due, failures)
        if store in self._due:
            self._start(store)


def _committed(store: Store, due: _Waiters) -> Mapping[Any, Exception]:
    """Return the failures of a commit; one that breaks down as a whole fails everybody, and nobody waits for ever."""
    try:
        return store.commit(list(due))
    except Exception as error:  # noqa: BLE001 - whoever waits is told
        return dict.fromkeys(due, error)


def _tell(due: _Waiters, failures: Mapping[Any, Exception]) -> None:
    for stream, waiters in due.items():
        error = failures.get(stream)
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
