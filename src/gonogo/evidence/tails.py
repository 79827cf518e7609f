"""Tails: what was appended to the journals since somebody last read them; how the loader of the warehouse reads.

A stream is named ``flights/<run>.jsonl`` or ``desk/<run>.jsonl``, and places in it are counted in
bytes of its lines, whatever keeps them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from stat import S_ISDIR
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Mark(NamedTuple):
    """How far a stream has been read."""

    byte_offset: int = 0
    lines: int = 0


class TailLine(NamedTuple):
    """A line without its newline, and where it ends."""

    raw: bytes
    byte_end: int
    """Offset in bytes of what follows the line."""


class Tail(Protocol):
    """Streams to be read from where the reader stopped, line by line, unchecked."""

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every stream, by name; flights are looked at last.

        So a run that begins meanwhile may be seen without what was brought to its desk, never the
        other way round.
        """
        ...

    def whole_size(self, name: str, size: int) -> int:
        """Return how many of the first ``size`` bytes of a stream are whole lines."""
        ...

    def read(self, name: str, mark: Mark, limit_bytes: int) -> list[TailLine]:
        """Return whole lines from a mark on: about ``limit_bytes`` of them, and at least one where there is one.

        Raises:
            OSError: this stream cannot be read; others may.
            EvidenceUnreachable: none can.

        """
        ...


_PIECE_BYTES = 1024 * 1024
"""How much is read at once of a line that is longer than was asked for."""


@contextmanager
def _opened(path: Path | str) -> Generator[int]:
    """Open a file, or a folder, so that the files in it are asked by name and not by their whole path."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class FileTail:
    """The journal files below one folder."""

    root: Path

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every journal file, by relative path."""
        sizes: dict[str, int] = {}
        lanes = [""]
        while lanes:
            lanes.sort(key=lambda lane: lane != "flights")
            lane = lanes.pop()
            # What is deleted while it is looked at is not there.
            with suppress(FileNotFoundError), _opened(self.root / lane) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    path = f"{lane}/{name}" if lane else name
                    # What is named like a journal is asked for its size, and that alone: there may be many.
                    if name.endswith(".jsonl"):
                        try:
                            seen = entry.stat()
                        except FileNotFoundError:
                            continue
                        if not S_ISDIR(seen.st_mode):
                            sizes[path] = seen.st_size
                            continue
                    if entry.is_dir():
                        lanes.append(path)
        return sizes

    def whole_size(self, name: str, size: int) -> int:
        """Return how many of the first ``size`` bytes of a journal file are whole lines."""
        with (self.root / name).open("rb") as file:
            end = size
            while end > 0:
                start = max(0, end - 65_536)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
                if newline >= 0:
                    return start + newline + 1
                end = start
        return 0

    def read(self, name: str, mark: Mark, limit_bytes: int) -> list[TailLine]:
        """Return whole lines from a byte offset on; a last line without its newline is left for the next time."""
        # Most journals are a few kilobytes: a file object around them would cost more than they do.
        with _opened(f"{self.root}/{name}") as file:
            raw = os.pread(file, limit_bytes, mark.byte_offset)
            if b"\n" not in raw:
                while more := os.pread(file, _PIECE_BYTES, mark.byte_offset + len(raw)):
                    raw += more
        lines: list[TailLine] = []
        end = mark.byte_offset
        for text in raw[: raw.rfind(b"\n") + 1].split(b"\n")[:-1]:
            end += len(text) + 1
            lines.append(TailLine(text, end))
        return lines
