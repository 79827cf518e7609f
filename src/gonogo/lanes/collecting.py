"""How often Python looks for cyclic garbage while a batch flies.

Many cases in flight hold many records, and all of them live until their case lands. By default Python
walks through its youngest objects after every 700 new ones, and finds nothing: an eighth of a batch's
processor time. Cycles are still collected, in rounds of more objects, so memory stays flat.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

YOUNG_OBJECTS = 20_000
"""New objects, beyond those that have gone again, after which the youngest are looked at."""

_lock = Lock()
_before: list[tuple[int, int, int]] = []
"""What the process had set, once for each batch that flies now."""


@contextmanager
def collecting_seldom() -> Generator[None]:
    """Look for garbage in larger rounds for the block; then as before, once the last such block ends.

    A process that collects even less often, or not at all, is left as it is.
    """
    with _lock:
        young, middle, old = gc.get_threshold()
        _before.append((young, middle, old))
        if gc.isenabled() and 0 < young < YOUNG_OBJECTS:
            gc.set_threshold(YOUNG_OBJECTS, middle, old)
    try:
        yield
    finally:
        with _lock:
            first = _before[0]
            _before.pop()
            if not _before:
                gc.set_threshold(*first)
