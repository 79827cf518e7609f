"""Where records are kept: hooks around streams, files, the write-ahead log and the database."""

from __future__ import annotations

import functools
import os
import threading
from typing import Any

from gonogo.evidence import wal
from gonogo.evidence.files import FileStream
from gonogo.evidence.payloads import FilePayloads
from gonogo.evidence.streams import Stream
from tests.crash.points import POINTS, around, at, die, inside, write

_fdatasync = os.fdatasync
UNDER_WAY_SECONDS = 0.0004
"""A kill in the middle of a database statement comes up to eight times as long after it was sent."""

_writing = threading.local()


def hook() -> None:
    """Put hooks around every way to make a record durable."""
    _around_records()
    _around_files()
    _around_database()


def _around_records() -> None:
    """A record: before it is queued, after it; a commit: once it is acknowledged."""
    append = Stream.append

    @functools.wraps(append)
    def queued(self: Stream, *args: Any, **kwargs: Any) -> Any:
        kind = self.stream_id.rpartition("/")[2]
        at(f"{kind} record, before")
        record = append(self, *args, **kwargs)
        at(f"{kind} record, queued")
        return record

    Stream.append = queued
    _after_commit("commit")
    _after_commit("commit_now")


def _after_commit(name: str) -> None:
    whole = getattr(Stream, name)

    @functools.wraps(whole)
    async def awaited(self: Stream) -> None:
        await whole(self)
        at("commit, acknowledged")

    @functools.wraps(whole)
    def called(self: Stream) -> None:
        whole(self)
        at("commit, acknowledged")

    setattr(Stream, name, awaited if name == "commit" else called)


def _around_files() -> None:
    """A line: half written, written, synced; in the run's file, and in the write-ahead log of several."""
    segment = inside(wal, "_Segment")
    for owner, name, kind in ((FileStream, "put", "file"), (FileStream, "sync", "file"), (segment, "append", "log")):
        _writes(owner, name, kind)

    def torn_write(descriptor: int, data: Any) -> int:
        kind = getattr(_writing, "kind", None)
        if kind is not None and POINTS[0].is_due(f"{kind}, half written"):
            write(descriptor, bytes(data)[: max(1, len(data) // 2)])
            die()
        return write(descriptor, data)

    def fdatasync(descriptor: int) -> None:
        kind = getattr(_writing, "kind", None)
        if kind is None:
            return _fdatasync(descriptor)
        at(f"{kind}, written")
        _fdatasync(descriptor)
        at(f"{kind}, synced")
        return None

    os.write, os.fdatasync = torn_write, fdatasync
    around(FilePayloads, "put", "large payload")


def _writes(owner: Any, name: str, kind: str) -> None:
    whole = getattr(owner, name)

    @functools.wraps(whole)
    def written(*args: Any, **kwargs: Any) -> Any:
        _writing.kind = kind
        try:
            return whole(*args, **kwargs)
        finally:
            _writing.kind = None

    setattr(owner, name, written)


def _around_database() -> None:
    """A statement that appends: before it, under way, done; and for a desk, done and not committed."""
    from gonogo.evidence.postgres import streams, writer
    from gonogo.evidence.postgres.journal import PostgresPayloads

    for module, kind in ((writer, "flight"), (streams, "desk")):
        whole: Any = module.append

        def appended(*args: Any, _whole: Any = whole, _kind: str = kind) -> Any:
            at(f"database {_kind}, before")
            if POINTS[0].is_due(f"database {_kind}, under way"):
                threading.Timer(UNDER_WAY_SECONDS * (POINTS[0].passed[f"database {_kind}, before"] % 8), die).start()
            told = _whole(*args)
            at(f"database {_kind}, appended")
            return told

        setattr(module, "append", appended)  # noqa: B010 - a module has no such attribute to a type checker
    around(PostgresPayloads, "put", "large payload")
