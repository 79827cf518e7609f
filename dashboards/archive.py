"""The archive: runs looked up by their id, case, mission, owner and day, and the record of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from gonogo.evidence.payloads import whole

if TYPE_CHECKING:
    from dashboards.tables import Tables
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record

SHOWN = 50
"""So many runs are listed; how many more there are is said."""

_WHERE = """
WHERE ($mission IS NULL OR mission = $mission)
    AND ($owner IS NULL OR owner = $owner)
    AND ($begin IS NULL OR (started_at >= $begin AND started_at < $end))
    AND ($words IS NULL OR contains(run_id, $words) OR contains(lower(case_ref), lower($words)))
"""

# Found by the few columns that decide; the others are read for the rows that are shown.
_RUNS = f"""
SELECT
    run_id, mission, owner, case_ref, status, outcome, started_at, ended_at, latency_ms, cost_micros, currency,
    records, gates
FROM runs
WHERE rowid IN (SELECT rowid FROM runs {_WHERE} ORDER BY started_at DESC, run_id LIMIT $most)
ORDER BY started_at DESC, run_id
"""  # noqa: S608 - our own condition

_COUNT = f"SELECT count(*) AS runs FROM runs {_WHERE}"  # noqa: S608 - our own condition

_OWNERS = "SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL ORDER BY owner"

_RUN = "SELECT * FROM runs WHERE run_id = $run LIMIT 1"


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody looks for; what is ``None`` narrows nothing."""

    mission: str | None = None
    owner: str | None = None
    day: date | None = None
    """A day in the time zone ``where``, from midnight to midnight."""
    words: str | None = None
    """A part of the run's id, or of its case."""
    where: tzinfo = UTC


def find_runs(tables: Tables, sought: Sought) -> tuple[list[dict[str, Any]], int]:
    """Return the newest runs that fit, and how many fit in all."""
    words = (sought.words or "").strip() or None
    begin, end = (None, None) if sought.day is None else _day(sought.day, sought.where)
    chosen = {"mission": sought.mission, "owner": sought.owner, "begin": begin, "end": end, "words": words}
    return tables.rows(_RUNS, most=SHOWN, **chosen), tables.row(_COUNT, **chosen)["runs"]


def _day(day: date, where: tzinfo) -> tuple[datetime, datetime]:
    """Return when a day begins and ends somewhere: it has 23 or 25 hours where clocks are put forward or back."""
    begin, end = (datetime.combine(each, time.min, where) for each in (day, day + timedelta(days=1)))
    return begin, end


def owners(tables: Tables) -> list[str]:
    """Return everybody who answers for a run."""
    return [str(row["owner"]) for row in tables.rows(_OWNERS)]


def run_row(tables: Tables, run_id: str) -> dict[str, Any]:
    """Return what the mart says of a run; empty where it knows none of that id."""
    return tables.row(_RUN, run=run_id)


def records_of(journal: Journal, run_id: str) -> list[Record]:
    """Return a run's records of both streams, in the order they were written, with payloads that are still there.

    Raises:
        EvidenceBroken: a record does not follow from the one before.

    """
    found = [whole(journal.payloads, record) for record in journal.read_flight(run_id) + journal.read_desk(run_id)]
    return sorted(found, key=lambda record: (record.fields["recordedtime"], record.fields["streamid"], record.seq))


def as_told(record: Record) -> dict[str, Any]:
    """Return a record as ``gonogo evidence RUN --json`` prints it."""
    return {**record.fields, "digest": record.digest, "payload": record.body()}
