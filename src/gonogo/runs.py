"""A run in flight: its identity, its evidence, its law, its meter, and who schedules it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from gonogo.bells import bell_of
from gonogo.errors import Aborted, CutOff
from gonogo.evidence.canon import timestamp
from gonogo.orders import Orders, orders_in_force
from gonogo.pilots import Pilot, Wait
from gonogo.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from cedarpy import Entities

    from gonogo.bells import Ear
    from gonogo.budgets import Meter
    from gonogo.evidence.ledger import Ledger
    from gonogo.evidence.records import Record
    from gonogo.model import Charter
    from gonogo.operations import Watcher
    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry
    from gonogo.settings import Settings
    from gonogo.switches import Halt

T = TypeVar("T")

HALT_WRITE_SECONDS = 5.0
"""How long a change that is under way at a halt may take to end; then it is cut off, and is in doubt."""

LOOK_SECONDS_MIN = 0.01
"""A wait whose time is over is looked at again after this, until its branch has seen it."""


class Working:
    """A block in which a branch of a run is busy; no generator, since each step enters one."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> None:
        """Begin to work."""
        self._run.begin_work()

    def __exit__(self, *_raised: object) -> None:
        """Stop working."""
        self._run.end_work()


@dataclass(slots=True)
class Run:
    """One flight of a mission."""

    id: str
    charter: Charter
    ledger: Ledger
    law: Law
    registry: Registry
    settings: Settings
    pilot: Pilot
    meter: Meter
    requester: str
    model: str
    """``provider:name``, or ``offline:scripted``."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    waits: list[Wait] = field(default_factory=list[Wait])
    """What branches wait for now, oldest first."""
    busy: int = 0
    """Branches that are executing a step now; a run rests only when there is none."""
    parks: int = 0
    """How often the run has left its process, or paused, to wait."""
    left: tuple[Wait, ...] = ()
    """What the run was waiting for when its lane took it out of the process."""
    leaving: BaseException | None = None
    """What takes the run out of its process: the lane's signal, or a recorder that cannot write. Nothing is begun
    after it."""
    is_over: bool = False
    """Whether the story has ended, so that branches it left behind have nothing to wait for."""
    received: set[str] = field(default_factory=set[str])
    """Desk records the run has signed for."""
    world: Callable[[], Entities] | None = None
    watchers: tuple[Watcher, ...] = ()
    """Who is asked before every operation and told after it, in this order."""
    provenance: Provenance = field(default_factory=Provenance)
    """Everything that entered the run, for the question where a value comes from."""
    orders: Orders = field(default_factory=orders_in_force)
    halt: Halt | None = None
    """The switch that was thrown for it; nothing is begun after it."""
    _outside: dict[asyncio.Task[Any], bool] = field(default_factory=dict[asyncio.Task[Any], bool])
    _effects: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    _branches: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    _looked: dict[asyncio.Task[Any] | None, int] = field(default_factory=dict[asyncio.Task[Any] | None, int])
    """How much lay on the desk when each branch that waits last looked."""
    _parking: asyncio.Task[None] | None = None
    _ear: Ear | None = None
    _listening: ExitStack = field(default_factory=ExitStack)

    @property
    def is_offline(self) -> bool:
        """Whether the scripted offline model answers for the agents."""
        return self.model.startswith("offline:")

    @contextmanager
    def waiting(self, wait: Wait) -> Generator[None]:
        """Hold a place in the waiting room."""
        self._know_branch()
        self.waits.append(wait)
        self._keep_time()
        try:
            yield
        finally:
            self.waits.remove(wait)
            self._looked.pop(asyncio.current_task(), None)
            self._keep_time()
            if not self.waits:
                self._ear = None
                self._listening.close()

    def look(self) -> list[Record]:
        """Return the desk to a branch that waits. What comes after this is news, also where the run sleeps by then."""
        desk = self.ledger.desk()
        self._looked[asyncio.current_task()] = len(desk)
        return desk

    @property
    def looked(self) -> int:
        """How many records of the desk every branch that waits has looked at; all of them, where none waits."""
        return min(self._looked.values(), default=len(self.ledger.desk()))

    async def stirred(self, seconds: float) -> None:
        """Return when something comes to the desk, no branch is busy any more, or a wait's time is over.

        Without any of that it returns after ``seconds``. The first time it returns at once, so that
        what came before the bell was hung is seen by another look.
        """
        if self._ear is None:
            self._ear = self._listening.enter_context(bell_of(self.settings).listening(self.id))
            return
        left = min(((wait.deadline - datetime.now(UTC)).total_seconds() for wait in self.waits), default=seconds)
        await self._ear.heard(max(min(seconds, left), LOOK_SECONDS_MIN))

    def working(self) -> Working:
        """Count a branch as busy for a block."""
        return Working(self)

    def begin_work(self) -> None:
        """Count the branch that runs now as busy."""
        self._know_branch()
        self.busy += 1
        self._keep_time()

    def end_work(self) -> None:
        """Count it no more, and let whoever waits look again where it was the last."""
        self.busy -= 1
        self._keep_time()
        if not self.busy and self._ear is not None:
            self._ear.ring(self.id)

    def _keep_time(self) -> None:
        """Let the clock run while anything but waiting is done."""
        self.meter.clock.let(run=bool(self.busy) or not self.waits)

    def _know_branch(self) -> None:
        """Remember the task that works or waits; a mission that swallowed the signal to leave begins nothing new."""
        if self.leaving is not None:
            raise self.leaving
        if self.is_over:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        if task is not None:
            self._branches.add(task)

    @property
    def abort(self) -> str | None:
        """Why the run has to stop, by a switch or by order; ``None`` while it may go on."""
        return self.orders.abort if self.halt is None else self.halt.sentence

    def refuse_if_aborted(self) -> None:
        """Go no further where the run was told to abort."""
        if self.abort is not None:
            raise asyncio.CancelledError(self.abort)

    def stop(self, halt: Halt) -> None:
        """Obey a switch: cut off what only asks or reads, now, and what changes something once its time is over."""
        if self.halt is None:
            self.halt = halt
            for task, may_cut in self._outside.items():
                if may_cut:
                    task.cancel()
            asyncio.get_running_loop().call_later(HALT_WRITE_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        for task in self._outside:
            task.cancel()

    async def outside(self, call: Callable[[], Awaitable[T]], *, changes: bool) -> T:
        """Await what happens outside of this process, so that a halt can cut it off.

        Args:
            call: the foreign call; not made at all where the run was halted a moment ago.
            changes: whether it changes something, so that it has :data:`HALT_WRITE_SECONDS` to come to its end.

        Raises:
            Aborted: it was not made, or (CutOff) it was cut off and nobody knows what became of it.

        """
        if self.halt is not None:
            raise Aborted(self.halt.sentence)
        task = asyncio.current_task()
        if task is None:
            return await call()
        self._outside[task] = not changes
        try:
            return await call()
        except asyncio.CancelledError:
            if self.halt is None:
                raise
            task.uncancel()
            raise CutOff(f"It was cut off while it was under way. {self.halt.sentence}") from None
        finally:
            del self._outside[task]

    def leave(self, signal: BaseException) -> NoReturn:
        """Take the run out of its process."""
        self.leaving = signal
        raise signal

    async def parked(self) -> None:
        """Fall asleep once, whichever branch asks first; return when the record of it is durable."""
        if self._parking is None:
            self._parking = asyncio.ensure_future(self.park())
        # A branch that leaves first ends the story around the others; the record is written all the same.
        await asyncio.shield(self._parking)

    async def asleep(self) -> None:
        """Wait for a falling asleep that has begun."""
        if self._parking is not None:
            await asyncio.shield(self._parking)

    async def dismiss(self) -> None:
        """Stop the branches that the story left behind, and wait until they and every effect are done."""
        self.is_over = True
        rest = {task for task in self._branches if not task.done() and task is not asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if self._parking is not None:
            await asyncio.wait({self._parking})
        await self.settle()
        # Each of them holds the run: what has landed is to go without being found as garbage.
        self._branches.clear()

    async def park(self, **how: str) -> None:
        """Record that the run goes to sleep, on what, and where it can be woken."""
        await self.settle()
        self.left = tuple(self.waits)
        self.parks += 1
        data: dict[str, Any] = {
            "event": "waiting",
            "park": self.parks,
            "gates": [wait.name for wait in self.left if wait.kind == "gate"],
            "events": [wait.name for wait in self.left if wait.kind == "event"],
            "desk": self.looked,
            **self.meter.time_fields(),
            **how,
        }
        until = min((wait.deadline for wait in self.left if wait.kind == "event"), default=None)
        if until is not None:
            data["event_deadline"] = timestamp(until)
        await self.ledger.write("run_record", data)

    async def shielded(self, effect: Coroutine[Any, Any, T]) -> T:
        """Finish an effect and its record even when the branch around it is cancelled."""
        task = asyncio.ensure_future(effect)
        self._effects.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._effects.discard(task)
        if not task.cancelled():
            # It is on record; a branch that was cancelled asks no more what came of it.
            task.exception()

    async def settle(self) -> None:
        """Wait until no effect is in flight; results are recorded before the run ends or sleeps."""
        while self._effects:
            await asyncio.wait(set(self._effects))
