"""Books: the ledger of day budgets, who has which slice, and what is spent for good."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence.disk import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

T = TypeVar("T")

BUSY_SECONDS = 10.0

_TABLES = """
CREATE TABLE IF NOT EXISTS purses (purse TEXT PRIMARY KEY, spent INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slices (
    purse TEXT NOT NULL, owner TEXT NOT NULL, place TEXT NOT NULL, slot INTEGER NOT NULL, granted INTEGER NOT NULL,
    PRIMARY KEY (purse, owner)
) WITHOUT ROWID;
"""


class Slice(NamedTuple):
    """What one process was handed of a purse."""

    place: str
    """Where its tab can be looked at."""
    number: int
    """Its place in that tab."""
    granted: int
    """What counts as spent until the process, or its tab, proves that it was not."""


@dataclass(slots=True)
class Page:
    """One purse of the ledger, in one exclusive turn; what is changed in it is kept when the turn ends well."""

    purse: str
    spent: int = 0
    """Spent for good, by slices that were given back."""
    slices: dict[str, Slice] = field(default_factory=dict[str, Slice])
    """By the process that has them."""
    is_wanted: bool = False
    """Whether processes on other machines are asked to give back what they do not use."""
    _before: tuple[int, dict[str, Slice]] = (0, {})

    def __post_init__(self) -> None:
        """Remember what it was."""
        self._before = self.spent, dict(self.slices)

    @property
    def is_spent_changed(self) -> bool:
        """Whether what is spent has changed."""
        return self.spent != self._before[0]

    def changed(self) -> list[tuple[str, Slice]]:
        """Return the slices that are new or different."""
        return [(owner, slice_) for owner, slice_ in self.slices.items() if self._before[1].get(owner) != slice_]

    def gone(self) -> list[str]:
        """Return who has no slice any more."""
        return [owner for owner in self._before[1] if owner not in self.slices]


class Book(Protocol):
    """Where the ledger stands."""

    is_shared: bool
    """Whether processes of other machines may have slices."""

    def turn(self, purse: str) -> AbstractContextManager[Page]:
        """Have a purse to oneself for the block; what was changed is durable when the block is left.

        Raises:
            EvidenceUnwritable: it cannot be kept; nothing was changed.

        """
        ...

    def attempt(self, work: Callable[[], T]) -> T:
        """Do something with turns in it; it may be attempted again where the ledger was away for a moment."""
        ...

    def wanted(self, purses: list[str]) -> list[str]:
        """Return the purses of which somebody on another machine wants a rest."""
        ...


class FileBook:
    """A ledger in SQLite, beside the journals."""

    is_shared = False

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.sqlite"
        self._lock = threading.Lock()
        make_folder(folder)
        try:
            self._ledger = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._ledger.execute("PRAGMA journal_mode = WAL")
            # A lease that a power cut forgets would be spent twice.
            self._ledger.execute("PRAGMA synchronous = FULL")
            self._ledger.executescript(_TABLES)
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    @contextmanager
    def turn(self, purse: str) -> Generator[Page]:
        """Have the ledger to oneself for the block."""
        with self._lock:
            try:
                self._ledger.execute("BEGIN IMMEDIATE")
                page = self._read(purse)
            except sqlite3.Error as error:
                raise self._unwritable(error) from error
            try:
                yield page
                self._write(page)
            except sqlite3.Error as error:
                raise self._unwritable(error) from error
            finally:
                if self._ledger.in_transaction:
                    self._ledger.rollback()

    def _read(self, purse: str) -> Page:
        spent = self._ledger.execute("SELECT spent FROM purses WHERE purse = ?", (purse,)).fetchone()
        rows = self._ledger.execute("SELECT owner, place, slot, granted FROM slices WHERE purse = ?", (purse,))
        return Page(purse, spent[0] if spent else 0, {owner: Slice(*rest) for owner, *rest in rows})

    def _write(self, page: Page) -> None:
        if page.is_spent_changed:
            self._ledger.execute("INSERT OR REPLACE INTO purses VALUES (?, ?)", (page.purse, page.spent))
        for owner, slice_ in page.changed():
            self._ledger.execute("INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?)", (page.purse, owner, *slice_))
        for owner in page.gone():
            self._ledger.execute("DELETE FROM slices WHERE purse = ? AND owner = ?", (page.purse, owner))
        self._ledger.execute("COMMIT")

    def attempt(self, work: Callable[[], T]) -> T:
        """Do it once."""
        return work()

    def wanted(self, purses: list[str]) -> list[str]:
        """Return none: whoever uses this ledger can look at every tab."""
        del purses
        return []

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._ledger.close()

    def _unwritable(self, error: sqlite3.Error) -> EvidenceUnwritable:
        return EvidenceUnwritable(
            f"The ledger of day budgets at {self._path} cannot be used ({error}), so nothing is spent; "
            "free the disk or make it writable, then continue the run with --resume."
        )
