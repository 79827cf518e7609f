"""Appending: one statement that moves streams forward and adds their lines, or leaves a stream as it is.

A stream moves only from the place its writer left it at, and only under the writer's epoch. So the
statement may be sent again when a connection broke before its answer: what was done is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.errors import EvidenceUnwritable, LeaseLost
from gonogo.evidence.records import Record, to_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

DESK_CHANNEL = "gonogo_desk"
"""Notified with the run's id, in the transaction that brings something to its desk."""

_MOVE = """
WITH batch AS (
    SELECT * FROM unnest(
        %b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::bigint[], %b::text[], %b::bigint[], %b::boolean[]
    ) AS b (stream, epoch, first, previous, following, head, bytes, ended)
), moved AS (
    UPDATE gonogo_streams AS s
    SET lines = b.following, head = b.head, bytes = b.bytes, ended = b.ended, changed_at = clock_timestamp()
    FROM batch AS b
    WHERE s.stream = b.stream AND s.epoch = b.epoch AND s.lines = b.first AND s.head = b.previous
    RETURNING s.stream, s.run_id, s.kind
), added AS (
    INSERT INTO gonogo_lines (stream, seq, leaf, salt, payload, byte_end, gate)
    SELECT
        l.stream, l.seq, l.leaf, nullif(l.salt, ''), CASE WHEN l.salt <> '' THEN l.payload END, l.byte_end,
        nullif(l.gate, '')
    FROM unnest(%b::text[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bigint[], %b::text[])
        AS l (stream, seq, leaf, salt, payload, byte_end, gate)
    JOIN moved USING (stream)
)
SELECT stream, CASE kind WHEN 'desk' THEN pg_notify(%s, run_id) END FROM moved
"""

_STANDING = "SELECT stream, epoch, lines, head FROM gonogo_streams WHERE stream = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that follow each other in one stream, and where that stream stands before and after them."""

    stream_id: str
    epoch: int
    begin_bytes: int
    records: Sequence[Record]

    @property
    def first(self) -> int:
        """The number of lines before."""
        return self.records[0].seq

    @property
    def previous(self) -> str:
        """The head before."""
        return str(self.records[0].fields["prevdigest"])

    @property
    def following(self) -> int:
        """The number of lines after."""
        return self.records[-1].seq + 1

    @property
    def head(self) -> str:
        """The head after."""
        return self.records[-1].digest

    @property
    def end_bytes(self) -> int:
        """The stream's size in bytes after."""
        return self.begin_bytes + sum(len(to_line(record)) for record in self.records)

    @property
    def ends_run(self) -> bool:
        """Whether the last of them says how the run ended."""
        last = self.records[-1]
        return last.artifact == "run_record" and last.data.get("phase") == "result"

    def rows(self) -> list[tuple[str, int, bytes, bytes, bytes, int, str]]:
        """Return the records as rows of lines; without a payload, its salt is empty."""
        rows: list[tuple[str, int, bytes, bytes, bytes, int, str]] = []
        end = self.begin_bytes
        for record in self.records:
            end += len(to_line(record))
            salt, body = (b"", b"") if record.payload is None else (record.payload.salt, record.payload.body)
            gate = str(record.data["gate"]) if record.artifact == "approval_request" else ""
            rows.append((self.stream_id, record.seq, record.leaf, salt, body, end, gate))
        return rows


def append(connection: Connection, batches: Sequence[Batch]) -> dict[str, EvidenceUnwritable]:
    """Append every batch in one transaction; returns why, for each stream that did not take its own.

    A batch that had been appended before counts as appended.
    """
    rows = [row for batch in batches for row in batch.rows()]
    heads = [(b.stream_id, b.epoch, b.first, b.previous, b.following, b.head, b.end_bytes, b.ends_run) for b in batches]
    columns = [list(column) for column in (*zip(*heads, strict=True), *zip(*rows, strict=True))]
    moved = {name for name, _ in connection.execute(_MOVE, (*columns, DESK_CHANNEL)).fetchall()}
    left = {batch.stream_id: batch for batch in batches if batch.stream_id not in moved}
    if not left:
        return {}
    found = {row[0]: row[1:] for row in connection.execute(_STANDING, (list(left),)).fetchall()}
    refused = {name: _refusal(batch, found.get(name)) for name, batch in left.items()}
    return {name: why for name, why in refused.items() if why is not None}


def _refusal(batch: Batch, standing: tuple[Any, ...] | None) -> EvidenceUnwritable | None:
    run_id, _, kind = batch.stream_id.rpartition("/")
    if standing is None:
        return EvidenceUnwritable(f"The stream {batch.stream_id} is gone from the database; restore it from its copy.")
    epoch, lines, head = standing
    if epoch != batch.epoch:
        msg = (
            f"Run {run_id} was taken over by another process while this one was cut off from the journals; "
            "this one stops here, before its next effect."
        )
        return LeaseLost(msg)
    if (lines, head) == (batch.following, batch.head):
        return None
    if kind == "desk":
        msg = f"Somebody else was at the desk of run {run_id} meanwhile; nothing was recorded, look and try again."
        return EvidenceUnwritable(msg)
    msg = (
        f"The database holds {lines} records of {batch.stream_id}, not the {batch.first} it had acknowledged: it was "
        "set back to an older copy. Nothing more is done; restore it as it was."
    )
    return EvidenceUnwritable(msg)
