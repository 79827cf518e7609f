"""The journals of a Postgres: every process on every machine that names it sees the same runs."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.evidence.postgres.server import Server
from gonogo.evidence.postgres.streams import DeskStream, FlightStream, desk_turn, line_of, read_records
from gonogo.evidence.postgres.writer import Writer
from gonogo.evidence.tails import Mark, TailLine

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from typing import Any, LiteralString

    from gonogo.evidence.records import Record

_RUNS = "SELECT run_id FROM gonogo_streams WHERE kind = 'flight' ORDER BY changed_at"
_LIVE = "SELECT run_id FROM gonogo_streams WHERE kind = 'flight' AND NOT ended ORDER BY changed_at"
_ENDED = "SELECT ended FROM gonogo_streams WHERE stream = %s"
_FREE = """
SELECT CASE WHEN holder IS NULL THEN true ELSE pg_try_advisory_xact_lock_shared(holder) END
FROM gonogo_streams WHERE stream = %s
"""
_POSITION = "SELECT lines FROM gonogo_streams WHERE stream = %s"
_CHANGED = "SELECT changed_at FROM gonogo_streams WHERE stream = %s AND lines > 0"
_LAST_CHANGE = """
SELECT greatest(
    (SELECT max(began_at) FROM gonogo_streams), (SELECT max(changed_at) FROM gonogo_streams WHERE stream = ANY(%s))
)
"""
_ASKING = """
SELECT s.run_id FROM gonogo_streams AS s
WHERE s.stream IN (SELECT stream FROM gonogo_lines WHERE gate = %s)
ORDER BY s.changed_at DESC
"""
_MENTIONING = """
SELECT s.run_id FROM gonogo_streams AS s
WHERE s.kind = 'flight' AND s.stream IN (
    SELECT stream FROM gonogo_lines WHERE position(%b::bytea IN leaf) > 0 OR position(%b::bytea IN payload) > 0
)
ORDER BY s.changed_at DESC
"""
_SIZES = """
SELECT CASE kind WHEN 'flight' THEN 'flights/' ELSE 'desk/' END || run_id || '.jsonl', bytes FROM gonogo_streams
"""
_TAIL = """
SELECT leaf, salt, payload, byte_end FROM gonogo_lines
WHERE stream = %s AND seq >= %s AND (byte_end <= %s OR seq = %s)
ORDER BY seq
"""
_PUT = "INSERT INTO gonogo_payloads (digest, salted) VALUES (%s, %b) ON CONFLICT (digest) DO NOTHING"
_GET = "SELECT salted FROM gonogo_payloads WHERE digest = %s"


@dataclass(frozen=True, slots=True)
class Link:
    """What a process has open to one Postgres: made at the first use, closed at its end."""

    server: Server
    writer: Writer

    def close(self) -> None:
        """Close every connection; leases are free."""
        self.writer.close()
        self.server.close()


_links: dict[tuple[int, str], Link] = {}
_making = threading.Lock()


def link_to(url: str) -> Link:
    """Return this process's link to a Postgres; a forked child has its own."""
    place = (os.getpid(), url)
    with _making:
        if place not in _links:
            server = Server(url)
            _links[place] = Link(server, Writer(server))
        return _links[place]


@atexit.register
def disconnect() -> None:
    """Close what this process has open, as its end would; journals open it again when they are used."""
    with _making:
        for place in [place for place in _links if place[0] == os.getpid()]:
            _links.pop(place).close()


