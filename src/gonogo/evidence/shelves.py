"""Shelves: the file in which wrapped keys of data subjects stand, held open by the processes that use it.

A key is durable before anything is sealed under it, and is overwritten when it is destroyed. So the file has a
rollback journal that stays where it is and is written over: as durable as one that is deleted or cut with each
commit, without a name or a length that has to be made durable, too. It holds what pages held before the last
key was made. So it is deleted with the key that is destroyed: a copy of it must not bring that one back. A
write-ahead log would hold the newest keys, which a copy of the file alone would lack, and destroyed ones
until its next checkpoint.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from gonogo.errors import EvidenceUnwritable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

WAIT_SECONDS = 10.0
"""How long a writer waits for another one at the file of keys."""
OPEN_MAX = 8
"""Files of keys that one process keeps open at once; rehearsals have one each."""

_JOURNAL_STAYS, _JOURNAL_GOES = "PRAGMA journal_mode = PERSIST", "PRAGMA journal_mode = DELETE"
_PREPARED = (
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = EXTRA",
    _JOURNAL_STAYS,
    "CREATE TABLE IF NOT EXISTS subject_keys (id TEXT PRIMARY KEY, lookup TEXT NOT NULL UNIQUE, wrapped BLOB NOT NULL)",
)


@dataclass(frozen=True)
class FileShelf:
    """Wrapped keys in one SQLite file, which overwrites what it deletes."""

    path: Path
    is_local: bool = True

    def put(self, identity: str, lookup: str, wrapped: bytes) -> tuple[str, bytes]:
        """Keep a key for whoever has none, durably; return the row that stands there now."""
        with self._open() as rows:
            query = "INSERT INTO subject_keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            if rows.execute(query, (identity, lookup, wrapped)).rowcount:
                return identity, wrapped
            return rows.execute("SELECT id, wrapped FROM subject_keys WHERE lookup = ?", (lookup,)).fetchall()[0]

    def by_lookup(self, lookup: str) -> tuple[str, bytes] | None:
        """Return the id and the wrapped key of a subject."""
        return self._one("SELECT id, wrapped FROM subject_keys WHERE lookup = ?", lookup)

    def by_id(self, identity: str) -> tuple[str, bytes] | None:
        """Return the lookup and the wrapped key of an id."""
        return self._one("SELECT lookup, wrapped FROM subject_keys WHERE id = ?", identity)

    def destroy(self, identity: str) -> bool:
        """Delete a key, durably; whether there was one."""
        if not self.path.exists():
            return False
        with self._open() as rows:
            rows.execute(_JOURNAL_GOES).fetchall()
            try:
                return bool(rows.execute("DELETE FROM subject_keys WHERE id = ?", (identity,)).rowcount)
            finally:
                rows.execute(_JOURNAL_STAYS).fetchall()

    def _one(self, query: str, value: str) -> Any:
        if not self.path.exists():
            return None
        with self._open() as rows:
            # To the last row: a statement that is not at its end keeps the file locked.
            return next(iter(rows.execute(query, (value,)).fetchall()), None)

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """Lend the connection of this process to one thread at a time; each statement is a transaction of its own."""
        with _lending:
            try:
                yield _connection(self.path)
            except (OSError, sqlite3.Error) as error:
                _let_go(self.path)
                raise EvidenceUnwritable(
                    f"The keys of data subjects at {self.path} cannot be used ({error}); nothing about a person is "
                    "recorded or read without them. Free the disk or bring the file back."
                ) from error


@dataclass(frozen=True, slots=True)
class _Held:
    """A connection, and which file it has open: another one may stand at its path by now."""

    rows: sqlite3.Connection
    device: int
    number: int


_held: dict[Path, _Held] = {}
_inherited: list[_Held] = []
"""Connections of the process that this one was forked from: neither used nor closed here."""
_lending = Lock()


def _connection(path: Path) -> sqlite3.Connection:
    """Return the connection to the file that stands at a path now; file and table are made where there are none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    found, stands = _held.get(path), path.stat()
    if found is not None and (found.device, found.number) == (stands.st_dev, stands.st_ino):
        return found.rows
    _let_go(path)
    rows = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for statement in _PREPARED:
            rows.execute(statement).fetchall()
    except sqlite3.Error:
        rows.close()
        raise
    _held[path] = _Held(rows, stands.st_dev, stands.st_ino)
    while len(_held) > OPEN_MAX:
        _let_go(next(iter(_held)))
    return rows


def _let_go(path: Path) -> None:
    found = _held.pop(path, None)
    if found is not None:
        with suppress(sqlite3.Error):
            found.rows.close()


def _as_child() -> None:
    _inherited.extend(_held.values())
    _held.clear()
    _lending.release()


# A fork in the middle of a statement would leave the child with locks that it only believes to hold.
os.register_at_fork(before=_lending.acquire, after_in_parent=_lending.release, after_in_child=_as_child)
