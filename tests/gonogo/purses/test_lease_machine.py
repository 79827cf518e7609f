"""The lease ledger as a state machine: processes reserve, settle, idle, leave and die at any point."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gonogo.purses.books import FileBook
from gonogo.purses.holdings import Asked, Held, Holdings, Shortage

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.purses.books import Page
    from gonogo.purses.tabs import Slot

NOTHING: Any = multiple()  # pyright: ignore[reportUnknownVariableType] - as hypothesis types it
CAPS = {"a": 100, "b": 7}


class Killed(BaseException):
    """The process is dead; nothing of what it would have done comes after this."""


class Mortal:
    """Kills a process after so many of its writes, whether to its tab or to the ledger."""

    def __init__(self, book: FileBook, folder: Path) -> None:
        self.book = book
        self.holdings = Holdings(self, folder)  # pyright: ignore[reportArgumentType] - a book with death in it
        self.is_shared = False
        self.writes_left = -1
        self.is_dead = False
        self._write, tab = self.holdings.tab.write, self.holdings.tab
        tab.write = self._mortal_write

    def _pass(self) -> None:
        if self.is_dead or self.writes_left == 0:
            self.is_dead = True
            raise Killed
        self.writes_left -= 1

    def _mortal_write(self, number: int, slot: Slot) -> None:
        if self.is_dead:
            return  # what an except block would mend, a killed process does not
        self._pass()
        self._write(number, slot)

    @contextmanager
    def turn(self, purse: str) -> Generator[Page]:
        """Have a turn; die before the commit, or right after it."""
        with self.book.turn(purse) as page:
            yield page
            self._pass()
        self._pass()

    def attempt(self, work: Any) -> Any:
        """Do it once."""
        return work()

    def die(self) -> None:
        """Leave the files as they are, as the kernel does."""
        self.is_dead = True
        self.holdings.abandon()


class Leases(RuleBasedStateMachine):
    """Many processes and two purses; what was truly used is known to the machine alone."""

    processes: Bundle[Mortal] = Bundle("processes")
    calls: Bundle[tuple[Mortal, list[Held]]] = Bundle("calls")

    @initialize()
    def open_the_house(self) -> None:
        """Begin a day."""
        self.folder = Path(tempfile.mkdtemp(prefix="gonogo-leases-"))
        self.book = FileBook(self.folder)
        self.used = dict.fromkeys(CAPS, 0)
        self.phantom = dict.fromkeys(CAPS, 0)
        self.living: list[Mortal] = []

    @rule(target=processes)
    def start(self) -> Mortal:
        """Start a process."""
        made = Mortal(self.book, self.folder / "tabs")
        self.living.append(made)
        return made

    @rule(
        target=calls,
        process=processes,
        amounts=st.dictionaries(st.sampled_from(sorted(CAPS)), st.integers(1, 40), min_size=1),
        dies_after=st.integers(-1, 9),
    )
    def reserve(self, process: Mortal, amounts: dict[str, int], dies_after: int) -> Any:
        """Reserve from both purses or one; perhaps die on the way."""
        if process.is_dead:
            return NOTHING
        process.writes_left = dies_after
        asks = [Asked(purse, CAPS[purse], amount) for purse, amount in amounts.items()]
        try:
            got = process.holdings.take(asks) or process.holdings.reserve(asks)
        except Killed:
            self._buried(process, amounts)
            return NOTHING
        process.writes_left = -1
        if isinstance(got, Shortage):
            # Refused for good only where it is truly used up.
            purse = got.asked.purse
            left = CAPS[purse] - self.used[purse] - self.phantom[purse]
            assert not (got.is_final and left >= got.asked.amount)
            return NOTHING
        for held in got:
            self.used[held.purse] += held.amount
        return process, got

    @rule(call=consumes(calls), share=st.integers(0, 100), dies_after=st.integers(-1, 3))
    def settle(self, call: tuple[Mortal, list[Held]], share: int, dies_after: int) -> None:
        """A call ends, and used a part of what was reserved for it; of a dead process's call it counts all."""
        process, held = call
        if process.is_dead:
            return
        process.writes_left = dies_after
        used = [(each, each.amount * share // 100) for each in held]
        try:
            process.holdings.settle(used)
        except Killed:
            # What was truly used is at most what stays reserved; the difference cannot be proven.
            for each, amount in used:
                self.used[each.purse] += amount - each.amount
                self.phantom[each.purse] += each.amount - amount
            self._buried(process, {})
            return
        process.writes_left = -1
        for each, amount in used:
            self.used[each.purse] += amount - each.amount

    @rule(process=processes)
    def idle(self, process: Mortal) -> None:
        """A process gives back what it does not use."""
        if not process.is_dead:
            for purse in process.holdings.rests():
                process.holdings.give_back(purse)

    @rule(process=processes)
    def kill(self, process: Mortal) -> None:
        """A process is killed between two calls."""
        if not process.is_dead:
            self._buried(process, {})

    def _buried(self, process: Mortal, interrupted: dict[str, int]) -> None:
        process.die()
        self.living.remove(process)
        for purse, amount in interrupted.items():
            self.phantom[purse] += amount

    @invariant()
    def never_overspent(self) -> None:
        """What is used and reserved never exceeds a cap."""
        assert all(used <= CAPS[purse] for purse, used in getattr(self, "used", {}).items())

    def teardown(self) -> None:
        """Whatever happened, a new process can use all that is left, to the last unit, and no more."""
        if not hasattr(self, "folder"):
            return
        heir = Holdings(self.book, self.folder / "tabs")
        for purse, cap in CAPS.items():
            least = cap - self.used[purse] - self.phantom[purse]
            took = 0
            while not isinstance(heir.reserve([Asked(purse, cap, 1)]), Shortage):
                took += 1
            assert least <= took <= cap - self.used[purse]
        heir.close()
        for process in self.living:
            process.holdings.abandon()
        self.book.close()


Leases.TestCase.settings = hypothesis_settings(max_examples=25, stateful_step_count=40)
TestLeases = Leases.TestCase
