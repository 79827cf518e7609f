"""Rebuild and replay: the evidence alone makes the same warehouse again; what was quarantined lands once repaired."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics import rebuilding
from analytics.errors import WarehouseBusy, WarehouseUnwritable
from analytics.loading import Loader
from analytics.locks import LoaderLock
from analytics.quarantine import Key
from analytics.rebuilding import COMPARED
from analytics.warehouse import land, rebuild, replay
from tests.analytics.test_landing import contents
from tests.analytics.test_quarantine import MODEL_RESULT, SPOILT, leaf_with, lines_of, rewrite

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analytics.conftest import Fleet

COMPUTED = [name for name in COMPARED if name != "offsets"]


def spoilt(fleet: Fleet, *faults: str) -> dict[Path, bytes]:
    """Fly a run a fault, spoil a line of each, land, and return the journals as they should be."""
    whole: dict[Path, bytes] = {}
    for number, fault in enumerate(faults, start=1):
        flight = fleet.flown(f"r{number}")
        whole[flight.path], lines = flight.path.read_bytes(), lines_of(flight.path)
        rewrite(flight.path, [*lines[:MODEL_RESULT], SPOILT[fault][0](lines[MODEL_RESULT]), *lines[MODEL_RESULT + 1 :]])
    assert land(fleet.home).quarantined == len(faults)
    return whole


def clean(fleet: Fleet, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a home with the same journals holds that never saw a fault."""
    shutil.copytree(fleet.home / "journals", folder / "journals")
    land(folder)
    return contents(folder)


def test_repaired_journals_land_by_replay_and_nothing_is_lost(fleet: Fleet, tmp_path: Path) -> None:
    """Every kind of fault: the warehouse is what it would be without; the lines stay in quarantine, as landed."""
    for path, whole in spoilt(fleet, *SPOILT).items():
        path.write_bytes(whole)
    assert fleet.one("SELECT count(DISTINCT run_id) FROM chain_faults") == len(SPOILT)
    done = replay(fleet.home)
    assert (done.new_records, done.landed, done.gone, done.waiting) == (len(SPOILT), len(SPOILT), 0, 0)
    ours, theirs = contents(fleet.home), clean(fleet, tmp_path / "clean")
    assert {name: ours[name] for name in COMPUTED} == {name: theirs[name] for name in COMPUTED}
    assert fleet.ask("SELECT DISTINCT settled, settled_at IS NULL FROM quarantine") == [("landed", False)]
    assert sorted(fleet.ask("SELECT reason FROM quarantine")) == sorted((reason,) for _, reason, _ in SPOILT.values())
    assert fleet.one("SELECT quarantined FROM snapshot") == 0
    assert fleet.one("SELECT count(*) FROM chain_faults") == 0


def test_a_line_that_fails_again_goes_on_waiting(fleet: Fleet) -> None:
    """A replay without a repair changes nothing, however often."""
    spoilt(fleet, "negative money")
    before = contents(fleet.home)
    for _ in range(2):
        done = replay(fleet.home)
        assert (done.new_records, done.landed, done.gone, done.waiting) == (0, 0, 0, 1)
        assert contents(fleet.home) == before


def test_a_line_that_is_no_more_is_gone_and_still_on_record(fleet: Fleet) -> None:
    """Noise that somebody took out of a journal: the row says so, and keeps what it said."""
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    rewrite(flight.path, [*lines, b"noise"])
    land(fleet.home)
    rewrite(flight.path, lines)
    done = replay(fleet.home)
    assert (done.landed, done.gone, done.waiting) == (0, 1, 0)
    assert fleet.ask("SELECT settled, raw FROM quarantine", "warehouse.duckdb") == [("gone", "noise")]


def test_a_line_that_is_bad_again_waits_again(fleet: Fleet) -> None:
    """Settled is not for good."""
    ((path, whole),) = spoilt(fleet, "text for money").items()
    bad = path.read_bytes()
    path.write_bytes(whole)
    assert replay(fleet.home).landed == 1
    path.write_bytes(bad)
    with closing(duckdb.connect(str(fleet.home / "warehouse.duckdb"))) as con:
        con.execute("DELETE FROM offsets")
    land(fleet.home)
    assert fleet.ask("SELECT settled FROM quarantine") == [(None,)]


