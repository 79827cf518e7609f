"""Month by month, real incidents say what an independent computation straight from their file says."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import orjson
import polars as pl
import pyarrow as pa
import pytest

from analytics import months
from analytics.migrations import migrate
from tasks.adapters import ADAPTERS

INCIDENTS = Path(__file__).parents[3] / "shared" / "data" / "incidents" / "incident_events.parquet"
ADAPTER = ADAPTERS["incident_response"]

needs_incidents = pytest.mark.skipif(not INCIDENTS.exists(), reason="the incident data set is not beside this clone")


@pytest.fixture
def warehouse() -> Any:
    """Empty tables."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    migrate(con, "here")
    yield con
    con.close()


def insert(con: Any, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows by name."""
    con.register("told", pa.Table.from_pylist(rows))  # pyright: ignore[reportUnknownMemberType] - pyarrow ships no types
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM told")
    con.unregister("told")


def run(name: str, case: dict[str, Any], begun: datetime, **more: Any) -> dict[str, Any]:
    """Return a run that is done."""
    zeros = dict.fromkeys(("cost_micros", "model_calls", "tool_calls", "input_tokens", "output_tokens", "records"), 0)
    return {
        "run_id": name,
        "mission": "incident_response",
        "status": "done",
        "success": True,
        "case_input": orjson.dumps(case).decode(),
        "started_at": begun,
        "ended_at": begun + timedelta(hours=1),
        "last_recorded_at": begun,
        **zeros,
        **more,
    }


def fly_all(con: Any) -> None:
    """Put every history of the file into the tables as the mission is fed with it, by the adapter that feeds it."""
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    runs: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in pl.read_parquet(INCIDENTS).iter_rows(named=True):
        rows[row["number"]].append(row)
    for number, told in rows.items():
        ordered = sorted(told, key=ADAPTER.sort_key)
        runs.append(run(number, ADAPTER.case(ordered[0]), begun))
        for place, row in enumerate(ordered[1:], 1):
            name, body, _ = ADAPTER.event(row)
            common = {"run_id": number, "mission": "incident_response", "id": f"{number}-{place}", "event": name}
            events.append({**common, "ordinal": place, "body": orjson.dumps(body).decode(), "recorded_at": begun})
    insert(con, "runs", runs)
    insert(con, "events", events)


def moment_of(text: str) -> datetime | None:
    """Read a time of the file; it writes day first and marks what is unknown."""
    return None if text == "?" else datetime.strptime(text, "%d/%m/%Y %H:%M")  # noqa: DTZ007 - the file names no zone


def straight_from_the_file() -> dict[str, dict[str, Any]]:
    """Compute the months with nothing of ours: the row with the newest update of each ticket, by hand."""
    last: dict[str, dict[str, str]] = {}
    order: dict[str, tuple[Any, ...]] = {}
    for place, row in enumerate(pl.read_parquet(INCIDENTS).iter_rows(named=True)):
        updated = moment_of(row["sys_updated_at"])
        key = (updated is not None, updated or datetime.min, int(row["sys_mod_count"]), place)  # noqa: DTZ901 - naive like the file
        if row["number"] not in order or key > order[row["number"]]:
            order[row["number"]], last[row["number"]] = key, row
    told: dict[str, dict[str, Any]] = {}
    handling: dict[str, list[float]] = defaultdict(list)
    for row in last.values():
        opened, closed = moment_of(row["opened_at"]), moment_of(row["closed_at"])
        assert opened is not None
        month = f"{opened:%Y-%m}"
        into = told.setdefault(
            month, dict.fromkeys(("cases", "sla_kept", "reassignments", "reassigned", "reopened"), 0)
        )
        into["cases"] += 1
        into["sla_kept"] += row["made_sla"] == "true"
        into["reassignments"] += int(row["reassignment_count"])
        into["reassigned"] += int(row["reassignment_count"]) > 0
        into["reopened"] += int(row["reopen_count"]) > 0
        if closed is not None:
            handling[month].append((closed - opened).total_seconds())
    for month, durations in handling.items():
        told[month] |= {"handling_median_seconds": median(durations), "open": told[month]["cases"] - len(durations)}
    return told


@pytest.mark.slow
@needs_incidents
def test_every_month_of_the_file_is_what_the_file_says(warehouse: Any) -> None:
    """All 12,459 incidents: cases, service level, changes of hands, reopenings and handling time, to the last digit."""
    fly_all(warehouse)
    found = months.compute(warehouse)
    expected = straight_from_the_file()
    assert sum(one.cases for one in found) == 12_459
    assert {one.month: {name: getattr(one, name) for name in expected[one.month]} for one in found} == expected
    assert [one.month for one in found] == sorted(expected)


def test_a_month_is_held_against_those_before_it(warehouse: Any) -> None:
    """A month in which half the cases fail drifts; the first month has nothing to be compared with."""
    runs: list[dict[str, Any]] = []
    for month, kept in ((1, 95), (2, 94), (3, 50)):
        begun = datetime(2026, month, 5, tzinfo=UTC)
        runs += [run(f"{month}-{number}", {}, begun, sla_kept=number < kept) for number in range(100)]
    insert(warehouse, "runs", runs)
    found = months.compute(warehouse)
    assert [one.verdict for one in found] == ["not_enough_data", "ok", "drift"]
    gap = next(each for each in found[2].gaps if each.measure == "sla_kept")
    assert (gap.should, gap.is_now, gap.verdict) == (94.5, 50.0, "drift")


def test_a_thin_month_is_no_verdict(warehouse: Any) -> None:
    """Ten cases after a hundred say nothing, however they went."""
    insert(
        warehouse,
        "runs",
        [
            *(run(f"1-{number}", {}, datetime(2026, 1, 5, tzinfo=UTC), sla_kept=True) for number in range(100)),
            *(run(f"2-{number}", {}, datetime(2026, 2, 5, tzinfo=UTC), sla_kept=False) for number in range(10)),
        ],
    )
    assert [one.verdict for one in months.compute(warehouse)] == ["not_enough_data", "not_enough_data"]


def test_no_cases_make_no_months(warehouse: Any) -> None:
    """Nothing is made up."""
    assert months.compute(warehouse) == []
