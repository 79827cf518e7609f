"""Rebuilding: the warehouse computed anew from the evidence alone, compared with the live one, and put in its place.

What is computed from evidence has to be the same, table by table; what differs is named. History
that no evidence holds (loads, checks, what became of quarantined lines) is carried over. The old
file is kept beside the new one where they differ.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from analytics.errors import WarehouseBusy, WarehouseOutdated, WarehouseUnwritable
from analytics.loading import Loader
from analytics.locks import LoaderLock
from analytics.marts import quoted
from analytics.shape import SHAPES
from analytics.stores import open_warehouse, scalar, warehouse_path

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

Aim = Literal["replace", "compare"]
"""replace: the new warehouse takes the old one's place. compare: it is thrown away once compared."""

COMPARED: dict[str, str] = {
    **dict.fromkeys(SHAPES, "*"),
    "evidence": "* EXCLUDE loaded_at",
    "offsets": "journal, byte_offset, lines",
}
"""Tables that depend on the evidence alone, and their columns that do."""

HISTORY = ("loads", "dq_results", "dq_history")
"""Tables that no evidence holds."""

_KEY = "journal, byte_offset, sha256"


@dataclass(frozen=True, slots=True)
class TableCheck:
    """One table of the live warehouse beside the same one computed anew."""

    table: str
    rows: int
    """Rows computed from the evidence."""
    missing: int
    """Rows of these that the live warehouse does not have."""
    extra: int
    """Rows of the live warehouse that the evidence does not make."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to."""

    verdict: Literal["equal", "different", "not_compared"]
    """not_compared: there was no live warehouse that could be read."""
    aim: Aim
    records: int
    seconds: float
    tables: list[TableCheck] = field(default_factory=list[TableCheck])
    kept: Path | None = None
    """The old file, where it was not equal and has been replaced."""
    because: str | None = None
    """Why nothing was compared."""


def rebuild(home: Path, aim: Aim = "replace") -> Rebuilt:
    """Compute the warehouse anew from the journals, compare it with the live one, and let it take its place.

    Raises:
        WarehouseBusy: a loader is at work here; a comparison with what moves would prove nothing.
        WarehouseUnwritable: the disk is full or the folder cannot be written; the live warehouse is as it was.

    """
    with LoaderLock(home) as lock:
        if not lock.is_held:
            msg = f"A loader is at work in {home}. Stop gonogo up there (or gonogo land --every), then rebuild."
            raise WarehouseBusy(msg)
        scratch = home / "rebuild"
        try:
            return _rebuild(home, scratch, aim)
        except OSError as error:
            msg = f"The warehouse in {home} cannot be rebuilt ({error.strerror}); the old one is as it was."
            raise WarehouseUnwritable(msg) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _rebuild(home: Path, scratch: Path, aim: Aim) -> Rebuilt:
    begun = perf_counter()
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    because, until = _look_at_live(home)
    loader = Loader(home, folder=scratch)
    try:
        loader.take_in_all(until)
    finally:
        loader.close()
    con = open_warehouse(scratch)
    try:
        tables: list[TableCheck] = []
        if because is None:
            con.execute(f"ATTACH {quoted(warehouse_path(home))} AS live (READ_ONLY)")
            tables = [_compare(con, table, columns) for table, columns in COMPARED.items()]
            if aim == "replace":
                _carry_over(con)
            con.execute("DETACH live")
        records = int(scalar(con, "SELECT count(*) FROM evidence"))
    finally:
        con.close()
    same = all(check.missing == check.extra == 0 for check in tables)
    verdict = "not_compared" if because is not None else "equal" if same else "different"
    kept = _replace(home, scratch, keep=verdict != "equal") if aim == "replace" else None
    return Rebuilt(verdict, aim, records, perf_counter() - begun, tables, kept, because)


def _look_at_live(home: Path) -> tuple[str | None, dict[str, int] | None]:
    """Return why the live warehouse cannot be compared, or how far it has read: what came later is not its fault.

    Opening it folds in what a crash left beside it.
    """
    if not warehouse_path(home).exists():
        return "there was no warehouse here", None
    try:
        con = open_warehouse(home)
    except WarehouseOutdated as error:
        return str(error), None
    try:
        return None, dict(con.execute("SELECT journal, byte_offset FROM offsets").fetchall())
    finally:
        con.close()


def _compare(con: DuckDBPyConnection, table: str, columns: str) -> TableCheck:
    """Return how many rows differ, each as often as it stands there."""
    new, old = (f"SELECT {columns} FROM {place}.{table}" for place in ("warehouse.main", "live.main"))  # noqa: S608 - our own names
    return TableCheck(
        table,
        int(scalar(con, f"SELECT count(*) FROM ({new})")),  # noqa: S608 - our own names
        int(scalar(con, f"SELECT count(*) FROM ({new} EXCEPT ALL {old})")),  # noqa: S608 - our own names
        int(scalar(con, f"SELECT count(*) FROM ({old} EXCEPT ALL {new})")),  # noqa: S608 - our own names
    )


def _carry_over(con: DuckDBPyConnection) -> None:
    """Take over the history; a quarantined line that did not fail again has landed or is gone, as after a replay."""
    con.begin()
    for table in HISTORY:
        con.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM live.main.{table}")  # noqa: S608 - our own names
    con.execute(f"CREATE TEMP TABLE failing AS SELECT {_KEY} FROM quarantine")  # noqa: S608 - our own names
    con.execute(f"DELETE FROM quarantine WHERE ({_KEY}) IN (SELECT {_KEY} FROM live.main.quarantine)")  # noqa: S608 - our own names
    con.execute("INSERT INTO quarantine BY NAME SELECT * FROM live.main.quarantine")
    con.execute(
        f"""
        UPDATE quarantine SET
            settled = CASE
                WHEN ({_KEY}) IN (FROM failing) THEN NULL
                ELSE coalesce(
                    settled,
                    CASE WHEN (journal, line) IN (SELECT journal, line FROM evidence) THEN 'landed' ELSE 'gone' END
                )
            END,
            settled_at = CASE WHEN ({_KEY}) IN (FROM failing) THEN NULL ELSE coalesce(settled_at, $now) END
        """,  # noqa: S608 - our own names
        {"now": datetime.now(UTC)},
    )
    con.commit()


def _replace(home: Path, scratch: Path, *, keep: bool) -> Path | None:
    """Put the new file in the old one's place, take in what came meanwhile, publish; return where the old is kept."""
    live, kept = warehouse_path(home), None
    if keep and live.exists():
        kept = live.with_name("warehouse.duckdb.old")
        live.replace(kept)
    live.with_name(f"{live.name}.wal").unlink(missing_ok=True)
    warehouse_path(scratch).replace(live)
    loader = Loader(home)
    try:
        loader.take_in_all()
        loader.publish()
    finally:
        loader.close()
    return kept
