"""Telling: the house sends notices about gates through Prefect's notification blocks, in a thread of its own.

Webhook, chat and mail are what a block document of Prefect's says they are; its address and secrets stay there.
Whatever a block does, no gate waits for it: a failure is recorded and tried again a few times, and a block
that hangs is left hanging.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.house.address import find_house
from gonogo.notices import is_due, note, notices_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.notices import Notice
    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.house")

LOOK_SECONDS = 1.0
SEND_SECONDS_MAX = 20.0
"""How long a block may take before it counts as failed."""
AGAIN_SECONDS = 30.0
"""How long a block that failed is left alone."""


class _NoNotifier(Exception):
    """The block document is of another kind."""


@dataclass(slots=True)
class Teller:
    """Tells people of the gates of one home; every look costs a look at what has changed."""

    settings: Settings
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """How far each run's streams went when all there was to tell about it had been told."""
    _rests: dict[str, float] = field(default_factory=dict[str, float])
    """Blocks that failed, and the moment of ``time.monotonic`` before which they are left alone."""

    def look(self) -> int:
        """Tell what there is to tell, and return how many notices were sent."""
        journal = journal_of(self.settings)
        live = set(journal.live_run_ids())
        sent = 0
        # Who was live a look ago may have ended by an expiry that nobody was told of yet.
        for run_id in live | self._seen.keys():
            position = (journal.flight_position(run_id), journal.desk_position(run_id))
            if self._seen.get(run_id) != position:
                told, is_complete = self._tell(run_id)
                sent += told
                if is_complete:
                    self._seen[run_id] = position
            elif run_id not in live:
                del self._seen[run_id]
        return sent

    def _tell(self, run_id: str) -> tuple[int, bool]:
        """Tell about one run; returns how many notices were sent, and whether nothing is left to tell."""
        house = find_house(self.settings)
        address = self.settings.dashboard_url or (house.dashboard_url if house else None) or ""
        sent, is_complete = 0, True
        for notice in notices_of(self.settings, run_id, address):
            for block in self.settings.notify:
                if not is_due(self.settings, notice, block):
                    continue
                if time.monotonic() < self._rests.get(block, 0.0):
                    is_complete = False
                    continue
                error = send(block, notice)
                note(self.settings, notice, block, error)
                sent += error is None
                if error is not None:
                    _log.warning("%s did not send a notice about gate %s: %s", block, notice.gate, error)
                    self._rests[block] = time.monotonic() + AGAIN_SECONDS
                    is_complete = False
        return sent, is_complete


def send(block: str, notice: Notice) -> str | None:
    """Send a notice through a block document; return why that did not work, or ``None``."""
    outcome: list[str | None] = []

    def attempt() -> None:
        try:
            _notify(block, notice)
        except Exception as error:  # noqa: BLE001 - whatever a block raises, the house goes on and says so
            # Its own words may repeat an address with a secret in it; the kind of failure does not.
            outcome.append(_told(error))
        else:
            outcome.append(None)

    thread = threading.Thread(target=attempt, name="gonogo-notice", daemon=True)
    thread.start()
    thread.join(SEND_SECONDS_MAX)
    return outcome[0] if outcome else f"It did not end within {SEND_SECONDS_MAX:g} s."


def _notify(name: str, notice: Notice) -> None:
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    loaded: Any = Block.load(name)
    if not isinstance(loaded, NotificationBlock):
        raise _NoNotifier(f"{name} is no notification block.")
    with loaded.raise_on_failure():
        # Blocks of others may know the asynchronous way only.
        sending: Any = loaded.notify(notice.body, notice.subject)
        if inspect.isawaitable(sending):
            asyncio.run(_awaited(sending))


async def _awaited(sending: Any) -> None:
    await sending


def _told(error: Exception) -> str:
    if isinstance(error, _NoNotifier):
        return str(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"{type(error).__name__}{'' if status is None else f' (status {status})'}"


@contextmanager
def telling(settings: Settings) -> Generator[None]:
    """Tell people of gates for the block, where the settings name anybody to tell."""
    if not settings.notify:
        yield
        return
    stop = threading.Event()
    teller = Teller(settings)

    def tell() -> None:
        while not stop.wait(LOOK_SECONDS):
            try:
                teller.look()
            except (GonogoError, OSError) as error:
                _log.warning("Nobody could be told of gates now: %s", error)

    thread = threading.Thread(target=tell, name="gonogo-teller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LOOK_SECONDS)
