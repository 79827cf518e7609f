"""Positions: how far each stream is in the log. An index, not evidence: it can be made anew from the log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import orjson

from gonogo.evidence.canon import GENESIS, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    stream TEXT PRIMARY KEY, lines INTEGER NOT NULL, head TEXT NOT NULL, bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL);
"""


class Position(NamedTuple):
    """Where a stream stands in the log."""

    lines: int = 0
    head: str = GENESIS
    """Digest of the stream's last record in the log."""
    bytes: int = 0
    """Where the line after that begins in its journal; -1 where that has to be found again."""


class Positions:
    """The positions of all streams, at one size of the log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Position] = {}
        self._changed: set[str] = set()
        self.size = 0

    def open(self, size: int, entries: Iterable[bytes]) -> None:
        """Read the positions at a log's size, or make them anew from all its entries where they are of another."""
        with closing(self._connection()) as connection:
            row = connection.execute("SELECT size FROM log").fetchone()
            if row is not None and row[0] == size:
                found = connection.execute("SELECT stream, lines, head, bytes FROM streams")
                self._known = {stream: Position(*rest) for stream, *rest in found}
                self.size = size
                return
            with connection:
                connection.execute("DELETE FROM streams")
                connection.execute("DELETE FROM log")
        for entry in entries:
            fields = orjson.loads(entry)
            self.move(fields["streamid"], Position(fields["streamseq"] + 1, sha256_hex(entry), -1))
        self.save(size)

    def of(self, stream: str) -> Position:
        """Return where a stream stands."""
        return self._known.get(stream, Position())

    def move(self, stream: str, position: Position) -> None:
        """Move a stream; :meth:`save` makes it durable."""
        self._known[stream] = position
        self._changed.add(stream)

    def save(self, size: int) -> None:
        """Write what has moved, for a log of this size."""
        rows = [(stream, *self._known[stream]) for stream in self._changed]
        with closing(self._connection()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?)", rows)
            connection.execute("INSERT OR REPLACE INTO log VALUES (1, ?)", (size,))
        self._changed.clear()
        self.size = size

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path)
        connection.executescript(_SCHEMA)
        return connection
