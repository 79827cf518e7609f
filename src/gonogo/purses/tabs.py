"""Tabs: a process's slices as a file that outlives it, and that its neighbours may read and lower.

A slice is three numbers: how much was granted, how much of it is used or reserved, and how much of
that is reserved for calls in flight. The process adds to what is used; whoever has the ledger's
turn may lower what is granted to it. Both hold the tab's lock, for microseconds. What the kernel
has taken outlives a killed process; it does not outlive the machine, so after a restart nothing in a
tab is believed.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from gonogo.evidence.disk import make_folder

if TYPE_CHECKING:
    from collections.abc import Generator

_SLOT = struct.Struct("<qqq")
_PAGE_BYTES = 4_096
_KEPT_SECONDS = 2 * 86_400
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Slot(NamedTuple):
    """One slice, as its process's tab tells it."""

    granted: int
    used: int
    """Spent, and reserved for calls in flight."""
    in_flight: int

    @property
    def rest(self) -> int:
        """What may still be reserved."""
        return self.granted - self.used


class Tab:
    """The slices of one process; ``is_own`` where this process writes it."""

    def __init__(self, folder: Path, owner: str, *, is_own: bool) -> None:
        self.owner = owner
        self._paths = folder / f"{owner}.tab", folder / f"{owner}.alive"
        self._lock = threading.Lock()
        self._size = 0
        how = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if is_own else 0)
        with ExitStack() as opened:
            self._file = os.open(self._paths[0], how, 0o600)
            opened.callback(os.close, self._file)
            self._alive = os.open(self._paths[1], how, 0o600)
            if is_own:
                fcntl.flock(self._alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opened.pop_all()

    def is_abandoned(self) -> bool:
        """Whether its process is gone: the kernel gives up a dead process's lock."""
        try:
            fcntl.flock(self._alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the tab for the block; nothing in it may wait for the ledger or for another tab."""
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def add(self, number: int) -> None:
        """Make room for one more slice; the blocks are there before anything depends on them."""
        while self._size < (number + 1) * _SLOT.size:
            os.pwrite(self._file, bytes(_PAGE_BYTES), self._size)
            self._size += _PAGE_BYTES

    def read(self, number: int) -> Slot:
        """Return a slice; one that was never written has nothing."""
        raw = os.pread(self._file, _SLOT.size, number * _SLOT.size)
        return Slot(*_SLOT.unpack(raw)) if len(raw) == _SLOT.size else Slot(0, 0, 0)

    def write(self, number: int, slot: Slot) -> None:
        """Set a slice, in one write: a process that is killed leaves the old one or the new one."""
        os.pwrite(self._file, _SLOT.pack(*slot), number * _SLOT.size)

    def close(self, *, remove: bool = False) -> None:
        """Close the files; with ``remove``, take them away: the ledger knows everything that stood in them."""
        if remove:
            for path in self._paths:
                with suppress(OSError):
                    path.unlink()
        os.close(self._file)
        os.close(self._alive)


def sweep(folder: Path) -> None:
    """Take away the tabs of processes that died days ago: the days they tell of are over."""
    for marker in folder.glob("*.alive"):
        with suppress(OSError):
            if time.time() - marker.stat().st_mtime < _KEPT_SECONDS:
                continue
            tab = Tab(folder, marker.stem, is_own=False)
            tab.close(remove=tab.is_abandoned())


def place_of(folder: Path) -> str:
    """Return where the tabs of a folder can be looked at: the folder's own name, and the boot of its machine.

    Where the system does not tell its boot, no process can look at another's tab: a dead one's slices stay spent.
    """
    make_folder(folder)
    marker = folder / "place"
    with suppress(FileExistsError):
        made = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(made, uuid4().hex.encode())
        finally:
            os.close(made)
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else uuid4().hex
    return f"{marker.read_text(encoding='ascii')}:{boot}"
