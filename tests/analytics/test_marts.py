"""The mart is replaced whole, one loader writes, and every failure is one sentence with nothing half done."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pytest

from analytics import warehouse
from analytics.errors import MartMissing, WarehouseBusy, WarehouseOutdated, WarehouseUnwritable
from analytics.locks import LoaderLock
from analytics.marts import mart_path, open_mart
from analytics.migrations import Migration, migrate
from analytics.warehouse import keep_landing, land, rest_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analytics.conftest import Fleet


def test_a_reader_always_sees_one_whole_snapshot(fleet: Fleet) -> None:
    """While marts are swapped under it, a reader's tables agree with each other, and never go back."""
    fleet.flown("r0")
    land(fleet.home)
    seen: list[tuple[int, int, int]] = []
    done = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        try:
            while not done.is_set():
                with open_mart(fleet.home) as con:
                    row = con.execute(
                        "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM steps), (SELECT runs FROM snapshot)",
                    ).fetchall()[0]
                seen.append(row)
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 6):
        fleet.flown(f"r{number}")
        land(fleet.home)
    done.set()
    reader.join()
    assert failures == []
    assert all(runs == steps == counted for runs, steps, counted in seen)
    assert [runs for runs, _, _ in seen] == sorted(runs for runs, _, _ in seen)
    assert fleet.one("SELECT runs FROM snapshot") == 6


def test_a_reader_that_stays_keeps_its_snapshot(fleet: Fleet) -> None:
    """An open mart does not change, and does not keep others from the new one."""
    fleet.flown("r0")
    land(fleet.home)
    with open_mart(fleet.home) as old:
        fleet.flown("r1")
        land(fleet.home)
        with open_mart(fleet.home) as new:
            assert new.execute("SELECT count(*) FROM runs").fetchall() == [(2,)]
        assert old.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_nothing_stays_beside_the_published_mart(fleet: Fleet) -> None:
    """What a crash left behind while building is replaced, and no aside files remain."""
    fleet.flown("r0")
    (fleet.home / "mart.duckdb.new").write_bytes(b"half a mart")
    land(fleet.home)
    assert sorted(path.name for path in fleet.home.iterdir()) == [
        "habits.json",
        "journals",
        "mart.duckdb",
        "warehouse.duckdb",
        "warehouse.lock",
    ]


def test_a_lost_or_spoilt_mart_is_published_again(fleet: Fleet) -> None:
    """The mart is derived; landing without news restores it."""
    fleet.flown("r0")
    land(fleet.home)
    mart_path(fleet.home).unlink()
    with pytest.raises(MartMissing, match="gonogo land"), open_mart(fleet.home):
        pass
    assert land(fleet.home).new_records == 0
    mart_path(fleet.home).write_bytes(b"not a database")
    with pytest.raises(MartMissing, match="gonogo land"), open_mart(fleet.home):
        pass
    land(fleet.home)
    assert fleet.one("SELECT count(*) FROM runs") == 1


def test_a_second_loader_waits_for_the_first(fleet: Fleet) -> None:
    """Where the house is loading, ``land`` returns once the mart covers what was there at the call."""
    fleet.flown("r0")
    stop = threading.Event()
    house = threading.Thread(target=keep_landing, args=(fleet.home, 0.02, stop))
    house.start()
    try:
        while not mart_path(fleet.home).exists():
            stop.wait(0.01)
        fleet.flown("r1")
        landed = land(fleet.home)
        assert landed.by_another
        assert fleet.one("SELECT count(*) FROM runs WHERE status = 'done'") == 2
        fleet.flown("r2")
    finally:
        stop.set()
        house.join()
    assert fleet.one("SELECT count(*) FROM runs") == 3, "the last load comes after the stop"


def test_waiting_for_another_loader_has_an_end(fleet: Fleet) -> None:
    """A loader that holds the warehouse and does nothing is named, not waited for."""
    fleet.flown("r0")
    with LoaderLock(fleet.home) as lock:
        assert lock.is_held
        with pytest.raises(WarehouseBusy, match=r"has not taken in 1 of 1 journals within 0\.1 seconds"):
            land(fleet.home, wait_seconds=0.1)
    assert land(fleet.home).new_records == 8


def test_where_nothing_was_flown_yet_another_loader_is_not_waited_for(tmp_path: Path) -> None:
    """A mart that covers no journal covers all there are: what looks for drift in a new house finds none."""
    land(tmp_path)
    with LoaderLock(tmp_path) as lock:
        assert lock.is_held
        landed = land(tmp_path, wait_seconds=0.1)
    assert (landed.by_another, landed.new_records) == (True, 0)


def test_a_torn_tail_does_not_keep_the_second_loader_waiting(fleet: Fleet) -> None:
    """Only whole lines have to be covered; the rest is still being written."""
    flight = fleet.flown("r0")
    land(fleet.home)
    with flight.path.open("ab") as file:
        file.write(b'{"half')
    with LoaderLock(fleet.home):
        assert land(fleet.home, wait_seconds=5).by_another


