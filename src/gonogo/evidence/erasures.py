"""Erasures: payloads taken out of journals that stay as long, as chained and as provable as they were.

In a file, salt and payload of a line become blanks, in place. First its first byte, for every line at once: from
then on the payload counts as erased, whatever a crash leaves of the rest.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence.disk import sync_folder
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.payloads import FilePayloads, payload_path

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record

_BLANK = b" "


def payloads_of(journal: Journal, run_id: str) -> list[Record]:
    """Return the records of a run that still hold a payload, in a line or beside it."""
    records = [*journal.read_flight(run_id), *journal.read_desk(run_id)]
    return [
        record
        for record in records
        if record.payload is not None
        or ("dataref" in record.fields and journal.payloads.get(record.fields["payloaddigest"]) is not None)
    ]


def erase_payloads(journal: Journal, run_id: str) -> int:
    """Take every payload of a run that has ended out of the journals; return how many there were.

    May be repeated: what was taken out before a crash is passed over.

    Raises:
        RunBusy: somebody flies the run.
        EvidenceUnwritable: the journals cannot be written; what was not taken out stays whole.

    """
    held = payloads_of(journal, run_id)
    if isinstance(journal, FileJournal):
        _erase_in_files(journal, run_id, held)
    else:
        from gonogo.evidence.postgres.erasures import erase_in_tables

        erase_in_tables(journal, run_id, held)
    return len(held)


def _erase_in_files(journal: FileJournal, run_id: str, held: list[Record]) -> None:
    try:
        if journal.flight_path(run_id).exists():
            stream = journal.open_flight(run_id)
            try:
                _blank(journal.flight_path(run_id))
            finally:
                stream.close()
        if journal.desk_path(run_id).exists():
            with journal.open_desk(run_id):
                _blank(journal.desk_path(run_id))
        _unlink(journal.payloads, held)
    except OSError as error:
        raise EvidenceUnwritable(
            f"The payloads of run {run_id} cannot be erased ({error.strerror}); what is left is whole. Try again."
        ) from error


def _unlink(payloads: FilePayloads, held: list[Record]) -> None:
    for record in held:
        if "dataref" in record.fields:
            path = payload_path(payloads.folder, record.fields["payloaddigest"])
            with suppress(FileNotFoundError):
                path.unlink()
                sync_folder(path.parent)


def _blank(path: Path) -> None:
    """Blank out every payload of a journal file; its time of change stays that of its last record."""
    state = path.stat()
    with path.open("r+b", buffering=0) as file:
        spans = _spans(file.read())
        for begin, _ in spans:
            os.pwrite(file.fileno(), _BLANK, begin)
        os.fdatasync(file.fileno())
        for begin, end in spans:
            os.pwrite(file.fileno(), _BLANK * (end - begin), begin)
        os.fdatasync(file.fileno())
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def _spans(raw: bytes) -> list[tuple[int, int]]:
    """Return where salts and payloads stand, those that a crash left half blank among them."""
    spans: list[tuple[int, int]] = []
    at = 0
    for line in raw[: raw.rfind(b"\n") + 1].split(b"\n")[:-1]:
        tab = line.find(b"\t")
        if tab >= 0 and line[tab + 1 :].strip(_BLANK):
            spans.append((at + tab + 1, at + len(line)))
        at += len(line) + 1
    return spans
