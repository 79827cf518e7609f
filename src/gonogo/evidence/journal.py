"""Journals: append-only files, one writer each, durable before they acknowledge.

A run's *flight* stream is written by whoever flies it, under an exclusive lock that dies with its
process: a second pilot is refused before any effect. Its *desk* stream takes what others bring
(answers, outside events) in short exclusive turns. Waiting appends share one write and one
``fdatasync`` (group commit). A line torn by a crash was never acknowledged and is cut on reopening.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.errors import EvidenceBroken, EvidenceUnwritable, RunBusy
from gonogo.evidence.canon import GENESIS, LEAF_MAX_BYTES
from gonogo.evidence.commits import Committer
from gonogo.evidence.disk import cut_torn_line, lock, make_folder, sync_folder
from gonogo.evidence.records import Artifact, Record, from_line, seal, to_line

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

_END_TYPE = b'"io.gonogo.evidence.run_record.v1"'


@dataclass(frozen=True, slots=True)
class FileJournal:
    """The journals under one folder; cheap to make, opens nothing by itself."""

    root: Path

    def flight_path(self, run_id: str) -> Path:
        """Return the file of the stream that whoever flies the run writes."""
        return self.root / "flights" / f"{run_id}.jsonl"

    def desk_path(self, run_id: str) -> Path:
        """Return the file of the stream that others write to the run."""
        return self.root / "desk" / f"{run_id}.jsonl"

    def open_flight(self, run_id: str) -> Stream:
        """Take the run's lease and return its stream, repaired and positioned at its end.

        Raises:
            RunBusy: another process holds the lease.
            EvidenceBroken: the stream's chain does not hold.
            EvidenceUnwritable: the file cannot be opened.

        """
        return Stream.open(self.flight_path(run_id), f"{run_id}/flight", wait=False)

    @contextmanager
    def open_desk(self, run_id: str) -> Generator[Stream]:
        """Take a turn at the run's desk; waits for whoever has it, for as long as an append takes."""
        stream = Stream.open(self.desk_path(run_id), f"{run_id}/desk", wait=True)
        try:
            yield stream
        finally:
            stream.close()

    def run_ids(self) -> list[str]:
        """Return every run that has evidence, oldest journal first."""
        folder = self.root / "flights"
        files = sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns) if folder.is_dir() else []
        return [file.stem for file in files]

    def live_run_ids(self) -> list[str]:
        """Return the runs that have not ended, oldest first; reads only the end of each stream."""
        return [run for run in self.run_ids() if not _has_ended(self.flight_path(run))]

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's last record says how it ended."""
        path = self.flight_path(run_id)
        return path.exists() and _has_ended(path)

    def is_free(self, run_id: str) -> bool:
        """Whether nobody flies the run now."""
        try:
            descriptor = os.open(self.flight_path(run_id), os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def runs_mentioning(self, text: str) -> list[str]:
        """Return the runs whose own stream contains a text, newest first; finds a gate's run cheaply."""
        needle = text.encode()
        return [run for run in reversed(self.run_ids()) if needle in self.flight_path(run).read_bytes()]

    def read_flight(self, run_id: str) -> list[Record]:
        """Return the run's own records in order, without taking the lease."""
        return read_stream(self.flight_path(run_id))

    def read_desk(self, run_id: str) -> list[Record]:
        """Return what others brought to the run, in order."""
        return read_stream(self.desk_path(run_id))


def read_stream(path: Path) -> list[Record]:
    """Return the whole records of a journal file; a missing file is an empty stream.

    A last line without its newline is in flight or torn, was never acknowledged, and is left out.

    Raises:
        EvidenceBroken: a record does not follow from the one before.

    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    records: list[Record] = []
    previous = GENESIS
    for number, line in enumerate(raw[: raw.rfind(b"\n") + 1].split(b"\n")[:-1]):
        record = from_line(line, f"{path.name} line {number + 1}")
        if record.fields["prevdigest"] != previous or record.seq != number:
            msg = f"{path.name} line {number + 1}: the chain is broken; a record was changed, removed or added."
            raise EvidenceBroken(msg)
        previous = record.digest
        records.append(record)
    return records


class Stream:
    """One producer's chain of records, at the end of one exclusively locked file."""

    def __init__(self, descriptor: int, path: Path, stream_id: str, records: list[Record], *, is_named: bool) -> None:
        self.stream_id = stream_id
        self.records = records
        """What stood in the file when it was opened."""
        self.next_seq = len(records)
        self.head = records[-1].digest if records else GENESIS
        self._is_named = is_named
        self._descriptor = descriptor
        self._path = path
        self._lock = threading.Lock()
        self._disk = threading.Lock()
        self._pending: list[bytes] = []
        self._size = os.fstat(descriptor).st_size
        self._failure: str | None = None

    @classmethod
    def open(cls, path: Path, stream_id: str, *, wait: bool) -> Stream:
        """Open, lock, repair and check a journal file, making it if it is not there."""
        try:
            is_new = not path.exists()
            make_folder(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            lock(descriptor, wait=wait)
            cut_torn_line(descriptor)
            return cls(descriptor, path, stream_id, read_stream(path), is_named=not is_new)
        except BlockingIOError as error:
            os.close(descriptor)
            msg = f"Run {path.stem} is being flown by another process; wait for it, or stop that process first."
            raise RunBusy(msg) from error
        except OSError as error:
            os.close(descriptor)
            raise _unwritable(path, error) from error
        except BaseException:
            os.close(descriptor)
            raise

    def append(
        self,
        envelope: Mapping[str, Any],
        artifact: Artifact,
        data: Mapping[str, Any],
        *,
        payload: bytes | None = None,
        occurred: str | None = None,
    ) -> Record:
        """Chain a record and queue it; :meth:`commit` makes it durable, in order, with its elders."""
        with self._lock:
            self._refuse_if_failed()
            place = (self.stream_id, self.next_seq, self.head)
            record = seal(envelope, artifact, data, stream=place, payload=payload, occurred=occurred)
            self.next_seq += 1
            self.head = record.digest
            self._pending.append(to_line(record))
            return record

    async def commit(self) -> None:
        """Return once everything queued so far is on disk.

        Raises:
            EvidenceUnwritable: it could not be written; what was queued is not acknowledged, the
                file ends at its last whole durable record, and the stream takes nothing more.

        """
        self._refuse_if_failed()
        await Committer.of_running_loop().asked(self)

    def commit_now(self) -> None:
        """Do the same from code that has no event loop."""
        self.write_pending()

    def write_pending(self) -> None:
        """Write and sync what is queued; on failure, undo to the last durable byte and shut."""
        # One at a time: whoever comes second finds its records written with those of the first.
        with self._disk:
            self._refuse_if_failed()
            with self._lock:
                batch, self._pending = b"".join(self._pending), []
            if batch:
                self._write(batch)

    def _write(self, batch: bytes) -> None:
        try:
            view = memoryview(batch)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
            if not self._is_named:
                # A new file's name has to survive power loss as well; it does from its first records on.
                sync_folder(self._path.parent)
                self._is_named = True
            self._size += len(batch)
        except OSError as error:
            failure = _unwritable(self._path, error)
            self._failure = str(failure)
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise failure from error

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise EvidenceUnwritable(self._failure)
        if self._descriptor < 0:
            over = f"Run {self._path.stem} has ended or left this process; nothing is recorded, so nothing is done."
            raise EvidenceUnwritable(over)

    def close(self) -> None:
        """Give the lease back. What was queued and never committed is dropped, as a crash would.

        A write that a cancelled branch left in flight is let finish: its descriptor could be another
        run's file by the time it reached the disk.
        """
        with self._disk:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _has_ended(path: Path) -> bool:
    """Whether a stream's last whole record is the end of its run; most streams are told by a few bytes."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2 * LEAF_MAX_BYTES))
        _, _, last = file.read().rpartition(b"\n")[0].rpartition(b"\n")
    if _END_TYPE not in last:
        return False
    try:
        record = from_line(last)
    except EvidenceBroken:
        return False
    return record.artifact == "run_record" and record.data["phase"] == "result"


def _unwritable(path: Path, error: OSError) -> EvidenceUnwritable:
    return EvidenceUnwritable(
        f"Evidence cannot be written to {path} ({error.strerror or error}); nothing more is done. "
        "Free the disk or fix the folder, then continue the run with --resume.",
    )