@dataclass(frozen=True, slots=True)
class PostgresJournal:
    """The journals of one database; cheap to make, opens nothing by itself."""

    url: str = field(repr=False)

    @property
    def payloads(self) -> PostgresPayloads:
        """The table of payloads too large for a line."""
        return PostgresPayloads(self.url)

    @property
    def tail(self) -> PostgresTail:
        """The same lines, as the loader reads them."""
        return PostgresTail(self.url)

    def open_flight(self, run_id: str) -> FlightStream:
        """Take the run's lease and return its stream, positioned at its end.

        Raises:
            RunBusy: another process holds the lease.
            EvidenceBroken: the stream's chain does not hold.
            EvidenceUnwritable: the server is away, or refuses.

        """
        link, stream_id = link_to(self.url), f"{run_id}/flight"
        lease = link.writer.take(stream_id)
        try:
            records = read_records(link.server, stream_id) if lease.lines else []
        except BaseException:
            link.writer.give_back(stream_id, lease.epoch, lambda: None)
            raise
        return FlightStream(link.writer, stream_id, records, lease)

    def open_desk(self, run_id: str) -> AbstractContextManager[DeskStream]:
        """Take a turn at the run's desk; waits for whoever has it, at most ten seconds."""
        return desk_turn(link_to(self.url).server, run_id)

    def read_flight(self, run_id: str) -> list[Record]:
        """Return the run's own records in order, without taking the lease."""
        return read_records(link_to(self.url).server, f"{run_id}/flight")

    def read_desk(self, run_id: str) -> list[Record]:
        """Return what others brought to the run, in order."""
        return read_records(link_to(self.url).server, f"{run_id}/desk")

    def flight_position(self, run_id: str) -> int:
        """Return the number of the run's own records."""
        return self._one(_POSITION, f"{run_id}/flight") or 0

    def desk_position(self, run_id: str) -> int:
        """Return the number of records at the run's desk."""
        return self._one(_POSITION, f"{run_id}/desk") or 0

    def desk_changed(self, run_id: str) -> datetime | None:
        """Return when something was last brought to the run's desk, by the server's clock."""
        return self._one(_CHANGED, f"{run_id}/desk")

    def last_change(self, runs: Iterable[str]) -> datetime | None:
        """Return when any of these runs was last written to, or any run began, by the server's clock."""
        return self._one(_LAST_CHANGE, [f"{run}/{kind}" for run in runs for kind in ("flight", "desk")])

    def run_ids(self) -> list[str]:
        """Return every run that has evidence, the one last written to last."""
        return self._column(_RUNS)

    def live_run_ids(self) -> list[str]:
        """Return the runs that have not ended; what has ended is not looked at."""
        return self._column(_LIVE)

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's last record says how it ended."""
        return bool(self._one(_ENDED, f"{run_id}/flight"))

    def is_free(self, run_id: str) -> bool:
        """Whether nobody flies the run now."""
        return self._one(_FREE, f"{run_id}/flight") is not False

    def runs_mentioning(self, text: str) -> list[str]:
        """Return the runs whose own stream contains a text, newest first.

        A gate's id is found by an index; for anything else the server searches every line.
        """
        if "\0" in text:
            return []
        needle = text.encode()
        return self._column(_ASKING, text) or self._column(_MENTIONING, needle, needle)

    def _one(self, query: LiteralString, *values: Any) -> Any:
        rows = link_to(self.url).server.read(query, values)
        return rows[0][0] if rows else None

    def _column(self, query: LiteralString, *values: Any) -> list[str]:
        return [row[0] for row in link_to(self.url).server.read(query, values)]


@dataclass(frozen=True, slots=True)
class PostgresPayloads:
    """Payloads as rows; deleting one erases it and leaves every proof whole."""

    url: str = field(repr=False)

    def put(self, digest: str, salted: bytes) -> None:
        """Keep salt and bytes, durable before this returns."""
        link_to(self.url).server.read(_PUT, (digest, salted))

    def get(self, digest: str) -> bytes | None:
        """Return salt and bytes; ``None`` once they have been erased."""
        rows = link_to(self.url).server.read(_GET, (digest,))
        return rows[0][0] if rows else None


@dataclass(frozen=True, slots=True)
class PostgresTail:
    """Lines by their streams; every one is whole."""

    url: str = field(repr=False)

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every stream, all at one moment."""
        return dict(link_to(self.url).server.read(_SIZES))

    def whole_size(self, name: str, size: int) -> int:
        """Return the size: no line is ever half written."""
        del name
        return size

    def read(self, name: str, mark: Mark, limit_bytes: int) -> list[TailLine]:
        """Return lines from a mark on; one whose payload was erased is its leaf alone, and ends where it did."""
        folder, _, file = name.partition("/")
        stream_id = f"{file.removesuffix('.jsonl')}/{'flight' if folder == 'flights' else 'desk'}"
        values = (stream_id, mark.lines, mark.byte_offset + limit_bytes, mark.lines)
        rows = link_to(self.url).server.read(_TAIL, values)
        return [TailLine(line_of(*row[:3]), row[3]) for row in rows]
