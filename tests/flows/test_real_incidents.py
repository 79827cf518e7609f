"""Real ServiceNow histories, flown and measured, against a computation straight from the file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.incident_response import incident_response
from gonogo.testing import rehearse
from tasks.adapters import ADAPTERS

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "incidents" / "incident_events.parquet"
ADAPTER = ADAPTERS["incident_response"]

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the incident history is not in this checkout")


def histories(wanted: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of some tickets, as they stand in the file."""
    import polars as pl

    rows = pl.scan_parquet(DATA).filter(pl.col("number").is_in(wanted)).collect()
    return {number: rows.filter(pl.col("number") == number).to_dicts() for number in wanted}


REOPENED = ["0007432", "0013872"]
"""Tickets that were closed, reopened and closed again."""
OUT_OF_ORDER = ["0000130", "0000137"]
"""Tickets whose revisions or rows are not in time order."""
PLAIN = ["0000045", "0000047", "0000057", "0000060"]


@pytest.mark.parametrize("number", PLAIN + REOPENED + OUT_OF_ORDER)
async def test_a_followed_history_measures_what_its_last_row_says(number: str, tmp_path: Path) -> None:
    """Read with nothing of ours: strptime on the row that was written last."""
    rows = histories([number])[number]
    ordered = sorted(rows, key=ADAPTER.sort_key)
    events = [ADAPTER.event(row)[:2] for row in ordered[1:]]
    flown = await rehearse(incident_response, ADAPTER.case(ordered[0]), events=events, home=tmp_path)
    last = rows[-1]
    opened, closed = (datetime.strptime(last[name], "%d/%m/%Y %H:%M") for name in ("opened_at", "closed_at"))  # noqa: DTZ007
    outcome = flown.landing.outcome
    assert outcome is not None, flown.landing
    assert outcome["outcome"] == "followed"
    assert outcome["updates_followed"] == len(rows) - 1
    assert outcome["sla_kept"] is (last["made_sla"] == "true")
    assert outcome["reassignments"] == int(last["reassignment_count"])
    assert outcome["reopens"] == int(last["reopen_count"])
    assert outcome["handling_seconds"] == int((closed - opened).total_seconds())


@pytest.mark.slow
def test_every_row_of_the_file_fits_the_declared_mapping() -> None:
    """All 77,012 rows are cases or events; none is refused."""
    import polars as pl

    count = 0
    for row in pl.read_parquet(DATA).iter_rows(named=True):
        ADAPTER.event(row)
        count += 1
    assert count == 77_012
