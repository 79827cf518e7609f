"""Journals as the loader reads them: what was appended since last time, record by record.

A line that is no evidence is not lost and stops nothing: it becomes a :class:`Reject` with its
reason, and the lines around it are read. A last line without its newline is still being written
and is left for the next time.
"""

# pyarrow ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from analytics.records import ROW, RUN_ID, Misfit, Reason, read_record
from gonogo.evidence.tails import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import pyarrow as pa

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.payloads import Payloads

DELTA_BYTES = 32 * 1024 * 1024
"""About how much one load reads; more is read in further loads, so memory stays bounded: the one that is
being written, and the one that is read meanwhile."""


_ROWS_AT_ONCE = 2_048
"""So many records are put into columns at a time: what waits as Python objects costs each look of its collector."""


class Line(NamedTuple):
    """A line and where it stands."""

    journal: str
    number: int
    byte_offset: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot land, and why."""

    line: Line
    reason: Reason
    detail: str
    run_id: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the line as read."""
        return sha256(self.line.raw).hexdigest()

    @property
    def text(self) -> str:
        r"""The line as text; bytes that are no UTF-8 are written as ``\xNN``."""
        return self.line.raw.decode("utf-8", "backslashreplace")

    def row(self, load_id: str, now: datetime) -> dict[str, Any]:
        """Return the line as a row of ``quarantine``."""
        return {
            "journal": self.line.journal,
            "line": self.line.number,
            "byte_offset": self.line.byte_offset,
            "sha256": self.digest,
            "reason": self.reason,
            "detail": self.detail,
            "run_id": self.run_id,
            "raw": self.text,
            "load_id": load_id,
            "quarantined_at": now,
        }


@dataclass(slots=True)
class Delta:
    """What was appended to some journals since they were last read."""

    lines: list[Line] = field(default_factory=list[Line])
    """The lines that are records, in the order in which they were read."""
    run_ids: list[str] = field(default_factory=list[str])
    """The run of each of them."""
    rejects: list[Reject] = field(default_factory=list[Reject])
    marks: dict[str, Mark] = field(default_factory=dict[str, Mark])
    """How far each touched journal has been read with this delta."""
    faults: list[str] = field(default_factory=list[str])
    """Journals that could not be read or shrank, one sentence each."""
    read_bytes: int = 0
    _rows: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    """The last of the records, which stand in no column yet."""
    _columns: list[Any] = field(default_factory=list[Any])
    """All others, as Arrow tables of the columns of :data:`analytics.records.ROW`."""

    def take(self, line: Line, row: tuple[object, ...]) -> None:
        """Add a record: its line, and its columns from ``stream_id`` on."""
        self._rows.append((len(self.lines), line.journal, line.number, *row))
        self.lines.append(line)
        self.run_ids.append(str(self._rows[-1][RUN_ID]))
        if len(self._rows) == _ROWS_AT_ONCE:
            self._turn()

    def table(self) -> pa.Table:
        """Return the records as an Arrow table with the columns of :data:`analytics.records.ROW`.

        The first column is a record's place in ``lines``.
        """
        import pyarrow as pa

        if self._rows or not self._columns:
            self._turn()
        return self._columns[0] if len(self._columns) == 1 else pa.concat_tables(self._columns)

    def _turn(self) -> None:
        """Turn the rows that wait into columns."""
        import pyarrow as pa

        columns: list[tuple[object, ...]] = list(zip(*self._rows, strict=True)) or [()] * len(ROW)
        named = zip(ROW.items(), columns, strict=True)
        self._columns.append(pa.table({name: pa.array(column, kind) for (name, kind), column in named}))
        self._rows = []

    def by_run(self) -> list[Delta]:
        """Return the records alone, one delta a run."""
        import pyarrow as pa

        table, places = self.table(), dict[str, list[int]]()
        for place, run_id in enumerate(self.run_ids):
            places.setdefault(run_id, []).append(place)
        return [
            Delta(
                lines=[self.lines[place] for place in theirs],
                run_ids=[run_id] * len(theirs),
                _columns=[table.take(theirs).set_column(0, "row", pa.array(range(len(theirs)), "int64"))],  # pyright: ignore[reportUnknownArgumentType] - pyarrow has no types
            )
            for run_id, theirs in places.items()
        ]

    def without_rows(self) -> Delta:
        """Return the rest: rejects, faults, and how far the journals were read."""
        return replace(self, lines=[], run_ids=[], rejects=list(self.rejects), _rows=[], _columns=[])


