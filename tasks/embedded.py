"""The embedded systems of record: SQLite files that several processes may use at once.

They stand in for real ones behind the interfaces of `ledger.py` and `ticketing.py`, and can be
opened with `sqlite3 .gonogo/systems/ledger.db`. Every change is one durable transaction that
carries an idempotency key: asked again with the same key, the first receipt is returned; asked for
something else under a used key, it refuses. Every write makes another version of its record; a
run that cannot have seen the last one is refused with `Conflict`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.current import flying_run
from gonogo.deeds import Deed
from gonogo.errors import Conflict, ToolFailed
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

_WRITES = """
create table if not exists record_writes (
    record text not null,
    revision integer not null,
    run_id text not null,
    tool text not null,
    written_at text not null,
    primary key (record, revision)
)
"""
"""Who changed which record, write by write: the last row of a record is its version."""

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
    about: str = ""
    """The name among ``asked`` whose value is the record that is changed; without it no version is kept."""
    takes_up: bool = False
    """Whether a run takes the record up with it, as it stands: allowed whoever wrote before."""


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
            Conflict: another run has changed the record since this one began.
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
                _claim(connection, order)
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

    def deeds(self) -> list[Deed]:
        """Return every change that was ever made, oldest first; none, where nothing was ever asked of it.

        Raises:
            ToolFailed: the file cannot be read.

        """
        if not self.path.exists():
            return []
        with self.reading() as connection:
            rows = connection.execute("select tool, idempotency_key, written_at from receipts order by rowid")
            return [Deed(self.path.stem, *row) for row in rows]

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
                connection.executescript(f"begin immediate; {_RECEIPTS}; {_WRITES}; {self.schema}; commit;")
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


def _claim(connection: sqlite3.Connection, order: Order) -> None:
    """Write the record's next version, in the transaction of the change, or say who was there before.

    A run may change what it wrote last itself, and what was last written before it began: whatever
    it read is at least as new. What another run wrote after that it cannot know of.
    """
    run = flying_run()
    if run is None or not order.about:
        return
    record = f"{order.about}={order.asked[order.about]}"
    last = connection.execute(
        "select revision, run_id, tool, written_at from record_writes where record = ? order by revision desc limit 1",
        (record,),
    ).fetchone()
    if last is not None and last["run_id"] != run.id and not order.takes_up:
        is_newer = datetime.fromisoformat(last["written_at"]) >= run.started
        if is_newer:
            raise Conflict(
                f"{order.tool} by run {run.id} was not done: run {last['run_id']} changed {record} by {last['tool']} "
                f"at {last['written_at']} (revision {last['revision']}), after this run began. "
                "Look at both runs, then take the record up again."
            )
    row = (record, 1 if last is None else last["revision"] + 1, run.id, order.tool, datetime.now(UTC).isoformat())
    connection.execute("insert into record_writes values (?, ?, ?, ?, ?)", row)


def _same(known: sqlite3.Row, order: Order, asked: str) -> dict[str, Any]:
    if (known["tool"], known["asked"]) != (order.tool, asked):
        msg = f"{order.tool}: the idempotency key was already used for another {known['tool']}; nothing was done."
        raise ToolFailed(msg)
    return json.loads(known["receipt"])


def insert(table: str, row: dict[str, Any]) -> str:
    """Return the insert statement of a row; table and columns are named in code, values are bound."""
    columns, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    return f"insert into {table} ({columns}) values ({places})"  # noqa: S608 - names come from code, never from input
