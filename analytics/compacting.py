"""Compacting: the warehouse written anew into a file without holes, which takes the old one's place.

Rows of a run are replaced whenever it gets more records, and DuckDB gives the room back to itself, never
to the disk. Nothing is computed here: the same rows, in the same order.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from analytics.errors import WarehouseBusy, WarehouseUnwritable
from analytics.locks import LoaderLock
from analytics.marts import quoted
from analytics.stores import first_line, open_warehouse, remove_database, sync_path, warehouse_path

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting came to."""

    bytes_before: int
    bytes_after: int
    seconds: float


def compact(home: Path) -> Compacted:
    """Write the warehouse of a home anew, and put it in the old one's place; makes one where there is none.

    A crash leaves the old file as it was.

    Raises:
        WarehouseBusy: a loader is at work here.
        WarehouseUnwritable: the disk has no room for both, or the folder cannot be written; the old file stays.
        WarehouseOutdated: it is no warehouse, or one of another schema.

    """
    import duckdb

    begun, path = perf_counter(), warehouse_path(home)
    aside = path.with_name("warehouse.duckdb.new")
    with LoaderLock(home) as lock:
        if not lock.is_held:
            msg = f"A loader is at work in {home}. Stop gonogo up there (or gonogo land --every), then compact."
            raise WarehouseBusy(msg)
        # Opening it for writing brings it to the newest schema, and closing it folds in what a crash left beside it.
        open_warehouse(home).close()
        before = path.stat().st_size
        try:
            _copy(path, aside)
            aside.replace(path)
        except (OSError, duckdb.Error) as error:
            msg = f"The warehouse in {home} cannot be compacted ({first_line(error)}); it is as it was. Free the disk."
            raise WarehouseUnwritable(msg) from error
        finally:
            remove_database(aside)
        return Compacted(before, path.stat().st_size, perf_counter() - begun)


def _copy(path: Path, aside: Path) -> None:
    """Copy a database into a file that is durable before this returns."""
    import duckdb

    remove_database(aside)
    con = duckdb.connect()
    try:
        con.execute(f"ATTACH {quoted(path)} AS old (READ_ONLY)")
        con.execute(f"ATTACH {quoted(aside)} AS compact")
        con.execute("COPY FROM DATABASE old TO compact")
        con.execute("DETACH compact")
    finally:
        con.close()
    sync_path(aside)
