"""The warehouse file: opened by one writer, made where it is missing, brought to the newest schema."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from analytics.errors import WarehouseBusy, WarehouseOutdated, WarehouseUnwritable
from analytics.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from duckdb import DuckDBPyConnection


def warehouse_path(home: Path) -> Path:
    """Return where the warehouse of a home stands."""
    return home / "warehouse.duckdb"


def open_warehouse(home: Path) -> DuckDBPyConnection:
    """Open the warehouse for writing.

    Raises:
        WarehouseUnwritable: the file cannot be made or written.
        WarehouseBusy: another program has it open.
        WarehouseOutdated: it is no warehouse, or one of another schema.

    """
    import duckdb

    path = warehouse_path(home)
    try:
        con = duckdb.connect(path)
    except duckdb.IOException as error:
        raise _unopened(path, error) from error
    try:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con, str(path))
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        con.close()
        raise _unopened(path, error) from error
    except BaseException:
        con.close()
        raise
    return con


def _unopened(path: Path, error: Exception) -> WarehouseUnwritable | WarehouseBusy | WarehouseOutdated:
    """Return what it means that the file could not be opened."""
    said = first_line(error)
    if "Could not set lock" in said:
        return WarehouseBusy(f"Another program has {path} open ({said}); close it there, and read the mart instead.")
    if "not a valid DuckDB" in said:
        return WarehouseOutdated(
            f"{path} is no warehouse. It is derived from the journals: move the file away and land again.",
        )
    return WarehouseUnwritable(f"{path} cannot be opened ({said}); free the disk or fix the folder and land again.")


def scalar(con: DuckDBPyConnection, statement: str, parameters: dict[str, Any] | None = None) -> Any:
    """Return the first value a statement returns; ``None`` where it returns no row.

    Everything is fetched: a result that is left half read blocks the connection.
    """
    rows = con.execute(statement, parameters).fetchall() if parameters else con.execute(statement).fetchall()
    return rows[0][0] if rows else None


def first_line(error: Exception) -> str:
    """Return what an error says first: enough for one sentence."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def insert_rows(con: DuckDBPyConnection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows by column name in one statement; no rows, no statement."""
    import pyarrow as pa

    found = list(rows)
    if not found:
        return
    con.register("incoming", pa.Table.from_pylist(found))
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")  # noqa: S608 - our own names
    con.unregister("incoming")


def remove_database(path: Path) -> None:
    """Remove a database file, and what a crash left beside it."""
    for file in (path, path.with_name(f"{path.name}.wal")):
        file.unlink(missing_ok=True)


def sync_path(path: Path) -> None:
    """Make what a file holds, or which names a folder holds, survive power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
