"""How Python looks for cyclic garbage while a batch flies.

Many cases in flight hold many records, and all of them live until their case lands. By default Python
walks through its youngest objects after every 700 new ones, and finds nothing: an eighth of a batch's
processor time. In rounds of more objects it finds what has landed and was not freed by then: runs that
parked or were refused, which their exceptions refer to, and what the libraries of agents leave behind.

What is in flight at a look counts as older from then on. Of the oldest, all that a process has loaded are
most, and Python looks at them only once a quarter as many have come: until then what landed long ago stays,
and with it what it refers to. So in a batch that is long enough for a second look, what is there by then is
set aside until it ends, and the rest, a few cases, is looked at often and quickly. Memory then stays flat,
however long the batch.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Generator

ROUNDS = (20_000, 3, 1)
"""New objects, beyond those that have gone again, after which the youngest are looked at; looks at the
youngest between two at the older ones; looks at those between two at the oldest."""


@dataclass(slots=True)
class _Before:
    """What the process had set when the first of the batches that fly now began."""

    lock: Lock = field(default_factory=Lock)
    batches: int = 0
    rounds: tuple[int, int, int] | None = None
    """Its own rounds, where they were changed."""
    aside: Literal["nothing", "ours", "its own"] = "nothing"
    """Who set aside what is set aside."""


_before = _Before()


@contextmanager
def collecting_in_rounds() -> Generator[None]:
    """Look for garbage as suits a batch for the block; then as before, once the last such block ends.

    A process that collects even less often, or not at all, is left as it is, and so is what it has set
    aside itself.
    """
    with _before.lock:
        _before.batches += 1
        if _before.batches == 1:
            _begin()
    try:
        yield
    finally:
        with _before.lock:
            _before.batches -= 1
            if _before.batches == 0 and _before.rounds is not None:
                _end(_before.rounds)


def _begin() -> None:
    rounds = gc.get_threshold()
    if gc.isenabled() and 0 < rounds[0] < ROUNDS[0]:
        _before.rounds = rounds
        _before.aside = "its own" if gc.get_freeze_count() else "nothing"
        gc.set_threshold(*ROUNDS)
        gc.callbacks.append(_set_aside)


def _set_aside(phase: str, looked: dict[str, int]) -> None:
    """After the first look at the older objects, set aside all that is there."""
    # Python calls this in the middle of anything, with the lock held perhaps; then after the next such look.
    if phase == "stop" and looked["generation"] and _before.aside == "nothing" and _before.lock.acquire(blocking=False):
        try:
            if _before.batches:
                gc.freeze()
                _before.aside = "ours"
        finally:
            _before.lock.release()


def _end(rounds: tuple[int, int, int]) -> None:
    gc.callbacks.remove(_set_aside)
    if _before.aside == "ours":
        gc.unfreeze()
    gc.set_threshold(*rounds)
    _before.rounds = None
