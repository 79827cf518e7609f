"""Where large payloads stand, as their owner erases them and a forger changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gonogo.evidence.payloads import payload_path

if TYPE_CHECKING:
    from pathlib import Path


class Shelf(Protocol):
    """Payloads apart from their lines, touched past gonogo."""

    def erase(self, digest: str) -> None:
        """Take a payload away."""
        ...

    def swap(self, first: str, second: str) -> None:
        """Put what belongs to the second in the place of the first."""
        ...

    def change(self, digest: str, at: int) -> None:
        """Change one byte."""
        ...


class FileShelf:
    """Payloads in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def erase(self, digest: str) -> None:
        """Delete the file."""
        payload_path(self.folder, digest).unlink()

    def swap(self, first: str, second: str) -> None:
        """Copy one file over the other."""
        payload_path(self.folder, first).write_bytes(payload_path(self.folder, second).read_bytes())

    def change(self, digest: str, at: int) -> None:
        """Flip a bit in the file."""
        path = payload_path(self.folder, digest)
        raw = bytearray(path.read_bytes())
        raw[at] ^= 1
        path.write_bytes(raw)


class TableShelf:
    """Payloads in a table."""

    def __init__(self, url: str) -> None:
        from tests.postgres import ask

        self._ask = ask
        self._url = url

    def erase(self, digest: str) -> None:
        """Delete the row."""
        self._ask(self._url, "DELETE FROM gonogo_payloads WHERE digest = %s", digest)

    def swap(self, first: str, second: str) -> None:
        """Copy one row over the other."""
        copy = "UPDATE gonogo_payloads SET salted = (SELECT salted FROM gonogo_payloads WHERE digest = %s) "
        self._ask(self._url, copy + "WHERE digest = %s", second, first)

    def change(self, digest: str, at: int) -> None:
        """Flip a bit in the row."""
        (raw,) = self._ask(self._url, "SELECT salted FROM gonogo_payloads WHERE digest = %s", digest)[0]
        changed = bytearray(raw)
        changed[at] ^= 1
        self._ask(self._url, "UPDATE gonogo_payloads SET salted = %s WHERE digest = %s", bytes(changed), digest)