def read_ahead(deltas: Iterator[Delta]) -> Iterator[Delta]:
    """Yield the deltas, each with its table made, while the next one is read by another thread.

    Reading is Python's work and writing is DuckDB's, which lets go of the interpreter; so both go on at once.
    """

    def following() -> Delta | None:
        delta = next(deltas, None)
        if delta is not None:
            delta.table()
        return delta

    with ThreadPoolExecutor(1, thread_name_prefix="journals") as reader:
        upcoming = reader.submit(following)
        while (delta := upcoming.result()) is not None:
            upcoming = reader.submit(following)
            yield delta


def read_deltas(
    journal: Journal, marks: Mapping[str, Mark], limit_bytes: int = DELTA_BYTES, until: Mapping[str, int] | None = None
) -> Iterator[Delta]:
    """Yield what was appended to the journals, in pieces of about ``limit_bytes``; no further than ``until``, if given.

    A stream that cannot be read is named in ``faults`` and tried again next time. One that is
    shorter than what was read of it is read again from its start: what is landed already is
    recognised, and a record that took another's place ends in quarantine.
    """
    delta = Delta()
    sizes, unread = journal.tail.sizes(), Mark()
    if until is not None:
        sizes = {name: min(size, until.get(name, 0)) for name, size in sizes.items()}
    # Most journals are those of runs that ended long ago: one look at each, and no more.
    news = [name for name, size in sizes.items() if size != marks.get(name, unread).byte_offset]
    # Flights before desks, so that a run has its beginning before the answers to it.
    for name in sorted(news, key=lambda name: (not name.startswith("flights/"), name)):
        size, mark = sizes[name], marks.get(name, unread)
        if size < mark.byte_offset:
            delta.faults.append(f"{name} has {size} bytes, and {mark.byte_offset} were read of it before.")
            mark = Mark()
            delta.marks[name] = mark
        while mark.byte_offset < size:
            begun, mark = mark, _read(journal, name, mark, delta, min(limit_bytes, size - mark.byte_offset))
            if delta.read_bytes >= limit_bytes:
                yield delta
                delta = Delta()
            if mark == begun:
                break
    if delta.marks or delta.faults:
        yield delta


def _read(journal: Journal, name: str, mark: Mark, delta: Delta, limit_bytes: int) -> Mark:
    """Read whole lines of one stream into the delta, and return how far it came."""
    try:
        lines = journal.tail.read(name, mark, limit_bytes)
    except OSError as error:
        delta.faults.append(f"{name} cannot be read: {error.strerror}.")
        return mark
    if not lines:
        return mark
    number, offset, payloads = mark.lines, mark.byte_offset, journal.payloads
    for text, end in lines:
        number += 1
        line = Line(name, number, offset, text)
        try:
            _take(payloads, line, delta)
        except OSError as error:
            delta.faults.append(f"{name} line {number}: its payload cannot be read: {error.strerror}.")
            number -= 1
            break
        offset = end
    delta.read_bytes += offset - mark.byte_offset
    delta.marks[name] = Mark(offset, number)
    return delta.marks[name]


def _take(payloads: Payloads, line: Line, delta: Delta) -> None:
    """Add one line to the delta, as a record or as a reject."""
    try:
        row = read_record(line.raw, line.journal, payloads)
    except Misfit as misfit:
        delta.rejects.append(Reject(line, misfit.reason, misfit.detail, misfit.run_id))
        return
    delta.take(line, row)