def test_the_loop_survives_a_load_that_fails(
    fleet: Fleet, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is logged once and tried again; when it is free, everything lands."""
    stop = threading.Event()
    tries: list[int] = []
    real = warehouse.Loader

    def fail_twice(home: Path) -> warehouse.Loader:
        tries.append(1)
        if len(tries) <= 2:
            raise WarehouseUnwritable("the disk is full")
        loader = real(home)
        stop.set()
        return loader

    monkeypatch.setattr(warehouse, "Loader", fail_twice)
    fleet.flown("r0")
    keep_landing(fleet.home, 0.001, stop)
    assert [record.message for record in caplog.records if record.name == "gonogo.warehouse"] == ["the disk is full"]
    assert fleet.one("SELECT count(*) FROM runs") == 1


@pytest.mark.parametrize(
    ("took", "worked", "rests"), [(0.1, 0.1, 0.5), (3.0, 0.8, 0.8), (3.0, 3.0, 3.0), (3.0, 5.0, 3.0)]
)
def test_the_loop_rests_for_what_it_worked_and_not_for_what_it_waited(took: float, worked: float, rests: float) -> None:
    """On a machine that is busy a load takes long; what is visible must not wait for that."""
    assert rest_seconds(0.5, took, worked) == rests


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """The folder is named, and what to do."""
    home = tmp_path / "file"
    home.write_text("")
    with pytest.raises(WarehouseUnwritable, match=r"cannot be written .*free the disk or fix the folder"):
        land(home / "home")


def test_a_full_disk_undoes_the_load_and_a_free_one_completes_it(fleet: Fleet) -> None:
    """Nothing is half done: the same home lands whole once there is room."""
    fleet.flown("r0")
    land(fleet.home)
    for number in range(1, 4):
        flight = fleet.run(f"r{number}").begin(case={"text": "x" * 60_000})
        for event in range(20):
            flight.event("history", {"n": event, "text": f"{number}{event}" * 12_000})
        flight.end()
    before = mart_path(fleet.home).read_bytes()
    result = in_little_room(fleet.home)
    assert result.returncode == 3, result.stderr
    assert "cannot be written" in result.stdout
    assert result.stdout.count("\n") == 1
    assert mart_path(fleet.home).read_bytes() == before
    landed = land(fleet.home)
    assert landed.new_records == 3 * 22
    assert fleet.one("SELECT count(*) FROM runs") == 4


def in_little_room(home: Path) -> subprocess.CompletedProcess[str]:
    """Land in a process whose files may not grow, as on a full disk."""
    program = f"""
        import resource, sys
        from pathlib import Path
        from analytics.errors import WarehouseUnwritable
        from analytics.warehouse import land
        import analytics.quality
        analytics.quality.validate("warm", (), __import__("pandas").DataFrame({{"row": []}}))
        home = Path({str(home)!r})
        room = (home / "warehouse.duckdb").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        try:
            land(home)
        except WarehouseUnwritable as error:
            print(error)
            sys.exit(3)
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_warehouse_somebody_has_open_is_named(fleet: Fleet) -> None:
    """Another program that opened the writer's file is the trouble, and the message says so."""
    fleet.flown("r0")
    land(fleet.home)
    program = (
        f"import duckdb; c = duckdb.connect({str(fleet.home / 'warehouse.duckdb')!r}); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(WarehouseBusy, match="Another program has"):
                land(fleet.home)
        finally:
            other.communicate("\n")
    assert land(fleet.home).new_records == 0


def test_a_file_that_is_no_warehouse_is_not_overwritten(fleet: Fleet) -> None:
    """Whatever it is, it may be somebody's."""
    fleet.flown("r0")
    path = fleet.home / "warehouse.duckdb"
    path.write_bytes(b"somebody's letter" * 1_000)
    with pytest.raises(WarehouseOutdated, match="move the file away"):
        land(fleet.home)
    assert path.read_bytes().startswith(b"somebody's letter")


def test_migrations_are_applied_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one is added to an old warehouse; one that was edited afterwards is refused."""
    first = Migration("0001_schema", "CREATE TABLE a (n INTEGER)")
    second = Migration("0002_more", "ALTER TABLE a ADD COLUMN m INTEGER")
    with closing(duckdb.connect()) as con:
        monkeypatch.setattr("analytics.migrations.migrations", lambda: (first,))
        migrate(con, "here")
        monkeypatch.setattr("analytics.migrations.migrations", lambda: (first, second))
        migrate(con, "here")
        migrate(con, "here")
        assert con.execute("SELECT count(*) FROM schema_migrations").fetchall() == [(2,)]
        edited = Migration("0001_schema", "CREATE TABLE a (n BIGINT)")
        monkeypatch.setattr("analytics.migrations.migrations", lambda: (edited, second))
        with pytest.raises(WarehouseOutdated, match="0001_schema differs"):
            migrate(con, "here")


def test_a_migration_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All changes of one opening, or none."""
    good, bad = (
        Migration("0001_schema", "CREATE TABLE a (n INTEGER)"),
        Migration("0002_bad", "CREATE TABLE a (n INTEGER)"),
    )
    monkeypatch.setattr("analytics.migrations.migrations", lambda: (good, bad))
    with closing(duckdb.connect()) as con:
        with pytest.raises(duckdb.CatalogException):
            migrate(con, "here")
        assert con.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
