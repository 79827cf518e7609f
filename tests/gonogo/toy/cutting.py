"""Evidence as a crash leaves it, or a forger: whatever keeps the journals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.evidence.journals import journal_at
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record


def cut(home: Path, records: int, torn: bytes = b"", run_id: str = "r1") -> list[Record]:
    """Keep the first records of a run, in a file perhaps a torn one more; return those kept."""
    journal = journal_at(home)
    url = settings().journals
    if url is None:
        path = home / "journals" / "flights" / f"{run_id}.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:records]) + torn)
    else:
        _cut_rows(url, records, journal.read_flight(run_id)[:records], f"{run_id}/flight")
    return journal.read_flight(run_id)


def _cut_rows(url: str, records: int, kept: list[Record], stream: str) -> None:
    from tests.postgres import ask

    # As if what followed had not been committed: no row of it, and the stream ends before it.
    ask(url, "ALTER TABLE gonogo_lines DISABLE TRIGGER USER")
    ask(url, "DELETE FROM gonogo_lines WHERE stream = %s AND seq >= %s", stream, records)
    ask(url, "ALTER TABLE gonogo_lines ENABLE TRIGGER USER")
    head = kept[-1].digest if kept else "0" * 64
    size = "(SELECT coalesce(max(byte_end), 0) FROM gonogo_lines WHERE stream = %s)"
    moved = f"UPDATE gonogo_streams SET lines = %s, head = %s, ended = false, bytes = {size} WHERE stream = %s"
    ask(url, moved, len(kept), head, stream, stream)


def misplace(home: Path) -> None:
    """Give the first record at the desk of the run ``r1`` another place in its stream."""
    wrong, right = b'"streamseq":1', b'"streamseq":0'
    url = settings().journals
    if url is None:
        path = home / "journals" / "desk" / "r1.jsonl"
        path.write_bytes(path.read_bytes().replace(right, wrong))
        return
    from tests.postgres import ask

    ask(url, "ALTER TABLE gonogo_lines DISABLE TRIGGER USER")
    changed = "overlay(leaf PLACING %s FROM position(%s::bytea IN leaf))"
    ask(url, f"UPDATE gonogo_lines SET leaf = {changed} WHERE stream = 'r1/desk'", wrong, right)
