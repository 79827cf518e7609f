"""Journals to be read, torn and forged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.journal import FileJournal
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.evidence.streams import Stream


def note(stream: Stream, number: int, payload: bytes | None = None) -> Record:
    """Queue a record with a number in it."""
    body: dict[str, Any] = {"objects": [], "phase": "fact", "number": number}
    return stream.append({"runid": "r1"}, "step_record", body, payload=payload)


def write_some(journal: Journal, count: int, start: int = 0) -> None:
    """Write numbered records, every second one with a payload."""
    stream = journal.open_flight("r1")
    for number in range(start, start + count):
        note(stream, number, b'{"amount":%d}' % number if number % 2 else None)
    stream.commit_now()
    stream.close()


def write_file(journal: FileJournal, count: int, start: int = 0) -> Path:
    """Do the same in files, and return the file."""
    write_some(journal, count, start)
    return journal.flight_path("r1")
