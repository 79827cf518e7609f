"""Generated marts in the shape of the published one: many runs of two missions, seeded, and quick to make."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb

from analytics import kpis
from analytics.assumptions import assumption_rows, mission_row, read_assumptions
from analytics.formulas import FORMULAS
from analytics.marts import mart_path, quoted
from analytics.migrations import migrations, schema_digest
from tests.dashboards.drawings import (
    APPROVALS,
    CARD,
    DECISIONS,
    FINDINGS,
    GATES,
    MEASURES,
    MODEL_CALLS,
    OWNED,
    REVIEWS,
    RUNS,
    STEPS,
    TOOL_CALLS,
    VERSIONS,
)  # fmt: skip

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SNAPSHOT = """
INSERT INTO snapshot (
    published_at, records, runs, newest_recorded_at, quarantined, offsets_digest, schema_digest, evidence_digest,
    log_note, assumptions_version, assumptions_digest, assumptions_standing
)
SELECT
    $now, (SELECT coalesce(sum(records), 0) FROM runs), (SELECT count(*) FROM runs), $now, $quarantined, '', $digest,
    sha256('drawn'), 'a drawn fleet keeps no log', $assumed_version, $assumed_digest, $assumed_standing
"""

ASSUMED = read_assumptions(Path(__file__).parents[2] / "policies")
"""What the repository's own file assumes."""

_COMPUTED = """
INSERT INTO computations
SELECT published_at, 0.1, evidence_digest, assumptions_digest, records, runs, newest_recorded_at FROM snapshot
"""


def publish(home: Path, fill: Any = None, *, now: datetime | None = None, quarantined: int = 0) -> Path:
    """Publish a mart as the loader does: built aside, then swapped in. ``fill`` is given its connection."""
    home.mkdir(parents=True, exist_ok=True)
    aside = home / "mart.duckdb.new"
    aside.write_bytes(_empty_mart())
    con = duckdb.connect()
    try:
        con.execute(f"ATTACH {quoted(aside)} AS mart")
        con.execute("USE mart")
        # One commit for all of it: hundreds would cost a second.
        con.execute("BEGIN")
        if fill is not None:
            fill(con)
        rows(con, "formulas", [formula.row() for formula in FORMULAS])
        _assume(con)
        rows(con, "kpis", [asdict(kpi) for kpi in kpis.compute(con)])
        assert ASSUMED.assumptions is not None
        given = {
            "now": now or datetime.now(UTC),
            "quarantined": quarantined,
            "digest": schema_digest(),
            "assumed_version": ASSUMED.assumptions.version,
            "assumed_digest": ASSUMED.digest,
            "assumed_standing": ASSUMED.assumptions.standing,
        }
        con.execute(_SNAPSHOT, given)
        con.execute(_COMPUTED)
        con.execute("COMMIT")
    finally:
        con.close()
    return aside.replace(mart_path(home))


@cache
def _empty_mart() -> bytes:
    """Return the file of a mart in which nothing stands, made once a process."""
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "mart.duckdb"
        with duckdb.connect(str(empty)) as con:
            for change in migrations():
                con.execute(change.statements)
        return empty.read_bytes()


def _assume(con: DuckDBPyConnection) -> None:
    flown = [str(name) for (name,) in con.execute("SELECT DISTINCT mission FROM runs").fetchall()]
    rows(con, "missions", [mission_row(ASSUMED.assumptions, name) for name in flown])
    rows(con, "assumptions", assumption_rows(ASSUMED.assumptions))


def rows(con: DuckDBPyConnection, table: str, given: list[dict[str, Any]]) -> None:
    """Insert rows by column name; what a row has no value for is null."""
    if not given:
        return
    names = list(dict.fromkeys(name for row in given for name in row))
    one = f"({', '.join('?' for _ in names)})"
    values = [row.get(name) for row in given for name in names]
    con.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([one] * len(given))}", values)


def fleet(
    runs: int = 240, live: int = 9, *, now: datetime | None = None, basis: str = "notional", seed: int = 7
) -> Any:
    """Return what fills a mart with a fleet of two missions over two weeks, the last ``live`` runs still open."""
    moment = now or datetime.now(UTC)

    def fill(con: DuckDBPyConnection) -> None:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            RUNS,
            {
                "runs": runs,
                "live": live,
                "now": moment,
                "seed": seed,
                "spread_ms": int(timedelta(days=14).total_seconds() * 1000),
                "offline": basis == "notional",
                "basis": basis,
                "currency": "USD",
            },
        )
        con.execute(STEPS)
        con.execute(GATES, {"card": CARD})
        con.execute(APPROVALS)
        con.execute(DECISIONS)
        con.execute(MEASURES)
        for statement in (MODEL_CALLS, TOOL_CALLS, REVIEWS, VERSIONS):
            con.execute(statement)
        rows(con, "findings", list(FINDINGS))
        rows(con, "drift_findings", [_owned(each, moment) for each in OWNED])

    return fill


def _owned(each: dict[str, Any], now: datetime) -> dict[str, Any]:
    told = {name: value for name, value in each.items() if name not in {"opened", "due"}}
    told |= {"opened_at": now - timedelta(hours=each["opened"]), "due_at": now + timedelta(hours=each["due"])}
    told |= {"judged_through": told["opened_at"]}
    if each["state"] == "closed":
        told |= {"closed_at": now, "verified_runs": 100, "closed_because": "The success rate is 92.0 %."}
    return told
