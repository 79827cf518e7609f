"""Journals in files: append-only, one writer each, durable before they acknowledge.

A run's *flight* stream is written by whoever flies it, under an exclusive lock that dies with its
process: a second pilot is refused before any effect. Its *desk* stream takes what others bring
(answers, outside events) in short exclusive turns. A line torn by a crash was never acknowledged
and is cut on reopening.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo.evidence.disk import is_unlocked
from gonogo.evidence.ends import ends_in
from gonogo.evidence.files import FileStream, read_stream, unwritable
from gonogo.evidence.payloads import FilePayloads
from gonogo.evidence.tails import FileTail
from gonogo.evidence.wal import recover

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from gonogo.evidence.records import Record

_recovered: set[tuple[int, str]] = set()


@dataclass(frozen=True, slots=True)
class FileJournal:
    """The journals under one folder; cheap to make."""

    root: Path

    def __post_init__(self) -> None:
        """Put back what power loss took from the files, once in each process."""
        place = (os.getpid(), os.path.abspath(self.root))  # noqa: PTH100 - asked for each run; cheaper
        if place in _recovered:
            return
        try:
            recover(self.root)
        except OSError as error:
            raise unwritable(self.root, error) from error
        _recovered.add(place)

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
        runs, ends = self.run_ids(), ends_in(self.root / "flights")
        ends.keep_only(runs)
        return [run for run in runs if not ends.has_ended(run)]

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's last record says how it ended."""
        try:
            return ends_in(self.root / "flights").has_ended(run_id)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def is_free(self, run_id: str) -> bool:
        """Whether nobody flies the run now."""
        try:
            descriptor = os.open(self.flight_path(run_id), os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            return is_unlocked(descriptor)
        finally:
            os.close(descriptor)

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
        return _size(f"{self.root}/flights/{run_id}.jsonl")

    def desk_position(self, run_id: str) -> int:
        """Return the size of the run's desk file in bytes."""
        return _size(f"{self.root}/desk/{run_id}.jsonl")

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


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - asked for several times in each run; cheaper
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _changed(path: Path) -> datetime | None:
    with suppress(OSError, ValueError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return None
