"""The exchange: what is halted on one machine is told to the others, where a Postgres keeps the journals.

The home's own files stay what its processes obey. Facts are copied both ways by their own ids, in
any order and as often as somebody likes; while the database is away everything goes on as it is.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.switches import SWITCHBOARD, envelope, local_journal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

_log = logging.getLogger("gonogo.switches")

EXCHANGE_SECONDS = 0.5
"""How often the shared switchboard is looked at while runs fly."""


def share(settings: Settings) -> bool:
    """Bring the home's own switchboard and the shared one to the same facts; nothing to do without a Postgres.

    Returns:
        Whether all of it is where all machines see it.

    """
    if settings.journals is None:
        return True
    ours = local_journal(settings)
    try:
        theirs = journal_of(settings)
        here, there = ours.read_desk(SWITCHBOARD), theirs.read_desk(SWITCHBOARD)
        _copy(settings, ours, there, known=here)
        _copy(settings, theirs, here, known=there)
    except (GonogoError, OSError) as error:
        _log.warning("What is halted here is not known to other machines yet (%s).", error)
        return False
    return True


_caught_up: dict[str, float] = {}


def catch_up(settings: Settings) -> None:
    """Learn what other machines have halted before a run begins; asks the database twice a second at most.

    Raises:
        EvidenceUnreachable: it does not answer, so the run cannot begin anyway.

    """
    if settings.journals is None:
        return
    place, now = f"{settings.home}\x1f{settings.journals}", time.monotonic()
    if now - _caught_up.get(place, float("-inf")) < EXCHANGE_SECONDS:
        return
    if journal_of(settings).desk_position(SWITCHBOARD) != 0:
        share(settings)
    _caught_up[place] = now


def _copy(settings: Settings, into: Journal, facts: Iterable[Record], *, known: Iterable[Record]) -> None:
    """Append the facts that are missing; looked up once more in the turn in which they are written."""
    if not _missing(facts, known):
        return
    with into.open_desk(SWITCHBOARD) as desk:
        for record in _missing(facts, desk.records):
            body = None if record.payload is None else record.payload.body
            own = {name: record.fields[name] for name in ("tenantid", "envname") if name in record.fields}
            desk.append(
                envelope(settings, record.data) | own,
                "switch_record",
                record.data,
                payload=body,
                occurred=record.fields["time"],
            )
        desk.commit_now()


def _missing(facts: Iterable[Record], known: Iterable[Record]) -> list[Record]:
    have = {record.data.get("switch") for record in known}
    return [record for record in facts if record.data.get("switch") not in have]


class Exchange:
    """Shares in a thread of its own, so that a database that hangs keeps nobody from looking."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_going(self) -> None:
        """See that the thread runs."""
        if self._thread is None or not self._thread.is_alive():
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, name="gonogo-exchange", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end; it does within a moment."""
        self._stopped.set()

    def _run(self) -> None:
        seen: tuple[int, int] | None = None
        while not self._stopped.wait(EXCHANGE_SECONDS):
            begun = time.monotonic()
            try:
                now = self._positions()
                if now != seen and share(self._settings):
                    seen = self._positions()
            except (GonogoError, OSError) as error:
                _log.info("The shared switchboard cannot be looked at now (%s).", error)
            # A database that is slow to refuse is not asked all the time.
            self._stopped.wait(min(5.0, time.monotonic() - begun))

    def _positions(self) -> tuple[int, int]:
        ours, theirs = local_journal(self._settings), journal_of(self._settings)
        return ours.desk_position(SWITCHBOARD), theirs.desk_position(SWITCHBOARD)
