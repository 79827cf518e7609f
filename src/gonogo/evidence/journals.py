"""Journals: where the evidence of all runs stands. One interface; files, or Postgres for many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gonogo.errors import SettingsBroken
from gonogo.evidence.journal import FileJournal
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from gonogo.evidence.payloads import Payloads
    from gonogo.evidence.records import Record
    from gonogo.evidence.streams import Stream
    from gonogo.evidence.tails import Tail
    from gonogo.settings import Settings


class Journal(Protocol):
    """All journals of one house; cheap to make, opens nothing by itself.

    A run has two streams. Its *flight* is written by whoever flies it, under a lease that dies with
    its process. Its *desk* takes what others bring (answers, outside events) in short exclusive turns.
    """

    @property
    def payloads(self) -> Payloads:
        """Where payloads too large for a line stand."""
        ...

    @property
    def tail(self) -> Tail:
        """The same streams, as the loader of the warehouse reads them."""
        ...

    def open_flight(self, run_id: str) -> Stream:
        """Take the run's lease and return its stream, positioned at its end.

        Raises:
            RunBusy: another process holds the lease.
            EvidenceBroken: the stream's chain does not hold.
            EvidenceUnwritable: the recorder cannot be reached or written.

        """
        ...

    def open_desk(self, run_id: str) -> AbstractContextManager[Stream]:
        """Take a turn at the run's desk; waits for whoever has it, for as long as an append takes."""
        ...

    def read_flight(self, run_id: str) -> list[Record]:
        """Return the run's own records in order, without taking the lease; none for a run that never was.

        Raises:
            EvidenceBroken: a record does not follow from the one before.

        """
        ...

    def read_desk(self, run_id: str) -> list[Record]:
        """Return what others brought to the run, in order."""
        ...

    def flight_position(self, run_id: str) -> int:
        """Return a number that grows with the run's own stream; 0 while nothing is recorded. A cheap look."""
        ...

    def desk_position(self, run_id: str) -> int:
        """Return a number that grows with the run's desk; 0 while nothing lies there. A cheap look."""
        ...

    def desk_changed(self, run_id: str) -> datetime | None:
        """Return when something was last brought to the run's desk; ``None`` where nothing ever was."""
        ...

    def last_change(self, runs: Iterable[str]) -> datetime | None:
        """Return when any of these runs was last written to, or any run began; ``None`` where none has."""
        ...

    def run_ids(self) -> list[str]:
        """Return every run that has evidence, the one last written to last."""
        ...

    def live_run_ids(self) -> list[str]:
        """Return the runs that have not ended, the one last written to last."""
        ...

    def has_ended(self, run_id: str) -> bool:
        """Whether the run's last record says how it ended."""
        ...

    def is_free(self, run_id: str) -> bool:
        """Whether nobody flies the run now."""
        ...

    def runs_mentioning(self, text: str) -> list[str]:
        """Return the runs whose own stream contains a text, newest first; finds a gate's run cheaply."""
        ...


def journal_of(chosen: Settings) -> Journal:
    """Return the journals these settings name: files below the home, or a Postgres.

    Raises:
        SettingsBroken: they name a Postgres, and its driver is not installed.

    """
    if chosen.journals is None:
        return FileJournal(chosen.home / "journals")
    try:
        from gonogo.evidence.postgres.journal import PostgresJournal
    except ImportError as error:
        msg = "GONOGO_JOURNALS names a Postgres, and its driver is not installed: pip install 'gonogo[postgres]'."
        raise SettingsBroken(msg) from error
    return PostgresJournal(chosen.journals)


def journal_at(home: Path) -> Journal:
    """Return the journals of a home under the settings in force: its files, or the Postgres they name."""
    return journal_of(settings().model_copy(update={"home": home}))
