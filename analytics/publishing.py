"""Publishing: the mart is built aside, in the same folder, and takes the old one's place whole.

A small mart is filled anew. A large one is the old file with the rows of changed runs replaced, which
comes to the same rows; every so often it is filled anew, too, as replaced rows leave holes.
"""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from analytics.assumptions import assumption_rows, mission_row, read_assumptions
from analytics.computations import compute, mark_of
from analytics.declaring import declare_fees, declare_hours
from analytics.formulas import FORMULAS
from analytics.marts import mart_path, quoted
from analytics.shape import SHAPES
from analytics.snapshots import write_snapshot
from analytics.stores import insert_rows, remove_database, scalar, sync_path
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from analytics.assumptions import Declared
    from analytics.computations import Computed, Mark

PUBLISHED = (*SHAPES, "dq_results", "dq_history", "offsets")
"""Tables that go into the mart as they are. Evidence itself stays in the warehouse and the journals."""

UNPUBLISHED = ("evidence", "loads", "schema_migrations")
"""Tables of the warehouse that the mart has no place for."""

WRITTEN = ("quarantine", "snapshot", "missions", "assumptions", "formulas", "kpis", "findings", "computations")
"""Tables that are written for each mart."""

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


def offsets_digest(con: DuckDBPyConnection) -> str:
    """Return the SHA-256 over how far the warehouse has read each journal."""
    return str(scalar(con, _OFFSETS_DIGEST))


def begin_notes(con: DuckDBPyConnection) -> None:
    """Make the temporary tables in which a loader notes what changed since it last published."""
    con.execute(_NEWS)


def note_changes(con: DuckDBPyConnection, journals: list[str]) -> None:
    """Note the runs in ``touched`` and these journals, inside the caller's transaction."""
    con.execute(_NOTE_RUNS)
    con.execute(_NOTE_JOURNALS, {"names": journals})


class Publisher:
    """Publishes the marts of one open warehouse, and knows which of them it published last."""

    def __init__(self, con: DuckDBPyConnection, home: Path) -> None:
        self._con = con
        self._home = home
        self._last: tuple[int, int] | None = None
        """Inode and time of change of the file that lacks nothing but the noted changes."""
        self._changes = 0
        begin_notes(con)

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
            con.execute(f"ATTACH {quoted(aside)} AS mart")
            try:
                held, mark = _fill(con, self._home, computed, is_change=is_change)
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
        self._last = _version(target)
        return held, mark

    def _can_be_changed(self, target: Path) -> bool:
        """Return whether the published mart is the one we know, and large, and little of it has changed."""
        if self._last is None or self._changes >= CHANGES_MAX or _version(target) != self._last:
            return False
        runs = int(scalar(self._con, "SELECT count(*) FROM runs"))
        changed = int(scalar(self._con, "SELECT count(DISTINCT run_id) FROM changed_runs"))
        return runs > FILLED_ANEW_RUNS_MAX and 4 * changed <= runs


def _version(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns


def _fill(con: DuckDBPyConnection, home: Path, computed: Computed | None, *, is_change: bool) -> tuple[Computed, Mark]:
    """Fill the attached mart."""
    declared = read_assumptions(settings().policy_folder)
    (_change_tables if is_change else _copy_tables)(con)
    con.execute(_QUARANTINE)
    write_snapshot(con, home, offsets_digest(con), declared)
    con.execute("USE mart")
    _declare(con, declared)
    held = computed or compute(con, home)
    insert_rows(con, "kpis", held.kpis)
    insert_rows(con, "findings", held.findings)
    insert_rows(con, "computations", [held.basis])
    return held, mark_of(con)


def _copy_tables(con: DuckDBPyConnection) -> None:
    con.execute("COPY FROM DATABASE warehouse TO mart (SCHEMA)")
    for table in UNPUBLISHED:
        con.execute(f"DROP TABLE mart.main.{table}")
    for table in PUBLISHED:
        con.execute(f"INSERT INTO mart.main.{table} BY NAME SELECT * FROM warehouse.main.{table}")  # noqa: S608 - our own names


def _change_tables(con: DuckDBPyConnection) -> None:
    """Replace the rows of what changed, and empty what is written for each mart."""
    keys = {**dict.fromkeys(SHAPES, ("run_id", "changed_runs")), "offsets": ("journal", "changed_journals")}
    con.begin()
    try:
        for table in (*PUBLISHED, *WRITTEN):
            key, changed = keys.get(table, ("", ""))
            which = f"WHERE {key} IN (SELECT {key} FROM {changed})" if key else ""  # noqa: S608 - our own names
            con.execute(f"DELETE FROM mart.main.{table} {which}")  # noqa: S608 - our own names
            if table in PUBLISHED:
                con.execute(f"INSERT INTO mart.main.{table} BY NAME SELECT * FROM warehouse.main.{table} {which}")  # noqa: S608 - our own names
        con.commit()
    except BaseException:
        with suppress(Exception):
            # After a failed write the database may refuse even this.
            con.rollback()
        raise


def _declare(con: DuckDBPyConnection, declared: Declared) -> None:
    """Write what is assumed, and the formulas."""
    assumed = declared.assumptions
    flown = {str(mission) for (mission,) in con.execute("SELECT DISTINCT mission FROM runs").fetchall()}
    known = flown | set(() if assumed is None else assumed.missions)
    insert_rows(con, "missions", (mission_row(assumed, mission) for mission in sorted(known)))
    insert_rows(con, "assumptions", assumption_rows(assumed))
    insert_rows(con, "formulas", (formula.row() for formula in FORMULAS))
    declare_hours(con, assumed)
    declare_fees(con, assumed)
