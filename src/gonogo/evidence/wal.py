"""The write-ahead log of journal files: many files made durable by one sync.

What is committed to runs is written to their files without waiting for the disk, and once more,
together, to the open segment of this log, which is synced. Only power loss can lose the
former, and then the latter has it: whoever next opens the journals puts it back. A segment that is
full or done with is deleted after the files it speaks of have been synced themselves.

A segment belongs to one process, which holds its lock. It is a row of frames, each a head line
``NAME OFFSET LENGTH CRC32`` and that many bytes, which belong there in that file; after them come
zeros. A frame extends a file, or fills zeros in it: other bytes that are there are not overwritten.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import threading
import zlib
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from gonogo.evidence.disk import make_folder, sync_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

FOLDERS = ("flights", "desk")
"""The folders, below the journals, of the files a segment may speak of."""
SEGMENT_BYTES_MAX = 16 * 2**20
"""A segment is closed after the commit that makes it longer."""
RESERVE_BYTES = 256 * 2**10
"""Zeros a segment is lengthened by: to sync bytes within a file costs less than to sync its length as well."""


class Frame(NamedTuple):
    """Bytes that follow what a file held before."""

    name: str
    """Path below the journals."""
    offset: int
    body: bytes

    def to_bytes(self) -> bytes:
        """Return the frame as it stands in a segment."""
        return b"%s %d %d %08x\n" % (self.name.encode(), self.offset, len(self.body), zlib.crc32(self.body)) + self.body


def read_frames(raw: bytes) -> Iterator[Frame]:
    """Yield a segment's frames up to the first that is torn; that one was never acknowledged."""
    at = 0
    while (end := raw.find(b"\n", at)) >= 0:
        try:
            name, offset, length, check = raw[at:end].rsplit(b" ", 3)
            body = raw[end + 1 : end + 1 + int(length)]
            if len(body) != int(length) or zlib.crc32(body) != int(check, 16):
                return
            yield Frame(name.decode(), int(offset), body)
        except ValueError:
            return
        at = end + 1 + len(body)


class WriteAheadLog:
    """The segments one process writes for one folder of journals. Not for concurrent use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._segment: _Segment | None = None
        atexit.register(self.close)

    def append(self, frames: Iterable[Frame]) -> None:
        """Return once the frames survive power loss.

        Raises:
            OSError: they do not; the segment holds nothing of them that would be put back.

        """
        segment = self._segment
        if segment is None or segment.pid != os.getpid():
            segment = self._segment = _Segment(self._root)
        try:
            segment.append(frames)
        except OSError:
            # What could not be undone stands in a file of its own, which nothing is added to.
            self._segment = None
            segment.retire()
            raise
        if segment.size > SEGMENT_BYTES_MAX:
            self._segment = None
            threading.Thread(target=segment.retire, name="gonogo-wal").start()

    def close(self) -> None:
        """Sync the files themselves, and delete the segment."""
        segment, self._segment = self._segment, None
        if segment is not None and segment.pid == os.getpid():
            segment.retire()


class _Segment:
    """One locked file of frames."""

    def __init__(self, root: Path) -> None:
        folder = root / "wal"
        make_folder(folder)
        self.pid = os.getpid()
        self.size = 0
        """Where the next frame goes; what follows in the file are zeros."""
        self._reserved = 0
        self._root = root
        self._names: set[str] = set()
        self._path, self._descriptor = _locked_file(folder)
        sync_folder(folder)

    def append(self, frames: Iterable[Frame]) -> None:
        """Write frames and sync them; on failure cut back to what was there."""
        parts: list[bytes] = []
        for frame in frames:
            parts.append(frame.to_bytes())
            self._names.add(frame.name)
        batch = b"".join(parts)
        is_full = self.size + len(batch) > self._reserved
        try:
            self._put(batch, RESERVE_BYTES if is_full else 0)
        except OSError:
            if not is_full:
                raise
            # There may be room for the frames alone.
            self._put(batch, 0)
        self.size += len(batch)

    def _put(self, batch: bytes, reserve_bytes: int) -> None:
        """Write bytes and the zeros after them, and sync them; on failure cut back to what was there."""
        try:
            view, at = memoryview(batch + bytes(reserve_bytes)), self.size
            while view:
                written = os.pwrite(self._descriptor, view, at)
                view, at = view[written:], at + written
            os.fdatasync(self._descriptor)
        except OSError:
            self._reserved = self.size
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self._reserved = max(self._reserved, at)

    def retire(self) -> None:
        """Sync the files the segment speaks of, then delete it; one that cannot be is left for the next process."""
        with suppress(OSError):
            _sync_files(self._root, self._names)
            self._path.unlink()
        os.close(self._descriptor)


def _locked_file(folder: Path) -> tuple[Path, int]:
    """Return a new segment's path and descriptor, with its lock."""
    while True:
        path = folder / f"{uuid4().hex}.wal"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        # Another process took it for one that was left behind, before it was locked, and deleted it.
        os.close(descriptor)


