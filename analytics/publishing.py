"""Publishing: the mart is built aside, in the same folder, and takes the old one's place whole.

A small mart is filled anew. A large one is the old file with the rows of changed runs replaced, which
comes to the same rows; every so often it is filled anew, too, as replaced rows leave holes. Tables in
which nothing changed since the file was published are left as they are.
"""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from analytics.assumptions import assumption_rows, mission_row, read_assumptions
from analytics.computations import compute, mark_of
from analytics.declaring import declare_fees, declare_hours
from analytics.formulas import FORMULAS
from analytics.marts import mart_path, mart_version, quoted
from analytics.shape import SHAPES
from analytics.snapshots import look_at_heads, write_snapshot
from analytics.stores import insert_rows, remove_database, scalar, sync_path
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from analytics.assumptions import Declared
    from analytics.computations import Computed, Mark

PUBLISHED = (*SHAPES, "dq_results", "dq_history", "offsets")
"""Tables that go into the mart as they are. Evidence itself stays in the warehouse and the journals."""

UNPUBLISHED = ("evidence", "loads", "schema_migrations")
"""Tables of the warehouse that the mart has no place for."""

DECLARED = ("missions", "assumptions", "formulas")
"""Tables that say what is assumed, and of whom."""

NUMBERS = ("kpis", "findings", "computations")
"""Tables of what was computed on a mart."""

WRITTEN = ("quarantine", "snapshot", *DECLARED, *NUMBERS)
"""Tables that are written for the mart alone."""

FILLED_ANEW_RUNS_MAX = 5_000
"""Up to so many runs, filling a mart anew is as quick as changing it."""

CHANGES_MAX = 200
"""So many times a mart is changed before it is filled anew."""

_NEWS: Final = """
CREATE TEMP TABLE IF NOT EXISTS changed_runs (run_id VARCHAR);
CREATE TEMP TABLE IF NOT EXISTS changed_journals (journal VARCHAR);
"""

_NOTE_RUNS = "INSERT INTO changed_runs SELECT run_id FROM touched"
_NOTE_JOURNALS = "INSERT INTO changed_journals SELECT unnest($names::VARCHAR[])"

_QUARANTINE = "INSERT INTO mart.main.quarantine BY NAME SELECT * REPLACE (NULL AS raw) FROM warehouse.main.quarantine"

_OFFSETS_DIGEST = """
SELECT sha256(coalesce(string_agg(journal || ' ' || byte_offset, chr(10) ORDER BY journal), ''))
FROM warehouse.main.offsets
"""


