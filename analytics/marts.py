"""The published mart: a read-only copy of what people ask, replaced whole, never written in place."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from analytics.errors import MartMissing
from analytics.migrations import schema_digest
from analytics.stores import scalar

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from duckdb import DuckDBPyConnection


def mart_path(home: Path) -> Path:
    """Return where the mart of a home is published."""
    return home / "mart.duckdb"


def mart_version(path: Path) -> tuple[int, int] | None:
    """Return what tells one published file from the next, its inode and time of change; ``None`` where none is."""
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns


def quoted(path: Path) -> str:
    """Return a path as an SQL string literal; ``ATTACH`` takes no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


@contextmanager
def open_mart(home: Path) -> Generator[DuckDBPyConnection]:
    """Open the newest published mart for reading, and close it after the block.

    Every call sees the file that is published now, even where the process still holds an older one
    open, and keeps seeing that one until the block ends. Publishing never waits for readers.

    Raises:
        MartMissing: nothing has been published yet, or by another version of gonogo, or what was
            published is damaged, which may come to light only where a question reads that part of it.

    """
    # Imported here, so that asking where a mart is costs nothing.
    import duckdb

    path = mart_path(home)
    if not path.exists():
        msg = f"Nothing has been published to {path} yet; run gonogo land first."
        raise MartMissing(msg)
    con = _attached(path)
    try:
        yield con
    except (duckdb.ProgrammingError, duckdb.OutOfMemoryException, duckdb.InterruptException):
        # A wrong question, too little memory, or being told to stop is none of the file's faults.
        raise
    except duckdb.Error as error:
        raise _damaged(path, error) from error
    finally:
        con.close()


def read_whole(con: DuckDBPyConnection) -> None:
    """Read every value of an open mart, so that damage comes to light wherever it is.

    Raises:
        duckdb.Error: some of it cannot be read; :func:`open_mart` makes a :class:`MartMissing` of it.

    """
    tables = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'mart' AND NOT temporary"
    for (table,) in con.execute(tables).fetchall():
        con.execute(f'SELECT max(hash(row)) FROM mart.main."{table}" AS row').fetchall()  # noqa: S608 - our own names


def _damaged(path: Path, error: Exception) -> MartMissing:
    told = str(error).splitlines()[0]
    return MartMissing(f"{path} is no mart that can be read; run gonogo land to publish it anew. DuckDB says: {told}")


def _attached(path: Path) -> DuckDBPyConnection:
    """Return a connection of its own to the mart.

    Connecting to the path itself would hand out an instance this process already holds, which may
    be the file that was replaced.
    """
    import duckdb

    con = duckdb.connect()
    try:
        con.execute("SET TimeZone = 'UTC'")
        # What does not fit in memory goes beside the mart: it is evidence, and has no place where one happens to stand.
        con.execute(f"SET temp_directory = {quoted(path.with_name(f'{path.name}.tmp'))}")
        con.execute(f"ATTACH {quoted(path)} AS mart (READ_ONLY)")
        con.execute("USE mart")
        digest = scalar(con, "SELECT schema_digest FROM snapshot")
    except duckdb.Error as error:
        con.close()
        raise _damaged(path, error) from error
    if digest != schema_digest():
        con.close()
        msg = f"{path} was published by another version of gonogo; run gonogo land to publish it anew."
        raise MartMissing(msg)
    return con
