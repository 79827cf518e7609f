"""The disk: locks, names that survive power loss, and lines that a crash tore."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ATTEMPT_SECONDS = 0.002
_HELD_ATTEMPTS = 10
_LOOKED_AT_ATTEMPTS = 1_000


def lock(descriptor: int, *, wait: bool) -> None:
    """Take a file's lock; who only looks whether it is held shares it for an instant, and keeps nobody out.

    Raises:
        BlockingIOError: another writer holds it, and it was not asked to wait.

    """
    if wait:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    held = 0
    for _ in range(_LOOKED_AT_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held += not is_unlocked(descriptor)
            if held == _HELD_ATTEMPTS:
                break
            time.sleep(_ATTEMPT_SECONDS)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_unlocked(descriptor: int) -> bool:
    """Whether nobody holds a file's lock; only looks, so that several who look at once do not see each other."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def cut_torn_line(descriptor: int) -> int:
    """Cut what follows the last newline: it was being written when its writer died. Returns the size that is left."""
    size = os.fstat(descriptor).st_size
    end = size
    while end > 0:
        start = max(0, end - 65_536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    return end


def write_once(path: Path, content: bytes) -> None:
    """Make a file that only its owner can read, whole and durable, for whoever comes first; later ones leave it alone.

    Raises:
        OSError: it cannot be made; nothing is left of it.

    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        # A link is refused where the name is taken: two processes end with one content.
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, parents included, whose name survives power loss."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's new files survive power loss, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
