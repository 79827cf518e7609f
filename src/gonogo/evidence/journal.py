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
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo.errors import EvidenceBroken, EvidenceUnwritable, RunBusy
from gonogo.evidence.canon import LEAF_MAX_BYTES
from gonogo.evidence.disk import cut_torn_line, lock, make_folder, sync_folder
from gonogo.evidence.payloads import FilePayloads
from gonogo.evidence.records import Record, from_line, to_line
from gonogo.evidence.streams import Stream, chained
from gonogo.evidence.tails import FileTail

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

_END_TYPE = b'"io.gonogo.evidence.run_record.v1"'


@dataclass(frozen=True, slots=True)
class FileJournal:
    """The journals under one folder; cheap to make, opens nothing by itself."""

    root: Path

    @property
    def payloads(self) -> FilePayloads:
        """The folder ``payloads`` beside the journals."""
        return FilePayloads(self.root.parent / "payloads")

    @property
    def tail(self) -> FileTail:
        """The same files, as the loader reads them."""
        return FileTail(self.root)

    def flight_path(self, run_id: str) -> Path:
        """Return the file of the stream that whoever flies the run writes."""
        return self.root / "flights" / f"{run_id}.jsonl"

    def desk_path(self, run_id: str) -> Path:
        """Return the file of the stream that others write to the run."""
        return self.root / "desk" / f"{run_id}.jsonl"

    def open_flight(self, run_id: str) -> FileStream:
        """Take the run's lease and return its stream, repaired and positioned at its end.

        Raises:
            RunBusy: another process holds the lease.
            EvidenceBroken: the stream's chain does not hold.
            EvidenceUnwritable: the file cannot be opened.

        """
        return FileStream.open(self.flight_path(run_id), f"{run_id}/flight", wait=False)

    @contextmanager
    def open_desk(self, run_id: str) -> Generator[FileStream]:
        """Take a turn at the run's desk; waits for whoever has it, for as long as an append takes."""
        stream = FileStream.open(self.desk_path(run_id), f"{run_id}/desk", wait=True)
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

    def flight_position(self, run_id: str) -> int:
        """Return the size of the run's own file in bytes."""
        return _size(self.flight_path(run_id))

    def desk_position(self, run_id: str) -> int:
        """Return the size of the run's desk file in bytes."""
        return _size(self.desk_path(run_id))

    def desk_changed(self, run_id: str) -> datetime | None:
        """Return when the run's desk file was last written to."""
        return _changed(self.desk_path(run_id))

    def last_change(self, runs: Iterable[str]) -> datetime | None:
        """Return when any of these runs was last written to, or any run began.

        The cost grows with the runs that are named, not with those that have ever flown.
        """
        folders = [self.root / "flights", self.root / "desk"]
        watched = [*folders, *(folder / f"{run}.jsonl" for folder in folders for run in runs)]
        return max((moment for path in watched if (moment := _changed(path)) is not None), default=None)


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
    return chained(raw[: raw.rfind(b"\n") + 1].split(b"\n")[:-1], path.name)


class FileStream(Stream):
    """A chain at the end of one exclusively locked file."""

    def __init__(self, descriptor: int, path: Path, stream_id: str, records: list[Record], *, is_named: bool) -> None:
        super().__init__(stream_id, records)
        self._is_named = is_named
        self._descriptor = descriptor
        self._path = path
        self._disk = threading.Lock()
        self._size = os.fstat(descriptor).st_size

    @classmethod
    def open(cls, path: Path, stream_id: str, *, wait: bool) -> FileStream:
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

    def write_pending(self) -> None:
        """Write and sync what is queued; on failure, undo to the last durable byte and shut."""
        # One at a time: whoever comes second finds its records written with those of the first.
        with self._disk:
            self._refuse_if_failed()
            batch = b"".join(map(to_line, self._take_pending()))
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
            self._failure = _unwritable(self._path, error)
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise self._failure from error

    def close(self) -> None:
        """Give the lease back. What was queued and never committed is dropped, as a crash would.

        A write that a cancelled branch left in flight is let finish: its descriptor could be another
        run's file by the time it reached the disk.
        """
        with self._disk:
            self._shut()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _changed(path: Path) -> datetime | None:
    with suppress(OSError, ValueError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return None


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
