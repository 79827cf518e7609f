"""The lookout: stops what flies in this process once a switch is thrown for it.

One thread watches the switchboards while runs fly here, so a mission that waits
for a model hears of a halt as one that works does. It also asks before every operation itself
(:meth:`Aboard.before`), so nothing is begun on older knowledge than
:data:`gonogo.switches.LOOK_SECONDS`, whatever the thread is doing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.errors import Aborted
from gonogo.exchange import Exchange
from gonogo.switches import LOOK_SECONDS, Halt, Switchboard, covering, switchboard

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.evidence.records import Record
    from gonogo.operations import Operation
    from gonogo.runs import Run
    from gonogo.settings import Settings

LINGER_SECONDS = 5.0
"""How long the thread goes on watching when the last run has left; the next one often comes soon."""
AGAIN_SECONDS = 1.0
"""A mission that swallowed its cancellation is cancelled again after this, until it leaves."""


@dataclass(eq=False, slots=True)
class Aboard:
    """One run that flies here, and the agents it employs. A watcher: it is asked before every operation."""

    run_id: str
    mission: str
    agents: frozenset[str]
    board: Switchboard
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[object]
    run: Run | None
    """Nothing once its story is told: the run holds this, and neither is to keep the other."""
    told: float = float("-inf")

    def covered(self, known: tuple[Halt, ...], *others: str) -> Halt | None:
        """Return the halt that covers this run; in addition to its own agents, one that acts now."""
        if not known:
            return None
        return covering(known, self.run_id, self.mission, self.agents.union(others))

    async def before(self, run: Run, operation: Operation) -> None:
        """Let nothing be begun that is halted.

        Raises:
            Aborted: it is; the whole run stops.

        """
        found = run.halt or self.covered(self.board.known(), operation.principal)
        if found is not None:
            self.stop(found)
            raise Aborted(found.sentence)

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """Have nothing to say."""

    def stop(self, halt: Halt) -> None:
        """Stop the run; in its own event loop, as often as it takes."""
        if self.run is None:
            return
        self.run.stop(halt)
        self.told = time.monotonic()
        self.task.cancel()

    def hear(self, known: tuple[Halt, ...]) -> None:
        """Pass on what is halted; called by the thread that watches."""
        halt = self.covered(known)
        if halt is None or time.monotonic() - self.told < AGAIN_SECONDS:
            return
        self.told = time.monotonic()
        try:
            self.loop.call_soon_threadsafe(self.stop, halt)
        except RuntimeError:
            return  # its loop was closed meanwhile, and with it the flight


@dataclass(slots=True)
class Home:
    """One home whose runs fly in this process."""

    board: Switchboard
    exchange: Exchange | None
    aboard: set[Aboard] = field(default_factory=set[Aboard])

    def look(self) -> None:
        """Look at its switchboard, and pass on what is halted."""
        known = self.board.look()
        for each in tuple(self.aboard) if known else ():
            each.hear(known)
        if self.exchange is not None:
            self.exchange.keep_going()


class Lookout:
    """Watches the switchboards of all homes whose runs fly in this process."""

    def __init__(self) -> None:
        self._homes: dict[tuple[str, str | None], Home] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, settings: Settings, aboard: Aboard) -> None:
        """Watch for a run from now on."""
        place = (str(aboard.board.journal.root), settings.journals)
        with self._lock:
            home = self._homes.get(place)
            if home is None:
                exchange = None if settings.journals is None else Exchange(settings)
                home = self._homes[place] = Home(aboard.board, exchange)
            home.aboard.add(aboard)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="gonogo-lookout", daemon=True)
                self._thread.start()

    def leave(self, settings: Settings, aboard: Aboard) -> None:
        """Watch for it no more."""
        place = (str(aboard.board.journal.root), settings.journals)
        with self._lock:
            home = self._homes[place]
            home.aboard.discard(aboard)
            if not home.aboard:
                del self._homes[place]
                if home.exchange is not None:
                    home.exchange.stop()

    def _watch(self) -> None:
        busy_at = time.monotonic()
        while True:
            with self._lock:
                homes = list(self._homes.values())
                busy_at = time.monotonic() if homes else busy_at
                if time.monotonic() - busy_at > LINGER_SECONDS:
                    self._thread = None
                    return
            for home in homes:
                home.look()
            time.sleep(LOOK_SECONDS)


_lookout = Lookout()


@contextmanager
def aboard(run: Run, agents: tuple[str, ...]) -> Generator[None]:
    """Have a run watched for while its story is told; it obeys the first halt that covers it.

    The run's first watcher is the one that this sets.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a flight is flown by a task")
    board, loop = switchboard(run.settings), asyncio.get_running_loop()
    one = Aboard(run.id, run.charter.name, frozenset(agents), board, loop, task, run)
    run.watchers = (one, *run.watchers)
    _lookout.take(run.settings, one)
    try:
        yield
    finally:
        one.run = None
        _lookout.leave(run.settings, one)
