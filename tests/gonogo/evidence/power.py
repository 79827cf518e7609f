"""Power: a disk that keeps, of what was not synced, whichever pages it likes.

The paper trail of every file is kept beside the real one: what it held when it was last synced, and
which pages were written since. At a power cut each of those pages may be old or new, whatever was
written before or after it and to which file; a length that was not synced may be any between the two,
and a page that never came is zeros. That is what a file system promises, and less than most keep.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from hypothesis import strategies as st

PAGE = 512
"""Smaller than a page of memory: a disk may tear at its sectors."""


class PowerCut(BaseException):
    """The process is gone in the middle of what it did."""


@dataclass(slots=True)
class Sheet:
    """One file: as it is for its processes, and as the disk has it."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    fresh: set[int] = field(default_factory=set[int])
    """Pages written since the last sync."""

    def write(self, data: bytes, at: int) -> None:
        """Take bytes into memory."""
        self.now.extend(bytes(max(0, at + len(data) - len(self.now))))
        self.now[at : at + len(data)] = data
        self.fresh.update(range(at // PAGE, (at + max(1, len(data)) - 1) // PAGE + 1))

    def sync(self) -> None:
        """Bring everything to the disk."""
        self.synced, self.fresh = bytes(self.now), set()

    def left(self, draw: st.DataObject, kept: st.SearchStrategy[bool], length: st.SearchStrategy[int]) -> bytes:
        """Return what a power cut leaves of it."""
        size = len(self.synced)
        if len(self.now) > size:
            size = min(len(self.now), size + draw.draw(length))
        raw = bytearray(self.synced[:size].ljust(size, b"\0"))
        for page in sorted(self.fresh):
            place = slice(page * PAGE, min(size, (page + 1) * PAGE))
            if place.start < size and draw.draw(kept):
                raw[place] = self.now[place].ljust(place.stop - place.start, b"\0")
        return bytes(raw)


class Disk:
    """Stands between the journals and the real files, counts what they do, and cuts the power when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.root = root
        self.sheets: dict[Path, Sheet] = {}
        self.cut_after = -1
        """How many more operations reach the disk; without end, if below zero."""
        self._real: dict[str, Any] = {
            name: getattr(os, name) for name in ("write", "pwrite", "fdatasync", "fsync", "ftruncate")
        }
        for name in self._real:
            monkeypatch.setattr(os, name, getattr(self, f"_{name}"))

    def _sheet(self, descriptor: int) -> Sheet | None:
        """Return the sheet of an open file of the journals."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.suffix not in {".jsonl", ".wal"} or self.root not in path.parents:
            return None
        if self.cut_after == 0:
            raise PowerCut
        self.cut_after -= 1
        return self.sheets.setdefault(path, Sheet())

    def _write(self, descriptor: int, data: Any) -> int:
        if (sheet := self._sheet(descriptor)) is not None:
            sheet.write(bytes(data), len(sheet.now))
        return self._real["write"](descriptor, data)

    def _pwrite(self, descriptor: int, data: Any, at: int) -> int:
        if (sheet := self._sheet(descriptor)) is not None:
            sheet.write(bytes(data), at)
        return self._real["pwrite"](descriptor, data, at)

    def _ftruncate(self, descriptor: int, size: int) -> None:
        if (sheet := self._sheet(descriptor)) is not None:
            del sheet.now[size:]
        self._real["ftruncate"](descriptor, size)

    def _fdatasync(self, descriptor: int) -> None:
        # Nobody here tests the real disk: what was synced is what the sheet says.
        if (sheet := self._sheet(descriptor)) is not None:
            sheet.sync()

    def _fsync(self, descriptor: int) -> None:
        self._fdatasync(descriptor)
