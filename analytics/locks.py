"""The loader's lock: one loader a home, and the lock dies with its process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from analytics.errors import WarehouseUnwritable

if TYPE_CHECKING:
    from pathlib import Path


class LoaderLock:
    """Tries once to become the loader of a home, for the length of a ``with`` block.

    Raises:
        WarehouseUnwritable: the home cannot be made or written (on entering).

    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._descriptor = -1
        self.is_held = False
        """Whether this is the loader now; if not, another one is."""

    def __enter__(self) -> Self:
        """Take the lock if it is free."""
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._home / "warehouse.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            msg = (
                f"The warehouse in {self._home} cannot be written ({error.strerror}); "
                "free the disk or fix the folder and land again."
            )
            raise WarehouseUnwritable(msg) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_held = True
        except BlockingIOError:
            self.is_held = False
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        self.is_held = False
        os.close(self._descriptor)
