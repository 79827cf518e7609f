"""Two hundred real incidents, from the file to the numbers, beside an independent computation from the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.e2e.command import ROOT, Command
from tests.e2e.houses import ask_mart

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ROOT.parent / "shared" / "data" / "incidents" / "incident_events.parquet"
INCIDENTS = 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SOURCE.exists(), reason="the incident histories are not beside this repository"),
]


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two hundred incidents of the file, with all their rows."""
    path = tmp_path_factory.mktemp("incidents") / "histories.parquet"
    duckdb.sql(
        f"""
        copy (
            select * from '{SOURCE}'
            where number in (select distinct number from '{SOURCE}' order by number limit {INCIDENTS})
        ) to '{path}' (format parquet)
        """
    )
    return path


@pytest.fixture(scope="module")
def landed(histories: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A home in which they were flown and landed."""
    folder = tmp_path_factory.mktemp("landed")
    scratch = folder / "scratch"
    scratch.mkdir()
    gonogo = Command(folder / "home", scratch)
    done = gonogo("run", "incident_response", "--each", histories, "--case-by", "number", "--json")
    assert done.code == 0, done.err
    assert done.json["statuses"] == {"done": INCIDENTS}
    assert done.json["bad_rows"] == []
    loaded = gonogo("land", "--json")
    assert loaded.code == 0, loaded.err
    assert (loaded.json["quarantined"], loaded.json["dq_failures"]) == (0, 0)
    return gonogo


def expected(histories: Path) -> dict[str, Any]:
    """Compute the numbers from the file alone: the last row of each incident in time order."""
    (row,) = duckdb.execute(
        f"""
        with times as (
            select
                number,
                made_sla = 'true' as made_sla,
                reassignment_count::int as reassignments,
                reopen_count::int as reopens,
                strptime(opened_at, '%d/%m/%Y %H:%M') as opened,
                try_strptime(resolved_at, '%d/%m/%Y %H:%M') as resolved,
                try_strptime(closed_at, '%d/%m/%Y %H:%M') as closed,
                row_number() over (
                    partition by number
                    order by strptime(sys_updated_at, '%d/%m/%Y %H:%M') desc, sys_mod_count::int desc
                ) as age
            from '{histories}'
        )
        select
            count(*), avg(made_sla::int), sum(reassignments), sum(reopens),
            median(date_diff('second', opened, closed)), median(date_diff('second', opened, resolved)),
            (select count(*) from '{histories}')
        from times where age = 1
        """
    ).fetchall()
    names = ("incidents", "sla_share", "reassignments", "reopens", "median_handling", "median_resolving", "rows")
    return dict(zip(names, row, strict=True))


def test_each_incident_is_exactly_one_run_and_each_row_one_record(landed: Command, histories: Path) -> None:
    """No incident twice, none missing, no row lost on the way."""
    ((runs, incidents, flights),) = ask_mart(
        landed.home / "mart.duckdb",
        "select count(*), count(distinct case_input ->> 'number'), count(distinct run_id) from runs",
    )
    ((events,),) = ask_mart(landed.home / "mart.duckdb", "select count(*) from events where event = 'ticket_updated'")
    assert (runs, incidents, flights) == (INCIDENTS, INCIDENTS, INCIDENTS)
    assert runs + events == expected(histories)["rows"]


def test_the_numbers_of_the_warehouse_are_those_of_the_file(landed: Command, histories: Path) -> None:
    """Service level, reassignments, reopenings and handling time, derived from recorded events."""
    (found,) = ask_mart(
        landed.home / "mart.duckdb",
        """
        select count(*), avg(made_sla::int), sum(reassignment_count), sum(reopen_count),
            median(handling_seconds), median(resolving_seconds)
        from incident_history
        """,
    )
    names = ("incidents", "sla_share", "reassignments", "reopens", "median_handling", "median_resolving")
    right = expected(histories)
    assert dict(zip(names, found, strict=True)) == {name: right[name] for name in names}


def test_the_measures_of_the_missions_say_the_same(landed: Command, histories: Path) -> None:
    """What the mission reported as its outcome agrees with the file, too."""
    found = dict(
        ask_mart(
            landed.home / "mart.duckdb",
            """
            select name, case name
                when 'sla_kept' then avg(value)
                when 'handling_seconds' then median(value)
                when 'resolving_seconds' then median(value)
                else sum(value)
            end
            from measures group by name
            """,
        )
    )
    ((share,),) = ask_mart(landed.home / "mart.duckdb", "select avg(sla_kept::int) from runs")
    right = expected(histories)
    assert found["sla_kept"] == share == right["sla_share"]
    assert (found["reassignments"], found["reopens"]) == (right["reassignments"], right["reopens"])
    assert found["handling_seconds"] == right["median_handling"]
    assert found["resolving_seconds"] == right["median_resolving"]
