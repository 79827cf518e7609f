"""Bells: whoever waits at a run's desk hears at once that something was put there.

For journals in files the kernel rings: closing a desk file that was open for writing, which every
append does once it is durable, is told to all processes that watch the folder. Nobody has to ring,
nobody can forget to, and a process that dies leaves nothing behind. One watcher serves all waiting
runs of an event loop; without a waiting run there is none.

A bell decides nothing and may be deaf (no notification on this file system, no watcher left, a full
queue): whoever listens looks by himself now and then, so a lost ring costs time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from gonogo.evidence.disk import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from psycopg import Connection
    from watchdog.observers.api import BaseObserver

    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.bells")
_SUFFIX = ".jsonl"
DESK_CHANNEL = "gonogo_desk"
"""The channel on which a Postgres notifies with the run's id, when it commits something to a desk."""
LISTEN_SECONDS, RECONNECT_SECONDS = 0.5, 1.0


class Watcher(Protocol):
    """What hears rings for a bell: the kernel, or the notifications of a database."""

    @property
    def is_alive(self) -> bool:
        """Whether it still hears."""
        ...

    def close(self) -> None:
        """Stop hearing; from any state, and without waiting."""
        ...


class Ear:
    """One listener: hears rings for one run, or for every run."""

    def __init__(self, run_id: str | None) -> None:
        self.run_id = run_id
        self._rung: set[str] = set()
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self, run_id: str) -> None:
        """Let everybody who waits go on; in the loop's own thread."""
        self._rung.add(run_id)
        for waiter in self._waiting:
            _let_go(waiter)

    async def heard(self, seconds: float) -> set[str]:
        """Return the runs that were rung for since this last returned; waits for a ring, at most so many seconds.

        Of several that wait here at once all go on at a ring, and one of them is told for whom it was.
        """
        if not self._rung:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            timer = loop.call_later(seconds, _let_go, waiter)
            self._waiting.add(waiter)
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)
                timer.cancel()
        rung, self._rung = self._rung, set()
        return rung


def _let_go(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Bell:
    """The bell of one journal in one event loop."""

    def __init__(self, watch: Callable[[Callable[[str], None]], Watcher]) -> None:
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._ears: dict[str | None, set[Ear]] = {}
        self._watcher: Watcher | None = None

    @contextmanager
    def listening(self, run_id: str | None = None) -> Generator[Ear]:
        """Listen for one run, or for all; look at the desk after this has been entered, not before."""
        ear = Ear(run_id)
        self._hang()
        self._ears.setdefault(run_id, set()).add(ear)
        try:
            yield ear
        finally:
            self._ears[run_id].discard(ear)
            if not self._ears[run_id]:
                del self._ears[run_id]
            if not self._ears:
                self._take_down()

    def ring(self, run_id: str) -> None:
        """Ring for a run; called by watchers, from threads of their own, and by nobody who waits for an answer."""
        if run_id not in self._ears and None not in self._ears:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver, run_id)
        except RuntimeError:
            return  # the loop was closed meanwhile, and with it everybody who listened

    def _deliver(self, run_id: str) -> None:
        for ear in [*self._ears.get(run_id, ()), *self._ears.get(None, ())]:
            ear.ring(run_id)

    def _hang(self) -> None:
        """Have a watcher that hears; where none can be had, the listeners' own looks have to do."""
        if self._watcher is not None and self._watcher.is_alive:
            return
        self._take_down()
        try:
            self._watcher = self._watch(self.ring)
        except Exception as error:  # noqa: BLE001 - a mission does not fail because a bell cannot be hung
            _log.info("No bell can be hung (%s); waiting runs look at their desks by themselves.", error)

    def _take_down(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()


class FolderWatcher:
    """Hears the kernel say that a file of a folder was written and closed."""

    def __init__(self, folder: Path, ring: Callable[[str], None]) -> None:
        # Imported by whoever waits; a run that does not is not slowed down by it.
        from watchdog.events import FileClosedEvent, FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        class Handler(FileSystemEventHandler):
            def on_closed(self, event: FileSystemEvent) -> None:
                name = os.path.basename(os.fsdecode(event.src_path))  # noqa: PTH119 - a path of any bytes
                if name.endswith(_SUFFIX):
                    ring(name.removesuffix(_SUFFIX))

        make_folder(folder)
        self._observer: BaseObserver = Observer()
        self._observer.schedule(Handler(), os.fspath(folder), event_filter=[FileClosedEvent])
        self._observer.start()

    @property
    def is_alive(self) -> bool:
        """Whether its threads still run; they end when the folder is taken away."""
        return self._observer.is_alive() and all(emitter.is_alive() for emitter in self._observer.emitters)

    def close(self) -> None:
        """Tell its threads to end."""
        self._observer.stop()


class ChannelWatcher:
    """Hears a Postgres say that something was appended to a desk: its channel carries the run's id."""

    def __init__(self, url: str, ring: Callable[[str], None]) -> None:
        self._url, self._ring = url, ring
        self._closed = threading.Event()
        # The first connection is made here: whoever listens may rely on being heard from now on.
        self._thread = threading.Thread(target=self._listen, args=(self._connected(),), name="gonogo-bell", daemon=True)
        self._thread.start()

    def _connected(self) -> Connection[Any]:
        import psycopg

        connection = psycopg.connect(self._url, autocommit=True)
        try:
            connection.execute(f"LISTEN {DESK_CHANNEL}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _listen(self, first: Connection[Any]) -> None:
        import psycopg

        connection: Connection[Any] | None = first
        while connection is not None or not self._closed.is_set():
            try:
                # Entered at least once, so that the first one is closed also where nobody listens any more.
                with connection or self._connected() as listening:
                    connection = None
                    while not self._closed.is_set():
                        for told in listening.notifies(timeout=LISTEN_SECONDS):
                            self._ring(told.payload)
            except psycopg.Error as error:
                _log.info("The bell in Postgres is deaf for now (%s).", error)
                self._closed.wait(RECONNECT_SECONDS)

    @property
    def is_alive(self) -> bool:
        """Whether its thread still runs; it connects again by itself."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Tell its thread to end; it does within a moment."""
        self._closed.set()


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Bell]] = WeakKeyDictionary()


def bell_of(settings: Settings) -> Bell:
    """Return the bell of these settings' journals, one for each event loop; nothing is watched until somebody listens.

    Journals in a Postgres ring through their database, journals in files through the kernel.
    """
    url = settings.journals
    folder = (settings.home / "journals" / "desk").absolute()
    place = str(folder) if url is None else url
    hung = _bells.setdefault(asyncio.get_running_loop(), {})
    if place not in hung:
        hung[place] = Bell(
            (lambda ring: FolderWatcher(folder, ring)) if url is None else (lambda ring: ChannelWatcher(place, ring))
        )
    return hung[place]
