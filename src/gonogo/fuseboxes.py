"""Fuseboxes: what processes share about dependencies, one row each: failures in a row, pauses, booked turns.

Every question is one statement, so that nobody holds a lock while anybody waits. Times are
microseconds of the store's own clock.
"""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from gonogo.errors import DependencyOpen

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.settings import Settings

Row = tuple[int, ...]

TABLE = """
CREATE TABLE IF NOT EXISTS gonogo_dependencies (
    name text PRIMARY KEY,
    failures bigint NOT NULL DEFAULT 0,
    open_until bigint NOT NULL DEFAULT 0,
    probe_until bigint NOT NULL DEFAULT 0,
    booked_until bigint NOT NULL DEFAULT 0
)
"""
"""``open_until`` is 0 while a dependency is asked as ever; ``probe_until`` is by when the one that tries it is back."""

_MADE_ONCE = f"DO $$ BEGIN {TABLE}; EXCEPTION WHEN unique_violation OR duplicate_table THEN NULL; END $$"
"""For Postgres, which lets two makers of a table run into each other, ``IF NOT EXISTS`` or not."""

_READ = "SELECT failures, open_until, {now} FROM gonogo_dependencies WHERE name = {name}"
_FAILED = """
INSERT INTO gonogo_dependencies AS d (name, failures, open_until)
VALUES ({name}, 1, CASE WHEN {most} <= 1 THEN {now} + {cool} ELSE 0 END)
ON CONFLICT (name) DO UPDATE SET
    failures = d.failures + 1,
    open_until = CASE
        WHEN {probe} = 1 OR (d.open_until = 0 AND d.failures + 1 >= {most}) THEN {now} + {cool}
        ELSE d.open_until END,
    probe_until = CASE WHEN {probe} = 1 THEN 0 ELSE d.probe_until END
RETURNING failures, open_until, {now}
"""
_ANSWERED = """
UPDATE gonogo_dependencies SET failures = 0, open_until = 0, probe_until = 0
WHERE name = {name} AND ({probe} = 1 OR open_until = 0) RETURNING 1
"""
_PROBE = """
UPDATE gonogo_dependencies SET probe_until = {now} + {lease}
WHERE name = {name} AND open_until > 0 AND open_until <= {now} AND probe_until <= {now} RETURNING 1
"""
_RELEASE = "UPDATE gonogo_dependencies SET probe_until = 0 WHERE name = {name} RETURNING 1"
_BOOK = """
INSERT INTO gonogo_dependencies AS d (name, booked_until) VALUES ({name}, {now} + {span})
ON CONFLICT (name) DO UPDATE SET booked_until = {later}(d.booked_until, {now}) + {span}
WHERE {later}(d.booked_until, {now}) + {span} - {burst} - {now} <= {patience}
RETURNING booked_until - {burst} - {now}
"""
_PROMISE = """
INSERT INTO gonogo_dependencies AS d (name, booked_until) VALUES ({name}, {now} + {span})
ON CONFLICT (name) DO UPDATE SET booked_until = {now} + {span} RETURNING 1
"""
_RENEW = "UPDATE gonogo_dependencies SET booked_until = {now} + {span} WHERE name = {name} RETURNING 1"
_WITHDRAW = "DELETE FROM gonogo_dependencies WHERE name = {name} RETURNING 1"
_OVERDUE = "SELECT {now} - booked_until FROM gonogo_dependencies WHERE name = {name}"
_LOOKS = frozenset({_READ, _OVERDUE})
"""Statements that change nothing; no store is made for them."""


class Fusebox(Protocol):
    """Where statements are asked."""

    is_quick: bool
    """Whether a reading takes less time than handing it to a thread."""
    kept: dict[str, Any]
    """What this process keeps beside it, by dependency."""

    def ask(self, statement: str, name: str, **numbers: int) -> Row | None:
        """Return the row a statement gives, if it gives one.

        Raises:
            DependencyOpen: the file cannot be used; what is not known is not asked.
            EvidenceUnwritable: the Postgres cannot be used; neither can the journals that stand there.

        """
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """How a dependency stands."""

    failures: int = 0
    left_us: int = 0
    """For how long it is left alone yet; 0 or less where that is over."""
    is_open: bool = False

    @classmethod
    def of(cls, row: Row | None) -> Known:
        """Read a row; a dependency nobody has heard of is fine."""
        return cls() if row is None else cls(row[0], row[1] - row[2], row[1] > 0)


def read(board: Fusebox, name: str) -> Known:
    """Return how a dependency stands."""
    return Known.of(board.ask(_READ, name))


def failed(board: Fusebox, name: str, *, most: int, cool_us: int, is_probe: bool) -> Known:
    """Count a failure; the last of too many, or that of the one that tried, leaves the dependency alone."""
    return Known.of(board.ask(_FAILED, name, most=most, cool=cool_us, probe=int(is_probe)))


