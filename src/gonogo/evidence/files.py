"""Streams in files: one chain to a file, several files made durable together."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.errors import EvidenceUnwritable, RunBusy
from gonogo.evidence.disk import cut_torn_line, lock, make_folder, sync_folder
from gonogo.evidence.records import Record, to_line
from gonogo.evidence.streams import Stream, chained
from gonogo.evidence.wal import Frame, WriteAheadLog

if TYPE_CHECKING:
    from collections.abc import Sequence

QUICK_SECONDS = 0.002
"""A disk that syncs within this is waited for by the event loop itself; a thread would cost more."""
CHANCES = 64
"""Of a slow disk, one commit in so many finds out whether it has become fast."""


class FileStore:
    """The journal files of one folder, written by this process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._wal = WriteAheadLog(root)
        self._lock = threading.Lock()
        self._commits = 0
        self._sync_seconds = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether the disk has lately been fast; a slow one is given another chance now and then."""
        return self._sync_seconds < QUICK_SECONDS or self._commits % CHANCES == 0

    def commit(self, streams: Sequence[FileStream]) -> dict[FileStream, EvidenceUnwritable]:
        """Write a desk and sync it, or flights by one sync of the write-ahead log; return who failed, and why."""
        self._commits += 1
        begun = time.monotonic()
        # A desk is opened for one record: its own sync costs less than to begin a log.
        is_turn = len(streams) == 1 and streams[0].kind == "desk"
        failures = self._commit_one(streams[0]) if is_turn else self._commit_several(streams)
        # A moving average over about eight commits.
        self._sync_seconds += (time.monotonic() - begun - self._sync_seconds) / 8
        return failures

    def close(self) -> None:
        """Let the files stand for themselves; the next group commit begins a new log."""
        with self._lock:
            self._wal.close()

    def _commit_one(self, stream: FileStream) -> dict[FileStream, EvidenceUnwritable]:
        with stream.disk:
            try:
                if stream.put() is not None:
                    stream.sync()
            except EvidenceUnwritable as failure:
                return {stream: failure}
        return {}

    def _commit_several(self, streams: Sequence[FileStream]) -> dict[FileStream, EvidenceUnwritable]:
        failures: dict[FileStream, EvidenceUnwritable] = {}
        put: list[tuple[FileStream, Frame]] = []
        held: list[FileStream] = []
        with self._lock:
            try:
                for stream in streams:
                    stream.disk.acquire()
                    held.append(stream)
                    try:
                        frame = stream.put()
                    except EvidenceUnwritable as failure:
                        failures[stream] = failure
                    else:
                        put += [] if frame is None else [(stream, frame)]
                failures |= self._log(put)
            finally:
                for stream in held:
                    stream.disk.release()
        return failures

    def _log(self, put: list[tuple[FileStream, Frame]]) -> dict[FileStream, EvidenceUnwritable]:
        """Make what was put into several files survive power loss; where it does not, take it out again."""
        try:
            self._wal.append(frame for _, frame in put)
        except OSError as error:
            return {stream: stream.undo(error) for stream, _ in put}
        for stream, _ in put:
            stream.confirm()
        return {}


@lru_cache(maxsize=256)
def store_of(root: Path) -> FileStore:
    """Return this process's writer for a folder of journals."""
    return FileStore(root)


class FileStream(Stream):
    """A chain at the end of one exclusively locked file."""

    def __init__(self, descriptor: int, path: Path, stream_id: str, records: list[Record]) -> None:
        super().__init__(stream_id, records)
        self.disk = threading.Lock()
        """Held by whoever writes: whoever comes second finds its records written with those of the first."""
        self.kind = path.parent.name
        """The folder of its file: ``flights`` or ``desk``."""
        self._descriptor = descriptor
        self._path = path
        self._store = store_of(Path(os.path.abspath(path.parent.parent)))  # noqa: PTH100 - a run begins with it; cheaper
        self._size = os.fstat(descriptor).st_size
        self._put_bytes = 0
        # The name of a file that is still empty may not have reached the disk, whoever made it.
        self._is_named = self._size > 0

    @property
    def store(self) -> FileStore:
        """The folder of all journals, as this process writes it."""
        return self._store

    @classmethod
    def open(cls, path: Path, stream_id: str, *, wait: bool) -> FileStream:
        """Open, lock, repair and check a journal file, making it if it is not there."""
        try:
            descriptor = _open(path)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            lock(descriptor, wait=wait)
            size = cut_torn_line(descriptor)
            return cls(descriptor, path, stream_id, read_stream(path) if size else [])
        except BlockingIOError as error:
            os.close(descriptor)
            msg = f"Run {path.stem} is being flown by another process; wait for it, or stop that process first."
            raise RunBusy(msg) from error
        except OSError as error:
            os.close(descriptor)
            raise unwritable(path, error) from error
        except BaseException:
            os.close(descriptor)
            raise

    def put(self) -> Frame | None:
        """Write what is queued behind what is durable, without waiting for the disk; ``None`` where nothing is.

        Raises:
            EvidenceUnwritable: it could not be written; the file ends where it did, and the stream is shut.

        """
        self._refuse_if_failed()
        batch = b"".join(map(to_line, self._take_pending()))
        if not batch:
            return None
        try:
            view = memoryview(batch)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise self.undo(error) from error
        self._put_bytes = len(batch)
        return Frame(f"{self.kind}/{self._path.name}", self._size, batch)

    def sync(self) -> None:
        """Wait for the disk.

        Raises:
            EvidenceUnwritable: it failed; the file ends where it did, and the stream is shut.

        """
        try:
            os.fdatasync(self._descriptor)
            if not self._is_named:
                # A new file's name has to survive power loss as well; it does from its first records on.
                sync_folder(self._path.parent)
                self._is_named = True
        except OSError as error:
            raise self.undo(error) from error
        self.confirm()

    def confirm(self) -> None:
        """Take note that what was put is durable."""
        self._size += self._put_bytes
        self._put_bytes = 0

    def undo(self, error: OSError) -> EvidenceUnwritable:
        """Cut the file back to its last durable byte, shut the stream, and return why."""
        failure = self._failure = unwritable(self._path, error)
        self._put_bytes = 0
        with suppress(OSError):
            os.ftruncate(self._descriptor, self._size)
        return failure

    def close(self) -> None:
        """Give the lease back. What was queued and never committed is dropped, as a crash would.

        A write that a cancelled branch left in flight is let finish: its descriptor could be another
        run's file by the time it reached the disk.
        """
        with self.disk:
            self._shut()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _open(path: Path) -> int:
    """Open a journal file for appending, making it, and its folder, if they are not there."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        make_folder(path.parent)
        return os.open(path, flags, 0o600)


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


def unwritable(path: Path, error: OSError) -> EvidenceUnwritable:
    """Return the failure of a recorder that cannot write there, with the way out."""
    return EvidenceUnwritable(
        f"Evidence cannot be written to {path} ({error.strerror or error}); nothing more is done. "
        "Free the disk or fix the folder, then continue the run with --resume.",
    )
