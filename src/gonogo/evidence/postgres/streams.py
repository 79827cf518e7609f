"""The two streams of a run in Postgres: a flight under its lease, a desk for the length of a turn."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gonogo.errors import EvidenceBroken, EvidenceUnwritable
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.postgres.appending import Batch, append
from gonogo.evidence.postgres.server import Cut
from gonogo.evidence.streams import Stream, chained

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from psycopg import Connection

    from gonogo.evidence.postgres.server import Server
    from gonogo.evidence.postgres.writer import Lease, Writer
    from gonogo.evidence.records import Record

_READ = """
SELECT s.lines, s.head, l.leaf, l.salt, l.payload, s.bytes
FROM gonogo_streams AS s
LEFT JOIN gonogo_lines AS l USING (stream)
WHERE s.stream = %s
ORDER BY l.seq
"""

_MAKE_DESK = """
INSERT INTO gonogo_streams (stream, run_id, kind) VALUES (%s, %s, 'desk') ON CONFLICT (stream) DO NOTHING
"""

_TURN = "SELECT FROM gonogo_streams WHERE stream = %s FOR UPDATE"


class FlightStream(Stream):
    """A run's own stream; the writer of the process writes it, together with others."""

    def __init__(self, writer: Writer, stream_id: str, records: list[Record], lease: Lease) -> None:
        super().__init__(stream_id, records)
        self._writer = writer
        self._epoch = lease.epoch
        self._bytes = lease.bytes
        self._written: Batch | None = None

    @property
    def store(self) -> Writer:
        """The writer of the process; streams that wait at the same time share a transaction."""
        return self._writer

    def take_batch(self) -> Batch | None:
        """Return what is queued; ``None`` where nothing is, or nothing may be written any more."""
        if self._failure is not None:
            return None
        records = self._take_pending()
        self._written = Batch(self.stream_id, self._epoch, self._bytes, records) if records else None
        return self._written

    def advance(self) -> None:
        """Know that the batch that was taken is durable."""
        if self._written is not None:
            self._bytes = self._written.end_bytes

    def fail(self, error: EvidenceUnwritable) -> None:
        """Take nothing more."""
        self._failure = self._failure or error

    @property
    def failure(self) -> EvidenceUnwritable | None:
        """Why the stream takes nothing more, if so it is."""
        return self._failure

    def close(self) -> None:
        """Give the lease back, after a write that is in flight."""
        self._writer.give_back(self.stream_id, self._epoch, self._shut)


class DeskStream(Stream):
    """A run's desk during one turn: its row is locked until the first commit or the turn's end."""

    def __init__(self, server: Server, connection: Connection, stream_id: str, rows: Sequence[tuple[Any, ...]]) -> None:
        super().__init__(stream_id, checked(rows, stream_id))
        self._server = server
        self._connection: Connection | None = connection
        self._bytes = int(rows[0][5])

    @property
    def store(self) -> Desks:
        """Where desks are written: each under a lock of its own."""
        return DESKS

    def write(self) -> None:
        """Write what is queued and end the lock; where the connection broke meanwhile, find out what was done.

        Raises:
            EvidenceUnwritable: it was not written; the stream is shut.

        """
        self._refuse_if_failed()
        records = self._take_pending()
        if not records:
            return
        batch = Batch(self.stream_id, 0, self._bytes, records)
        try:
            refused = self._append(batch)
        except EvidenceUnwritable as error:
            self._failure = error
            raise
        if batch.stream_id in refused:
            self._failure = refused[batch.stream_id]
            raise self._failure
        self._bytes = batch.end_bytes

    def _append(self, batch: Batch) -> dict[str, EvidenceUnwritable]:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                with self._server.asking(connection):
                    refused = append(connection, [batch])
                    connection.execute("COMMIT")
            except Cut:
                pass
            else:
                return refused

        def again() -> dict[str, EvidenceUnwritable]:
            with self._server.borrowed() as other, self._server.asking(other):
                return append(other, [batch])

        return self._server.persist(again)

    def close(self) -> None:
        """End the turn."""
        self._shut()


class Desks:
    """Writes desks, one after the other; a turn commits one."""

    is_quick = False

    def commit(self, streams: Sequence[DeskStream]) -> dict[DeskStream, EvidenceUnwritable]:
        """Write what each has queued; return who failed, and why."""
        failures: dict[DeskStream, EvidenceUnwritable] = {}
        for stream in streams:
            try:
                stream.write()
            except EvidenceUnwritable as failure:
                failures[stream] = failure
        return failures


DESKS = Desks()


@contextmanager
def desk_turn(server: Server, run_id: str) -> Generator[DeskStream]:
    """Take a turn at a run's desk, which is made if it is not there."""
    stream_id = f"{run_id}/desk"
    with server.turn():
        server.read(_MAKE_DESK, (stream_id, run_id))

        def begin() -> tuple[Connection, list[tuple[Any, ...]]]:
            connection = server.take()
            with server.asking(connection):
                connection.execute("BEGIN")
                connection.execute(_TURN, (stream_id,))
                return connection, connection.execute(_READ, (stream_id,), binary=True).fetchall()

        connection, rows = server.persist(begin)
        try:
            desk = DeskStream(server, connection, stream_id, rows)
            try:
                yield desk
            finally:
                desk.close()
        finally:
            server.put_back(connection)


def read_records(server: Server, stream_id: str) -> list[Record]:
    """Return the records of a stream; one that is not there is empty.

    Raises:
        EvidenceBroken: the chain does not hold, or lines of it are missing.
        EvidenceUnreachable: the server is away.

    """
    return checked(server.read(_READ, (stream_id,)), stream_id)


def checked(rows: Sequence[tuple[Any, ...]], stream_id: str) -> list[Record]:
    """Return the records of a stream's rows, checked as a file's lines are, and against where the stream ends."""
    if not rows:
        return []
    count, head = rows[0][0], rows[0][1]
    records = chained((line_of(*row[2:5]) for row in rows if row[2] is not None), stream_id)
    if (len(records), records[-1].digest if records else GENESIS) != (count, head):
        msg = (
            f"{stream_id} has {len(records)} lines, and {count} were written: its end was cut off or added to. "
            "Restore the database from its copy."
        )
        raise EvidenceBroken(msg)
    return records


def line_of(leaf: bytes, salt: bytes | None, payload: bytes | None) -> bytes:
    """Return the line as a file would hold it; one whose payload was erased is the leaf alone."""
    if salt is None and payload is None:
        return leaf
    return b"\t".join((leaf, (salt or b"").hex().encode(), payload or b""))