def answered(board: Fusebox, name: str, *, is_probe: bool) -> None:
    """Forget the failures in a row; an answer to the one that tried ends the pause."""
    board.ask(_ANSWERED, name, probe=int(is_probe))


def probe(board: Fusebox, name: str, lease_us: int) -> bool:
    """Whether the caller is the one who may try a dependency whose pause is over; nobody else may, until then."""
    return board.ask(_PROBE, name, lease=lease_us) is not None


def release(board: Fusebox, name: str) -> None:
    """Give the right to try back unused."""
    board.ask(_RELEASE, name)


def book(board: Fusebox, name: str, turns: int, *, period_us: int, burst: int, patience_us: int) -> int | None:
    """Book turns under a rate; return in how many microseconds they are due, ``None`` where that is past patience."""
    row = board.ask(_BOOK, name, span=turns * period_us, burst=burst * period_us, patience=patience_us)
    return None if row is None else max(0, row[0])


def promise(board: Fusebox, name: str, span_us: int) -> None:
    """Promise that somebody is heard of again within this time."""
    board.ask(_PROMISE, name, span=span_us)


def renew(board: Fusebox, name: str, span_us: int) -> None:
    """Put off by when somebody is heard of again, where that was promised."""
    board.ask(_RENEW, name, span=span_us)


def withdraw(board: Fusebox, name: str) -> None:
    """Promise nothing any more."""
    board.ask(_WITHDRAW, name)


def overdue_us(board: Fusebox, name: str) -> int:
    """Return for how long a promise has been overdue; 0 or less for one that is kept, or where there is none."""
    row = board.ask(_OVERDUE, name)
    return 0 if row is None else row[0]


@dataclass(slots=True)
class FileFusebox:
    """A SQLite file below the home; made when there is something to say."""

    path: Path
    is_quick: bool = True
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    _connection: sqlite3.Connection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, statement: str, name: str, **numbers: int) -> Row | None:
        """See :class:`Fusebox`."""
        marks = {word: f":{word}" for word in ("name", *numbers)}
        text = statement.format(now=":now", later="max", **marks)
        try:
            with self._lock:
                if self._connection is None:
                    if statement in _LOOKS and not self.path.exists():
                        return None
                    self._connection = self._open()
                values = {"name": name, "now": time.time_ns() // 1_000, **numbers}
                return next(iter(self._connection.execute(text, values).fetchall()), None)
        except (sqlite3.Error, OSError) as error:
            raise _unknown(name, f"{self.path}: {error}") from error

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        made = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        made.execute("PRAGMA journal_mode = WAL")
        # What is forgotten in a power cut is that somebody was left alone.
        made.execute("PRAGMA synchronous = OFF")
        made.execute(TABLE)
        return made


@dataclass(slots=True)
class PostgresFusebox:
    """A table in the database that keeps the journals."""

    url: str
    is_quick: bool = False
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    _is_made: bool = False

    def ask(self, statement: str, name: str, **numbers: int) -> Row | None:
        """See :class:`Fusebox`."""
        from gonogo.evidence.postgres.journal import link_to

        marks = {word: f"%({word})s::bigint" for word in numbers}
        now = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
        text = statement.format(now=now, later="greatest", name="%(name)s::text", **marks)
        # Where it is away, the journals are: that is no failure of the dependency, and not recorded as one.
        server = link_to(self.url).server
        if not self._is_made:
            server.read(_MADE_ONCE)
            self._is_made = True
        values: Any = {"name": name, **numbers}
        return next(iter(server.read(text, values)), None)  # pyright: ignore[reportArgumentType] - our own text

    def close(self) -> None:
        """Do nothing: the journals' own connections are used."""


def _unknown(name: str, why: str) -> DependencyOpen:
    return DependencyOpen(
        f"How {name} stands cannot be read ({why}), so it is not asked; mend that file or server and try again."
    )


BOARDS_MAX = 16
"""Homes that one process keeps open at once; rehearsals have one each."""

_boards: dict[object, Fusebox] = {}


def fusebox_of(chosen: Settings) -> Fusebox:
    """Return what the processes of a home share, or those of many machines where journals stand in Postgres."""
    # A forked child must not use its parent's connection.
    place: object = (os.getpid(), chosen.journals or chosen.home)
    found = _boards.get(place)
    if found is None:
        made = PostgresFusebox(chosen.journals) if chosen.journals else FileFusebox(_file(chosen))
        found = _boards.setdefault(place, made)
        while len(_boards) > BOARDS_MAX:
            _boards.pop(next(iter(_boards))).close()
    return found


@atexit.register
def disconnect() -> None:
    """Close every fusebox of this process."""
    while _boards:
        _boards.popitem()[1].close()


def _file(chosen: Settings) -> Path:
    return (chosen.home / "dependencies.sqlite").absolute()
