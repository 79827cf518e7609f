"""The lookout: stops what flies in this process once a switch is thrown for it.

One thread for each home watches the switchboard while runs of it fly here, so a mission that waits
for a model hears of a halt as one that works does. It also asks before every operation itself
(:meth:`Aboard.before`), so nothing is begun on older knowledge than
:data:`gonogo.switches.LOOK_SECONDS`, whatever the thread is doing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
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

    run: Run
    agents: frozenset[str]
    board: Switchboard
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[object]
    is_over: bool = False
    told: float = float("-inf")

    def covered(self, known: tuple[Halt, ...], *others: str) -> Halt | None:
        """Return the halt that covers this run; in addition to its own agents, one that acts now."""
        if not known:
            return None
        return covering(known, self.run.id, self.run.charter.name, self.agents.union(others))

    async def before(self, run: Run, operation: Operation) -> None:
        """Let nothing be begun that is halted.

        Raises:
            Aborted: it is; the whole run stops.

        """
        del run
        found = self.run.halt or self.covered(self.board.known(), operation.principal)
        if found is not None:
            self.stop(found)
            raise Aborted(found.sentence)

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """Have nothing to say."""

    def stop(self, halt: Halt) -> None:
        """Stop the run; in its own event loop, as often as it takes."""
        if self.is_over:
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


class Lookout:
    """Watches one home's switchboard for the runs that fly in this process."""

    def __init__(self, settings: Settings) -> None:
        self.board = switchboard(settings)
        self._exchange = None if settings.journals is None else Exchange(settings)
        self._aboard: set[Aboard] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, aboard: Aboard) -> None:
        """Watch for a run from now on."""
        with self._lock:
            self._aboard.add(aboard)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="gonogo-lookout", daemon=True)
                self._thread.start()

    def leave(self, aboard: Aboard) -> None:
        """Watch for it no more."""
        with self._lock:
            self._aboard.discard(aboard)

    def _watch(self) -> None:
        idle_since = time.monotonic()
        while True:
            known = self.board.look()
            with self._lock:
                aboard = list(self._aboard) if known else []
                now = time.monotonic()
                idle_since = now if self._aboard else idle_since
                if now - idle_since > LINGER_SECONDS:
                    self._thread = None
                    break
            for each in aboard:
                each.hear(known)
            if self._exchange is not None:
                self._exchange.keep_going()
            time.sleep(LOOK_SECONDS)
        if self._exchange is not None:
            self._exchange.stop()


_lookouts: dict[tuple[str, str | None], Lookout] = {}


def lookout(settings: Settings) -> Lookout:
    """Return this process's lookout for a home."""
    place = (str(switchboard(settings).journal.root), settings.journals)
    found = _lookouts.get(place)
    return found or _lookouts.setdefault(place, Lookout(settings))


@contextmanager
def aboard(run: Run, agents: tuple[str, ...]) -> Generator[None]:
    """Have a run watched for while its story is told; it obeys the first halt that covers it.

    The run's first watcher is the one that this sets.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a flight is flown by a task")
    watching = lookout(run.settings)
    one = Aboard(run, frozenset(agents), watching.board, asyncio.get_running_loop(), task)
    run.watchers = (one, *run.watchers)
    watching.take(one)
    try:
        yield
    finally:
        one.is_over = True
        watching.leave(one)