def recover(root: Path) -> None:
    """Put back what power loss took from the files, out of segments whose process is gone.

    Raises:
        OSError: a file or the log cannot be read or written.

    """
    folder = root / "wal"
    if not folder.is_dir():
        return
    names: set[str] = set()
    with ExitStack() as held:
        done: list[Path] = []
        for path in sorted(folder.glob("*.wal")):
            with suppress(FileNotFoundError, BlockingIOError):
                # Locked until it is deleted: its process may have made it just now, and be about to lock it.
                held.enter_context(_left_behind(path))
                frames = list(read_frames(path.read_bytes()))
                names |= {frame.name for frame in frames}
                are_done = [_put_back(root, frame) for frame in frames]
                done += [path] if all(are_done) else []
        for name in names:
            _cut_torn(root, name)
        _sync_files(root, names)
        for path in done:
            path.unlink()


@contextmanager
def _left_behind(path: Path) -> Generator[None]:
    """Hold the lock of a segment for the block; raises BlockingIOError where its process lives."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _put_back(root: Path, frame: Frame) -> bool:
    """Fill a frame into a file that lacks it; returns whether the file is done with.

    A disk that lost power may have kept a file's length and lost pages of it, which are then zeros; no
    record holds a zero byte. A file with a gap before the frame is left alone, and so is one that says
    something else there.
    """
    folder, _, name = frame.name.partition("/")
    if folder not in FOLDERS or "/" in name or not name.endswith(".jsonl"):
        return False
    make_folder(root / folder)
    descriptor = os.open(root / folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < frame.offset:
            return False
        there = os.pread(descriptor, len(frame.body), frame.offset)
        if there != frame.body and _is_lost(there, frame.body):
            view, at = memoryview(frame.body), frame.offset
            while view:
                written = os.pwrite(descriptor, view, at)
                view, at = view[written:], at + written
    finally:
        os.close(descriptor)
    return True


def _is_lost(there: bytes, body: bytes) -> bool:
    """Whether bytes are those of a frame, but for its end and for pages of zeros."""
    return all(is_ in (was, 0) for is_, was in zip(there, body, strict=False))


def _cut_torn(root: Path, name: str) -> None:
    """Cut a file before its first line with a zero in it: once every frame is back, nobody was promised that line."""
    with suppress(FileNotFoundError), (root / name).open("r+b") as file:
        raw = file.read()
        zero = raw.find(b"\0")
        if zero >= 0:
            file.truncate(raw.rfind(b"\n", 0, zero) + 1)


def _sync_files(root: Path, names: Iterable[str]) -> None:
    """Make files, and their names, survive power loss; one that was taken away needs neither."""
    for name in names:
        with suppress(FileNotFoundError):
            descriptor = os.open(root / name, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
    for folder in FOLDERS:
        with suppress(FileNotFoundError):
            sync_folder(root / folder)
