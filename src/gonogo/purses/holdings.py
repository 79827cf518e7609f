"""Holdings: what this process holds of day budgets, reserved from in memory and given back.

The rule by which no cap is overspent: **what was granted to a process counts as spent until it is
proven returned.** It is proven by the process itself, or by its tab, which every process of the same
machine and home can read: of a live neighbour the unused rest is taken back, and of a dead one
everything but what it had spent or reserved. A tab that cannot be read (another machine, a restart of
this one) proves nothing, and that slice stays spent for the day.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gonogo.evidence.canon import uuid7
from gonogo.purses.books import Slice
from gonogo.purses.tabs import Slot, Tab, place_of, sweep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gonogo.purses.books import Book, Page

SHARE = 8
"""A lease takes this part of what is free beside what is asked, so that slices shrink as the day's budget does."""


class Asked(NamedTuple):
    """What one call wants of one purse."""

    purse: str
    cap: int
    amount: int


class Held(NamedTuple):
    """What was reserved of one purse."""

    purse: str
    number: int
    amount: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why there is not enough: what is used, and what of that may yet come back."""

    asked: Asked
    used: int
    """Spent, reserved, or in slices that nobody here can look into."""
    pending: int
    """What of it is reserved for calls in flight, or held on other machines."""

    @property
    def is_final(self) -> bool:
        """Whether waiting is of no use."""
        return self.asked.cap - self.used + self.pending < self.asked.amount


class Holdings:
    """The slices of one process in one ledger."""

    def __init__(self, book: Book, folder: Path) -> None:
        self.book = book
        self._folder = folder
        self.owner = uuid7()
        self.place = place_of(folder)
        sweep(folder)
        self.tab = Tab(folder, self.owner, is_own=True)
        self._numbers: dict[str, int] = {}
        self._opening = threading.Lock()

    def take(self, asks: Sequence[Asked]) -> list[Held] | None:
        """Reserve from the slices at hand, all or nothing; ``None`` where one does not suffice. Microseconds."""
        found: list[tuple[Held, Slot]] = []
        with self.tab.locked():
            for asked in asks:
                number = self._numbers.get(asked.purse)
                if number is None:
                    return None
                slot = self.tab.read(number)
                if slot.rest < asked.amount:
                    return None
                found.append((Held(asked.purse, number, asked.amount), slot))
            for held, slot in found:
                self.tab.write(held.number, _reserved(slot, held.amount))
        return [held for held, _ in found]

    def reserve(self, asks: Sequence[Asked]) -> list[Held] | Shortage:
        """Reserve with new leases where need be, all or nothing; waits for the ledger.

        Raises:
            EvidenceUnwritable: the ledger cannot be used; nothing was reserved.

        """
        got: list[Held] = []
        try:
            for asked in asks:
                one = self.take([asked]) or self.book.attempt(lambda asked=asked: self._lease(asked))
                if isinstance(one, Shortage):
                    self.settle([(held, 0) for held in got])
                    return one
                got += one
        except BaseException:
            self.settle([(held, 0) for held in got])
            raise
        return got

    def settle(self, used: Sequence[tuple[Held, int]]) -> None:
        """Replace what was reserved by what was used; the rest can be reserved again. Microseconds."""
        with self.tab.locked():
            for held, amount in used:
                slot = self.tab.read(held.number)
                kept = Slot(slot.granted, slot.used - held.amount + amount, slot.in_flight - held.amount)
                self.tab.write(held.number, kept)

    def true_up(self, purse: str) -> None:
        """Tell the ledger of a call that used more than its slice had."""
        self.book.attempt(lambda: self._lease(Asked(purse, 0, 0)))

    def _lease(self, asked: Asked) -> list[Held] | Shortage:
        """Have a turn at the ledger, enlarge this process's slice, and reserve from it at once."""
        number = self._number(asked.purse)
        # The tab stays locked until the ledger's commit: nobody reserves from what may not have been granted.
        with ExitStack() as committed:
            before: Slot | None = None
            try:
                with self.book.turn(asked.purse) as page:
                    own = self._read(number)
                    page.slices.setdefault(self.owner, Slice(self.place, number, 0))
                    pending = elsewhere = 0
                    if self._free(page, asked.cap, own) < asked.amount - own.rest:
                        pending, elsewhere = self._call_back(page)
                    committed.enter_context(self.tab.locked())
                    before = own = self.tab.read(number)
                    free = self._free(page, asked.cap, own)
                    need = max(asked.amount - own.rest, 0)
                    granted = max(own.granted, own.used)
                    if need <= free:
                        granted += min(max(need, free // SHARE), free) if need else 0
                        own = _reserved(Slot(granted, own.used, own.in_flight), asked.amount)
                    page.slices[self.owner] = Slice(self.place, number, granted)
                    if need > free:
                        page.is_wanted = elsewhere > 0
                        return Shortage(asked, asked.cap - free - own.rest, pending + own.in_flight + elsewhere)
                    self.tab.write(number, own)
            except BaseException:
                if before is not None:
                    self.tab.write(number, before)
                raise
            return [Held(asked.purse, number, asked.amount)]

    def _read(self, number: int) -> Slot:
        with self.tab.locked():
            return self.tab.read(number)

    def _free(self, page: Page, cap: int, own: Slot) -> int:
        """Return what nobody has: of this process's own slice, its tab knows best."""
        others = sum(slice_.granted for owner, slice_ in page.slices.items() if owner != self.owner)
        return cap - page.spent - others - max(own.granted, own.used)

    def _call_back(self, page: Page) -> tuple[int, int]:
        """Take back what others do not use; return what they have in flight, and what is out of reach."""
        in_flight = elsewhere = 0
        for owner, slice_ in list(page.slices.items()):
            if owner == self.owner:
                continue
            seen = self.look(owner, slice_, take_back=True)
            if seen is None:
                elsewhere += slice_.granted
            elif seen.granted < 0:
                page.spent += seen.used
                del page.slices[owner]
            else:
                in_flight += seen.in_flight
                page.slices[owner] = Slice(slice_.place, slice_.number, seen.used)
        return in_flight, elsewhere

    def look(self, owner: str, slice_: Slice, *, take_back: bool = False) -> Slot | None:
        """Return another process's slice; ``None`` where its tab cannot be seen.

        A negative ``granted`` says that the process is dead. With ``take_back`` the rest of a live one's is taken.
        """
        if slice_.place != self.place:
            return None
        try:
            tab = Tab(self._folder, owner, is_own=False)
        except OSError:
            return None
        try:
            with tab.locked():
                slot = tab.read(slice_.number)
                if tab.is_abandoned():
                    return Slot(-1, slot.used, slot.in_flight)
                if take_back and slot.rest > 0:
                    tab.write(slice_.number, Slot(slot.used, slot.used, slot.in_flight))
                return slot
        finally:
            tab.close()

    def _number(self, purse: str) -> int:
        with self._opening:
            number = self._numbers.get(purse, len(self._numbers))
            self.tab.add(number)
            self._numbers[purse] = number
            return number

    def rests(self) -> dict[str, int]:
        """Return what was used so far of every purse of which this process has an unused rest."""
        with self.tab.locked():
            slots = {purse: self.tab.read(number) for purse, number in list(self._numbers.items())}
        return {purse: slot.used for purse, slot in slots.items() if slot.rest > 0}

    def give_back(self, purse: str) -> None:
        """Give the unused rest of a slice back to the ledger."""
        number = self._numbers[purse]

        def once() -> None:
            with self.book.turn(purse) as page, self.tab.locked():
                slot = self.tab.read(number)
                self.tab.write(number, Slot(slot.used, slot.used, slot.in_flight))
                page.slices[self.owner] = Slice(self.place, number, slot.used)

        self.book.attempt(once)

    def close(self) -> None:
        """Give everything back: what is used is spent, the rest is free."""
        for purse, number in self._numbers.items():

            def once(purse: str = purse, number: int = number) -> None:
                with self.book.turn(purse) as page:
                    if page.slices.pop(self.owner, None) is not None:
                        page.spent += self.tab.read(number).used

            self.book.attempt(once)
        self.tab.close(remove=True)

    def abandon(self) -> None:
        """Let go of the files alone, as the child of a fork must: the slices are its parent's."""
        with suppress(OSError):
            self.tab.close()


def _reserved(slot: Slot, amount: int) -> Slot:
    return Slot(slot.granted, slot.used + amount, slot.in_flight + amount)
