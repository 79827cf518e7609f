"""A compacted warehouse is the same warehouse in less room, or the old one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pytest

from analytics import compacting
from analytics.errors import WarehouseBusy, WarehouseUnwritable
from analytics.locks import LoaderLock
from analytics.stores import warehouse_path
from analytics.warehouse import compact, land, rebuild

if TYPE_CHECKING:
    from tests.analytics.conftest import Fleet


@pytest.fixture
def holey(fleet: Fleet) -> Fleet:
    """A fleet whose warehouse has room that nothing uses."""
    fleet.flown("r1")
    asking = fleet.run("r2").begin()
    asking.ask("g1")
    asking.path.write_bytes(asking.path.read_bytes() + b"no evidence\n")
    land(fleet.home)
    with closing(duckdb.connect(warehouse_path(fleet.home))) as con:
        con.execute("CREATE TABLE filler AS SELECT md5(i::VARCHAR) AS words FROM range(200_000) AS r(i)")
    # What stands behind it keeps the file from being cut where it was.
    fleet.flown("r0")
    land(fleet.home)
    with closing(duckdb.connect(warehouse_path(fleet.home))) as con:
        con.execute("DROP TABLE filler")
    return fleet


def test_a_compacted_warehouse_holds_the_same_and_takes_less(holey: Fleet) -> None:
    """Evidence makes the very tables that are in it, history and quarantine are kept, and loads go on."""
    kept = "SELECT (SELECT count(*) FROM loads), (SELECT count(*) FROM dq_results), (SELECT count(*) FROM quarantine)"
    before = holey.ask(kept, "warehouse.duckdb")
    done = compact(holey.home)
    assert done.bytes_after < done.bytes_before
    assert holey.ask(kept, "warehouse.duckdb") == before
    assert rebuild(holey.home, "compare").verdict == "equal"
    holey.flown("r3")
    assert land(holey.home).new_records == 8
    comments = (
        "SELECT count(*) FROM duckdb_columns() WHERE database_name = 'asked' AND comment IS NULL AND NOT internal"
    )
    assert holey.one(comments, "warehouse.duckdb") == 0


def test_compacting_does_not_disturb_a_loader(holey: Fleet) -> None:
    """Two writers would be one too many."""
    with LoaderLock(holey.home), pytest.raises(WarehouseBusy, match="Stop gonogo up"):
        compact(holey.home)


def test_a_full_disk_leaves_the_old_warehouse(holey: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was half written is removed, and the message says that nothing is lost."""

    def fill(*_: object) -> None:
        (holey.home / "warehouse.duckdb.new").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compacting, "_copy", fill)
    kept = "SELECT run_id, seq, digest FROM evidence ORDER BY ALL"
    before = holey.ask(kept, "warehouse.duckdb")
    with pytest.raises(WarehouseUnwritable, match="it is as it was"):
        compact(holey.home)
    assert holey.ask(kept, "warehouse.duckdb") == before
    assert rebuild(holey.home, "compare").verdict == "equal"
    assert not (holey.home / "warehouse.duckdb.new").exists()