def test_a_type_that_a_later_version_knows_lands_by_replay(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence of a newer recorder waits until the loader is as new."""
    from analytics import records

    fleet.flown("r1")
    known = records.ARTIFACTS
    monkeypatch.setattr(records, "ARTIFACTS", known - {"tool_call"})
    assert land(fleet.home).quarantined == 2
    monkeypatch.setattr(records, "ARTIFACTS", known)
    done = replay(fleet.home)
    assert (done.new_records, done.landed, done.waiting) == (2, 2, 0)
    assert fleet.one("SELECT count(*) FROM tool_calls") == 1


def test_a_journal_that_cannot_be_read_settles_nothing(fleet: Fleet) -> None:
    """Not seeing a line is no proof that it is gone."""
    spoilt(fleet, "noise")
    fleet.run("r1").path.unlink()
    done = replay(fleet.home)
    assert (done.landed, done.gone, done.waiting) == (0, 0, 1)


def test_settling_is_by_place_and_content() -> None:
    """The key of a quarantined line: the same bytes elsewhere are another line."""
    assert Key == tuple[str, int, str]


def busy_fleet(fleet: Fleet) -> None:
    """Fly runs of every kind, land between them, and leave a bad line and a gap."""
    for number in range(4):
        fleet.flown(f"r{number}", measures={"sla_kept": 1})
        if number % 2:
            land(fleet.home)
    asking = fleet.run("r8").begin()
    asking.ask("g1")
    asking.decide("deny")
    land(fleet.home)
    asking.answer("g1", "no_go")
    asking.end(None, status="no_go", success=False)
    flight = fleet.flown("r9")
    lines = lines_of(flight.path)
    rewrite(flight.path, [*lines[:2], leaf_with(lines[2], data__outcome="fine"), b"noise", *lines[4:]])
    land(fleet.home)


def history_of(fleet: Fleet) -> list[list[tuple[Any, ...]]]:
    """Return what no evidence holds."""
    tables = [*rebuilding.HISTORY, "quarantine"]
    return [fleet.ask(f"SELECT * FROM {table} ORDER BY ALL", "warehouse.duckdb") for table in tables]


def test_a_rebuild_equals_the_live_warehouse_in_every_table(fleet: Fleet) -> None:
    """Whatever the loads were; and the history that no evidence holds is still there."""
    busy_fleet(fleet)
    before = contents(fleet.home)
    history = history_of(fleet)
    done = rebuild(fleet.home)
    assert (done.verdict, done.kept) == ("equal", None)
    assert {check.table for check in done.tables} == set(COMPARED)
    assert done.records == len(before["evidence"])
    assert contents(fleet.home) == before
    assert history == history_of(fleet)
    assert not (fleet.home / "rebuild").exists()
    assert land(fleet.home).new_records == 0


@pytest.mark.parametrize(
    ("harm", "table", "missing", "extra"),
    [
        ("UPDATE runs SET success = FALSE WHERE run_id = 'r1'", "runs", 1, 1),
        ("DELETE FROM evidence WHERE run_id = 'r1' AND seq = 3", "evidence", 1, 0),
        ("INSERT INTO measures VALUES ('r1', 'm', 'n', 1, 's', now())", "measures", 0, 1),
        ("UPDATE model_calls SET cost_micros = cost_micros + 1", "model_calls", 5, 5),
    ],
)
def test_a_rebuild_names_what_the_evidence_does_not_make(
    fleet: Fleet, harm: str, table: str, missing: int, extra: int
) -> None:
    """A warehouse that somebody touched is found out, put right, and kept beside for whoever asks."""
    for number in range(5):
        fleet.flown(f"r{number}", measures={"sla_kept": 1})
    land(fleet.home)
    before = contents(fleet.home)
    with closing(duckdb.connect(str(fleet.home / "warehouse.duckdb"))) as con:
        con.execute(harm)
    compared = rebuild(fleet.home, "compare")
    assert compared.verdict == "different"
    found = {check.table: (check.missing, check.extra) for check in compared.tables if check.missing or check.extra}
    assert found == {table: (missing, extra)}
    assert contents(fleet.home) != before, "comparing repairs nothing"
    done = rebuild(fleet.home)
    assert (done.verdict, done.kept) == ("different", fleet.home / "warehouse.duckdb.old")
    assert contents(fleet.home) == before
    assert rebuild(fleet.home, "compare").verdict == "equal"


def test_what_came_after_the_last_load_is_no_difference(fleet: Fleet) -> None:
    """The comparison is of what the live warehouse has read; the rebuild takes in the rest."""
    fleet.flown("r1")
    land(fleet.home)
    fleet.flown("r2")
    assert rebuild(fleet.home, "compare").verdict == "equal"
    assert fleet.one("SELECT count(*) FROM runs") == 1
    assert rebuild(fleet.home).verdict == "equal"
    assert fleet.one("SELECT count(*) FROM runs") == 2


def test_evidence_that_is_no_more_is_named(fleet: Fleet) -> None:
    """A journal that went missing is seen: its rows are in the warehouse, and nothing makes them any more."""
    fleet.flown("r1")
    fleet.flown("r2")
    land(fleet.home)
    fleet.run("r2").path.unlink()
    done = rebuild(fleet.home, "compare")
    lost = {check.table: check.extra for check in done.tables if check.extra}
    assert done.verdict == "different"
    assert (lost["runs"], lost["evidence"]) == (1, 8)


@pytest.mark.parametrize("before", ["nothing", "garbage", "another schema"])
def test_a_home_without_a_readable_warehouse_gets_one(fleet: Fleet, before: str) -> None:
    """Nothing to compare with is said, and is not called equal."""
    fleet.flown("r1")
    path = fleet.home / "warehouse.duckdb"
    if before == "garbage":
        path.write_bytes(b"no database at all" * 500)
    if before == "another schema":
        land(fleet.home)
        with closing(duckdb.connect(str(path))) as con:
            con.execute("UPDATE schema_migrations SET sha256 = 'x'")
    done = rebuild(fleet.home)
    assert (done.verdict, done.tables, done.records) == ("not_compared", [], 8)
    assert done.because
    assert (done.kept is None) == (before == "nothing")
    assert fleet.one("SELECT status FROM runs") == "done"


def test_nothing_is_rebuilt_or_replayed_beside_a_loader(fleet: Fleet) -> None:
    """Two writers would prove nothing; the sentence says what to stop."""
    fleet.flown("r1")
    land(fleet.home)
    with LoaderLock(fleet.home) as lock:
        assert lock.is_held
        for verb in (rebuild, replay):
            with pytest.raises(WarehouseBusy, match="Stop gonogo up"):
                verb(fleet.home)


def test_a_rebuild_that_cannot_be_written_leaves_the_old_warehouse(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk half-way is no loss."""
    fleet.flown("r1")
    land(fleet.home)
    before = contents(fleet.home)

    def full(_: Any, until: Any = None) -> None:
        raise OSError(28, f"No space left on device {until!r:.0}")

    monkeypatch.setattr(Loader, "take_in_all", full)
    with pytest.raises(WarehouseUnwritable, match="as it was"):
        rebuild(fleet.home)
    assert contents(fleet.home) == before
    assert not (fleet.home / "rebuild").exists()


def test_an_older_warehouse_is_brought_to_this_schema_and_filled_by_a_rebuild(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns that came later are null until then, and the numbers on them say so."""
    from analytics import kpis, migrations

    everything = migrations.migrations()
    con = duckdb.connect(str(fleet.home.parent / "old.duckdb"))
    with monkeypatch.context() as older, closing(con):
        older.setattr(migrations, "migrations", lambda: everything[:1])
        migrations.migrate(con, "here")
    fleet.home.mkdir(parents=True)
    shutil.move(fleet.home.parent / "old.duckdb", fleet.home / "warehouse.duckdb")
    fleet.flown("r1")
    land(fleet.home)
    with closing(duckdb.connect(str(fleet.home / "warehouse.duckdb"))) as con:
        con.execute("UPDATE evidence SET missing = NULL")
        con.execute("UPDATE runs SET incomplete_records = NULL")
    with closing(Loader(fleet.home)) as loader:
        loader.publish()
    told = {kpi.id: kpi for kpi in kpis.report(fleet.home) if kpi.mission == "all" and kpi.segment is None}
    assert told["K29"].value is None
    assert "gonogo rebuild" in (told["K29"].reason or "")
    assert rebuild(fleet.home).verdict == "different"
    told = {kpi.id: kpi for kpi in kpis.report(fleet.home) if kpi.mission == "all" and kpi.segment is None}
    assert told["K29"].value == 100.0


def test_the_history_of_quality_is_kept_by_day(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed checks are forgotten one by one; the tally of the day stays, and adds up over loads."""
    monkeypatch.setattr("analytics.history._FORGET", "DELETE FROM dq_results")
    spoilt(fleet, "negative money")
    fleet.flown("r2")
    land(fleet.home)
    assert fleet.one("SELECT count(*) FROM dq_results") == 0
    rows = fleet.ask(
        "SELECT sum(passed)::INT, sum(failed)::INT, sum(broke)::INT, sum(unexpected)::INT FROM dq_history "
        "WHERE expectation LIKE 'money%'"
    )
    assert rows == [(1, 1, 0, 1)]
    assert fleet.one("SELECT count(*) FROM (SELECT suite, expectation, field, day FROM dq_history GROUP BY ALL)") == (
        fleet.one("SELECT count(*) FROM dq_history")
    )


def test_the_tables_that_are_compared_are_all_that_evidence_makes() -> None:
    """A table that is added is compared, or is history, or is empty in the warehouse."""
    con = duckdb.connect()
    with closing(con):
        from analytics.migrations import migrate

        migrate(con, "here")
        tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    beside = {"kpis", "findings", "snapshot", "missions", "assumptions", "formulas", "quarantine", "schema_migrations"}
    beside |= {"business_hours", "tool_fees", "computations"}
    assert tables == set(COMPARED) | set(rebuilding.HISTORY) | beside
