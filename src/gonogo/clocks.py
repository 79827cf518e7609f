"""The clock, held against what is known of it: one that was set back brings deadlines back that have passed.

How late it is at least stands in two places: in the records of a run, and in the mark of the home, which
whoever looks at gates moves on. Where the clock stands before either, nobody can say whether an answer was
in time: no answer is taken, and nothing that a person said go to is done, until the clock is right again.
What needs no person goes on; records keep their order by number, not by time.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gonogo.errors import ClockBehind
from gonogo.evidence.canon import moment, short_id, timestamp, uuid7

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gonogo.evidence.records import Record

BEHIND_SECONDS_MAX = 2.0
"""How far the clocks of machines that are kept in time may be apart, in seconds."""

MARK = "clock"
"""The file of a home that says how late it is at least."""


def trusted_now(home: Path, records: Iterable[Record]) -> datetime:
    """Return the time, and note it as the least that it is from now on.

    Args:
        home: whose mark is looked at and moved on.
        records: what is on record about the run; their times have passed.

    Raises:
        ClockBehind: the clock stands more than two seconds before a time that has passed.

    """
    now, mark = datetime.now(UTC), home / MARK
    latest, where = _marked(mark), str(mark)
    for record in records:
        recorded = moment(record.fields["recordedtime"])
        if recorded > latest:
            latest, where = recorded, f"record {record.seq} of {record.fields['streamid']}"
    behind = (latest - now).total_seconds()
    if behind > BEHIND_SECONDS_MAX:
        raise ClockBehind(
            f"The clock of this machine stands {behind:.0f} s before {where}, so nobody can say what is still in time. "
            f"Set the clock right; if it was ahead before and is right now, remove {mark} or wait."
        )
    keep_time(home, now)
    return now


def keep_time(home: Path, now: datetime | None = None) -> None:
    """Move the mark of a home on to now, at most once a second; a clock that was set back moves nothing."""
    now, mark = now or datetime.now(UTC), home / MARK
    if now - _marked(mark) < timedelta(seconds=1):
        return
    made = mark.with_name(f"{MARK}.{short_id(uuid7())}")
    try:
        made.write_text(timestamp(now), encoding="ascii")
        made.replace(mark)
    except OSError:
        # A mark that cannot be written protects less, and stops nothing: the records are looked at all the same.
        with suppress(OSError):
            made.unlink(missing_ok=True)


def _marked(mark: Path) -> datetime:
    """Return what the mark says; the earliest time where there is none, or none that can be read."""
    try:
        return moment(mark.read_text(encoding="ascii")).astimezone(UTC)
    except (OSError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
