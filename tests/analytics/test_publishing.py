"""Facts are published at once, numbers when they are ready; a mart that is changed is the one that would be made."""

# Some guarantees are only visible from inside.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import shutil
import threading
from concurrent import futures
from contextlib import closing
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics import computations, publishing
from analytics.computations import Clerk
from analytics.loading import Loader
from analytics.marts import open_mart
from analytics.migrations import migrations
from analytics.publishing import PUBLISHED, WRITTEN
from analytics.receipts import receipt
from analytics.stores import warehouse_path
from analytics.warehouse import land
from gonogo.settings import settings, using

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analytics.conftest import Fleet

MOMENTS = {"snapshot": "published_at", "computations": "(computed_at, seconds)"}
"""What differs from one publication to the next of the same warehouse."""


def tables(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of the published mart, moments of publication left out."""
    with open_mart(home) as con:
        return {
            table: con.execute(
                f"SELECT * {f'EXCLUDE {MOMENTS[table]}' if table in MOMENTS else ''} FROM {table} ORDER BY ALL"
            ).fetchall()
            for table in (*PUBLISHED, *WRITTEN)
        }


def test_a_changed_mart_is_the_mart_that_would_be_made(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """New runs, runs that grow, gates that are answered and lines that are no evidence: the same rows either way."""
    monkeypatch.setattr(publishing, "FILLED_ANEW_RUNS_MAX", 0)
    for number in range(12):
        fleet.flown(f"r{number}")
    strayed = fleet.run("strayed").begin()
    asking = fleet.run("asking").begin()
    asking.ask("g1")
    with closing(Loader(fleet.home)) as loader:
        loader.load()
        for happens in (
            lambda: fleet.flown("later"),
            lambda: asking.answer("g1", "go"),
            lambda: strayed.path.write_bytes(strayed.path.read_bytes() + b"no evidence\n"),
            asking.end,
        ):
            happens()
            loader.load()
        assert loader._publisher._changes == 4, "each of them was a change of the mart before it"
        changed = tables(fleet.home)
        assert fleet.ask("SELECT state FROM gates WHERE gate = 'g1'") == [("answered",)]
        loader._publisher._last = None
        loader.publish()
        assert loader._publisher._changes == 0
    assert tables(fleet.home) == changed


def test_a_changed_mart_keeps_what_did_not_change_and_no_more(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other assumptions, a mission's first run, news of a kind that was not there: the rows of a mart made anew."""
    monkeypatch.setattr(publishing, "FILLED_ANEW_RUNS_MAX", 0)
    policies = tmp_path / "policies"
    shutil.copytree(settings().policy_folder, policies)
    for number in range(12):
        fleet.flown(f"r{number}")
    flying = fleet.run("flying").begin()
    with using(settings().model_copy(update={"policy_folder": policies})), closing(Loader(fleet.home)) as loader:
        loader.load()
        for happens in (
            lambda: fleet.run("new", mission="newcomer").begin(),
            lambda: flying.event("documents", {"a": 1}),
            lambda: flying.decide("deny"),
            (policies / "assumptions.yaml").unlink,
        ):
            happens()
            loader.load()
        assert loader._publisher._changes == 4
        changed = tables(fleet.home)
        assert ("newcomer",) in {row[:1] for row in changed["missions"]}
        assert changed["assumptions"] == []
        loader._publisher.forget()
        loader.publish()
        assert loader._publisher._changes == 0
    assert tables(fleet.home) == changed


def test_a_mart_that_somebody_replaced_is_not_changed_but_made(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed is known to lack nothing; of a file from elsewhere nobody knows that."""
    monkeypatch.setattr(publishing, "FILLED_ANEW_RUNS_MAX", 0)
    for number in range(8):
        fleet.flown(f"r{number}")
    with closing(Loader(fleet.home)) as loader:
        loader.load()
        other = fleet.home / "other.duckdb"
        other.write_bytes((fleet.home / "mart.duckdb").read_bytes())
        with closing(duckdb.connect(other)) as con:
            con.execute("DELETE FROM runs")
        other.replace(fleet.home / "mart.duckdb")
        fleet.flown("r8")
        loader.load()
    assert fleet.one("SELECT count(*) FROM runs") == 9


def test_a_change_that_fails_leaves_the_mart_before_it(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half changed is published, nothing stays beside it, and the next publication has it all."""
    monkeypatch.setattr(publishing, "FILLED_ANEW_RUNS_MAX", 0)
    for number in range(8):
        fleet.flown(f"r{number}")
    with closing(Loader(fleet.home)) as loader:
        loader.load()
        before = tables(fleet.home)
        fleet.flown("r8")
        with monkeypatch.context() as patched:
            patched.setattr(publishing, "write_snapshot", _refuse)
            with pytest.raises(RuntimeError, match="no more"):
                loader.load()
        assert tables(fleet.home) == before
        assert not (fleet.home / "mart.duckdb.new").exists()
        loader.load()
    assert fleet.one("SELECT count(*) FROM runs") == 9


def _refuse(*_: object) -> None:
    raise RuntimeError("no more")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Keep every clerk from computing until this is set."""
    released, real = threading.Event(), Clerk._compute

    def compute(clerk: Clerk) -> computations.Computed:
        released.wait()
        return real(clerk)

    monkeypatch.setattr(Clerk, "_compute", compute)
    return released


def told(fleet: Fleet) -> tuple[int, int, int]:
    """Return how many runs there are by the facts, by the KPI, and by what the KPI says it was computed on."""
    with open_mart(fleet.home) as con:
        return con.execute(
            "SELECT (SELECT count(*) FROM runs), (SELECT value FROM kpis WHERE id = 'runs' AND mission = 'all')::INT, "
            "(SELECT runs FROM computations)"
        ).fetchall()[0]


def test_facts_do_not_wait_for_numbers(fleet: Fleet, held: threading.Event) -> None:
    """A run is in the mart as soon as it landed; the numbers of before stand beside it, and say so."""
    fleet.flown("r0")
    with closing(Loader(fleet.home)) as loader, closing(Clerk(fleet.home)) as clerk:
        loader.load(clerk=clerk)
        assert told(fleet) == (1, 1, 1), "the first mart has its numbers"
        fleet.flown("r1")
        loader.load(clerk=clerk)
        assert told(fleet) == (2, 1, 1)
        lines = receipt(fleet.home)["kpis"]
        assert {line["agrees"] for line in lines} == {None}, "an older table is not called wrong"
        held.set()
        futures.wait([clerk._running] if clerk._running else [])
        loader.load(clerk=clerk)
        assert told(fleet) == (2, 2, 2)
        assert {line["agrees"] for line in receipt(fleet.home)["kpis"]} == {True}


def test_numbers_that_cannot_be_computed_keep_no_fact_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop goes on with the numbers of before, and says what is wrong."""
    fleet.flown("r0")
    with closing(Loader(fleet.home)) as loader, closing(Clerk(fleet.home)) as clerk:
        loader.load(clerk=clerk)
        monkeypatch.setattr(Clerk, "_compute", _refuse)
        for number in range(1, 3):
            fleet.flown(f"r{number}")
            loader.load(clerk=clerk)
            futures.wait([clerk._running] if clerk._running else [])
        assert told(fleet) == (3, 1, 1)
    assert "cannot be computed" in caplog.text


def test_landing_once_brings_the_numbers_up_to_date(fleet: Fleet, held: threading.Event) -> None:
    """Where a loop was killed before its numbers were ready, the next landing finds no news and makes them."""
    fleet.flown("r0")
    with closing(Loader(fleet.home)) as loader, closing(Clerk(fleet.home)) as clerk:
        loader.load(clerk=clerk)
        fleet.flown("r1")
        loader.load(clerk=clerk)
        held.set()
    assert told(fleet) == (2, 1, 1)
    assert land(fleet.home).new_records == 0
    assert told(fleet) == (2, 2, 2)


def test_a_step_that_was_done_twice_in_a_run_has_one_latency(fleet: Fleet) -> None:
    """What happens within a run is not independent of itself: drift sees the mean, once."""
    flight = fleet.run("r1").begin()
    for place, latency_us in enumerate((3_000, 5_000)):
        flight.step("assess", latency_us=latency_us, key=f"/step:assess@{place}")
    flight.step("pay", outcome="failed")
    flight.end()
    land(fleet.home)
    assert fleet.ask("SELECT key, mean_latency_us FROM steps ORDER BY key") == [
        ("/step:assess@0", 4_000.0),
        ("/step:assess@1", None),
        ("/step:pay", None),
    ]


def test_a_warehouse_of_before_gets_its_latencies(fleet: Fleet) -> None:
    """The change of the schema computes for old rows what a load computes for new ones."""
    for number in range(3):
        flight = fleet.run(f"r{number}").begin()
        for place in range(number + 1):
            flight.step("assess", latency_us=1_000 * (place + 1), key=f"/step:assess@{place}")
        flight.end()
    others = tuple(change for change in migrations() if not change.id.endswith("_mean_latencies"))
    land(fleet.home)
    rows = fleet.ask("SELECT * FROM steps ORDER BY ALL", "warehouse.duckdb")
    with closing(duckdb.connect(warehouse_path(fleet.home))) as con:
        con.execute("ALTER TABLE steps DROP COLUMN mean_latency_us")
        con.execute("DELETE FROM schema_migrations WHERE id NOT IN (SELECT unnest(?))", [[c.id for c in others]])
    land(fleet.home)
    assert fleet.ask("SELECT * FROM steps ORDER BY ALL", "warehouse.duckdb") == rows