class Publisher:
    """Publishes the marts of one open warehouse, and knows which of them it published last."""

    def __init__(self, con: DuckDBPyConnection, home: Path) -> None:
        self._con = con
        self._home = home
        self._last: tuple[int, int] | None = None
        """Inode and time of change of the file that lacks nothing but the noted changes."""
        self._changes = 0
        self._changed: set[str] = set()
        """Tables of the warehouse that may have changed since then."""
        self._offsets: str | None = None
        self._told: tuple[Any, ...] = ()
        """What the tables of :data:`DECLARED` were written from."""
        self._held: Computed | None = None
        """The numbers it holds."""
        con.execute(_NEWS)

    def note(self, journals: list[str], tables: Iterable[str]) -> None:
        """Note that a load changed the runs in ``touched``, and these; inside the caller's transaction."""
        self._offsets = None
        # A load that fails after this leaves them here: tables that did not change are then written once more.
        self._changed.update(tables)
        self._con.execute(_NOTE_RUNS)
        self._con.execute(_NOTE_JOURNALS, {"names": journals})

    def forget(self) -> None:
        """Take nothing for known: the next mart is filled anew."""
        self._last = self._offsets = None

    def offsets_digest(self) -> str:
        """Return the SHA-256 over how far the warehouse has read each journal."""
        if self._offsets is None:
            self._offsets = str(scalar(self._con, _OFFSETS_DIGEST))
        return self._offsets

    def publish(self, computed: Computed | None = None) -> tuple[Computed, Mark]:
        """Build the mart from the warehouse, and swap it in.

        A reader sees the old mart or the new one, never something between. On any failure the old one
        stays and what was built is removed.

        Args:
            computed: the numbers it holds; computed now, on the mart itself, if none are given.

        Returns:
            The numbers it holds, and the mark of those that would be as new as the rest of it.

        """
        con, target = self._con, mart_path(self._home)
        aside = target.with_name("mart.duckdb.new")
        remove_database(aside)
        is_change = self._can_be_changed(target)
        try:
            if is_change:
                shutil.copyfile(target, aside)
            # What is built aside is thrown away after a crash, so it needs no log of its changes.
            con.execute(f"ATTACH {quoted(aside)} AS mart (RECOVERY_MODE no_wal_writes)")
            try:
                con.execute("USE mart")
                told = self._write_facts(is_change=is_change)
                held = computed or compute(con, self._home)
                self._write_numbers(held, is_change=is_change)
                mark = mark_of(con)
            finally:
                con.execute("USE warehouse")
                con.execute("DETACH mart")
            sync_path(aside)
            aside.replace(target)
            sync_path(self._home)
        except BaseException:
            remove_database(aside)
            raise
        con.execute("DELETE FROM changed_runs; DELETE FROM changed_journals")
        self._changes = self._changes + 1 if is_change else 0
        self._last, self._told, self._held = mart_version(target), told, held
        self._changed.clear()
        return held, mark

    def _write_facts(self, *, is_change: bool) -> tuple[Any, ...]:
        """Write all but the numbers, in one transaction; return what the declared tables were written from."""
        con, declared = self._con, read_assumptions(settings().policy_folder)
        con.begin()
        try:
            if is_change:
                _change_tables(con, self._changed)
                _empty(con, "snapshot")
            else:
                _copy_tables(con)
            if not is_change or "quarantine" in self._changed:
                _empty(con, "quarantine")
                con.execute(_QUARANTINE)
            look_at_heads(con, is_known=is_change)
            write_snapshot(con, self._home, self.offsets_digest(), declared)
            told = (declared.mark, missions := _known_missions(con, declared))
            if not is_change or told != self._told:
                _empty(con, *DECLARED)
                _declare(con, declared, missions)
            declare_hours(con, declared.assumptions)
            con.commit()
        except BaseException:
            with suppress(Exception):
                # After a failed write the database may refuse even this.
                con.rollback()
            raise
        return told

    def _write_numbers(self, held: Computed, *, is_change: bool) -> None:
        if is_change and held is self._held:
            return
        _empty(self._con, *NUMBERS)
        insert_rows(self._con, "kpis", held.kpis)
        insert_rows(self._con, "findings", held.findings)
        insert_rows(self._con, "computations", [held.basis])

    def _can_be_changed(self, target: Path) -> bool:
        """Return whether the published mart is the one we know, and large, and little of it has changed."""
        if self._last is None or self._changes >= CHANGES_MAX or mart_version(target) != self._last:
            return False
        runs = int(scalar(self._con, "SELECT count(*) FROM runs"))
        changed = int(scalar(self._con, "SELECT count(DISTINCT run_id) FROM changed_runs"))
        return runs > FILLED_ANEW_RUNS_MAX and 4 * changed <= runs


def _copy_tables(con: DuckDBPyConnection) -> None:
    con.execute("COPY FROM DATABASE warehouse TO mart (SCHEMA)")
    for table in UNPUBLISHED:
        con.execute(f"DROP TABLE mart.main.{table}")
    for table in PUBLISHED:
        con.execute(f"INSERT INTO mart.main.{table} BY NAME SELECT * FROM warehouse.main.{table}")  # noqa: S608 - our own names


def _change_tables(con: DuckDBPyConnection, changed: set[str]) -> None:
    """Replace, in these tables, the rows of what changed."""
    keys = {**dict.fromkeys(SHAPES, ("run_id", "changed_runs")), "offsets": ("journal", "changed_journals")}
    for table in PUBLISHED:
        if table in changed:
            key, which = keys.get(table, ("", ""))
            rows = f"WHERE {key} IN (SELECT {key} FROM {which})" if key else ""  # noqa: S608 - our own names
            con.execute(f"DELETE FROM mart.main.{table} {rows}")  # noqa: S608 - our own names
            con.execute(f"INSERT INTO mart.main.{table} BY NAME SELECT * FROM warehouse.main.{table} {rows}")  # noqa: S608 - our own names


def _empty(con: DuckDBPyConnection, *tables: str) -> None:
    for table in tables:
        con.execute(f"DELETE FROM mart.main.{table}")  # noqa: S608 - our own names


def _declare(con: DuckDBPyConnection, declared: Declared, missions: list[str]) -> None:
    """Write what is assumed, and the formulas."""
    assumed = declared.assumptions
    insert_rows(con, "missions", (mission_row(assumed, mission) for mission in missions))
    insert_rows(con, "assumptions", assumption_rows(assumed))
    insert_rows(con, "formulas", (formula.row() for formula in FORMULAS))
    declare_fees(con, assumed)


def _known_missions(con: DuckDBPyConnection, declared: Declared) -> list[str]:
    """Return the missions that have flown, or of which something is assumed."""
    flown = {str(mission) for (mission,) in con.execute("SELECT DISTINCT mission FROM runs").fetchall()}
    assumed = declared.assumptions
    return sorted(flown | set(() if assumed is None else assumed.missions))
