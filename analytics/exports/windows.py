"""Windows and files: which part of a mart is exported, and how a file is written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from analytics.errors import ExportFailed
from gonogo.evidence.disk import sync_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from duckdb import DuckDBPyConnection

BATCH = 10_000
"""Rows fetched at once: memory stays bounded however large the mart is."""


class Window(NamedTuple):
    """From when on, and until before when; ``None`` for no bound."""

    since: datetime | None
    until: datetime | None

    def bounds(self) -> dict[str, datetime]:
        """Return both bounds as parameters ``since`` and ``until`` of a statement."""
        return {
            "since": self.since or datetime(1, 1, 1, tzinfo=UTC),
            "until": self.until or datetime(9999, 1, 1, tzinfo=UTC),
        }


def rows(con: DuckDBPyConnection, sql: str, given: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a statement, fetched in batches, with a cursor of their own."""
    cursor = con.cursor()
    try:
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.execute("USE mart")
        cursor.execute(sql, given or {})
        names = [column[0] for column in cursor.description or []]
        while batch := cursor.fetchmany(BATCH):
            yield from (dict(zip(names, row, strict=True)) for row in batch)
    finally:
        cursor.close()


@contextmanager
def whole_file(out: str) -> Generator[IO[bytes]]:
    """Write a file aside and put it in its place when all of it is durable; on any failure what stood there stays.

    Raises:
        ExportFailed: it cannot be written.

    """
    path = Path(out)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with aside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ExportFailed(f"{path} cannot be written ({error.strerror}); what stood there is untouched.") from error


def instant(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
