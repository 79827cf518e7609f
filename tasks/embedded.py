"""The embedded systems of record: SQLite files that several processes may use at once.

They stand in for real ones behind the interfaces of `ledger.py` and `ticketing.py`, and can be
opened with `sqlite3 .gonogo/systems/ledger.db`. Every change is one durable transaction that
carries an idempotency key: asked again with the same key, the first receipt is returned; asked for
something else under a used key, it refuses.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.errors import ToolFailed
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

BUSY_SECONDS = 20.0
"""How long a process waits for another one's transaction before it gives up."""

_RETRY_SECONDS = 0.005

_RECEIPTS = """
create table if not exists receipts (
    idempotency_key text primary key,
    tool text not null,
    asked text not null,
    receipt text not null,
    written_at text not null
)
"""

_prepared: set[Path] = set()


def system_path(name: str) -> Path:
    """Return the file of an embedded system of record, in the state folder of the run in flight."""
    return settings().home.absolute() / "systems" / f"{name}.db"


def now() -> datetime:
    """Return the time, with its offset, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


@dataclass(frozen=True, slots=True)
class Order:
    """One change that is asked for: by which tool, with what, under which key."""

    tool: str
    key: str
    asked: dict[str, Any]


@dataclass(frozen=True, slots=True)
class System:
    """One SQLite file with its tables; opens a connection per transaction, keeps none."""

    path: Path
    schema: str

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Give a connection for queries.

        Raises:
            ToolFailed: the file cannot be opened or read.

        """
        try:
            connection = self._open()
        except (sqlite3.Error, OSError) as error:
            raise self._down(error) from error
        try:
            yield connection
        except sqlite3.Error as error:
            raise self._down(error) from error
        finally:
            connection.close()

    def change(self, order: Order, work: Callable[[sqlite3.Connection], dict[str, Any]]) -> dict[str, Any]:
        """Do one change in one transaction, once per idempotency key, and return its receipt.

        Raises:
            ToolFailed: the system refuses, the key was used for something else, or the file cannot
                be written. Nothing was changed.

        """
        if not order.key:
            raise ToolFailed(f"{order.tool} came without an idempotency key; nothing is changed without one.")
        asked = json.dumps(order.asked, sort_keys=True, default=str)
        with self.reading() as connection:
            connection.execute("begin immediate")
            try:
                known = connection.execute(
                    "select tool, asked, receipt from receipts where idempotency_key = ?", (order.key,)
                ).fetchone()
                if known is not None:
                    connection.rollback()
                    return _same(known, order, asked)
                receipt = work(connection)
                connection.execute(
                    "insert into receipts values (?, ?, ?, ?, ?)",
                    (order.key, order.tool, asked, json.dumps(receipt, default=str), now().isoformat()),
                )
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            return json.loads(json.dumps(receipt, default=str))

    def _open(self) -> sqlite3.Connection:
        """Connect; the first time in this process, make the file and its tables."""
        is_new = self.path not in _prepared or not self.path.exists()
        if is_new:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            if is_new:
                write_ahead(connection)
                connection.executescript(f"begin immediate; {_RECEIPTS}; {self.schema}; commit;")
                _prepared.add(self.path)
            connection.execute("pragma foreign_keys = on")
            # A receipt is believed after a power cut, so a commit waits for the disk.
            connection.execute("pragma synchronous = full")
        except BaseException:
            connection.close()
            raise
        return connection

    def _down(self, error: Exception) -> ToolFailed:
        return ToolFailed(f"{self.path.name} could not be used ({error}); look at {self.path.parent}, then run again.")


def write_ahead(connection: sqlite3.Connection) -> None:
    """Put a file into write-ahead mode; whoever opens it at the same moment is waited for.

    SQLite's own patience does not cover this: of two that switch a new file, one is refused at once.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _same(known: sqlite3.Row, order: Order, asked: str) -> dict[str, Any]:
    if (known["tool"], known["asked"]) != (order.tool, asked):
        msg = f"{order.tool}: the idempotency key was already used for another {known['tool']}; nothing was done."
        raise ToolFailed(msg)
    return json.loads(known["receipt"])


def insert(table: str, row: dict[str, Any]) -> str:
    """Return the insert statement of a row; table and columns are named in code, values are bound."""
    columns, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    return f"insert into {table} ({columns}) values ({places})"  # noqa: S608 - names come from code, never from input
