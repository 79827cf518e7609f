"""Publishing: the mart is built aside, in the same folder, and takes the old one's place whole."""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from analytics import drift, kpis
from analytics.assumptions import assumption_rows, mission_row, read_assumptions
from analytics.declaring import declare_fees, declare_hours
from analytics.formulas import FORMULAS
from analytics.marts import mart_path, quoted
from analytics.shape import SHAPES
from analytics.snapshots import write_snapshot
from analytics.stores import insert_rows, scalar
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PUBLISHED = (*SHAPES, "dq_results", "dq_history", "offsets")
"""Tables that go into the mart as they are. Evidence itself stays in the warehouse and the journals."""

UNPUBLISHED = ("evidence", "loads", "schema_migrations")
"""Tables of the warehouse that the mart has no place for."""

_QUARANTINE = "INSERT INTO mart.main.quarantine BY NAME SELECT * REPLACE (NULL AS raw) FROM warehouse.main.quarantine"

_OFFSETS_DIGEST = """
SELECT sha256(coalesce(string_agg(journal || ' ' || byte_offset, chr(10) ORDER BY journal), ''))
FROM warehouse.main.offsets
"""


def offsets_digest(con: DuckDBPyConnection) -> str:
    """Return the SHA-256 over how far the warehouse has read each journal."""
    return str(scalar(con, _OFFSETS_DIGEST))


def publish(con: DuckDBPyConnection, home: Path) -> Path:
    """Build the mart from the warehouse ``con`` writes, and swap it in; return where it stands.

    A reader sees the old mart or the new one, never something between. On any failure the old one
    stays and what was built is removed.
    """
    target = mart_path(home)
    aside = target.with_name("mart.duckdb.new")
    _remove(aside)
    try:
        con.execute(f"ATTACH {quoted(aside)} AS mart")
        try:
            _fill(con, home)
        finally:
            con.execute("USE warehouse")
            con.execute("DETACH mart")
        _sync(aside)
        aside.replace(target)
        _sync(home)
    except BaseException:
        _remove(aside)
        raise
    return target


def _fill(con: DuckDBPyConnection, home: Path) -> None:
    con.execute("COPY FROM DATABASE warehouse TO mart (SCHEMA)")
    for table in UNPUBLISHED:
        con.execute(f"DROP TABLE mart.main.{table}")
    for table in PUBLISHED:
        con.execute(f"INSERT INTO mart.main.{table} BY NAME SELECT * FROM warehouse.main.{table}")  # noqa: S608 - our own names
    con.execute(_QUARANTINE)
    declared = read_assumptions(settings().policy_folder)
    write_snapshot(con, home, offsets_digest(con), declared)
    con.execute("USE mart")
    flown = {str(mission) for (mission,) in con.execute("SELECT DISTINCT mission FROM runs").fetchall()}
    known = flown | set(() if declared.assumptions is None else declared.assumptions.missions)
    insert_rows(con, "missions", (mission_row(declared.assumptions, mission) for mission in sorted(known)))
    insert_rows(con, "assumptions", assumption_rows(declared.assumptions))
    insert_rows(con, "formulas", (formula.row() for formula in FORMULAS))
    declare_hours(con, declared.assumptions)
    declare_fees(con, declared.assumptions)
    findings = [asdict(finding) for finding in drift.findings_for_mart(con, home)]
    insert_rows(con, "kpis", (asdict(kpi) for kpi in kpis.compute(con, findings)))
    insert_rows(con, "findings", findings)


def _remove(aside: Path) -> None:
    for path in (aside, aside.with_name(f"{aside.name}.wal")):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
