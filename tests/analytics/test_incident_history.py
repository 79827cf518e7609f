"""What the warehouse says of real incidents equals what their file says, computed independently."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from analytics.warehouse import land

if TYPE_CHECKING:
    from tests.analytics.conftest import Fleet

INCIDENTS = Path(__file__).parents[3] / "shared" / "data" / "incidents" / "incident_events.parquet"
UNKNOWN = "?"
SAMPLE = 50

needs_incidents = pytest.mark.skipif(not INCIDENTS.exists(), reason="the incident data set is not beside this clone")


def moment_of(text: str) -> datetime | None:
    """Read a time of the file; it writes day first and marks what is unknown."""
    return None if text == UNKNOWN else datetime.strptime(text, "%d/%m/%Y %H:%M")  # noqa: DTZ007 - the file names no zone


def body_of(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of the file as a mission is fed with it."""

    def iso(name: str) -> str | None:
        moment = moment_of(row[name])
        return None if moment is None else f"{moment.isoformat()}Z"

    return {
        "number": row["number"],
        "incident_state": row["ident_state"],
        "made_sla": row["made_sla"] == "true",
        "reassignment_count": int(row["reassignment_count"]),
        "reopen_count": int(row["reopen_count"]),
        "sys_mod_count": int(row["sys_mod_count"]),
        **{name: iso(name) for name in ("opened_at", "resolved_at", "closed_at", "sys_updated_at")},
    }


AWKWARD = ("0007432", "0013872", "0000130", "0000137")
"""Two tickets that were closed, reopened and closed again, and two whose rows are not in time order."""


def histories() -> dict[str, list[dict[str, str]]]:
    """Return a sample of incidents with their rows as the file orders them; awkward and troubled ones first."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in pq.read_table(INCIDENTS).to_pylist():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType] - pyarrow ships no types
        rows.setdefault(str(row["number"]), []).append(row)  # pyright: ignore[reportUnknownArgumentType] - pyarrow ships no types
    troubled = [
        number
        for number, told in rows.items()
        if told[-1]["reopen_count"] != "0" or told[-1]["resolved_at"] == UNKNOWN or told[-1]["made_sla"] == "false"
    ]
    chosen = dict.fromkeys([*AWKWARD, *sorted(troubled)[: SAMPLE // 2], *sorted(set(rows) - set(troubled))])
    return {number: rows[number] for number in list(chosen)[:SAMPLE]}


def seconds_between(row: dict[str, str], begin: str, end: str) -> int | None:
    """Return the time between two columns of a row."""
    begun, ended = moment_of(row[begin]), moment_of(row[end])
    return None if begun is None or ended is None else int((ended - begun).total_seconds())


@needs_incidents
def test_the_view_equals_the_file(fleet: Fleet) -> None:
    """SLA, reassignments, reopenings and handling time of fifty real incidents, one by one and together."""
    told = histories()
    for number, rows in told.items():
        flight = fleet.run(f"inc-{number}", "incident_response").begin(
            case={"number": number, "title": "told", "source": body_of(rows[0])}
        )
        for row in rows[1:]:
            flight.event(
                "incident_updated", body_of(row), occurred=datetime.fromisoformat(body_of(row)["sys_updated_at"])
            )
        flight.end("resolved")
    landed = land(fleet.home)
    assert (landed.quarantined, landed.dq_failures) == (0, 0)
    expected: dict[str, tuple[Any, ...]] = {}
    for number, rows in told.items():
        last = rows[-1]
        expected[number] = (
            len(rows),
            last["ident_state"],
            last["made_sla"] == "true",
            int(last["reassignment_count"]),
            int(last["reopen_count"]),
            seconds_between(last, "opened_at", "closed_at"),
            seconds_between(last, "opened_at", "resolved_at"),
        )
    found = fleet.ask(
        "SELECT number, events, incident_state, made_sla, reassignment_count, reopen_count, handling_seconds, "
        "resolving_seconds FROM incident_history",
    )
    assert {row[0]: row[1:] for row in found} == expected
    together = fleet.ask(
        "SELECT count(*) FILTER (WHERE made_sla), sum(reassignment_count), sum(reopen_count), median(handling_seconds) "
        "FROM incident_history",
    )[0]
    columns = list(zip(*expected.values(), strict=True))
    assert together == (sum(columns[2]), sum(columns[3]), sum(columns[4]), median(columns[5]))


def test_unknown_facts_are_null_and_times_need_no_zone(fleet: Fleet) -> None:
    """What is not known is null; a time without a zone is read as UTC, wherever the reader is."""
    opened = {"number": "1", "made_sla": True, "opened_at": "2016-02-29T08:00:00", "resolved_at": None}
    fleet.run("r1").begin(case=opened).event("update", {**opened, "closed_at": "2016-03-05T09:00:00+01:00"})
    fleet.run("r2").begin(case={**opened, "number": "2"})
    fleet.run("r3").begin(case={"number": "3", "source": None}).event("documents", {"file": "a.pdf"})
    land(fleet.home)
    asked = "SELECT number, events, handling_seconds, resolving_seconds, reopen_count FROM incident_history ORDER BY 1"
    assert fleet.ask(asked) == [("1", 2, 5 * 86_400, None, None), ("2", 1, None, None, None)]
