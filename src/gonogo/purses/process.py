"""One process's holdings by ledger: opened at the first use, given back when idle and at its end."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from gonogo.errors import EvidenceUnwritable, GonogoError
from gonogo.purses.books import Book, FileBook
from gonogo.purses.holdings import Asked, Held, Holdings, Shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.purses")

IDLE_SECONDS = 1.0
"""A slice of a shared ledger of which nothing was reserved for so long is given back."""

WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 0.01, 0.25
_OPEN_MAX = 16

_open: dict[str, Holdings] = {}
_users: dict[str, int] = {}
_making = threading.Lock()


def _ledger_of(settings: Settings) -> str:
    return f"{settings.home.absolute()}\x1f{settings.journals or ''}"


def enter(settings: Settings) -> Holdings:
    """Return this process's holdings in the ledger that these settings name, and keep them open until :func:`leave`.

    Raises:
        EvidenceUnwritable: no budget can be kept there, so nothing may be spent.

    """
    name = _ledger_of(settings)
    with _making:
        if name not in _open:
            _close_idle()
            _open[name] = holdings = _opened(settings)
            if holdings.book.is_shared:
                threading.Thread(target=_return_idle, args=(holdings,), name="gonogo-purses", daemon=True).start()
        _users[name] = _users.get(name, 0) + 1
        return _open[name]


def leave(settings: Settings) -> None:
    """Say that one run fewer spends from them; they stay open for the next."""
    with _making:
        _users[_ledger_of(settings)] -= 1


def book_of(settings: Settings) -> Book:
    """Return the ledger of day budgets: beside the journals, or in the Postgres that keeps them."""
    if settings.journals is None:
        return FileBook(settings.home / "budgets")
    from gonogo.purses.postgres import PostgresBook

    return PostgresBook(settings.journals)


def _opened(settings: Settings) -> Holdings:
    folder = settings.home / "budgets"
    try:
        return Holdings(book_of(settings), folder.absolute() / "tabs")
    except OSError as error:
        msg = f"Budgets cannot be kept in {folder} ({error.strerror}), so nothing is spent; make it writable."
        raise EvidenceUnwritable(msg) from error


def _close_idle() -> None:
    """Keep few ledgers open: each is three files."""
    idle = [name for name in _open if not _users.get(name)]
    for name in idle[: max(len(_open) - _OPEN_MAX + 1, 0)]:
        _close(_open.pop(name))


def _close(holdings: Holdings) -> None:
    try:
        holdings.close()
    except (GonogoError, OSError) as error:
        _log.info("A slice was not given back (%s); its tab tells what is left of it.", error)


def _return_idle(holdings: Holdings) -> None:
    """Give back what machines elsewhere want, and what nobody here has used for a moment."""
    known: dict[str, int] = {}
    while holdings in _open.values():
        time.sleep(IDLE_SECONDS / 2)
        try:
            rests = holdings.rests()
            wanted = holdings.book.wanted(list(rests)) if rests else []
            for purse in {*wanted, *(purse for purse, used in rests.items() if known.get(purse) == used)}:
                holdings.give_back(purse)
            known = rests
        except (GonogoError, OSError) as error:
            _log.info("What is left of day budgets cannot be given back now (%s).", error)


async def reserved(holdings: Holdings, asks: Sequence[Asked], patience_seconds: float) -> list[Held] | Shortage:
    """Reserve what a call may use, waiting for what others may yet give back.

    Args:
        holdings: where to reserve.
        asks: what the call wants of each purse; all or nothing.
        patience_seconds: how long to wait while calls in flight hold what would suffice.

    """
    held = holdings.take(asks)
    if held is not None:
        return held
    until, pause = time.monotonic() + patience_seconds, WAIT_SECONDS_MIN
    while True:
        got = await _in_thread(holdings, asks)
        if not isinstance(got, Shortage) or got.is_final or time.monotonic() >= until:
            return got
        # Whoever waits for the same does not come back all at once.
        await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads looks, keeps no secret
        pause = min(pause * 2, WAIT_SECONDS_MAX)


async def _in_thread(holdings: Holdings, asks: Sequence[Asked]) -> list[Held] | Shortage:
    """Lease without holding up the other runs of this process; what nobody waits for any more is given back."""
    leasing = asyncio.get_running_loop().run_in_executor(None, holdings.reserve, asks)
    try:
        return await asyncio.shield(leasing)
    except asyncio.CancelledError:
        leasing.add_done_callback(lambda done: _unreserve(holdings, done))
        raise


async def in_thread(work: Callable[[str], None], purse: str) -> None:
    """Do something with the ledger without holding up the other runs of this process."""
    await asyncio.get_running_loop().run_in_executor(None, work, purse)


def _unreserve(holdings: Holdings, done: asyncio.Future[list[Held] | Shortage]) -> None:
    if done.cancelled() or done.exception() is not None:
        return
    got = done.result()
    if not isinstance(got, Shortage):
        holdings.settle([(held, 0) for held in got])


@atexit.register
def disconnect() -> None:
    """Give everything back, as this process's end does."""
    with _making:
        while _open:
            _close(_open.popitem()[1])
        _users.clear()


def _forget() -> None:
    """In a forked child: the slices are the parent's, and so are its connections."""
    global _making  # noqa: PLW0603 - the parent's other threads may have held it
    _making = threading.Lock()
    for holdings in _open.values():
        with suppress(OSError):
            holdings.abandon()
    _open.clear()
    _users.clear()


os.register_at_fork(after_in_child=_forget)
