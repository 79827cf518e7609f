"""Orders: what whoever started a flight can still tell it while it flies. So far there is one: abort."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(slots=True)
class Orders:
    """Every run flown under the same orders obeys them: a mission's own, or all the cases of a batch."""

    abort: str | None = None
    """Why all of it has to stop; ``None`` while it may go on. Whoever says so also cancels the flight's task."""


_in_force: ContextVar[Orders | None] = ContextVar("gonogo_orders", default=None)


@contextmanager
def under(orders: Orders) -> Generator[None]:
    """Let what is flown in the block be flown under these orders."""
    token = _in_force.set(orders)
    try:
        yield
    finally:
        _in_force.reset(token)


def orders_in_force() -> Orders:
    """Return the orders a flight that begins here is under; orders of its own, where nobody gave any."""
    return _in_force.get() or Orders()
